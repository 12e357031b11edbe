/*
 * Each endpoint is asked, all at the same time; and endpoint health.
 */
#include "tools/quoinctl/endpoints.h"
#include "tools/quoinctl/orders.h"

#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One that was removed answers its status alone: that is its error then. */
static int ask_health(struct probe *p, const uint8_t *bytes, uint32_t size,
		      struct endpoint_answer *answer)
{
	const uint64_t deadline_ns = clock_now() + p->options->timeout_ns;
	struct wire_hello node;
	int err = endpoint_welcome(p->endpoint, p->options->timeout_ns, &node);

	if (err)
		return err;
	if (was_removed(p->endpoint, &node, left_until(deadline_ns) + 1)) {
		snprintf(p->error, sizeof(p->error), WAS_REMOVED);
		return 0;
	}
	return endpoint_call(p->endpoint, WIRE_QUERY, bytes, size, left_until(deadline_ns) + 1,
			     answer);
}

/* A linearizable read: what a cluster that can commit can answer, as etcdctl asks it. */
static void probe_health(struct probe *p)
{
	const struct kv_request request = {
		.operation = KV_RANGE,
		.key = {(const uint8_t *)"health", 6},
	};
	uint8_t bytes[KV_REQUEST_FIXED_MAX + 6];
	struct endpoint_answer answer;
	struct kv_answer kv;
	uint64_t begin = clock_now();
	int err;

	kv_request_encode(&request, bytes);
	err = ask_health(p, bytes, sizeof(bytes), &answer);
	p->took_ns = clock_now() - begin;
	if (p->error[0])
		return;
	if (!err)
		err = (int)answer.status;
	if (err)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(err));
	else if (kv_answer_decode(&kv, answer.data, answer.size))
		snprintf(p->error, sizeof(p->error), "an answer that cannot be read");
	else if (kv.status != KV_OK)
		snprintf(p->error, sizeof(p->error), "%s", kv_status_text(kv.status));
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

struct probe *probe_all(const struct options *options, probe_function *function)
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

static void health_fields(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char took[DURATION_SIZE];

		duration_text(probes[i].took_ns, took);
		printf("\"Endpoint\" : ");
		json_text(endpoint_text(probes[i].endpoint));
		printf("\n\"Health\" : %s\n\"Took\" : %s\n\"Error\" : %s\n\n",
		       probes[i].error[0] ? "false" : "true", took, probes[i].error);
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
	case FORMAT_FIELDS:
		health_fields(probes, options->endpoint_count);
		break;
	}
	free(probes);
	fflush(stdout);
	return unhealthy ? complain(EXIT_FAILED, "unhealthy cluster") : EXIT_ANSWERED;
}
