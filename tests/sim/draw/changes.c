/*
 * Orders to the leader: changes of members, as an operator asks for them, and hand-overs; what
 * became of them is in the log.
 */
#include "tests/sim/draw/draw.h"

#include "node/internal.h"
#include "raft/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CHANGES_AT_ONCE = 3, ORDER_SIZE = 512, ANSWER_SIZE = 1024 };

/* --- in words -------------------------------------------------------------------------------- */

static size_t line_text(const struct raft_change *c, char *out, size_t size)
{
	static const char *const word[RAFT_CHANGE_KIND_END] = {
		[RAFT_CHANGE_REMOVE] = "remove",           [RAFT_CHANGE_DEMOTE] = "demote",
		[RAFT_CHANGE_PROMOTE] = "promote",         [RAFT_CHANGE_UPDATE] = "update",
		[RAFT_CHANGE_REPLACE] = "replace",         [RAFT_CHANGE_ADD] = "add",
		[RAFT_CHANGE_ADD_LEARNER] = "add-learner",
	};
	raft_id who = c->kind == RAFT_CHANGE_REPLACE ? c->replaced : c->id;
	char place[NODE_PLACE_TEXT_SIZE];
	int used = snprintf(out, size, "%s", word[c->kind]);

	if (c->kind <= RAFT_CHANGE_UPDATE || c->kind == RAFT_CHANGE_REPLACE)
		used += snprintf(out + used, size - (size_t)used, " %" PRIx64, who);
	if (c->kind >= RAFT_CHANGE_UPDATE)
		used += snprintf(out + used, size - (size_t)used, " %s",
				 node_place_text(c->place, place));
	used += snprintf(out + used, size - (size_t)used, "\n");
	return (size_t)used;
}

static enum serve_status say(struct draw *d, uint32_t to, const char *text,
			     char answer[ANSWER_SIZE])
{
	size_t size = 0;
	enum serve_status status = node_order(d->w->node[to].node, (const uint8_t *)text,
					      (uint32_t)strlen(text), answer, ANSWER_SIZE, &size);

	answer[size] = '\0';
	return status;
}

/* The ids that were drawn are in the answer, in the order of the lines. */
static void ids_read(struct raft_change *changes, uint32_t count, const char *answer)
{
	int used = (int)strlen("done"), more;

	for (uint32_t i = 0; i < count; i++) {
		if (changes[i].kind < RAFT_CHANGE_REPLACE)
			continue;
		int read = sscanf(answer + used, " %" SCNx64 "%n", &changes[i].id, &more);

		assert(read == 1); /* an id for each new member */
		used += more;
	}
}

int draw_order(struct draw *d, uint32_t leader, struct raft_change *changes, uint32_t count)
{
	const struct node *n = d->w->node[leader].node;
	char text[ORDER_SIZE], answer[ANSWER_SIZE];
	size_t size = 0;

	for (uint32_t i = 0; i < count; i++)
		size += line_text(&changes[i], text + size, sizeof(text) - size);
	d->t->asked += count;
	if (say(d, leader, text, answer) != SERVE_OK || strncmp(answer, "done", 4) != 0) {
		sim_note(d->w, "node %u: %.60s: %.80s", leader, text, answer);
		d->t->refused += count;
		return -EPERM;
	}
	sim_note(d->w, "node %u, index %" PRIu64 ": %s", leader, n->raft->members_index, text);
	ids_read(changes, count, answer);
	for (uint32_t i = 0; i < count; i++) {
		const raft_id of = changes[i].kind == RAFT_CHANGE_REPLACE ? changes[i].replaced
									  : changes[i].id;

		assert(d->count < DRAW_CHANGES_MAX);
		d->change[d->count++] = (struct wanted_change){
			.change = changes[i],
			.index = n->raft->members_index,
			.term = n->raft->hard.term,
			.of_leader = of == n->id,
		};
	}
	return 0;
}

/* --- what is asked for ----------------------------------------------------------------------- */

static int leader_draw(struct draw *d)
{
	struct sim_world *w = d->w;
	uint32_t at = draw_below(d, w->node_count);

	for (uint32_t k = 0; k < w->node_count; k++) {
		uint32_t i = (at + k) % w->node_count;
		const struct node *n = w->node[i].node;

		if (n && n->raft && raft_get_role(n->raft) == RAFT_LEADER &&
		    w->node[i].paused_until_ns <= w->now_ns)
			return (int)i;
	}
	return -1;
}

static uint64_t place_new(struct draw *d)
{
	/* 198.18.0.128 and on: neither a host's first address nor a client's. */
	return (uint64_t)(0xc6120080u + d->places++ % 120) << 16 | WIRE_PORT_PEER;
}

/* Nothing else changes meanwhile: the leader sees to it that others are enough for that. */
static bool may_move(const struct draw *d, raft_id id, uint32_t count)
{
	const struct raft_members *t = &sim_table(d->w)->members;
	const struct raft_member *m = raft_members_find(t, id);

	/* Who is bound, and has not heard so, is found by nobody who looks for a member. */
	return count == 1 && m && draw_host_of(d, id) < d->w->node_count && !draw_anybody_lost(d) &&
	       draw_at_rest(d);
}

/* Who is lost leaves, or is replaced; whoever else leaves might be one too many. */
static bool careful(const struct draw *d, const struct raft_change *c)
{
	raft_id of = c->kind == RAFT_CHANGE_REPLACE ? c->replaced : c->id;

	if (!draw_anybody_lost(d) || c->kind == RAFT_CHANGE_UPDATE || c->kind >= RAFT_CHANGE_ADD)
		return true;
	return of == d->lost && (c->kind == RAFT_CHANGE_REMOVE || c->kind == RAFT_CHANGE_REPLACE);
}

/* False: there is no host for it. */
static bool place_draw(struct draw *d, struct raft_change *c, const struct raft_member *m)
{
	uint32_t host = draw_host_of(d, m->id);

	if (c->kind < RAFT_CHANGE_UPDATE)
		return true;
	if (c->kind == RAFT_CHANGE_UPDATE) {
		c->place = place_new(d);
		return true;
	}
	/* Where it stands: a host has one address, and what was there is gone. */
	if (c->kind == RAFT_CHANGE_REPLACE && host < d->w->node_count && d->w->node[host].lost) {
		c->place = sim_node_place(d->w, host);
		if (draw_below(d, 2))
			return true;
	}
	host = draw_host_free(d);
	if (host == d->w->node_count)
		return c->place != 0;
	c->place = sim_node_place(d->w, host);
	return true;
}

static bool change_draw(struct draw *d, struct raft_change *c, uint32_t count,
			const struct node *leader)
{
	static const enum raft_change_kind kind[] = {
		RAFT_CHANGE_ADD,     RAFT_CHANGE_ADD,     RAFT_CHANGE_ADD_LEARNER,
		RAFT_CHANGE_REPLACE, RAFT_CHANGE_REPLACE, RAFT_CHANGE_REMOVE,
		RAFT_CHANGE_REMOVE,  RAFT_CHANGE_PROMOTE, RAFT_CHANGE_PROMOTE,
		RAFT_CHANGE_DEMOTE,  RAFT_CHANGE_UPDATE,  RAFT_CHANGE_UPDATE,
	};
	const struct raft_members *t = raft_get_members(leader->raft);
	const struct raft_member *m = &t->member[draw_below(d, t->count)];

	if (draw_below(d, 4) == 0 && raft_members_find(t, leader->id))
		m = raft_members_find(t, leader->id);
	*c = (struct raft_change){.kind = kind[draw_below(d, sizeof(kind) / sizeof(kind[0]))]};
	if (c->kind == RAFT_CHANGE_REPLACE)
		c->replaced = m->id;
	else if (c->kind < RAFT_CHANGE_REPLACE)
		c->id = m->id;
	if (c->kind == RAFT_CHANGE_UPDATE && !may_move(d, c->id, count))
		return false;
	return place_draw(d, c, m) && careful(d, c);
}

void draw_change(struct draw *d)
{
	struct raft_change change[CHANGES_AT_ONCE];
	uint32_t count = draw_below(d, 3) == 0 ? 1 + draw_below(d, CHANGES_AT_ONCE) : 1;
	int leader = leader_draw(d);

	if (leader < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (!change_draw(d, &change[i], count, d->w->node[leader].node))
			return;
		/* One that was removed, and its host was wanted for another. */
		if (!d->w->node[leader].node || !d->w->node[leader].node->raft)
			return;
	}
	if (draw_order(d, (uint32_t)leader, change, count) == 0 &&
	    change[0].kind == RAFT_CHANGE_UPDATE)
		draw_moves(d, change[0].id, change[0].place);
}

void draw_transfer(struct draw *d)
{
	char text[64], answer[ANSWER_SIZE];
	int leader = leader_draw(d);

	if (leader < 0)
		return;
	const struct raft_members *t = raft_get_members(d->w->node[leader].node->raft);
	const raft_id to = t->member[draw_below(d, t->count)].id;

	snprintf(text, sizeof(text), "move-leader %" PRIx64, to);
	say(d, (uint32_t)leader, text, answer);
	sim_note(d->w, "node %d: %s: %.60s", leader, text, answer);
	d->t->transfers += strncmp(answer, "done", 4) == 0;
}

/* --- what it should come to ------------------------------------------------------------------ */

void draw_check_members(struct draw *d)
{
	const struct sim_world *w = d->w;
	struct raft_members formed = {.count = 0};
	static struct wanted wanted;
	uint32_t done = 0;

	for (uint32_t i = 0; i < w->table_count; i++) {
		const struct sim_table *t = &w->table[i];
		const struct raft_members *before = i > 0 ? &w->table[i - 1].members : &formed;

		/* The first is of those who formed the cluster, unless its leader was quick. */
		if (i == 0) {
			wanted_begin(&wanted, &t->members);
			continue;
		}
		done += wanted_entry(&wanted, d->change, d->count, t->index, t->term, before,
				     &t->members, &d->t->of_leaders);
		d->t->joints += raft_members_joint(&t->members);
	}
	d->t->tables += w->table_count;
	d->t->done += done;
	d->t->rolled_back += d->count - done;
	for (uint32_t i = 0; i < wanted.count; i++) {
		raft_id id = wanted.member[i].id;
		const struct raft_members *now = &sim_table(w)->members;

		if (wanted_is(now, id) != wanted_of(&wanted, id))
			sim_fail(w, draw_host_of(d, id), "not what was asked for it to be", id,
				 wanted_of(&wanted, id));
	}
	for (uint32_t i = 0; i < sim_table(w)->members.count; i++) {
		raft_id id = sim_table(w)->members.member[i].id;

		if (wanted_of(&wanted, id) == WANTED_GONE)
			sim_fail(w, draw_host_of(d, id), "nobody asked for it", id, 0);
	}
}
