#include "tools/quoinctl/member_table.h"

#include "tools/quoinctl/members.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 1024 };

bool member_row_learner(const struct member_row *r)
{
	return strcmp(r->state, "learner") == 0 || strcmp(r->state, "joining") == 0;
}

/*
 * "NAME id=ID address=A client_port=P state=S bound=B replaces=ID name=NAME clients=A,B". A release
 * that had no names tells none. False: it is of another release, and means something else.
 */
static bool row_parse(struct member_row *r, const char *line)
{
	char called[sizeof(r->called)] = "", peer[sizeof(r->peer)] = "", port[16], replaces[24];
	int bound;

	*r = (struct member_row){0};
	if (sscanf(line,
		   "%63s id=%" SCNx64
		   " address=%31s client_port=%15s state=%15s bound=%d replaces=%23s",
		   called, &r->id, peer, port, r->state, &bound, replaces) != 7)
		return false;
	memcpy(r->called, called, sizeof(called));
	memcpy(r->peer, peer, sizeof(peer));
	r->replaces = replaces[0] == '-' ? 0 : strtoull(replaces, NULL, 16);
	if (!status_pair(line, "name", r->name, sizeof(r->name))[0]) {
		memcpy(r->name, called, sizeof(called));
		r->started = bound;
		if (port[0] != '-')
			snprintf(r->clients, sizeof(r->clients), "%.*s:%s", (int)strcspn(peer, ":"),
				 peer, port);
		return true;
	}
	status_pair(line, "clients", r->clients, sizeof(r->clients));
	r->started = r->name[0] != '-';
	if (!r->started)
		r->name[0] = '\0';
	if (r->clients[0] == '-')
		r->clients[0] = '\0';
	return true;
}

void member_table_take(struct member_table *t, const struct status *status, const char *text,
		       size_t size)
{
	const char *end = text + size;
	struct status_line line;
	char value[LINE_SIZE], word[24];

	t->status = *status;
	t->gone = status->removed;
	t->index =
		strtoull(status_value(text, size, "members_index", word, sizeof(word)), NULL, 10);
	t->count = 0;
	while (status_line_next(&text, end, &line) && t->count < MEMBER_ROWS_MAX) {
		if (line.key_size != 6 || memcmp(line.key, "member", 6) != 0)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)line.value_size, line.value);
		t->count += row_parse(&t->row[t->count], value);
	}
}

int member_table_look(struct member_table *t, uint64_t timeout_ns)
{
	struct status status;
	const char *text;
	size_t size;
	int err = status_ask_text(t->endpoint, timeout_ns, &status, &text, &size);

	if (!err)
		member_table_take(t, &status, text, size);
	return err;
}

/* Tables keep what they were told by, so none is closed. NULL: out of memory. */
static struct endpoint *endpoint_keep(const char *text)
{
	static struct endpoint *kept[ENDPOINTS_MAX];
	char error[ADDRESS_ERROR_MAX];

	for (uint32_t i = 0; i < ENDPOINTS_MAX; i++) {
		if (!kept[i] && endpoint_open(&kept[i], text, error))
			return NULL;
		if (strcmp(endpoint_text(kept[i]), text) == 0)
			return kept[i];
	}
	return NULL;
}

/* Learners answer no read, and know who leads. NULL: whoever does is reached by no endpoint. */
static struct endpoint *leader_find(const struct options *options)
{
	static struct members members;
	struct endpoint *found = NULL;

	if (members_ask(&members, options))
		return NULL;
	for (uint32_t i = 0; i < members.count && !found; i++) {
		const struct member *m = &members.member[i];

		if (member_answered(m) && m->probe->status.leader &&
		    m->probe->status.leader == m->probe->status.member_id)
			found = endpoint_keep(endpoint_text(m->probe->endpoint));
	}
	members_free(&members);
	return found;
}

int member_table_ask(const struct options *options, struct member_table *t, char error[ERROR_SIZE])
{
	static struct options of_leader;
	struct kv_request request = {.operation = KV_RANGE, .key = {(const uint8_t *)"health", 6}};
	enum wire_request kind = options->serializable ? WIRE_QUERY_LOCAL : WIRE_QUERY;
	struct reply reply;
	int err = ask(options, kind, &request, &reply, error);

	if (err && reply.learners) {
		of_leader = *options;
		of_leader.endpoint_count = 1;
		of_leader.endpoint[0] = leader_find(options);
		if (!of_leader.endpoint[0])
			return err;
		err = ask(&of_leader, kind, &request, &reply, error);
	}
	if (err)
		return err;
	t->endpoint = reply.endpoint;
	err = member_table_look(t, options->timeout_ns);
	if (err) {
		snprintf(error, ERROR_SIZE, "%s: %s", endpoint_text(reply.endpoint),
			 endpoint_error_text(err));
		return EXIT_FAILED;
	}
	if (t->count == 0) {
		snprintf(error, ERROR_SIZE, "%s: it tells no members: is it another release?",
			 endpoint_text(reply.endpoint));
		return EXIT_FAILED;
	}
	return 0;
}

/* As list, status or log have it, with leading zeros or without. 0: it is none. */
static uint64_t id_parse(const char *word)
{
	const size_t zeros = strspn(word, "0");
	const size_t digits = strspn(word + zeros, "0123456789abcdefABCDEF");

	return word[zeros + digits] || digits > 16 ? 0 : strtoull(word, NULL, 16);
}

const struct member_row *member_table_find(const struct member_table *t, const char *word,
					   char error[ERROR_SIZE])
{
	const struct member_row *found = NULL;
	const uint64_t id = id_parse(word);

	/* Who has no name yet is called by none. */
	assert(*word);

	/* As member list shows it: whoever has that for a name takes it from nobody. */
	for (uint32_t i = 0; i < t->count; i++) {
		char shown[17];

		snprintf(shown, sizeof(shown), "%" PRIx64, t->row[i].id);
		if (strcmp(shown, word) == 0)
			return &t->row[i];
	}
	for (uint32_t i = 0; i < t->count; i++) {
		const struct member_row *r = &t->row[i];

		if (strcmp(r->name, word) != 0 && strcmp(r->called, word) != 0 &&
		    !(id && r->id == id))
			continue;
		if (found) {
			snprintf(error, ERROR_SIZE,
				 "more than one member is called %.64s or has that id: name it by "
				 "the ID that member list shows",
				 word);
			return NULL;
		}
		found = r;
	}
	if (!found)
		snprintf(error, ERROR_SIZE,
			 "etcdserver: member not found: none is called %s or has that id", word);
	return found;
}
