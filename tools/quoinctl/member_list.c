/*
 * member list: the member table of the cluster, in etcdctl's forms; the state of each, which has
 * more values than etcd's, follows them.
 */
#include "tools/quoinctl/member_table.h"

#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 7, CELL_SIZE = 264 };

static void cells(const struct member_row *r, char cell[COLUMNS][CELL_SIZE])
{
	snprintf(cell[0], CELL_SIZE, "%" PRIx64, r->id);
	snprintf(cell[1], CELL_SIZE, "%s", r->started ? "started" : "unstarted");
	snprintf(cell[2], CELL_SIZE, "%s", r->name);
	snprintf(cell[3], CELL_SIZE, "%s", r->peer);
	snprintf(cell[4], CELL_SIZE, "%s", r->clients);
	snprintf(cell[5], CELL_SIZE, "%s", member_row_learner(r) ? "true" : "false");
	if (r->replaces)
		snprintf(cell[6], CELL_SIZE, "%s for %" PRIx64, r->state, r->replaces);
	else
		snprintf(cell[6], CELL_SIZE, "%s", r->state);
}

static void list_simple(const struct member_table *t)
{
	char cell[COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < t->count; i++) {
		cells(&t->row[i], cell);
		for (int c = 0; c < COLUMNS; c++)
			printf("%s%s", c ? ", " : "", cell[c]);
		putchar('\n');
	}
}

static void list_table(const struct member_table *t)
{
	static const char *at[MEMBER_ROWS_MAX + 1][COLUMNS] = {
		{"ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER", "STATE"}};
	static char cell[MEMBER_ROWS_MAX][COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < t->count; i++) {
		cells(&t->row[i], cell[i]);
		for (int c = 0; c < COLUMNS; c++)
			at[i + 1][c] = cell[i][c];
	}
	table_print(&at[0][0], t->count + 1, COLUMNS);
}

/* One of a list: *list moves behind it. False: there was none. */
static bool client_next(const char **list, char out[CELL_SIZE])
{
	const size_t size = strcspn(*list, ",");

	if (!size)
		return false;
	snprintf(out, CELL_SIZE, "%.*s", (int)size, *list);
	*list += size + ((*list)[size] == ',');
	return true;
}

static void clients_json(const struct member_row *r)
{
	const char *list = r->clients, *before = ",\"clientURLs\":[";
	char client[CELL_SIZE];

	for (; client_next(&list, client); before = ",") {
		fputs(before, stdout);
		json_text(client);
	}
	if (r->clients[0])
		putchar(']');
}

/* etcd leaves out what is empty or false. */
static void row_json(const struct member_row *r)
{
	printf("{\"ID\":%" PRIu64, r->id);
	if (r->name[0]) {
		printf(",\"name\":");
		json_text(r->name);
	}
	printf(",\"peerURLs\":[");
	json_text(r->peer);
	putchar(']');
	clients_json(r);
	if (member_row_learner(r))
		printf(",\"isLearner\":true");
	printf(",\"started\":%s,\"state\":", r->started ? "true" : "false");
	json_text(r->state);
	if (r->replaces)
		printf(",\"replaces\":%" PRIu64, r->replaces);
	putchar('}');
}

void member_table_json(const struct member_table *t, uint64_t added)
{
	const struct wire_hello node = {.cluster_id = t->status.cluster_id,
					.member_id = t->status.member_id};

	putchar('{');
	json_header(&node, 0, t->status.term);
	for (uint32_t i = 0; i < t->count; i++) {
		if (added && t->row[i].id == added) {
			printf(",\"member\":");
			row_json(&t->row[i]);
		}
	}
	for (uint32_t i = 0; i < t->count; i++) {
		printf("%s", i ? "," : ",\"members\":[");
		row_json(&t->row[i]);
	}
	puts("]}");
}

static void list_fields(const struct member_table *t)
{
	const struct wire_hello node = {.cluster_id = t->status.cluster_id,
					.member_id = t->status.member_id};

	header_fields(&node, 0, t->status.term);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct member_row *r = &t->row[i];
		const char *list = r->clients;
		char client[CELL_SIZE];

		printf("\"ID\" : %" PRIu64 "\n\"Name\" : ", r->id);
		json_text(r->name);
		printf("\n\"PeerURL\" : ");
		json_text(r->peer);
		while (client_next(&list, client)) {
			printf("\n\"ClientURL\" : ");
			json_text(client);
		}
		printf("\n\"IsLearner\" : %s\n\"Started\" : %s\n\"State\" : ",
		       member_row_learner(r) ? "true" : "false", r->started ? "true" : "false");
		json_text(r->state);
		printf("\n\n");
	}
}

int command_member_list(const struct options *options)
{
	static struct member_table t;
	char error[ERROR_SIZE];
	int status = member_table_ask(options, &t, error);

	if (status)
		return complain(status, "%s", error);
	switch (options->format) {
	case FORMAT_SIMPLE:
		list_simple(&t);
		break;
	case FORMAT_TABLE:
		list_table(&t);
		break;
	case FORMAT_JSON:
		member_table_json(&t, 0);
		break;
	case FORMAT_FIELDS:
		list_fields(&t);
		break;
	}
	return EXIT_ANSWERED;
}
