/*
 * When old versions are compacted, and up to where: etcd's two compactors (server/etcdserver/api/
 * v3compactor, periodic.go and revision.go). Pure: no clock, no log, no store.
 *
 * Periodic: the revision is noted at each look, ten in the retention, or in an hour of it. Once the
 * member has run for as long as the retention, and from then on after as long again, an hour at
 * most, what is older than the oldest one noted is compacted; if that did not come about, at the
 * next look.
 *
 * By revision: each five minutes all but the newest so many revisions.
 *
 * Each member notes, and the one that leads compacts: who leads next has what it needs.
 */
#ifndef NODE_COMPACTOR_H
#define NODE_COMPACTOR_H

#include <stdbool.h>
#include <stdint.h>

enum compactor_mode { COMPACTOR_PERIODIC, COMPACTOR_REVISION };

struct compactor_options {
	enum compactor_mode mode;
	uint64_t retention; /* nanoseconds, or revisions; 0: nothing is compacted */
};

struct compactor {
	struct compactor_options options;
	uint64_t next_ns;  /* looked at then; UINT64_MAX: never */
	uint64_t asked;    /* a compaction up to there was asked for ... */
	uint64_t asked_ns; /* ... then, and is not seen yet; 0: none was */
	uint64_t count;    /* that came about */
	/* Periodic: the next one is this long after that. */
	uint64_t done_ns, wait_ns;
	uint64_t *noted; /* a ring of `noted_max` revisions */
	uint32_t noted_max, noted_count, noted_first;
};

/* From a second to a leap year, for which it notes 87,841 revisions. */
#define COMPACTOR_PERIOD_NS_MIN 1000000000ull
#define COMPACTOR_PERIOD_NS_MAX (8784ull * 3600 * 1000000000)

/* 0 or -ENOMEM. A zeroed one compacts nothing. */
int compactor_begin(struct compactor *c, const struct compactor_options *options, uint64_t now_ns,
		    uint64_t revision);
void compactor_end(struct compactor *c);

/*
 * Of a store at `revision` that is compacted up to `compacted`, on a member that leads or does not.
 * Up to where it is to be compacted now; 0: nowhere. Who does not ask for that is told again.
 */
uint64_t compactor_look(struct compactor *c, uint64_t now_ns, uint64_t revision, uint64_t compacted,
			bool leads);
/* It was asked for. */
void compactor_asked(struct compactor *c, uint64_t now_ns, uint64_t revision);
/* What was asked for, if the store is compacted so far by now: once. 0: it is not, or none was. */
uint64_t compactor_seen(struct compactor *c, uint64_t compacted);

#endif
