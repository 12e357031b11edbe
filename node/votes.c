/*
 * Who counts, for what this member tells and refuses by itself: the voters of the table in force,
 * and no learner (R66); while two sets decide, a majority of each. The core counts for itself.
 */
#include "node/internal.h"

void node_votes_follow(struct node *n, const struct raft_members *table)
{
	const struct raft_member *self = raft_members_find(table, n->id);

	n->learner = self && !self->voter && !self->voter_before;
	serve_set_learner(n->serve, n->learner);
	n->votes = n->votes_before = (struct node_set){0};
	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];
		int place = node_peer_find(n, m->id);
		uint32_t bit = m->id == n->id ? NODE_SELF : place < 0 ? 0 : 1u << place;

		if (m->voter) {
			n->votes.members |= bit;
			n->votes.count++;
		}
		if (m->voter_before) {
			n->votes_before.members |= bit;
			n->votes_before.count++;
		}
	}
}

bool node_votes(const struct node *n, uint32_t member)
{
	return ((n->votes.members | n->votes_before.members) & member) != 0;
}

static struct node_tally tally(const struct node_set *set, uint32_t members)
{
	uint32_t are = (uint32_t)__builtin_popcount(set->members & members);

	return (struct node_tally){are, set->count, are > set->count / 2};
}

struct node_tally node_votes_tally(const struct node *n, uint32_t members)
{
	const struct node_tally t = tally(&n->votes, members);

	if (n->votes_before.count == 0 || !t.majority)
		return t;
	/* Of two the one that lacks it is told. */
	const struct node_tally before = tally(&n->votes_before, members);

	return before.majority ? t : before;
}
