/*
 * What one source may have of a node while others are about (N13, V37): of each turn, and of the
 * places for requests. Nobody is refused for being many: what is over waits, and a node that has
 * time to spare takes more turns.
 *
 * Work is counted in units of about a microsecond. What a packet asks for that has no request to
 * wait in (a part, a pull, a greeting) passes until its source is SHARE_AHEAD units ahead; a
 * request that is whole begins while its source owes less than the share of a turn, and waits for
 * the next one otherwise. So a source makes a turn longer by that much and no more,
 * however much it sends.
 *
 *	SH1. Each source is forgiven SHARE_TURN units in each turn; or SHARE_TURN_ALONE if nobody
 *	     else has begun anything in the last SHARE_ABOUT turns.
 *	SH2. Who has proven its address is charged for what it sends itself, and not for what others
 *	     send in its name: what is not proven has a table of its own.
 *	SH3. Sources are told apart by a hash that nobody outside can compute.
 *	SH4. A source has at most as many places as it leaves free, and as many buffers of a size;
 *	     and answers of several pieces, but for one that is left to who has no share.
 */
#ifndef SERVE_SHARE_H
#define SERVE_SHARE_H

#include "serve/buffers.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SHARE_SOURCES = 1024,
	/* 16 puts: others wait three or four turns besides the disks, a third of 0.7 ms. */
	SHARE_TURN = 64,
	/* 64 puts: what 64 clients of one host, or a session, begin at once is one write. */
	SHARE_TURN_ALONE = 256,
	SHARE_ABOUT = 64,  /* turns, of 10 to 100 us each */
	SHARE_AHEAD = 256, /* eight windows of parts */
	/* All sources together: a quarter of bare-metal's election timeout. */
	SHARE_TURN_ALL = 512,

	/* A command or a query, from its beginning to its answer; the node's own account. */
	SHARE_REQUEST = 4,
	SHARE_STATUS = 50,
	/* So many buffers are looked at in a unit: each is a miss of the cache or two. */
	SHARE_LOOKS = 16,

	/* What is taken: a buffer of a class, or the place of an answer of several pieces. */
	SHARE_STREAM = BUFFERS_CLASSES,
	SHARE_KINDS,
};

struct share_account {
	uint64_t turn; /* when it was last forgiven something */
	uint32_t debt;
};

struct share {
	struct share_account begun, packets;
	uint64_t told; /* in this turn */
	uint32_t open; /* requests */
	uint16_t taken[SHARE_KINDS];
};

struct shares {
	uint64_t salt;
	uint64_t turn;
	uint32_t begun;                    /* in this turn, by all */
	uint32_t newest;                   /* who began something last, ... */
	uint64_t newest_turn, others_turn; /* ... when, and when anybody else did; 0: never */
	struct share proven[SHARE_SOURCES];
	struct share claimed[SHARE_SOURCES];
};

void shares_turn(struct shares *s);

/* A packet that nothing is kept for is here; false: it is too much. */
bool shares_hear(struct shares *s, uint64_t source, bool proven);
/* ... and what it asked for costs so much more. */
void shares_charge(struct shares *s, uint64_t source, uint32_t units);

/* Whether a request may begin in this turn; that one does. */
bool shares_may_begin(struct shares *s, uint64_t source);
void shares_begin(struct shares *s, uint64_t source, uint32_t units);

/* A request more, or one less, is open; whether there may be one more where `free` are. */
void shares_open(struct shares *s, uint64_t source);
void shares_close(struct shares *s, uint64_t source);
bool shares_may_open(const struct shares *s, uint64_t source, uint32_t free);

/* A buffer of a class or a stream more, or one less; how many it has. */
void shares_take(struct shares *s, uint64_t source, uint32_t kind);
void shares_give(struct shares *s, uint64_t source, uint32_t kind);
uint32_t shares_taken(const struct shares *s, uint64_t source, uint32_t kind);

/* What was too much is told once in a turn, and then nothing: that is the cheapest end there is. */
bool shares_tell(struct shares *s, uint64_t source);

#endif
