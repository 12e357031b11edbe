#include "tools/client/wait.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

int wait_ready(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = clock_now();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left / CLOCK_S),
				   .tv_nsec = (long)(left % CLOCK_S)};

	return ppoll(&p, 1, &timeout, NULL) == 0 ? -ETIMEDOUT : 0;
}
