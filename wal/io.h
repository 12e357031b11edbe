/*
 * Synchronous use of the disk, for open and recovery, while nothing else is in flight.
 */
#ifndef WAL_IO_H
#define WAL_IO_H

#include "wal/disk.h"

int wal_io_read(struct disk *d, int file, uint64_t offset, void *data, size_t size);
int wal_io_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size);
int wal_io_sync(struct disk *d, int file);

#endif
