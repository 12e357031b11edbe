/*
 * member add, promote, demote, remove, update and replace: what is named together is one change.
 */
#include "tools/quoinctl/members.h"
#include "tools/quoinctl/orders.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = WORDS_MAX, PLACE_SIZE = 32 };

/* Whoever was asked may be removed meanwhile, and is gone after a second. */
#define LOOK_NS_MAX (400 * CLOCK_MS)

static const struct verb {
	const char *name, *needs; /* etcdctl's words, and what its arguments are */
	bool member, address;
	const char *done;
} verbs[] = {
	{"add", "ADDRESS", false, true, "added to"},
	{"promote", "MEMBER", true, false, "promoted in"},
	{"demote", "MEMBER", true, false, "demoted in"},
	{"remove", "MEMBER", true, false, "removed from"},
	{"update", "MEMBER ADDRESS", true, true, "updated in"},
	{"replace", "MEMBER ADDRESS", true, true, "to be replaced in"},
};

struct change {
	uint64_t id; /* of the member; of an added one as the leader said */
	uint64_t by; /* replace: the new one */
	char place[PLACE_SIZE];
};

struct changing {
	const struct verb *verb;
	bool learner;
	uint32_t count;
	struct change change[CHANGES_MAX];
};

/* ADDRESS[:PORT] as the member table has it. False: it is none. */
static bool place_parse(const char *text, char out[PLACE_SIZE])
{
	const char *colon = strchr(text, ':');
	char address[INET_ADDRSTRLEN], *end;
	unsigned long port = WIRE_PORT_PEER;
	size_t size = colon ? (size_t)(colon - text) : strlen(text);
	struct in_addr in;

	if (size >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)size, text);
	if (colon) {
		port = strtoul(colon + 1, &end, 10);
		if (colon[1] < '0' || colon[1] > '9' || *end || port == 0 || port > UINT16_MAX)
			return false;
	}
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	snprintf(out, PLACE_SIZE, "%s:%lu", address, port);
	return true;
}

/* 0, or an exit status after its error was printed. */
static int words_parse(struct changing *c, const struct options *o, const struct member_table *t)
{
	const uint32_t each = (uint32_t)c->verb->member + c->verb->address;
	char error[ERROR_SIZE];

	for (uint32_t i = 0; i < o->word_count; i += each) {
		struct change *one = &c->change[c->count++];
		const char *const *word = &o->word[i];

		if (c->verb->address && !place_parse(word[each - 1], one->place))
			return complain(EXIT_MISUSED,
					"bad address %s: it is IPv4 and perhaps a port, like "
					"10.0.0.4:2380",
					word[each - 1]);
		if (!c->verb->member)
			continue;
		const struct member_row *row = member_table_find(t, word[0], error);
		if (!row)
			return complain(EXIT_FAILED, "%s", error);
		one->id = row->id;
	}
	return 0;
}

static void order_make(const struct changing *c, struct order *order)
{
	size_t used = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct change *one = &c->change[i];

		used += (size_t)snprintf(order->text + used, sizeof(order->text) - used, "%s%s",
					 c->verb->name, c->learner ? "-learner" : "");
		if (c->verb->member)
			used += (size_t)snprintf(order->text + used, sizeof(order->text) - used,
						 " %016" PRIx64, one->id);
		if (c->verb->address)
			used += (size_t)snprintf(order->text + used, sizeof(order->text) - used,
						 " %s", one->place);
		used += (size_t)snprintf(order->text + used, sizeof(order->text) - used, "\n");
	}
}

/* The leader draws ids, and tells them in its answer alone. */
static bool draws(const struct changing *c)
{
	return !c->verb->member || strcmp(c->verb->name, "replace") == 0;
}

/* The ids that the leader drew. False: there are not so many. */
static bool ids_take(struct changing *c, const struct order *order)
{
	if (!draws(c))
		return true;
	if (order->id_count != c->count)
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		*(c->verb->member ? &c->change[i].by : &c->change[i].id) = order->id[i];
	return true;
}

/* Whom it is about in the end. */
static uint64_t subject(const struct change *one)
{
	return one->by ? one->by : one->id;
}

static const struct member_row *row_of(const struct member_table *t, uint64_t id)
{
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->row[i].id == id)
			return &t->row[i];
	}
	return NULL;
}

/*
 * A table that came after `before` is committed, and the change at its end in it; a replacement
 * goes on until the new one has caught up.
 */
static bool done(const struct changing *c, uint64_t before, const struct member_table *t)
{
	if (t->index <= before || (!t->gone && t->index > t->status.commit))
		return false;
	for (uint32_t i = 0; i < c->count; i++) {
		const struct change *one = &c->change[i];
		const struct member_row *row = row_of(t, subject(one));

		if (strcmp(c->verb->name, "remove") == 0) {
			if (row)
				return false;
			continue;
		}
		if (!row || (one->place[0] && strcmp(row->peer, one->place) != 0) ||
		    (strcmp(c->verb->name, "promote") == 0 && strcmp(row->state, "voter") != 0) ||
		    (strcmp(c->verb->name, "demote") == 0 && strcmp(row->state, "learner") != 0))
			return false;
	}
	return true;
}

static bool seen_by_others(const struct options *options, const struct changing *c, uint64_t before,
			   struct member_table *t)
{
	static struct members members;
	static struct member_table theirs;
	bool is = false;

	if (members_ask(&members, options))
		return false;
	for (uint32_t i = 0; i < members.count && !is; i++) {
		const struct probe *p = members.member[i].probe;

		if (!member_answered(&members.member[i]))
			continue;
		member_table_take(&theirs, &p->status, p->text, p->text_size);
		is = done(c, before, &theirs);
	}
	members_free(&members);
	if (is) {
		theirs.endpoint = t->endpoint;
		*t = theirs;
	}
	return is;
}

/*
 * By the word of whoever was asked, or, since this change may cut it off, or end it, of the others:
 * what one of them knows to be committed is. Who is removed stays for a second.
 */
static bool seen(const struct options *options, const struct changing *c, uint64_t before,
		 uint64_t left_ns, struct member_table *t)
{
	static struct options look;

	look = *options;
	look.timeout_ns = left_ns < LOOK_NS_MAX ? left_ns : LOOK_NS_MAX;
	if (!member_table_look(t, look.timeout_ns)) {
		if (done(c, before, t))
			return true;
		if (t->status.leader)
			return false;
	}
	/* Of these each has half of it. */
	look.timeout_ns = left_ns < 2 * LOOK_NS_MAX ? left_ns : 2 * LOOK_NS_MAX;
	return seen_by_others(&look, c, before, t);
}

/*
 * Whoever may have taken it went down, and what it left is the next leader's: it is in the table of
 * a later term or will be in none. A read that began when that term was known is of it.
 */
static bool is_lost(const struct options *options, const struct order *order, uint64_t before,
		    uint64_t left_ns, uint64_t *term, struct member_table *t)
{
	static struct member_table now;
	static struct options look;
	char error[ERROR_SIZE];
	uint64_t known = *term;

	look = *options;
	look.timeout_ns = left_ns;
	if (!order->ended || member_table_ask(&look, &now, error))
		return false;
	*term = now.status.term;
	if (known <= order->term || now.status.term != known || now.index != before)
		return false;
	*t = now;
	return true;
}

/* Its answer is lost. True: it is done; else order->maybe says whether it may be. */
static bool settle(const struct options *options, const struct changing *c, struct order *order,
		   uint64_t before, uint64_t deadline_ns, struct member_table *t)
{
	uint64_t term = 0;

	while (left_until(deadline_ns) && (order->ended || !draws(c))) {
		if (!draws(c) && seen(options, c, before, left_until(deadline_ns) + 1, t))
			return true;
		if (is_lost(options, order, before, left_until(deadline_ns) + 1, &term, t)) {
			order->maybe = false;
			return false;
		}
		clock_sleep(ORDER_LOOK_NS);
	}
	return false;
}

static void done_print(const struct options *options, const struct changing *c,
		       const struct member_table *t)
{
	if (options->format == FORMAT_JSON) {
		/* etcd adds one at a time. */
		member_table_json(t, !draws(c) || c->count > 1 ? 0 : subject(&c->change[0]));
		return;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		const struct change *one = &c->change[i];

		printf("Member %16" PRIx64 " %s cluster %16" PRIx64, one->id, c->verb->done,
		       t->status.cluster_id);
		if (one->by)
			printf(" by member %16" PRIx64, one->by);
		putchar('\n');
	}
}

static int change(const struct options *options, const char *name)
{
	const uint64_t deadline_ns = clock_now() + options->timeout_ns;
	static struct member_table t;
	struct changing c = {.verb = verbs, .learner = options->learner};
	struct order order = {.once = true};
	uint64_t before;
	char error[ERROR_SIZE];
	int status;

	while (strcmp(c.verb->name, name) != 0)
		c.verb++;
	const uint32_t each = (uint32_t)c.verb->member + c.verb->address;
	if (options->word_count == 0 || options->word_count % each)
		return complain(EXIT_MISUSED, "member %s needs %s, or several of them", name,
				c.verb->needs);
	status = member_table_ask(options, &t, error);
	if (status)
		return complain(status, "%s", error);
	status = words_parse(&c, options, &t);
	if (status)
		return status;
	order_make(&c, &order);
	before = t.index;
	for (;;) {
		status = order_give(options, &order, deadline_ns, &t, error);
		if (status != EXIT_UNCERTAIN)
			break;
		if (settle(options, &c, &order, before, deadline_ns, &t)) {
			done_print(options, &c, &t);
			return EXIT_ANSWERED;
		}
		if (order.maybe)
			break;
	}
	if (!status && !ids_take(&c, &order)) {
		snprintf(error, ERROR_SIZE,
			 "an answer that cannot be read: is it another release?");
		status = EXIT_UNCERTAIN;
	}
	if (status)
		return complain(status, "%s (%s)", error,
				status == EXIT_UNCERTAIN ? "it may have been done"
							 : "nothing was done");
	while (!seen(options, &c, before, left_until(deadline_ns) + 1, &t)) {
		if (!left_until(deadline_ns))
			return complain(EXIT_UNCERTAIN,
					"etcdserver: request timed out (it may have been done: "
					"member list shows it)");
		clock_sleep(ORDER_LOOK_NS);
	}
	done_print(options, &c, &t);
	return EXIT_ANSWERED;
}

int command_member_add(const struct options *options)
{
	return change(options, "add");
}

int command_member_promote(const struct options *options)
{
	return change(options, "promote");
}

int command_member_demote(const struct options *options)
{
	return change(options, "demote");
}

int command_member_remove(const struct options *options)
{
	return change(options, "remove");
}

int command_member_update(const struct options *options)
{
	return change(options, "update");
}

int command_member_replace(const struct options *options)
{
	return change(options, "replace");
}
