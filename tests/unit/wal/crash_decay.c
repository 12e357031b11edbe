/*
 * A crash, and decay: bits that flip, and places that can no longer be read, where nothing was ever
 * written (V22, V25). Recovery makes of it what it makes of the same crash alone. A bit that flips
 * in what was acknowledged is refused, also beside such places.
 */
#include "tests/unit/wal/crash.h"

#include "base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { TRIES = 64 };

struct decay {
	struct world *w;
	struct test_log t;
};

/* What was acknowledged in this segment ends there, or, of the last one, what was submitted. */
static uint64_t written_to(const struct wal *wal, size_t i)
{
	if (i >= wal->segment_count)
		return wal->unit;
	return wal->segments[i].end + (i == wal->tail && wal->in_flight ? wal->in_flight_size : 0);
}

/* A unit there may be the next write: but where that was acknowledged in the next segment. */
static uint64_t unsure_to(const struct wal *wal, size_t i)
{
	bool goes_on = i + 1 < wal->segment_count && wal->segments[i + 1].end > wal->unit;

	return written_to(wal, i) + (goes_on ? 0 : wal->unit);
}

/* A unit of zeros, in any segment; false: none was found. */
static bool unit_draw(struct decay *d, char name[DISK_NAME_MAX], size_t *segment, uint64_t *offset)
{
	static uint8_t block[FORMAT_UNIT_MAX];
	uint32_t unit = d->w->unit;

	for (int i = 0; i < TRIES; i++) {
		*segment = crash_roll(d->w, d->w->wal->segment_count + 1);
		*offset = unit * (1 + crash_roll(d->w, TEST_SEGMENT_SIZE / unit - 1));
		wal_meta_segment_name(name, d->w->wal->base.segment + *segment);
		if (!fake_exists(d->t.disk, name))
			continue;
		fake_get(d->t.disk, name, *offset, block, unit);
		if (bytes_zero(block, unit))
			return true;
	}
	return false;
}

static void decay_one(struct decay *d)
{
	const struct wal *wal = d->w->wal;
	uint32_t unit = d->w->unit;
	char name[DISK_NAME_MAX];
	uint64_t offset;
	size_t i;

	if (!unit_draw(d, name, &i, &offset))
		return;
	if (crash_roll(d->w, 3) == 0 && offset >= unsure_to(wal, i))
		fake_bad(d->t.disk, name, offset, FORMAT_SECTOR, -EIO);
	else
		fake_flip(d->t.disk, name, offset + crash_roll(d->w, unit),
			  (uint32_t)crash_roll(d->w, 8));
}

/* False: nothing was acknowledged yet. */
static bool record_flip(struct decay *d)
{
	const struct wal *wal = d->w->wal;
	size_t i = crash_roll(d->w, wal->tail + 1);
	uint64_t end = wal->segments[i].end;
	char name[DISK_NAME_MAX];

	if (end <= wal->unit || wal->segments[i].sequence < test_base_get(d->t.disk).segment)
		return false;
	wal_meta_segment_name(name, wal->segments[i].sequence);
	fake_flip(d->t.disk, name, wal->unit + crash_roll(d->w, end - wal->unit),
		  (uint32_t)crash_roll(d->w, 8));
	return true;
}

static bool segments_equal(const struct test_log *a, const struct test_log *b)
{
	static uint8_t of_a[TEST_SEGMENT_SIZE], of_b[TEST_SEGMENT_SIZE];
	char name[DISK_NAME_MAX];

	for (uint64_t i = test_base_get(a->disk).segment;; i++) {
		wal_meta_segment_name(name, i);
		if (fake_exists(a->disk, name) != fake_exists(b->disk, name))
			return false;
		if (!fake_exists(a->disk, name))
			return true;
		fake_get(a->disk, name, 0, of_a, sizeof(of_a));
		fake_get(b->disk, name, 0, of_b, sizeof(of_b));
		if (memcmp(of_a, of_b, sizeof(of_a)) != 0)
			return false;
	}
}

static void compare(struct world *w, struct test_log *t, struct test_log *alone)
{
	int err = test_log_open(t);

	if (err != 0)
		(void)snprintf(w->failure, sizeof(w->failure), "decayed, and refused: %.900s",
			       t->error);
	else if (test_log_open(alone) != 0)
		(void)snprintf(w->failure, sizeof(w->failure), "refused: %.900s", alone->error);
	else if (t->found.last_index != alone->found.last_index || t->found.lost)
		(void)snprintf(w->failure, sizeof(w->failure),
			       "decayed, the log ends at %" PRIu64 " instead of %" PRIu64 " %.600s",
			       t->found.last_index, alone->found.last_index, t->found.lost_why);
	assert_int_equal(wal_close(t->wal), 0);
	assert_int_equal(wal_close(alone->wal), 0);
	if (w->failure[0] == '\0' && !segments_equal(t, alone))
		(void)snprintf(w->failure, sizeof(w->failure), "what decayed was not zeroed again");
}

void crash_decay(struct world *w, struct fake_disk *disk, enum fake_style style)
{
	struct decay d = {.w = w, .t = {.disk = fake_clone(disk, crash_roll(w, UINT64_MAX))}};
	struct test_log alone;
	bool refused;

	w->counts->states++;
	fake_space(d.t.disk, false, 0);
	d.t.options = crash_options(w, d.t.disk);
	if (w->durability == WAL_WRITTEN)
		fake_kill(d.t.disk, style);
	else
		fake_power_cut(d.t.disk, style);
	alone = d.t;
	alone.disk = fake_clone(d.t.disk, 1);
	for (uint64_t n = 1 + crash_roll(w, 3); n > 0; n--)
		decay_one(&d);
	refused = crash_roll(w, 2) == 0 && record_flip(&d);
	if (refused) {
		int err = test_log_open(&d.t);

		if (err != -EBADMSG)
			(void)snprintf(w->failure, sizeof(w->failure),
				       "a bit of an acknowledged record was flipped: %d, %.900s",
				       err, d.t.error);
		assert_int_equal(wal_close(d.t.wal), 0);
	} else {
		compare(w, &d.t, &alone);
	}
	fake_destroy(d.t.disk);
	fake_destroy(alone.disk);
}
