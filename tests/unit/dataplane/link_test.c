/*
 * The real links, between real processes, in a network namespace of the test's own without a way
 * out: ring, memif (and the death of either end), packet, xdp. Prints each link's 64-byte round
 * trip. What the kernel refuses is said and skipped.
 */
#include "tests/unit/dataplane/link_peer.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_SECONDS = 20 };

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "peer") == 0)
		return peer_main(argc, argv);
	return 0;
}
