/*
 * Snapshots as files outside of any member (docs/snapshot-format.md): written from a state that
 * comes in pieces, and read with every block checked.
 */
#ifndef TOOLS_QUOINCTL_SNAPSHOT_FILE_H
#define TOOLS_QUOINCTL_SNAPSHOT_FILE_H

#include "kv/backup.h"
#include "tools/quoinctl/quoinctl.h"

enum { SNAPSHOT_PATH_MAX = 4096 };

/* --- writing: PATH.part, which is PATH when all of it is on stable storage ------------------ */

struct snapshot_writer;

/*
 * 0, or an exit status with error: PATH is there, or PATH.part cannot be made. A signal that ends
 * the program takes PATH.part with it from here on.
 */
int snapshot_create(struct snapshot_writer **out, const char *path, char error[ERROR_SIZE]);
/* The next bytes of the state. 0 or an exit status, likewise. */
int snapshot_add(struct snapshot_writer *w, const uint8_t *data, uint32_t size,
		 char error[ERROR_SIZE]);
/* That was all: 0, and PATH is there; or an exit status, and it is not. */
int snapshot_finish(struct snapshot_writer *w, uint64_t *size, char error[ERROR_SIZE]);
/* What there is of PATH.part goes. After snapshot_finish too. */
void snapshot_drop(struct snapshot_writer *w);

/* --- reading --------------------------------------------------------------------------------- */

struct snapshot_told {
	uint32_t hash; /* of the whole file: half of what its trailer has, as many bits as etcd's */
	uint64_t size;
	struct kv_backup_head head;
	uint64_t versions; /* of keys */
};

/* The next bytes of the state. Not 0: snapshot_read ends, and returns it. */
typedef int snapshot_take(void *argument, const uint8_t *data, uint32_t size);

/*
 * All of a file, each block checked before it is given on, and all of it before 0 is returned. Or
 * an exit status with error, which says what it is instead, or where it is damaged. `take` may be
 * NULL.
 */
int snapshot_read(const char *path, snapshot_take *take, void *argument, struct snapshot_told *out,
		  char error[ERROR_SIZE]);

#endif
