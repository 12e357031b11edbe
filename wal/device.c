#include "wal/device.h"

#include "wal/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A number out of /sys/dev/block/MAJOR:MINOR/WHERE; 0 if there is none. */
static uint32_t block_size(dev_t device, const char *where)
{
	char path[128];
	unsigned int value = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(device), minor(device),
		       where);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%u", &value) != 1)
		value = 0;
	(void)fclose(file);
	return value;
}

uint32_t wal_device_unit(int directory)
{
	static const char *const where[] = {"queue/logical_block_size", "queue/physical_block_size",
					    "../queue/logical_block_size",
					    "../queue/physical_block_size"};
	uint32_t unit = FORMAT_UNIT_MIN;
	struct stat st;

	if (fstat(directory, &st) != 0)
		return unit;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		uint32_t size = block_size(st.st_dev, where[i]);

		if (size > unit && size <= FORMAT_UNIT_MAX && (size & (size - 1)) == 0)
			unit = size;
	}
	return unit;
}

int32_t wal_device_error(int32_t err, uint64_t end)
{
	struct rlimit limit;

	return err == -EINVAL && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < end
		       ? -EFBIG
		       : err;
}

int wal_device_parent_sync(const char *path)
{
	char *copy = strdup(path);
	size_t size;
	char *slash;
	int fd;
	int err;

	if (!copy)
		return -ENOMEM;
	for (size = strlen(copy); size > 1 && copy[size - 1] == '/'; size--)
		copy[size - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash == copy)
		slash++;
	if (slash)
		*slash = '\0';
	fd = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	(void)close(fd);
	return err;
}
