#include "tools/quoinctl/member_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 512 };

bool member_row_learner(const struct member_row *r)
{
	return strcmp(r->state, "learner") == 0 || strcmp(r->state, "joining") == 0;
}

/*
 * "NAME id=ID address=A client_port=P state=S bound=B replaces=ID". False: it is of another
 * release, and means something else.
 */
static bool row_parse(struct member_row *r, const char *line)
{
	char peer[sizeof(r->peer)], port[16], replaces[24];
	int bound;

	*r = (struct member_row){0};
	if (sscanf(line,
		   "%63s id=%" SCNx64
		   " address=%31s client_port=%15s state=%15s bound=%d replaces=%23s",
		   r->name, &r->id, peer, port, r->state, &bound, replaces) != 7)
		return false;
	r->started = bound;
	r->replaces = replaces[0] == '-' ? 0 : strtoull(replaces, NULL, 16);
	snprintf(r->peer, sizeof(r->peer), "%s", peer);
	if (port[0] != '-')
		snprintf(r->client, sizeof(r->client), "%.*s:%s", (int)strcspn(peer, ":"), peer,
			 port);
	return true;
}

static void table_parse(struct member_table *t, const char *text, size_t size)
{
	const char *end = text + size;
	struct status_line line;
	char value[LINE_SIZE];

	t->count = 0;
	while (status_line_next(&text, end, &line) && t->count < MEMBER_ROWS_MAX) {
		if (line.key_size != 6 || memcmp(line.key, "member", 6) != 0)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)line.value_size, line.value);
		t->count += row_parse(&t->row[t->count], value);
	}
}

int member_table_ask(const struct options *options, struct member_table *t, char error[ERROR_SIZE])
{
	struct kv_request request = {.operation = KV_RANGE, .key = {(const uint8_t *)"health", 6}};
	enum wire_request kind = options->serializable ? WIRE_QUERY_LOCAL : WIRE_QUERY;
	struct reply reply;
	const char *text;
	char index[24];
	size_t size;
	int err = ask(options, kind, &request, &reply, error);

	if (err)
		return err;
	t->endpoint = reply.endpoint;
	err = status_ask_text(reply.endpoint, options->timeout_ns, &t->status, &text, &size);
	if (err) {
		snprintf(error, ERROR_SIZE, "%s: %s", endpoint_text(reply.endpoint),
			 endpoint_error_text(err));
		return EXIT_FAILED;
	}
	table_parse(t, text, size);
	t->index =
		strtoull(status_value(text, size, "members_index", index, sizeof(index)), NULL, 10);
	if (t->count == 0) {
		snprintf(error, ERROR_SIZE, "%s: it tells no members: is it another release?",
			 endpoint_text(reply.endpoint));
		return EXIT_FAILED;
	}
	return 0;
}

const struct member_row *member_table_find(const struct member_table *t, const char *word)
{
	uint64_t id;
	char *end;

	for (uint32_t i = 0; i < t->count; i++) {
		if (strcmp(t->row[i].name, word) == 0)
			return &t->row[i];
	}
	errno = 0;
	id = strtoull(word, &end, 16);
	if (*end || end == word || errno)
		return NULL;
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->row[i].id == id)
			return &t->row[i];
	}
	return NULL;
}
