/*
 * The lab's life with real namespaces, devices and processes, and a fake node: what up makes, what
 * down leaves, also after crashes. Needs root; without, it is skipped (77).
 */
#include "tests/unit/lab/life.h"
#include "tools/lab/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void up_and_down_on_memif(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	assert_said("n1 leads 3 nodes on memif");
	assert_int_not_equal(up(""), 0);
	assert_said("has a lab already");
	assert_int_equal(lab("status"), 0);
	assert_said("unix:");
	assert_int_equal(lab("exec -- sh -c 'echo $QUOIN_ENDPOINTS; ls /sys/class/net >/dev/null; "
			     "exit 7'"),
			 7);
	assert_said("/n1/admin.sock,unix:");
	assert_int_equal(lab("exec /no/such/program"), 127);
	assert_int_equal(lab("logs 2"), 0);
	assert_int_not_equal(lab("logs 4"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
	assert_int_equal(lab("down"), 0);
}

static void veth_pairs_behind_a_bridge(void **state)
{
	(void)state;
	assert_int_equal(up("--link packet --nodes 2"), 0);
	assert_int_equal(lab("exec -- ip -o link"), 0);
	assert_said("n1@p1");
	assert_said("p2@n2");
	assert_said("02:00:c6:12:00:02");
	assert_said("NOARP");
	assert_null(strstr(said, "n3"));
	assert_int_equal(lab("exec -- ip -o address"), 0);
	assert_said("198.18.0.254/24");
	assert_null(strstr(said, "inet6"));
	assert_int_equal(lab("exec -- ip route"), 0);
	assert_null(strstr(said, "default")); /* no way out */
	assert_int_equal(lab("exec -- sh -c 'echo $QUOIN_ENDPOINTS'"), 0);
	assert_string_equal(said, "198.18.0.1:2379,198.18.0.2:2379\n");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void nodes_die_pause_and_return(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill leader"), 0);
	assert_string_equal(said, "n1\n");
	assert_int_equal(lab("status"), LAB_EXIT_FAILED);
	assert_said("dead");
	assert_int_not_equal(lab("kill 1"), 0);
	assert_said("n1 does not run");
	assert_int_equal(lab("restart 1"), 0);
	assert_int_equal(lab("status --json"), 0);
	assert_said("\"leader\": \"n1\"");
	assert_int_equal(lab("pause n2"), 0);
	assert_int_equal(lab("status"), 0);
	assert_said("paused");
	assert_int_equal(lab("resume 2"), 0);
	/* Whom they follow has a name, also while it does not answer. */
	assert_int_equal(lab("pause leader"), 0);
	assert_int_equal(lab("status"), LAB_EXIT_FAILED);
	assert_said("follower      2 n1 ");
	assert_int_equal(lab("resume 1"), 0);
	assert_int_equal(lab("pause 3"), 0);
	assert_int_equal(lab("restart 3"), 0); /* also one that is paused */
	assert_int_equal(lab("kill --signal TERM 3"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* Each half may have a leader. */
static void two_clusters_in_one_lab_are_told_apart(void **state)
{
	char command[2 * PATH_MAX];

	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("status"), 0);
	snprintf(command, sizeof(command), "touch %s/n2/forced", dir);
	assert_runs(command);
	assert_int_equal(lab("status"), LAB_EXIT_FAILED);
	assert_said("these are members of different clusters: n1 of 0000000000000001, n2 of "
		    "0000000000000002");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void partitions_are_told_now_or_later(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill 3"), 0);
	assert_int_equal(lab("pause 2"), 0);
	assert_int_equal(lab("partition '1|2,3' '3>2'"), 0);
	assert_said("n3 is dead: it is told when it is back");
	snprintf(command, sizeof(command), "grep -q 'drop both 198.18.0.3' %s/n1/faults", dir);
	assert_runs(command);
	assert_int_equal(lab("restart 3"), 0);
	snprintf(command, sizeof(command), "grep -q 'drop tx 198.18.0.2' %s/n3/faults", dir);
	assert_runs(command);
	assert_int_equal(lab("resume 2"), 0);
	snprintf(command, sizeof(command), "grep -q 'drop rx 198.18.0.3' %s/n2/faults", dir);
	assert_runs(command);
	assert_int_equal(lab("status"), 0);
	assert_said("partition 3>2");
	assert_int_not_equal(lab("partition '1|4'"), 0);
	assert_int_equal(lab("heal"), 0);
	snprintf(command, sizeof(command), "test ! -s %s/n2/faults", dir);
	assert_runs(command);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void a_node_that_ends_is_named_with_its_last_words(void **state)
{
	(void)state;
	setenv("FAKE_END", "n2", 1);
	assert_int_equal(up(""), LAB_EXIT_FAILED);
	unsetenv("FAKE_END");
	assert_said("n2 exited with status 4");
	assert_said("the last word of n2");
	assert_said("the lab stays as it is");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* A restart that is watched: when it has said so, a shell's command is run. How it ended. */
static int restart_and(const char *arguments, const char *when, const char *then)
{
	char command[2048];

	setenv("LAB_DIR", dir, 1);
	snprintf(command, sizeof(command),
		 "cd \"$LAB_DIR\"; : >said; $QUOIN_LAB --dir . restart %s >said 2>&1 & "
		 "until grep -q '%s' said || ! kill -0 $!; do sleep 0.02; done; %s; wait $!; "
		 "status=$?; cat said; exit $status",
		 arguments, when, then);
	return shell(command);
}

/* What it wrote in a former life is not its last word. */
static void F24_a_last_word_is_of_this_life(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	assert_int_equal(up("--nodes 2"), 0);
	snprintf(command, sizeof(command), "echo a former life >>%s/n2.log", dir);
	assert_runs(command);
	setenv("FAKE_MUTE", "n2", 1);
	assert_int_equal(
		restart_and("2 --timeout 10", "still starting", "kill -KILL $(cat n2.pid)"),
		LAB_EXIT_FAILED);
	unsetenv("FAKE_MUTE");
	assert_said("n2: still starting; its last word:\n    it has written nothing yet\n");
	assert_said("n2 was ended by SIGKILL; its last words in ");
	assert_said("/n2.log:\n    it had written nothing\n");
	assert_null(strstr(said, "a former life"));
	setenv("FAKE_END", "n2", 1);
	assert_int_equal(lab("restart 2"), LAB_EXIT_FAILED);
	unsetenv("FAKE_END");
	assert_said("the last word of n2");
	assert_null(strstr(said, "a former life"));
	assert_int_equal(lab("logs 2"), 0);
	assert_said("a former life");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void a_link_that_a_lab_cannot_make_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(up("--link pci"), LAB_EXIT_USAGE);
	assert_nothing_left();
}

/* lab.json lost: the namespace names the processes. */
static void down_after_crashes(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	assert_int_equal(up(""), 0);
	snprintf(command, sizeof(command), "printf '{' > %s/lab.json", dir);
	assert_runs(command);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();

	assert_int_equal(up("--link packet"), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_runs(command);
	assert_int_not_equal(up(""), 0);
	assert_said("left over from a crash");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();

	/* Its nodes run, but whose the files are is not known. */
	assert_int_equal(up(""), 0);
	snprintf(command, sizeof(command), "rm %s/lab.json", dir);
	assert_runs(command);
	assert_int_equal(lab("down"), LAB_EXIT_FAILED);
	assert_said("move ");
	snprintf(command, sizeof(command), "mv %s %s.away", dir, dir);
	assert_runs(command);
	assert_int_equal(lab("down"), 0);
	snprintf(command, sizeof(command), "rm -r %s.away", dir);
	assert_runs(command);
	assert_nothing_left();

	/* up was killed before lab.json was there */
	assert_int_equal(mkdir(dir, 0755), 0);
	snprintf(command, sizeof(command), "touch %s/lock %s/lab.json.new", dir, dir);
	assert_runs(command);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* Killed when a node has its process, and lab.json has not: none is left that nobody knows. */
static void no_node_runs_that_is_not_in_lab_json(void **state)
{
	(void)state;
	assert_int_equal(up("--nodes 1"), 0);
	assert_int_equal(lab("kill 1"), 0);
	/* Which has no reader, so the command stands still there. */
	in_dir("rm n1.pid && mkfifo n1.pid");
	in_dir("$QUOIN_LAB restart 1 --dir \"$LAB_DIR\" & lab=$!\n"
	       "until child=$(cat /proc/$lab/task/$lab/children) && [ \"$child\" ]\n"
	       "do sleep 0.01; done\n"
	       "kill -9 $lab\n"
	       "for i in $(seq 500); do\n"
	       "	grep -q '^State:.[^ZX]' /proc/${child% }/status || exit 0\n"
	       "	sleep 0.01\n"
	       "done\n"
	       "kill -9 $child; exit 1");
	in_dir("rm n1.pid");
	assert_int_equal(lab("restart 1"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void a_foreign_directory_is_left_alone(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	assert_int_equal(mkdir(dir, 0755), 0);
	snprintf(command, sizeof(command), "touch %s/precious", dir);
	assert_runs(command);
	assert_int_not_equal(up(""), 0);
	assert_said("is not empty");
	assert_int_not_equal(lab("down"), 0);
	assert_said("left alone");
	snprintf(command, sizeof(command), "rm %s/precious && rmdir %s", dir, dir);
	assert_runs(command);
}

static void one_command_at_a_time(void **state)
{
	char command[3 * PATH_MAX];

	(void)state;
	assert_int_equal(up("--nodes 1"), 0);
	assert_said("n1 leads 1 node on memif, ");
	snprintf(command, sizeof(command),
		 "flock %s/lock %s --dir %s kill 1 2>&1 | grep -q 'another quoin-lab is at work'",
		 dir, getenv("QUOIN_LAB"), dir);
	assert_runs(command);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* Every command that names a thing in the directory, and what others find in lab.json. */
static void try_the_directory(void)
{
	char command[512];

	assert_int_equal(up(""), 0);
	assert_said("n1 leads 3 nodes on memif");
	assert_int_equal(lab("exec -- sh -c 'echo $QUOIN_ENDPOINTS | tr , \"\\n\" | "
			     "grep -c ^unix:/.*/admin.sock$'"),
			 0);
	assert_string_equal(said, "3\n");
	/* Each is a socket that is there. */
	assert_int_equal(lab("exec -- sh -c 'for s in $(echo $QUOIN_ENDPOINTS | tr , \" \"); do "
			     "test -S ${s#unix:} || exit 1; done'"),
			 0);
	assert_int_equal(lab("status"), 0);
	assert_int_equal(lab("partition 'leader|rest'"), 0);
	assert_int_equal(lab("status --json"), 0);
	assert_said("\"1|2,3\"");
	assert_int_equal(lab("heal"), 0);
	assert_int_equal(lab("pause 2"), 0);
	assert_int_equal(lab("resume 2"), 0);
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("restart 2"), 0);
	assert_said("n2 is up to date");
	assert_int_equal(lab("logs 2"), 0);
	assert_runs("test -d \"$LAB_DIR/n2\" && test -f \"$LAB_DIR/n2.yaml\"");
	/* As after a restart of the host, which empties /run. */
	snprintf(command, sizeof(command), "rm -f /run/quoin-lab/%s", strrchr(netns, '/') + 1);
	assert_runs(command);
	assert_int_equal(lab("status"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
	snprintf(command, sizeof(command), "test ! -L /run/quoin-lab/%s", strrchr(netns, '/') + 1);
	assert_runs(command);
}

static void F18_any_directory_name_will_do(void **state)
{
	static const char *const names[] = {
		" a,b #c 'd' \"e\" ",
		"{[&*!|>%@`$x;(\\n\nline: b=c? \xc3\xbc",
		"not \xff utf-8",
	};
	char name[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_dir(names[i]);
		try_the_directory();
	}
	/* Longer than a socket's address, and than a node's configuration takes a path for. */
	memset(name, 'x', 200);
	name[200] = '\0';
	set_dir(name);
	assert_int_equal(mkdir(dir, 0755), 0);
	memset(name + 201, 'y', 200);
	name[200] = '/';
	name[401] = '\0';
	set_dir(name);
	try_the_directory();
	*strrchr(dir, '/') = '\0';
	assert_int_equal(rmdir(dir), 0);
	set_dir("");
}

/* One of three, then the second: with the first there is no majority to be behind. */
static void F24_restart_says_whether_a_node_is_up_to_date(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill 1"), 0);
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("kill 3"), 0);
	assert_int_equal(lab("restart 1"), 0);
	assert_said("n1 has answered; whether it is up to date cannot be known: no majority");
	/* It has applied less than the leader had. */
	setenv("FAKE_BEHIND", "n2", 1);
	assert_int_equal(lab("restart 2 --timeout 3"), LAB_EXIT_FAILED);
	assert_said("quoin-lab: n2: it has applied 4 of 5");
	assert_said("n2 is not up to date after 3 s: it has applied 4 of 5");
	assert_int_equal(lab("restart 2 --until answers"), 0);
	assert_string_equal(said, "n2\n");
	unsetenv("FAKE_BEHIND");
	assert_int_equal(lab("restart 2"), 0);
	assert_said("n2 is up to date: it has applied 5");
	assert_int_equal(lab("partition '1|2'"), 0);
	assert_int_equal(lab("restart 2"), 0);
	assert_said("cannot be known: frames are dropped");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* Dead from the start, or while it waits: the same word, and no failure of the restart. */
static void V24_restart_does_not_wait_for_a_majority_that_died(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill 3"), 0);
	setenv("FAKE_BEHIND", "n2", 1);
	assert_int_equal(restart_and("2 --timeout 10", "n2: it has applied 4 of 5",
				     "kill -KILL $(cat n1.pid)"),
			 0);
	assert_said("n2 has answered; whether it is up to date cannot be known: no majority");
	/* Its own end is a failure, whoever else is dead. */
	assert_int_equal(lab("restart 1"), 0);
	assert_int_equal(restart_and("2 --timeout 10", "n2: it has applied 4 of 5",
				     "kill -KILL $(cat n2.pid)"),
			 LAB_EXIT_FAILED);
	assert_said("n2 was ended by SIGKILL");
	unsetenv("FAKE_BEHIND");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* The nodes' configuration judges them, but it is the option that is wrong, and no file's line. */
static void F27_a_setting_that_quoind_refuses_is_wrong_usage(void **state)
{
	static const struct {
		const char *options, *says;
	} rows[] = {
		{"--heartbeat 5", "--heartbeat: heartbeat-interval: 5 has no unit: 5us, 5ms or 5s"},
		{"--heartbeat 2s", "--heartbeat: heartbeat-interval: 2s is too long for "},
		{"--election 1ms", "--election: election-timeout: 1ms is too short for "},
		{"--durability x", "--durability: wal.durability: x is wrong: durable, "},
		{"--segment-size 3MiB", "--segment-size: wal.segment-size: 3MiB is out of range"},
		{"--election 00000000000000000000000000000001s", "--election 0000000000000000"},
		{"--idle never", "--idle: idle: never is wrong: spin, "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(up(rows[i].options), LAB_EXIT_USAGE);
		assert_said(rows[i].says);
		assert_null(strstr(said, ".yaml"));
		assert_nothing_left();
	}
}

static void F27_wrong_usage_is_2(void **state)
{
	static const char *const wrong[] = {
		"",       "upp",          "up --no-such-option",   "up one",
		"kill",   "up --nodes 8", "restart 1 --until now", "add 4",
		"remove", "replace"};
	/* Of a lab of three. */
	static const char *const not_here[] = {
		"kill 9",
		"kill 4",
		"kill x",
		"restart 9",
		"pause n4",
		"resume 0",
		"logs 4",
		"remove 4",
		"replace n17",
		"remove 1x",
		"kill 01",
		"partition x",
		"partition '1|4'",
		"partition 1",
		"partition 'loss x 1|2'",
		"partition 'loss 10'",
		"partition '1|2' '3'",
		"partition '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1|2'"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lab("%s", wrong[i]), LAB_EXIT_USAGE);
	assert_int_equal(up(""), 0);
	for (size_t i = 0; i < sizeof(not_here) / sizeof(not_here[0]); i++) {
		if (lab("%s", not_here[i]) != LAB_EXIT_USAGE)
			fail_msg("%s: %s", not_here[i], said);
	}
	assert_int_equal(lab("kill 1"), 0);
	/* A node of the lab, or nobody leads: no wrong usage. */
	assert_int_equal(lab("kill 1"), LAB_EXIT_FAILED);
	assert_int_equal(lab("kill leader"), LAB_EXIT_FAILED);
	assert_int_equal(lab("partition 'leader|rest'"), LAB_EXIT_FAILED);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(up_and_down_on_memif, leave),
		cmocka_unit_test_teardown(veth_pairs_behind_a_bridge, leave),
		cmocka_unit_test_teardown(nodes_die_pause_and_return, leave),
		cmocka_unit_test_teardown(two_clusters_in_one_lab_are_told_apart, leave),
		cmocka_unit_test_teardown(partitions_are_told_now_or_later, leave),
		cmocka_unit_test_teardown(a_node_that_ends_is_named_with_its_last_words, leave),
		cmocka_unit_test_teardown(F24_a_last_word_is_of_this_life, leave),
		cmocka_unit_test_teardown(a_link_that_a_lab_cannot_make_leaves_nothing, leave),
		cmocka_unit_test_teardown(down_after_crashes, leave),
		cmocka_unit_test_teardown(no_node_runs_that_is_not_in_lab_json, leave),
		cmocka_unit_test_teardown(a_foreign_directory_is_left_alone, leave),
		cmocka_unit_test_teardown(one_command_at_a_time, leave),
		cmocka_unit_test_teardown(F24_restart_says_whether_a_node_is_up_to_date, leave),
		cmocka_unit_test_teardown(V24_restart_does_not_wait_for_a_majority_that_died,
					  leave),
		cmocka_unit_test_teardown(F27_a_setting_that_quoind_refuses_is_wrong_usage, leave),
		cmocka_unit_test_teardown(F27_wrong_usage_is_2, leave),
		cmocka_unit_test_teardown(F18_any_directory_name_will_do, leave),
	};

	if (geteuid() != 0 || shell("ip netns list") != 0)
		return 77;
	return cmocka_run_group_tests(tests, enter, NULL);
}
