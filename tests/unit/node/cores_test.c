/*
 * Which CPUs the threads of a process get whose loop has some to itself.
 */
#include "node/cores.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t end;

static void *stay(void *nothing)
{
	while (sem_wait(&end) != 0)
		;
	return nothing;
}

static bool runs_on(pthread_t thread, const cpu_set_t *where)
{
	cpu_set_t set;

	return pthread_getaffinity_np(thread, sizeof(set), &set) == 0 && CPU_EQUAL(&set, where);
}

/*
 * In a process of its own, whose main thread goes to `own` afterwards, as DPDK's start makes it: a
 * thread from before, and one that is made there.
 */
static bool threads_run_on(const char *cpus, const cpu_set_t *own, const cpu_set_t *where)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t before, later;
		bool ok =
			sem_init(&end, 0, 0) == 0 && pthread_create(&before, NULL, stay, NULL) == 0;

		cores_spare(cpus);
		ok = ok && sched_setaffinity(0, sizeof(*own), own) == 0 &&
		     pthread_create(&later, NULL, stay, NULL) == 0;
		_exit(ok && runs_on(before, where) && runs_on(later, where) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void other_threads_leave_the_loops_cpu(void **state)
{
	cpu_set_t all, own, rest;
	char cpus[64];
	size_t cpu = 0, last = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	for (size_t i = cpu; i < CPU_SETSIZE; i++)
		last = CPU_ISSET(i, &all) ? i : last;
	CPU_ZERO(&own);
	CPU_SET(cpu, &own);
	rest = all;
	CPU_CLR(cpu, &rest);
	(void)snprintf(cpus, sizeof(cpus), "%zu", cpu);
	if (CPU_COUNT(&rest) > 0)
		assert_true(threads_run_on(cpus, &own, &rest));
	/* It has none to itself, or there is no other one: all share. */
	assert_true(threads_run_on("", &all, &all));
	(void)snprintf(cpus, sizeof(cpus), "%zu-%zu", cpu, last);
	assert_true(threads_run_on(cpus, &all, &all));
}

static void a_list_is_walked(void **state)
{
	const char *at = "0-3,7,10-11";
	static const unsigned long ranges[][2] = {{0, 3}, {7, 7}, {10, 11}};
	unsigned long first, last;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(cores_next(&at, &first, &last));
		assert_int_equal(first, ranges[i][0]);
		assert_int_equal(last, ranges[i][1]);
	}
	assert_false(cores_next(&at, &first, &last));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_threads_leave_the_loops_cpu),
		cmocka_unit_test(a_list_is_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
