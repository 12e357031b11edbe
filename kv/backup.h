/*
 * What the ends of a state as bytes (kv/snapshot.h) tell of it, for whoever keeps it in a file.
 */
#ifndef KV_BACKUP_H
#define KV_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

enum {
	KV_BACKUP_HEAD_SIZE = 64,
	KV_BACKUP_END_SIZE = 48,
	KV_REBASED_INDEX = 1, /* of the last entry of a state that was made another's */
};

/*
 * As high as it is raised. etcd's revisions are signed, and nobody is to write up to their end: a
 * thousand million a second take a century from here.
 */
#define KV_RAISED_MAX (UINT64_C(1) << 62)

struct kv_backup_head {
	uint64_t applied; /* the index of the last entry; 0: none */
	uint64_t revision;
	int64_t compacted; /* as kv_store_compacted */
};

/* The first KV_BACKUP_HEAD_SIZE bytes. 0; -EBADMSG; -EPROTO (another version). */
int kv_backup_head(const uint8_t *data, struct kv_backup_head *out);

/* The last KV_BACKUP_END_SIZE bytes: how many versions of keys there were. 0, -EBADMSG. */
int kv_backup_end(const uint8_t *data, uint64_t *versions);

/*
 * A state that another cluster is to begin from, made of the bytes of a backup or a snapshot:
 * sessions and members go, the index of its last entry is 1, and the revision may be higher.
 */
struct kv_rebase;

/* 0 or -ENOMEM. */
int kv_rebase_create(struct kv_rebase **out);
/* The next bytes, cut anywhere. 0; -EBADMSG: they are no state; -EPROTO: of another version. */
int kv_rebase_add(struct kv_rebase *r, const uint8_t *data, uint32_t size);
/*
 * That was all. The revision is higher by `bump`, and with `compact` what is older than that is
 * compacted. 0; -EBADMSG: it is not whole; -ERANGE: no revision is raised that high; -ENOMEM.
 */
int kv_rebase_end(struct kv_rebase *r, uint64_t bump, bool compact);
/* Then the next bytes of what it is now: how many; 0 and more: a bounded step was done. */
int kv_rebase_read(struct kv_rebase *r, uint8_t *out, uint32_t out_size_max, bool *more);
uint64_t kv_rebase_revision(const struct kv_rebase *r);
void kv_rebase_destroy(struct kv_rebase *r);

#endif
