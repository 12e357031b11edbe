/*
 * Who counts for a change of members, as its leader knows the others, and itself (CH3, CH7).
 */
#include "tests/unit/raft/hand.h"

/* CH3: who moved is not up until it was heard where it is now. */
static void D16_who_moved_is_up_when_it_was_heard_there(void **state)
{
	const struct raft_change remove_3 = {.kind = RAFT_CHANGE_REMOVE, .id = 3};
	const struct raft_change move_2 = {.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 9};
	struct raft_refusal refusal;
	struct hand h;

	(void)state;
	for (int ticked = 0; ticked < 2; ticked++) {
		hand_lead(&h);
		for (raft_id id = 2; id <= 3; id++)
			hand_ack(&h, id, h.r->window.last);
		if (ticked)
			hand_tick(&h, 1);
		assert_int_equal(hand_change(&h, move_2, NULL), 0);
		hand_commit(&h, 3, 3);
		assert_int_equal(hand_change(&h, remove_3, &refusal), -EPERM);
		assert_int_equal(refusal.reason, RAFT_REFUSED_NO_QUORUM_THEN);
		/* What it says where it was is true, and says nothing of where it is. */
		struct raft_message m = hand_answer(&h, 2, true, h.r->commit, h.r->commit);
		m.elsewhere = true;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(hand_peer(&h, 2)->match, h.r->commit);
		assert_int_equal(hand_change(&h, remove_3, &refusal), -EPERM);
		assert_int_equal(hand_ack(&h, 2, h.r->commit), 0);
		assert_int_equal(hand_change(&h, remove_3, &refusal), 0);
		hand_fini(&h);
	}
}

/*
 * CH7: who leads, and moved itself, is heard where it was as long as nobody knows better; what is
 * changed then would need the others to answer it where it is not. Not by itself either.
 */
static void D16_a_leader_that_moved_changes_nothing_before_it_is_there(void **state)
{
	const struct raft_change move_1 = {.kind = RAFT_CHANGE_UPDATE, .id = 1, .place = 9};
	const struct raft_change remove_3 = {.kind = RAFT_CHANGE_REMOVE, .id = 3};
	struct raft_refusal refusal;
	struct hand h;

	(void)state;
	for (int back = 0; back < 2; back++) {
		hand_lead(&h);
		h.r->own_place = 1;
		hand_add_4(&h, RAFT_CHANGE_ADD, 0);
		assert_int_equal(hand_change(&h, move_1, NULL), 0);
		hand_commit(&h, 2, 3);
		hand_tick(&h, HAND_HEARTBEAT_US);
		for (raft_id id = 2; id <= 4; id++)
			assert_int_equal(hand_ack(&h, id, h.r->window.last), 0);
		hand_tick(&h, 1);
		assert_false(raft_members_joint(&h.r->members)); /* 4 has caught up */
		assert_int_equal(hand_change(&h, remove_3, &refusal), -EPERM);
		assert_int_equal(refusal.reason, RAFT_REFUSED_ELSEWHERE);
		if (back) {
			const struct raft_change move_back = {
				.kind = RAFT_CHANGE_UPDATE, .id = 1, .place = 1};

			assert_int_equal(hand_change(&h, move_back, NULL), 0);
			hand_commit(&h, 2, 4);
		} else {
			h.r->own_place = 9; /* as if it had been started there */
			raft_changed(h.r);
			hand_tick(&h, 1);
		}
		assert_true(raft_members_joint(&h.r->members));
		hand_fini(&h);
	}
}

/* D9c: who was started and is not confirmed is not promoted for that; who is lost, for that. */
static void D9c_why_a_learner_is_not_promoted(void **state)
{
	static const struct {
		bool lost, unconfirmed;
		enum raft_refusal_reason reason; /* 0: it is promoted */
	} row[] = {
		{false, true, RAFT_REFUSED_UNCONFIRMED},
		{true, true, RAFT_REFUSED_LOST},
		{true, false, RAFT_REFUSED_LOST},
		{false, false, 0},
	};
	const struct raft_change promote_4 = {.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	struct raft_refusal refusal;
	struct hand h;

	(void)state;
	hand_lead(&h);
	hand_add_4(&h, RAFT_CHANGE_ADD_LEARNER, 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		raft_index last = h.r->window.last;
		struct raft_message m = hand_answer(&h, 4, true, last, last);

		m.append_reply.lost = row[i].lost;
		m.append_reply.unconfirmed = row[i].unconfirmed;
		for (int times = 0; times < 2;
		     times++) /* who has just lost something begins anew */
			assert_int_equal(hand_recv(&h, &m), 0);
		for (raft_id id = 2; id <= 3; id++)
			assert_int_equal(hand_ack(&h, id, last), 0);
		assert_int_equal(hand_change(&h, promote_4, &refusal), row[i].reason ? -EPERM : 0);
		if (row[i].reason)
			assert_int_equal(refusal.reason, row[i].reason);
	}
	hand_fini(&h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_who_moved_is_up_when_it_was_heard_there),
		cmocka_unit_test(D16_a_leader_that_moved_changes_nothing_before_it_is_there),
		cmocka_unit_test(D9c_why_a_learner_is_not_promoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
