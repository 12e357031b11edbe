/*
 * Moving the base: where the log begins is made durable, then the segments that lie whole below it
 * leave the log, one after the other. Some are kept, under their names, to be prepared again as the
 * next ones (prepare.c); the others are removed. All of it asynchronous, one step in flight.
 *
 * Invariants:
 *  1. The base is written in place, so that a disk that is full can be freed.
 *  2. No segment leaves before both slots say that the log begins behind it.
 *  3. The first segment begins with an entry that is not above the first index: recovery, which
 *     reads from there on, finds no gap, whatever was superseded in it.
 *  4. A segment leaves when nobody reads from it and no mark syncs it.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <string.h>

/* Of segments that leave in one turn of the loop. */
enum { DROPS_MAX = 16 };

#define RETRY_INTERVAL_NS UINT64_C(1000000000)

/* The last one from which all that is live from `first` on can be read (3). */
static size_t segment_find(const struct wal *w, raft_index first)
{
	size_t at = w->tail;

	if (first <= w->index.last)
		at = (size_t)(wal_index_find(&w->index, first)->segment - w->base.segment);
	while (at > 0 && (w->segments[at].first == 0 || w->segments[at].first > first))
		at--;
	return at;
}

int wal_base_move(struct wal *w, raft_index first, raft_term before_term)
{
	struct mover *m = &w->mover;
	const struct segment *segment;

	assert(before_term > 0);
	if (w->failed != 0)
		return w->failed;
	if (first <= w->base.index)
		return 0;
	/* What is below is nowhere else (W21). */
	if (!wal_snapshot_reaches(w, first - 1, NULL))
		return -ENOENT;
	if (w->memory) {
		if (!wal_memory_get(w->memory, first - 1))
			return -EAGAIN;
		w->base.index = first;
		w->base.term = before_term;
		wal_memory_trim(w->memory, first);
		return 0;
	}
	if (m->state != MOVE_IDLE || !wal_readable(w, first - 1))
		return -EAGAIN;
	segment = &w->segments[segment_find(w, first)];
	m->next = (struct log_base){.segment = segment->sequence,
				    .index = first,
				    .term = before_term,
				    .number = segment->before};
	/* With nothing in it yet it is the first one still, and its number stands. */
	if (segment->sequence == w->base.segment)
		m->next.number = w->base.number;
	m->slots = 0;
	m->state = MOVE_WRITE;
	return 0;
}

raft_index wal_look_back(const struct wal *w, raft_index index, uint64_t bytes, raft_term *term)
{
	const struct index_point *point;
	size_t at;
	uint64_t before;

	if (w->memory)
		return wal_memory_look_back(w->memory, index, bytes, term);
	if (index < w->base.index || index > w->index.last)
		return 0;
	point = wal_index_find(&w->index, index);
	at = (size_t)(point->segment - w->base.segment);
	before = point->offset - w->unit;
	while (before < bytes) {
		bytes -= before;
		if (at == 0)
			return 0;
		before = w->segments[--at].end - w->unit;
	}
	point = wal_index_at(&w->index, w->segments[at].sequence,
			     w->unit + (uint32_t)(before - bytes));
	if (!point)
		return 0;
	*term = point->term;
	return point->first;
}

raft_index wal_first(const struct wal *w)
{
	return w->base.index;
}

static int move_fail(struct wal *w, int err, const char *operation)
{
	char name[DISK_NAME_MAX] = META_BASE;

	if (w->mover.state == MOVE_REMOVE)
		wal_meta_segment_name(name, w->mover.leaving);
	return wal_fail(w, err, name,
			w->mover.state == MOVE_WRITE
				? wal_base_offset(w->mover.generation + 1, w->unit)
				: 0,
			operation);
}

static int slot_write(struct wal *w)
{
	struct mover *m = &w->mover;
	int err;

	wal_base_encode(m->block, w->unit, &w->id, m->generation + 1, &m->next);
	err = w->disk->ops->write(w->disk, m->file, wal_base_offset(m->generation + 1, w->unit),
				  m->block, w->unit, TAG_BASE);
	if (err != 0)
		return move_fail(w, err, "submit");
	m->in_flight = true;
	m->since_ns = w->now_ns;
	return 0;
}

static int segment_remove(struct wal *w)
{
	struct mover *m = &w->mover;
	struct disk_call call = {.kind = DISK_REMOVE};
	int err;

	if (w->now_ns < m->next_ns)
		return 0;
	wal_meta_segment_name(call.name, m->leaving);
	err = w->disk->ops->call(w->disk, &call, TAG_BASE);
	if (err != 0)
		return move_fail(w, err, "submit");
	m->in_flight = true;
	m->since_ns = w->now_ns;
	return 0;
}

/* False: somebody needs it, or the disk has too much to do. */
static bool segment_leave(struct wal *w)
{
	struct segment *s = &w->segments[0];
	struct marker *m = &w->marker;

	/* Of a log that was reset the last one is left when the next one is ready. */
	if (w->tail == 0 && !wal_segment_roll(w))
		return false;
	if (s->readers > 0 || s->opening || m->step == MARK_SYNC)
		return false;
	if (s->file >= 0 && !wal_segment_close(w, s))
		return false;
	w->mover.leaving = s->sequence;
	w->mover.state = wal_spare_add(w, s) ? MOVE_DROP : MOVE_REMOVE;
	w->segment_count--;
	memmove(w->segments, w->segments + 1, w->segment_count * sizeof(*w->segments));
	w->base.segment++;
	w->tail--;
	m->synced -= m->synced > 0;
	w->stats.segments = w->segment_count;
	return true;
}

static int segments_drop(struct wal *w)
{
	struct mover *m = &w->mover;

	for (int i = 0; i < DROPS_MAX && m->state == MOVE_DROP; i++) {
		if (w->base.segment == m->next.segment) {
			w->base = m->next;
			m->state = MOVE_IDLE;
		} else if (!segment_leave(w)) {
			return 0;
		}
	}
	return m->state == MOVE_REMOVE ? segment_remove(w) : 0;
}

int wal_move_step(struct wal *w)
{
	struct mover *m = &w->mover;

	if (m->in_flight)
		return 0;
	switch (m->state) {
	case MOVE_IDLE:
		return 0;
	case MOVE_WRITE:
		return slot_write(w);
	case MOVE_DROP:
		return segments_drop(w);
	case MOVE_REMOVE:
		return segment_remove(w);
	}
	assert(false);
	return -EINVAL;
}

int wal_move_done(struct wal *w, const struct disk_completion *done)
{
	struct mover *m = &w->mover;

	assert(m->in_flight);
	m->in_flight = false;
	if (m->state == MOVE_WRITE) {
		if (done->result != 0)
			return move_fail(w, done->result, "write");
		m->generation++;
		if (++m->slots < 2)
			return 0;
		m->state = MOVE_DROP;
		w->base.index = m->next.index;
		w->base.term = m->next.term;
		wal_index_trim(&w->index, w->base.index);
		return 0;
	}
	assert(m->state == MOVE_REMOVE);
	/* What may not be removed now is no part of the log: it is only in the way. */
	if (wal_refused_now(done->result) || done->result == -ENOSPC || done->result == -EDQUOT)
		m->next_ns = w->now_ns + RETRY_INTERVAL_NS;
	else if (done->result != 0 && done->result != -ENOENT)
		return move_fail(w, done->result, "removal");
	else
		m->state = MOVE_DROP;
	return 0;
}

void wal_move_give_way(struct wal *w)
{
	struct mover *m = &w->mover;

	if (w->spares.count == 0 || m->state != MOVE_IDLE)
		return;
	m->next = w->base;
	m->leaving = w->spares.sequence[--w->spares.count];
	m->state = MOVE_REMOVE;
}

uint64_t wal_move_deadline(const struct wal *w)
{
	const struct mover *m = &w->mover;

	if (m->state == MOVE_IDLE || m->in_flight)
		return UINT64_MAX;
	/* Somebody reads from a segment: how long is not known. */
	return m->state == MOVE_DROP ? w->now_ns + MARK_INTERVAL_NS / 10 : m->next_ns;
}

/* --- synchronous, while nothing is in flight ----------------------------------------------- */

int wal_move_now(struct wal *w)
{
	struct mover *m = &w->mover;

	m->state = MOVE_WRITE;
	for (int slot = 0; slot < 2; slot++) {
		int err;

		wal_base_encode(m->block, w->unit, &w->id, m->generation + 1, &m->next);
		err = wal_io_write(w->disk, m->file, wal_base_offset(m->generation + 1, w->unit),
				   m->block, w->unit);
		if (err != 0)
			return move_fail(w, err, "write");
		m->generation++;
	}
	m->state = MOVE_DROP;
	return 0;
}

/* --- at open, while nothing is in flight --------------------------------------------------- */

int wal_base_open(struct wal *w, const struct log_base_slots *found)
{
	struct mover *m = &w->mover;
	int err = wal_io_open(w->disk, META_BASE, false, DISK_DURABLE, &m->file);

	m->generation = found->generation;
	if (err != 0)
		return wal_refuse_io(w, err, META_BASE, "open");
	/* What was read may be in a cache only, left by a process that was killed. */
	err = wal_io_sync(w->disk, m->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_BASE, "sync");
	if (!found->differ && found->damaged == 0)
		return 0;
	m->generation++;
	wal_base_encode(m->block, w->unit, &w->id, m->generation, &w->base);
	err = wal_io_write(w->disk, m->file, wal_base_offset(m->generation, w->unit), m->block,
			   w->unit);
	return err == 0 ? 0 : wal_refuse_io(w, err, META_BASE, "write");
}
