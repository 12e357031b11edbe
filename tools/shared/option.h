/*
 * Values of options, for argp's parsers.
 */
#ifndef TOOLS_SHARED_OPTION_H
#define TOOLS_SHARED_OPTION_H

#include <argp.h>
#include <stdint.h>

/* A decimal number; out of bounds, or none: argp_error, which exits. */
uint32_t option_number(struct argp_state *state, const char *option, const char *text, uint32_t min,
		       uint32_t max);

/* A file, a directory or a list: nothing is none of them. */
const char *option_text(struct argp_state *state, const char *option, const char *text);

#endif
