/*
 * Real nodes on a disk that does not answer, or late: what the one that stands still says, does and
 * costs, that the others go on without it, and that it ends when it is told to.
 */
#include "base/exits.h"
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/soak/disks.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	PUT_MS = 2000,
	CPU_MS = 1500,     /* over which the use of a core is compared */
	CPU_SPARE_MS = 60, /* a clock tick is 10 */
	END_MS = 5000,     /* how long a stop waits for a disk that hangs: node/disk.c */
	PUT_SIZE = 1000000,
	SLOW_MS = 3000,
	START_PUTS = 6,   /* two segments are read then, by 1 MiB */
	REPLAY_PUTS = 14, /* of 834 entries: 3,500 more than RAFT_WINDOW */
	SEGMENTS = 3,     /* of 4 MiB, that are filled */
	STALL_MS = 600,   /* of an --election of 300ms: twice as long */
	PUTS = 20,
};

static struct cluster c;
static struct disks disks;
static struct load load;

static void begin_with(const char *options)
{
	cluster_up(&c, 3, "memif", options);
	disks_mount(&disks, &c);
	(void)cluster_wait_leader(&c, 0);
}

static void begin(void)
{
	begin_with("--segment-size 4MiB --idle sleep");
}

static void end(void)
{
	for (uint32_t node = 1; node <= c.nodes; node++) {
		disk_tell(&disks.disk[node - 1], "drop all");
		cluster_lab(&c, "kill %u", node);
	}
	disks_unmount(&disks);
	cluster_down(&c);
}

static int put(uint32_t node, uint64_t value)
{
	char text[128];

	return one_put_at(cluster_admin(&c, node, text), "key", value, PUT_MS);
}

/* Of the process's time on a core, in ms. */
static uint64_t core_ms(uint32_t node)
{
	uint64_t user, system;
	char path[64], text[1024];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)cluster_pid(&c, node));
	file = fopen(path, "re");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	assert_non_null(strrchr(text, ')'));
	assert_int_equal(sscanf(strrchr(text, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
				&user, &system),
			 2);
	return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool later(void *context)
{
	return clock_ms() >= *(const uint64_t *)context;
}

/* It stands still and does nothing: so it costs what one does that has nothing to do. */
static void expect_cheap(uint32_t stalled, uint32_t idle)
{
	uint64_t at = clock_ms() + CPU_MS, a = core_ms(stalled), b = core_ms(idle);

	assert_true(wait_until(later, &at, CLUSTER_WAIT_MS));
	a = core_ms(stalled) - a;
	b = core_ms(idle) - b;
	printf("on a core in %d ms: stalled %" PRIu64 " ms, idle %" PRIu64 " ms\n", CPU_MS, a, b);
	require(&c, a <= 2 * b + CPU_SPARE_MS,
		"n%u, stalled, took %" PRIu64 " ms of core time in %d, n%u %" PRIu64, stalled, a,
		CPU_MS, idle, b);
}

static void V20_a_hung_disk_is_told_and_others_go_on(void **state)
{
	uint32_t leader, stalled, other;
	uint64_t stood;

	(void)state;
	begin_with("--election 300ms --segment-size 4MiB --idle sleep" /* STALL_MS */);
	leader = cluster_wait_leader(&c, 0);
	stalled = leader % 3 + 1;
	other = stalled % 3 + 1;
	stood = cluster_number(&c, stalled, "elections_started");
	disk_tell(&disks.disk[stalled - 1], "on write segment-* stall forever");
	require(&c, put(leader, 1) == 0, "the others do not go on without n%u", stalled);
	disk_wait_waiting(&disks.disk[stalled - 1], 1);
	cluster_wait_value(&c, stalled, "disk_stalled", "1");
	require(&c, cluster_says(&c, stalled, "error the disk does not answer: a write of "),
		"the status of n%u does not tell of its disk", stalled);
	cluster_wait_log(&c, stalled, "disk_stalled");
	expect_cheap(stalled, other);
	require(&c, put(leader, 2) == 0, "the others do not go on without n%u", stalled);

	/* Two are left, and one of them may not vote: nobody is elected, and it does not stand. */
	cluster_lab(&c, "kill %u", leader);
	cluster_wait_value(&c, stalled, "leader", "0000000000000000");
	expect_cheap(stalled, other);
	require(&c, cluster_number(&c, stalled, "elections_started") == stood,
		"n%u stood for election", stalled);
	require(&c, cluster_leader(&c) == 0, "there is a leader");
	disk_tell(&disks.disk[stalled - 1], "drop all");
	cluster_wait_value(&c, stalled, "disk_stalled", "0");
	cluster_wait_log(&c, stalled, "disk_answers");
	(void)cluster_wait_leader(&c, leader);
	cluster_lab(&c, "restart %u", leader);
	require(&c, put(stalled, 3) == 0, "no put through n%u", stalled);
	cluster_wait_equal(&c);
}

/* The log goes on, and a vote does not come back: nobody is elected by one that is not durable. */
static void V20_R46_a_vote_that_hangs_elects_nobody(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), hung = leader % 3 + 1, other = hung % 3 + 1;
	uint64_t until;

	(void)state;
	disk_tell(&disks.disk[hung - 1], "on write vote* stall forever");
	require(&c, put(leader, 4) == 0, "no put while only votes hang");
	cluster_lab(&c, "kill %u", leader);
	disk_wait_waiting(&disks.disk[hung - 1], 1);
	cluster_wait_value(&c, hung, "disk_stalled", "1");
	require(&c, cluster_says(&c, hung, "error the disk does not answer: a write of "),
		"the status of n%u does not tell of its disk", hung);
	until = clock_ms() + 2 * (uint64_t)STALL_MS;
	assert_true(wait_until(later, &until, CLUSTER_WAIT_MS));
	require(&c, cluster_leader(&c) == 0, "there is a leader of n%u and n%u", hung, other);
	disk_tell(&disks.disk[hung - 1], "drop all");
	cluster_wait_value(&c, hung, "disk_stalled", "0");
	(void)cluster_wait_leader(&c, leader);
	require(&c, put(hung, 5) == 0, "no put through n%u", hung);
	cluster_lab(&c, "restart %u", leader);
	cluster_wait_equal(&c);
}

/* --- a leader ------------------------------------------------------------------------------ */

/* What a node's log tells of its disk: how often it answered, and after how long the last time. */
struct answers {
	uint32_t node, count, more_than;
	uint64_t ms;
};

static bool answered(void *context)
{
	struct answers *a = context;
	char path[512], line[1024];
	FILE *log;

	a->count = 0;
	snprintf(path, sizeof(path), "%s/n%u.log", c.dir, a->node);
	log = fopen(path, "re");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log)) {
		const char *at = strstr(line, " disk_answers "), *took = at;

		if (at && (took = strstr(at, " ms="))) {
			a->ms = strtoull(took + strlen(" ms="), NULL, 10);
			a->count++;
		}
	}
	fclose(log);
	return a->count > a->more_than;
}

/* What a client waits for while others elect one, who know nothing. */
static uint64_t election_ms(void)
{
	uint32_t leader = cluster_wait_leader(&c, 0);
	uint64_t gap_ms;

	load_gap_begin(&load);
	cluster_lab(&c, "kill %u", leader);
	load_wait_progress(&load, PUTS);
	gap_ms = load_gap_ms(&load);
	cluster_lab(&c, "restart %u", leader);
	load_wait_progress(&load, PUTS);
	printf("# killed: no put of a client for %" PRIu64 " ms\n", gap_ms);
	return gap_ms;
}

/*
 * Nothing comes back from its disk for so long. It is told of then, and goes on. A client of this
 * member asks it again for most of the time of a call, 400 ms, and then another one (load.c).
 */
static void leader_hangs(uint64_t ms, uint64_t election)
{
	uint32_t leader = cluster_wait_leader(&c, 0);
	uint64_t stood = cluster_number(&c, leader, "elections_started");
	uint64_t until = clock_ms() + ms, gap_ms;
	struct answers told = {.node = leader};
	pid_t pid = cluster_pid(&c, leader);

	(void)answered(&told);
	told.more_than = told.count;
	load_gap_begin(&load);
	disk_tell(&disks.disk[leader - 1], "on read,write,fsync,meta * stall forever");
	(void)cluster_wait_leader(&c, leader);
	cluster_wait_value(&c, leader, "disk_stalled", "1");
	require(&c, cluster_says(&c, leader, "error the disk does not answer: a write of "),
		"the status of n%u does not tell of its disk", leader);
	load_wait_progress(&load, PUTS);
	gap_ms = load_gap_ms(&load);
	assert_true(wait_until(later, &until, CLUSTER_WAIT_MS));
	require(&c, cluster_leader(&c) != leader, "n%u leads again", leader);
	disk_tell(&disks.disk[leader - 1], "drop all");
	cluster_wait_value(&c, leader, "disk_stalled", "0");
	ms = clock_ms() + ms - until;
	/* A thread of its own writes it. */
	require(&c, wait_until(answered, &told, CLUSTER_WAIT_MS), "n%u does not tell", leader);
	printf("# hung: no put of a client for %" PRIu64 " ms; n%u says %" PRIu64 " ms\n", gap_ms,
	       leader, told.ms);
	require(&c, gap_ms <= 2 * election, "it costs two elections");
	/*
	 * The write that it waited for last may be that of the next term, or one that was in flight
	 * before its disk hung: who leads has none as old as a stall.
	 */
	require(&c, told.ms + 2 * STALL_MS >= ms && told.ms <= ms + STALL_MS,
		"it hung for %" PRIu64 " ms", ms);
	require(&c, cluster_number(&c, leader, "elections_started") == stood, "n%u stood", leader);
	require(&c, cluster_pid(&c, leader) == pid, "n%u was started again", leader);
	load_wait_progress(&load, PUTS);
}

/* A pause that is none yet: nobody is elected, but where the host stood still as long as that. */
static void leader_pauses(const char *time)
{
	uint32_t leader = cluster_wait_leader(&c, 0), rule;
	uint64_t term = cluster_number(&c, leader, "raft_term"), now;

	load_gap_begin(&load);
	rule = disk_rule(&disks.disk[leader - 1], "on write segment-*[0-9a-f] times 1 stall %s",
			 time);
	load_wait_progress(&load, PUTS);
	require(&c, disk_hits(&disks.disk[leader - 1], rule) == 1, "nothing was stalled");
	disk_tell(&disks.disk[leader - 1], "drop all");
	now = cluster_number(&c, leader, "raft_term");
	printf("# %s: no put of a client for %" PRIu64 " ms\n", time, load_gap_ms(&load));
	require(&c, now == term || load_gap_ms(&load) >= STALL_MS, "terms %" PRIu64 " to %" PRIu64,
		term, now);
}

/* R46: under load; what was acknowledged is there, and nothing is started again. */
static void R46_a_leader_whose_disk_hangs_hands_over(void **state)
{
	uint64_t election;

	(void)state;
	load_start(&load, &c, 2, 1);
	load_wait_progress(&load, PUTS);
	election = election_ms();
	leader_pauses("100ms");
	leader_pauses("300ms");
	leader_hangs(1000, election);
	leader_hangs(10000, election);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	end();
}

/* --- late writes --------------------------------------------------------------------------- */

struct told {
	uint32_t leader, node;
	const char *slow; /* "1" or "0" */
	uint64_t value;
};

static bool is_told(void *context)
{
	struct told *t = context;
	struct node_status s;
	char value[8];

	require(&c, put(t->leader, ++t->value) == 0, "no put through n%u", t->leader);
	return cluster_status(&c, t->node, &s) &&
	       strcmp(node_value(&s, "disk_slow", value, sizeof(value)), t->slow) == 0;
}

static void V5_a_disk_too_slow_for_the_timers_is_told(void **state)
{
	struct told t;

	(void)state;
	begin_with("--heartbeat 40ms --election 400ms --idle sleep");
	t = (struct told){.leader = cluster_wait_leader(&c, 0), .slow = "1"};
	t.node = t.leader % 3 + 1;
	disk_tell(&disks.disk[t.node - 1], "on write segment-* stall 250ms");
	require(&c, wait_until(is_told, &t, CLUSTER_WAIT_MS), "n%u does not tell", t.node);
	require(&c,
		cluster_says(
			&c, t.node,
			"warning the disk is too slow for election-timeout, which is 400 ms: "),
		"the status of n%u does not tell", t.node);
	require(&c, cluster_says(&c, t.node, " ms or more on all members, or use a quicker disk"),
		"the status of n%u does not tell what to set", t.node);
	cluster_wait_log(&c, t.node, " disk_slow slow=4 of=");
	require(&c, !cluster_says(&c, t.leader, "too slow for election-timeout"),
		"n%u, whose disk is quick, says so too", t.leader);
	disk_tell(&disks.disk[t.node - 1], "drop all");
	t.slow = "0";
	require(&c, wait_until(is_told, &t, CLUSTER_WAIT_MS), "n%u goes on telling", t.node);
	cluster_wait_log(&c, t.node, " disk_keeps_up ");
	end();
}

/* --- slow names ---------------------------------------------------------------------------- */

static bool have_rolled(void *context)
{
	(void)context;
	for (uint32_t node = 1; node <= c.nodes; node++)
		if (cluster_number(&c, node, "wal_segments") <= SEGMENTS)
			return false;
	return true;
}

static void V19_slow_names_at_a_roll_move_no_leader(void **state)
{
	char text[128];
	uint32_t leader;
	uint64_t term;
	struct one o;

	(void)state;
	begin();
	leader = cluster_wait_leader(&c, 0);
	term = cluster_number(&c, leader, "raft_term");
	for (uint32_t i = 0; i < 3; i++)
		disk_tell(&disks.disk[i], "on meta * stall 200ms"); /* disk-stall-timeout: 300 */
	one_open(&o, cluster_admin(&c, leader, text));
	for (uint32_t i = 0; i <= 4 * SEGMENTS; i++)
		require(&c, one_put_large(&o, "large", PUT_SIZE, CLUSTER_WAIT_MS) == 0,
			"put %u through n%u", i, leader);
	one_close(&o);
	cluster_wait_equal(&c);
	require(&c, wait_until(have_rolled, NULL, CLUSTER_WAIT_MS), "not all of them rolled");
	require(&c, cluster_number(&c, leader, "raft_term") == term, "there was an election");
	end();
}

/* --- a stop -------------------------------------------------------------------------------- */

static struct process p;
static struct test_disk d;

static void says_to_file(void *context)
{
	const struct process *node = context;
	char path[96];

	snprintf(path, sizeof(path), "%s/n1.log", node->dir);
	dup2(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
}

static void prepare(void)
{
	char place[128], beneath[128];

	process_prepare(&p, "");
	snprintf(place, sizeof(place), "%s/n1", p.dir);
	snprintf(beneath, sizeof(beneath), "%s/n1.beneath", p.dir);
	disk_mount(&d, place, beneath);
	process_start(&p, NULL, says_to_file, &p);
	process_wait_leading(&p);
}

static void remove_all(void)
{
	disk_tell(&d, "drop all");
	disk_unmount(&d);
	process_remove(&p);
}

static void stop(int status)
{
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, status);
}

static void V18_a_stop_waits_for_a_hung_disk_not_for_ever(void **state)
{
	char text[128];
	struct one o;
	uint64_t at;

	(void)state;
	prepare();
	disk_tell(&d, "on write segment-* stall forever");
	one_open(&o, cluster_admin(&p.c, 1, text));
	assert_int_not_equal(one_put(&o, "key", 1, 200), 0);
	one_close(&o);
	at = clock_ms();
	stop(QUOIND_DISK);
	printf("it ended after %" PRIu64 " ms\n", clock_ms() - at);
	assert_true(clock_ms() - at < 3 * END_MS);
	assert_true(cluster_log_has(&p.c, 1, "n1/segment-0000000000000001 at offset"));
	assert_true(cluster_log_has(&p.c, 1, "ms"));
	remove_all();
}

/* It is at the start, says where, and ends at once when it is told to: nothing was under way. */
static void told_and_ended(const char *words)
{
	uint64_t at;

	process_start(&p, NULL, says_to_file, &p);
	cluster_wait_log(&p.c, 1, words);
	at = clock_ms();
	stop(0);
	assert_true(clock_ms() - at < SLOW_MS);
}

/* As the last write of a process that was killed holds it. */
static int lock_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/n1/%s", p.dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void F21_V25_a_start_on_a_slow_disk_speaks_and_ends_when_told(void **state)
{
	char text[128];
	struct one o;
	int lock;

	(void)state;
	prepare();
	one_open(&o, cluster_admin(&p.c, 1, text));
	for (uint32_t i = 0; i < START_PUTS; i++)
		assert_int_equal(one_put_large(&o, "large", PUT_SIZE, CLUSTER_WAIT_MS), 0);
	one_close(&o);
	stop(0);
	disk_tell(&d, "on read segment-* stall 400ms");
	told_and_ended(" recovering segment=");
	disk_tell(&d, "drop all");
	lock = lock_file("segment-0000000000000002");
	told_and_ended("file=segment-0000000000000002 operation=\"opening\"");
	close(lock);
	process_start(&p, NULL, says_to_file, &p);
	process_wait_leading(&p);
	assert_true(cluster_log_has(&p.c, 1, " recovered last_index="));
	stop(0);
	remove_all();
}

/*
 * Lines of a replay go forward, and name the log's end as the start had found it. True: one says
 * that something was applied, and more is to be.
 */
static bool replay_told(void *nothing)
{
	uint64_t applied, of, before = 0, recovered = 0;
	char path[128], line[1024];
	const char *at;
	FILE *log;

	(void)nothing;
	snprintf(path, sizeof(path), "%s/n1.log", p.dir);
	log = fopen(path, "re");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log)) {
		at = strstr(line, " recovered last_index=");
		if (at)
			recovered = strtoull(strchr(at, '=') + 1, NULL, 10);
		at = strstr(line, " replaying applied=");
		if (!at || !strchr(line, '\n'))
			continue;
		assert_int_equal(
			sscanf(at, " replaying applied=%" SCNu64 " of=%" SCNu64, &applied, &of), 2);
		if (applied < before || applied >= of || of != recovered)
			fail_msg("after %" PRIu64 " of %" PRIu64 ": %s", before, recovered, line);
		before = applied;
	}
	fclose(log);
	return before > 0;
}

/* More entries than are held in memory: they are read back, slowly, and the node says how far. */
static void V16_F21_a_slow_replay_is_told(void **state)
{
	char text[128];
	struct one o;

	(void)state;
	prepare();
	one_open(&o, cluster_admin(&p.c, 1, text));
	for (uint32_t i = 0; i < REPLAY_PUTS; i++)
		assert_int_equal(one_put_large(&o, "large", PUT_SIZE, CLUSTER_WAIT_MS), 0);
	assert_int_equal(one_put(&o, "key", 5, CLUSTER_WAIT_MS), 0);
	one_close(&o);
	stop(0);
	/* The entries that are held in memory lie behind it. */
	disk_tell(&d, "on read segment-0000000000000001 stall 400ms");
	process_start(&p, NULL, says_to_file, &p);
	require(&p.c, wait_until(replay_told, NULL, CLUSTER_WAIT_MS), "a slow replay is not told");
	disk_tell(&d, "drop all");
	process_wait_leading(&p);
	stop(0);
	remove_all();
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V16_F21_a_slow_replay_is_told),
		cmocka_unit_test(F21_V25_a_start_on_a_slow_disk_speaks_and_ends_when_told),
		cmocka_unit_test(V5_a_disk_too_slow_for_the_timers_is_told),
		cmocka_unit_test(V18_a_stop_waits_for_a_hung_disk_not_for_ever),
		cmocka_unit_test(V19_slow_names_at_a_roll_move_no_leader),
		/* One lab for the rest. */
		cmocka_unit_test(V20_a_hung_disk_is_told_and_others_go_on),
		cmocka_unit_test(V20_R46_a_vote_that_hangs_elects_nobody),
		cmocka_unit_test(R46_a_leader_whose_disk_hangs_hands_over),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
