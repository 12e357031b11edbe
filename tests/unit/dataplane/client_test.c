/*
 * The client step by step: a node played by hand, in virtual time.
 */
#include "tests/unit/dataplane/client_hand.h"

static void a_request_and_its_answer(void **state)
{
	const uint8_t *bytes;
	uint32_t size;

	(void)state;
	client_request(client, WIRE_QUERY, data, 56, now, 1000 * MS);
	assert_int_equal(client_deadline(client), 0);
	expect(WIRE_HELLO);
	assert_int_equal(sent.cluster_id, 0);
	expect(0);
	assert_false(client_welcomed(client));
	now += 100 * US;
	welcome(sent_hello.nonce, COOKIE);
	assert_true(client_welcomed(client));
	assert_int_equal(client_welcome(client)->commit_index, 1234);
	expect(WIRE_REQUEST);
	assert_int_equal(sent.cluster_id, CLUSTER);
	assert_int_equal(sent_part.cookie, COOKIE);
	assert_int_equal(sent_part.kind, WIRE_QUERY);
	assert_int_equal(sent_part.total_size, 56);
	assert_memory_equal(sent_part.data, data, 56);
	expect(0);
	/* The node has less time than we do: its verdict must reach us. */
	assert_in_range(sent_part.timeout_us, 900000, 999000);
	now += 300 * US;
	answer(WIRE_OK, 200, 0);
	bytes = client_answer(client, &size);
	assert_int_equal(size, 200);
	assert_memory_equal(bytes, data, 200);
	assert_done(CLIENT_DONE, WIRE_OK);

	/* The next one needs no HELLO, and has an id of its own. */
	uint64_t id = sent_part.request_id;
	client_request(client, WIRE_COMMAND, data, 0, now, 1000 * MS);
	expect(WIRE_REQUEST);
	assert_int_not_equal(sent_part.request_id, id);
	assert_int_equal(sent_part.total_size, 0);
	answer(WIRE_OK, 0, 0);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void only_a_hello(void **state)
{
	(void)state;
	client_hello(client, now, 1000 * MS);
	expect(WIRE_HELLO);
	welcome(sent_hello.nonce, COOKIE);
	assert_done(CLIENT_DONE, WIRE_OK);
	assert_int_equal(client_welcome(client)->member_id, 5);
}

static void a_lost_hello_is_sent_again_and_again_more_slowly(void **state)
{
	uint64_t nonce, last = now, wait = 0;

	(void)state;
	client_hello(client, now, 1000 * MS);
	expect(WIRE_HELLO);
	nonce = sent_hello.nonce;
	for (int i = 0; i < 5; i++) {
		now = client_deadline(client);
		assert_true(now - last > wait);
		wait = now - last;
		last = now;
		expect(WIRE_HELLO);
		assert_int_equal(sent_hello.nonce, nonce);
		expect(0);
	}
	welcome(nonce + 1, COOKIE);
	assert_false(client_welcomed(client));
	welcome(nonce, COOKIE);
	assert_true(client_welcomed(client));
}

static void a_silent_node_is_given_up_at_the_deadline(void **state)
{
	uint64_t deadline = now + 50 * MS;

	(void)state;
	begin(WIRE_COMMAND, 56, 50 * MS);
	while (client_get_state(client) == CLIENT_WAITING) {
		uint64_t next = client_deadline(client);

		if (next > now)
			now = next;
		assert_true(now <= deadline);
		client_send(client, now, sent_bytes);
	}
	assert_int_equal(now, deadline);
	assert_done(CLIENT_FAILED, WIRE_TIMEOUT);
}

static void what_is_not_ours_changes_nothing(void **state)
{
	struct wire_part p;

	(void)state;
	begin(WIRE_QUERY, 56, 1000 * MS);
	p = answer_part(WIRE_OK, 10, 0);
	p.request_id++;
	answer_with(&p);
	p = answer_part(WIRE_OK, 10, 0);
	p.cookie++;
	answer_with(&p);
	p = answer_part(WIRE_OK, 10, 0);
	p.kind = WIRE_COMMAND;
	answer_with(&p);
	reply(sent_part.request_id + 1, 0, WIRE_BAD_COOKIE, 0);
	reply(sent_part.request_id + 1, 0, WIRE_INVALID, 0);
	sent_part.cookie++;
	reply(sent_part.request_id, 0, WIRE_BAD_COOKIE, 0);
	reply(sent_part.request_id, 0, WIRE_INVALID, 0);
	sent_part.cookie--;
	reply(sent_part.request_id, 2, WIRE_OK, 0); /* of one part */
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
	expect(0);
	answer(WIRE_OK, 10, 0);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void N10_an_address_is_not_followed_into_another_cluster(void **state)
{
	struct wire_part p;
	uint8_t packet[WIRE_PAYLOAD_1500];

	(void)state;
	begin(WIRE_QUERY, 56, 1000 * MS);
	p = answer_part(WIRE_OK, 10, 0);
	receive(WIRE_ANSWER, CLUSTER + 1, packet,
		wire_part_encode(&p, WIRE_ANSWER, packet + WIRE_ENVELOPE_SIZE));
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
}

static void F10_a_node_of_another_version_is_named_at_the_deadline(void **state)
{
	uint8_t packet[WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE] = {0};
	const struct wire_envelope e = {.type = WIRE_WELCOME, .body_size = WIRE_HELLO_SIZE};

	(void)state;
	client_hello(client, now, 1000 * MS);
	expect(WIRE_HELLO);
	wire_envelope_encode(&e, packet);
	packet[WIRE_AT_VERSION] = packet[WIRE_AT_READABLE] = 7;
	client_receive(client, now, packet, sizeof(packet));
	/* Anybody may have said it: it ends nothing. */
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
	assert_int_equal(client_other_version(client), 7);
	now += 1000 * MS;
	assert_int_equal(client_send(client, now, packet), 0);
	assert_int_equal(client_get_state(client), CLIENT_FAILED);
	assert_int_equal(client_other_version(client), 7);
	client_hello(client, now, 1000 * MS);
	assert_int_equal(client_other_version(client), 0);
}

static void N16_busy_comes_back_after_the_hint_with_the_same_id(void **state)
{
	uint64_t id, last = now, wait = 0;

	(void)state;
	begin(WIRE_COMMAND, 50 * WIRE_PART_SIZE, 10000 * MS);
	for (int i = 1; i < 32; i++)
		expect(WIRE_REQUEST);
	expect(0);
	id = sent_part.request_id;
	for (int i = 0; i < 4; i++) {
		last = now;
		reply(id, 0, WIRE_BUSY, 3000);
		reply(id, 0, WIRE_BUSY, 3000); /* of the second part */
		assert_int_equal(client_retry_after_us(client), 3000);
		expect(0);
		now = client_deadline(client);
		assert_true(now - last >= 3 * MS);
		assert_true(now - last > wait);
		wait = now - last;
		expect(WIRE_REQUEST);
		assert_int_equal(sent_part.request_id, id);
		assert_int_equal(sent_part.part, 0);
		/* One part asks whether there is room now; not thirty. */
		expect(0);
	}
	reply(id, 1, WIRE_OK, 0);
	for (int i = 1; i < 33; i++)
		expect(WIRE_REQUEST);
	expect(0);
}

static void no_leader_is_retried_under_a_new_id_and_reported_in_the_end(void **state)
{
	uint64_t deadline = now + 2000 * MS;
	int attempts = 0;

	(void)state;
	begin(WIRE_QUERY, 56, 2000 * MS);
	while (client_get_state(client) == CLIENT_WAITING) {
		uint64_t id = sent_part.request_id;

		answer(WIRE_NO_LEADER, 0, 0);
		attempts++;
		if (client_get_state(client) != CLIENT_WAITING)
			break;
		now = client_deadline(client);
		expect(WIRE_REQUEST);
		assert_int_not_equal(sent_part.request_id, id);
	}
	assert_in_range(attempts, 4, 20);
	assert_true(now <= deadline);
	assert_done(CLIENT_DONE, WIRE_NO_LEADER);
}

static void a_refused_cookie_says_hello_again(void **state)
{
	uint64_t id;

	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	id = sent_part.request_id;
	reply(id, 0, WIRE_BAD_COOKIE, 0);
	expect(WIRE_HELLO);
	expect(0);
	/* The refusal of a packet of before comes once more. */
	reply(id, 0, WIRE_BAD_COOKIE, 0);
	expect(0);
	welcome(sent_hello.nonce, COOKIE + 1);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.request_id, id);
	assert_int_equal(sent_part.cookie, COOKIE + 1);
	answer(WIRE_OK, 5, 0);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void cookies_refused_for_ever_do_not_make_a_storm(void **state)
{
	int packets = 0;

	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	reply(sent_part.request_id, 0, WIRE_BAD_COOKIE, 0);
	while (client_get_state(client) == CLIENT_WAITING) {
		size_t size;

		if (client_deadline(client) > now)
			now = client_deadline(client);
		while ((size = client_send(client, now, sent_bytes)) > 0) {
			packets++;
			wire_envelope_decode(&sent, sent_bytes, size);
			now += 5 * US;
			if (sent.type == WIRE_HELLO) {
				wire_hello_decode(&sent_hello, WIRE_HELLO,
						  sent_bytes + WIRE_ENVELOPE_SIZE, sent.body_size);
				welcome(sent_hello.nonce, COOKIE);
			} else {
				reply(sent_part.request_id, 0, WIRE_BAD_COOKIE, 0);
			}
		}
	}
	assert_in_range(packets, 10, 100);
	assert_done(CLIENT_DONE, WIRE_BAD_COOKIE);
}

static void a_verdict_ends_it(void **state)
{
	static const enum wire_status verdicts[] = {WIRE_TIMEOUT, WIRE_INVALID, WIRE_REFUSED,
						    WIRE_STOPPING};

	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	answer(WIRE_TIMEOUT, 0, 0);
	for (int i = 0; i < 4; i++) {
		assert_done(CLIENT_DONE, verdicts[i]);
		client_request(client, WIRE_COMMAND, data, 56, now, 1000 * MS);
		expect(WIRE_REQUEST);
		reply(sent_part.request_id, 0, verdicts[(i + 1) % 4], 0);
	}
}

/* It may have been taken the first time, and its answer lost. */
static void a_refusal_after_silence_leaves_a_command_unknown(void **state)
{
	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	now = client_deadline(client);
	expect(WIRE_REQUEST);
	reply(sent_part.request_id, 0, WIRE_STOPPING, 0);
	assert_done(CLIENT_FAILED, WIRE_TIMEOUT);

	/* So may one that the node has said to have whole. */
	client_request(client, WIRE_COMMAND, data, 2 * WIRE_PART_SIZE, now, 1000 * MS);
	expect(WIRE_REQUEST);
	expect(WIRE_REQUEST);
	reply(sent_part.request_id, 2, WIRE_OK, 0);
	reply(sent_part.request_id, 0, WIRE_STOPPING, 0);
	assert_done(CLIENT_FAILED, WIRE_TIMEOUT);

	/* A query has nothing to be unsure of. */
	client_request(client, WIRE_QUERY, data, 56, now, 1000 * MS);
	expect(WIRE_REQUEST);
	now = client_deadline(client);
	expect(WIRE_REQUEST);
	assert_false(sent_part.repeated);
	reply(sent_part.request_id, 0, WIRE_STOPPING, 0);
	assert_done(CLIENT_DONE, WIRE_STOPPING);
}

/*
 * V10: a node that was restarted, or knows nothing of it for another reason, is told that an
 * attempt may have been taken: it gives no last word then that says nothing was done.
 */
static void V10_what_may_have_been_taken_says_so(void **state)
{
	uint64_t id;

	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	assert_false(sent_part.repeated);
	id = sent_part.request_id;
	now = client_deadline(client);
	expect(WIRE_REQUEST);
	assert_true(sent_part.repeated);
	reply(id, 0, WIRE_BAD_COOKIE, 0);
	expect(WIRE_HELLO);
	welcome(sent_hello.nonce, COOKIE + 1);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.request_id, id);
	assert_true(sent_part.repeated);
	answer(WIRE_OK, 5, 0);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void the_resend_follows_the_measured_time(void **state)
{
	(void)state;
	begin(WIRE_COMMAND, 56, 1000 * MS);
	for (int i = 0; i < 20; i++) {
		now += 40 * MS;
		answer(WIRE_OK, 5, 0);
		assert_int_equal(client_get_state(client), CLIENT_DONE);
		client_request(client, WIRE_COMMAND, data, 56, now, 1000 * MS);
		expect(WIRE_REQUEST);
		/* The first is resent after 20 ms: the node says that it is at it. */
		if (i == 0) {
			now += 20 * MS;
			now = client_deadline(client);
			expect(WIRE_REQUEST);
			reply(sent_part.request_id, 1, WIRE_OK, 0);
		}
	}
	assert_in_range(client_deadline(client) - now, 40 * MS, 80 * MS);
	for (int i = 0; i < 60; i++) {
		now += 10 * US;
		answer(WIRE_OK, 5, 0);
		client_request(client, WIRE_COMMAND, data, 56, now, 1000 * MS);
		expect(WIRE_REQUEST);
	}
	/* Never so soon as to nag a node that yields its core. */
	assert_in_range(client_deadline(client) - now, 1 * MS, 2 * MS);
}

static void a_lost_part_is_sent_again_before_any_timer(void **state)
{
	uint64_t id;

	(void)state;
	begin(WIRE_COMMAND, 40 * WIRE_PART_SIZE, 1000 * MS);
	for (int i = 1; i < 32; i++)
		expect(WIRE_REQUEST);
	expect(0);
	id = sent_part.request_id;
	/* Parts 0 and 3 are lost. */
	reply(id, 0, WIRE_OK, 0);
	reply(id, 0, WIRE_OK, 0);
	expect(0);
	reply(id, 0, WIRE_OK, 0);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 0);
	for (int i = 0; i < 20; i++)
		reply(id, 0, WIRE_OK, 0);
	expect(0);
	reply(id, 3, WIRE_OK, 0);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 3);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 32);
	reply(id, 40, WIRE_OK, 0);
	expect(0);
	/* All is there; the last part asks for the answer. */
	now = client_deadline(client);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 39);
	/* And if the node knows nothing of it any more, it gets it again. */
	reply(id, 0, WIRE_OK, 0);
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 0);
}

static void an_answer_in_parts_is_pulled(void **state)
{
	const uint32_t total = 70 * WIRE_PART_SIZE + 3;
	uint32_t size;

	(void)state;
	begin(WIRE_QUERY, 56, 1000 * MS);
	answer(WIRE_OK, total, 0);
	expect(WIRE_PULL);
	assert_int_equal(sent_part.part, 1);
	assert_int_equal(sent_part.wanted, 32);
	assert_int_equal(sent_part.answer_id, 9);
	expect(0);
	/* Half of them came, in the wrong order: there is room for more. */
	for (uint32_t i = 16; i > 0; i--) {
		answer(WIRE_OK, total, i);
		answer(WIRE_OK, total, i);
	}
	/* Three that overtook made it ask for the others again: no harm. */
	expect(WIRE_PULL);
	if (sent_part.part < 33)
		expect(WIRE_PULL);
	assert_int_equal(sent_part.part, 33);
	assert_int_equal(sent_part.wanted, 16);
	for (uint32_t i = 17; i < 33; i++)
		answer(WIRE_OK, total, i);
	expect(WIRE_PULL);
	assert_int_equal(sent_part.part, 49);
	for (uint32_t i = 33; i < 71; i++)
		if (i != 40 && i != 41)
			answer(WIRE_OK, total, i);
	expect(WIRE_PULL);
	assert_int_equal(sent_part.part, 40);
	assert_int_equal(sent_part.wanted, 2);
	answer(WIRE_OK, total, 41);
	answer(WIRE_OK, total, 40);
	assert_memory_equal(client_answer(client, &size), data, total);
	assert_int_equal(size, total);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void parts_of_two_answers_are_never_joined(void **state)
{
	const uint32_t total = 3 * WIRE_PART_SIZE;
	struct wire_part p;
	uint32_t size;

	(void)state;
	begin(WIRE_QUERY, 56, 1000 * MS);
	answer(WIRE_OK, total, 0);
	answer(WIRE_OK, total, 1);
	expect(WIRE_PULL);
	/* The node made the answer again, of the same size. */
	p = answer_part(WIRE_OK, total, 2);
	p.answer_id++;
	p.data = data + 7;
	answer_with(&p);
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
	for (uint32_t i = 0; i < 2; i++) {
		p = answer_part(WIRE_OK, total, i);
		p.answer_id++;
		answer_with(&p);
	}
	assert_memory_equal(client_answer(client, &size) + (size_t)2 * WIRE_PART_SIZE, data + 7,
			    WIRE_PART_SIZE);
	assert_done(CLIENT_DONE, WIRE_OK);
}

static void an_answer_that_the_node_let_go_is_asked_for_anew(void **state)
{
	(void)state;
	begin(WIRE_QUERY, 56, 10000 * MS);
	answer(WIRE_OK, 3 * WIRE_PART_SIZE, 0);
	for (int i = 0; i <= 6; i++) {
		expect(WIRE_PULL);
		expect(0);
		now = client_deadline(client);
	}
	expect(WIRE_REQUEST);
	assert_int_equal(sent_part.part, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_and_its_answer),
		TEST(only_a_hello),
		TEST(a_lost_hello_is_sent_again_and_again_more_slowly),
		TEST(a_silent_node_is_given_up_at_the_deadline),
		TEST(what_is_not_ours_changes_nothing),
		TEST(F10_a_node_of_another_version_is_named_at_the_deadline),
		TEST(N10_an_address_is_not_followed_into_another_cluster),
		TEST(N16_busy_comes_back_after_the_hint_with_the_same_id),
		TEST(no_leader_is_retried_under_a_new_id_and_reported_in_the_end),
		TEST(a_refused_cookie_says_hello_again),
		TEST(cookies_refused_for_ever_do_not_make_a_storm),
		TEST(a_verdict_ends_it),
		TEST(a_refusal_after_silence_leaves_a_command_unknown),
		TEST(V10_what_may_have_been_taken_says_so),
		TEST(the_resend_follows_the_measured_time),
		TEST(a_lost_part_is_sent_again_before_any_timer),
		TEST(an_answer_in_parts_is_pulled),
		TEST(parts_of_two_answers_are_never_joined),
		TEST(an_answer_that_the_node_let_go_is_asked_for_anew),
	};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
