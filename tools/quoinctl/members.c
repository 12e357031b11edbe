/*
 * A member that no endpoint of the command line reaches is asked by its socket if it runs on this
 * host, else where its peers know it to be, at the client port that it told them.
 */
#include "tools/quoinctl/members.h"

#include "tools/quoinctl/member_table.h"

#include "base/clock.h"
#include "dataplane/kind.h"
#include "tools/client/local.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Nobody waits longer for one that may be gone. */
#define MEMBER_NS_MAX (2000 * CLOCK_MS)
#define WELCOME_NS_MAX (500 * CLOCK_MS)

/* A node of this host. */
struct here {
	struct local_node node;
	char id[24]; /* as its socket says; "": it is silent */
	bool near;   /* in one network with somebody who answered */
};

static uint64_t at_most(uint64_t ns, uint64_t max)
{
	return ns < max ? ns : max;
}

/* Never 0: some are asked without waiting. */
static uint64_t left(uint64_t deadline_ns)
{
	const uint64_t now = clock_now();

	return deadline_ns > now ? deadline_ns - now : 1;
}

static bool known(const char *id)
{
	return strspn(id, "0-") != strlen(id);
}

/*
 * Whoever is of no cluster, as one that was wiped, knows no ids, its own neither: he is told by his
 * name. Two ids are two members, and one id is one member, whatever each calls it.
 */
static bool is_one(const struct member *m, const char *id, const char *name)
{
	if (known(m->id) && known(id))
		return strcmp(m->id, id) == 0;
	return strcmp(m->name, name) == 0;
}

static struct member *find(struct members *all, const char *id, const char *name)
{
	struct member *m;

	for (uint32_t i = 0; i < all->count; i++) {
		m = &all->member[i];
		if (!is_one(m, id, name))
			continue;
		if (!known(m->id))
			snprintf(m->id, sizeof(m->id), "%s", id);
		return m;
	}
	if (all->count == MEMBERS_MAX)
		return NULL;
	m = &all->member[all->count++];
	snprintf(m->id, sizeof(m->id), "%s", id);
	snprintf(m->name, sizeof(m->name), "%s", name);
	return m;
}

/* Both ends of a link are of one kind, so who tells of a peer tells its link too. */
static bool is_shared(const char *link)
{
	for (int kind = 0; kind < LINK_KIND_COUNT; kind++) {
		const struct link_facts *facts = link_facts((enum link_kind)kind);

		if (strcmp(facts->name, link) == 0)
			return facts->device == LINK_DEVICE_SOCKET;
	}
	return false;
}

static bool port_told(const struct member *m)
{
	return m->port[0] > '0' && m->port[0] <= '9';
}

static void take_peer(struct members *all, const struct status *teller, const char *line)
{
	char id[24], name[64], heard[32];
	struct member *m;
	size_t used;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, " "), line);
	m = find(all, status_pair(line, "id", id, sizeof(id)), name);
	if (!m)
		return;
	m->shared = is_shared(teller->link);
	status_pair(line, "address", m->address, sizeof(m->address));
	if (!port_told(m))
		status_pair(line, "client_port", m->port, sizeof(m->port));
	status_pair(line, "heard_ms", heard, sizeof(heard));
	used = strlen(m->heard);
	if (heard[0] == '-')
		snprintf(m->heard + used, sizeof(m->heard) - used, "%s%s has not heard it",
			 used ? ", " : "", teller->name);
	else
		snprintf(m->heard + used, sizeof(m->heard) - used, "%s%s heard it %.1f s ago",
			 used ? ", " : "", teller->name, strtod(heard, NULL) / 1000);
	if (strcmp(teller->role, "leader") == 0)
		status_pair(line, "match", m->match, sizeof(m->match));
}

/* What it said of itself holds also where nobody has heard it since his own start. */
static void take_row(struct members *all, const char *line)
{
	char id[24], clients[MEMBER_LINE];
	const char *colon;

	status_pair(line, "id", id, sizeof(id));
	status_pair(line, "clients", clients, sizeof(clients));
	clients[strcspn(clients, ",")] = '\0';
	colon = strrchr(clients, ':');
	for (uint32_t i = 0; i < all->count && colon; i++) {
		struct member *m = &all->member[i];

		if (strcmp(m->id, id) == 0 && !port_told(m))
			snprintf(m->port, sizeof(m->port), "%.15s", colon + 1);
	}
}

/* Whoever answered, and whom it names. */
static void take_answer(struct members *all, struct probe *p)
{
	const char *at = p->text, *end = p->text + p->text_size;
	struct status_line line;
	struct member *m;
	char text[MEMBER_LINE], id[sizeof(m->id)];

	snprintf(id, sizeof(id), "%016" PRIx64, p->status.member_id);
	m = find(all, id, p->status.name);
	if (m && !m->probe) {
		m->probe = p;
		snprintf(m->name, sizeof(m->name), "%s", p->status.name);
		snprintf(m->endpoint, sizeof(m->endpoint), "%s", endpoint_text(p->endpoint));
	}
	while (status_line_next(&at, end, &line)) {
		snprintf(text, sizeof(text), "%.*s", (int)line.value_size, line.value);
		if (line.key_size == 4 && memcmp(line.key, "peer", 4) == 0)
			take_peer(all, &p->status, text);
		/* These lines come after those. */
		if (line.key_size == 6 && memcmp(line.key, "member", 6) == 0)
			take_row(all, text);
	}
}

static bool in_table(const struct member_table *t, const struct member *m)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct member_row *r = &t->row[i];

		if (known(m->id) ? r->id == strtoull(m->id, NULL, 16)
				 : strcmp(r->name, m->name) == 0 || strcmp(r->called, m->name) == 0)
			return true;
	}
	return false;
}

/* The table of who answered. False: he tells none, or is of another cluster than the others. */
static bool table_of(const struct member *m, const struct members *all, struct member_table *out)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct member *other = &all->member[i];

		if (member_answered(m) && member_answered(other) &&
		    other->probe->status.cluster_id != 0 &&
		    other->probe->status.cluster_id != m->probe->status.cluster_id)
			return false;
	}
	if (!member_answered(m))
		return false;
	member_table_take(out, &m->probe->status, m->probe->text, m->probe->text_size);
	return out->count > 0;
}

/*
 * A member is in the newest table that is committed, or in one after it. Whom a configuration has,
 * and nobody who is of a cluster knows, is none; if it answers it speaks for itself.
 */
static void judge(struct members *all)
{
	static struct member_table t;
	bool now[MEMBERS_MAX] = {false};
	uint64_t newest = 0;

	for (uint32_t i = 0; i < all->count; i++) {
		if (table_of(&all->member[i], all, &t) && (t.gone || t.index <= t.status.commit) &&
		    t.index > newest)
			newest = t.index;
	}
	for (uint32_t i = 0; i < all->count && newest; i++) {
		if (!table_of(&all->member[i], all, &t) || t.index < newest)
			continue;
		for (uint32_t j = 0; j < all->count; j++)
			now[j] |= in_table(&t, &all->member[j]);
	}
	for (uint32_t j = 0; j < all->count; j++) {
		const struct member *m = &all->member[j];

		all->member[j].former = newest && !now[j] && (known(m->id) || !member_answered(m));
	}
}

/* An endpoint that was named and is silent is a member's if that has its address. */
static void take_silence(struct members *all, struct probe *p)
{
	const char *text = endpoint_text(p->endpoint);
	struct member *m = NULL;

	for (uint32_t i = 0; i < all->count && !m; i++) {
		size_t size = strlen(all->member[i].address);

		if (!all->member[i].probe && !all->member[i].former && size &&
		    strncmp(text, all->member[i].address, size) == 0 && text[size] == ':')
			m = &all->member[i];
	}
	if (!m && all->count < MEMBERS_MAX)
		m = &all->member[all->count++];
	if (!m)
		return;
	m->probe = p;
	snprintf(m->endpoint, sizeof(m->endpoint), "%s", text);
}

static void own(struct member *m, const struct options *options, const struct address *to)
{
	if (endpoint_create(&m->owned, to))
		return;
	m->own = (struct probe){.options = options, .endpoint = m->owned};
	m->probe = &m->own;
	snprintf(m->endpoint, sizeof(m->endpoint), "%s", to->text);
}

static void probe_welcome(struct probe *p)
{
	struct wire_hello hello;
	int err = endpoint_welcome(p->endpoint, p->options->timeout_ns, &hello);

	if (err)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(err));
	else
		p->status.member_id = hello.member_id;
}

/* Whose sockets they are, as they say themselves, all asked at once: a name is no proof of that. */
static uint32_t look_here(struct here here[LOCAL_NODES_MAX], uint64_t timeout_ns)
{
	static struct local_node nodes[LOCAL_NODES_MAX];
	static struct options look;
	struct here *asked[LOCAL_NODES_MAX];
	const uint32_t count = local_find(nodes, LOCAL_NODES_MAX);
	struct probe *probes;

	look = (struct options){.timeout_ns = at_most(timeout_ns, WELCOME_NS_MAX)};
	for (uint32_t i = 0; i < count; i++) {
		struct endpoint **e = &look.endpoint[look.endpoint_count];

		here[i] = (struct here){.node = nodes[i]};
		if (nodes[i].address.text[0] && !endpoint_create(e, &nodes[i].address))
			asked[look.endpoint_count++] = &here[i];
	}
	probes = look.endpoint_count ? probe_all(&look, probe_welcome) : NULL;
	for (uint32_t i = 0; i < look.endpoint_count; i++) {
		if (probes && !probes[i].error[0])
			snprintf(asked[i]->id, sizeof(asked[i]->id), "%016" PRIx64,
				 probes[i].status.member_id);
		endpoint_close(look.endpoint[i]);
	}
	free(probes);
	return count;
}

static bool has_answered(const struct members *all, const struct here *h)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct member *m = &all->member[i];

		if (member_answered(m) && ((known(m->id) && strcmp(m->id, h->id) == 0) ||
					   strcmp(m->endpoint, h->node.address.text) == 0))
			return true;
	}
	return false;
}

/* A host may run several clusters, each in a network of its own, whose members' names are alike. */
static bool is_near(const struct here *h, const struct here *here, uint32_t count,
		    const struct members *all)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(here[i].node.network, h->node.network) == 0 &&
		    has_answered(all, &here[i]))
			return true;
	}
	return false;
}

/* Whoever was asked may not know yet what it is called, or there are two of that name. */
static void choose_local_by_id(struct member *m, const struct options *options,
			       const struct here *here, uint32_t count)
{
	for (uint32_t i = 0; i < count && !m->probe && known(m->id); i++) {
		if (strcmp(here[i].id, m->id) == 0)
			own(m, options, &here[i].node.address);
	}
}

/* Its socket, if it is on this host. If only one that may be it is, that is in its error. */
static void choose_local(struct member *m, const struct options *options, const struct here *here,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count && !m->probe; i++) {
		const char *id = here[i].id;

		if (!here[i].near || strcmp(here[i].node.name, m->name) != 0 ||
		    strcmp(here[i].node.host, m->address) != 0)
			continue;
		if (id[0] && strcmp(id, m->id) == 0)
			own(m, options, &here[i].node.address);
		else if (id[0] && !(known(id) && known(m->id)))
			snprintf(m->own.error, ERROR_SIZE,
				 "%s answers by its name, but %s is of no cluster, so whether it "
				 "is this member is not known: name it in --endpoints if it is",
				 here[i].node.address.text, known(id) ? "whoever was asked" : "it");
	}
	choose_local_by_id(m, options, here, count);
}

/* How a member that was not named is reached. */
static void choose(struct member *m, const struct options *options, const struct here *here,
		   uint32_t count)
{
	char text[64], why[ERROR_SIZE], error[ADDRESS_ERROR_MAX];
	struct address to;

	choose_local(m, options, here, count);
	if (m->probe)
		return;
	snprintf(why, sizeof(why), "%s",
		 m->own.error[0] ? m->own.error
				 : "no socket of it answers on this host, and on link memif there "
				   "is no other way to ask it");
	snprintf(text, sizeof(text), "%.23s:%.15s", m->address, port_told(m) ? m->port : "2379");
	if (address_parse(&to, text, error) != 0)
		return;
	own(m, options, &to);
	if (!m->probe || !m->shared)
		return;
	/* An endpoint of the cluster it is all the same: for who asks each of them. */
	m->endpoint[0] = '\0';
	snprintf(m->own.error, ERROR_SIZE, "%s", why);
}

/* All that were not asked yet, at the same time. How many there were. */
static uint32_t ask_others(struct members *all, const struct options *options, uint64_t deadline_ns)
{
	static struct options others;
	struct here here[LOCAL_NODES_MAX];
	struct member *asked[MEMBERS_MAX];
	struct probe *probes;
	uint32_t count = UINT32_MAX;

	others = *options;
	others.endpoint_count = 0;
	for (uint32_t i = 0; i < all->count; i++) {
		struct member *m = &all->member[i];

		if (m->probe || others.endpoint_count == ENDPOINTS_MAX)
			continue;
		if (count == UINT32_MAX) {
			count = look_here(here, left(deadline_ns) / 4);
			for (uint32_t k = 0; k < count; k++)
				here[k].near = is_near(&here[k], here, count, all);
		}
		choose(m, options, here, count);
		if (!m->probe || m->own.error[0])
			continue;
		asked[others.endpoint_count] = m;
		others.endpoint[others.endpoint_count++] = m->owned;
	}
	others.timeout_ns = at_most(left(deadline_ns), MEMBER_NS_MAX);
	probes = others.endpoint_count ? probe_all(&others, probe_status) : NULL;
	for (uint32_t i = 0; probes && i < others.endpoint_count; i++) {
		char id[24];

		asked[i]->own = probes[i];
		snprintf(id, sizeof(id), "%016" PRIx64, probes[i].status.member_id);
		if (!probes[i].error[0] && !is_one(asked[i], id, probes[i].status.name))
			snprintf(asked[i]->own.error, ERROR_SIZE, "%s answers there: %s",
				 known(id) ? "another member" : "a node of no cluster",
				 probes[i].status.name);
		if (asked[i]->own.error[0])
			continue;
		snprintf(asked[i]->name, sizeof(asked[i]->name), "%s", probes[i].status.name);
		take_answer(all, &asked[i]->own);
	}
	free(probes);
	return others.endpoint_count;
}

int members_ask(struct members *out, const struct options *options)
{
	static struct options typed;
	const uint64_t deadline_ns = clock_now() + options->timeout_ns;

	*out = (struct members){0};
	typed = *options;
	/* Those whom the others name are asked in the other half. */
	typed.timeout_ns = at_most(options->timeout_ns / 2, MEMBER_NS_MAX);
	out->typed = probe_all(&typed, probe_status);
	if (!out->typed)
		return -ENOMEM;
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (!out->typed[i].error[0])
			take_answer(out, &out->typed[i]);
	}
	judge(out);
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (out->typed[i].error[0])
			take_silence(out, &out->typed[i]);
	}
	/* Who answers may name others: one of no cluster has a configuration, and no table. */
	while (ask_others(out, options, deadline_ns) != 0)
		;
	judge(out);
	return 0;
}

void members_free(struct members *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		endpoint_close(m->member[i].owned);
	free(m->typed);
}
