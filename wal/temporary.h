/*
 * Segments under a temporary name, or under the one that they had before they were used again. One
 * that is being made holds nothing: the log is not told of it before its new name is durable. So
 * one that holds writes had that name, and a disk that ignored the directory's sync gave it the old
 * one back (V25): what was acknowledged is in there.
 */
#ifndef WAL_TEMPORARY_H
#define WAL_TEMPORARY_H

#include "wal/meta.h"

/*
 * 0: none of them holds a write of this log that is nowhere else, and all may go. -EBADMSG: one
 * does, and `why` (size bytes) says which in a line; or -errno of a file that could not be read,
 * likewise. Nothing is changed.
 */
int wal_temporary_judge(struct disk *d, const struct meta_names *names, const struct log_id *id,
			uint32_t unit, char *why, size_t size);

#endif
