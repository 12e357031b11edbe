/*
 * A simulated cluster at work: its clients, its network that changes, and the time that it is
 * without a leader, for the tests of liveness.
 */
#ifndef TESTS_UNIT_RAFT_SCENE_H
#define TESTS_UNIT_RAFT_SCENE_H

#include "tests/unit/raft/leaderless.h"
#include "tests/unit/raft/topology.h"

struct scene {
	struct cluster c;
	struct leaderless l;
	struct topology_drawn t;
	struct gaps gaps;     /* where l.row is not set to another */
	uint64_t client_us;   /* when something is proposed next; UINT64_MAX: never */
	uint64_t pause_us;    /* ... within this time of the one before it */
	uint64_t accepted_us; /* when a leader took a command last */
};

/* The stated profile: heartbeats of 20 ms, elections of 150 to 300 ms; network and disks to it. */
struct cluster_options scene_options(uint32_t nodes, uint64_t seed);
/* All members are started; nothing has happened. */
struct scene *scene_new(const struct cluster_options *o);
/* ... of the stated profile; a leader, drawn by the seed, is there, and clients go on. */
struct scene *scene_working(uint32_t nodes, uint64_t seed, struct cluster_node **leader);
void scene_free(struct scene *s);

/* So many of the longest election timeouts. */
uint64_t scene_timeouts(const struct scene *s, uint64_t count);
/* Until then. */
void scene_run(struct scene *s, uint64_t us);
/* ... or until there is a leader that can commit. NULL: there was none. */
struct cluster_node *scene_leader(struct scene *s, uint64_t us);
/*
 * No clients; a leader, and all members as far as it is, or it fails. What a member lacks is read
 * back for it at a pace that knows no election timeout (RAFT_STRAY_US).
 */
struct cluster_node *scene_settle(struct scene *s);
/* A member that is not this one, at random. */
struct cluster_node *scene_other(struct scene *s, const struct cluster_node *n);
/* Cut off, or not: what it says (out), what it is told (in). */
void scene_cut(struct scene *s, const struct cluster_node *n, bool out, bool in);

#endif
