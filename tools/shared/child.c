#include "tools/shared/child.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

pid_t child_start(const char *const *argv, int in, int out, int errors)
{
	/* It wants strings that could be written to, and writes to none. */
	const union {
		const char *const *in;
		char *const *out;
	} words = {.in = argv};
	const int given[3] = {in, out, errors};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err = posix_spawn_file_actions_init(&actions);

	for (int fd = 0; !err && fd < 3; fd++) {
		if (given[fd] >= 0)
			err = posix_spawn_file_actions_adddup2(&actions, given[fd], fd);
	}
	if (!err)
		err = posix_spawnp(&pid, argv[0], &actions, NULL, words.out, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err ? -err : pid;
}

int child_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}
