/*
 * Data directories are wiped while their nodes are down. What was in them was promised to the
 * cluster: such a node comes back as somebody who remembers nothing, and must not count as the one
 * who promised (F1, V1; raft/formation.h).
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

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

/*
 * True if a node other than `down` acknowledges a write, or leads; but for `believes`, which led
 * before and may not have noticed that nobody follows.
 */
static bool anybody_leads(struct cluster *c, uint32_t down, uint32_t believes)
{
	char text[128];

	for (uint32_t node = 1; node <= c->nodes; node++) {
		static struct node_status status;
		struct one o;
		int err;

		if (node == down)
			continue;
		if (node != believes && cluster_status(c, node, &status) &&
		    strcmp(status.role, "leader") == 0)
			return true;
		one_open(&o, cluster_admin(c, node, text));
		err = one_put(&o, "nobody", 1, 50);
		one_close(&o);
		if (!err)
			return true;
	}
	return false;
}

/* Nobody but those that are down may lead or acknowledge, for as long as several elections take. */
static void expect_standstill(struct cluster *c, uint32_t down, uint32_t believes, const char *why)
{
	for (uint64_t end = clock_ms() + WATCH_MS; clock_ms() < end;)
		require(c, !anybody_leads(c, down, believes), "%s", why);
}

static void expect_acknowledged(struct cluster *c, const struct load *load, uint32_t node)
{
	for (uint32_t i = 0; i < WRITERS; i++) {
		uint64_t value, version, acknowledged = load->writer[i].acknowledged;
		char text[128], key[32];
		struct one o;
		int err;

		one_open(&o, cluster_admin(c, node, text));
		snprintf(key, sizeof(key), "writer/%u", i);
		err = one_get(&o, key, &value, &version, CLUSTER_WAIT_MS);
		require(c, err == 0, "n%u does not answer: %d", node, err);
		require(c, value >= acknowledged && value == version,
			"n%u: %s is %" PRIu64 ", %" PRIu64 " times, acknowledged %" PRIu64, node,
			key, value, version, acknowledged);
		one_close(&o);
	}
}

static void wipe_and_restart(struct cluster *c, uint32_t node)
{
	cluster_lab(c, "kill %u", node);
	cluster_wipe(c, node);
	cluster_lab(c, "restart %u --until answers", node);
}

static void V1_a_wiped_member_does_not_count(void **state)
{
	static struct cluster c;
	static struct load load;
	uint32_t leader;

	(void)state;
	cluster_up(&c, 3, "memif", "");
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	wipe_and_restart(&c, WIPED);

	/* It is refused, and told what to do; the others say so too. */
	leader = cluster_wait_leader(&c, 0);
	require(&c, leader != WIPED, "the wiped node leads");
	expect(&c, WIPED, status_says, "error this data directory is new, and cluster ");
	expect(&c, WIPED, status_says, "restore the old directory");
	expect(&c, WIPED, log_says, " no_cluster why=\"this data directory is new");
	expect(&c, leader, status_says, "error member n3 has a new data directory and is refused");

	/* The other two go on. */
	load_wait_progress(&load, PUTS);

	/* V1: one holder is cut off from the other, and only the wiped one hears both. */
	load_stop(&load);
	cluster_lab(&c, "partition 1|2");
	expect_standstill(&c, 0, leader,
			  "a vote or an acknowledgement of the wiped node makes a majority");
	cluster_lab(&c, "heal");

	/* One of them down: what is left is one vote, however the wiped one votes. */
	cluster_wait_leader(&c, 0);
	cluster_lab(&c, "kill %u", leader);
	expect_standstill(&c, leader, 0, "with one holder down a wiped node makes a majority");

	/* And with it back, nothing that was acknowledged is missing. */
	cluster_lab(&c, "restart %u", leader);
	cluster_wait_leader(&c, 0);
	for (uint32_t node = 1; node <= 2; node++)
		expect_acknowledged(&c, &load, node);
	cluster_down(&c);
}

/* Two of three are wiped, one after the other: the third, with the data, is alive. */
static void F1_two_wiped_members_form_no_second_cluster(const char *durability)
{
	static struct cluster c;
	static struct load load;
	static struct node_status status;
	char before[24];

	cluster_up(&c, 3, "memif", durability);
	load_start(&load, &c, WRITERS, 0);
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	/* The last that the members say by themselves. */
	for (uint32_t node = 1; node <= 3; node++)
		cluster_wait_log(&c, node, " name_published ");
	cluster_wait_equal(&c);
	require(&c, cluster_status(&c, 1, &status), "n1 does not answer");
	snprintf(before, sizeof(before), "%s", status.hash);
	wipe_and_restart(&c, 3);
	expect(&c, 3, status_says, " was not formed with it");
	wipe_and_restart(&c, 2);
	expect(&c, 2, status_says, " was not formed with it");
	expect(&c, 1, status_says, "error this cluster has lost its majority: 2 of 3 members");
	expect_standstill(&c, 0, 1, "wiped nodes make a majority");
	/* The two hear each other alone, as when the third was cut off. */
	cluster_lab(&c, "partition 1|2,3");
	expect_standstill(&c, 1, 0, "two wiped nodes make a cluster");
	cluster_lab(&c, "heal");
	require(&c, cluster_status(&c, 1, &status) && strcmp(status.hash, before) == 0,
		"what the third holds is another state: %s, %s before", status.hash, before);
	cluster_down(&c);
}

static void F1_two_wiped_members(void **state)
{
	(void)state;
	F1_two_wiped_members_form_no_second_cluster("");
}

static void F1_two_restarts_in_volatile(void **state)
{
	(void)state;
	F1_two_wiped_members_form_no_second_cluster("--durability volatile");
}

/* A member that is of no cluster is made fresh on request; one that others rest on is not (F22). */
static void F1_F22_formation_reset(void **state)
{
	static struct cluster c;
	static struct run out;
	static struct node_status status;
	char text[128], before[24], after[24];
	FILE *file;

	(void)state;
	cluster_up(&c, 3, "memif", "");
	run(&out, "quoinctl", "--endpoints %s formation reset", cluster_admin(&c, 1, text));
	require(&c, out.status == 1 && strstr(out.text, "refused: it has a term or an entry"),
		"exit %d:\n%s", out.status, out.text);
	wipe_and_restart(&c, WIPED);
	expect(&c, WIPED, status_says, "formation refused");
	require(&c, cluster_status(&c, WIPED, &status), "n3 does not answer");
	node_value(&status, "identity", before, sizeof(before));
	run(&out, "quoinctl", "--endpoints %s formation reset", cluster_admin(&c, WIPED, text));
	require(&c, out.status == 0, "exit %d:\n%s", out.status, out.text);
	/* Fresh, it asks again, and is refused again, under another identity. */
	expect(&c, WIPED, log_says, " formation_reset identity=");
	expect(&c, WIPED, status_says, "formation refused");
	require(&c, cluster_status(&c, WIPED, &status), "n3 does not answer");
	node_value(&status, "identity", after, sizeof(after));
	require(&c, strcmp(before, after) != 0, "its identity is still %s", after);
	/* One whose directory cannot be opened again ends, and says why. */
	snprintf(text, sizeof(text), "%s/n%u/segment-x", c.dir, WIPED);
	file = fopen(text, "we");
	require(&c, file, "%s", text);
	fclose(file);
	run(&out, "quoinctl", "--endpoints %s formation reset", cluster_admin(&c, WIPED, text));
	expect(&c, WIPED, log_says, " failed error=");
	require(&c, cluster_log_has(&c, WIPED, "segment-x: not a name that the log gives"),
		"it does not say why");
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V1_a_wiped_member_does_not_count),
		cmocka_unit_test(F1_two_wiped_members),
		cmocka_unit_test(F1_two_restarts_in_volatile),
		cmocka_unit_test(F1_F22_formation_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
