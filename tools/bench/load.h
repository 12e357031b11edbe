/*
 * The load: clients that put in a closed loop. Each is a long-lived session (kv/command.h) with one
 * put outstanding, and keys of its own. A put that is not answered OK is counted and never tried
 * again.
 */
#ifndef TOOLS_BENCH_LOAD_H
#define TOOLS_BENCH_LOAD_H

#include "kv/command.h"
#include "tools/bench/histogram.h"
#include "tools/bench/path.h"

enum {
	LOAD_ERROR_MAX = 256,
	LOAD_VALUE_SIZE_MAX = KV_VALUE_SIZE_MAX - 1024, /* the key and the header fit too */
};

#define LOAD_TIMEOUT_NS (5 * 1000000000ull)

struct load_counters {
	uint64_t ok;
	uint64_t failed;  /* all that were not answered OK */
	uint64_t unknown; /* of those: timed out, or the connection broke */
	uint64_t refused; /* refused with a hint to come again, inside or at the end of a request */
	char last[LOAD_ERROR_MAX]; /* why the last one failed */
};

struct load;

int load_create(struct load **out, struct path *path, uint32_t value_size, uint64_t seed);
void load_destroy(struct load *l);

/* Greets once by each client, so that sessions have their base. 0, -ETIMEDOUT, -EINTR. */
int load_open(struct load *l);

/*
 * Runs for that long, then lets what is outstanding finish. Latencies of puts answered OK are
 * added to `latency`. 0; -ETIMEDOUT if nothing was answered OK for longer than two timeouts;
 * -EINTR if a signal asked to stop.
 */
int load_run(struct load *l, uint64_t duration_ns, struct histogram *latency);

/* `count` greetings, one at a time: the path's own round trip. 0, -ETIMEDOUT, -EINTR. */
int load_greet(struct load *l, uint32_t count, struct histogram *latency);

/* Keeps the path alive for that long, without load: nodes in this process need their turns. */
void load_idle(struct load *l, uint64_t duration_ns);

const struct load_counters *load_get_counters(const struct load *l);
uint64_t load_busy_ns(const struct load *l); /* the time of all load_run, from first to last put */
void load_reset(struct load *l);             /* counters and time: after warming up */

#endif
