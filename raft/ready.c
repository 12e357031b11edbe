/*
 * The hand-out: what to persist, send, apply, serve and fetch, and how its consequences come back.
 *
 * Entries are handed out as arrays inside the window or inside a fetch slot: nothing is copied, and
 * where the ring wraps an array ends early and the rest follows in the next ready.
 */
#include "raft/internal.h"

#include <string.h>

/* R5: a token covers exactly what is handed out under it. */
static void persist_out(struct raft *r, uint32_t log_room, struct raft_ready *out)
{
	uint32_t count = log_room < RAFT_READY_ENTRIES_MAX ? log_room : RAFT_READY_ENTRIES_MAX;
	bool entries = count > 0 && r->handed < r->window.last;

	if (!r->hard_changed && !entries)
		return;
	out->persist_seq = ++r->seq;
	if (r->hard_changed) {
		r->ready_hard = r->hard;
		out->hard_state = &r->ready_hard;
		r->hard_changed = false;
		r->hard_seq = r->seq;
	}
	if (!entries)
		return;
	out->entries = raft_window_run(&r->window, r->handed + 1, &count);
	out->entry_count = count;
	for (uint32_t i = 0; i < count; i++)
		r->window.seq[raft_window_slot(++r->handed)] = r->seq;
	/* What finds no room asks for no other ready: it leaves when a write has ended. */
	if (r->handed < r->window.last && count < log_room)
		r->ready_more = true;
}

/* R1: every one of these speaks for the term, so none leaves before the term is durable. */
static void messages_out(struct raft *r)
{
	raft_start_send(r);
	if (!raft_hard_durable(r))
		return;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[i];

		raft_votes_send(r, p);
		if (p->stale_reply_owed) /* refused, prev_index 0: our term */
			raft_message_new(r, p, RAFT_MESSAGE_APPEND_REPLY);
		if (p->timeout_now_owed)
			raft_message_new(r, p, RAFT_MESSAGE_TIMEOUT_NOW)->timeout_now.read_seq =
				r->reads.seq;
		p->stale_reply_owed = false;
		p->timeout_now_owed = false;
	}
	raft_owed_send(r);
	raft_lost_send(r);
	raft_send_appends(r);
	raft_reads_send(r);
}

/*
 * A committed entry is on a majority of disks, so it may be applied before this disk has it: the
 * applied state is in memory, and a restart begins it again from what the log then holds. The next
 * batch comes when this one is applied: the state machine sets the pace.
 */
static void apply_out(struct raft *r, struct raft_ready *out)
{
	raft_index next = r->apply_handed + 1;
	uint32_t count = RAFT_READY_APPLY_MAX;

	if (r->apply_held || r->applied < r->apply_handed || r->apply_handed == r->commit)
		return;
	if (raft_window_has(&r->window, next)) {
		if (count > r->commit - r->apply_handed)
			count = (uint32_t)(r->commit - r->apply_handed);
		out->apply = raft_window_run(&r->window, next, &count);
	} else {
		out->apply = raft_fetch_run(&r->slot[RAFT_SLOT_APPLY], next, &count);
		if (!out->apply)
			raft_fetch_ask(r, RAFT_SLOT_APPLY, next, r->window.first - 1);
	}
	if (!out->apply)
		return;
	out->apply_count = count;
	r->apply_handed += count;
}

static void reads_out(struct raft *r, struct raft_ready *out)
{
	struct raft_reads *reads = &r->reads;

	if (reads->done_count == 0)
		return;
	memcpy(r->ready_read, reads->done, reads->done_count * sizeof(reads->done[0]));
	out->reads = r->ready_read;
	out->read_count = reads->done_count;
	reads->done_count = 0;
}

static void fetches_out(struct raft *r, struct raft_ready *out)
{
	for (uint32_t i = 0; r->fetches_asked > 0 && i < RAFT_SLOTS_MAX; i++) {
		struct raft_slot *s = &r->slot[i];
		if (s->state != RAFT_SLOT_ASKED)
			continue;
		s->state = RAFT_SLOT_OPEN;
		r->fetches_asked--;
		r->ready_fetch[out->fetch_count++] =
			(struct raft_fetch){.slot = i, .first = s->first, .count = s->asked};
	}
	out->fetches = r->ready_fetch;
}

/* What waits for room in the log waits for no event. */
static bool nothing_due(const struct raft *r, uint32_t log_room)
{
	return !r->ready_due && (log_room == 0 || r->handed == r->window.last);
}

bool raft_ready(struct raft *r, uint32_t log_room, struct raft_ready *out)
{
	assert(!r->in_ready);
	bool nothing = nothing_due(r, log_room);

	raft_send_turn(r);
	if (nothing && !RAFT_CHECKS_EVENTS)
		return false;
	memset(out, 0, sizeof(*out));
	r->message_count = 0;
	r->ready_more = false;
	persist_out(r, log_room, out);
	messages_out(r);
	out->messages = r->message;
	out->message_count = r->message_count;
	apply_out(r, out);
	reads_out(r, out);
	fetches_out(r, out);
	raft_lost_out(r, out);
	raft_offer_out(r, out);
	r->ready_due = r->ready_more;
	r->due_us = 0;
	r->in_ready = out->lost || out->whole || out->offer || out->persist_seq > 0 ||
		      out->message_count > 0 || out->apply_count > 0 || out->read_count > 0 ||
		      out->fetch_count > 0;
	if (r->in_ready)
		raft_check_invariants(r);
	assert(!nothing || !r->in_ready);
	return r->in_ready;
}

void raft_advance(struct raft *r)
{
	r->in_ready = false;
}

void raft_persisted(struct raft *r, uint64_t seq)
{
	assert(!r->in_ready);
	assert(seq <= r->seq);
	if (seq <= r->persisted)
		return; /* as in most turns */
	r->persisted = seq;
	while (r->durable < r->handed) {
		uint64_t token = r->window.seq[raft_window_slot(r->durable + 1)];
		assert(token != 0);
		if (token > r->persisted)
			break;
		r->durable++;
	}
	raft_vote_durable(r);
	raft_vote_count(r);
	raft_term_start(r);
	raft_commit_advance(r);
	raft_lost_end_try(r);
	raft_changed(r);
}

void raft_applied(struct raft *r, raft_index index)
{
	assert(!r->in_ready);
	assert(index >= r->applied);
	assert(index <= r->apply_handed);
	if (index == r->applied)
		return; /* as in most turns */
	r->applied = index;
	if (r->apply_handed < r->commit)
		raft_changed(r); /* the next batch is due */
}
