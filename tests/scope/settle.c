/*
 * What does not matter between two events is the same in all states: times, tokens, places that
 * hold nothing, where a ring begins. Nothing that a core could act on is changed, not even what an
 * honest core does not look at any more: a mistake might.
 */
#include "tests/scope/live.h"

#include "tests/scope/pool.h"

#include <string.h>

/* --- time -------------------------------------------------------------------------------- */

static void tick(struct raft *r)
{
	r->tick_due = true;
	raft_tick(r, r->now_us);
}

static uint64_t long_ago(const struct raft *r)
{
	return r->now_us - r->election_us_min;
}

/* What it does not hear for so long, it does not hear. */
void time_silence(struct raft *r)
{
	r->elects_us = r->now_us;
	r->vote_us = long_ago(r);
	r->gone_us = r->gone_us ? r->now_us : 0;
	tick(r);
}

void time_timeout(struct raft *r)
{
	r->election_restarted = false;
	r->election_deadline_us = r->now_us;
	r->contact.lost_us = r->now_us;
	time_silence(r);
}

void time_promise_over(struct raft *r, raft_id id)
{
	struct raft_peer *p = raft_peer_find(r, id);

	r->contact.begun_us = long_ago(r);
	if (p)
		p->promised_us = 0;
}

void time_transfer_over(struct raft *r)
{
	r->transfer.deadline_us = r->now_us;
	tick(r);
}

void time_heartbeat(struct raft *r)
{
	for (uint32_t i = 0; i < r->peer_count; i++) {
		r->peer[i]->empty_us = r->now_us - r->heartbeat_us;
		r->peer[i]->await_us = r->now_us - r->heartbeat_us;
		r->peer[i]->offer_us = r->now_us - r->heartbeat_us;
	}
	r->contact.due_us = r->now_us;
	r->transfer.send_us = r->now_us;
	tick(r);
}

void time_start_silence(struct raft *r)
{
	r->start_began_us = r->now_us - r->election_us_min;
	tick(r);
}

static bool heard_matters(void)
{
	return scope->most[EVENT_TRANSFER] > 0 || scope->most[EVENT_CHANGE] > 0 || scope->joins ||
	       scope->begun;
}

static void peer_time_forget(struct raft *r, struct raft_peer *p)
{
	p->empty_us = r->now_us;
	p->await_us = r->now_us;
	p->offer_us = r->now_us;
	/* Once is for ever. Only who hands over or changes members looks. */
	p->heard_us = heard_matters() && p->heard_us ? r->now_us : 0;
	p->stray_us = 0;
	p->retransmit_us = r->heartbeat_us;
	p->srtt_us = 0;
	p->sample_index = 0;
	p->sample_us = 0;
	p->sample_acked = false;
	p->start_base_set = false;
	p->start_base = 0;
	p->start_base_us = 0;
	p->promised_us = p->promised_us > r->now_us ? r->now_us + r->election_us_min : 0;
}

/* Just now, or long ago. Where nobody asks for it, it is the same. */
static uint64_t lately(const struct raft *r, uint64_t us)
{
	if (!r->pre_vote && !r->check_quorum)
		return r->now_us;
	return r->now_us - us < r->election_us_min ? r->now_us : long_ago(r);
}

static void time_forget(struct raft *r)
{
	assert(r->now_us == TIME_NOW_US);
	r->due_us = 0;
	r->tick_due = true;
	r->election_span_us = r->election_us_max;
	r->election_deadline_us = r->now_us + r->election_us_max;
	r->election_restarted = false;
	r->vote_resend_us = r->now_us + r->heartbeat_us;
	r->elects_us = r->now_us + (r->elects_us > r->now_us ? r->election_us_min : 0);
	r->vote_us = lately(r, r->vote_us);
	r->gone_us = r->gone_us ? r->now_us + r->election_us_max : 0;
	r->contact.since_us = long_ago(r);
	r->contact.begun_us = r->contact.begun_us == r->now_us ? r->now_us : long_ago(r);
	r->contact.due_us = r->now_us + r->heartbeat_us;
	r->contact.lost_us = r->now_us + r->election_us_min;
	r->transfer.send_us = r->transfer.to ? r->now_us + r->heartbeat_us : 0;
	r->transfer.deadline_us = r->transfer.to ? r->now_us + r->election_us_min : 0;
	r->told_timeouts = 0; /* a crash ends what was told as well */
	r->start_began_us = r->now_us;
	r->start_ask_us = UINT64_MAX;
	r->start_ask_all_us = UINT64_MAX;
	r->lost.ask_us = 0;
	r->lost.told_us = 0;
	r->terms.base = r->hard.term;
	r->terms.base_us = r->now_us;
	for (uint32_t i = 0; i < r->peer_count; i++)
		peer_time_forget(r, r->peer[i]);
}

/* --- what is counted, and what holds nothing --------------------------------------------- */

static void counts_forget(struct raft *r, struct member *m)
{
	uint64_t base = r->persisted;

	for (uint32_t k = 0; k < m->write_count; k++)
		m->write[k].seq -= base;
	for (uint32_t k = 0; k < RAFT_WINDOW_SLOTS; k++)
		r->window.seq[k] -= r->window.seq[k] < base ? r->window.seq[k] : base;
	r->hard_seq -= r->hard_seq < base ? r->hard_seq : base;
	r->seq -= base;
	r->persisted = 0;
	r->random = 0;
	r->witness_generation = 0;
	r->lease_reads_count = 0;
	r->members_generation = 0;
	r->quorum_lost = 0;
	r->send_turn = r->peer_count;
}

/* What lies between and behind its fields is what the stack held. */
static void entry_padding_forget(struct raft_entry *e)
{
	struct raft_entry was = *e;

	memset(e, 0, sizeof(*e));
	e->index = was.index;
	e->term = was.term;
	e->data = was.data;
	e->size = was.size;
	e->type = was.type;
	e->flags = was.flags;
}

static void window_forget(struct raft *r)
{
	struct raft_window *w = &r->window;

	for (uint32_t k = 0; k < RAFT_WINDOW_SLOTS; k++) {
		struct raft_entry *e = &w->entry[k];

		if (!raft_window_has(w, e->index) || raft_window_slot(e->index) != k) {
			memset(e, 0, sizeof(*e));
			w->seq[k] = 0;
		}
		entry_padding_forget(e);
		memset(w->data[k] + e->size, 0, sizeof(w->data[k]) - e->size);
	}
}

static void reads_forget(struct raft_reads *reads)
{
	struct raft_reads was = *reads;

	memset(reads->wait, 0, sizeof(reads->wait));
	memset(reads->done, 0, sizeof(reads->done));
	memset(reads->ask, 0, sizeof(reads->ask));
	reads->wait_head = 0;
	reads->ask_head = 0;
	for (uint32_t k = 0; k < reads->wait_count; k++)
		reads->wait[k] = was.wait[(was.wait_head + k) % RAFT_READY_READS_MAX];
	for (uint32_t k = 0; k < reads->done_count; k++)
		reads->done[k] = was.done[k];
	for (uint32_t k = 0; k < reads->ask_count; k++)
		reads->ask[k] = was.ask[(was.ask_head + k) % RAFT_READY_READS_MAX];
	for (uint32_t k = reads->refused_count; k < RAFT_READ_REFUSALS_MAX; k++)
		memset(&reads->refused[k], 0, sizeof(reads->refused[k]));
}

static void inflight_forget(struct raft *r)
{
	for (uint32_t k = 0; k < RAFT_PLACES_MAX; k++) {
		struct raft_inflight was[RAFT_INFLIGHT_MESSAGES_MAX];
		struct raft_peer *p = &r->place[k];

		memcpy(was, r->inflight[k], sizeof(was));
		memset(r->inflight[k], 0, sizeof(was));
		for (uint32_t n = 0; n < p->inflight_count; n++) {
			uint32_t from = (p->inflight_head + n) % RAFT_INFLIGHT_MESSAGES_MAX;

			r->inflight[k][n].last_index = was[from].last_index;
			r->inflight[k][n].size = was[from].size;
		}
		p->inflight_head = 0;
	}
}

/* But for what lies between its fields. */
static void offer_forget(struct raft *r)
{
	const struct raft_offer was = r->offer;

	memset(&r->offer, 0, sizeof(r->offer));
	r->offer.what = was.what;
	r->offer.from = was.from;
	r->offer.due = was.due;
}

void live_settle(struct world *w, uint32_t i)
{
	struct member *m = live_touch(w, i);
	struct raft *r = live_core(i);

	time_forget(r);
	counts_forget(r, m);
	window_forget(r);
	reads_forget(&r->reads);
	inflight_forget(r);
	offer_forget(r);
	m->hears = (r->pre_vote || r->check_quorum) && r->role != RAFT_LEADER &&
		   (r->elects_us > r->now_us || r->vote_us == r->now_us);
	m->hears |= r->gone_us != 0;
	m->waits = r->role == RAFT_LEADER && r->contact.open;
	m->hands = r->transfer.to != 0;
}
