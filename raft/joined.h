/*
 * What a directory knows of a cluster that it did not form, kept in the place where a founder keeps
 * the record of formation. It joined: a member told it this while its log was still empty (D16). Or
 * it was removed, be it a founder's or not: then that is all there is left to know. Or its cluster
 * lost its majority for good, and it was made a cluster of its own, with the log that it has
 * (ADR 16).
 *
 *	offset size field
 *	     0    1 version (1, as formation's)
 *	     1    1 state, none of formation's: 5 it joined, 6 it was removed, 7 it was forced
 *	     2    6 zero
 *	     8    8 cluster id
 *	    16    8 id of the member whose directory this is, or was
 *	    24    8 index of the entry of the member table that follows, which is committed;
 *		    forced: of the last entry of the former cluster, so what an entry up to there
 *		    says of members is over
 *	    32      the table, as in an entry (raft/members.h); forced: of this member alone
 *	    88    8 forced: the former cluster's id
 *
 * Little-endian. The table names the directory's identity under that id; of one that was removed it
 * has neither.
 */
#ifndef RAFT_JOINED_H
#define RAFT_JOINED_H

#include "raft/members.h"

struct raft_joined {
	bool removed;
	uint64_t cluster_id;
	raft_id id;
	raft_index index;
	uint64_t formerly; /* not 0: forced, out of that cluster */
	struct raft_members members;
};

enum { RAFT_JOINED_SIZE_MAX = 32 + RAFT_MEMBERS_SIZE_MAX };

/* Returns the bytes written. */
uint32_t raft_joined_encode(const struct raft_joined *joined, uint8_t out[RAFT_JOINED_SIZE_MAX]);

/* The record is one of these, whole or not. */
bool raft_joined_is(const uint8_t *data, uint32_t size);

/* 0 or -EBADMSG. */
int raft_joined_decode(struct raft_joined *out, const uint8_t *data, uint32_t size);

#endif
