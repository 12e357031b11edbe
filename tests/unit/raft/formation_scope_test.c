/*
 * Formation, exhaustively over small scopes: every order in which messages can arrive, be lost,
 * come twice or come late, members can restart (as `new` or `existing`), be wiped and be reset.
 *
 * The network is the set of all messages that were ever sent: each may be delivered at any later
 * time, any number of times, or never. What is sent is in it at once, which is the widest choice.
 * States are remembered by a hash; the search is breadth first and ends when all states of the
 * scope were seen, or when its share of time or memory is used (QUOIN_LOOP_SECONDS), and says
 * which.
 *
 * Checked in every state: FM1, FM2, FM3 (raft/formation.h), and that what is formed is in its own
 * table. From one state in 16: that the members go on if everything arrives from then on. Nobody
 * was wiped: all are formed. Somebody is formed: whoever is of its table gets there, and nobody
 * else. Nobody is formed, and somebody was wiped: each member that is stuck names whom it waits
 * for, and a reset of those that are stuck is the way out.
 */
#include "base/clock.h"
#include "raft/formation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PLACES_MAX = FORMATION_PLACES_MAX,
	POOL_MAX = 2048,
	LIVES_MAX = 4, /* identities of one place, one after the other */
	STATES_MIN = 20000,
	QUEUE_MAX = 1 << 18, /* states that wait to be gone on from: 460 MB of address space */
};

struct scope {
	const char *name;
	uint32_t places, wipes, restarts;
	bool existing; /* some of the restarts and wipes are as `existing` */
};

struct place {
	struct formation f;
	uint8_t record[FORMATION_RECORD_SIZE_MAX];
	uint32_t record_size;
	uint32_t lives;
	bool existing;
};

struct state {
	struct place place[PLACES_MAX];
	uint64_t accepted[PLACES_MAX][LIVES_MAX]; /* the table of each identity; 0: none yet */
	uint64_t formed[8];                       /* all tables that were ever formed */
	uint32_t formed_count;
	uint32_t wipes, restarts;
	uint64_t sent[POOL_MAX / 64];
};

/* All messages of a search, each once; a state says which of them were sent. */
static struct {
	uint32_t from, to;
	struct formation_message message;
} pool[POOL_MAX];
static uint32_t pool_count;

static const struct scope *scope;
static uint64_t *seen;
static uint64_t seen_size, seen_count;
static uint64_t end_ns;
static bool cut;
static uint64_t formed_states, goes_on;
static bool looking_ahead;

static void fail(const struct state *s, const char *what)
{
	fprintf(stderr, "scope %s: %s\n", scope->name, what);
	for (uint32_t i = 0; i < scope->places; i++) {
		const struct formation *f = &s->place[i].f;

		fprintf(stderr,
			"  place %u: identity %" PRIx64 " state %d existing %d cluster %" PRIx64
			":",
			i, f->identity, (int)f->state, f->existing, f->cluster_id);
		for (uint32_t k = 0; k < scope->places; k++) {
			uint32_t about;

			fprintf(stderr, " %" PRIx64 "(wait %d)", f->table.member[k].identity,
				(int)formation_waits(f, k, &about));
		}
		fprintf(stderr, "\n");
	}
	abort();
}

static raft_identity identity_of(uint32_t place, uint32_t life)
{
	return 0x100 * (place + 1) + life;
}

static void start(struct state *s, uint32_t i)
{
	struct place *p = &s->place[i];
	struct formation_options o = {
		.identity = identity_of(i, p->lives),
		.table = {.digest = 7, .count = scope->places},
		.digest_then = 7,
		.self = i,
		.existing = p->existing,
		.record = p->record,
		.record_size = p->record_size,
	};

	for (uint32_t k = 0; k < scope->places; k++)
		o.table.member[k].place = 10 + k;
	if (formation_create(&p->f, &o))
		fail(s, "a member does not start");
}

/* FM1 to FM3, at the moment when a record becomes durable. */
static void check_recorded(struct state *s, uint32_t i)
{
	const struct formation *f = &s->place[i].f;
	const struct formation_table *t = &f->table;
	uint64_t *accepted = &s->accepted[i][s->place[i].lives];

	if (f->state == FORMATION_REFUSED)
		return;
	if (*accepted && *accepted != f->cluster_id)
		fail(s, "FM1: one directory accepted two tables");
	*accepted = f->cluster_id;
	if (f->state != FORMATION_FORMED)
		return;
	formed_states++;
	for (uint32_t k = 0; k < t->count; k++) {
		uint32_t life = (uint32_t)(t->member[k].identity & 0xff);

		if (t->member[k].identity != identity_of(k, life) ||
		    s->accepted[k][life] != f->cluster_id)
			fail(s, "FM2: formed, and a directory of the table has not accepted it");
	}
	for (uint32_t k = 0; k < s->formed_count; k++)
		if (s->formed[k] == f->cluster_id)
			return;
	for (uint32_t k = 0; s->formed_count > 0 && k < t->count; k++) {
		uint64_t old = s->accepted[k][t->member[k].identity & 0xff];

		for (uint32_t n = 0; n < s->formed_count; n++)
			if (old == s->formed[n])
				fail(s, "FM3: a directory of two clusters");
	}
	s->formed[s->formed_count++] = f->cluster_id;
}

static void send(struct state *s, uint32_t from, uint32_t to, const struct formation_message *m)
{
	uint32_t k = 0;

	while (k < pool_count && (pool[k].from != from || pool[k].to != to ||
				  memcmp(&pool[k].message, m, sizeof(*m)) != 0))
		k++;
	if (k == pool_count) {
		if (pool_count == POOL_MAX)
			fail(s, "the pool is too small for this scope");
		pool[pool_count].from = from;
		pool[pool_count].to = to;
		pool[pool_count++].message = *m;
	}
	s->sent[k / 64] |= 1ull << k % 64;
}

/* Forgets all that no longer matters in this state: states that differ in it alone are one. */
static void forget(struct formation *f)
{
	for (uint32_t k = 0; k < scope->places; k++) {
		struct formation_peer p = {.accepted = f->peer[k].accepted};

		if (f->state != FORMATION_FRESH)
			f->peer[k] =
				f->state == FORMATION_ACCEPTED ? p : (struct formation_peer){0};
	}
}

/* Whatever it has to record is durable, whatever it has to say is said. */
static void settle(struct state *s, uint32_t i)
{
	struct place *p = &s->place[i];
	struct formation_message m;

	p->f.send_us = p->f.say_us = 0;
	formation_tick(&p->f, 0);
	while (formation_record(&p->f, p->record, &p->record_size)) {
		formation_recorded(&p->f);
		check_recorded(s, i);
	}
	p->f.send_us = p->f.say_us = 0;
	formation_tick(&p->f, 0);
	for (uint32_t k = 0; k < scope->places; k++) {
		memset(&m, 0, sizeof(m));
		while (formation_message(&p->f, k, &m)) {
			send(s, i, k, &m);
			memset(&m, 0, sizeof(m));
		}
	}
	if (!looking_ahead)
		forget(&p->f);
}

static void restart(struct state *s, uint32_t i, bool existing)
{
	s->place[i].existing = existing;
	start(s, i);
	settle(s, i);
}

/* Also what a reset does: the same directory, as good as another. */
static void wipe(struct state *s, uint32_t i, bool existing)
{
	s->place[i].record_size = 0;
	s->place[i].lives++;
	restart(s, i, existing);
}

static void deliver(struct state *s, uint32_t k)
{
	(void)formation_recv(&s->place[pool[k].to].f, pool[k].from, &pool[k].message);
	settle(s, pool[k].to);
}

/* --- does it go on? ---------------------------------------------------------------------- */

/* From now on everything that a member says arrives, and nothing old does. */
static void calm(struct state *s)
{
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t i = 0; i < scope->places; i++) {
			for (uint32_t k = 0; k < scope->places; k++) {
				struct formation_message m;

				s->place[i].f.due |= 1ull << k;
				while (formation_message(&s->place[i].f, k, &m)) {
					(void)formation_recv(&s->place[k].f, i, &m);
					settle(s, k);
				}
			}
			settle(s, i);
		}
	}
}

static uint32_t count_in(const struct state *s, enum formation_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < scope->places; i++)
		count += s->place[i].f.state == state;
	return count;
}

/* It names a place of the cluster that exists. */
static bool told(const struct state *s, const struct formation *f)
{
	for (uint32_t k = 0; k < scope->places; k++) {
		uint32_t about;

		if (s->place[k].f.state == FORMATION_FORMED &&
		    formation_waits(f, k, &about) == FORMATION_WAIT_CLUSTER)
			return true;
	}
	return false;
}

static void check_formed_go_on(const struct state *s)
{
	const struct formation *formed = NULL;

	for (uint32_t i = 0; i < scope->places; i++)
		if (s->place[i].f.state == FORMATION_FORMED)
			formed = &s->place[i].f;
	for (uint32_t i = 0; i < scope->places; i++) {
		const struct formation *f = &s->place[i].f;
		bool of_it = formed->table.member[i].identity == f->identity;

		if (of_it && f->state != FORMATION_FORMED)
			fail(s, "a member of the table that is formed is left behind");
		if (!of_it && f->state == FORMATION_FORMED)
			fail(s, "formed, and not of the table that is formed");
		if (!of_it && f->state != FORMATION_REFUSED && !told(s, f))
			fail(s, "one that does not belong was not told so");
	}
}

static void check_goes_on(const struct state *before)
{
	struct state s = *before;

	goes_on++;
	looking_ahead = true;
	/* A member is configured as `existing` by somebody who can change it. */
	for (uint32_t i = 0; i < scope->places; i++)
		if (s.place[i].existing && count_in(&s, FORMATION_FORMED) == 0)
			restart(&s, i, false);
	calm(&s);
	if (count_in(&s, FORMATION_FORMED) > 0) {
		check_formed_go_on(&s);
		return;
	}
	if (s.wipes == 0)
		fail(&s, "nobody was wiped, and it does not form");
	for (uint32_t i = 0; i < scope->places; i++) {
		const struct formation *f = &s.place[i].f;
		uint32_t named = 0, about;

		for (uint32_t k = 0; k < scope->places; k++)
			named += formation_waits(f, k, &about) != FORMATION_WAIT_NOT;
		if (f->state != FORMATION_REFUSED && named == 0)
			fail(&s, "it waits, and says for nobody");
	}
	for (uint32_t i = 0; i < scope->places; i++)
		if (s.place[i].f.state != FORMATION_FRESH && s.place[i].lives + 1 < LIVES_MAX)
			wipe(&s, i, false);
	calm(&s);
	if (count_in(&s, FORMATION_FORMED) != scope->places &&
	    !(count_in(&s, FORMATION_FORMED) > 0 && s.formed_count > 1))
		fail(&s, "a reset of all that were stuck is not a way out");
}

/* --- the search -------------------------------------------------------------------------- */

static uint64_t hash_of(const struct state *s)
{
	const uint8_t *data = (const uint8_t *)s;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i + 8 <= sizeof(*s); i += 8) {
		uint64_t word;

		memcpy(&word, data + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

/* False: it was there. */
static bool seen_add(uint64_t hash)
{
	uint64_t at = hash & (seen_size - 1);

	while (seen[at] && seen[at] != hash)
		at = (at + 1) & (seen_size - 1);
	if (seen[at])
		return false;
	seen[at] = hash;
	seen_count++;
	return true;
}

/* A ring of the states that were seen and not gone on from. */
static struct state *queue;
static uint64_t queue_head, queue_tail;

static void visit(const struct state *next)
{
	uint64_t hash = hash_of(next);

	if (cut || !seen_add(hash))
		return;
	if (queue_tail - queue_head == QUEUE_MAX || seen_count >= seen_size / 2 ||
	    (seen_count > STATES_MIN && seen_count % 1024 == 0 && clock_now() > end_ns)) {
		cut = true;
		return;
	}
	if (hash % 16 == 0)
		check_goes_on(next);
	looking_ahead = false;
	queue[queue_tail++ % QUEUE_MAX] = *next;
}

static void members_disturb(const struct state *s, uint32_t i, bool existing)
{
	static struct state next;

	if (s->restarts < scope->restarts) {
		next = *s;
		next.restarts++;
		restart(&next, i, existing);
		visit(&next);
	}
	if (s->wipes < scope->wipes && s->place[i].lives + 2 < LIVES_MAX) {
		next = *s;
		next.wipes++;
		wipe(&next, i, existing);
		visit(&next);
	}
}

static void search(const struct state *first)
{
	static struct state s, next;

	queue_head = queue_tail = 0;
	visit(first);
	while (queue_head < queue_tail && !cut) {
		s = queue[queue_head++ % QUEUE_MAX];
		for (uint32_t k = 0; k < pool_count; k++) {
			if (!(s.sent[k / 64] & 1ull << k % 64))
				continue;
			next = s;
			deliver(&next, k);
			visit(&next);
		}
		for (uint32_t i = 0; i < scope->places; i++) {
			for (int existing = 0; existing <= scope->existing; existing++)
				members_disturb(&s, i, existing);
		}
	}
}

static void run(const struct scope *which, uint64_t share_ns)
{
	struct state *s = calloc(1, sizeof(*s));
	uint64_t began = clock_now();

	scope = which;
	pool_count = 0;
	seen_count = formed_states = goes_on = 0;
	cut = false;
	memset(seen, 0, seen_size * sizeof(*seen));
	end_ns = began + share_ns;
	if (!s)
		abort();
	for (uint32_t i = 0; i < scope->places; i++)
		start(s, i);
	for (uint32_t i = 0; i < scope->places; i++)
		settle(s, i);
	search(s);
	printf("%-36s %9" PRIu64 " states, %s; %u messages, %" PRIu64 " times formed, %" PRIu64
	       " times looked ahead, %" PRIu64 " ms\n",
	       scope->name, seen_count, cut ? "cut" : "all", pool_count, formed_states, goes_on,
	       (clock_now() - began) / 1000000);
	fflush(stdout);
	if (formed_states == 0 || goes_on == 0) {
		fprintf(stderr, "this scope shows nothing\n");
		abort();
	}
	free(s);
}

int main(void)
{
	static const struct scope scopes[] = {
		{"1 member, 2 wipes", 1, 2, 2, true},
		{"2 members, no wipe, 2 restarts", 2, 0, 2, true},
		{"2 members, 2 wipes", 2, 2, 0, false},
		{"2 members, 2 wipes, 1 restart", 2, 2, 1, true},
		{"3 members, no wipe", 3, 0, 0, false},
		{"3 members, no wipe, 1 restart", 3, 0, 1, true},
		{"3 members, 1 wipe", 3, 1, 0, true},
		{"3 members, 2 wipes", 3, 2, 0, false},
		{"3 members, 3 wipes, 1 restart", 3, 3, 1, true},
	};
	const uint32_t count = sizeof(scopes) / sizeof(scopes[0]);
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seconds = loop ? strtoull(loop, NULL, 10) : 20;

	seen_size = 1ull << 24;
	seen = calloc(seen_size, sizeof(*seen));
	queue = calloc(QUEUE_MAX, sizeof(*queue));
	if (!seen || !queue)
		return 1;
	for (uint32_t i = 0; i < count; i++)
		run(&scopes[i], seconds * CLOCK_S / count);
	free(queue);
	free(seen);
	return 0;
}
