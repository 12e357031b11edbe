/*
 * endpoint status, in etcdctl's forms; what a node tells beyond etcd's fields follows them.
 */
#include "tools/quoinctl/endpoints.h"
#include "tools/quoinctl/lines.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void probe_status(struct probe *p)
{
	int err = status_ask_text(p->endpoint, p->options->timeout_ns, &p->status, &p->text,
				  &p->text_size);

	if (err)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(err));
}

static bool is_leader(const struct status *s)
{
	return s->leader && s->leader == s->member_id;
}

/* One cell holds all that is wrong with a node: four of the longest sentences, many of others. */
enum { STATUS_COLUMNS = 12, CELL_SIZE = 4 * STATUS_SENTENCE_MAX };

static void cell_append(char cell[CELL_SIZE], const char *before, const char *text)
{
	size_t used = strlen(cell);

	snprintf(cell + used, CELL_SIZE - used, "%s%s%s", used ? "; " : "", before, text);
}

/* One endpoint's cells, in the order of the header. */
static void status_cells(const struct probe *p, char cell[STATUS_COLUMNS][CELL_SIZE])
{
	const struct status *s = &p->status;
	char size[DURATION_SIZE];

	bytes_text(s->db_size, size);
	snprintf(cell[0], CELL_SIZE, "%s", endpoint_text(p->endpoint));
	snprintf(cell[1], CELL_SIZE, "%" PRIx64, s->member_id);
	snprintf(cell[2], CELL_SIZE, "%s", s->version);
	snprintf(cell[3], CELL_SIZE, "%s", size);
	snprintf(cell[4], CELL_SIZE, "%s", is_leader(s) ? "true" : "false");
	snprintf(cell[5], CELL_SIZE, "%s", s->learner ? "true" : "false");
	snprintf(cell[6], CELL_SIZE, "%" PRIu64, s->term);
	snprintf(cell[7], CELL_SIZE, "%" PRIu64, s->index);
	snprintf(cell[8], CELL_SIZE, "%" PRIu64, s->applied);
	cell[9][0] = '\0';
	for (uint32_t i = 0; i < s->error_count; i++)
		cell_append(cell[9], "", s->error[i]);
	for (uint32_t i = 0; i < s->warning_count; i++)
		cell_append(cell[9], "warning: ", s->warning[i]);
	snprintf(cell[10], CELL_SIZE, "%s", s->durability);
	snprintf(cell[11], CELL_SIZE, "%s", s->link);
}

static void status_simple(const struct probe *probes, uint32_t count)
{
	static char cell[STATUS_COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < count; i++) {
		if (probes[i].error[0])
			continue;
		status_cells(&probes[i], cell);
		for (int c = 0; c < STATUS_COLUMNS; c++)
			printf("%s%s", c ? ", " : "", cell[c]);
		putchar('\n');
	}
}

static void status_table(const struct probe *probes, uint32_t count)
{
	static const char *cells[ENDPOINTS_MAX + 1][STATUS_COLUMNS] = {
		{"ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "IS LEARNER", "RAFT TERM",
		 "RAFT INDEX", "RAFT APPLIED INDEX", "ERRORS", "DURABILITY", "LINK"}};
	static char cell[ENDPOINTS_MAX][STATUS_COLUMNS][CELL_SIZE];
	uint32_t rows = 1;

	for (uint32_t i = 0; i < count; i++) {
		if (probes[i].error[0])
			continue;
		status_cells(&probes[i], cell[i]);
		for (int c = 0; c < STATUS_COLUMNS; c++)
			cells[rows][c] = cell[i][c];
		rows++;
	}
	table_print(&cells[0][0], rows, STATUS_COLUMNS);
}

static void sentences_json(const char *name, const char (*text)[STATUS_SENTENCE_MAX],
			   uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			putchar(',');
		else
			printf(",\"%s\":[", name);
		json_text(text[i]);
	}
	if (count)
		putchar(']');
}

/* etcdctl's fields, without those that are zero, and then ours. */
static void status_json_one(const struct probe *p)
{
	const struct status *s = &p->status;
	const struct wire_hello node = {.cluster_id = s->cluster_id, .member_id = s->member_id};

	printf("{\"Endpoint\":");
	json_text(endpoint_text(p->endpoint));
	printf(",\"Status\":{");
	json_header(&node, s->revision, s->term);
	printf(",\"version\":");
	json_text(s->version);
	printf(",\"dbSize\":%" PRIu64, s->db_size);
	if (s->leader)
		printf(",\"leader\":%" PRIu64, s->leader);
	printf(",\"raftIndex\":%" PRIu64 ",\"raftTerm\":%" PRIu64 ",\"raftAppliedIndex\":%" PRIu64
	       ",\"dbSizeInUse\":%" PRIu64,
	       s->index, s->term, s->applied, s->db_size);
	if (s->learner)
		printf(",\"isLearner\":true");
	printf(",\"isLeader\":%s,\"durability\":", is_leader(s) ? "true" : "false");
	json_text(s->durability);
	printf(",\"link\":");
	json_text(s->link);
	sentences_json("errors", s->error, s->error_count);
	sentences_json("warnings", s->warning, s->warning_count);
	printf(",\"quoin\":");
	lines_json(p->text, p->text_size);
	printf("}}");
}

static void status_json(const struct probe *probes, uint32_t count)
{
	const char *before = "";

	putchar('[');
	for (uint32_t i = 0; i < count; i++) {
		if (probes[i].error[0])
			continue;
		fputs(before, stdout);
		status_json_one(&probes[i]);
		before = ",";
	}
	puts("]");
}

/* As Go prints a list of texts. */
static void status_fields_one(const struct probe *p)
{
	const struct status *s = &p->status;
	const struct wire_hello node = {.cluster_id = s->cluster_id, .member_id = s->member_id};

	header_fields(&node, s->revision, s->term);
	printf("\"Version\" : ");
	json_text(s->version);
	printf("\n\"DBSize\" : %" PRIu64 "\n\"Leader\" : %" PRIu64
	       "\n\"IsLearner\" : %s\n\"RaftIndex\" : %" PRIu64 "\n\"RaftTerm\" : %" PRIu64
	       "\n\"RaftAppliedIndex\" : %" PRIu64 "\n\"Errors\" : [",
	       s->db_size, s->leader, s->learner ? "true" : "false", s->index, s->term, s->applied);
	for (uint32_t i = 0; i < s->error_count; i++)
		printf("%s%s", i ? " " : "", s->error[i]);
	printf("]\n\"Endpoint\" : ");
	json_text(endpoint_text(p->endpoint));
	putchar('\n');
	lines_fields(p->text, p->text_size);
	putchar('\n');
}

static void status_fields(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!probes[i].error[0])
			status_fields_one(&probes[i]);
	}
}

int command_status(const struct options *options)
{
	struct probe *probes = probe_all(options, probe_status);
	int status = EXIT_ANSWERED;

	if (!probes)
		return complain(EXIT_FAILED, "out of memory");
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (!probes[i].error[0])
			continue;
		fprintf(stderr, "Failed to get the status of endpoint %s (%s)\n",
			endpoint_text(probes[i].endpoint), probes[i].error);
		status = EXIT_FAILED;
	}
	switch (options->format) {
	case FORMAT_SIMPLE:
		status_simple(probes, options->endpoint_count);
		break;
	case FORMAT_TABLE:
		status_table(probes, options->endpoint_count);
		break;
	case FORMAT_JSON:
		status_json(probes, options->endpoint_count);
		break;
	case FORMAT_FIELDS:
		status_fields(probes, options->endpoint_count);
		break;
	}
	free(probes);
	return status;
}
