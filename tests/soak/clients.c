#include "tests/soak/clients.h"

#include "base/clock.h"
#include "kv/command.h"
#include "tests/unit/test.h"
#include "tools/client/draw.h"
#include "tools/client/endpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* Less than the longest fault, more than a failover: puts end up unknown, but not all. */
	CALL_MS = 300,
	PATIENCE_MS = 1500,
	LAST_READ_MS = 30000,
	PAUSE_MS = 2,
	DIGITS = 16, /* of a value's number, at its head */
	/* 35 frames, and more than the log's window of one write. */
	VALUE_SIZE_MAX = 40 * 1024,
	REQUEST_SIZE_MAX = VALUE_SIZE_MAX + 256,
};

struct asked {
	struct kv_request request;
	uint8_t *data;
	uint32_t size;
};

static uint32_t below(struct client *c, uint32_t bound)
{
	return (uint32_t)sim_random_below(&c->random, bound);
}

static void record(struct client *c, const struct history_operation *o)
{
	assert(history_add(&c->history, o) == 0);
}

static void turn(struct client *c)
{
	c->at = (c->at + 1) % c->clients->cluster->nodes;
	clock_sleep(PAUSE_MS * CLOCK_MS);
}

/* A session that begins now. False: the node does not answer, or shows no base (ADR 1). */
static bool begin(struct client *c)
{
	struct wire_hello hello;

	if (endpoint_welcome(c->endpoint[c->at], CALL_MS * CLOCK_MS, &hello) ||
	    hello.commit_index == 0)
		return false;
	c->session = draw();
	c->sequence = 0;
	c->base = hello.commit_index;
	return true;
}

/* Half of them are small, some take many entries and frames. */
static uint32_t draw_size(struct client *c)
{
	switch (below(c, 8)) {
	case 0:
		return below(c, VALUE_SIZE_MAX - DIGITS);
	case 1:
	case 2:
		return below(c, 3000);
	default:
		return below(c, 64);
	}
}

static void put_encode(struct client *c, uint32_t key, uint64_t value, uint8_t *data,
		       uint32_t *size)
{
	static const uint8_t padding[VALUE_SIZE_MAX];
	uint8_t text[VALUE_SIZE_MAX];
	uint32_t extra = draw_size(c);
	char name[16], digits[DIGITS + 1];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = c->session,
		.session_base = c->base,
		.sequence = c->sequence,
	};

	snprintf(name, sizeof(name), "soak/%02" PRIu32, key);
	snprintf(digits, sizeof(digits), "%016" PRIx64, value);
	memcpy(text, digits, DIGITS);
	memcpy(text + DIGITS, padding, extra);
	request.key = (struct kv_bytes){(const uint8_t *)name, (uint32_t)strlen(name)};
	request.value = (struct kv_bytes){text, DIGITS + extra};
	*size = (uint32_t)kv_request_size(&request);
	assert(*size <= REQUEST_SIZE_MAX);
	kv_request_encode(&request, data);
}

/* The node says that nothing was done. */
static bool refused(int verdict)
{
	return verdict == WIRE_BUSY || verdict == WIRE_NO_LEADER || verdict == WIRE_NO_SPACE;
}

/* 0: *answer is good; else -errno or the node's verdict. */
static int call(struct client *c, enum wire_request kind, const uint8_t *data, uint32_t size,
		uint32_t timeout_ms, struct kv_answer *answer)
{
	struct endpoint_answer out;
	int err = endpoint_call(c->endpoint[c->at], kind, data, size, timeout_ms * CLOCK_MS, &out);

	if (err)
		return err;
	if (out.status != WIRE_OK)
		return (int)out.status;
	return kv_answer_decode(answer, out.data, out.size);
}

static void put_done(struct client *c, struct history_operation *o, const struct kv_answer *answer)
{
	o->outcome = HISTORY_DONE;
	o->end_ns = clock_now();
	o->mod_revision = o->revision = answer->revision;
	atomic_fetch_add(&c->puts, 1);
}

/* Again, byte for byte, until it is known what came of it or the patience ends. */
static void put(struct client *c, uint8_t *data)
{
	struct history_operation o = {
		.kind = HISTORY_PUT,
		.outcome = HISTORY_UNKNOWN,
		.client = c->number,
		.key = below(c, CLIENTS_KEYS),
		.value = ((uint64_t)c->number + 1) << 40 | ++c->drawn,
		.begin_ns = clock_now(),
		.end_ns = HISTORY_NEVER,
	};
	uint64_t until = o.begin_ns + PATIENCE_MS * CLOCK_MS;
	struct kv_answer answer;
	uint32_t size;

	c->sequence++;
	put_encode(c, o.key, o.value, data, &size);
	for (bool first = true;; first = false) {
		int verdict = call(c, WIRE_COMMAND, data, size, CALL_MS, &answer);

		if (verdict == 0 && answer.status == KV_OK) {
			put_done(c, &o, &answer);
			break;
		}
		if (first && refused(verdict)) {
			o.outcome = HISTORY_NOT_DONE;
			turn(c);
			break;
		}
		if (clock_now() >= until || atomic_load(&c->clients->stop))
			break;
		turn(c);
	}
	record(c, &o);
	if (o.outcome != HISTORY_DONE)
		c->session = 0;
}

static uint64_t item_value(const struct kv_item *item)
{
	char digits[DIGITS + 1] = "";

	assert(item->value.size >= DIGITS);
	memcpy(digits, item->value.data, DIGITS);
	return strtoull(digits, NULL, 16);
}

static void record_get(struct client *c, uint32_t key, uint64_t begin_ns,
		       const struct kv_answer *answer, const struct kv_item *item)
{
	record(c, &(struct history_operation){
			  .kind = HISTORY_GET,
			  .client = c->number,
			  .key = key,
			  .begin_ns = begin_ns,
			  .end_ns = clock_now(),
			  .value = item ? item_value(item) : 0,
			  .mod_revision = item ? item->mod_revision : 0,
			  .revision = answer->revision,
		  });
}

/* Keys that the answer leaves out were seen too: not to be there. */
static void record_range(struct client *c, uint64_t begin_ns, const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0, key = 0;

	while (kv_item_next(answer, &at, &item)) {
		char digits[3] = {(char)item.key.data[5], (char)item.key.data[6]};
		uint32_t seen = (uint32_t)strtoul(digits, NULL, 10);

		for (; key < seen; key++)
			record_get(c, key, begin_ns, answer, NULL);
		record_get(c, key++, begin_ns, answer, &item);
	}
	for (; key < CLIENTS_KEYS; key++)
		record_get(c, key, begin_ns, answer, NULL);
}

/* One key, or all of them at one moment. False: no good answer. */
static bool get(struct client *c, bool all, uint32_t key, uint32_t timeout_ms)
{
	struct kv_request request = {.operation = KV_RANGE};
	uint64_t begin_ns = clock_now();
	struct kv_answer answer;
	struct kv_item item;
	uint8_t data[256];
	uint32_t at = 0;
	char name[16];

	snprintf(name, sizeof(name), all ? "soak/" : "soak/%02" PRIu32, key);
	request.key = (struct kv_bytes){(const uint8_t *)name, (uint32_t)strlen(name)};
	if (all)
		request.range_end = (struct kv_bytes){(const uint8_t *)"soak0", 5};
	kv_request_encode(&request, data);
	if (call(c, WIRE_QUERY, data, (uint32_t)kv_request_size(&request), timeout_ms, &answer))
		return false;
	if (all)
		record_range(c, begin_ns, &answer);
	else
		record_get(c, key, begin_ns, &answer,
			   kv_item_next(&answer, &at, &item) ? &item : NULL);
	atomic_fetch_add(&c->gets, 1);
	return true;
}

static void endpoints_open(struct client *c)
{
	const struct cluster *cluster = c->clients->cluster;
	char text[128], error[ADDRESS_ERROR_MAX];

	cluster_enter(cluster);
	for (uint32_t i = 0; i < cluster->nodes; i++) {
		/* Every third uses the local socket, where the link has another door. */
		const char *to = c->number % 3 == 0 ? cluster_admin(cluster, i + 1, text)
						    : cluster_endpoint(cluster, i + 1, text);

		assert(endpoint_open(&c->endpoint[i], to, error) == 0);
	}
}

static void endpoints_close(struct client *c)
{
	for (uint32_t i = 0; i < c->clients->cluster->nodes; i++)
		endpoint_close(c->endpoint[i]);
}

static void *go(void *argument)
{
	struct client *c = argument;
	uint8_t *data = malloc(REQUEST_SIZE_MAX);

	assert(data);
	endpoints_open(c);
	while (!atomic_load(&c->clients->stop)) {
		uint32_t what = below(c, 10);

		if (what < 5) {
			if (c->session || begin(c))
				put(c, data);
			else
				turn(c);
		} else if (!get(c, what == 9, below(c, CLIENTS_KEYS), CALL_MS)) {
			turn(c);
		} else if (below(c, 8) == 0) {
			turn(c);
		}
	}
	endpoints_close(c);
	free(data);
	return NULL;
}

void clients_start(struct clients *s, const struct cluster *cluster, uint32_t count, uint64_t seed)
{
	assert(count <= CLIENTS_MAX);
	*s = (struct clients){.cluster = cluster, .count = count};
	for (uint32_t i = 0; i < count; i++) {
		struct client *c = &s->client[i];

		c->clients = s;
		c->number = i;
		c->at = i % cluster->nodes;
		c->random.state = seed + i;
		assert(pthread_create(&c->thread, NULL, go, c) == 0);
	}
}

uint64_t clients_puts(const struct clients *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->count; i++)
		sum += atomic_load(&s->client[i].puts);
	return sum;
}

uint64_t clients_gets(const struct clients *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->count; i++)
		sum += atomic_load(&s->client[i].gets);
	return sum;
}

static void *read_all(void *argument)
{
	struct client *c = argument;

	endpoints_open(c);
	for (c->at = 0; c->at < c->clients->cluster->nodes; c->at++) {
		if (!get(c, true, 0, LAST_READ_MS)) {
			printf("n%" PRIu32 " does not answer after all was mended\n", c->at + 1);
			_exit(1);
		}
	}
	endpoints_close(c);
	return NULL;
}

void clients_stop(struct clients *s, struct history *out)
{
	struct client *last = &s->client[0];

	atomic_store(&s->stop, true);
	for (uint32_t i = 0; i < s->count; i++)
		assert(pthread_join(s->client[i].thread, NULL) == 0);
	/* In a thread, for it goes into the lab's namespace. */
	assert(pthread_create(&last->thread, NULL, read_all, last) == 0);
	assert(pthread_join(last->thread, NULL) == 0);
	for (uint32_t i = 0; i < s->count; i++) {
		struct history *h = &s->client[i].history;

		for (size_t k = 0; k < h->count; k++)
			assert(history_add(out, &h->operation[k]) == 0);
		history_destroy(h);
	}
}
