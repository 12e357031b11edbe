/*
 * Formation by hand: what is said, what is agreed on, who is refused, whom one waits for (D9b, F1).
 */
#include "tests/unit/raft/forming.h"

static void all_initial_members_make_the_cluster(void **state)
{
	struct raft_members members, same;

	(void)state;
	form();
	formation_members(&m[0].f, &members);
	assert_int_equal(members.count, PLACES);
	for (uint32_t i = 0; i < PLACES; i++) {
		assert_int_equal(m[i].f.cluster_id, m[0].f.cluster_id);
		formation_members(&m[i].f, &same);
		assert_memory_equal(&members, &same, sizeof(members));
		const struct raft_member *self =
			raft_members_find(&members, formation_member_id(&m[1].f, i));
		assert_non_null(self);
		assert_int_equal(self->identity, 0xa0 + i);
		assert_true(self->voter);
	}
	assert_int_equal(formation_deadline(&m[0].f), UINT64_MAX);
}

static void F1_two_of_three_make_none(void **state)
{
	(void)state;
	begin();
	for (int round = 0; round < 50; round++) {
		now_us += 20000;
		formation_tick(&m[0].f, now_us);
		formation_tick(&m[1].f, now_us);
		talk(0, 1);
		talk(1, 0);
	}
	assert_int_equal(m[0].f.state, FORMATION_FRESH);
	assert_int_equal(m[1].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_SILENT);
	assert_int_equal(wait_of(0, 1), FORMATION_WAIT_NOT);
}

/* F1: the third holds the data; the other two were wiped, one after the other. */
static void F1_wiped_members_are_refused_for_good(void **state)
{
	(void)state;
	form();
	wipe(0, 0xb0);
	all_talk();
	assert_int_equal(m[0].f.state, FORMATION_REFUSED);
	assert_int_equal(m[0].f.cluster_id, m[1].f.cluster_id);
	wipe(1, 0xb1);
	for (int round = 0; round < 10; round++) { /* while the third is cut off */
		now_us += 20000;
		formation_tick(&m[0].f, now_us);
		formation_tick(&m[1].f, now_us);
		talk(0, 1);
		talk(1, 0);
	}
	assert_int_equal(m[0].f.state, FORMATION_REFUSED);
	assert_int_equal(m[1].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(1, 0), FORMATION_WAIT_REFUSED);
	assert_int_equal(wait_of(1, 2), FORMATION_WAIT_SILENT);
	start(0, 0xb0); /* and it remembers */
	assert_int_equal(m[0].f.state, FORMATION_REFUSED);
	all_talk();
	assert_int_equal(m[1].f.state, FORMATION_REFUSED);
	assert_int_equal(m[2].f.state, FORMATION_FORMED);
}

/* F1: who was refused holds nothing: told to join, it waits to be let in, whatever it was told. */
static void F1_who_was_refused_may_join(void **state)
{
	struct formation_options o;

	(void)state;
	form();
	wipe(0, 0xb0);
	all_talk();
	assert_int_equal(m[0].f.state, FORMATION_REFUSED);
	o = options(0, 0xb0);
	o.existing = true;
	o.table.digest++; /* its list has changed as well */
	assert_int_equal(formation_create(&m[0].f, &o), 0);
	assert_int_equal(m[0].f.state, FORMATION_FRESH);
	all_talk();
	assert_int_equal(m[0].f.state, FORMATION_FRESH); /* it never forms, nor is it out */
	o.existing = false;
	assert_int_equal(formation_create(&m[0].f, &o), -EXDEV);
}

/* A directory that was rolled back to before it agreed has forgotten that it did. */
static void F1_a_directory_that_is_fresh_again_is_refused(void **state)
{
	(void)state;
	form();
	wipe(0, 0xa0);
	all_talk();
	assert_int_equal(m[0].f.state, FORMATION_REFUSED);
}

/* One that agreed, and was down when the others heard of all. */
static void one_that_agreed_learns_that_the_cluster_is_formed(void **state)
{
	struct formation_message message;

	(void)state;
	begin();
	all_talk();
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
	assert_int_equal(m[1].f.state, FORMATION_ACCEPTED);
	/* From here on place 0 hears nothing; the others hear of it. */
	for (int round = 0; round < 4; round++) {
		now_us += 20000;
		for (uint32_t i = 0; i < PLACES; i++) {
			formation_tick(&m[i].f, now_us);
			while (i > 0 && formation_message(&m[i].f, 0, &message))
				;
		}
		talk(0, 1);
		talk(0, 2);
		talk(1, 2);
		talk(2, 1);
	}
	assert_int_equal(m[1].f.state, FORMATION_FORMED);
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
	start(0, 0xa0);
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
	now_us += 20000;
	formation_tick(&m[0].f, now_us);
	talk(0, 1);
	talk(1, 0); /* one answer is enough: whoever is formed has heard it of all */
	assert_int_equal(m[0].f.state, FORMATION_FORMED);
}

/* A member that is wiped before all agreed: nobody can go on, each says for whom it waits. */
static void V2_a_wipe_within_formation_is_named_and_reset(void **state)
{
	uint32_t about;

	(void)state;
	begin();
	for (uint32_t i = 0; i < PLACES; i++)
		formation_tick(&m[i].f, now_us);
	talk(1, 0);
	talk(2, 0);
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
	wipe(2, 0xb2);
	for (int round = 0; round < 10; round++)
		all_talk();
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
	assert_int_equal(m[1].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_MISSING);
	assert_int_equal(formation_waits(&m[1].f, 0, &about), FORMATION_WAIT_TABLE);
	assert_int_equal(about, 2);
	wipe(0, 0xb0); /* what a reset does */
	for (int round = 0; round < 4; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++)
		assert_int_equal(m[i].f.state, FORMATION_FORMED);
}

static void what_differs_is_named(void **state)
{
	struct formation_options o;

	(void)state;
	begin();
	o = options(2, 0xa2);
	o.table.digest++;
	assert_int_equal(formation_create(&m[2].f, &o), 0);
	all_talk();
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_DIGEST);
	o.table.digest--;
	o.table.origin = 5;
	assert_int_equal(formation_create(&m[2].f, &o), 0);
	all_talk();
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_ORIGIN);
	o.table.origin = 0;
	o.existing = true;
	assert_int_equal(formation_create(&m[2].f, &o), 0);
	all_talk();
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_EXISTING);
	assert_int_equal(m[0].f.state, FORMATION_FRESH);
	o.existing = false;
	assert_int_equal(formation_create(&m[2].f, &o), 0);
	for (int round = 0; round < 4; round++)
		all_talk();
	assert_int_equal(m[0].f.state, FORMATION_FORMED);
	/*
	 * And a member that is formed says that the token differs, which refuses nobody for good.
	 */
	m[1].record_size = 0;
	o = options(1, 0xb1);
	o.table.digest++;
	assert_int_equal(formation_create(&m[1].f, &o), 0);
	all_talk();
	all_talk();
	assert_int_equal(m[1].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(1, 0), FORMATION_WAIT_DIGEST);
}

static void one_that_waits_to_join_is_told_and_not_refused_for_good(void **state)
{
	struct formation_options o;

	(void)state;
	form();
	m[1].record_size = 0;
	o = options(1, 0xb1);
	o.existing = true;
	assert_int_equal(formation_create(&m[1].f, &o), 0);
	all_talk();
	all_talk();
	assert_int_equal(m[1].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(1, 0), FORMATION_WAIT_CLUSTER);
	assert_true(m[1].f.refused_by < PLACES);
}

/* FM4: what was decided is not said before it is durable. */
static void nothing_is_said_before_it_is_durable(void **state)
{
	struct formation_message message;

	(void)state;
	begin();
	for (uint32_t i = 0; i < PLACES; i++)
		formation_tick(&m[i].f, now_us);
	for (uint32_t i = 1; i < PLACES; i++) {
		assert_true(formation_message(&m[i].f, 0, &message));
		assert_int_equal(formation_recv(&m[0].f, i, &message), 0);
	}
	assert_int_equal(m[0].f.state, FORMATION_FRESH);
	assert_int_equal(m[0].f.next, FORMATION_ACCEPTED);
	assert_false(formation_message(&m[0].f, 1, &message));
	record(0);
	assert_true(formation_message(&m[0].f, 1, &message));
	assert_int_equal(message.say, FORMATION_SAY_ACCEPTED);
}

/* A place that was heard long ago may be gone: a table with it could never be complete. */
static void what_was_heard_long_ago_is_in_no_table(void **state)
{
	(void)state;
	begin();
	formation_tick(&m[1].f, now_us);
	talk(1, 0);
	now_us += 1000000;
	formation_tick(&m[0].f, now_us);
	formation_tick(&m[2].f, now_us);
	talk(2, 0);
	assert_int_equal(m[0].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(0, 1), FORMATION_WAIT_SILENT);
	formation_tick(&m[1].f, now_us);
	talk(1, 0);
	assert_int_equal(m[0].f.state, FORMATION_ACCEPTED);
}

static void a_member_alone_is_formed_at_once(void **state)
{
	struct formation f;
	const struct formation_options o = {
		.identity = 5,
		.table = {.digest = 1, .count = 1, .member = {{.place = 9}}},
	};
	uint8_t data[FORMATION_RECORD_SIZE_MAX];
	uint32_t size;

	(void)state;
	assert_int_equal(formation_create(&f, &o), 0);
	formation_tick(&f, 0);
	assert_true(formation_record(&f, data, &size));
	formation_recorded(&f);
	assert_int_equal(f.state, FORMATION_FORMED);
}

static void a_record_is_read_back(void **state)
{
	struct formation_options o;

	(void)state;
	form();
	const struct formation before = m[1].f;
	start(1, 0xa1);
	assert_int_equal(m[1].f.state, FORMATION_FORMED);
	assert_int_equal(m[1].f.cluster_id, before.cluster_id);
	assert_memory_equal(&m[1].f.table, &before.table, sizeof(before.table));
	/* W25: another directory, another token; whose place it is now, a log tells. */
	o = options(1, 0xb1);
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
	o = options(1, 0xa1);
	o.self = 2;
	assert_int_equal(formation_create(&m[1].f, &o), 0);
	assert_int_equal(m[1].f.self, 1);
	o = options(1, 0xa1);
	o.digest_then++;
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
}

/* D16: the list of members has done its part, and a member may have moved. */
static void D16_the_list_matters_at_the_first_start_only(void **state)
{
	struct formation_options o;
	struct formation_table then;

	(void)state;
	form();
	const struct formation before = m[1].f;
	o = options(1, 0xa1);
	assert_int_equal(formation_create(&m[1].f, &o), 0);
	assert_false(formation_list_differs(&m[1].f, &o.table));
	o.table.digest++;
	for (int moved = 0; moved < 3; moved++) {
		if (moved == 1)
			o.table.count = 2; /* itself, and one before it */
		if (moved == 2) {
			o.table.count = 1;
			o.table.member[0].place = 99;
			o.self = 0;
		}
		assert_int_equal(formation_create(&m[1].f, &o), 0);
		assert_int_equal(m[1].f.state, FORMATION_FORMED);
		assert_int_equal(m[1].f.self, 1);
		assert_int_equal(m[1].f.cluster_id, before.cluster_id);
		assert_memory_equal(&m[1].f.table, &before.table, sizeof(before.table));
		assert_int_equal(formation_list_differs(&m[1].f, &o.table), moved > 0);
	}
	formation_places(o.record, o.record_size, &then);
	assert_int_equal(then.count, PLACES);
	assert_int_equal(then.member[2].place, before.table.member[2].place);
	formation_places(o.record, o.record_size - 1, &then);
	assert_int_equal(then.count, 0);
	/* Not before: what it agreed to is not the cluster yet. */
	m[1].f.next = FORMATION_ACCEPTED;
	assert_true(formation_record(&m[1].f, m[1].record, &m[1].record_size));
	o = options(1, 0xa1);
	assert_int_equal(formation_create(&m[1].f, &o), 0);
	o.table.count--;
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
}

/* Each byte of it, changed in any way, is noticed or means nothing else than it says. */
static void a_record_that_is_not_one_is_refused(void **state)
{
	uint8_t data[FORMATION_RECORD_SIZE_MAX];
	struct formation f;

	(void)state;
	form();
	for (uint32_t cut = 0; cut < m[0].record_size; cut++)
		assert_int_equal(formation_record_decode(&f, m[0].record, cut), -EBADMSG);
	for (uint32_t i = 0; i < m[0].record_size; i++) {
		for (uint32_t bit = 0; bit < 8; bit++) {
			memcpy(data, m[0].record, m[0].record_size);
			data[i] ^= (uint8_t)(1u << bit);
			int err = formation_record_decode(&f, data, m[0].record_size);
			/* 3 formed, 2 accepted: the one bit that leaves a sound record. */
			if (err == 0 && !(i == 1 && bit == 0))
				fail_msg("byte %u, bit %u: accepted", i, bit);
		}
	}
}

static void malformed_messages_change_nothing(void **state)
{
	struct formation_message message;
	struct formation before;

	(void)state;
	begin();
	all_talk();
	before = m[0].f;
	m[1].f.due = UINT64_MAX;
	assert_true(formation_message(&m[1].f, 0, &message));
	message.cluster_id++;
	assert_int_equal(formation_recv(&m[0].f, 1, &message), -EINVAL);
	message.cluster_id--;
	message.table.count = FORMATION_PLACES_MAX + 1;
	assert_int_equal(formation_recv(&m[0].f, 1, &message), -EINVAL);
	message.table.count = PLACES;
	message.identity = 0;
	assert_int_equal(formation_recv(&m[0].f, 1, &message), -EINVAL);
	assert_int_equal(formation_recv(&m[0].f, 0, &message), -EINVAL);
	assert_memory_equal(&before, &m[0].f, sizeof(before));
}

/* One fresh directory, copied to other members: no cluster is made of it, and it is named. */
static void a_copied_directory_is_named_and_makes_no_cluster(void **state)
{
	uint32_t about;

	(void)state;
	begin();
	wipe(1, m[0].f.identity);
	for (uint32_t round = 0; round < 3; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++)
		assert_int_equal(m[i].f.state, FORMATION_FRESH);
	assert_int_equal(formation_waits(&m[0].f, 1, &about), FORMATION_WAIT_COPY);
	assert_int_equal(about, 0);
	assert_int_equal(formation_waits(&m[1].f, 0, &about), FORMATION_WAIT_COPY);
	assert_int_equal(about, 1);
	assert_int_equal(formation_waits(&m[2].f, 0, &about), FORMATION_WAIT_COPY);
	assert_int_equal(about, 1);
	assert_int_equal(wait_of(0, 2), FORMATION_WAIT_NOT);

	wipe(1, 0xb1);
	for (uint32_t round = 0; round < 3; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++)
		assert_int_equal(m[i].f.state, FORMATION_FORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_initial_members_make_the_cluster),
		cmocka_unit_test(F1_two_of_three_make_none),
		cmocka_unit_test(F1_wiped_members_are_refused_for_good),
		cmocka_unit_test(F1_who_was_refused_may_join),
		cmocka_unit_test(F1_a_directory_that_is_fresh_again_is_refused),
		cmocka_unit_test(one_that_agreed_learns_that_the_cluster_is_formed),
		cmocka_unit_test(V2_a_wipe_within_formation_is_named_and_reset),
		cmocka_unit_test(what_differs_is_named),
		cmocka_unit_test(a_copied_directory_is_named_and_makes_no_cluster),
		cmocka_unit_test(one_that_waits_to_join_is_told_and_not_refused_for_good),
		cmocka_unit_test(nothing_is_said_before_it_is_durable),
		cmocka_unit_test(what_was_heard_long_ago_is_in_no_table),
		cmocka_unit_test(a_member_alone_is_formed_at_once),
		cmocka_unit_test(a_record_is_read_back),
		cmocka_unit_test(D16_the_list_matters_at_the_first_start_only),
		cmocka_unit_test(a_record_that_is_not_one_is_refused),
		cmocka_unit_test(malformed_messages_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
