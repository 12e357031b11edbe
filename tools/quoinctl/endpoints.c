/*
 * endpoint health and endpoint status: each endpoint is asked, all at the same time.
 */
#include "tools/quoinctl/quoinctl.h"

#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct probe {
	const struct options *options;
	struct endpoint *endpoint;
	uint64_t took_ns;
	struct status status;
	char error[ERROR_SIZE]; /* empty: it answered */
};

typedef void probe_function(struct probe *p);

/* A linearizable read: what a cluster that can commit can answer, as etcdctl asks it. */
static void probe_health(struct probe *p)
{
	const struct kv_request request = {
		.operation = KV_RANGE,
		.key = {(const uint8_t *)"health", 6},
	};
	uint8_t bytes[KV_REQUEST_HEADER_SIZE + 6];
	struct endpoint_answer answer;
	struct kv_answer kv;
	uint64_t begin = clock_now();
	int result;

	kv_request_encode(&request, bytes);
	result = endpoint_call(p->endpoint, WIRE_QUERY, bytes, sizeof(bytes),
			       p->options->timeout_ns, &answer);
	p->took_ns = clock_now() - begin;
	if (!result)
		result = (int)answer.status;
	if (result)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(result));
	else if (kv_answer_decode(&kv, answer.data, answer.size))
		snprintf(p->error, sizeof(p->error), "an answer that cannot be read");
	else if (kv.status != KV_OK)
		snprintf(p->error, sizeof(p->error), "%s", kv_status_text(kv.status));
}

static void probe_status(struct probe *p)
{
	int err = status_ask(p->endpoint, p->options->timeout_ns, &p->status);

	if (err)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(err));
}

struct probe_thread {
	pthread_t thread;
	bool started;
	probe_function *function;
	struct probe *probe;
};

static void *probe_main(void *argument)
{
	const struct probe_thread *t = argument;

	t->function(t->probe);
	return NULL;
}

/* One result for each endpoint, in their order; the caller frees them. */
static struct probe *probe_all(const struct options *options, probe_function *function)
{
	struct probe *probes = calloc(options->endpoint_count, sizeof(*probes));
	struct probe_thread threads[ENDPOINTS_MAX] = {0};

	if (!probes)
		return NULL;
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		struct probe_thread *t = &threads[i];

		probes[i].options = options;
		probes[i].endpoint = options->endpoint[i];
		t->function = function;
		t->probe = &probes[i];
		t->started = pthread_create(&t->thread, NULL, probe_main, t) == 0;
		if (!t->started)
			function(t->probe);
	}
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (threads[i].started)
			pthread_join(threads[i].thread, NULL);
	}
	return probes;
}

static void health_json(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char took[DURATION_SIZE];

		duration_text(probes[i].took_ns, took);
		printf("%c{\"endpoint\":", i ? ',' : '[');
		json_text(endpoint_text(probes[i].endpoint));
		printf(",\"health\":%s,\"took\":\"%s\"", probes[i].error[0] ? "false" : "true",
		       took);
		if (probes[i].error[0]) {
			printf(",\"error\":");
			json_text(probes[i].error);
		}
		putchar('}');
	}
	puts("]");
}

static void health_table(const struct probe *probes, uint32_t count)
{
	static const char *cells[ENDPOINTS_MAX + 1][4] = {{"ENDPOINT", "HEALTH", "TOOK", "ERROR"}};
	static char took[ENDPOINTS_MAX][DURATION_SIZE];

	for (uint32_t i = 0; i < count; i++) {
		duration_text(probes[i].took_ns, took[i]);
		cells[i + 1][0] = endpoint_text(probes[i].endpoint);
		cells[i + 1][1] = probes[i].error[0] ? "false" : "true";
		cells[i + 1][2] = took[i];
		cells[i + 1][3] = probes[i].error;
	}
	table_print(&cells[0][0], count + 1, 4);
}

static void health_simple(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *text = endpoint_text(probes[i].endpoint);
		char took[DURATION_SIZE];

		duration_text(probes[i].took_ns, took);
		if (probes[i].error[0])
			fprintf(stderr, "%s is unhealthy: failed to commit proposal: %s\n", text,
				probes[i].error);
		else
			printf("%s is healthy: successfully committed proposal: took = %s\n", text,
			       took);
	}
}

int command_health(const struct options *options)
{
	struct probe *probes = probe_all(options, probe_health);
	bool unhealthy = false;

	if (!probes)
		return complain(EXIT_FAILED, "out of memory");
	for (uint32_t i = 0; i < options->endpoint_count; i++)
		unhealthy |= probes[i].error[0] != '\0';
	switch (options->format) {
	case FORMAT_SIMPLE:
		health_simple(probes, options->endpoint_count);
		break;
	case FORMAT_TABLE:
		health_table(probes, options->endpoint_count);
		break;
	case FORMAT_JSON:
		health_json(probes, options->endpoint_count);
		break;
	}
	free(probes);
	fflush(stdout);
	return unhealthy ? complain(EXIT_FAILED, "unhealthy cluster") : EXIT_ANSWERED;
}

static bool is_leader(const struct status *s)
{
	return s->leader && s->leader == s->member_id;
}

enum { STATUS_COLUMNS = 12, CELL_SIZE = 512 };

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
	snprintf(cell[5], CELL_SIZE, "false"); /* there are no learners yet */
	snprintf(cell[6], CELL_SIZE, "%" PRIu64, s->term);
	snprintf(cell[7], CELL_SIZE, "%" PRIu64, s->index);
	snprintf(cell[8], CELL_SIZE, "%" PRIu64, s->applied);
	cell[9][0] = '\0';
	for (uint32_t i = 0; i < s->error_count; i++) {
		size_t used = strlen(cell[9]);

		snprintf(cell[9] + used, CELL_SIZE - used, "%s%s", i ? "; " : "", s->error[i]);
	}
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
	       ",\"dbSizeInUse\":%" PRIu64 ",\"isLeader\":%s,\"durability\":",
	       s->index, s->term, s->applied, s->db_size, is_leader(s) ? "true" : "false");
	json_text(s->durability);
	printf(",\"link\":");
	json_text(s->link);
	for (uint32_t i = 0; i < s->error_count; i++) {
		printf(i ? "," : ",\"errors\":[");
		json_text(s->error[i]);
	}
	printf("%s}}", s->error_count ? "]" : "");
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

int command_status(const struct options *options)
{
	struct probe *probes = probe_all(options, probe_status);
	int result = EXIT_ANSWERED;

	if (!probes)
		return complain(EXIT_FAILED, "out of memory");
	for (uint32_t i = 0; i < options->endpoint_count; i++) {
		if (!probes[i].error[0])
			continue;
		fprintf(stderr, "Failed to get the status of endpoint %s (%s)\n",
			endpoint_text(probes[i].endpoint), probes[i].error);
		result = EXIT_FAILED;
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
	}
	free(probes);
	return result;
}
