/*
 * The lock under which free huge pages are counted and taken, and what is said of too few.
 */
#include "dataplane/pages.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REFUSED_MS = 30, WAIT_MS = 30 * 1000, NOBODY = 65534 };
enum { GOT_IT = 1, REFUSED = 2, CANNOT = 3 };

static char place[] = "/tmp/quoin-pages-XXXXXX";
static char directory[sizeof(place) + 8];

static int try(void)
{
	int lock = pages_lock(directory, REFUSED_MS, NULL);

	return lock >= 0 ? GOT_IT : lock == -ETIMEDOUT ? REFUSED : -1;
}

/* As a service with PrivateDevices= and ProtectProc=. */
static int try_elsewhere(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) != 0)
		return CANNOT;
	pid = fork();
	if (pid == 0) {
		if (mount("", "/", "", MS_PRIVATE | MS_REC, NULL) != 0 ||
		    mount("proc", "/proc", "proc", 0, NULL) != 0 ||
		    mount("sysfs", "/sys", "sysfs", 0, NULL) != 0 ||
		    mount("tmpfs", "/dev", "tmpfs", 0, NULL) != 0)
			_exit(CANNOT);
		_exit(try());
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Any user of the host: by the lock's own way, and by hand. */
static int try_as_nobody(void)
{
	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		return CANNOT;
	if (open(directory, O_RDONLY | O_CLOEXEC) >= 0)
		return GOT_IT;
	return pages_lock(directory, REFUSED_MS, NULL) == -EACCES ? REFUSED : -1;
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

static void is_refused(int (*f)(void))
{
	int how = in_child(f);

	if (how == CANNOT)
		printf("not tried: this user may not\n");
	else
		assert_int_equal(how, REFUSED);
}

static void F3_one_at_a_time_counts_free_pages(void **state)
{
	int lock = pages_lock(directory, WAIT_MS, NULL);

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(in_child(try), REFUSED);
	is_refused(try_elsewhere);
	assert_int_equal(close(lock), 0);
	assert_int_equal(in_child(try), GOT_IT);
}

static void F3_nobody_else_holds_them_up(void **state)
{
	int lock = pages_lock(directory, WAIT_MS, NULL);

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(close(lock), 0);
	is_refused(try_as_nobody);
	assert_int_equal(in_child(try), GOT_IT);
}

static uint32_t asked;

static bool until_asked_thrice(void)
{
	return ++asked < 3;
}

static int try_until_told(void)
{
	return pages_lock(directory, WAIT_MS, until_asked_thrice) == -EINTR && asked == 3 ? REFUSED
											  : -1;
}

/* A start that waits for it is told to end. */
static void F2_who_waits_for_pages_can_be_ended(void **state)
{
	int lock = pages_lock(directory, WAIT_MS, NULL);

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(in_child(try_until_told), REFUSED);
	assert_int_equal(close(lock), 0);
}

static void F3_where_there_is_no_lock(void **state)
{
	(void)state;
	assert_int_equal(pages_lock("/tmp/quoin-pages-not/there", WAIT_MS, NULL), -ENOENT);
	assert_int_equal(pages_lock("/dev/null", WAIT_MS, NULL), -ENOTDIR);
}

static int remove_place(void **state)
{
	(void)state;
	return rmdir(directory) | rmdir(place);
}

#define DIRECTORY "/sys/kernel/mm/hugepages"
#define FILES DIRECTORY "/hugepages-2048kB"

static bool files_make(uint64_t there, uint64_t free, uint64_t promised)
{
	const struct {
		const char *path;
		uint64_t n;
	} files[] = {{FILES "/nr_hugepages", there},
		     {FILES "/free_hugepages", free},
		     {FILES "/resv_hugepages", promised}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = fopen(files[i].path, "we");

		if (!file || fprintf(file, "%" PRIu64 "\n", files[i].n) < 0 || fclose(file) != 0)
			return false;
	}
	return true;
}

/* Two nodes of 5 MiB take 3 pages each; of 3 pages 2 are free, and 1 of these is promised. */
static int ask_for_more(void)
{
	char said[PAGES_TEXT_MAX], *end;
	const char *at;
	uint64_t n;

	if (unshare(CLONE_NEWNS) != 0)
		return CANNOT;
	if (mount("", "/", "", MS_PRIVATE | MS_REC, NULL) != 0 ||
	    mount("tmpfs", DIRECTORY, "tmpfs", 0, NULL) != 0 || mkdir(FILES, 0755) != 0 ||
	    !files_make(3, 2, 1))
		return CANNOT;
	if (pages_suffice(2, 5, said))
		return 0;
	at = strstr(said, "takes 6 huge pages of 2 MiB, and of 3 that there are 1 are free: echo ");
	if (!at)
		return 0;
	/* As the kernel's does when this is typed; the file of another size would not matter. */
	n = strtoull(strstr(at, "echo ") + strlen("echo "), &end, 10);
	if (strcmp(end, " > " FILES "/nr_hugepages") != 0)
		return 0;
	if (!files_make(n - 1, 2 + n - 1 - 3, 1) || pages_suffice(2, 5, said))
		return 0;
	return files_make(n, 2 + n - 3, 1) && pages_suffice(2, 5, said) ? GOT_IT : 0;
}

/* A page more, of a host that has 5 MiB, where two are there and taken. */
static int ask_for_more_than_there_is(void)
{
	char said[PAGES_TEXT_MAX];
	FILE *file;

	if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_PRIVATE | MS_REC, NULL) != 0 ||
	    mount("tmpfs", DIRECTORY, "tmpfs", 0, NULL) != 0 || mkdir(FILES, 0755) != 0 ||
	    !files_make(2, 0, 0))
		return CANNOT;
	file = fopen(DIRECTORY "/meminfo", "we");
	if (!file || fprintf(file, "MemTotal:     5120 kB\nMemFree:  99999 kB\n") < 0 ||
	    fclose(file) != 0)
		return CANNOT;
	if (mount(DIRECTORY "/meminfo", "/proc/meminfo", "", MS_BIND, NULL) != 0)
		return CANNOT;
	if (pages_host_mib() != 5 || pages_suffice(1, 2, said) ||
	    !strstr(said, "there are 0 are free: 6 MiB in all, and this host has 5 MiB of memory: "
			  "set a smaller memory"))
		return 0;
	return !strstr(said, "echo") ? GOT_IT : 0;
}

static void F22_no_more_pages_are_advised_than_the_host_has(void **state)
{
	int got = in_child(ask_for_more_than_there_is);

	(void)state;
	if (got == CANNOT)
		printf("not tried: this user may not\n");
	else
		assert_int_equal(got, GOT_IT);
}

static void F22_as_many_pages_as_are_named_suffice(void **state)
{
	int got = in_child(ask_for_more);

	(void)state;
	if (got == CANNOT)
		printf("not tried: this user may not\n");
	else
		assert_int_equal(got, GOT_IT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F3_one_at_a_time_counts_free_pages),
		cmocka_unit_test(F3_nobody_else_holds_them_up),
		cmocka_unit_test(F2_who_waits_for_pages_can_be_ended),
		cmocka_unit_test(F3_where_there_is_no_lock),
		cmocka_unit_test(F22_as_many_pages_as_are_named_suffice),
		cmocka_unit_test(F22_no_more_pages_are_advised_than_the_host_has),
	};

	assert_non_null(mkdtemp(place));
	/* As /run is: whoever may pass. */
	assert_int_equal(chmod(place, 0755), 0);
	(void)snprintf(directory, sizeof(directory), "%s/quoin", place);
	return cmocka_run_group_tests(tests, NULL, remove_place);
}
