/*
 * Health: each state of a node on each path, in etcd's words.
 */
#include "metrics/health.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum node { HEALTHY, STARTING, FORMING, LEADERLESS, CUT_OFF, STUCK, LEARNER, DIVERGED };

static const char *const node_name[] = {"healthy", "starting", "forming", "leaderless",
					"cut off", "stuck",    "learner", "diverged"};

static bool one_excluded(void *context, const char *check)
{
	return context && strcmp(context, check) == 0;
}

/* The page, and whether it is a 200. */
static bool ask(enum node node, const char *path, bool serializable, bool verbose, char *exclude,
		char page[METRICS_HEALTH_SIZE_MAX])
{
	static struct metrics m;
	struct metrics_health_answer answer = {.metrics = &m};
	struct metrics_health_question q;

	m = (struct metrics){.has_leader = node == HEALTHY || node == CUT_OFF || node == STUCK ||
					   node == LEARNER || node == DIVERGED,
			     .is_learner = node == LEARNER,
			     .diverged = node == DIVERGED};
	if (node == STARTING || node == FORMING)
		snprintf(m.waiting, sizeof(m.waiting), "the log is \"read\"");
	answer.read_err = node == STARTING ? -EAGAIN : node == STUCK ? -ETIMEDOUT : 0;
	answer.confirm_err = node == CUT_OFF ? -ETIMEDOUT : 0;
	assert_true(metrics_health_parse(path, one_excluded, exclude, &q));
	q.verbose = verbose;
	if (serializable)
		q.linearizable = false;
	return metrics_health_page(&q, &answer, page);
}

static const struct {
	enum node node;
	const char *path;
	bool serializable, verbose, well;
	const char *page;
} rows[] = {
	{HEALTHY, "/health", false, false, true, "{\"health\":\"true\",\"reason\":\"\"}\n"},
	{STARTING, "/health", false, false, false,
	 "{\"health\":\"false\",\"reason\":\"the log is 'read'\"}\n"},
	{LEADERLESS, "/health", false, false, false,
	 "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n"},
	{LEADERLESS, "/health", true, false, true, "{\"health\":\"true\",\"reason\":\"\"}\n"},
	{CUT_OFF, "/health", false, false, false,
	 "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n"},
	{STUCK, "/health", true, false, false,
	 "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n"},

	{HEALTHY, "/livez", false, false, true, "ok\n"},
	{HEALTHY, "/livez", false, true, true, "[+]serializable_read ok\nok\n"},
	{STARTING, "/livez", false, false, true, "ok\n"},
	{FORMING, "/livez", false, false, true, "ok\n"},
	{LEADERLESS, "/livez", false, false, true, "ok\n"},
	{CUT_OFF, "/livez", false, false, true, "ok\n"},
	{STUCK, "/livez", false, false, false,
	 "[-]serializable_read failed: etcdserver: request timed out\n"},

	{HEALTHY, "/readyz", false, false, true, "ok\n"},
	{HEALTHY, "/readyz", false, true, true,
	 "[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n"},
	{STARTING, "/readyz", false, false, false,
	 "[-]serializable_read failed: the log is \"read\"\n"
	 "[-]linearizable_read failed: the log is \"read\"\n"
	 "[-]non_learner failed: the log is \"read\"\n"},
	{LEADERLESS, "/readyz", false, false, false,
	 "[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: no leader\n"
	 "[+]non_learner ok\n"},
	{CUT_OFF, "/readyz", false, false, false,
	 "[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: request timed out\n"
	 "[+]non_learner ok\n"},
	{LEARNER, "/readyz", false, false, false,
	 "[+]serializable_read ok\n[+]linearizable_read ok\n"
	 "[-]non_learner failed: this member is a learner\n"},
	{LEARNER, "/readyz/non_learner", false, false, false,
	 "[-]non_learner failed: this member is a learner\n"},
	{LEARNER, "/health", false, false, true, "{\"health\":\"true\",\"reason\":\"\"}\n"},
	{LEARNER, "/livez", false, false, true, "ok\n"},
	{DIVERGED, "/health", false, false, false,
	 "{\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}\n"},
	{DIVERGED, "/health", true, false, false,
	 "{\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}\n"},
	{DIVERGED, "/livez", false, false, true, "ok\n"},
	{DIVERGED, "/readyz", false, false, false,
	 "[-]serializable_read failed: etcdserver: corrupt cluster\n"
	 "[-]linearizable_read failed: etcdserver: corrupt cluster\n[+]non_learner ok\n"},
	{CUT_OFF, "/readyz/serializable_read", false, false, true, "ok\n"},
	{CUT_OFF, "/readyz/linearizable_read", false, false, false,
	 "[-]linearizable_read failed: etcdserver: request timed out\n"},
};

static void each_state_on_each_path(void **state)
{
	char page[METRICS_HEALTH_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool well = ask(rows[i].node, rows[i].path, rows[i].serializable, rows[i].verbose,
				NULL, page);

		if (well != rows[i].well || strcmp(page, rows[i].page) != 0)
			fail_msg("%s, %s: %s, %s", node_name[rows[i].node], rows[i].path,
				 well ? "well" : "not well", page);
	}
}

static void exclude_leaves_a_check_out(void **state)
{
	char linearizable[] = "linearizable_read", other[] = "data_corruption";
	char page[METRICS_HEALTH_SIZE_MAX];

	(void)state;
	assert_true(ask(LEADERLESS, "/readyz", false, true, linearizable, page));
	assert_string_equal(page, "[+]serializable_read ok\n[+]non_learner ok\nok\n");
	/* A check that there is not may be left out: etcd's rule, for neighbouring versions. */
	assert_false(ask(LEADERLESS, "/readyz", false, true, other, page));
}

static void other_paths_are_none(void **state)
{
	static const char *const paths[] = {
		"/",        "/healthz",       "/livez/linearizable_read",
		"/livezz",  "/readyz/",       "/readyz/none",
		"/metrics", "/health/health", ""};
	struct metrics_health_question q;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (metrics_health_parse(paths[i], one_excluded, NULL, &q))
			fail_msg("%s is taken for a path of health", paths[i]);
	}
}

/* Whatever a node waits for: no page is cut within its words. */
static void F22_reasons_are_whole(void **state)
{
	static struct metrics m;
	const struct metrics_health_answer answer = {.metrics = &m, .read_err = -EAGAIN};
	char page[METRICS_HEALTH_SIZE_MAX], waiting[METRICS_WAITING_MAX + 64];
	static const char *const ends[] = {
		"[-]serializable_read failed: ", "[-]linearizable_read failed: ",
		"[-]non_learner failed: "};
	struct metrics_health_question q;

	(void)state;
	memset(m.waiting, 'w', sizeof(m.waiting) - 1);
	assert_true(metrics_health_parse("/readyz", one_excluded, NULL, &q));
	assert_false(metrics_health_page(&q, &answer, page));
	for (size_t i = 0; i < 3; i++) {
		snprintf(waiting, sizeof(waiting), "%s%s\n", ends[i], m.waiting);
		assert_non_null(strstr(page, waiting));
	}
	assert_true(metrics_health_parse("/health", one_excluded, NULL, &q));
	assert_false(metrics_health_page(&q, &answer, page));
	snprintf(waiting, sizeof(waiting), "\"reason\":\"%s\"}\n", m.waiting);
	assert_non_null(strstr(page, waiting));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_on_each_path),
		cmocka_unit_test(exclude_leaves_a_check_out),
		cmocka_unit_test(other_paths_are_none),
		cmocka_unit_test(F22_reasons_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
