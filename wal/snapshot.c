/*
 * The writing of a snapshot: bytes are cut into blocks in a ring of buffers (snapfile.c). And the
 * removal of one that is there.
 */
#include "wal/snapshot.h"

#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The state up to the base is in no other one. */
static bool needed(const struct wal *w, const struct snapshot_file *file)
{
	return w->base.index > 1 && !wal_snapshot_reaches(w, w->base.index - 1, file);
}

/* What nobody needs of it is let go of. */
bool wal_snapshot_in_use(struct wal *w, raft_index index, raft_term term)
{
	const struct snapshot_reader *r = &w->reader;

	return wal_range_of(w, index, term) ||
	       (r->open && r->file.info.index == index && r->file.info.term == term);
}

/* Another one is about to take its place, under its name. */
static bool is_made_anew(const struct wal *w, raft_index index, raft_term term)
{
	const struct snapshot_writer *s = &w->writer;

	return s->step != SNAPSHOT_IDLE && s->place.index == index && s->place.term == term;
}

int wal_snapshot_remove(struct wal *w, raft_index index, raft_term term)
{
	struct disk_call call = {.kind = DISK_REMOVE};
	struct snapshot_file *file = wal_snapshot_find(w, index, term);

	if (w->failed != 0)
		return w->failed;
	if (!file)
		return -ENOENT;
	if (w->removing || is_made_anew(w, index, term) || wal_snapshot_in_use(w, index, term))
		return -EAGAIN;
	if (needed(w, file) || w->mover.state != MOVE_IDLE)
		return w->mover.state != MOVE_IDLE ? -EAGAIN : -EBUSY;
	if (!w->memory) {
		wal_block_name(call.name, index, term);
		if (w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT_REMOVE) != 0)
			return -EAGAIN;
		w->removing = true;
	}
	wal_snapshot_unlist(w, file);
	return 0;
}

int wal_snapshot_remove_done(struct wal *w, int err)
{
	assert(w->removing);
	w->removing = false;
	/* What may not be removed now is found again by the next start. */
	if (err == 0 || err == -ENOENT || wal_no_space(err))
		return 0;
	return wal_fail(w, err, "snapshot-", 0, "removal");
}

/* --- the writer -------------------------------------------------------------------------- */

/* The block that forms is full: it is sealed, and begins the next one. */
static void block_end(struct wal *w, bool hashed)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = wal_snapfile_buffer(w);
	uint8_t *block = b->data + b->used;

	if (hashed)
		s->hash = wal_block_hash(s->hash, block);
	wal_block_seal(block, &s->place);
	s->place.number++;
	s->fill = 0;
	b->used += BLOCK_SIZE;
}

int wal_snapshot_begin(struct wal *w, raft_index index, raft_term term, const uint8_t *record,
		       uint32_t record_size)
{
	struct snapshot_writer *s = &w->writer;
	const struct snapshot_file *file;

	assert(index > 0);
	assert(term > 0);
	if (w->failed != 0)
		return w->failed;
	if (s->step != SNAPSHOT_IDLE)
		return -EAGAIN;
	file = wal_snapshot_find(w, index, term);
	if (file && (w->memory || !file->damaged))
		return -EEXIST;
	if (file && wal_snapshot_in_use(w, index, term))
		return -EAGAIN;
	s->place = (struct block_place){.index = index, .term = term};
	s->offset = s->payload = s->hash = 0;
	s->at = s->fill = 0;
	s->finishing = s->ended = false;
	s->result = -EINPROGRESS;
	s->next_ns = 0;
	s->step = w->memory ? SNAPSHOT_WRITE : SNAPSHOT_CREATE;
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		s->buffers[i].used = 0;
	wal_block_header_encode(s->buffers[0].data, index, term, record, record_size);
	block_end(w, true);
	return 0;
}

size_t wal_snapshot_room(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;
	size_t room = 0;

	if (s->pulling || !wal_snapfile_takes(s) || w->failed != 0 || w->now_ns < s->next_ns)
		return 0;
	/* In the order in which they are filled: writes may end in any other. */
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++) {
		const struct snapshot_buffer *b = &s->buffers[(s->at + i) % STATE_SNAPSHOT_BUFFERS];

		if (!wal_snapfile_free(b))
			break;
		room += (w->limits.snapshot_size - b->used) / BLOCK_SIZE * BLOCK_PAYLOAD;
		if (w->memory)
			break;
	}
	return room > s->fill ? room - s->fill : 0;
}

void wal_snapshot_write(struct wal *w, const uint8_t *data, size_t size, uint64_t rate)
{
	struct snapshot_writer *s = &w->writer;

	assert(size <= wal_snapshot_room(w));
	if (rate > 0)
		s->next_ns = w->now_ns + size * UINT64_C(1000000000) / rate;
	s->payload += size;
	while (size > 0 && s->step != SNAPSHOT_DROP) {
		struct snapshot_buffer *b = wal_snapfile_buffer(w);
		size_t part = BLOCK_PAYLOAD - s->fill;

		assert(wal_snapfile_free(b));
		part = part < size ? part : size;
		memcpy(b->data + b->used + s->fill, data, part);
		s->fill += (uint32_t)part;
		data += part;
		size -= part;
		if (s->fill == BLOCK_PAYLOAD)
			block_end(w, true);
		if (b->used == w->limits.snapshot_size)
			wal_snapfile_queue(w);
	}
}

void wal_snapshot_finish(struct wal *w)
{
	assert(!w->writer.finishing);
	w->writer.finishing = true;
}

void wal_snapshot_abort(struct wal *w)
{
	w->writer.aborted = w->writer.step != SNAPSHOT_IDLE;
}

int wal_snapshot_result(const struct wal *w)
{
	return w->failed != 0 ? w->failed : w->writer.result;
}

/* What the last block of the stream lacks, the trailer, and zeros up to whole steps. */
void wal_snapshot_tail(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = wal_snapfile_buffer(w);
	uint32_t end;

	if (s->fill > 0 && wal_snapfile_free(b)) {
		memset(b->data + b->used + s->fill, 0, BLOCK_PAYLOAD - s->fill);
		block_end(w, true);
		if (b->used == w->limits.snapshot_size)
			wal_snapfile_queue(w);
		b = wal_snapfile_buffer(w);
	}
	if (s->fill > 0 || !wal_snapfile_free(b) || s->step != SNAPSHOT_WRITE)
		return;
	wal_block_trailer_encode(b->data + b->used, s->payload, s->hash);
	block_end(w, false);
	end = (b->used + BLOCK_FILE_STEP - 1) / BLOCK_FILE_STEP * BLOCK_FILE_STEP;
	memset(b->data + b->used, 0, end - b->used);
	b->used = end;
	wal_snapfile_queue(w);
	s->ended = true;
}
