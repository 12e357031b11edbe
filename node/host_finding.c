/*
 * The words of one look, and what several looks ask.
 */
#include "node/host_internal.h"

#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

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

bool host_may(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(__NR_capget, &header, data) != 0)
		return true; /* not to be told: the start will */
	return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}
