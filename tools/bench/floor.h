/*
 * The host's floor: what the disk alone takes. In turns, one durable write at a time, and as many
 * as the cluster has nodes, begun at the same moment, each to a file of its own that was filled
 * with zeros beforehand; of those counts the time until a majority is done, for that is what a
 * commit waits for (F26). The writes go to the disk as a node's do, through the log's own disk, all
 * from this thread: a round has no threads to wake.
 *
 * A commit waits for as many writes, of which all but the leader's begin later.
 */
#ifndef TOOLS_BENCH_FLOOR_H
#define TOOLS_BENCH_FLOOR_H

#include "tools/bench/histogram.h"
#include "wal/disk.h"

enum {
	FLOOR_WRITERS_MAX = 64,
	FLOOR_ERROR_MAX = 512,
};

struct floor;

/*
 * Files are made in `directory`, which must exist, and removed at once: only the open descriptors
 * keep them, so nothing is left behind however the process ends. `disk`: NULL, or one that stays
 * the caller's. 0 or -errno with one line in error.
 */
int floor_create(struct floor **out, const char *directory, struct disk *disk, uint32_t writers,
		 char error[FLOOR_ERROR_MAX]);
void floor_destroy(struct floor *f);

/* What takes its turn between two rounds, if it is not NULL: nodes of this process. */
typedef void floor_between(void *context);

/*
 * Rounds for that long, at least one, or until a signal asks to stop; their times are added. 0 or
 * -errno of a write.
 */
int floor_run(struct floor *f, uint64_t duration_ns, struct histogram *quorum,
	      struct histogram *single, floor_between *between, void *context);

uint32_t floor_write_size(const struct floor *f);
/* How many of the writers are a majority. */
uint32_t floor_quorum(const struct floor *f);

#endif
