/*
 * Endpoints over real sockets: loopback UDP and an admin socket.
 */
#include "tools/client/endpoint.h"

#include "base/clock.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/fake_node.h"

#include "kv/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000ull
#define MS 1000000ull

static struct fake_store store;
static struct fake_node node;
static uint8_t value[1400 * 1024];

static int setup(void **state)
{
	(void)state;
	fake_store_create(&store);
	fake_node_start(&node, &store, 5);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)(i * 17 + i / 999);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_node_stop(&node);
	fake_store_destroy(&store);
	return 0;
}

static struct endpoint *open_or_fail(const char *text)
{
	char error[ADDRESS_ERROR_MAX] = "";
	struct endpoint *e;

	assert_int_equal(endpoint_open(&e, text, error), 0);
	assert_string_equal(endpoint_text(e), text);
	return e;
}

/* A put of `size` bytes and a get of it. */
static void put_and_get(struct endpoint *e, uint64_t session, uint32_t size)
{
	struct kv_request put = {.operation = KV_PUT,
				 .flags = KV_ONE_SHOT,
				 .session = session,
				 .sequence = 1,
				 .key = {(const uint8_t *)"k", 1},
				 .value = {value, size}};
	struct kv_request get = {.operation = KV_RANGE, .key = {(const uint8_t *)"k", 1}};
	uint8_t *bytes = malloc(KV_REQUEST_FIXED_MAX + 1 + size);
	struct endpoint_answer answer;
	struct wire_hello hello;
	struct kv_answer kv;
	struct kv_item item;
	uint32_t at = 0;

	assert_non_null(bytes);
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
	assert_int_equal(hello.cluster_id, FAKE_CLUSTER_ID);
	assert_int_equal(hello.member_id, 5);
	put.session_base = hello.commit_index;
	kv_request_encode(&put, bytes);
	assert_int_equal(endpoint_call(e, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(&put),
				       20 * S, &answer),
			 0);
	assert_int_equal(answer.status, WIRE_OK);
	assert_int_equal(kv_answer_decode(&kv, answer.data, answer.size), 0);
	assert_int_equal(kv.status, KV_OK);
	kv_request_encode(&get, bytes);
	assert_int_equal(endpoint_call(e, WIRE_QUERY, bytes, (uint32_t)kv_request_size(&get),
				       20 * S, &answer),
			 0);
	assert_int_equal(answer.status, WIRE_OK);
	assert_int_equal(kv_answer_decode(&kv, answer.data, answer.size), 0);
	assert_true(kv_item_next(&kv, &at, &item));
	assert_int_equal(item.value.size, size);
	assert_memory_equal(item.value.data, value, size);
	free(bytes);
}

static void small_and_large_over_both(void **state)
{
	const char *texts[] = {node.udp, node.local};
	uint64_t session = 1;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct endpoint *e = open_or_fail(texts[i]);

		put_and_get(e, session++, 3);
		put_and_get(e, session++, 3000);
		put_and_get(e, session++, sizeof(value));
		put_and_get(e, session++, 3);
		endpoint_close(e);
	}
}

static void lost_packets_over_kernel_udp(void **state)
{
	struct endpoint *e = open_or_fail(node.udp);

	(void)state;
	atomic_store(&node.faults.lose_in_1000, 50);
	for (uint64_t i = 0; i < 20; i++)
		put_and_get(e, 1000 + i, 5000);
	put_and_get(e, 2000, sizeof(value));
	atomic_store(&node.faults.lose_in_1000, 0);
	endpoint_close(e);
	/* Each was applied once, whatever was lost and sent again. */
	assert_int_equal(store.commands, store.sm->ops->revision(store.sm) - 1);
}

static void refusals_for_now_are_waited_out(void **state)
{
	const char *texts[] = {node.udp, node.local};

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct endpoint *e = open_or_fail(texts[i]);

		atomic_store(&node.faults.busy, 2);
		put_and_get(e, 3000 + i, 100);
		assert_int_equal(atomic_load(&node.faults.busy), 0);
		atomic_store(&node.faults.no_leader, 3);
		put_and_get(e, 4000 + i, 100);
		assert_int_equal(atomic_load(&node.faults.no_leader), 0);
		endpoint_close(e);
	}
}

static void no_leader_for_good_is_the_verdict(void **state)
{
	const char *texts[] = {node.udp, node.local};
	struct endpoint_answer answer;
	uint8_t get[KV_REQUEST_HEADER_SIZE + KV_RANGE_SIZE + 1];
	const struct kv_request request = {.operation = KV_RANGE, .key = {(const uint8_t *)"k", 1}};

	(void)state;
	kv_request_encode(&request, get);
	atomic_store(&node.faults.no_leader, 1000000);
	for (int i = 0; i < 2; i++) {
		struct endpoint *e = open_or_fail(texts[i]);

		assert_int_equal(endpoint_call(e, WIRE_QUERY, get, sizeof(get), 1 * S, &answer), 0);
		assert_int_equal(answer.status, WIRE_NO_LEADER);
		endpoint_close(e);
	}
	atomic_store(&node.faults.no_leader, 0);
}

/* V10: it knew of nothing committed when it greeted; asked again, it does. */
static void V10_a_greeting_that_names_no_index_is_asked_for_anew(void **state)
{
	const char *texts[] = {node.udp, node.local};
	struct endpoint_answer answer;
	struct wire_hello hello;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct endpoint *e = open_or_fail(texts[i]), *other = open_or_fail(node.local);

		atomic_store(&node.faults.unled, true);
		assert_int_equal(endpoint_call(other, WIRE_STATUS, NULL, 0, 20 * S, &answer), 0);
		assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
		assert_int_equal(hello.commit_index, 0);
		atomic_store(&node.faults.unled, false);
		assert_int_equal(endpoint_call(other, WIRE_STATUS, NULL, 0, 20 * S, &answer), 0);
		assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
		assert_int_equal(hello.commit_index, store.index);
		endpoint_close(other);
		endpoint_close(e);
	}
}

static void silence_ends_at_the_deadline_and_the_endpoint_lives_on(void **state)
{
	const char *texts[] = {node.udp, node.local};
	const int ends[] = {-ETIME, -ETIMEDOUT};
	/* By UDP it asks several times before it says that, on a host with other work, too. */
	const uint64_t waits_ns[] = {S, 200 * MS};
	struct endpoint_answer answer;

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct endpoint *e = open_or_fail(texts[i]);
		struct wire_hello hello;
		uint64_t begin;

		assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
		atomic_store(&node.faults.silent, true);
		begin = clock_now();
		assert_int_equal(endpoint_call(e, WIRE_STATUS, NULL, 0, waits_ns[i], &answer),
				 ends[i]);
		assert_true(clock_now() - begin >= waits_ns[i]);
		atomic_store(&node.faults.silent, false);
		put_and_get(e, 5000 + i, 100);
		endpoint_close(e);
	}
}

/* N17: small packets pass, so the node greets; large ones vanish, whichever way they go. */
static void N17_a_hole_on_the_way_is_told_of(void **state)
{
	static uint8_t bytes[KV_REQUEST_FIXED_MAX + 1 + 1000];
	struct kv_request put = {.operation = KV_PUT,
				 .flags = KV_ONE_SHOT,
				 .session = 7001,
				 .sequence = 1,
				 .key = {(const uint8_t *)"k", 1},
				 .value = {value, 1000}};
	struct kv_request get = {.operation = KV_RANGE, .key = {(const uint8_t *)"k", 1}};
	struct endpoint *e = open_or_fail(node.udp);
	struct endpoint_answer answer;
	struct wire_hello hello;

	(void)state;
	put_and_get(e, 7000, 1000);
	atomic_store(&node.faults.hole, 1000);
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
	put.session_base = hello.commit_index;
	kv_request_encode(&put, bytes);
	assert_int_equal(
		endpoint_call(e, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(&put), S, &answer),
		-ETIME);
	kv_request_encode(&get, bytes);
	assert_int_equal(
		endpoint_call(e, WIRE_QUERY, bytes, (uint32_t)kv_request_size(&get), S, &answer),
		-ETIME);
	assert_non_null(strstr(endpoint_error_text(-ETIME), "MTU"));
	put_and_get(e, 7002, 100);
	atomic_store(&node.faults.hole, 0);
	/* Who does not even greet is no hole. */
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
	atomic_store(&node.faults.silent, true);
	assert_int_equal(endpoint_welcome(e, S / 5, &hello), -ETIMEDOUT);
	atomic_store(&node.faults.silent, false);
	endpoint_close(e);
}

static void F10_a_node_of_another_version_is_told_of(void **state)
{
	struct endpoint *e = open_or_fail(node.udp);
	struct wire_hello hello;
	int err;

	(void)state;
	node.faults.version = 9;
	err = endpoint_welcome(e, S / 5, &hello);
	node.faults.version = 0;
	assert_int_equal(err, -EPROTONOSUPPORT);
	assert_non_null(strstr(endpoint_error_text(err), "a version of the protocol"));
	/* Upgraded meanwhile. */
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), 0);
	endpoint_close(e);
}

static void nobody_there(void **state)
{
	struct endpoint *e;
	struct endpoint_answer answer;
	struct wire_hello hello;
	struct fake_node gone;
	char udp[32], local[80];

	(void)state;
	fake_node_start(&gone, &store, 6);
	memcpy(udp, gone.udp, sizeof(udp));
	memcpy(local, gone.local, sizeof(local));
	fake_node_stop(&gone);
	e = open_or_fail(udp);
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), -ECONNREFUSED);
	assert_int_equal(endpoint_call(e, WIRE_STATUS, NULL, 0, 5 * S, &answer), -ECONNREFUSED);
	endpoint_close(e);
	e = open_or_fail(local);
	assert_int_equal(endpoint_welcome(e, 5 * S, &hello), -ENOENT);
	endpoint_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_and_large_over_both),
		cmocka_unit_test(lost_packets_over_kernel_udp),
		cmocka_unit_test(refusals_for_now_are_waited_out),
		cmocka_unit_test(no_leader_for_good_is_the_verdict),
		cmocka_unit_test(V10_a_greeting_that_names_no_index_is_asked_for_anew),
		cmocka_unit_test(silence_ends_at_the_deadline_and_the_endpoint_lives_on),
		cmocka_unit_test(N17_a_hole_on_the_way_is_told_of),
		cmocka_unit_test(F10_a_node_of_another_version_is_told_of),
		cmocka_unit_test(nobody_there),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
