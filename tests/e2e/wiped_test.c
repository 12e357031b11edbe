/*
 * A data directory is wiped while its node is down. What was in it was promised to the cluster: the
 * node comes back as somebody who remembers nothing, and must not count as the one who promised
 * (R7 of the cases; raft/members.h).
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	WRITERS = 3,
	READERS = 1,
	PUTS = 100,
	WIPED = 3,
	/* Ten times the longest election timeout: were its vote to count, one would be held. */
	WATCH_MS = 3000,
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static void wipe(struct cluster *c, uint32_t node)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/n%u", c->dir, node);
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

struct words {
	struct cluster *cluster;
	uint32_t node;
	const char *words;
};

static bool status_says(void *context)
{
	const struct words *w = context;
	static struct node_status status;

	return cluster_status(w->cluster, w->node, &status) &&
	       strstr(status.text, w->words) != NULL;
}

static bool log_says(void *context)
{
	const struct words *w = context;

	return cluster_log_has(w->cluster, w->node, w->words);
}

static void expect(struct cluster *c, uint32_t node, bool (*says)(void *context), const char *words)
{
	struct words w = {c, node, words};

	require(c, wait_until(says, &w, CLUSTER_WAIT_MS), "n%u does not say \"%s\"", node, words);
}

/* True if a node other than `down` leads, or acknowledges a write. */
static bool anybody_leads(struct cluster *c, uint32_t down)
{
	char text[128];

	for (uint32_t node = 1; node <= c->nodes; node++) {
		static struct node_status status;
		struct one o;
		int error;

		if (node == down)
			continue;
		if (cluster_status(c, node, &status) && strcmp(status.role, "leader") == 0)
			return true;
		one_open(&o, cluster_admin(c, node, text));
		error = one_put(&o, "nobody", 1, 50);
		one_close(&o);
		if (!error)
			return true;
	}
	return false;
}

static void R7_a_wiped_member_does_not_count(void **state)
{
	static struct cluster c;
	static struct load load;
	uint32_t leader, down;
	uint64_t end;

	(void)state;
	cluster_up(&c, 3, "memif", "");
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	cluster_lab(&c, "kill %d", WIPED);
	wipe(&c, WIPED);
	cluster_lab(&c, "restart %d", WIPED);

	/* It is refused by its old name and told what to do; the others say so too. */
	leader = cluster_wait_leader(&c, 0);
	require(&c, leader != WIPED, "the wiped node leads");
	expect(&c, WIPED, status_says, "knows this member by another identity");
	expect(&c, WIPED, status_says, "restore the old one");
	expect(&c, WIPED, log_says, " refused by=");
	expect(&c, WIPED, log_says, "restore the old directory");
	expect(&c, leader, status_says, "error member n3 has a new data directory and is refused");

	/* The other two go on. */
	load_wait_progress(&load, PUTS);

	/* One of them down: what is left is one vote, however the wiped one votes. */
	load_stop(&load);
	down = leader;
	cluster_lab(&c, "kill %u", down);
	for (end = clock_ms() + WATCH_MS; clock_ms() < end;)
		require(&c, !anybody_leads(&c, down), "without n%u a wiped node makes a majority",
			down);

	/* And with it back, nothing that was acknowledged is missing. */
	cluster_lab(&c, "restart %u", down);
	cluster_wait_leader(&c, 0);
	for (uint32_t node = 1; node <= 2; node++) {
		for (uint32_t i = 0; i < WRITERS; i++) {
			uint64_t value, version, acknowledged = load.writer[i].acknowledged;
			char text[128], key[32];
			struct one o;
			int error;

			one_open(&o, cluster_admin(&c, node, text));
			snprintf(key, sizeof(key), "writer/%u", i);
			error = one_get(&o, key, &value, &version, CLUSTER_WAIT_MS);
			require(&c, error == 0, "n%u does not answer: %d", node, error);
			require(&c, value >= acknowledged && value == version,
				"n%u: %s is %" PRIu64 ", %" PRIu64 " times, acknowledged %" PRIu64,
				node, key, value, version, acknowledged);
			one_close(&o);
		}
	}
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(R7_a_wiped_member_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
