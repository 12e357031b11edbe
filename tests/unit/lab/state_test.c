/*
 * The lab's memory, and what it reads elsewhere: lab.json, /proc/PID/stat, a node's status.
 */
#include "node/signals.h"
#include "tools/lab/ask.h"
#include "tools/lab/members.h"
#include "tools/lab/process.h"
#include "tools/lab/state.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int lab_fail(const char *format, ...)
{
	(void)format;
	return LAB_EXIT_FAILED;
}

uint64_t lab_clock_ms(void)
{
	return 0;
}

static void lab_json_comes_back_as_it_was(void **state)
{
	struct lab lab = {
		.dir = "/d",
		.base = "/d",
		.netns = "quoin-0",
		.boot_id = "boot",
		.quoind = "/bin/quoind",
		.link = LINK_XDP,
		.setting = {[LAB_DURABILITY] = "written", [LAB_HEARTBEAT] = "1ms"},
		.nodes = 1u << 0 | 1u << 2 | 1u << 8 | 1u << 15,
		.node = {[0] = {.pid = 101, .start_time = 7},
			 [2] = {.pid = 4194304, .start_time = UINT64_C(1) << 60, .learner = true},
			 [8] = {.change = LAB_ADDED, .joined = true},
			 [15] = {.pid = 102,
				 .change = LAB_REPLACED,
				 .replaced = UINT64_MAX,
				 .fresh = true,
				 .joined = true}},
		.partition_count = 2,
		.partition = {"1|9,3", "9>3"},
	};
	struct lab back = {.dir = "/d", .base = "/d", .netns = "quoin-0"};
	char *text = lab_state_text(&lab);

	(void)state;
	assert_non_null(text);
	assert_true(lab_state_parse(&back, text));
	assert_memory_equal(&lab, &back, sizeof(lab));
	assert_non_null(strstr(text, "\"endpoint\": \"198.18.0.1:2379\""));
	assert_non_null(strstr(text, "\"admin_socket\": \"/d/n3/admin.sock\""));
	assert_non_null(strstr(text, "\"metrics\": \"http://127.0.0.1:2383\""));
	free(text);
	assert_int_equal(lab_voters(&lab), 1u << 0 | 1u << 15); /* no learner, nor who comes */
	lab.node[15].change = LAB_REMOVED;
	assert_int_equal(lab_voters(&lab), 1u << 0); /* nor who goes */
}

/* A wrong pid would be signalled: nothing that is not clearly ours is taken. */
static void a_damaged_lab_json_is_refused(void **state)
{
	struct lab lab = {.dir = "/d",
			  .base = "/d",
			  .nodes = 3,
			  .node = {{.pid = 101, .start_time = 7, .change = LAB_REMOVED}},
			  .link = LINK_MEMIF};
	static const char *const wrong[] = {"n17", "n0", "x", "n1", "n2x"};
	char *text = lab_state_text(&lab), *pid = strstr(text, "101"), *name = strstr(text, "n2"),
	     *change = strstr(text, "\"remove\"");
	struct lab back;

	(void)state;
	assert_true(lab_state_parse(&back, text));
	memcpy(pid, "  1", 3);
	assert_false(lab_state_parse(&back, text));
	memcpy(pid, " -1", 3);
	assert_false(lab_state_parse(&back, text));
	memcpy(pid, "101", 3);
	memcpy(change, "\"REMOVE\"", 8);
	assert_false(lab_state_parse(&back, text));
	memcpy(change, "\"remove\"", 8);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char whole[4096];

		snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(name - text), text, wrong[i],
			 name + 2);
		if (lab_state_parse(&back, whole))
			fail_msg("a node is called %s", wrong[i]);
	}
	for (size_t size = strlen(text) - 1; size > 0; size--) {
		text[size] = '\0';
		assert_false(lab_state_parse(&back, text));
	}
	assert_false(lab_state_parse(&back, "{}"));
	assert_false(lab_state_parse(&back, "{\"version\": 1}"));
	free(text);
}

static void names_follow_from_the_directory(void **state)
{
	struct lab a, b, again;
	char name[LAB_BASE_MAX + 2] = "/tmp/";

	(void)state;
	assert_int_equal(lab_state_name(&a, "/tmp/quoin-lab-a"), 0);
	assert_int_equal(lab_state_name(&b, "/tmp/quoin-lab-b"), 0);
	assert_int_equal(lab_state_name(&again, "/tmp/../tmp//quoin-lab-a/"), 0);
	assert_string_equal(a.dir, "/tmp/quoin-lab-a");
	assert_string_equal(again.netns, a.netns);
	assert_string_not_equal(a.netns, b.netns);
	assert_string_equal(a.base, a.dir);
	/* What is long, or odd, goes by a link's name. */
	memset(name + 5, 'x', LAB_BASE_MAX - 5);
	assert_int_equal(lab_state_name(&a, name), 0);
	assert_string_equal(a.base, name);
	name[LAB_BASE_MAX] = 'x';
	assert_int_equal(lab_state_name(&a, name), 0);
	assert_string_equal(a.dir, name);
	assert_memory_equal(a.base, LAB_LINKS "/quoin-", sizeof(LAB_LINKS "/quoin-") - 1);
	assert_int_equal(lab_state_name(&b, "/tmp/a,b"), 0);
	assert_string_equal(strrchr(b.base, '/') + 1, b.netns);
	assert_int_not_equal(lab_state_name(&a, "/nowhere/at/all"), 0);
	assert_int_not_equal(lab_state_name(&a, ""), 0);
}

static void a_process_name_does_not_deceive(void **state)
{
	uint64_t start = 0;
	char letter = 0;

	(void)state;
	assert_true(lab_process_stat_parse("7 (a) R 1) T 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 "
					   "18 4711 19 20\n",
					   &start, &letter));
	assert_int_equal(start, 4711);
	assert_int_equal(letter, 'T');
	assert_false(lab_process_stat_parse("", &start, &letter));
	assert_false(lab_process_stat_parse("7 (a) R 1 2", &start, &letter));
}

/* Invariant 1 of lab.h. */
static void a_recycled_pid_is_never_signalled(void **state)
{
	struct lab lab = {.nodes = 1};
	pid_t pid = fork();
	char letter = 0;

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	lab_boot_id(lab.boot_id);
	lab.node[0].pid = pid;
	assert_int_equal(lab_process_stat(pid, &lab.node[0].start_time, &letter), 0);

	lab.node[0].start_time++;
	assert_int_equal(lab_process_state(&lab, 0), PROCESS_GONE);
	assert_int_not_equal(lab_process_signal(&lab, 0, SIGKILL), 0);
	lab.node[0].start_time--;
	lab.boot_id[0] ^= 1;
	assert_int_not_equal(lab_process_signal(&lab, 0, SIGKILL), 0);
	lab.boot_id[0] ^= 1;
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* it lives */

	assert_int_equal(lab_process_signal(&lab, 0, SIGKILL), 0);
	assert_int_equal(lab_process_wait(&lab, 0, 5000), 0);
	assert_int_equal(lab_process_state(&lab, 0), PROCESS_GONE); /* a zombie is gone */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_leader_needs_a_majority_in_its_term(void **state)
{
	struct lab_report r[LAB_NODES_MAX] = {
		{.answered = true,
		 .status = {.role = "leader", .member_id = 1, .leader = 1, .term = 2, .voters = 3}},
		{.answered = true,
		 .status = {.role = "follower", .member_id = 2, .leader = 1, .term = 2}},
		{.answered = false},
	};

	(void)state;
	assert_int_equal(lab_report_leader(r, 7), 0);
	r[1].status.term = 3; /* it has gone on */
	assert_int_equal(lab_report_leader(r, 7), -1);
	r[1].status.term = 2;
	r[1].status.leader = 0;
	assert_int_equal(lab_report_leader(r, 7), -1);
	r[1].status.leader = 1;
	snprintf(r[0].status.role, sizeof(r[0].status.role),
		 "follower"); /* it does not know it itself */
	assert_int_equal(lab_report_leader(r, 7), -1);
	snprintf(r[0].status.role, sizeof(r[0].status.role), "leader");
	assert_int_equal(lab_report_leader(r, 1), -1);
	assert_int_equal(lab_report_leader(r, 6), -1);
	r[0].status.voters = 1; /* by its own table, whatever there was before */
	assert_int_equal(lab_report_leader(r, 1), 0);
	r[0].status.voters = 3;
	r[1].status.learner = true;
	assert_int_equal(lab_report_leader(r, 7), -1);
	r[1].status.learner = false;
	r[0].answered = false;
	assert_int_equal(lab_report_leader(r, 7), -1);
}

/* Lines of members, whatever more a release says of each. */
static void members_are_read_from_a_status(void **state)
{
	static const char text[] =
		"name n1\nmembers_index 7\ncommit_index 6\n"
		"member n1 id=00000000000000a1 address=198.18.0.1:2380 client_port=2379 "
		"state=voter bound=1 replaces=- name=n1 clients=198.18.0.1:2379\n"
		"member a=b id=00000000000000a2 more=x address=198.18.0.10:2380 state=joining "
		"bound=0 new=1 replaces=00000000000000a9\n"
		"member is of another kind\nmembers 5\n"
		"member n3 id=00000000000000a3 address=198.18.0.1:2380 client_port=- "
		"state=leaving bound=1 replaces=- name=- clients=-\n";
	struct lab_members m;
	char place[LAB_PLACE_SIZE];
	uint32_t at = 0;

	(void)state;
	lab_members_parse(&m, text, sizeof(text) - 1);
	assert_int_equal(m.count, 3);
	assert_false(m.committed);
	assert_string_equal(lab_node_place(0, place), "198.18.0.1:2380");
	assert_ptr_equal(lab_members_next(&m, place, &at), &m.member[0]);
	assert_ptr_equal(lab_members_next(&m, place, &at), &m.member[2]);
	assert_null(lab_members_next(&m, place, &at));
	assert_string_equal(m.member[2].state, "leaving");
	assert_true(m.member[0].bound);
	assert_true(m.member[0].named);
	assert_false(m.member[1].named);
	assert_false(m.member[2].named);
	assert_true(m.member[0].replaces == 0);
	assert_string_equal(m.member[1].place, lab_node_place(9, place));
	assert_false(m.member[1].bound);
	assert_true(m.member[1].replaces == 0xa9);
	assert_ptr_equal(lab_members_find(&m, 0xa2), &m.member[1]);
	assert_null(lab_members_find(&m, 0xa9));
}

/* What a leader may agree to in a moment is asked again; what is unclear is not taken for a no. */
static void answers_to_an_order_are_judged(void **state)
{
	static const struct {
		enum wire_status status;
		const char *answer;
		enum lab_verdict verdict;
		const char *why;
	} rows[] = {
		{WIRE_OK, "done 00000000000000a1\n", LAB_ORDER_BEGUN, ""},
		{WIRE_OK, "done\n", LAB_ORDER_BEGUN, ""},
		{WIRE_OK, "refused no voter would be left\n", LAB_ORDER_REFUSED,
		 "no voter would be left"},
		{WIRE_OK, "refused the leader has not committed in its term yet: try again\n",
		 LAB_ORDER_LATER, "the leader has not committed in its term yet: try again"},
		{WIRE_OK,
		 "refused re-configuration failed due to not enough started members: of 3\n",
		 LAB_ORDER_LATER,
		 "re-configuration failed due to not enough started members: of 3"},
		{WIRE_OK, "refused ", LAB_ORDER_UNKNOWN, "the leader's answer cannot be read"},
		{WIRE_OK, "", LAB_ORDER_UNKNOWN, "the leader's answer cannot be read"},
		{WIRE_BUSY, "", LAB_ORDER_LATER, "etcdserver: too many requests"},
		{WIRE_NOT_LEADER, "", LAB_ORDER_LATER, "etcdserver: not leader"},
		{WIRE_NO_LEADER, "", LAB_ORDER_LATER, "etcdserver: no leader"},
		{WIRE_TIMEOUT, "", LAB_ORDER_UNKNOWN, "etcdserver: request timed out"},
		{WIRE_STOPPING, "", LAB_ORDER_UNKNOWN, "etcdserver: server stopped"},
		{WIRE_INVALID, "", LAB_ORDER_REFUSED, "etcdserver: malformed request"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[LAB_WHY_SIZE] = "";

		assert_int_equal(lab_order_judge(rows[i].status, rows[i].answer,
						 strlen(rows[i].answer), why),
				 rows[i].verdict);
		assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
	}
}

/* Lives until the pipe's other end is closed. */
static void *stay(void *argument)
{
	char byte;

	while (read(*(int *)argument, &byte, 1) > 0)
		;
	return NULL;
}

/*
 * The main thread of a process is a zombie while its others still end: what they hold is held, and
 * a successor would find it taken.
 */
static void a_process_is_gone_with_its_last_thread(void **state)
{
	struct lab lab = {.nodes = 1};
	static int pipes[2]; /* read by a thread that outlives the one that made it */
	char letter = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		close(pipes[1]);
		if (pthread_create(&thread, NULL, stay, &pipes[0]))
			_exit(1);
		pthread_exit(NULL);
	}
	close(pipes[0]);
	lab_boot_id(lab.boot_id);
	lab.node[0].pid = pid;
	do
		assert_int_equal(lab_process_stat(pid, &lab.node[0].start_time, &letter), 0);
	while (letter != 'Z');
	assert_int_equal(lab_process_state(&lab, 0), PROCESS_GONE);
	assert_int_equal(lab_process_wait(&lab, 0, 10), -ETIMEDOUT);
	close(pipes[1]);
	assert_int_equal(lab_process_wait(&lab, 0, 10000), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What a node makes of a signal, seen: whether it ends, at once or as it was asked to. */
static bool node_ends(int signal)
{
	enum { NOTHING = 42 };
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		/* The test's own for what is a failure of a test. */
		for (int i = 1; i < 32; i++)
			(void)sigaction(i, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
		signals_begin();
		raise(signal);
		_exit(signals_stops() > 0 ? 0 : NOTHING);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		return false;
	}
	return !WIFEXITED(status) || WEXITSTATUS(status) != NOTHING;
}

static void kill_knows_which_signals_end_a_node(void **state)
{
	(void)state;
	for (int signal = 1; signal < 32; signal++) {
		if (lab_signal_ends(signal) != node_ends(signal))
			fail_msg("SIG%s", sigabbrev_np(signal));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lab_json_comes_back_as_it_was),
		cmocka_unit_test(a_damaged_lab_json_is_refused),
		cmocka_unit_test(names_follow_from_the_directory),
		cmocka_unit_test(a_process_name_does_not_deceive),
		cmocka_unit_test(a_recycled_pid_is_never_signalled),
		cmocka_unit_test(a_process_is_gone_with_its_last_thread),
		cmocka_unit_test(a_leader_needs_a_majority_in_its_term),
		cmocka_unit_test(members_are_read_from_a_status),
		cmocka_unit_test(answers_to_an_order_are_judged),
		cmocka_unit_test(kill_knows_which_signals_end_a_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
