/*
 * Hands on the wire of a simulated world: they send frames in the name of any node, beside its own.
 */
#ifndef TESTS_SIM_HANDS_H
#define TESTS_SIM_HANDS_H

#include "tests/sim/world.h"

#include "dataplane/wire.h"

void hands_open(struct sim_world *world);
void hands_close(void);
/* Of a packet as `from`, which is up, would send it. */
struct wire_envelope hands_envelope(uint32_t from, uint32_t to, uint8_t type, size_t size);
void hands_offer(uint32_t from, uint32_t to, uint16_t port, const uint8_t *payload, size_t size);

#endif
