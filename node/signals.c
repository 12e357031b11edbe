/*
 * One place for what signals do: two numbers that the loop looks at.
 */
#include "node/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stops, last;

static void on_stop(int signal)
{
	last = signal;
	if (stops < 2)
		stops++;
}

void signals_begin(void)
{
	/* XCPU: a limit on CPU time is near; the kernel kills at the hard one. */
	static const int ends[] = {SIGTERM, SIGINT, SIGXCPU};
	/*
	 * HUP is how others are told to read their configuration again, which a member of a cluster
	 * does by a restart. TTOU would stop the node when its thread writes to a terminal.
	 */
	static const int ignored[] = {SIGHUP,  SIGUSR1,   SIGUSR2,  SIGPIPE, SIGXFSZ,
				      SIGALRM, SIGVTALRM, SIGPROF,  SIGPOLL, SIGPWR,
				      SIGTTOU, SIGTTIN,   SIGSTKFLT};
	/* Whatever the parent had made of them, as a shell does of what it starts with "&". */
	static const int defaults[] = {SIGQUIT, SIGTSTP, SIGCHLD, SIGCONT, SIGWINCH, SIGURG};
	/* Calls go on where a signal came: what asks for the end is looked for, not waited for. */
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		signal(defaults[i], SIG_DFL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int signals_stops(void)
{
	return stops;
}

int signals_last(void)
{
	return last;
}
