/*
 * Reads under a lease (raft/lease.c): what makes one, how long it lasts, what ends it.
 */
#include "tests/unit/raft/hand.h"

enum {
	PROMISE_US = 100000,
	LEASE_US = PROMISE_US / 5 * 4,
	BEFORE_US = 600000, /* the longest that a member may have promised before a start */
};

static const struct hand_options leasing = {.nodes = 3,
					    .terms = "1122",
					    .term = 2,
					    .pre_vote = true,
					    .check_quorum = true,
					    .lease_reads = true};

static int promise(struct hand *h, raft_id from, uint64_t read_seq, uint32_t us)
{
	struct raft_message m = hand_answer(h, from, true, 5, 5);

	m.append_reply.read_seq = read_seq;
	m.append_reply.promise_us = us;
	return hand_recv(h, &m);
}

/* A leader of term 3 whose first entry, 5, is committed, and with it an open round. */
static void lead(struct hand *h, uint32_t nodes)
{
	struct hand_options o = leasing;

	o.nodes = nodes;
	hand_init(h, o);
	hand_elect(h);
	for (raft_id id = 2; id <= nodes; id++)
		assert_int_equal(hand_ack(h, id, 5), 0);
	hand_tick(h, HAND_HEARTBEAT_US);
	assert_true(h->r->contact.open);
	hand_forget(h);
}

static void read_ask(struct hand *h, uint64_t context)
{
	assert_int_equal(raft_read_index(h->r, context), 0);
	hand_take(h);
}

/* What two ticks say of a read, with the lease of this time; it does not begin a round before. */
static bool served(struct hand *h)
{
	uint32_t count = h->read_count;
	uint64_t seq = h->r->reads.seq;

	read_ask(h, 77);
	hand_tick(h, 0);
	assert_int_equal(h->read_count, count);
	hand_tick(h, 0);
	assert_int_equal(h->r->reads.seq == seq, h->read_count > count);
	return h->read_count > count;
}

static void R43_a_read_under_a_lease_costs_no_round(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	uint64_t seq = h.r->reads.seq;
	assert_int_equal(promise(&h, 2, seq, PROMISE_US), 0);
	hand_forget(&h);
	read_ask(&h, 7);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_READ, 3, 3);
	m.read.context = 8;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_deadline(h.r), h.now_us);
	hand_tick(&h, 1);
	assert_int_equal(h.read_count, 0); /* its clock may be older than the reads */
	assert_int_equal(raft_deadline(h.r), h.now_us);
	read_ask(&h, 9);
	hand_tick(&h, 1);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].context, 7);
	assert_int_equal(h.read[0].index, 5);
	const struct raft_message *reply = hand_sent(&h, RAFT_MESSAGE_READ_REPLY, 3);
	assert_non_null(reply);
	assert_int_equal(reply->read_reply.context, 8);
	assert_int_equal(reply->read_reply.index, 5);
	hand_tick(&h, 1);
	assert_int_equal(h.read_count, 2);
	assert_int_equal(h.read[1].context, 9);
	assert_int_equal(h.r->reads.seq, seq);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 2), 0);
	struct raft_status s;
	raft_get_status(h.r, &s);
	assert_int_equal(s.lease_reads, 3);
	hand_fini(&h);
}

/*
 * Stopped after it had read its clock, or while it read its mail: what comes in when it goes on may
 * be younger than the next leader's writes.
 */
static void R43_a_clock_that_was_read_before_the_read_came_confirms_nothing(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(promise(&h, 2, h.r->reads.seq, PROMISE_US), 0);
	hand_tick(&h, HAND_HEARTBEAT_US / 2);
	read_ask(&h, 7);
	hand_tick(&h, 0); /* a turn whose clock was read before all that */
	assert_int_equal(h.read_count, 0);
	uint64_t seq = h.r->reads.seq;
	hand_tick(&h, 10 * PROMISE_US);
	assert_int_equal(h.read_count, 0);
	assert_true(h.r->reads.seq > seq); /* by a round, as without a lease */
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.read_seq, h.r->reads.seq);
	assert_true(hand_sent(&h, RAFT_MESSAGE_APPEND, 2)->append.urgent);
	assert_int_equal(promise(&h, 3, seq, PROMISE_US), 0);
	assert_int_equal(h.read_count, 0);
	assert_int_equal(promise(&h, 3, h.r->reads.seq, PROMISE_US), 0);
	assert_int_equal(h.read_count, 1);
	hand_fini(&h);
}

/* From the tick of the round, for four fifths of what was promised; whenever the echo comes. */
static void R43_a_lease_lasts_from_its_round_for_less_than_the_promise(void **state)
{
	struct hand h;

	(void)state;
	for (uint64_t late = 0; late < 2; late++) {
		lead(&h, 3);
		assert_int_equal(promise(&h, 3, h.r->contact.seq, 0), 0);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_true(h.r->contact.open);
		uint64_t begun_us = h.now_us;
		assert_int_equal(promise(&h, 2, h.r->contact.seq - 1, PROMISE_US), 0);
		assert_false(served(&h));
		hand_tick(&h, 30000);
		assert_int_equal(promise(&h, 2, h.r->contact.seq, PROMISE_US), 0);
		h.r->contact.due_us = UINT64_MAX; /* no other round */
		hand_tick(&h, begun_us + LEASE_US - 1 - h.now_us);
		assert_true(served(&h));
		hand_tick(&h, late);
		assert_int_equal(served(&h), !late);
		hand_fini(&h);
	}
}

/* Of those that make the best majority the least; each from its newest round. */
static void R43_a_lease_lasts_as_long_as_a_majority_promised(void **state)
{
	static const uint32_t promised[] = {0, 40000, 100000, 60000};
	struct hand h;

	(void)state;
	lead(&h, 5);
	uint64_t begun_us = h.now_us, seq = h.r->reads.seq;
	for (raft_id id = 2; id <= 5; id++)
		assert_int_equal(promise(&h, id, seq, promised[id - 2]), 0);
	h.r->contact.due_us = UINT64_MAX;
	hand_tick(&h, begun_us + 48000 - 1 - h.now_us); /* 60,000, less a fifth */
	assert_true(served(&h));
	hand_tick(&h, 1);
	assert_false(served(&h));
	hand_fini(&h);
}

/* Thesis 4.3: of both sets. */
static void R43_a_joint_table_takes_the_promises_of_both_majorities(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 5);
	struct raft_members joint = *raft_get_members(h.r);
	for (uint32_t i = 0; i < 5; i++) { /* before: 1, 2, 3; to come: 1, 4, 5 */
		joint.member[i].voter_before = i < 3;
		joint.member[i].voter = i == 0 || i >= 3;
	}
	assert_int_equal(hand_propose(&h), 0);
	raft_members_adopt(h.r, &joint, 6);
	uint64_t seq = h.r->reads.seq;
	assert_int_equal(promise(&h, 2, seq, PROMISE_US), 0);
	assert_int_equal(promise(&h, 3, seq, PROMISE_US), 0);
	assert_false(served(&h));
	assert_int_equal(promise(&h, 4, seq, PROMISE_US), 0);
	assert_true(served(&h));
	hand_fini(&h);
}

static void D9c_the_promise_of_one_that_does_not_count_makes_no_lease(void **state)
{
	struct hand h;

	(void)state;
	for (int how = 0; how < 3; how++) {
		lead(&h, 3);
		uint64_t seq = h.r->reads.seq;
		struct raft_message m = hand_answer(&h, 2, true, 5, 5);
		m.append_reply.read_seq = seq;
		m.append_reply.promise_us = PROMISE_US;
		m.append_reply.lost = how == 1;
		m.append_reply.unconfirmed = how == 2;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(served(&h), how == 0);
		hand_fini(&h);
	}
	/*
	 * What it promised before it was started anew is as good as its disk and its settings; of
	 * one that has acknowledged nothing, too.
	 */
	for (raft_index match = 0; match <= 5; match += 5) {
		hand_init(&h, leasing);
		hand_elect(&h);
		assert_int_equal(hand_ack(&h, 3, 5), 0);
		hand_tick(&h, HAND_HEARTBEAT_US);
		struct raft_message m = hand_answer(&h, 2, true, match, match);
		m.append_reply.read_seq = h.r->reads.seq;
		m.append_reply.promise_us = PROMISE_US;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_true(served(&h));
		m = hand_answer(&h, 2, true, match, match);
		m.start = hand_start(2, 2);
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_false(served(&h));
		hand_fini(&h);
	}
}

/* Its timers were longer, and it heard leaders: nobody knows by now. */
static void started(struct hand *h, bool check_quorum, raft_term term)
{
	hand_init(h, (struct hand_options){.nodes = 3,
					   .terms = term ? "1122" : NULL,
					   .term = term,
					   .check_quorum = check_quorum,
					   .promise_us = BEFORE_US});
	hand_tick(h, 0);
}

static void R43_who_was_started_keeps_what_it_may_have_promised(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	for (int check_quorum = 0; check_quorum < 2; check_quorum++) {
		started(&h, check_quorum, 2);
		for (h.now_us = 0; h.now_us < BEFORE_US - 1;
		     hand_tick(&h, 1000 - (h.now_us == 0))) {
			assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
			assert_int_equal(hand_vote_ask(&h, 3, 3), -EBUSY);
			m = hand_message(&h, RAFT_MESSAGE_PREVOTE, 3, 3);
			assert_int_equal(hand_recv(&h, &m), -EBUSY);
		}
		assert_int_equal(h.now_us, BEFORE_US - 1);
		assert_int_equal(raft_get_term(h.r), 2);
		hand_tick(&h, 1);
		assert_int_equal(hand_vote_ask(&h, 3, 3), 0);
		hand_persist(&h);
		assert_true(hand_voted(&h, 3));
		hand_fini(&h);

		/* It stands itself, and not for ever late. */
		started(&h, check_quorum, 2);
		while (raft_get_role(h.r) == RAFT_FOLLOWER)
			hand_tick(&h, 1000);
		assert_true(h.now_us >= BEFORE_US);
		assert_true(h.now_us <= BEFORE_US + 2 * HAND_ELECTION_US + 1000);
		hand_fini(&h);

		/* Whoever the leader wants is elected: it has no lease (R44). */
		started(&h, check_quorum, 2);
		m = hand_message(&h, RAFT_MESSAGE_VOTE, 3, 3);
		m.vote.last_index = 4;
		m.vote.last_term = 2;
		m.vote.transfer = true;
		assert_int_equal(hand_recv(&h, &m), 0);
		hand_persist(&h);
		assert_true(hand_voted(&h, 3));
		hand_fini(&h);
		started(&h, check_quorum, 2);
		assert_int_equal(hand_append(&h, 3, 2, 4, 2, "", 4), 0);
		hand_persist(&h);
		m = hand_message(&h, RAFT_MESSAGE_TIMEOUT_NOW, 3, 2);
		m.timeout_now.read_seq = h.r->leader_seq;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(raft_get_role(h.r), RAFT_CANDIDATE);
		hand_fini(&h);

		/* Of no term, it has heard no leader ever. */
		started(&h, check_quorum, 0);
		hand_tick(&h, check_quorum ? HAND_ELECTION_US : 0);
		assert_int_equal(hand_vote_ask(&h, 3, 2), 0);
		hand_persist(&h);
		assert_true(hand_voted(&h, 3));
		hand_fini(&h);
	}
}

/* Nor longer than it hears leaders. */
static void R43_nothing_is_promised_that_a_start_would_end(void **state)
{
	static const uint32_t longest_us[] = {0, 100000, HAND_ELECTION_US, BEFORE_US};
	static const uint32_t promised_us[] = {0, 100000, HAND_ELECTION_US, HAND_ELECTION_US};
	struct hand_options o = leasing;
	struct hand h;

	(void)state;
	for (uint32_t k = 0; k < 8; k++) {
		o.promise_us = longest_us[k / 2];
		o.lease_reads = o.check_quorum = k & 1;
		hand_init(&h, o);
		assert_int_equal(hand_append(&h, 3, 3, 4, 2, "", 4), 0);
		hand_persist(&h);
		assert_int_equal(
			hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3)->append_reply.promise_us,
			k & 1 ? promised_us[k / 2] : 0);
		hand_fini(&h);
	}
}

/* R44: also when it was given up; the next term has leases again. */
static void R44_a_transfer_ends_the_lease_for_the_term(void **state)
{
	struct hand h;

	(void)state;
	lead(&h, 3);
	assert_int_equal(promise(&h, 2, h.r->reads.seq, PROMISE_US), 0);
	assert_true(served(&h));
	read_ask(&h, 9);
	hand_tick(&h, 0);
	uint32_t count = h.read_count;
	assert_int_equal(raft_transfer(h.r, 2), 0);
	hand_take(&h);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_TIMEOUT_NOW, 2), 1);
	hand_tick(&h, 0);
	assert_int_equal(h.read_count, count); /* one that waited for it takes a round */
	for (uint32_t us = 0; us <= HAND_ELECTION_US; us += HAND_HEARTBEAT_US) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(promise(&h, 3, h.r->reads.seq, PROMISE_US), 0);
		assert_int_equal(promise(&h, 2, h.r->reads.seq, PROMISE_US), 0);
	}
	assert_int_equal(raft_get_transfer(h.r), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_false(served(&h));
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 8);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	hand_persist(&h);
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, raft_last(h.r)), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_false(served(&h)); /* no promise is of the term before */
	assert_int_equal(promise(&h, 2, h.r->reads.seq, PROMISE_US), 0);
	assert_true(served(&h));
	hand_fini(&h);
}

/* R40, and a leader that steps down while one waits. */
static void R40_no_lease_serves_before_the_first_commit_nor_after_the_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, leasing);
	hand_elect(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	struct raft_message m = hand_answer(&h, 2, true, 4, 4);
	m.append_reply.read_seq = h.r->reads.seq;
	m.append_reply.promise_us = PROMISE_US;
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(raft_read_index(h.r, 7), -EAGAIN);
	assert_int_equal(hand_ack(&h, 2, 5), 0);
	read_ask(&h, 7);
	hand_tick(&h, 0);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, 8);
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_tick(&h, 0);
	assert_int_equal(h.read_count, 1);
	assert_int_equal(h.read[0].index, 0); /* refused */
	hand_fini(&h);
}

static void a_lease_is_an_option_and_needs_check_quorum(void **state)
{
	struct hand_options off = leasing;
	struct raft *r;
	struct hand h;

	(void)state;
	off.lease_reads = false;
	hand_init(&h, off);
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 5), 0);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(promise(&h, 2, h.r->reads.seq, PROMISE_US), 0);
	assert_false(served(&h));
	struct raft_options o = {
		.id = 1,
		.identity = 1,
		.start = hand_start(1, 1),
		.members = {.count = 1, .member = {{.id = 1, .identity = 1, .voter = 1}}},
		.election_timeout_us_min = 2,
		.election_timeout_us_max = 2,
		.heartbeat_us = 1,
		.append_size_max = 1400,
		.lease_reads = true};
	assert_int_equal(raft_create(&r, &o), -EINVAL);
	o.check_quorum = true;
	assert_int_equal(raft_create(&r, &o), 0);
	raft_destroy(r);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R43_a_read_under_a_lease_costs_no_round),
		cmocka_unit_test(R43_a_clock_that_was_read_before_the_read_came_confirms_nothing),
		cmocka_unit_test(R43_a_lease_lasts_from_its_round_for_less_than_the_promise),
		cmocka_unit_test(R43_a_lease_lasts_as_long_as_a_majority_promised),
		cmocka_unit_test(R43_a_joint_table_takes_the_promises_of_both_majorities),
		cmocka_unit_test(D9c_the_promise_of_one_that_does_not_count_makes_no_lease),
		cmocka_unit_test(R43_who_was_started_keeps_what_it_may_have_promised),
		cmocka_unit_test(R43_nothing_is_promised_that_a_start_would_end),
		cmocka_unit_test(R44_a_transfer_ends_the_lease_for_the_term),
		cmocka_unit_test(R40_no_lease_serves_before_the_first_commit_nor_after_the_term),
		cmocka_unit_test(a_lease_is_an_option_and_needs_check_quorum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
