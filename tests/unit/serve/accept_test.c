/* Forwarding, the leader's end: parts come together and are proposed once whole. */
#include "tests/unit/serve/hand.h"

#include <errno.h>
#include <string.h>

static struct hand h;
static uint8_t command[3 * PARTS_PART_SIZE];

static int setup(void **state)
{
	const uint64_t session = 5, sequence = 1;

	(void)state;
	hand_open(&h);
	h.leader.id = SELF;
	memset(command, 'c', sizeof(command));
	memcpy(command, &session, 8);
	memcpy(command + 8, &sequence, 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static void part_from(raft_id from, uint64_t id, uint32_t total, uint32_t number)
{
	const struct forward_part part = {
		.id = id,
		.part = {total, number, command + (size_t)number * PARTS_PART_SIZE,
			 parts_size(total, number)},
	};

	serve_forward_part(h.serve, from, &part);
}

static const struct forward_reply *replied(uint32_t count, enum serve_status status, uint32_t next)
{
	const struct forward_reply *r = &h.reply[count - 1];

	assert_int_equal(h.replies, count);
	if (r->status != status || r->next_part != next)
		fail_msg("reply %u: status %d, part %u", count, r->status, r->next_part);
	return r;
}

/* The state machine is told who forwards a command, whole or in parts; a client is nobody. */
static void V28_who_forwards_a_command_is_known(void **state)
{
	(void)state;
	h.leader.self = true;
	part_from(PEER, 70, 100, 0);
	assert_int_equal(h.checked_from, PEER);
	part_from(OTHER, 71, 2 * PARTS_PART_SIZE, 0);
	part_from(OTHER, 71, 2 * PARTS_PART_SIZE, 1);
	assert_int_equal(h.checked_from, OTHER);
	hand_command(&h, 1, 6, 1, 100);
	assert_int_equal(h.checked_from, 0);
}

static void one_part_is_proposed_as_it_comes(void **state)
{
	static const struct {
		int proposed, admitted;
		enum serve_status want;
	} rows[] = {
		{0, 0, SERVE_OK},
		{-EAGAIN, 0, SERVE_BUSY},
		{-EREMOTE, 0, SERVE_NOT_LEADER},
	};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		h.propose_result = rows[i].proposed;
		h.admit_result = rows[i].admitted;
		part_from(PEER, 77, 100, 0);
		replied(i + 1, rows[i].want, rows[i].want == SERVE_OK);
		assert_int_equal(h.reply_to, PEER);
		assert_true(!h.reply[i].retry_after_us == (rows[i].want == SERVE_OK));
	}
	assert_int_equal(h.proposals, 3);
	part_from(PEER, 78, 8, 0);
	replied(4, SERVE_INVALID, 0);
	/* Nothing is kept of any. */
	assert_int_equal(serve_open_count(h.serve), 0);
}

/* The disk's space, not the store's. */
static void V17_a_forwarded_command_finds_no_space_for_the_log(void **state)
{
	(void)state;
	h.leader.full = true;
	part_from(PEER, 77, 100, 0);
	replied(1, SERVE_BUSY, 0);
	serve_confirmed(h.serve, h.context, 3);
	replied(2, SERVE_NO_SPACE, 0);
	assert_int_equal(h.proposals, 0);
}

/* D8, as in etcd: what frees some is taken by whoever leads, if a majority has room for that. */
static void V17_what_frees_space_is_taken_while_there_is_none(void **state)
{
	(void)state;
	h.leader.full = h.leader.frees = true;
	part_from(PEER, 77, 100, 0);
	replied(1, SERVE_OK, 1);
	assert_int_equal(h.proposals, 1);
	assert_true(h.admitted_full);
	hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.proposals, 2);
	assert_true(h.admitted_full);
	h.leader.full = h.leader.frees = false;
	part_from(PEER, 78, 100, 0);
	assert_false(h.admitted_full);
}

/* Others fill the log meanwhile: all that was in it when the command came is what counts. */
static void V17_a_forwarded_command_is_refused_under_steady_load(void **state)
{
	(void)state;
	h.admit_result = -ENOSPC;
	h.leader.last = 9;
	part_from(PEER, 77, 100, 0);
	replied(1, SERVE_BUSY, 0);
	assert_int_equal(h.reads, 0);
	serve_progress(h.serve, 9, false);
	h.leader.last = 12;
	part_from(PEER, 77, 100, 0);
	replied(2, SERVE_BUSY, 0);
	assert_int_equal(h.reads, 1);
	serve_confirmed(h.serve, h.context, 12);
	replied(3, SERVE_NO_SPACE, 0);
}

/* It was applied here. Who forwarded it is told to wait: its own store has the answer soon. */
static void V17_a_forwarded_retry_of_what_was_applied_is_not_refused(void **state)
{
	static const uint32_t sizes[] = {100, sizeof(command)};

	(void)state;
	h.leader.full = true;
	h.settled_session = 5;
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t count = parts_count(sizes[i]), replies = h.replies;

		for (uint32_t part = 0; part < count; part++)
			part_from(PEER, 77 + i, sizes[i], part);
		replied(replies + count, SERVE_BUSY, count - 1);
		if (h.reads)
			serve_confirmed(h.serve, h.context, 3);
		replied(replies + count, SERVE_BUSY, count - 1);
	}
	/* It became known while it waited for the answer of a majority. */
	h.settled_session = 0;
	part_from(PEER, 80, 100, 0);
	assert_int_equal(h.reads, 1);
	h.settled_session = 5;
	serve_confirmed(h.serve, h.context, 3);
	assert_int_equal(h.reply[h.replies - 1].status, SERVE_BUSY);
	assert_int_equal(h.proposals, 0);
}

/* One part or three: the refusal is kept, so that no late duplicate is proposed after it. */
static void V10_no_space_is_said_once_it_is_certain(void **state)
{
	static const uint32_t sizes[] = {100, sizeof(command)};

	(void)state;
	h.admit_result = -ENOSPC;
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t count = parts_count(sizes[i]), replies = h.replies, reads = h.reads;

		h.leader.last = 9 + i; /* not applied yet: a copy may be in the log */
		for (uint32_t part = 0; part < count; part++)
			part_from(PEER, 77 + i, sizes[i], part);
		replied(replies + count, SERVE_BUSY, count - 1);
		assert_int_equal(h.reads, reads);
		serve_progress(h.serve, 9 + i, false);
		hand_turn(&h, 1 * MS);
		part_from(PEER, 77 + i, sizes[i], count - 1);
		replied(replies + count + 1, SERVE_BUSY, count - 1);
		assert_int_equal(h.reads, reads + 1);
		serve_confirmed(h.serve, h.context, 0); /* lost: asked again */
		hand_turn(&h, 1 * MS);
		part_from(PEER, 77 + i, sizes[i], count - 1);
		assert_int_equal(h.reads, reads + 2);
		serve_confirmed(h.serve, h.context, 3);
		replied(replies + count + 3, SERVE_NO_SPACE, count - 1);
		h.admit_result = 0;
		part_from(PEER, 77 + i, sizes[i], count - 1);
		replied(replies + count + 4, SERVE_NO_SPACE, count - 1);
		h.admit_result = -ENOSPC;
	}
	assert_int_equal(h.proposals, 0);
	assert_int_equal(serve_open_count(h.serve), 0);
}

static void who_does_not_lead_says_so(void **state)
{
	(void)state;
	h.leader.id = OTHER;
	part_from(PEER, 77, 100, 0);
	replied(1, SERVE_NOT_LEADER, 0);
	part_from(PEER, 77, sizeof(command), 0);
	replied(2, SERVE_NOT_LEADER, 0);
	assert_int_equal(h.proposals, 0);
	assert_int_equal(serve_open_count(h.serve), 0);
}

static void parts_come_together_in_any_order(void **state)
{
	(void)state;
	part_from(PEER, 77, sizeof(command), 2);
	replied(1, SERVE_OK, 0);
	part_from(PEER, 77, sizeof(command), 0);
	replied(2, SERVE_OK, 1);
	part_from(PEER, 77, sizeof(command), 0);
	replied(3, SERVE_OK, 1);
	assert_int_equal(h.proposals, 0);
	part_from(PEER, 77, sizeof(command), 1);
	replied(4, SERVE_OK, 3);
	assert_int_equal(h.proposals, 1);
	assert_int_equal(h.proposed_size, sizeof(command));
	assert_memory_equal(h.proposed_data, command, sizeof(command));
	/* A late duplicate is answered, and proposes nothing. */
	part_from(PEER, 77, sizeof(command), 1);
	replied(5, SERVE_OK, 3);
	assert_int_equal(h.proposals, 1);
	assert_int_equal(h.words, 0); /* the follower answers its client */
}

static void one_id_of_two_peers_is_two_commands(void **state)
{
	(void)state;
	part_from(PEER, 77, sizeof(command), 0);
	part_from(PEER, 77, sizeof(command), 1);
	part_from(OTHER, 77, sizeof(command), 2);
	replied(3, SERVE_OK, 0);
	assert_int_equal(h.reply_to, OTHER);
	assert_int_equal(h.proposals, 0);
	assert_int_equal(serve_open_count(h.serve), 2);
}

static void a_refusal_leaves_the_last_part_wanted(void **state)
{
	(void)state;
	h.propose_result = -EAGAIN;
	for (uint32_t i = 0; i < 3; i++)
		part_from(PEER, 77, sizeof(command), i);
	replied(3, SERVE_BUSY, 2);
	h.propose_result = 0;
	part_from(PEER, 77, sizeof(command), 2);
	replied(4, SERVE_OK, 3);
	assert_int_equal(h.proposals, 2);
}

/*
 * What was proposed keeps no buffer: many of them are on their way at once. Its word is kept, and
 * said again.
 */
static void what_was_taken_gives_its_buffer_up(void **state)
{
	(void)state;
	for (uint32_t id = 0; id < 3; id++) {
		for (uint32_t i = 0; i < 3; i++)
			part_from(PEER, id, sizeof(command), i);
		replied(3 * id + 3, SERVE_OK, 3);
		assert_null(
			request_find(&h.serve->requests, &h.serve->gathering, PEER, id)->buffer);
	}
	assert_int_equal(h.proposals, 3);
	part_from(PEER, 0, sizeof(command), 1);
	replied(10, SERVE_OK, 3);
	assert_int_equal(h.proposals, 3);
}

static void what_is_never_whole_goes(void **state)
{
	(void)state;
	/* All that one member may have (SH4). */
	for (uint64_t i = 0; i < BUFFERS_LARGE_COUNT / 2; i++)
		part_from(PEER, i, PARTS_MESSAGE_SIZE_MAX, 0);
	part_from(PEER, 99, PARTS_MESSAGE_SIZE_MAX, 0);
	replied(BUFFERS_LARGE_COUNT / 2 + 1, SERVE_BUSY, 0);
	assert_int_equal(serve_get_counters(h.serve)->refused, 1);
	hand_turn(&h, REQUEST_TIMEOUT_NS_DEFAULT);
	assert_int_equal(serve_open_count(h.serve), 0);
	part_from(PEER, 99, PARTS_MESSAGE_SIZE_MAX, 0);
	replied(BUFFERS_LARGE_COUNT / 2 + 2, SERVE_OK, 1);
}

/*
 * A member has its share of the leader's turns as each client has: it knows its own clients alone,
 * and one of those floods it. What is over waits, and is proposed in the order in which it came.
 */
static void V37_N13_what_one_member_forwards_leaves_others_their_turns(void **state)
{
	const uint32_t share = SHARE_TURN / SHARE_REQUEST, flood = 5 * share;

	(void)state;
	part_from(OTHER, 1000, 100, 0);
	for (uint32_t i = 0; i < flood; i++)
		part_from(PEER, i, 100, 0);
	assert_int_equal(h.proposals, 1 + share);
	part_from(OTHER, 1001, 100, 0);
	assert_int_equal(h.proposals, share + 2);
	assert_int_equal(h.replies, share + 2);
	/* It asks again for what waits: that is no news. */
	part_from(PEER, flood - 1, 100, 0);
	assert_int_equal(h.replies, share + 2);
	for (uint32_t i = 1; i < 5; i++) {
		h.replies = 0;
		assert_true(serve_active(h.serve));
		hand_turn(&h, 10);
		/* What comes now is later. */
		part_from(PEER, flood + i, 100, 0);
		assert_int_equal(h.replies, share);
		for (uint32_t k = 0; k < share; k++)
			assert_int_equal(h.reply[k].id, i * share + k);
	}
	assert_int_equal(h.proposals, 2 + flood);
}

/* What a majority confirms while they wait counts for them too (V17). */
static void V17_V37_those_that_wait_hear_of_no_space_too(void **state)
{
	const uint32_t count = SHARE_TURN_ALONE / SHARE_REQUEST + 1;
	uint64_t first;

	(void)state;
	h.admit_result = -ENOSPC;
	for (uint32_t i = 0; i < count; i++)
		part_from(PEER, i, 100, 0);
	first = h.context;
	hand_turn(&h, 10);
	assert_int_equal(h.reads, 2); /* the last of them began a turn later */
	/* They are asked for again, and one more than a turn's share waits. */
	hand_turn(&h, 10);
	h.replies = 0;
	for (uint32_t i = 0; i < count; i++)
		part_from(PEER, i, 100, 0);
	assert_true(serve_active(h.serve));
	h.replies = 0;
	serve_confirmed(h.serve, first, 3);
	serve_confirmed(h.serve, h.context, 3);
	hand_turn(&h, 10);
	assert_int_equal(h.replies, count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(h.reply[i].status, SERVE_NO_SPACE);
}

/* The leader falls while they wait: nothing is proposed, and the member is told. */
static void V37_what_waits_at_a_leader_that_falls_is_told(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= SHARE_TURN_ALONE / SHARE_REQUEST; i++)
		part_from(PEER, i, 100, 0);
	h.leader.id = OTHER;
	h.replies = h.proposals = 0;
	hand_turn(&h, 10);
	replied(1, SERVE_NOT_LEADER, 0);
	assert_int_equal(h.proposals, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V28_who_forwards_a_command_is_known, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_part_is_proposed_as_it_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(V17_a_forwarded_command_finds_no_space_for_the_log,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V17_what_frees_space_is_taken_while_there_is_none,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			V17_a_forwarded_command_is_refused_under_steady_load, setup, teardown),
		cmocka_unit_test_setup_teardown(
			V17_a_forwarded_retry_of_what_was_applied_is_not_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(V10_no_space_is_said_once_it_is_certain, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_does_not_lead_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_come_together_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(one_id_of_two_peers_is_two_commands, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_refusal_leaves_the_last_part_wanted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_was_taken_gives_its_buffer_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_never_whole_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			V37_N13_what_one_member_forwards_leaves_others_their_turns, setup,
			teardown),
		cmocka_unit_test_setup_teardown(V17_V37_those_that_wait_hear_of_no_space_too, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V37_what_waits_at_a_leader_that_falls_is_told,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
