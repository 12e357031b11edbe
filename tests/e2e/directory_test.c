/*
 * Directories that are not what they should be: damaged in the middle, another member's, in use. A
 * node refuses them and says where; what is put right runs again.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 2, PUTS = 300, NODE = 2, EXIT_START = 4, BLOCK = 4096 };

static struct cluster c;

/* Three nodes, some hundred acknowledged puts, and NODE stopped with them on its disk. */
static int set_up(void **state)
{
	static struct load load;

	(void)state;
	cluster_up(&c, 3, "memif", "--segment-size 4MiB");
	load_start(&load, &c, WRITERS, 0);
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	cluster_wait_equal(&c);
	cluster_lab(&c, "kill %d --signal TERM", NODE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cluster_down(&c);
	return 0;
}

/* The first segment of NODE's log. */
static void first_segment(char path[512])
{
	struct dirent **names;
	char directory[256];
	int count;

	snprintf(directory, sizeof(directory), "%s/n%d", c.dir, NODE);
	count = scandir(directory, &names, NULL, alphasort);
	assert_true(count > 0);
	path[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (path[0] == '\0' && strncmp(names[i]->d_name, "segment-", 8) == 0)
			snprintf(path, 512, "%s/%s", directory, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	require(&c, path[0] != '\0', "no segment in %s", directory);
}

/* The blocks of the file that hold anything, from its start. */
static off_t blocks_used(int fd)
{
	uint8_t block[BLOCK];
	off_t used = 0;

	for (off_t at = 0; pread(fd, block, sizeof(block), at * BLOCK) == BLOCK; at++) {
		for (size_t i = 0; i < sizeof(block); i++) {
			if (block[i]) {
				used = at + 1;
				break;
			}
		}
	}
	return used;
}

static void flip(int fd, off_t at)
{
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void a_flipped_bit_in_the_middle(void **state)
{
	static struct run out;
	char path[512], offset[32];
	off_t middle;
	int fd;

	(void)state;
	first_segment(path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	middle = blocks_used(fd) / 2;
	require(&c, middle > 4, "only %jd blocks were written", (intmax_t)middle * 2);
	flip(fd, middle * BLOCK + 100);

	require(&c, cluster_lab_try(&c, &out, "restart %d --timeout 20", NODE) != 0,
		"a damaged log was started with:\n%s", out.text);
	require(&c, strstr(out.text, "exited with status 4"), "%s", out.text);
	require(&c, strstr(out.text, strrchr(path, '/') + 1), "the file is not named:\n%s",
		out.text);
	snprintf(offset, sizeof(offset), "%jd", (intmax_t)middle * BLOCK);
	require(&c, strstr(out.text, offset), "offset %s is not named:\n%s", offset, out.text);
	/* It is left as it was found: put right, it runs. */
	flip(fd, middle * BLOCK + 100);
	close(fd);
	cluster_lab(&c, "restart %d", NODE);
	cluster_wait_equal(&c);
}

static void swap_directories(uint32_t a, uint32_t b)
{
	char first[512], second[512], aside[512];

	snprintf(first, sizeof(first), "%s/n%u", c.dir, a);
	snprintf(second, sizeof(second), "%s/n%u", c.dir, b);
	snprintf(aside, sizeof(aside), "%s/aside", c.dir);
	assert_int_equal(rename(first, aside), 0);
	assert_int_equal(rename(second, first), 0);
	assert_int_equal(rename(aside, second), 0);
}

static void another_members_directory(void **state)
{
	static struct run out;

	(void)state;
	cluster_lab(&c, "kill 1 --signal TERM");
	swap_directories(1, NODE);
	require(&c, cluster_lab_try(&c, &out, "restart %d --timeout 20", NODE) != 0,
		"it was taken for its own:\n%s", out.text);
	require(&c, strstr(out.text, "exited with status 4"), "%s", out.text);
	require(&c, strstr(out.text, "member"), "nobody is told whose it is:\n%s", out.text);
	swap_directories(1, NODE);
	cluster_lab(&c, "restart %d", NODE);
	cluster_lab(&c, "restart 1");
	cluster_wait_equal(&c);
}

/* The same directory under another configuration, so that nothing else is in the way. */
static void two_processes_on_one_directory(void **state)
{
	static struct run out;
	char from[512], to[512], *line = NULL;
	size_t size = 0;
	FILE *in, *copy;

	(void)state;
	cluster_lab(&c, "restart %d", NODE);
	snprintf(from, sizeof(from), "%s/n%d.yaml", c.dir, NODE);
	snprintf(to, sizeof(to), "%s/second.yaml", c.dir);
	in = fopen(from, "re");
	copy = fopen(to, "we");
	assert_non_null(in);
	assert_non_null(copy);
	while (getline(&line, &size, in) > 0) {
		if (strncmp(line, "listen-metrics-urls:", 20) != 0)
			fputs(line, copy);
		if (strcmp(line, "network:\n") == 0)
			fputs("  memif-socket: '@second'\n", copy);
	}
	fprintf(copy, "admin-socket: %s/second.sock\n", c.dir);
	free(line);
	fclose(in);
	fclose(copy);
	run(&out, "quoin-lab", "--dir %s exec -- timeout 20 %s --config %s", c.dir,
	    program("quoind"), to);
	require(&c, out.status == EXIT_START, "exit %d:\n%s", out.status, out.text);
	require(&c, strstr(out.text, "another process"), "%s", out.text);
	/* The first is not disturbed. */
	cluster_wait_equal(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flipped_bit_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_members_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_processes_on_one_directory, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
