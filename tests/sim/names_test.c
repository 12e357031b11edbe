/*
 * What whole nodes tell of each other, and of themselves: why one leads no more.
 */
#include "tests/sim/world.h"

#include "node/internal.h"
#include "raft/internal.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static void world_begin(uint64_t seed, uint32_t joiners, uint32_t clients)
{
	sim_world_prepare(&w, seed, 3 + joiners);
	w.joiners = joiners;
	sim_world_begin(&w, clients);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 500 * MS);
}

/* The leader's log holds it. */
static void change(struct raft_change c)
{
	uint64_t until_ns = w.now_ns + 10 * SECOND;
	struct raft_refusal refusal;
	raft_index index;

	while (sim_leader(&w) < 0 ||
	       raft_members_change(w.node[sim_leader(&w)].node->raft, &c, 1, &index, &refusal)) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* Removed, and those to whom it tries to hand over do not take it. */
static void R37_a_removed_leader_says_so(void **state)
{
	static char text[65536];

	(void)state;
	world_begin(91, 0, 0);
	const uint32_t leader = (uint32_t)sim_leader(&w);
	struct raft *r = w.node[leader].node->raft;
	change((struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = w.node[leader].node->id});
	r->left_index = r->members_index; /* it was tried */
	sim_node_log(&w, leader, 2 * SECOND, text, sizeof(text));
	assert_non_null(strstr(text, " stepped_down "));
	assert_non_null(strstr(text, "why=\"it is no voter any more\""));
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(R37_a_removed_leader_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
