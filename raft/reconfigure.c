/*
 * The leader's part in changes of members (raft/change.h has the rules): it appends what was asked
 * for, leaves a joint table when that is committed, makes voters of those that have caught up, and
 * goes when it is no voter itself. Whatever it does by itself follows from the table in force
 * alone, so that any leader goes on with it (R58), and none does it twice.
 */
#include "raft/change.h"
#include "raft/internal.h"

static bool heard_lately(const struct raft *r, const struct raft_peer *p)
{
	return p->heard || (p->heard_us > 0 && r->now_us - p->heard_us < r->election_us_max);
}

static void view_make(const struct raft *r, struct raft_change_view *view)
{
	*view = (struct raft_change_view){
		.members = &r->members,
		.members_index = r->members_index,
		.id = r->id,
		.place = r->own_place,
		.term = r->hard.term,
		.term_start = r->term_start,
		.last = r->window.last,
		.commit = r->commit,
		.stateless = r->apply_held,
	};
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		if (p->gone)
			continue;
		view->peer[view->peer_count++] = (struct raft_change_peer){
			.id = p->id,
			.heard = heard_lately(r, p),
			.holds = !p->lost && !p->unconfirmed,
			.unconfirmed = p->unconfirmed && !p->lost,
			.installs = raft_peer_installs(r, p) || p->match < r->window.base,
			.stateless = p->stateless,
			.unfit = p->unfit,
			.match = p->match,
		};
	}
}

/* Beside the reserve of the window, as every entry but the first of a term (raft/window.h). */
static bool room(const struct raft *r)
{
	return r->window.last + 1 - r->commit <= RAFT_WINDOW_COMMANDS && raft_log_room(r, 1);
}

/* CH3: nothing was heard of it where it is now. */
static void movers_unheard(struct raft *r, const struct raft_members *next)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];
		const struct raft_member *before = raft_members_find(&r->members, p->id);
		const struct raft_member *then = raft_members_find(next, p->id);

		if (!before || !then || before->place == then->place)
			continue;
		p->heard = false;
		p->heard_us = 0;
	}
}

/* Fewer may be needed now, for what is held already and for what was echoed. */
static void put(struct raft *r, const struct raft_members *next)
{
	movers_unheard(r, next);
	raft_members_put(r, next);
	raft_commit_advance(r);
	raft_contact_echoed(r);
	raft_reads_confirm(r);
}

int raft_members_change(struct raft *r, struct raft_change *changes, uint32_t count,
			raft_index *index, struct raft_refusal *refusal)
{
	struct raft_change_view view;
	struct raft_members next;

	assert(!r->in_ready);
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (r->transfer.to || !room(r))
		return -EAGAIN;
	view_make(r, &view);
	if (!raft_change_make(&view, changes, count, &next, refusal))
		return -EPERM;
	put(r, &next);
	*index = r->members_index;
	raft_changed(r);
	return 0;
}

/* Who is to go hands over first: then another one ends the joint form. */
static bool gives_way(struct raft *r)
{
	if (r->voter || r->left_index == r->members_index)
		return r->transfer.to != 0;
	r->left_index = r->members_index;
	return raft_transfer(r, 0) == 0;
}

static bool something_is_due(const struct raft *r)
{
	if (r->quorum_before > 0)
		return r->members_index <= r->commit;
	for (uint32_t i = 0; i < r->members.count; i++) {
		if (r->members.member[i].joins && r->members.member[i].identity != 0)
			return true;
	}
	return false;
}

bool raft_reconfigure_tick(struct raft *r)
{
	struct raft_change_view view;
	struct raft_members next;

	/* R37: not before its removal is committed: until then it is needed. */
	if (!raft_votes(r) && r->members_index <= r->commit) {
		raft_transfer_away(r);
		return false;
	}
	if (!something_is_due(r) || !room(r) || r->transfer.to ||
	    (r->quorum_before > 0 && gives_way(r)))
		return true;
	view_make(r, &view);
	if (raft_change_step(&view, &next))
		put(r, &next);
	return true;
}
