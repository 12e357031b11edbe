/*
 * A leader's messages, to whom, and how many: appends from the window, from fetched entries, or
 * empty ones.
 */
#include "raft/internal.h"

#include <string.h>

struct raft_message *raft_message_new(struct raft *r, const struct raft_peer *p,
				      enum raft_message_type type)
{
	assert(r->message_count < RAFT_READY_MESSAGES_MAX);
	struct raft_message *m = &r->message[r->message_count++];

	memset(m, 0, sizeof(*m));
	m->type = type;
	m->from = r->id;
	m->to = p->id;
	m->identity = r->identity;
	m->start = r->start;
	m->term = r->hard.term;
	if (type == RAFT_MESSAGE_APPEND_REPLY) {
		m->append_reply.lost = r->lost.is;
		m->append_reply.unconfirmed = !r->start_confirmed;
		m->append_reply.stalled = r->disk_stalled;
		m->append_reply.stateless = r->apply_held;
		m->append_reply.unfit = r->unfit;
		m->append_reply.priority = raft_priority(r);
		m->append_reply.promise_us = r->promise_us;
	}
	return m;
}

static struct raft_message *append_new(struct raft *r, struct raft_peer *p, raft_index prev_index,
				       raft_term prev_term)
{
	struct raft_message *m = raft_message_new(r, p, RAFT_MESSAGE_APPEND);

	m->append.prev_index = prev_index;
	m->append.prev_term = prev_term;
	m->append.commit = r->commit;
	m->append.read_seq = r->reads.seq;
	m->append.urgent = raft_reads_awaited(r) > 0;
	if (prev_index > p->named)
		p->named = prev_index;
	return m;
}

static void commit_tell(const struct raft *r, struct raft_peer *p, raft_index proves)
{
	raft_index told = r->commit < proves ? r->commit : proves;

	if (told > p->commit_told)
		p->commit_told = told;
}

/*
 * An empty append proves match, which the peer is known to hold, so it is never refused by a peer
 * in good order and always carries the commit index. If the term of match is no longer known (a
 * peer far behind), it says 0, which matches every log and proves nothing: the fetched entries on
 * their way carry the commit index for that peer. One that has to take a snapshot is asked for the
 * base: whoever has that is sent what follows (R55).
 */
static void empty_send(struct raft *r, struct raft_peer *p)
{
	raft_index prev = raft_window_knows(&r->window, p->match) ? p->match : 0;

	if (raft_peer_installs(r, p))
		prev = r->window.base;
	/* A leader without an entry to probe with: what does this peer hold? */
	if (p->probing && p->next == r->window.last + 1 &&
	    (r->term_start == 0 || p->inflight_count == 0)) {
		prev = r->window.last;
		p->probe_prev = prev;
	}
	append_new(r, p, prev, raft_window_term(&r->window, prev));
	p->empty_us = r->now_us;
	p->empty_owed = false;
	commit_tell(r, p, p->match);
}

/* True if the term of `index` is at hand. */
static bool term_known(struct raft *r, const struct raft_peer *p, raft_index index, raft_term *term)
{
	const struct raft_slot *s = raft_peer_slot(r, p);
	uint32_t one = 1;

	if (raft_window_knows(&r->window, index)) {
		*term = raft_window_term(&r->window, index);
		return true;
	}
	const struct raft_entry *e = raft_fetch_run(s, index, &one);
	if (e)
		*term = e->term;
	else if (s->known_index == index)
		*term = s->known_term;
	return e || s->known_index == index;
}

/*
 * Entries from p->next, and the term before them; NULL if they must be fetched first, which is then
 * under way. A fetch starts at prev unless its term is known already: each fetch makes progress
 * even if it returns one entry at a time.
 */
static const struct raft_entry *entries_find(struct raft *r, struct raft_peer *p,
					     raft_term *prev_term, uint32_t *count)
{
	struct raft_slot *s = raft_peer_slot(r, p);
	raft_index prev = p->next - 1;
	bool known = term_known(r, p, prev, prev_term);
	const struct raft_entry *entries = NULL;

	if (raft_window_has(&r->window, p->next))
		entries = raft_window_run(&r->window, p->next, count);
	else
		entries = raft_fetch_run(s, p->next, count);
	if (known && entries)
		return entries;
	if (known) {
		s->known_index = prev;
		s->known_term = *prev_term;
	}
	raft_fetch_ask_for(r, p, known ? p->next : prev, r->window.first - 1);
	return NULL;
}

/*
 * How many of them one message may carry: one at least, though it be larger than what passes on the
 * way to this peer. Nothing is won by holding it back, and the hole may close.
 */
static uint32_t entries_cut(const struct raft *r, const struct raft_peer *p,
			    const struct raft_entry *entries, uint32_t count, uint32_t *size)
{
	uint32_t size_max = p->append_size_max ? p->append_size_max : r->append_size_max;
	uint32_t i = 0;

	*size = 0;
	for (; i < count; i++) {
		uint32_t cost = entries[i].size + (uint32_t)RAFT_ENTRY_OVERHEAD;
		if (i > 0 && *size + cost > size_max)
			break;
		*size += cost;
	}
	assert(i > 0);
	assert(*size <= r->append_size_max); /* raft_create refuses one below an entry */
	return i;
}

void raft_append_size_set(struct raft *r, raft_id id, uint32_t size_max)
{
	struct raft_peer *p = raft_peer_find(r, id);

	assert(!r->in_ready);
	if (!p)
		return;
	p->append_size_max = size_max >= r->append_size_max ? 0 : size_max + (size_max == 0);
	raft_changed(r);
}

static void inflight_push(struct raft *r, struct raft_peer *p, raft_index last, uint32_t size)
{
	uint32_t tail = (p->inflight_head + p->inflight_count) % RAFT_INFLIGHT_MESSAGES_MAX;

	if (p->inflight_count == 0)
		p->await_us = r->now_us;
	r->inflight[p - r->place][tail] = (struct raft_inflight){.last_index = last, .size = size};
	p->inflight_count++;
	p->inflight_size += size;
	/* Only what was never sent before can be timed (Karn). */
	if (p->next > p->sent_high && p->sample_index == 0) {
		p->sample_index = last;
		p->sample_us = r->now_us;
	}
	if (last > p->sent_high)
		p->sent_high = last;
}

static bool credit(const struct raft *r, const struct raft_peer *p)
{
	if (p->next > r->window.last || raft_peer_installs(r, p))
		return false;
	if (p->probing)
		return p->inflight_count == 0;
	return p->inflight_count < RAFT_INFLIGHT_MESSAGES_MAX &&
	       p->inflight_size < RAFT_INFLIGHT_BYTES_MAX;
}

static bool entries_send(struct raft *r, struct raft_peer *p)
{
	uint32_t count = RAFT_WINDOW_SLOTS;
	uint32_t size;
	raft_term prev_term = 0;

	if (!credit(r, p))
		return false;
	const struct raft_entry *entries = entries_find(r, p, &prev_term, &count);
	if (!entries)
		return false;
	count = entries_cut(r, p, entries, count, &size);
	struct raft_message *m = append_new(r, p, p->next - 1, prev_term);
	m->append.entries = entries;
	m->append.entry_count = count;
	if (p->probing)
		p->probe_prev = p->next - 1;
	raft_index last = p->next + count - 1;
	inflight_push(r, p, last, size);
	/* It carries a read token as well, but it is no heartbeat. */
	if (r->now_us - p->empty_us < r->heartbeat_us)
		p->empty_owed = false;
	commit_tell(r, p, last);
	if (last > p->named)
		p->named = last;
	p->next = last + 1;
	return true;
}

static void peer_send(struct raft *r, struct raft_peer *p, uint32_t limit)
{
	uint32_t sent = 0;

	if (p->hello_owed) {
		empty_send(r, p);
		p->hello_owed = false;
	}
	while (sent < limit && entries_send(r, p))
		sent++;
	if (sent == limit && credit(r, p))
		r->ready_more = true;
	if (raft_peer_takes(r, p))
		raft_offer_send(r, p);
	/* A commit index travels at once, by itself if no entries do: the peer's clients wait. */
	raft_index tell = r->commit < p->match ? r->commit : p->match;
	if (p->empty_owed || (sent == 0 && tell > p->commit_told))
		empty_send(r, p);
}

/* Peers take turns at being first: with each ready, and most of them are empty. */
void raft_send_turn(struct raft *r)
{
	if (r->role == RAFT_LEADER && ++r->send_turn >= r->peer_count)
		r->send_turn = 0;
}

/* None takes more than its share of a ready. */
void raft_send_appends(struct raft *r)
{
	if (r->role != RAFT_LEADER)
		return;
	for (uint32_t i = 0; r->reads.announce && i < r->peer_count; i++)
		r->peer[i]->empty_owed = true;
	r->reads.announce = false;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		struct raft_peer *p = r->peer[(r->send_turn + i) % r->peer_count];

		if (p->identity != 0) /* else no directory was bound to it yet */
			peer_send(r, p, RAFT_READY_APPENDS_MAX / r->peer_count);
	}
}
