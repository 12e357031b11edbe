/*
 * Small files that are written whole and read whole: identity, vote, base, mark, cluster.
 */
#ifndef WAL_FILE_H
#define WAL_FILE_H

#include <stddef.h>
#include <stdint.h>

struct wal;

/*
 * Writes a file under a temporary name and gives it its name, durably: whoever looks finds the old
 * one or the new one, whole. Synchronous, while nothing is in flight. The line is in w->error.
 */
int wal_file_make(struct wal *w, const char *name, const uint8_t *data, size_t size);

/* Reads a file that must have exactly this size. -EBADMSG: it has not. */
int wal_file_read(struct wal *w, const char *name, uint8_t *data, uint64_t size);

#endif
