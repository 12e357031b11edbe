/*
 * The lock under which free huge pages are counted and taken.
 */
#include "dataplane/pages.h"

#include "tests/unit/test.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Other nodes of this host hold it too, for a time. */
enum { REFUSED_MS = 30, WAIT_MS = 30 * 1000 };
enum { GOT_IT = 1, REFUSED = 2, NO_NAMESPACES = 3 };

static int try(void)
{
	return pages_lock(REFUSED_MS) >= 0 ? GOT_IT : REFUSED;
}

static int wait_for_it(void)
{
	return pages_lock(WAIT_MS) >= 0 ? GOT_IT : REFUSED;
}

/* As a service with ProtectProc=, or a container that has the host's devices. */
static int try_elsewhere(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) != 0)
		return NO_NAMESPACES;
	pid = fork();
	if (pid == 0) {
		if (mount("", "/", "", MS_PRIVATE | MS_REC, NULL) != 0 ||
		    mount("proc", "/proc", "proc", 0, NULL) != 0 ||
		    mount("sysfs", "/sys", "sysfs", 0, NULL) != 0)
			_exit(NO_NAMESPACES);
		_exit(try());
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int in_child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void F3_one_at_a_time_counts_free_pages(void **state)
{
	int lock = pages_lock(WAIT_MS), elsewhere;

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(in_child(try), REFUSED);
	elsewhere = in_child(try_elsewhere);
	if (elsewhere == NO_NAMESPACES)
		printf("not tried: this user may make no namespaces\n");
	else
		assert_int_equal(elsewhere, REFUSED);
	assert_int_equal(close(lock), 0);
	assert_int_equal(in_child(wait_for_it), GOT_IT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F3_one_at_a_time_counts_free_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
