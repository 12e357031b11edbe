/*
 * The table of sessions as bytes, for a snapshot: the same on each member, for they follow from
 * what the table remembers alone. Little-endian; of each class, long-lived and then one-shot:
 *
 *	offset size field
 *	     0    8 evicted_index
 *	     8    4 sessions
 *	    12    4 verdicts
 *
 * then its sessions, 40 bytes each, the one whose last_index is lowest first:
 *
 *	     0    8 id
 *	     8    8 floor
 *	    16    8 applied: bit i says that sequence floor + i was
 *	    24    8 evicted_index of the class when the session was made
 *	    32    8 last_index
 *
 * then its verdicts, the one that was applied first first:
 *
 *	     0    8 id of the session
 *	     8    8 sequence
 *	    16    8 index at which it was applied
 *	    24    1 size, at most 64
 *	    25      the verdict
 *
 * At most 3.5 MiB: 8,192 sessions and 32,768 verdicts of the largest size.
 */
#ifndef KV_SESSION_IMAGE_H
#define KV_SESSION_IMAGE_H

#include "kv/session.h"

enum {
	KV_SESSION_IMAGE_HEAD_SIZE = 16,
	KV_SESSION_IMAGE_SESSION_SIZE = 40,
	KV_SESSION_IMAGE_VERDICT_SIZE = 25, /* and the verdict */
	KV_SESSION_IMAGE_RECORD_MAX = KV_SESSION_IMAGE_VERDICT_SIZE + KV_VERDICT_SIZE_MAX,
};

/* How much there will be. Takes no walk. */
uint64_t kv_session_image_size(const struct kv_session_table *table);

struct kv_session_saver {
	const struct kv_session_table *table;
	uint32_t class_number; /* KV_SESSION_CLASSES: all is written */
	bool headed;
	const struct kv_session *session; /* the next, or none is left */
	const struct kv_verdict *verdict;
};

void kv_session_save_begin(struct kv_session_saver *out, const struct kv_session_table *table);

/*
 * The next records, as many as fit whole: how many bytes, 0 when there are none left. size_max is
 * KV_SESSION_IMAGE_RECORD_MAX at the least, and bounds the step. Nothing is remembered in between.
 */
uint32_t kv_session_save(struct kv_session_saver *s, uint8_t *out, uint32_t size_max);

struct kv_session_loader {
	struct kv_session_table *table;
	uint64_t applied;
	uint32_t class_number; /* KV_SESSION_CLASSES: all is here */
	bool headed;
	uint32_t sessions_left, verdicts_left;
	uint64_t index_before; /* of the record before this one, of its kind */
	uint32_t size;         /* of the record that is not whole yet */
	uint8_t record[KV_SESSION_IMAGE_RECORD_MAX];
};

/* Into a table that remembers nothing; of a state that has applied `applied`. */
void kv_session_load_begin(struct kv_session_loader *out, struct kv_session_table *table,
			   uint64_t applied);

/*
 * The next bytes of an image, cut anywhere: how many of them belong to it, less than size only if
 * it ends there (kv_session_loaded). -EBADMSG: there is no table that could have been saved as
 * this; then the table is good for kv_session_table_destroy alone.
 */
int kv_session_load(struct kv_session_loader *l, const uint8_t *data, uint32_t size);
bool kv_session_loaded(const struct kv_session_loader *l);

#endif
