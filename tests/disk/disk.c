/*
 * Starting, steering and ending the disk.
 */
#include "tests/disk/disk.h"

#include "base/clock.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 1024, WAIT_MS = 20000, POLL_MS = 1 };

static char program[PATH_MAX];

static bool put(const char *path, const char *before, unsigned int id, const char *after)
{
	FILE *file = fopen(path, "we");
	bool good = file && fprintf(file, "%s%u%s", before, id, after) > 0;

	if (file && fclose(file) != 0)
		good = false;
	return good;
}

/* Root in a user namespace of its own, and outside still whoever it was. */
static bool identity_keep(unsigned int uid, unsigned int gid)
{
	int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, "deny", 4) == 4;

	if (fd >= 0)
		(void)close(fd);
	return good && put("/proc/self/uid_map", "0 ", uid, " 1\n") &&
	       put("/proc/self/gid_map", "0 ", gid, " 1\n");
}

bool disk_begin(int argc, char **argv)
{
	unsigned int uid = geteuid();
	unsigned int gid = getegid();
	int flags = CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER);

	/* Whatever the directory is by then. */
	if (argc < 2 || !realpath(argv[argc - 1], program))
		fail_msg("the last argument is no program");
	if (access("/dev/fuse", R_OK | W_OK) != 0) {
		printf("SKIP: /dev/fuse: %s\n", strerror(errno));
		return false;
	}
	if (unshare(flags) != 0 || (uid != 0 && !identity_keep(uid, gid)) ||
	    mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) != 0) {
		printf("SKIP: this host allows no mount namespace: %s\n", strerror(errno));
		return false;
	}
	return true;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static void directory_make(const char *path)
{
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		fail_msg("%s: %s", path, strerror(errno));
}

static void start(struct test_disk *d)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char graves[300], ready[8];
	int ends[2];

	(void)snprintf(graves, sizeof(graves), "%s.graves", d->beneath);
	/* What was removed before a power cut, and not put back by it. */
	(void)nftw(graves, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	directory_make(graves);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		/* It does not outlive us, whatever becomes of us. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ends[1], STDOUT_FILENO);
		execl(program, program, d->mount, d->beneath, d->socket, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	if (read(ends[0], ready, sizeof(ready)) <= 0)
		fail_msg("%s does not start", program);
	(void)close(ends[0]);
	d->control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(d->control >= 0);
	assert_true(strlen(d->socket) < sizeof(address.sun_path));
	memcpy(address.sun_path, d->socket, strlen(d->socket) + 1);
	assert_int_equal(connect(d->control, (struct sockaddr *)&address, sizeof(address)), 0);
}

void disk_mount(struct test_disk *d, const char *mount, const char *beneath)
{
	*d = (struct test_disk){.control = -1};
	assert_true(strlen(mount) + strlen(".control") < sizeof(d->mount));
	(void)snprintf(d->mount, sizeof(d->mount), "%s", mount);
	(void)snprintf(d->beneath, sizeof(d->beneath), "%s", beneath);
	(void)snprintf(d->socket, sizeof(d->socket), "%.240s.control", mount);
	directory_make(mount);
	directory_make(beneath);
	start(d);
}

/* The answer is a word of its own; the program may be gone afterwards. */
static void ask(struct test_disk *d, char answer[TEXT_MAX], const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void ask(struct test_disk *d, char answer[TEXT_MAX], const char *format, va_list args)
{
	char text[TEXT_MAX];
	ssize_t size;

	assert_true(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
	assert_int_equal(send(d->control, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	size = recv(d->control, answer, TEXT_MAX - 1, 0);
	assert_true(size > 0);
	answer[size] = '\0';
	if (strncmp(answer, "error", 5) == 0)
		fail_msg("disk: \"%s\": %s", text, answer);
}

void disk_tell(struct test_disk *d, const char *format, ...)
{
	char answer[TEXT_MAX];
	va_list args;

	va_start(args, format);
	ask(d, answer, format, args);
	va_end(args);
}

static uint64_t number(const char *answer)
{
	char *end;
	uint64_t out = strtoull(answer, &end, 10);

	if (end == answer || *end != '\0')
		fail_msg("disk: \"%s\" is no number", answer);
	return out;
}

uint64_t disk_ask(struct test_disk *d, const char *format, ...)
{
	char answer[TEXT_MAX];
	va_list args;

	va_start(args, format);
	ask(d, answer, format, args);
	va_end(args);
	return number(answer);
}

uint32_t disk_rule(struct test_disk *d, const char *format, ...)
{
	char answer[TEXT_MAX];
	va_list args;

	va_start(args, format);
	ask(d, answer, format, args);
	va_end(args);
	return (uint32_t)number(answer);
}

uint64_t disk_hits(struct test_disk *d, uint32_t rule)
{
	return disk_ask(d, "hits %u", rule);
}

void disk_wait_waiting(struct test_disk *d, uint64_t count)
{
	uint64_t end = clock_now() + WAIT_MS * CLOCK_MS;

	while (disk_ask(d, "waiting") < count) {
		if (clock_now() > end)
			fail_msg("fewer than %lu requests wait", (unsigned long)count);
		clock_sleep(POLL_MS * CLOCK_MS);
	}
}

/* Its program has ended, or is ended: then nothing can wait for it any more. */
static void end(struct test_disk *d)
{
	int status;

	(void)close(d->control);
	d->control = -1;
	assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	/* It unmounts itself, unless it was killed. */
	(void)umount2(d->mount, MNT_DETACH);
	if (d->logical > 0)
		assert_int_equal(umount2("/sys/dev/block", MNT_DETACH), 0);
	(void)unlink(d->socket);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the disk's program ended with %x", (unsigned int)status);
}

void disk_unmount(struct test_disk *d)
{
	if (d->pid == 0)
		return;
	disk_tell(d, "quit");
	end(d);
}

/* The mount has no device in /sys. In this namespace it gets one. */
static void blocks_show(const struct test_disk *d)
{
	char queue[128], path[256];
	struct stat st;

	assert_int_equal(stat(d->mount, &st), 0);
	assert_int_equal(mount("none", "/sys/dev/block", "tmpfs", 0, NULL), 0);
	(void)snprintf(queue, sizeof(queue), "/sys/dev/block/%u:%u", major(st.st_dev),
		       minor(st.st_dev));
	directory_make(queue);
	if (d->partition)
		(void)snprintf(queue, sizeof(queue), "/sys/dev/block");
	(void)strncat(queue, "/queue", sizeof(queue) - strlen(queue) - 1);
	directory_make(queue);
	(void)snprintf(path, sizeof(path), "%s/logical_block_size", queue);
	assert_true(put(path, "", d->logical, "\n"));
	(void)snprintf(path, sizeof(path), "%s/physical_block_size", queue);
	assert_true(put(path, "", d->physical, "\n"));
}

void disk_blocks(struct test_disk *d, uint32_t logical, uint32_t physical, bool partition)
{
	d->logical = logical;
	d->physical = physical;
	d->partition = partition;
	blocks_show(d);
	disk_tell(d, "unit %u", logical > physical ? logical : physical);
}

void disk_cut(struct test_disk *d, const char *how, uint64_t seed)
{
	disk_tell(d, "seed %lu", (unsigned long)seed);
	disk_tell(d, "cut %s", how);
	end(d);
	start(d);
	if (d->logical > 0)
		disk_blocks(d, d->logical, d->physical, d->partition);
}
