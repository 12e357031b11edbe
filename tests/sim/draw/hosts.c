/*
 * Hosts, and the members that run on them: who was added is started, who was moved moves, who was
 * removed ends; and a directory is lost.
 */
#include "tests/sim/draw/draw.h"

#include "node/internal.h"
#include "raft/internal.h"

#include <inttypes.h>

static const struct raft_members *members_now(const struct draw *d)
{
	return &sim_table(d->w)->members;
}

static bool of_table(const struct draw *d, raft_id member)
{
	return member && raft_members_find(members_now(d), member);
}

static bool of_place(const struct draw *d, uint32_t i, uint64_t place)
{
	return sim_node_place(d->w, i) == place;
}

uint32_t draw_host_of(const struct draw *d, raft_id member)
{
	const struct sim_world *w = d->w;
	uint32_t i = 0;

	while (i < w->node_count && w->node[i].member != member)
		i++;
	return i;
}

/* Whoever is up knows who it is; who was wiped stays bound until another one runs there. */
static void hosts_bind(struct draw *d)
{
	for (uint32_t i = 0; i < d->w->node_count; i++) {
		const struct node *n = d->w->node[i].node;

		if (!n || !n->raft)
			continue;
		if (d->w->node[i].lost && n->id == d->w->node[i].member)
			sim_fail(d->w, i, "F1: it lost its directory, and is let in", n->id, 0);
		if (d->w->node[i].member != n->id) {
			d->t->joined += node_joined(n);
			sim_note(d->w, "node %u is member %" PRIx64, i, n->id);
			d->w->node[i].member = n->id;
			d->w->node[i].lost = false;
		}
	}
}

/* In the table that is committed, or in one that may come to be. */
static bool needed(const struct draw *d, uint32_t i)
{
	const struct sim_world *w = d->w;
	raft_id member = w->node[i].member;

	if (of_table(d, member))
		return true;
	for (uint32_t j = 0; j < w->node_count; j++) {
		const struct node *n = w->node[j].node;

		if (!n || !n->raft)
			continue;
		for (uint32_t k = 0; k < n->raft->members.count; k++) {
			const struct raft_member *m = &n->raft->members.member[k];

			if ((m->id == member || of_place(d, i, m->place)) &&
			    n->raft->members_index > sim_table(w)->index)
				return true;
		}
	}
	for (uint32_t k = 0; k < members_now(d)->count; k++) {
		if (of_place(d, i, members_now(d)->member[k].place))
			return true;
	}
	return false;
}

/* No change is under way, in anybody's log; so nobody is counted in whom we do not know of. */
static bool quiet(const struct draw *d)
{
	const struct sim_world *w = d->w;
	const struct sim_table *t = sim_table(w);

	if (!t || raft_members_joint(&t->members))
		return false;
	for (uint32_t i = 0; i < t->members.count; i++) {
		if (t->members.member[i].joins || t->members.member[i].identity == 0)
			return false;
	}
	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct node *n = w->node[i].node;
		raft_index index = n && n->raft ? n->raft->members_index : w->node[i].members_index;

		if (index > t->index && of_table(d, w->node[i].member))
			return false;
	}
	return true;
}

static bool all_stand(const struct draw *d, const struct raft_members *table)
{
	for (uint32_t k = 0; k < table->count; k++) {
		uint32_t host = draw_host_of(d, table->member[k].id);

		if (host < d->w->node_count && table->member[k].place != 0 &&
		    !of_place(d, host, table->member[k].place))
			return false;
	}
	return true;
}

bool draw_at_rest(const struct draw *d)
{
	return (!sim_table(d->w) || all_stand(d, members_now(d))) && quiet(d);
}

bool draw_in_place(const struct draw *d)
{
	if (!sim_table(d->w))
		return true;
	for (uint32_t i = 0; i < d->w->node_count; i++) {
		const struct node *n = d->w->node[i].node;

		if (n && n->raft && of_table(d, n->id) && !all_stand(d, &n->raft->members))
			return false;
	}
	return all_stand(d, members_now(d));
}

/*
 * All members, but for one, hold the newest table, durably. Until then nobody moves or ends, as an
 * operator would wait: whoever is away asks those that it knows, where it knows them.
 */
static bool all_follow(const struct draw *d, uint32_t but)
{
	const struct sim_world *w = d->w;
	raft_index index = sim_table(w)->index;

	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct node *n = w->node[i].node;

		if (i == but || w->node[i].lost || !of_table(d, w->node[i].member))
			continue;
		if (!n || !n->raft || n->raft->members_index < index || n->raft->durable < index)
			return false;
	}
	return true;
}

/* What was there is no member any more, or never was one. */
static void host_clear(struct draw *d, uint32_t i)
{
	struct sim_node *n = &d->w->node[i];

	d->t->learned += n->node && node_removed(n->node);
	if (n->node)
		sim_node_crash(d->w, i);
	if (n->member) {
		sim_note(d->w, "node %u is no member, and ends", i);
		d->t->ended++;
	}
	sim_node_wipe(d->w, i);
	n->joiner = n->away = true;
	n->existing = n->lost = n->moved = false;
}

uint32_t draw_host_free(struct draw *d)
{
	struct sim_world *w = d->w;
	uint32_t at = draw_below(d, w->node_count);

	for (uint32_t k = 0; k < w->node_count; k++) {
		uint32_t i = (at + k) % w->node_count;

		if (!needed(d, i) && quiet(d) && all_follow(d, i)) {
			host_clear(d, i);
			if (draw_below(d, 2)) /* it waits, and somebody will let it in */
				sim_node_start(w, i);
			return i;
		}
	}
	return w->node_count;
}

/* Of those that its list has one is a member there. */
static bool asks_somebody(const struct draw *d, uint32_t i)
{
	const struct formation_table *list = &d->w->node[i].node->formation.table;
	const struct raft_members *now = members_now(d);

	for (uint32_t k = 0; k < list->count; k++) {
		for (uint32_t m = 0; k != d->w->node[i].node->formation.self && m < now->count; m++)
			if (list->member[k].place == now->member[m].place)
				return true;
	}
	return false;
}

/* Started where it is awaited, if it is not up; whatever it had before was another's. */
static void joiner_start(struct draw *d, uint32_t i)
{
	struct sim_node *n = &d->w->node[i];

	if (n->joiner && !n->member && !n->away) {
		/* It says HELLO, or will when it is up again; to those of today, if need be. */
		if (n->node && !asks_somebody(d, i)) {
			sim_note(d->w, "node %u waits with another list", i);
			sim_node_crash(d->w, i);
			sim_node_start(d->w, i);
		}
		return;
	}
	if (n->node)
		sim_node_crash(d->w, i);
	sim_node_wipe(d->w, i);
	n->joiner = true;
	n->existing = n->lost = n->moved = false;
	sim_note(d->w, "node %u waits to join", i);
	sim_node_start(d->w, i);
}

/* Its host stands elsewhere. */
static void member_move(struct draw *d, uint32_t i, uint64_t place)
{
	struct sim_node *n = &d->w->node[i];

	sim_note(d->w, "node %u moves", i);
	if (n->node)
		sim_node_crash(d->w, i);
	n->address = (uint32_t)(place >> 16);
	n->moved = true;
	n->up_at_ns = d->w->now_ns;
	if (!n->lost)
		draw_start(d, i);
	d->t->moved++;
	d->t->moved_of_two += raft_members_voters(members_now(d)) == 2 &&
			      raft_members_find(members_now(d), n->member)->voter;
}

/* By a table that is not committed, and that somebody who is up has in force. */
static bool is_awaited(const struct draw *d, uint32_t i)
{
	const struct sim_world *w = d->w;

	for (uint32_t j = 0; j < w->node_count; j++) {
		const struct node *n = w->node[j].node;
		const struct raft_member *m =
			n && n->raft && n->raft->members_index > sim_table(w)->index
				? raft_members_find(&n->raft->members, w->node[i].member)
				: NULL;

		if (m && of_place(d, i, m->place))
			return true;
	}
	return false;
}

void draw_moves(struct draw *d, raft_id member, uint64_t place)
{
	uint32_t host = draw_host_of(d, member);

	if (draw_below(d, 2) == 0 || host == d->w->node_count || of_place(d, host, place) ||
	    !of_table(d, member) || !all_follow(d, host))
		return;
	d->ahead = member;
	member_move(d, host, place);
}

/* As an operator follows what was committed. Returns true if there is nothing left to do. */
static bool hosts_follow(struct draw *d, bool all)
{
	struct sim_world *w = d->w;
	bool done = true;

	hosts_bind(d);
	if (!sim_table(w))
		return false;
	for (uint32_t k = 0; k < members_now(d)->count; k++) {
		const struct raft_member m = members_now(d)->member[k];
		uint32_t i = 0, host = draw_host_of(d, m.id);

		if (host < w->node_count && of_place(d, host, m.place)) {
			d->ahead = m.id == d->ahead ? 0 : d->ahead;
			continue;
		}
		done = false;
		if (host < w->node_count && is_awaited(d, host))
			continue;
		if (!all && draw_below(d, 4))
			continue;
		while (i < w->node_count && !of_place(d, i, m.place))
			i++;
		/*
		 * In the end nobody waits: without it there may be no majority that could bring
		 * others the table. Nor does who went ahead of a table that was lost: it goes back.
		 */
		if (host < w->node_count && (all || m.id == d->ahead || all_follow(d, host)))
			member_move(d, host, m.place);
		else if (host == w->node_count && i < w->node_count &&
			 (w->node[i].lost || !of_table(d, w->node[i].member)))
			joiner_start(d, i);
	}
	return done;
}

/* Who is no member may run on, and be heard by nobody. */
static void strangers_end(struct draw *d, bool all)
{
	for (uint32_t i = 0; sim_table(d->w) && i < d->w->node_count; i++) {
		const struct sim_node *n = &d->w->node[i];

		if ((all || (n->member && draw_below(d, 8) == 0)) && !needed(d, i) && quiet(d) &&
		    all_follow(d, i))
			host_clear(d, i);
	}
}

void draw_hosts(struct draw *d)
{
	hosts_follow(d, false);
	strangers_end(d, false);
}

/* --- losses ---------------------------------------------------------------------------------- */

bool draw_anybody_lost(const struct draw *d)
{
	return sim_table(d->w) && of_table(d, d->lost);
}

/* At times somebody starts what is left of it, as it was configured: it must not come in (F1). */
static void lost_start(struct draw *d, uint32_t i)
{
	sim_note(d->w, "node %u starts without what it had", i);
	d->w->node[i].existing = draw_below(d, 2);
	sim_node_start(d->w, i);
}

void draw_lose(struct draw *d)
{
	struct sim_world *w = d->w;
	uint32_t i = draw_pick(d);
	struct sim_node *n = &w->node[i];

	if (n->lost && !n->node && draw_below(d, 2))
		lost_start(d, i);
	if (!sim_is_member(w, i) || draw_anybody_lost(d) || !draw_at_rest(d) || !all_follow(d, i) ||
	    raft_members_voters(members_now(d)) < 3)
		return;
	d->lost = n->node->id;
	sim_note(w, "node %u, member %" PRIx64 ": its directory is lost", i, d->lost);
	sim_node_crash(w, i);
	sim_node_wipe(w, i);
	n->member = d->lost;
	n->lost = n->away = true;
	d->t->lost++;
}

/* --- who was removed ------------------------------------------------------------------------- */

static bool member_stands_at(const struct draw *d, uint64_t place)
{
	for (uint32_t i = 0; i < d->w->node_count; i++) {
		if (sim_is_member(d->w, i) && of_place(d, i, place))
			return true;
	}
	return false;
}

static bool majority_is_there(const struct draw *d, const struct node *n,
			      const struct raft_members *table, bool before)
{
	uint32_t others = 0, there = 0;

	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];
		int peer = node_peer_find(n, m->id);

		if (m->id == n->id || !(before ? m->voter_before : m->voter))
			continue;
		others++;
		there += peer >= 0 && member_stands_at(d, node_peer_place(&n->peer[peer]));
	}
	return there > others / 2;
}

static bool majorities_are_there(const struct draw *d, const struct node *n,
				 const struct raft_members *table)
{
	return majority_is_there(d, n, table, false) &&
	       (!raft_members_joint(table) || majority_is_there(d, n, table, true));
}

/*
 * It learns it if, of the newest table that it knows to be committed, at the places of a majority
 * of the other voters, of each set, members of today stand, in calm and up: for those it asks, by
 * address, and no fewer does it believe (node/who.c); and where that table was told, of its own
 * log's too. Else it waits for a person.
 */
static bool will_learn(const struct draw *d, uint32_t i)
{
	const struct node *n = d->w->node[i].node;
	const struct raft_members *known;
	struct raft_status s;
	raft_index index;

	if (!n || !n->raft || of_table(d, n->id))
		return false;
	node_raft_status(n, &s);
	known = node_members_committed(&s, &index);
	return majorities_are_there(d, n, known) &&
	       (!node_members_told(n) || majorities_are_there(d, n, raft_get_log_members(n->raft)));
}

/* D16: nobody is left who is to learn that he was removed, and has not. */
static bool removed_know(struct draw *d)
{
	uint32_t will = 0;

	for (uint32_t i = 0; i < d->w->node_count; i++)
		will |= (uint32_t)will_learn(d, i) << i;
	d->t->told += (uint32_t)__builtin_popcount(will & ~d->told);
	d->told |= will;
	return will == 0;
}

/* --- in the end ------------------------------------------------------------------------------ */

/*
 * A directory that waited was cleared, its last question came late, and it was let in (F1): the one
 * that waits there now is told so, and that it comes in as another one.
 */
static bool is_cleared(const struct draw *d, const struct raft_member *m, uint32_t there)
{
	const struct node *n = there < d->w->node_count ? d->w->node[there].node : NULL;

	return m->identity != 0 && draw_host_of(d, m->id) == d->w->node_count && n && !n->raft &&
	       n->recovered.identity != m->identity;
}

/* Who is lost and not replaced; and who was never there and has no host. */
static bool nobody_comes(const struct draw *d, const struct raft_member *m)
{
	uint32_t i = 0;

	for (uint32_t k = 0; m->id == d->lost && k < members_now(d)->count; k++) {
		if (members_now(d)->member[k].replaces == m->id)
			return false;
	}
	while (i < d->w->node_count && !of_place(d, i, m->place))
		i++;
	return m->id == d->lost || (m->identity == 0 && i == d->w->node_count) ||
	       is_cleared(d, m, i);
}

static bool remove_who_is_gone(struct draw *d, uint32_t leader)
{
	for (uint32_t i = 0; i < members_now(d)->count; i++) {
		const struct raft_member *m = &members_now(d)->member[i];
		struct raft_change c = {.kind = RAFT_CHANGE_REMOVE, .id = m->id};

		if (!nobody_comes(d, m))
			continue;
		draw_order(d, leader, &c, 1);
		return false;
	}
	return true;
}

/* Who is of the committed table, and what is known of each, for the trace. */
void draw_note_members(const struct draw *d)
{
	const struct sim_world *w = d->w;

	for (uint32_t i = 0; sim_table(w) && i < members_now(d)->count; i++) {
		const struct raft_member *m = &members_now(d)->member[i];
		uint32_t host = draw_host_of(d, m->id);
		const struct node *n = host < w->node_count ? w->node[host].node : NULL;

		sim_note(w,
			 "member %016" PRIx64 "%s%s%s%s%s at .%u: node %u, table %" PRIu64
			 " of %" PRIu64,
			 m->id, m->voter ? " voter" : "", m->joins ? " joins" : "",
			 m->replaces ? " replaces" : "", m->identity ? "" : " unbound",
			 m->id == d->lost ? " lost" : "", (uint32_t)(m->place >> 16) & 255, host,
			 n && n->raft ? n->raft->members_index : 0, sim_table(w)->index);
	}
	for (uint32_t i = 0; i < w->node_count; i++)
		sim_note(w, "node %u at .%u: %s%s%s%s", i, w->node[i].address & 255,
			 w->node[i].node ? "up" : "down", w->node[i].joiner ? ", joins" : "",
			 w->node[i].lost ? ", lost" : "",
			 will_learn(d, i) ? ", removed, and is to learn it" : "");
}

/* Who leads on without a majority does so until it is started there whom its table moves. */
static void moves_end(struct draw *d, uint32_t leader)
{
	const struct sim_node *l = &d->w->node[leader];
	struct raft_members table;

	if (!l->no_check_quorum || l->node->raft->members_index <= sim_table(d->w)->index)
		return;
	table = l->node->raft->members; /* it may move itself, and has no core then for a while */
	for (uint32_t k = 0; k < table.count; k++) {
		const struct raft_member m = table.member[k];
		const struct raft_member *before = raft_members_find(members_now(d), m.id);
		uint32_t host = draw_host_of(d, m.id);

		if (host == d->w->node_count || !before || before->place == m.place ||
		    of_place(d, host, m.place))
			continue;
		d->ahead = m.id;
		member_move(d, host, m.place);
	}
}

bool draw_heal(struct draw *d)
{
	struct sim_world *w = d->w;
	int leader = sim_leader(w);
	bool done;

	if (leader >= 0 && sim_table(w))
		moves_end(d, (uint32_t)leader);
	done = hosts_follow(d, true);
	draw_restart(d, true);
	if (leader < 0 || !sim_table(w))
		return false;
	if (!remove_who_is_gone(d, (uint32_t)leader) || !quiet(d) || !done)
		return false;
	if (!removed_know(d))
		return false;
	strangers_end(d, true);
	for (uint32_t i = 0; i < members_now(d)->count; i++) {
		uint32_t host = draw_host_of(d, members_now(d)->member[i].id);

		if (!sim_is_member(w, host) ||
		    w->node[host].node->raft->members_index != sim_table(w)->index)
			return false;
	}
	return true;
}
