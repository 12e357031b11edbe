/*
 * The disk seam: everything the log does to storage goes through here, so the fake disk of the
 * tests sits below the code that runs in production.
 *
 * Everything that may take long is asynchronous: submitted with a tag, completed through poll.
 * Reads, writes and syncs of file contents have calls of their own; what concerns names and space
 * is a struct disk_call. A file is known by a small number that an open gives.
 *
 * Ownership: a buffer handed to write or read belongs to the disk until its tag comes back. Offsets
 * and sizes are multiples of the unit, and buffers come from disk->buffers (registered with the
 * kernel) or are aligned to the unit.
 */
#ifndef WAL_DISK_H
#define WAL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_NAME_MAX = 64, DISK_IN_FLIGHT_MAX = 64 };

/* How a file's writes reach the device. */
enum disk_mode {
	DISK_DURABLE, /* O_DIRECT | O_DSYNC: completed means on stable storage */
	DISK_DIRECT, /* O_DIRECT: completed means handed to the device; durable once it is synced */
	DISK_CACHED, /* the page cache: completed means it survives the process, not the host */
	DISK_READ,   /* O_DIRECT; nobody writes it, and others may have it open so as well */
};

struct disk_completion {
	uint64_t tag;
	/* 0: all of it was done; -errno otherwise. Short transfers are never seen here */
	int32_t result;
	uint64_t value; /* of DISK_OPEN and DISK_CREATE: the file; of DISK_SPACE: bytes left */
	uint64_t all;   /* of DISK_SPACE: of so many, as far as they are for us */
};

enum disk_call_kind {
	DISK_OPEN,       /* of an existing file of this name */
	DISK_CREATE,     /* exclusively */
	DISK_CLOSE,      /* of a file; its number is free at once */
	DISK_RENAME,     /* from name to the other */
	DISK_REMOVE,     /* of a name */
	DISK_SYNC_NAMES, /* fsync of the directory */
	/* Room for `size` bytes in a file, from its beginning on. -EOPNOTSUPP: it cannot be had. */
	DISK_ALLOCATE,
	DISK_SPACE, /* how much the file system has left for us; -EOPNOTSUPP: it does not say */
};

struct disk_call {
	enum disk_call_kind kind;
	enum disk_mode mode;
	int file;
	uint64_t size;
	char name[DISK_NAME_MAX];
	char to[DISK_NAME_MAX];
};

struct disk;

struct disk_ops {
	/*
	 * Done in the order in which they were asked. -EAGAIN: DISK_IN_FLIGHT_MAX are in flight.
	 * A file is open once at a time, or by any number of opens for DISK_READ: another one waits
	 * until it is closed, and what is asked behind it waits as well.
	 */
	int (*call)(struct disk *d, const struct disk_call *call, uint64_t tag);
	int (*size)(struct disk *d, int file, uint64_t *size);

	/*
	 * Queues; `submit` hands what is queued to the kernel. -EAGAIN: DISK_IN_FLIGHT_MAX are in
	 * flight.
	 */
	int (*write)(struct disk *d, int file, uint64_t offset, const void *data, size_t size,
		     uint64_t tag);
	int (*read)(struct disk *d, int file, uint64_t offset, void *data, size_t size,
		    uint64_t tag);
	/* fdatasync: of a DISK_CACHED file, and of what another process may have left of one. */
	int (*sync)(struct disk *d, int file, uint64_t tag);
	int (*submit)(struct disk *d);
	/*
	 * Completed operations, in any order; returns how many (<= max). `wait`: blocks until there
	 * is one, or for wait_ns.
	 */
	uint32_t (*poll)(struct disk *d, struct disk_completion *out, uint32_t max, bool wait);

	/* At open and at the end. `list` calls the names out: 0, or -ENOENT past the last. */
	int (*list)(struct disk *d, uint32_t i, char name[DISK_NAME_MAX]);
	int (*lock)(struct disk *d); /* -EWOULDBLOCK: another process has it */
	void (*unlock)(struct disk *d);

	/* Whatever is open is closed; nothing is in flight. */
	void (*destroy)(struct disk *d);
};

/* What is stood still for. */
struct disk_step {
	const char *operation;
	const char *name; /* of the file; "": not one alone is meant, or it was opened before */
	bool done;
};

struct disk {
	const struct disk_ops *ops;
	uint32_t unit; /* bytes: max(logical block, physical block, 4096) */

	/* Set by its user. */
	uint64_t wait_ns; /* a poll that waits returns after so long with nothing; 0: it does not */
	uint32_t waits_max; /* so many such waits in a row and no more (io.h); 0: for ever */
	bool hung;          /* one was given up after them, and is in flight still */
	bool held; /* reads, writes and syncs do not begin, as if it hung: for the lab and tests */
	/*
	 * Asked by whoever stands still (io.h), after each step and each wait for one. False: it is
	 * given up. NULL: nobody asks.
	 */
	bool (*goes_on)(void *context, const struct disk_step *step);
	void *context;

	/* Operations, and submissions, that the kernel did not do and was asked for again. */
	uint64_t put_off;
};

/*
 * A directory on a real file system, over io_uring. Creates the directory (mode 0700) if `create`.
 * `buffers` (may be NULL) are registered with the kernel: one region that holds every buffer the
 * log writes from. 0 or -errno.
 */
int disk_uring_create(struct disk **out, const char *path, bool create, void *buffers,
		      size_t buffers_size);

#endif
