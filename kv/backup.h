/*
 * What the ends of a state as bytes (kv/snapshot.h) tell of it, for whoever keeps it in a file.
 */
#ifndef KV_BACKUP_H
#define KV_BACKUP_H

#include <stdint.h>

enum { KV_BACKUP_HEAD_SIZE = 64, KV_BACKUP_END_SIZE = 48 };

struct kv_backup_head {
	uint64_t applied; /* the index of the last entry; 0: none */
	uint64_t revision, compact_revision;
};

/* The first KV_BACKUP_HEAD_SIZE bytes. 0; -EBADMSG; -EPROTO (another version). */
int kv_backup_head(const uint8_t *data, struct kv_backup_head *out);

/* The last KV_BACKUP_END_SIZE bytes: how many versions of keys there were. 0, -EBADMSG. */
int kv_backup_end(const uint8_t *data, uint64_t *versions);

#endif
