/*
 * The state at a start: from the newest snapshot that is whole, before the log that follows it. A
 * damaged one is told of, and the one before it is as good if the log reaches down to it.
 */
#include "node/internal.h"

#include "base/clock.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOLD_NS CLOCK_S

struct restoring {
	struct node *node;
	const struct raft_snapshot *from;
	uint64_t began_ns, told_ns, bytes;
};

static bool goes_on(struct restoring *r)
{
	const struct node *n = r->node;
	uint64_t now_ns = clock_now();

	if (now_ns - r->told_ns >= TOLD_NS) {
		r->told_ns = now_ns;
		journal_write(n->journal, JOURNAL_INFO, "restoring_snapshot",
			      "index=%" PRIu64 " bytes=%" PRIu64 " of=%" PRIu64 " ms=%" PRIu64,
			      r->from->index, r->bytes, r->from->size,
			      (now_ns - r->began_ns) / CLOCK_MS);
	}
	return !n->options.goes_on || n->options.goes_on();
}

/* Its last entry is the log's, or was. */
static bool log_follows(struct node *n, const struct raft_snapshot *s)
{
	const struct wal_recovered *log = &n->recovered;
	const struct raft_entry *entry;

	if (s->index + 1 < log->first_index || s->index > log->last_index)
		return s->index + 1 == log->first_index && s->term == log->before_term;
	if (s->index + 1 == log->first_index)
		return s->term == log->before_term;
	return wal_read_now(n->wal, 0, s->index, 1, &entry) == 1 && entry->term == s->term;
}

static uint64_t own_cluster(const struct node *n)
{
	return node_joined(n) ? n->joined.cluster_id : n->formation.cluster_id;
}

/*
 * It is of no cluster: what this one began with, or anybody's backup. A log that begins behind it
 * has nothing else, and of a founder formation has said which one (ADR 21).
 */
static int origin_take(struct node *n, const struct raft_snapshot *from)
{
	if (from->index != FORMATION_ORIGIN_INDEX || n->recovered.first_index != from->index + 1 ||
	    (!node_joined(n) && n->formation.table.origin != formation_origin(from->hash)))
		return -EXDEV;
	n->snapshot.members_index = 0;
	return 0;
}

/* Of this cluster, or of the one that it was forced out of (ADR 16). */
static int record_take(struct node *n, const struct raft_snapshot *from)
{
	struct node_snapshot_record record;
	uint32_t size;
	const uint8_t *data = wal_snapshot_record(n->wal, &size);
	int err;

	if (size == 0)
		return origin_take(n, from);
	err = node_snapshot_record(data, size, &record);
	if (err)
		return err;
	if (record.cluster_id != own_cluster(n) &&
	    (!n->joined.formerly || record.cluster_id != n->joined.formerly))
		return -EXDEV;
	n->snapshot.members = record.members;
	n->snapshot.members_index = record.members_index;
	n->snapshot.former = record.cluster_id != own_cluster(n);
	return 0;
}

static int clear(struct node *n)
{
	int err;

	while ((err = n->sm->ops->restore_begin(n->sm)) == -EAGAIN)
		;
	return err;
}

/* The whole of it into the state machine. 0, or why not: the state machine has then no state. */
static int restore(struct node *n, struct restoring *r)
{
	const uint8_t *data;
	size_t size;
	int got, err = clear(n);

	while (!err && (got = wal_snapshot_next_now(n->wal, &data, &size)) != 0) {
		if (got < 0) {
			err = got;
			break;
		}
		if (r->bytes == 0)
			err = record_take(n, r->from);
		r->bytes += size;
		if (!err)
			err = n->sm->ops->restore_add(n->sm, data, (uint32_t)size);
		if (!err && !goes_on(r))
			err = -EINTR;
	}
	if (!err && n->sm->ops->restore_end(n->sm) != r->from->index)
		err = -EBADMSG;
	return err;
}

/* What was in flight of the one before may still be. */
static int open_next(struct restoring *r)
{
	struct node *n = r->node;
	uint64_t seq;
	int err;

	while ((err = wal_snapshot_open(n->wal, r->from->index, r->from->term)) == -EAGAIN) {
		err = wal_poll(n->wal, n->now_ns, &seq);
		if (err || !goes_on(r))
			return err ? err : -EINTR;
	}
	return err;
}

static int try(struct node *n, const struct raft_snapshot *from)
{
	uint64_t now_ns = clock_now();
	struct restoring r = {.node = n, .from = from, .began_ns = now_ns, .told_ns = now_ns};
	int err = open_next(&r);

	if (err)
		return err;
	err = restore(n, &r);
	if (wal_range_damaged(err))
		journal_write(n->journal, JOURNAL_ERROR, "snapshot_damaged",
			      "directory=%s index=%" PRIu64 " term=%" PRIu64
			      " why=\"%s: %s; the one before it is tried\"",
			      n->options.wal.directory, from->index, from->term,
			      node_snapshot_damage(err), wal_error(n->wal));
	wal_snapshot_close(n->wal);
	/* It is not to count as one of those that are kept: the log would go for it. */
	wal_snapshot_damaged(n->wal, from->index, from->term, err);
	if (err)
		return err;
	n->applied = from->index;
	journal_write(n->journal, JOURNAL_INFO, "restored",
		      "index=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRIu64, from->index, r.bytes,
		      (clock_now() - now_ns) / CLOCK_MS);
	return 0;
}

static int not_now(struct node *n, const struct raft_snapshot *s, int err)
{
	snprintf(n->error, sizeof(n->error), "%s: the snapshot at index %" PRIu64 ": %s",
		 n->options.wal.directory, s->index,
		 err == -EXDEV    ? "it is another cluster's: move that file to where it belongs"
		 : err == -EPROTO ? "it is of another release: start that one"
				  : strerror(-err));
	return err;
}

static int nothing_whole(struct node *n)
{
	snprintf(n->error, sizeof(n->error),
		 "%s: the log begins at index %" PRIu64
		 ", and no snapshot there that reaches so far is whole: "
		 "restore the directory from a copy made while this node was down, or begin this "
		 "member anew (quoinctl member replace)",
		 n->options.wal.directory, n->recovered.first_index);
	return -EBADMSG;
}

/* What stands beside the state, and nothing of that; `damaged`: which may be damaged. */
static int record_look(struct node *n, const struct raft_snapshot *from, bool damaged)
{
	struct restoring r = {.node = n, .from = from};
	const uint8_t *data;
	size_t size;
	int got, err = open_next(&r);

	if (err)
		return err;
	got = wal_snapshot_next_now(n->wal, &data, &size);
	err = got < 0 && !(damaged && wal_range_damaged(got)) ? got : record_take(n, from);
	wal_snapshot_close(n->wal);
	return err;
}

static int record_read(struct node *n, const struct raft_snapshot *from)
{
	return record_look(n, from, false);
}

/* By its first or its last block: it is left alone, and counts for nothing. */
static void say_damaged(struct node *n)
{
	const struct wal_recovered *r = &n->recovered;

	for (uint32_t i = 0; i < r->snapshots_damaged_count; i++)
		journal_write(n->journal, JOURNAL_ERROR, "snapshot_damaged",
			      "file=%s/%s offset=%" PRIu64 " why=\"%s: it is left alone\"",
			      n->options.wal.directory, r->snapshots_damaged[i].name,
			      r->snapshots_damaged[i].offset,
			      node_snapshot_damage(r->snapshots_damaged[i].error));
}

/* By the newest that the log follows and that can be taken. 1: none is there, nor has to be. */
static int newest(struct node *n, int (*take)(struct node *, const struct raft_snapshot *))
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots(n->wal, list);

	say_damaged(n);
	for (uint32_t i = 0; i < count; i++) {
		int err = log_follows(n, &list[i]) ? take(n, &list[i]) : -EBADMSG;

		if (err && !wal_range_damaged(err))
			return not_now(n, &list[i], err);
		if (!err)
			return 0;
	}
	n->snapshot.members_index = 0;
	return n->recovered.first_index > 1 ? nothing_whole(n) : 1;
}

/*
 * The newest was to be installed, and an end came before the log began behind it (S10). Nothing of
 * the core is there yet.
 */
static int install_finish(struct node *n, const struct raft_snapshot *s)
{
	struct wal_recovered *r = &n->recovered;
	int err = try(n, s);

	if (!err)
		err = wal_reset(n->wal, s->index, s->term);
	if (err)
		return err;
	journal_write(n->journal, JOURNAL_INFO, "install_finished",
		      "index=%" PRIu64 " term=%" PRIu64
		      " why=\"the log begins behind it: it ended at index %" PRIu64
		      ", or had another entry there\"",
		      s->index, s->term, r->last_index);
	r->first_index = s->index + 1;
	r->before_term = s->term;
	r->last_index = s->index;
	r->members_index = r->members_before_index = 0;
	node_raft_prepare(n);
	return 0;
}

/* Nobody else could bring the state back, or tell who the members are. */
static bool is_alone(struct node *n)
{
	struct raft_options tables = {.members_index = n->recovered.members_index,
				      .members_before_index = n->recovered.members_before_index};
	const struct raft_member *self;

	if (node_tables_read(n, &tables))
		return true;
	self = raft_members_find(&tables.members, node_own_id(n));
	return self && self->voter && raft_members_voters(&tables.members) == 1;
}

/*
 * No snapshot here is whole, but the log that follows is, and one says still who the members were:
 * it goes on without a state, and is offered one (ADR 19). 0, or the error of before.
 */
static int without_state(struct node *n, int why)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots_useless(n->wal, UINT64_MAX, list), i = 0;
	int err;

	while (i < count && !(log_follows(n, &list[i]) && record_look(n, &list[i], true) == 0))
		i++;
	if (i == count || is_alone(n))
		return why;
	err = clear(n);
	if (err)
		return err;
	(void)n->sm->ops->restore_end(n->sm);
	n->applied = n->recovered.first_index - 1;
	n->install.held = true;
	journal_write(n->journal, JOURNAL_ERROR, "no_state",
		      "why=\"%s: this member has its log, and serves nothing until it has the "
		      "snapshot of another one\"",
		      n->error);
	n->error[0] = '\0';
	return 0;
}

int node_restore(struct node *n)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots(n->wal, list);
	int err = n->recovered.installs ? install_finish(n, &list[0]) : -EBADMSG;

	if (err && !wal_range_damaged(err))
		return not_now(n, &list[0], err);
	if (err)
		err = newest(n, try);
	if (err == -EBADMSG)
		return without_state(n, err);
	if (err != 1)
		return err;
	/* All of the log is there: the state follows from it. */
	err = count ? clear(n) : 0;
	if (!err && count)
		(void)n->sm->ops->restore_end(n->sm);
	return err;
}

int node_restore_members(struct node *n)
{
	int err = newest(n, record_read);

	return err < 0 ? err : 0;
}
