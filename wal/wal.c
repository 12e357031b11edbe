/*
 * Driving the log: what completed is taken, what can be started is. state.h says how the parts fit.
 */
#include "wal/snapshot.h"
#include "wal/state.h"

#include <errno.h>

const char *wal_error(const struct wal *w)
{
	return w->error;
}

int wal_complete(struct wal *w, const struct disk_completion *done)
{
	switch (done->tag) {
	case 0: /* of a synchronous one that was given up (io.h) */
		w->disk->hung = false;
		return 0;
	case TAG_LOG:
		return wal_write_done(w, done->result);
	case TAG_VOTE:
		return wal_vote_done(w, done->result);
	case TAG_PREPARE:
		return wal_prepare_done(w, done);
	case TAG_MARK:
		return wal_mark_done(w, done->result);
	case TAG_BASE:
		return wal_move_done(w, done);
	case TAG_SNAPSHOT:
		return wal_snapshot_done(w, done);
	case TAG_SNAPSHOT_REMOVE:
		return wal_snapshot_remove_done(w, done->result);
	case TAG_CLOSE:
		assert(w->closing > 0);
		w->closing--;
		return 0;
	default:
		if (done->tag >= TAG_RANGE) {
			wal_range_done(w, (uint32_t)(done->tag - TAG_RANGE), done);
			return 0;
		}
		if (done->tag >= TAG_SNAPSHOT_READ) {
			wal_snapshot_read_done(w, (uint32_t)(done->tag - TAG_SNAPSHOT_READ), done);
			return 0;
		}
		if (done->tag >= TAG_SNAPSHOT_WRITE)
			return wal_snapshot_write_done(
				w, (uint32_t)(done->tag - TAG_SNAPSHOT_WRITE), done->result);
		assert(done->tag >= TAG_READ);
		assert(done->tag < TAG_READ + WAL_READS_MAX);
		wal_read_done(w, (uint32_t)(done->tag - TAG_READ), done);
		return 0;
	}
}

static int submit(struct wal *w)
{
	int err = w->disk->ops->submit(w->disk);

	return err == 0 ? 0 : wal_fail(w, err, "", 0, "submit");
}

int wal_poll(struct wal *w, uint64_t now_ns, uint64_t *seq)
{
	struct disk_completion done[DISK_IN_FLIGHT_MAX];
	uint32_t count;
	int err = 0;

	w->now_ns = now_ns;
	if (w->failed != 0)
		return w->failed;
	if (w->memory) {
		wal_memory_step(w->memory);
		(void)wal_snapshot_step(w);
		*seq = w->seq;
		return 0;
	}
	count = w->disk->ops->poll(w->disk, done, DISK_IN_FLIGHT_MAX, false);
	/* Every completion is taken, also after one that failed: the flags must stay true. */
	for (uint32_t i = 0; i < count; i++)
		(void)wal_complete(w, &done[i]);
	if (w->failed == 0)
		err = wal_vote_start(w);
	if (w->failed == 0 && err == 0)
		err = wal_write_start(w);
	if (w->failed == 0 && err == 0)
		err = wal_prepare_step(w);
	if (w->failed == 0 && err == 0)
		err = wal_mark_step(w); /* behind the log's own write in the queue */
	if (w->failed == 0 && err == 0)
		err = wal_move_step(w);
	if (w->failed == 0 && err == 0)
		err = wal_snapshot_step(w);
	if (w->failed == 0 && err == 0)
		err = wal_range_step(w);
	if (w->failed == 0 && err == 0)
		err = submit(w);
	if (w->failed != 0)
		return w->failed;
	*seq = wal_write_seq_durable(w);
	return err;
}

static int read_wait(struct wal *w, uint32_t slot, raft_index first, uint32_t count)
{
	struct read *r = &w->reads[slot];
	int err = wal_read(w, slot, first, count);

	if (err == 0)
		err = submit(w);
	if (err != 0)
		return err;
	while (r->state == READ_OPENING || r->state == READ_IN_FLIGHT) {
		err = wal_wait(w);
		if (err != 0)
			return err;
	}
	r->state = READ_IDLE;
	return r->error;
}

int wal_read_now(struct wal *w, uint32_t slot, raft_index first, uint32_t count,
		 const struct raft_entry **entries)
{
	int err = read_wait(w, slot, first, count);

	/* A file that is only read gave way to this one: each time there is one fewer of them. */
	while (wal_no_descriptor(err) && w->closing > 0) {
		while (w->closing > 0 && w->failed == 0)
			(void)wal_wait(w);
		err = read_wait(w, slot, first, count);
	}
	if (err != 0)
		return err;
	*entries = w->reads[slot].entries;
	return (int)w->reads[slot].count;
}

int wal_snapshot_next_now(struct wal *w, const uint8_t **data, size_t *size)
{
	int more;

	while ((more = wal_snapshot_next(w, data, size)) == -EAGAIN) {
		int err = submit(w);

		if (err == 0)
			err = wal_wait(w);
		if (err != 0)
			return err;
	}
	return more;
}

void wal_get_stats(const struct wal *w, struct wal_stats *out)
{
	*out = w->stats;
	out->put_off += w->disk->put_off;
}

void wal_hold(struct wal *w, bool held)
{
	w->disk->held = held;
}

uint64_t wal_start(const struct wal *w)
{
	return w->vote.durable.start;
}
