/*
 * The contents of the fake disk, in shared blocks; sectors that are not safe yet; names.
 */
#include "tests/unit/wal/fake_state.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

void *fake_must(void *memory)
{
	assert(memory);
	return memory;
}

/* --- contents ---------------------------------------------------------------------------- */

static void block_release(struct block *b)
{
	if (b && --b->references == 0)
		free(b);
}

void fake_content_free(struct content *c)
{
	for (uint64_t i = 0; i < c->count; i++)
		block_release(c->blocks[i]);
	free(c->blocks);
	*c = (struct content){0};
}

void fake_content_share(struct content *to, const struct content *from)
{
	*to = *from;
	to->blocks = fake_must(malloc((from->count + 1) * sizeof(struct block *)));
	for (uint64_t i = 0; i < from->count; i++) {
		to->blocks[i] = from->blocks[i];
		if (to->blocks[i])
			to->blocks[i]->references++;
	}
}

static void content_grow(struct content *c, uint64_t size)
{
	uint64_t count = (size + FAKE_BLOCK - 1) / FAKE_BLOCK;

	if (count > c->count) {
		c->blocks = fake_must(realloc(c->blocks, count * sizeof(struct block *)));
		for (uint64_t i = c->count; i < count; i++)
			c->blocks[i] = NULL;
		c->count = count;
	}
	if (size > c->size)
		c->size = size;
}

void fake_content_put(struct content *c, uint64_t offset, const uint8_t *data, size_t size)
{
	struct block **slot;

	content_grow(c, offset + size);
	slot = &c->blocks[offset / FAKE_BLOCK];
	if (!*slot) {
		if (bytes_zero(data, size))
			return;
		*slot = fake_must(calloc(1, sizeof(struct block)));
		(*slot)->references = 1;
	} else if ((*slot)->references > 1) {
		struct block *copy = fake_must(malloc(sizeof(struct block)));

		memcpy(copy->data, (*slot)->data, FAKE_BLOCK);
		copy->references = 1;
		(*slot)->references--;
		*slot = copy;
	}
	memcpy((*slot)->data + offset % FAKE_BLOCK, data, size);
}

void fake_content_get(const struct content *c, uint64_t offset, uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t in_block = offset % FAKE_BLOCK;
		size_t part = size < FAKE_BLOCK - in_block ? size : FAKE_BLOCK - in_block;
		const struct block *b =
			offset / FAKE_BLOCK < c->count ? c->blocks[offset / FAKE_BLOCK] : NULL;

		if (b)
			memcpy(data, b->data + in_block, part);
		else
			memset(data, 0, part);
		offset += part;
		data += part;
		size -= part;
	}
}

void fake_sector_write(struct inode *node, uint64_t offset, const uint8_t *data, bool safe)
{
	fake_content_put(&node->seen, offset, data, FAKE_SECTOR);
	if (safe) {
		size_t kept = 0;

		fake_content_put(&node->media, offset, data, FAKE_SECTOR);
		for (size_t i = 0; i < node->pending_count; i++)
			if (node->pending[i].offset != offset)
				node->pending[kept++] = node->pending[i];
		node->pending_count = kept;
		return;
	}
	if (node->pending_count == node->pending_capacity) {
		node->pending_capacity = 2 * node->pending_capacity + 64;
		node->pending = fake_must(
			realloc(node->pending, node->pending_capacity * sizeof(struct pending)));
	}
	node->pending[node->pending_count].offset = offset;
	memcpy(node->pending[node->pending_count++].data, data, FAKE_SECTOR);
}

void fake_inode_sync(struct inode *node)
{
	for (size_t i = 0; i < node->pending_count; i++)
		fake_content_put(&node->media, node->pending[i].offset, node->pending[i].data,
				 FAKE_SECTOR);
	node->pending_count = 0;
	content_grow(&node->media, node->seen.size);
}

void fake_inode_clean(struct inode *node)
{
	node->unclean |= node->pending_count > 0;
	node->pending_count = 0;
	content_grow(&node->media, node->seen.size);
}

void fake_direct_get(const struct inode *node, uint64_t offset, uint8_t *data, size_t size)
{
	fake_content_get(&node->media, offset, data, size);
	for (size_t i = 0; i < node->pending_count; i++) {
		const struct pending *p = &node->pending[i];

		if (p->offset >= offset && p->offset + FAKE_SECTOR <= offset + size)
			memcpy(data + (p->offset - offset), p->data, FAKE_SECTOR);
	}
}

/* --- names ------------------------------------------------------------------------------- */

int fake_name_find(const struct directory *d, const char *name)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (strcmp(d->names[i].name, name) == 0)
			return (int)i;
	return -1;
}

void fake_name_unlink(struct directory *d, const char *name)
{
	int at = fake_name_find(d, name);

	if (at >= 0)
		d->names[at] = d->names[--d->count];
}

void fake_name_link(struct directory *d, const char *name, int inode)
{
	fake_name_unlink(d, name);
	assert(d->count < NAMES_MAX);
	(void)snprintf(d->names[d->count].name, DISK_NAME_MAX, "%s", name);
	d->names[d->count++].inode = inode;
}

void fake_change_apply(struct directory *d, const struct name_change *c, bool keep_old)
{
	if (c->inode >= 0)
		fake_name_link(d, c->name, c->inode);
	if (c->old[0] != '\0' && !keep_old)
		fake_name_unlink(d, c->old);
}

void fake_change_name(struct fake_disk *f, const char *name, const char *old, int inode)
{
	struct name_change *c = &f->changes[f->change_count++];

	assert(f->change_count <= NAME_CHANGES_MAX);
	*c = (struct name_change){.inode = inode};
	(void)snprintf(c->name, DISK_NAME_MAX, "%s", name);
	(void)snprintf(c->old, DISK_NAME_MAX, "%s", old);
	fake_change_apply(&f->seen, c, false);
}

void fake_names_sync(struct fake_disk *f)
{
	f->media = f->seen;
	f->change_count = 0;
}
