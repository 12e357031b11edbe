#include "tools/bench/load.h"

#include "base/clock.h"
#include "base/mix.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_SIZE_MAX = 48,
	KEYS_PER_CLIENT = 16,
	DONE_MAX = 256,
	PAUSE_US_MIN = 1000, /* after a failure: a refused client does not come back at once */
};

struct load_client {
	uint64_t session, base, sequence;
	uint8_t *request;
	bool waiting;
	uint64_t begun_ns;
	uint64_t pause_ns; /* not before */
};

struct load {
	struct path *path;
	uint32_t value_size;
	uint8_t *value;
	struct load_client *client;
	uint32_t waiting;
	uint64_t random;
	uint64_t busy_ns;
	uint64_t ok_ns; /* when a put was last answered OK */
	struct load_counters counters;
};

static void new_session(struct load *l, uint32_t i)
{
	l->client[i].session = mix_next(&l->random) | 1;
	l->client[i].sequence = 0;
	l->client[i].base = l->path->ops->base(l->path, i);
}

int load_create(struct load **out, struct path *path, uint32_t value_size, uint64_t seed)
{
	size_t request_size = KV_REQUEST_HEADER_SIZE + KEY_SIZE_MAX + value_size;
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->path = path;
	l->value_size = value_size;
	l->random = seed;
	l->value = malloc(value_size + 1);
	l->client = calloc(path->client_count, sizeof(*l->client));
	if (!l->value || !l->client)
		goto err_destroy;
	for (uint32_t i = 0; i < value_size; i++)
		l->value[i] = (uint8_t)('a' + i % 26);
	for (uint32_t i = 0; i < path->client_count; i++) {
		l->client[i].request = malloc(request_size);
		if (!l->client[i].request)
			goto err_destroy;
	}
	*out = l;
	return 0;

err_destroy:
	load_destroy(l);
	return -ENOMEM;
}

void load_destroy(struct load *l)
{
	for (uint32_t i = 0; l->client && i < l->path->client_count; i++)
		free(l->client[i].request);
	free(l->client);
	free(l->value);
	free(l);
}

static void put(struct load *l, uint32_t i, uint64_t now)
{
	struct load_client *c = &l->client[i];
	char key[KEY_SIZE_MAX];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = c->session,
		.session_base = c->base,
		.sequence = ++c->sequence,
		.key.data = (uint8_t *)key,
		.value = {l->value, l->value_size},
	};

	request.key.size = (uint32_t)snprintf(key, sizeof(key), "quoin-bench/%04u/%02u", i,
					      (unsigned int)(c->sequence % KEYS_PER_CLIENT));
	kv_request_encode(&request, c->request);
	c->waiting = true;
	l->waiting++;
	c->begun_ns = now;
	l->path->ops->request(l->path, i, WIRE_COMMAND, c->request,
			      (uint32_t)kv_request_size(&request), now, LOAD_TIMEOUT_NS);
}

static void failed(struct load *l, struct load_client *c, const struct path_answer *answer,
		   const char *why, uint64_t now)
{
	uint64_t pause = answer->retry_after_us;

	if (pause < PAUSE_US_MIN)
		pause = PAUSE_US_MIN;
	l->counters.failed++;
	l->counters.unknown += answer->status == WIRE_TIMEOUT;
	snprintf(l->counters.last, sizeof(l->counters.last), "%s", why);
	c->pause_ns = now + pause * CLOCK_US;
}

/* The end of a put: its latency, or why there is none. */
static void take(struct load *l, uint32_t i, uint64_t now, struct histogram *latency)
{
	struct load_client *c = &l->client[i];
	struct path_answer answer;
	struct kv_answer kv;

	c->waiting = false;
	l->waiting--;
	l->path->ops->answer(l->path, i, &answer);
	l->counters.refused += answer.retry_after_us != 0 || answer.status == WIRE_BUSY;
	if (answer.status != WIRE_OK) {
		failed(l, c, &answer, wire_status_text(answer.status), now);
		return;
	}
	if (kv_answer_decode(&kv, answer.data, answer.size)) {
		failed(l, c, &answer, "the answer is malformed", now);
		return;
	}
	if (kv.status != KV_OK) {
		failed(l, c, &answer, kv_status_text(kv.status), now);
		if (kv.status == KV_SESSION_EXPIRED)
			new_session(l, i);
		return;
	}
	l->counters.ok++;
	l->ok_ns = now;
	histogram_record(latency, now - c->begun_ns);
}

/* One turn; new puts only while `open`. */
static void turn(struct load *l, bool open, uint64_t wait_ns, struct histogram *latency)
{
	uint32_t done[DONE_MAX];
	uint32_t count = l->path->ops->poll(l->path, wait_ns, done, DONE_MAX);
	uint64_t now = clock_now();

	for (uint32_t i = 0; i < count; i++) {
		take(l, done[i], now, latency);
		if (open && l->client[done[i]].pause_ns <= now)
			put(l, done[i], now);
	}
}

/* Clients that pause, and at the start all of them. */
static void start_idle_clients(struct load *l, uint64_t now)
{
	if (l->waiting == l->path->client_count)
		return;
	for (uint32_t i = 0; i < l->path->client_count; i++) {
		if (!l->client[i].waiting && l->client[i].pause_ns <= now)
			put(l, i, now);
	}
}

int load_run(struct load *l, uint64_t duration_ns, struct histogram *latency)
{
	uint64_t begun = clock_now(), now = begun;

	l->ok_ns = begun;
	while (now - begun < duration_ns) {
		start_idle_clients(l, now);
		turn(l, true, CLOCK_MS, latency);
		now = clock_now();
		if (stop_requested())
			return -EINTR;
		if (now - l->ok_ns > 2 * LOAD_TIMEOUT_NS)
			return -ETIMEDOUT;
	}
	while (l->waiting) {
		turn(l, false, CLOCK_MS, latency);
		now = clock_now();
		if (now - begun > duration_ns + 2 * LOAD_TIMEOUT_NS)
			return -ETIMEDOUT;
	}
	l->busy_ns += now - begun;
	return 0;
}

/* One greeting. 0 or -ETIMEDOUT. */
static int greet(struct load *l, uint32_t i, uint64_t *took_ns)
{
	uint64_t begun = clock_now(), now = begun;
	struct path_answer answer;
	uint32_t done;

	l->path->ops->hello(l->path, i, begun, LOAD_TIMEOUT_NS);
	while (l->path->ops->poll(l->path, CLOCK_MS, &done, 1) == 0) {
		now = clock_now();
		if (now - begun > 2 * LOAD_TIMEOUT_NS)
			return -ETIMEDOUT;
		if (stop_requested())
			return -EINTR;
	}
	*took_ns = clock_now() - begun;
	l->path->ops->answer(l->path, i, &answer);
	if (answer.status == WIRE_OK)
		return 0;
	snprintf(l->counters.last, sizeof(l->counters.last), "%s", wire_status_text(answer.status));
	return -ECONNREFUSED;
}

int load_open(struct load *l)
{
	uint64_t took;
	int err = 0;

	for (uint32_t i = 0; !err && i < l->path->client_count; i++) {
		err = greet(l, i, &took);
		if (!err)
			new_session(l, i);
	}
	return err;
}

int load_greet(struct load *l, uint32_t count, struct histogram *latency)
{
	uint64_t took;
	int err = 0;

	for (uint32_t i = 0; !err && i < count; i++) {
		err = greet(l, 0, &took);
		if (!err)
			histogram_record(latency, took);
	}
	return err;
}

void load_idle(struct load *l, uint64_t duration_ns)
{
	uint64_t end = clock_now() + duration_ns;
	uint32_t done[DONE_MAX];

	while (clock_now() < end) {
		l->path->ops->poll(l->path, 0, done, DONE_MAX);
		clock_sleep(500 * CLOCK_US);
	}
}

const struct load_counters *load_get_counters(const struct load *l)
{
	return &l->counters;
}

uint64_t load_busy_ns(const struct load *l)
{
	return l->busy_ns;
}

void load_reset(struct load *l)
{
	memset(&l->counters, 0, sizeof(l->counters));
	l->busy_ns = 0;
}
