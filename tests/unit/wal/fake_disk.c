/*
 * The fake disk as the log sees it: the operations of the seam, in any order the rules allow.
 */
#include "tests/unit/wal/fake_state.h"

#include "base/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_disk *self(struct disk *d)
{
	return (struct fake_disk *)d;
}

uint64_t fake_roll(struct fake_disk *f, uint64_t bound)
{
	return mix_next(&f->random) % bound;
}

/* --- steps ------------------------------------------------------------------------------- */

static void step(struct fake_disk *f)
{
	if (f->hook)
		f->hook(f->hook_arg, f);
}

static int fail_now(struct fake_disk *f)
{
	f->operations++;
	return f->operations == f->fail_at ? f->fail_error : 0;
}

static bool is_named(const struct directory *d, int inode)
{
	for (uint32_t i = 0; i < d->count; i++) {
		if (d->names[i].inode == inode)
			return true;
	}
	return false;
}

/* By a name, now or after a crash, or by somebody who has it open. */
static bool is_used(const struct fake_disk *f, int inode)
{
	if (is_named(&f->seen, inode) || is_named(&f->media, inode))
		return true;
	for (uint32_t i = 0; i < f->change_count; i++) {
		if (f->changes[i].inode == inode)
			return true;
	}
	for (int i = 0; i < FILES_MAX; i++) {
		if (f->files[i].used && f->files[i].inode == inode)
			return true;
	}
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		if (f->transfers[i].used && f->transfers[i].inode == inode)
			return true;
	}
	return false;
}

static int inode_take(struct fake_disk *f)
{
	int inode = f->inode_count;

	if (inode < INODES_MAX) {
		f->inode_count++;
	} else {
		do {
			assert(inode > 0);
			inode--;
		} while (is_used(f, inode));
		fake_content_free(&f->inodes[inode].seen);
		fake_content_free(&f->inodes[inode].media);
		free(f->inodes[inode].pending);
	}
	f->inodes[inode] = (struct inode){0};
	return inode;
}

/* On a real disk it would wait, and all that is asked behind it. */
static void alone_check(const struct fake_disk *f, int inode, bool reads)
{
	for (int i = 0; i < FILES_MAX && !f->no_locks; i++) {
		const struct open_file *other = &f->files[i];

		assert(!other->used || other->inode != inode || (other->reads && reads));
	}
}

static int file_open(struct fake_disk *f, const struct disk_call *call, uint64_t *file)
{
	const bool reads = call->mode == DISK_READ;
	int at = fake_name_find(&f->seen, call->name);
	int inode;

	if (f->files_max > 0 && fake_files(f) >= f->files_max)
		return -EMFILE;
	if (call->kind == DISK_CREATE) {
		if (at >= 0)
			return -EEXIST;
		inode = inode_take(f);
		fake_change_name(f, call->name, "", inode);
	} else if (at < 0) {
		return -ENOENT;
	} else {
		inode = f->seen.names[at].inode;
	}
	alone_check(f, inode, reads);
	for (int i = 0; i < FILES_MAX; i++) {
		if (f->files[i].used)
			continue;
		f->files[i] = (struct open_file){
			true, inode, call->mode == DISK_DURABLE && !f->lies.ignore_durable,
			call->mode == DISK_DIRECT || reads, reads};
		*file = (uint64_t)i;
		return 0;
	}
	assert(false);
	return -EMFILE;
}

static uint64_t taken(const struct inode *node)
{
	return node->allocated > node->seen.size ? node->allocated : node->seen.size;
}

/* A file takes space up to `size`. */
static int space_take(struct fake_disk *f, struct inode *node, uint64_t size)
{
	uint64_t more = size > taken(node) ? size - taken(node) : 0;

	if (!f->space_counts)
		return 0;
	if (more > f->space)
		return -ENOSPC;
	f->space -= more;
	if (size > node->allocated)
		node->allocated = size;
	return 0;
}

static int name_remove(struct fake_disk *f, const char *name)
{
	int at = fake_name_find(&f->seen, name);

	if (at < 0)
		return -ENOENT;
	if (f->space_counts)
		f->space += taken(&f->inodes[f->seen.names[at].inode]);
	fake_change_name(f, "", name, -1);
	return 0;
}

/* Whatever changes what is on the disk is a step that a crash may come before, and may fail. */
static int call_do(struct fake_disk *f, const struct disk_call *call, uint64_t *value)
{
	bool changes = call->kind == DISK_CREATE || call->kind == DISK_RENAME ||
		       call->kind == DISK_REMOVE || call->kind == DISK_SYNC_NAMES ||
		       call->kind == DISK_ALLOCATE;
	int at;
	int err;

	if (changes) {
		step(f);
		err = fail_now(f);
		if (err != 0)
			return err;
	}
	if (f->names_error != 0 &&
	    (call->kind == DISK_OPEN || (changes && call->kind != DISK_ALLOCATE)))
		return f->names_error;
	switch (call->kind) {
	case DISK_OPEN:
	case DISK_CREATE:
		return file_open(f, call, value);
	case DISK_CLOSE:
		return 0;
	case DISK_RENAME:
		at = fake_name_find(&f->seen, call->name);
		if (at < 0)
			return -ENOENT;
		fake_change_name(f, call->to, call->name, f->seen.names[at].inode);
		return 0;
	case DISK_REMOVE:
		return name_remove(f, call->name);
	case DISK_SYNC_NAMES:
		if (!f->lies.ignore_names)
			fake_names_sync(f);
		return 0;
	case DISK_ALLOCATE:
		return space_take(f, &f->inodes[f->files[call->file].inode], call->size);
	case DISK_SPACE:
		*value = f->space;
		if (f->look_error != 0)
			return f->look_error;
		return f->space_counts ? 0 : -EOPNOTSUPP;
	}
	assert(false);
	return -EINVAL;
}

static int fake_file_size(struct disk *d, int file, uint64_t *size)
{
	struct fake_disk *f = self(d);

	*size = f->inodes[f->files[file].inode].seen.size;
	return 0;
}

static int submit(struct fake_disk *f, const struct transfer *what)
{
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		struct transfer *t = &f->transfers[i];

		if (t->used)
			continue;
		*t = *what;
		t->used = true;
		f->in_flight++;
		if (t->kind == KIND_CALL)
			t->result = 0; /* as it is done */
		else if (t->kind == KIND_READ)
			t->result = ++f->reads == f->fail_read_at ? f->fail_read_error : 0;
		else
			t->result = fail_now(f);
		if (t->no_space)
			t->result = -ENOSPC;
		return 0;
	}
	return -EAGAIN;
}

static int fake_call(struct disk *d, const struct disk_call *call, uint64_t tag)
{
	struct fake_disk *f = self(d);
	struct transfer t = {.kind = KIND_CALL, .call = *call, .tag = tag};
	int err;

	if (call->kind == DISK_CLOSE || call->kind == DISK_ALLOCATE)
		assert(f->files[call->file].used);
	err = submit(f, &t);
	if (err == 0 && call->kind == DISK_CLOSE)
		f->files[call->file].used = false;
	return err;
}

static void rules_check(struct fake_disk *f, uint64_t offset, const void *data, size_t size)
{
	assert(offset % f->disk.unit == 0);
	assert(size % f->disk.unit == 0);
	assert(size > 0);
	assert((uintptr_t)data % f->disk.unit == 0);
}

static int fake_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size,
		      uint64_t tag)
{
	struct fake_disk *f = self(d);
	struct transfer t = {.kind = KIND_WRITE,
			     .inode = f->files[file].inode,
			     .durable = f->files[file].durable,
			     .offset = offset,
			     .size = size,
			     .tag = tag,
			     .data = (uint8_t *)(uintptr_t)data};

	assert(f->files[file].used);
	assert(!f->files[file].reads);
	rules_check(f, offset, data, size);
	if (space_take(f, &f->inodes[t.inode], offset + size) != 0)
		t.no_space = true;
	t.copy = fake_must(malloc(size));
	memcpy(t.copy, data, size);
	return submit(f, &t);
}

static int fake_read(struct disk *d, int file, uint64_t offset, void *data, size_t size,
		     uint64_t tag)
{
	struct fake_disk *f = self(d);
	struct transfer t = {.kind = KIND_READ,
			     .inode = f->files[file].inode,
			     .past_cache = f->files[file].durable || f->files[file].direct,
			     .offset = offset,
			     .size = size,
			     .tag = tag,
			     .data = data};

	assert(f->files[file].used);
	rules_check(f, offset, data, size);
	memset(data, 0xee, size);
	return submit(f, &t);
}

static int fake_sync(struct disk *d, int file, uint64_t tag)
{
	struct fake_disk *f = self(d);
	struct transfer t = {.kind = KIND_SYNC, .inode = f->files[file].inode, .tag = tag};

	assert(f->files[file].used);
	return submit(f, &t);
}

static int fake_submit(struct disk *d)
{
	(void)d;
	return 0;
}

static int bad_read(const struct inode *node, uint64_t offset, size_t size)
{
	for (uint32_t i = 0; i < node->bad_count; i++)
		if (node->bad[i].from < node->bad[i].to && offset < node->bad[i].to &&
		    node->bad[i].from < offset + size)
			return node->bad[i].err;
	return 0;
}

static void bad_written(struct inode *node, uint64_t offset, size_t size)
{
	for (uint32_t i = 0; i < node->bad_count; i++)
		if (offset <= node->bad[i].from && node->bad[i].to <= offset + size)
			node->bad[i].to = node->bad[i].from;
}

static void write_land(struct fake_disk *f, struct transfer *t)
{
	struct inode *node = &f->inodes[t->inode];
	bool safe = t->durable && !f->lies.ack_early;

	/* Sectors that a lie put off land with the next write. */
	if (t->durable && f->lies.ack_early)
		fake_inode_sync(node);
	assert(memcmp(t->copy, t->data, t->size) == 0);
	bad_written(node, t->offset, t->size);
	for (size_t at = 0; at < t->size; at += FAKE_SECTOR)
		fake_sector_write(node, t->offset + at, t->copy + at, safe);
}

static void transfer_end(struct fake_disk *f, struct transfer *t)
{
	t->used = false;
	f->in_flight--;
}

static struct disk_completion finish(struct fake_disk *f, struct transfer *t)
{
	struct inode *node = &f->inodes[t->inode];
	struct disk_completion done = {.tag = t->tag, .result = t->result};

	if (t->kind == KIND_CALL) {
		transfer_end(f, t);
		done.result = call_do(f, &t->call, &done.value);
		done.all = f->space_all;
		return done;
	}
	if (t->kind != KIND_READ)
		step(f);
	if (t->result != 0) {
		/* A failed write may have landed; after a failed sync the pages are clean. */
		if (t->kind == KIND_SYNC)
			fake_inode_clean(node);
	} else if (t->kind == KIND_WRITE) {
		write_land(f, t);
	} else if (t->kind == KIND_SYNC) {
		fake_inode_sync(node);
	} else if (t->offset + t->size > node->seen.size) {
		done.result = -ENODATA;
	} else if (bad_read(node, t->offset, t->size) != 0) {
		done.result = bad_read(node, t->offset, t->size);
	} else if (t->past_cache && node->unclean) {
		fake_direct_get(node, t->offset, t->data, t->size);
	} else {
		fake_content_get(&node->seen, t->offset, t->data, t->size);
	}
	free(t->copy);
	t->copy = NULL;
	transfer_end(f, t);
	return done;
}

static uint32_t fake_poll(struct disk *d, struct disk_completion *out, uint32_t max, bool wait)
{
	struct fake_disk *f = self(d);
	uint32_t count = 0, left = f->in_flight;
	uint32_t start = (uint32_t)fake_roll(f, DISK_IN_FLIGHT_MAX);

	for (uint32_t i = 0; left > 0 && count < max && !f->hang; i++) {
		struct transfer *t = &f->transfers[(start + i) % DISK_IN_FLIGHT_MAX];

		left -= t->used;
		/* Whoever waits does so for as long as it takes: nothing is held back from it. */
		if (!t->used || (f->hold && !t->released && !wait))
			continue;
		/* In any order, and not all at once. */
		if (!f->hold && !wait && fake_roll(f, 3) == 0)
			continue;
		out[count++] = finish(f, t);
		if (wait)
			break;
	}
	assert(!wait || count > 0 || f->hang);
	return count;
}

static int fake_list(struct disk *d, uint32_t i, char name[DISK_NAME_MAX])
{
	struct fake_disk *f = self(d);

	if (i >= f->seen.count)
		return -ENOENT;
	memcpy(name, f->seen.names[f->seen.count - 1 - i].name, DISK_NAME_MAX);
	return 0;
}

static int fake_lock(struct disk *d)
{
	struct fake_disk *f = self(d);

	if (f->locked)
		return -EWOULDBLOCK;
	f->locked = true;
	return 0;
}

static void fake_unlock(struct disk *d)
{
	self(d)->locked = false;
}

static void fake_disk_destroy(struct disk *d)
{
	(void)d; /* the test's own */
}

/* --- the test's side --------------------------------------------------------------------- */

static const struct disk_ops fake_ops = {
	.call = fake_call,
	.size = fake_file_size,
	.write = fake_write,
	.read = fake_read,
	.sync = fake_sync,
	.submit = fake_submit,
	.poll = fake_poll,
	.list = fake_list,
	.lock = fake_lock,
	.unlock = fake_unlock,
	.destroy = fake_disk_destroy,
};

struct fake_disk *fake_create(uint32_t unit, uint64_t seed)
{
	struct fake_disk *f = fake_must(calloc(1, sizeof(*f)));

	f->disk = (struct disk){.ops = &fake_ops, .unit = unit};
	f->random = seed;
	return f;
}

struct disk *fake_disk_of(struct fake_disk *f)
{
	return &f->disk;
}

void fake_set_lies(struct fake_disk *f, struct fake_lies lies)
{
	f->lies = lies;
}

void fake_set_hook(struct fake_disk *f, void (*hook)(void *arg, struct fake_disk *f), void *arg)
{
	f->hook = hook;
	f->hook_arg = arg;
}

void fake_fail(struct fake_disk *f, uint64_t after, int err)
{
	f->fail_at = f->operations + after + 1;
	f->fail_error = err;
}

void fake_files_max(struct fake_disk *f, uint32_t max)
{
	f->files_max = max;
}

uint32_t fake_files(const struct fake_disk *f)
{
	uint32_t count = 0;

	for (int i = 0; i < FILES_MAX; i++)
		count += f->files[i].used;
	return count;
}

void fake_no_locks(struct fake_disk *f)
{
	f->no_locks = true;
}

void fake_fail_reads(struct fake_disk *f, uint64_t after, int err)
{
	f->fail_read_at = f->reads + after + 1;
	f->fail_read_error = err;
}

uint64_t fake_operations(const struct fake_disk *f)
{
	return f->operations;
}

void fake_hold(struct fake_disk *f, bool hold)
{
	f->hold = hold;
}

void fake_space(struct fake_disk *f, bool counts, uint64_t space)
{
	f->space_counts = counts;
	f->space = space;
}

void fake_space_all(struct fake_disk *f, uint64_t all)
{
	f->space_all = all;
}

void fake_names_fail(struct fake_disk *f, int err)
{
	f->names_error = err;
}

void fake_look_fails(struct fake_disk *f, int err)
{
	f->look_error = err;
}

void fake_hang(struct fake_disk *f, bool hang)
{
	f->hang = hang;
}

bool fake_release(struct fake_disk *f, uint64_t tag)
{
	bool found = false;

	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		if (!f->transfers[i].used || f->transfers[i].tag != tag)
			continue;
		f->transfers[i].released = true;
		found = true;
	}
	return found;
}

bool fake_has(const struct fake_disk *f, uint64_t tag)
{
	uint32_t left = f->in_flight;

	for (uint32_t i = 0; left > 0; i++) {
		if (f->transfers[i].used && !f->transfers[i].released && f->transfers[i].tag == tag)
			return true;
		left -= f->transfers[i].used;
	}
	return false;
}
