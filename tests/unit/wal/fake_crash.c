/*
 * The side that the log does not see: clones, crashes, and hands on the media.
 */
#include "tests/unit/wal/fake_state.h"

#include "base/crc.h"
#include "base/mix.h"

#include <stdlib.h>
#include <string.h>

static void transfers_drop(struct fake_disk *f)
{
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		free(f->transfers[i].copy);
		f->transfers[i] = (struct transfer){0};
	}
	f->in_flight = 0;
}

void fake_destroy(struct fake_disk *f)
{
	for (int i = 0; i < f->inode_count; i++) {
		fake_content_free(&f->inodes[i].seen);
		fake_content_free(&f->inodes[i].media);
		free(f->inodes[i].pending);
	}
	transfers_drop(f);
	free(f);
}

struct fake_disk *fake_clone(const struct fake_disk *f, uint64_t seed)
{
	struct fake_disk *copy = fake_must(malloc(sizeof(*copy)));

	*copy = *f;
	copy->random = seed;
	copy->hook = NULL;
	copy->hold = false;
	copy->hang = false;
	for (int i = 0; i < f->inode_count; i++) {
		struct inode *node = &copy->inodes[i];

		fake_content_share(&node->seen, &f->inodes[i].seen);
		fake_content_share(&node->media, &f->inodes[i].media);
		node->pending_capacity = node->pending_count;
		node->pending = NULL;
		if (node->pending_count > 0) {
			node->pending =
				fake_must(malloc(node->pending_count * sizeof(struct pending)));
			memcpy(node->pending, f->inodes[i].pending,
			       node->pending_count * sizeof(struct pending));
		}
	}
	for (int i = 0; i < DISK_IN_FLIGHT_MAX; i++) {
		struct transfer *t = &copy->transfers[i];

		if (t->copy) {
			t->copy = fake_must(malloc(t->size));
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
	return (struct draw){style, n > 0 ? fake_roll(f, n + (style == FAKE_PREFIX)) : 0};
}

static bool draw_take(struct fake_disk *f, const struct draw *d, uint64_t i)
{
	switch (d->style) {
	case FAKE_NONE:
		return false;
	case FAKE_ALL:
		return true;
	case FAKE_RANDOM:
		return fake_roll(f, 2) == 0;
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
		draw = draw_make(f, style, t->size / FAKE_SECTOR);
		for (size_t s = 0; s < t->size / FAKE_SECTOR; s++)
			if (draw_take(f, &draw, s))
				fake_sector_write(&f->inodes[t->inode], t->offset + s * FAKE_SECTOR,
						  t->copy + s * FAKE_SECTOR, false);
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
			fake_change_apply(&f->media, &f->changes[i], fake_roll(f, 4) == 0);
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
				fake_content_put(&node->media, node->pending[p].offset,
						 node->pending[p].data, FAKE_SECTOR);
		node->pending_count = 0;
		fake_content_free(&node->seen);
		fake_content_share(&node->seen, &node->media);
	}
	names_settle(f, style);
}

static struct inode *named(const struct fake_disk *f, const char *name)
{
	int at = fake_name_find(&f->seen, name);

	assert(at >= 0);
	return (struct inode *)(uintptr_t)&f->inodes[f->seen.names[at].inode];
}

bool fake_exists(const struct fake_disk *f, const char *name)
{
	return fake_name_find(&f->seen, name) >= 0;
}

uint64_t fake_size(const struct fake_disk *f, const char *name)
{
	return named(f, name)->seen.size;
}

void fake_get(const struct fake_disk *f, const char *name, uint64_t offset, void *data, size_t size)
{
	fake_content_get(&named(f, name)->seen, offset, data, size);
}

void fake_put(struct fake_disk *f, const char *name, uint64_t offset, const void *data, size_t size)
{
	struct inode *node = named(f, name);
	uint8_t sector[FAKE_SECTOR];
	size_t done = 0;

	while (done < size) {
		uint64_t start = (offset + done) / FAKE_SECTOR * FAKE_SECTOR;
		size_t in_sector = (size_t)(offset + done - start);
		size_t part = size - done < FAKE_SECTOR - in_sector ? size - done
								    : FAKE_SECTOR - in_sector;

		fake_content_get(&node->seen, start, sector, FAKE_SECTOR);
		memcpy(sector + in_sector, (const uint8_t *)data + done, part);
		fake_sector_write(node, start, sector, true);
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

void fake_bad(struct fake_disk *f, const char *name, uint64_t offset, size_t size, int err)
{
	struct inode *node = named(f, name);

	assert(node->bad_count < BAD_MAX);
	node->bad[node->bad_count].from = offset;
	node->bad[node->bad_count].to = offset + size;
	node->bad[node->bad_count++].err = err;
}

void fake_mended(struct fake_disk *f, const char *name)
{
	named(f, name)->bad_count = 0;
}

void fake_remove(struct fake_disk *f, const char *name)
{
	fake_name_unlink(&f->seen, name);
	fake_names_sync(f);
}

void fake_copy(struct fake_disk *f, const char *from, const char *to)
{
	struct inode *source = named(f, from);
	struct inode *node;

	if (!fake_exists(f, to)) {
		assert(f->inode_count < INODES_MAX);
		f->inodes[f->inode_count] = (struct inode){0};
		fake_name_link(&f->seen, to, f->inode_count++);
		fake_names_sync(f);
	}
	node = named(f, to);
	fake_content_free(&node->seen);
	fake_content_free(&node->media);
	fake_content_share(&node->seen, &source->seen);
	fake_content_share(&node->media, &source->seen);
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

		file = mix(file ^ c->size << 32);
		for (uint64_t b = 0; b < c->count; b++)
			if (c->blocks[b])
				file = mix(file ^ b ^
					   (uint64_t)bytes_crc(0, c->blocks[b]->data, FAKE_BLOCK)
						   << 20);
		hash ^= file; /* the order of names does not count */
	}
	return hash;
}
