/*
 * Whether what is written to a directory outlives the power.
 */
#ifndef WAL_STORE_H
#define WAL_STORE_H

enum wal_store {
	WAL_STORE_DISK,     /* nothing speaks against it */
	WAL_STORE_MEMORY,   /* tmpfs, ramfs, or an overlay whose upper layer is one */
	WAL_STORE_UNSYNCED, /* an overlay that was mounted to ignore syncs (volatile) */
	WAL_STORE_UNKNOWN,  /* an overlay whose upper layer is not seen from here */
};

enum wal_store wal_store(const char *directory);

/* The same of an open one. */
enum wal_store wal_store_of(int directory);

#endif
