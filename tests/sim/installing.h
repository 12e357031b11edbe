/*
 * Worlds in which a member needs what the others' logs have no more, with a core of a small window
 * (meson.build), so that nobody sends it either.
 */
#ifndef TESTS_SIM_INSTALLING_H
#define TESTS_SIM_INSTALLING_H

#include "tests/sim/world.h"

#include "node/internal.h"

#define MS UINT64_C(1000000)

enum { WAIT_MS = 60000 };

extern struct sim_world w;

const struct node *node_of(uint32_t i);
void begin(uint64_t seed, uint32_t nodes, enum wal_durability durability);
void end(void);
uint32_t follower(void);
void wait_leader(void);
/* All but one that are up have cut off what comes after this index, and their windows too. */
void wait_cut(uint32_t but, raft_index index);
void wait_installed(uint32_t i, uint64_t count);
void cut_off(uint32_t i, bool cut);
/* Down until the others have cut what it needs next. The last index that it has. */
raft_index away(uint32_t i);
/* Its log begins behind what it had, and its state is whole. */
bool has_installed(uint32_t i, raft_index last);

#endif
