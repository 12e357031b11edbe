/*
 * The state as bytes, for a snapshot, and back. They follow from the log alone: not from how far a
 * scrub has come, nor from what a member keeps of its own. Little-endian.
 *
 *	offset size field
 *	     0    8 "QUOINSTA"
 *	     8    4 version (1)
 *	    12    4 size of what is known of the members
 *	    16    8 size of the sessions
 *	    24    8 index of the last entry applied
 *	    32    8 revision
 *	    40    8 compact_revision
 *	    48    1 1: it was compacted at 0; compact_revision is then 0, as of one that never was
 *	    49   15 zero
 *
 * then what is known of the members:
 *
 *	     0    1 whether an entry of the log has said who they are
 *	     1    1 members
 *	     2    1 how many have said something of themselves
 *	     3    5 zero
 *	     8      ids of members, 8 bytes each
 *	            of each that said something: its id (8), a size (2), a publication's value
 *
 * then the sessions (kv/session_image.h), then the versions by revision, all that any revision from
 * compact_revision on shows, 48 bytes and then key and value:
 *
 *	     0    8 main
 *	     8    8 create_revision
 *	    16    8 number: of this version of the key
 *	    24    8 lease
 *	    32    4 sub
 *	    36    4 value size; the highest bit: a tombstone
 *	    40    2 key size, at least 1
 *	    42    6 zero
 *
 * and at the end one more, all zero but for `number`, which is how many there were.
 */
#ifndef KV_SNAPSHOT_H
#define KV_SNAPSHOT_H

#include "kv/names.h"
#include "kv/pins.h"
#include "kv/session_image.h"

enum {
	KV_SNAPSHOT_VERSION = 1,
	KV_SNAPSHOT_HEAD_SIZE = 64,
	KV_SNAPSHOT_NAMES_MAX = 8 + SM_MEMBERS_MAX * (8 + 8 + 2 + KV_PUBLICATION_SIZE_MAX),
	KV_SNAPSHOT_RECORD_SIZE = 48,
	KV_SNAPSHOT_RECORD_MAX = KV_SNAPSHOT_RECORD_SIZE + KV_KEY_SIZE_MAX + KV_VALUE_SIZE_MAX,
};

/* What all of it is about; each stays its owner's. */
struct kv_parts {
	struct kv_store *store;
	struct kv_pins *pins;
	struct kv_names *names;
	struct kv_session_table *sessions;
};

struct sm_snapshot;

/* As sm_ops.marker. */
uint32_t kv_snapshot_marker(const struct sm_mark *mark, uint8_t out[SM_MARKER_SIZE_MAX]);

/* As sm_ops.snapshot_size. */
uint64_t kv_snapshot_size(struct kv_parts parts);
/* Of the state as it is, which has applied `applied`. NULL: out of memory. */
struct sm_snapshot *kv_snapshot_begin(const struct kv_parts *parts, uint64_t applied);
/*
 * The same without what is of this cluster alone: sessions, and what is known of the members. Taken
 * whole, so it may be read at once.
 */
struct sm_snapshot *kv_snapshot_begin_bare(const struct kv_parts *parts, uint64_t applied);
/*
 * A bounded step of copying what changes in place; nothing is applied before this was false. True:
 * there is more.
 */
bool kv_snapshot_copy(struct sm_snapshot *s);

/* The next bytes, as sm_ops.snapshot_read. -ESTALE: its pin was lost. */
int kv_snapshot_read(struct sm_snapshot *s, uint8_t *out, uint32_t out_size_max, bool *more);
void kv_snapshot_close(struct sm_snapshot *s);

struct kv_restore;

/* As sm_ops.restore_look. */
int kv_restore_look(const uint8_t *data, size_t size);
/* Into parts that are empty. NULL: out of memory. */
struct kv_restore *kv_restore_begin(const struct kv_parts *parts);
/* The next bytes, cut anywhere: its time is that of what they make. As sm_ops.restore_add. */
int kv_restore_add(struct kv_restore *r, const uint8_t *data, uint32_t size);
/* After the last: the index that is applied, or 0: it was no whole snapshot. */
uint64_t kv_restore_applied(const struct kv_restore *r);
bool kv_restore_begun(const struct kv_restore *r);
void kv_restore_end(struct kv_restore *r);

#endif
