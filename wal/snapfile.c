/*
 * How a snapshot's file comes to be: a ring of buffers, of which each is written when it is full,
 * several at a time. They are filled by who writes one (snapshot.c) or pulls one (pull.c), one of
 * both at a time. The file has a temporary name, and gets its own when all of it is on stable
 * storage: so whatever bears a snapshot's name was whole and durable (W17, W21).
 *
 * That there is no space for one is no failure, as of a segment (prepare.c): what was made goes.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>

struct snapshot_buffer *wal_snapfile_buffer(struct wal *w)
{
	return &w->writer.buffers[w->writer.at];
}

/* In RAM it becomes a part of the snapshot, and another one takes its place. */
static int buffer_keep(struct wal *w, struct snapshot_buffer *b)
{
	struct snapshot_file *made = &w->writer.made;
	uint8_t **chunks = realloc(made->chunks, (made->chunk_count + 1) * sizeof(*made->chunks));
	uint8_t *next = aligned_alloc(FORMAT_UNIT_MAX, w->limits.snapshot_size);

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

static void result_set(struct wal *w, int result)
{
	if (w->writer.pulling)
		w->puller.result = result;
	else
		w->writer.result = result;
}

void wal_snapfile_fail(struct wal *w, int err)
{
	result_set(w, err);
	w->writer.step = SNAPSHOT_DROP;
}

void wal_snapfile_queue(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_buffer *b = wal_snapfile_buffer(w);

	if (!w->memory && !wal_space_holds(w, b->used)) {
		wal_snapfile_fail(w, -EDQUOT);
		return;
	}
	b->offset = s->offset;
	s->offset += b->used;
	if (w->memory) {
		if (buffer_keep(w, b) != 0)
			wal_snapfile_fail(w, -ENOMEM);
		return;
	}
	b->queued = true;
	s->at = (s->at + 1) % STATE_SNAPSHOT_BUFFERS;
}

/* `left`: the file is there, under the name that it had. */
static void idle(struct wal *w, bool left)
{
	w->writer.step = SNAPSHOT_IDLE;
	if (w->writer.pulling)
		wal_pull_ended(w, left);
	w->writer.pulling = false;
}

static void made(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	s->made.info = (struct raft_snapshot){s->place.index, s->place.term, s->offset, s->hash};
	s->made.payload = s->payload;
	assert(s->offset == wal_block_file_size(s->payload));
	wal_snapshot_list(w, &s->made);
	s->made = (struct snapshot_file){0};
	result_set(w, 0);
	idle(w, false);
}

static bool writes_in_flight(const struct snapshot_writer *s)
{
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		if (s->buffers[i].in_flight)
			return true;
	return false;
}

static bool writes_pending(const struct snapshot_writer *s)
{
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		if (!wal_snapfile_free(&s->buffers[i]))
			return true;
	return false;
}

/* The name that it has until it is whole. */
static void name_get(const struct wal *w, char out[DISK_NAME_MAX])
{
	char name[DISK_NAME_MAX];

	wal_block_name(name, w->writer.place.index, w->writer.place.term);
	if (w->writer.pulling)
		wal_meta_part_name(out, name);
	else
		wal_meta_temporary_name(out, name);
}

int wal_snapfile_failed(struct wal *w, int err, const char *operation)
{
	char name[DISK_NAME_MAX];

	name_get(w, name);
	return wal_fail(w, err, name, w->writer.offset, operation);
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
			return wal_snapfile_failed(w, err, "submit");
		b->in_flight = true;
		s->since_ns = w->now_ns;
	}
	return 0;
}

int wal_snapfile_submitted(struct wal *w, int err)
{
	if (err == -EAGAIN)
		return 0; /* the disk has too much to do */
	if (err != 0)
		return wal_snapfile_failed(w, err, "submit");
	w->writer.in_flight = true;
	w->writer.since_ns = w->now_ns;
	return 0;
}

static int control(struct wal *w, enum disk_call_kind kind)
{
	struct snapshot_writer *s = &w->writer;
	struct disk_call call = {.kind = kind, .mode = DISK_DIRECT, .file = s->file};

	wal_block_name(call.to, s->place.index, s->place.term);
	name_get(w, call.name);
	return wal_snapfile_submitted(w, w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT));
}

static int sync_start(struct wal *w)
{
	return wal_snapfile_submitted(w, w->disk->ops->sync(w->disk, w->writer.file, TAG_SNAPSHOT));
}

static int write_step(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;
	int err;

	if (s->finishing && !s->ended)
		wal_snapshot_tail(w);
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

	if (writes_in_flight(s))
		return 0;
	for (uint32_t i = 0; i < STATE_SNAPSHOT_BUFFERS; i++)
		s->buffers[i].queued = false;
	wal_snapshot_chunks_free(&s->made);
	if (w->memory || (s->file < 0 && s->pulling && w->puller.keep)) {
		idle(w, !w->memory);
		return 0;
	}
	if (s->file < 0)
		s->step = SNAPSHOT_REMOVE;
	return control(w, s->file < 0 ? DISK_REMOVE : DISK_CLOSE);
}

int wal_snapshot_step(struct wal *w)
{
	struct snapshot_writer *s = &w->writer;

	wal_pull_leave_step(w);
	if (s->in_flight)
		return 0;
	/* Once it has its name it is there. */
	if (s->aborted && s->step != SNAPSHOT_IDLE && s->step < SNAPSHOT_NAMES_SYNC)
		wal_snapfile_fail(w, -ECANCELED);
	s->aborted = false;
	switch (s->step) {
	case SNAPSHOT_IDLE:
		return 0;
	case SNAPSHOT_OPEN:
		return control(w, DISK_OPEN);
	case SNAPSHOT_CREATE:
		return control(w, DISK_CREATE);
	case SNAPSHOT_SCAN:
		return wal_pull_scan_step(w);
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
		idle(w, true);
		return err == -ENOENT || wal_no_space(err) ? 0
							   : wal_snapfile_failed(w, err, "removal");
	}
	if (s->step == SNAPSHOT_OPEN && err == -ENOENT) {
		s->step = SNAPSHOT_CREATE;
		return 0;
	}
	if (s->step == SNAPSHOT_NAMES_SYNC || !(wal_no_space(err) || left_over(s, err)))
		return wal_snapfile_failed(w, err, "write");
	wal_snapfile_fail(w, left_over(s, err) ? -EAGAIN : err);
	return 0;
}

int wal_snapshot_done(struct wal *w, const struct disk_completion *done)
{
	struct snapshot_writer *s = &w->writer;

	assert(s->in_flight);
	s->in_flight = false;
	if (s->step == SNAPSHOT_SCAN) {
		wal_pull_read_done(w, done->result);
		return 0;
	}
	if (done->result != 0 && !(s->step == SNAPSHOT_DROP && s->file >= 0))
		return control_failed(w, done->result);
	switch (s->step) {
	case SNAPSHOT_OPEN:
		s->file = (int)done->value;
		return wal_pull_opened(w);
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
		return 0;
	case SNAPSHOT_REMOVE:
		idle(w, false);
		return 0;
	case SNAPSHOT_IDLE:
	case SNAPSHOT_SCAN:
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
		return wal_snapfile_failed(w, err, "write");
	wal_snapfile_fail(w, err);
	return 0;
}

bool wal_snapshot_in_flight(const struct wal *w)
{
	return writes_in_flight(&w->writer) || w->writer.in_flight || w->removing;
}

bool wal_snapfile_takes(const struct snapshot_writer *s)
{
	return (s->step == SNAPSHOT_CREATE || s->step == SNAPSHOT_WRITE) && !s->finishing &&
	       !s->ended;
}

uint64_t wal_snapshot_deadline(const struct wal *w)
{
	const struct snapshot_writer *s = &w->writer;

	if (s->step == SNAPSHOT_IDLE || s->in_flight)
		return UINT64_MAX;
	/* More of it may come when the rate allows; else the disk, or the caller, has its turn. */
	if (wal_snapfile_takes(s) && s->next_ns > w->now_ns)
		return s->next_ns;
	if (s->step == SNAPSHOT_DROP && writes_in_flight(s))
		return UINT64_MAX;
	return s->step == SNAPSHOT_WRITE && (wal_snapfile_takes(s) || writes_pending(s))
		       ? UINT64_MAX
		       : w->now_ns;
}
