/*
 * What quoind's command line asks for.
 */
#ifndef NODE_ARGUMENTS_H
#define NODE_ARGUMENTS_H

#include <stdbool.h>

struct arguments {
	const char *config;
	bool check;
	const char *force; /* the name of the cluster that is given up; NULL: none is */
	int format;        /* enum journal_format; -1: as the configuration says */
};

/* Wrong usage ends the process here. */
void arguments_parse(struct arguments *out, int argc, char **argv);

#endif
