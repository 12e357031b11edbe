/*
 * What a power cut may take of a file's contents: the old contents of the sectors that were written
 * since they were durable last, and the size that was.
 */
#include "tests/disk/fs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Calls `what` for every sector that the bytes lie in. */
static void each(struct node *n, uint64_t offset, uint64_t size,
		 void (*what)(struct node *n, uint64_t sector))
{
	for (uint64_t s = offset / SECTOR; size > 0 && s <= (offset + size - 1) / SECTOR; s++)
		what(n, s);
}

static struct page *page_of(struct node *n, uint64_t sector, bool make)
{
	uint64_t i = sector / PAGE_SECTORS;

	if (i >= n->page_count) {
		if (!make)
			return NULL;
		n->pages = realloc(n->pages, (i + 1) * sizeof(struct page *));
		assert(n->pages);
		while (n->page_count <= i)
			n->pages[n->page_count++] = NULL;
	}
	if (!n->pages[i] && make) {
		n->pages[i] = calloc(1, sizeof(struct page));
		assert(n->pages[i]);
	}
	return n->pages[i];
}

static uint8_t bit(uint64_t sector)
{
	return (uint8_t)(1u << sector % PAGE_SECTORS);
}

static void keep(struct node *n, uint64_t sector)
{
	struct page *p = page_of(n, sector, true);
	uint8_t *old = p->old + sector % PAGE_SECTORS * SECTOR;

	if (p->mask & bit(sector))
		return;
	p->mask |= bit(sector);
	/* Past the end there are zeros. */
	memset(old, 0, SECTOR);
	(void)!pread(n->fd, old, SECTOR, (off_t)(sector * SECTOR));
}

void unsynced_begin(struct node *n, uint64_t offset, uint64_t size)
{
	each(n, offset, size, keep);
}

static void forget(struct node *n, uint64_t sector)
{
	struct page *p = page_of(n, sector, false);

	if (!p)
		return;
	p->mask &= (uint8_t)~bit(sector);
	if (p->mask == 0) {
		free(p);
		n->pages[sector / PAGE_SECTORS] = NULL;
	}
}

void unsynced_forget(struct node *n, uint64_t offset, uint64_t size)
{
	each(n, offset, size, forget);
	if (n->durable_size < offset + size)
		n->durable_size = offset + size;
}

void unsynced_forget_all(struct node *n)
{
	struct stat st;

	for (uint64_t i = 0; i < n->page_count; i++)
		free(n->pages[i]);
	free(n->pages);
	n->pages = NULL;
	n->page_count = 0;
	if (node_stat(n, &st) == 0)
		n->durable_size = (uint64_t)st.st_size;
}

void unsynced_tear(struct node *n, const char *data, uint64_t offset, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += SECTOR) {
		uint64_t some = size - at < SECTOR ? size - at : SECTOR;

		if (fs_random() % 2)
			(void)!pwrite(n->fd, data + at, some, (off_t)(offset + at));
	}
}

/* The file is open. */
static void take(struct node *n, enum cut how)
{
	uint64_t end = n->durable_size;
	struct stat st;

	for (uint64_t s = 0; s < n->page_count * PAGE_SECTORS; s++) {
		struct page *p = n->pages[s / PAGE_SECTORS];

		if (p && (p->mask & bit(s)) && (how == CUT_LOSE || fs_random() % 2))
			(void)!pwrite(n->fd, p->old + s % PAGE_SECTORS * SECTOR, SECTOR,
				      (off_t)(s * SECTOR));
	}
	if (fstat(n->fd, &st) != 0)
		return;
	/* The size lies somewhere between, too. */
	if (how == CUT_TEAR && (uint64_t)st.st_size > end)
		end += fs_random() % ((uint64_t)st.st_size - end + 1) / SECTOR * SECTOR;
	if ((uint64_t)st.st_size > end)
		(void)!ftruncate(n->fd, (off_t)end);
}

void unsynced_cut(struct node *n, enum cut how)
{
	struct stat st;

	if (how == CUT_KEEP || n->directory || n->removed || node_stat(n, &st) != 0 ||
	    !S_ISREG(st.st_mode) || node_open(n) != 0)
		return;
	take(n, how);
	unsynced_forget_all(n);
	node_close(n);
}
