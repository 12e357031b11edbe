/*
 * Events: what can happen in a world, and what comes of it.
 */
#include "tests/scope/world.h"

#include "tests/scope/check.h"
#include "tests/scope/live.h"
#include "tests/scope/pool.h"

#include <string.h>

const struct scope *scope;
struct world_counts world_counts;

/* These may happen as often as they can. */
static bool counted(enum event_kind kind)
{
	return kind != EVENT_DELIVER && kind != EVENT_FINISH && kind != EVENT_RELEASE &&
	       kind != EVENT_INSTALL;
}

static bool left(const struct world *w, enum event_kind kind)
{
	return !counted(kind) || w->used[kind] < scope->most[kind];
}

struct list {
	const struct world *w;
	struct event *out;
	uint32_t count;
};

static void add(struct list *l, enum event_kind kind, uint32_t who, uint32_t what)
{
	if (!left(l->w, kind))
		return;
	assert(l->count < EVENTS_MAX);
	l->out[l->count++] = (struct event){(uint8_t)kind, (uint8_t)who, (uint8_t)what};
}

static bool same_way(const struct raft_message *a, const struct raft_message *b)
{
	return a->from == b->from && a->to == b->to;
}

static void mail_events(struct list *l)
{
	const struct world *w = l->w;

	for (uint32_t k = 0; k < w->net_count; k++) {
		const struct raft_message *m = pool_message(w->net[k]);
		const struct raft_message *before = k > 0 ? pool_message(w->net[k - 1]) : m;

		if (k > 0 && w->net[k] == w->net[k - 1])
			continue; /* the same one */
		if (k > 0 && scope->ordered && same_way(before, m))
			continue;
		add(l, EVENT_DELIVER, k, 0);
		add(l, EVENT_COPY, k, 0);
		add(l, EVENT_LOSE, k, 0);
	}
}

static void crash_add(struct list *l, uint32_t i, uint32_t answers, uint32_t first, bool hard)
{
	uint32_t what = answers | first << CRASH_FIRST;

	add(l, EVENT_CRASH, i, what);
	if (hard)
		add(l, EVENT_CRASH, i, what | CRASH_HARD);
}

/*
 * About the new start all others answer, each of them before the others, or one alone: enough for a
 * majority of three.
 */
static void crash_events(struct list *l, uint32_t i)
{
	const struct member *m = l->w->member[i];
	bool hard = false;

	for (uint32_t k = 0; k < m->write_count; k++)
		hard |= m->write[k].hard_set && (m->write[k].count > 0 || k > 0);
	for (uint32_t k = 0; k < scope->members; k++) {
		if (k == i)
			continue;
		if (scope->all_answer)
			crash_add(l, i, (1u << scope->members) - 1 - (1u << i), k, hard);
		if (scope->members == 3)
			crash_add(l, i, 1u << k, k, hard);
	}
}

static raft_index table_up_to(const struct member *m, raft_index k)
{
	while (k > 0 && pool_entry(m->memory.entry[k])->type != RAFT_ENTRY_MEMBERS)
		k--;
	return k;
}

/* The newest table that it knows to be committed. */
static raft_index table_committed(const struct member *m)
{
	return table_up_to(m, m->commit);
}

/* ... also as it has just been started: one at most is not (node/known.c). */
static raft_index table_vouched(const struct member *m)
{
	raft_index newest = table_up_to(m, m->memory.last);

	return newest <= m->commit ? newest : table_up_to(m, newest - 1);
}

static void tell_events(struct list *l, uint32_t i)
{
	const struct member *m = l->w->member[i];

	for (uint32_t k = 0; k < scope->members; k++) {
		raft_index table = table_committed(l->w->member[k]);

		if (table > m->memory.last && table > m->told && table > m->begun &&
		    m->role != RAFT_LEADER)
			add(l, EVENT_TELL, i, k);
	}
}

static void meet_events(struct list *l, uint32_t i)
{
	const struct member *m = l->w->member[i];

	for (uint32_t k = 0; k < scope->members; k++) {
		if (left(l->w, EVENT_MEET) && k != i && m->role != RAFT_LEADER &&
		    table_vouched(l->w->member[k]) > table_vouched(m))
			add(l, EVENT_MEET, i, k);
	}
}

static void member_events(struct list *l, uint32_t i)
{
	const struct member *m = l->w->member[i];

	if (m->write_count > 0)
		add(l, EVENT_FINISH, i, 0);
	if (!m->held)
		add(l, EVENT_HOLD, i, 0);
	else if (!scope->slow)
		add(l, EVENT_RELEASE, i, 0);
	crash_events(l, i);
	if (m->waits || (m->role != RAFT_LEADER && m->term < scope->term_max))
		add(l, EVENT_TIMEOUT, i, 0);
	if (m->hands)
		add(l, EVENT_TIMEOUT, i, 1);
	if (m->hears)
		add(l, EVENT_SILENCE, i, 0);
	for (uint32_t k = 0; m->role == RAFT_LEADER && k < scope->members; k++)
		if (k != i)
			add(l, EVENT_TRANSFER, i, k);
	for (uint32_t k = 0; m->role == RAFT_LEADER && k < scope->members; k++) {
		add(l, EVENT_CHANGE, i, k | CHANGE_PROMOTES);
		if (k > 0)
			add(l, EVENT_CHANGE, i, k);
	}
	if (m->role == RAFT_LEADER) {
		add(l, EVENT_HEARTBEAT, i, 0);
		if (m->memory.last < LOG_MAX - 1)
			add(l, EVENT_PROPOSE, i, 0);
	}
	if (m->commit > m->base)
		add(l, EVENT_SNAPSHOT, i, 0);
	if (m->offered > 0)
		add(l, EVENT_INSTALL, i, 0);
	tell_events(l, i);
	meet_events(l, i);
	if (l->w->used[EVENT_READ] < READS_MAX)
		add(l, EVENT_READ, i, 0);
}

uint32_t world_events(const struct world *w, struct event out[EVENTS_MAX])
{
	struct list l = {.w = w, .out = out};

	mail_events(&l);
	for (uint32_t i = 0; i < scope->members; i++)
		member_events(&l, i);
	return l.count;
}

/* --- what comes of it -------------------------------------------------------------------- */

static void net_take(struct world *w, uint32_t k)
{
	w->net_count--;
	memmove(&w->net[k], &w->net[k + 1], (w->net_count - k) * sizeof(w->net[0]));
	w->net[w->net_count] = 0;
}

/* SC10 */
static bool may_change(const struct raft *r, const struct raft_message *m)
{
	bool hears = r->role == RAFT_LEADER || r->leader_heard || r->now_us < r->elects_us;

	if (m->type == RAFT_MESSAGE_PREVOTE)
		return false;
	return m->type != RAFT_MESSAGE_VOTE || m->vote.transfer || !hears || !r->check_quorum;
}

/* Of who was met nothing else is heard (node/network.c). */
static bool may_lead(const struct raft_message *m)
{
	return m->type == RAFT_MESSAGE_APPEND || m->type == RAFT_MESSAGE_SNAPSHOT ||
	       m->type == RAFT_MESSAGE_VOTE || m->type == RAFT_MESSAGE_PREVOTE ||
	       m->type == RAFT_MESSAGE_START;
}

/* As its node does (node/meet.c): another one leads, or its table has him. */
static void part(uint32_t i)
{
	struct raft *r = live_core(i);
	const struct raft_member *m = raft_members_find(raft_get_members(r), r->met);

	if (r->met != 0 && ((m && m->identity == r->met_identity) ||
			    (raft_leader(r) != 0 && raft_leader(r) != r->met)))
		raft_meet(r, 0, 0);
}

static void arrive(struct world *w, const struct raft_message *m)
{
	uint32_t to = (uint32_t)m->to - 1;

	live_touch(w, to);
	struct raft *r = live_core(to);
	const struct raft_hard_state hard = r->hard;
	bool may = may_change(r, m);

	if (r->met == m->from && !may_lead(m))
		return;
	(void)raft_recv(r, m);
	check(may || (r->hard.term == hard.term && r->hard.vote == hard.vote),
	      "SC10: a question changes a term or a vote, or a vote where a leader is heard");
	live_drain(w, to);
	part(to);
}

static void deliver(struct world *w, uint32_t k, bool stays)
{
	const struct raft_message *m = pool_message(w->net[k]);

	if (!stays)
		net_take(w, k);
	arrive(w, m);
}

void world_deliver(struct world *w, uint32_t k)
{
	deliver(w, k, false);
}

/* All that is on the way of the k-th, which is the first there. */
static void burst(struct world *w, uint32_t k)
{
	const struct raft_message *mail[NET_MAX];
	uint32_t count = 0;

	do {
		mail[count++] = pool_message(w->net[k]);
		net_take(w, k);
	} while (k < w->net_count && same_way(mail[0], pool_message(w->net[k])));
	for (uint32_t n = 0; n < count; n++)
		arrive(w, mail[n]);
}

void world_lose(struct world *w, uint32_t k)
{
	net_take(w, k);
}

void world_release(struct world *w, uint32_t i)
{
	live_touch(w, i)->held = false;
	live_drain(w, i);
}

/* Time is one: what passed for it has passed for those who count on its promise. */
static void promises_end(struct world *w, uint32_t i)
{
	for (uint32_t k = 0; scope->leases && k < scope->members; k++) {
		if (k == i || w->member[k]->role != RAFT_LEADER)
			continue;
		live_touch(w, k);
		time_promise_over(live_core(k), i + 1);
	}
}

void world_timeout(struct world *w, uint32_t i)
{
	promises_end(w, i);
	live_touch(w, i);
	time_timeout(live_core(i));
	live_drain(w, i);
}

void world_heartbeat(struct world *w, uint32_t i)
{
	live_touch(w, i);
	time_heartbeat(live_core(i));
	live_drain(w, i);
}

void world_hand_over_end(struct world *w, uint32_t i)
{
	live_touch(w, i);
	time_transfer_over(live_core(i));
	live_drain(w, i);
	world_heartbeat(w, i);
}

void world_silence(struct world *w, uint32_t i)
{
	promises_end(w, i);
	live_touch(w, i);
	time_silence(live_core(i));
	live_drain(w, i);
}

static void timeout(struct world *w, uint32_t i, bool transfer)
{
	if (!transfer) {
		world_timeout(w, i);
		return;
	}
	live_touch(w, i);
	time_transfer_over(live_core(i));
	live_drain(w, i);
}

static void crash(struct world *w, uint32_t i, uint32_t what)
{
	struct member *m = live_touch(w, i);
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t count = raft_witnesses(live_core(i), witness);

	for (uint32_t k = 0; k < m->write_count; k++)
		if (what & CRASH_HARD && m->write[k].hard_set)
			m->hard = m->write[k].hard;
	memset(m->write, 0, sizeof(m->write));
	m->held = scope->slow;
	live_create(w, i, witness, count);
	live_starts_settle(w, i, what & CRASH_ANSWERS, what >> CRASH_FIRST);
}

bool world_propose(struct world *w, uint32_t i)
{
	uint8_t command = w->used[EVENT_PROPOSE];
	raft_index index;
	raft_term term;

	live_touch(w, i);
	if (raft_propose(live_core(i), &command, sizeof(command), &index, &term))
		return false;
	live_drain(w, i);
	return true;
}

bool world_change(struct world *w, uint32_t i, uint32_t what)
{
	struct raft_change changes[2];
	struct raft_refusal refusal;
	raft_index index;
	uint32_t count = 0;

	if (what & CHANGE_PROMOTES)
		changes[count++] =
			(struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = scope->members};
	if (what & CHANGE_LEAVES)
		changes[count++] = (struct raft_change){.kind = RAFT_CHANGE_REMOVE,
							.id = what & CHANGE_LEAVES};
	live_touch(w, i);
	if (raft_members_change(live_core(i), changes, count, &index, &refusal))
		return false;
	live_drain(w, i);
	return true;
}

static void be_told(struct world *w, uint32_t i, uint32_t by)
{
	const struct member *teller = w->member[by];
	struct member *m = live_touch(w, i);
	struct raft_members members;
	const struct raft_entry *e;

	m->told = (uint8_t)table_committed(teller);
	m->told_entry = teller->memory.entry[m->told];
	e = pool_entry(m->told_entry);
	check(raft_members_decode(&members, e->data, e->size) == 0, "a table in a log");
	raft_members_told(live_core(i), &members, m->told);
	live_drain(w, i);
}

/* He answers by a newer table, in which both of them are; and is a stranger by the one in force. */
bool world_meet(struct world *w, uint32_t i, uint32_t whom)
{
	const struct member *teller = w->member[whom];
	raft_index index = table_vouched(teller);
	const struct raft_member *he, *known;
	const struct raft_entry *e;
	struct raft_members members;
	struct raft *r;

	if (i == whom || index <= table_vouched(w->member[i]))
		return false;
	e = pool_entry(teller->memory.entry[index]);
	check(raft_members_decode(&members, e->data, e->size) == 0, "a table in a log");
	he = raft_members_find(&members, whom + 1);
	if (!he || he->identity == 0 || !raft_members_find(&members, i + 1))
		return false;
	live_touch(w, i);
	r = live_core(i);
	known = raft_members_find(raft_get_members(r), he->id);
	if (raft_leader(r) != 0 || r->met == he->id || (known && known->identity != 0))
		return false;
	raft_meet(r, he->id, he->identity);
	live_drain(w, i);
	return true;
}

static bool ask(struct world *w, uint32_t i)
{
	uint32_t k = w->used[EVENT_READ] - 1u;

	live_touch(w, i);
	w->read[k] = (struct read){.by = (uint8_t)(i + 1), .floor = w->canon.last};
	if (raft_read_index(live_core(i), k + 1))
		return false;
	live_drain(w, i);
	return true;
}

/* As far as its own disk has it. */
static bool snapshot(struct world *w, uint32_t i)
{
	struct member *m = live_touch(w, i);
	struct raft *r = live_core(i);
	raft_index index = r->applied < r->durable ? r->applied : r->durable;

	if (index <= m->base)
		return false;
	live_snapshot_tell(i, index);
	raft_base_set(r, index, pool_entry(m->disk.entry[index])->term);
	m->base = (uint8_t)index;
	live_drain(w, i);
	return true;
}

bool world_install(struct world *w, uint32_t i)
{
	const uint8_t index = w->member[i]->offered;
	struct raft_members members;
	raft_index table;
	raft_term term;

	if (index == 0)
		return false;
	term = pool_entry(w->canon.entry[index])->term;
	struct member *m = live_touch(w, i);
	m->offered = 0;
	if (raft_snapshot_wanted(live_core(i), index, term) != RAFT_SNAPSHOT_ALONE)
		return false;
	live_log_replace(w, i, index);
	table = live_canon_table(w, index, &members);
	raft_snapshot_installed(live_core(i), index, term, &members, table);
	live_snapshot_tell(i, index);
	live_drain(w, i);
	return true;
}

static bool happen(struct world *w, const struct event *e)
{
	uint32_t i = e->who;

	switch ((enum event_kind)e->kind) {
	case EVENT_DELIVER:
	case EVENT_COPY:
		if (scope->bursts && e->kind == EVENT_DELIVER)
			burst(w, i);
		else
			deliver(w, i, e->kind == EVENT_COPY);
		return true;
	case EVENT_LOSE:
		net_take(w, i);
		return true;
	case EVENT_FINISH:
		live_touch(w, i);
		live_write_finish(i);
		live_drain(w, i);
		return true;
	case EVENT_HOLD:
		live_touch(w, i)->held = true;
		return true;
	case EVENT_RELEASE:
		world_release(w, i);
		return true;
	case EVENT_CRASH:
		crash(w, i, e->what);
		return true;
	case EVENT_TIMEOUT:
		timeout(w, i, e->what);
		return true;
	case EVENT_SILENCE:
		world_silence(w, i);
		return true;
	case EVENT_TRANSFER:
		live_touch(w, i);
		if (raft_transfer(live_core(i), e->what + 1u))
			return false;
		live_drain(w, i);
		return true;
	case EVENT_HEARTBEAT:
		world_heartbeat(w, i);
		return true;
	case EVENT_CHANGE:
		return world_change(w, i, e->what);
	case EVENT_TELL:
		be_told(w, i, e->what);
		return true;
	case EVENT_MEET:
		return world_meet(w, i, e->what);
	case EVENT_PROPOSE:
		return world_propose(w, i);
	case EVENT_READ:
		return ask(w, i);
	case EVENT_SNAPSHOT:
		return snapshot(w, i);
	case EVENT_INSTALL:
		return world_install(w, i);
	case EVENT_KINDS:
		break;
	}
	return false;
}

void world_settle(struct world *w)
{
	for (uint32_t i = 0; i < scope->members; i++) {
		if (!(w->touched & 1u << i))
			continue;
		live_settle(w, i);
		member_hash(w, i);
	}
}

bool world_step(const struct world *from, const struct event *e, struct world *to)
{
	*to = *from;
	assert(to->touched == 0);
	if (counted((enum event_kind)e->kind))
		to->used[e->kind]++;
	if (!happen(to, e))
		return false;
	world_counts.crowded += to->crowded;
	if (to->crowded)
		return false;
	world_settle(to);
	return true;
}
