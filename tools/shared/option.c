#include "tools/shared/option.h"

#include <errno.h>
#include <stdlib.h>

uint32_t option_number(struct argp_state *state, const char *option, const char *text, uint32_t min,
		       uint32_t max)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number < min || number > max)
		argp_error(state, "%s %s: should be a number from %u to %u", option, text, min,
			   max);
	return (uint32_t)number;
}

const char *option_text(struct argp_state *state, const char *option, const char *text)
{
	if (!*text)
		argp_error(state, "%s: there is nothing behind it", option);
	return text;
}
