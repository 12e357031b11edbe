/*
 * The admin socket over real unix sockets: the test is the loop on one side and the client on the
 * other.
 */
#ifndef TESTS_UNIT_DOORS_CALLS_RIG_H
#define TESTS_UNIT_DOORS_CALLS_RIG_H

#include "doors/calls_internal.h"

enum { DEADLINE_MS = 20000 };

struct rig {
	char directory[32];
	char path[64];
	struct calls *calls;
};

extern const struct door_welcome rig_welcome;

int calls_setup(void **state);
int calls_teardown(void **state);

int dial(const struct rig *rig);
void read_all(int fd, uint8_t *to, size_t size);
void read_welcome(int fd, struct wire_hello *hello);
void header(uint8_t out[STREAM_HEADER_SIZE], uint32_t size, uint8_t kind, uint8_t id);
/* The next call that comes to the loop. */
struct call *take(struct calls *a);

#endif
