/*
 * The load: clients that put or get. Each is a long-lived session (kv/command.h) with `inflight`
 * requests outstanding, each of them on a client of the path of its own. A request that is not
 * answered as it should be is counted and never tried again.
 *
 * In a closed loop a client begins its next request when the last one is answered: while the
 * cluster stands still it asks nothing, so a stall is one slow request. In an open loop requests
 * are due at an even rate, whatever the answers do; one that is due while no client is free waits,
 * and its time counts from when it was due (F26).
 */
#ifndef TOOLS_BENCH_LOAD_H
#define TOOLS_BENCH_LOAD_H

#include "kv/command.h"
#include "tools/bench/histogram.h"
#include "tools/bench/path.h"

enum {
	LOAD_ERROR_MAX = 256,
	LOAD_PREFIX_MAX = 40,
	LOAD_VALUE_SIZE_MAX = KV_VALUE_SIZE_MAX - 1024, /* the key and the header fit too */
	LOAD_KEYS_MAX = 1000 * 1000,
};

#define LOAD_TIMEOUT_NS (5 * 1000000000ull)

enum load_kind { LOAD_PUT, LOAD_GET, LOAD_KINDS };

struct load_options {
	uint32_t gets_percent; /* of all requests */
	bool serializable;     /* gets ask the node's own state */
	uint32_t keys;         /* that are put and got, at random */
	uint32_t value_size;
	uint32_t inflight; /* of each client, at most KV_SESSION_WINDOW */
	double rate;       /* requests per second of all clients together; 0: a closed loop */
	uint64_t seed;
	struct series *series; /* NULL: none; else what load_run and load_run_count saw */
	struct ledger *ledger; /* NULL: none; else of all keys, and of all puts */
};

struct load_counters {
	uint64_t ok[LOAD_KINDS];
	uint64_t failed;  /* all that were not answered OK */
	uint64_t unknown; /* of those: puts that may have been done */
	uint64_t refused; /* refused with a hint to come again, inside or at the end of a request */
	uint64_t unsent;  /* of an open loop: due, and not begun long after the end */
	uint64_t behind_max;       /* of an open loop: so many were due at once and not begun */
	char last[LOAD_ERROR_MAX]; /* why the last one failed */
};

struct load;

int load_create(struct load **out, struct path *path, const struct load_options *options);
void load_destroy(struct load *l);

/*
 * Greets by each client, so that sessions have their base; again, while no node shows one. 0,
 * -ETIMEDOUT, -ECONNREFUSED, -EINTR.
 */
int load_open(struct load *l);

/* Puts every key once. 0, or as load_run; -EIO: a put failed. */
int load_fill(struct load *l);
/* Deletes them all. 0, or -EIO and `last` says why. */
int load_clean(struct load *l);
/* What all keys begin with. */
const char *load_prefix(const struct load *l);

/*
 * Runs for that long, then lets what is outstanding finish. Latencies of what was answered OK are
 * added to those of its kind; of an open loop also of what was due and never begun, as far as it
 * had waited. 0; -ETIMEDOUT if nothing was answered OK for longer than two timeouts; -EINTR if a
 * signal asked to stop: what was measured until then is there.
 */
int load_run(struct load *l, uint64_t duration_ns, struct histogram *const latency[LOAD_KINDS]);

/* The same, until so many requests were begun and answered. */
int load_run_count(struct load *l, uint64_t count, struct histogram *const latency[LOAD_KINDS]);

/* `count` greetings, one at a time: the path's own round trip. 0, -ETIMEDOUT, -EINTR. */
int load_greet(struct load *l, uint32_t count, struct histogram *latency);

/* Keeps the path alive for that long, without load: nodes in this process get one turn at least. */
void load_idle(struct load *l, uint64_t duration_ns);

const struct load_counters *load_get_counters(const struct load *l);
/* The time of all load_run, from the first request to the last answer. */
uint64_t load_busy_ns(const struct load *l);
void load_reset(struct load *l); /* counters and time: after warming up */

#endif
