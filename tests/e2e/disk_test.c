/*
 * Real nodes on a disk that fails and loses power: an error of the disk ends the process with a
 * word that names it, what a client was told is there afterwards, and no power cut takes it.
 */
#include "base/exits.h"
#include "tests/disk/disk.h"
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 4, WRITERS = 4, READERS = 1, PUTS = 100, PUT_MS = 2000 };

/* The data directory of a node, whether it is there or not, goes below a disk. */
static void put_on_disk(struct test_disk *disk, const char *dir, uint32_t node)
{
	char data[200], beneath[220];

	snprintf(data, sizeof(data), "%s/n%u", dir, node);
	snprintf(beneath, sizeof(beneath), "%s.beneath", data);
	if (access(data, F_OK) == 0)
		assert_int_equal(rename(data, beneath), 0);
	disk_mount(disk, data, beneath);
}

/* --- errors -------------------------------------------------------------------------------- */

/* In the child: what it says goes to a file. */
static void says_to_file(void *context)
{
	const struct process *node = context;
	char path[96];

	snprintf(path, sizeof(path), "%s/n1.log", node->dir);
	dup2(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
}

static void start(struct process *node)
{
	process_start(node, NULL, says_to_file, node);
	process_wait_leading(node);
}

static int put(struct process *node, uint64_t value)
{
	char text[128];

	return one_put_at(cluster_admin(&node->c, 1, text), "key", value, PUT_MS);
}

static uint64_t get(struct process *node)
{
	uint64_t value, version;
	char text[128];
	struct one o;

	one_open(&o, cluster_admin(&node->c, 1, text));
	assert_int_equal(one_get(&o, "key", &value, &version, CLUSTER_WAIT_MS), 0);
	one_close(&o);
	return value;
}

/* The configuration with one line more in its part on the log. */
static void set_written(const struct process *node)
{
	char text[2048], *at;
	FILE *file = fopen(node->config, "r+e");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	at = strstr(text, "wal:\n");
	assert_non_null(at);
	at += strlen("wal:\n");
	rewind(file);
	fprintf(file, "%.*s  durability: written\n%s", (int)(at - text), text, at);
	assert_int_equal(fclose(file), 0);
}

struct fault {
	const char *rule, *file, *says;
	bool written;
};

static struct process p;
static struct test_disk d;

static void ends_with_5(const struct fault *f)
{
	char word[1024], dir[96];
	uint64_t value;
	int err;

	process_prepare(&p, "");
	if (f->written)
		set_written(&p);
	snprintf(dir, sizeof(dir), "%s", p.dir);
	put_on_disk(&d, dir, 1);
	start(&p);
	assert_int_equal(put(&p, 7), 0);
	disk_tell(&d, "on %s", f->rule);
	/* In `written` it is the next mark that meets it: the put may be told as done before. */
	err = put(&p, 8);
	if (err == 0 && !f->written)
		fail_msg("%s: it acknowledged a write that failed", f->rule);
	process_must_exit(&p, QUOIND_DISK);
	process_last_word(&p, word, sizeof(word));
	if (!strstr(word, f->file) || !strstr(word, f->says))
		fail_msg("%s: its last word does not name %s and \"%s\": %s", f->rule, f->file,
			 f->says, word);
	disk_tell(&d, "drop all");
	start(&p);
	value = get(&p);
	/* In `written` it was in the page cache, and the pages are gone. */
	if (value != 7 && value != 8 && (!f->written || value != 0))
		fail_msg("%s: it holds %lu", f->rule, (unsigned long)value);
	assert_int_equal(put(&p, 9), 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	disk_unmount(&d);
	process_remove(&p);
	p.dir[0] = '\0';
}

/* After one that failed in the middle. */
static int nothing_left(void **state)
{
	(void)state;
	if (p.dir[0] == '\0')
		return 0;
	disk_unmount(&d);
	process_remove(&p);
	return 0;
}

static void W9_W10_a_disk_error_ends_the_node(void **state)
{
	static const struct fault faults[] = {
		{"write segment-*[0-9a-f] times 1 fail EIO", "/segment-0", "Input/output error",
		 false},
		{"write segment-*[0-9a-f] times 1 tear EIO", "/segment-0", "Input/output error",
		 false},
		{"write segment-*[0-9a-f] fail ENOSPC", "/segment-0", "No space left on device",
		 false},
		{"write segment-*[0-9a-f] fail EROFS", "/segment-0", "Read-only file system",
		 false},
		{"write mark times 1 fail EIO", "/mark", "Input/output error", true},
		{"fsync segment-* times 1 gone EIO", "/segment-0", "Input/output error", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		ends_with_5(&faults[i]);
}

/* --- what a start finds -------------------------------------------------------------------- */

/* Where the log ends, as quoin-wal has it, and how much of a torn write is there. */
struct found {
	unsigned int bytes, offset, segment;
};

static struct found torn_found(const struct process *node)
{
	struct found f = {0};
	static struct run out;
	const char *at;

	run(&out, "quoin-wal", "verify %s/n1", node->dir);
	at = strstr(out.text, "quoin-wal: ");
	if (out.status != 0 || !at ||
	    sscanf(at, "quoin-wal: %u bytes at offset %u of segment %u are", &f.bytes, &f.offset,
		   &f.segment) != 3)
		fail_msg("nothing is torn: %s", out.text);
	return f;
}

/* The number of bytes behind `offset` up to the last one that is not zero. */
static size_t written_behind(int fd, unsigned int offset)
{
	uint8_t block[4096];
	size_t last = 0;
	ssize_t size;

	for (size_t at = 0; (size = pread(fd, block, sizeof(block), (off_t)(offset + at))) > 0;
	     at += (size_t)size)
		for (ssize_t i = 0; i < size; i++)
			if (block[i] != 0)
				last = at + (size_t)i + 1;
	return last;
}

/* A write of the vote is cut short, and a bit of a mark flips: so is what is healed elsewhere. */
static void slots_are_told(void)
{
	char path[200];
	uint8_t byte;
	int fd;

	disk_tell(&d, "on write vote times 1 tear EIO");
	process_start(&p, NULL, says_to_file, &p);
	process_must_exit(&p, QUOIND_START);
	disk_tell(&d, "drop all");
	snprintf(path, sizeof(path), "%s/n1.beneath/mark", p.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, 40), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 40), 1);
	close(fd);
	start(&p);
	cluster_wait_log(&p.c, 1, " torn_vote file=");
	cluster_wait_log(&p.c, 1, "n1/mark slots=1 why=");
	assert_int_equal(cluster_number(&p.c, 1, "wal_vote_torn"), 1);
	assert_int_equal(cluster_number(&p.c, 1, "wal_mark_damaged"), 1);
	assert_int_equal(get(&p), 9);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	start(&p);
	assert_int_equal(cluster_number(&p.c, 1, "wal_vote_torn"), 0);
	assert_int_equal(cluster_number(&p.c, 1, "wal_mark_damaged"), 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
}

/* A write was cut short by an error, and a bit flipped further on: the next start tells both. */
static void V16_V22_a_torn_tail_and_a_flipped_bit_are_told(void **state)
{
	enum { FLIP = 512 * 1024, FLIPPED_BIT = 0x20 };
	const uint8_t flipped = FLIPPED_BIT;
	char line[256], path[200];
	struct found f;
	uint8_t byte;
	int fd;

	(void)state;
	process_prepare(&p, "");
	put_on_disk(&d, p.dir, 1);
	start(&p);
	assert_int_equal(put(&p, 7), 0);
	assert_int_equal(cluster_number(&p.c, 1, "wal_torn_bytes"), 0);
	disk_tell(&d, "seed 1");
	disk_tell(&d, "on write segment-*[0-9a-f] times 1 tear EIO");
	assert_int_not_equal(put(&p, 8), 0);
	process_must_exit(&p, QUOIND_DISK);
	disk_tell(&d, "drop all");
	f = torn_found(&p);
	assert_int_equal(f.segment, 1);
	snprintf(path, sizeof(path), "%s/n1.beneath/segment-0000000000000001", p.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	/* As much as there is, in whole units. */
	assert_int_equal((written_behind(fd, f.offset) + 4095) / 4096 * 4096, f.bytes);
	assert_int_equal(pwrite(fd, &flipped, 1, f.offset + FLIP + 77), 1);
	start(&p);
	snprintf(line, sizeof(line), " torn_tail segment=0000000000000001 offset=%u bytes=%u ",
		 f.offset, f.bytes);
	cluster_wait_log(&p.c, 1, line);
	snprintf(line, sizeof(line), " decayed_zeros segment=0000000000000001 offset=%u places=1 ",
		 f.offset + FLIP);
	cluster_wait_log(&p.c, 1, line);
	assert_int_equal(cluster_number(&p.c, 1, "wal_torn_bytes"), f.bytes);
	assert_int_equal(cluster_number(&p.c, 1, "wal_decayed"), 1);
	assert_int_equal(pread(fd, &byte, 1, f.offset + FLIP + 77), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(get(&p), 7);
	assert_int_equal(put(&p, 9), 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	close(fd);
	slots_are_told();
	disk_unmount(&d);
	process_remove(&p);
	p.dir[0] = '\0';
}

/* Where the last write of the log ends. */
static unsigned int log_end(const struct process *node)
{
	unsigned int offset = 0, size = 0;
	static struct run out;

	run(&out, "quoin-wal", "dump %s/n1", node->dir);
	assert_int_equal(out.status, 0);
	for (const char *at = out.text; (at = strstr(at, "  write ")) != NULL; at++)
		assert_int_equal(sscanf(at, "  write %*u at %u size %u", &offset, &size), 2);
	assert_true(size > 0);
	return offset + size;
}

/* A sector of a write that had been acknowledged is gone: each line says one thing about it. */
static void F25_W24_what_had_been_acknowledged_is_told_as_such(void **state)
{
	static const uint8_t zeros[512];
	char path[200];
	unsigned int end;
	int fd;

	(void)state;
	process_prepare(&p, "");
	start(&p);
	assert_int_equal(put(&p, 7), 0);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	end = log_end(&p);
	snprintf(path, sizeof(path), "%s/n1/segment-0000000000000001", p.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeros, 512, (off_t)end - 512), 512);
	close(fd);
	process_start(&p, NULL, says_to_file, &p);
	cluster_wait_log(&p.c, 1, " lost why=");
	assert_true(
		cluster_log_has(&p.c, 1,
				" why=\"a write that had been acknowledged was cut short, and is "
				"gone: what was left of it is in lost-"));
	assert_false(cluster_log_has(&p.c, 1, "was not acknowledged"));
	assert_false(cluster_log_has(&p.c, 1, "nothing is lost"));
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
	p.dir[0] = '\0';
}

/* --- power --------------------------------------------------------------------------------- */

/* All at once, each of which runs. */
static void kill_all(struct cluster *c)
{
	pid_t pid[3];

	for (uint32_t i = 0; i < 3; i++)
		pid[i] = cluster_pid(c, i + 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(kill(pid[i], SIGKILL), 0);
}

/* Those that have not met their disk's end yet, and ended with it. */
static void kill_rest(struct cluster *c)
{
	static struct run out;

	for (uint32_t i = 0; i < 3; i++)
		require(c,
			cluster_lab_try(c, &out, "kill %u", i + 1) == 0 ||
				strstr(out.text, "does not run"),
			"%s", out.text);
}

/* In the midst of writing; the power takes the processes too, before the disks or just after. */
static void cut_all(struct cluster *c, struct test_disk disks[3], uint32_t round)
{
	if (round % 2)
		kill_all(c);
	for (uint32_t i = 0; i < 3; i++)
		disk_cut(&disks[i], round % 4 < 2 ? "tear" : "lose", 3 * round + i);
	if (round % 2 == 0)
		kill_rest(c);
	for (uint32_t i = 0; i < 3; i++) {
		/* A write that waits: the next cut finds some under way. */
		(void)disk_rule(&disks[i], "on write * stall 1ms");
		cluster_lab(c, "restart %u --until answers", i + 1);
	}
}

static void V24_acknowledged_puts_survive_power_cuts(void **state)
{
	struct test_disk disks[3];
	static struct cluster c;
	static struct load load;

	(void)state;
	cluster_up(&c, 3, "memif", "--segment-size 4MiB");
	for (uint32_t i = 0; i < 3; i++) {
		cluster_lab(&c, "kill %u", i + 1);
		put_on_disk(&disks[i], c.dir, i + 1);
		(void)disk_rule(&disks[i], "on write * stall 1ms");
		cluster_lab(&c, "restart %u", i + 1);
	}
	load_start(&load, &c, WRITERS, READERS);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		load_wait_progress(&load, PUTS);
		cut_all(&c, disks, round);
	}
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	printf("%lu puts acknowledged, %d power cuts of all three\n",
	       (unsigned long)load_acknowledged(&load), (int)ROUNDS);
	for (uint32_t i = 0; i < 3; i++) {
		cluster_lab(&c, "kill %u", i + 1);
		disk_unmount(&disks[i]);
	}
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(W9_W10_a_disk_error_ends_the_node, nothing_left),
		cmocka_unit_test_teardown(V16_V22_a_torn_tail_and_a_flipped_bit_are_told,
					  nothing_left),
		cmocka_unit_test_teardown(F25_W24_what_had_been_acknowledged_is_told_as_such,
					  nothing_left),
		cmocka_unit_test(V24_acknowledged_puts_survive_power_cuts),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
