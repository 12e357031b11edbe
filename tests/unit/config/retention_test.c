/*
 * auto-compaction-mode and auto-compaction-retention (N7), in etcd's forms.
 */
#include "tests/unit/config/files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOOD                                                       \
	"name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\n" \
	"network: {link: memif, address: 198.18.0.1/24}\n"
/* clang-format off */
#define RULE \
	"0, a time from 1s to 8784h, in h, m or s (a number alone: hours), or of revision a number"

static const struct {
	const char *text, *error;
} bad[] = {
	{"auto-compaction-mode: revisions\nauto-compaction-retention: 5", "F:5: auto-compaction-mode: revisions is wrong: periodic or revision"},
	{"auto-compaction-retention: 5min", "F:5: auto-compaction-retention: 5min is wrong: " RULE},
	{"auto-compaction-retention: -1", "F:5: auto-compaction-retention: -1 is wrong: " RULE},
	{"auto-compaction-retention: 8785h", "F:5: auto-compaction-retention: 8785h is out of range: " RULE},
	{"auto-compaction-retention: 10000", "F:5: auto-compaction-retention: 10000 without a unit is so many hours, and at most 8784h are kept; to keep a number of revisions: auto-compaction-mode: revision"},
	{"auto-compaction-mode: revision\nauto-compaction-retention: 5m", "F:6: auto-compaction-retention: 5m is a time, and auto-compaction-mode: revision keeps a number of revisions: 1000, for example"},
	{"auto-compaction-mode: revision", "F:5: auto-compaction-mode: compacts nothing without auto-compaction-retention: 1000, for example"},
	{"auto-compaction-mode: periodic", "F:5: auto-compaction-mode: compacts nothing without auto-compaction-retention: 1h, for example"},
};
/* clang-format on */

static int load(struct config *c, const char *more, struct config_errors *errors)
{
	char text[1024];
	int size = snprintf(text, sizeof(text), GOOD "%s\n", more);

	return files_load(c, text, (size_t)size, errors);
}

static void N7_F17_what_is_no_retention_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config_errors errors;
		struct config c;

		assert_int_equal(load(&c, bad[i].text, &errors), -EINVAL);
		assert_int_equal(errors.count, 1);
		assert_string_equal(errors.text[0], bad[i].error);
	}
}

/* etcd's forms: hours, where a time without a unit is given. */
static void N7_a_retention_is_of_its_mode(void **state)
{
	static const struct {
		const char *text;
		enum config_compaction mode;
		uint64_t us, revisions;
		const char *shown;
	} cases[] = {
		{"", CONFIG_PERIODIC, 0, 0, "auto-compaction-retention 0 "},
		{"auto-compaction-retention: 0", CONFIG_PERIODIC, 0, 0, "-retention 0 "},
		{"auto-compaction-retention: 2", CONFIG_PERIODIC, UINT64_C(7200000000), 0, " 2h "},
		{"auto-compaction-retention: 1h30m", CONFIG_PERIODIC, UINT64_C(5400000000), 0,
		 " 90m "},
		{"auto-compaction-mode: periodic\nauto-compaction-retention: \"8784\"",
		 CONFIG_PERIODIC, UINT64_C(8784) * 3600 * 1000000, 0, " 8784h "},
		{"auto-compaction-mode: revision\nauto-compaction-retention: 1000", CONFIG_REVISION,
		 0, 1000, " 1000 "},
		{"auto-compaction-retention: 0\nauto-compaction-mode: revision", CONFIG_REVISION, 0,
		 0, " 0 "},
	};
	char text[16384];
	struct config_errors errors;
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *out = fmemopen(text, sizeof(text), "w");

		if (load(&c, cases[i].text, &errors))
			fail_msg("%s", errors.text[0]);
		assert_int_equal(c.compaction_mode, cases[i].mode);
		assert_int_equal(c.retention.us, cases[i].us);
		assert_int_equal(c.retention.revisions, cases[i].revisions);
		config_explain(&c, out);
		fclose(out);
		assert_non_null(strstr(text, cases[i].shown));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N7_F17_what_is_no_retention_is_said),
		cmocka_unit_test(N7_a_retention_is_of_its_mode),
	};
	int failed;

	files_enter();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	files_leave();
	return failed;
}
