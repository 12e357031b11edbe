/*
 * The words of one look.
 */
#include "node/host_internal.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 0))) static void put(struct host_finding *f, bool wrong,
						      const char *format, va_list args)
{
	f->wrong = wrong;
	if (vsnprintf(f->text, sizeof(f->text), format, args) < 0)
		f->text[0] = '\0';
}

void host_good(struct host_finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(f, false, format, args);
	va_end(args);
}

void host_doubtful(struct host_finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(f, false, format, args);
	va_end(args);
	f->doubtful = true;
}

void host_wrong(struct host_finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(f, true, format, args);
	va_end(args);
}
