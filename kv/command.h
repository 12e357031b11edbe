/*
 * Commands, queries and answers of the key-value store: their bytes, in the log and on the wire
 * alike. Little-endian; docs/wire.md has the tables. Pure: clients use this too.
 *
 * A request (command or query), 56 bytes and then key, range_end, value:
 *
 *	offset size field
 *	     0    1 version (1)
 *	     1    1 operation (enum kv_operation)
 *	     2    1 flags (enum kv_flag)
 *	     3    5 zero
 *	     8    8 session: chosen at random by the client; 0 is not a session
 *	    16    8 session_base: a committed raft index shown to the client before its first use
 *	    24    8 sequence: from 1
 *	    32    8 floor, of a command: every sequence below it was answered, or given up; at most
 *	            the sequence, and less than KV_SESSION_WINDOW below it; 0: the sequence, of who
 *	            has one command outstanding at a time
 *	            limit, of a range, in keys; 0: none
 *	    40    8 lease: 0 until there are leases
 *	    48    2 key size
 *	    50    2 range_end size
 *	    52    4 value size
 *
 * An answer, 40 bytes and then `item_count` items:
 *
 *	     0    1 version (1)
 *	     1    1 status (enum kv_status)
 *	     2    1 flags (1: more keys follow the last one)
 *	     3    5 zero
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
 * A publication says for one member what it is called and where it hears clients. It belongs to the
 * members, not to the keys: it has no session, moves no revision, and says the same applied twice.
 * Session, base, sequence, limit, flags and range_end are 0, the key is the member's id (8 bytes),
 * and the value:
 *
 *	     0    1 version (1)
 *	     1    1 size of the name, 1 to 63
 *	     2    1 addresses of clients, 0 to 4
 *	     3    5 zero
 *	     8      the name; then for each address a byte, its size of 1 to 63, and the address
 *
 * A name is of letters, digits, '.', '_' and '-', and begins with one of the first two; an address
 * of these and ':', '/', '[' and ']'. So both may stand in a line of a status, of a log, and on a
 * terminal, whoever said them.
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kv/sm.h"

enum {
	KV_REQUEST_HEADER_SIZE = 56,
	KV_ANSWER_HEADER_SIZE = 40,
	KV_ITEM_HEADER_SIZE = 40,
	KV_KEY_SIZE_MAX = 65535,
	KV_SESSION_WINDOW = 64,          /* commands of one session, on their way at a time */
	KV_VALUE_SIZE_MAX = 1536 * 1024, /* and key + range_end + value together, etcd's 1.5 MiB */
	/* The largest answer: a value of the largest size with its key and headers. */
	KV_ANSWER_SIZE_MAX =
		1536 * 1024 + KV_KEY_SIZE_MAX + KV_ITEM_HEADER_SIZE + KV_ANSWER_HEADER_SIZE,
};

enum kv_operation {
	KV_PUT = 1,    /* a command */
	KV_DELETE = 2, /* a command: key, or [key, range_end) */
	KV_RANGE = 3,  /* a query: key, or [key, range_end); range_end "\0": every key >= key */
	/* A command: a publication. Members that do not know it yet refuse it, as malformed. */
	KV_PUBLISH = 4,
};

enum kv_flag {
	KV_ONE_SHOT = 1,   /* the session is used for this one command: remembered among its like */
	KV_KEYS_ONLY = 2,  /* a range without values */
	KV_COUNT_ONLY = 4, /* a range without items */
};

enum kv_status {
	KV_OK = 0,
	KV_SESSION_EXPIRED =
		2, /* an attempt may have been applied long ago: the result is unknown */
	KV_STALE_SEQUENCE = 3, /* below the session's floor: nobody waits for it */
	KV_KEY_EMPTY = 4,      /* etcdserver: key is not provided */
	KV_MALFORMED = 5,      /* refused by all alike */
	KV_ANSWER_GONE = 13, /* it was applied, once; what came of it is not remembered any more */
	KV_BEYOND_WINDOW = 14, /* KV_SESSION_WINDOW or more above its own floor: refused by all */
};

/* The etcd error text for a status, "" for KV_OK. */
const char *kv_status_text(enum kv_status status);

struct kv_bytes {
	const uint8_t *data;
	uint32_t size;
};

struct kv_request {
	enum kv_operation operation;
	uint32_t flags;
	uint64_t session;
	uint64_t session_base;
	uint64_t sequence;
	uint64_t floor;
	uint64_t limit;
	struct kv_bytes key;
	struct kv_bytes range_end; /* size 0: the one key */
	struct kv_bytes value;
};

struct kv_answer {
	enum kv_status status;
	bool more;
	uint64_t revision;
	uint64_t count;
	uint64_t applied_index;
	uint32_t item_count;
	struct kv_bytes items; /* walked with kv_item_next */
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
/* Points into data. 0 or -EINVAL. */
int kv_request_decode(struct kv_request *out, const uint8_t *data, size_t size);

void kv_answer_encode_header(const struct kv_answer *answer, uint8_t out[KV_ANSWER_HEADER_SIZE]);
/* Checks every item, so that kv_item_next cannot fail. Points into data. 0 or -EINVAL. */
int kv_answer_decode(struct kv_answer *out, const uint8_t *data, size_t size);
/* Walks: *at starts at 0. False at the end. */
bool kv_item_next(const struct kv_answer *answer, uint32_t *at, struct kv_item *out);

enum {
	/* Header, id, and the value at its largest. */
	KV_PUBLICATION_SIZE_MAX =
		KV_REQUEST_HEADER_SIZE + 8 + 8 + SM_NAME_MAX + SM_CLIENTS_MAX * (1 + SM_CLIENT_MAX),
};

/* Writes a whole command. Its size; 0: there is text that no publication may hold. */
size_t kv_publication_encode(uint64_t member, const struct sm_attributes *attributes,
			     uint8_t out[KV_PUBLICATION_SIZE_MAX]);
/* Of a request that kv_request_decode found to be one. */
uint64_t kv_publication_member(const struct kv_request *request);
/* Key and value of one. 0 or -EINVAL. */
int kv_publication_decode(struct sm_attributes *out, struct kv_bytes key, struct kv_bytes value);

/*
 * The exclusive end of the range of all keys with this prefix: writes size bytes at most; returns
 * its size.
 */
size_t kv_prefix_end(const uint8_t *prefix, size_t size, uint8_t *out);

#endif
