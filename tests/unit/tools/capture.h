/* What is written to standard output meanwhile. */
#ifndef TESTS_UNIT_TOOLS_CAPTURE_H
#define TESTS_UNIT_TOOLS_CAPTURE_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

struct capture {
	FILE *file;
	int saved;
};

static inline struct capture capture_begin(void)
{
	struct capture c = {.file = tmpfile()};

	assert_non_null(c.file);
	fflush(stdout);
	c.saved = dup(1);
	dup2(fileno(c.file), 1);
	return c;
}

/* As a string of size_max - 1 bytes at most. */
static inline void capture_end(struct capture *c, char *out, size_t size_max)
{
	size_t got;

	fflush(stdout);
	dup2(c->saved, 1);
	close(c->saved);
	rewind(c->file);
	got = fread(out, 1, size_max - 1, c->file);
	out[got] = '\0';
	fclose(c->file);
}

#endif
