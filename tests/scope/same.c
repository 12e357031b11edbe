/*
 * When two worlds are the same. A world's hash is made of all that a core holds, but for what a
 * ready hands out and where in memory things are. If members differ by their numbers alone, the
 * worlds that come out of each other by giving them other numbers are the same too: then it is the
 * smallest hash of all ways to number them.
 *
 * So whatever holds a member's number is renamed here, and what it holds of each other member is
 * taken in the order of their new numbers. A number that was forgotten here would make two worlds
 * of one; mirror.c goes some ways a second time with other numbers, and sees that.
 */
#include "tests/scope/live.h"

#include "tests/scope/pool.h"

#include <string.h>

/* By order and member: its new number. The first order leaves all as they are. */
static const uint8_t renamed[ORDERS_MAX][MEMBERS_MAX] = {
	{0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3}, {1, 2, 0, 3}, {2, 0, 1, 3}, {2, 1, 0, 3},
};

uint32_t same_orders(void)
{
	return scope->alike ? ORDERS_MAX : 1;
}

uint32_t same_renamed(uint32_t order, uint32_t i)
{
	return renamed[order][i];
}

uint32_t same_number(uint32_t order, uint32_t i)
{
	uint32_t old = 0;

	while (renamed[order][old] != i)
		old++;
	return old;
}

/* The old number of each new one. */
static void order_turn(uint32_t order, uint8_t out[MEMBERS_MAX])
{
	for (uint32_t i = 0; i < MEMBERS_MAX; i++)
		out[renamed[order][i]] = (uint8_t)i;
}

/* Members' numbers, 4 bits each: 0 is nobody. */
struct names {
	uint32_t count;
	uint8_t id[32];
};

static void name_add(struct names *n, raft_id id)
{
	assert(n->count < sizeof(n->id));
	assert(id <= MEMBERS_MAX);
	n->id[n->count++] = (uint8_t)id;
}

static uint64_t names_hash(const struct names *n, uint32_t order, uint64_t hash)
{
	uint64_t word = n->count;

	for (uint32_t k = 0; k < n->count; k++) {
		uint32_t id = n->id[k] == 0 ? 0 : renamed[order][n->id[k] - 1] + 1u;

		word = word << 4 | id;
		if (k % 12 == 11)
			hash = pool_fold(hash, word);
	}
	return pool_fold(hash, word);
}

static uint64_t window_hash(const struct raft_window *w, uint64_t hash)
{
	for (raft_index i = w->first; i <= w->last; i++) {
		hash = pool_fold(hash ^ w->seq[raft_window_slot(i)],
				 pool_entry_hash(&w->entry[raft_window_slot(i)]));
	}
	return hash;
}

/* All fields of a core between these two. */
#define BETWEEN_HASH(r, after, before, hash)                                                     \
	pool_hash((const uint8_t *)(r) + END(after), offsetof(struct raft, before) - END(after), \
		  hash)
#define END(field) (offsetof(struct raft, field) + sizeof(((struct raft *)0)->field))

static_assert(END(place) == offsetof(struct raft, peer),
	      "place_hash has the one, nobody the other");
static_assert(END(slot) == offsetof(struct raft, reads), "place_hash has these, core_hash those");

/* All that names no other member, and lies nowhere. */
static uint64_t core_hash(struct raft *r, struct names *names)
{
	const struct raft_window w = r->window;
	const raft_id leader = r->leader, vote = r->hard.vote, transfer = r->transfer.to;
	struct raft_reads reads;
	uint64_t hash;

	name_add(names, leader);
	name_add(names, vote);
	name_add(names, transfer);
	r->leader = 0;
	r->hard.vote = 0;
	r->transfer.to = 0;
	memset(&r->window, 0, sizeof(r->window));
	hash = BETWEEN_HASH(r, identity, place, w.first);
	r->leader = leader;
	r->hard.vote = vote;
	r->transfer.to = transfer;
	r->window = w;
	hash = BETWEEN_HASH(r, peer, start_terms, hash);
	hash = BETWEEN_HASH(r, start_terms, slot, hash);
	hash = BETWEEN_HASH(r, reads, inflight, hash);
	hash = BETWEEN_HASH(r, inflight, ready_hard, hash);
	memcpy(&reads, &r->reads, sizeof(reads));
	for (uint32_t k = 0; k < reads.wait_count; k++) {
		name_add(names, reads.wait[k].from);
		reads.wait[k].from = 0;
	}
	for (uint32_t k = 0; k < reads.refused_count; k++) {
		name_add(names, reads.refused[k].to);
		reads.refused[k].to = 0;
	}
	hash = pool_hash(&reads, sizeof(reads), hash);
	hash = pool_hash(r->start_terms, RAFT_WINDOW_SLOTS * sizeof(r->start_terms[0]), hash);
	return window_hash(&r->window, hash);
}

static uint64_t place_hash(const struct raft *r, const struct member *m, uint32_t k)
{
	struct raft_peer p = r->place[k];
	const uint64_t own[2] = {m->match[k], m->match_start[k]};
	const struct raft_slot *s = &r->slot[k + 1];
	const uint64_t slot[6] = {s->state, s->first,       s->asked,
				  s->count, s->known_index, s->known_term};

	p.id = 0;
	p.identity = 0;
	p.witness.id = p.witness.id != 0;
	return pool_hash(&p, sizeof(p),
			 pool_hash(own, sizeof(own),
				   pool_hash(r->inflight[k], sizeof(r->inflight[k]),
					     pool_hash(slot, sizeof(slot), 2))));
}

static uint64_t beside_hash(const struct member *m, struct names *names)
{
	struct member bare = *m;

	name_add(names, m->hard.vote);
	name_add(names, m->voted_for);
	bare.hard.vote = 0;
	bare.voted_for = 0;
	memset(bare.match, 0, sizeof(bare.match));
	memset(bare.match_start, 0, sizeof(bare.match_start));
	for (uint32_t k = 0; k < m->write_count; k++) {
		name_add(names, m->write[k].hard.vote);
		bare.write[k].hard.vote = 0;
	}
	return pool_hash(&bare, sizeof(bare), 3);
}

void member_hash(struct world *w, uint32_t i)
{
	const struct member *m = w->member[i];
	struct raft *r = live_core(i);
	struct names names = {.count = 0};
	uint64_t of[MEMBERS_MAX] = {0};
	uint64_t rest = core_hash(r, &names) ^ beside_hash(m, &names);

	for (uint32_t k = 0; k < RAFT_PLACES_MAX; k++)
		if (r->place[k].id != 0)
			of[r->place[k].id - 1] = place_hash(r, m, k);
	for (uint32_t o = 0; o < same_orders(); o++) {
		uint8_t old[MEMBERS_MAX];
		uint64_t hash = rest;

		order_turn(o, old);
		for (uint32_t k = 0; k < MEMBERS_MAX; k++)
			hash = pool_fold(hash, of[old[k]]);
		w->hash[i][o] = names_hash(&names, o, hash);
	}
}

static uint64_t net_hash(const struct world *w, uint32_t order)
{
	uint64_t sum = w->net_count, at = 0;

	for (uint32_t k = 0; k < w->net_count; k++) {
		const struct raft_message *m = pool_message(w->net[k]);
		const struct raft_message *before = k > 0 ? pool_message(w->net[k - 1]) : NULL;

		at = scope->ordered && before && before->from == m->from && before->to == m->to
			     ? at + 1
			     : 0;
		sum += pool_fold(pool_message_body(w->net[k]),
				 at << 16 | (uint64_t)renamed[order][m->from - 1] << 8 |
					 renamed[order][m->to - 1]);
	}
	return sum;
}

static uint64_t order_hash(const struct world *w, uint32_t order)
{
	uint8_t old[MEMBERS_MAX];
	struct names names = {.count = 0};
	uint64_t hash = net_hash(w, order);

	order_turn(order, old);
	for (uint32_t k = 0; k < scope->members; k++)
		hash = pool_fold(hash, w->hash[old[k]][order]);
	for (raft_term k = 0; k <= scope->term_max + scope->most[EVENT_TRANSFER]; k++)
		name_add(&names, w->leader_of[k]);
	for (uint32_t k = 0; k < READS_MAX; k++)
		name_add(&names, w->read[k].by);
	return names_hash(&names, order, hash);
}

uint64_t world_hash(const struct world *w)
{
	uint64_t least = UINT64_MAX;
	struct {
		uint8_t used[EVENT_KINDS];
		struct log canon;
		uint8_t canon_term[LOG_MAX + 1];
		uint8_t floor[READS_MAX];
		bool done[READS_MAX];
	} rest;

	memset(&rest, 0, sizeof(rest));
	memcpy(rest.used, w->used, sizeof(rest.used));
	memcpy(&rest.canon, &w->canon, sizeof(rest.canon));
	memcpy(rest.canon_term, w->canon_term, sizeof(rest.canon_term));
	for (uint32_t k = 0; k < READS_MAX; k++) {
		rest.floor[k] = w->read[k].floor;
		rest.done[k] = w->read[k].done;
	}
	for (uint32_t o = 0; o < same_orders(); o++) {
		uint64_t hash = order_hash(w, o);

		least = hash < least ? hash : least;
	}
	return pool_hash(&rest, sizeof(rest), least) | 1;
}
