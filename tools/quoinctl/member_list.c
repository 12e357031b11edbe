/*
 * member list: the member table of the cluster, in etcdctl's forms; the state of each, which has
 * more values than etcd's, follows them.
 */
#include "tools/quoinctl/endpoints.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 16, LINE_SIZE = 512, COLUMNS = 7, CELL_SIZE = 128 };

/* "member NAME id=ID address=A client_port=P state=S bound=B replaces=ID" */
struct row {
	uint64_t id;
	char name[64], peer[32], client[40], state[16], replaces[24];
	bool started;
};

struct table {
	struct status status; /* of whoever told it */
	uint32_t count;
	struct row row[TABLE_MAX];
};

static bool is_learner(const struct row *r)
{
	return strcmp(r->state, "learner") == 0 || strcmp(r->state, "joining") == 0;
}

/* A line that is of another release, and means something else, is left out. */
static bool row_parse(struct row *r, const char *line)
{
	char peer[sizeof(r->peer)], port[16];
	int bound;

	*r = (struct row){0};
	if (sscanf(line,
		   "%63s id=%" SCNx64
		   " address=%31s client_port=%15s state=%15s bound=%d replaces=%23s",
		   r->name, &r->id, peer, port, r->state, &bound, r->replaces) != 7)
		return false;
	r->started = bound;
	snprintf(r->peer, sizeof(r->peer), "%s", peer);
	if (port[0] != '-')
		snprintf(r->client, sizeof(r->client), "%.*s:%s", (int)strcspn(peer, ":"), peer,
			 port);
	return true;
}

static void table_parse(struct table *t, const char *text, size_t size)
{
	const char *end = text + size;
	struct status_line line;
	char value[LINE_SIZE];

	while (status_line_next(&text, end, &line) && t->count < TABLE_MAX) {
		if (line.key_size != 6 || memcmp(line.key, "member", 6) != 0)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)line.value_size, line.value);
		t->count += row_parse(&t->row[t->count], value);
	}
}

/*
 * Who has just confirmed a linearizable read has every change in its table that was committed
 * before. 0, or an exit status after its error was printed.
 */
static int table_ask(const struct options *options, struct table *t)
{
	struct kv_request request = {.operation = KV_RANGE, .key = {(const uint8_t *)"health", 6}};
	enum wire_request kind = options->serializable ? WIRE_QUERY_LOCAL : WIRE_QUERY;
	char error[ERROR_SIZE];
	struct reply reply;
	const char *text;
	size_t size;
	int err = ask(options, kind, &request, &reply, error);

	if (err)
		return complain(err, "%s", error);
	err = status_ask_text(reply.endpoint, options->timeout_ns, &t->status, &text, &size);
	if (err)
		return complain(EXIT_FAILED, "%s: %s", endpoint_text(reply.endpoint),
				endpoint_error_text(err));
	table_parse(t, text, size);
	if (t->count == 0)
		return complain(EXIT_FAILED, "%s: it tells no members: is it another release?",
				endpoint_text(reply.endpoint));
	return 0;
}

static void cells(const struct row *r, char cell[COLUMNS][CELL_SIZE])
{
	snprintf(cell[0], CELL_SIZE, "%" PRIx64, r->id);
	snprintf(cell[1], CELL_SIZE, "%s", r->started ? "started" : "unstarted");
	snprintf(cell[2], CELL_SIZE, "%s", r->name);
	snprintf(cell[3], CELL_SIZE, "%s", r->peer);
	snprintf(cell[4], CELL_SIZE, "%s", r->client);
	snprintf(cell[5], CELL_SIZE, "%s", is_learner(r) ? "true" : "false");
	if (r->replaces[0] == '-')
		snprintf(cell[6], CELL_SIZE, "%s", r->state);
	else
		snprintf(cell[6], CELL_SIZE, "%s for %" PRIx64, r->state,
			 (uint64_t)strtoull(r->replaces, NULL, 16));
}

static void list_simple(const struct table *t)
{
	char cell[COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < t->count; i++) {
		cells(&t->row[i], cell);
		for (int c = 0; c < COLUMNS; c++)
			printf("%s%s", c ? ", " : "", cell[c]);
		putchar('\n');
	}
}

static void list_table(const struct table *t)
{
	static const char *at[TABLE_MAX + 1][COLUMNS] = {
		{"ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER", "STATE"}};
	static char cell[TABLE_MAX][COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < t->count; i++) {
		cells(&t->row[i], cell[i]);
		for (int c = 0; c < COLUMNS; c++)
			at[i + 1][c] = cell[i][c];
	}
	table_print(&at[0][0], t->count + 1, COLUMNS);
}

/* etcd leaves out what is empty or false. */
static void list_json(const struct table *t)
{
	const struct wire_hello node = {.cluster_id = t->status.cluster_id,
					.member_id = t->status.member_id};

	putchar('{');
	json_header(&node, 0, t->status.term);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct row *r = &t->row[i];

		printf("%s{\"ID\":%" PRIu64 ",\"name\":", i ? "," : ",\"members\":[", r->id);
		json_text(r->name);
		printf(",\"peerURLs\":[");
		json_text(r->peer);
		putchar(']');
		if (r->client[0]) {
			printf(",\"clientURLs\":[");
			json_text(r->client);
			putchar(']');
		}
		if (is_learner(r))
			printf(",\"isLearner\":true");
		printf(",\"started\":%s,\"state\":", r->started ? "true" : "false");
		json_text(r->state);
		if (r->replaces[0] != '-')
			printf(",\"replaces\":%" PRIu64, (uint64_t)strtoull(r->replaces, NULL, 16));
		putchar('}');
	}
	puts("]}");
}

static void list_fields(const struct table *t)
{
	printf("\"ClusterID\" : %" PRIu64 "\n\"MemberID\" : %" PRIu64
	       "\n\"Revision\" : 0\n\"RaftTerm\" : %" PRIu64 "\n",
	       t->status.cluster_id, t->status.member_id, t->status.term);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct row *r = &t->row[i];

		printf("\"ID\" : %" PRIu64 "\n\"Name\" : ", r->id);
		json_text(r->name);
		printf("\n\"PeerURL\" : ");
		json_text(r->peer);
		if (r->client[0]) {
			printf("\n\"ClientURL\" : ");
			json_text(r->client);
		}
		printf("\n\"IsLearner\" : %s\n\"State\" : ", is_learner(r) ? "true" : "false");
		json_text(r->state);
		printf("\n\n");
	}
}

int command_member_list(const struct options *options)
{
	static struct table t;
	int status = table_ask(options, &t);

	if (status)
		return status;
	switch (options->format) {
	case FORMAT_SIMPLE:
		list_simple(&t);
		break;
	case FORMAT_TABLE:
		list_table(&t);
		break;
	case FORMAT_JSON:
		list_json(&t);
		break;
	case FORMAT_FIELDS:
		list_fields(&t);
		break;
	}
	return EXIT_ANSWERED;
}
