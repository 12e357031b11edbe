#include "tests/sim/check.h"

#include "node/internal.h"
#include "raft/internal.h"
#include "tests/sim/client.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIM_HASHES = 1 << 16,  /* applied indexes whose hash is remembered */
	SIM_ENTRIES = 1 << 16, /* entries of one index and term that are */
	SIM_COMMITTED_MAX = 1 << 18,
	SIM_NOTES = 256,
	SIM_NOTE_SIZE = 120,
	SIM_DUE_MAX = 2,
};

/* An entry, and by its chain all before it. */
struct link_of_log {
	raft_index index;
	raft_term term;
	uint64_t chain;
};

static struct {
	/* SM2: the hash that the first member to apply an index had there. */
	struct {
		raft_index index;
		uint64_t hash;
	} hash_at[SIM_HASHES];

	/* SM10: by index and term. */
	struct link_of_log seen[SIM_ENTRIES];

	/* SM9; and in which term it was known to be committed first (SM11). */
	struct {
		raft_term term, known;
		uint64_t chain;
	} committed[SIM_COMMITTED_MAX];
	raft_index last;

	/* Of each node: how far its log was looked at, is committed, and applied. */
	struct {
		struct link_of_log end;
		raft_index commit, applied, first;
		uint64_t taken, installed;
		struct sim_pull pull;
		uint64_t chain[RAFT_WINDOW_SLOTS];
	} log[SIM_NODES_MAX];

	char note[SIM_NOTES][SIM_NOTE_SIZE];
	uint64_t notes;
} is;

void sim_note(const struct sim_world *w, const char *format, ...)
{
	char *at = is.note[is.notes++ % SIM_NOTES];
	int size = snprintf(at, SIM_NOTE_SIZE, "%10.3f ms  ", (double)w->now_ns / 1e6);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(at + size, (size_t)(SIM_NOTE_SIZE - size), format, arguments);
	va_end(arguments);
	if (getenv("SIM_NOTES"))
		fprintf(stderr, "%s\n", at);
}

static void notes_print(void)
{
	uint64_t i = is.notes > SIM_NOTES ? is.notes - SIM_NOTES : 0;

	for (; i < is.notes; i++)
		fprintf(stderr, "%s\n", is.note[i % SIM_NOTES]);
}

void sim_fail(const struct sim_world *w, uint32_t i, const char *what, uint64_t a, uint64_t b)
{
	notes_print();
	fprintf(stderr,
		"SEED=%" PRIu64 " at %" PRIu64 " ns, step %" PRIu64 ": node %u: %s (%" PRIx64
		", %" PRIx64 ")\n",
		w->seed, w->now_ns, w->steps, i, what, a, b);
	abort();
}

bool sim_check_belongs(const struct sim_world *w, uint32_t i)
{
	const struct sim_node *n = &w->node[i];

	return w->cluster_id != 0 && n->life == w->cluster_life[i] && w->cluster_identity[i] != 0 &&
	       (!n->node || n->node->recovered.identity == w->cluster_identity[i]);
}

void sim_check_begin(void)
{
	memset(&is, 0, sizeof(is));
}

void sim_check_started(uint32_t i)
{
	memset(&is.log[i], 0, sizeof(is.log[i]));
}

/*
 * SM6: a second cluster is formed only where nobody is left of the first one. Whatever the first
 * one had acknowledged is lost with all who held it, so the clients begin anew.
 */
static void check_cluster(struct sim_world *w, uint32_t i)
{
	uint64_t cluster_id = node_cluster_id(w->node[i].node);
	const struct formation_table *t = &w->node[i].node->formation.table;

	if (cluster_id == w->cluster_id)
		return;
	for (uint32_t j = 0; j < w->node_count; j++) {
		if (sim_check_belongs(w, j))
			sim_fail(w, i, "SM6: another cluster, and one of the first is alive",
				 cluster_id, j);
	}
	w->cluster_id = cluster_id;
	w->clusters++;
	for (uint32_t j = 0; j < w->node_count; j++) {
		w->cluster_life[j] = w->node[j].life;
		w->cluster_identity[j] = w->node[j].joiner ? 0 : t->member[j].identity;
	}
	if (w->clusters == 1)
		return;
	w->forgotten++;
	w->table_count = 0;
	memset(w->leader_of_term, 0, sizeof(w->leader_of_term));
	memset(w->read_floor, 0, sizeof(w->read_floor));
	sim_check_begin();
	for (uint32_t k = 0; k < w->client_count; k++)
		sim_client_forget(w, &w->client[k]);
}

void sim_world_forced(struct sim_world *w, uint64_t cluster_id)
{
	w->given_up = w->cluster_id;
	w->cluster_id = cluster_id;
	w->table_count = 0;
	memset(w->leader_of_term, 0, sizeof(w->leader_of_term));
	sim_check_begin();
}

/* --- logs ------------------------------------------------------------------------------------ */

static uint64_t chain_next(uint64_t chain, const struct raft_entry *e)
{
	uint64_t hash = mix(chain ^ e->term) ^ ((uint64_t)e->type << 32 | e->size);

	for (uint32_t i = 0; i < e->size; i++)
		hash = (hash ^ e->data[i]) * UINT64_C(0x100000001b3);
	return mix(hash);
}

static void table_add(struct sim_world *w, const struct raft_entry *e)
{
	struct sim_table *t = &w->table[w->table_count];

	assert(w->table_count < SIM_TABLES_MAX);
	w->table_count++;
	t->index = e->index;
	t->term = e->term;
	if (raft_members_decode(&t->members, e->data, e->size))
		sim_fail(w, 0, "a table of members cannot be read", e->index, e->term);
}

/* SM10 */
static void check_matches(struct sim_world *w, uint32_t i, const struct link_of_log *l)
{
	struct link_of_log *seen = &is.seen[mix(l->index ^ mix(l->term)) % SIM_ENTRIES];

	if (seen->index == l->index && seen->term == l->term && seen->chain != l->chain)
		sim_fail(w, i, "SM10: logs have one entry, and differ before it", l->index,
			 l->term);
	*seen = *l;
}

/* The log of a forced cluster's first member was cut: what lies before is committed, unseen. */
static void begin_behind(const struct sim_world *w, const struct raft_window *win)
{
	raft_index from = win->first - 1;

	if (!w->given_up || is.last > 0 || from == 0)
		return;
	is.last = from;
	is.committed[from].term = raft_window_term(win, from);
}

/* What it has beyond what was looked at; all that is not committed, if that is gone. */
static void log_look(struct sim_world *w, uint32_t i, const struct raft *r)
{
	struct link_of_log *end = &is.log[i].end;
	const struct raft_window *win = &r->window;

	if (!raft_window_has(win, end->index) || raft_window_term(win, end->index) != end->term) {
		raft_index from = win->first - 1;

		if (from < is.log[i].commit)
			from = is.log[i].commit;
		begin_behind(w, win);
		if (from > is.last)
			sim_fail(w, i, "SM9: what left its window was committed nowhere", from,
				 is.last);
		*end = (struct link_of_log){from, is.committed[from].term,
					    is.committed[from].chain};
	}
	while (end->index < win->last) {
		const struct raft_entry *e = &win->entry[raft_window_slot(end->index + 1)];

		assert(e->index == end->index + 1);
		*end = (struct link_of_log){e->index, e->term, chain_next(end->chain, e)};
		is.log[i].chain[raft_window_slot(e->index)] = end->chain;
		check_matches(w, i, end);
	}
}

/* SM9 */
static void check_committed(struct sim_world *w, uint32_t i, const struct raft *r)
{
	raft_index k = is.log[i].commit + 1;

	assert(r->commit < SIM_COMMITTED_MAX);
	if (r->window.last < is.log[i].commit)
		sim_fail(w, i, "SM9: what was committed is gone", r->window.last, is.log[i].commit);
	if (k < r->window.first)
		k = r->window.first;
	for (; k <= r->commit; k++) {
		const struct raft_entry *e = &r->window.entry[raft_window_slot(k)];
		uint64_t chain = is.log[i].chain[raft_window_slot(k)];

		if (k > is.last) {
			assert(k == is.last + 1);
			is.last = k;
			is.committed[k].term = e->term;
			is.committed[k].known = r->hard.term;
			is.committed[k].chain = chain;
			if (e->type == RAFT_ENTRY_MEMBERS)
				table_add(w, e);
		}
		if (is.committed[k].chain != chain)
			sim_fail(w, i, "SM9: another entry is committed there", k, e->term);
	}
	is.log[i].commit = r->commit;
}

/* SM11: at its first step; with SM10 the last of them stands for all. */
static void check_complete(struct sim_world *w, uint32_t i, const struct raft *r)
{
	raft_index k = is.last;

	while (k > 0 && is.committed[k].known >= r->hard.term)
		k--;
	if (k > r->window.last || (raft_window_has(&r->window, k) &&
				   raft_window_term(&r->window, k) != is.committed[k].term))
		sim_fail(w, i, "SM11: it leads, and lacks what is committed", k, r->hard.term);
}

static void check_leader(struct sim_world *w, uint32_t i, const struct raft *r)
{
	raft_id *leader = &w->leader_of_term[r->hard.term];

	if (*leader && *leader != r->id)
		sim_fail(w, i, "SM1: two leaders in one term", r->hard.term, *leader);
	if (*leader)
		return;
	*leader = r->id;
	w->elections++;
	sim_note(w, "node %u leads in term %" PRIu64 ", last %" PRIu64, i, r->hard.term,
		 r->window.last);
	check_complete(w, i, r);
}

/* --- a member -------------------------------------------------------------------------------- */

static void check_hash(struct sim_world *w, uint32_t i)
{
	const struct node *n = w->node[i].node;
	raft_index applied = n->applied;
	uint64_t hash;

	if (applied == is.log[i].applied || n->install.held)
		return;
	is.log[i].applied = applied;
	hash = node_hash(n);
	if (is.hash_at[applied % SIM_HASHES].index != applied) {
		if (is.hash_at[applied % SIM_HASHES].index > applied)
			return;
		is.hash_at[applied % SIM_HASHES].index = applied;
		is.hash_at[applied % SIM_HASHES].hash = hash;
	}
	if (is.hash_at[applied % SIM_HASHES].hash != hash)
		sim_fail(w, i, "SM2: members differ at an applied index", applied, hash);
}

/* SM12: as soon as others know what is committed there. */
static void check_removed(const struct sim_world *w, uint32_t i)
{
	const struct raft_joined *j = &w->node[i].node->joined;
	uint32_t k = 0;

	if (!sim_table(w) || sim_table(w)->index < j->index)
		return;
	while (w->table[k].index < j->index)
		k++;
	if (w->table[k].index != j->index || raft_members_find(&w->table[k].members, j->id))
		sim_fail(w, i, "SM12: it ends as one that was removed, and was not", j->id,
			 j->index);
}

static void count_snapshots(struct sim_world *w, uint32_t i)
{
	const struct node *n = w->node[i].node;
	raft_index first = wal_first(n->wal);

	w->taken += n->snapshot.taken - is.log[i].taken;
	w->installed += n->install.installed - is.log[i].installed;
	sim_marks_look(&w->marks, &is.log[i].pull, n, n->install.installed > is.log[i].installed);
	w->cut += is.log[i].first != 0 && is.log[i].first < first;
	is.log[i].taken = n->snapshot.taken;
	is.log[i].installed = n->install.installed;
	is.log[i].first = first;
}

/*
 * SM14. Leased reads wait for the next tick (raft/read.c), and what a turn has to send may want a
 * question for its receiver's address, which the next one asks (dataplane/arp.h): one after the
 * other, and no more.
 */
static void check_due(struct sim_world *w, uint32_t i)
{
	struct sim_node *s = &w->node[i];
	const struct node *n = s->node;
	bool due = !node_active(n) && node_deadline(n) <= n->now_ns;

	s->due = due ? s->due + 1 : 0;
	if (s->due > SIM_DUE_MAX)
		sim_fail(w, i, "SM14: what is due is not done", n->now_ns, node_deadline(n));
}

void sim_check_node(struct sim_world *w, uint32_t i)
{
	const struct node *n = w->node[i].node;
	const struct raft *r = n->raft;

	check_due(w, i);
	if (node_removed(n))
		check_removed(w, i);
	if (!r || (w->given_up && n->cluster_id == w->given_up))
		return;
	if (!node_joined(n)) {
		check_cluster(w, i);
		if (!sim_check_belongs(w, i))
			sim_fail(w, i, "SM6: formed, and of no cluster's table", w->cluster_id, 0);
	}
	assert(r->hard.term < SIM_TERMS_MAX);
	log_look(w, i, r);
	check_committed(w, i, r);
	if (r->role == RAFT_LEADER)
		check_leader(w, i, r);
	if (r->lost.is && !w->losses)
		sim_fail(w, i, "SM7: an honest disk is taken for one that lost writes", 0, 0);
	check_hash(w, i);
	count_snapshots(w, i);
}

const struct sim_table *sim_table(const struct sim_world *w)
{
	return w->table_count ? &w->table[w->table_count - 1] : NULL;
}

bool sim_is_member(const struct sim_world *w, uint32_t i)
{
	const struct node *n = w->node[i].node;
	const struct sim_table *t = sim_table(w);
	const struct raft_member *m =
		n && n->raft && t ? raft_members_find(&t->members, n->id) : NULL;

	return m && m->identity == n->recovered.identity;
}
