/*
 * Serve with everything around it played by hand: consensus, the peers, the node, the state machine
 * and a door. Nothing happens but what a test does; what serve asks for is noted.
 */
#ifndef TESTS_UNIT_SERVE_HAND_H
#define TESTS_UNIT_SERVE_HAND_H

#include "serve/internal.h"
#include "tests/unit/test.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

enum { HAND_MAX = 128, SELF = 1, PEER = 2, OTHER = 3, FIRST_ID = 5000 };

struct hand_word {
	uint64_t id; /* of the request, as its door named it */
	enum serve_status status;
	bool last;
	uint32_t size;
	uint8_t data[16]; /* the first bytes */
};

struct sm_cursor {
	uint32_t piece, pieces; /* the next one, and how many there are */
	uint32_t closed;
};

struct sm_snapshot {
	uint32_t piece, pieces;
	uint32_t closed;
};

struct hand {
	struct serve *serve;
	uint64_t now_ns;

	/* Consensus. */
	struct serve_port port;
	struct serve_leader leader;
	int propose_result, read_result;
	uint32_t proposals, reads;
	uint32_t proposed_size;
	const uint8_t *proposed_data;
	uint64_t context; /* of the newest read */

	/* Peers. */
	struct serve_peers peers;
	struct forward_part part[HAND_MAX];
	struct forward_reply reply[HAND_MAX];
	raft_id part_to, reply_to;
	uint32_t parts, replies;

	/* The node. */
	struct serve_host host;

	/* The state machine. */
	struct sm sm;
	uint64_t settled_session; /* whose commands have all been applied */
	uint64_t checked_from;    /* as the last command was checked */
	int admit_result, query_result, read_piece_result;
	bool admitted_full; /* as it was asked last */
	bool query_waits;   /* its first piece comes by the cursor */
	uint32_t queries;
	uint32_t answer_pieces; /* of each command's; up to 1: the verdict is all of it */
	struct sm_cursor cursor[HAND_MAX];
	uint32_t cursors;
	struct sm_snapshot backup[HAND_MAX];
	uint32_t backups, backup_pieces;
	uint32_t backup_size; /* of each piece, "b0...", "b1...", ... */
	int backup_result;    /* not 0: what its next piece says instead */

	/* A door. */
	struct door door;
	bool keeps; /* answers, for retransmission */
	bool full;  /* takes no piece */
	struct hand_word word[HAND_MAX];
	uint32_t words;
	uint64_t gone[HAND_MAX];
	uint32_t gones;
};

/* It follows PEER in term 7. */
void hand_open(struct hand *h);
/* Backups of this rate. */
void hand_open_rated(struct hand *h, uint64_t backup_rate);
void hand_close(struct hand *h);

/* A turn of the loop, `ns` later. */
void hand_turn(struct hand *h, uint64_t ns);

/* A request by the door. A command is session, sequence, and then zeros up to `size`. */
struct request *hand_command(struct hand *h, uint64_t id, uint64_t session, uint64_t sequence,
			     uint32_t size);
/* A query whose answer has so many pieces, "p0", "p1", ... */
struct request *hand_query(struct hand *h, uint64_t id, uint32_t pieces);
struct request *hand_query_of(struct hand *h, uint64_t source, uint64_t id, uint32_t pieces);
/* All of the state. */
struct request *hand_backup(struct hand *h, uint64_t source, uint64_t id);
/* The read that was asked for, in this turn or before. */
void hand_confirm(struct hand *h, raft_index index);
void hand_apply(struct hand *h, uint64_t session, uint64_t sequence);

/* The newest word; fails if there are not `count` of them. */
const struct hand_word *hand_heard(const struct hand *h, uint32_t count);
/* It is such a piece. */
void hand_expect(const struct hand *h, uint32_t count, uint64_t id, const char *text, bool last);

#endif
