/*
 * What happens to a simulated world is drawn: faults of nodes, disks, clocks and the network;
 * changes of its members, and the hosts that come and go with them; hand-overs.
 *
 * A host is bound to the member that runs on it. Orders go to whoever takes itself for the leader,
 * as lines of text; who was added is started, who was moved is started at its new address, and who
 * was removed ends, some time before or after. A directory may be lost for good, one at a time, and
 * while no change is under way that could count it in; then it is the one who leaves first.
 */
#ifndef TESTS_SIM_DRAW_DRAW_H
#define TESTS_SIM_DRAW_DRAW_H

#include "tests/sim/world.h"
#include "tests/unit/raft/wanted.h"

#define DRAW_MS UINT64_C(1000000)

enum { DRAW_CHANGES_MAX = 512 };

struct draw_totals {
	uint64_t crashes, cuts, pauses, slow_disks, hangs, full_disks, drifts, leaps;
	uint64_t transfers, wipes, resets;
	uint64_t asked, refused, done, rolled_back; /* changes */
	uint64_t lost, joined, moved, moved_of_two, ended, learned, told;
	uint64_t of_leaders, tables, joints;
};

struct draw {
	struct sim_world *w;
	struct draw_totals *t;
	bool members;    /* they change */
	bool mixed;      /* what they are told to protect is drawn at each start */
	uint32_t places; /* addresses that were used beside the hosts' own */
	struct wanted_change change[DRAW_CHANGES_MAX];
	uint32_t count;
	raft_id lost;  /* the member whose directory was lost last */
	uint32_t told; /* hosts, a bit each: whoever is there is to be told that it was removed */
	raft_id ahead; /* the member that went where no committed table has it */
};

uint32_t draw_below(struct draw *d, uint32_t bound);
/* A node; half of the time the leader. */
uint32_t draw_pick(struct draw *d);

/* faults.c */
void draw_fault(struct draw *d);
/* Somebody ends where snapshots and the log's base are half done, when he comes there. */
void draw_end(struct draw *d);
void draw_calm(struct draw *d);
/* Those whose time has come, or all, but who is away. */
void draw_restart(struct draw *d, bool all);
void draw_start(struct draw *d, uint32_t i);

/* changes.c: an order to whoever leads. */
void draw_change(struct draw *d);
void draw_transfer(struct draw *d);
/* To the leader. 0: it is begun; or why not, and that is noted. */
int draw_order(struct draw *d, uint32_t leader, struct raft_change *changes, uint32_t count);
/* The committed members are those that were asked for. */
void draw_check_members(struct draw *d);

/* hosts.c: which member runs where. */
/* The host of a member; node_count: none is. */
uint32_t draw_host_of(const struct draw *d, raft_id member);
/* A host that nobody needs; node_count: there is none. */
uint32_t draw_host_free(struct draw *d);
void draw_hosts(struct draw *d);
/* Its new address was appended: half of the time its host does not wait until it is committed. */
void draw_moves(struct draw *d, raft_id member, uint64_t place);
/* A directory is lost, if that is to be borne. */
void draw_lose(struct draw *d);
/* No change of members is under way, and all stand where they are to be. */
bool draw_at_rest(const struct draw *d);
/* All stand where each table in force, and the committed one, has them. */
bool draw_in_place(const struct draw *d);
bool draw_anybody_lost(const struct draw *d);
/*
 * One step towards the members that were asked for, all on their hosts and up, in calm. True: so it
 * is.
 */
bool draw_heal(struct draw *d);
void draw_note_members(const struct draw *d);

#endif
