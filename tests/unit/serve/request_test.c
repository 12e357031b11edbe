/* The request table: bounds, look-ups, buffers, what is reused first. */
#include "serve/request.h"

#include "base/mix.h"
#include "tests/unit/test.h"

#include <string.h>

/* With this one the sources below have places of their own in the table of shares. */
enum { SALT = 19 };

static int setup(void **state)
{
	static struct requests r;

	*state = &r;
	return requests_create(&r, SALT);
}

static int teardown(void **state)
{
	requests_destroy(*state);
	return 0;
}

static struct door door, other;

static void finds_by_door_sender_and_id(void **state)
{
	struct requests *r = *state;
	struct request *q = request_open(r, &door, 5, 7, 100, 0);
	struct request *p = request_open(r, &door, 6, 7, 100, 0);
	struct request *o = request_open(r, &other, 5, 7, 100, 0);

	/* Ids are the clients' own. */
	assert_ptr_equal(request_find(r, &door, 5, 7), q);
	assert_ptr_equal(request_find(r, &door, 6, 7), p);
	assert_ptr_equal(request_find(r, &other, 5, 7), o);
	assert_null(request_find(r, &door, 5, 8));
	assert_null(request_find(r, &door, 7, 7));
	assert_null(request_find(r, &other, 6, 7));
	request_close(r, q);
	assert_null(request_find(r, &door, 5, 7));
	assert_ptr_equal(request_find(r, &door, 6, 7), p);
	assert_int_equal(r->open, 2);
}

static void session_is_found_only_while_a_command_is_open(void **state)
{
	struct requests *r = *state;
	struct request *q = request_open(r, &door, 0, 1, 10, 0);

	q->session = 5;
	q->sequence = 3;
	request_move(r, q, REQUEST_PROPOSING);
	request_list_session(r, q);
	assert_ptr_equal(request_find_session(r, 5, 3), q);
	assert_null(request_find_session(r, 5, 4));
	request_move(r, q, REQUEST_PROPOSED);
	assert_ptr_equal(request_find_session(r, 5, 3), q);
	request_move(r, q, REQUEST_ANSWERED);
	assert_null(request_find_session(r, 5, 3));
}

static void a_full_table_refuses_and_answered_ones_make_room(void **state)
{
	struct requests *r = *state;
	struct request *first = NULL;

	for (int i = 0; i < REQUESTS_MAX; i++) {
		struct request *q = request_open(r, &door, 0, (uint64_t)i, 10, 0);

		assert_non_null(q);
		if (i == 0)
			first = q;
	}
	assert_null(request_open(r, &door, 0, 1u << 20, 10, 0));
	request_move(r, first, REQUEST_ANSWERED);
	assert_ptr_equal(request_open(r, &door, 0, 1u << 20, 10, 0), first);
	assert_int_equal(r->open, REQUESTS_MAX);
}

static void buffers_are_bounded_and_come_back(void **state)
{
	struct requests *r = *state;
	struct request *q[BUFFERS_LARGE_COUNT];

	for (int i = 0; i < BUFFERS_LARGE_COUNT; i++) {
		q[i] = request_open(r, &door, 0, (uint64_t)i, PARTS_MESSAGE_SIZE_MAX, 0);
		assert_non_null(q[i]);
		memset(q[i]->data, i, PARTS_MESSAGE_SIZE_MAX);
	}
	assert_null(request_open(r, &door, 0, 99, PARTS_MESSAGE_SIZE_MAX, 0));
	assert_int_equal(r->open, BUFFERS_LARGE_COUNT);
	/* One that is being given is no buffer for a new one; one that was given is. */
	assert_true(request_set_answer(r, q[3], q[3]->data, PARTS_MESSAGE_SIZE_MAX));
	request_move(r, q[3], REQUEST_ANSWERED);
	assert_null(request_open(r, &door, 0, 99, PARTS_MESSAGE_SIZE_MAX, 0));
	r->now_ns++;
	q[3]->given = true;
	for (int i = 0; i < BUFFERS_LARGE_COUNT; i++)
		request_touch(r, q[i]);
	assert_non_null(request_open(r, &door, 0, 99, PARTS_MESSAGE_SIZE_MAX, 0));
	/* So is one that nobody has asked for in a while. */
	assert_true(request_set_answer(r, q[2], q[2]->data, PARTS_MESSAGE_SIZE_MAX));
	request_move(r, q[2], REQUEST_ANSWERED);
	r->now_ns += REQUEST_STALE_NS;
	assert_null(request_open(r, &door, 0, 98, PARTS_MESSAGE_SIZE_MAX, 0));
	r->now_ns++;
	assert_non_null(request_open(r, &door, 0, 98, PARTS_MESSAGE_SIZE_MAX, 0));
	request_close(r, q[4]);
	assert_non_null(request_open(r, &door, 0, 100, PARTS_MESSAGE_SIZE_MAX, 0));
	for (int i = 5; i < BUFFERS_LARGE_COUNT; i++)
		assert_int_equal(q[i]->data[PARTS_MESSAGE_SIZE_MAX - 1], i);
}

/* Values of a few kilobytes do not take the places of the largest there may be, nor run out. */
static void small_ones_have_small_buffers(void **state)
{
	struct requests *r = *state;
	struct request *q;
	uint64_t id = 0;

	for (; id < REQUESTS_MAX; id++)
		assert_non_null(request_open(r, &door, 0, id, BUFFERS_SMALL_SIZE, 0));
	request_close(r, request_find(r, &door, 0, 0));
	q = request_open(r, &door, 0, id, BUFFERS_SMALL_SIZE + 1, 1);
	assert_non_null(q);
	assert_int_equal(q->buffer->size_class, 1);
	memset(q->data, 1, BUFFERS_SMALL_SIZE + 1);
	/* An answer that is larger than the request was gets a larger one. */
	assert_true(request_set_answer(r, q, q->data, BUFFERS_MIDDLE_SIZE));
	assert_int_equal(q->buffer->size_class, 1);
	assert_true(request_set_answer(r, q, q->data, BUFFERS_MIDDLE_SIZE + 1));
	assert_int_equal(q->buffer->size_class, 2);
	/* One that is smaller does not: what there is may be all there is. */
	assert_true(request_set_answer(r, q, q->data, REQUEST_SMALL_SIZE + 1));
	assert_int_equal(q->buffer->size_class, 2);
}

static void a_large_answer_needs_a_buffer(void **state)
{
	struct requests *r = *state;
	static uint8_t answer[PARTS_MESSAGE_SIZE_MAX];
	struct request *q = request_open(r, &door, 0, 1, 10, 0);

	memset(answer, 0x5a, sizeof(answer));
	assert_true(request_set_answer(r, q, answer, REQUEST_SMALL_SIZE));
	assert_null(q->buffer);
	for (int i = 0; i < BUFFERS_LARGE_COUNT; i++)
		request_open(r, &door, 0, 100u + (uint64_t)i, PARTS_MESSAGE_SIZE_MAX, 0);
	assert_false(request_set_answer(r, q, answer, sizeof(answer)));
	request_close(r, request_find(r, &door, 0, 100));
	assert_true(request_set_answer(r, q, answer, sizeof(answer)));
	assert_memory_equal(q->answer, answer, sizeof(answer));
}

/* How many more of that size a source gets; they are at work from then on. */
static uint32_t take(struct requests *r, uint64_t source, uint32_t size)
{
	static uint64_t id = 1u << 20;
	struct request *q;
	uint32_t n = 0;

	for (; (q = request_open(r, &door, 0, ++id, size, source)); n++)
		request_move(r, q, REQUEST_PROPOSING);
	return n;
}

/*
 * Without a leader whole requests stay for as long as their clients say. Whoever sends them has
 * half of the buffers; the next one half of what is left.
 */
static void V31_N13_whole_requests_of_one_source_do_not_keep_all_buffers(void **state)
{
	static const struct {
		uint32_t size, count;
	} rows[] = {
		{PARTS_MESSAGE_SIZE_MAX, BUFFERS_LARGE_COUNT},
		{BUFFERS_MIDDLE_SIZE, BUFFERS_MIDDLE_COUNT},
		{BUFFERS_SMALL_SIZE, BUFFERS_SMALL_COUNT},
	};
	struct requests *r = *state;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t left = rows[i].count;

		requests_destroy(r);
		assert_int_equal(requests_create(r, SALT), 0);
		for (uint64_t source = 66; source < 69; source++)
			assert_int_equal(take(r, source, rows[i].size), left /= 2);
		/* It is still the others', however long the first three keep theirs. */
		r->now_ns += REQUEST_TIMEOUT_NS_MAX;
		assert_int_equal(take(r, 66, rows[i].size), 0);
		assert_int_equal(take(r, 69, rows[i].size), left / 2);
		/* The local socket needs none, and has what places there are. */
		assert_non_null(request_open(r, &door, 0, 1, 0, 0));
	}
}

/* What is answered is not held: not a put's value, and an answer that was given only in name. */
static void V31_who_is_answered_has_its_share_anew(void **state)
{
	static uint8_t answer[PARTS_MESSAGE_SIZE_MAX];
	struct requests *r = *state;

	for (uint64_t i = 0; i < 5u * BUFFERS_LARGE_COUNT; i++) {
		bool put = i % 2;
		struct request *q = request_open(r, &door, 0, i, put ? sizeof(answer) : 10, 66);

		assert_non_null(q);
		request_move(r, q, put ? REQUEST_PROPOSED : REQUEST_READABLE);
		assert_true(request_set_answer(r, q, answer, put ? 10 : sizeof(answer)));
		request_move(r, q, REQUEST_ANSWERED);
		assert_true(!q->buffer == put);
		q->given = true;
		request_touch(r, q);
	}
	assert_int_equal(r->buffers.count[2][BUFFER_GIVEN], BUFFERS_LARGE_COUNT - 1);
	assert_int_equal(shares_taken(&r->shares, 66, 2), 0);
	/* The one that was given first gives way first, to anybody. */
	assert_int_equal(take(r, 7, sizeof(answer)), BUFFERS_LARGE_COUNT / 2);
	assert_null(request_find(r, &door, 0, 4u * BUFFERS_LARGE_COUNT - 2));
	assert_non_null(request_find(r, &door, 0, 5u * BUFFERS_LARGE_COUNT - 2));
}

/* Where all are taken, by many, those that are only gathered are shared down to equal parts. */
static void V31_N13_who_gathers_most_gives_to_who_has_less(void **state)
{
	struct requests *r = *state;
	uint64_t id = 0;
	uint32_t left = BUFFERS_LARGE_COUNT;

	/* 16, 8, 4, 2, 1, 1 */
	for (uint64_t source = 1; left > 0; source++) {
		r->now_ns++;
		while (left > 0 && request_open(r, &door, 0, id, PARTS_MESSAGE_SIZE_MAX, source)) {
			id++;
			left--;
		}
	}
	/* The first keeps all of its own busy but one, whichever. */
	r->now_ns++;
	for (uint64_t i = 0; i < BUFFERS_LARGE_COUNT / 2; i++)
		if (i != 5)
			request_touch(r, request_find(r, &door, 0, i));
	/* Each takes of who has most: two more than itself, at least. */
	assert_non_null(request_open(r, &door, 0, 100, PARTS_MESSAGE_SIZE_MAX, 7));
	assert_null(request_find(r, &door, 0, 5));
	while (request_open(r, &door, 0, ++id, PARTS_MESSAGE_SIZE_MAX, 7))
		;
	for (uint64_t source = 1; source <= 6; source++) {
		uint32_t n = shares_taken(&r->shares, source, 2);

		assert_in_range(n, 1, shares_taken(&r->shares, 7, 2) + 1);
	}
	assert_non_null(request_find(r, &door, 0, 100));
	/* What is at work is nobody's to take. */
	for (struct request *q; (q = TAILQ_FIRST(&r->list[REQUEST_RECEIVING]));)
		request_move(r, q, REQUEST_PROPOSED);
	assert_null(request_open(r, &door, 0, 400, PARTS_MESSAGE_SIZE_MAX, 9));
}

/* Whoever makes a node look at all buffers of a size, time and again, pays for it (V37). */
static void V37_who_has_all_buffers_looked_at_pays(void **state)
{
	struct requests *r = *state;
	uint64_t id = 0;

	for (uint64_t source = 1; r->buffers.count[1][BUFFER_FREE] > 0; source++)
		while (r->buffers.count[1][BUFFER_FREE] > 0 &&
		       request_open(r, &door, 0, ++id, BUFFERS_MIDDLE_SIZE, source))
			;
	r->now_ns++;
	assert_non_null(request_open(r, &door, 0, ++id, BUFFERS_MIDDLE_SIZE, 99));
	assert_int_equal(
		r->shares.proven[mix(99 ^ r->shares.salt) & (SHARE_SOURCES - 1)].packets.debt,
		BUFFERS_MIDDLE_COUNT / SHARE_LOOKS);
}

/* Of one that is silent another may have the buffer, whoever it is. */
static void V31_a_silent_one_gives_its_buffer_up(void **state)
{
	struct requests *r = *state;

	for (int i = 0; i < BUFFERS_LARGE_COUNT; i++)
		request_open(r, &door, 0, (uint64_t)i, PARTS_MESSAGE_SIZE_MAX, (uint64_t)i + 1);
	assert_null(request_open(r, &door, 0, 99, PARTS_MESSAGE_SIZE_MAX, 99));
	r->now_ns += REQUEST_STALE_NS + 1;
	for (int i = 0; i < BUFFERS_LARGE_COUNT; i++)
		if (i != 3)
			request_touch(r, request_find(r, &door, 0, (uint64_t)i));
	assert_non_null(request_open(r, &door, 0, 99, PARTS_MESSAGE_SIZE_MAX, 99));
	assert_null(request_find(r, &door, 0, 3));
	assert_null(request_open(r, &door, 0, 100, PARTS_MESSAGE_SIZE_MAX, 100));
}

/* Silence is no way to more than a share: what was silent and goes on is counted throughout. */
static void V31_who_was_silent_has_no_more_than_its_share(void **state)
{
	struct requests *r = *state;
	uint64_t id = 0;

	for (int round = 0; round < 3; round++) {
		while (request_open(r, &door, 0, id, PARTS_MESSAGE_SIZE_MAX, 66))
			if (++id > 3 * BUFFERS_LARGE_COUNT)
				break; /* its own, over and over: one comes, one goes */
		r->now_ns += REQUEST_STALE_NS + 1;
		for (struct request *q = TAILQ_FIRST(&r->list[REQUEST_RECEIVING]); q && round;
		     q = TAILQ_NEXT(q, list))
			request_touch(r, q);
		assert_int_equal(shares_taken(&r->shares, 66, 2), BUFFERS_LARGE_COUNT / 2);
		assert_int_equal(r->buffers.count[2][BUFFER_FREE], BUFFERS_LARGE_COUNT / 2);
	}
}

/* So many requests that are gathered, named from `id` on. */
static void gather(struct requests *r, uint64_t source, uint64_t id, uint32_t count, uint32_t size)
{
	for (uint32_t i = 0; i < count; i++)
		assert_non_null(request_open(r, &door, 0, id + i, size, source));
}

/*
 * A source has what it may have, and others are silent. Theirs are not for it: not while there are
 * free ones, and not while there are answers that were given, which it leaves to others too.
 */
static void V31_SH4_at_its_cap_a_source_takes_nobodys_silent_one(void **state)
{
	static uint8_t answer[PARTS_MESSAGE_SIZE_MAX];
	struct requests *r = *state;

	gather(r, 7, 0, 2, sizeof(answer));
	assert_int_equal(take(r, 66, sizeof(answer)), 15);
	r->now_ns += REQUEST_STALE_NS + 1;
	request_touch(r, request_find(r, &door, 0, 1));
	for (int round = 0; round < 2; round++) {
		assert_null(request_open(r, &door, 0, 99, sizeof(answer), 66));
		assert_non_null(request_find(r, &door, 0, 0));
		assert_int_equal(r->buffers.count[2][BUFFER_FREE], round ? 0 : 15);
		for (uint64_t i = 0; i < 15 && !round; i++) {
			struct request *q = request_open(r, &door, 0, 200 + i, 10, 0);

			assert_true(request_set_answer(r, q, answer, sizeof(answer)));
			request_move(r, q, REQUEST_ANSWERED);
			q->given = true;
			request_touch(r, q);
		}
	}
}

/* Its own silent one goes for another, however many of others' were silent before. */
static void V31_a_sources_own_silent_one_is_found_behind_others(void **state)
{
	struct requests *r = *state;

	gather(r, 7, 0, 1, PARTS_MESSAGE_SIZE_MAX);
	gather(r, 66, 100, 15, PARTS_MESSAGE_SIZE_MAX);
	r->now_ns += REQUEST_STALE_NS + 1;
	request_touch(r, request_find(r, &door, 0, 100));
	assert_non_null(request_open(r, &door, 0, 150, PARTS_MESSAGE_SIZE_MAX, 66));
	assert_int_equal(shares_taken(&r->shares, 66, 2), 16);
	gather(r, 66, 151, 14, PARTS_MESSAGE_SIZE_MAX);
	/* The stalest, one for one, until none is silent. */
	for (uint64_t i = 101; i < 115; i++)
		assert_null(request_find(r, &door, 0, i));
	assert_non_null(request_find(r, &door, 0, 0));
	assert_non_null(request_find(r, &door, 0, 100));
	assert_null(request_open(r, &door, 0, 199, PARTS_MESSAGE_SIZE_MAX, 66));
	assert_int_equal(shares_taken(&r->shares, 66, 2), 16);
}

/* And who has others' looked past for that pays (V37). */
static void V37_who_has_silent_ones_looked_past_pays(void **state)
{
	enum { OTHERS = 4 * SHARE_LOOKS, OWN = (BUFFERS_MIDDLE_COUNT - OTHERS) / 2 };
	struct requests *r = *state;

	gather(r, 7, 0, OTHERS, BUFFERS_MIDDLE_SIZE);
	gather(r, 66, 1000, OWN, BUFFERS_MIDDLE_SIZE);
	r->now_ns += REQUEST_STALE_NS + 1;
	assert_non_null(request_open(r, &door, 0, 9999, BUFFERS_MIDDLE_SIZE, 66));
	assert_null(request_find(r, &door, 0, 1000));
	assert_int_equal(
		r->shares.proven[mix(66 ^ r->shares.salt) & (SHARE_SOURCES - 1)].packets.debt,
		OTHERS / SHARE_LOOKS);
}

static void V37_N13_one_source_does_not_fill_the_table(void **state)
{
	struct requests *r = *state;
	uint64_t id = 0;

	while (request_open(r, &door, 0, id, 10, 66))
		id++;
	assert_int_equal(id, REQUESTS_MAX / 2);
	/* Another has as much of the rest, and the first none till as much is free as it has. */
	while (request_open(r, &door, 0, ++id, 10, 7))
		;
	assert_int_equal(r->open, REQUESTS_MAX * 3 / 4);
	for (uint64_t i = 0; i <= REQUESTS_MAX / 8; i++) {
		assert_null(request_open(r, &door, 0, ++id, 10, 66));
		struct request *q = request_find(r, &door, 0, i);
		request_move(r, q, REQUEST_ANSWERED);
		if (i % 2)
			request_close(r, q);
	}
	assert_non_null(request_open(r, &door, 0, ++id, 10, 66));
	while (request_open(r, &door, 0, ++id, 10, 0)) /* the local socket has no share */
		;
	assert_int_equal(r->open, REQUESTS_MAX);
}

/* The longest chain there is: what a look-up walks at most. */
static uint32_t longest(const struct request_bucket *bucket, bool by_session)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < REQUEST_BUCKETS; i++) {
		const struct request *q;
		uint32_t n = 0;

		for (q = LIST_FIRST(&bucket[i]); q; n++)
			q = by_session ? LIST_NEXT(q, by_session) : LIST_NEXT(q, by_id);
		most = n > most ? n : most;
	}
	return most;
}

/* Of 2,048 in 4,096 chains six are the most in nearly all cases; twice that in none. */
enum { CHAIN_MAX = 12 };

/*
 * A sender chooses the ids, and the port. Those that fall together where nothing is secret,
 * answered and kept, are spread here: nobody's packet walks them.
 */
static void V37_N13_chosen_ids_are_spread(void **state)
{
	struct requests *r = *state;
	uint64_t id = 0;

	for (int i = 0; i < REQUESTS_MAX; i++) {
		while ((mix(++id ^ mix(0)) & (REQUEST_BUCKETS - 1)) != 5)
			;
		request_move(r, request_open(r, &door, 0, id, 10, 66), REQUEST_ANSWERED);
	}
	assert_in_range(longest(r->by_id, false), 1, CHAIN_MAX);
	/* The same id by all ports of a host. */
	for (uint64_t port = 0; port < REQUESTS_MAX; port++)
		request_move(r, request_open(r, &door, 66u << 16 | port, 1, 10, 66),
			     REQUEST_ANSWERED);
	assert_in_range(longest(r->by_id, false), 1, CHAIN_MAX);
}

/* Pairs of which all 64 bits are one, were the salt beside the mixing and not within it. */
static void V37_N13_chosen_sessions_are_spread(void **state)
{
	struct requests *r = *state;

	for (uint64_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *q = request_open(r, &door, 0, i, 10, 0);

		q->sequence = i + 1;
		q->session = 5 ^ mix(q->sequence);
		request_move(r, q, REQUEST_PROPOSING);
		request_list_session(r, q);
	}
	assert_in_range(longest(r->by_session, true), 1, CHAIN_MAX);
}

/* Whose requests are not counted takes no share of the source that has the same place. */
static void V37_the_local_socket_takes_nobodys_share(void **state)
{
	struct requests *r = *state;
	uint64_t source = 1, id = 0;

	/* As the table has it: 10 bits of the hash. */
	while ((mix(source ^ r->shares.salt) ^ mix(r->shares.salt)) & (SHARE_SOURCES - 1))
		source++;
	while (id < REQUESTS_MAX / 2)
		assert_non_null(request_open(r, &door, 0, ++id, 10, 0));
	assert_non_null(request_open(r, &door, 0, ++id, 10, source));
	/* Nor does its end give one back that was never taken. */
	request_close(r, request_find(r, &door, 0, 1));
	assert_int_equal(r->open, REQUESTS_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			V31_N13_whole_requests_of_one_source_do_not_keep_all_buffers, setup,
			teardown),
		cmocka_unit_test_setup_teardown(V31_who_is_answered_has_its_share_anew, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V31_N13_who_gathers_most_gives_to_who_has_less,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V37_who_has_all_buffers_looked_at_pays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V31_who_was_silent_has_no_more_than_its_share,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			V31_SH4_at_its_cap_a_source_takes_nobodys_silent_one, setup, teardown),
		cmocka_unit_test_setup_teardown(V31_a_sources_own_silent_one_is_found_behind_others,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V37_who_has_silent_ones_looked_past_pays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(small_ones_have_small_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(V31_a_silent_one_gives_its_buffer_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V37_N13_one_source_does_not_fill_the_table, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V37_the_local_socket_takes_nobodys_share, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V37_N13_chosen_ids_are_spread, setup, teardown),
		cmocka_unit_test_setup_teardown(V37_N13_chosen_sessions_are_spread, setup,
						teardown),
		cmocka_unit_test_setup_teardown(finds_by_door_sender_and_id, setup, teardown),
		cmocka_unit_test_setup_teardown(session_is_found_only_while_a_command_is_open,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table_refuses_and_answered_ones_make_room,
						setup, teardown),
		cmocka_unit_test_setup_teardown(buffers_are_bounded_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_answer_needs_a_buffer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
