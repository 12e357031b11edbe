/*
 * The member table, and its form in a MEMBERS entry:
 *
 *	offset size field
 *	     0    1 version (2)
 *	     1    1 count
 *	     2    6 zero
 *	     8   48 for each member:
 *		 0    8 id
 *		 8    8 identity of its directory
 *		16    1 flags: 1 VOTER, 2 VOTER_BEFORE, 4 LEAVES, 8 JOINS
 *		17    7 zero
 *		24    8 place: its peer address, IPv4 << 16 | UDP port; 0: not said
 *		32    8 id of the voter that it replaces; 0: none
 *		40    8 zero
 *
 * Little-endian. A table is joint (thesis 4.3) if any member has VOTER_BEFORE. Then all who have it
 * are the old set of voters and all who have VOTER are the new one, and whatever is decided needs a
 * majority of each. A member is one of these:
 *
 *	flags                 in a plain table        in a joint one
 *	none                  a learner: it is sent the log, and counts nowhere
 *	JOINS                 a learner that is to be made a voter when it has caught up; then
 *	                      whom it replaces, if it does, leaves in the same change
 *	VOTER                 votes                   votes in the new set: it was a learner
 *	VOTER VOTER_BEFORE    -                       votes in both
 *	VOTER_BEFORE          -                       votes in the old set; then a learner
 *	VOTER_BEFORE LEAVES   -                       votes in the old set; then no member
 *
 * What no table may say, be it joint or plain. RAFT_VOTERS_MAX holds for each of the two sets:
 *
 *	MT1  Ids ascend, and none is 0. There are 1 to RAFT_MEMBERS_MAX members, all flags are of
 *	     the list above, and there is a voter.
 *	MT2  Identity 0 says that no directory was bound to the id yet. Only a learner waits so: who
 *	     votes is always known (R7).
 *	MT3  Two members have never one identity.
 *	MT4  Two members have one place (not 0) only if one of them goes for the other: it is the
 *	     one that LEAVES or is replaced. A server whose disk was lost is replaced where it
 *	     stands.
 *	MT5  Who replaces somebody JOINS; whom it replaces is a voter that stays, and is replaced by
 *	     nobody else. So where a voter leaves, nobody waits any more to take its place.
 *
 * A table takes effect when it is appended, not when it is committed (thesis 4.1), and a new one is
 * appended only after the one before it is committed: a truncation undoes at most one.
 */
#ifndef RAFT_MEMBERS_H
#define RAFT_MEMBERS_H

#include "raft/types.h"

#include <stddef.h>

struct raft_member {
	raft_id id;
	raft_identity identity;
	bool voter;
	bool voter_before; /* of the set that a joint change leaves */
	bool leaves;
	bool joins;
	uint64_t place;
	raft_id replaces;
};

struct raft_members {
	uint32_t count;
	struct raft_member member[RAFT_MEMBERS_MAX]; /* ascending by id */
};

enum { RAFT_MEMBERS_SIZE_MAX = 8 + 48 * RAFT_MEMBERS_MAX };

static_assert(RAFT_MEMBERS_SIZE_MAX <= (int)RAFT_ENTRY_DATA_MAX, "a member table is one entry");

/* NULL if id is not a member. */
const struct raft_member *raft_members_find(const struct raft_members *members, raft_id id);

/* Two sets of voters decide: a change is under way. */
bool raft_members_joint(const struct raft_members *members);

/* How many vote; in a joint table, in the new set. */
uint32_t raft_members_voters(const struct raft_members *members);

/* How many are of the old set of a joint table; of a plain one: 0. */
uint32_t raft_members_voters_before(const struct raft_members *members);

/* The two may not have the places that they have (MT4). */
bool raft_members_places_clash(const struct raft_member *a, const struct raft_member *b);

/* It says none of what MT1 to MT5 forbid. */
bool raft_members_valid(const struct raft_members *members);

/* Returns the bytes written, at most RAFT_MEMBERS_SIZE_MAX. */
size_t raft_members_encode(const struct raft_members *members, uint8_t *out);

/* 0; -EINVAL if the bytes are not a table, or not a valid one. */
int raft_members_decode(struct raft_members *out, const uint8_t *data, size_t size);

#endif
