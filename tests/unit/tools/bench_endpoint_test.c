/*
 * Endpoints as they are typed, and status texts as nodes write them.
 */
#include "tests/unit/test.h"
#include "tools/bench/endpoint.h"

#include <errno.h>
#include <string.h>

static void endpoints_are_literal_addresses_or_paths(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t address;
		uint16_t port;
		const char *path;
	} table[] = {
		{"198.18.0.1:2379", 0, 0xc6120001, 2379, ""},
		{"10.0.0.1:1", 0, 0x0a000001, 1, ""},
		{"unix:/run/quoin/admin.sock", 0, 0, 0, "/run/quoin/admin.sock"},
		{"unix:", -EINVAL, 0, 0, ""},
		{"198.18.0.1", -EINVAL, 0, 0, ""},
		{"198.18.0.1:", -EINVAL, 0, 0, ""},
		{"198.18.0.1:0", -EINVAL, 0, 0, ""},
		{"198.18.0.1:65536", -EINVAL, 0, 0, ""},
		{"198.18.0.1:2379x", -EINVAL, 0, 0, ""},
		{"198.18.0:2379", -EINVAL, 0, 0, ""},
		{"localhost:2379", -EINVAL, 0, 0, ""},
		{"", -EINVAL, 0, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct endpoint e;

		assert_int_equal(endpoint_parse(&e, table[i].text), table[i].result);
		if (table[i].result)
			continue;
		assert_string_equal(e.text, table[i].text);
		assert_int_equal(e.address, table[i].address);
		assert_int_equal(e.port, table[i].port);
		assert_string_equal(e.path, table[i].path);
		assert_int_equal(e.is_unix, table[i].path[0] != '\0');
	}
}

/* A path longer than a socket address holds is refused, not cut. */
static void a_path_too_long_is_refused(void **state)
{
	char text[ENDPOINT_TEXT_MAX + 64] = "unix:/";
	struct endpoint e;

	(void)state;
	memset(text + 6, 'a', 101);
	assert_int_equal(endpoint_parse(&e, text), 0);
	for (int more = 1; more < 80; more++) {
		memset(text + 6, 'a', 101 + (size_t)more);
		assert_int_equal(endpoint_parse(&e, text), more <= 5 ? 0 : -EINVAL);
	}
}

static const char text[] = "name n2\n"
			   "member_id 00000000000010ff\n"
			   "role leader\n"
			   "leader 00000000000010ff\n"
			   "raft_term 7\n"
			   "raft_index 42\n"
			   "raft_applied_index 41\n"
			   "commit_index 41\n"
			   "durability volatile\n"
			   "link memif\n"
			   "error etcdserver: no leader";

static void status_lines_are_found_by_their_whole_key(void **state)
{
	char value[64];

	(void)state;
	assert_true(status_get(text, "name", value, sizeof(value)));
	assert_string_equal(value, "n2");
	assert_true(status_get(text, "error", value, sizeof(value)));
	assert_string_equal(value, "etcdserver: no leader");
	assert_false(status_get(text, "raft", value, sizeof(value)));
	assert_false(status_get(text, "member", value, sizeof(value)));
	assert_false(status_get(text, "durability", value, 4));
	assert_int_equal(status_get_number(text, "raft_index", 10), 42);
	assert_int_equal(status_get_number(text, "nothing", 10), 0);
}

static void a_status_is_parsed_whole(void **state)
{
	struct status s;

	(void)state;
	status_parse(&s, text);
	assert_string_equal(s.name, "n2");
	assert_string_equal(s.role, "leader");
	assert_string_equal(s.durability, "volatile");
	assert_string_equal(s.link, "memif");
	assert_int_equal(s.member_id, 0x10ff);
	assert_int_equal(s.leader, 0x10ff);
	assert_int_equal(s.term, 7);
	assert_int_equal(s.applied, 41);
	assert_int_equal(s.commit, 41);
	status_parse(&s, "");
	assert_string_equal(s.durability, "?");
	assert_int_equal(s.term, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_are_literal_addresses_or_paths),
		cmocka_unit_test(a_path_too_long_is_refused),
		cmocka_unit_test(status_lines_are_found_by_their_whole_key),
		cmocka_unit_test(a_status_is_parsed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
