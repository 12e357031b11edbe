/*
 * quoinctl's command line: words that begin with a dash. They may stand anywhere, as etcdctl takes
 * them.
 */
#ifndef TOOLS_QUOINCTL_OPTIONS_H
#define TOOLS_QUOINCTL_OPTIONS_H

#include "tools/quoinctl/values.h"

struct parsed {
	struct options options;
	uint32_t list_count; /* of --endpoints, each time that it is there */
	const char *list[ENDPOINTS_MAX];
	unsigned int set;    /* OPTION_... */
	uint32_t word_count; /* with those of the command's name */
	const char *word[WORDS_MAX];
};

/* Fills it, or says what is wrong and ends the program. */
void options_parse(struct parsed *p, int argc, char **argv);

#endif
