/*
 * A member that is offered a snapshot (raft/append.c, raft/snapshot.c).
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

/* A follower of 2 in term 4, whose log is this; what it had to write is durable. */
static void follow(struct hand *h, const char *terms)
{
	hand_init(h, (struct hand_options){.nodes = 3, .terms = terms, .term = 4});
	raft_index last = strlen(terms);
	assert_int_equal(
		hand_append(h, 2, 4, last, last ? (raft_term)(terms[last - 1] - '0') : 0, "", 0),
		0);
	hand_persist(h);
	hand_forget(h);
}

static void an_offer_is_handed_out_once_for_each_change(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "11");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 1);
	assert_int_equal(h.offer.index, 50);
	assert_int_equal(h.offer.term, 3);
	assert_int_equal(h.offer.size, 4096);
	assert_int_equal(h.offer.hash, 50);
	assert_int_equal(h.offer_from, 2);
	for (uint32_t i = 0; i < 5; i++) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	}
	assert_int_equal(h.offers, 1);
	assert_int_equal(h.sent_count, 0); /* and is not answered */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_SNAPSHOT, 2, 4);
	m.snapshot = h.offer;
	m.snapshot.hash = 7; /* the members do not agree on what it is (R51) */
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.offers, 2);
	assert_int_equal(hand_offer(&h, 2, 4, 60, 3), 0);
	assert_int_equal(h.offers, 3);
	/* RX25: it comes late. */
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 3);
	assert_int_equal(hand_offer(&h, 2, 4, 60, 3), 0);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 3);
	/* W21: it found the newer one damaged. */
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 4);
	assert_int_equal(h.offer.index, 50);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 4);
	/* Another leader has an older one: it may be had all the same. */
	assert_int_equal(hand_offer(&h, 3, 5, 50, 3), 0);
	assert_int_equal(h.offers, 5);
	assert_int_equal(h.offer_from, 3);
	assert_int_equal(h.offer.index, 50);
	struct raft_status s;
	raft_get_status(h.r, &s);
	assert_int_equal(s.offered.index, 50);
	assert_int_equal(s.offered_by, 3);
	hand_fini(&h);
}

static void S10_what_nobody_had_is_handed_out_when_it_is_offered_again(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 1);
	raft_offer_gone(h.r);
	hand_take(&h);
	assert_int_equal(h.offers, 1);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(h.offers, 2);
	hand_fini(&h);
}

static void an_offer_is_checked_as_all_messages_are(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 3, 4, 50, 3), -EPROTO); /* RX7 */
	assert_int_equal(hand_offer(&h, 2, 3, 50, 3), -ESTALE);
	hand_take(&h);
	assert_int_equal(reply(&h, 2)->prev_index, 0); /* and is told the term */
	assert_int_equal(hand_offer(&h, 2, 4, 0, 3), -EINVAL);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 0), -EINVAL);
	assert_int_equal(hand_offer(&h, 2, 4, 50, 5), -EINVAL);
	assert_int_equal(hand_offer(&h, 2, 4, RAFT_SNAPSHOT_INDEX_MAX + 1, 3), -EINVAL);
	/* RX24: the leader proved another entry there, or it is committed. */
	assert_int_equal(hand_offer(&h, 2, 4, 4, 3), -EPROTO);
	assert_int_equal(h.r->contradiction.count, 1);
	assert_int_equal(h.offers, 0);
	log_is(&h, 0, "1122");
	hand_fini(&h);
}

static void R19_an_offer_is_heard_as_the_leaders_word(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "11");
	for (uint32_t i = 0; i < 3 * HAND_ELECTION_US / HAND_HEARTBEAT_US; i++) {
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	}
	assert_int_equal(raft_get_role(h.r), RAFT_FOLLOWER);
	assert_int_equal(raft_leader(h.r), 2);
	hand_fini(&h);
}

/* Paper, section 7: it holds the entry, so it holds the state; and knows now that it may apply. */
static void an_offer_that_brings_nothing_is_answered(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1122", .term = 4, .vote = 2});
	assert_int_equal(raft_snapshot_wanted(h.r, 3, 2), RAFT_SNAPSHOT_USELESS);
	assert_int_equal(raft_snapshot_wanted(h.r, 3, 1), RAFT_SNAPSHOT_ALONE);
	assert_int_equal(hand_offer(&h, 2, 4, 3, 2), 0);
	assert_int_equal(h.offers, 0);
	assert_int_equal(h.applied, 3);
	assert_true(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 3);
	assert_int_equal(reply(&h, 2)->prev_index, 3);
	hand_forget(&h);
	assert_int_equal(hand_offer(&h, 2, 4, 2, 1), 0); /* it is committed */
	assert_int_equal(h.offers, 0);
	assert_int_equal(reply(&h, 2)->match, 3);
	hand_fini(&h);
	/* Below a base nothing is known but that it is committed. */
	hand_init(&h, (struct hand_options){
			      .nodes = 3, .base = 90, .base_term = 2, .term = 3, .vote = 2});
	assert_int_equal(hand_offer(&h, 2, 3, 50, 1), 0);
	assert_int_equal(h.offers, 0);
	assert_int_equal(reply(&h, 2)->match, 50);
	hand_fini(&h);
}

/* By the time that it would be handed out the log has it. */
static void an_offer_that_was_overtaken_is_not_handed_out(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 4});
	h.quiet = true;
	assert_int_equal(hand_offer(&h, 2, 4, 4, 2), 0);
	assert_int_equal(hand_append(&h, 2, 4, 2, 1, "22", 0), 0);
	h.quiet = false;
	hand_persist(&h);
	assert_int_equal(h.offers, 0);
	assert_int_equal(raft_snapshot_wanted(h.r, 4, 2), RAFT_SNAPSHOT_USELESS);
	hand_fini(&h);
}

/* R65: until it is here the log is what it was. */
static void R65_an_offer_changes_nothing(void **state)
{
	struct hand h;

	(void)state;
	follow(&h, "1122");
	assert_int_equal(hand_offer(&h, 2, 4, 50, 3), 0);
	assert_int_equal(hand_append(&h, 2, 4, 4, 2, "33", 5), 0);
	hand_persist(&h);
	assert_int_equal(reply(&h, 2)->match, 6);
	assert_int_equal(h.applied, 5);
	/* A heartbeat of who offers: refused, with what it has. */
	assert_int_equal(hand_append(&h, 2, 4, 40, 3, "", 45), 0);
	assert_false(reply(&h, 2)->accepted);
	assert_int_equal(reply(&h, 2)->match, 6);
	assert_int_equal(h.r->commit, 5);
	log_is(&h, 0, "112233");
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offer_is_handed_out_once_for_each_change),
		cmocka_unit_test(S10_what_nobody_had_is_handed_out_when_it_is_offered_again),
		cmocka_unit_test(an_offer_is_checked_as_all_messages_are),
		cmocka_unit_test(R19_an_offer_is_heard_as_the_leaders_word),
		cmocka_unit_test(an_offer_that_brings_nothing_is_answered),
		cmocka_unit_test(an_offer_that_was_overtaken_is_not_handed_out),
		cmocka_unit_test(R65_an_offer_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
