/*
 * quoinctl's command line: words that begin with a dash. They may stand anywhere, as etcdctl takes
 * them.
 */
#ifndef TOOLS_QUOINCTL_OPTIONS_H
#define TOOLS_QUOINCTL_OPTIONS_H

#include "tools/quoinctl/quoinctl.h"

/* Options of single commands. */
enum {
	OPTION_PREFIX = 1 << 0,
	OPTION_FROM_KEY = 1 << 1,
	OPTION_LIMIT = 1 << 2,
	OPTION_KEYS_ONLY = 1 << 3,
	OPTION_COUNT_ONLY = 1 << 4,
	OPTION_PRINT_VALUE_ONLY = 1 << 5,
	OPTION_HEX = 1 << 6,
	OPTION_CONSISTENCY = 1 << 7,
	OPTION_CLUSTER = 1 << 8,
	OPTION_LEARNER = 1 << 9,

	OPTIONS_RANGE = OPTION_PREFIX | OPTION_FROM_KEY,
	OPTIONS_GET = OPTIONS_RANGE | OPTION_LIMIT | OPTION_KEYS_ONLY | OPTION_COUNT_ONLY |
		      OPTION_PRINT_VALUE_ONLY | OPTION_HEX | OPTION_CONSISTENCY,
};

struct parsed {
	struct options options;
	uint32_t list_count; /* of --endpoints, each time that it is there */
	const char *list[ENDPOINTS_MAX];
	unsigned int set;    /* of the above */
	uint32_t word_count; /* with those of the command's name */
	const char *word[WORDS_MAX];
};

/* Fills it, or says what is wrong and ends the program. */
void options_parse(struct parsed *p, int argc, char **argv);

/* Of an option that is in `set` and not in `known`; NULL: there is none. */
const char *options_unknown(unsigned int set, unsigned int known);

#endif
