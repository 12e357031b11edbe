#include "tools/shared/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

const char *netns_path(const char *name, char out[NETNS_PATH_MAX])
{
	snprintf(out, NETNS_PATH_MAX, "/run/netns/%s", name);
	return out;
}

int netns_enter(const char *name)
{
	char path[NETNS_PATH_MAX];
	int fd = open(netns_path(name, path), O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	return err;
}
