#include "metrics/text.h"

#include <stdarg.h>
#include <stdio.h>

void metrics_line(struct metrics_text *t, const char *format, ...)
{
	va_list args;
	int written;

	va_start(args, format);
	written = vsnprintf(t->at + t->size, t->size_max - t->size, format, args);
	va_end(args);
	if (written > 0 && (size_t)written < t->size_max - t->size)
		t->size += (size_t)written;
	else if (t->size < t->size_max)
		t->at[t->size] = '\0';
}
