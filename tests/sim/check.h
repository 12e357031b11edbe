/* What is checked of a simulated world at every step (world.h has the list). */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/world.h"

void sim_check_begin(void);
/* Node i begins: what is in its log was looked at in a life before. */
void sim_check_started(uint32_t i);
/* After a turn of it. */
void sim_check_node(struct sim_world *w, uint32_t i);
/* True if its directory is one of those that the newest cluster was formed of. */
bool sim_check_belongs(const struct sim_world *w, uint32_t i);

#endif
