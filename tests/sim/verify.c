/*
 * The end of a simulated world (SM3 to SM8): in calm the members agree, and what was acknowledged
 * is there.
 */
#include "tests/sim/check.h"
#include "tests/sim/client.h"

#include "node/internal.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* Between looks at whether the members agree. */
#define LOOK_NS UINT64_C(100000)

static bool settled(const struct sim_world *w)
{
	int leader = sim_leader(w);
	struct raft_status first, s;

	if (leader < 0)
		return false;
	node_raft_status(w->node[leader].node, &first);
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (!sim_is_member(w, i))
			continue;
		node_raft_status(w->node[i].node, &s);
		if (s.leader != first.leader || s.applied != first.last ||
		    w->node[i].node->install.held)
			return false;
	}
	for (uint32_t i = 0; i < w->client_count; i++) {
		if (w->client[i].open && w->client[i].putting)
			return false;
	}
	return true;
}

bool sim_world_settle(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	w->resting = true;
	while (w->now_ns < end && !settled(w))
		sim_world_run(w, LOOK_NS);
	w->resting = false;
	return w->now_ns < end;
}

static uint32_t members_left(const struct sim_world *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->node_count; i++)
		count += sim_check_belongs(w, i);
	return count;
}

/* Whoever is of no cluster says why, in its status. */
static void check_told(struct sim_world *w)
{
	char text[NODE_FORMATION_TEXT_MAX];

	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].node && node_get_formation(w->node[i].node) != FORMATION_FORMED &&
		    node_formation_text(w->node[i].node, text, sizeof(text)) == 0)
			sim_fail(w, i, "SM8: it is of no cluster, and does not say why", 0, 0);
	}
}

static bool wiped(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].life > 0)
			return true;
	}
	return false;
}

/* Runs until a cluster is formed, or for so long. */
static bool formed_within(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	while (w->now_ns < end && members_left(w) == 0)
		sim_world_run(w, LOOK_NS);
	return members_left(w) > 0;
}

/*
 * Calm, all up, all configured as new: a cluster is formed, unless somebody was wiped or started as
 * a new directory after another one had agreed with it; then a reset of those that are stuck is the
 * way out.
 */
void sim_world_form(struct sim_world *w)
{
	bool stuck = false;

	if (formed_within(w, 2 * SECOND_NS))
		return;
	check_told(w);
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].node && node_get_formation(w->node[i].node) != FORMATION_FRESH)
			stuck |= sim_node_reset(w, i);
	}
	w->resets++;
	if (!stuck || !wiped(w))
		sim_fail(w, 0, "SM8: nobody was wiped, and no cluster is formed", 0, 0);
	if (!formed_within(w, 5 * SECOND_NS))
		sim_fail(w, 0, "SM8: a reset of those that were stuck is not a way out", 0, 0);
}

/* SM13, SM5: of all that are up, whatever they are. */
static void check_states(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].node)
			sim_clients_check_state(w, i);
	}
}

static raft_index newest_commit(const struct sim_world *w)
{
	raft_index newest = 0;

	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct node *n = w->node[i].node;

		if (n && n->raft && raft_commit(n->raft) > newest)
			newest = raft_commit(n->raft);
	}
	return newest;
}

/*
 * Too few are left of the cluster: nothing goes on, and nothing is answered wrongly meanwhile. What
 * was committed before is still answered to who asks again.
 */
static void stand_still(struct sim_world *w)
{
	raft_index before;

	sim_world_run(w, 1 * SECOND_NS); /* what was on its way has come */
	before = newest_commit(w);
	sim_world_run(w, 3 * SECOND_NS);
	if (newest_commit(w) != before)
		sim_fail(w, 0, "SM6: a minority of the cluster commits", newest_commit(w), before);
	check_states(w);
}

static bool knows(const struct sim_world *w, uint32_t i, uint32_t of)
{
	const struct node *n = w->node[i].node, *m = w->node[of].node;
	const uint64_t place = sim_node_place(w, of);
	const struct raft_member *member = raft_members_find(raft_get_members(n->raft), m->id);
	const struct sm_attributes *said = n->sm->ops->attributes(n->sm, m->id);
	int peer = node_peer_find(n, m->id);
	char client[NODE_PLACE_TEXT_SIZE];

	node_place_text((place & ~UINT64_C(0xffff)) | m->options.dp.udp_client, client);
	return member && node_member_place(n, member) == place && said &&
	       strcmp(said->name, m->name) == 0 && said->client_count == 1 &&
	       strcmp(said->client[0], client) == 0 &&
	       strcmp(node_member_name(n, m->id), m->name) == 0 &&
	       (i == of || (peer >= 0 && node_peer_place(&n->peer[peer]) == place));
}

/* SM15: two members of which one does not know the other; -1: there are none. */
static int unknown_find(const struct sim_world *w, uint32_t *of)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		for (*of = 0; sim_is_member(w, i) && *of < w->node_count; ++*of) {
			if (sim_is_member(w, *of) && !knows(w, i, *of))
				return (int)i;
		}
	}
	return -1;
}

/* A name is said again after as much as eight seconds (node/names.c). */
static void check_known(struct sim_world *w)
{
	uint64_t end = w->now_ns + 20 * SECOND_NS;
	uint32_t of;
	int who;

	while ((who = unknown_find(w, &of)) >= 0) {
		if (w->now_ns >= end)
			sim_fail(w, (uint32_t)who, "SM15: another is not where and what it is", of,
				 sim_node_place(w, of));
		sim_world_run(w, 1000 * LOOK_NS);
	}
}

void sim_world_agree(struct sim_world *w)
{
	uint64_t gets[SIM_CLIENTS_MAX], end;

	if (!sim_world_settle(w, 20 * SECOND_NS))
		sim_fail(w, 0, "no agreement within 20 s of calm", 0, 0);
	check_told(w);
	check_known(w);
	/*
	 * Calm and without faults, every client reads and writes on: SM3 to SM5 are checked by each
	 * read.
	 */
	for (uint32_t i = 0; i < w->client_count; i++)
		gets[i] = w->client[i].gets;
	end = w->now_ns + 20 * SECOND_NS;
	for (uint32_t i = 0; i < w->client_count && w->now_ns < end; i++) {
		while (w->client[i].gets < gets[i] + 2 * w->client_count && w->now_ns < end)
			sim_world_run(w, 1000000);
	}
	if (w->now_ns >= end)
		sim_fail(w, 0, "reads are not answered in calm", 0, 0);
	if (!sim_world_settle(w, 20 * SECOND_NS))
		sim_fail(w, 0, "no agreement at the end", 0, 0);
	check_states(w);
}

bool sim_world_verify(struct sim_world *w)
{
	sim_world_form(w);
	if (members_left(w) < w->node_count / 2 + 1) {
		stand_still(w);
		return false;
	}
	sim_world_agree(w);
	return true;
}
