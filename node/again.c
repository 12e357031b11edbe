#include "node/again.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SECOND "QUOIND_BEGUN_AGAIN"

static char second[] = SECOND "=1";
static char **environment;
static bool is_second;

void again_note(void)
{
	size_t count = 0;

	while (environ && environ[count])
		count++;
	environment = calloc(count + 2, sizeof(*environment));
	if (environment && count > 0)
		memcpy(environment, environ, count * sizeof(*environment));
	if (environment)
		environment[count] = second;
	is_second = getenv(SECOND) != NULL;
	unsetenv(SECOND);
	/* It was called by the name of a link in /proc. */
	if (is_second)
		(void)prctl(PR_SET_NAME, program_invocation_short_name);
}

bool again_is_second(void)
{
	return is_second;
}

int again_begin(char **argv)
{
	if (!environment)
		return -ENOMEM;
	/* The huge pages that EAL took before it failed are files, which it leaves open. */
	if (close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC))
		return -errno;
	execve("/proc/self/exe", argv, environment);
	return -errno;
}
