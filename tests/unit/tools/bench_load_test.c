/*
 * The load over a path that answers at once, and as the test says.
 */
#include "base/clock.h"
#include "tests/unit/test.h"
#include "tools/bench/load.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <signal.h>

#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, BASE = 17 };

struct client {
	bool open, greeted;
	uint64_t session, sequence;
	uint64_t requests;
	bool get;
};

/* Answers each request in the poll after it; every `fail_each`-th put with fail_status. */
struct fake {
	struct path path;
	struct client client[CLIENTS];
	uint64_t requests;
	uint64_t
		index; /* where the last answer was applied: above what was shown when it greeted */
	uint64_t fail_each;
	enum wire_status fail_status;
	enum kv_status kv_status;
	uint64_t repeated; /* a (session, sequence) that had been seen */
	uint64_t sessions; /* changes of a client's session */
	uint64_t gets, deletes;
	enum wire_request get_kind;
	uint64_t poll_ns; /* a poll takes so long */
	/* After the first request so long nothing is answered for a while. */
	uint64_t stall_after_ns, stall_ns, first_ns;
	uint64_t interrupt_after; /* requests; 0: never */
	uint32_t unled;           /* so many that greet are shown nothing */
	uint32_t inflight;        /* of one session; 0: it is not looked at */
	/* The first client is answered when so many polls have brought no request. */
	uint32_t held, quiet;
	uint64_t held_at, requests_before; /* how many there were then */
	uint8_t answer[KV_ANSWER_HEADER_SIZE + KV_ITEM_HEADER_SIZE + 1];
};

static struct fake *fake_of(struct path *path)
{
	return (struct fake *)path;
}

/* Of three on one session: each has a sequence of its own, and the floor is the oldest's. */
static void window_check(struct fake *f, uint32_t client, const struct kv_request *request)
{
	uint64_t oldest = request->sequence;

	for (uint32_t i = 0; i < CLIENTS; i++) {
		const struct client *c = &f->client[i];

		if (i == client || !c->open || c->get)
			continue;
		assert_int_equal(request->session, c->session);
		assert_int_not_equal(request->sequence, c->sequence);
		oldest = c->sequence < oldest ? c->sequence : oldest;
	}
	assert_int_equal(request->floor, oldest);
	assert_in_range(request->sequence - request->floor, 0, KV_SESSION_WINDOW - 1);
	f->client[client].session = request->session;
	f->client[client].sequence = request->sequence;
}

static void fake_request(struct path *path, uint32_t client, enum wire_request kind,
			 const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns)
{
	struct fake *f = fake_of(path);
	struct client *c = &f->client[client];
	struct kv_request request;

	assert_false(c->open);
	assert_true(now_ns > 0);
	assert_true(timeout_ns > 0);
	assert_int_equal(kv_request_decode(&request, data, size), 0);
	c->open = true;
	c->greeted = false;
	c->requests++;
	f->requests++;
	f->first_ns = f->first_ns ? f->first_ns : clock_now();
	c->get = request.operation == KV_RANGE;
	if (f->requests == f->interrupt_after)
		assert_int_equal(raise(SIGINT), 0);
	if (c->get) {
		f->gets++;
		f->get_kind = kind;
		return;
	}
	f->deletes += request.operation == KV_DELETE;
	assert_int_equal(kind, WIRE_COMMAND);
	/* V37: the newest that any client was shown, so that none of them is idle for too long. */
	assert_int_equal(request.session_base, f->index);
	assert_int_equal(request.flags, 0);
	if (f->inflight) {
		window_check(f, client, &request);
		return;
	}
	if (request.session != c->session) {
		f->sessions++;
		c->session = request.session;
		c->sequence = 0;
	}
	f->repeated += request.sequence != c->sequence + 1;
	c->sequence = request.sequence;
}

static void fake_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	(void)now_ns;
	(void)timeout_ns;
	fake_of(path)->client[client].open = true;
	fake_of(path)->client[client].greeted = true;
}

static uint32_t fake_poll(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max)
{
	struct fake *f = fake_of(path);
	uint64_t since = clock_now() - f->first_ns;
	uint32_t count = 0;

	(void)wait_ns;
	if (f->poll_ns)
		clock_sleep(f->poll_ns);
	if (f->stall_ns && f->first_ns && since >= f->stall_after_ns &&
	    since < f->stall_after_ns + f->stall_ns)
		return 0;
	f->quiet = f->requests == f->requests_before ? f->quiet + 1 : 0;
	f->requests_before = f->requests;
	if (f->held && f->quiet == f->held) {
		f->held = 0;
		f->held_at = f->requests;
	}
	for (uint32_t i = f->held ? 1 : 0; i < CLIENTS && count < max; i++) {
		if (f->client[i].open)
			done[count++] = i;
		f->client[i].open = false;
	}
	return count;
}

static void fake_answer(struct path *path, uint32_t client, struct path_answer *out)
{
	struct fake *f = fake_of(path);
	bool get = f->client[client].get;
	struct kv_answer kv = {.status = f->kv_status, .operation = get ? KV_RANGE : KV_PUT};
	bool fail = f->fail_each && f->requests && f->requests % f->fail_each == 0;

	/* One item: an empty one with a key of one byte. */
	if (get)
		kv.item_count = 1;
	else if (!fail && !f->client[client].greeted)
		kv.applied_index = ++f->index;
	memset(f->answer, 0, sizeof(f->answer));
	kv_answer_encode_header(&kv, f->answer);
	f->answer[KV_ANSWER_HEADER_SIZE + 32] = 1;
	*out = (struct path_answer){.status = fail ? f->fail_status : WIRE_OK,
				    .data = f->answer,
				    .size = get ? sizeof(f->answer) : KV_ANSWER_HEADER_SIZE};
}

static uint64_t fake_base(struct path *path, uint32_t client)
{
	struct fake *f = fake_of(path);

	(void)client;
	if (f->unled == 0)
		return BASE;
	f->unled--;
	return 0;
}

static void fake_destroy(struct path *path)
{
	(void)path;
}

static void fake_create(struct fake *f)
{
	static const struct path_ops ops = {
		.request = fake_request,
		.hello = fake_hello,
		.poll = fake_poll,
		.answer = fake_answer,
		.base = fake_base,
		.destroy = fake_destroy,
	};

	memset(f, 0, sizeof(*f));
	f->path = (struct path){&ops, CLIENTS};
	f->index = BASE;
}

static const struct load_options put_only = {
	.keys = 16, .value_size = 100, .inflight = 1, .seed = 1};

struct series {
	struct histogram *kind[LOAD_KINDS];
};

static void series_create(struct series *s)
{
	for (int i = 0; i < LOAD_KINDS; i++) {
		s->kind[i] = histogram_create();
		assert_non_null(s->kind[i]);
	}
}

static void series_free(struct series *s)
{
	for (int i = 0; i < LOAD_KINDS; i++)
		free(s->kind[i]);
}

static void run_with(struct fake *f, const struct load_options *options, uint64_t duration_ns,
		     struct load **load, struct series *series)
{
	series_create(series);
	assert_int_equal(load_create(load, &f->path, options), 0);
	assert_int_equal(load_open(*load), 0);
	assert_int_equal(load_run(*load, duration_ns, series->kind), 0);
}

static void run(struct fake *f, struct load **load, struct series *series)
{
	run_with(f, &put_only, 20 * CLOCK_MS, load, series);
}

/* Nodes show nothing while they know of no leader; one that shows something is enough. */
static void R48_no_session_begins_before_a_node_shows_what_is_committed(void **state)
{
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.unled = 2 * CLIENTS + 1;
	run(&f, &load, &latency); /* each base is looked at (fake_request) */
	assert_int_equal(f.unled, 0);
	load_destroy(load);
	series_free(&latency);
}

static void V37_each_put_has_the_next_sequence_of_its_session_and_the_newest_base(void **state)
{
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	run(&f, &load, &latency);
	assert_true(f.requests > CLIENTS);
	assert_int_equal(f.repeated, 0);
	assert_int_equal(f.sessions, CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		assert_true(f.client[i].requests > 0);
	/* All that was begun has ended, and is in the histogram. */
	assert_int_equal(load_get_counters(load)->ok[LOAD_PUT], f.requests);
	assert_int_equal(latency.kind[LOAD_PUT]->count, f.requests);
	assert_true(load_busy_ns(load) >= 20000000);
	load_destroy(load);
	series_free(&latency);
}

/* The window ends 64 above the one that is not answered; then the others wait for it. */
static void R48_many_in_flight_keep_to_their_window(void **state)
{
	struct load_options options = put_only;
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.inflight = options.inflight = CLIENTS;
	series_create(&latency);
	assert_int_equal(load_create(&load, &f.path, &options), 0);
	assert_int_equal(load_open(load), 0);
	f.held = 50;
	assert_int_equal(load_run(load, 20 * CLOCK_MS, latency.kind), 0);
	assert_int_equal(f.held_at, KV_SESSION_WINDOW);
	assert_true(f.requests > 2 * KV_SESSION_WINDOW);
	assert_int_equal(load_get_counters(load)->ok[LOAD_PUT], f.requests);
	load_destroy(load);
	series_free(&latency);
}

/* F5: and what may have been done is told from what was not, as the catalogue has it. */
static void F5_a_failed_put_is_counted_and_never_tried_again(void **state)
{
	static const enum wire_status rows[] = {WIRE_TIMEOUT, WIRE_STOPPING, WIRE_BUSY,
						WIRE_NO_SPACE};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct load_counters *counters;
		struct series latency;
		struct load *load;
		struct fake f;

		fake_create(&f);
		f.fail_each = 2;
		f.fail_status = rows[i];
		run(&f, &load, &latency);
		counters = load_get_counters(load);
		assert_true(counters->failed > 0);
		assert_int_equal(counters->unknown, status_row(rows[i])->done == STATUS_UNKNOWN
							    ? counters->failed
							    : 0);
		assert_string_equal(counters->last, status_row(rows[i])->words);
		assert_int_equal(counters->ok[LOAD_PUT] + counters->failed, f.requests);
		assert_int_equal(latency.kind[LOAD_PUT]->count, counters->ok[LOAD_PUT]);
		assert_int_equal(f.repeated, 0);
		load_destroy(load);
		series_free(&latency);
	}
}

/* The store's refusal is a failure too, though the wire says OK; and the session goes on. */
static void a_session_goes_on_after_it_expired(void **state)
{
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.kv_status = KV_SESSION_EXPIRED;
	run(&f, &load, &latency);
	assert_int_equal(load_get_counters(load)->ok[LOAD_PUT], 0);
	assert_int_equal(load_get_counters(load)->failed, f.requests);
	assert_int_equal(load_get_counters(load)->unknown, f.requests);
	assert_int_equal(f.sessions, CLIENTS);
	assert_int_equal(f.repeated, 0);
	assert_int_equal(latency.kind[LOAD_PUT]->count, 0);
	assert_string_equal(load_get_counters(load)->last, kv_status_text(KV_SESSION_EXPIRED));
	load_destroy(load);
	series_free(&latency);
}

static void warming_up_leaves_no_trace(void **state)
{
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	run(&f, &load, &latency);
	load_reset(load);
	assert_int_equal(load_get_counters(load)->ok[LOAD_PUT], 0);
	assert_int_equal(load_busy_ns(load), 0);
	assert_int_equal(load_run(load, 1000000, latency.kind), 0);
	assert_int_equal(f.repeated, 0);
	load_destroy(load);
	series_free(&latency);
}

enum { STALL_MS = 127 };

/* What stood still for 127 ms of 600 is most of a fifth of the time, and of what was due. */
static void F26_a_stall_shows_in_the_tail_of_an_open_loop(void **state)
{
	struct load_options options = put_only;
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.poll_ns = 50 * CLOCK_US;
	f.stall_after_ns = 200 * CLOCK_MS;
	f.stall_ns = STALL_MS * CLOCK_MS;
	options.rate = 2000;
	run_with(&f, &options, 600 * CLOCK_MS, &load, &latency);
	/* All that was due was asked, though for a while there was nobody free to ask. */
	assert_int_equal(f.requests, 1200);
	assert_int_equal(latency.kind[LOAD_PUT]->count, 1200);
	assert_true(load_get_counters(load)->behind_max >= 200);
	assert_int_equal(load_get_counters(load)->unsent, 0);
	assert_true(histogram_at(latency.kind[LOAD_PUT], 99) >= 100 * CLOCK_MS);
	/* The first that it holds up is due within half a millisecond of its begin. */
	assert_true(latency.kind[LOAD_PUT]->max >= (STALL_MS - 1) * CLOCK_MS);
	load_destroy(load);
	series_free(&latency);
}

static void F26_a_stall_shows_in_the_corrected_tail_of_a_closed_loop(void **state)
{
	struct histogram *corrected = histogram_create();
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.poll_ns = 50 * CLOCK_US;
	f.stall_after_ns = 200 * CLOCK_MS;
	f.stall_ns = STALL_MS * CLOCK_MS;
	run_with(&f, &put_only, 600 * CLOCK_MS, &load, &latency);
	histogram_correct(corrected, latency.kind[LOAD_PUT],
			  (uint64_t)histogram_mean(latency.kind[LOAD_PUT]));
	assert_true(histogram_at(corrected, 99) >= 100 * CLOCK_MS);
	assert_true(histogram_at(latency.kind[LOAD_PUT], 99) < histogram_at(corrected, 99));
	load_destroy(load);
	series_free(&latency);
	free(corrected);
}

/* A rate that three clients cannot keep: what was never begun is told, and in the figures. */
static void F26_what_cannot_be_kept_up_is_told(void **state)
{
	struct load_options options = put_only;
	const struct load_counters *counters;
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.poll_ns = CLOCK_MS;
	options.rate = 100 * 1000;
	run_with(&f, &options, 100 * CLOCK_MS, &load, &latency);
	counters = load_get_counters(load);
	assert_true(counters->unsent > 0);
	assert_int_equal(counters->ok[LOAD_PUT] + counters->unsent, 10000);
	assert_int_equal(latency.kind[LOAD_PUT]->count, 10000);
	assert_true(counters->behind_max > 5000);
	/* The median request waited for the better part of the second that was given on top. */
	assert_true(histogram_at(latency.kind[LOAD_PUT], 50) >= 900 * CLOCK_MS);
	load_destroy(load);
	series_free(&latency);
}

static void gets_and_puts_are_told_apart(void **state)
{
	struct load_options options = put_only;
	const struct load_counters *counters;
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	options.gets_percent = 50;
	run_with(&f, &options, 20 * CLOCK_MS, &load, &latency);
	counters = load_get_counters(load);
	assert_int_equal(f.get_kind, WIRE_QUERY);
	assert_true(f.gets > f.requests / 3);
	assert_true(f.gets < f.requests / 3 * 2);
	assert_int_equal(counters->ok[LOAD_GET], f.gets);
	assert_int_equal(latency.kind[LOAD_GET]->count, f.gets);
	assert_int_equal(counters->ok[LOAD_PUT], f.requests - f.gets);
	assert_int_equal(f.repeated, 0);
	load_destroy(load);
	series_free(&latency);
	fake_create(&f);
	options.gets_percent = 100;
	options.serializable = true;
	run_with(&f, &options, CLOCK_MS, &load, &latency);
	assert_int_equal(f.get_kind, WIRE_QUERY_LOCAL);
	assert_int_equal(f.gets, f.requests);
	load_destroy(load);
	series_free(&latency);
}

static void keys_are_put_before_they_are_got_and_deleted_at_the_end(void **state)
{
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	assert_int_equal(load_create(&load, &f.path, &put_only), 0);
	assert_int_equal(load_open(load), 0);
	assert_int_equal(load_fill(load), 0);
	assert_int_equal(f.requests, 16);
	assert_int_equal(load_clean(load), 0);
	assert_int_equal(f.deletes, 1);
	assert_int_equal(f.requests, 17);
	f.fail_each = 1;
	f.fail_status = WIRE_NO_LEADER;
	assert_int_equal(load_clean(load), -EIO);
	assert_string_equal(load_get_counters(load)->last, status_row(WIRE_NO_LEADER)->words);
	load_destroy(load);
}

/* Last: a signal asks to stop once and for all. What was measured is there, and can be undone. */
static void F26_an_interrupt_keeps_what_was_measured(void **state)
{
	struct series latency;
	struct load *load;
	struct fake f;

	(void)state;
	stop_on_signals();
	fake_create(&f);
	f.poll_ns = 50 * CLOCK_US;
	f.interrupt_after = 100;
	series_create(&latency);
	assert_int_equal(load_create(&load, &f.path, &put_only), 0);
	assert_int_equal(load_open(load), 0);
	assert_int_equal(load_run(load, 3600 * CLOCK_S, latency.kind), -EINTR);
	assert_in_range(f.requests, 100, 100 + CLIENTS);
	assert_int_equal(latency.kind[LOAD_PUT]->count, f.requests);
	assert_true(load_busy_ns(load) > 0);
	assert_int_equal(load_clean(load), 0);
	load_destroy(load);
	series_free(&latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R48_no_session_begins_before_a_node_shows_what_is_committed),
		cmocka_unit_test(
			V37_each_put_has_the_next_sequence_of_its_session_and_the_newest_base),
		cmocka_unit_test(R48_many_in_flight_keep_to_their_window),
		cmocka_unit_test(F5_a_failed_put_is_counted_and_never_tried_again),
		cmocka_unit_test(a_session_goes_on_after_it_expired),
		cmocka_unit_test(warming_up_leaves_no_trace),
		cmocka_unit_test(F26_a_stall_shows_in_the_tail_of_an_open_loop),
		cmocka_unit_test(F26_a_stall_shows_in_the_corrected_tail_of_a_closed_loop),
		cmocka_unit_test(F26_what_cannot_be_kept_up_is_told),
		cmocka_unit_test(gets_and_puts_are_told_apart),
		cmocka_unit_test(keys_are_put_before_they_are_got_and_deleted_at_the_end),
		cmocka_unit_test(F26_an_interrupt_keeps_what_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
