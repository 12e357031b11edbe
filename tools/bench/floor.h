/*
 * The host's floor: how long one durable 4 KiB write takes when as many writers as the cluster has
 * nodes write at once, each to a file of its own that was filled with zeros beforehand, through
 * O_DIRECT and O_DSYNC. No commit that waits for a majority of disks on this host can be quicker
 * for long.
 *
 * The writers are threads that sleep between slices, so that a measurement can take turns with the
 * load it is compared to.
 */
#ifndef TOOLS_BENCH_FLOOR_H
#define TOOLS_BENCH_FLOOR_H

#include "tools/bench/histogram.h"

enum {
	FLOOR_WRITERS_MAX = 64,
	FLOOR_WRITE_SIZE = 4096,
	FLOOR_ERROR_MAX = 512,
};

struct floor;

/*
 * Files are made in `directory`, which must exist, and removed at once: only the open descriptors
 * keep them, so nothing is left behind however the process ends. 0 or -errno with one line in
 * error.
 */
int floor_create(struct floor **out, const char *directory, uint32_t writers,
		 char error[FLOOR_ERROR_MAX]);
void floor_destroy(struct floor *f);

/* One slice: begins at once and ends by itself. floor_finish waits, adds to `out`: 0 or -errno. */
void floor_begin(struct floor *f, uint64_t duration_ns);
int floor_running(struct floor *f);
int floor_finish(struct floor *f, struct histogram *out);

/* Writes per second over all slices and writers. */
double floor_rate(const struct floor *f);

#endif
