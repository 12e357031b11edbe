/*
 * Reading snapshots: what a file is by its first and last block, and all of it, block by block.
 */
#include "wal/snapread.h"

#include "base/bytes.h"
#include "wal/io.h"
#include "wal/snapshot.h"
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what a file is ---------------------------------------------------------------------- */

/* The trailer is the last block that is not zero. */
int wal_snapshot_trailer_find(struct snapshot_file *out, const uint8_t *step, uint64_t size,
			      uint64_t *offset)
{
	uint64_t blocks = size / BLOCK_SIZE;
	struct block_place place = {out->info.index, out->info.term, blocks - 1};
	const uint8_t *block = step + BLOCK_FILE_STEP - BLOCK_SIZE;

	while (block > step && bytes_zero(block, BLOCK_SIZE)) {
		block -= BLOCK_SIZE;
		place.number--;
	}
	*offset = place.number * BLOCK_SIZE;
	if (!wal_block_good(block, &place) ||
	    wal_block_trailer_decode(block, &out->payload, &out->info.hash) != 0 ||
	    place.number != wal_block_count(out->payload) + 1 ||
	    wal_block_file_size(out->payload) != size)
		return -EBADMSG;
	return 0;
}

static int probe(struct disk *d, int file, uint8_t *buffer, struct snapshot_file *out,
		 uint64_t *offset)
{
	struct block_place place;
	const uint8_t *record;
	uint32_t record_size;
	uint64_t size;
	int err = d->ops->size(d, file, &size);

	*offset = 0;
	if (err != 0)
		return err;
	out->info.size = size;
	if (size == 0 || size % BLOCK_FILE_STEP != 0) {
		*offset = size;
		return -EBADMSG;
	}
	err = wal_io_read(d, file, 0, buffer, BLOCK_FILE_STEP);
	if (err == 0)
		err = wal_block_header_decode(buffer, &place, &record, &record_size);
	if (err == 0 && (place.index != out->info.index || place.term != out->info.term))
		err = -EBADMSG;
	if (err != 0)
		return err;
	*offset = size - BLOCK_FILE_STEP;
	err = wal_io_read(d, file, *offset, buffer, BLOCK_FILE_STEP);
	if (err == 0)
		err = wal_snapshot_trailer_find(out, buffer, size, offset);
	if (err != 0)
		*out = (struct snapshot_file){.info = {out->info.index, out->info.term, size, 0},
					      .damaged = true};
	return err;
}

int wal_snapshot_probe(struct disk *d, raft_index index, raft_term term, struct snapshot_file *out,
		       uint64_t *offset)
{
	uint8_t *buffer = aligned_alloc(FORMAT_UNIT_MAX, BLOCK_FILE_STEP);
	char name[DISK_NAME_MAX];
	int file;
	int err;

	*out = (struct snapshot_file){.info = {.index = index, .term = term}};
	*offset = 0;
	if (!buffer)
		return -ENOMEM;
	wal_block_name(name, index, term);
	err = wal_io_open(d, name, false, DISK_READ, &file);
	if (err == 0) {
		err = probe(d, file, buffer, out, offset);
		wal_io_close(d, file);
	}
	free(buffer);
	return err;
}

int wal_snapshot_part_size(struct disk *d, raft_index index, raft_term term, uint64_t *size)
{
	char whole[DISK_NAME_MAX], name[DISK_NAME_MAX];
	int file;
	int err;

	wal_block_name(whole, index, term);
	wal_meta_part_name(name, whole);
	err = wal_io_open(d, name, false, DISK_READ, &file);
	if (err != 0)
		return err;
	err = d->ops->size(d, file, size);
	wal_io_close(d, file);
	return err;
}

bool wal_snapshot_covers(const struct snapshot_file *newest, const struct log_base *base, char *why,
			 size_t size)
{
	raft_index index = newest ? newest->info.index : 0;

	if (index + 1 >= base->index)
		return true;
	if (index > 0)
		(void)snprintf(why, size,
			       META_BASE
			       ": the log begins with entry %" PRIu64
			       ", and the newest snapshot that is whole is of entry %" PRIu64
			       ": what was acknowledged between them is gone",
			       base->index, index);
	else
		(void)snprintf(why, size,
			       META_BASE
			       ": the log begins with entry %" PRIu64
			       ", and no snapshot is whole: what was acknowledged before it "
			       "is gone",
			       base->index);
	return false;
}

/* --- the whole of it ---------------------------------------------------------------------- */

enum { READ_BUFFERS = STATE_SNAPSHOT_READS };

static uint32_t piece_size(const struct wal *w)
{
	return w->limits.snapshot_read;
}

static int read_fail(struct wal *w, int err, uint64_t offset, const char *why)
{
	struct snapshot_reader *r = &w->reader;
	char name[DISK_NAME_MAX];

	wal_snapshot_damaged(w, r->file.info.index, r->file.info.term, err);
	wal_block_name(name, r->file.info.index, r->file.info.term);
	if (w->failed == 0)
		(void)snprintf(w->error, sizeof(w->error),
			       "%s/%s at offset %" PRIu64 ": %s%s%s; check the disk, and the "
			       "directory with quoin-wal verify",
			       w->directory, name, offset, why, err == -EBADMSG ? "" : ": ",
			       err == -EBADMSG ? "" : strerror(-err));
	r->error = err;
	return err;
}

static void memory_read(const struct wal *w, struct snapshot_piece *p)
{
	const struct snapshot_file *f = &w->reader.file;
	uint32_t size = w->limits.snapshot_size;

	for (uint32_t at = 0; at < p->size; at += BLOCK_FILE_STEP) {
		uint64_t from = p->offset + at;

		memcpy(p->data + at, f->chunks[from / size] + from % size, BLOCK_FILE_STEP);
	}
	p->ready = true;
}

/* Hands the next reads to the disk. */
static void reads_start(struct wal *w)
{
	struct snapshot_reader *r = &w->reader;

	for (uint32_t i = 0; i < READ_BUFFERS && r->error == 0; i++) {
		struct snapshot_piece *p = &r->pieces[r->next_read];
		uint64_t left = r->file.info.size - r->read_to;
		int err = 0;

		if (left == 0 || p->in_flight || p->ready || (!w->memory && r->fd < 0))
			return;
		p->offset = r->read_to;
		p->size = left < piece_size(w) ? (uint32_t)left : piece_size(w);
		if (w->memory)
			memory_read(w, p);
		else
			err = w->disk->ops->read(w->disk, r->fd, p->offset, p->data, p->size,
						 TAG_SNAPSHOT_READ + 1 + r->next_read);
		if (err == -EAGAIN)
			return; /* the disk has too much to do */
		if (err != 0) {
			(void)read_fail(w, err, p->offset, "submit");
			return;
		}
		p->in_flight = !w->memory;
		r->read_to += p->size;
		r->next_read = (r->next_read + 1) % READ_BUFFERS;
	}
}

static void buffers_free(struct snapshot_reader *r)
{
	for (uint32_t i = 0; i < READ_BUFFERS; i++)
		free(r->pieces[i].data);
}

bool wal_snapshot_reading(const struct wal *w)
{
	const struct snapshot_reader *r = &w->reader;

	for (uint32_t i = 0; i < READ_BUFFERS; i++)
		if (r->pieces[i].in_flight)
			return true;
	return r->opening;
}

/* What is in flight ends first: its buffers are the disk's. */
static void closed(struct wal *w)
{
	struct snapshot_reader *r = &w->reader;
	const struct disk_call call = {.kind = DISK_CLOSE, .file = r->fd};

	if (r->open || wal_snapshot_reading(w) || !r->pieces[0].data)
		return;
	if (r->fd >= 0 && w->disk->ops->call(w->disk, &call, TAG_CLOSE) == 0) {
		w->closing++;
		r->fd = -1;
	}
	if (r->fd >= 0)
		return;
	buffers_free(r);
	*r = (struct snapshot_reader){.fd = -1};
}

int wal_snapshot_open(struct wal *w, raft_index index, raft_term term)
{
	struct disk_call call = {.kind = DISK_OPEN, .mode = DISK_READ};
	struct snapshot_reader *r = &w->reader;
	const struct snapshot_file *file = wal_snapshot_find(w, index, term);
	int err = 0;

	if (w->failed != 0)
		return w->failed;
	if (!file)
		return -ENOENT;
	closed(w);
	if (r->pieces[0].data)
		return -EAGAIN; /* it is open, or not given back yet */
	*r = (struct snapshot_reader){.fd = -1, .file = *file};
	for (uint32_t i = 0; i < READ_BUFFERS; i++) {
		r->pieces[i].data = aligned_alloc(FORMAT_UNIT_MAX, piece_size(w));
		if (!r->pieces[i].data)
			err = -ENOMEM;
	}
	wal_block_name(call.name, index, term);
	if (err == 0 && !w->memory)
		err = w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT_READ);
	if (err != 0) {
		buffers_free(r);
		*r = (struct snapshot_reader){.fd = -1};
		return err;
	}
	r->opening = !w->memory;
	r->open = true;
	reads_start(w);
	return 0;
}

void wal_snapshot_reader_free(struct wal *w)
{
	if (w->reader.fd >= 0)
		wal_io_close(w->disk, w->reader.fd);
	buffers_free(&w->reader);
}

void wal_snapshot_close(struct wal *w)
{
	w->reader.open = false;
	closed(w);
}

void wal_snapshot_read_done(struct wal *w, uint32_t i, const struct disk_completion *done)
{
	struct snapshot_reader *r = &w->reader;

	if (i == 0) {
		r->opening = false;
		if (done->result == 0)
			r->fd = (int)done->value;
		else
			(void)read_fail(w, done->result, 0, "cannot be opened");
	} else {
		struct snapshot_piece *p = &r->pieces[i - 1];

		p->in_flight = false;
		p->ready = true;
		p->error = done->result;
	}
	closed(w);
}

/* Where the data of a block goes: the stream's bytes, one behind the other. */
static uint32_t data_take(struct snapshot_reader *r, uint8_t *out, const uint8_t *block)
{
	uint64_t left = r->file.payload - r->given;
	uint32_t size = left < BLOCK_PAYLOAD ? (uint32_t)left : BLOCK_PAYLOAD;

	memmove(out, block, size);
	r->given += size;
	return size;
}

static bool header_take(struct snapshot_reader *r, const uint8_t *block)
{
	struct block_place place;
	const uint8_t *record;

	if (wal_block_header_decode(block, &place, &record, &r->record_size) != 0)
		return false;
	memcpy(r->record, record, r->record_size);
	return place.index == r->file.info.index && place.term == r->file.info.term;
}

static bool trailer_right(const struct snapshot_reader *r, const uint8_t *block)
{
	uint64_t payload, hash;

	return wal_block_trailer_decode(block, &payload, &hash) == 0 &&
	       payload == r->file.payload && hash == r->hash && hash == r->file.info.hash;
}

/* One block of a piece; `size` grows by what it gives. False: it is damaged. */
static bool block_take(struct snapshot_reader *r, struct snapshot_piece *p, const uint8_t *block,
		       size_t *size)
{
	const struct block_place place = {r->file.info.index, r->file.info.term, r->number};
	uint64_t last = wal_block_count(r->file.payload) + 1;

	if (r->number > last)
		return bytes_zero(block, BLOCK_SIZE);
	if (!wal_block_good(block, &place))
		return false;
	if (r->number == last)
		return trailer_right(r, block);
	r->hash = wal_block_hash(r->hash, block);
	if (r->number == 0)
		return header_take(r, block);
	*size += data_take(r, p->data + *size, block);
	return true;
}

static int piece_take(struct wal *w, struct snapshot_piece *p, size_t *size)
{
	struct snapshot_reader *r = &w->reader;

	*size = 0;
	if (p->error != 0)
		return read_fail(w, p->error, p->offset, "cannot be read");
	for (uint32_t at = 0; at < p->size; at += BLOCK_SIZE, r->number++)
		if (!block_take(r, p, p->data + at, size))
			return read_fail(w, -EBADMSG, p->offset + at,
					 "not the block that was there");
	return 0;
}

int wal_snapshot_next(struct wal *w, const uint8_t **data, size_t *size)
{
	struct snapshot_reader *r = &w->reader;

	assert(r->open);
	*size = 0;
	while (r->error == 0) {
		struct snapshot_piece *p = &r->pieces[r->next_taken];
		int err;

		if (r->taken)
			p->ready = false;
		if (r->taken)
			r->next_taken = (r->next_taken + 1) % READ_BUFFERS;
		r->taken = false;
		reads_start(w);
		p = &r->pieces[r->next_taken];
		if (!p->ready && !p->in_flight && r->read_to == r->file.info.size)
			return 0;
		if (!p->ready)
			return -EAGAIN;
		err = piece_take(w, p, size);
		r->taken = true;
		if (err != 0)
			return err;
		*data = p->data;
		if (*size > 0)
			return 1;
	}
	return r->error;
}

const uint8_t *wal_snapshot_record(const struct wal *w, uint32_t *size)
{
	*size = w->reader.record_size;
	return w->reader.record;
}

int wal_snapshot_verify(struct disk *d, const struct snapshot_file *file, uint64_t *offset)
{
	struct snapshot_piece p = {.data = aligned_alloc(FORMAT_UNIT_MAX, STATE_SNAPSHOT_READ)};
	struct snapshot_reader r = {.file = *file};
	char name[DISK_NAME_MAX];
	int fd;
	int err;

	if (!p.data)
		return -ENOMEM;
	wal_block_name(name, file->info.index, file->info.term);
	*offset = 0;
	err = wal_io_open(d, name, false, DISK_READ, &fd);
	if (err != 0) {
		free(p.data);
		return err;
	}
	for (uint64_t from = 0; err == 0 && from < file->info.size; from += p.size) {
		uint64_t left = file->info.size - from;
		size_t size = 0;

		p.size = left < STATE_SNAPSHOT_READ ? (uint32_t)left : STATE_SNAPSHOT_READ;
		*offset = from;
		err = wal_io_read(d, fd, from, p.data, p.size);
		for (uint32_t at = 0; err == 0 && at < p.size; at += BLOCK_SIZE, r.number++) {
			*offset = from + at;
			if (!block_take(&r, &p, p.data + at, &size))
				err = -EBADMSG;
		}
	}
	wal_io_close(d, fd);
	free(p.data);
	return err;
}
