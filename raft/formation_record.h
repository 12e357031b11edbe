/*
 * The record of a directory's formation, as it lies in the log's directory, and the ids that follow
 * from a table:
 *
 *	offset size field
 *	     0    1 version (1)
 *	     1    1 state (enum formation_state; FRESH: restored, for else that is not a record)
 *	     2    1 count of members
 *	     3    5 zero
 *	     8    8 digest of the token and the member list
 *	    16    8 origin
 *	    24    8 cluster id: of the table, or REFUSED: of the cluster that refused it; FRESH: 0
 *	    32    8 REFUSED: the place that refused it; else 0
 *	    40   16 for each member: place (8), identity (8; REFUSED: 0; FRESH: 0 but its own)
 *
 * Little-endian. What is around it (a checksum, whose directory it is) is the log's affair.
 */
#ifndef RAFT_FORMATION_RECORD_H
#define RAFT_FORMATION_RECORD_H

#include "raft/formation.h"

/* Of the next state. Returns the bytes written. */
uint32_t formation_record_encode(const struct formation *f, uint8_t out[FORMATION_RECORD_SIZE_MAX]);

/* Fills in state, table, cluster_id and refused_by. 0 or -EBADMSG. */
int formation_record_decode(struct formation *f, const uint8_t *data, uint32_t size);

/*
 * Never 0. Two tables that differ in anything have different ids (but for a collision of 64 bits),
 * so a cluster that is formed anew, or from another member list, is another one.
 */
uint64_t formation_cluster_id(const struct formation_table *table);

#endif
