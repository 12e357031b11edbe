/*
 * What one source may have of a node while others are about (N13, V37). It is asked for at the
 * door, before a place is looked for: what is over is told BUSY once in a turn, and then nothing,
 * for that is the cheapest end there is.
 *
 * Work is counted in units: a datagram that comes is one, a part of an answer another. A source may
 * be SHARE_BURST units ahead and is forgiven some in each turn. So it makes a turn longer by that
 * much and no more, however much it sends; and a node that has time to spare takes more turns.
 *
 *	SH1. Others are about if one of them was heard in the last SHARE_ABOUT_NS.
 *	SH2. Who has proven its address is charged for what it sends itself, and not for what others
 *	     send in its name: what is not proven has a table of its own.
 *	SH3. Sources are told apart by a hash that nobody outside can compute.
 */
#ifndef SERVE_SHARE_H
#define SERVE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SHARE_SOURCES = 1024,
	/*
	 * A unit takes about 4 us (a put that is proposed, replicated, applied and answered): a
	 * turn is longer by 16 us, and a put of another waits for three or four turns besides the
	 * disks: a tenth of 0.7 ms.
	 */
	SHARE_TURN = 4,
	/* As many as one burst brings: alone, one is held back only when a queue is drained. */
	SHARE_TURN_ALONE = 64,
	SHARE_BURST = 64, /* what 64 clients of one host begin at once, or two windows of parts */
	/*
	 * Requests that are open at a time. Those of one source are one batch of the log, which the
	 * others wait behind once: 64 of them cost 256 us at the most.
	 */
	SHARE_OPEN = 64,
	SHARE_OPEN_ALONE = 1024,
};

#define SHARE_ABOUT_NS 1000000000ull

enum share_verdict {
	SHARE_OK,
	SHARE_TELL, /* it is too much, and the first in this turn that is */
	SHARE_DROP, /* it is too much */
};

struct share {
	uint64_t turn; /* when it was last forgiven something */
	uint64_t told; /* in this turn */
	uint32_t debt;
	uint32_t open; /* requests */
};

struct shares {
	uint64_t salt;
	uint64_t now_ns, turn;
	uint32_t newest; /* who was heard last, and when; and when anybody else was */
	uint64_t newest_ns, others_ns;
	struct share proven[SHARE_SOURCES];
	struct share claimed[SHARE_SOURCES];
};

void shares_turn(struct shares *s, uint64_t now_ns);

/* One whose requests are not charged is about. */
void shares_note(struct shares *s, uint64_t source);
/* A datagram is here. */
enum share_verdict shares_hear(struct shares *s, uint64_t source, bool proven);
/* What a proven one asked for costs so much more. */
void shares_charge(struct shares *s, uint64_t source, uint32_t units);

/* A request more, or one less, is open; whether there may be one more. */
void shares_open(struct shares *s, uint64_t source);
void shares_close(struct shares *s, uint64_t source);
bool shares_may_open(const struct shares *s, uint64_t source);

#endif
