/*
 * The cost of marks: one writer of the log, one write of 256 bytes after the other, with marks as a
 * node makes them and without, in turn, on the disk that the build lies on. The figures of
 * docs/wal-format.md are from here.
 *
 *	chrt -f 1 meson test -C build --benchmark --verbose wal-marks
 *
 * It sleeps between two looks, and so can be given a real-time priority: what else the host does is
 * not to be measured. With shorter sleeps the kernel's own workers would starve on that core.
 */
#include "tests/unit/wal/helpers.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum {
	RUNS = 5,
	SLICES = 5, /* of each kind in a run, in turn */
	SLICE_MS = 200,
	SAMPLES_MAX = 1 << 20,
	DATA = 256,
	LOOK_NS = 15000,
};

struct kind {
	uint64_t *samples; /* of one run */
	uint32_t count;
	uint64_t time;
	double rate[RUNS]; /* writes a second */
	double p50_us[RUNS];
	double p99_us[RUNS];
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void write_one(struct wal *w, struct kind *k, bool marks)
{
	static uint8_t data[DATA];
	struct raft_entry entry = {.index = w->last_index + 1,
				   .term = 1,
				   .data = data,
				   .size = DATA,
				   .type = RAFT_ENTRY_COMMAND,
				   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	uint64_t start = clock_now();
	uint64_t now = start;
	uint64_t seq = 0;

	assert_int_equal(wal_append(w, entry.index, NULL, &entry, 1), 0);
	for (;;) {
		if (marks && wal_mark_due(w, now))
			wal_mark(w, now, NULL, 0);
		assert_int_equal(wal_poll(w, now, &seq), 0);
		if (seq >= entry.index)
			break;
		clock_sleep(LOOK_NS);
		now = clock_now();
	}
	now = clock_now();
	k->time += now - start;
	if (k->count < SAMPLES_MAX)
		k->samples[k->count++] = now - start;
}

static void run(enum wal_durability durability, struct kind kinds[2], int number)
{
	char *path = test_directory_make();
	struct wal_options options = {.directory = path,
				      .durability = durability,
				      .segment_size = WAL_SEGMENT_SIZE_DEFAULT,
				      .identity_seed = 7,
				      .create = true};
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	uint64_t seq;
	struct wal *w;

	if (wal_open(&w, &options, &found, error) != 0)
		fail_msg("%s", error);
	/* The next segment first: its zeros would be measured too. */
	while (wal_segment_wanted(w) || w->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(w, clock_now(), &seq), 0);
	kinds[0].count = kinds[1].count = 0;
	kinds[0].time = kinds[1].time = 0;
	for (int slice = 0; slice < 2 * SLICES; slice++) {
		uint64_t end = clock_now() + SLICE_MS * CLOCK_MS;

		while (clock_now() < end)
			write_one(w, &kinds[slice % 2], slice % 2 != 0);
	}
	for (int marks = 0; marks < 2; marks++) {
		struct kind *k = &kinds[marks];

		qsort(k->samples, k->count, sizeof(k->samples[0]), compare);
		k->rate[number] = k->count / ((double)k->time / CLOCK_S);
		k->p50_us[number] = (double)k->samples[k->count / 2] / 1000;
		k->p99_us[number] = (double)k->samples[k->count - k->count / 100 - 1] / 1000;
	}
	assert_int_equal(wal_close(w), 0);
	test_directory_remove(path);
}

static void measure(enum wal_durability durability)
{
	struct kind kinds[2] = {{0}};

	for (int marks = 0; marks < 2; marks++) {
		kinds[marks].samples = calloc(SAMPLES_MAX, sizeof(uint64_t));
		assert_non_null(kinds[marks].samples);
	}
	for (int i = 0; i < RUNS; i++)
		run(durability, kinds, i);
	for (int marks = 0; marks < 2; marks++) {
		struct kind *k = &kinds[marks];

		qsort(k->rate, RUNS, sizeof(double), compare_double);
		qsort(k->p50_us, RUNS, sizeof(double), compare_double);
		qsort(k->p99_us, RUNS, sizeof(double), compare_double);
		printf("%-8s marks %-3s %7.0f writes/s  p50 %6.1f us  p99 %6.1f us (%.1f to "
		       "%.1f)\n",
		       wal_durability_name(durability), marks != 0 ? "on" : "off",
		       k->rate[RUNS / 2], k->p50_us[RUNS / 2], k->p99_us[RUNS / 2], k->p99_us[0],
		       k->p99_us[RUNS - 1]);
		free(k->samples);
	}
}

int main(void)
{
	(void)prctl(PR_SET_TIMERSLACK, 1);
	measure(WAL_DURABLE);
	measure(WAL_WRITTEN);
	return 0;
}
