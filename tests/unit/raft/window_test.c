/*
 * The entry window, and the bounds on it that a restart relies on.
 */
#include "tests/unit/raft/hand.h"

static struct raft_entry entry_of(raft_index index, raft_term term)
{
	return (struct raft_entry){.index = index,
				   .term = term,
				   .data = (const uint8_t *)"d",
				   .size = 1,
				   .type = RAFT_ENTRY_COMMAND,
				   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
}

static void fill(struct raft_window *w, raft_index count)
{
	for (raft_index i = 1; i <= count; i++) {
		const struct raft_entry e = entry_of(i, 1 + i / 10);
		raft_window_append(w, &e);
	}
}

static void holds_the_tail_and_evicts_the_oldest(void **state)
{
	struct raft_window w = {0};

	(void)state;
	assert_int_equal(raft_window_init(&w), 0);
	assert_int_equal(raft_window_term(&w, 0), 0);
	fill(&w, RAFT_WINDOW_SLOTS);
	assert_int_equal(w.first, 1);
	assert_true(raft_window_has(&w, 1));
	assert_false(raft_window_room(&w, 1, 0));
	assert_true(raft_window_room(&w, 1, 1));
	assert_false(raft_window_room(&w, 2, 1));
	assert_false(raft_window_room(&w, RAFT_WINDOW_SLOTS + 1, RAFT_WINDOW_SLOTS));
	const struct raft_entry e = entry_of(RAFT_WINDOW_SLOTS + 1, 100000);
	raft_window_append(&w, &e);
	assert_int_equal(w.first, 2);
	assert_false(raft_window_has(&w, 1));
	assert_int_equal(raft_window_term(&w, RAFT_WINDOW_SLOTS + 1), 100000);
	raft_window_fini(&w);
}

static void an_overwritten_slot_has_no_token(void **state)
{
	struct raft_window w = {0};

	(void)state;
	assert_int_equal(raft_window_init(&w), 0);
	fill(&w, 5);
	w.seq[raft_window_slot(5)] = 9;
	raft_window_truncate(&w, 5);
	assert_int_equal(w.last, 4);
	const struct raft_entry e = entry_of(5, 7);
	raft_window_append(&w, &e);
	assert_int_equal(w.seq[raft_window_slot(5)], 0);
	raft_window_fini(&w);
}

static void a_run_ends_where_the_ring_wraps(void **state)
{
	struct raft_window w = {0};
	uint32_t count = 1000;

	(void)state;
	assert_int_equal(raft_window_init(&w), 0);
	fill(&w, RAFT_WINDOW_SLOTS + 10);
	const struct raft_entry *run = raft_window_run(&w, RAFT_WINDOW_SLOTS - 3, &count);
	assert_int_equal(count, 3);
	assert_int_equal(run[2].index, RAFT_WINDOW_SLOTS - 1);
	count = 1000;
	run = raft_window_run(&w, RAFT_WINDOW_SLOTS, &count);
	assert_int_equal(count, 11);
	assert_int_equal(run[10].index, RAFT_WINDOW_SLOTS + 10);
	raft_window_fini(&w);
}

static void floor_finds_the_highest_index_of_a_term(void **state)
{
	static const struct {
		raft_index index;
		raft_term term;
		raft_index want;
	} row[] = {
		{30, 1, 9}, {30, 2, 19}, {30, 9, 30}, {15, 2, 15},
		{30, 0, 0}, {99, 9, 40}, {5, 1, 5},
	};
	struct raft_window w = {0};

	(void)state;
	assert_int_equal(raft_window_init(&w), 0);
	fill(&w, 40);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(raft_window_floor(&w, row[i].index, row[i].term), row[i].want);
	raft_window_fini(&w);
}

static void R20_after_a_restart_what_is_below_the_window_is_committed(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 3, .vote = 2, .long_log = 200});
	assert_int_equal(h.r->window.first, 200 - RAFT_WINDOW_SLOTS + 1);
	/* The last entry is a command, and commands keep out of the reserve. */
	assert_int_equal(h.r->commit, 200 - RAFT_WINDOW_COMMANDS);
	assert_true(h.r->commit >= h.r->window.first - 1);
	/*
	 * A prev_index below the window is committed here, so it matches whatever term is claimed.
	 */
	assert_int_equal(hand_append(&h, 2, 3, 5, 1, "11", 6), 0);
	const struct raft_message *m = hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2);
	assert_non_null(m);
	assert_true(m->append_reply.accepted);
	assert_int_equal(m->append_reply.match, 7);
	hand_fini(&h);
}

static void R16_a_duplicate_append_from_0_does_not_append_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 3, .long_log = 200});
	assert_int_equal(hand_append(&h, 2, 3, 0, 0, "111", 0), 0);
	assert_int_equal(h.r->window.last, 200);
	assert_int_equal(h.r->durable, 200);
	assert_int_equal(h.persist_first, 0);
	hand_fini(&h);
}

/*
 * All members restart with a full window of uncommitted commands: the next leader can still begin
 * its term, and so commit them.
 */
static void a_full_log_leaves_room_for_the_first_entry_of_a_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .long_log = 200});
	hand_elect(&h);
	assert_int_equal(h.r->term_start, 201);
	assert_int_equal(hand_propose(&h), -EAGAIN);
	assert_int_equal(hand_ack(&h, 2, 201), 0);
	assert_int_equal(h.r->commit, 201);
	assert_int_equal(h.fetch[0].slot, RAFT_SLOT_APPLY);
	assert_int_equal(h.fetch[0].first, 1);
	assert_int_equal(hand_propose(&h), -EAGAIN); /* apply is a window behind */
	hand_fini(&h);
}

/* Many elections that committed nothing have used the reserve up. */
static void R9_a_window_filled_by_elections_is_committed_once_all_voters_hold_it(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1, .long_log = 207, .noops = 7});
	assert_int_equal(h.r->commit, 144);
	hand_elect(&h);
	assert_int_equal(h.r->term_start, 0);
	assert_int_equal(hand_propose(&h), -EAGAIN);
	assert_int_equal(raft_read_index(h.r, 1), -EAGAIN); /* R40 */
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.prev_index, 207);
	assert_int_equal(hand_ack(&h, 2, 207), 0);
	assert_int_equal(h.r->commit, 144); /* a majority is not enough for an older term */
	assert_int_equal(hand_refuse(&h, 3, 207, 205, 1), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 3)->append.prev_index, 205);
	assert_int_equal(hand_ack(&h, 3, 207), 0);
	assert_int_equal(h.r->commit, 207);
	assert_int_equal(h.r->term_start, 208);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_the_tail_and_evicts_the_oldest),
		cmocka_unit_test(an_overwritten_slot_has_no_token),
		cmocka_unit_test(a_run_ends_where_the_ring_wraps),
		cmocka_unit_test(floor_finds_the_highest_index_of_a_term),
		cmocka_unit_test(R20_after_a_restart_what_is_below_the_window_is_committed),
		cmocka_unit_test(R16_a_duplicate_append_from_0_does_not_append_again),
		cmocka_unit_test(
			R9_a_window_filled_by_elections_is_committed_once_all_voters_hold_it),
		cmocka_unit_test(a_full_log_leaves_room_for_the_first_entry_of_a_term),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
