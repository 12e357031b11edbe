/*
 * The member table in force, and the binding of identities to ids.
 *
 * The table of the newest *appended* MEMBERS entry is in force (thesis 4.1); at most one such entry
 * is uncommitted, so a truncation falls back to the table before it. An identity is bound once, by
 * the first leader that learns it, and from then on nobody else speaks for that id (R7, D9b).
 */
#include "raft/internal.h"

#include <string.h>

struct raft_peer *raft_peer_find(struct raft *r, raft_id id)
{
	for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
		if (id != 0 && r->place[i].id == id)
			return &r->place[i];
	}
	return NULL;
}

/*
 * True if its acknowledgements count: it is bound, and all that it told this leader it told under
 * that identity.
 */
bool raft_peer_counts(const struct raft_peer *p)
{
	return p->id != 0 && p->voter && p->bound != 0 && p->identity == p->bound;
}

bool raft_is_voter(const struct raft *r)
{
	const struct raft_member *self = raft_members_find(&r->members, r->id);

	return self && self->voter;
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
	const struct raft_member *self = raft_members_find(&r->members, r->id);

	for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
		if (r->place[i].id != 0 && !raft_members_find(&r->members, r->place[i].id))
			memset(&r->place[i], 0, sizeof(r->place[i]));
	}
	for (uint32_t i = 0; i < r->members.count; i++) {
		const struct raft_member *m = &r->members.member[i];
		struct raft_peer *p = raft_peer_find(r, m->id);
		if (m->id == r->id)
			continue;
		for (uint32_t k = 0; !p && k < RAFT_PLACES_MAX; k++) {
			if (r->place[k].id == 0)
				p = &r->place[k];
		}
		assert(p);
		if (p->id == 0) {
			p->id = m->id;
			raft_peer_reset(p, r->window.last + 1, r->heartbeat_us, r->now_us);
		}
		p->voter = m->voter;
		p->bound = m->identity;
	}
	r->self_replaced = self && self->identity != 0 && self->identity != r->identity;
}

void raft_members_adopt(struct raft *r, const struct raft_members *members, raft_index index)
{
	r->members_before = r->members;
	r->members_before_index = r->members_index;
	r->members = *members;
	r->members_index = index;
	r->members_generation++;
	raft_places_sync(r);
}

void raft_members_rollback(struct raft *r, raft_index from)
{
	if (r->members_index < from)
		return;
	assert(r->members_before_index < from);
	r->members = r->members_before;
	r->members_index = r->members_before_index;
	r->members_generation++;
	raft_places_sync(r);
}

/* True if a MEMBERS entry could bind an identity that is known and not yet in the table. */
bool raft_members_bindable(const struct raft *r)
{
	const struct raft_member *self = raft_members_find(&r->members, r->id);

	if (r->members_index > r->commit)
		return false; /* only one at a time */
	if (self && self->identity == 0)
		return true;
	for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
		const struct raft_peer *p = &r->place[i];
		if (p->id != 0 && p->bound == 0 && p->identity != 0)
			return true;
	}
	return false;
}

/* Appends the table with every identity bound that this leader knows. The caller made room. */
void raft_members_propose(struct raft *r)
{
	struct raft_members next = r->members;

	assert(r->role == RAFT_LEADER);
	for (uint32_t i = 0; i < next.count; i++) {
		struct raft_member *m = &next.member[i];
		const struct raft_peer *p = raft_peer_find(r, m->id);
		if (m->identity == 0 && (p || m->id == r->id))
			m->identity = p ? p->identity : r->identity;
	}
	const struct raft_entry entry = {
		.index = r->window.last + 1,
		.term = r->hard.term,
		.data = r->members_data,
		.size = (uint16_t)raft_members_encode(&next, r->members_data),
		.type = RAFT_ENTRY_MEMBERS,
		.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
	};
	raft_log_append(r, &entry);
	raft_members_adopt(r, &next, entry.index);
}

/* Binds members whose identity this leader has learned since its term began. */
void raft_members_bind(struct raft *r)
{
	if (r->role != RAFT_LEADER || r->term_start == 0 || !raft_members_bindable(r))
		return;
	if (r->window.last + 1 - r->commit > RAFT_WINDOW_COMMANDS || !raft_log_room(r, 1))
		return; /* tried again when something is committed or durable */
	raft_members_propose(r);
}
