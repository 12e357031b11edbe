/*
 * The tools' dealings with their host: other programs, and directories.
 */
#include "tools/shared/beside.h"
#include "tools/shared/child.h"
#include "tools/shared/tree.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const char *script, int in, int out, int errors)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	pid_t pid = child_start(argv, in, out, errors);

	assert_true(pid > 0);
	return child_wait(pid);
}

static void a_child_ends_as_it_says(void **state)
{
	const char *const missing[] = {"/nowhere/program", NULL};

	(void)state;
	assert_int_equal(run("exit 0", -1, -1, -1), 0);
	assert_int_equal(run("exit 7", -1, -1, -1), 7);
	assert_int_equal(run("kill -KILL $$", -1, -1, -1), -EINTR);
	assert_int_equal(child_start(missing, -1, -1, -1), -ENOENT);
}

static void a_child_has_the_descriptors_it_is_given(void **state)
{
	char text[32] = "";
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "word\n", 5), 5);
	close(in[1]);
	assert_int_equal(run("read x; echo out-$x; echo err-$x >&2", in[0], out[1], out[1]), 0);
	close(out[1]);
	/* Both are shorter than a pipe's atomic write, and the script wrote them in this order. */
	assert_int_equal(read(out[0], text, sizeof(text) - 1), 18);
	assert_string_equal(text, "out-word\nerr-word\n");
	close(in[0]);
	close(out[0]);
}

static void make(const char *directory, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void a_tree_goes_whole_and_no_further(void **state)
{
	char outside[] = "/tmp/tree_test.XXXXXX", directory[] = "/tmp/tree_test.XXXXXX";
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(outside));
	assert_non_null(mkdtemp(directory));
	make(outside, "kept");
	make(directory, "file");
	snprintf(path, sizeof(path), "%s/sub", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	make(path, "file");
	snprintf(path, sizeof(path), "%s/link", directory);
	assert_int_equal(symlink(outside, path), 0);
	assert_int_equal(tree_remove(directory), 0);
	assert_int_equal(access(directory, F_OK), -1);
	snprintf(path, sizeof(path), "%s/kept", outside);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(tree_remove(outside), 0);
	assert_int_equal(tree_remove(outside), 0); /* somebody else was first */
}

static void programs_are_found_beside_this_one(void **state)
{
	static const char *const nowhere[] = {"no-such-program", "../tools/neither", NULL};
	static const char *const self[] = {"no-such-program", "tools_shared_test", NULL};
	char folder[PATH_MAX], found[PATH_MAX];

	(void)state;
	assert_int_equal(beside_find(nowhere, found), -ENOENT);
	assert_int_equal(beside_find(self, found), 0);
	assert_int_equal(beside_folder(folder), 0);
	assert_memory_equal(found, folder, strlen(folder));
	assert_string_equal(found + strlen(folder), "/tools_shared_test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_ends_as_it_says),
		cmocka_unit_test(a_child_has_the_descriptors_it_is_given),
		cmocka_unit_test(a_tree_goes_whole_and_no_further),
		cmocka_unit_test(programs_are_found_beside_this_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
