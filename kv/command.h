/*
 * Commands, queries and answers of the key-value store: their bytes, in the log and on the wire
 * alike. Little-endian. Pure: clients use this too.
 *
 * A request (command or query): 40 bytes, and the body of its operation.
 *
 *	offset size field
 *	     0    1 version (2)
 *	     1    1 operation (enum kv_operation)
 *	     2    2 flags (enum kv_flag)
 *	     4    4 zero
 *	     8    8 session: chosen at random by the client; 0 is not a session
 *	    16    8 session_base: a committed raft index shown to the client before its first use
 *	    24    8 sequence: from 1
 *	    32    8 floor: every sequence below it was answered, or given up; at most the
 *	            sequence, and less than KV_SESSION_WINDOW below it; 0: the sequence, of who
 *	            has one command outstanding at a time
 *
 * The body of a put, of a delete, and of a range:
 *
 *	     0    8 lease: 0: none
 *	     8    2 key size
 *	    10    2 zero
 *	    12    4 value size
 *	    16      key, value
 *
 *	     0    2 key size
 *	     2    2 range_end size
 *	     4    4 zero
 *	     8      key, range_end
 *
 *	     0    8 revision: 0: the newest, and so is what is below 0
 *	     8    8 limit: in keys; 0, or below it: none
 *	    16    8 min_mod_revision: 0: any, as of the three that follow
 *	    24    8 max_mod_revision
 *	    32    8 min_create_revision
 *	    40    8 max_create_revision
 *	    48    1 order (enum kv_order)
 *	    49    1 target of the order (enum kv_target)
 *	    50    2 key size
 *	    52    2 range_end size
 *	    54    2 zero
 *	    56      key, range_end
 *
 * That of a transaction is in kv/txn_codec.h. Of a compaction and of a hash it is the revision (8).
 * Revisions, limits and leases are etcd's: of two's complement.
 *
 * A publication says for one member what it is called and where it hears clients, and a mark that a
 * snapshot is taken there. They belong to the members, not to the keys: they have no
 * flags, session, base, sequence or floor, and move no revision. Nor has a compaction that the
 * leader asks for by itself.
 *
 *	     0    8 the member's id
 *	     8    1 version (1)
 *	     9    1 size of the name, 1 to 63
 *	    10    1 addresses of clients, 0 to 4
 *	    11    5 zero
 *	    16      the name; then for each address a byte, its size of 1 to 63, and the address
 *
 *	     0    4 version of the snapshot's format
 *	     4    4 version of what the node and the log put around it
 *	     8    8 index of the last snapshot, as the majority has reported it; 0: none
 *	    16    8 its hash
 *
 * A name is of letters, digits, '.', '_' and '-', and begins with one of the first two; an address
 * of these and ':', '/', '[' and ']'. So both may stand in a line of a status, of a log, and on a
 * terminal, whoever said them.
 *
 * An answer, 40 bytes and then `item_count` items, or, of a transaction, responses; of a hash that
 * is OK 16 bytes:
 *
 *	     0    1 version (2)
 *	     1    1 status (enum kv_status)
 *	     2    1 flags (1: more keys follow the last one; 2: the comparisons held)
 *	     3    1 operation; 0: of a request that could not be read
 *	     4    4 zero
 *	     8    8 revision of the store
 *	    16    8 count: keys in the range, or keys deleted
 *	    24    4 item_count
 *	    28    4 zero
 *	    32    8 raft index at which it was applied (0 for a query)
 *
 * An item, 40 bytes and then key, value:
 *
 *	     0    8 create_revision
 *	     8    8 mod_revision
 *	    16    8 version
 *	    24    8 lease
 *	    32    2 key size
 *	    34    2 zero
 *	    36    4 value size
 *
 * A response, 24 bytes and then its own items, or responses:
 *
 *	     0    1 operation
 *	     1    1 flags, as above
 *	     2    2 zero
 *	     4    4 item_count
 *	     8    8 revision
 *	    16    8 count
 *
 * A hash, as etcd computes it:
 *
 *	     0    4 hash
 *	     4    4 zero
 *	     8    8 compact_revision; -1: there was no compaction
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kv/sm.h"

enum {
	KV_REQUEST_HEADER_SIZE = 40,
	KV_PUT_SIZE = 16, /* bodies, but for what is of any size */
	KV_DELETE_SIZE = 8,
	KV_RANGE_SIZE = 56,
	KV_REVISION_SIZE = 8,
	KV_PUBLICATION_SIZE = 8,
	KV_MARK_SIZE = 24,
	/* Of a request beside what is of any size. */
	KV_REQUEST_FIXED_MAX = KV_REQUEST_HEADER_SIZE + KV_RANGE_SIZE,
	KV_ANSWER_HEADER_SIZE = 40,
	KV_ITEM_HEADER_SIZE = 40,
	KV_RESPONSE_HEADER_SIZE = 24,
	KV_HASH_SIZE = 16,
	KV_KEY_SIZE_MAX = 65535,
	KV_SESSION_WINDOW = 64, /* commands of one session, on their way at a time */
	/* Key, range_end and value together, or a transaction: etcd's 1.5 MiB. */
	KV_VALUE_SIZE_MAX = 1536 * 1024,
	KV_REQUEST_SIZE_MAX = KV_REQUEST_FIXED_MAX + KV_VALUE_SIZE_MAX,
	/* The largest piece of an answer: a value of the largest size with its key and headers. */
	KV_ANSWER_SIZE_MAX = 1536 * 1024 + KV_KEY_SIZE_MAX + KV_ITEM_HEADER_SIZE +
			     KV_RESPONSE_HEADER_SIZE + KV_ANSWER_HEADER_SIZE,
};

enum kv_operation {
	KV_PUT = 1,    /* a command */
	KV_DELETE = 2, /* a command: key, or [key, range_end) */
	KV_RANGE = 3,  /* a query: key, or [key, range_end); range_end "\0": every key >= key */
	/* Members that do not know an operation yet refuse it, as malformed. */
	KV_PUBLISH = 4, /* a command: a publication */
	KV_TXN = 5,     /* a command; a query, if it is one (kv/txn_codec.h) */
	KV_COMPACT = 6, /* a command */
	KV_HASHKV = 7,  /* a query */
	KV_MARK = 8,    /* a command */
};

enum kv_flag {
	KV_ONE_SHOT = 1,   /* the session is used for this one command: remembered among its like */
	KV_KEYS_ONLY = 2,  /* a range without values */
	KV_COUNT_ONLY = 4, /* a range without items */
	KV_PREV_KV = 8,    /* a put, or a delete, that answers what was there before */
	KV_IGNORE_VALUE = 16, /* a put that leaves the value ... */
	KV_IGNORE_LEASE = 32, /* ... or the lease of its key as it is */
	KV_PHYSICAL = 64,     /* a compaction that is answered when memory was given back here */
};

enum kv_order { KV_ORDER_NONE, KV_ORDER_ASCEND, KV_ORDER_DESCEND };

enum kv_target {
	KV_TARGET_KEY,
	KV_TARGET_VERSION,
	KV_TARGET_CREATE,
	KV_TARGET_MOD,
	KV_TARGET_VALUE,
};

/*
 *	X(name, number, etcd's words or ours, done)
 *
 * done: whether the command was applied (base/status.h).
 */
/* clang-format off */
#define KV_STATUSES(X) \
	X(OK, 0, "", DONE) \
	/* An attempt may have been applied long ago. */ \
	X(SESSION_EXPIRED, 2, "quoin: session expired: an earlier attempt may have been applied", UNKNOWN) \
	/* Below the session's floor: nobody waits for it. */ \
	X(STALE_SEQUENCE, 3, "quoin: stale sequence: its session has given it up", UNKNOWN) \
	X(KEY_EMPTY, 4, "etcdserver: key is not provided", NOTHING) \
	/* Refused by all alike. */ \
	X(MALFORMED, 5, "quoin: malformed request", NOTHING) \
	X(VALUE_PROVIDED, 6, "etcdserver: value is provided", NOTHING) \
	X(LEASE_PROVIDED, 7, "etcdserver: lease is provided", NOTHING) \
	X(KEY_NOT_FOUND, 8, "etcdserver: key not found", NOTHING) \
	X(DUPLICATE_KEY, 9, "etcdserver: duplicate key given in txn request", NOTHING) \
	X(TOO_MANY_OPERATIONS, 10, "etcdserver: too many operations in txn request", NOTHING) \
	X(COMPACTED, 11, "etcdserver: mvcc: required revision has been compacted", NOTHING) \
	X(FUTURE_REVISION, 12, "etcdserver: mvcc: required revision is a future revision", NOTHING) \
	/* What it would say was compacted, or is not remembered. */ \
	X(ANSWER_GONE, 13, "quoin: applied, and its answer is no longer to be had", DONE) \
	/* KV_SESSION_WINDOW or more above its own floor: refused by all. */ \
	X(BEYOND_WINDOW, 14, "quoin: more commands of one session than its window holds", NOTHING) \
	X(LEASE_NOT_FOUND, 15, "etcdserver: requested lease not found", NOTHING)
/* clang-format on */

enum kv_status {
#define KV_STATUS_ONE(name, number, text, done) KV_##name = number,
	KV_STATUSES(KV_STATUS_ONE)
#undef KV_STATUS_ONE
};

/* Of a status that there is. "" for KV_OK. */
const char *kv_status_text(enum kv_status status);
enum status_done kv_status_done(enum kv_status status);

struct kv_bytes {
	const uint8_t *data;
	uint32_t size;
};

/* What the fields of an operation are, the tables above say; those of others are 0. */
struct kv_request {
	enum kv_operation operation;
	uint32_t flags;
	uint64_t session;
	uint64_t session_base;
	uint64_t sequence;
	uint64_t floor;
	struct kv_bytes key;
	struct kv_bytes range_end; /* size 0: the one key */
	struct kv_bytes value;
	uint64_t lease;
	uint64_t revision;
	uint64_t limit;
	uint64_t min_mod_revision, max_mod_revision;
	uint64_t min_create_revision, max_create_revision;
	enum kv_order order;
	enum kv_target target;
	struct kv_bytes txn;  /* the body of a transaction (kv/txn_codec.h) */
	uint32_t mark_format; /* of the stream that is to be made of the state */
	struct sm_mark mark;
};

/* An answer, or a response of a transaction's: status and applied_index are then 0. */
struct kv_answer {
	enum kv_status status;
	enum kv_operation operation; /* 0: of a request that could not be read */
	bool more;
	bool succeeded; /* of a transaction */
	uint64_t revision;
	uint64_t count;
	uint64_t applied_index;
	uint32_t item_count;   /* of a transaction: responses */
	struct kv_bytes items; /* walked with kv_item_next, or kv_response_next */
	uint32_t hash;
	int64_t compact_revision; /* of a hash */
};

struct kv_item {
	uint64_t create_revision;
	uint64_t mod_revision;
	uint64_t version;
	uint64_t lease;
	struct kv_bytes key;
	struct kv_bytes value;
};

/* The bytes a request takes; kv_request_encode writes exactly those. */
size_t kv_request_size(const struct kv_request *request);
void kv_request_encode(const struct kv_request *request, uint8_t *out);
/* It belongs to the members, and has no session: to say it twice says the same. */
bool kv_request_is_members(const struct kv_request *request);
/* Points into data. 0 or -EINVAL. */
int kv_request_decode(struct kv_request *out, const uint8_t *data, size_t size);

void kv_answer_encode_header(const struct kv_answer *answer, uint8_t out[KV_ANSWER_HEADER_SIZE]);
/* Checks every item, so that the walks cannot fail. Points into data. 0 or -EINVAL. */
int kv_answer_decode(struct kv_answer *out, const uint8_t *data, size_t size);
/* Walks: *at starts at 0. False at the end. */
bool kv_item_next(const struct kv_answer *answer, uint32_t *at, struct kv_item *out);
/* The same of a transaction's answer; a response may be a transaction's again. */
bool kv_response_next(const struct kv_answer *answer, uint32_t *at, struct kv_answer *out);

enum {
	/* Header, id, and what is said at its largest. */
	KV_PUBLICATION_SIZE_MAX = KV_REQUEST_HEADER_SIZE + KV_PUBLICATION_SIZE + 8 + SM_NAME_MAX +
				  SM_CLIENTS_MAX * (1 + SM_CLIENT_MAX),
};

/* Writes a whole command. Its size; 0: there is text that no publication may hold. */
size_t kv_publication_encode(uint64_t member, const struct sm_attributes *attributes,
			     uint8_t out[KV_PUBLICATION_SIZE_MAX]);
/* As sm_ops.compaction. */
uint32_t kv_compaction_encode(uint64_t revision, uint8_t out[SM_COMPACTION_SIZE_MAX]);
/* Of a publication, as kv_request_decode found it to be. */
uint64_t kv_publication_member(const struct kv_request *request);
/* Key and value of one. 0 or -EINVAL. */
int kv_publication_decode(struct sm_attributes *out, struct kv_bytes key, struct kv_bytes value);

/*
 * The exclusive end of the range of all keys with this prefix: writes size bytes at most; returns
 * its size.
 */
size_t kv_prefix_end(const uint8_t *prefix, size_t size, uint8_t *out);

#endif
