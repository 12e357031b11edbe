/*
 * The member table's bytes.
 */
#include "tests/unit/raft/hand.h"

static struct raft_members table(void)
{
	return (struct raft_members){
		.count = 3,
		.member = {{.id = 1, .identity = 0x0102030405060708, .voter = true, .place = 0x11},
			   {.id = 5, .identity = 6, .voter_before = true, .replaces = 4},
			   {.id = 9, .identity = 7}},
	};
}

static void what_is_encoded_is_decoded(void **state)
{
	const struct raft_members in = table();
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	size_t size = raft_members_encode(&in, data);
	assert_int_equal(size, 8 + 3 * 48);
	assert_int_equal(data[0], 2);
	assert_int_equal(data[1], 3);
	assert_int_equal(data[16], 0x08); /* little-endian identity of the first member */
	assert_int_equal(raft_members_decode(&out, data, size), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_ptr_equal(raft_members_find(&out, 9), &out.member[2]);
	assert_null(raft_members_find(&out, 2));
}

/* Each row spoils one byte of a sound table. */
static void another_table_is_refused(void **state)
{
	enum { FIRST = 8, SECOND = 8 + 48 };
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
	} row[] = {
		{"an older version", 0, 1},
		{"no members", 1, 0},
		{"more than fit", 1, 4},
		{"fewer than there are", 1, 2},
		{"more than allowed", 1, 17},
		{"reserved bytes of the header", 5, 1},
		{"an unknown flag", FIRST + 16, 5},
		{"reserved bytes after the flags", FIRST + 17, 1},
		{"reserved bytes of a member", FIRST + 47, 1},
		{"id 0", FIRST, 0},
		{"identity 0", SECOND + 8, 0},
		{"a duplicate id", SECOND, 1},
		{"out of order", FIRST, 6},
		{"no voter", FIRST + 16, 2},
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

static void voters_are_bounded(void **state)
{
	struct raft_members in = {.count = 8};
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];

	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		in.member[i] = (struct raft_member){.id = i + 1, .identity = 9, .voter = true};
	assert_int_equal(raft_members_decode(&out, data, raft_members_encode(&in, data)), -EINVAL);
	in.member[7].voter = false;
	assert_int_equal(raft_members_decode(&out, data, raft_members_encode(&in, data)), 0);
	for (uint32_t i = 0; i < 8; i++)
		in.member[i].voter = false;
	assert_int_equal(raft_members_decode(&out, data, raft_members_encode(&in, data)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(another_table_is_refused),
		cmocka_unit_test(voters_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
