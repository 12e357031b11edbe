/*
 * The member table in force.
 *
 * The first one is what the cluster was formed with (raft/formation.h): it names each member's
 * directory by its identity, and nobody else speaks for that id (R7, D9b). Its first leader writes
 * it into the log. From then on the table of the newest *appended* MEMBERS entry is in force
 * (thesis 4.1); at most one such entry is uncommitted, so a truncation falls back to the table
 * before it.
 */
#include "raft/internal.h"

#include <string.h>

struct raft_peer *raft_peer_find(struct raft *r, raft_id id)
{
	for (uint32_t i = 0; i < r->place_count; i++) {
		if (id != 0 && r->place[i].id == id)
			return &r->place[i];
	}
	return NULL;
}

/* True if what it acknowledges counts: a voter that holds what it acknowledged before (D9c). */
bool raft_peer_counts(const struct raft_peer *p)
{
	return p->id != 0 && p->voter && !p->lost && !p->unconfirmed;
}

bool raft_is_voter(const struct raft *r)
{
	const struct raft_member *self = raft_members_find(&r->members, r->id);

	return self && self->voter && self->identity == r->identity;
}

uint32_t raft_quorum(const struct raft *r)
{
	uint32_t voters = 0;

	for (uint32_t i = 0; i < r->members.count; i++)
		voters += r->members.member[i].voter;
	return voters / 2 + 1;
}

/* A place keeps its number, and so its fetch slot, for as long as its member is in the table. */
void raft_places_sync(struct raft *r)
{
	for (uint32_t i = 0; i < r->place_count; i++) {
		if (r->place[i].id != 0 && !raft_members_find(&r->members, r->place[i].id))
			memset(&r->place[i], 0, sizeof(r->place[i]));
	}
	r->place_count = RAFT_PLACES_MAX;
	for (uint32_t i = 0; i < r->members.count; i++) {
		const struct raft_member *m = &r->members.member[i];
		struct raft_peer *p = raft_peer_find(r, m->id);
		if (m->id == r->id)
			continue;
		for (uint32_t k = 0; !p && k < r->place_count; k++) {
			if (r->place[k].id == 0)
				p = &r->place[k];
		}
		assert(p);
		if (p->id == 0) {
			p->id = m->id;
			p->reads = raft_reads_of(r, m->id); /* it may have been a member before */
			raft_peer_reset(p, r->window.last + 1, r->heartbeat_us, r->now_us);
		}
		p->voter = m->voter;
		p->identity = m->identity;
	}
	while (r->place_count > 0 && r->place[r->place_count - 1].id == 0)
		r->place_count--;
}

void raft_members_adopt(struct raft *r, const struct raft_members *members, raft_index index)
{
	r->members_before = r->members;
	r->members_before_index = r->members_index;
	r->members = *members;
	r->members_index = index;
	raft_places_sync(r);
}

void raft_members_rollback(struct raft *r, raft_index from)
{
	if (r->members_index < from)
		return;
	assert(r->members_before_index < from);
	r->members = r->members_before;
	r->members_index = r->members_before_index;
	raft_places_sync(r);
}

/* The first entry of the first leader: the table that the cluster was formed with. */
void raft_members_append(struct raft *r)
{
	const struct raft_entry entry = {
		.index = r->window.last + 1,
		.term = r->hard.term,
		.data = r->members_data,
		.size = (uint16_t)raft_members_encode(&r->members, r->members_data),
		.type = RAFT_ENTRY_MEMBERS,
		.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
	};
	const struct raft_members same = r->members;

	assert(r->role == RAFT_LEADER);
	raft_log_append(r, &entry);
	raft_members_adopt(r, &same, entry.index);
}
