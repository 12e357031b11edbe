/*
 * What stands in a snapshot's first block, beside the state: whose it is, and who the members were.
 *
 *	offset size field
 *	     0    4 version (1)
 *	     4    4 zero
 *	     8    8 cluster id
 *	    16    8 index of the entry of the member table that follows
 *	    24      the table (raft/members.h)
 */
#include "node/internal.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { HEAD_SIZE = 24 };

uint32_t node_snapshot_record_encode(const struct node *n, uint8_t out[NODE_SNAPSHOT_RECORD_MAX])
{
	const struct node_snapshot *s = &n->snapshot;

	static_assert((int)HEAD_SIZE + (int)RAFT_MEMBERS_SIZE_MAX <= (int)NODE_SNAPSHOT_RECORD_MAX,
		      "it fits");
	memset(out, 0, HEAD_SIZE);
	bytes_put32(out, NODE_SNAPSHOT_RECORD_VERSION);
	bytes_put64(out + 8, n->cluster_id);
	bytes_put64(out + 16, s->members_index);
	return HEAD_SIZE + (uint32_t)raft_members_encode(&s->members, out + HEAD_SIZE);
}

int node_snapshot_record(const uint8_t *record, uint32_t size, struct node_snapshot_record *out)
{
	if (size < HEAD_SIZE)
		return -EBADMSG;
	if (bytes_get32(record) != NODE_SNAPSHOT_RECORD_VERSION)
		return -EPROTO;
	if (bytes_get32(record + 4) != 0)
		return -EBADMSG;
	out->cluster_id = bytes_get64(record + 8);
	out->members_index = bytes_get64(record + 16);
	if (out->members_index == 0 ||
	    raft_members_decode(&out->members, record + HEAD_SIZE, size - HEAD_SIZE))
		return -EBADMSG;
	return 0;
}
