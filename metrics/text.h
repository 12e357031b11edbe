/*
 * Text into a buffer of a fixed size, whole pieces only: half a value would be a wrong one.
 */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <stddef.h>

struct metrics_text {
	char *at;
	size_t size, size_max;
};

/* Appended whole, or not at all. */
__attribute__((format(printf, 2, 3))) void metrics_line(struct metrics_text *t, const char *format,
							...);

#endif
