/*
 * Marking how far the log has come, off the way of its writes: one mark in flight, none begun less
 * than MARK_INTERVAL_NS after the one before, but for a segment that the log may have to roll into
 * and for a sign of loss that is taken away.
 *
 * Invariants:
 *  1. A mark says only what was on stable storage before it was begun. In WAL_WRITTEN the segments
 *     are synced first.
 *  2. Its number never goes down, but by wal_whole.
 *  3. While the log is lost each mark says so, and both slots did before anything was appended.
 *  4. No segment is written to before a mark that names it is durable (segment.c asks for it), so a
 *     last segment that is missing is noticed.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <string.h>

static uint64_t number_completed(const struct wal *w)
{
	return w->number - (w->in_flight ? 1 : 0);
}

static uint64_t segment_newest(const struct wal *w)
{
	return w->segment_count > 0 ? w->segments[w->segment_count - 1].sequence : 0;
}

/* Something became durable, or may be made so, that no mark says. */
static bool unmarked(const struct wal *w)
{
	const struct mark *m = &w->marker.durable;

	return number_completed(w) > m->number || segment_newest(w) > m->segment ||
	       w->vote.durable.generation > m->vote_generation;
}

bool wal_mark_due(const struct wal *w, uint64_t now_ns)
{
	const struct marker *m = &w->marker;

	if (w->memory || w->failed != 0 || m->asked || m->step != MARK_IDLE)
		return false;
	return m->whole || (now_ns >= m->next_ns && (m->witness_changed || unmarked(w)));
}

static uint64_t mark_deadline(const struct wal *w)
{
	const struct marker *m = &w->marker;

	/* A disk that hangs must not keep the loop awake. */
	if (m->step != MARK_IDLE || m->asked)
		return m->next_ns > w->now_ns ? m->next_ns : w->now_ns + MARK_INTERVAL_NS / 10;
	if (m->whole)
		return w->now_ns;
	return m->witness_changed || unmarked(w) ? m->next_ns : UINT64_MAX;
}

uint64_t wal_deadline(const struct wal *w)
{
	uint64_t first, next;

	if (w->memory || w->failed != 0)
		return UINT64_MAX;
	first = wal_prepare_deadline(w);
	next = mark_deadline(w);
	first = next < first ? next : first;
	next = wal_move_deadline(w);
	first = next < first ? next : first;
	next = wal_snapshot_deadline(w);
	return next < first ? next : first;
}

void wal_mark(struct wal *w, uint64_t now_ns, const struct raft_witness *witness, uint32_t count)
{
	struct marker *m = &w->marker;

	assert(count <= RAFT_MEMBERS_MAX);
	if (!wal_mark_due(w, now_ns))
		return;
	if (count > 0)
		memcpy(m->witness, witness, count * sizeof(*witness));
	m->witness_count = count;
	m->witness_changed = false;
	m->asked = true;
}

void wal_witness_changed(struct wal *w)
{
	w->marker.witness_changed = true;
}

void wal_whole(struct wal *w)
{
	if (!w->lost)
		return;
	w->lost = false;
	w->marker.whole = !w->memory;
}

/* The mark that can be made now. */
static struct mark mark_make(const struct wal *w)
{
	const struct marker *m = &w->marker;
	struct mark mark = {.generation = m->durable.generation + 1,
			    .number = w->number_durable,
			    .segment = segment_newest(w),
			    .vote_generation = w->vote.durable.generation,
			    .start = w->vote.durable.start,
			    .lost = w->lost,
			    .diverged = w->diverged,
			    .witness_count = m->witness_count};

	memcpy(mark.witness, m->witness, sizeof(mark.witness));
	if (m->whole)
		return mark;
	if (mark.number < m->durable.number)
		mark.number = m->durable.number;
	if (mark.segment < m->durable.segment)
		mark.segment = m->durable.segment;
	return mark;
}

static int mark_fail(struct wal *w, int err, const char *operation)
{
	return wal_fail(w, err, META_MARK,
			wal_mark_offset(w->marker.durable.generation + 1, w->unit), operation);
}

/* Submits the next sync, or, when all are done, the mark. */
static int step_start(struct wal *w)
{
	struct marker *m = &w->marker;
	int err;

	if (m->step == MARK_SYNC && m->sync_at <= m->sync_last) {
		struct segment *segment = &w->segments[m->sync_at];

		assert(segment->file >= 0);
		err = w->disk->ops->sync(w->disk, segment->file, TAG_MARK);
		if (err != 0)
			return mark_fail(w, err, "sync of a segment before");
		segment->readers++; /* stays open */
		m->in_flight = true;
		m->since_ns = w->now_ns;
		return 0;
	}
	if (m->step == MARK_SYNC) {
		w->number_durable = m->sync_number;
		m->synced = m->sync_last;
		m->step = MARK_WRITE;
	}
	m->writing = mark_make(w);
	m->whole = false;
	wal_mark_encode(m->block, w->unit, &w->id, &m->writing);
	err = w->disk->ops->write(w->disk, m->file, wal_mark_offset(m->writing.generation, w->unit),
				  m->block, w->unit, TAG_MARK);
	if (err != 0)
		return mark_fail(w, err, "submit");
	m->in_flight = true;
	m->since_ns = w->now_ns;
	return 0;
}

int wal_mark_step(struct wal *w)
{
	struct marker *m = &w->marker;

	if (m->in_flight)
		return 0;
	if (m->step == MARK_IDLE) {
		/* A new segment is named at once: the log may have to roll into it. */
		if (!m->asked && segment_newest(w) <= m->durable.segment)
			return 0;
		m->step = MARK_WRITE;
		m->next_ns = w->now_ns + MARK_INTERVAL_NS;
		if (m->asked && w->durability == WAL_WRITTEN &&
		    number_completed(w) > w->number_durable) {
			m->step = MARK_SYNC;
			m->sync_at = m->synced;
			m->sync_last = w->tail;
			m->sync_number = number_completed(w);
		}
		m->asked = false;
	}
	return step_start(w);
}

/* Of a segment, before a mark may say that it is on stable storage: the mark has no part in it. */
static int sync_fail(struct wal *w, int err, const struct segment *segment)
{
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, segment->sequence);
	return wal_fail(w, err, name, 0, "sync");
}

int wal_mark_done(struct wal *w, int err)
{
	struct marker *m = &w->marker;

	assert(m->in_flight);
	m->in_flight = false;
	if (m->step == MARK_SYNC) {
		assert(w->segments[m->sync_at].readers > 0);
		w->segments[m->sync_at].readers--;
		if (err != 0)
			return sync_fail(w, err, &w->segments[m->sync_at]);
		m->sync_at++;
		return 0;
	}
	m->step = MARK_IDLE;
	if (err != 0)
		return mark_fail(w, err, "write");
	m->durable = m->writing;
	w->stats.marks++;
	return 0;
}

/* --- synchronous, while nothing is in flight --------------------------------------------- */

/* One mark says it in each slot, so that a slot that decays does not take the sign away. */
static int signs_write(struct wal *w)
{
	struct marker *m = &w->marker;

	for (int slot = 0; slot < 2; slot++) {
		struct mark mark = mark_make(w);
		int err;

		wal_mark_encode(m->block, w->unit, &w->id, &mark);
		err = wal_io_write(w->disk, m->file, wal_mark_offset(mark.generation, w->unit),
				   m->block, w->unit);
		if (err != 0)
			return mark_fail(w, err, "write");
		m->durable = mark;
		w->stats.marks++;
	}
	return 0;
}

/* What the page cache has, as MARK_SYNC brings it to stable storage. 0 or -errno. */
static int written_sync(struct wal *w)
{
	struct marker *m = &w->marker;
	int err = 0;

	if (w->durability != WAL_WRITTEN || number_completed(w) == w->number_durable)
		return 0;
	for (size_t i = m->synced; err == 0 && i <= w->tail; i++) {
		err = wal_io_sync(w->disk, w->segments[i].file);
	}
	if (err != 0)
		return mark_fail(w, err, "sync of a segment before");
	m->synced = w->tail;
	w->number_durable = number_completed(w);
	return 0;
}

int wal_mark_last(struct wal *w, const struct raft_witness *witness, uint32_t count)
{
	struct marker *m = &w->marker;
	struct mark mark;
	int err;

	if (w->memory)
		return 0;
	wal_settle(w);
	if (w->failed != 0 || (!m->whole && !m->witness_changed && !unmarked(w)) ||
	    written_sync(w) != 0)
		return w->failed;
	if (count > 0)
		memcpy(m->witness, witness, count * sizeof(*witness));
	m->witness_count = count;
	mark = mark_make(w);
	wal_mark_encode(m->block, w->unit, &w->id, &mark);
	err = wal_io_write(w->disk, m->file, wal_mark_offset(mark.generation, w->unit), m->block,
			   w->unit);
	if (err != 0)
		return mark_fail(w, err, "write");
	m->durable = mark;
	m->step = MARK_IDLE;
	m->whole = m->asked = m->witness_changed = false;
	return 0;
}

int wal_lost(struct wal *w, uint64_t start_known)
{
	struct vote *v = &w->vote;
	uint64_t newest;
	int err;

	if (raft_start_count(start_known) > RAFT_START_COUNT_MAX)
		return -ERANGE;
	wal_settle(w);
	if (w->failed != 0)
		return w->failed;
	newest = start_known > v->durable.start ? start_known : v->durable.start;
	if (w->memory) {
		w->lost = true;
		v->durable.start = wal_start_after(w, newest);
		return 0;
	}
	w->marker.whole = false;
	w->lost = true;
	err = signs_write(w);
	if (err != 0)
		return err;
	v->writing = v->durable;
	v->writing.generation++;
	v->writing.start = wal_start_after(w, newest);
	wal_meta_vote_encode(w->block, w->unit, &w->id, &v->writing);
	err = wal_io_write(w->disk, v->file, wal_meta_vote_offset(v->writing.generation, w->unit),
			   w->block, w->unit);
	if (err != 0)
		return wal_fail(w, err, META_VOTE,
				wal_meta_vote_offset(v->writing.generation, w->unit), "write");
	v->durable = v->writing;
	return 0;
}

int wal_diverged(struct wal *w, raft_index index)
{
	assert(index > 0);
	wal_settle(w);
	if (w->failed != 0)
		return w->failed;
	w->diverged = index;
	return w->memory ? 0 : signs_write(w);
}
