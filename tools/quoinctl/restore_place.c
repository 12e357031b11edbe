/*
 * A data directory in the making.
 *
 * Invariants:
 *	1. While anything but all of it is in data-dir, CLUSTER is there and IDENTITY is not: a log
 *	   that is begun like this is refused by each start (wal/create.c).
 *	2. IDENTITY comes last, when all else is on stable storage.
 */
#include "tools/quoinctl/restore_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WITHIN "restoring"
#define CLUSTER "cluster"
#define IDENTITY "identity"
#define LOCK "lock" /* a start leaves it, one that was refused too */

static int failed(char error[ERROR_SIZE], const char *path, int err)
{
	snprintf(error, ERROR_SIZE, "%.300s: %s: nothing was restored", path, strerror(err));
	return EXIT_FAILED;
}

/* What is an empty directory's: of a file system of its own, too. */
static bool is_own(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

/* Calls `each` for all that is there, in no order. 0 or an errno. */
static int list(const char *path, int (*each)(void *context, int directory, const char *name),
		void *context)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!directory)
		return errno;
	for (errno = 0; !err && (entry = readdir(directory)); errno = 0) {
		if (!is_own(entry->d_name))
			err = each(context, dirfd(directory), entry->d_name);
	}
	if (!err && errno)
		err = errno;
	closedir(directory);
	return err;
}

/* Anything but what a restore begins with. */
static int note(void *context, int directory, const char *name)
{
	bool *found = context;
	struct stat there;

	if (strcmp(name, CLUSTER) == 0 && fstatat(directory, name, &there, 0) == 0 &&
	    there.st_size == 0)
		return 0;
	*found |= strcmp(name, WITHIN) != 0 && strcmp(name, LOCK) != 0;
	return 0;
}

static int remove_one(void *context, int directory, const char *name)
{
	(void)context;
	return unlinkat(directory, name, 0) == 0 ? 0 : errno;
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0 || fsync(fd))
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static int sync_parent(const char *path)
{
	char copy[PLACE_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	return sync_directory(dirname(copy));
}

static int within_remove(struct place *p)
{
	int err = list(p->within, remove_one, NULL);

	if (err == ENOENT)
		return 0;
	if (!err && rmdir(p->within))
		err = errno;
	return err;
}

/* Empty, or what a restore left that was cut short before it had moved anything. */
static int look(struct place *p, char error[ERROR_SIZE])
{
	bool found = false;
	int err = list(p->path, note, &found);

	if (err == ENOENT)
		return 0;
	if (err)
		return failed(error, p->path, err);
	if (!found)
		return 0;
	snprintf(error, ERROR_SIZE,
		 "%.300s: the directory is not empty, and a member is restored into an empty one "
		 "alone: nothing was restored",
		 p->path);
	return EXIT_FAILED;
}

/* Refused by a start from here on (1). */
static int claim(struct place *p)
{
	char path[PLACE_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/" CLUSTER, p->path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return sync_directory(p->path);
}

int place_take(struct place *p, const char *path, char error[ERROR_SIZE])
{
	struct stat there;
	int err;

	*p = (struct place){.made = false};
	if (!*path || strlen(path) >= sizeof(p->path))
		return failed(error, *path ? "--data-dir" : "\"\"", *path ? ENAMETOOLONG : ENOENT);
	snprintf(p->path, sizeof(p->path), "%s", path);
	snprintf(p->within, sizeof(p->within), "%s/" WITHIN, path);
	err = look(p, error);
	if (err)
		return err;
	if (mkdir(p->path, 0700) == 0)
		p->made = true;
	else if (errno != EEXIST)
		return failed(error, p->path, errno);
	err = p->made ? sync_parent(p->path) : within_remove(p);
	if (!err && stat(p->path, &there))
		err = errno;
	if (err)
		return failed(error, p->path, err);
	p->owner = there.st_uid;
	p->group = there.st_gid;
	err = claim(p);
	return err ? failed(error, p->path, err) : 0;
}

struct filling {
	struct place *place;
	bool identity; /* that alone, or all else */
};

static int move(void *context, int directory, const char *name)
{
	const struct filling *f = context;
	char to[PLACE_PATH_MAX + 300];

	if ((strcmp(name, IDENTITY) == 0) != f->identity)
		return 0;
	if (geteuid() == 0 && fchownat(directory, name, f->place->owner, f->place->group, 0))
		return errno;
	snprintf(to, sizeof(to), "%s/%s", f->place->path, name);
	return renameat(directory, name, AT_FDCWD, to) == 0 ? 0 : errno;
}

int place_fill(struct place *p, char error[ERROR_SIZE])
{
	struct filling f = {.place = p};
	int err = list(p->within, move, &f);

	if (!err)
		err = sync_directory(p->path);
	f.identity = true;
	if (!err)
		err = list(p->within, move, &f);
	if (!err)
		err = within_remove(p);
	if (!err)
		err = sync_directory(p->path);
	return err ? failed(error, p->path, err) : 0;
}

void place_leave(struct place *p)
{
	char path[PLACE_PATH_MAX + 16];

	(void)within_remove(p);
	snprintf(path, sizeof(path), "%s/" CLUSTER, p->path);
	(void)unlink(path);
	if (p->made)
		(void)rmdir(p->path);
}
