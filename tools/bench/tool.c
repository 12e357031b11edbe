#include "tools/bench/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Installed, both are in one directory; in a build tree in neighbouring ones. */
static const char *find(char path[PATH_MAX])
{
	static const char *const names[] = {"quoin-lab", "../lab/quoin-lab"};
	char self[PATH_MAX - 32], *slash;
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size <= 0)
		return "quoin-lab";
	self[size] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return "quoin-lab";
	slash[1] = '\0';
	for (int i = 0; i < 2; i++) {
		snprintf(path, PATH_MAX, "%s%s", self, names[i]);
		if (access(path, X_OK) == 0)
			return path;
	}
	return "quoin-lab";
}

/* posix_spawn wants strings that could be written to; it writes to none. */
static char *unqualified(const char *text)
{
	char *out;

	memcpy(&out, &text, sizeof(out));
	return out;
}

pid_t tool_lab_begin(const char *command, const char *argument, const char *directory)
{
	char path[PATH_MAX];
	const char *program = find(path);
	char *argv[] = {unqualified("quoin-lab"), unqualified(command),  unqualified("--dir"),
			unqualified(directory),   unqualified(argument), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	/* Its reports are not ours; its errors are. */
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		fprintf(stderr, "quoin-bench: %s: %s\n", program, strerror(error));
	return error ? -error : pid;
}

int tool_lab_end(pid_t pid, const char *command)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (status == 0)
		return 0;
	fprintf(stderr, "quoin-bench: quoin-lab %s failed\n", command);
	return -EIO;
}

int tool_lab(const char *command, const char *argument, const char *directory)
{
	pid_t pid = tool_lab_begin(command, argument, directory);

	return pid < 0 ? pid : tool_lab_end(pid, command);
}
