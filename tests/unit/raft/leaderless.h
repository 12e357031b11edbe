/*
 * How long a simulated cluster is without a leader while it could have one (D19).
 *
 * A leader, here, is one that can commit: over the links that there are, what it proposes reaches a
 * majority, none of which is in a later term, and the answers of that majority reach it; and their
 * disks go on. A majority that could have one: its members all hear each other, in both directions,
 * they are up and get time, and their disks go on.
 *
 * A leader that could commit but for a disk, its own or a follower's, is given the time after which
 * that counts as stalled.
 *
 * A gap lasts from the moment at which there is such a majority and no such leader until there is
 * one, as long as one and the same majority is there all the time. If none is, it is cut short, and
 * counts only where it was too long already. So does one that ends because the leader that was
 * there before can commit again: a link that comes back is no election.
 */
#ifndef TESTS_UNIT_RAFT_LEADERLESS_H
#define TESTS_UNIT_RAFT_LEADERLESS_H

#include "tests/unit/raft/cluster.h"

enum { MAJORITIES_MAX = 35 /* of 4 out of 7 */ };

/* Lengths, in thousandths of the longest election timeout. */
struct gaps {
	uint32_t *length;
	uint32_t count, room;
	uint32_t came_back, cut_short;
	uint32_t changes_max; /* of leaders, while what was drawn stood still */
};

void gaps_add(struct gaps *g, uint32_t length);
/* The length that `permyriad` of 10,000 gaps do not exceed; 0 if there are none. */
uint32_t gaps_quantile(struct gaps *g, uint32_t permyriad);
uint32_t gaps_max(const struct gaps *g);
void gaps_free(struct gaps *g);

struct leaderless {
	struct gaps *row;    /* of what is drawn now */
	uint32_t length_max; /* the longest that is allowed */

	uint8_t majority[MAJORITIES_MAX]; /* sets of members, the first is bit 0 */
	uint32_t majority_count;

	bool open;
	uint64_t since_us;
	uint64_t whole; /* the majorities that heard each other all the time since then */
	struct gaps *begun_in;

	raft_term led_term; /* of the newest leader that could commit */
	uint32_t changes;
};

void leaderless_init(struct leaderless *l, const struct cluster *c);
/* After each event, and after each change of links, disks and members. */
void leaderless_look(struct leaderless *l, struct cluster *c);
/* Who could commit now; NULL: nobody. */
struct cluster_node *leaderless_leader(struct cluster *c);
/* There is a majority that could have a leader. */
bool leaderless_could(const struct leaderless *l, const struct cluster *c);

#endif
