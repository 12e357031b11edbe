/*
 * What the members should be: of the tables that are committed and the changes that were asked for,
 * each with the entry that it became, follows who is to be what. A replacement is over when the new
 * one votes.
 */
#ifndef TESTS_UNIT_RAFT_WANTED_H
#define TESTS_UNIT_RAFT_WANTED_H

#include "raft/change.h"

enum { WANTED_MAX = 4096 };

enum wanted_as { WANTED_GONE, WANTED_LEARNER, WANTED_VOTER };

/* A change that a leader took: of its entry the index and the term. */
struct wanted_change {
	struct raft_change change;
	raft_index index;
	raft_term term;
	bool of_leader; /* of the one that was asked */
};

struct wanted {
	struct {
		raft_id id;
		enum wanted_as as;
		raft_id replaces; /* until it votes */
	} member[WANTED_MAX];
	uint32_t count;
};

/* Those who formed the cluster. */
void wanted_begin(struct wanted *w, const struct raft_members *formed);

/*
 * A committed table: the changes, of `count` of them, that became its entry, made of the table
 * before it. *of_leaders: how many of them were of the leader that took them. Returns how many
 * there were.
 */
uint32_t wanted_entry(struct wanted *w, const struct wanted_change *changes, uint32_t count,
		      raft_index index, raft_term term, const struct raft_members *before,
		      const struct raft_members *table, uint64_t *of_leaders);

enum wanted_as wanted_of(const struct wanted *w, raft_id id);
/* What that table makes of it. */
enum wanted_as wanted_is(const struct raft_members *members, raft_id id);

#endif
