/*
 * Synchronous use of the disk, for open and recovery, while nothing else is in flight.
 *
 * -ETIMEDOUT: it did not end in the time that disk->waits_max gives, and is in flight still; then
 * the log is at its end, and what it gave the disk stays the disk's. -EINTR: disk->goes_on gave it
 * up, then or after it was done; that an open was done, or a close, is no reason to ask.
 */
#ifndef WAL_IO_H
#define WAL_IO_H

#include "wal/disk.h"

/* Whether what stands still for this goes on (disk.h). */
bool wal_io_goes_on(struct disk *d, const struct disk_step *step);

int wal_io_read(struct disk *d, int file, uint64_t offset, void *data, size_t size);
int wal_io_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size);
int wal_io_sync(struct disk *d, int file);

int wal_io_open(struct disk *d, const char *name, bool create, enum disk_mode mode, int *file);
void wal_io_close(struct disk *d, int file);
int wal_io_rename(struct disk *d, const char *from, const char *to);
int wal_io_remove(struct disk *d, const char *name);
int wal_io_sync_names(struct disk *d);

#endif
