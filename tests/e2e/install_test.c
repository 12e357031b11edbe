/*
 * A member that needs what the others' logs have no more gets their snapshot, while clients go on
 * (S10): one that was down for long, and one that lost its directory and is replaced.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	WRITERS = 3,
	READERS = 1,
	PUTS = 30,
	PUT_MS = 5000,
	LARGE = 1000000,
	/* The fifth marker is before 24 MB, and what it leaves is more than a window holds. */
	LARGES = 24,
	/* Eight of the longest election timeout (D19), and what a client waits for a dead node. */
	GAP_MS_MAX = 8 * 300 + 600,
};

static struct cluster c;
static struct load load;

static void snapshots_on(void)
{
	for (uint32_t node = 1; node <= 3; node++) {
		cluster_configure(&c, node, "snapshot-log-size: 1MiB\nlog-keep: 1MiB\n");
		cluster_lab(&c, "kill %u", node);
		cluster_lab(&c, "restart %u", node);
		cluster_wait_leader(&c, 0);
	}
}

struct cut {
	uint32_t node;
	uint64_t index;
};

static bool has_cut(void *context)
{
	const struct cut *cut = context;

	return cluster_number(&c, cut->node, "log_first_index") > cut->index + 1;
}

/* So much is written that whoever has the log up to this index lacks what is before the next. */
static void write_much(uint32_t down, uint64_t index)
{
	struct cut cut = {.node = down % 3 + 1, .index = index};
	char admin[128];
	struct one o;

	one_open(&o, cluster_admin(&c, cut.node, admin));
	for (uint32_t i = 0; i < LARGES; i++)
		require(&c, one_put_large(&o, "large", LARGE, PUT_MS) == 0, "put %u", i);
	one_close(&o);
	require(&c, wait_until(has_cut, &cut, CLUSTER_WAIT_MS), "n%u does not cut its log",
		cut.node);
	cut.node = cut.node % 3 + 1;
	require(&c, wait_until(has_cut, &cut, CLUSTER_WAIT_MS), "n%u does not cut its log",
		cut.node);
}

static void expect_installed(uint32_t node, const char *what)
{
	uint64_t gap_ms;

	cluster_wait_installed(&c, node);
	load_wait_progress(&load, PUTS);
	gap_ms = load_gap_ms(&load);
	printf("# %s: n%u installed %" PRIu64 " bytes; no put of a client for %" PRIu64
	       " ms at most\n",
	       what, node, cluster_number(&c, node, "pulled_bytes"), gap_ms);
	require(&c, gap_ms <= GAP_MS_MAX, "no put for %" PRIu64 " ms", gap_ms);
	require(&c, cluster_log_has(&c, node, " installed index="), "n%u does not say it", node);
}

static void away(void)
{
	uint32_t node = cluster_wait_leader(&c, 0) % 3 + 1;
	uint64_t last = cluster_number(&c, node, "raft_index");

	cluster_lab(&c, "kill %u", node);
	write_much(node, last);
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	load_gap_begin(&load);
	cluster_lab(&c, "restart %u", node);
	expect_installed(node, "away");
}

static void replaced(void)
{
	uint32_t node = cluster_wait_leader(&c, 0) % 3 + 1, asked = node % 3 + 1;
	char admin[128];
	struct node_status s;
	static struct run out;

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	cluster_lab(&c, "kill %u", node);
	load_wait_progress(&load, PUTS);
	load_gap_begin(&load);
	cluster_wipe_to_join(&c, node);
	run(&out, "quoinctl", "--endpoints=%s member replace %s 198.18.0.%u:2380",
	    cluster_admin(&c, asked, admin), s.member, node);
	require(&c, out.status == 0, "%s", out.text);
	cluster_lab(&c, "restart %u", node);
	expect_installed(node, "replaced");
}

static void S10_a_snapshot_is_installed_under_load(void **state)
{
	(void)state;
	cluster_up(&c, 3, "memif", "");
	snapshots_on();
	away();
	replaced();
	load_stop(&load);
	cluster_wait_equal(&c);
	load_verify(&load);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(S10_a_snapshot_is_installed_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
