#include "tests/sim/members.h"

#include "node/internal.h"

#include "tests/unit/test.h"

#include <inttypes.h>

#define MS UINT64_C(1000000)
#define WAIT_NS (20000 * MS) /* a joiner catches up, or a leader is elected, many times over */

void members_world_begin(struct sim_world *w, uint64_t seed, uint32_t joiners, uint32_t clients)
{
	sim_world_prepare(w, seed, 3 + joiners);
	w->joiners = joiners;
	sim_world_begin(w, clients);
	while (sim_leader(w) < 0 || !sim_all_formed(w))
		sim_world_run(w, MS);
	sim_world_run(w, 500 * MS);
}

struct node *members_leader(struct sim_world *w)
{
	const uint64_t until_ns = w->now_ns + WAIT_NS;

	while (sim_leader(w) < 0) {
		assert_true(w->now_ns < until_ns);
		sim_world_run(w, MS);
	}
	return w->node[sim_leader(w)].node;
}

raft_id members_change(struct sim_world *w, struct raft_change c)
{
	const uint64_t until_ns = w->now_ns + WAIT_NS;
	struct raft_refusal refusal;
	raft_index index;

	while (raft_members_change(members_leader(w)->raft, &c, 1, &index, &refusal)) {
		char text[RAFT_REFUSAL_TEXT_SIZE];

		raft_refusal_text(&refusal, text);
		if (w->now_ns > until_ns)
			fail_msg("refused: %s", text);
		sim_world_run(w, MS);
	}
	return c.id;
}

void members_expect_voter(struct sim_world *w, raft_id id, uint32_t voters)
{
	const uint64_t until_ns = w->now_ns + WAIT_NS;

	for (;;) {
		const struct raft_members *t = raft_get_members(members_leader(w)->raft);
		const struct raft_member *m = raft_members_find(t, id);

		if (m && m->voter && !raft_members_joint(t) && raft_members_voters(t) == voters)
			return;
		if (w->now_ns > until_ns)
			fail_msg("member %016" PRIx64 " is no voter of %u", id, voters);
		sim_world_run(w, MS);
	}
}

void members_expect_out(struct sim_world *w, raft_id id)
{
	const uint64_t until_ns = w->now_ns + WAIT_NS;

	while (raft_members_find(raft_get_members(members_leader(w)->raft), id)) {
		assert_true(w->now_ns < until_ns);
		sim_world_run(w, MS);
	}
	sim_world_run(w, 1000 * MS); /* committed, and told of */
}

struct members_calm members_calm_begin(struct sim_world *w)
{
	const struct node *l = members_leader(w);

	return (struct members_calm){raft_get_term(l->raft), l->id};
}

void members_expect_calm(struct sim_world *w, const struct members_calm *calm)
{
	const struct members_calm now = members_calm_begin(w);

	assert_int_equal(now.term, calm->term);
	assert_int_equal(now.leader, calm->leader);
}
