/*
 * A disk that misbehaves when it is told to: a file system (FUSE) that passes everything through
 * to a directory beneath it, and injects what a real disk does on a bad day. tests/disk/disk.h is
 * how a test mounts and steers it; this is its inside.
 *
 *	main.c      mounting, and the one loop over the kernel's requests and the control socket
 *	requests.c  the kernel's requests, each made into a struct request
 *	run.c       what a request does to the directory beneath
 *	names.c     the same, for those that change names
 *	rules.c     what goes wrong with which request; requests that wait
 *	tree.c      files and directories, and where they lie beneath
 *	unsynced.c  the contents that a power cut may take
 *	changes.c   the names that a power cut may take
 *	control.c   the language it is steered in
 *
 * One thread, which never waits for anything but its own sockets: a request that a rule holds up is
 * put aside, so everything else goes on, unmounting too.
 *
 * What is beneath is always the newest. Beside it, in memory, stands what a power cut takes away:
 * the old contents of every sector that was written and not synced, and the changes of names that
 * no sync of their directory has covered. What is synced is taken at its word: a write under
 * O_DSYNC, its own sectors and the size that they need; fsync and fdatasync, all of a file; fsync
 * of a directory, its names and nothing else. A file's fsync does not make its name durable (ext4's
 * does; POSIX promises nothing). A file that is cut shorter is so at once: the log never does it.
 */
#ifndef TESTS_DISK_FS_H
#define TESTS_DISK_FS_H

#define FUSE_USE_VERSION 314

#include <fuse3/fuse_lowlevel.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SECTOR = 512, /* reaches the disk whole or not at all */
	PAGE_SECTORS = 8,
	PAGE = SECTOR * PAGE_SECTORS,
	TEXT_MAX = 1024, /* a command, and an answer */
	RULES_MAX = 64,
};

/* The old contents of what was written since: a bit in `mask` for each sector. */
struct page {
	uint8_t mask;
	uint8_t old[PAGE];
};

/* A file or directory. It stays until the end: a test makes some hundreds. */
struct node {
	fuse_ino_t ino;
	struct node *parent; /* NULL: the root */
	char name[NAME_MAX + 1];
	bool directory;
	bool buried;  /* it lies in the graveyard, under its number, until its removal is durable */
	bool removed; /* and that was */
	int fd;       /* -1: closed */
	uint32_t opens;
	uint64_t durable_size;
	struct page **pages;
	uint64_t page_count;
};

enum op {
	OP_READ,
	OP_WRITE,
	OP_FSYNC,
	OP_OPEN,
	OP_CREATE, /* also of directories and sockets */
	OP_RENAME,
	OP_REMOVE,
	OP_FSYNCDIR,
	OP_RESIZE, /* truncate and fallocate */
	OP_LOOK,   /* lookup, stat */
	OP_COUNT,
};

enum action {
	ACTION_NONE,
	ACTION_WATCH,  /* counts */
	ACTION_STALL,  /* later, or never */
	ACTION_FAIL,   /* not done, an error */
	ACTION_TEAR,   /* a write: some of its sectors done, an error */
	ACTION_SHORT,  /* a read or write: so many bytes of it */
	ACTION_FORGET, /* a write: not done, and no error */
	ACTION_LIE,    /* done, and not made durable, whatever was asked */
	ACTION_GONE,   /* a fsync: an error, and what was not synced is not there any more */
};

struct effect {
	enum action action;
	int error;       /* an errno */
	uint64_t amount; /* bytes, or nanoseconds; UINT64_MAX: for ever */
};

struct request {
	fuse_req_t req;
	enum op op;
	struct node *node; /* what it is about; of a new name, the directory */
	char name[NAME_MAX + 1], to[NAME_MAX + 1];
	void (*run)(struct request *r);
	const char *data; /* of a write: the caller's, or `copy` */
	char *copy;
	uint64_t offset;
	size_t size;
	int flags;
	mode_t mode;
	dev_t device;
	struct stat set;
	int set_mask;
	struct fuse_file_info fi;
	struct effect effect;
	/* While it waits. */
	struct request *next;
	uint64_t due_ns;
	uint32_t rule;
};

struct fs {
	struct fuse_session *session;
	int beneath; /* the directory */
	int graves;  /* beside it */
	uint64_t random;
	bool limited;
	uint64_t space; /* bytes that may still be taken, if limited */
	uint32_t unit;  /* what direct transfers must be multiples of */
};
extern struct fs fs;

uint64_t fs_random(void);

/* tree.c */
struct node *node_root(void);
struct node *node_of(fuse_ino_t ino);
/* All there are, by number from 0; NULL past the last. */
struct node *node_at(uint64_t i);
/* The one of that name that is known, or NULL; one that becomes known. */
struct node *node_find(struct node *directory, const char *name);
struct node *node_add(struct node *directory, const char *name, bool is_directory);
/* Where it lies: a path below *at. */
const char *node_path(const struct node *n, int *at, char out[PATH_MAX]);
int node_stat(const struct node *n, struct stat *out);
/* Keeps it open until node_close. 0 or an errno. */
int node_open(struct node *n);
void node_close(struct node *n);
/* Into the graveyard, and out of it. An errno. */
int node_bury(struct node *n);
int node_raise(struct node *n, struct node *directory, const char *name);
int node_move(struct node *n, const char *name);

/* unsynced.c: of an open file, before its bytes [offset, offset + size) are written. */
void unsynced_begin(struct node *n, uint64_t offset, uint64_t size);
void unsynced_forget(struct node *n, uint64_t offset, uint64_t size); /* they are durable */
void unsynced_forget_all(struct node *n);                             /* so is all of it */
/* Writes some of its sectors, as chance has it. */
void unsynced_tear(struct node *n, const char *data, uint64_t offset, uint64_t size);
enum cut { CUT_LOSE, CUT_TEAR, CUT_KEEP };
void unsynced_cut(struct node *n, enum cut how);

/* changes.c: a change of names that was made beneath. `victim`: what it took away, or NULL. */
void change_made(struct node *n);
void change_removed(struct node *n);
void change_renamed(struct node *n, const char *from, struct node *victim);
void change_sync(const struct node *directory);
void change_cut(enum cut how);

/* rules.c */
void request_begin(struct request *r); /* takes what it points to; does it now or later */
/* Milliseconds until something is due, -1: never. And does what is. */
int waiting_timeout(void);
void waiting_run(void);
uint32_t waiting_count(void);
/* Those that a rule holds up (0: all) are done at once. */
void waiting_release(uint32_t rule);
/* What was under way when the power went: torn, or not done. */
void waiting_cut(enum cut how);

struct rule {
	uint32_t number; /* from 1; 0: free */
	uint32_t ops;    /* a bit for each */
	char pattern[NAME_MAX + 1];
	int flags_set, flags_clear; /* of those that are open: O_DIRECT, O_DSYNC */
	uint64_t skip, times;       /* 0: each */
	struct effect effect;
	uint64_t seen;
};
uint32_t rule_add(const struct rule *rule); /* 0: no room */
bool rule_drop(uint32_t number);            /* 0: all */
uint64_t rule_hits(uint32_t number, bool *known);

/* requests.c */
extern const struct fuse_lowlevel_ops fs_operations;

/* run.c and names.c */
void run_lookup(struct request *r);
void run_getattr(struct request *r);
void run_setattr(struct request *r);
void run_open(struct request *r);
void run_read(struct request *r);
void run_write(struct request *r);
void run_fsync(struct request *r);
void run_fallocate(struct request *r);
void run_create(struct request *r);
void run_make(struct request *r);
void run_rename(struct request *r);
void run_remove(struct request *r);
void run_fsyncdir(struct request *r);
/* Bytes that may be taken of `wanted`; they are taken. And back. */
uint64_t space_take(uint64_t wanted);
void space_give(uint64_t size);

/* control.c: does a command, writes the answer. False: it was the last. */
bool control_do(char *command, char answer[TEXT_MAX]);

#endif
