#include "raft/joined.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum { VERSION = 1, STATE_JOINED = 5, STATE_REMOVED = 6, HEADER_SIZE = 32 };

static_assert(HEADER_SIZE + RAFT_MEMBERS_SIZE_MAX == (int)RAFT_JOINED_SIZE_MAX, "layout");

uint32_t raft_joined_encode(const struct raft_joined *joined, uint8_t out[RAFT_JOINED_SIZE_MAX])
{
	memset(out, 0, HEADER_SIZE);
	out[0] = VERSION;
	out[1] = joined->removed ? STATE_REMOVED : STATE_JOINED;
	bytes_put64(out + 8, joined->cluster_id);
	bytes_put64(out + 16, joined->id);
	bytes_put64(out + 24, joined->index);
	return HEADER_SIZE + (uint32_t)raft_members_encode(&joined->members, out + HEADER_SIZE);
}

bool raft_joined_is(const uint8_t *data, uint32_t size)
{
	return size > 1 && data[0] == VERSION &&
	       (data[1] == STATE_JOINED || data[1] == STATE_REMOVED);
}

int raft_joined_decode(struct raft_joined *out, const uint8_t *data, uint32_t size)
{
	if (size < HEADER_SIZE || !raft_joined_is(data, size) || !bytes_zero(data + 2, 6))
		return -EBADMSG;
	*out = (struct raft_joined){
		.removed = data[1] == STATE_REMOVED,
		.cluster_id = bytes_get64(data + 8),
		.id = bytes_get64(data + 16),
		.index = bytes_get64(data + 24),
	};
	if (out->cluster_id == 0 || out->id == 0 || out->index == 0 ||
	    out->index > RAFT_INDEX_MAX ||
	    raft_members_decode(&out->members, data + HEADER_SIZE, size - HEADER_SIZE) != 0)
		return -EBADMSG;
	const struct raft_member *self = raft_members_find(&out->members, out->id);
	if (out->removed)
		return self ? -EBADMSG : 0;
	return self && self->identity != 0 ? 0 : -EBADMSG;
}
