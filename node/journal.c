#include "node/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const level_name[] = {
	[JOURNAL_ERROR] = "error",
	[JOURNAL_WARN] = "warn",
	[JOURNAL_INFO] = "info",
	[JOURNAL_DEBUG] = "debug",
};

void journal_write(const struct journal *journal, enum journal_level level, const char *event,
		   const char *format, ...)
{
	char line[1024];
	struct timespec now;
	struct tm utc;
	va_list args;
	size_t size;

	if (!journal || level > journal->level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
	size += (size_t)snprintf(line + size, sizeof(line) - size, ".%06ldZ %s %s %s ",
				 now.tv_nsec / 1000, level_name[level], journal->name, event);
	va_start(args, format);
	if (size < sizeof(line) - 1) {
		int written = vsnprintf(line + size, sizeof(line) - size, format, args);

		if (written > 0)
			size += (size_t)written;
	}
	va_end(args);
	if (size > sizeof(line) - 2)
		size = sizeof(line) - 2;
	line[size++] = '\n';
	/*
	 * One write, so that lines of several processes do not mix. There is nobody to tell if it
	 * fails.
	 */
	if (write(STDERR_FILENO, line, size) < 0)
		return;
}
