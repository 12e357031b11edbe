/*
 * A file is its contents as a process sees them and as the media holds them, in shared blocks that
 * are copied when they are written (clones are cheap), and the list of sectors on which the two
 * may differ.
 */
#include "tests/unit/wal/fake_disk.h"

#include "raft/types.h"
#include "wal/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK = 4096,
	SECTOR = 512,
	INODES_MAX = 64,
	NAMES_MAX = 64,
	NAME_CHANGES_MAX = 64,
	FILES_MAX = 128,
};

struct block {
	uint32_t references;
	uint8_t data[BLOCK];
};

struct content {
	struct block **blocks; /* NULL: zeros */
	uint64_t count;
	uint64_t size;
};

/* A sector that was written and is not safe. */
struct pending {
	uint64_t offset;
	uint8_t data[SECTOR];
};

struct inode {
	struct content seen;
	struct content media;
	struct pending *pending;
	size_t pending_count;
	size_t pending_capacity;
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

enum kind { KIND_READ, KIND_WRITE, KIND_SYNC };

struct transfer {
	bool used;
	bool released;
	enum kind kind;
	int inode;
	bool durable;
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
	bool locked;
	struct fake_lies lies;
	void (*hook)(void *arg, struct fake_disk *f);
	void *hook_arg;
	uint64_t operations;
	uint64_t fail_at;
	int fail_error;
	uint64_t reads;
	uint64_t fail_read_at;
	int fail_read_error;
	bool hold;
};

static struct fake_disk *self(struct disk *d)
{
	return (struct fake_disk *)d;
}

static uint64_t roll(struct fake_disk *f, uint64_t bound)
{
	f->random += 0x9e3779b97f4a7c15u;
	return bytes_mix(f->random) % bound;
}

static void *must(void *memory)
{
	assert(memory != NULL);
	return memory;
}

/* --- contents ---------------------------------------------------------------------------- */

static void block_release(struct block *b)
{
	if (b != NULL && --b->references == 0)
		free(b);
}

static void content_free(struct content *c)
{
	for (uint64_t i = 0; i < c->count; i++)
		block_release(c->blocks[i]);
	free(c->blocks);
	*c = (struct content){0};
}

static void content_share(struct content *to, const struct content *from)
{
	*to = *from;
	to->blocks = must(malloc((from->count + 1) * sizeof(struct block *)));
	for (uint64_t i = 0; i < from->count; i++) {
		to->blocks[i] = from->blocks[i];
		if (to->blocks[i] != NULL)
			to->blocks[i]->references++;
	}
}

static void content_grow(struct content *c, uint64_t size)
{
	uint64_t count = (size + BLOCK - 1) / BLOCK;

	if (count > c->count) {
		c->blocks = must(realloc(c->blocks, count * sizeof(struct block *)));
		for (uint64_t i = c->count; i < count; i++)
			c->blocks[i] = NULL;
		c->count = count;
	}
	if (size > c->size)
		c->size = size;
}

/* Within one block. */
static void content_put(struct content *c, uint64_t offset, const uint8_t *data, size_t size)
{
	struct block **slot;

	content_grow(c, offset + size);
	slot = &c->blocks[offset / BLOCK];
	if (*slot == NULL) {
		if (bytes_zero(data, size))
			return;
		*slot = must(calloc(1, sizeof(struct block)));
		(*slot)->references = 1;
	} else if ((*slot)->references > 1) {
		struct block *copy = must(malloc(sizeof(struct block)));

		memcpy(copy->data, (*slot)->data, BLOCK);
		copy->references = 1;
		(*slot)->references--;
		*slot = copy;
	}
	memcpy((*slot)->data + offset % BLOCK, data, size);
}

static void content_get(const struct content *c, uint64_t offset, uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t in_block = offset % BLOCK;
		size_t part = size < BLOCK - in_block ? size : BLOCK - in_block;
		const struct block *b =
			offset / BLOCK < c->count ? c->blocks[offset / BLOCK] : NULL;

		if (b != NULL)
			memcpy(data, b->data + in_block, part);
		else
			memset(data, 0, part);
		offset += part;
		data += part;
		size -= part;
	}
}

/* A sector reaches the process's view, and either the media or the list of the unsafe. */
static void sector_write(struct inode *node, uint64_t offset, const uint8_t *data, bool safe)
{
	content_put(&node->seen, offset, data, SECTOR);
	if (safe) {
		size_t kept = 0;

		content_put(&node->media, offset, data, SECTOR);
		for (size_t i = 0; i < node->pending_count; i++)
			if (node->pending[i].offset != offset)
				node->pending[kept++] = node->pending[i];
		node->pending_count = kept;
		return;
	}
	if (node->pending_count == node->pending_capacity) {
		node->pending_capacity = 2 * node->pending_capacity + 64;
		node->pending = must(
			realloc(node->pending, node->pending_capacity * sizeof(struct pending)));
	}
	node->pending[node->pending_count].offset = offset;
	memcpy(node->pending[node->pending_count++].data, data, SECTOR);
}

static void inode_sync(struct inode *node)
{
	for (size_t i = 0; i < node->pending_count; i++)
		content_put(&node->media, node->pending[i].offset, node->pending[i].data, SECTOR);
	node->pending_count = 0;
	content_grow(&node->media, node->seen.size);
}

/* --- names ------------------------------------------------------------------------------- */

static int find(const struct directory *d, const char *name)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (strcmp(d->names[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void unlink_name(struct directory *d, const char *name)
{
	int at = find(d, name);

	if (at >= 0)
		d->names[at] = d->names[--d->count];
}

static void link_name(struct directory *d, const char *name, int inode)
{
	unlink_name(d, name);
	assert(d->count < NAMES_MAX);
	(void)snprintf(d->names[d->count].name, DISK_NAME_MAX, "%s", name);
	d->names[d->count++].inode = inode;
}

static void change_apply(struct directory *d, const struct name_change *c, bool keep_old)
{
	if (c->inode >= 0)
		link_name(d, c->name, c->inode);
	if (c->old[0] != '\0' && !keep_old)
		unlink_name(d, c->old);
}

static void change_name(struct fake_disk *f, const char *name, const char *old, int inode)
{
	struct name_change *c = &f->changes[f->change_count++];

	assert(f->change_count <= NAME_CHANGES_MAX);
	*c = (struct name_change){.inode = inode};
	(void)snprintf(c->name, DISK_NAME_MAX, "%s", name);
	(void)snprintf(c->old, DISK_NAME_MAX, "%s", old);
	change_apply(&f->seen, c, false);
}

static void names_sync(struct fake_disk *f)
{
	f->media = f->seen;
	f->change_count = 0;
}

/* --- steps ------------------------------------------------------------------------------- */

static void step(struct fake_disk *f)
{
	if (f->hook != NULL)
		f->hook(f->hook_arg, f);
}

static int fail_now(struct fake_disk *f)
{
	f->operations++;
	return f->operations == f->fail_at ? f->fail_error : 0;
}

static int fake_open(struct disk *d, const char *name, bool create, enum disk_mode mode, int *file)
{
	struct fake_disk *f = self(d);
	int at = find(&f->seen, name);
	int inode;
	int err;

	if (create) {
		step(f);
		err = fail_now(f);
		if (err != 0)
			return err;
		if (at >= 0)
			return -EEXIST;
		assert(f->inode_count < INODES_MAX);
		inode = f->inode_count++;
		f->inodes[inode] = (struct inode){0};
		change_name(f, name, "", inode);
	} else if (at < 0) {
		return -ENOENT;
	} else {
		inode = f->seen.names[at].inode;
	}
	for (int i = 0; i < FILES_MAX; i++) {
		if (f->files[i].used)
			continue;
		f->files[i] = (struct open_file){true, inode,
						 mode == DISK_DURABLE && !f->lies.ignore_durable};
		*file = i;
		return 0;
	}
	assert(false);
	return -EMFILE;
}

static void fake_close(struct disk *d, int file)
{
	struct fake_disk *f = self(d);

	assert(f->files[file].used);
	f->files[file].used = false;
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
		if (t->kind == KIND_READ)
			t->result = ++f->reads == f->fail_read_at ? f->fail_read_error : 0;
		else
			t->result = fail_now(f);
		return 0;
	}
	return -EAGAIN;
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
	rules_check(f, offset, data, size);
	t.copy = must(malloc(size));
	memcpy(t.copy, data, size);
	return submit(f, &t);
}

static int fake_read(struct disk *d, int file, uint64_t offset, void *data, size_t size,
		     uint64_t tag)
{
	struct fake_disk *f = self(d);
	struct transfer t = {.kind = KIND_READ,
			     .inode = f->files[file].inode,
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

static void write_land(struct fake_disk *f, struct transfer *t)
{
	struct inode *node = &f->inodes[t->inode];
	bool safe = t->durable && !f->lies.ack_early;

	/* What a lie put off lands with the next write. */
	if (t->durable && f->lies.ack_early)
		inode_sync(node);
	assert(memcmp(t->copy, t->data, t->size) == 0);
	for (size_t at = 0; at < t->size; at += SECTOR)
		sector_write(node, t->offset + at, t->copy + at, safe);
}

static struct disk_completion finish(struct fake_disk *f, struct transfer *t)
{
	struct inode *node = &f->inodes[t->inode];
	struct disk_completion done = {t->tag, t->result};

	if (t->kind != KIND_READ)
		step(f);
	if (t->result != 0) {
		/* A failed write may have landed or not; a failed sync dropped the pages. */
	} else if (t->kind == KIND_WRITE) {
		write_land(f, t);
	} else if (t->kind == KIND_SYNC) {
		inode_sync(node);
	} else if (t->offset + t->size > node->seen.size) {
		done.result = -ENODATA;
	} else {
		content_get(&node->seen, t->offset, t->data, t->size);
	}
	free(t->copy);
	t->copy = NULL;
	t->used = false;
	return done;
}

static uint32_t fake_poll(struct disk *d, struct disk_completion *out, uint32_t max, bool wait)
{
	struct fake_disk *f = self(d);
	uint32_t count = 0;
	uint32_t start = (uint32_t)roll(f, DISK_IN_FLIGHT_MAX);

	for (uint32_t i = 0; i < DISK_IN_FLIGHT_MAX && count < max; i++) {
		struct transfer *t = &f->transfers[(start + i) % DISK_IN_FLIGHT_MAX];

		if (!t->used || (f->hold && !t->released))
			continue;
		/* In any order, and not all at once. */
		if (!f->hold && !wait && roll(f, 3) == 0)
			continue;
		out[count++] = finish(f, t);
		if (wait)
			break;
	}
	assert(!wait || count > 0);
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

static int fake_rename(struct disk *d, const char *from, const char *to)
{
	struct fake_disk *f = self(d);
	int at = find(&f->seen, from);
	int err;

	step(f);
	err = fail_now(f);
	if (err != 0)
		return err;
	if (at < 0)
		return -ENOENT;
	change_name(f, to, from, f->seen.names[at].inode);
	return 0;
}

static int fake_remove_name(struct disk *d, const char *name)
{
	struct fake_disk *f = self(d);
	int err;

	step(f);
	err = fail_now(f);
	if (err != 0)
		return err;
	if (find(&f->seen, name) < 0)
		return -ENOENT;
	change_name(f, "", name, -1);
	return 0;
}

static int fake_sync_names(struct disk *d)
{
	struct fake_disk *f = self(d);
	int err;

	step(f);
	err = fail_now(f);
	if (err == 0 && !f->lies.ignore_names)
		names_sync(f);
	return err;
}

static int fake_lock(struct disk *d)
{
	struct fake_disk *f = self(d);

	if (f->locked)
		return -EWOULDBLOCK;
	f->locked = true;
	return 0;
}

static void fake_disk_destroy(struct disk *d)
{
	(void)d; /* the test's own */
}

/* --- the test's side --------------------------------------------------------------------- */

static const struct disk_ops fake_ops = {
	.open = fake_open,
	.close = fake_close,
	.size = fake_file_size,
	.write = fake_write,
	.read = fake_read,
	.sync = fake_sync,
	.submit = fake_submit,
	.poll = fake_poll,
	.list = fake_list,
	.rename = fake_rename,
	.remove = fake_remove_name,
	.sync_names = fake_sync_names,
	.lock = fake_lock,
	.destroy = fake_disk_destroy,
};

struct fake_disk *fake_create(uint32_t unit, uint64_t seed)
{
	struct fake_disk *f = must(calloc(1, sizeof(*f)));

	f->disk = (struct disk){&fake_ops, unit};
	f->random = seed;
	return f;
}

struct disk *fake_disk_of(struct fake_disk *f)
{
	return &f->disk;
}

static void transfers_drop(struct fake_disk *f)
{
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		free(f->transfers[i].copy);
		f->transfers[i] = (struct transfer){0};
	}
}

void fake_destroy(struct fake_disk *f)
{
	for (int i = 0; i < f->inode_count; i++) {
		content_free(&f->inodes[i].seen);
		content_free(&f->inodes[i].media);
		free(f->inodes[i].pending);
	}
	transfers_drop(f);
	free(f);
}

struct fake_disk *fake_clone(const struct fake_disk *f, uint64_t seed)
{
	struct fake_disk *copy = must(malloc(sizeof(*copy)));

	*copy = *f;
	copy->random = seed;
	copy->hook = NULL;
	copy->hold = false;
	for (int i = 0; i < f->inode_count; i++) {
		struct inode *node = &copy->inodes[i];

		content_share(&node->seen, &f->inodes[i].seen);
		content_share(&node->media, &f->inodes[i].media);
		node->pending_capacity = node->pending_count;
		node->pending = NULL;
		if (node->pending_count > 0) {
			node->pending = must(malloc(node->pending_count * sizeof(struct pending)));
			memcpy(node->pending, f->inodes[i].pending,
			       node->pending_count * sizeof(struct pending));
		}
	}
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		struct transfer *t = &copy->transfers[i];

		if (t->copy != NULL) {
			t->copy = must(malloc(t->size));
			memcpy(t->copy, f->transfers[i].copy, t->size);
		}
	}
	return copy;
}

/* Draws one element after the other: is element i of n there? */
struct draw {
	enum fake_style style;
	uint64_t pivot;
};

static struct draw draw_make(struct fake_disk *f, enum fake_style style, uint64_t n)
{
	return (struct draw){style, n > 0 ? roll(f, n + (style == FAKE_PREFIX)) : 0};
}

static bool draw_take(struct fake_disk *f, const struct draw *d, uint64_t i)
{
	switch (d->style) {
	case FAKE_NONE:
		return false;
	case FAKE_ALL:
		return true;
	case FAKE_RANDOM:
		return roll(f, 2) == 0;
	case FAKE_PREFIX:
		return i < d->pivot;
	case FAKE_SUFFIX:
		return i >= d->pivot;
	case FAKE_ALL_BUT_ONE:
		return i != d->pivot;
	case FAKE_ONLY_ONE:
		return i == d->pivot;
	case FAKE_STYLES:
		break;
	}
	assert(false);
	return false;
}

/* Writes in flight: those of their sectors that the style takes are now in the cache. */
static void in_flight_land(struct fake_disk *f, enum fake_style style)
{
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		struct transfer *t = &f->transfers[i];
		struct draw draw;

		if (!t->used || t->kind != KIND_WRITE)
			continue;
		draw = draw_make(f, style, t->size / SECTOR);
		for (size_t s = 0; s < t->size / SECTOR; s++)
			if (draw_take(f, &draw, s))
				sector_write(&f->inodes[t->inode], t->offset + s * SECTOR,
					     t->copy + s * SECTOR, false);
	}
	transfers_drop(f);
	memset(f->files, 0, sizeof(f->files));
	f->locked = false;
}

void fake_kill(struct fake_disk *f, enum fake_style style)
{
	in_flight_land(f, style);
}

static void names_settle(struct fake_disk *f, enum fake_style style)
{
	struct draw draw = draw_make(f, style, f->change_count);

	for (uint32_t i = 0; i < f->change_count; i++)
		if (draw_take(f, &draw, i))
			change_apply(&f->media, &f->changes[i], roll(f, 4) == 0);
	f->change_count = 0;
	f->seen = f->media;
}

void fake_power_cut(struct fake_disk *f, enum fake_style style)
{
	in_flight_land(f, FAKE_ALL);
	for (int i = 0; i < f->inode_count; i++) {
		struct inode *node = &f->inodes[i];
		struct draw draw = draw_make(f, style, node->pending_count);

		for (size_t p = 0; p < node->pending_count; p++)
			if (draw_take(f, &draw, p))
				content_put(&node->media, node->pending[p].offset,
					    node->pending[p].data, SECTOR);
		node->pending_count = 0;
		content_free(&node->seen);
		content_share(&node->seen, &node->media);
	}
	names_settle(f, style);
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

void fake_fail(struct fake_disk *f, uint64_t after, int error)
{
	f->fail_at = f->operations + after + 1;
	f->fail_error = error;
}

void fake_fail_reads(struct fake_disk *f, uint64_t after, int error)
{
	f->fail_read_at = f->reads + after + 1;
	f->fail_read_error = error;
}

uint64_t fake_operations(const struct fake_disk *f)
{
	return f->operations;
}

void fake_hold(struct fake_disk *f, bool hold)
{
	f->hold = hold;
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
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++)
		if (f->transfers[i].used && f->transfers[i].tag == tag)
			return true;
	return false;
}

static struct inode *named(const struct fake_disk *f, const char *name)
{
	int at = find(&f->seen, name);

	assert(at >= 0);
	return (struct inode *)(uintptr_t)&f->inodes[f->seen.names[at].inode];
}

bool fake_exists(const struct fake_disk *f, const char *name)
{
	return find(&f->seen, name) >= 0;
}

uint64_t fake_size(const struct fake_disk *f, const char *name)
{
	return named(f, name)->seen.size;
}

void fake_get(const struct fake_disk *f, const char *name, uint64_t offset, void *data, size_t size)
{
	content_get(&named(f, name)->seen, offset, data, size);
}

void fake_put(struct fake_disk *f, const char *name, uint64_t offset, const void *data, size_t size)
{
	struct inode *node = named(f, name);
	uint8_t sector[SECTOR];
	size_t done = 0;

	while (done < size) {
		uint64_t start = (offset + done) / SECTOR * SECTOR;
		size_t in_sector = (size_t)(offset + done - start);
		size_t part = size - done < SECTOR - in_sector ? size - done : SECTOR - in_sector;

		content_get(&node->seen, start, sector, SECTOR);
		memcpy(sector + in_sector, (const uint8_t *)data + done, part);
		sector_write(node, start, sector, true);
		done += part;
	}
}

void fake_flip(struct fake_disk *f, const char *name, uint64_t offset, uint32_t bit)
{
	uint8_t byte;

	fake_get(f, name, offset, &byte, 1);
	byte = (uint8_t)(byte ^ 1u << bit);
	fake_put(f, name, offset, &byte, 1);
}

void fake_remove(struct fake_disk *f, const char *name)
{
	unlink_name(&f->seen, name);
	names_sync(f);
}

void fake_copy(struct fake_disk *f, const char *from, const char *to)
{
	struct inode *source = named(f, from);
	struct inode *node;

	if (!fake_exists(f, to)) {
		assert(f->inode_count < INODES_MAX);
		f->inodes[f->inode_count] = (struct inode){0};
		link_name(&f->seen, to, f->inode_count++);
		names_sync(f);
	}
	node = named(f, to);
	content_free(&node->seen);
	content_free(&node->media);
	content_share(&node->seen, &source->seen);
	content_share(&node->media, &source->seen);
}

void fake_truncate(struct fake_disk *f, const char *name, uint64_t size)
{
	struct inode *node = named(f, name);

	node->seen.size = size;
	node->media.size = size;
}

uint64_t fake_hash(const struct fake_disk *f)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < f->seen.count; i++) {
		const struct name *n = &f->seen.names[i];
		const struct content *c = &f->inodes[n->inode].seen;
		uint64_t file = bytes_crc(0, n->name, strlen(n->name));

		file = bytes_mix(file ^ c->size << 32);
		for (uint64_t b = 0; b < c->count; b++)
			if (c->blocks[b] != NULL)
				file = bytes_mix(file ^ b ^
						 (uint64_t)bytes_crc(0, c->blocks[b]->data, BLOCK)
							 << 20);
		hash ^= file; /* the order of names does not count */
	}
	return hash;
}
