/*
 * The table of kinds: what each may look like.
 */
#include "raft/entry.h"

#include "raft/members.h"
#include "tests/unit/test.h"

enum { WHOLE = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST };

static const uint8_t zeros[RAFT_ENTRY_DATA_MAX + 1];

static void each_kind_has_a_name(void **state)
{
	(void)state;
	for (uint8_t type = RAFT_ENTRY_COMMAND; type < RAFT_ENTRY_TYPE_END; type++)
		assert_string_not_equal(raft_entry_type_name(type), "unknown");
	assert_string_equal(raft_entry_type_name(RAFT_ENTRY_NOOP), "no-op");
	assert_string_equal(raft_entry_type_name(0), "unknown");
	assert_string_equal(raft_entry_type_name(RAFT_ENTRY_TYPE_END), "unknown");
	assert_string_equal(raft_entry_type_name(UINT8_MAX), "unknown");
}

static void the_form_is_that_of_the_kind(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t size;
		uint8_t flags;
		bool valid;
	} row[] = {
		{RAFT_ENTRY_COMMAND, 1, WHOLE, true},
		{RAFT_ENTRY_COMMAND, RAFT_ENTRY_DATA_MAX, 0, true},
		{RAFT_ENTRY_COMMAND, RAFT_ENTRY_DATA_MAX, RAFT_ENTRY_FIRST, true},
		{RAFT_ENTRY_COMMAND, 0, WHOLE, false},
		{RAFT_ENTRY_COMMAND, RAFT_ENTRY_DATA_MAX + 1, WHOLE, false},
		{RAFT_ENTRY_COMMAND, 1, WHOLE | 4, false},
		{RAFT_ENTRY_NOOP, 0, WHOLE, true},
		{RAFT_ENTRY_NOOP, 1, WHOLE, false},
		{RAFT_ENTRY_NOOP, 0, RAFT_ENTRY_LAST, false},
		{RAFT_ENTRY_MEMBERS, RAFT_MEMBERS_SIZE_MAX, WHOLE, true},
		{RAFT_ENTRY_MEMBERS, RAFT_MEMBERS_SIZE_MAX + 1, WHOLE, false},
		{RAFT_ENTRY_MEMBERS, RAFT_MEMBERS_SIZE_MAX, RAFT_ENTRY_FIRST, false},
		{0, 0, WHOLE, false},
		{RAFT_ENTRY_TYPE_END, 0, WHOLE, false},
		{UINT8_MAX, 0, WHOLE, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct raft_entry entry = {
			.data = zeros,
			.size = row[i].size,
			.type = row[i].type,
			.flags = row[i].flags,
		};

		if (raft_entry_form_valid(&entry) != row[i].valid)
			fail_msg("row %zu: expected %d", i, row[i].valid);
	}
}

static void a_member_table_is_read(void **state)
{
	struct raft_members members = {.count = 1,
				       .member = {{.id = 1, .identity = 7, .voter = true}}};
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];
	struct raft_entry entry = {.data = data, .type = RAFT_ENTRY_MEMBERS, .flags = WHOLE};

	(void)state;
	entry.size = (uint16_t)raft_members_encode(&members, data);
	assert_true(raft_entry_valid(&entry));
	entry.data = zeros;
	assert_true(raft_entry_form_valid(&entry));
	assert_false(raft_entry_valid(&entry));
	entry.data = NULL;
	assert_false(raft_entry_valid(&entry));

	/* A joint change, and one that no table may say. */
	members.member[0].voter_before = true;
	entry.size = (uint16_t)raft_members_encode(&members, data);
	entry.data = data;
	assert_true(raft_entry_valid(&entry));
	members.member[0].leaves = true;
	raft_members_encode(&members, data);
	assert_false(raft_entry_valid(&entry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_a_name),
		cmocka_unit_test(the_form_is_that_of_the_kind),
		cmocka_unit_test(a_member_table_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
