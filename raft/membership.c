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
	for (uint32_t i = 0; i < r->peer_count; i++) {
		if (r->peer[i]->id == id)
			return r->peer[i];
	}
	return NULL;
}

bool raft_peer_votes(const struct raft_peer *p)
{
	return p->voter || p->voter_before;
}

/* True if what it acknowledges counts: a voter that holds what it acknowledged before (D9c). */
bool raft_peer_counts(const struct raft_peer *p)
{
	return raft_peer_votes(p) && !p->lost && !p->unconfirmed;
}

bool raft_votes(const struct raft *r)
{
	return r->voter || r->voter_before;
}

/* No other member votes. */
bool raft_alone(const struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		if (raft_peer_votes(r->peer[i]))
			return false;
	}
	return true;
}

static void places_free(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		if (!raft_members_find(&r->members, p->id))
			memset(p, 0, sizeof(*p));
	}
}

static struct raft_peer *place_take(struct raft *r, raft_id id)
{
	struct raft_peer *p = NULL;

	for (uint32_t i = 0; !p && i < RAFT_PLACES_MAX; i++) {
		if (r->place[i].id == 0)
			p = &r->place[i];
	}
	assert(p);
	p->id = id;
	p->reads = raft_reads_of(r, id); /* it may have been a member before */
	raft_peer_reset(p, r->window.last + 1, r->heartbeat_us, r->now_us);
	return p;
}

static void peers_list(struct raft *r)
{
	r->peer_count = 0;
	for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
		if (r->place[i].id != 0)
			r->peer[r->peer_count++] = &r->place[i];
	}
}

/* A place keeps its number, and so its fetch slot, for as long as its member is in the table. */
void raft_places_sync(struct raft *r)
{
	uint32_t voters = 0, before = 0;

	places_free(r);
	r->voter = r->voter_before = false;
	for (uint32_t i = 0; i < r->members.count; i++) {
		const struct raft_member *m = &r->members.member[i];
		voters += m->voter;
		before += m->voter_before;
		if (m->id == r->id) {
			r->voter = m->voter && m->identity == r->identity;
			r->voter_before = m->voter_before && m->identity == r->identity;
			continue;
		}
		struct raft_peer *p = raft_peer_find(r, m->id);
		if (!p)
			p = place_take(r, m->id);
		p->voter = m->voter;
		p->voter_before = m->voter_before;
		p->identity = m->identity;
	}
	r->voters = voters;
	r->quorum = voters / 2 + 1;
	r->voters_before = before;
	r->quorum_before = before ? before / 2 + 1 : 0;
	peers_list(r);
	r->members_generation++;
}

const struct raft_members *raft_get_members(const struct raft *r)
{
	return &r->members;
}

uint64_t raft_members_generation(const struct raft *r)
{
	return r->members_generation;
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
