#include "tools/bench/tool.h"

#include "tools/shared/beside.h"
#include "tools/shared/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

pid_t tool_lab_begin(const char *command, const char *option, const char *argument,
		     const char *directory)
{
	static const char *const places[] = {"quoin-lab", "../lab/quoin-lab", NULL};
	char path[PATH_MAX];
	const char *program = beside_find(places, path) ? "quoin-lab" : path;
	const char *argv[] = {program,
			      command,
			      "--dir",
			      directory,
			      option ? option : argument,
			      option ? argument : NULL,
			      NULL};
	/* Its reports are not ours; its errors are. */
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = nothing < 0 ? -errno : child_start(argv, -1, nothing, -1);

	if (nothing >= 0)
		close(nothing);
	if (pid < 0)
		fprintf(stderr, "quoin-bench: %s: %s\n", program, strerror(-pid));
	return pid;
}

int tool_lab_end(pid_t pid, const char *command)
{
	if (child_wait(pid) == 0)
		return 0;
	fprintf(stderr, "quoin-bench: quoin-lab %s failed\n", command);
	return -EIO;
}

int tool_lab(const char *command, const char *argument, const char *directory)
{
	pid_t pid = tool_lab_begin(command, NULL, argument, directory);

	return pid < 0 ? pid : tool_lab_end(pid, command);
}
