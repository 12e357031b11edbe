/* The clients of a simulated world (world.h says what they check). */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "tests/sim/world.h"

void sim_client_create(struct sim_world *w, uint32_t i);
void sim_client_destroy(struct sim_client *c);
/* Another cluster: what it wrote to the one before is nobody's. */
void sim_client_forget(struct sim_world *w, struct sim_client *c);
uint64_t sim_client_deadline(const struct sim_world *w, const struct sim_client *c);
/*
 * Each reads what all of them have put, and goes on to put; who asks a node that is down asks
 * `instead`.
 */
void sim_clients_go_on(struct sim_world *w, uint32_t instead);
/* What a member has applied: nothing that was denied (SM13), and each put once (SM5). */
void sim_clients_check_state(const struct sim_world *w, uint32_t i);
void sim_client_poll(struct sim_world *w, struct sim_client *c);

#endif
