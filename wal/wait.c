/*
 * How long the log has waited for its disk, and how long it does so at most where it must stand
 * still for it.
 */
#include "wal/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Younger than this a write is looked for without a pause: it is some times what one takes, and a
 * disk that hangs costs no core for longer.
 */
#define BUSY_NS UINT64_C(2000000)

static bool entries_wait(const struct wal *w)
{
	return w->ring_count > 0 && !w->in_flight && !w->vote.in_flight;
}

/* What is in flight: its file has a name of its own, or it is a segment's. */
struct flight {
	uint64_t since_ns;
	const char *operation; /* NULL: nothing is */
	const char *file;      /* NULL: the segment of this number */
	uint64_t sequence;
	bool temporary; /* by the name that it has until it is prepared */
	uint64_t offset;
};

static void older(struct flight *oldest, struct flight other)
{
	if (oldest->operation == NULL || other.since_ns < oldest->since_ns)
		*oldest = other;
}

static struct flight flight_of_prepare(const struct wal *w)
{
	const struct prepare *p = &w->prepare;

	return (struct flight){p->since_ns, wal_prepare_operation(w), NULL, p->sequence, true,
			       p->offset};
}

/* The oldest of what holds up the log. */
static struct flight flight_find(const struct wal *w)
{
	const struct vote *v = &w->vote;
	const struct marker *m = &w->marker;
	const struct segment *tail = &w->segments[w->tail];
	struct flight oldest = {0};

	if (w->in_flight)
		older(&oldest, (struct flight){w->in_flight_ns, "write", NULL, tail->sequence,
					       false, tail->end});
	if (v->in_flight)
		older(&oldest,
		      (struct flight){v->since_ns, "write", META_VOTE, 0, false,
				      wal_meta_vote_offset(v->writing.generation, w->unit)});
	if (entries_wait(w) && w->prepare.in_flight)
		older(&oldest, flight_of_prepare(w));
	if (entries_wait(w) && m->in_flight)
		older(&oldest, (struct flight){m->since_ns, m->step == MARK_SYNC ? "sync" : "write",
					       META_MARK, 0, false,
					       wal_mark_offset(m->writing.generation, w->unit)});
	return oldest;
}

static bool reading(const struct read *r)
{
	return r->state == READ_OPENING || r->state == READ_IN_FLIGHT;
}

/* The oldest of what is read back, for which the log itself does not wait. */
static struct flight flight_of_reads(const struct wal *w)
{
	struct flight oldest = {0};

	for (uint32_t i = 0; i < WAL_READS_MAX; i++) {
		const struct read *r = &w->reads[i];

		if (reading(r))
			older(&oldest,
			      (struct flight){r->since_ns,
					      r->state == READ_OPENING ? "opening" : "read", NULL,
					      r->segment, false, r->offset});
	}
	return oldest;
}

/* With the name, which takes longer than all the rest: each turn of a loop asks how long. */
static struct wal_waiting flight_told(struct flight f)
{
	struct wal_waiting out = {f.since_ns, f.operation, {0}, f.offset};
	char name[DISK_NAME_MAX];

	if (f.file) {
		snprintf(out.file, sizeof(out.file), "%s", f.file);
	} else {
		wal_meta_segment_name(name, f.sequence);
		if (f.temporary)
			wal_meta_temporary_name(out.file, name);
		else
			memcpy(out.file, name, sizeof(out.file));
	}
	return out;
}

static uint64_t flight_since(struct flight f)
{
	return f.operation ? f.since_ns : UINT64_MAX;
}

static bool flight_get(struct flight f, struct wal_waiting *out)
{
	*out = f.operation ? flight_told(f) : (struct wal_waiting){0};
	return f.operation != NULL;
}

uint64_t wal_waiting_since(const struct wal *w)
{
	return flight_since(flight_find(w));
}

bool wal_get_waiting(const struct wal *w, struct wal_waiting *out)
{
	return flight_get(flight_find(w), out);
}

uint64_t wal_reading_since(const struct wal *w)
{
	return flight_since(flight_of_reads(w));
}

bool wal_get_reading(const struct wal *w, struct wal_waiting *out)
{
	return flight_get(flight_of_reads(w), out);
}

static bool reads_busy(const struct wal *w)
{
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		if (reading(&w->reads[i]) && w->now_ns - w->reads[i].since_ns < BUSY_NS)
			return true;
	return false;
}

/* The next write fits in no segment, and none is on its way: it waits for space, for long. */
static bool no_segment(const struct wal *w)
{
	const struct segment *tail = &w->segments[w->tail];

	return !w->in_flight && wal_segment_wanted(w) &&
	       tail->size - tail->end < wal_record_disk_size(w->ring[w->ring_first].used, w->unit);
}

bool wal_busy(const struct wal *w)
{
	uint64_t since_ns;

	if (w->failed != 0)
		return false;
	since_ns = wal_waiting_since(w);
	if (since_ns != UINT64_MAX)
		return w->now_ns - since_ns < BUSY_NS || reads_busy(w);
	/* What is not in flight is so after the next wal_poll. */
	return (w->ring_count > 0 && !no_segment(w)) || w->vote.changed || reads_busy(w);
}

/* --- standing still ---------------------------------------------------------------------- */

bool wal_in_flight(const struct wal *w)
{
	if (w->in_flight || w->vote.in_flight || w->prepare.in_flight || w->marker.in_flight ||
	    w->mover.in_flight || wal_snapshot_in_flight(w) || wal_snapshot_reading(w) ||
	    wal_range_in_flight(w) || w->closing > 0)
		return true;
	for (uint32_t i = 0; i < WAL_READS_MAX; i++)
		if (reading(&w->reads[i]))
			return true;
	return w->disk && w->disk->hung;
}

/* Anything that is in flight, for the last word. */
static void waiting_any(const struct wal *w, struct wal_waiting *out)
{
	if (wal_get_waiting(w, out))
		return;
	*out = (struct wal_waiting){w->now_ns, "read", "", 0};
	if (w->prepare.in_flight)
		*out = flight_told(flight_of_prepare(w));
	else if (w->marker.in_flight)
		*out = (struct wal_waiting){w->marker.since_ns, "write", META_MARK, 0};
	else if (w->mover.in_flight)
		*out = (struct wal_waiting){w->mover.since_ns, "move", META_BASE, 0};
	else if (wal_snapshot_in_flight(w))
		*out = (struct wal_waiting){w->writer.since_ns, "write", "snapshot", 0};
	else if (wal_reading_since(w) != UINT64_MAX)
		(void)wal_get_reading(w, out);
}

/* One completion is taken, if one comes in the time there is. */
static int wait_bounded(struct wal *w, uint32_t waits_max)
{
	struct disk_completion done;
	struct wal_waiting waiting;

	for (uint32_t waits = 1; w->disk->ops->poll(w->disk, &done, 1, true) == 0; waits++) {
		if (waits_max == 0 || waits < waits_max)
			continue;
		waiting_any(w, &waiting);
		wal_fail_hung(w, &waiting, w->now_ns - waiting.since_ns + waits * w->disk->wait_ns);
		return -ETIMEDOUT;
	}
	(void)wal_complete(w, &done);
	return 0;
}

int wal_wait(struct wal *w)
{
	return wait_bounded(w, w->disk->waits_max);
}

void wal_settle(struct wal *w)
{
	/* Whoever waited in vain before, or was told to end, only looks. */
	uint32_t waits_max = w->failed == -ETIMEDOUT || w->disk->hung ? 1 : w->disk->waits_max;

	while (wal_in_flight(w) && wait_bounded(w, waits_max) == 0)
		;
}
