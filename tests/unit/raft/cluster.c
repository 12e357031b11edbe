/*
 * The simulated network, disks and state machines, and the checkers (cluster.h).
 */
#include "tests/unit/raft/cluster.h"

#include "base/mix.h"
#include "tests/unit/raft/check.h"

#include <stdlib.h>
#include <string.h>

struct cluster_block {
	struct cluster_block *next;
	size_t used;
	uint8_t data[1 << 20];
};

static uint8_t *keep(struct cluster *c, const uint8_t *data, size_t size)
{
	if (size == 0)
		return NULL;
	if (!c->block || c->block->used + size > sizeof(c->block->data)) {
		struct cluster_block *b = malloc(sizeof(*b));
		check(c, b, "out of memory");
		b->next = c->block;
		b->used = 0;
		c->block = b;
	}
	uint8_t *out = c->block->data + c->block->used;
	memcpy(out, data, size);
	c->block->used += size;
	return out;
}

uint64_t cluster_random(struct cluster *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return below ? c->random % below : 0;
}

static uint64_t between(struct cluster *c, uint64_t min, uint64_t max)
{
	return min + cluster_random(c, max - min + 1);
}

void stored_log_set(struct stored_log *log, raft_index index, struct stored entry)
{
	assert(index > 0);
	assert(index <= log->last + 1);
	if (index >= log->room) {
		log->room = index * 2 + 64;
		log->entry = realloc(log->entry, log->room * sizeof(*log->entry));
		assert(log->entry);
	}
	log->entry[index] = entry;
	log->last = index; /* what follows is superseded */
}

struct cluster_node *cluster_node(struct cluster *c, raft_id id)
{
	assert(id > 0);
	assert(id <= c->options.nodes);
	return &c->node[id - 1];
}

struct cluster_node *cluster_leader(struct cluster *c)
{
	struct cluster_node *leader = NULL;

	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (n->core && raft_get_role(n->core) == RAFT_LEADER &&
		    (!leader || raft_get_term(n->core) > raft_get_term(leader->core)))
			leader = n;
	}
	return leader;
}

/* ---- the network ---- */

static void mail_insert(struct cluster *c, struct cluster_mail *mail)
{
	struct cluster_mail **at = &c->mail;

	while (*at && ((*at)->at_us < mail->at_us ||
		       ((*at)->at_us == mail->at_us && (*at)->order < mail->order)))
		at = &(*at)->next;
	mail->next = *at;
	*at = mail;
}

static void mail_post(struct cluster *c, const struct raft_message *m, uint64_t late_us)
{
	uint32_t count = m->type == RAFT_MESSAGE_APPEND ? m->append.entry_count : 0;
	size_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += m->append.entries[i].size;
	struct cluster_mail *mail = malloc(sizeof(*mail) + count * sizeof(mail->entry[0]) + bytes);
	assert(mail);
	uint8_t *data = (uint8_t *)&mail->entry[count];
	mail->message = *m;
	if (count > 0)
		mail->message.append.entries = mail->entry;
	for (uint32_t i = 0; i < count; i++) {
		mail->entry[i] = m->append.entries[i];
		if (mail->entry[i].size > 0)
			memcpy(data, m->append.entries[i].data, mail->entry[i].size);
		mail->entry[i].data = data;
		data += mail->entry[i].size;
	}
	mail->at_us =
		c->now_us + late_us + between(c, c->options.delay_us_min, c->options.delay_us_max);
	mail->order = c->mail_order++;
	mail_insert(c, mail);
}

static void message_send(struct cluster *c, const struct raft_message *m)
{
	check_message(c, cluster_node(c, m->from), m);
	if (c->observer && c->observer->sent)
		c->observer->sent(c, m);
	if (c->cut[m->from - 1][m->to - 1] || !cluster_node(c, m->to)->core ||
	    cluster_random(c, 1000) < c->options.loss_permille ||
	    (c->options.no_timeout_now && m->type == RAFT_MESSAGE_TIMEOUT_NOW)) {
		c->dropped++;
		return;
	}
	mail_post(c, m, 0);
	if (cluster_random(c, 1000) < c->options.duplicate_permille)
		mail_post(c, m, 0);
	if (cluster_random(c, 1000) < c->options.late_permille)
		mail_post(c, m, cluster_random(c, CLUSTER_LATE_US));
}

/* The core hears it, and does nothing yet. */
void cluster_mail_take(struct cluster *c, struct cluster_node *to, struct cluster_mail *mail)
{
	int err = raft_recv(to->core, &mail->message);
	bool starts = mail->message.type == RAFT_MESSAGE_START;
	raft_id from = mail->message.from;

	c->delivered++;
	if (c->observer && c->observer->received)
		c->observer->received(c, &mail->message, err);
	free(mail);
	check_state(c, to); /* it may commit, and step down with what comes next */
	if (err == -ENOENT)
		cluster_stranger(c, to, cluster_node(c, from));
	else if (starts)
		cluster_asked(c, to, cluster_node(c, from));
}

void cluster_mail_deliver(struct cluster *c, struct cluster_mail **at)
{
	struct cluster_mail *mail = *at;
	struct raft_message *m = &mail->message;
	struct cluster_node *from = cluster_node(c, m->from);
	struct cluster_node *to = cluster_node(c, m->to);

	*at = mail->next;
	if (!to->core || c->cut[from - c->node][to - c->node]) {
		c->dropped++;
		free(mail);
		return;
	}
	if (to->paused) {
		cluster_mail_wait(c, to, mail);
		return;
	}
	cluster_mail_take(c, to, mail);
	raft_tick(to->core, cluster_clock(c, to));
	cluster_drain(c, to);
}

void cluster_starts_settle(struct cluster *c)
{
	struct cluster_mail **at = &c->mail;

	while (*at) {
		enum raft_message_type type = (*at)->message.type;

		if (type == RAFT_MESSAGE_START || type == RAFT_MESSAGE_START_REPLY) {
			cluster_mail_deliver(c, at);
			at = &c->mail;
		} else {
			at = &(*at)->next;
		}
	}
}

/* ---- the disk ---- */

static void persist_queue(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	struct persist *op = malloc(sizeof(*op) + ready->entry_count * sizeof(op->entry[0]));
	struct persist **at = &n->pending;
	uint64_t after = c->now_us;

	assert(op);
	op->next = NULL;
	op->seq = ready->persist_seq;
	op->hard_set = ready->hard_state != NULL;
	if (op->hard_set)
		op->hard = *ready->hard_state;
	op->count = ready->entry_count;
	op->first = op->count > 0 ? ready->entries[0].index : 0;
	for (uint32_t i = 0; i < op->count; i++) {
		const struct raft_entry *e = &ready->entries[i];
		op->entry[i] = (struct stored){.term = e->term,
					       .size = e->size,
					       .type = e->type,
					       .flags = e->flags,
					       .data = keep(c, e->data, e->size)};
		check(c, e->index == op->first + i, "persisted entries are not contiguous");
		check(c, e->index <= n->memory.last + 1, "a gap in the log handed out");
		stored_log_set(&n->memory, e->index, op->entry[i]);
		check_entry(c, n, e->index);
	}
	for (; *at; at = &(*at)->next)
		after = (*at)->done_us;
	op->began_us = after;
	op->done_us = after + between(c, c->options.disk_us_min, c->options.disk_us_max);
	*at = op;
}

/* The oldest write in flight reaches the disk. */
static uint64_t persist_apply(struct cluster_node *n)
{
	struct persist *op = n->pending;
	uint64_t seq = op->seq;

	if (op->hard_set)
		n->disk_hard = op->hard;
	for (uint32_t i = 0; i < op->count; i++)
		stored_log_set(&n->disk, op->first + i, op->entry[i]);
	n->pending = op->next;
	free(op);
	return seq;
}

uint32_t cluster_persists_pending(const struct cluster_node *n)
{
	uint32_t count = 0;

	for (const struct persist *op = n->pending; op; op = op->next)
		count++;
	return count;
}

bool cluster_persist_finish(struct cluster *c, struct cluster_node *n)
{
	if (!n->pending)
		return false;
	uint64_t seq = persist_apply(n);
	raft_persisted(n->core, seq);
	check_state(c, n);
	cluster_disk_moved(c, n);
	if (c->observer && c->observer->persisted)
		c->observer->persisted(c, n);
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
	return true;
}

void cluster_fetch_answer(struct cluster *c, struct cluster_node *n, uint32_t slot)
{
	struct raft_entry entry[RAFT_FETCH_ENTRIES_MAX];
	const struct raft_fetch *f = &n->fetch[slot].fetch;
	uint32_t count = f->count;

	n->fetch[slot].open = false;
	c->fetches++;
	check(c, f->first + f->count - 1 <= n->disk.last, "fetches what is not durable");
	if (f->first <= n->base)
		count = 0; /* it was asked for before */
	if (cluster_random(c, 1000) < c->options.fetch_fail_permille)
		count = (uint32_t)cluster_random(c, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		const struct stored *s = &n->disk.entry[f->first + i];
		entry[i] = (struct raft_entry){.index = f->first + i,
					       .term = s->term,
					       .data = s->data,
					       .size = s->size,
					       .type = s->type,
					       .flags = s->flags};
	}
	raft_fetched(n->core, slot, entry, count);
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
}

/* ---- one core's hand-outs ---- */

static void entries_apply(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	for (uint32_t i = 0; i < ready->apply_count; i++) {
		check_apply(c, n, &ready->apply[i]);
		n->applied = ready->apply[i].index;
		if (c->observer && c->observer->applying)
			c->observer->applying(c, n, &ready->apply[i]);
	}
}

static void ready_handle(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	if (c->observer && c->observer->changed)
		c->observer->changed(c, n);
	if (ready->persist_seq > 0) {
		if (c->observer && c->observer->persisting)
			c->observer->persisting(c, n, ready);
		persist_queue(c, n, ready);
	}
	check_state(c, n);
	for (uint32_t i = 0; i < ready->message_count; i++)
		message_send(c, &ready->messages[i]);
	entries_apply(c, n, ready);
	if (ready->offer)
		cluster_offered(c, n, ready->offer);
	for (uint32_t i = 0; i < ready->read_count; i++) {
		check_read(c, n, &ready->reads[i]);
		if (c->observer && c->observer->read)
			c->observer->read(c, n, &ready->reads[i]);
	}
	for (uint32_t i = 0; i < ready->fetch_count; i++) {
		const struct raft_fetch *f = &ready->fetches[i];
		check(c, !n->fetch[f->slot].open, "two questions of one slot are open");
		check(c, f->first > n->base, "RC13: reads back what is not there any more");
		n->fetch[f->slot].open = true;
		n->fetch[f->slot].fetch = *f;
		n->fetch[f->slot].done_us =
			c->now_us + between(c, c->options.disk_us_min, c->options.disk_us_max);
	}
}

static raft_start start_draw(struct cluster *c, struct cluster_node *n, uint32_t count)
{
	n->starts = count;
	n->start = (raft_start)count << 32 | (uint32_t)cluster_random(c, UINT32_MAX);
	return n->start;
}

static void lost_handle(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	uint32_t known = raft_start_count(ready->lost_known);

	if (ready->whole)
		n->lost = n->in_doubt = false;
	if (!ready->lost)
		return;
	check(c, n->ever_lost, "RC10: one that lost nothing is told that it did");
	n->lost = n->in_doubt = true;
	n->untold = false;
	c->found_out++;
	raft_restarted(n->core, start_draw(c, n, (known > n->starts ? known : n->starts) + 1));
}

void cluster_drain(struct cluster *c, struct cluster_node *n)
{
	struct raft_ready ready;
	uint32_t rounds = 0;

	while (raft_ready(n->core, UINT32_MAX, &ready)) {
		ready_handle(c, n, &ready);
		raft_advance(n->core);
		lost_handle(c, n, &ready);
		if (ready.apply_count > 0)
			raft_applied(n->core, n->applied);
		check(c, ++rounds < 100000, "a ready never runs dry");
	}
	n->witness_count = raft_witnesses(n->core, n->witness);
	check_state(c, n);
	if (c->observer && c->observer->changed)
		c->observer->changed(c, n);
}

/* ---- life ---- */

void cluster_start(struct cluster *c, struct cluster_node *n)
{
	const uint32_t hasty = n->hasty ? n->hasty : 1;
	struct raft_options o = {
		.id = n->id,
		.identity = n->identity,
		.start = start_draw(c, n, n->starts + 1),
		.lost = n->lost,
		.witness_count = n->witness_count,
		.hard_state = n->disk_hard,
		.seed = cluster_random(c, UINT64_MAX),
		.election_timeout_us_min = (uint32_t)c->options.election_us_min / hasty,
		.election_timeout_us_max = (uint32_t)c->options.election_us_max / hasty,
		.pre_vote = !c->options.no_pre_vote && !n->no_pre_vote,
		.check_quorum = !c->options.no_check_quorum && !n->no_check_quorum,
		.lease_reads = c->options.lease_reads && !n->no_check_quorum,
		.promise_us_max = (uint32_t)c->options.promise_us,
		.heartbeat_us = (uint32_t)c->options.heartbeat_us / hasty,
		.append_size_max = c->options.append_size_max,
		.now_us = cluster_clock(c, n),
	};
	cluster_snapshot_start(c, n, &o);
	cluster_members_read(c, n, &o);
	memcpy(o.witness, n->witness, sizeof(o.witness));
	assert(!n->core);
	assert(!n->wiped); /* its new directory is of no cluster (raft/formation.h) */
	assert(!n->outside);
	int err = raft_create(&n->core, &o);
	check(c, err == 0, "raft_create refuses");
	raft_index first = n->base + 1;
	if (n->disk.last - n->base > RAFT_WINDOW_SLOTS)
		first = n->disk.last - RAFT_WINDOW_SLOTS + 1;
	for (raft_index i = first; i <= n->disk.last; i++) {
		const struct stored *s = &n->disk.entry[i];
		const struct raft_entry e = {.index = i,
					     .term = s->term,
					     .data = s->data,
					     .size = s->size,
					     .type = s->type,
					     .flags = s->flags};
		raft_restore(n->core, &e);
	}
	n->memory.last = 0;
	for (raft_index i = 1; i <= n->disk.last; i++)
		stored_log_set(&n->memory, i, n->disk.entry[i]);
	n->applied = o.applied;
	n->commit_seen = 0;
	n->term_seen = 0;
	n->role_seen = RAFT_FOLLOWER;
	memset(n->fetch, 0, sizeof(n->fetch));
	memset(n->read, 0, sizeof(n->read));
	check_started(c, n);
	raft_snapshot_taken(n->core, &n->snapshot[0]);
	cluster_drain(c, n);
}

void cluster_crash(struct cluster *c, struct cluster_node *n, uint32_t kept)
{
	for (; n->pending && kept > 0; kept--)
		persist_apply(n);
	/* A term is written beside the entries before it, and before those that came with it. */
	uint64_t ahead = cluster_random(c, cluster_persists_pending(n) + 1);
	for (const struct persist *op = n->pending; ahead > 0; op = op->next, ahead--) {
		if (op->hard_set)
			n->disk_hard = op->hard;
	}
	while (n->pending) {
		struct persist *op = n->pending;
		n->pending = op->next;
		free(op);
	}
	cluster_mail_forget(n);
	n->paused = n->stalled = false;
	raft_destroy(n->core);
	n->core = NULL;
	c->crashes++;
}

void cluster_init(struct cluster *c, const struct cluster_options *options)
{
	memset(c, 0, sizeof(*c));
	c->options = *options;
	c->random = options->seed * MIX_STEP + 0x2545f4914f6cdd1d;
	if (c->random == 0)
		c->random = 1;
	c->now_us = 1000;
	c->context_next = 1;
	for (uint32_t i = 0; i < options->nodes; i++) {
		c->node[i].id = i + 1;
		c->node[i].identity = 0xa0 + i + 1;
		cluster_clock_set(c, &c->node[i], c->now_us, 0);
		c->formed.member[c->formed.count++] = (struct raft_member){
			.id = i + 1, .identity = c->node[i].identity, .voter = true};
	}
	c->members = c->formed;
	for (uint32_t i = 0; i < 8; i++)
		cluster_random(c, 0);
	check_init(c);
}

void cluster_fini(struct cluster *c)
{
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		struct cluster_node *n = &c->node[i];
		if (n->core)
			cluster_crash(c, n, 0);
		free(n->disk.entry);
		for (uint32_t k = 0; k < n->ghosts; k++)
			free(n->ghost[k].entry);
		free(n->ghost);
		free(n->copy.log.entry);
		free(n->memory.entry);
	}
	while (c->mail) {
		struct cluster_mail *mail = c->mail;
		c->mail = mail->next;
		free(mail);
	}
	while (c->block) {
		struct cluster_block *b = c->block;
		c->block = b->next;
		free(b);
	}
	check_fini(c);
}

int cluster_propose(struct cluster *c, struct cluster_node *n, const void *data, size_t size)
{
	raft_index index;
	raft_term term;
	int err = raft_propose(n->core, data, size, &index, &term);

	if (err == 0)
		c->proposals++;
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
	return err;
}

int cluster_read(struct cluster *c, struct cluster_node *n)
{
	uint64_t context = c->context_next++;
	struct cluster_read *read = &n->read[context % CLUSTER_READS_MAX];

	*read = (struct cluster_read){.open = true, .context = context, .floor = c->canon.last};
	int err = raft_read_index(n->core, context);
	if (err)
		read->open = false;
	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
	return err;
}

int cluster_transfer(struct cluster *c, struct cluster_node *n, raft_id to)
{
	int err = raft_transfer(n->core, to);

	raft_tick(n->core, cluster_clock(c, n));
	cluster_drain(c, n);
	return err;
}
