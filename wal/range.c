/*
 * Ranges of snapshots for peers, as they lie in the file. Each block is checked before it is given
 * (W21): who finds one that is not right here has it damaged, as a restore does, and gives it to
 * nobody; else a peer would ask for it again and again.
 */
#include "wal/pull.h"

#include "base/bytes.h"
#include "wal/io.h"
#include "wal/scan.h"
#include "wal/snapshot.h"
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_BLOCKS = 16 }; /* in one turn */

/* A file that was not asked for since is closed. */
#define IDLE_NS UINT64_C(10000000000)

static bool of(const struct range *r, raft_index index, raft_term term)
{
	return r->index == index && r->term == term;
}

static bool is_free(const struct range *r)
{
	return !r->taken && !r->in_flight;
}

/* False: the disk has too much to do. */
static bool let_go(struct wal *w, struct range *r)
{
	const struct disk_call call = {.kind = DISK_CLOSE, .file = r->fd};

	if (r->fd >= 0 && w->disk->ops->call(w->disk, &call, TAG_CLOSE) != 0)
		return false;
	w->closing += r->fd >= 0;
	free(r->data);
	*r = (struct range){.fd = -1};
	return true;
}

/* One that has the file open already, or else any that is free. */
static struct range *range_find(struct wal *w, raft_index index, raft_term term)
{
	struct range *found = NULL;

	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++) {
		struct range *r = &w->ranges[i];

		if (is_free(r) && (!found || of(r, index, term)))
			found = r;
	}
	if (found && !of(found, index, term) && !let_go(w, found))
		return NULL;
	return found;
}

/* WAL_VOLATILE: it is copied at once. */
static void memory_read(const struct wal *w, const struct snapshot_file *file, struct range *r)
{
	const uint32_t chunk = w->limits.snapshot_size;

	for (uint32_t at = 0; at < r->size;) {
		uint64_t from = r->offset + at;
		uint32_t size = chunk - (uint32_t)(from % chunk);

		size = size < r->size - at ? size : r->size - at;
		memcpy(r->data + at, file->chunks[from / chunk] + from % chunk, size);
		at += size;
	}
	r->from = r->offset;
	r->step = RANGE_READY;
}

int wal_range_read(struct wal *w, raft_index index, raft_term term, uint64_t offset,
		   uint32_t length)
{
	const struct snapshot_file *file = wal_snapshot_find(w, index, term);
	struct range *r;
	uint64_t left;

	if (w->failed != 0)
		return w->failed;
	if (length == 0 || length > WAL_RANGE_SIZE_MAX)
		return -EINVAL;
	if (!file || file->damaged || offset >= file->info.size)
		return -ENOENT;
	r = range_find(w, index, term);
	if (!r)
		return -EAGAIN;
	if (!r->data)
		r->data = aligned_alloc(FORMAT_UNIT_MAX, WAL_RANGE_SIZE_MAX + 2 * FORMAT_UNIT_MAX);
	if (!r->data)
		return -ENOMEM;
	left = file->info.size - offset;
	r->index = index;
	r->term = term;
	r->offset = offset;
	r->size = left < length ? (uint32_t)left : length;
	r->taken = true;
	r->error = 0;
	r->step = RANGE_WANTED;
	if (w->memory)
		memory_read(w, file, r);
	else
		r->from = offset / w->unit * w->unit;
	return (int)(r - w->ranges);
}

int wal_range_get(const struct wal *w, uint32_t slot, const uint8_t **data, uint32_t *size)
{
	const struct range *r = &w->ranges[slot];

	assert(slot < WAL_RANGES_MAX);
	assert(r->taken);
	if (w->failed != 0)
		return w->failed;
	if (r->step != RANGE_READY)
		return -EAGAIN;
	*data = r->data + (r->offset - r->from);
	*size = r->size;
	return r->error;
}

void wal_range_release(struct wal *w, uint32_t slot)
{
	struct range *r = &w->ranges[slot];

	assert(slot < WAL_RANGES_MAX);
	assert(r->taken);
	r->taken = false;
	r->used_ns = w->now_ns;
	if (!r->in_flight)
		r->step = RANGE_IDLE;
}

static int range_start(struct wal *w, struct range *r)
{
	struct disk_call call = {.kind = DISK_OPEN, .mode = DISK_READ};
	const uint64_t tag = TAG_RANGE + (uint64_t)(r - w->ranges);
	uint64_t end = (r->offset + r->size + w->unit - 1) / w->unit * w->unit;
	int err;

	wal_block_name(call.name, r->index, r->term);
	if (r->fd < 0)
		err = w->disk->ops->call(w->disk, &call, tag);
	else
		err = w->disk->ops->read(w->disk, r->fd, r->from, r->data, end - r->from, tag);
	if (err == -EAGAIN)
		return 0; /* the disk has too much to do */
	if (err != 0)
		return wal_fail(w, err, call.name, r->offset, "submit");
	r->in_flight = true;
	return 0;
}

/* Blocks that the file has; what is behind the trailer is zeros. */
static bool block_right(const struct snapshot_file *file, const uint8_t *block, uint64_t number)
{
	const struct block_place place = {file->info.index, file->info.term, number};

	if (number > wal_block_count(file->payload) + 1)
		return bytes_zero(block, BLOCK_SIZE);
	return wal_block_good(block, &place);
}

static void ready(struct wal *w, struct range *r, int err)
{
	r->error = err;
	r->step = RANGE_READY;
	wal_snapshot_damaged(w, r->index, r->term, err);
}

static void range_check(struct wal *w, struct range *r)
{
	const struct snapshot_file *file = wal_snapshot_find(w, r->index, r->term);
	const uint64_t end = r->offset + r->size;

	for (uint32_t i = 0; file && i < CHECK_BLOCKS && r->from + r->checked < end; i++) {
		const uint64_t at = r->from + r->checked;

		if (!block_right(file, r->data + r->checked, at / BLOCK_SIZE)) {
			ready(w, r, -EBADMSG);
			return;
		}
		r->checked += BLOCK_SIZE;
	}
	if (!file || r->from + r->checked >= end)
		ready(w, r, file ? 0 : -ENOENT);
}

bool wal_range_damaged(int err)
{
	return err == -EBADMSG || err == -ENOENT || wal_scan_unreadable(err);
}

/* Under the name of one that is damaged another file may come to be. */
static bool is_over(struct wal *w, const struct range *r)
{
	const struct snapshot_file *file = wal_snapshot_find(w, r->index, r->term);

	return !file || file->damaged || w->now_ns - r->used_ns > IDLE_NS;
}

int wal_range_step(struct wal *w)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < WAL_RANGES_MAX; i++) {
		struct range *r = &w->ranges[i];

		if (r->step == RANGE_WANTED && !r->in_flight)
			err = range_start(w, r);
		else if (r->step == RANGE_CHECK)
			range_check(w, r);
		else if (r->step == RANGE_IDLE && r->fd >= 0 && is_over(w, r))
			(void)let_go(w, r);
	}
	return err;
}

void wal_range_done(struct wal *w, uint32_t slot, const struct disk_completion *done)
{
	struct range *r = &w->ranges[slot];

	assert(r->in_flight);
	r->in_flight = false;
	r->checked = 0;
	if (done->result != 0)
		ready(w, r, done->result);
	else if (r->fd < 0)
		r->fd = (int)done->value; /* the read comes next */
	else
		r->step = RANGE_CHECK;
	if (!r->taken)
		r->step = RANGE_IDLE;
}

bool wal_range_in_flight(const struct wal *w)
{
	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++)
		if (w->ranges[i].in_flight)
			return true;
	return false;
}

bool wal_range_of(struct wal *w, raft_index index, raft_term term)
{
	bool busy = false;

	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++) {
		struct range *r = &w->ranges[i];

		if (of(r, index, term) && (!is_free(r) || !let_go(w, r)))
			busy = true;
	}
	return busy;
}

void wal_ranges_free(struct wal *w)
{
	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++) {
		if (w->ranges[i].fd >= 0)
			wal_io_close(w->disk, w->ranges[i].fd);
		free(w->ranges[i].data);
	}
}
