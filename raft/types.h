/*
 * The consensus core's public types: what the log, the wire and the node share with it.
 *
 * Everything here is plain data. Indexes and terms start at 1; 0 means "none".
 */
#ifndef RAFT_TYPES_H
#define RAFT_TYPES_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef NDEBUG
#error "quoin keeps its assertions in production builds: NDEBUG must not be defined"
#endif

typedef uint64_t raft_index;
typedef uint64_t raft_term;

/* A member's id: drawn from its peer address and the cluster's token, as in etcd. 0: nobody. */
typedef uint64_t raft_id;

/* Drawn at random when a member's directory is created; 0 in the member table: not yet known. */
typedef uint64_t raft_identity;

enum {
	RAFT_VOTERS_MAX = 7,
	RAFT_MEMBERS_MAX = 16,

	/*
	 * Data bytes of one entry. An entry always fits in one frame at an MTU of 1500, which has
	 * 1320 for it: 20 go to IPv4, 8 to UDP, 88 to the envelope, 48 to AppendEntries, 16 to the
	 * entry's header. The same whatever the MTU, so that a log can move between hosts.
	 */
	RAFT_ENTRY_DATA_MAX = 1200,

	/* What an entry costs in a frame beyond its data (dataplane/wire.h). */
	RAFT_ENTRY_OVERHEAD = 16,

	/* A client's command: etcd's limit, 1.5 MiB, and room for the command's own header. */
	RAFT_COMMAND_SIZE_MAX = 1536 * 1024 + 4096,

	/* 1,576,960 / 1200, rounded up. */
	RAFT_CHAIN_MAX = (RAFT_COMMAND_SIZE_MAX + RAFT_ENTRY_DATA_MAX - 1) / RAFT_ENTRY_DATA_MAX,

	/*
	 * Entries kept in memory: six chains of the largest command. The uncommitted suffix of any
	 * log is never longer than this, so after a restart every entry below the last RAFT_WINDOW
	 * is known to be committed. A later release may raise it and must never lower it.
	 */
	RAFT_WINDOW = 8192,
};

static_assert(RAFT_CHAIN_MAX * 6 <= RAFT_WINDOW, "the window holds several chains");

enum raft_entry_type {
	RAFT_ENTRY_COMMAND = 1, /* opaque bytes for the state machine */
	RAFT_ENTRY_NOOP = 2,    /* first of a term (thesis 6.4): no data */
	RAFT_ENTRY_MEMBERS = 3, /* the member table (raft/members.h) */
};

/* A command larger than one entry is a contiguous chain; a small one is FIRST | LAST. */
enum raft_entry_flag {
	RAFT_ENTRY_FIRST = 1,
	RAFT_ENTRY_LAST = 2,
};

struct raft_entry {
	raft_index index;
	raft_term term;
	const uint8_t *data; /* size bytes; owned by whoever handed the entry out */
	uint16_t size;
	uint8_t type;  /* enum raft_entry_type */
	uint8_t flags; /* enum raft_entry_flag; both set on NOOP and MEMBERS */
};

/* What must be durable before an answer leaves (paper, figure 2). vote 0: none in this term. */
struct raft_hard_state {
	raft_term term;
	raft_id vote;
};

enum raft_message_type {
	RAFT_MESSAGE_VOTE = 1,         /* RequestVote */
	RAFT_MESSAGE_VOTE_REPLY = 2,   /* its answer */
	RAFT_MESSAGE_APPEND = 3,       /* AppendEntries; empty: a heartbeat or a probe */
	RAFT_MESSAGE_APPEND_REPLY = 4, /* its answer: cumulative */
	RAFT_MESSAGE_READ = 5, /* a follower asks the leader for a read index (thesis 6.4) */
	RAFT_MESSAGE_READ_REPLY = 6,
};

struct raft_vote {
	raft_index last_index;
	raft_term last_term;
};

struct raft_vote_reply {
	bool granted;
};

struct raft_append {
	raft_index prev_index;
	raft_term prev_term;
	raft_index commit;
	uint64_t read_seq; /* the leader's newest read token in this term; echoed by the answer */
	const struct raft_entry *entries; /* contiguous from prev_index + 1 */
	uint32_t entry_count;
};

struct raft_append_reply {
	bool accepted;
	/*
	 * Accepted: the log is known to match the leader's, durably, up to here. Refused: the
	 * follower's hint, the highest index at which the logs may still agree.
	 */
	raft_index match;
	/* refused: the term of the follower's entry at the hint, 0 if unknown */
	raft_term match_term;
	raft_index prev_index; /* the prev_index of the message that this answers */
	uint64_t read_seq;
};

struct raft_read_request {
	uint64_t context; /* chosen by the asker, unique across its restarts */
};

struct raft_read_reply {
	uint64_t context;
	raft_index index; /* 0: refused, ask again */
};

struct raft_message {
	enum raft_message_type type;
	raft_id from;
	raft_id to;
	raft_identity identity; /* the sender's */
	raft_term term;
	union {
		struct raft_vote vote;
		struct raft_vote_reply vote_reply;
		struct raft_append append;
		struct raft_append_reply append_reply;
		struct raft_read_request read;
		struct raft_read_reply read_reply;
	};
};

#endif
