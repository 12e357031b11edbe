/*
 * Writers: clients that go on putting whatever happens to the cluster, one at each node, and what
 * is seen of the acknowledgements. They live in a thread of their own, so that an acknowledgement
 * is seen when it comes, whatever else the program does.
 *
 * A writer puts anew when it is answered, whatever the answer, but not sooner than a millisecond
 * after it asked last. It is one long-lived session, which no put of it is repeated in.
 *
 * A node that stops stays for whoever asks it again, so it would last as long as it is asked. It is
 * left alone, as by a client that goes to another one.
 */
#ifndef TOOLS_BENCH_WRITERS_H
#define TOOLS_BENCH_WRITERS_H

#include "base/clock.h"
#include "tools/bench/cluster.h"

#define WRITERS_KEY "quoin-bench/election"
/* Five times as long as a node that stops waits for the next question. */
#define WRITERS_STOPPING_NS (100 * CLOCK_MS)

struct writers;

struct writers_counters {
	uint64_t acknowledged;
	uint64_t refused; /* with a status that says that nothing was done, or not asked at all */
	uint64_t unknown; /* without an answer, or with one that leaves it open */
};

/* Writer i puts through admin[i]. 0 or -errno with a line on stderr. */
int writers_start(struct writers **out, const struct address *admin, uint32_t count);
/* What is outstanding is given up. */
void writers_stop(struct writers *w);

/* A look begins: gaps count from now on. */
void writers_look(struct writers *w);
/* The longest time of this look in which no put was acknowledged, one that still lasts included. */
uint64_t writers_gap(struct writers *w);

/*
 * Waits for the first acknowledgement of a put by any writer but this one that is begun from now
 * on; its time, or 0: it has not come yet.
 */
void writers_expect(struct writers *w, uint32_t but);
uint64_t writers_expected(struct writers *w);

struct writers_counters writers_count(struct writers *w);

#endif
