/*
 * Changes of members: every reason for which one is refused, and what is said of it.
 */
#include "tests/unit/raft/field.h"

#include <stdio.h>
#include <string.h>

static void nobody(struct field *f)
{
	(void)f;
}

static void no_term(struct field *f)
{
	f->view.term_start = 0;
}

static void not_committed_in_its_term(struct field *f)
{
	f->view.term_start = COMMIT + 1;
}

static void uncommitted(struct field *f)
{
	f->view.members_index = COMMIT + 1;
}

static void joint(struct field *f)
{
	field_member(f, 1)->voter_before = true;
}

static void unbound(struct field *f)
{
	field_member(f, 4)->identity = 0;
}

static void deaf(struct field *f)
{
	field_peer(f, 4)->heard = false;
}

static void unknown(struct field *f)
{
	f->view.peer_count = 2;
}

static void lost(struct field *f)
{
	field_peer(f, 4)->holds = false;
}

static void unconfirmed(struct field *f)
{
	lost(f);
	field_peer(f, 4)->unconfirmed = true;
}

static void behind(struct field *f)
{
	field_peer(f, 4)->match = COMMIT - BEHIND - 1;
}

static void replacing(struct field *f)
{
	field_member(f, 4)->joins = true;
	field_member(f, 4)->replaces = 3;
}

static void replacing_there(struct field *f)
{
	replacing(f);
	field_member(f, 4)->place = field_member(f, 3)->place;
}

static void one_down(struct field *f)
{
	field_peer(f, 3)->heard = false;
}

static void one_lost(struct field *f)
{
	field_peer(f, 3)->holds = false;
}

static void one_far_behind(struct field *f)
{
	field_peer(f, 3)->match = 1;
}

static void no_state(struct field *f)
{
	field_peer(f, 4)->stateless = true;
}

static void states_gone(struct field *f)
{
	field_peer(f, 2)->stateless = field_peer(f, 3)->unfit = true;
}

static void states_behind(struct field *f)
{
	states_gone(f);
	f->view.stateless = true;
}

static void state_behind(struct field *f)
{
	field_peer(f, 2)->stateless = true;
	one_far_behind(f);
}

static void two_down(struct field *f)
{
	one_down(f);
	field_peer(f, 2)->heard = false;
}

static void seven_to_be(struct field *f)
{
	field_init(f, 5, 2);
	field_member(f, 6)->joins = field_member(f, 7)->joins = true;
}

static void sixteen(struct field *f)
{
	field_init(f, 5, 11);
}

static void leader_elsewhere(struct field *f)
{
	f->view.place = 9;
}

/* clang-format off */
static const struct {
	void (*spoil)(struct field *f); /* voters 1 to 3, a learner 4 */
	struct raft_change change[3];
	enum raft_refusal_reason reason;
	raft_id id, other;
	uint64_t have, need;
} refused[] = {
	{no_term, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_NOT_READY, 1, 0, 0, 0},
	{not_committed_in_its_term, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_NOT_READY, 1, 0, 0, 0},
	{uncommitted, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_BUSY, 0, 0, COMMIT + 1, 0},
	{joint, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_BUSY, 0, 0, 50, 0},
	{nobody, {{0}}, RAFT_REFUSED_NOTHING, 0, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 0x102}}, RAFT_REFUSED_NOTHING, 0, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 9}, {.kind = RAFT_CHANGE_REMOVE, .id = 2}},
	 RAFT_REFUSED_TWICE, 2, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}, {.kind = RAFT_CHANGE_REMOVE, .id = 2}},
	 RAFT_REFUSED_TWICE, 2, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REPLACE, .replaced = 2, .place = 9}, {.kind = RAFT_CHANGE_REMOVE, .id = 2}},
	 RAFT_REFUSED_TWICE, 2, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 3, .place = 8}, {.kind = RAFT_CHANGE_REMOVE, .id = 4},
		  {.kind = RAFT_CHANGE_REPLACE, .replaced = 3, .place = 9}}, RAFT_REFUSED_TWICE, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REPLACE, .id = 2, .replaced = 2, .place = 9}}, RAFT_REFUSED_TWICE, 2, 0, 0, 0},
	{replacing, {{.kind = RAFT_CHANGE_UPDATE, .id = 3, .place = 9}, {.kind = RAFT_CHANGE_PROMOTE, .id = 4}},
	 RAFT_REFUSED_TWICE, 3, 0, 0, 0},
	{replacing, {{.kind = RAFT_CHANGE_REPLACE, .replaced = 3, .place = 9}, {.kind = RAFT_CHANGE_PROMOTE, .id = 4}},
	 RAFT_REFUSED_TWICE, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REMOVE, .id = 8}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REMOVE}}, RAFT_REFUSED_NOT_FOUND, 0, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_DEMOTE, .id = 8}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_PROMOTE, .id = 8}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 8, .place = 9}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_BIND, .id = 8, .identity = 9}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REPLACE, .replaced = 8, .place = 9}}, RAFT_REFUSED_NOT_FOUND, 8, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_ADD, .id = 3, .place = 9}}, RAFT_REFUSED_ID_IN_USE, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REPLACE, .id = 4, .replaced = 3, .place = 9}}, RAFT_REFUSED_ID_IN_USE, 4, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_ADD, .id = 8}}, RAFT_REFUSED_PLACE_BAD, 0, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 3}}, RAFT_REFUSED_PLACE_BAD, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_ADD, .id = 8, .place = 0x102}}, RAFT_REFUSED_PLACE_IN_USE, 2, 8, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_ADD_LEARNER, .id = 8, .place = 9}, {.kind = RAFT_CHANGE_ADD, .id = 9, .place = 9}},
	 RAFT_REFUSED_PLACE_IN_USE, 8, 9, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 4, .place = 0x102}}, RAFT_REFUSED_PLACE_IN_USE, 2, 4, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REPLACE, .id = 8, .replaced = 3, .place = 0x102}}, RAFT_REFUSED_PLACE_IN_USE, 2, 8, 0, 0},
	{replacing_there, {{.kind = RAFT_CHANGE_DEMOTE, .id = 4}}, RAFT_REFUSED_PLACE_IN_USE, 3, 4, 0, 0},
	{unbound, {{.kind = RAFT_CHANGE_BIND, .id = 4}}, RAFT_REFUSED_IDENTITY_BAD, 4, 0, 0, 0},
	{unbound, {{.kind = RAFT_CHANGE_BIND, .id = 4, .identity = 0xa2}}, RAFT_REFUSED_IDENTITY_IN_USE, 4, 2, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_BIND, .id = 4, .identity = 0xbb}}, RAFT_REFUSED_BOUND, 4, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_BIND, .id = 3, .identity = 0xa3}}, RAFT_REFUSED_BOUND, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_PROMOTE, .id = 3}}, RAFT_REFUSED_NOT_LEARNER, 3, 0, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_DEMOTE, .id = 4}}, RAFT_REFUSED_NOT_VOTER, 4, 0, 0, 0},
	{unbound, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_NOT_STARTED, 4, 0, 0, 0},
	{deaf, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_NOT_HEARD, 4, 0, 0, 0},
	{unknown, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_NOT_HEARD, 4, 0, 0, 0},
	{lost, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_LOST, 4, 0, 0, 0},
	{unconfirmed, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_UNCONFIRMED, 4, 0, 0, 0},
	{behind, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_BEHIND, 4, 0, BEHIND + 1, BEHIND},
	{no_state, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_BEHIND, 4, 0, 0, BEHIND},
	{states_gone, {{.kind = RAFT_CHANGE_REMOVE, .id = 1}}, RAFT_REFUSED_NO_LEADER, 0, 0, 0, 0},
	{states_gone, {{.kind = RAFT_CHANGE_DEMOTE, .id = 1}}, RAFT_REFUSED_NO_LEADER, 0, 0, 0, 0},
	{states_behind, {{.kind = RAFT_CHANGE_REMOVE, .id = 3}}, RAFT_REFUSED_NO_LEADER, 0, 0, 0, 0},
	{states_behind, {{.kind = RAFT_CHANGE_ADD, .id = 8, .place = 9}}, RAFT_REFUSED_NO_LEADER, 0, 0, 0, 0},
	{state_behind, {{.kind = RAFT_CHANGE_REMOVE, .id = 1}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{replacing, {{.kind = RAFT_CHANGE_REPLACE, .id = 8, .replaced = 3, .place = 9}}, RAFT_REFUSED_REPLACED, 3, 4, 0, 0},
	{replacing, {{.kind = RAFT_CHANGE_REMOVE, .id = 3}}, RAFT_REFUSED_REPLACED, 3, 4, 0, 0},
	{replacing, {{.kind = RAFT_CHANGE_DEMOTE, .id = 3}}, RAFT_REFUSED_REPLACED, 3, 4, 0, 0},
	{nobody, {{.kind = RAFT_CHANGE_REMOVE, .id = 1}, {.kind = RAFT_CHANGE_DEMOTE, .id = 2}, {.kind = RAFT_CHANGE_REMOVE, .id = 3}},
	 RAFT_REFUSED_NO_VOTER, 0, 0, 0, 0},
	{seven_to_be, {{.kind = RAFT_CHANGE_ADD, .id = 8, .place = 9}}, RAFT_REFUSED_VOTERS_MAX, 0, 0, 8, 7},
	{sixteen, {{.kind = RAFT_CHANGE_ADD_LEARNER, .id = 17, .place = 9}}, RAFT_REFUSED_MEMBERS_MAX, 0, 0, 0, 16},
	{sixteen, {{.kind = RAFT_CHANGE_REMOVE, .id = 5}, {.kind = RAFT_CHANGE_ADD_LEARNER, .id = 17, .place = 9}},
	 RAFT_REFUSED_MEMBERS_MAX, 0, 0, 0, 16},
	{two_down, {{.kind = RAFT_CHANGE_REMOVE, .id = 3}}, RAFT_REFUSED_NO_QUORUM_NOW, 0, 0, 1, 3},
	{two_down, {{.kind = RAFT_CHANGE_ADD, .id = 8, .place = 9}}, RAFT_REFUSED_NO_QUORUM_NOW, 0, 0, 1, 3},
	{one_down, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{one_down, {{.kind = RAFT_CHANGE_REMOVE, .id = 1}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{one_down, {{.kind = RAFT_CHANGE_DEMOTE, .id = 2}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{one_lost, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{one_far_behind, {{.kind = RAFT_CHANGE_REMOVE, .id = 2}}, RAFT_REFUSED_NO_QUORUM_THEN, 0, 0, 1, 2},
	{one_down, {{.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 9}}, RAFT_REFUSED_MOVES, 0, 0, 1, 3},
	{one_down, {{.kind = RAFT_CHANGE_UPDATE, .id = 1, .place = 9}}, RAFT_REFUSED_MOVES, 0, 0, 1, 3},
	{nobody, {{.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 8}, {.kind = RAFT_CHANGE_UPDATE, .id = 3, .place = 9}},
	 RAFT_REFUSED_MOVES, 0, 0, 1, 3},
	{leader_elsewhere, {{.kind = RAFT_CHANGE_PROMOTE, .id = 4}}, RAFT_REFUSED_ELSEWHERE, 1, 0, 0, 0},
};
/* clang-format on */

static void R31_each_reason_refuses(void **state)
{
	bool seen[RAFT_REFUSED_END] = {false};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct raft_change change[3];
		struct field f;
		uint32_t count = 0;

		memcpy(change, refused[i].change, sizeof(change));
		while (count < 3 && change[count].kind)
			count++;
		field_init(&f, 3, 1);
		refused[i].spoil(&f);
		if (field_make(&f, change, count)) {
			char text[TEXT];

			field_text(&f.next, text);
			fail_msg("row %zu was made: %s", i, text);
		}
		if (f.refusal.reason != refused[i].reason || f.refusal.id != refused[i].id ||
		    f.refusal.other != refused[i].other || f.refusal.have != refused[i].have ||
		    f.refusal.need != refused[i].need) {
			char text[RAFT_REFUSAL_TEXT_SIZE];

			raft_refusal_text(&f.refusal, text);
			fail_msg("row %zu: %s", i, text);
		}
		seen[refused[i].reason] = true;
	}
	for (int reason = 1; reason < RAFT_REFUSED_END; reason++) {
		if (!seen[reason])
			fail_msg("no row has reason %d", reason);
	}
}

/* What is written is held all the same: neither is in the way of what mends that. */
static void CH8_who_leads_may_change_those_that_may_not_lead(void **state)
{
	struct field f;

	(void)state;
	for (raft_id id = 2; id <= 3; id++) {
		struct raft_change c = {.kind = RAFT_CHANGE_REMOVE, .id = id};

		field_init(&f, 3, 1);
		states_gone(&f);
		assert_true(field_make(&f, &c, 1));
		c = (struct raft_change){.kind = RAFT_CHANGE_REPLACE, .replaced = id, .place = 9};
		assert_true(field_make(&f, &c, 1));
	}
}

/* The dead one may be removed, and the one that is as good as dead. */
static void who_is_down_may_be_removed(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	one_down(&f);
	struct raft_change c = {.kind = RAFT_CHANGE_REMOVE, .id = 3};
	field_makes(&f, c, "1VB 2VB 3BL 4");
	/* One is down, and another one's place is taken by who has caught up. */
	struct raft_change swap[] = {{.kind = RAFT_CHANGE_PROMOTE, .id = 4},
				     {.kind = RAFT_CHANGE_REMOVE, .id = 2}};
	assert_true(field_make(&f, swap, 2));
	field_expect(&f.next, "1VB 2BL 3VB 4V");
}

/* CH6: who is to be started elsewhere is down meanwhile; of two that is one of two. */
static void D16_one_moves_while_the_others_stay(void **state)
{
	struct field f;

	(void)state;
	for (uint32_t voters = 1; voters <= 3; voters++) {
		for (raft_id id = 1; id <= voters; id++) {
			struct raft_change c = {.kind = RAFT_CHANGE_UPDATE, .id = id, .place = 9};

			field_init(&f, voters, 1);
			assert_true(field_make(&f, &c, 1));
		}
	}
	field_init(&f, 3, 1);
	one_down(&f);
	struct raft_change c[] = {{.kind = RAFT_CHANGE_UPDATE, .id = 3, .place = 9},
				  {.kind = RAFT_CHANGE_UPDATE, .id = 4, .place = 8}};
	assert_true(field_make(&f, c, 2)); /* the one that is down, and a learner */
	field_init(&f, 2, 0);
	c[0].id = 1;
	c[1].id = 2;
	assert_false(field_make(&f, c, 2));
	assert_int_equal(f.refusal.reason, RAFT_REFUSED_MOVES);
}

/* CH7: who leads and is elsewhere says where it is, or that it goes, and what else is asked. */
static void D16_a_leader_that_is_elsewhere_says_where_it_is(void **state)
{
	struct raft_change c[] = {{.kind = RAFT_CHANGE_UPDATE, .id = 1, .place = 9},
				  {.kind = RAFT_CHANGE_PROMOTE, .id = 4}};
	struct field f;

	(void)state;
	for (uint32_t voters = 1; voters <= 3; voters += 2) {
		for (uint32_t count = 1; count <= (voters == 3 ? 2 : 1); count++) {
			field_init(&f, voters, 1);
			f.view.place = 9;
			assert_true(field_make(&f, c, count));
			f.view.place = field_member(&f, 1)->place;
			assert_true(field_make(&f, c, count));
		}
	}
	/* The table of an earlier release does not say it. */
	f.view.place = 7;
	field_member(&f, 1)->place = 0;
	assert_true(field_make(&f, &c[1], 1));
}

static void R66_a_learner_makes_no_majority(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 2, 5);
	field_peer(&f, 2)->heard = false;
	struct raft_change c = {.kind = RAFT_CHANGE_ADD, .place = 9};
	field_refuses(&f, c, RAFT_REFUSED_NO_QUORUM_NOW);
	assert_int_equal(f.refusal.have, 1);
}

/* A leader that is not of the table any more counts for none of its sets. */
static void a_leader_that_does_not_vote_makes_no_majority(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	f.view.id = 9;
	field_peer(&f, 3)->heard = false;
	struct raft_change c = {.kind = RAFT_CHANGE_ADD, .place = 9};
	field_refuses(&f, c, RAFT_REFUSED_NO_QUORUM_NOW); /* 1 is nobody's peer here */
	assert_int_equal(f.refusal.have, 1);
}

/* The refusal says which member, how far, and in etcd's words where it has them. */
static void a_refusal_is_a_sentence(void **state)
{
	static const struct {
		struct raft_refusal refusal;
		const char *text;
	} row[] = {
		{{.reason = RAFT_REFUSED_NOT_FOUND, .id = 0x1f},
		 "member not found: none has the id 000000000000001f"},
		{{.reason = RAFT_REFUSED_PLACE_IN_USE, .id = 2, .other = 8},
		 "Peer URLs already exists: members 0000000000000002 and 0000000000000008 would "
		 "have one address"},
		{{.reason = RAFT_REFUSED_BEHIND, .id = 4, .have = 123456, .need = 2048},
		 "can only promote a learner member which is in sync with leader: member "
		 "0000000000000004 is 123456 entries behind, and may be 2048, or takes a snapshot "
		 "still"},
		{{.reason = RAFT_REFUSED_NO_QUORUM_THEN, .have = 1, .need = 2},
		 "re-configuration failed due to not enough started members: of the 2 voters that "
		 "there would be 1 are up and have caught up, which is no majority"},
	};
	char text[RAFT_REFUSAL_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		raft_refusal_text(&row[i].refusal, text);
		assert_string_equal(text, row[i].text);
	}
	for (int reason = 1; reason < RAFT_REFUSED_END; reason++) {
		const struct raft_refusal longest = {.reason = (enum raft_refusal_reason)reason,
						     .id = UINT64_MAX,
						     .other = UINT64_MAX,
						     .have = UINT64_MAX,
						     .need = UINT64_MAX};

		raft_refusal_text(&longest, text);
		assert_null(strpbrk(text, "{}"));
		assert_true(strlen(text) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R31_each_reason_refuses),
		cmocka_unit_test(CH8_who_leads_may_change_those_that_may_not_lead),
		cmocka_unit_test(who_is_down_may_be_removed),
		cmocka_unit_test(D16_one_moves_while_the_others_stay),
		cmocka_unit_test(D16_a_leader_that_is_elsewhere_says_where_it_is),
		cmocka_unit_test(R66_a_learner_makes_no_majority),
		cmocka_unit_test(a_leader_that_does_not_vote_makes_no_majority),
		cmocka_unit_test(a_refusal_is_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
