/*
 * The words of a door for a client that has just come: whom it talks to, and the base of a session
 * that begins now. It may change while the node runs.
 */
#ifndef DOORS_WELCOME_H
#define DOORS_WELCOME_H

#include <stdint.h>

struct door_welcome {
	uint64_t cluster_id;
	uint64_t member_id;
	uint64_t base; /* an index that is committed; 0: no leader is known, or it told of none */
};

#endif
