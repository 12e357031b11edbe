/*
 * The same events, with other numbers for the members: they must come to the same states.
 */
#ifndef TESTS_SCOPE_MIRROR_H
#define TESTS_SCOPE_MIRROR_H

#include "tests/scope/world.h"

void mirror_begin(uint32_t order);
/* What happens in `w`, the state that the mirror shows. */
void mirror_step(const struct world *w, const struct event *e);
uint64_t mirror_hash(void);

#endif
