/*
 * The member table: its bytes, and what no table may say; and the record of a directory that
 * joined, was removed or was forced, which has one in it.
 */
#include "tests/unit/raft/hand.h"

#include "raft/joined.h"

enum { FLAGS_AT = 16 };

/* A joint change: 1 stays, 5 is to go, 7 comes; 9 is to take the place of 1, and has it. */
static struct raft_members table(void)
{
	return (struct raft_members){
		.count = 5,
		.member = {{.id = 1,
			    .identity = 0x0102030405060708,
			    .voter = true,
			    .voter_before = true,
			    .place = 0x11},
			   {.id = 5, .identity = 6, .voter_before = true, .leaves = true},
			   {.id = 7, .identity = 8, .voter = true, .place = 0x12},
			   {.id = 9, .joins = true, .place = 0x11, .replaces = 1},
			   {.id = 10, .place = 0x13}},
	};
}

static void what_is_encoded_is_decoded(void **state)
{
	const struct raft_members in = table();
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	size_t size = raft_members_encode(&in, data);
	assert_int_equal(size, 8 + 5 * 48);
	assert_int_equal(data[0], 2);
	assert_int_equal(data[1], 5);
	assert_int_equal(data[16], 0x08); /* little-endian identity of the first member */
	static const uint8_t flags[] = {1 | 2, 2 | 4, 1, 8, 0};
	for (size_t i = 0; i < sizeof(flags); i++)
		assert_int_equal(data[8 + 48 * i + FLAGS_AT], flags[i]);
	assert_int_equal(raft_members_decode(&out, data, size), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_ptr_equal(raft_members_find(&out, 9), &out.member[3]);
	assert_null(raft_members_find(&out, 2));
}

static void a_table_is_joint_if_there_is_a_set_before(void **state)
{
	struct raft_members members = table();

	(void)state;
	assert_true(raft_members_joint(&members));
	assert_int_equal(raft_members_voters(&members), 2);
	assert_int_equal(raft_members_voters_before(&members), 2);
	members.member[0].voter_before = false;
	assert_true(raft_members_joint(&members)); /* nobody is of both sets */
	members.member[1].voter_before = false;
	members.member[1].leaves = false;
	assert_false(raft_members_joint(&members));
	assert_int_equal(raft_members_voters_before(&members), 0);
	assert_true(raft_members_valid(&members));
}

/* What a cluster was formed with until now: no places, nothing but voters. */
static void R7_the_table_of_an_existing_log_is_read(void **state)
{
	static const uint8_t data[8 + 2 * 48] = {
		[0] = 2,  [1] = 2,   [8] = 0x31,      [16] = 0xa1,         [8 + FLAGS_AT] = 1,
		[56] = 7, [57] = 99, [56 + 8] = 0xa2, [56 + FLAGS_AT] = 1,
	};
	struct raft_members out;

	(void)state;
	assert_int_equal(raft_members_decode(&out, data, sizeof(data)), 0);
	assert_false(raft_members_joint(&out));
	assert_int_equal(raft_members_voters(&out), 2);
	assert_int_equal(out.member[1].id, 99 * 256 + 7);
	assert_int_equal(out.member[1].place, 0);
}

/* Each row spoils one byte of a sound table. */
static void another_table_is_refused(void **state)
{
	enum { FIRST = 8, SECOND = FIRST + 48, THIRD = SECOND + 48, FOURTH = THIRD + 48 };
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} row[] = {
		{"an older version", 0, 1},
		{"no members", 1, 0},
		{"more than fit", 1, 6},
		{"fewer than there are", 1, 4},
		{"more than allowed", 1, 17},
		{"reserved bytes of the header", 5, 1},
		{"an unknown flag", FIRST + FLAGS_AT, 16 + 1},
		{"reserved bytes after the flags", FIRST + FLAGS_AT + 1, 1},
		{"reserved bytes of a member", FIRST + 47, 1},
		{"id 0", FIRST, 0},
		{"a duplicate id", SECOND, 1},
		{"out of order", FIRST, 6},
		{"identity 0 of a voter", THIRD + 8, 0},
		{"identity 0 of one that was a voter", SECOND + 8, 0},
		{"two of one identity", THIRD + 8, 6},
		{"a learner of a voter's identity", FOURTH + 8, 8},
		{"two of one place", THIRD + 24, 0x11},
		{"who replaces one, and has another's place", FOURTH + 24, 0x12},
		{"a voter has the place of a learner", THIRD + 24, 0x13},
		{"who replaces nobody that there is", FOURTH + 32, 4},
		{"who replaces one that leaves", FOURTH + 32, 5},
		{"who replaces a learner", FOURTH + 32, 10},
		{"who replaces itself", FOURTH + 32, 9},
		{"who replaces, and is not to join", FOURTH + FLAGS_AT, 0},
		{"who replaces, and votes", THIRD + 32, 1},
	};
	const struct raft_members in = table();
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t size = raft_members_encode(&in, data);
		data[row[i].at] = row[i].value;
		if (raft_members_decode(&out, data, size) != -EINVAL)
			fail_msg("row %zu, accepted: %s", i, row[i].why);
	}
	size_t size = raft_members_encode(&in, data);
	for (size_t cut = 0; cut < size; cut++)
		if (raft_members_decode(&out, data, cut) != -EINVAL)
			fail_msg("accepted: %zu bytes of %zu", cut, size);
}

/* All 256 values beside a voter that stays: six are of a member. */
static void the_flags_are_those_of_the_list(void **state)
{
	const struct raft_members in = {
		.count = 2,
		.member = {{.id = 1, .identity = 1, .voter = true, .voter_before = true},
			   {.id = 2, .identity = 2}},
	};
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		size_t size = raft_members_encode(&in, data);
		data[8 + 48 + FLAGS_AT] = (uint8_t)flags;
		bool sound = flags == 0 || flags == 1 || flags == 2 || flags == 3 || flags == 6 ||
			     flags == 8;
		if (raft_members_decode(&out, data, size) != (sound ? 0 : -EINVAL))
			fail_msg("flags %u", flags);
	}
}

static int decoded(const struct raft_members *in)
{
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	return raft_members_decode(&out, data, raft_members_encode(in, data));
}

/* Two that replace one: never both, for only one can take the place. */
static void who_is_replaced_is_so_by_one(void **state)
{
	struct raft_members in = table();

	(void)state;
	in.member[4].joins = true;
	assert_int_equal(decoded(&in), 0);
	in.member[4].replaces = 7;
	assert_int_equal(decoded(&in), 0);
	in.member[4].replaces = 1;
	assert_int_equal(decoded(&in), -EINVAL);
}

/* A new disk in an old server has the old address: while the old member waits to be gone. */
static void a_place_is_shared_with_who_goes(void **state)
{
	struct raft_members in = table();

	(void)state;
	in.member[1].place = 0x12; /* 5 leaves, 7 has come for it */
	assert_int_equal(decoded(&in), 0);
	in.member[1].leaves = false; /* but a learner stays */
	assert_int_equal(decoded(&in), -EINVAL);
}

static void voters_are_bounded(void **state)
{
	struct raft_members in = {.count = 8};

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		in.member[i] = (struct raft_member){.id = i + 1, .identity = i + 1, .voter = true};
	assert_int_equal(decoded(&in), -EINVAL);
	in.member[7].voter = false;
	assert_int_equal(decoded(&in), 0);
	for (uint32_t i = 0; i < 8; i++)
		in.member[i].voter = false;
	assert_int_equal(decoded(&in), -EINVAL);
}

/* Seven become seven others; eight never were. */
static void voters_of_the_set_before_are_bounded(void **state)
{
	struct raft_members in = {.count = 15};

	(void)state;
	for (uint32_t i = 0; i < 15; i++)
		in.member[i] = (struct raft_member){.id = i + 1,
						    .identity = i + 1,
						    .voter = i >= 8,
						    .voter_before = i < 7,
						    .leaves = i < 7};
	assert_int_equal(decoded(&in), 0);
	in.member[7].voter_before = true;
	assert_int_equal(decoded(&in), -EINVAL);
	/* A joint table has a new set. */
	for (uint32_t i = 7; i < 15; i++)
		in.member[i].voter = in.member[i].voter_before = false;
	assert_int_equal(decoded(&in), -EINVAL);
}

static void joined_equals(const struct raft_joined *in, const uint8_t *data, uint32_t size)
{
	uint8_t again[RAFT_JOINED_SIZE_MAX];

	assert_int_equal(raft_joined_encode(in, again), size);
	assert_memory_equal(again, data, size);
}

static int joined_again(const struct raft_joined *in)
{
	uint8_t data[RAFT_JOINED_SIZE_MAX];
	struct raft_joined out;

	return raft_joined_decode(&out, data, raft_joined_encode(in, data));
}

/* R56: a record that is not what it says is no record: its directory does not start. */
static void R56_a_record_of_three_kinds(void **state)
{
	const struct raft_joined forced = {
		.cluster_id = 3,
		.id = 5,
		.index = 9,
		.formerly = 4,
		.members = {.count = 1, .member = {{.id = 5, .identity = 6, .voter = true}}}};
	struct raft_joined joined = forced, out;
	uint8_t data[RAFT_JOINED_SIZE_MAX];
	uint32_t size = raft_joined_encode(&forced, data);

	(void)state;
	assert_true(raft_joined_is(data, size));
	assert_int_equal(raft_joined_decode(&out, data, size), 0);
	joined_equals(&out, data, size);
	assert_int_equal(out.formerly, forced.formerly);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(raft_joined_decode(&out, data, i), -EBADMSG);
	joined.formerly = joined.cluster_id; /* the very cluster that it was forced out of */
	assert_int_equal(joined_again(&joined), -EBADMSG);
	joined = forced;
	joined.members.member[0].voter_before = true;
	assert_int_equal(joined_again(&joined), -EBADMSG);
	joined = forced;
	joined.id = 6; /* of another one */
	assert_int_equal(joined_again(&joined), -EBADMSG);

	joined = forced;
	joined.formerly = 0;
	joined.members.count = 2;
	joined.members.member[1] = (struct raft_member){.id = 7, .identity = 8, .voter = true};
	size = raft_joined_encode(&joined, data);
	assert_int_equal(raft_joined_decode(&out, data, size), 0);
	joined_equals(&out, data, size);
	assert_int_equal(out.formerly, 0);
	joined.removed = true;
	assert_int_equal(joined_again(&joined), -EBADMSG);
	joined.id = 9;
	assert_int_equal(joined_again(&joined), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(a_table_is_joint_if_there_is_a_set_before),
		cmocka_unit_test(R7_the_table_of_an_existing_log_is_read),
		cmocka_unit_test(another_table_is_refused),
		cmocka_unit_test(the_flags_are_those_of_the_list),
		cmocka_unit_test(who_is_replaced_is_so_by_one),
		cmocka_unit_test(a_place_is_shared_with_who_goes),
		cmocka_unit_test(voters_are_bounded),
		cmocka_unit_test(voters_of_the_set_before_are_bounded),
		cmocka_unit_test(R56_a_record_of_three_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
