/*
 * Changes of members: what each makes of a table, and what a leader makes by itself.
 */
#include "tests/unit/raft/field.h"

/* The leader's own step makes this, and once. */
static void steps_to(struct field *f, const char *expected)
{
	assert_true(raft_change_step(&f->view, &f->next));
	field_expect(&f->next, expected);
	field_append(f);
	assert_false(raft_change_step(&f->view, &f->next));
	field_commit(f);
}

static void peer_add(struct field *f, raft_id id, raft_index match)
{
	f->view.peer[f->view.peer_count++] =
		(struct raft_change_peer){.id = id, .heard = true, .holds = true, .match = match};
}

static const struct raft_change add4 = {.kind = RAFT_CHANGE_ADD, .id = 4, .place = 0x104};

static void each_kind_makes_its_table(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 2);
	field_member(&f, 5)->joins = true;
	struct raft_change c = {.kind = RAFT_CHANGE_ADD, .id = 9, .place = 0x109};
	field_makes(&f, c, "1V 2V 3V 4 5J 9J?");
	c.kind = RAFT_CHANGE_ADD_LEARNER;
	field_makes(&f, c, "1V 2V 3V 4 5J 9?");
	c = (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	field_makes(&f, c, "1VB 2VB 3VB 4V 5J");
	c = (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = 2};
	field_makes(&f, c, "1VB 2B 3VB 4 5J");
	c.id = 5; /* it is not to vote after all */
	field_makes(&f, c, "1V 2V 3V 4 5");
	c = (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = 2};
	field_makes(&f, c, "1VB 2BL 3VB 4 5J");
	c.id = 4;
	field_makes(&f, c, "1V 2V 3V 5J");
	c = (struct raft_change){.kind = RAFT_CHANGE_REPLACE, .id = 9, .replaced = 2, .place = 9};
	field_makes(&f, c, "1V 2V 3V 4 5J 9J>2?");
	c.replaced = 4;
	field_makes(&f, c, "1V 2V 3V 5J 9?");
	c.replaced = 5;
	field_makes(&f, c, "1V 2V 3V 4 9J?");
}

static void a_directory_is_bound_to_a_learner(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	field_member(&f, 4)->identity = 0;
	struct raft_change c = {.kind = RAFT_CHANGE_BIND, .id = 4, .identity = 0xbb};
	field_makes(&f, c, "1V 2V 3V 4");
	assert_int_equal(f.next.member[3].identity, 0xbb);
	assert_int_equal(f.next.member[3].place, 0x104);
}

static void R38_an_update_changes_the_place_and_nothing_else(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	field_member(&f, 4)->joins = true;
	field_member(&f, 4)->replaces = 2;
	struct raft_change c = {.kind = RAFT_CHANGE_UPDATE, .id = 4, .place = 0x999};
	field_makes(&f, c, "1V 2V 3V 4J>2");
	assert_int_equal(f.next.member[3].place, 0x999);
	field_member(&f, 4)->joins = false;
	field_member(&f, 4)->replaces = 0;
	field_makes(&f, c, "1V 2V 3V 4");
	c.id = 3;
	field_makes(&f, c, "1V 2V 3V 4");
}

/* A table that was made by no voter's change is in force and done; no second one is owed. */
static void a_new_member_joins_when_it_has_caught_up(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 0);
	field_makes(&f, add4, "1V 2V 3V 4J?");
	field_append(&f);
	field_commit(&f);
	peer_add(&f, 4, 0);
	assert_false(raft_change_step(&f.view, &f.next));
	struct raft_change bind = {.kind = RAFT_CHANGE_BIND, .id = 4, .identity = 0xbb};
	field_makes(&f, bind, "1V 2V 3V 4J");
	field_append(&f);
	f.view.commit = f.view.last;
	field_peer(&f, 4)->match = f.view.commit - BEHIND - 1;
	assert_false(raft_change_step(&f.view, &f.next));
	field_peer(&f, 4)->match++;
	steps_to(&f, "1VB 2VB 3VB 4V");
	steps_to(&f, "1V 2V 3V 4V");
	assert_false(raft_change_step(&f.view, &f.next));
}

/* 3 is dead. Until 4 holds everything 3 is a member, so that nothing is less safe than before. */
static void a_replacement_leaves_no_gap(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 0);
	field_peer(&f, 3)->heard = false;
	struct raft_change c = {
		.kind = RAFT_CHANGE_REPLACE, .id = 4, .replaced = 3, .place = 0x103};
	field_makes(&f, c, "1V 2V 3V 4J>3?"); /* where 3 stood: a new disk in the old server */
	field_append(&f);
	field_commit(&f);
	field_member(&f, 4)->identity = 0xbb;
	peer_add(&f, 4, f.view.commit);
	steps_to(&f, "1VB 2VB 3BL 4V");
	steps_to(&f, "1V 2V 4V");
}

/* By its id alone: the operator says that this one is to be it instead. */
static void who_was_to_replace_can_be_replaced(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	field_member(&f, 4)->joins = true;
	field_member(&f, 4)->replaces = 3;
	struct raft_change c = {
		.kind = RAFT_CHANGE_REPLACE, .id = 5, .replaced = 4, .place = 0x104};
	field_makes(&f, c, "1V 2V 3V 5J>3?");
	struct raft_change undo = {.kind = RAFT_CHANGE_REMOVE, .id = 4};
	field_makes(&f, undo, "1V 2V 3V");
}

static void a_promotion_by_hand_ends_a_replacement(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	field_member(&f, 4)->joins = true;
	field_member(&f, 4)->replaces = 3;
	struct raft_change c = {.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	field_makes(&f, c, "1VB 2VB 3BL 4V");
}

/* Three servers move to three others, in one change; the leader goes too (R37). */
static void R37_any_set_is_one_change(void **state)
{
	struct field f;
	struct raft_change c[6];

	(void)state;
	field_init(&f, 3, 3);
	for (raft_id id = 1; id <= 3; id++) {
		c[id - 1] = (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = id + 3};
		c[id + 2] = (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id};
	}
	assert_true(field_make(&f, c, 6));
	field_expect(&f.next, "1BL 2BL 3BL 4V 5V 6V");
	field_append(&f);
	field_commit(&f);
	steps_to(&f, "4V 5V 6V");
}

/* Of a set only the whole counts, not the order. */
static void two_members_exchange_their_places(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 5, 0);
	struct raft_change c[] = {
		{.kind = RAFT_CHANGE_UPDATE, .id = 2, .place = 0x103},
		{.kind = RAFT_CHANGE_UPDATE, .id = 3, .place = 0x102},
	};
	assert_true(field_make(&f, c, 2));
	assert_int_equal(f.next.member[1].place, 0x103);
	assert_int_equal(f.next.member[2].place, 0x102);
	struct raft_change again[] = {
		{.kind = RAFT_CHANGE_ADD, .id = 9, .place = 0x103},
		{.kind = RAFT_CHANGE_REMOVE, .id = 3},
	};
	assert_true(field_make(&f, again, 2));
	field_expect(&f.next, "1VB 2VB 3BL 4VB 5VB 9J?");
}

/* Several learners at once, one of which is not ready. */
static void those_that_have_caught_up_join_together(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 4);
	for (raft_id id = 4; id <= 6; id++)
		field_member(&f, id)->joins = true;
	field_member(&f, 6)->replaces = 3;
	field_peer(&f, 5)->heard = false;
	steps_to(&f, "1VB 2VB 3BL 4V 5J 6V 7");
	steps_to(&f, "1V 2V 4V 5J 6V 7");
	assert_false(raft_change_step(&f.view, &f.next));
	field_peer(&f, 5)->heard = true;
	steps_to(&f, "1VB 2VB 4VB 5V 6VB 7");
}

/* Whichever leader finds it committed: a new one has to commit in its term first (R31). */
static void R58_the_joint_form_is_left_once(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	struct raft_change c = {.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	field_makes(&f, c, "1VB 2VB 3VB 4V");
	field_append(&f);
	assert_false(raft_change_step(&f.view, &f.next)); /* not committed */
	field_commit(&f);
	f.view.id = 2;
	f.view.term++;
	f.view.term_start = 0;
	assert_false(raft_change_step(&f.view, &f.next));
	f.view.term_start = ++f.view.last;
	assert_false(raft_change_step(&f.view, &f.next));
	field_commit(&f);
	steps_to(&f, "1V 2V 3V 4V");
	assert_false(raft_change_step(&f.view, &f.next));
	field_refuses(&f, c, RAFT_REFUSED_NOT_LEARNER);
}

/* It is left even if the members that it leaves behind are all that is up. */
static void R58_nothing_keeps_a_committed_joint_form(void **state)
{
	struct field f;

	(void)state;
	field_init(&f, 3, 1);
	struct raft_change c = {.kind = RAFT_CHANGE_PROMOTE, .id = 4};
	field_makes(&f, c, "1VB 2VB 3VB 4V");
	field_append(&f);
	field_commit(&f);
	for (raft_id id = 2; id <= 4; id++)
		field_peer(&f, id)->heard = false;
	steps_to(&f, "1V 2V 3V 4V");
}

static void R60_an_id_is_never_drawn_twice(void **state)
{
	struct field f;
	raft_id drawn[64];
	uint32_t count = 0;

	(void)state;
	field_init(&f, 3, 0);
	for (uint32_t i = 0; i < 16; i++) {
		struct raft_change c[] = {
			{.kind = RAFT_CHANGE_ADD, .place = 0x201},
			{.kind = RAFT_CHANGE_ADD_LEARNER, .place = 0x202},
			{.kind = RAFT_CHANGE_REPLACE, .replaced = 2, .place = 0x203},
		};
		/* The same index in another term, or another index: another entry. */
		f.view.last = COMMIT + 3 + i % 4;
		f.view.term = 3 + i / 4;
		assert_true(field_make(&f, c, 3));
		assert_int_equal(f.next.count, 6);
		for (uint32_t j = 0; j < 3; j++) {
			assert_non_null(raft_members_find(&f.next, c[j].id));
			assert_int_equal(raft_members_find(&f.next, c[j].id)->place, 0x201 + j);
			drawn[count++] = c[j].id;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_int_not_equal(drawn[i], 0);
		for (uint32_t j = 0; j < i; j++)
			assert_true(drawn[i] != drawn[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_makes_its_table),
		cmocka_unit_test(a_directory_is_bound_to_a_learner),
		cmocka_unit_test(R38_an_update_changes_the_place_and_nothing_else),
		cmocka_unit_test(a_new_member_joins_when_it_has_caught_up),
		cmocka_unit_test(a_replacement_leaves_no_gap),
		cmocka_unit_test(who_was_to_replace_can_be_replaced),
		cmocka_unit_test(a_promotion_by_hand_ends_a_replacement),
		cmocka_unit_test(R37_any_set_is_one_change),
		cmocka_unit_test(two_members_exchange_their_places),
		cmocka_unit_test(those_that_have_caught_up_join_together),
		cmocka_unit_test(R58_the_joint_form_is_left_once),
		cmocka_unit_test(R58_nothing_keeps_a_committed_joint_form),
		cmocka_unit_test(R60_an_id_is_never_drawn_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
