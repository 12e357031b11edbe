/*
 * One core driven by hand (hand.h).
 */
#include "tests/unit/raft/hand.h"

#include <stdlib.h>

static raft_identity identity_of(raft_id id)
{
	return 0xa0 + id;
}

raft_start hand_start(raft_id id, uint32_t count)
{
	return (raft_start)count << 32 | (0x50 + id);
}

void hand_init(struct hand *h, struct hand_options o)
{
	static const uint8_t byte = 'x';
	raft_index last = o.base + (o.terms ? strlen(o.terms) : o.long_log);
	struct raft_options options = {
		.id = 1,
		.identity = o.identity ? o.identity : identity_of(1),
		.start = hand_start(1, 1),
		.lost = o.lost,
		.members = {.count = o.nodes},
		.hard_state = {.term = o.term, .vote = o.vote},
		.base_index = o.base,
		.base_term = o.base_term,
		.applied = o.applied > o.base ? o.applied : o.base,
		.members_index = o.base > 0,
		.last_index = last,
		.seed = 7,
		.election_timeout_us_min = HAND_ELECTION_US,
		.election_timeout_us_max = 2 * HAND_ELECTION_US,
		.heartbeat_us = HAND_HEARTBEAT_US,
		.append_size_max = o.append_size_max ? o.append_size_max : 1400,
		.pre_vote = o.pre_vote,
		.check_quorum = o.check_quorum,
		.lease_reads = o.lease_reads,
		.promise_us_max = o.promise_us,
	};
	memset(h, 0, sizeof(*h));
	for (uint32_t i = 0; i < o.nodes; i++)
		options.members.member[i] = (struct raft_member){
			.id = i + 1, .identity = identity_of(i + 1), .voter = true};
	assert_int_equal(raft_create(&h->r, &options), 0);
	h->applied = options.applied;
	raft_index first = o.base + 1;
	if (last - o.base > RAFT_WINDOW_SLOTS)
		first = last - RAFT_WINDOW_SLOTS + 1;
	for (raft_index i = first; i <= last; i++) {
		bool noop = i > last - o.noops;
		const struct raft_entry e = {
			.index = i,
			.term = o.terms ? (raft_term)(o.terms[i - o.base - 1] - '0') : 1,
			.data = &byte,
			.size = !noop,
			.type = noop ? RAFT_ENTRY_NOOP : RAFT_ENTRY_COMMAND,
			.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
		};
		raft_restore(h->r, &e);
	}
	h->hard = options.hard_state;
	if (!o.unconfirmed) {
		h->r->start_confirmed = true;
		for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
			h->r->place[i].start_answered = true;
			h->r->place[i].start_owed = false;
		}
	}
	hand_take(h);
}

void hand_fini(struct hand *h)
{
	raft_destroy(h->r);
}

static void ready_take(struct hand *h, const struct raft_ready *ready)
{
	if (ready->persist_seq)
		h->seq = ready->persist_seq;
	if (ready->hard_state)
		h->hard = *ready->hard_state;
	h->lost += ready->lost;
	h->lost_known = ready->lost ? ready->lost_known : h->lost_known;
	h->whole += ready->whole;
	if (ready->entry_count > 0) {
		h->persist_first = ready->entries[0].index;
		h->persist_last = ready->entries[ready->entry_count - 1].index;
	}
	for (uint32_t i = 0; i < ready->message_count; i++) {
		assert_true(h->sent_count < HAND_SENT_MAX);
		h->sent[h->sent_count++] = ready->messages[i];
	}
	for (uint32_t i = 0; i < ready->apply_count; i++) {
		assert_int_equal(ready->apply[i].index, h->applied + 1);
		h->applied++;
	}
	for (uint32_t i = 0; i < ready->read_count && h->read_count < 64; i++)
		h->read[h->read_count++] = ready->reads[i];
	if (ready->offer) {
		h->offer = *ready->offer;
		h->offer_from = ready->offer_from;
		h->offers++;
	}
	for (uint32_t i = 0; i < ready->fetch_count && h->fetch_count < 64; i++)
		h->fetch[h->fetch_count++] = ready->fetches[i];
}

void hand_take(struct hand *h)
{
	struct raft_ready ready;

	while (!h->quiet && raft_ready(h->r, h->log_full ? 0 : UINT32_MAX, &ready)) {
		ready_take(h, &ready);
		raft_advance(h->r);
		if (ready.apply_count > 0)
			raft_applied(h->r, h->applied);
	}
}

void hand_persist_seq(struct hand *h, uint64_t seq)
{
	raft_persisted(h->r, seq);
	hand_take(h);
}

void hand_persist(struct hand *h)
{
	while (h->r->persisted < h->seq)
		hand_persist_seq(h, h->seq);
}

void hand_tick(struct hand *h, uint64_t us)
{
	h->now_us += us;
	raft_tick(h->r, h->now_us);
	hand_take(h);
}

void hand_forget(struct hand *h)
{
	h->sent_count = 0;
}

struct raft_message hand_message(const struct hand *h, enum raft_message_type type, raft_id from,
				 raft_term term)
{
	(void)h;
	return (struct raft_message){.type = type,
				     .from = from,
				     .to = 1,
				     .identity = identity_of(from),
				     .start = hand_start(from, 1),
				     .term = term};
}

int hand_recv(struct hand *h, const struct raft_message *m)
{
	int err = raft_recv(h->r, m);

	hand_take(h);
	return err;
}

void hand_campaign(struct hand *h)
{
	hand_tick(h, 0); /* time enters with a tick */
	uint64_t deadline = h->r->election_deadline_us;
	assert_true(deadline > h->now_us);
	hand_tick(h, deadline - h->now_us);
	assert_int_equal(raft_get_role(h->r), h->r->pre_vote ? RAFT_PRECANDIDATE : RAFT_CANDIDATE);
	for (raft_id id = 2; raft_get_role(h->r) == RAFT_PRECANDIDATE; id++)
		assert_int_equal(hand_prevote(h, id), 0);
}

int hand_prevote(struct hand *h, raft_id from)
{
	struct raft_message m =
		hand_message(h, RAFT_MESSAGE_PREVOTE_REPLY, from, raft_get_term(h->r) + 1);

	m.vote_reply.granted = true;
	return hand_recv(h, &m);
}

void hand_elect(struct hand *h)
{
	hand_campaign(h);
	hand_persist(h);
	for (raft_id id = 2; raft_get_role(h->r) == RAFT_CANDIDATE; id++) {
		struct raft_message m =
			hand_message(h, RAFT_MESSAGE_VOTE_REPLY, id, raft_get_term(h->r));
		m.vote_reply.granted = true;
		assert_int_equal(hand_recv(h, &m), 0);
	}
	assert_int_equal(raft_get_role(h->r), RAFT_LEADER);
	hand_persist(h);
}

struct raft_message hand_answer(const struct hand *h, raft_id from, bool accepted, raft_index prev,
				raft_index match)
{
	struct raft_message m =
		hand_message(h, RAFT_MESSAGE_APPEND_REPLY, from, raft_get_term(h->r));

	m.append_reply.accepted = accepted;
	m.append_reply.prev_index = prev;
	m.append_reply.match = match;
	return m;
}

int hand_ack(struct hand *h, raft_id from, raft_index match)
{
	struct raft_message m = hand_answer(h, from, true, match, match);

	return hand_recv(h, &m);
}

int hand_echo(struct hand *h, raft_id from, raft_index match, uint64_t read_seq)
{
	struct raft_message m = hand_answer(h, from, true, match, match);

	m.append_reply.read_seq = read_seq;
	return hand_recv(h, &m);
}

void hand_prefer(struct hand *h, raft_id from, uint8_t priority)
{
	struct raft_message m = hand_answer(h, from, true, raft_last(h->r), raft_last(h->r));

	m.append_reply.read_seq = h->r->reads.seq;
	m.append_reply.priority = priority;
	assert_int_equal(hand_recv(h, &m), 0);
}

void hand_stream(struct hand *h, raft_id from)
{
	struct raft_message m = hand_answer(h, from, true, hand_peer(h, from)->probe_prev, 0);

	assert_int_equal(hand_recv(h, &m), 0);
	assert_false(hand_peer(h, from)->probing);
}

int hand_refuse(struct hand *h, raft_id from, raft_index prev, raft_index hint, raft_term hint_term)
{
	struct raft_message m = hand_answer(h, from, false, prev, hint);

	m.append_reply.match_term = hint_term;
	return hand_recv(h, &m);
}

int hand_offer(struct hand *h, raft_id from, raft_term term, raft_index index, raft_term of)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_SNAPSHOT, from, term);

	m.snapshot =
		(struct raft_snapshot){.index = index, .term = of, .size = 4096, .hash = index};
	return hand_recv(h, &m);
}

void hand_snapshot(struct hand *h, raft_index index)
{
	const struct raft_snapshot s = {.index = index,
					.term = raft_window_term(&h->r->window, index),
					.size = 4096,
					.hash = index};

	raft_snapshot_taken(h->r, &s);
	hand_take(h);
}

void hand_install(struct hand *h, raft_index index, raft_term term)
{
	const struct raft_members members = h->r->members;

	raft_snapshot_installed(h->r, index, term, &members, 1);
	h->applied = index;
	hand_take(h);
}

int hand_append(struct hand *h, raft_id from, raft_term term, raft_index prev, raft_term prev_term,
		const char *terms, raft_index commit)
{
	static const uint8_t byte = 'x';
	struct raft_entry entry[64];
	struct raft_message m = hand_message(h, RAFT_MESSAGE_APPEND, from, term);
	uint32_t count = (uint32_t)strlen(terms);

	assert_true(count <= 64);
	for (uint32_t i = 0; i < count; i++)
		entry[i] = (struct raft_entry){
			.index = prev + 1 + i,
			.term = (raft_term)(terms[i] - '0'),
			.data = &byte,
			.size = 1,
			.type = RAFT_ENTRY_COMMAND,
			.flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST,
		};
	m.append.prev_index = prev;
	m.append.prev_term = prev_term;
	m.append.commit = commit;
	m.append.entries = entry;
	m.append.entry_count = count;
	return hand_recv(h, &m);
}

int hand_propose(struct hand *h)
{
	raft_index index;
	raft_term term;
	int err = raft_propose(h->r, (const uint8_t *)"z", 1, &index, &term);

	hand_take(h);
	return err;
}

const struct raft_message *hand_sent(const struct hand *h, enum raft_message_type type, raft_id to)
{
	for (uint32_t i = h->sent_count; i > 0; i--) {
		if (h->sent[i - 1].type == type && h->sent[i - 1].to == to)
			return &h->sent[i - 1];
	}
	return NULL;
}

uint32_t hand_sent_count(const struct hand *h, enum raft_message_type type, raft_id to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < h->sent_count; i++)
		count += h->sent[i].type == type && h->sent[i].to == to;
	return count;
}

struct raft_peer *hand_peer(struct hand *h, raft_id id)
{
	return raft_peer_find(h->r, id);
}

struct raft_message hand_told(const struct hand *h, raft_id from, raft_start known, raft_term term,
			      raft_index index)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_START_REPLY, from, 0);

	m.start_reply.asked = h->r->start;
	m.start_reply.known =
		(struct raft_witness){.id = 1, .start = known, .term = term, .index = index};
	return m;
}

int hand_told_well(struct hand *h, raft_id from)
{
	struct raft_message m = hand_told(h, from, h->r->start, 0, 0);

	return hand_recv(h, &m);
}

int hand_vote_ask(struct hand *h, raft_id from, raft_term term)
{
	struct raft_message m = hand_message(h, RAFT_MESSAGE_VOTE, from, term);

	m.vote.last_index = 9;
	m.vote.last_term = term - 1;
	int err = hand_recv(h, &m);
	hand_persist(h);
	return err;
}

bool hand_voted(const struct hand *h, raft_id to)
{
	const struct raft_message *m = hand_sent(h, RAFT_MESSAGE_VOTE_REPLY, to);

	return m && m->vote_reply.granted;
}

void hand_lead(struct hand *h)
{
	hand_init(h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_elect(h);
	for (raft_id id = 2; id <= 3; id++)
		assert_int_equal(hand_ack(h, id, h->r->window.last), 0);
	hand_tick(h, 1);
	assert_int_equal(h->r->commit, h->r->window.last);
}

int hand_change(struct hand *h, struct raft_change c, struct raft_refusal *refusal)
{
	struct raft_refusal ignored;
	raft_index index;
	int err = raft_members_change(h->r, &c, 1, &index, refusal ? refusal : &ignored);

	hand_take(h);
	return err;
}

void hand_commit(struct hand *h, raft_id from, raft_id to)
{
	raft_index last = h->r->window.last;

	hand_persist(h);
	for (raft_id id = from; id <= to; id++)
		assert_int_equal(hand_ack(h, id, last), 0);
	hand_tick(h, 1);
}

void hand_add_4(struct hand *h, enum raft_change_kind kind, raft_id replaced)
{
	const struct raft_change add = {
		.kind = kind, .id = 4, .replaced = replaced, .place = HAND_PLACE_4};
	const struct raft_change bind = {
		.kind = RAFT_CHANGE_BIND, .id = 4, .identity = HAND_IDENTITY_4};
	const struct raft_member *as;

	assert_int_equal(hand_change(h, add, NULL), 0);
	hand_commit(h, 2, 3);
	assert_int_equal(hand_change(h, bind, NULL), 0);
	hand_commit(h, 2, 3);
	assert_int_equal(h->r->commit, h->r->window.last);
	as = raft_members_find(&h->r->members, 4);
	assert_int_equal(as->joins, kind != RAFT_CHANGE_ADD_LEARNER);
	assert_false(as->voter);
}
