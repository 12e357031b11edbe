/*
 * The wire format above UDP, version 1. Every field of every message, with its range, is in
 * dataplane/wire_fields.h; docs/wire.md tells the same with the reasons and the sequences. All
 * integers are little-endian. Pure: no I/O, no allocation; used by nodes and clients alike.
 *
 * A packet is the envelope and a body. A request or an answer is a message of up to
 * WIRE_MESSAGE_SIZE_MAX bytes in numbered parts: every one but the last holds WIRE_PART_SIZE bytes.
 */
#ifndef DATAPLANE_WIRE_H
#define DATAPLANE_WIRE_H

#include "base/parts.h"
#include "base/status.h"
#include "raft/joined.h"
#include "raft/types.h"

#include <stddef.h>

/* In every version's envelope: its own, the lowest that it can be read as, the type. */
enum { WIRE_AT_VERSION = 4, WIRE_AT_READABLE = 5, WIRE_AT_TYPE = 6 };

/* "QUON" */
#define WIRE_MAGIC UINT32_C(0x4e4f5551)

enum {
	WIRE_VERSION = 1,
	WIRE_PORT_CLIENT = 2379,
	WIRE_PORT_PEER = 2380,
	WIRE_ENVELOPE_SIZE = 88,
	WIRE_APPEND_SIZE = 48,
	WIRE_ENTRY_HEADER_SIZE = RAFT_ENTRY_OVERHEAD,
	WIRE_PART_HEADER_SIZE = 40,
	WIRE_PART_REPLY_SIZE = 32,
	WIRE_HELLO_SIZE = 64,
	WIRE_SETTINGS_SIZE = 80,
	WIRE_SMALL_SIZE = WIRE_SETTINGS_SIZE, /* what leaves always: an empty APPEND is smaller */
	WIRE_PATH_REPLY_SIZE = 16,
	WIRE_FORMATION_SIZE_MAX = 40 + 16 * RAFT_MEMBERS_MAX,
	WIRE_MEMBERS_SIZE_MAX = 40 + RAFT_MEMBERS_SIZE_MAX,
	WIRE_WHO_SIZE = WIRE_MEMBERS_SIZE_MAX, /* so that its answer is no larger (N12) */
	WIRE_PART_SIZE = PARTS_PART_SIZE,
	WIRE_IP_UDP_SIZE = 28,
	/* A request or an answer as a whole: the largest command, or the largest answer. */
	WIRE_MESSAGE_SIZE_MAX = PARTS_MESSAGE_SIZE_MAX,
	WIRE_PARTS_MAX = PARTS_COUNT_MAX,
	/* The largest UDP payload that fits an MTU of 1500. */
	WIRE_PAYLOAD_1500 = 1500 - WIRE_IP_UDP_SIZE,
	WIRE_CHUNK_HEADER_SIZE = 40,
	/* Of one SNAPSHOT_PULL: a thousand frames, as many as a receiver's ring holds. */
	WIRE_SNAPSHOT_PULL_MAX = 1 << 20,
	/* The greatest of enum wal_durability, which is opaque here. */
	WIRE_DURABILITY_MAX = 2,
	WIRE_FULL_MAX = 2,
};

/* A sum of two is no overflow. */
#define WIRE_SNAPSHOT_SIZE_MAX (UINT64_MAX / 4)

/* An hour: 36 times the longest election timeout that can be configured. */
#define WIRE_TIMER_US_MAX UINT64_C(3600000000)
/* A day: longer than anybody waits for an answer, or is told to. */
#define WIRE_WAIT_US_MAX UINT64_C(86400000000)

static_assert(WIRE_ENVELOPE_SIZE + WIRE_APPEND_SIZE + WIRE_ENTRY_HEADER_SIZE +
			      RAFT_ENTRY_DATA_MAX <=
		      WIRE_PAYLOAD_1500,
	      "the largest entry fits in one frame");
static_assert(WIRE_ENVELOPE_SIZE + WIRE_PART_HEADER_SIZE + WIRE_PART_SIZE <= WIRE_PAYLOAD_1500,
	      "a part fits in one frame");
static_assert(WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_PART_HEADER_SIZE + WIRE_PART_SIZE ==
		      1356,
	      "docs/wire.md, \"What fits in a frame\", names the least ways");
static_assert(WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_APPEND_SIZE + WIRE_ENTRY_HEADER_SIZE +
			      RAFT_ENTRY_DATA_MAX ==
		      1380,
	      "as above");
static_assert((int)WIRE_APPEND_SIZE <= (int)WIRE_SMALL_SIZE, "as stated");
static_assert(WIRE_PARTS_MAX < 65536, "part numbers are 16 bits");

enum wire_type {
	WIRE_VOTE = 1,
	WIRE_VOTE_REPLY = 2,
	WIRE_APPEND = 3,
	WIRE_APPEND_REPLY = 4,
	WIRE_READ = 5,
	WIRE_READ_REPLY = 6,
	WIRE_PROPOSE = 7,
	WIRE_PROPOSE_REPLY = 8,
	WIRE_SETTINGS = 9,
	WIRE_START = 10,
	WIRE_START_REPLY = 11,
	WIRE_FORMATION = 12,
	WIRE_PATH = 13,
	WIRE_PATH_REPLY = 14,
	WIRE_PREVOTE = 15,
	WIRE_PREVOTE_REPLY = 16,
	WIRE_TIMEOUT_NOW = 17,
	WIRE_MEMBERS = 18,
	WIRE_WHO = 19,
	WIRE_SNAPSHOT = 20,
	WIRE_SNAPSHOT_PULL = 21,
	WIRE_SNAPSHOT_CHUNK = 22,

	WIRE_HELLO = 32,
	WIRE_WELCOME = 33,
	WIRE_REQUEST = 34,
	WIRE_REQUEST_REPLY = 35,
	WIRE_ANSWER = 36,
	WIRE_PULL = 37,
};

/* The kinds of a client's request. */
enum wire_request {
	WIRE_COMMAND = 1, /* a state machine command: through the log */
	WIRE_QUERY = 2,   /* a state machine query: linearizable */
	WIRE_STATUS = 3,  /* the node's own status: lines of "key value" */
	WIRE_FAULT = 4,   /* set fault rules: only by the admin socket of a node that allows it */
	WIRE_QUERY_LOCAL = 5, /* a query from this member's applied state: etcd's "serializable" */
	WIRE_RESET = 6,  /* forget a formation that cannot be completed: only by the admin socket */
	WIRE_ORDER = 7,  /* who leads, who is a member: lines of words, for the leader */
	WIRE_BACKUP = 8, /* all of the state, for a cluster that is yet to be: linearizable */
	WIRE_REQUEST_END,
};

/* The catalogue's rows (base/status.h), by the wire's name. */
/* clang-format off */
#define WIRE_STATUS_ENUM(name, number, ...) WIRE_##name = (number),
enum wire_status { STATUSES(WIRE_STATUS_ENUM) };
#undef WIRE_STATUS_ENUM
/* clang-format on */

struct wire_envelope {
	uint8_t type;
	uint16_t body_size;
	uint64_t cluster_id;
	uint64_t source_id;
	uint64_t source_identity;
	raft_start source_start;
	uint64_t destination_identity;
};

enum wire_verdict {
	WIRE_VERDICT_GOOD,
	WIRE_VERDICT_SHORT, /* fewer bytes than the envelope */
	WIRE_VERDICT_MAGIC,
	WIRE_VERDICT_VERSION, /* cannot be read as any version that we know */
	WIRE_VERDICT_SIZE,    /* body size does not match the bytes that are there */
	WIRE_VERDICT_TYPE,
	WIRE_VERDICT_RANGE, /* a field is out of its range: what is reserved is 0 */
};

/* Writes WIRE_ENVELOPE_SIZE bytes. */
void wire_envelope_encode(const struct wire_envelope *envelope, uint8_t *out);
/* size: of the UDP payload. */
enum wire_verdict wire_envelope_decode(struct wire_envelope *out, const uint8_t *data, size_t size);

/*
 * How many entries of at most `size_max` body bytes each APPEND may carry is the core's affair
 * (raft_options.append_size_max); this is the arithmetic for an MTU.
 */
uint32_t wire_append_size_max(uint16_t mtu);

/*
 * A raft message's body. Returns its size, which is at most out_size_max, or 0 if it does not fit.
 */
size_t wire_raft_encode(const struct raft_message *message, uint8_t *out, size_t out_size_max,
			uint8_t *type);

/* Entries of one APPEND at most: what fits in a jumbo frame of 9216 bytes with empty entries. */
enum { WIRE_ENTRIES_MAX = 9216 / WIRE_ENTRY_HEADER_SIZE };

/*
 * Decodes a peer body into *out: message->append.entries points at `entries`, whose data points
 * into `data`. from, to and identity are not set here. 0 or -EINVAL.
 */
int wire_raft_decode(struct raft_message *out, struct raft_entry entries[WIRE_ENTRIES_MAX],
		     uint8_t type, const uint8_t *data, size_t size);

struct formation_message;

/* A FORMATION body; the sender's identity is in the envelope. At most WIRE_FORMATION_SIZE_MAX. */
size_t wire_formation_encode(const struct formation_message *message, uint8_t *out);
/* 0 or -EINVAL. */
int wire_formation_decode(struct formation_message *out, const uint8_t *data, size_t size);

/* A member tells the members, as it knows them to be committed. */
struct wire_members {
	raft_identity to;          /* the directory that is told; never 0 */
	uint64_t question;         /* of the WHO that this answers; 0: of none */
	struct raft_joined joined; /* id: what the table calls that directory; 0: it is no member */
};

/* At most WIRE_MEMBERS_SIZE_MAX. */
size_t wire_members_encode(const struct wire_members *members, uint8_t *out);
/* 0 or -EINVAL. */
int wire_members_decode(struct wire_members *out, const uint8_t *data, size_t size);

/* Who are the members? question: a number that only the asker knows; never 0. WIRE_WHO_SIZE. */
size_t wire_who_encode(uint64_t question, uint8_t *out);
/* 0 or -EINVAL. */
int wire_who_decode(uint64_t *question, const uint8_t *data, size_t size);

/* A range of a snapshot's file, which is named as it was offered. */
struct wire_snapshot_range {
	raft_index index;
	raft_term term;
	uint64_t hash;
	uint64_t offset;
	uint32_t
		length; /* PULL: 1 to WIRE_SNAPSHOT_PULL_MAX; CHUNK: 0: it is not to be had there */
};

size_t wire_snapshot_pull_encode(const struct wire_snapshot_range *pull, uint8_t *out);
/* 0 or -EINVAL. */
int wire_snapshot_pull_decode(struct wire_snapshot_range *out, const uint8_t *data, size_t size);

/* Bytes of a CHUNK that fit in a frame of such a way; 0: none do. */
uint32_t wire_snapshot_chunk_size_max(uint16_t mtu);
/* The range's length of data follows. */
size_t wire_snapshot_chunk_encode(const struct wire_snapshot_range *of, const uint8_t *data,
				  uint8_t *out);
/* *data is within `body`. 0 or -EINVAL. */
int wire_snapshot_chunk_decode(struct wire_snapshot_range *of, const uint8_t **data,
			       const uint8_t *body, size_t size);

struct wire_part {
	uint64_t cookie;
	uint64_t request_id;
	uint32_t total_size;
	uint16_t part;
	uint16_t wanted;
	uint8_t kind;
	uint8_t status;
	bool more;           /* ANSWER: pieces follow this one */
	bool repeated;       /* REQUEST: it was sent before, and what became of that is unknown */
	uint32_t piece;      /* ANSWER and PULL: its number */
	uint64_t timeout_us; /* REQUEST */
	uint64_t answer_id;  /* ANSWER and PULL */
	const uint8_t *data; /* NULL in a PULL */
	uint32_t size;
};

/* A decoded part joins its message: parts_add. */
static inline bool wire_part_add(struct parts *message, const struct wire_part *part)
{
	return parts_add(message,
			 &(struct part){part->total_size, part->part, part->data, part->size});
}

/* Header and data of a part that `type` carries. */
size_t wire_part_encode(const struct wire_part *part, uint8_t type, uint8_t *out);
/* Checks that part, total and size agree. 0 or -EINVAL. */
int wire_part_decode(struct wire_part *out, uint8_t type, const uint8_t *data, size_t size);

struct wire_part_reply {
	uint64_t cookie;
	uint64_t request_id;
	uint16_t next_part;
	uint8_t status;
	uint64_t retry_after_us;
};

/* type: PROPOSE_REPLY or REQUEST_REPLY. */
size_t wire_part_reply_encode(const struct wire_part_reply *reply, uint8_t type, uint8_t *out);
int wire_part_reply_decode(struct wire_part_reply *out, uint8_t type, const uint8_t *data,
			   size_t size);

struct wire_settings {
	uint16_t client_port; /* the sender's; 0: not told */
	uint32_t heard_ms;    /* how long ago it heard the receiver; UINT32_MAX: not yet */
	uint64_t heartbeat_us;
	uint64_t election_us_min, election_us_max;
	uint8_t durability; /* opaque here: enum wal_durability */
	/* 1: the sender cannot make its log's next segment; 2: nor take what would free some. */
	uint8_t full;
	/* The newest one that is whole at the sender; index and term 0: it has none to give. */
	raft_index snapshot_index;
	raft_term snapshot_term;
	uint64_t snapshot_hash;
	bool snapshot_own; /* written from its own state: it vouches for that */
	bool diverged;     /* the sender's state is not the majority's */
	/* It has no state, and the leader's newest snapshot is too old for its log. */
	bool snapshot_lacks;
	/* The sender's clock, to be sent back at once as the answer: its round trip. 0: none. */
	uint64_t question, answer;
};

size_t wire_settings_encode(const struct wire_settings *settings, uint8_t *out);
int wire_settings_decode(struct wire_settings *out, const uint8_t *data, size_t size);

/* Both ways; size: of the IP packet that is tried, or that arrived. */
struct wire_path {
	uint64_t round; /* never 0 */
	uint32_t size;
};

/* PATH: path->size is that of a packet with a body of WIRE_PATH_REPLY_SIZE at least. */
size_t wire_path_encode(const struct wire_path *path, uint8_t type, uint8_t *out);
/* 0 or -EINVAL. */
int wire_path_decode(struct wire_path *out, uint8_t type, const uint8_t *data, size_t size);

struct wire_hello {
	uint64_t nonce;
	uint64_t cookie; /* WELCOME only, and the rest */
	uint64_t cluster_id;
	uint64_t member_id;
	uint64_t commit_index; /* 0: not known now, so no session may begin with it */
};

size_t wire_hello_encode(const struct wire_hello *hello, uint8_t type, uint8_t *out);
int wire_hello_decode(struct wire_hello *out, uint8_t type, const uint8_t *data, size_t size);

#endif
