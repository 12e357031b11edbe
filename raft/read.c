/*
 * Linearizable reads without a log entry (thesis 6.4).
 *
 * A read takes the commit index of the moment and waits until a majority has answered an append
 * that left after the read came in. Tokens make "after" exact (R41): the leader counts them, every
 * append carries the newest, an answer echoes it. A token belongs to its term, as all messages do,
 * so a late or duplicated answer can only confirm what was asked before that answer was made.
 *
 * Under a lease (lease.c, which says why so) a read has no token: it is confirmed by the second
 * tick after it came, if the lease holds then, and else takes its token.
 */
#include "raft/internal.h"

#include <string.h>

/* R40: the leader does not know what is committed before it has committed in its own term. */
bool raft_knows_commit(const struct raft *r)
{
	return r->role == RAFT_LEADER && r->term_start != 0 && r->commit >= r->term_start;
}

static bool wait_full(const struct raft *r)
{
	return r->reads.wait_count + r->reads.done_count >= RAFT_READY_READS_MAX;
}

/* To those that have none: the newest, if it has not left yet. */
static void tokens_give(struct raft *r)
{
	struct raft_reads *reads = &r->reads;

	if (!reads->announce) {
		reads->seq++;
		reads->announce = true;
	}
	for (; reads->leased > 0; reads->leased--) {
		uint32_t k = (reads->wait_head + reads->wait_count - reads->leased) %
			     RAFT_READY_READS_MAX;
		reads->wait[k].seq = reads->seq;
	}
	reads->aged = 0;
	raft_reads_confirm(r); /* a single voter is its own majority */
}

static void wait_push(struct raft *r, raft_id from, uint64_t context)
{
	struct raft_reads *reads = &r->reads;
	uint32_t tail = (reads->wait_head + reads->wait_count) % RAFT_READY_READS_MAX;

	reads->wait[tail] =
		(struct raft_read_wait){.from = from, .context = context, .index = r->commit};
	reads->wait_count++;
	reads->leased++;
	if (reads->leased == 1 && (raft_alone(r) || !raft_lease_held(r)))
		tokens_give(r);
}

int raft_read_index(struct raft *r, uint64_t context)
{
	struct raft_reads *reads = &r->reads;

	assert(!r->in_ready);
	if (r->role == RAFT_LEADER) {
		if (!raft_knows_commit(r) || wait_full(r))
			return -EAGAIN;
		wait_push(r, r->id, context);
		raft_changed(r);
		return 0;
	}
	if (r->leader == 0)
		return -EREMOTE;
	if (reads->ask_count == RAFT_READY_READS_MAX)
		return -EAGAIN;
	reads->ask[(reads->ask_head + reads->ask_count++) % RAFT_READY_READS_MAX] = context;
	raft_changed(r);
	return 0;
}

int raft_read_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m)
{
	struct raft_reads *reads = &r->reads;

	if (raft_knows_commit(r) && !wait_full(r) && p->reads < RAFT_READS_PEER_MAX) {
		p->reads++;
		wait_push(r, p->id, m->read.context);
	} else if (reads->refused_count < RAFT_READ_REFUSALS_MAX) {
		reads->refused[reads->refused_count].to = p->id;
		reads->refused[reads->refused_count++].context = m->read.context;
	}
	return 0;
}

int raft_read_reply_recv(struct raft *r, const struct raft_message *m)
{
	if (raft_lost_read_reply(r, m))
		return 0;
	if (!wait_full(r)) /* else it is lost, as on the network, and is asked again */
		r->reads.done[r->reads.done_count++] = (struct raft_read){
			.context = m->read_reply.context, .index = m->read_reply.index};
	return 0;
}

/* The newest token that a majority has echoed, this leader counted. */
static uint64_t seq_confirmed(const struct raft *r)
{
	struct raft_tally tally = {0};

	raft_tally_self(&tally, r, r->reads.seq);
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];

		raft_tally_peer(&tally, p, raft_peer_counts(p) ? p->read_echo : 0);
	}
	return raft_tally_majority(&tally, r);
}

void raft_reads_confirm(struct raft *r)
{
	struct raft_reads *reads = &r->reads;
	uint64_t seq = seq_confirmed(r);

	while (reads->confirmed < reads->wait_count - reads->leased) {
		uint32_t k = (reads->wait_head + reads->confirmed) % RAFT_READY_READS_MAX;
		if (reads->wait[k].seq > seq)
			return;
		reads->confirmed++;
	}
}

/*
 * A lease that holds now shows that this leader was the only one when those reads had come that are
 * older than the tick before (lease.c); and those that came before them.
 */
void raft_reads_tick(struct raft *r)
{
	struct raft_reads *reads = &r->reads;

	if (reads->leased == 0)
		return;
	if (!raft_lease_held(r)) {
		tokens_give(r);
		return;
	}
	if (reads->aged > 0) {
		reads->leased -= reads->aged;
		reads->confirmed = reads->wait_count - reads->leased;
		r->lease_reads_count += reads->aged;
	}
	reads->aged = reads->leased;
}

/* The newest token that somebody waits for; 0: nobody does. */
uint64_t raft_reads_awaited(const struct raft *r)
{
	const struct raft_reads *reads = &r->reads;

	uint32_t count = reads->wait_count - reads->leased;

	if (reads->confirmed == count)
		return 0;
	return reads->wait[(reads->wait_head + count - 1) % RAFT_READY_READS_MAX].seq;
}

/* On stepping down: local askers are told, remote ones ask again. */
void raft_reads_drop(struct raft *r)
{
	struct raft_reads *reads = &r->reads;

	for (; reads->wait_count > 0; reads->wait_count--) {
		const struct raft_read_wait *w = &reads->wait[reads->wait_head];
		if (w->from == r->id)
			reads->done[reads->done_count++] =
				(struct raft_read){.context = w->context, .index = 0};
		reads->wait_head = (reads->wait_head + 1) % RAFT_READY_READS_MAX;
	}
	reads->confirmed = 0;
	reads->leased = 0;
	reads->aged = 0;
}

/* How many of its reads wait. */
uint32_t raft_reads_of(const struct raft *r, raft_id id)
{
	const struct raft_reads *reads = &r->reads;
	uint32_t count = 0;

	for (uint32_t i = 0; i < reads->wait_count; i++)
		count += reads->wait[(reads->wait_head + i) % RAFT_READY_READS_MAX].from == id;
	return count;
}

static bool messages_full(const struct raft *r)
{
	return r->message_count == RAFT_READY_MESSAGES_MAX;
}

static void reply_send(struct raft *r, raft_id to, uint64_t context, raft_index index)
{
	const struct raft_peer *p = raft_peer_find(r, to);

	if (!p)
		return; /* no member any more */
	struct raft_message *m = raft_message_new(r, p, RAFT_MESSAGE_READ_REPLY);
	m->read_reply.context = context;
	m->read_reply.index = index;
}

static void answer_send(struct raft *r, const struct raft_read_wait *w)
{
	struct raft_peer *p = raft_peer_find(r, w->from);

	if (p)
		p->reads--;
	reply_send(r, w->from, w->context, w->index);
}

static void confirmed_send(struct raft *r)
{
	struct raft_reads *reads = &r->reads;

	while (reads->confirmed > 0) {
		const struct raft_read_wait *w = &reads->wait[reads->wait_head];
		if (messages_full(r)) {
			r->ready_more = true;
			return;
		}
		if (w->from == r->id)
			reads->done[reads->done_count++] =
				(struct raft_read){.context = w->context, .index = w->index};
		else
			answer_send(r, w);
		reads->wait_head = (reads->wait_head + 1) % RAFT_READY_READS_MAX;
		reads->wait_count--;
		reads->confirmed--;
	}
}

static void questions_send(struct raft *r)
{
	struct raft_reads *reads = &r->reads;
	const struct raft_peer *p = raft_peer_find(r, r->leader);

	for (; reads->ask_count > 0; reads->ask_count--) {
		if (messages_full(r)) {
			r->ready_more = true;
			return;
		}
		if (p) /* else there is nobody to ask: the caller asks again */
			raft_message_new(r, p, RAFT_MESSAGE_READ)->read.context =
				reads->ask[reads->ask_head];
		reads->ask_head = (reads->ask_head + 1) % RAFT_READY_READS_MAX;
	}
}

/* Fills what is left of the ready's messages; the local answers go to reads.done. */
void raft_reads_send(struct raft *r)
{
	struct raft_reads *reads = &r->reads;

	confirmed_send(r);
	while (reads->refused_count > 0 && !messages_full(r)) {
		reads->refused_count--;
		reply_send(r, reads->refused[reads->refused_count].to,
			   reads->refused[reads->refused_count].context, 0);
	}
	if (reads->refused_count > 0)
		r->ready_more = true;
	questions_send(r);
}
