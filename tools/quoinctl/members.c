/*
 * A member that no endpoint of the command line reaches is asked by its socket if it runs on this
 * host, else where its peers know it to be, at the client port that it told them.
 */
#include "tools/quoinctl/members.h"

#include "dataplane/kind.h"
#include "tools/client/local.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Nobody waits longer for one that may be gone. */
#define MEMBER_NS_MAX 2000000000u
#define WELCOME_NS_MAX 500000000u

/* A node of this host. */
struct here {
	struct local_node node;
	bool asked;
	char id[24]; /* as its socket says; "": it is silent */
};

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

/* An endpoint that was named and is silent is a member's if that has its address. */
static void take_silence(struct members *all, struct probe *p)
{
	const char *text = endpoint_text(p->endpoint);
	struct member *m = NULL;

	for (uint32_t i = 0; i < all->count && !m; i++) {
		size_t size = strlen(all->member[i].address);

		if (!all->member[i].probe && size &&
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

/* Whose socket it is, as it says itself, once: a name is no proof of that. "": it is silent. */
static const char *id_of(struct here *h)
{
	struct wire_hello hello;
	struct endpoint *e;

	if (h->asked)
		return h->id;
	h->asked = true;
	if (!h->node.address.text[0] || endpoint_create(&e, &h->node.address))
		return h->id;
	if (endpoint_welcome(e, WELCOME_NS_MAX, &hello) == 0)
		snprintf(h->id, sizeof(h->id), "%016" PRIx64, hello.member_id);
	endpoint_close(e);
	return h->id;
}

/* Whoever was asked may not know yet what it is called, or there are two of that name. */
static void choose_local_by_id(struct member *m, const struct options *options, struct here *here,
			       uint32_t count)
{
	for (uint32_t i = 0; i < count && !m->probe && known(m->id); i++) {
		if (strcmp(id_of(&here[i]), m->id) == 0)
			own(m, options, &here[i].node.address);
	}
}

/* Its socket, if it is on this host. If only one that may be it is, that is in its error. */
static void choose_local(struct member *m, const struct options *options, struct here *here,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count && !m->probe; i++) {
		const char *id;

		if (strcmp(here[i].node.name, m->name) != 0)
			continue;
		id = id_of(&here[i]);
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
static void choose(struct member *m, const struct options *options, struct here *here,
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

/* All of them at the same time. */
static void ask_others(struct members *all, const struct options *options)
{
	static struct local_node nodes[LOCAL_NODES_MAX];
	static struct options others;
	struct here here[LOCAL_NODES_MAX];
	uint32_t count = local_find(nodes, LOCAL_NODES_MAX);
	struct member *asked[MEMBERS_MAX];
	struct probe *probes;

	for (uint32_t i = 0; i < count; i++)
		here[i] = (struct here){.node = nodes[i]};
	others = *options;
	others.endpoint_count = 0;
	if (others.timeout_ns > MEMBER_NS_MAX)
		others.timeout_ns = MEMBER_NS_MAX;
	for (uint32_t i = 0; i < all->count; i++) {
		struct member *m = &all->member[i];

		if (m->probe || others.endpoint_count == ENDPOINTS_MAX)
			continue;
		choose(m, options, here, count);
		if (!m->probe || m->own.error[0])
			continue;
		asked[others.endpoint_count] = m;
		others.endpoint[others.endpoint_count++] = m->owned;
	}
	probes = others.endpoint_count ? probe_all(&others, probe_status) : NULL;
	for (uint32_t i = 0; probes && i < others.endpoint_count; i++) {
		char id[24];

		asked[i]->own = probes[i];
		snprintf(id, sizeof(id), "%016" PRIx64, probes[i].status.member_id);
		if (!probes[i].error[0] && !is_one(asked[i], id, probes[i].status.name))
			snprintf(asked[i]->own.error, ERROR_SIZE,
				 "another member answers there: %s", probes[i].status.name);
		if (asked[i]->own.error[0])
			continue;
		snprintf(asked[i]->name, sizeof(asked[i]->name), "%s", probes[i].status.name);
		take_answer(all, &asked[i]->own);
	}
	free(probes);
}

int members_ask(struct members *out, const struct options *options)
{
	*out = (struct members){0};
	out->typed = probe_all(options, probe_status);
	if (!out->typed)
		return -ENOMEM;
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (!out->typed[i].error[0])
			take_answer(out, &out->typed[i]);
	}
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (out->typed[i].error[0])
			take_silence(out, &out->typed[i]);
	}
	ask_others(out, options);
	return 0;
}

void members_free(struct members *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		endpoint_close(m->member[i].owned);
	free(m->typed);
}
