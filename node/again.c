#include "node/again.h"

#include <errno.h>
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
	execve("/proc/self/exe", argv, environment);
	return -errno;
}
