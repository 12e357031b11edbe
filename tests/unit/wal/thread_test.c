/*
 * The disk's thread and its owner, each at its own pace: an event comes after what it tells of.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/disk_thread.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 2000, WAIT_S = 20 };

static atomic_bool held; /* the thread's events */

/* The thread writes its events by it: in place of libc's, so that one comes when the test says. */
ssize_t write(int fd, const void *data, size_t size)
{
	while (atomic_load(&held))
		(void)sched_yield();
	return syscall(SYS_write, fd, data, size);
}

static struct disk_thread *t;
static int directory;

static int begin(void **state)
{
	(void)state;
	directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	return disk_thread_create(&t, directory, 0);
}

static int end(void **state)
{
	(void)state;
	disk_thread_destroy(t);
	return close(directory);
}

static bool readable(time_t seconds)
{
	struct pollfd p = {.fd = disk_thread_event(t), .events = POLLIN};
	const struct timespec time = {.tv_sec = seconds};

	return ppoll(&p, 1, &time, NULL) == 1;
}

static int ask(uint64_t tag)
{
	const struct disk_call call = {.kind = DISK_SPACE};

	return disk_thread_call(t, &call, -1, tag);
}

static bool take(uint64_t tag)
{
	struct disk_completion done;
	struct disk_call call;

	if (!disk_thread_poll(t, &call, &done))
		return false;
	assert_int_equal(done.tag, tag);
	return true;
}

/*
 * An owner that looks without a pause takes a call before its event is there. What comes afterwards
 * is no news: with it each wait would end at once, and 50 of them are a disk that hangs.
 */
static void V21_an_event_that_comes_late_is_read_off(void **state)
{
	(void)state;
	atomic_store(&held, true);
	assert_int_equal(ask(1), 0);
	while (!take(1))
		;
	atomic_store(&held, false);
	assert_true(readable(WAIT_S));
	assert_false(take(2));
	assert_false(readable(0));
	/* And if it comes together with the next one's, that is not missed. */
	atomic_store(&held, true);
	assert_int_equal(ask(2), 0);
	while (!take(2))
		;
	assert_int_equal(ask(3), 0);
	atomic_store(&held, false);
	while (!take(3))
		assert_true(readable(WAIT_S));
	assert_false(take(4));
	assert_false(disk_thread_busy(t));
}

/* An owner that sleeps until there is an event. */
static void no_call_is_missed(void **state)
{
	uint64_t asked = 0, taken = 0;

	(void)state;
	while (taken < CALLS) {
		while (asked < CALLS && ask(asked) == 0)
			asked++;
		assert_true(readable(WAIT_S));
		while (take(taken))
			taken++;
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V21_an_event_that_comes_late_is_read_off, begin,
						end),
		cmocka_unit_test_setup_teardown(no_call_is_missed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
