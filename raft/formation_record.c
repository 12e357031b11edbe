#include "raft/formation_record.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "raft/joined.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { VERSION = 1, HEADER_SIZE = 40, MEMBER_SIZE = 16 };

static_assert(HEADER_SIZE + MEMBER_SIZE * FORMATION_PLACES_MAX == FORMATION_RECORD_SIZE_MAX,
	      "layout");

uint32_t formation_record_encode(const struct formation *f, uint8_t out[FORMATION_RECORD_SIZE_MAX])
{
	const struct formation_table *t = &f->table;
	bool refused = f->next == FORMATION_REFUSED;
	uint32_t count = t->count;

	assert(count <= FORMATION_PLACES_MAX);
	memset(out, 0, FORMATION_RECORD_SIZE_MAX);
	out[0] = VERSION;
	out[1] = (uint8_t)f->next;
	out[2] = (uint8_t)count;
	bytes_put64(out + 8, t->digest);
	bytes_put64(out + 16, t->origin);
	bytes_put64(out + 24, f->cluster_id);
	bytes_put64(out + 32, refused ? t->member[f->refused_by].place : 0);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *at = out + HEADER_SIZE + (size_t)MEMBER_SIZE * i;

		bytes_put64(at, t->member[i].place);
		bytes_put64(at + 8, refused ? 0 : t->member[i].identity);
	}
	return HEADER_SIZE + MEMBER_SIZE * count;
}

uint64_t formation_origin(uint64_t hash)
{
	return hash ? hash : 1;
}

uint32_t formation_restored(const struct formation_table *table,
			    uint8_t out[FORMATION_RECORD_SIZE_MAX])
{
	const struct formation f = {.next = FORMATION_FRESH, .table = *table};

	assert(table->origin != 0);
	return formation_record_encode(&f, out);
}

/* How many have an identity, or -1: it is no table. */
static int members_decode(struct formation_table *t, const uint8_t *data)
{
	int known = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const uint8_t *at = data + (size_t)MEMBER_SIZE * i;
		struct formation_member *m = &t->member[i];

		m->place = bytes_get64(at);
		m->identity = bytes_get64(at + 8);
		if (m->place == 0 || (i > 0 && m->place <= t->member[i - 1].place))
			return -1;
		known += m->identity != 0;
	}
	return known;
}

/* FRESH: its own alone, and there is a reason for a record. */
static bool is_restored(const struct formation_table *t, int known, uint64_t cluster_id)
{
	return known == 1 && t->origin != 0 && cluster_id == 0;
}

static bool is_known(const struct formation_table *t, int known, uint64_t cluster_id)
{
	return known == (int)t->count && cluster_id == formation_cluster_id(t);
}

int formation_record_decode(struct formation *f, const uint8_t *data, uint32_t size)
{
	struct formation_table t = {0};

	if (size < HEADER_SIZE || data[0] != VERSION || data[1] < FORMATION_FRESH ||
	    data[1] > FORMATION_REFUSED || data[2] == 0 || data[2] > FORMATION_PLACES_MAX ||
	    !bytes_zero(data + 3, 5) || size != HEADER_SIZE + (uint32_t)MEMBER_SIZE * data[2])
		return -EBADMSG;
	enum formation_state state = (enum formation_state)data[1];
	bool refused = state == FORMATION_REFUSED;
	t.count = data[2];
	t.digest = bytes_get64(data + 8);
	t.origin = bytes_get64(data + 16);
	int known = members_decode(&t, data + HEADER_SIZE);
	uint64_t cluster_id = bytes_get64(data + 24);
	uint64_t refuser = bytes_get64(data + 32);
	if (state == FORMATION_FRESH ? !is_restored(&t, known, cluster_id)
	    : refused                ? known != 0 || cluster_id == 0
				     : !is_known(&t, known, cluster_id))
		return -EBADMSG;
	uint32_t by = 0;
	while (by < t.count && t.member[by].place != refuser)
		by++;
	if (refused != (by < t.count) || (refuser != 0 && !refused))
		return -EBADMSG;
	f->state = state;
	f->table = t;
	f->cluster_id = cluster_id;
	f->refused_by = by;
	return 0;
}

int formation_record_check(const uint8_t *data, uint32_t size, raft_term term, raft_index last)
{
	struct formation f = {.state = FORMATION_FRESH};
	struct raft_joined joined;

	if (raft_joined_is(data, size))
		return raft_joined_decode(&joined, data, size);
	int err = size > 0 ? formation_record_decode(&f, data, size) : 0;

	raft_index last_begun = f.table.origin ? FORMATION_ORIGIN_INDEX : 0;
	raft_term term_begun = f.table.origin ? FORMATION_ORIGIN_TERM : 0;
	bool used = term > term_begun || last > last_begun;

	if (err == 0 && (last < last_begun || (used && f.state != FORMATION_FORMED)))
		err = -ESTALE;
	return err;
}

uint64_t formation_cluster_id(const struct formation_table *t)
{
	uint64_t id = mix(t->digest ^ mix(t->origin ^ mix(t->count)));

	for (uint32_t i = 0; i < t->count; i++)
		id = mix(mix(id ^ t->member[i].place) ^ t->member[i].identity);
	return id ? id : 1;
}

raft_id formation_member_id(const struct formation *f, uint32_t place)
{
	const struct formation_member *m = &f->table.member[place];
	raft_id id = mix(mix(f->cluster_id ^ m->place) ^ mix(m->identity));

	return id ? id : 1;
}

void formation_members(const struct formation *f, struct raft_members *out)
{
	*out = (struct raft_members){0};
	assert(f->state == FORMATION_FORMED);
	for (uint32_t i = 0; i < f->table.count; i++) {
		struct raft_member member = {.id = formation_member_id(f, i),
					     .identity = f->table.member[i].identity,
					     .voter = true,
					     .place = f->table.member[i].place};
		uint32_t at = out->count++;

		for (; at > 0 && out->member[at - 1].id > member.id; at--)
			out->member[at] = out->member[at - 1];
		out->member[at] = member;
	}
}
