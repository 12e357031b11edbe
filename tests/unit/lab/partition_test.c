/*
 * Partitions: what a text drops, and what each node is told.
 */
#include "tools/lab/partition.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { THREE = 7 }; /* nodes 1, 2 and 3, as bits */

struct partition_case {
	const char *text;
	const char *matrix; /* rows: from; columns: to; x: dropped */
};

static const struct partition_case good[] = {
	{"1|2,3", ".xx x.. x.."}, {"n1,n3|n2", ".x. x.x .x."}, {"1|2", ".x. x.. ..."},
	{"1|2|3", ".xx x.x xx."}, {"1>2,3", ".xx ... ..."},    {"2,3>1", "... x.. x.."},
};

static void a_text_becomes_who_hears_whom(void **state)
{
	char error[PARTITION_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct partition p = {0};
		char matrix[16];
		size_t used = 0;

		assert_int_equal(partition_parse(&p, good[i].text, THREE, error), 0);
		for (int from = 0; from < 3; from++) {
			for (int to = 0; to < 3; to++)
				matrix[used++] = p.drop[from][to] ? 'x' : '.';
			matrix[used++] = ' ';
		}
		matrix[used - 1] = '\0';
		assert_string_equal(matrix, good[i].matrix);
	}
}

static void several_texts_add_up(void **state)
{
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE];

	(void)state;
	assert_int_equal(partition_parse(&p, "1>2", THREE, error), 0);
	assert_int_equal(partition_parse(&p, "3>1", THREE, error), 0);
	assert_true(p.drop[0][1]);
	assert_true(p.drop[2][0]);
	assert_false(p.drop[1][0]);
	assert_false(p.drop[0][2]);
}

static void the_leader_and_the_rest_become_numbers(void **state)
{
	static const struct {
		const char *text, *expanded;
	} cases[] = {
		{"leader|rest", "2|1,3"},
		{"leader>rest", "2>1,3"},
		{"n1,leader|rest", "1,2|3"},
		{"rest|3", "1,2|3"},
		{"1|2,3", "1|2,3"},
		{"loss 10 leader|rest", "loss 10 2|1,3"},
		{"delay 20 10 rest>leader", "delay 20 10 1,3>2"},
	};
	char error[PARTITION_ERROR_SIZE], out[LAB_PARTITION_SIZE];
	struct partition p = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(partition_expand(out, sizeof(out), cases[i].text, 1, THREE, error),
				 0);
		assert_string_equal(out, cases[i].expanded);
		assert_int_equal(partition_parse(&p, out, THREE, error), 0);
	}
	assert_int_equal(partition_expand(out, 8, "1,2,3,4|5,6", 1, 0x7f, error), -EINVAL);
	/* Nobody is left. */
	assert_int_equal(partition_expand(out, sizeof(out), "1,2,3|rest", -1, THREE, error), 0);
	assert_int_equal(partition_parse(&p, out, THREE, error), -EINVAL);
}

static void what_is_no_partition_is_refused(void **state)
{
	static const char *const bad[] = {"",     "1",    "1|",   "|1",    "1|1",   "1,2|2", "1|4",
					  "0|1",  "1 |2", "1||2", "1>2>3", "1|2>3", "1>2|3", "10|2",
					  "1,|2", "x|1",  "1|2,", "1|2 ",  "n|1",   "1-2|3"};
	char error[PARTITION_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct partition p = {0};

		if (partition_parse(&p, bad[i], THREE, error) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(error, "groups of the nodes 1,2,3, such as 1|2,3"));
	}
}

/* Both ends are told, so that one that lost its rules stays apart. */
static void both_ends_are_told(void **state)
{
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE], rules[PARTITION_RULES_SIZE];

	(void)state;
	assert_int_equal(partition_parse(&p, "1|2", THREE, error), 0);
	assert_int_equal(partition_parse(&p, "1>3", THREE, error), 0);
	partition_rules(&p, 0, rules);
	assert_string_equal(rules, "drop both 198.18.0.2\ndrop tx 198.18.0.3\n");
	partition_rules(&p, 1, rules);
	assert_string_equal(rules, "drop both 198.18.0.1\n");
	partition_rules(&p, 2, rules);
	assert_string_equal(rules, "drop rx 198.18.0.1\n");
}

/* Of a lab of which some nodes are gone, and others came. */
static void nodes_have_numbers_up_to_sixteen(void **state)
{
	const uint32_t nodes = 1u << 0 | 1u << 8 | 1u << 9 | 1u << 15;
	static const char *const bad[] = {"1|2",  "1|17",   "1|160",
					  "10|0", "n1|n11", "99999999999|1"};
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE], out[LAB_PARTITION_SIZE], rules[PARTITION_RULES_SIZE];

	(void)state;
	assert_int_equal(partition_expand(out, sizeof(out), "leader|rest", 9, nodes, error), 0);
	assert_string_equal(out, "10|1,9,16");
	assert_int_equal(partition_expand(out, sizeof(out), "n16,1|rest", -1, nodes, error), 0);
	assert_string_equal(out, "16,1|9,10");
	assert_int_equal(partition_parse(&p, out, nodes, error), 0);
	partition_rules(&p, 15, rules);
	assert_string_equal(rules, "drop both 198.18.0.9\ndrop both 198.18.0.10\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (partition_parse(&p, bad[i], nodes, error) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(error, "groups of the nodes 1,9,10,16, such as"));
	}
	/* A rule outlives those whom it names. */
	assert_int_equal(partition_parse(&p, "1|2", PARTITION_ANY, error), 0);
}

static void seven_nodes_fit(void **state)
{
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE], rules[PARTITION_RULES_SIZE];

	(void)state;
	assert_int_equal(partition_parse(&p, "1|2|3|4|5|6|7", 0x7f, error), 0);
	for (uint32_t node = 0; node < 7; node++) {
		uint32_t lines = 0;

		partition_rules(&p, node, rules);
		for (const char *c = rules; *c != '\0'; c++)
			lines += *c == '\n';
		assert_int_equal(lines, 6);
	}
}

static void frames_are_hurt_where_they_are_sent(void **state)
{
	static const char *const texts[] = {"loss 10 1|2",  "delay 20 1>2",  "delay 20 10 1>3",
					    "mtu 1280 1>2", "reorder 5 2>1", "duplicate 100 1>3"};
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE], rules[PARTITION_RULES_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(partition_parse(&p, texts[i], THREE, error), 0);
	partition_rules(&p, 0, rules);
	assert_string_equal(rules, "drop tx 198.18.0.2 100000\n"
				   "delay tx 198.18.0.2 20000\n"
				   "mtu tx 198.18.0.2 1280\n"
				   "delay tx 198.18.0.3 20000 10000\n"
				   "duplicate tx 198.18.0.3 1000000\n");
	partition_rules(&p, 1, rules);
	assert_string_equal(rules, "drop tx 198.18.0.1 100000\nreorder tx 198.18.0.1 50000\n");
	partition_rules(&p, 2, rules);
	assert_string_equal(rules, "");
}

static void a_disk_hangs_where_it_is(void **state)
{
	static const char *const bad[] = {"hang ", "hang 4", "hang 1|2", "hang 1 2", "hang x"};
	struct partition p = {0};
	char error[PARTITION_ERROR_SIZE], rules[PARTITION_RULES_SIZE], text[32];

	(void)state;
	assert_int_equal(partition_expand(text, sizeof(text), "hang leader", 1, THREE, error), 0);
	assert_string_equal(text, "hang 2");
	assert_int_equal(partition_parse(&p, text, THREE, error), 0);
	assert_int_equal(partition_parse(&p, "1>2", THREE, error), 0);
	partition_rules(&p, 1, rules);
	assert_string_equal(rules, "hang disk\ndrop rx 198.18.0.1\n");
	partition_rules(&p, 2, rules);
	assert_string_equal(rules, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(partition_parse(&p, bad[i], THREE, error), -EINVAL);
}

static void what_is_no_fault_is_refused(void **state)
{
	static const char *const bad[] = {"loss 1|2",      "loss 0 1|2",  "loss 101 1|2",
					  "delay -1 1|2",  "delay x 1|2", "loss 5 5 1|2",
					  "mtu 70000 1|2", "eat 5 1|2",   "loss 5 1|9",
					  "loss  5 1|2",   "loss",        "delay 1 2 3 1|2"};
	char error[PARTITION_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct partition p = {0};

		if (partition_parse(&p, bad[i], THREE, error) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
}

/* What is missing is said, and what is wrong: not the one for the other. */
static void F27_what_is_missing_is_said(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"loss 10", ": the groups are missing: "},
		{"loss 10 ", ": the groups are missing: "},
		{"delay 20", ": the groups are missing: "},
		{"delay 20 10", ": the groups are missing: "},
		{"delay 20 10 ", ": the groups are missing: "},
		{"loss 10 1", ": one group alone: "},
		{"loss", ": no number: "},
		{"delay ", ": no number: "},
		{"loss 1|2", ": no number: "},
		{"loss x 1|2", ": no number: "},
		{"loss 0 1|2", ": a number is out of range, 1 to 100: "},
		{"loss 101", ": a number is out of range, 1 to 100: "},
		{"delay 20 10001 1|2", ": a number is out of range, 1 to 10000: "},
		{"mtu 99999999999999999999 1|2", ": a number is out of range, 1 to 65535: "},
		{"loss 5 5 1|2", ": a number too many: "},
		{"delay 1 2 3 1|2", ": a number too many: "},
		{"eat 5 1|2", ": no such word: "},
		{"x", ": no node number: "},
	};
	char error[PARTITION_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct partition p = {0};

		assert_int_equal(partition_parse(&p, rows[i].text, THREE, error), -EINVAL);
		if (!strstr(error, rows[i].why) || error[strlen(error) - 1] != '\'')
			fail_msg("'%s': %s", rows[i].text, error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_becomes_who_hears_whom),
		cmocka_unit_test(several_texts_add_up),
		cmocka_unit_test(the_leader_and_the_rest_become_numbers),
		cmocka_unit_test(what_is_no_partition_is_refused),
		cmocka_unit_test(both_ends_are_told),
		cmocka_unit_test(nodes_have_numbers_up_to_sixteen),
		cmocka_unit_test(seven_nodes_fit),
		cmocka_unit_test(frames_are_hurt_where_they_are_sent),
		cmocka_unit_test(a_disk_hangs_where_it_is),
		cmocka_unit_test(what_is_no_fault_is_refused),
		cmocka_unit_test(F27_what_is_missing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
