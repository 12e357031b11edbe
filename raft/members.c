/*
 * The member table and its encoding. The table's meaning (bindings, the table in force) is in
 * raft/bind.c; here are only the bytes.
 */
#include "raft/members.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	VERSION = 1,
	HEADER_SIZE = 8,
	MEMBER_SIZE = 24,
	FLAG_VOTER = 1,
};

static_assert(HEADER_SIZE + MEMBER_SIZE * RAFT_MEMBERS_MAX == RAFT_MEMBERS_SIZE_MAX, "layout");

const struct raft_member *raft_members_find(const struct raft_members *members, raft_id id)
{
	for (uint32_t i = 0; i < members->count; i++) {
		if (members->member[i].id == id)
			return &members->member[i];
	}
	return NULL;
}

size_t raft_members_encode(const struct raft_members *members, uint8_t *out)
{
	assert(members->count <= RAFT_MEMBERS_MAX);
	memset(out, 0, HEADER_SIZE);
	out[0] = VERSION;
	out[1] = (uint8_t)members->count;
	for (uint32_t i = 0; i < members->count; i++) {
		uint8_t *p = out + HEADER_SIZE + MEMBER_SIZE * i;
		memset(p, 0, MEMBER_SIZE);
		bytes_put64(p, members->member[i].id);
		bytes_put64(p + 8, members->member[i].identity);
		p[16] = members->member[i].voter ? FLAG_VOTER : 0;
	}
	return HEADER_SIZE + (size_t)MEMBER_SIZE * members->count;
}

int raft_members_decode(struct raft_members *out, const uint8_t *data, size_t size)
{
	uint32_t voters = 0;

	if (size < HEADER_SIZE || data[0] != VERSION || data[1] == 0 ||
	    data[1] > RAFT_MEMBERS_MAX || !bytes_zero(data + 2, 6) ||
	    size != HEADER_SIZE + (size_t)MEMBER_SIZE * data[1])
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->count = data[1];
	for (uint32_t i = 0; i < out->count; i++) {
		const uint8_t *p = data + HEADER_SIZE + MEMBER_SIZE * i;
		struct raft_member *m = &out->member[i];
		m->id = bytes_get64(p);
		m->identity = bytes_get64(p + 8);
		m->voter = p[16] & FLAG_VOTER;
		voters += m->voter;
		if (m->id == 0 || (i > 0 && m->id <= out->member[i - 1].id) ||
		    (p[16] & ~FLAG_VOTER) != 0 || !bytes_zero(p + 17, 7))
			return -EINVAL;
	}
	return voters > 0 && voters <= RAFT_VOTERS_MAX ? 0 : -EINVAL;
}
