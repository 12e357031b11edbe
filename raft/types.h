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

/*
 * No count comes near these: a term, an index, a read token of a term. What says more is refused
 * wherever it comes in, a disk's word included, and there is room above for any sum of two.
 */
#define RAFT_TERM_MAX (UINT64_MAX / 4)
#define RAFT_INDEX_MAX (UINT64_MAX / 4)
#define RAFT_READ_SEQ_MAX (UINT64_MAX / 4)

/* Of the last entry that a snapshot covers: what follows, one by one, has room. */
#define RAFT_SNAPSHOT_INDEX_MAX (RAFT_INDEX_MAX / 2)

/* More elections than these, since a member was last heard, it has not stood in (raft/terms.c). */
#define RAFT_TERMS_UNHEARD_MAX (UINT64_C(1) << 32)
/* The same where no election can have led. */
#define RAFT_TERMS_NEAR_MAX (UINT64_C(1) << 20)

/* A member's id: it follows from the table with which its cluster was formed. 0: nobody. */
typedef uint64_t raft_id;

/* Of a member's directory, drawn at random when it is created; never 0. */
typedef uint64_t raft_identity;

/*
 * One start of a member: how often its directory was opened (high 32 bits), and a number drawn at
 * random for this start (low 32), so that a directory that was rolled back and started again shows.
 */
typedef uint64_t raft_start;

/* No directory was opened so often: what says more is out of order, and is refused. */
#define RAFT_START_COUNT_MAX (UINT32_MAX / 2)

static inline uint32_t raft_start_count(raft_start start)
{
	return (uint32_t)(start >> 32);
}

/* More starts than these, since a member was last heard, none has made. */
#define RAFT_STARTS_UNHEARD_MAX (1u << 20)

/*
 * Nor was a directory rolled back by more than these. Whoever is told so takes a start above that
 * one, and who knows only its former one must believe it (V28).
 */
#define RAFT_STARTS_TOLD_MAX (RAFT_STARTS_UNHEARD_MAX / 2)

/* False: it does not follow the one that is known (0: none is), or not at once (raft/starts.c). */
static inline bool raft_start_plausible(raft_start known, raft_start start)
{
	return raft_start_count(start) <= raft_start_count(known) + RAFT_STARTS_UNHEARD_MAX;
}

enum {
#ifdef RAFT_TEST_SMALL
	/* A search that copies and compares whole cores builds small ones (tests/scope/). */
	RAFT_VOTERS_MAX = 4,
	RAFT_MEMBERS_MAX = 4,
	RAFT_ENTRY_DATA_MAX = 8 + 48 * RAFT_MEMBERS_MAX, /* a member table */
	RAFT_COMMAND_SIZE_MAX = 2 * RAFT_ENTRY_DATA_MAX,
#else
	RAFT_VOTERS_MAX = 7,
	RAFT_MEMBERS_MAX = 16,

	/*
	 * Data bytes of one entry. An entry always fits in one frame at an MTU of 1500: of that go
	 * 20 (IPv4), 8 (UDP), 88 (envelope), 48 (AppendEntries) and 16 (entry header), which leaves
	 * 1320. The same whatever the MTU, so that a log can move between hosts.
	 */
	RAFT_ENTRY_DATA_MAX = 1200,

	/* A client's command: etcd's limit, 1.5 MiB, and room for the command's own header. */
	RAFT_COMMAND_SIZE_MAX = 1536 * 1024 + 4096,
#endif

	RAFT_PRIORITY_MAX = 100,

	/* An entry's cost in a frame beyond its data (dataplane/wire.h). */
	RAFT_ENTRY_OVERHEAD = 16,

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
	RAFT_ENTRY_TYPE_END,    /* raft/entry.c has what is known of each */
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

/* Durable before an answer leaves (paper, figure 2). vote 0: none in this term. */
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
	RAFT_MESSAGE_START = 7, /* what do you know of me from before this start? (raft/start.c) */
	RAFT_MESSAGE_START_REPLY = 8,
	RAFT_MESSAGE_PREVOTE = 9, /* would you vote for me? (thesis 9.6) */
	RAFT_MESSAGE_PREVOTE_REPLY = 10,
	RAFT_MESSAGE_TIMEOUT_NOW = 11, /* the leader hands over (thesis 3.10) */
	RAFT_MESSAGE_SNAPSHOT = 12,    /* the leader offers one: in place of InstallSnapshot */
};

/* Of PREVOTE too: its term is the one in which the sender would stand, and is nobody's yet. */
struct raft_vote {
	raft_index last_index;
	raft_term last_term;
	bool transfer; /* VOTE: the leader before asked for it, so whoever hears that one votes */
};

/*
 * To PREVOTE: granted, in the term that was asked about; refused, in the term of who refuses.
 */
struct raft_vote_reply {
	bool granted;
};

struct raft_append {
	raft_index prev_index;
	raft_term prev_term;
	raft_index commit;
	uint64_t read_seq; /* the leader's newest read token in this term; echoed by the answer */
	bool urgent;       /* a read waits for the answer; else the token is a heartbeat's */
	const struct raft_entry *entries; /* contiguous from prev_index + 1 */
	uint32_t entry_count;
};

struct raft_append_reply {
	bool accepted;
	/*
	 * The follower lost what it had acknowledged (D9c): this steers what is sent, and no more.
	 */
	bool lost;
	bool unconfirmed; /* the others have not told yet what they know of this start */
	bool stalled;     /* its disk hangs (raft_disk_stalled): it helps to commit nothing */
	bool stateless;   /* nothing is applied there (raft_apply_hold): it takes a snapshot */
	bool unfit;       /* it is not to lead (raft_unfit) */
	uint8_t priority; /* the follower's, who leads rather than others; 0: it could not now */
	/* So long since the message that this answers it elects no other leader; 0: no promise. */
	uint32_t promise_us;
	/*
	 * Accepted: the log is known to match the leader's, durably, up to here. Refused: the
	 * follower's hint, the highest index at which the logs may still agree.
	 */
	raft_index match;
	/* Refused: the term of the follower's entry at the hint, 0 if unknown. */
	raft_term match_term;
	raft_index prev_index; /* of the message that this answers */
	uint64_t read_seq;
};

/*
 * The state as of a committed entry (paper, section 7). It is what follows from the log up to
 * there, so all members have the same bytes of it (D17).
 */
struct raft_snapshot {
	raft_index index;    /* of the last entry that it covers; 0: there is none */
	raft_term term;      /* that entry's */
	uint64_t size, hash; /* of its bytes; the core passes them on */
};

struct raft_read_request {
	uint64_t context; /* chosen by the asker, unique across its restarts */
};

struct raft_read_reply {
	uint64_t context;
	raft_index index; /* 0: refused, ask again */
};

struct raft_timeout_now {
	uint64_t read_seq; /* the leader's newest: an older one than is known comes late */
};

/* One member's view of another: its newest start, and the furthest position it acknowledged. */
struct raft_witness {
	raft_id id;
	raft_start start; /* 0: none seen */
	raft_term term;   /* in which it acknowledged `index` to this member; 0: never */
	raft_index index;
	raft_term entry_term; /* of the entry there; 0: not known, it was committed long before */
};

struct raft_start_reply {
	raft_start asked; /* the start that this answers */
	struct raft_witness known;
};

struct raft_message {
	enum raft_message_type type;
	raft_id from;
	raft_id to;
	raft_identity identity; /* the sender's */
	raft_start start;       /* the sender's */
	bool elsewhere;         /* received: not from where the table in force has the sender */
	raft_term term;
	union {
		struct raft_vote vote;
		struct raft_vote_reply vote_reply;
		struct raft_append append;
		struct raft_append_reply append_reply;
		struct raft_read_request read;
		struct raft_read_reply read_reply;
		struct raft_start_reply start_reply;
		struct raft_timeout_now timeout_now;
		struct raft_snapshot snapshot;
	};
};

#endif
