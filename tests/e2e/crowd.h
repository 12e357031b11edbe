/*
 * A client over UDP who does not wait for his answers: where they are many, they fill a node.
 */
#ifndef TESTS_E2E_CROWD_H
#define TESTS_E2E_CROWD_H

#include "tests/e2e/cluster.h"

enum { CROWD_VALUE = 600 }; /* bytes that are put */

struct crowd {
	int fd;
	uint32_t node;
	uint64_t cookie, puts;
};

/* Inside the lab's namespace. */
void crowd_greet(struct crowd *w, struct cluster *c, uint32_t node);
/* Each by a session of its own, to be done within a minute. */
void crowd_put(struct crowd *w);
void crowd_leave(struct crowd *w);

#endif
