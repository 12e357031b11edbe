/*
 * Power cuts after which the end of the log is not what was acknowledged: by the mode, or because
 * the disk drops what it had confirmed.
 */
#include "tests/unit/wal/crash.h"

#include "base/mix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

uint64_t crash_roll(struct world *w, uint64_t bound)
{
	return mix_next(&w->random) % bound;
}

struct wal_options crash_options(const struct world *w, struct fake_disk *disk)
{
	return (struct wal_options){.directory = "fake",
				    .disk = fake_disk_of(disk),
				    .durability = w->durability,
				    .segment_size = TEST_SEGMENT_SIZE,
				    .identity_seed = w->seed,
				    .create = true};
}

/* Only what was synced is sure to be there, and all that was marked had been. */
void crash_written(struct world *w, struct fake_disk *disk, enum fake_style style)
{
	struct fake_disk *after = fake_clone(disk, crash_roll(w, UINT64_MAX));
	struct wal_options options = crash_options(w, after);
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct wal *wal;
	int err;

	w->counts->states++;
	fake_space(after, false, 0);
	fake_power_cut(after, style);
	err = wal_open_limited(&wal, &options, &test_limits, &found, error);
	if (err != 0 && err != -EBADMSG)
		(void)snprintf(w->failure, sizeof(w->failure), "written: %.900s", error);
	if (err == 0 && found.lost)
		(void)snprintf(w->failure, sizeof(w->failure), "written: %s", found.lost_why);
	assert_int_equal(wal_close(wal), 0);
	fake_destroy(after);
}

/*
 * The disk drops marked writes, or segments that a mark names, to the end of the log. False:
 * nothing of what it has was marked.
 */
static bool drop(struct world *w, struct test_log *t, bool segments)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	const struct mark *marked = &w->wal->marker.durable;
	const struct log_base base = test_base_get(t->disk);
	struct test_place place;
	uint32_t first;
	uint32_t last = 0;

	if (marked->number <= base.number)
		return false;
	if (segments) {
		for (uint64_t s = base.segment + crash_roll(w, marked->segment - base.segment + 1);;
		     s++) {
			wal_meta_segment_name(place.file, s);
			if (!fake_exists(t->disk, place.file))
				return true;
			fake_remove(t->disk, place.file);
		}
	}
	first = (uint32_t)crash_roll(w, marked->number - base.number);
	while (test_log_write(t, last + 1, &place))
		last++;
	/* From the last one down: the walk ends where a write is gone. */
	for (uint32_t n = last + 1; n-- > first;) {
		assert_true(test_log_write(t, n, &place));
		for (uint32_t at = 0; at < place.size; at += FORMAT_SECTOR)
			fake_put(t->disk, place.file, place.offset + at, zeros, FORMAT_SECTOR);
	}
	return true;
}

void crash_loss(struct world *w, struct fake_disk *disk)
{
	struct test_log t = {.disk = fake_clone(disk, crash_roll(w, UINT64_MAX))};
	bool segments = crash_roll(w, 3) == 0;
	int err;

	fake_space(t.disk, false, 0);
	w->counts->losses++;
	t.options = crash_options(w, t.disk);
	fake_power_cut(t.disk, FAKE_NONE);
	if (!drop(w, &t, segments)) {
		fake_destroy(t.disk);
		return;
	}
	for (int round = 0; round < 2 && w->failure[0] == '\0'; round++) {
		err = test_log_open(&t);
		if (err != 0)
			(void)snprintf(w->failure, sizeof(w->failure), "lost, and refused: %.900s",
				       t.error);
		else if (!t.found.lost)
			(void)snprintf(w->failure, sizeof(w->failure),
				       "marked write %" PRIu64 " or segment %" PRIu64
				       " is gone, the log ends with write %" PRIu64
				       ", and nobody says so",
				       w->wal->marker.durable.number,
				       w->wal->marker.durable.segment, t.wal->number);
		else /* Its number is given again, and still it is said. */
			(void)test_persist(t.wal, test_append(t.wal, t.found.last_index + 1,
							      t.found.last_index + 5, 1000));
		assert_int_equal(wal_close(t.wal), 0);
		t.wal = NULL;
		fake_power_cut(t.disk, (enum fake_style)crash_roll(w, FAKE_STYLES));
	}
	fake_destroy(t.disk);
}
