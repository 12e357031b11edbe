/*
 * The file `cluster`: the membership room's record of what the directory belongs to. The log keeps
 * it whole and bound to the directory's identity, and never looks inside.
 */
#ifndef WAL_CLUSTER_H
#define WAL_CLUSTER_H

#include "wal/format.h"

struct recovery;

/* 0, -EBADMSG, -EPROTO (another version), -EXDEV (another log's). `data` points into `in`. */
int wal_cluster_decode(const uint8_t **data, uint32_t *size, const uint8_t *in, uint32_t unit,
		       const struct log_id *id);

/* At opening: fills the record in r->out, if there is one. */
int wal_cluster_find(struct recovery *r);

#endif
