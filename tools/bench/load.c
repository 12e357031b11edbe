#include "tools/bench/load.h"

#include "base/clock.h"
#include "base/mix.h"
#include "kv/window.h"
#include "tools/bench/ledger.h"
#include "tools/bench/series.h"
#include "tools/bench/stop.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_SIZE_MAX = LOAD_PREFIX_MAX + 16,
	DONE_MAX = 256,
	PAUSE_US_MIN = 1000, /* after a failure: a refused client does not come back at once */
};

/* What is still behind when an open loop ends is begun for this long, and given up then. */
#define BEHIND_NS CLOCK_S

/* A client of the path, and the request that it has open. */
struct lane {
	struct kv_window *session;
	uint64_t sequence; /* of a command */
	uint8_t *request;
	bool open;
	enum load_kind kind;
	uint32_t key;
	uint64_t number;   /* of a put */
	uint64_t begun_ns; /* or due */
	uint64_t pause_ns; /* not before */
};

/* What is to be begun in a run. */
struct pace {
	uint64_t begun_ns;
	double interval_ns; /* 0: whenever a client is free */
	uint64_t total, begun;
	bool fills; /* puts of each key, one after the other */
};

struct load {
	struct path *path;
	struct load_options options;
	char prefix[LOAD_PREFIX_MAX];
	uint8_t *value;
	uint64_t puts;     /* begun */
	struct lane *lane; /* path->client_count */
	struct kv_window *session;
	uint32_t *idle; /* a ring of those without a request, path->client_count */
	uint32_t idle_first, idle_count;
	struct pace pace;
	uint64_t random;
	/* The newest index that any client was shown: a base for the next command of each (V37). */
	uint64_t base;
	uint64_t busy_ns;
	uint64_t ok_ns; /* when a request was last answered OK, or there was nothing to be asked */
	struct load_counters counters;
};

static void shown(struct load *l, uint64_t index)
{
	if (l->base < index)
		l->base = index;
}

static void push_idle(struct load *l, uint32_t i)
{
	l->idle[(l->idle_first + l->idle_count++) % l->path->client_count] = i;
}

static uint32_t pop_idle(struct load *l)
{
	uint32_t i = l->idle[l->idle_first];

	l->idle_first = (l->idle_first + 1) % l->path->client_count;
	l->idle_count--;
	return i;
}

static uint32_t session_count(const struct load *l)
{
	return (l->path->client_count + l->options.inflight - 1) / l->options.inflight;
}

int load_create(struct load **out, struct path *path, const struct load_options *options)
{
	size_t request_size = KV_REQUEST_FIXED_MAX + 2 * KEY_SIZE_MAX + options->value_size;
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->path = path;
	l->options = *options;
	l->random = options->seed;
	snprintf(l->prefix, sizeof(l->prefix), "quoin-bench/%016" PRIx64 "/", mix_next(&l->random));
	l->value = malloc(options->value_size + 1);
	assert(options->inflight >= 1);
	l->lane = calloc(path->client_count, sizeof(*l->lane));
	l->session = calloc(session_count(l), sizeof(*l->session));
	l->idle = calloc(path->client_count, sizeof(*l->idle));
	if (!l->value || !l->lane || !l->session || !l->idle)
		goto err_destroy;
	for (uint32_t i = 0; i < options->value_size; i++)
		l->value[i] = (uint8_t)('a' + i % 26);
	for (uint32_t i = 0; i < path->client_count; i++) {
		push_idle(l, i);
		l->lane[i].session = &l->session[i / options->inflight];
		l->lane[i].request = malloc(request_size);
		if (!l->lane[i].request)
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
	for (uint32_t i = 0; l->lane && i < l->path->client_count; i++)
		free(l->lane[i].request);
	free(l->lane);
	free(l->session);
	free(l->idle);
	free(l->value);
	free(l);
}

static void issue(struct load *l, uint32_t i, struct kv_request *request, uint64_t now)
{
	struct lane *lane = &l->lane[i];
	enum wire_request kind = WIRE_COMMAND;

	if (request->operation == KV_RANGE) {
		kind = l->options.serializable ? WIRE_QUERY_LOCAL : WIRE_QUERY;
	} else {
		kv_window_open(lane->session, request);
		request->session_base = l->base;
	}
	lane->open = true;
	lane->sequence = request->sequence;
	kv_request_encode(request, lane->request);
	l->path->ops->request(l->path, i, kind, lane->request, (uint32_t)kv_request_size(request),
			      now, LOAD_TIMEOUT_NS);
}

/* Each value begins with a number of its own, if it has room. */
static void number_value(struct load *l, struct lane *lane)
{
	char digits[LEDGER_NUMBER_SIZE + 1];

	lane->number = ++l->puts;
	if (l->options.value_size < LEDGER_NUMBER_SIZE)
		return;
	snprintf(digits, sizeof(digits), "%016" PRIx64, lane->number);
	memcpy(l->value, digits, LEDGER_NUMBER_SIZE);
}

/* The next request that is due, by a client that is free. */
static void begin(struct load *l, uint32_t i, uint64_t due, uint64_t now)
{
	struct lane *lane = &l->lane[i];
	struct pace *p = &l->pace;
	uint64_t number = p->fills ? p->begun : mix_next(&l->random) % l->options.keys;
	struct kv_request request = {.operation = KV_PUT,
				     .value = {l->value, l->options.value_size}};
	char key[KEY_SIZE_MAX];

	lane->kind = LOAD_PUT;
	if (!p->fills && mix_next(&l->random) % 100 < l->options.gets_percent) {
		lane->kind = LOAD_GET;
		request = (struct kv_request){.operation = KV_RANGE};
	} else {
		number_value(l, lane);
	}
	lane->key = (uint32_t)number;
	request.key.data = (uint8_t *)key;
	request.key.size = (uint32_t)snprintf(key, sizeof(key), "%s%08" PRIu64, l->prefix, number);
	lane->begun_ns = due;
	p->begun++;
	issue(l, i, &request, now);
}

/*
 * Of a put that failed. To the wire OK, and to the store not: it has forgotten the session, which
 * goes on, for its next base is newer.
 */
static bool is_unknown(const struct path_answer *answer)
{
	return answer->status == WIRE_OK ||
	       (!answer->unasked && status_row(answer->status)->done != STATUS_NOTHING);
}

static void failed(struct load *l, struct lane *lane, const struct path_answer *answer,
		   const char *why, uint64_t now)
{
	uint64_t pause = answer->retry_after_us;

	if (pause < PAUSE_US_MIN)
		pause = PAUSE_US_MIN;
	l->counters.failed++;
	if (lane->kind == LOAD_PUT && is_unknown(answer)) {
		l->counters.unknown++;
		if (l->options.ledger)
			ledger_unknown(l->options.ledger, lane->key);
	}
	snprintf(l->counters.last, sizeof(l->counters.last), "%s", why);
	lane->pause_ns = now + pause * CLOCK_US;
}

static const char *refusal(const struct path_answer *answer)
{
	return answer->why ? answer->why : status_row(answer->status)->words;
}

/* NULL, or why the answer is not what was asked for. */
static const char *judge(struct load *l, const struct lane *lane, const struct path_answer *answer)
{
	struct kv_answer kv;

	if (answer->status != WIRE_OK)
		return refusal(answer);
	if (kv_answer_decode(&kv, answer->data, answer->size))
		return "the answer is malformed";
	shown(l, kv.applied_index);
	if (kv.status != KV_OK)
		return kv_status_text(kv.status);
	if (lane->kind == LOAD_GET && kv.item_count != 1)
		return "a key that was put is not there";
	if (lane->kind == LOAD_PUT && l->options.ledger)
		ledger_acknowledged(l->options.ledger, lane->key, kv.revision, lane->number);
	return NULL;
}

/* The end of a request: its latency, or why there is none. */
static void take(struct load *l, uint32_t i, uint64_t now, struct histogram *const latency[])
{
	struct lane *lane = &l->lane[i];
	struct path_answer answer;
	const char *why;

	push_idle(l, i);
	lane->open = false;
	/* Answered, or given up. */
	if (lane->sequence)
		kv_window_close(lane->session, lane->sequence);
	l->path->ops->answer(l->path, i, &answer);
	l->counters.refused += answer.retry_after_us != 0 || answer.status == WIRE_BUSY;
	why = judge(l, lane, &answer);
	if (why) {
		failed(l, lane, &answer, why, now);
		if (latency && l->options.series)
			series_failed(l->options.series, now);
		return;
	}
	l->counters.ok[lane->kind]++;
	l->ok_ns = now;
	if (!latency)
		return;
	histogram_record(latency[lane->kind], now - lane->begun_ns);
	if (l->options.series)
		series_answered(l->options.series, now, now - lane->begun_ns);
}

static uint32_t outstanding(const struct load *l)
{
	return l->path->client_count - l->idle_count;
}

/* When request `number` is due. */
static uint64_t due_ns(const struct pace *p, uint64_t number)
{
	return p->begun_ns + (uint64_t)(p->interval_ns * (double)number);
}

/* How many are due by now. */
static uint64_t due_count(const struct pace *p, uint64_t now)
{
	uint64_t due;

	if (p->interval_ns == 0)
		return p->total;
	due = (uint64_t)((double)(now - p->begun_ns) / p->interval_ns) + 1;
	return due < p->total ? due : p->total;
}

static void begin_due(struct load *l, uint64_t now)
{
	struct pace *p = &l->pace;
	uint64_t due = due_count(p, now);

	for (uint32_t tries = l->idle_count; tries > 0 && p->begun < due; tries--) {
		uint32_t i = pop_idle(l);

		if (l->lane[i].pause_ns > now || !kv_window_has_room(l->lane[i].session))
			push_idle(l, i);
		else
			begin(l, i, p->interval_ns > 0 ? due_ns(p, p->begun) : now, now);
	}
	if (p->interval_ns > 0 && due - p->begun > l->counters.behind_max)
		l->counters.behind_max = due - p->begun;
}

/* How long there is nothing to begin. */
static uint64_t time_until_due(const struct load *l, uint64_t now)
{
	const struct pace *p = &l->pace;
	uint64_t next;

	if (p->interval_ns == 0 || p->begun == p->total || l->idle_count == 0)
		return CLOCK_MS;
	next = due_ns(p, p->begun);
	if (next <= now)
		return 0;
	return next - now < CLOCK_MS ? next - now : CLOCK_MS;
}

/* What is due and will not be begun: it waited for so long at the least. */
static void give_up(struct load *l, uint64_t now, struct histogram *const latency[])
{
	struct pace *p = &l->pace;
	enum load_kind kind = l->options.gets_percent < 50 ? LOAD_PUT : LOAD_GET;

	for (; p->begun < p->total; p->begun++) {
		l->counters.unsent++;
		histogram_record(latency[kind], now - due_ns(p, p->begun));
	}
}

/* Nobody waits for what is outstanding any more: it may have been done. */
static void forsake(struct load *l)
{
	for (uint32_t i = 0; l->options.ledger && i < l->path->client_count; i++) {
		if (l->lane[i].open && l->lane[i].kind == LOAD_PUT)
			ledger_unknown(l->options.ledger, l->lane[i].key);
	}
}

/* Turns until all of the pace is begun and answered, or `end_ns` and all that was begun. */
static int run(struct load *l, uint64_t end_ns, struct histogram *const latency[])
{
	uint32_t done[DONE_MAX], count;
	struct pace *p = &l->pace;
	uint64_t now = p->begun_ns;
	int err = 0;

	l->ok_ns = now;
	for (;;) {
		if (stop_requested() && p->begun < p->total)
			err = -EINTR;
		if (err || (now >= end_ns && p->interval_ns == 0))
			p->total = p->begun;
		else if (p->interval_ns > 0 && now >= end_ns + BEHIND_NS)
			give_up(l, now, latency);
		begin_due(l, now);
		if (outstanding(l) == 0 && p->begun == due_count(p, now)) {
			l->ok_ns = now;
			if (p->begun == p->total)
				return err;
		}
		count = l->path->ops->poll(l->path, time_until_due(l, now), done, DONE_MAX);
		now = clock_now();
		for (uint32_t i = 0; i < count; i++)
			take(l, done[i], now, latency);
		if (now - l->ok_ns > 2 * LOAD_TIMEOUT_NS) {
			forsake(l);
			return err ? err : -ETIMEDOUT;
		}
	}
}

/* So many requests; 0: as many as there are in that time. */
static int run_paced(struct load *l, uint64_t total, uint64_t duration_ns,
		     struct histogram *const latency[LOAD_KINDS])
{
	uint64_t now = clock_now();
	int err;

	l->pace = (struct pace){.begun_ns = now, .total = total ? total : UINT64_MAX};
	if (l->options.rate > 0) {
		l->pace.interval_ns = 1e9 / l->options.rate;
		if (total)
			duration_ns = (uint64_t)((double)total * l->pace.interval_ns);
		else
			l->pace.total = (uint64_t)((double)duration_ns / l->pace.interval_ns);
		l->pace.total += l->pace.total == 0;
	}
	err = run(l, duration_ns == UINT64_MAX ? duration_ns : now + duration_ns, latency);
	l->busy_ns += clock_now() - now;
	return err;
}

int load_run(struct load *l, uint64_t duration_ns, struct histogram *const latency[LOAD_KINDS])
{
	return run_paced(l, 0, duration_ns, latency);
}

int load_run_count(struct load *l, uint64_t count, struct histogram *const latency[LOAD_KINDS])
{
	return run_paced(l, count, UINT64_MAX, latency);
}

int load_fill(struct load *l)
{
	uint64_t before = l->counters.failed;
	int err;

	l->pace = (struct pace){.begun_ns = clock_now(), .total = l->options.keys, .fills = true};
	err = run(l, UINT64_MAX, NULL);
	return err || l->counters.failed == before ? err : -EIO;
}

/* One command by a client that has nothing outstanding, if there is one. */
int load_clean(struct load *l)
{
	uint8_t end[LOAD_PREFIX_MAX];
	struct kv_request request = {
		.operation = KV_DELETE,
		.key = {(const uint8_t *)l->prefix, (uint32_t)strlen(l->prefix)},
		.range_end = {end, (uint32_t)kv_prefix_end((const uint8_t *)l->prefix,
							   strlen(l->prefix), end)},
	};
	uint64_t before = l->counters.failed, begun = clock_now();
	uint32_t done[DONE_MAX], lane = 0, tries = l->idle_count;

	snprintf(l->counters.last, sizeof(l->counters.last), "no client is free");
	for (; tries > 0; tries--) {
		lane = pop_idle(l);
		if (kv_window_has_room(l->lane[lane].session))
			break;
		push_idle(l, lane);
	}
	if (tries == 0)
		return -EIO;
	l->lane[lane].kind = LOAD_PUT;
	snprintf(l->counters.last, sizeof(l->counters.last), "no answer");
	issue(l, lane, &request, begun);
	for (;;) {
		uint32_t count = l->path->ops->poll(l->path, CLOCK_MS, done, DONE_MAX);
		uint64_t now = clock_now();
		bool mine = false;

		for (uint32_t i = 0; i < count; i++) {
			take(l, done[i], now, NULL);
			mine |= done[i] == lane;
		}
		if (mine)
			return l->counters.failed == before ? 0 : -EIO;
		if (now - begun > 2 * LOAD_TIMEOUT_NS)
			return -EIO;
	}
}

const char *load_prefix(const struct load *l)
{
	return l->prefix;
}

/* One greeting, which is waited for to its end, so that the client is free again. */
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
	}
	*took_ns = clock_now() - begun;
	l->path->ops->answer(l->path, i, &answer);
	if (answer.status == WIRE_OK)
		return 0;
	snprintf(l->counters.last, sizeof(l->counters.last), "%s", refusal(&answer));
	return -ECONNREFUSED;
}

/* Without a leader nodes show nothing, and what is older than that is no base (ADR 1). */
int load_open(struct load *l)
{
	const uint64_t until = clock_now() + 2 * LOAD_TIMEOUT_NS;
	uint64_t took;
	int err = 0;

	for (uint32_t i = 0; i < session_count(l); i++)
		kv_window_begin(&l->session[i], mix_next(&l->random) | 1, KV_SESSION_WINDOW);
	while (!err && l->base == 0) {
		for (uint32_t i = 0; !err && i < l->path->client_count; i++) {
			err = stop_requested() ? -EINTR : greet(l, i, &took);
			if (!err)
				shown(l, l->path->ops->base(l->path, i));
		}
		if (err || l->base != 0)
			break;
		snprintf(l->counters.last, sizeof(l->counters.last), "%s",
			 status_row(WIRE_NO_LEADER)->words);
		if (clock_now() >= until)
			err = -ETIMEDOUT;
		load_idle(l, CLOCK_MS);
	}
	return err;
}

int load_greet(struct load *l, uint32_t count, struct histogram *latency)
{
	uint64_t took;
	int err = 0;

	for (uint32_t i = 0; !err && i < count; i++) {
		err = stop_requested() ? -EINTR : greet(l, 0, &took);
		if (!err)
			histogram_record(latency, took);
	}
	return err;
}

void load_idle(struct load *l, uint64_t duration_ns)
{
	uint64_t end = clock_now() + duration_ns;
	uint32_t done[DONE_MAX];

	for (;;) {
		l->path->ops->poll(l->path, 0, done, DONE_MAX);
		if (clock_now() >= end)
			return;
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
