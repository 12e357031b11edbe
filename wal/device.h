/*
 * What the kernel says of the device below a directory.
 */
#ifndef WAL_DEVICE_H
#define WAL_DEVICE_H

#include <stdint.h>

/*
 * The unit in which it is written: the larger of its logical and physical block, and 4096. A
 * partition's queue is its disk's.
 */
uint32_t wal_device_unit(int directory);

/*
 * What a write up to `end` failed by: the kernel cuts one that crosses a limit on files' sizes
 * (ulimit -f), and O_DIRECT does not take what is left if that is not whole blocks of the device.
 */
int32_t wal_device_error(int32_t err, uint64_t end);

/* Makes the directory's own name durable. 0 or -errno. */
int wal_device_parent_sync(const char *path);

#endif
