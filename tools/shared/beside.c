#include "tools/shared/beside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int beside_folder(char out[PATH_MAX])
{
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -errno;
	snprintf(out, PATH_MAX, "%.*s", (int)(strrchr(self, '/') - self), self);
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
