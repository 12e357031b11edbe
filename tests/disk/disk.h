/*
 * A disk that misbehaves when a test tells it to, under the real log or a real quoind: a directory
 * is mounted (FUSE) whose files lie in another one, and what the kernel asks of it can be held up,
 * refused, shortened, answered with a lie, and lost at a power cut. tests/disk/fs.h says how.
 *
 *	int main(int argc, char **argv)
 *	{
 *		if (!disk_begin(argc, argv))
 *			return 77;
 *		...
 *
 *	struct test_disk d;
 *
 *	disk_mount(&d, "here", "here.beneath");
 *	rule = disk_rule(&d, "on fsync segment-* skip 2 times 1 fail EIO");
 *	disk_tell(&d, "on write mark stall forever");
 *	assert_int_equal(disk_ask(&d, "waiting"), 1);
 *	disk_cut(&d, "tear", seed);
 *	disk_unmount(&d);
 *
 * O_DIRECT with io_uring works below "here". A cut comes after the processes on it were killed, or
 * before: their requests fail from then on. Unmounting works also while requests wait for ever.
 *
 * disk_begin is called before there are threads. It moves the program, and what it starts from then
 * on, into a mount namespace of its own: a test that dies leaves no mount. A lab that is begun
 * afterwards lives there too: its network namespace has its name there alone. Disks are unmounted
 * before a lab is taken down.
 *
 * The language, also for a shell: quoin-test-disk --tell HERE.control WORDS...
 *
 *  on OPS PATTERN [CONDITION...] ACTION: adds a rule; its number is the answer
 *	OPS: read write fsync open create rename remove fsyncdir resize look, with commas between;
 *	meta: all that may wait for a journal (open create rename remove fsyncdir resize); all
 *	PATTERN: of the file's name without its directory, such as segment-*; a rename is met by
 *	either of its names, the fsyncdir of the root by * alone
 *	CONDITION: direct, buffered: opened with O_DIRECT, or not; dsync, nodsync: likewise O_DSYNC;
 *	skip N: not the first N that it meets; times N: then only N
 *	ACTION: watch: it counts, for `hits`
 *	stall TIME: later: 100us, 100ms, 2s, forever
 *	fail ERROR: not done: EIO ENOSPC EDQUOT EROFS EAGAIN EINTR ...
 *	tear ERROR: of a write some sectors are done, as chance has it, and then it fails
 *	short BYTES: of a read or write so much is done, and the kernel told so. It makes EIO of it
 *	if it is a direct write: FUSE's asynchronous direct I/O knows no short ones
 *	forget: of a write nothing is done, and it is told as done
 *	lie: done; told as durable, and is not
 *	gone ERROR: a fsync fails, and what was not synced before it is not there any more
 *	Of all stalls that meet a request the longest holds it up; of the others the first that
 *	meets it when it is done at last has its way.
 *  drop RULE|all: no longer; what it held up is done at once
 *  hits RULE: how many requests it was in force for
 *  waiting: how many requests are held up
 *  space BYTES|+BYTES|unlimited: how much more files may grow, in sum; statvfs tells it too. What
 *	is removed comes back. A write that does not fit is done in part and fails (ENOSPC); with
 *	less than 4096 nothing is created. `space` alone asks.
 *  unit BYTES: direct transfers that are no multiple of it fail (EINVAL)
 *  seed N: of all that is left to chance
 *  cut lose|tear|keep: power is gone. lose: so is all that was not synced. tear: of that a random
 *	part, by sectors of 512 bytes, sizes and changes of names, and of the writes that are
 *	held up likewise. keep: nothing. Then the program ends. disk_cut also mounts it anew.
 *  quit
 */
#ifndef TESTS_DISK_DISK_H
#define TESTS_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct test_disk {
	char mount[256];
	char beneath[256]; /* files may be read and changed there, too, past all rules */
	char socket[256];
	pid_t pid; /* 0: not mounted */
	int control;
	uint32_t logical, physical; /* 0: what the kernel says */
	bool partition;
};

/*
 * The last argument is the file system's program: in meson.build, `args: [test_disk]` and
 * `dependencies: test_disk_dep`. False: this host has no FUSE or no mount namespaces, and standard
 * output says so.
 */
bool disk_begin(int argc, char **argv);

/* The paths' directories are there; the two themselves may be. Relative ones stay relative. */
void disk_mount(struct test_disk *d, const char *mount, const char *beneath);
void disk_unmount(struct test_disk *d);

/* A command that must succeed. */
void disk_tell(struct test_disk *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Its answer is a number. */
uint64_t disk_ask(struct test_disk *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A rule; returns its number. */
uint32_t disk_rule(struct test_disk *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
uint64_t disk_hits(struct test_disk *d, uint32_t rule);
/* Until so many requests are held up; fails the test if they never are. */
void disk_wait_waiting(struct test_disk *d, uint64_t count);

/* The power is cut, and comes back: the file system is another one, without rules. */
void disk_cut(struct test_disk *d, const char *how, uint64_t seed);

/*
 * From now on it is a device with blocks of these sizes, or a partition of one: /sys says so in
 * this mount namespace, until it is unmounted, and transfers must be multiples of the larger one.
 */
void disk_blocks(struct test_disk *d, uint32_t logical, uint32_t physical, bool partition);

#endif
