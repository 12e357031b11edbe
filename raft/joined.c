#include "raft/joined.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	VERSION = 1,
	STATE_JOINED = 5,
	STATE_REMOVED = 6,
	STATE_FORCED = 7,
	HEADER_SIZE = 32,
	FORMERLY_SIZE = 8,
};

static_assert(HEADER_SIZE + RAFT_MEMBERS_SIZE_MAX == (int)RAFT_JOINED_SIZE_MAX, "layout");

static uint8_t state_of(const struct raft_joined *joined)
{
	if (joined->removed)
		return STATE_REMOVED;
	return joined->formerly ? STATE_FORCED : STATE_JOINED;
}

uint32_t raft_joined_encode(const struct raft_joined *joined, uint8_t out[RAFT_JOINED_SIZE_MAX])
{
	uint32_t size;

	memset(out, 0, HEADER_SIZE);
	out[0] = VERSION;
	out[1] = state_of(joined);
	bytes_put64(out + 8, joined->cluster_id);
	bytes_put64(out + 16, joined->id);
	bytes_put64(out + 24, joined->index);
	size = HEADER_SIZE + (uint32_t)raft_members_encode(&joined->members, out + HEADER_SIZE);
	if (out[1] != STATE_FORCED)
		return size;
	assert(joined->members.count == 1);
	bytes_put64(out + size, joined->formerly);
	return size + FORMERLY_SIZE;
}

bool raft_joined_is(const uint8_t *data, uint32_t size)
{
	return size > 1 && data[0] == VERSION && data[1] >= STATE_JOINED && data[1] <= STATE_FORCED;
}

static bool forced_valid(const struct raft_joined *joined)
{
	return joined->formerly != 0 && joined->formerly != joined->cluster_id &&
	       joined->members.count == 1 && !raft_members_joint(&joined->members);
}

int raft_joined_decode(struct raft_joined *out, const uint8_t *data, uint32_t size)
{
	bool forced = size > 1 && data[1] == STATE_FORCED;

	if (size < HEADER_SIZE + FORMERLY_SIZE || !raft_joined_is(data, size) ||
	    !bytes_zero(data + 2, 6))
		return -EBADMSG;
	if (forced)
		size -= FORMERLY_SIZE;
	*out = (struct raft_joined){
		.removed = data[1] == STATE_REMOVED,
		.cluster_id = bytes_get64(data + 8),
		.id = bytes_get64(data + 16),
		.index = bytes_get64(data + 24),
		.formerly = forced ? bytes_get64(data + size) : 0,
	};
	if (out->cluster_id == 0 || out->id == 0 || out->index == 0 ||
	    out->index > RAFT_INDEX_MAX ||
	    raft_members_decode(&out->members, data + HEADER_SIZE, size - HEADER_SIZE) != 0)
		return -EBADMSG;
	const struct raft_member *self = raft_members_find(&out->members, out->id);
	if (out->removed)
		return self ? -EBADMSG : 0;
	if (forced && !forced_valid(out))
		return -EBADMSG;
	return self && self->identity != 0 ? 0 : -EBADMSG;
}
