/*
 * Requests from a seed: few keys, so that they meet, with all that a request may say, and what it
 * may not say.
 */
#ifndef TESTS_MODEL_DRAW_H
#define TESTS_MODEL_DRAW_H

#include "tests/model/model.h"

/* Up to as many keys etcd keeps the order of those whose targets are equal, and beyond it not. */
enum { MODEL_SORT_STABLE_MAX = 12 };

struct model_draw {
	uint64_t seed;
	/* Keys are of at most so many bytes, each one of the first `letters` of a few. */
	uint32_t letters;
	uint32_t key_size_max;
	bool with_leases;
};

uint32_t model_draw_below(struct model_draw *d, uint32_t bound);
/* Another key space. */
void model_draw_keys(struct model_draw *d);
/* Its parts are in the arena. */
struct model_request model_draw_request(struct model_draw *d, const struct model *m,
					struct model_arena *arena);

#endif
