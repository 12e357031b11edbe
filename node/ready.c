/*
 * Raft's hand-outs on their way: to the log, the network, the state machine, the reads.
 */
#include "node/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	/* What one entry takes at most of the room that wal_room tells. */
	ENTRY_ROOM = RAFT_ENTRY_DATA_MAX + 64,
	READY_ROUNDS_MAX = 8, /* readys in one turn */
	/*
	 * F24: what is applied in one turn, so that heartbeats leave in between, however much there
	 * is to replay: entries, of which a bounded step of a resumable command, up to 256 keys,
	 * counts for so many.
	 */
	APPLY_TURN_MAX = RAFT_READY_APPLY_MAX,
	APPLY_STEP_COST = 32,
};

/* D8: the log's last word is the node's. */
static void fail(struct node *n, int err)
{
	const char *why = wal_error(n->wal);

	n->failed = err;
	snprintf(n->error, sizeof(n->error), "the log failed: %s; %s", strerror(-err),
		 *why ? why : "it could not be read");
}

static const char *refused_advice(int err)
{
	if (wal_no_descriptor(err))
		return "; the limit is LimitNOFILE of the unit, ulimit -n";
	return wal_not_allowed(err) ? " (its owner and mode, or its directory's)" : "";
}

void node_persisted(struct node *n)
{
	struct wal_read_result read;
	uint64_t seq;
	int err = wal_poll(n->wal, n->now_ns, &seq);

	if (err) {
		fail(n, err);
		return;
	}
	n->persisted = seq;
	raft_persisted(n->raft, seq);
	while (wal_read_poll(n->wal, &read)) {
		n->work = true;
		/* F14: the core asks again, and for a descriptor an older file gave way. */
		if (wal_refused_now(read.error))
			journal_write(n->journal, JOURNAL_ERROR, "read_waits",
				      "directory=%s why=\"%s: an old segment cannot be opened%s\"",
				      n->options.wal.directory, strerror(-read.error),
				      refused_advice(read.error));
		/*
		 * An entry that this node has and cannot read is lost data here: the node ends
		 * (D8).
		 */
		else if (read.error && read.error != -ENOENT) {
			n->failed = read.error;
			snprintf(n->error, sizeof(n->error),
				 "the log could not be read back (%s): %s", strerror(-read.error),
				 wal_error(n->wal));
			return;
		}
		raft_fetched(n->raft, read.slot, read.entries, read.error ? 0 : read.count);
	}
}

/* True if the entry was taken whole; false: go on in the next turn, this one did its share. */
static bool apply_one(struct node *n, const struct raft_entry *entry)
{
	struct sm_entry e = {
		.index = entry->index,
		.data = entry->data,
		.size = entry->type == RAFT_ENTRY_COMMAND ? entry->size : 0,
		.first = entry->flags & RAFT_ENTRY_FIRST,
		.last = entry->flags & RAFT_ENTRY_LAST,
	};
	struct sm_result result;

	assert(entry->index == n->applied + 1);
	while (n->apply_left > 0) {
		int done = n->sm->ops->apply(n->sm, &e, &result);

		n->apply_left -= done == -EAGAIN ? APPLY_STEP_COST : 1;
		if (done == -EAGAIN)
			continue;
		n->applied = entry->index;
		node_snapshot_applied(n, entry);
		if (entry->type == RAFT_ENTRY_MEMBERS) {
			node_names_members(n, entry);
			node_snapshot_members(n, entry);
		}
		if (done == 1 && result.marker)
			node_snapshot_marked(n, entry, &result.mark);
		if (done == 1)
			serve_applied(n->serve, &result);
		return true;
	}
	return false;
}

static void apply_queue(struct node *n, const struct raft_entry *entries, uint32_t count)
{
	assert(n->applying_count == 0 && count <= NODE_APPLY_QUEUE_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct node_applying *a = &n->applying[i];

		a->entry = entries[i];
		if (entries[i].size)
			memcpy(a->data, entries[i].data, entries[i].size);
		a->entry.data = a->data;
	}
	n->applying_count = count;
	n->applying_next = 0;
}

static void apply(struct node *n, const struct raft_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!apply_one(n, &entries[i])) {
			apply_queue(n, entries + i, count - i);
			return;
		}
	}
}

/*
 * The rest of an earlier turn: raft hands nothing more out to apply before it is told that this is
 * done.
 */
static void apply_rest(struct node *n)
{
	while (n->applying_next < n->applying_count) {
		n->work = true;
		if (!apply_one(n, &n->applying[n->applying_next].entry))
			return;
		n->applying_next++;
	}
	n->applying_count = n->applying_next = 0;
}

static void fetch(struct node *n, const struct raft_ready *ready,
		  uint32_t refused[RAFT_READY_FETCH_MAX], uint32_t *refused_count)
{
	*refused_count = 0;
	for (uint32_t i = 0; i < ready->fetch_count; i++) {
		const struct raft_fetch *f = &ready->fetches[i];
		int err = wal_read(n->wal, f->slot, f->first, f->count);

		if (err)
			refused[(*refused_count)++] = f->slot;
		/* Entries never handed to the disk come later; all else is the disk's fault. */
		if (err && err != -ENOENT && err != -EAGAIN)
			fail(n, err);
	}
}

/* D9c: what was found out about this member's past is durable before it goes on. */
static void loss(struct node *n, const struct raft_ready *ready)
{
	int err;

	if (ready->whole) {
		wal_whole(n->wal);
		journal_write(n->journal, JOURNAL_INFO, "whole",
			      "commit=%" PRIu64 " why=\"it holds again all that was committed\"",
			      raft_commit(n->raft));
	}
	if (!ready->lost)
		return;
	err = wal_lost(n->wal, ready->lost_known);
	if (err) {
		fail(n, err);
		return;
	}
	journal_write(
		n->journal, JOURNAL_ERROR, "lost",
		"known_start=%016" PRIx64 " why=\"another member knows of writes that this one "
		"acknowledged and does not hold: its directory was rolled back, or somebody forged "
		"that; it gives no vote until it is caught up\"",
		ready->lost_known);
	const struct dp_self self = {n->cluster_id, n->id, n->recovered.identity,
				     wal_start(n->wal)};
	dp_self_set(n->dp, &self);
	raft_restarted(n->raft, self.start);
}

static void mark(struct node *n)
{
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint64_t generation = raft_witnesses_generation(n->raft);

	if (generation != n->witnesses_seen) {
		n->witnesses_seen = generation;
		wal_witness_changed(n->wal);
	}
	if (wal_mark_due(n->wal, n->now_ns))
		wal_mark(n->wal, n->now_ns, witness, raft_witnesses(n->raft, witness));
}

void node_mark_last(struct node *n)
{
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	int err;

	if (raft_witnesses_generation(n->raft) != n->witnesses_seen)
		wal_witness_changed(n->wal);
	err = wal_mark_last(n->wal, witness, raft_witnesses(n->raft, witness));
	if (err)
		fail(n, err);
}

/* Not heartbeats and their answers alone. */
static bool ready_is_work(const struct raft_ready *ready)
{
	for (uint32_t i = 0; i < ready->message_count; i++) {
		const struct raft_message *m = &ready->messages[i];

		if (m->type != RAFT_MESSAGE_APPEND_REPLY &&
		    (m->type != RAFT_MESSAGE_APPEND || m->append.entry_count > 0))
			return true;
	}
	return ready->persist_seq || ready->apply_count || ready->fetch_count || ready->read_count;
}

/* One hand-out. False: there was none. */
static bool ready_once(struct node *n)
{
	struct raft_ready ready;
	uint32_t refused[RAFT_READY_FETCH_MAX], refused_count;
	struct raft_read reads[RAFT_READY_READS_MAX];
	int err;

	if (!raft_ready(n->raft, (uint32_t)(wal_room(n->wal) / ENTRY_ROOM), &ready))
		return false;
	if (ready.persist_seq) {
		err = wal_append(n->wal, ready.persist_seq, ready.hard_state, ready.entries,
				 ready.entry_count);
		assert(err != -ENOBUFS);
		if (err)
			fail(n, err);
	}
	for (uint32_t i = 0; i < ready.message_count && !n->failed; i++)
		node_send(n, &ready.messages[i]);
	fetch(n, &ready, refused, &refused_count);
	for (uint32_t i = 0; i < ready.read_count; i++)
		reads[i] = ready.reads[i];
	apply(n, ready.apply, ready.apply_count);
	serve_progress(n->serve, n->applied, n->applying_count > 0);
	if (ready.offer)
		node_install_offered(n, ready.offer, ready.offer_from);
	raft_advance(n->raft);
	loss(n, &ready);
	raft_applied(n->raft, n->applied);
	for (uint32_t i = 0; i < refused_count; i++)
		raft_fetched(n->raft, refused[i], NULL, 0);
	for (uint32_t i = 0; i < ready.read_count; i++) {
		serve_confirmed(n->serve, reads[i].context, reads[i].index);
		node_metrics_confirmed(n, &reads[i]);
	}
	n->active = true;
	n->work |= ready_is_work(&ready);
	return true;
}

void node_ready(struct node *n)
{
	uint64_t seq;

	n->apply_left = APPLY_TURN_MAX;
	apply_rest(n);
	serve_progress(n->serve, n->applied, n->applying_count > 0);
	raft_applied(n->raft, n->applied);
	for (int round = 0; round < READY_ROUNDS_MAX && ready_once(n); round++)
		;
	mark(n);
	/* Entries appended in this turn go to the disk in this turn. */
	if (n->failed || wal_poll(n->wal, n->now_ns, &seq) != 0)
		return;
	if (seq > n->persisted)
		n->work = true; /* what waited for it leaves in the next turn */
	n->persisted = seq;
	raft_persisted(n->raft, seq);
}
