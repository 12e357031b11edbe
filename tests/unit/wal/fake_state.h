/*
 * The fake disk's inside, shared by its files.
 *
 * A file is its contents as a process sees them and as the media holds them, in shared blocks that
 * are copied when they are written (clones are cheap), and the list of sectors on which the two
 * may differ.
 */
#ifndef TESTS_UNIT_WAL_FAKE_STATE_H
#define TESTS_UNIT_WAL_FAKE_STATE_H

#include "tests/unit/wal/fake_disk.h"

#include "raft/types.h"

enum {
	FAKE_BLOCK = 4096,
	FAKE_SECTOR = 512,
	INODES_MAX = 96,
	NAMES_MAX = 96,
	NAME_CHANGES_MAX = 64,
	FILES_MAX = 128,
	BAD_MAX = 80,
};

struct block {
	uint32_t references;
	uint8_t data[FAKE_BLOCK];
};

struct content {
	struct block **blocks; /* NULL: zeros */
	uint64_t count;
	uint64_t size;
};

/* A sector that was written and is not safe. */
struct pending {
	uint64_t offset;
	uint8_t data[FAKE_SECTOR];
};

struct inode {
	struct content seen;
	struct content media;
	uint64_t allocated;
	struct pending *pending;
	size_t pending_count;
	size_t pending_capacity;
	bool unclean; /* seen differs from the media in what is not pending */
	struct {
		uint64_t from, to; /* equal: none, or it was written again */
		int err;
	} bad[BAD_MAX];
	uint32_t bad_count;
};

struct name {
	char name[DISK_NAME_MAX];
	int inode;
};

struct directory {
	struct name names[NAMES_MAX];
	uint32_t count;
};

/* Link `name` to the inode (-1: none) and take `old` away, if it is not empty. */
struct name_change {
	char name[DISK_NAME_MAX];
	char old[DISK_NAME_MAX];
	int inode;
};

enum kind { KIND_READ, KIND_WRITE, KIND_SYNC, KIND_CALL };

struct transfer {
	bool used;
	bool released;
	enum kind kind;
	struct disk_call call;
	bool no_space;
	int inode;
	bool durable;
	bool past_cache; /* a read */
	uint64_t offset;
	size_t size;
	uint64_t tag;
	uint8_t *copy; /* of what is written, taken when it was submitted */
	uint8_t *data;
	int result;
};

struct open_file {
	bool used;
	int inode;
	bool durable;
	bool direct; /* and not durable */
	bool reads;  /* DISK_READ */
};

struct fake_disk {
	struct disk disk;
	uint64_t random;
	struct inode inodes[INODES_MAX];
	int inode_count;
	struct directory seen;
	struct directory media;
	struct name_change changes[NAME_CHANGES_MAX];
	uint32_t change_count;
	struct open_file files[FILES_MAX];
	struct transfer transfers[DISK_IN_FLIGHT_MAX];
	uint32_t in_flight; /* of them: who looks through them has an end */
	bool locked;
	bool no_locks; /* of files */
	struct fake_lies lies;
	void (*hook)(void *arg, struct fake_disk *f);
	void *hook_arg;
	uint64_t operations;
	uint64_t fail_at;
	int fail_error;
	uint64_t reads;
	uint64_t fail_read_at;
	int fail_read_error;
	uint32_t files_max;
	bool hold;
	bool hang;
	bool space_counts;
	uint64_t space, space_all;
	int names_error, look_error;
};

/* fake_content.c */
void *fake_must(void *memory); /* asserts that there was some */
void fake_content_free(struct content *c);
void fake_content_share(struct content *to, const struct content *from);
void fake_content_get(const struct content *c, uint64_t offset, uint8_t *data, size_t size);
/* Within one block. */
void fake_content_put(struct content *c, uint64_t offset, const uint8_t *data, size_t size);
/* A sector reaches the process's view, and either the media or the list of the unsafe. */
void fake_sector_write(struct inode *node, uint64_t offset, const uint8_t *data, bool safe);
void fake_inode_sync(struct inode *node);
/* The sync failed: what was pending stays to be seen, and no other sync takes it for written. */
void fake_inode_clean(struct inode *node);
/* Past the cache: the media, and what is pending, for that is written first. */
void fake_direct_get(const struct inode *node, uint64_t offset, uint8_t *data, size_t size);

int fake_name_find(const struct directory *d, const char *name);
void fake_name_unlink(struct directory *d, const char *name);
void fake_name_link(struct directory *d, const char *name, int inode);
void fake_change_apply(struct directory *d, const struct name_change *c, bool keep_old);
void fake_change_name(struct fake_disk *f, const char *name, const char *old, int inode);
void fake_names_sync(struct fake_disk *f);

/* fake_disk.c */
uint64_t fake_roll(struct fake_disk *f, uint64_t bound);

#endif
