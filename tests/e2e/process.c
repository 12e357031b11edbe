#include "tests/e2e/process.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void configure(const struct process *p, const char *more, const char *member)
{
	FILE *file = fopen(p->config, "we");

	assert_non_null(file);
	fprintf(file,
		"%sname: n1\ndata-dir: %s/n1\ninitial-cluster: n1=198.18.0.1%s%s\n"
		"wal:\n  segment-size: 4MiB\n"
		"network:\n  link: memif\n  address: 198.18.0.1/24\n  frames: 512\n",
		more, p->dir, member[0] ? "," : "", member);
	assert_int_equal(fclose(file), 0);
}

void process_prepare(struct process *p, const char *more)
{
	*p = (struct process){.c = {.link = "memif", .nodes = 1}, .own_namespace = true};
	directory_make(p->dir, sizeof(p->dir));
	p->c.dir = p->dir;
	snprintf(p->config, sizeof(p->config), "%s/n1.yaml", p->dir);
	configure(p, more, "");
}

void process_configure(struct process *p, const char *more)
{
	configure(p, more, "");
}

void process_member_add(struct process *p, const char *member)
{
	configure(p, "", member);
}

void process_start(struct process *p, const char *const *arguments, void (*before)(void *context),
		   void *context)
{
	const char *argv[PROCESS_ARGUMENTS_MAX + 4] = {"quoind", "--config", p->config};

	for (int i = 0; arguments && arguments[i]; i++) {
		assert_true(i < PROCESS_ARGUMENTS_MAX);
		argv[3 + i] = arguments[i];
	}
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid)
		return;
	if (p->own_namespace && unshare(CLONE_NEWNET))
		_exit(126);
	if (before)
		before(context);
	execv(program("quoind"), (char *const *)(uintptr_t)argv);
	_exit(127);
}

static bool is_leading(void *context)
{
	struct process *p = context;
	static struct node_status status;

	return process_wait(p, 0) ||
	       (cluster_status(&p->c, 1, &status) && strcmp(status.role, "leader") == 0);
}

void process_last_word(const struct process *p, char *out, size_t size)
{
	char path[96], line[1024];
	FILE *log;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%s/n1.log", p->dir);
	log = fopen(path, "re");
	while (log && fgets(line, sizeof(line), log))
		snprintf(out, size, "%s", line);
	if (log)
		fclose(log);
}

void process_wait_leading(struct process *p)
{
	bool leading = wait_until(is_leading, p, CLUSTER_WAIT_MS);
	char word[1024];

	process_last_word(p, word, sizeof(word));
	if (p->pid == 0)
		fail_msg("it ended with %x: %s", (unsigned)p->status, word);
	assert_true(leading);
}

static bool has_ended(void *context)
{
	struct process *p = context;

	if (p->pid && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->pid = 0;
	return p->pid == 0;
}

bool process_wait(struct process *p, uint32_t timeout_ms)
{
	return wait_until(has_ended, p, timeout_ms);
}

void process_must_exit(struct process *p, int status)
{
	char word[1024];

	if (!process_wait(p, CLUSTER_WAIT_MS))
		fail_msg("it does not end");
	if (!WIFEXITED(p->status) || WEXITSTATUS(p->status) != status) {
		process_last_word(p, word, sizeof(word));
		fail_msg("it ended with %x, not with %d: %s", (unsigned)p->status, status, word);
	}
}

void process_remove(struct process *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &p->status, 0);
	}
	directory_remove(p->dir);
}
