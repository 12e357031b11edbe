/*
 * quoinctl itself, run as a user runs it, against fake nodes of one store.
 */
#ifndef TESTS_UNIT_TOOLS_CTL_H
#define TESTS_UNIT_TOOLS_CTL_H

#include "tests/unit/tools/fake_node.h"

#include <stddef.h>

enum { CTL_NODES = 3 };

extern struct fake_store store;
extern struct fake_node node[CTL_NODES];

/* Of the last run. */
extern int status;
extern char *const output, *const errors;

/* For a group of tests: the nodes; for each of them: an empty store, and the first node named. */
int ctl_setup(void **state);
int ctl_teardown(void **state);
int ctl_each(void **state);

/* The program: the only argument of a test. False, and how it is used: there is none. */
bool ctl_program(int argc, char **argv);

/* Runs quoinctl with words separated by single spaces, and `input` on its standard input. */
void run(const char *line);
void run_with(const char *input, size_t input_size, const char *line);
/* ... and fails unless that is how it ended, and all that it said. */
void expect(const char *line, int code, const char *out, const char *err);

void set_endpoints(const char *list);

#define CTL_TEST(name) cmocka_unit_test_setup(name, ctl_each)

#endif
