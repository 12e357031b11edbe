/*
 * Directories that were restored from a snapshot: with whom they form a cluster, and whose they
 * are.
 */
#include "tests/unit/raft/forming.h"

/* As a restore leaves it. */
static void restore(uint32_t place, raft_identity identity, uint64_t origin)
{
	struct formation_options o = options(place, identity);

	o.table.origin = origin;
	o.table.member[place].identity = identity;
	m[place].record_size = formation_restored(&o.table, m[place].record);
	start(place, identity);
	assert_int_equal(m[place].f.state, FORMATION_FRESH);
	assert_int_equal(m[place].f.table.origin, origin);
}

/* D9b: a cluster begins with one state, or with none. */
static void D9b_all_begin_with_the_same_snapshot(void **state)
{
	uint64_t cluster_id;

	(void)state;
	begin();
	for (uint32_t i = 0; i < PLACES; i++)
		restore(i, 0xa0 + i, i == 1 ? 78 : 77);
	for (int round = 0; round < 4; round++)
		all_talk();
	assert_int_equal(wait_of(0, 1), FORMATION_WAIT_ORIGIN);
	assert_int_equal(wait_of(1, 0), FORMATION_WAIT_ORIGIN);
	wipe(1, 0xb1); /* nor is one that has nothing of it */
	for (int round = 0; round < 4; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++)
		assert_int_equal(m[i].f.state, FORMATION_FRESH);
	assert_int_equal(wait_of(0, 1), FORMATION_WAIT_ORIGIN);
	restore(1, 0xc1, 77);
	for (int round = 0; round < 4; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++) {
		assert_int_equal(m[i].f.state, FORMATION_FORMED);
		assert_int_equal(m[i].f.table.origin, 77);
	}
	/* It is another cluster than one of the same directories without it. */
	cluster_id = m[0].f.cluster_id;
	m[0].f.table.origin = 0;
	assert_int_not_equal(formation_cluster_id(&m[0].f.table), cluster_id);
}

static void a_restored_directory_is_for_whom_it_was_restored(void **state)
{
	struct formation_options o;

	(void)state;
	begin();
	restore(1, 0xa1, 77);
	o = options(1, 0xa1);
	o.self = 0;
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
	o = options(1, 0xa1);
	o.table.digest++;
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
	o = options(1, 0xb1);
	assert_int_equal(formation_create(&m[1].f, &o), -EXDEV);
	/* It joins none, refused or not: it has a state of its own. */
	o = options(1, 0xa1);
	o.existing = true;
	assert_int_equal(formation_create(&m[1].f, &o), -ENOTSUP);
	start(1, 0xa1);
	for (uint32_t i = 0; i < PLACES; i += 2)
		restore(i, 0xa0 + i, 77);
	for (int round = 0; round < 4; round++)
		all_talk();
	assert_int_equal(m[1].f.state, FORMATION_FORMED);
	restore(1, 0xb1, 77); /* anew, where there is a cluster of it */
	for (int round = 0; round < 4; round++)
		all_talk();
	assert_int_equal(m[1].f.state, FORMATION_REFUSED);
	o = options(1, 0xb1);
	o.existing = true;
	assert_int_equal(formation_create(&m[1].f, &o), -ENOTSUP);
}

/* A log beside it: its base alone, before there is a cluster; and never less. */
static void R56_what_a_restored_log_may_hold(void **state)
{
	uint8_t copy[FORMATION_RECORD_SIZE_MAX];
	uint32_t size;

	(void)state;
	begin();
	restore(0, 0xa0, 77);
	memcpy(copy, m[0].record, sizeof(copy));
	size = m[0].record_size;
	assert_int_equal(formation_record_check(copy, size, 1, 1), 0);
	assert_int_equal(formation_record_check(copy, size, 0, 1), 0);
	assert_int_equal(formation_record_check(copy, size, 0, 0), -ESTALE);
	assert_int_equal(formation_record_check(copy, size, 2, 1), -ESTALE);
	assert_int_equal(formation_record_check(copy, size, 1, 2), -ESTALE);
	assert_int_equal(formation_record_check(NULL, 0, 0, 1), -ESTALE);
	for (uint32_t i = 1; i < PLACES; i++)
		restore(i, 0xa0 + i, 77);
	for (int round = 0; round < 4; round++)
		all_talk();
	assert_int_equal(m[0].f.state, FORMATION_FORMED);
	assert_int_equal(formation_record_check(m[0].record, m[0].record_size, 9, 9), 0);
	assert_int_equal(formation_record_check(m[0].record, m[0].record_size, 0, 0), -ESTALE);
	/* What is no such record: of no origin, of two directories, of a cluster. */
	for (int i = 0; i < 3; i++) {
		uint8_t bad[FORMATION_RECORD_SIZE_MAX];

		memcpy(bad, copy, sizeof(bad));
		memset(bad + (i == 0 ? 16 : i == 1 ? 40 + 16 + 8 : 24), i == 0 ? 0 : 5, 8);
		assert_int_equal(formation_record_check(bad, size, 0, 1), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D9b_all_begin_with_the_same_snapshot),
		cmocka_unit_test(a_restored_directory_is_for_whom_it_was_restored),
		cmocka_unit_test(R56_what_a_restored_log_may_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
