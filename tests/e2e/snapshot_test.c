/*
 * Snapshots of real nodes, on a real disk: taken, the log cut behind them, and a start from them
 * after kill -9.
 */
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum {
	PUT_MS = 5000,
	PUT_SIZE = 1000000,
	/* The fifth marker is before 24 MB: each version stays until it is compacted. */
	PUTS = 24,
	LAST_VALUE = 77,
};

static struct process p;

static bool has_cut(void *context)
{
	(void)context;
	return cluster_number(&p.c, 1, "snapshots") >= 2 &&
	       cluster_number(&p.c, 1, "log_first_index") > 1;
}

static void killed(void)
{
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
}

/* N1, N2, N3; R48: what was put before is not put again. */
static void D17_a_snapshot_is_taken_and_started_from(void **state)
{
	uint64_t first, snapshot, revision, value, version;
	char admin[128];
	struct one o;

	(void)state;
	process_prepare(&p, "snapshot-log-size: 1MiB\nlog-keep: 1MiB\n");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	one_open(&o, cluster_admin(&p.c, 1, admin));
	for (uint32_t i = 0; i < PUTS; i++)
		assert_int_equal(one_put_large(&o, "large", PUT_SIZE, PUT_MS), 0);
	assert_int_equal(one_put(&o, "key", LAST_VALUE, PUT_MS), 0);
	assert_true(wait_until(has_cut, NULL, CLUSTER_WAIT_MS));
	for (int i = 0; i < 3; i++) {
		first = cluster_number(&p.c, 1, "log_first_index");
		snapshot = cluster_number(&p.c, 1, "snapshot_index");
		revision = cluster_number(&p.c, 1, "revision");
		assert_true(snapshot >= first && revision > PUTS);
		killed();
		assert_true(cluster_number(&p.c, 1, "log_first_index") >= first);
		assert_true(cluster_number(&p.c, 1, "snapshot_index") >= snapshot);
		endpoint_close(o.endpoint);
		assert_int_equal(endpoint_open(&o.endpoint, admin, (char[ADDRESS_ERROR_MAX]){0}),
				 0);
		assert_int_equal(one_get(&o, "key", &value, &version, PUT_MS), 0);
		assert_int_equal(value, LAST_VALUE);
		assert_int_equal(version, 1);
		assert_int_equal(cluster_number(&p.c, 1, "revision"), revision);
	}
	one_close(&o);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D17_a_snapshot_is_taken_and_started_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
