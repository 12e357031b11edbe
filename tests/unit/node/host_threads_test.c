/*
 * F23: --check makes the threads that a start would make. The kernel asks no limit of root, so a
 * child is somebody who has no other process.
 */
#include "node/host_internal.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NOBODY_ELSE = 1954321,
	NEEDED = 5, /* as e2e-host has it of nodes that start */
};

/* 0: said to be enough, 1: not, and both numbers are said; 2: neither. */
static int look(enum link_kind kind, uint32_t needed, uint32_t threads)
{
	const struct rlimit limit = {threads + 1, threads + 1}; /* and the process itself */
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct config c = {.link = kind};
		struct host_finding f = {0};
		char says[64];

		if (setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE) ||
		    setrlimit(RLIMIT_NPROC, &limit))
			_exit(3);
		host_threads(&c, &f);
		snprintf(says, sizeof(says), "makes %u threads more, and after %u", needed,
			 threads);
		_exit(!f.wrong ? 0 : strstr(f.text, says) ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void F23_threads_are_tried(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		printf("SKIP: only root can be somebody else\n");
		skip();
	}
	assert_int_equal(look(LINK_MEMIF, NEEDED, NEEDED), 0);
	assert_int_equal(look(LINK_MEMIF, NEEDED, NEEDED - 1), 1);
	assert_int_equal(look(LINK_PACKET, NEEDED, NEEDED), 0);
	assert_int_equal(look(LINK_PACKET, NEEDED, NEEDED - 1), 1);
	assert_int_equal(look(LINK_PACKET, NEEDED, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F23_threads_are_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
