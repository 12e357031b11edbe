#include "tests/unit/lab/life.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char dir[PATH_MAX];
char netns[64];
char said[8192];

int shell(const char *command)
{
	int pipes[2], status = 0;
	size_t used = 0;
	ssize_t size;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(pipes[1], 1) >= 0 && dup2(pipes[1], 2) >= 0)
			execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(pipes[1]);
	while ((size = read(pipes[0], said + used, sizeof(said) - 1 - used)) > 0)
		used += (size_t)size;
	said[used] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int lab(const char *format, ...)
{
	char arguments[512], command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	/* In the environment no name has a meaning to the shell. */
	setenv("LAB_DIR", dir, 1);
	snprintf(command, sizeof(command), "%s --dir \"$LAB_DIR\" %s", getenv("QUOIN_LAB"),
		 arguments);
	return shell(command);
}

int up(const char *more)
{
	return lab("up --quoind %s --timeout 10 %s", getenv("FAKE_QUOIND"), more);
}

void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' is not in: %s", text, said);
}

/* Nothing is left: no directory, no namespace, no process of the fake node in DIR. */
void assert_nothing_left(void)
{
	char command[256];

	assert_int_not_equal(access(dir, F_OK), 0);
	assert_int_not_equal(access(netns, F_OK), 0);
	/* By either name of the directory; not itself. */
	snprintf(command, sizeof(command),
		 "grep -lzE '(lab-test-%d.*|%s)/[n][1-9].yaml' /proc/[0-9]*/cmdline", getpid(),
		 strrchr(netns, '/') + 1);
	assert_int_not_equal(shell(command), 0);
}

void assert_runs(const char *command)
{
	if (shell(command) != 0)
		fail_msg("%s", command);
}

/* A shell's command in the lab's directory. */
void in_dir(const char *command)
{
	char text[1024];

	setenv("LAB_DIR", dir, 1);
	snprintf(text, sizeof(text), "cd \"$LAB_DIR\" || exit; %s", command);
	assert_runs(text);
}

void set_dir(const char *name)
{
	uint32_t h = 2166136261u;

	snprintf(dir, sizeof(dir), "/tmp/quoin-lab-test-%d%.255s", getpid(), name);
	for (const char *c = dir; *c != '\0'; c++)
		h = (h ^ (uint8_t)*c) * 16777619u;
	snprintf(netns, sizeof(netns), "/run/netns/quoin-%08x", h);
}

int enter(void **state)
{
	(void)state;
	set_dir("");
	return 0;
}

/* Also after a failure, so that the next test finds nothing. */
int leave(void **state)
{
	(void)state;
	unsetenv("FAKE_END");
	unsetenv("FAKE_BEHIND");
	unsetenv("FAKE_MUTE");
	lab("down");
	return 0;
}
