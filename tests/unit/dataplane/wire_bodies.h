/*
 * Good bodies of every message, and the decoder of each: what the tests of the wire begin with.
 */
#ifndef TESTS_UNIT_DATAPLANE_WIRE_BODIES_H
#define TESTS_UNIT_DATAPLANE_WIRE_BODIES_H

#include "dataplane/wire.h"
#include "dataplane/wire_fields.h"

enum {
	BODIES_SIZE_MAX = 9216,
	BODIES_MESSAGES = 22, /* raft's: the first ones of bodies_good */
	/* Beside enum wire_type: what is no packet's body. */
	BODIES_ENVELOPE = 0,
	BODIES_STREAM_REQUEST = 254,
	BODIES_STREAM_ANSWER = 255,
};

extern const struct raft_message bodies_messages[];
extern uint8_t bodies_buffer[BODIES_SIZE_MAX];

/* The i-th good body of all there are, at least one of each type; 0 after the last. */
size_t bodies_good(int i, uint8_t *type, uint8_t *body);

/*
 * 0 or -EINVAL. The decoder is given exactly the bytes that there are, in memory that ends where
 * they end.
 */
int bodies_decode(uint8_t type, const uint8_t *data, size_t size);

/* Whether a body of this type holds such a form, and where the first one is. */
bool bodies_form_at(enum wire_form form, uint8_t type, size_t size, size_t *at);

#endif
