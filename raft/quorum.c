/*
 * Majorities. While a table is joint, what counts is a majority of the set before and one of the
 * set to come (thesis 4.3), in votes, in what is committed, in reads and in who is heard.
 */
#include "raft/internal.h"

/* By insertion, the highest first: there are at most 7. */
static void rank_add(struct raft_rank *rank, uint64_t value)
{
	uint32_t k = rank->count++;

	for (; k > 0 && rank->value[k - 1] < value; k--)
		rank->value[k] = rank->value[k - 1];
	rank->value[k] = value;
}

void raft_tally_add(struct raft_tally *t, bool voter, bool voter_before, uint64_t value)
{
	if (voter)
		rank_add(&t->voters, value);
	if (voter_before)
		rank_add(&t->before, value);
}

void raft_tally_self(struct raft_tally *t, const struct raft *r, uint64_t value)
{
	raft_tally_add(t, r->voter, r->voter_before, value);
}

void raft_tally_peer(struct raft_tally *t, const struct raft_peer *p, uint64_t value)
{
	raft_tally_add(t, p->voter, p->voter_before, value);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A voter whose directory is another one than the table names is in no tally: it reaches 0. */
static uint64_t reached(const struct raft_rank *rank, uint32_t count)
{
	return count > rank->count ? 0 : rank->value[count - 1];
}

uint64_t raft_tally_majority(const struct raft_tally *t, const struct raft *r)
{
	uint64_t voters = reached(&t->voters, r->quorum);

	return r->quorum_before == 0 ? voters
				     : least(voters, reached(&t->before, r->quorum_before));
}

uint64_t raft_tally_all(const struct raft_tally *t, const struct raft *r)
{
	uint64_t voters = reached(&t->voters, r->voters);

	return r->voters_before == 0 ? voters
				     : least(voters, reached(&t->before, r->voters_before));
}
