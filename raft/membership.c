/*
 * The member table in force.
 *
 * The first one is what the cluster was formed with (raft/formation.h): it names each member's
 * directory by its identity, and nobody else speaks for that id (R7, D9b). Its first leader writes
 * it into the log. From then on the table of the newest *appended* MEMBERS entry is in force
 * (thesis 4.1); at most one such entry is uncommitted, so a truncation falls back to the table
 * before it.
 *
 * Who is in the table before, and in none that is in force, is a peer for a while: until its
 * removal is committed, for it may lead until then, and for one election timeout more, so that it
 * hears of it. It votes nowhere (R59).
 *
 * One that joins begins with a table that is committed, and that its log comes to later (D16).
 *
 * A table may also be told: by a member that knows it to be committed, to one whose log has not
 * come so far, because it was away. It is in force until the log comes to it, and has that table
 * there, or another thing: then it was a lie, or what the log has is not committed. The log's own
 * tables are kept beside it, and they alone decide who leads (V28); and so is what is known of the
 * members that it lacks.
 *
 * And one may be met whom no table has that this member knows: see raft_meet.
 */
#include "raft/internal.h"

#include <string.h>

/*
 * So many election timeouts without a leader a table that was told is in force. By a true one
 * somebody leads sooner, or this member is told it again, by whom it asks for a vote.
 */
enum { TOLD_TIMEOUTS = 10 };

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

/* Who left by the table in force is a peer. */
static bool gone_stay(const struct raft *r)
{
	return !r->gone_over && r->told_index == 0;
}

/* Another directory under its id is another one: nothing of it is of that one (R7). */
static const struct raft_member *as_member(const struct raft_members *members,
					   const struct raft_peer *p)
{
	const struct raft_member *m = raft_members_find(members, p->id);

	return m && (p->identity == 0 || p->identity == m->identity) ? m : NULL;
}

static bool is_met(const struct raft *r, const struct raft_peer *p)
{
	return p->id == r->met && p->identity == r->met_identity;
}

/* Who left by the log's table, and may come back with the one before it, is its own too. */
static const struct raft_member *log_member(const struct raft *r, raft_id id)
{
	const struct raft_member *m = raft_members_find(&r->members, id);

	return m || r->gone_over ? m : raft_members_find(&r->members_before, id);
}

/* Of whom the log has no more, or with another directory. */
static void asides_free(struct raft *r)
{
	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		struct raft_aside *a = &r->aside[i];
		const struct raft_member *m = log_member(r, a->id);

		if (!m || m->identity != a->identity)
			*a = (struct raft_aside){0};
	}
}

/* One of each id. NULL: there is room for no more. */
static struct raft_aside *aside_take(struct raft *r, raft_id id)
{
	struct raft_aside *free = NULL;

	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		struct raft_aside *a = &r->aside[i];

		if (a->id == id)
			return a;
		if (!free && a->id == 0)
			free = a;
	}
	return free;
}

/*
 * Whom a table that was told lacks: that may be a lie, and what is known of him is asked for as
 * soon as it is over, by him or by this member itself (D9c, V28). Of a directory that the log does
 * not have there is nothing to be kept, nor of who is none yet.
 */
static void put_aside(struct raft *r, const struct raft_peer *p)
{
	const struct raft_member *m = log_member(r, p->id);
	struct raft_aside *a;

	if (r->told_index == 0 || !m || p->identity != m->identity)
		return;
	a = aside_take(r, p->id);
	if (!a)
		return;
	a->id = p->id;
	a->identity = p->identity;
	a->witness = p->witness;
	memcpy(a->acknowledged, p->acknowledged, sizeof(a->acknowledged));
}

static void take_back(struct raft *r, struct raft_peer *p)
{
	for (uint32_t i = 0; i < RAFT_MEMBERS_MAX; i++) {
		struct raft_aside *a = &r->aside[i];

		if (a->id != p->id || a->identity != p->identity)
			continue;
		p->witness = a->witness;
		memcpy(p->acknowledged, a->acknowledged, sizeof(p->acknowledged));
		*a = (struct raft_aside){0};
	}
}

static void places_free(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		if (is_met(r, p) || as_member(raft_get_members(r), p) ||
		    (gone_stay(r) && as_member(&r->members_before, p))) {
			/* Of those that are kept the tables say who votes: who is met does not. */
			p->gone = true;
			p->voter = p->voter_before = false;
			continue;
		}
		put_aside(r, p);
		memset(p, 0, sizeof(*p));
	}
}

static void place_begin(struct raft *r, struct raft_peer *p, raft_id id)
{
	put_aside(r, p); /* who was met is in no table */
	memset(p, 0, sizeof(*p));
	p->id = id;
	p->reads = raft_reads_of(r, id); /* it may have been a member before */
	raft_peer_reset(p, r->window.last + 1, r->heartbeat_us, r->now_us);
}

/*
 * NULL: there is none. Who is in force takes that of one who is gone: honest tables leave room for
 * both (raft/change.c), and no other one is to end this member.
 */
static struct raft_peer *place_take(struct raft *r, raft_id id, bool gone)
{
	struct raft_peer *p = NULL;

	for (uint32_t i = 0; !p && i < RAFT_PLACES_MAX; i++) {
		if (r->place[i].id == 0)
			p = &r->place[i];
	}
	for (uint32_t i = 0; !p && !gone && i < RAFT_PLACES_MAX; i++) {
		if (!raft_members_find(raft_get_members(r), r->place[i].id))
			p = &r->place[i];
	}
	if (p)
		place_begin(r, p, id);
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

static bool peer_has(const struct raft *r, raft_id id)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		if (r->peer[i]->id == id)
			return true;
	}
	return false;
}

/* Those in force are known before the others: of these there may be more than places. */
static void peers_take(struct raft *r, const struct raft_members *members, bool gone)
{
	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];
		struct raft_peer *p;

		if (m->id == r->id || (gone && raft_members_find(raft_get_members(r), m->id)))
			continue;
		p = raft_peer_find(r, m->id);
		if (!p)
			p = place_take(r, m->id, gone);
		else if (!as_member(members, p) && !(m->identity == 0 && is_met(r, p)))
			place_begin(r, p, m->id); /* it was met, or is of the table before */
		assert(p || gone);
		if (!p)
			return;
		p->gone = gone;
		p->voter = m->voter && !gone;
		p->voter_before = m->voter_before && !gone;
		p->identity = m->identity;
		r->gone += gone;
		take_back(r, p);
	}
}

/* In a place of his own if he is in no table, and there is one left beside those who are. */
static void met_take(struct raft *r)
{
	struct raft_peer *p = raft_peer_find(r, r->met);

	if (r->met == 0)
		return;
	if (!p) {
		p = place_take(r, r->met, true);
		if (!p)
			return;
		p->gone = true;
		peers_list(r);
	}
	if (p->identity == 0)
		p->identity = r->met_identity;
	take_back(r, p);
}

/* A place keeps its number, and so its fetch slot, for as long as its member is a peer. */
void raft_places_sync(struct raft *r)
{
	const struct raft_members *members = raft_get_members(r);
	const struct raft_member *self = raft_members_find(members, r->id);
	bool here = self && self->identity == r->identity;

	asides_free(r);
	places_free(r);
	r->gone = 0;
	r->voter = here && self->voter;
	r->voter_before = here && self->voter_before;
	peers_take(r, members, false);
	if (gone_stay(r))
		peers_take(r, &r->members_before, true);
	peers_list(r);
	met_take(r);
	r->voters = raft_members_voters(members);
	r->quorum = r->voters / 2 + 1;
	r->voters_before = raft_members_voters_before(members);
	r->quorum_before = r->voters_before ? r->voters_before / 2 + 1 : 0;
	r->members_generation++;
}

const struct raft_members *raft_get_members(const struct raft *r)
{
	return r->told_index ? &r->told : &r->members;
}

const struct raft_members *raft_get_log_members(const struct raft *r)
{
	return &r->members;
}

uint64_t raft_members_generation(const struct raft *r)
{
	return r->members_generation;
}

void raft_get_peers(const struct raft *r, struct raft_members *out)
{
	*out = *raft_get_members(r);
	if (!gone_stay(r))
		return;
	for (uint32_t i = 0; i < r->members_before.count && out->count < RAFT_MEMBERS_MAX; i++) {
		const struct raft_member *m = &r->members_before.member[i];

		if (raft_members_find(&r->members, m->id) || !peer_has(r, m->id))
			continue;
		out->member[out->count++] = *m;
	}
}

void raft_members_adopt(struct raft *r, const struct raft_members *members, raft_index index)
{
	if (index <= r->members_index)
		return; /* of a log that has not come to the table that it began with */
	r->members_before = r->members;
	r->members_before_index = r->members_index;
	r->members = *members;
	r->members_index = index;
	r->gone_over = false;
	r->gone_us = 0;
	raft_places_sync(r);
}

void raft_members_rollback(struct raft *r, raft_index from)
{
	if (r->members_index < from || r->members_index <= r->members_begun)
		return;
	assert(r->members_before_index < from || r->members_before_index <= r->members_begun);
	r->members = r->members_before;
	r->members_index = r->members_before_index;
	r->gone_over = true; /* nobody was gone before it: at most one table is taken back */
	raft_places_sync(r);
}

void raft_members_told(struct raft *r, const struct raft_members *members, raft_index index)
{
	assert(!r->in_ready);
	/* A log that ends behind it lacks nothing that it tells. */
	if (index <= r->members_index || index <= r->told_index || index <= r->window.last ||
	    r->role == RAFT_LEADER)
		return;
	r->told = *members;
	r->told_index = index;
	r->told_timeouts = 0;
	raft_places_sync(r);
	/* R37: it asks nobody any more; nor is it elected by a table that its log has not (V28). */
	if (r->role != RAFT_FOLLOWER)
		raft_follower_become(r, r->hard.term, 0);
	raft_changed(r);
}

static void told_end(struct raft *r)
{
	r->told = (struct raft_members){0};
	r->told_index = 0;
	raft_places_sync(r);
	memset(r->aside, 0, sizeof(r->aside)); /* who is left by the log's table too */
}

/*
 * A snapshot took the place of the log and of the tables in it (R34). Its own table is committed
 * (R35); so is the one that this member began with, which may be newer.
 */
void raft_members_installed(struct raft *r, const struct raft_members *members, raft_index index)
{
	bool newer = r->members_begun > index;

	if (newer && r->members_before_index == r->members_begun) {
		r->members = r->members_before;
		r->members_index = r->members_begun;
	} else if (!newer || r->members_index != r->members_begun) {
		r->members = *members;
		r->members_index = index;
	}
	r->members_before = r->members;
	r->members_before_index = r->members_index;
	r->gone_over = true;
	if (r->told_index && r->told_index <= r->window.last)
		told_end(r);
	else
		raft_places_sync(r);
}

/* After one that no leader was heard in. */
void raft_told_timeout(struct raft *r)
{
	if (r->told_index && ++r->told_timeouts == TOLD_TIMEOUTS)
		told_end(r);
}

/*
 * After what a leader sent, which has committed so far. If that is of its own term, all is before
 * it that was committed when it was elected, and it knows what was since.
 */
void raft_told_judge(struct raft *r, raft_index commit)
{
	bool denied = commit < r->told_index && raft_window_has(&r->window, commit) &&
		      raft_window_term(&r->window, commit) == r->hard.term;

	r->told_timeouts = 0;
	if (r->told_index && (r->told_index <= r->window.last || denied))
		told_end(r);
}

void raft_meet(struct raft *r, raft_id id, raft_identity identity)
{
	assert(!r->in_ready);
	assert(id != r->id);
	if (r->role == RAFT_LEADER)
		return;
	r->met = id;
	r->met_identity = identity;
	raft_places_sync(r);
	raft_changed(r);
}

/* Their removal is committed, and they had time to hear of it. */
void raft_members_tick(struct raft *r)
{
	if (r->gone == 0 || r->commit < r->members_index)
		return;
	if (r->gone_us == 0)
		r->gone_us = r->now_us + r->election_us_max;
	if (r->now_us < r->gone_us)
		return;
	r->gone_over = true;
	raft_places_sync(r);
}

uint64_t raft_members_deadline(const struct raft *r)
{
	return r->gone > 0 && r->gone_us > 0 ? r->gone_us : UINT64_MAX;
}

/* Appended and in force at once. The caller made sure of room. */
void raft_members_put(struct raft *r, const struct raft_members *members)
{
	const struct raft_entry entry = {
		.index = r->window.last + 1,
		.term = r->hard.term,
		.data = r->members_data,
		.size = (uint16_t)raft_members_encode(members, r->members_data),
		.type = RAFT_ENTRY_MEMBERS,
		.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
	};

	assert(r->role == RAFT_LEADER);
	raft_log_append(r, &entry);
	raft_members_adopt(r, members, entry.index);
}
