/*
 * The core as it is delivered, not the tests' build: what is wrong inside never leaves it.
 */
#include "tests/unit/raft/hand.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static_assert(!RAFT_CHECKS_EVENTS, "this is the build that is delivered");

static void commit_above_last(struct raft *r)
{
	r->commit = r->window.last + 1;
}

static void applied_above_commit(struct raft *r)
{
	r->apply_handed = r->commit + 1;
}

static void term_below_the_log(struct raft *r)
{
	r->hard.term = 0;
}

static void match_above_last(struct raft *r)
{
	r->peer[0]->match = r->window.last + 1;
}

static void lost_and_leads(struct raft *r)
{
	r->lost.is = true;
}

/* Something is to leave, and something is wrong: true if the process ends before it does. */
static bool stops(void (*wrong)(struct raft *r))
{
	struct raft_ready ready;
	struct hand h;
	raft_index index;
	raft_term term;
	int status;
	pid_t pid;

	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_elect(&h);
	assert_int_equal(raft_propose(h.r, (const uint8_t *)"z", 1, &index, &term), 0);
	if (wrong)
		wrong(h.r);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		_exit(raft_ready(h.r, UINT32_MAX, &ready) ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	hand_fini(&h);
	if (!WIFSIGNALED(status))
		assert_int_equal(WEXITSTATUS(status), 1); /* it would have left */
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void V12_nothing_leaves_a_core_whose_state_is_wrong(void **state)
{
	(void)state;
	assert_false(stops(NULL));
	assert_true(stops(commit_above_last));
	assert_true(stops(applied_above_commit));
	assert_true(stops(term_below_the_log));
	assert_true(stops(match_above_last));
	assert_true(stops(lost_and_leads));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V12_nothing_leaves_a_core_whose_state_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
