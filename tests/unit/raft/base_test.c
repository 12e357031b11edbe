/*
 * A log that begins behind a base (raft/window.h, raft/append.c).
 */
#include "tests/unit/raft/hand.h"

static const struct raft_append_reply *reply(const struct hand *h, raft_id to)
{
	const struct raft_message *m = hand_sent(h, RAFT_MESSAGE_APPEND_REPLY, to);

	assert_non_null(m);
	return &m->append_reply;
}

static void log_is(const struct hand *h, raft_index base, const char *terms)
{
	assert_int_equal(h->r->window.last, base + strlen(terms));
	for (uint32_t i = 0; terms[i]; i++)
		assert_int_equal(raft_window_term(&h->r->window, base + 1 + i), terms[i] - '0');
}

static struct raft_options options_of(raft_index base, raft_term term, raft_index applied,
				      raft_index last)
{
	struct raft_options o = {
		.id = 1,
		.identity = 0xa1,
		.start = hand_start(1, 1),
		.members = {.count = 1, .member = {{.id = 1, .identity = 0xa1, .voter = true}}},
		.members_index = 1,
		.hard_state = {.term = 3},
		.base_index = base,
		.base_term = term,
		.applied = applied,
		.last_index = last,
		.election_timeout_us_min = 150000,
		.election_timeout_us_max = 300000,
		.heartbeat_us = 20000,
		.append_size_max = 1400,
	};

	return o;
}

static void what_contradicts_a_base_is_refused(void **state)
{
	static const struct {
		raft_index base;
		raft_term term;
		raft_index applied, last;
		int err;
	} row[] = {
		{10, 2, 10, 10, 0},
		{10, 2, 12, 15, 0},
		{0, 0, 0, 1, 0},
		{10, 0, 10, 10, -EINVAL}, /* R61: its term is to be known */
		{0, 2, 10, 10, -EINVAL},
		{10, 2, 9, 10, -EINVAL},
		{10, 2, 10, 9, -EINVAL},
		{10, 2, 16, 15, -EINVAL},
		{10, RAFT_TERM_MAX + 1, 10, 10, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct raft_options o =
			options_of(row[i].base, row[i].term, row[i].applied, row[i].last);
		struct raft *r;

		o.members_before = o.members;
		assert_int_equal(raft_create(&r, &o), row[i].err);
		if (!row[i].err)
			raft_destroy(r);
		o.members_index = 0; /* as it was formed, or forced (ADR 16) */
		assert_int_equal(raft_create(&r, &o), row[i].err);
		if (!row[i].err)
			raft_destroy(r);
		/* A cluster of several that has committed anything has a table. */
		o.members.member[o.members.count++] =
			(struct raft_member){.id = 2, .identity = 0xa2, .voter = true};
		assert_int_equal(raft_create(&r, &o), row[i].base ? -EINVAL : row[i].err);
		if (!row[i].base && !row[i].err)
			raft_destroy(r);
	}
}

/*
 * What was applied may be durable in a snapshot before the term is that it was committed in: nobody
 * heard anything of this member in it.
 */
static void R18_a_base_raises_the_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 10, .base_term = 5, .term = 3, .vote = 2});
	assert_int_equal(raft_get_term(h.r), 5);
	assert_int_equal(h.hard.term, 5);
	assert_int_equal(h.hard.vote, 0);
	assert_int_equal(h.sent_count, 0); /* and it is on the disk before a word of it leaves */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 5);
	m.vote.last_index = 10;
	m.vote.last_term = 4;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.sent_count, 0);
	hand_persist(&h);
	assert_int_equal(h.sent_count, 1);
	hand_fini(&h);
}

static void R61_an_empty_log_behind_a_base_is_as_new_as_that(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .base = 100, .base_term = 2, .term = 3});
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 4);
	m.vote.last_index = 200;
	m.vote.last_term = 1;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_false(hand_voted(&h, 2));
	m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 5);
	m.vote.last_index = 99;
	m.vote.last_term = 2;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	assert_false(hand_voted(&h, 3));
	hand_campaign(&h);
	hand_persist(&h);
	const struct raft_message *asked = hand_sent(&h, RAFT_MESSAGE_VOTE, 2);
	assert_int_equal(asked->vote.last_index, 100);
	assert_int_equal(asked->vote.last_term, 2);
	hand_fini(&h);
}

static void R20_what_is_below_the_base_is_committed_and_applied(void **state)
{
	struct hand h;
	struct raft_status s;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3,
					    .base = 100,
					    .base_term = 2,
					    .applied = 102,
					    .terms = "2333",
					    .term = 3});
	raft_get_status(h.r, &s);
	assert_int_equal(s.base, 100);
	assert_int_equal(s.commit, 102);
	assert_int_equal(s.applied, 102);
	assert_int_equal(s.durable, 104);
	assert_int_equal(s.last, 104);
	/* The leader of a new term needs no entry below it. */
	assert_int_equal(hand_append(&h, 2, 4, 104, 3, "4", 105), 0);
	hand_persist(&h);
	assert_int_equal(h.applied, 105);
	hand_fini(&h);
}

static void R16_an_append_from_before_the_base_appends_nothing_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 4, .base_term = 2, .terms = "33", .term = 3});
	assert_int_equal(hand_append(&h, 2, 3, 0, 0, "112233", 6), 0);
	hand_persist(&h);
	assert_true(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 6);
	log_is(&h, 4, "33");
	assert_int_equal(h.persist_last, 0); /* nothing was written but the vote */
	/* Of whatever terms, as far as is known here; then the log goes on. */
	assert_int_equal(hand_append(&h, 2, 3, 1, 2, "222333", 6), 0);
	hand_persist(&h);
	log_is(&h, 4, "333");
	assert_int_equal(reply(&h, 2)->match, 7);
	assert_int_equal(h.r->contradiction.count, 0);
	hand_fini(&h);
}

/* The base itself is known: whoever has another entry there is wrong, or this log is (V36). */
static void RX8_another_entry_at_the_base_is_refused(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .base = 4, .base_term = 2, .term = 3});
	assert_int_equal(hand_append(&h, 2, 3, 4, 1, "3", 6), -EPROTO);
	assert_int_equal(hand_append(&h, 2, 3, 3, 1, "1", 6), -EPROTO);
	/* Taken, it would be followed by a term that falls. */
	assert_int_equal(hand_append(&h, 2, 3, 2, 1, "111", 6), -EPROTO);
	log_is(&h, 4, "");
	assert_int_equal(h.r->contradiction.count, 3);
	assert_true(h.r->contradiction.committed);
	assert_int_equal(h.r->contradiction.index, 4);
	assert_int_equal(hand_append(&h, 2, 3, 2, 1, "123", 6), 0);
	log_is(&h, 4, "3");
	hand_fini(&h);
}

/* Back to the base, and not below it. */
static void a_conflict_right_behind_the_base_empties_the_log(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 4, .base_term = 2, .terms = "33", .term = 4});
	assert_int_equal(hand_append(&h, 2, 4, 4, 2, "4", 0), 0);
	log_is(&h, 4, "4");
	hand_persist(&h);
	/* Refused: the hint does not go below it. */
	hand_forget(&h);
	assert_int_equal(hand_append(&h, 2, 4, 90, 4, "4", 0), 0);
	assert_false(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 5);
	assert_int_equal(hand_append(&h, 3, 5, 5, 5, "", 0), 0);
	hand_persist(&h);
	assert_false(reply(&h, 3)->accepted);
	assert_int_equal(reply(&h, 3)->match, 4);
	assert_int_equal(reply(&h, 3)->match_term, 2);
	hand_fini(&h);
}

/* The window's bounds count from the base as well (raft/window.h). */
static void a_long_log_behind_a_base_is_restored(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h,
		  (struct hand_options){
			  .nodes = 3, .base = 1000, .base_term = 1, .long_log = 200, .term = 1});
	assert_int_equal(h.r->window.first, 1200 - RAFT_WINDOW_SLOTS + 1);
	assert_true(h.r->commit >= h.r->window.first);
	assert_int_equal(h.fetch_count, 1); /* what is to be applied follows the base */
	assert_int_equal(h.fetch[0].first, 1001);
	hand_fini(&h);
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 1000, .base_term = 1, .long_log = 10, .term = 1});
	assert_int_equal(h.r->window.first, 1001);
	assert_int_equal(h.r->commit, 1000);
	hand_fini(&h);
}

static void D9c_the_past_of_a_log_with_a_base_is_judged(void **state)
{
	static const struct {
		raft_term term;
		raft_index index;
		raft_term entry_term;
		bool lost;
	} row[] = {
		{3, 101, 3, false}, /* it is here */
		{3, 102, 3, true},  /* it was, and is not */
		{3, 100, 2, false}, /* the base */
		{3, 40, 1, false},  /* below it */
		{2, 110, 2, false}, /* overwritten by what is here */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct hand h;

		hand_init(&h, (struct hand_options){.nodes = 3,
						    .base = 100,
						    .base_term = 2,
						    .terms = "3",
						    .term = 3,
						    .unconfirmed = true});
		struct raft_message m = hand_told(&h, 2, h.r->start, row[i].term, row[i].index);
		m.start_reply.known.entry_term = row[i].entry_term;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(h.lost, row[i].lost);
		hand_fini(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_contradicts_a_base_is_refused),
		cmocka_unit_test(R18_a_base_raises_the_term),
		cmocka_unit_test(R61_an_empty_log_behind_a_base_is_as_new_as_that),
		cmocka_unit_test(R20_what_is_below_the_base_is_committed_and_applied),
		cmocka_unit_test(R16_an_append_from_before_the_base_appends_nothing_again),
		cmocka_unit_test(RX8_another_entry_at_the_base_is_refused),
		cmocka_unit_test(a_conflict_right_behind_the_base_empties_the_log),
		cmocka_unit_test(a_long_log_behind_a_base_is_restored),
		cmocka_unit_test(D9c_the_past_of_a_log_with_a_base_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
