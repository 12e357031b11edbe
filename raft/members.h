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
 *		16    1 flags: 1 votes; 2 voted in the set before (joint consensus, thesis 4.3)
 *		17    7 zero
 *		24    8 place: its peer address, IPv4 << 16 | UDP port
 *		32    8 id of the member that it replaces; 0: none
 *		40    8 zero
 *
 * Little-endian. A member without flags is a learner. It takes effect when it is appended, not when
 * it is committed (thesis 4.1), and a new one is appended only after the one before it is
 * committed: a truncation undoes at most one.
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

/* Returns the bytes written, at most RAFT_MEMBERS_SIZE_MAX. */
size_t raft_members_encode(const struct raft_members *members, uint8_t *out);

/* 0; -EINVAL if the bytes are not a member table: version, size, order, duplicates, counts. */
int raft_members_decode(struct raft_members *out, const uint8_t *data, size_t size);

#endif
