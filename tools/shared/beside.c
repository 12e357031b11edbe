#include "tools/shared/beside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int beside_folder(char out[PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (size < 0)
		return -errno;
	out[size] = '\0';
	*strrchr(out, '/') = '\0';
	return 0;
}

int beside_find(const char *const *places, char out[PATH_MAX])
{
	char folder[PATH_MAX], path[2 * PATH_MAX];

	for (int err = beside_folder(folder); !err && *places; places++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *places);
		if (realpath(path, out) && access(out, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}
