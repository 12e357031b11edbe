/*
 * Where a directory's bytes end up: on something that a power cut spares, or not (V25). An overlay
 * is as durable as its upper layer, which /proc/self/mountinfo names; and not at all if it was
 * mounted to ignore every sync.
 */
#include "wal/store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { OVERLAYS_MAX = 3 }; /* one upon the other: the kernel allows two */

/* Behind this word in "a,b=c,d"; NULL: it is not there. */
static char *option(char *options, const char *name)
{
	size_t size = strlen(name);
	char *at = options;

	while (strncmp(at, name, size) != 0) {
		at = strchr(at, ',');
		if (!at)
			return NULL;
		at++;
	}
	return at + size;
}

/* Blanks and the like stand in mountinfo as a backslash and three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned int value;

		if (sscanf(from, "\\%3o", &value) == 1) {
			*to = (char)value;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* The options of the file system with this number, in a line that is the caller's. */
static char *mount_options(dev_t device, char **line)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *found = NULL;
	size_t size = 0;

	while (file && !found && getline(line, &size, file) > 0) {
		unsigned int parts[2];
		char *at;

		if (sscanf(*line, "%*u %*u %u:%u", &parts[0], &parts[1]) != 2 ||
		    makedev(parts[0], parts[1]) != device)
			continue;
		/* After " - ": type, source, options. */
		at = strstr(*line, " - ");
		for (int word = 0; at && word < 3; word++)
			at = strchr(at + 1, ' ');
		found = at ? at + 1 : NULL;
	}
	if (file)
		(void)fclose(file);
	return found;
}

/* Of an overlay; *upper: its upper layer, opened, and it is what that is. */
static enum wal_store overlay_look(int directory, int *upper)
{
	enum wal_store store = WAL_STORE_UNKNOWN;
	char *line = NULL;
	char *options = NULL;
	struct stat st;
	char *path;

	if (fstat(directory, &st) == 0)
		options = mount_options(st.st_dev, &line);
	path = options ? option(options, "upperdir=") : NULL;
	/* A relative one is relative to where its mounter stood. */
	/* Older kernels call it the one, newer ones the other. */
	if (options && (option(options, "volatile") || option(options, "fsync=volatile"))) {
		store = WAL_STORE_UNSYNCED;
	} else if (path && path[0] == '/') {
		path[strcspn(path, ",\n")] = '\0';
		unescape(path);
		*upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	free(line);
	return store;
}

enum wal_store wal_store_of(int directory)
{
	enum wal_store store = WAL_STORE_UNKNOWN;
	int at = directory;

	for (int depth = 0; at >= 0 && depth < OVERLAYS_MAX; depth++) {
		struct statfs fs;
		int upper = -1;
		bool overlay = false;

		if (fstatfs(at, &fs) != 0)
			store = WAL_STORE_UNKNOWN;
		else if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
			store = WAL_STORE_MEMORY;
		else if (fs.f_type == OVERLAYFS_SUPER_MAGIC)
			overlay = true;
		else
			store = WAL_STORE_DISK;
		if (overlay)
			store = overlay_look(at, &upper);
		if (at != directory)
			(void)close(at);
		at = upper;
	}
	if (at >= 0 && at != directory)
		(void)close(at);
	return store;
}

enum wal_store wal_store(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum wal_store store;

	if (fd < 0)
		return WAL_STORE_UNKNOWN;
	store = wal_store_of(fd);
	(void)close(fd);
	return store;
}
