/*
 * The disk seam over plain reads, for looking at a directory and nothing else: whatever would
 * change it is -EROFS.
 */
#ifndef WAL_DISK_READER_H
#define WAL_DISK_READER_H

#include "wal/disk.h"

int disk_reader_create(struct disk **out, const char *path);

/* True if a node has the directory open at this moment. */
bool disk_reader_locked(struct disk *d);

#endif
