/*
 * Status texts as nodes write them.
 */
#include "tools/client/status.h"

#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const char text[] = "name n2\n"
			   "cluster_id 00000000000000c1\n"
			   "member_id 00000000000010ff\n"
			   "version 1.2.3\n"
			   "role leader\n"
			   "leader 00000000000010ff\n"
			   "raft_term 7\n"
			   "raft_index 42\n"
			   "raft_applied_index 41\n"
			   "commit_index 40\n"
			   "revision 39\n"
			   "db_size 20480\n"
			   "durability volatile\n"
			   "link memif\n"
			   "new_key of another release\n"
			   "novalue\n"
			   "error etcdserver: no leader\n"
			   "error second";

/* On the heap and without an end, so that a sanitizer sees a step beyond it. */
static void parse(struct status *out, const char *lines, size_t size)
{
	char *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, lines, size);
	status_parse(out, copy, size);
	free(copy);
}

/* What it is itself, among all of them. */
static void whether_it_is_a_learner(void **state)
{
	static const struct {
		const char *text;
		bool learner;
	} rows[] = {
		{"member_id 0a\nmember n1 id=0b address=x client_port=- state=learner bound=1\n"
		 "member n2 id=0a address=x client_port=1 state=voter bound=1 replaces=-\n",
		 false},
		{"member n2 id=0a address=x client_port=1 state=joining bound=1\nmember_id 0a\n",
		 true},
		{"member_id 0a\nmember n2 id=0a address=x client_port=1 state=learner", true},
		{"member_id 0a\nmember n2 id=0a address=x client_port=1 state=leaving", false},
		{"member_id 0a\nmember\nmember n2\nmember n2 id=0a state=learner\n", false},
	};
	struct status s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&s, rows[i].text, strlen(rows[i].text));
		assert_int_equal(s.learner, rows[i].learner);
	}
}

/* Whoever leads has a name, wherever its line stands. */
static void the_leader_has_its_name(void **state)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"name n2\nmember_id ff\nleader ff\n", "n2"},
		{"leader 0a\npeer n1 id=0000000000000a00 x=1\npeer n3 id=000000000000000a x=1\n",
		 "n3"},
		{"peer n3 id=000000000000000a\nleader 0a", "n3"},
		{"leader 0b\npeer n3 id=000000000000000a\n", ""},
		{"leader 0\npeer n3 id=0000000000000000\n", ""},
		{"leader 0a\npeer n3\npeer\npeer  id=0a\n", ""},
	};
	struct status s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&s, rows[i].text, strlen(rows[i].text));
		assert_string_equal(s.leader_name, rows[i].name);
	}
}

static void a_status_is_parsed_whole(void **state)
{
	struct status s;

	(void)state;
	parse(&s, text, strlen(text));
	assert_string_equal(s.name, "n2");
	assert_string_equal(s.role, "leader");
	assert_string_equal(s.version, "1.2.3");
	assert_string_equal(s.durability, "volatile");
	assert_string_equal(s.link, "memif");
	assert_int_equal(s.cluster_id, 0xc1);
	assert_int_equal(s.member_id, 0x10ff);
	assert_int_equal(s.leader, 0x10ff);
	assert_int_equal(s.term, 7);
	assert_int_equal(s.index, 42);
	assert_int_equal(s.applied, 41);
	assert_int_equal(s.commit, 40);
	assert_int_equal(s.revision, 39);
	assert_int_equal(s.db_size, 20480);
	assert_int_equal(s.error_count, 2);
	assert_string_equal(s.error[0], "etcdserver: no leader");
	assert_string_equal(s.error[1], "second");
}

/* Each other member has a line, also one that is not understood whole. */
static void F26_the_others_are_counted(void **state)
{
	static const struct {
		const char *text;
		uint32_t peers;
	} rows[] = {
		{"name n1\n", 0},
		{"name n1\npeers 3\npeer n2 id=0a\n", 1},
		{"peer n2 id=0a\nname n1\npeer n3 new\npeer n4", 3},
	};
	struct status s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&s, rows[i].text, strlen(rows[i].text));
		assert_int_equal(s.peers, rows[i].peers);
	}
}

static void what_is_missing_is_empty(void **state)
{
	static const char *const texts[] = {"", "\n", "role", "role\nraft_term", "roles leader\n"};
	struct status s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memset(&s, 0xff, sizeof(s));
		parse(&s, texts[i], strlen(texts[i]));
		assert_string_equal(s.role, "");
		assert_int_equal(s.term, 0);
		assert_int_equal(s.error_count, 0);
	}
	/* A text cut at any byte. */
	for (size_t size = 0; size < strlen(text); size++)
		parse(&s, text, size);
}

/* What to do stands at the end of a sentence: it is there, of the longest that a node says. */
static void F22_a_sentence_is_whole(void **state)
{
	char lines[1024] = "warning ";
	struct status s;

	(void)state;
	memset(lines + 8, 'w', 600);
	memcpy(lines + 608, "look at it\n", 12);
	parse(&s, lines, strlen(lines));
	assert_int_equal(s.warning_count, 1);
	assert_memory_equal(s.warning[0] + 600, "look at it", 11);
}

/* A word too long for its field is cut; more errors than there is room for are left out. */
static void a_node_cannot_say_too_much(void **state)
{
	char lines[4096] = "role ";
	struct status s;
	size_t size;

	(void)state;
	memset(lines + 5, 'r', 1000);
	strncpy(lines + 1005, "\nerror ", 8);
	memset(lines + 1012, 'e', 1000);
	size = 2012;
	for (int i = 0; i < 20; i++) {
		memcpy(lines + size, "\nerror x", 8);
		size += 8;
	}
	parse(&s, lines, size);
	assert_int_equal(strlen(s.role), sizeof(s.role) - 1);
	assert_int_equal(strlen(s.error[0]), sizeof(s.error[0]) - 1);
	assert_int_equal(s.error_count, STATUS_ERRORS_MAX);
	assert_string_equal(s.error[STATUS_ERRORS_MAX - 1], "x");
}

static void lines_are_found_by_their_whole_key(void **state)
{
	char value[64];
	size_t size = strlen(text);

	(void)state;
	assert_string_equal(status_value(text, size, "name", value, sizeof(value)), "n2");
	assert_string_equal(status_value(text, size, "new_key", value, sizeof(value)),
			    "of another release");
	assert_string_equal(status_value(text, size, "error", value, sizeof(value)),
			    "etcdserver: no leader");
	assert_string_equal(status_value(text, size, "raft", value, sizeof(value)), "");
	assert_string_equal(status_value(text, size, "member", value, sizeof(value)), "");
	assert_string_equal(status_value(text, size, "novalue", value, sizeof(value)), "");
	assert_string_equal(status_value(text, size, "durability", value, 4), "vol");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_is_parsed_whole),
		cmocka_unit_test(whether_it_is_a_learner),
		cmocka_unit_test(the_leader_has_its_name),
		cmocka_unit_test(F26_the_others_are_counted),
		cmocka_unit_test(what_is_missing_is_empty),
		cmocka_unit_test(F22_a_sentence_is_whole),
		cmocka_unit_test(a_node_cannot_say_too_much),
		cmocka_unit_test(lines_are_found_by_their_whole_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
