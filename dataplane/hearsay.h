/*
 * What packets say that nobody vouches for: they may be forged, or recorded and sent again. One of
 * them is no news (V35): it is refused and counted. It is told of when several came over a while,
 * and no more when none has come for as long.
 *
 *	ALONE   in that while nothing came that contradicts them
 *	BESIDE  what contradicts them came in turn with them
 */
#ifndef DATAPLANE_HEARSAY_H
#define DATAPLANE_HEARSAY_H

#include <stdint.h>

/* Three of what members say once a second. */
enum { HEARSAY_COUNT = 3 };
static const uint64_t HEARSAY_NS = 3ull * 1000 * 1000 * 1000;

enum hearsay_verdict { HEARSAY_NOTHING, HEARSAY_ALONE, HEARSAY_BESIDE };

/* All of one run: no two of it are further apart than HEARSAY_NS. */
struct hearsay {
	uint64_t count, first_ns, last_ns;
	uint64_t alone, alone_ns; /* since it was contradicted last, and the first of them */
	uint64_t turns;           /* how often one came first, or after it was contradicted */
};

void hearsay_note(struct hearsay *h, uint64_t now_ns);
/* What came proves that it is not so, or not all. */
void hearsay_deny(struct hearsay *h);
enum hearsay_verdict hearsay_verdict(const struct hearsay *h, uint64_t now_ns);

#endif
