/*
 * Networks that are not whole, drawn at random and named: who hears whom.
 */
#ifndef TESTS_UNIT_RAFT_TOPOLOGY_H
#define TESTS_UNIT_RAFT_TOPOLOGY_H

#include "tests/unit/raft/cluster.h"

enum topology {
	TOPOLOGY_WHOLE,
	TOPOLOGY_SPLIT,    /* two sides */
	TOPOLOGY_PARTIAL,  /* one link is down (R27) */
	TOPOLOGY_ONE_WAY,  /* one link carries one way (R29) */
	TOPOLOGY_ONE_WAYS, /* some links do */
	TOPOLOGY_CHAIN,    /* each hears its neighbours (R28) */
	TOPOLOGY_BRIDGE,   /* the leader is left with one, which a majority hears as well (R53) */
	TOPOLOGY_STAR,     /* all hear one, and nobody else */
	TOPOLOGY_DEAF,     /* the leader is heard and hears nobody (R64) */
	TOPOLOGY_MUTE,     /* it hears all, and nobody hears it */
	TOPOLOGY_MATRIX,   /* each direction of each link by itself */
	TOPOLOGY_LINK_FLAPS,
	TOPOLOGY_MEMBER_FLAPS,   /* all links of one, in both directions or in one (R30) */
	TOPOLOGY_MEMBER_CRASHES, /* ... or it ends and is started, again and again (R30) */
	TOPOLOGY_END,
};

struct topology_drawn {
	enum topology is;
	uint32_t order[CLUSTER_NODES_MAX]; /* the members, shuffled; the leader is the first */
	bool in, out;                      /* of one that flaps: what is cut */
	bool down;
	uint64_t change_us; /* the next change; UINT64_MAX: it stands still */
};

const char *topology_name(enum topology is);
/* Its links are cut now. `leader`: whom it is about; NULL: anybody. */
void topology_draw(struct topology_drawn *t, struct cluster *c, enum topology is,
		   const struct cluster_node *leader);
/* change_us has come. */
void topology_change(struct topology_drawn *t, struct cluster *c);
/* All links are up, and all members. */
void topology_heal(struct topology_drawn *t, struct cluster *c);

#endif
