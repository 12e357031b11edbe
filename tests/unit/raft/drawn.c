/*
 * Changes of members, drawn (drawn.h).
 */
#include "tests/unit/raft/drawn.h"

#include "tests/unit/raft/check.h"

#include <assert.h>
#include <string.h>

/* ---- what may be asked for ---- */

static bool wiped(const struct cluster *c, raft_id id)
{
	return c->node[id - 1].wiped;
}

static bool any_wiped(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->members.count; i++) {
		if (wiped(c, c->members.member[i].id))
			return true;
	}
	return false;
}

static bool any_in_doubt(const struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		if (c->node[i].in_doubt && cluster_member(c, &c->node[i]))
			return true;
	}
	return false;
}

bool drawn_settled(const struct cluster *c)
{
	if (raft_members_joint(&c->members))
		return false;
	for (uint32_t i = 0; i < c->members.count; i++) {
		if (c->members.member[i].joins || c->members.member[i].identity == 0)
			return false;
	}
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];

		if (n->outside)
			continue;
		if (n->core && n->core->members_index > c->members_index)
			return false;
		for (raft_index k = n->disk.last; k > c->members_index; k--) {
			if (n->disk.entry[k].type == RAFT_ENTRY_MEMBERS)
				return false;
		}
	}
	return true;
}

static struct cluster_node *leader_draw(struct cluster *c)
{
	for (uint32_t at = (uint32_t)cluster_random(c, c->options.nodes), i = 0;
	     i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[(at + i) % c->options.nodes];

		if (n->core && !n->paused && raft_get_role(n->core) == RAFT_LEADER)
			return n;
	}
	return NULL;
}

/* Who is hurt leaves; whoever else leaves might be one too many. */
static bool careful(const struct cluster *c, const struct raft_change *change)
{
	if (!any_wiped(c) || change->kind >= RAFT_CHANGE_UPDATE)
		return change->kind != RAFT_CHANGE_REPLACE || !any_wiped(c) ||
		       wiped(c, change->replaced);
	return change->kind == RAFT_CHANGE_REMOVE && wiped(c, change->id);
}

static struct raft_change draw(struct cluster *c, struct drawn *d, const struct raft_members *of,
			       raft_id leader)
{
	static const enum raft_change_kind kind[] = {
		RAFT_CHANGE_ADD,     RAFT_CHANGE_ADD,     RAFT_CHANGE_ADD_LEARNER,
		RAFT_CHANGE_REPLACE, RAFT_CHANGE_REPLACE, RAFT_CHANGE_REMOVE,
		RAFT_CHANGE_REMOVE,  RAFT_CHANGE_PROMOTE, RAFT_CHANGE_PROMOTE,
		RAFT_CHANGE_DEMOTE,  RAFT_CHANGE_UPDATE,
	};
	struct raft_change change = {
		.kind = kind[cluster_random(c, sizeof(kind) / sizeof(kind[0]))]};
	const struct raft_member *m = &of->member[cluster_random(c, of->count)];
	const struct raft_member *self = raft_members_find(of, leader);

	if (self && cluster_random(c, 4) == 0)
		m = self;
	if (change.kind == RAFT_CHANGE_REPLACE)
		change.replaced = m->id;
	else if (change.kind < RAFT_CHANGE_BIND)
		change.id = m->id;
	if (change.kind >= RAFT_CHANGE_UPDATE)
		change.place = ++d->places;
	if (change.kind == RAFT_CHANGE_REPLACE && m->place != 0 && cluster_random(c, 2))
		change.place = m->place;
	return change;
}

/* Beside those that are asked for at once: a new one has the next free slot's number. */
static bool slots_give(const struct cluster *c, struct raft_change *change, uint32_t count)
{
	raft_id next = c->options.nodes;

	for (uint32_t i = 0; i < count; i++) {
		if (change[i].kind < RAFT_CHANGE_REPLACE)
			continue;
		change[i].id = ++next;
	}
	return next <= CLUSTER_NODES_MAX;
}

static int ask(struct cluster *c, struct drawn *d, struct drawn_totals *t, struct cluster_node *n,
	       struct raft_change *change, uint32_t count)
{
	struct raft_refusal refusal;
	raft_index index;
	raft_term term = raft_get_term(n->core);

	if (!slots_give(c, change, count))
		return -ENOSPC;
	int err = cluster_change(c, n, change, count, &index, &refusal);
	if (err) {
		t->refused += count;
		return err;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (change[i].kind >= RAFT_CHANGE_REPLACE)
			cluster_slot(c);
		check(c, d->count < DRAWN_MAX, "too many changes for their memory");
		d->change[d->count].change = change[i];
		d->change[d->count].index = index;
		d->change[d->count].term = term;
		d->change[d->count++].of_leader = change[i].kind < RAFT_CHANGE_PROMOTE
							  ? change[i].id == n->id
							  : change[i].replaced == n->id;
	}
	return 0;
}

void drawn_change(struct cluster *c, struct drawn *d, struct drawn_totals *t)
{
	struct cluster_node *n = leader_draw(c);
	struct raft_change change[3];
	uint32_t count = cluster_random(c, 3) == 0 ? 1 + (uint32_t)cluster_random(c, 3) : 1;

	if (!n || any_in_doubt(c))
		return;
	for (uint32_t i = 0; i < count; i++) {
		change[i] = draw(c, d, &n->core->members, n->id);
		if (!careful(c, &change[i]))
			return;
	}
	ask(c, d, t, n, change, count);
}

/* ---- coming and going ---- */

void drawn_join(struct cluster *c, struct drawn_totals *t)
{
	struct cluster_node *leader = leader_draw(c);
	struct cluster_node *teller = &c->node[cluster_random(c, c->options.nodes)];

	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		const struct raft_member *m;
		struct raft_refusal refusal;
		raft_index index;

		if (!n->outside || n->starts > 0)
			continue;
		if (teller->core && !teller->paused && cluster_join(c, n, teller)) {
			t->joined++;
			continue;
		}
		m = leader ? raft_members_find(&leader->core->members, n->id) : NULL;
		if (m && m->identity == 0) {
			struct raft_change bind = {
				.kind = RAFT_CHANGE_BIND, .id = n->id, .identity = n->identity};
			cluster_change(c, leader, &bind, 1, &index, &refusal);
			if (raft_get_role(leader->core) != RAFT_LEADER)
				leader = NULL;
		}
	}
}

void drawn_end(struct cluster *c, struct drawn_totals *t)
{
	struct cluster_node *n = &c->node[cluster_random(c, c->options.nodes)];
	struct raft_members members;

	if (!n->core || n->paused || cluster_known(n, &members) == 0 ||
	    raft_members_find(&members, n->id))
		return;
	cluster_crash(c, n, 0);
	n->outside = true;
	n->in_doubt = n->untold = false;
	n->asked_us = 0;
	t->ended++;
}

/* ---- in the end ---- */

bool drawn_heal(struct cluster *c, struct drawn *d, struct drawn_totals *t)
{
	struct cluster_node *leader = cluster_leader(c);
	bool done = true;

	drawn_join(c, t);
	if (!leader || leader->core->members_index > leader->core->commit ||
	    raft_members_joint(&leader->core->members))
		return false;
	for (uint32_t i = 0; i < leader->core->members.count; i++) {
		const struct raft_member *m = &leader->core->members.member[i];
		struct raft_change change = {.kind = RAFT_CHANGE_REMOVE, .id = m->id};

		if (!wiped(c, m->id)) {
			done = done && !m->joins && m->identity != 0;
			continue;
		}
		ask(c, d, t, leader, &change, 1);
		return false;
	}
	for (uint32_t i = 0; done && i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];

		if (raft_members_find(&c->members, n->id) &&
		    (!n->core || n->core->members_index != c->members_index))
			return false;
	}
	return done;
}

/* Those that begin to replace somebody with this table, and those that have done so. */
static void replacements_count(struct cluster *c, struct drawn_totals *t, raft_term began[],
			       const struct raft_members *members, raft_index index)
{
	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];
		raft_term term = c->canon.entry[index].term;

		if (m->replaces && !began[m->id])
			began[m->id] = term;
		if (!m->voter || raft_members_joint(members) || !began[m->id])
			continue;
		t->replaced++;
		t->finished_by_others += began[m->id] != term;
		began[m->id] = 0;
	}
}

void drawn_check(struct cluster *c, const struct drawn *d, struct drawn_totals *t)
{
	struct raft_members before, members = c->formed;
	raft_term began[CLUSTER_NODES_MAX + 1] = {0};
	static struct wanted w;
	uint64_t done = 0;

	wanted_begin(&w, &members);
	for (raft_index i = 1; i <= c->canon.last; i++) {
		const struct stored *s = &c->canon.entry[i];

		if (s->type != RAFT_ENTRY_MEMBERS)
			continue;
		before = members;
		check(c, raft_members_decode(&members, s->data, s->size) == 0, "a table");
		done += wanted_entry(&w, d->change, d->count, i, s->term, &before, &members,
				     &t->of_leaders);
		replacements_count(c, t, began, &members, i);
	}
	t->done += done;
	t->rolled_back += d->count - done;
	for (raft_id id = 1; id <= c->options.nodes; id++)
		check(c, wanted_is(&members, id) == wanted_of(&w, id),
		      "not the members that were asked for");
	t->leaders_removed += c->removed_leaders;
	t->tables += c->tables;
	t->joints += c->joints;
}
