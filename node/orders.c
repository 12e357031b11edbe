/*
 * Orders: what the leader is told to do, in lines of words, by whoever may ask this node anything.
 * IDs are hexadecimal, an ADDRESS is IPv4:PORT.
 *
 *	move-leader ID		the voter with this id is to lead
 *
 * or changes of members (raft/change.h), a line each, all of them together or none:
 *
 *	add ADDRESS		a learner that is to vote when it has caught up
 *	add-learner ADDRESS
 *	promote ID, demote ID, remove ID
 *	update ID ADDRESS
 *	replace ID ADDRESS	a new one there, that is to be what this one is
 *
 * The answer is "done", for it has begun, and the id of each new member in the order of the lines;
 * or "refused" and a sentence. What comes of it is seen in the status of the members: a leader may
 * fall before it does.
 */
#include "node/internal.h"

#include "base/subnet.h"
#include "raft/change.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* RAFT_CHANGES_MAX lines of "replace", a blank, 16 digits, a blank, an address: 48. */
	ORDER_TEXT_MAX = 1024,
	WHY_MAX = RAFT_REFUSAL_TEXT_SIZE,
	/* "done" and an id for each line, or "refused" and why. */
	ANSWER_MAX = 16 + (WHY_MAX > 17 * RAFT_CHANGES_MAX ? WHY_MAX : 17 * RAFT_CHANGES_MAX),
};

static_assert(48 * RAFT_CHANGES_MAX < ORDER_TEXT_MAX, "the longest order");

static void move_text(const struct node *n, int err, raft_id to, char why[WHY_MAX])
{
	if (err == -EBUSY)
		snprintf(why, WHY_MAX,
			 "leadership is being handed to member %016" PRIx64 ": try again",
			 raft_get_transfer(n->raft));
	else if (err == -EHOSTUNREACH)
		snprintf(why, WHY_MAX,
			 "bad leader transferee: member %016" PRIx64
			 " was not heard of late, was just started, lost writes, or its disk does "
			 "not answer",
			 to);
	else if (err == -EPERM)
		snprintf(why, WHY_MAX,
			 "bad leader transferee: the state of member %016" PRIx64
			 " is not the one that the majority has",
			 to);
	else if (err == -ESTALE)
		snprintf(why, WHY_MAX,
			 "bad leader transferee: member %016" PRIx64
			 " has to take a snapshot first",
			 to);
	else
		snprintf(why, WHY_MAX, "bad leader transferee: no voter has the id %016" PRIx64,
			 to);
}

/* Nothing but an id. False: it is none. */
static bool id_parse(const char *text, raft_id *out)
{
	const size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 16 || text[digits])
		return false;
	*out = strtoull(text, NULL, 16);
	return *out != 0;
}

/* IPv4:PORT; 0: it is none. */
static uint64_t place_parse(const char *text)
{
	const char *colon = strchr(text, ':');
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	size_t digits;

	if (!colon || (size_t)(colon - text) >= sizeof(address))
		return 0;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
	digits = strspn(colon + 1, "0123456789");
	if (inet_pton(AF_INET, address, &in) != 1 || digits == 0 || digits > 5 || colon[1 + digits])
		return 0;
	unsigned long port = strtoul(colon + 1, NULL, 10);
	return port == 0 || port > UINT16_MAX ? 0 : (uint64_t)ntohl(in.s_addr) << 16 | port;
}

/* What became of an order: OK with an answer. */
static enum serve_status move_leader(struct node *n, const char *id, char *out, size_t size_max)
{
	char why[WHY_MAX];
	raft_id to;
	int err;

	if (!id_parse(id, &to))
		return SERVE_INVALID;
	err = raft_transfer(n->raft, to);
	n->ordered_transfer |= err == 0;
	if (err == -EREMOTE)
		return SERVE_NOT_LEADER;
	if (err == -EAGAIN)
		return SERVE_BUSY;
	if (!err || err == -EALREADY) {
		snprintf(out, size_max, "done\n");
		return SERVE_OK;
	}
	move_text(n, err, to, why);
	snprintf(out, size_max, "refused %s\n", why);
	return SERVE_OK;
}

static const struct verb {
	const char *word;
	enum raft_change_kind kind;
	bool id, place;
} verbs[] = {
	{"add", RAFT_CHANGE_ADD, false, true},
	{"add-learner", RAFT_CHANGE_ADD_LEARNER, false, true},
	{"promote", RAFT_CHANGE_PROMOTE, true, false},
	{"demote", RAFT_CHANGE_DEMOTE, true, false},
	{"remove", RAFT_CHANGE_REMOVE, true, false},
	{"update", RAFT_CHANGE_UPDATE, true, true},
	{"replace", RAFT_CHANGE_REPLACE, true, true},
};

/* "VERB [ID] [ADDRESS]", which is cut up. */
static bool change_parse(struct raft_change *c, char *line)
{
	const char *word = strsep(&line, " ");
	const char *id, *place;
	raft_id who = 0;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct verb *v = &verbs[i];

		if (strcmp(word, v->word) != 0)
			continue;
		id = v->id ? strsep(&line, " ") : NULL;
		place = v->place ? strsep(&line, " ") : NULL;
		if (line || (v->id && (!id || !id_parse(id, &who))) || (v->place && !place))
			return false;
		*c = (struct raft_change){.kind = v->kind};
		*(v->kind == RAFT_CHANGE_REPLACE ? &c->replaced : &c->id) = who;
		c->place = place ? place_parse(place) : 0;
		return !place || c->place != 0;
	}
	return false;
}

/* What the configuration of a member says too (config/validate.c): no node could start there. */
static bool is_nowhere(const struct node *n, uint64_t place, char why[WHY_MAX])
{
	const struct dp_options *o = &n->options.dp;
	const uint32_t address = (uint32_t)(place >> 16);
	const bool outside = !subnet_has(o->address, o->prefix, address);
	char text[NODE_PLACE_TEXT_SIZE], own[NODE_PLACE_TEXT_SIZE];

	node_place_text(place, text);
	node_place_text((uint64_t)o->address << 16, own);
	*strchr(own, ':') = '\0';
	if (!subnet_is_unicast(address) || (!outside && !subnet_is_host(o->prefix, address)))
		snprintf(why, WHY_MAX, "given member URLs are invalid: %s is no host's address",
			 text);
	else if (outside && o->gateway == 0)
		snprintf(why, WHY_MAX,
			 "given member URLs are invalid: %s is outside of %s/%u, and there is no "
			 "network.gateway to it",
			 text, own, o->prefix);
	else if (address == o->gateway)
		snprintf(why, WHY_MAX,
			 "given member URLs are invalid: %s is network.gateway, too: the gateway "
			 "is a router, and no member",
			 text);
	else
		return false;
	return true;
}

/* Of two members at one address, one moves first, or goes. Who replaces one may be at its place. */
static bool is_shared(const struct node *n, const struct raft_change *c, char why[WHY_MAX])
{
	const struct raft_members *table = raft_get_members(n->raft);
	char text[NODE_PLACE_TEXT_SIZE];

	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];

		if (m->id == c->id || m->place >> 16 != c->place >> 16 ||
		    (m->place == c->place && c->kind == RAFT_CHANGE_REPLACE))
			continue;
		snprintf(why, WHY_MAX,
			 "Peer URLs already exists: member %016" PRIx64
			 " is at %s: each member has an address of its own, which another one may "
			 "have when it is free",
			 m->id, node_place_text(m->place, text));
		return true;
	}
	return false;
}

/* Places that the core, to which they are numbers, would take. */
static bool places_refused(const struct node *n, const struct raft_change *changes, uint32_t count,
			   char why[WHY_MAX])
{
	for (uint32_t i = 0; i < count; i++) {
		const struct raft_change *c = &changes[i];

		if (c->place != 0 && (is_nowhere(n, c->place, why) || is_shared(n, c, why)))
			return true;
		for (uint32_t k = 0; k < i && c->place != 0; k++) {
			if (changes[k].place >> 16 != c->place >> 16)
				continue;
			snprintf(why, WHY_MAX,
				 "Peer URLs already exists: two of the changes have "
				 "one address: each member has one of its own");
			return true;
		}
	}
	return false;
}

static void changes_log(const struct node *n, const char *text, const char *why)
{
	char words[ORDER_TEXT_MAX];

	/* Every byte of it was understood; lines would be lines of the log. */
	snprintf(words, sizeof(words), "%s", text);
	for (char *at = words; (at = strchr(at, '\n'));)
		*at = at[1] ? ',' : '\0';
	if (why)
		journal_write(n->journal, JOURNAL_WARN, "members_refused",
			      "order=\"%s\" why=\"%s\"", words, why);
	else
		journal_write(n->journal, JOURNAL_INFO, "members_ordered", "order=\"%s\"", words);
}

static enum serve_status members_change(struct node *n, const char *text, char *out,
					size_t size_max)
{
	struct raft_change changes[RAFT_CHANGES_MAX];
	char lines[ORDER_TEXT_MAX], why[WHY_MAX];
	struct raft_refusal refusal;
	uint32_t count = 0;
	raft_index index;
	bool refused;
	size_t used;

	snprintf(lines, sizeof(lines), "%s", text);
	for (char *rest = lines, *line; rest && *rest;) {
		line = strsep(&rest, "\n");
		if (count == RAFT_CHANGES_MAX || !change_parse(&changes[count++], line))
			return SERVE_INVALID;
	}
	if (count == 0)
		return SERVE_INVALID;
	if (raft_get_role(n->raft) != RAFT_LEADER)
		return SERVE_NOT_LEADER;
	refused = places_refused(n, changes, count, why);
	if (!refused) {
		int err = raft_members_change(n->raft, changes, count, &index, &refusal);

		if (err == -EAGAIN)
			return SERVE_BUSY;
		refused = err;
		if (err)
			raft_refusal_text(&refusal, why);
	}
	changes_log(n, text, refused ? why : NULL);
	if (refused) {
		snprintf(out, size_max, "refused %s\n", why);
		return SERVE_OK;
	}
	used = (size_t)snprintf(out, size_max, "done");
	for (uint32_t i = 0; i < count; i++) {
		if (changes[i].kind >= RAFT_CHANGE_REPLACE)
			used += (size_t)snprintf(out + used, size_max - used, " %016" PRIx64,
						 changes[i].id);
	}
	snprintf(out + used, size_max - used, "\n");
	return SERVE_OK;
}

enum serve_status node_order(struct node *n, const uint8_t *data, uint32_t data_size, char *out,
			     size_t size_max, size_t *size)
{
	static const char move[] = "move-leader ";
	char text[ORDER_TEXT_MAX];
	enum serve_status status;

	if (data_size >= sizeof(text) || memchr(data, '\0', data_size))
		return SERVE_INVALID;
	memcpy(text, data, data_size);
	text[data_size] = '\0';
	if (!n->raft || raft_leader(n->raft) == 0)
		return SERVE_NO_LEADER;
	assert(size_max >= ANSWER_MAX);
	if (strncmp(text, move, sizeof(move) - 1) == 0) {
		if (data_size > 0 && text[data_size - 1] == '\n')
			text[data_size - 1] = '\0';
		status = move_leader(n, text + sizeof(move) - 1, out, size_max);
	} else {
		status = members_change(n, text, out, size_max);
	}
	*size = status == SERVE_OK ? strlen(out) : 0;
	return status;
}
