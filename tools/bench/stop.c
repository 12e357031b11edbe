#include "tools/bench/stop.h"

#include <signal.h>

static volatile sig_atomic_t requested;

static void on_signal(int signal)
{
	(void)signal;
	requested = 1;
}

void stop_on_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* A reader that went away ("| head") is not a reason to leave a directory behind. */
	sigaction(SIGPIPE, &action, NULL);
}

bool stop_requested(void)
{
	return requested;
}
