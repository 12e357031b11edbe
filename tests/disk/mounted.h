/*
 * Shared by the disk's own tests: a mounted disk, and files on it that are written as the log does.
 */
#ifndef TESTS_DISK_MOUNTED_H
#define TESTS_DISK_MOUNTED_H

#include "tests/disk/disk.h"
#include "tests/unit/test.h"

#include <stdbool.h>
#include <sys/types.h>

enum { BLOCK = 4096, SIZE = 8 * BLOCK, SECTOR = 512 };

extern struct test_disk d;
extern uint8_t *data; /* SIZE bytes, registered: sector i holds i + 1 */
extern uint8_t *seen; /* SIZE bytes, for reads */

/* Around each test. */
int set_up(void **state);
int tear_down(void **state);
/* Anew, where set_up did. */
void mount_again(void);
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Of a file on the disk; good for three more calls. */
const char *path(const char *name);
int open_file(const char *name, int flags);
int direct(const char *name); /* made if need be: O_DIRECT | O_DSYNC */

/* Through io_uring: `data`, or `seen`; what the completion says. */
void queue_write(int fd, size_t size, uint64_t offset);
int completion(void);
int uring_write(int fd, size_t size, uint64_t offset);
int uring_read(int fd, size_t size, uint64_t offset);
int uring_sync(int fd);

void sync_names(void);
bool is_there(const char *name);
off_t size_of(const char *name);

#endif
