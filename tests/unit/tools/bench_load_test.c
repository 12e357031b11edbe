/*
 * The load over a path that answers at once, and as the test says.
 */
#include "tests/unit/test.h"
#include "tools/bench/load.h"

#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, BASE = 17 };

struct client {
	bool open;
	uint64_t session, sequence;
	uint64_t requests;
};

/* Answers each request in the poll after it; every `fail_each`-th put with fail_status. */
struct fake {
	struct path path;
	struct client client[CLIENTS];
	uint64_t requests;
	uint64_t fail_each;
	enum wire_status fail_status;
	enum kv_status kv_status;
	uint64_t repeated; /* a (session, sequence) that had been seen */
	uint64_t sessions; /* changes of a client's session */
	uint8_t answer[KV_ANSWER_HEADER_SIZE];
};

static struct fake *fake_of(struct path *path)
{
	return (struct fake *)path;
}

static void fake_request(struct path *path, uint32_t client, enum wire_request kind,
			 const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns)
{
	struct fake *f = fake_of(path);
	struct client *c = &f->client[client];
	struct kv_request request;

	assert_false(c->open);
	assert_int_equal(kind, WIRE_COMMAND);
	assert_true(now_ns > 0);
	assert_true(timeout_ns > 0);
	assert_int_equal(kv_request_decode(&request, data, size), 0);
	assert_int_equal(request.operation, KV_PUT);
	assert_int_equal(request.session_base, BASE);
	assert_int_equal(request.flags, 0);
	if (request.session != c->session) {
		f->sessions++;
		c->session = request.session;
		c->sequence = 0;
	}
	f->repeated += request.sequence != c->sequence + 1;
	c->sequence = request.sequence;
	c->open = true;
	c->requests++;
	f->requests++;
}

static void fake_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	(void)now_ns;
	(void)timeout_ns;
	fake_of(path)->client[client].open = true;
}

static uint32_t fake_poll(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max)
{
	struct fake *f = fake_of(path);
	uint32_t count = 0;

	(void)wait_ns;
	for (uint32_t i = 0; i < CLIENTS && count < max; i++) {
		if (f->client[i].open)
			done[count++] = i;
		f->client[i].open = false;
	}
	return count;
}

static void fake_answer(struct path *path, uint32_t client, struct path_answer *out)
{
	struct fake *f = fake_of(path);
	struct kv_answer kv = {.status = f->kv_status};
	bool fail = f->fail_each && f->requests && f->requests % f->fail_each == 0;

	(void)client;
	kv_answer_encode_header(&kv, f->answer);
	*out = (struct path_answer){.status = fail ? f->fail_status : WIRE_OK,
				    .data = f->answer,
				    .size = sizeof(f->answer)};
}

static uint64_t fake_base(struct path *path, uint32_t client)
{
	(void)path;
	(void)client;
	return BASE;
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
}

static void run(struct fake *f, struct load **load, struct histogram **latency)
{
	*latency = histogram_create();
	assert_non_null(*latency);
	assert_int_equal(load_create(load, &f->path, 100, 1), 0);
	assert_int_equal(load_open(*load), 0);
	assert_int_equal(load_run(*load, 20000000, *latency), 0);
}

static void each_put_has_the_next_sequence_of_its_session(void **state)
{
	struct histogram *latency;
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
	assert_int_equal(load_get_counters(load)->ok, f.requests);
	assert_int_equal(latency->count, f.requests);
	assert_true(load_busy_ns(load) >= 20000000);
	load_destroy(load);
	free(latency);
}

static void a_failed_put_is_counted_and_never_tried_again(void **state)
{
	struct histogram *latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.fail_each = 2;
	f.fail_status = WIRE_TIMEOUT;
	run(&f, &load, &latency);
	assert_true(load_get_counters(load)->failed > 0);
	assert_int_equal(load_get_counters(load)->unknown, load_get_counters(load)->failed);
	assert_int_equal(load_get_counters(load)->ok + load_get_counters(load)->failed, f.requests);
	assert_int_equal(latency->count, load_get_counters(load)->ok);
	assert_int_equal(f.repeated, 0);
	load_destroy(load);
	free(latency);
}

/* The store's refusal is a failure too, though the wire says OK; and the session is left. */
static void an_expired_session_is_replaced(void **state)
{
	struct histogram *latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	f.kv_status = KV_SESSION_EXPIRED;
	run(&f, &load, &latency);
	assert_int_equal(load_get_counters(load)->ok, 0);
	assert_int_equal(load_get_counters(load)->failed, f.requests);
	assert_int_equal(f.sessions, f.requests);
	assert_int_equal(latency->count, 0);
	assert_string_equal(load_get_counters(load)->last, kv_status_text(KV_SESSION_EXPIRED));
	load_destroy(load);
	free(latency);
}

static void warming_up_leaves_no_trace(void **state)
{
	struct histogram *latency;
	struct load *load;
	struct fake f;

	(void)state;
	fake_create(&f);
	run(&f, &load, &latency);
	load_reset(load);
	assert_int_equal(load_get_counters(load)->ok, 0);
	assert_int_equal(load_busy_ns(load), 0);
	assert_int_equal(load_run(load, 1000000, latency), 0);
	assert_int_equal(f.repeated, 0);
	load_destroy(load);
	free(latency);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_put_has_the_next_sequence_of_its_session),
		cmocka_unit_test(a_failed_put_is_counted_and_never_tried_again),
		cmocka_unit_test(an_expired_session_is_replaced),
		cmocka_unit_test(warming_up_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
