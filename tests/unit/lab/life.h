/*
 * A lab of fake nodes (fake_quoind.c), driven through the program as a user would. Tests need root;
 * without it they are skipped (77).
 */
#ifndef TESTS_UNIT_LAB_LIFE_H
#define TESTS_UNIT_LAB_LIFE_H

#include <limits.h>

extern char dir[PATH_MAX];
extern char netns[64];  /* its file */
extern char said[8192]; /* what the last command put out, on both its outputs */

/* Runs a shell's command: its exit status. */
int shell(const char *command);
/* The same of quoin-lab, and of its command up. */
int lab(const char *format, ...) __attribute__((format(printf, 1, 2)));
int up(const char *more);

/* Commands of a shell that must succeed; in the lab's directory. */
void assert_runs(const char *command);
void in_dir(const char *command);

void assert_said(const char *text);
/* No directory, no namespace, no process of the fake node in DIR. */
void assert_nothing_left(void);

/* The lab's directory, its name as it stands behind a prefix of this test's. */
void set_dir(const char *name);
/* Before all tests; after each, also if it failed, so that the next one finds nothing. */
int enter(void **state);
int leave(void **state);

#endif
