/*
 * Writing snapshots, and the list of what there is.
 *
 * Bytes are cut into blocks in a ring of buffers; a full one is written, several at a time. The
 * file has a temporary name, and gets its own when all of it is on stable storage: so whatever
 * bears a snapshot's name was whole and durable (W17, W21).
 *
 * That there is no space for one is no failure, as of a segment (prepare.c): what was made goes.
 */
#include "wal/snapshot.h"

#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the list ---------------------------------------------------------------------------- */

uint32_t wal_snapshots(const struct wal *w, struct raft_snapshot out[WAL_SNAPSHOTS_MAX])
{
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		out[i] = w->snapshots[i].info;
	return w->snapshot_count;
}

struct snapshot_file *wal_snapshot_find(struct wal *w, raft_index index, raft_term term)
{
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		if (w->snapshots[i].info.index == index && w->snapshots[i].info.term == term)
			return &w->snapshots[i];
	return NULL;
}

static bool newer(const struct raft_snapshot *a, const struct raft_snapshot *b)
{
	return a->index != b->index ? a->index > b->index : a->term > b->term;
}

static void chunks_free(struct snapshot_file *file)
{
	for (size_t i = 0; i < file->chunk_count; i++)
		free(file->chunks[i]);
	free(file->chunks);
	file->chunks = NULL;
	file->chunk_count = 0;
}

void wal_snapshot_list(struct wal *w, const struct snapshot_file *file)
{
	uint32_t at = w->snapshot_count;

	/* The oldest is forgotten, and stays until a start finds it among fewer. */
	if (at == WAL_SNAPSHOTS_MAX)
		chunks_free(&w->snapshots[--at]);
	else
		w->snapshot_count++;
	for (; at > 0 && newer(&file->info, &w->snapshots[at - 1].info); at--)
		w->snapshots[at] = w->snapshots[at - 1];
	w->snapshots[at] = *file;
}

static void unlist(struct wal *w, struct snapshot_file *file)
{
	uint32_t at = (uint32_t)(file - w->snapshots);

	chunks_free(file);
	w->snapshot_count--;
	memmove(file, file + 1, (w->snapshot_count - at) * sizeof(*file));
}

void wal_snapshots_free(struct wal *w)
{
	while (w->snapshot_count > 0)
		unlist(w, &w->snapshots[w->snapshot_count - 1]);
	chunks_free(&w->writer.made);
}

/* The state up to the base is in one of them, and it is not that one alone. */
static bool needed(const struct wal *w, const struct snapshot_file *file)
{
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		if (&w->snapshots[i] != file && w->snapshots[i].info.index + 1 >= w->base.index)
			return false;
	return w->base.index > 1;
}

int wal_snapshot_remove(struct wal *w, raft_index index, raft_term term)
{
	struct disk_call call = {.kind = DISK_REMOVE};
	struct snapshot_file *file = wal_snapshot_find(w, index, term);

	if (w->failed != 0)
		return w->failed;
	if (!file)
		return -ENOENT;
	if (w->removing || (w->reader.open && w->reader.file.info.index == index))
		return -EAGAIN;
	if (needed(w, file) || w->mover.state != MOVE_IDLE)
		return w->mover.state != MOVE_IDLE ? -EAGAIN : -EBUSY;
	if (!w->memory) {
		wal_block_name(call.name, index, term);
		if (w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT_REMOVE) != 0)
			return -EAGAIN;
		w->removing = true;
	}
	unlist(w, file);
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

static uint32_t buffer_size(const struct wal *w)
{
	return w->limits.snapshot_size;
}

static struct snapshot_buffer *current(struct wal *w)
{
	return &w->writer.buffers[w->writer.at];
}

static bool is_free(const struct snapshot_buffer *b)
{
	return !b->queued && !b->in_flight;
}

/* In RAM it becomes a part of the snapshot, and another one takes its place. */
static int buffer_keep(struct wal *w, struct snapshot_buffer *b)
{
	struct snapshot_file *made = &w->writer.made;
	uint8_t **chunks = realloc(made->chunks, (made->chunk_count + 1) * sizeof(*made->chunks));
	uint8_t *next = aligned_alloc(FORMAT_UNIT_MAX, buffer_size(w));

	if (chunks)
		made->chunks = chunks;
	if (!chunks || !next) {
		free(next);
		return -ENOMEM;
	}
	chunks[made->chunk_count++] = b->data;
	b->data = next;
	b->used = 0;
	return 0;
}

static void fail(struct wal *w, int err)
{
	struct snapshot_writer *s = &w->writer;

	s->result = err;
	s->step = SNAPSHOT_DROP;
}

static void buffer_queue(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = current(w);

	b->offset = s->offset;
	s->offset += b->used;
	if (w->memory) {
		if (buffer_keep(w, b) != 0)
			fail(w, -ENOMEM);
		return;
	}
	b->queued = true;
	s->at = (s->at + 1) % STATE_SNAPSHOT_BUFFERS;
}

/* The block that forms is full: it is sealed, and begins the next one. */
static void block_end(struct wal *w, bool hashed)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = current(w);
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

	assert(index > 0);
	assert(term > 0);
	if (w->failed != 0)
		return w->failed;
	if (s->step != SNAPSHOT_IDLE)
		return -EAGAIN;
	if (wal_snapshot_find(w, index, term))
		return -EEXIST;
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

static bool takes(const struct snapshot_writer *s)
{
	return (s->step == SNAPSHOT_CREATE || s->step == SNAPSHOT_WRITE) && !s->finishing;
}

size_t wal_snapshot_room(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;
	size_t room = 0;

	if (!takes(s) || w->failed != 0 || w->now_ns < s->next_ns)
		return 0;
	/* In the order in which they are filled: writes may end in any other. */
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++) {
		const struct snapshot_buffer *b = &s->buffers[(s->at + i) % STATE_SNAPSHOT_BUFFERS];

		if (!is_free(b))
			break;
		room += (buffer_size(w) - b->used) / BLOCK_SIZE * BLOCK_PAYLOAD;
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
		struct snapshot_buffer *b = current(w);
		size_t part = BLOCK_PAYLOAD - s->fill;

		assert(is_free(b));
		part = part < size ? part : size;
		memcpy(b->data + b->used + s->fill, data, part);
		s->fill += (uint32_t)part;
		data += part;
		size -= part;
		if (s->fill == BLOCK_PAYLOAD)
			block_end(w, true);
		if (b->used == buffer_size(w))
			buffer_queue(w);
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
static void tail_make(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = current(w);
	uint32_t end;

	if (s->fill > 0 && is_free(b)) {
		memset(b->data + b->used + s->fill, 0, BLOCK_PAYLOAD - s->fill);
		block_end(w, true);
		if (b->used == buffer_size(w))
			buffer_queue(w);
		b = current(w);
	}
	if (s->fill > 0 || !is_free(b) || s->step != SNAPSHOT_WRITE)
		return;
	wal_block_trailer_encode(b->data + b->used, s->payload, s->hash);
	block_end(w, false);
	end = (b->used + BLOCK_FILE_STEP - 1) / BLOCK_FILE_STEP * BLOCK_FILE_STEP;
	memset(b->data + b->used, 0, end - b->used);
	b->used = end;
	buffer_queue(w);
	s->ended = true;
}

static void made(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	s->made.info = (struct raft_snapshot){s->place.index, s->place.term, s->offset, s->hash};
	s->made.payload = s->payload;
	assert(s->offset == wal_block_file_size(s->payload));
	wal_snapshot_list(w, &s->made);
	s->made = (struct snapshot_file){0};
	s->result = 0;
	s->step = SNAPSHOT_IDLE;
}

static bool writes_pending(const struct snapshot_writer *s)
{
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		if (!is_free(&s->buffers[i]))
			return true;
	return false;
}

static int writer_fail(struct wal *w, int err, const char *operation)
{
	char name[DISK_NAME_MAX], temporary[DISK_NAME_MAX];

	wal_block_name(name, w->writer.place.index, w->writer.place.term);
	wal_meta_temporary_name(temporary, name);
	return wal_fail(w, err, temporary, w->writer.offset, operation);
}

static int writes_start(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	for (uint32_t n = 0; n < STATE_SNAPSHOT_BUFFERS; n++) {
		struct snapshot_buffer *b = &s->buffers[n];
		int err;

		if (!b->queued || b->in_flight)
			continue;
		err = w->disk->ops->write(w->disk, s->file, b->offset, b->data, b->used,
					  TAG_SNAPSHOT_WRITE + n);
		if (err == -EAGAIN)
			return 0; /* the disk has too much to do */
		if (err != 0)
			return writer_fail(w, err, "submit");
		b->in_flight = true;
		s->since_ns = w->now_ns;
	}
	return 0;
}

static int control(struct wal *w, enum disk_call_kind kind)
{
	struct snapshot_writer *s = &w->writer;
	struct disk_call call = {.kind = kind, .mode = DISK_DIRECT, .file = s->file};
	int err;

	wal_block_name(call.to, s->place.index, s->place.term);
	wal_meta_temporary_name(call.name, call.to);
	err = w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT);
	if (err == -EAGAIN)
		return 0;
	if (err != 0)
		return writer_fail(w, err, "submit");
	s->in_flight = true;
	s->since_ns = w->now_ns;
	return 0;
}

static int sync_start(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	int err = w->disk->ops->sync(w->disk, s->file, TAG_SNAPSHOT);

	if (err == -EAGAIN)
		return 0;
	if (err != 0)
		return writer_fail(w, err, "submit");
	s->in_flight = true;
	s->since_ns = w->now_ns;
	return 0;
}

static int write_step(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	int err;

	if (s->finishing && !s->ended)
		tail_make(w);
	if (w->memory) {
		if (s->ended && s->step == SNAPSHOT_WRITE)
			made(w);
		return 0;
	}
	err = writes_start(w);
	if (err != 0 || !s->ended || writes_pending(s))
		return err;
	s->step = SNAPSHOT_SYNC;
	return sync_start(w);
}

static int drop_step(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++) {
		s->buffers[i].queued = false;
		if (s->buffers[i].in_flight)
			return 0;
	}
	chunks_free(&s->made);
	if (w->memory) {
		s->step = SNAPSHOT_IDLE;
		return 0;
	}
	if (s->file < 0)
		s->step = SNAPSHOT_REMOVE;
	return control(w, s->file < 0 ? DISK_REMOVE : DISK_CLOSE);
}

int wal_snapshot_step(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	if (s->in_flight)
		return 0;
	/* Once it has its name it is there. */
	if (s->aborted && s->step != SNAPSHOT_IDLE && s->step < SNAPSHOT_NAMES_SYNC)
		fail(w, -ECANCELED);
	s->aborted = false;
	switch (s->step) {
	case SNAPSHOT_IDLE:
		return 0;
	case SNAPSHOT_CREATE:
		return control(w, DISK_CREATE);
	case SNAPSHOT_WRITE:
		return write_step(w);
	case SNAPSHOT_SYNC:
		return sync_start(w);
	case SNAPSHOT_CLOSE:
		return control(w, DISK_CLOSE);
	case SNAPSHOT_RENAME:
		return control(w, DISK_RENAME);
	case SNAPSHOT_NAMES_SYNC:
		return control(w, DISK_SYNC_NAMES);
	case SNAPSHOT_DROP:
		return drop_step(w);
	case SNAPSHOT_REMOVE:
		return control(w, DISK_REMOVE);
	}
	assert(false);
	return -EINVAL;
}

/* A file of this name was left over that could not be removed. */
static bool left_over(const struct snapshot_writer *s, int err)
{
	return s->step == SNAPSHOT_CREATE && err == -EEXIST;
}

static int control_failed(struct wal *w, int err)
{
	struct snapshot_writer *s = &w->writer;

	if (s->step == SNAPSHOT_REMOVE) {
		/* It is removed when the next one is begun, or at the next start. */
		s->step = SNAPSHOT_IDLE;
		return err == -ENOENT || wal_no_space(err) ? 0 : writer_fail(w, err, "removal");
	}
	if (s->step == SNAPSHOT_NAMES_SYNC || !(wal_no_space(err) || left_over(s, err)))
		return writer_fail(w, err, "write");
	fail(w, left_over(s, err) ? -EAGAIN : err);
	return 0;
}

int wal_snapshot_done(struct wal *w, const struct disk_completion *done)
{
	struct snapshot_writer *s = &w->writer;

	assert(s->in_flight);
	s->in_flight = false;
	if (done->result != 0 && !(s->step == SNAPSHOT_DROP && s->file >= 0))
		return control_failed(w, done->result);
	switch (s->step) {
	case SNAPSHOT_CREATE:
		s->file = (int)done->value;
		s->step = SNAPSHOT_WRITE;
		return 0;
	case SNAPSHOT_SYNC:
		s->step = SNAPSHOT_CLOSE;
		return 0;
	case SNAPSHOT_CLOSE:
		s->file = -1;
		s->step = SNAPSHOT_RENAME;
		return 0;
	case SNAPSHOT_RENAME:
		s->step = SNAPSHOT_NAMES_SYNC;
		return 0;
	case SNAPSHOT_NAMES_SYNC:
		made(w);
		return 0;
	case SNAPSHOT_DROP:
		s->file = -1;
		s->step = SNAPSHOT_REMOVE;
		return 0;
	case SNAPSHOT_REMOVE:
		s->step = SNAPSHOT_IDLE;
		return 0;
	case SNAPSHOT_IDLE:
	case SNAPSHOT_WRITE:
		break;
	}
	assert(false);
	return -EINVAL;
}

int wal_snapshot_write_done(struct wal *w, uint32_t i, int err)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = &s->buffers[i];

	assert(b->in_flight);
	b->in_flight = b->queued = false;
	b->used = 0;
	if (err == 0 || s->step == SNAPSHOT_DROP)
		return 0;
	if (!wal_no_space(err))
		return writer_fail(w, err, "write");
	fail(w, err);
	return 0;
}

bool wal_snapshot_in_flight(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;

	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		if (s->buffers[i].in_flight)
			return true;
	return s->in_flight || w->removing;
}

uint64_t wal_snapshot_deadline(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;

	if (s->step == SNAPSHOT_IDLE || s->in_flight)
		return UINT64_MAX;
	/* More of it may come when the rate allows; else the disk, or the caller, has its turn. */
	if (takes(s) && s->next_ns > w->now_ns)
		return s->next_ns;
	return s->step == SNAPSHOT_WRITE && (takes(s) || writes_pending(s)) ? UINT64_MAX
									    : w->now_ns;
}
