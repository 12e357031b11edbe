/*
 * Who cannot reach a majority acknowledges nothing, and says so; healed, all come to one state:
 * partition_test LINK.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PUTS = 30, REFUSED_PUTS = 5, REFUSED_MS = 300 };

static const char *link_name;

/* Puts at one node, none of which may be acknowledged. */
static void refuses(struct cluster *c, uint32_t node)
{
	char text[128];
	struct one o;

	for (uint32_t i = 0; i < REFUSED_PUTS; i++) {
		uint64_t begin = clock_ms();
		int err;

		one_open(&o, cluster_admin(c, node, text));
		err = one_put(&o, "minority", i + 1, REFUSED_MS);
		one_close(&o);
		require(c, err != 0, "n%u acknowledged a write without a majority", node);
		/* An answer in time, not silence. */
		require(c, clock_ms() - begin < REFUSED_MS + 1000,
			"n%u took %" PRIu64 " ms to refuse", node, clock_ms() - begin);
	}
}

/* It may not read either: it cannot know what the others have acknowledged since. */
static void reads_nothing(struct cluster *c, uint32_t node)
{
	uint64_t value, version;
	char text[128];
	struct one o;

	one_open(&o, cluster_admin(c, node, text));
	require(c, one_get(&o, "majority", &value, &version, REFUSED_MS) != 0,
		"n%u answered a read without a majority: %" PRIu64, node, value);
	one_close(&o);
}

static void accepts(struct cluster *c, uint32_t node)
{
	char text[128];
	struct one o;

	one_open(&o, cluster_admin(c, node, text));
	for (uint32_t i = 0; i < PUTS; i++) {
		uint64_t begin = clock_ms();
		int err;

		while ((err = one_put(&o, "majority", i + 1, 500)) != 0)
			require(c, clock_ms() < begin + CLUSTER_WAIT_MS,
				"n%u does not acknowledge: %d", node, err);
	}
	one_close(&o);
}

/* The two nodes that are not this one, as the lab writes them. */
static const char *others(uint32_t node, char out[8])
{
	snprintf(out, 8, "%u,%u", node == 1 ? 2 : 1, node == 3 ? 2 : 3);
	return out;
}

static void heal_and_agree(struct cluster *c)
{
	cluster_lab(c, "heal");
	for (uint32_t node = 1; node <= c->nodes; node++)
		accepts(c, node);
	cluster_wait_equal(c);
}

static void a_minority_acknowledges_nothing(void **state)
{
	static struct cluster c;
	uint32_t leader, next;
	char rest[8];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	/* First the one that led, then one that only follows. */
	leader = cluster_wait_leader(&c, 0);
	cluster_lab(&c, "partition %u|%s", leader, others(leader, rest));
	next = leader % 3 + 1;
	accepts(&c, next);
	refuses(&c, leader);
	reads_nothing(&c, leader);
	heal_and_agree(&c);

	leader = cluster_wait_leader(&c, 0);
	next = leader % 3 + 1;
	cluster_lab(&c, "partition %u|%s", next, others(next, rest));
	refuses(&c, next);
	reads_nothing(&c, next);
	accepts(&c, leader);
	heal_and_agree(&c);
	cluster_down(&c);
}

/* R29: the leader hears and is not heard: the others choose anew, and it learns of that. */
static void R29_a_leader_that_is_not_heard(void **state)
{
	static struct cluster c;
	uint32_t leader;
	char rest[8];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	leader = cluster_wait_leader(&c, 0);
	cluster_lab(&c, "partition %u>%s", leader, others(leader, rest));
	cluster_wait_leader(&c, leader);
	accepts(&c, leader % 3 + 1);
	refuses(&c, leader);
	heal_and_agree(&c);
	cluster_down(&c);
}

/*
 * R29, the other way: the leader is heard and hears nothing. It commits nothing, so nothing is
 * acknowledged anywhere; that it also keeps the others from choosing anew is a limit that the
 * README states.
 */
static void R29_a_leader_that_hears_nothing(void **state)
{
	static struct cluster c;
	uint32_t leader;
	char rest[8];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	leader = cluster_wait_leader(&c, 0);
	cluster_lab(&c, "partition %s>%u", others(leader, rest), leader);
	refuses(&c, leader);
	reads_nothing(&c, leader);
	heal_and_agree(&c);
	cluster_down(&c);
}

/* R27: one link of three is down, each one, each way; two nodes reach each other through nobody. */
static void V13_R27_each_link_each_way(void **state)
{
	/* Of the leader and the two behind it: who no longer hears whom, and who hears all. */
	static const struct {
		char how; /* |: both ways */
		uint32_t from, to, hub;
	} cuts[] = {
		{'|', 1, 2, 0}, {'>', 1, 2, 0}, {'|', 0, 1, 2}, {'>', 0, 1, 2}, {'>', 1, 0, 2},
	};
	static struct cluster c;

	(void)state;
	cluster_up(&c, 3, link_name, "");
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		uint32_t leader = cluster_wait_leader(&c, 0);
		const uint32_t node[] = {leader, leader % 3 + 1, (leader + 1) % 3 + 1};

		cluster_lab(&c, "partition %u%c%u", node[cuts[i].from], cuts[i].how,
			    node[cuts[i].to]);
		accepts(&c, node[cuts[i].hub]);
		heal_and_agree(&c);
	}
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minority_acknowledges_nothing),
		cmocka_unit_test(R29_a_leader_that_is_not_heard),
		cmocka_unit_test(R29_a_leader_that_hears_nothing),
		cmocka_unit_test(V13_R27_each_link_each_way),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
