#include "tests/unit/tools/ctl.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 24, OUTPUT_MAX = 8 << 20, ERRORS_MAX = 65536 };

static const char *program;
static char output_text[OUTPUT_MAX], errors_text[ERRORS_MAX];

struct fake_store store;
struct fake_node node[CTL_NODES];
int status;
char *const output = output_text, *const errors = errors_text;

int ctl_setup(void **state)
{
	(void)state;
	fake_store_create(&store);
	for (uint64_t i = 0; i < CTL_NODES; i++)
		fake_node_start(&node[i], &store, i + 1);
	return 0;
}

int ctl_teardown(void **state)
{
	(void)state;
	for (int i = 0; i < CTL_NODES; i++)
		fake_node_stop(&node[i]);
	fake_store_destroy(&store);
	return 0;
}

/* In the child: never returns. */
static void child(char **words, int in, int out, int err)
{
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execv(program, words);
	_exit(127);
}

static void collect(int fd, char *to, size_t size_max)
{
	FILE *file = fdopen(fd, "r");
	size_t size;

	assert_non_null(file);
	rewind(file);
	size = fread(to, 1, size_max - 1, file);
	to[size] = '\0';
	fclose(file);
}

static int scratch(void)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	fd = dup(fileno(file));
	fclose(file);
	assert_true(fd >= 0);
	return fd;
}

void run_with(const char *input, size_t input_size, const char *line)
{
	char *copy = strdup(line), *words[WORDS_MAX + 2] = {strdup(program)};
	int in = scratch(), out = scratch(), err = scratch(), count = 1, waited;
	pid_t pid;

	assert_non_null(copy);
	for (char *at = copy; at; count++) {
		assert_true(count <= WORDS_MAX);
		words[count] = strsep(&at, " ");
	}
	assert_int_equal(write(in, input, input_size), input_size);
	lseek(in, 0, SEEK_SET);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(words, in, out, err);
	assert_int_equal(waitpid(pid, &waited, 0), pid);
	assert_true(WIFEXITED(waited));
	status = WEXITSTATUS(waited);
	close(in);
	collect(out, output, OUTPUT_MAX);
	collect(err, errors, ERRORS_MAX);
	free(words[0]);
	free(copy);
}

void run(const char *line)
{
	run_with("", 0, line);
}

void expect(const char *line, int code, const char *out, const char *err)
{
	run(line);
	if (status != code || strcmp(output, out) != 0 || strcmp(errors, err) != 0)
		fail_msg(
			"quoinctl %s: status %d\n--- output\n%s--- errors\n%s--- expected %d\n%s%s",
			line, status, output, errors, code, out, err);
}

void set_endpoints(const char *list)
{
	assert_int_equal(setenv("QUOIN_ENDPOINTS", list, 1), 0);
}

int ctl_each(void **state)
{
	(void)state;
	set_endpoints(node[0].udp);
	run("del --prefix -- ");
	return status;
}

bool ctl_program(int argc, char **argv)
{
	if (argc == 2)
		program = argv[1];
	else
		fprintf(stderr, "Usage: %s QUOINCTL\n", argv[0]);
	return argc == 2;
}
