/*
 * A log on a disk that fails when it is told to (tests/disk/disk.h).
 */
#ifndef TESTS_UNIT_WAL_ON_DISK_H
#define TESTS_UNIT_WAL_ON_DISK_H

#include "tests/disk/disk.h"
#include "tests/unit/wal/helpers.h"

struct on_disk {
	struct test_disk disk;
	char log[300];
	struct wal_options options;
	struct wal_recovered found;
	struct wal *wal;
	char error[WAL_ERROR_MAX];
};

/* The disk, and no log yet: not its root, for the directory's own name is to last as well. */
void on_disk_begin(struct on_disk *s, enum wal_durability durability);
void on_disk_end(struct on_disk *s);

/* Must succeed. */
void on_disk_open(struct on_disk *s);
void on_disk_close(struct on_disk *s);

/* The machine loses power; another process starts on what is left. */
void on_disk_cut(struct on_disk *s, const char *how, uint64_t seed);

/* Until the log has nothing to do any more: the next segment is ready. */
void on_disk_settle(struct on_disk *s);

/* Until a request of the log is held up, whatever it has to do before. */
void on_disk_stall(struct on_disk *s);

#endif
