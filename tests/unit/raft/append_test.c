/*
 * AppendEntries at the follower.
 */
#include "tests/unit/raft/hand.h"

static const struct raft_append_reply *reply(const struct hand *h, raft_id to)
{
	const struct raft_message *m = hand_sent(h, RAFT_MESSAGE_APPEND_REPLY, to);

	assert_non_null(m);
	return &m->append_reply;
}

static void log_is(const struct hand *h, const char *terms)
{
	assert_int_equal(h->r->window.last, strlen(terms));
	for (raft_index i = 1; terms[i - 1]; i++)
		assert_int_equal(raft_window_term(&h->r->window, i), terms[i - 1] - '0');
}

/*
 * Figure 7 of the paper and its relatives: our log, what the leader of term 8 sends, what becomes.
 */
static void the_consistency_check(void **state)
{
	static const struct {
		const char *log;
		raft_index prev;
		raft_term prev_term;
		const char *terms;
		const char *becomes;
		bool accepted;
		raft_index match; /* or the hint */
	} row[] = {
		{"", 0, 0, "1", "1", true, 1},
		{"11", 2, 1, "2", "112", true, 3},
		{"11", 3, 1, "2", "11", false, 2},     /* a gap */
		{"1122", 2, 1, "33", "1133", true, 4}, /* a conflicting suffix is overwritten */
		{"1122", 2, 1, "3", "113", true, 3},   /* ... and what follows it goes */
		{"1122", 2, 1, "2", "1122", true, 3},  /* R15: a matching suffix stays */
		{"1122", 0, 0, "11", "1122", true, 2},
		{"1122", 0, 0, "", "1122", true, 0},
		{"1122", 2, 1, "", "1122", true, 2},
		{"112233", 6, 2, "4", "112233", false, 4}, /* the hint skips our term 3 */
		{"112222", 6, 4, "4", "112222", false, 5},
		{"133333", 9, 2, "4", "133333", false, 1},
		{"333333", 3, 2, "4", "333333", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct hand h;
		hand_init(&h, (struct hand_options){.nodes = 3, .terms = row[i].log, .term = 8});
		assert_int_equal(
			hand_append(&h, 2, 8, row[i].prev, row[i].prev_term, row[i].terms, 0), 0);
		hand_persist(&h);
		log_is(&h, row[i].becomes);
		assert_int_equal(reply(&h, 2)->accepted, row[i].accepted);
		assert_int_equal(reply(&h, 2)->match, row[i].match);
		assert_int_equal(reply(&h, 2)->prev_index, row[i].prev);
		hand_fini(&h);
	}
}

static void malformed_and_lying_appends_are_dropped(void **state)
{
	static const struct {
		const char *why;
		raft_index prev;
		raft_term prev_term;
		const char *terms;
		int err;
	} row[] = {
		{"prev_index without a term", 3, 0, "", -EINVAL},
		{"a term without prev_index", 0, 3, "", -EINVAL},
		{"terms that go back", 2, 1, "21", -EINVAL},
		{"terms below prev_term", 2, 2, "1", -EINVAL},
		{"a term above the leader's", 2, 1, "9", -EINVAL},
		{"term 0", 2, 1, "0", -EINVAL},
		{"term 0 at the start", 0, 0, "0", -EINVAL},
		{"contradicts what is committed", 1, 1, "2", -EPROTO},
		{"contradicts what is committed, at prev", 2, 2, "", -EPROTO},
	};
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 8});
	assert_int_equal(hand_append(&h, 2, 8, 4, 1, "", 3), 0);
	assert_int_equal(h.r->commit, 3);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (hand_append(&h, 2, 8, row[i].prev, row[i].prev_term, row[i].terms, 0) !=
		    row[i].err)
			fail_msg("accepted: %s", row[i].why);
		log_is(&h, "1111");
	}
	/* A match that this leader was told it cannot take back in the same term. */
	assert_int_equal(hand_append(&h, 2, 8, 3, 1, "2", 0), -EPROTO);
	/* Nor is there a second leader. */
	assert_int_equal(hand_append(&h, 3, 8, 4, 1, "8", 0), -EPROTO);
	hand_fini(&h);
}

static void R12_commit_goes_no_further_than_the_message_proves(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "112222", .term = 3});
	assert_int_equal(hand_append(&h, 2, 3, 2, 1, "", 6), 0);
	assert_int_equal(h.r->commit, 2); /* 3 .. 6 may be another leader's leftovers */
	assert_int_equal(hand_append(&h, 2, 3, 2, 1, "33", 6), 0);
	assert_int_equal(h.r->commit, 4);
	hand_fini(&h);
}

static void R11_commit_does_not_go_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 4, 1, "", 4), 0);
	assert_int_equal(hand_append(&h, 2, 1, 4, 1, "", 1), 0);
	assert_int_equal(hand_append(&h, 3, 2, 4, 1, "", 2), 0);
	assert_int_equal(h.r->commit, 4);
	assert_int_equal(h.applied, 4);
	hand_fini(&h);
}

static void R15_a_delayed_append_does_not_erase_a_matching_suffix(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "111", 0), 0);
	hand_persist(&h);
	assert_int_equal(reply(&h, 2)->match, 4);
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "", 0), 0); /* sent before it, come after it */
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "1", 0), 0);
	log_is(&h, "1111");
	assert_int_equal(h.r->durable, 4);
	assert_int_equal(reply(&h, 2)->match, 4); /* cumulative */
	hand_fini(&h);
}

static void R2_an_answer_waits_for_the_disk(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "11", 0), 0);
	assert_int_equal(h.sent_count, 1);
	assert_int_equal(reply(&h, 2)->match, 1); /* that much is proved, and was durable before */
	hand_forget(&h);
	assert_int_equal(h.persist_first, 2);
	assert_int_equal(h.persist_last, 3);
	/* The same entries again: still nothing to say. */
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "11", 0), 0);
	assert_int_equal(h.sent_count, 0);
	hand_persist(&h);
	assert_int_equal(h.sent_count, 1);
	assert_int_equal(reply(&h, 2)->match, 3);
	hand_fini(&h);
}

static void R2_a_heartbeat_is_answered_with_what_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1, .vote = 2});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "11", 0), 0);
	hand_forget(&h);
	assert_int_equal(hand_append(&h, 2, 1, 3, 1, "", 0), 0);
	assert_int_equal(h.sent_count, 1);
	assert_true(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 1);
	hand_fini(&h);
}

static void R1_no_answer_before_the_term_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 2, 2, 1, 1, "", 0), 0);
	assert_int_equal(h.sent_count, 0);
	hand_persist(&h);
	assert_int_equal(reply(&h, 2)->match, 1);
	assert_int_equal(hand_append(&h, 2, 3, 9, 1, "", 0), 0); /* a refusal waits, too */
	assert_int_equal(h.sent_count, 1);
	hand_persist(&h);
	assert_false(reply(&h, 2)->accepted);
	hand_fini(&h);
}

/*
 * R5. Entry 2 of term 1 is handed out and not yet durable; the leader of term 2 overwrites it, and
 * a leader of term 3 puts the same kind of entry there again. The completion of the first write
 * must not make the third entry durable.
 */
static void R5_a_late_completion_does_not_cover_what_overwrote_its_entries(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1", .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 1, 1, "1", 0), 0);
	hand_forget(&h);
	uint64_t first = h.seq;
	assert_int_equal(hand_append(&h, 3, 2, 1, 1, "2", 0), 0);
	uint64_t second = h.seq;
	assert_int_equal(hand_append(&h, 2, 3, 1, 1, "3", 0), 0);
	uint64_t third = h.seq;
	assert_true(first < second);
	assert_true(second < third);
	hand_persist_seq(&h, first);
	assert_int_equal(h.r->durable, 1);
	hand_persist_seq(&h, second);
	assert_int_equal(h.r->durable, 1);
	assert_int_equal(h.sent_count, 0);
	hand_persist_seq(&h, third);
	assert_int_equal(h.r->durable, 2);
	assert_int_equal(reply(&h, 2)->match, 2);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->term, 3);
	assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3));
	hand_fini(&h);
}

static void R5_overwriting_takes_durability_back(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	assert_int_equal(hand_append(&h, 2, 2, 2, 1, "2", 0), 0);
	assert_int_equal(h.r->durable, 2);
	assert_int_equal(h.persist_first, 3);
	hand_persist(&h);
	assert_int_equal(h.r->durable, 3);
	assert_int_equal(reply(&h, 2)->match, 3);
	hand_fini(&h);
}

static void takes_what_fits_and_is_sent_the_rest_again(void **state)
{
	struct hand h;
	raft_index prev = 0;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	for (int i = 0; i < 10; i++, prev += 10)
		assert_int_equal(hand_append(&h, 2, 1,
					     prev < h.r->window.last ? prev : h.r->window.last,
					     h.r->window.last ? 1 : 0, "1111111111", 0),
				 0);
	assert_int_equal(h.r->window.last, RAFT_WINDOW_SLOTS - 1); /* LW4: nothing is committed */
	hand_persist(&h);
	raft_index last = h.r->window.last;
	assert_int_equal(hand_append(&h, 2, 1, last, 1, "11", 5), 0);
	assert_int_equal(h.r->window.last, last); /* the commit index comes after the entries */
	assert_int_equal(hand_append(&h, 2, 1, last, 1, "11", 5), 0);
	assert_int_equal(h.r->window.last, last + 2);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_consistency_check),
		cmocka_unit_test(malformed_and_lying_appends_are_dropped),
		cmocka_unit_test(R12_commit_goes_no_further_than_the_message_proves),
		cmocka_unit_test(R11_commit_does_not_go_back),
		cmocka_unit_test(R15_a_delayed_append_does_not_erase_a_matching_suffix),
		cmocka_unit_test(R2_an_answer_waits_for_the_disk),
		cmocka_unit_test(R2_a_heartbeat_is_answered_with_what_is_durable),
		cmocka_unit_test(R1_no_answer_before_the_term_is_durable),
		cmocka_unit_test(R5_a_late_completion_does_not_cover_what_overwrote_its_entries),
		cmocka_unit_test(R5_overwriting_takes_durability_back),
		cmocka_unit_test(takes_what_fits_and_is_sent_the_rest_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
