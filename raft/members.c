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
	FLAG_LEAVES = 4,
	FLAG_JOINS = 8,
	FLAGS_END = 16,

	/* A bit for each value that the flags may have. */
	FLAGS_SOUND = 1 << 0 | 1 << FLAG_JOINS | 1 << FLAG_VOTER |
		      1 << (FLAG_VOTER | FLAG_VOTER_BEFORE) | 1 << FLAG_VOTER_BEFORE |
		      1 << (FLAG_VOTER_BEFORE | FLAG_LEAVES),
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

bool raft_members_joint(const struct raft_members *members)
{
	return raft_members_voters_before(members) > 0;
}

uint32_t raft_members_voters(const struct raft_members *members)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < members->count; i++)
		count += members->member[i].voter;
	return count;
}

uint32_t raft_members_voters_before(const struct raft_members *members)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < members->count; i++)
		count += members->member[i].voter_before;
	return count;
}

static uint8_t flags_of(const struct raft_member *m)
{
	return (uint8_t)((m->voter ? FLAG_VOTER : 0) | (m->voter_before ? FLAG_VOTER_BEFORE : 0) |
			 (m->leaves ? FLAG_LEAVES : 0) | (m->joins ? FLAG_JOINS : 0));
}

/* By itself, and with whom it replaces. */
static bool member_valid(const struct raft_members *members, const struct raft_member *m)
{
	if (m->id == 0 || !(FLAGS_SOUND >> flags_of(m) & 1) ||
	    (m->identity == 0 && (m->voter || m->voter_before)))
		return false;
	if (m->replaces == 0)
		return true;
	const struct raft_member *replaced = raft_members_find(members, m->replaces);
	return m->joins && replaced && replaced->voter;
}

bool raft_members_places_clash(const struct raft_member *a, const struct raft_member *b)
{
	return a->place != 0 && a->place == b->place && !a->leaves && !b->leaves &&
	       a->replaces != b->id && b->replaces != a->id;
}

/* b comes after a. */
static bool pair_valid(const struct raft_member *a, const struct raft_member *b)
{
	return a->id < b->id && (a->identity == 0 || a->identity != b->identity) &&
	       (a->replaces == 0 || a->replaces != b->replaces) && !raft_members_places_clash(a, b);
}

bool raft_members_valid(const struct raft_members *members)
{
	if (members->count == 0 || members->count > RAFT_MEMBERS_MAX)
		return false;
	for (uint32_t i = 0; i < members->count; i++) {
		if (!member_valid(members, &members->member[i]))
			return false;
		for (uint32_t j = 0; j < i; j++) {
			if (!pair_valid(&members->member[j], &members->member[i]))
				return false;
		}
	}
	const uint32_t voters = raft_members_voters(members);
	return voters > 0 && voters <= RAFT_VOTERS_MAX &&
	       raft_members_voters_before(members) <= RAFT_VOTERS_MAX;
}

size_t raft_members_encode(const struct raft_members *members, uint8_t *out)
{
	assert(members->count <= RAFT_MEMBERS_MAX);
	memset(out, 0, HEADER_SIZE);
	out[0] = VERSION;
	out[1] = (uint8_t)members->count;
	for (uint32_t i = 0; i < members->count; i++) {
		uint8_t *p = out + HEADER_SIZE + MEMBER_SIZE * i;
		const struct raft_member *m = &members->member[i];

		memset(p, 0, MEMBER_SIZE);
		bytes_put64(p, m->id);
		bytes_put64(p + 8, m->identity);
		p[16] = flags_of(m);
		bytes_put64(p + 24, m->place);
		bytes_put64(p + 32, m->replaces);
	}
	return HEADER_SIZE + (size_t)MEMBER_SIZE * members->count;
}

static int member_decode(struct raft_member *m, const uint8_t *p)
{
	m->id = bytes_get64(p);
	m->identity = bytes_get64(p + 8);
	m->voter = p[16] & FLAG_VOTER;
	m->voter_before = p[16] & FLAG_VOTER_BEFORE;
	m->leaves = p[16] & FLAG_LEAVES;
	m->joins = p[16] & FLAG_JOINS;
	m->place = bytes_get64(p + 24);
	m->replaces = bytes_get64(p + 32);
	return p[16] < FLAGS_END && bytes_zero(p + 17, 7) && bytes_zero(p + 40, 8) ? 0 : -EINVAL;
}

int raft_members_decode(struct raft_members *out, const uint8_t *data, size_t size)
{
	if (size < HEADER_SIZE || data[0] != VERSION || data[1] > RAFT_MEMBERS_MAX ||
	    !bytes_zero(data + 2, 6) || size != HEADER_SIZE + (size_t)MEMBER_SIZE * data[1])
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->count = data[1];
	for (uint32_t i = 0; i < out->count; i++) {
		if (member_decode(&out->member[i], data + HEADER_SIZE + MEMBER_SIZE * i))
			return -EINVAL;
	}
	return raft_members_valid(out) ? 0 : -EINVAL;
}
