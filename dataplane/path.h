/*
 * How large a packet passes on the way to one peer, found out by asking (N17; the habit of RFC
 * 8899): a switch with a smaller MTU drops large frames without a word and lets small ones pass.
 * Pure but for the time it is given: it says what to send, and is told what was answered.
 *
 * Each round a small probe leaves, one of the size in use, and one of the largest size; whoever
 * gets one answers with a small packet that names its size.
 *
 *	1. Only a round whose small probe was answered says anything: a peer that is away is no
 *	   hole.
 *	2. The size in use is given up when several such rounds in a row went by without an answer
 *	   to it: a lossy network is no hole either. Then it is searched for between the small one
 *	   and the one that failed.
 *	3. An answer to the largest size ends all that at once; and now and then what lies between
 *	   is searched again.
 *	4. Rounds follow each other quickly while there is a doubt or a hole, and while large
 *	   packets leave, which would be the first to be lost; the first of those begins a round at
 *	   once. A way that is whole and carries nothing large is asked seldom.
 */
#ifndef DATAPLANE_PATH_H
#define DATAPLANE_PATH_H

#include "dataplane/wire.h"

enum {
	/* Bytes of an IP packet that leaves always. Where that does not pass, nothing does. */
	PATH_SIZE_MIN = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_SMALL_SIZE,
	/* Of an APPEND; and with an entry as large as entries get. */
	PATH_SIZE_APPEND = WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_APPEND_SIZE,
	PATH_SIZE_ENTRY = PATH_SIZE_APPEND + WIRE_ENTRY_HEADER_SIZE + RAFT_ENTRY_DATA_MAX,
	/* Above the round trip within a data center by far. */
	PATH_ROUND_NS = 100 * 1000 * 1000,
	/* From round to round at rest: beside a heartbeat each 20 ms it is nothing. */
	PATH_ROUNDS_REST = 50,
	PATH_LOST_ROUNDS = 5,
	PATH_AGAIN_ROUNDS = 100, /* ten seconds: then what lies above is searched */
	/* A search divides what is left by seven: from 9,000 bytes five rounds. */
	PATH_PROBES_MAX = 8,
};

struct path {
	uint32_t size_max; /* the port's MTU */
	uint32_t size;     /* in use: it passes, as far as is known */
	bool searching;
	uint32_t low, high;   /* of the search: passes, does not */
	uint32_t lost, again; /* rounds */

	uint64_t round;    /* the newest; 0: none yet */
	uint64_t begun_ns; /* when it began */
	uint64_t large;    /* as path_turn was told then */
	uint32_t probe_count;
	uint32_t probe[PATH_PROBES_MAX]; /* sizes; the first is the small one */
	uint32_t answered;               /* a bit each */
};

void path_init(struct path *p, uint32_t size_max);

/*
 * `large`: a count of the large packets that have left on this way, probes left out. True: a round
 * has ended, and the next one's probes, if it begins now, are to be sent.
 */
bool path_turn(struct path *p, uint64_t now_ns, uint64_t large);

void path_answer(struct path *p, uint64_t round, uint32_t size);

/* It is known that not all sizes pass, and which do. */
static inline bool path_narrow(const struct path *p)
{
	return p->size < p->size_max && !p->searching;
}

#endif
