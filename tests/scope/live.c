/*
 * The members that run now (live.h).
 */
#include "tests/scope/live.h"

#include "tests/scope/calm.h"
#include "tests/scope/check.h"
#include "tests/scope/pool.h"
#include "tests/scope/tell.h"

#include <stdlib.h>
#include <string.h>

enum {
	ARRAYS_SIZE = 8 * 1024, /* what a core allocates beside itself */
	STARTS_MAX = 64,

	/* A member is known by its number alone: the rest is the same, or follows from it. */
	IDENTITY = 0xa0,
	START_DRAWN = 1,
};

/* A member and its core; what a ready hands out, in its middle, means nothing between events. */
static struct place {
	struct member member;
	struct raft core;
	_Alignas(16) uint8_t arrays[ARRAYS_SIZE];
	size_t arrays_size;
} live[MEMBERS_MAX];

enum { FIRST_SIZE = offsetof(struct place, core) + offsetof(struct raft, ready_hard) };

static struct place *allocating;

/* Questions about starts, and answers, on their way. */
static struct raft_message question[STARTS_MAX];
static uint32_t question_count;

/* The core's allocations, in this test's build. */
void *scope_calloc(size_t count, size_t size);
void scope_free(void *memory);

void *scope_calloc(size_t count, size_t size)
{
	if (count == 1 && size == sizeof(struct raft))
		return &allocating->core;
	uint8_t *out = allocating->arrays + allocating->arrays_size;
	allocating->arrays_size += (count * size + 15) / 16 * 16;
	assert(allocating->arrays_size <= ARRAYS_SIZE);
	return out;
}

void scope_free(void *memory)
{
	(void)memory;
}

static size_t image_size(void)
{
	return (FIRST_SIZE + live[0].arrays_size + 63) / 64 * 64;
}

size_t world_kept_size(void)
{
	return scope->members * image_size();
}

struct member *live_touch(struct world *w, uint32_t i)
{
	const uint8_t *from = (const uint8_t *)w->member[i];

	if (w->member[i] == &live[i].member)
		return &live[i].member;
	memcpy(&live[i], from, FIRST_SIZE);
	memcpy(live[i].arrays, from + FIRST_SIZE, live[i].arrays_size);
	w->member[i] = &live[i].member;
	w->touched |= 1u << i;
	return &live[i].member;
}

void world_keep(struct world *w, void *kept)
{
	for (uint32_t i = 0; i < scope->members; i++) {
		uint8_t *to = (uint8_t *)kept + i * image_size();

		if (!(w->touched & 1u << i))
			continue;
		memcpy(to, &live[i], FIRST_SIZE);
		memcpy(to + FIRST_SIZE, live[i].arrays, live[i].arrays_size);
		w->member[i] = (const struct member *)(const void *)to;
	}
	w->touched = 0;
}

struct raft *live_core(uint32_t i)
{
	return &live[i].core;
}

raft_identity live_identity(uint32_t i)
{
	return IDENTITY + i;
}

static struct raft_members first_members(void)
{
	struct raft_members members = {.count = scope->members};

	for (uint32_t i = 0; i < scope->members; i++)
		members.member[i] = (struct raft_member){
			.id = i + 1,
			.identity = scope->away && i + 1 == scope->members ? 0 : live_identity(i),
			.voter = !scope->learner || i + 1 < scope->members,
			.joins = scope->joins && i + 1 == scope->members,
			.replaces = i + 1 == scope->members ? scope->replaces : 0,
			.place = i + 1};
	return members;
}

static raft_index members_find(const struct log *log, raft_index from, struct raft_members *out)
{
	for (raft_index i = from; i > 0; i--) {
		const struct raft_entry *e = pool_entry(log->entry[i]);
		if (e->type != RAFT_ENTRY_MEMBERS)
			continue;
		check(raft_members_decode(out, e->data, e->size) == 0, "a table in a log");
		return i;
	}
	*out = first_members();
	return 0;
}

raft_index live_canon_table(const struct world *w, raft_index index, struct raft_members *out)
{
	return members_find(&w->canon, index, out);
}

static void entry_decode(uint16_t entry, struct raft_members *out)
{
	const struct raft_entry *e = pool_entry(entry);

	check(raft_members_decode(out, e->data, e->size) == 0, "a table that was told");
}

/* The newest up to an index, or the one that it began with. */
static raft_index log_table_find(const struct member *m, const struct log *log, raft_index from,
				 struct raft_members *out)
{
	raft_index index = members_find(log, from, out);

	if (index >= m->begun)
		return index;
	entry_decode(m->begun_entry, out);
	return m->begun;
}

raft_index live_table_find(const struct member *m, const struct log *log, struct raft_members *out)
{
	if (m->told > log->last) {
		entry_decode(m->told_entry, out);
		return m->told;
	}
	return log_table_find(m, log, log->last, out);
}

void live_create(struct world *w, uint32_t i, const struct raft_witness *witness, uint32_t count)
{
	struct member *m = live_touch(w, i);
	struct raft_options o = {
		.id = i + 1,
		.identity = live_identity(i),
		.start = (raft_start)++m->starts << 32 | START_DRAWN,
		.witness_count = count,
		.hard_state = m->hard,
		.base_index = m->base,
		.base_term = m->base ? pool_entry(m->disk.entry[m->base])->term : 0,
		.applied = m->base,
		.last_index = m->disk.last,
		.election_timeout_us_min = TIME_ELECTION_US,
		.election_timeout_us_max = TIME_ELECTION_US,
		.heartbeat_us = TIME_HEARTBEAT_US,
		.pre_vote = scope->pre_vote & 1u << i,
		.check_quorum = scope->check_quorum & 1u << i,
		.lease_reads = scope->leases,
		.promise_us_max = scope->leases ? TIME_ELECTION_US : 0,
		.append_size_max = 8 * (RAFT_ENTRY_DATA_MAX + RAFT_ENTRY_OVERHEAD),
		.now_us = TIME_NOW_US,
	};
	struct raft *r;

	for (uint32_t k = 0; k < count; k++)
		o.witness[k] = witness[k];
	m->told_entry = m->told = 0;
	o.members_begun = m->begun;
	o.members_index = log_table_find(m, &m->disk, m->disk.last, &o.members);
	o.members_before_index = o.members_index;
	o.members_before = o.members;
	if (o.members_index > m->begun)
		o.members_before_index =
			log_table_find(m, &m->disk, o.members_index - 1, &o.members_before);
	memset(&live[i].core, 0, sizeof(live[i].core));
	memset(live[i].arrays, 0, sizeof(live[i].arrays));
	live[i].arrays_size = 0;
	allocating = &live[i];
	check(raft_create(&r, &o) == 0, "raft_create refuses");
	for (raft_index k = m->base + 1u; k <= m->disk.last; k++)
		raft_restore(r, pool_entry(m->disk.entry[k]));
	if (m->base > 0)
		live_snapshot_tell(i, m->base);
	m->offered = 0;
	m->memory = m->disk;
	m->write_count = 0;
	m->term = m->hard.term;
	m->role = RAFT_FOLLOWER;
	m->commit = 0;
	memset(m->match, 0, sizeof(m->match));
	live_drain(w, i);
}

/* --- the disk ---------------------------------------------------------------------------- */

static void write_begin(struct world *w, uint32_t i, const struct raft_ready *ready)
{
	struct member *m = &live[i].member;
	struct write *o = &m->write[m->write_count++];

	memset(o, 0, sizeof(*o));
	o->seq = ready->persist_seq;
	o->hard_set = ready->hard_state != NULL;
	if (o->hard_set)
		o->hard = *ready->hard_state;
	o->count = (uint8_t)ready->entry_count;
	o->first = o->count > 0 ? (uint8_t)ready->entries[0].index : 0;
	for (uint32_t k = 0; k < o->count; k++) {
		const struct raft_entry *e = &ready->entries[k];

		check(e->index == o->first + k, "entries handed out are not contiguous");
		check(e->index <= m->memory.last + 1u, "a gap in the log handed out");
		if (e->index > LOG_MAX)
			calm_log_full();
		o->entry[k] = pool_entry_add(e);
		m->memory.entry[e->index] = o->entry[k];
		m->memory.last = (uint8_t)e->index;
	}
	for (uint32_t k = m->memory.last + 1u; k <= LOG_MAX; k++)
		m->memory.entry[k] = 0;
	tell_write(i, ready);
	if (o->count > 0)
		check_log(w, i, &m->memory);
}

void live_write_finish(uint32_t i)
{
	struct member *m = &live[i].member;
	const struct write o = m->write[0];

	assert(m->write_count > 0);
	if (o.hard_set)
		m->hard = o.hard;
	for (uint32_t k = 0; k < o.count; k++)
		m->disk.entry[o.first + k] = o.entry[k];
	if (o.count > 0)
		m->disk.last = (uint8_t)(o.first + o.count - 1);
	for (uint32_t k = m->disk.last + 1u; k <= LOG_MAX; k++)
		m->disk.entry[k] = 0;
	m->write_count--;
	memmove(&m->write[0], &m->write[1], m->write_count * sizeof(m->write[0]));
	memset(&m->write[m->write_count], 0, sizeof(m->write[0]));
	raft_persisted(&live[i].core, o.seq);
}

/* --- hand-outs --------------------------------------------------------------------------- */

/* Behind those of its sender and receiver, or by hash among them. */
static void net_add(struct world *w, const struct raft_message *m)
{
	uint32_t id = pool_message_add(m), at = 0;

	if (w->net_count == NET_MAX) {
		w->crowded = true;
		return;
	}
	for (; at < w->net_count; at++) {
		const struct raft_message *k = pool_message(w->net[at]);
		raft_id channel = k->from * 16 + k->to, own = m->from * 16 + m->to;

		if (channel > own || (channel == own && !scope->ordered &&
				      pool_message_body(w->net[at]) > pool_message_body(id)))
			break;
	}
	memmove(&w->net[at + 1], &w->net[at], (w->net_count - at) * sizeof(w->net[0]));
	w->net[at] = id;
	w->net_count++;
}

static void send(struct world *w, uint32_t i, const struct raft_message *m)
{
	if (m->type == RAFT_MESSAGE_START || m->type == RAFT_MESSAGE_START_REPLY) {
		check(question_count < STARTS_MAX, "too many questions about starts");
		question[question_count++] = *m;
		return;
	}
	tell_sent(m);
	check_message(w, i, m);
	net_add(w, m);
}

void live_snapshot_tell(uint32_t i, raft_index index)
{
	const struct raft_snapshot s = {
		.index = index,
		.term = raft_window_term(&live[i].core.window, index),
		.size = 1,
	};

	raft_snapshot_taken(&live[i].core, &s);
}

void live_log_replace(struct world *w, uint32_t i, raft_index index)
{
	struct member *m = &live[i].member;

	memset(&m->disk, 0, sizeof(m->disk));
	m->disk.last = (uint8_t)index;
	for (raft_index k = 1; k <= index; k++)
		m->disk.entry[k] = w->canon.entry[k];
	m->memory = m->disk;
	m->base = (uint8_t)index;
	for (uint32_t k = 0; k < m->write_count; k++) {
		m->write[k].first = m->write[k].count = 0;
		memset(m->write[k].entry, 0, sizeof(m->write[k].entry));
	}
}

static void offered(struct world *w, uint32_t i, const struct raft_snapshot *s)
{
	check(s->index <= w->canon.last, "SC13: a snapshot of what nobody committed");
	check(pool_entry(w->canon.entry[s->index])->term == s->term,
	      "SC13: a snapshot of another entry than was committed");
	check(s->index > raft_commit(&live[i].core), "SC13: a snapshot of what is here");
	live[i].member.offered = (uint8_t)s->index;
}

static void hand_out(struct world *w, uint32_t i, const struct raft_ready *ready)
{
	struct raft *r = &live[i].core;

	if (ready->persist_seq > 0)
		write_begin(w, i, ready);
	check_state(w, i);
	check(ready->fetch_count == 0, "the window is too short for this scope");
	check(!ready->lost, "SC9: one whose disk kept everything is told that it lost something");
	for (uint32_t k = 0; k < ready->message_count; k++)
		send(w, i, &ready->messages[k]);
	for (uint32_t k = 0; k < ready->apply_count; k++)
		check_apply(w, i, &ready->apply[k]);
	for (uint32_t k = 0; k < ready->read_count; k++)
		check_read(w, i, &ready->reads[k]);
	if (ready->offer)
		offered(w, i, ready->offer);
	raft_index applied =
		ready->apply_count > 0 ? ready->apply[ready->apply_count - 1].index : 0;
	raft_advance(r);
	if (applied > 0)
		raft_applied(r, applied);
}

void live_drain(struct world *w, uint32_t i)
{
	struct member *m = &live[i].member;
	struct raft *r = &live[i].core;
	struct raft_ready ready;

	if (r->told_index == 0)
		m->told_entry = m->told = 0;
	check_state(w, i); /* by the table in force: a tick may append the next one */
	raft_tick(r, r->now_us);
	for (;;) {
		while (m->write_count == WRITES_MAX || (m->write_count > 0 && !m->held))
			live_write_finish(i);
		if (!raft_ready(r, UINT32_MAX, &ready))
			break;
		hand_out(w, i, &ready);
	}
	check_state(w, i);
}

/* Of those on their way the one from or to that member, or else the oldest. */
static struct raft_message question_take(raft_id first)
{
	uint32_t k = 0;

	while (k < question_count && question[k].from != first && question[k].to != first)
		k++;
	k = k == question_count ? 0 : k;
	const struct raft_message m = question[k];
	memmove(&question[k], &question[k + 1], (--question_count - k) * sizeof(question[0]));
	return m;
}

/* For good: nobody needs to know it any more. */
static bool removed(const struct world *w, uint32_t i)
{
	struct raft_members members;

	members_find(&w->canon, w->canon.last, &members);
	return !raft_members_find(&members, i + 1);
}

void live_starts_settle(struct world *w, uint32_t by, uint32_t answers, uint32_t first)
{
	while (question_count > 0) {
		const struct raft_message m = question_take(first + 1);
		uint32_t to = (uint32_t)m.to - 1;

		if (m.type == RAFT_MESSAGE_START && !(answers & 1u << to))
			continue;
		live_touch(w, to);
		(void)raft_recv(&live[to].core, &m);
		live_drain(w, to);
	}
	if (live[by].core.start_confirmed)
		return;
	time_start_silence(&live[by].core);
	live_drain(w, by);
	check(live[by].core.start_confirmed || removed(w, by), "a start is not confirmed");
	check(question_count == 0, "a start is asked about again");
}

void live_clear(struct world *w, uint32_t i)
{
	memset(&live[i], 0, sizeof(live[i]));
	w->member[i] = &live[i].member;
	w->touched |= 1u << i;
}
