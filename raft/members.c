/*
 * The member table and its encoding. The table's meaning (who is in force) is in
 * raft/membership.c; here are only the bytes.
 */
#include "raft/members.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	VERSION = 2,
	HEADER_SIZE = 8,
	MEMBER_SIZE = 48,
	FLAG_VOTER = 1,
	FLAG_VOTER_BEFORE = 2,
	FLAGS = FLAG_VOTER | FLAG_VOTER_BEFORE,
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
		p[16] = (uint8_t)((members->member[i].voter ? FLAG_VOTER : 0) |
				  (members->member[i].voter_before ? FLAG_VOTER_BEFORE : 0));
		bytes_put64(p + 24, members->member[i].place);
		bytes_put64(p + 32, members->member[i].replaces);
	}
	return HEADER_SIZE + (size_t)MEMBER_SIZE * members->count;
}

static int member_decode(struct raft_member *m, const uint8_t *p)
{
	m->id = bytes_get64(p);
	m->identity = bytes_get64(p + 8);
	m->voter = p[16] & FLAG_VOTER;
	m->voter_before = p[16] & FLAG_VOTER_BEFORE;
	m->place = bytes_get64(p + 24);
	m->replaces = bytes_get64(p + 32);
	if (m->id == 0 || m->identity == 0 || (p[16] & ~FLAGS) != 0 || !bytes_zero(p + 17, 7) ||
	    !bytes_zero(p + 40, 8))
		return -EINVAL;
	return 0;
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
		struct raft_member *m = &out->member[i];

		if (member_decode(m, data + HEADER_SIZE + MEMBER_SIZE * i) ||
		    (i > 0 && m->id <= out->member[i - 1].id))
			return -EINVAL;
		voters += m->voter;
	}
	return voters > 0 && voters <= RAFT_VOTERS_MAX ? 0 : -EINVAL;
}
