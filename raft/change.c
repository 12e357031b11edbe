/*
 * Changes of members (raft/change.h has the rules, CH1 to CH8). A change of voters is drafted as a
 * joint table, whose old set is the voters in force; if the new set is the same in the end, the
 * draft is made plain again.
 */
#include "raft/change.h"

#include "raft/window.h"

#include "base/mix.h"

#include <string.h>

enum {
	/*
	 * So far behind what is committed a member may be, and count: a quarter of what the window
	 * takes in before a write has to wait for it.
	 */
	BEHIND_MAX = RAFT_WINDOW_SLOTS / 4,
};

/* It is committed in one step. */
static_assert(RAFT_WINDOW / 4 > (int)RAFT_CHAIN_MAX, "the largest command puts nobody behind");

struct draft {
	const struct raft_change_view *view;
	struct raft_members next;
	struct raft_refusal *refusal;
};

static bool refuse(struct draft *d, enum raft_refusal_reason reason, raft_id id, raft_id other)
{
	*d->refusal = (struct raft_refusal){.reason = reason, .id = id, .other = other};
	return false;
}

static bool refuse_counted(struct draft *d, enum raft_refusal_reason reason, raft_id id,
			   uint64_t have, uint64_t need)
{
	*d->refusal = (struct raft_refusal){.reason = reason, .id = id, .have = have, .need = need};
	return false;
}

/* --- what the leader knows ------------------------------------------------------------------- */

static const struct raft_change_peer *peer_find(const struct raft_change_view *view, raft_id id)
{
	for (uint32_t i = 0; i < view->peer_count; i++) {
		if (view->peer[i].id == id)
			return &view->peer[i];
	}
	return NULL;
}

static uint64_t behind(const struct raft_change_view *view, const struct raft_change_peer *p)
{
	return p->match < view->commit ? view->commit - p->match : 0;
}

static bool caught_up(const struct raft_change_view *view, const struct raft_change_peer *p)
{
	return !p->installs && behind(view, p) <= BEHIND_MAX;
}

static bool counts(const struct raft_change_view *view, raft_id id)
{
	const struct raft_change_peer *p = peer_find(view, id);

	return id == view->id || (p && p->heard && p->holds && caught_up(view, p));
}

static bool may_lead(const struct raft_change_view *view, raft_id id)
{
	const struct raft_change_peer *p = peer_find(view, id);

	if (id == view->id)
		return !view->stateless;
	return p && counts(view, id) && !p->stateless && !p->unfit;
}

/* CH8: else what all had acknowledged would be nowhere, or served by nobody. */
static bool somebody_leads(struct draft *d)
{
	for (uint32_t i = 0; i < d->next.count; i++) {
		if (d->next.member[i].voter && may_lead(d->view, d->next.member[i].id))
			return true;
	}
	return refuse(d, RAFT_REFUSED_NO_LEADER, 0, 0);
}

/* CH3, of the set before or of that after. */
static bool majority_counts(struct draft *d, bool before)
{
	uint32_t have = 0, voters = 0;

	for (uint32_t i = 0; i < d->next.count; i++) {
		const struct raft_member *m = &d->next.member[i];

		if (before ? m->voter_before : m->voter) {
			voters++;
			have += counts(d->view, m->id);
		}
	}
	if (have > voters / 2)
		return true;
	return refuse_counted(d, before ? RAFT_REFUSED_NO_QUORUM_NOW : RAFT_REFUSED_NO_QUORUM_THEN,
			      0, have, voters);
}

static bool moves(const struct draft *d, const struct raft_member *m)
{
	const struct raft_member *before = raft_members_find(d->view->members, m->id);

	return before && before->place != m->place;
}

/* CH6. */
static bool majority_stays(struct draft *d)
{
	uint32_t have = 0, voters = 0, moved = 0;

	for (uint32_t i = 0; i < d->next.count; i++) {
		const struct raft_member *m = &d->next.member[i];

		if (!m->voter)
			continue;
		voters++;
		moved += moves(d, m);
		have += !moves(d, m) && counts(d->view, m->id);
	}
	if (moved == 0 || have > voters / 2 || (voters <= 2 && moved == 1))
		return true;
	return refuse_counted(d, RAFT_REFUSED_MOVES, 0, have, voters);
}

static bool is_there(const struct draft *d, const struct raft_members *members)
{
	const struct raft_member *self = raft_members_find(members, d->view->id);

	return !self || self->place == 0 || d->view->place == 0 || self->place == d->view->place;
}

/* CH7 */
static bool leader_is_there(struct draft *d)
{
	if (is_there(d, d->view->members) || is_there(d, &d->next))
		return true;
	return refuse(d, RAFT_REFUSED_ELSEWHERE, d->view->id, 0);
}

/* CH1. A joint table counts as another change that is not done, unless it is to be left. */
static bool may_begin(struct draft *d)
{
	const struct raft_change_view *v = d->view;

	if (v->term_start == 0 || v->commit < v->term_start)
		return refuse(d, RAFT_REFUSED_NOT_READY, v->id, 0);
	if (v->members_index > v->commit || raft_members_joint(v->members))
		return refuse_counted(d, RAFT_REFUSED_BUSY, 0, v->members_index, 0);
	return true;
}

/* --- the draft ------------------------------------------------------------------------------- */

static void draft_begin(struct draft *d, const struct raft_change_view *view,
			struct raft_refusal *refusal)
{
	d->view = view;
	d->refusal = refusal;
	d->next = *view->members;
	for (uint32_t i = 0; i < d->next.count; i++)
		d->next.member[i].voter_before = d->next.member[i].voter;
}

static struct raft_member *member_find(struct draft *d, raft_id id)
{
	for (uint32_t i = 0; i < d->next.count; i++) {
		if (d->next.member[i].id == id)
			return &d->next.member[i];
	}
	return NULL;
}

/* Who is to take the place of id; NULL: nobody. */
static struct raft_member *successor_find(struct draft *d, raft_id id)
{
	for (uint32_t i = 0; i < d->next.count; i++) {
		if (d->next.member[i].replaces == id)
			return &d->next.member[i];
	}
	return NULL;
}

static void member_drop(struct draft *d, struct raft_member *m)
{
	struct raft_member *end = &d->next.member[--d->next.count];

	memmove(m, m + 1, (size_t)(end - m) * sizeof(*m));
	memset(end, 0, sizeof(*end));
}

/* A voter votes on until the joint form ends; nothing holds a learner. */
static void member_retire(struct draft *d, struct raft_member *m)
{
	if (!m->voter_before) {
		member_drop(d, m);
		return;
	}
	m->voter = false;
	m->leaves = true;
}

/* CH5. `nth`: of the changes of this entry. */
static raft_id id_draw(struct draft *d, uint32_t nth)
{
	const struct raft_change_view *v = d->view;
	const uint64_t entry = mix(mix(v->id) ^ v->term) ^ (v->last + 1);

	for (uint64_t salt = nth;; salt += RAFT_CHANGES_MAX) {
		raft_id id = mix(mix(entry) ^ salt);

		if (id != 0 && !member_find(d, id))
			return id;
	}
}

static bool member_insert(struct draft *d, struct raft_change *change, uint32_t nth,
			  const struct raft_member *as)
{
	uint32_t at = d->next.count;

	if (change->place == 0)
		return refuse(d, RAFT_REFUSED_PLACE_BAD, 0, 0);
	if (d->next.count == RAFT_MEMBERS_MAX)
		return refuse_counted(d, RAFT_REFUSED_MEMBERS_MAX, 0, 0, RAFT_MEMBERS_MAX);
	if (change->id == 0)
		change->id = id_draw(d, nth);
	if (raft_members_find(d->view->members, change->id) || member_find(d, change->id))
		return refuse(d, RAFT_REFUSED_ID_IN_USE, change->id, 0);
	for (; at > 0 && d->next.member[at - 1].id > change->id; at--)
		d->next.member[at] = d->next.member[at - 1];
	d->next.member[at] = *as;
	d->next.member[at].id = change->id;
	d->next.member[at].place = change->place;
	d->next.count++;
	return true;
}

/* --- each kind of change --------------------------------------------------------------------- */

static bool demote(struct draft *d, struct raft_member *m)
{
	if (!m->voter && !m->joins)
		return refuse(d, RAFT_REFUSED_NOT_VOTER, m->id, 0);
	m->voter = false;
	m->joins = false;
	m->replaces = 0;
	return true;
}

/* CH4 */
static bool promote(struct draft *d, struct raft_member *m)
{
	const struct raft_change_peer *p = peer_find(d->view, m->id);

	if (m->voter)
		return refuse(d, RAFT_REFUSED_NOT_LEARNER, m->id, 0);
	if (m->identity == 0)
		return refuse(d, RAFT_REFUSED_NOT_STARTED, m->id, 0);
	if (!p || !p->heard)
		return refuse(d, RAFT_REFUSED_NOT_HEARD, m->id, 0);
	if (!p->holds)
		return refuse(d, p->unconfirmed ? RAFT_REFUSED_UNCONFIRMED : RAFT_REFUSED_LOST,
			      m->id, 0);
	if (p->stateless || !caught_up(d->view, p))
		return refuse_counted(d, RAFT_REFUSED_BEHIND, m->id, behind(d->view, p),
				      BEHIND_MAX);
	struct raft_member *replaced = m->replaces ? member_find(d, m->replaces) : NULL;
	m->voter = true;
	m->joins = false;
	m->replaces = 0;
	if (replaced && replaced->voter)
		member_retire(d, replaced);
	return true;
}

static bool update(struct draft *d, struct raft_member *m, const struct raft_change *change)
{
	if (m->leaves) /* for one that is promoted by the same set */
		return refuse(d, RAFT_REFUSED_TWICE, m->id, 0);
	if (change->place == 0)
		return refuse(d, RAFT_REFUSED_PLACE_BAD, m->id, 0);
	m->place = change->place;
	return true;
}

static bool bind_to(struct draft *d, struct raft_member *m, const struct raft_change *change)
{
	if (m->identity != 0)
		return refuse(d, RAFT_REFUSED_BOUND, m->id, 0);
	if (change->identity == 0)
		return refuse(d, RAFT_REFUSED_IDENTITY_BAD, m->id, 0);
	for (uint32_t i = 0; i < d->next.count; i++) {
		if (d->next.member[i].identity == change->identity)
			return refuse(d, RAFT_REFUSED_IDENTITY_IN_USE, m->id, d->next.member[i].id);
	}
	m->identity = change->identity;
	return true;
}

/* A voter stays until the new one has caught up; a learner, on which nothing rests, does not. */
static bool replace(struct draft *d, struct raft_change *change, uint32_t nth)
{
	struct raft_member *old = member_find(d, change->replaced);
	struct raft_member as = {.joins = true, .replaces = change->replaced};

	if (!old)
		return refuse(d, RAFT_REFUSED_NOT_FOUND, change->replaced, 0);
	if (old->leaves)
		return refuse(d, RAFT_REFUSED_TWICE, old->id, 0);
	if (old->voter) {
		const struct raft_member *other = successor_find(d, old->id);

		if (other)
			return refuse(d, RAFT_REFUSED_REPLACED, old->id, other->id);
	} else {
		as.joins = old->joins;
		as.replaces = old->replaces;
		member_drop(d, old);
	}
	return member_insert(d, change, nth, &as);
}

static bool change_one(struct draft *d, struct raft_change *change, uint32_t nth)
{
	const struct raft_member as = {.joins = change->kind == RAFT_CHANGE_ADD};

	if (change->kind == RAFT_CHANGE_REPLACE)
		return replace(d, change, nth);
	if (change->kind == RAFT_CHANGE_ADD || change->kind == RAFT_CHANGE_ADD_LEARNER)
		return member_insert(d, change, nth, &as);
	struct raft_member *m = member_find(d, change->id);
	if (!m)
		return refuse(d, RAFT_REFUSED_NOT_FOUND, change->id, 0);
	if (change->kind == RAFT_CHANGE_DEMOTE)
		return demote(d, m);
	if (change->kind == RAFT_CHANGE_PROMOTE)
		return promote(d, m);
	if (change->kind == RAFT_CHANGE_UPDATE)
		return update(d, m, change);
	if (change->kind == RAFT_CHANGE_BIND)
		return bind_to(d, m, change);
	assert(change->kind == RAFT_CHANGE_REMOVE);
	member_retire(d, m);
	return true;
}

/* --- the end of a draft ---------------------------------------------------------------------- */

static bool members_fit(struct draft *d)
{
	for (uint32_t i = 0; i < d->next.count; i++) {
		const struct raft_member *m = &d->next.member[i];
		const struct raft_member *replaced = raft_members_find(&d->next, m->replaces);

		if (m->replaces != 0 && !(replaced && replaced->voter))
			return refuse(d, RAFT_REFUSED_REPLACED, m->replaces, m->id);
		for (uint32_t j = 0; j < d->next.count; j++) {
			const struct raft_member *other = &d->next.member[j];

			if (i != j && raft_members_places_clash(m, other))
				return refuse(d, RAFT_REFUSED_PLACE_IN_USE, m->id, other->id);
		}
	}
	return true;
}

/* Who is to vote has its place among the voters from the beginning: nobody catches up in vain. */
static bool voters_fit(struct draft *d)
{
	uint32_t voters = raft_members_voters(&d->next);

	if (voters == 0)
		return refuse(d, RAFT_REFUSED_NO_VOTER, 0, 0);
	for (uint32_t i = 0; i < d->next.count; i++)
		voters += d->next.member[i].joins && d->next.member[i].replaces == 0;
	if (voters > RAFT_VOTERS_MAX)
		return refuse_counted(d, RAFT_REFUSED_VOTERS_MAX, 0, voters, RAFT_VOTERS_MAX);
	return true;
}

static bool same(const struct raft_members *a, const struct raft_members *b)
{
	uint8_t as[RAFT_MEMBERS_SIZE_MAX], bs[RAFT_MEMBERS_SIZE_MAX];
	size_t size = raft_members_encode(a, as);

	return size == raft_members_encode(b, bs) && memcmp(as, bs, size) == 0;
}

static void plain_make(struct raft_members *members)
{
	for (uint32_t i = 0; i < members->count; i++)
		members->member[i].voter_before = false;
}

/* Who goes at once is told so for a while, and has his place meanwhile (raft/membership.c). */
static bool places_fit(struct draft *d)
{
	uint32_t count = d->next.count;

	for (uint32_t i = 0; i < d->view->members->count; i++)
		count += !raft_members_find(&d->next, d->view->members->member[i].id);
	if (count > RAFT_MEMBERS_MAX)
		return refuse_counted(d, RAFT_REFUSED_MEMBERS_MAX, 0, count, RAFT_MEMBERS_MAX);
	return true;
}

static bool draft_end(struct draft *d, struct raft_members *next)
{
	bool joint = false;

	if (!places_fit(d) || !members_fit(d) || !voters_fit(d) || !majority_counts(d, true) ||
	    !majority_counts(d, false) || !majority_stays(d) || !somebody_leads(d) ||
	    !leader_is_there(d))
		return false;
	for (uint32_t i = 0; i < d->next.count; i++)
		joint |= d->next.member[i].voter != d->next.member[i].voter_before;
	if (!joint)
		plain_make(&d->next);
	if (same(&d->next, d->view->members))
		return refuse(d, RAFT_REFUSED_NOTHING, 0, 0);
	assert(raft_members_valid(&d->next));
	*next = d->next;
	return true;
}

/* Ids that are to be drawn are nobody's yet. */
static bool each_once(struct draft *d, const struct raft_change *changes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const raft_id of[] = {changes[i].id, changes[i].replaced};

		assert(changes[i].kind > 0);
		assert(changes[i].kind < RAFT_CHANGE_KIND_END);
		if (of[0] != 0 && of[0] == of[1])
			return refuse(d, RAFT_REFUSED_TWICE, of[0], 0);
		for (uint32_t j = 0; j < 2 * i; j++) {
			const struct raft_change *c = &changes[j / 2];
			raft_id id = j % 2 ? c->replaced : c->id;

			if (id != 0 && (id == of[0] || id == of[1]))
				return refuse(d, RAFT_REFUSED_TWICE, id, 0);
		}
	}
	return true;
}

bool raft_change_make(const struct raft_change_view *view, struct raft_change *changes,
		      uint32_t count, struct raft_members *next, struct raft_refusal *refusal)
{
	struct draft d;

	assert(count <= RAFT_CHANGES_MAX);
	draft_begin(&d, view, refusal);
	if (!may_begin(&d) || !each_once(&d, changes, count))
		return false;
	for (int kind = 1; kind < RAFT_CHANGE_KIND_END; kind++) {
		for (uint32_t i = 0; i < count; i++) {
			if ((int)changes[i].kind == kind && !change_one(&d, &changes[i], i))
				return false;
		}
	}
	return draft_end(&d, next);
}

/* --- what the leader does by itself ---------------------------------------------------------- */

static void joint_leave(struct draft *d, struct raft_members *next)
{
	for (uint32_t i = d->next.count; i-- > 0;) {
		if (d->next.member[i].leaves)
			member_drop(d, &d->next.member[i]);
	}
	plain_make(&d->next);
	assert(raft_members_valid(&d->next));
	*next = d->next;
}

bool raft_change_step(const struct raft_change_view *view, struct raft_members *next)
{
	struct raft_refusal refusal;
	struct draft d;
	bool found = false;

	draft_begin(&d, view, &refusal);
	if (!may_begin(&d)) {
		if (refusal.reason != RAFT_REFUSED_BUSY || view->members_index > view->commit)
			return false;
		joint_leave(&d, next);
		return true;
	}
	for (uint32_t i = 0; i < d.next.count; i++) {
		if (d.next.member[i].joins)
			found |= promote(&d, &d.next.member[i]);
	}
	return found && draft_end(&d, next);
}
