/*
 * Pulling a snapshot: bytes come from peers in any order into the buffers of snapfile.c, which
 * stand for the next pieces of the file. A block is right by itself (wal/block.h) and is checked as
 * soon as its bytes are together; a piece is written when all its blocks are right, so what is on
 * the disk is right up to somewhere, and whoever goes on later finds by reading how far that is.
 *
 * Invariants:
 *  1. A block that is there is never written over by what a peer sends.
 *  2. Pieces are handed to the disk in their order, and hashed in it.
 *  3. The last piece is handed over only if size and hash of the whole are as offered; so nothing
 *     else is ever renamed.
 */
#include "wal/pull.h"

#include "base/bytes.h"
#include "wal/snapread.h"
#include "wal/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP_BLOCKS = BLOCK_FILE_STEP / BLOCK_SIZE,
	BLOCK_WORDS = BLOCK_SIZE / 64, /* of the bits that say which bytes are there */
	SCAN_BLOCKS = 16,              /* that are checked in one turn */
	ZEROS_MAX = 8,                 /* times that zeros of the end are wanted again */
};

/* --- the window: the pieces that have a buffer --------------------------------------------- */

/* The n-th piece from where the file stands. */
struct piece {
	uint8_t *data;
	uint64_t *there; /* a bit for each byte */
	uint64_t offset;
	uint32_t size;
};

static bool piece_get(const struct wal *w, uint32_t n, struct piece *out)
{
	const struct snapshot_writer *s = &w->writer;
	const uint32_t size = w->limits.snapshot_size;
	const uint32_t at = (s->at + n) % STATE_SNAPSHOT_BUFFERS;
	uint64_t left;

	*out = (struct piece){.offset = s->offset + n * (uint64_t)size};
	if (n >= (w->memory ? 1 : STATE_SNAPSHOT_BUFFERS) || out->offset >= w->puller.offer.size ||
	    !wal_snapfile_free(&s->buffers[at]))
		return false;
	left = w->puller.offer.size - out->offset;
	out->size = left < size ? (uint32_t)left : size;
	out->data = s->buffers[at].data;
	out->there = w->puller.there + at * (size_t)(size / 64);
	return true;
}

static bool takes(const struct wal *w)
{
	return w->failed == 0 && w->writer.pulling && w->writer.step == SNAPSHOT_WRITE &&
	       !w->writer.ended;
}

static bool block_there(const struct piece *p, uint32_t block)
{
	for (uint32_t i = 0; i < BLOCK_WORDS; i++)
		if (p->there[block * BLOCK_WORDS + i] != UINT64_MAX)
			return false;
	return true;
}

static void block_set(const struct piece *p, uint32_t block, bool there)
{
	memset(p->there + block * BLOCK_WORDS, there ? 0xff : 0, BLOCK_WORDS * 8);
}

static bool piece_there(const struct piece *p)
{
	for (uint32_t block = 0; block < p->size / BLOCK_SIZE; block++)
		if (!block_there(p, block))
			return false;
	return true;
}

/* The first byte from `at` on that is there, or is not: p->size, none. */
static uint32_t byte_find(const struct piece *p, uint32_t at, bool there)
{
	while (at < p->size) {
		uint64_t word = p->there[at / 64];

		word = (there ? word : ~word) >> at % 64;
		if (word != 0)
			return at + (uint32_t)__builtin_ctzll(word);
		at = (at / 64 + 1) * 64;
	}
	return p->size;
}

bool wal_pull_wants(const struct wal *w, uint64_t from, uint64_t *offset, uint32_t *length)
{
	struct piece p;

	for (uint32_t n = 0; takes(w) && piece_get(w, n, &p); n++) {
		uint32_t at;

		if (from >= p.offset + p.size)
			continue;
		at = byte_find(&p, from > p.offset ? (uint32_t)(from - p.offset) : 0, false);
		if (at == p.size)
			continue;
		*offset = p.offset + at;
		*length = byte_find(&p, at, true) - at;
		return true;
	}
	return false;
}

/* --- blocks -------------------------------------------------------------------------------- */

/* By itself: of the zeros at the end only the whole says whether they belong there. */
static bool block_right(const struct wal *w, const uint8_t *block, uint64_t number)
{
	const struct block_place place = {w->writer.place.index, w->writer.place.term, number};
	uint64_t count = w->puller.offer.size / BLOCK_SIZE;
	struct block_place header;
	const uint8_t *record;
	uint32_t record_size;

	if (number + STEP_BLOCKS > count && number > 1 && bytes_zero(block, BLOCK_SIZE))
		return true;
	if (!wal_block_good(block, &place))
		return false;
	return number > 0 || (wal_block_header_decode(block, &header, &record, &record_size) == 0 &&
			      header.index == place.index && header.term == place.term);
}

/* Its bytes are together. */
static int block_take(struct wal *w, const struct piece *p, uint32_t block)
{
	uint64_t number = p->offset / BLOCK_SIZE + block;

	if (block_right(w, p->data + (size_t)block * BLOCK_SIZE, number))
		return 0;
	block_set(p, block, false);
	w->puller.damaged++;
	return -EBADMSG;
}

/*
 * The blocks of the file's last step are there. Zeros that a peer sent in place of a block look
 * like those behind the trailer: what is zero before it, or if there is none all that is, is wanted
 * again. True: there are none such.
 */
static bool zeros_right(struct wal *w, const struct piece *p)
{
	struct snapshot_file found = {.info = w->puller.offer};
	const uint32_t count = p->size / BLOCK_SIZE;
	const uint8_t *step = p->data + p->size - BLOCK_FILE_STEP;
	uint64_t end = p->offset + p->size;
	bool right = true;

	if (wal_snapshot_trailer_find(&found, step, found.info.size, &end) != 0)
		end = p->offset + p->size;
	for (uint32_t block = count - STEP_BLOCKS; p->offset + block * (uint64_t)BLOCK_SIZE < end;
	     block++) {
		if (!bytes_zero(p->data + (size_t)block * BLOCK_SIZE, BLOCK_SIZE))
			continue;
		block_set(p, block, false);
		right = false;
	}
	w->puller.damaged += !right;
	w->puller.zeros += !right;
	return right;
}

/* That the whole is what was offered. Of `step` each block is right by itself, and no more. */
static bool end_right(struct wal *w, const uint8_t *step)
{
	struct snapshot_writer *s = &w->writer;
	struct snapshot_file found = {.info = w->puller.offer};
	uint64_t at, end;

	if (wal_snapshot_trailer_find(&found, step, found.info.size, &end) != 0)
		return false;
	for (at = found.info.size - BLOCK_FILE_STEP; at < end; at += BLOCK_SIZE) {
		s->hash = wal_block_hash(s->hash, step);
		step += BLOCK_SIZE;
	}
	s->payload = found.payload;
	return s->hash == found.info.hash && s->hash == w->puller.offer.hash;
}

/* All of the first piece is there and right. */
static int piece_end(struct wal *w, const struct piece *p)
{
	struct snapshot_writer *s = &w->writer;
	bool last = p->offset + p->size == w->puller.offer.size;
	uint32_t blocks = p->size / BLOCK_SIZE - (last ? STEP_BLOCKS : 0);

	if (last && !zeros_right(w, p)) {
		/* It is what is not zero that is of another one. */
		if (w->puller.zeros == ZEROS_MAX)
			wal_snapfile_fail(w, -EBADMSG);
		return -EBADMSG;
	}
	for (uint32_t block = 0; block < blocks; block++)
		s->hash = wal_block_hash(s->hash, p->data + (size_t)block * BLOCK_SIZE);
	if (last && !end_right(w, p->data + (size_t)blocks * BLOCK_SIZE)) {
		wal_snapfile_fail(w, -EBADMSG);
		return -EBADMSG;
	}
	memset(p->there, 0, w->limits.snapshot_size / 8);
	s->ended = last;
	return 0;
}

static int pieces_end(struct wal *w)
{
	struct piece p;
	int err = 0;

	while (err == 0 && takes(w) && piece_get(w, 0, &p) && piece_there(&p)) {
		err = piece_end(w, &p);
		wal_snapfile_buffer(w)->used = p.size;
		if (err == 0)
			wal_snapfile_queue(w);
	}
	return err;
}

/* Bytes of one block; what is there already stays (1). */
static int bytes_take(struct wal *w, const struct piece *p, uint32_t at, const uint8_t *data,
		      uint32_t size)
{
	if (block_there(p, at / BLOCK_SIZE))
		return 0;
	memcpy(p->data + at, data, size);
	for (uint32_t end = at + size; at < end;) {
		uint32_t count = 64 - at % 64;

		count = count < end - at ? count : end - at;
		p->there[at / 64] |= UINT64_MAX >> (64 - count) << at % 64;
		at += count;
	}
	at -= 1;
	return block_there(p, at / BLOCK_SIZE) ? block_take(w, p, at / BLOCK_SIZE) : 0;
}

int wal_pull_add(struct wal *w, uint64_t offset, const uint8_t *data, size_t size)
{
	bool there = w->writer.pulling && size > 0 && offset < w->writer.offset;
	struct piece p;
	int result = 0;

	for (uint32_t n = 0; takes(w) && piece_get(w, n, &p); n++) {
		uint64_t from = offset > p.offset ? offset : p.offset;
		uint64_t end =
			offset + size < p.offset + p.size ? offset + size : p.offset + p.size;

		while (from < end) {
			uint64_t block_end = (from / BLOCK_SIZE + 1) * BLOCK_SIZE;
			uint64_t to = block_end < end ? block_end : end;

			if (bytes_take(w, &p, (uint32_t)(from - p.offset), data + (from - offset),
				       (uint32_t)(to - from)) != 0)
				result = -EBADMSG;
			there = true;
			from = to;
		}
	}
	if (pieces_end(w) != 0)
		result = -EBADMSG;
	return result != 0 || there ? result : -EAGAIN;
}

/* --- what was there from before ------------------------------------------------------------ */

int wal_pull_opened(struct wal *w)
{
	struct puller *p = &w->puller;
	uint64_t size;
	int err = w->disk->ops->size(w->disk, w->writer.file, &size);

	if (err != 0)
		return wal_snapfile_failed(w, err, "size");
	p->scan_end = size / BLOCK_FILE_STEP * BLOCK_FILE_STEP;
	w->writer.step = SNAPSHOT_SCAN;
	if (size > p->offer.size)
		wal_snapfile_fail(w, -EBADMSG);
	return 0;
}

static int scan_read(struct wal *w, const struct piece *p)
{
	struct snapshot_writer *s = &w->writer;
	uint64_t left = w->puller.scan_end - p->offset;
	int err;

	w->puller.scan_size = left < p->size ? (uint32_t)left : p->size;
	w->puller.scan_at = 0;
	err = w->disk->ops->read(w->disk, s->file, p->offset, p->data, w->puller.scan_size,
				 TAG_SNAPSHOT);
	if (err == -EAGAIN)
		w->puller.scan_size = 0;
	return wal_snapfile_submitted(w, err);
}

/* What cannot be read is pulled, as what is not there. */
void wal_pull_read_done(struct wal *w, int err)
{
	if (err != 0)
		w->writer.step = SNAPSHOT_WRITE;
}

int wal_pull_scan_step(struct wal *w)
{
	struct puller *q = &w->puller;
	struct piece p;

	if (w->writer.offset >= q->scan_end || !piece_get(w, 0, &p)) {
		w->writer.step = SNAPSHOT_WRITE;
		return 0;
	}
	if (q->scan_size == 0)
		return scan_read(w, &p);
	for (uint32_t i = 0; i < SCAN_BLOCKS && q->scan_at < q->scan_size; i++) {
		const uint8_t *block = p.data + q->scan_at;

		block_set(&p, q->scan_at / BLOCK_SIZE,
			  block_right(w, block, (p.offset + q->scan_at) / BLOCK_SIZE));
		q->scan_at += BLOCK_SIZE;
	}
	if (q->scan_at < q->scan_size)
		return 0;
	q->scan_size = 0;
	if (!piece_there(&p) || piece_end(w, &p) != 0) {
		/* What is right of it is in the buffer, and the piece is written again. */
		if (w->writer.step == SNAPSHOT_SCAN)
			w->writer.step = SNAPSHOT_WRITE;
		return 0;
	}
	w->writer.offset += p.size;
	q->scanned = w->writer.offset;
	return 0;
}

/* --- beginning and end --------------------------------------------------------------------- */

static bool same(const struct raft_snapshot *a, const struct raft_snapshot *b)
{
	return a->index == b->index && a->term == b->term;
}

int wal_pull_begin(struct wal *w, const struct raft_snapshot *offer)
{
	struct snapshot_writer *s = &w->writer;
	struct puller *p = &w->puller;
	const struct snapshot_file *file = wal_snapshot_find(w, offer->index, offer->term);

	if (w->failed != 0)
		return w->failed;
	if (s->step != SNAPSHOT_IDLE || p->leaving.index != 0)
		return -EAGAIN;
	if (offer->index == 0 || offer->term == 0 || offer->size == 0 ||
	    offer->size % BLOCK_FILE_STEP != 0 || offer->size > INT64_MAX)
		return -EINVAL;
	if (file && (w->memory || !file->damaged))
		return -EEXIST;
	if (file && wal_snapshot_in_use(w, offer->index, offer->term))
		return -EAGAIN;
	p->there = calloc(STATE_SNAPSHOT_BUFFERS, w->limits.snapshot_size / 8);
	if (!p->there)
		return -ENOMEM;
	s->step = w->memory ? SNAPSHOT_WRITE : SNAPSHOT_CREATE;
	if (same(&p->part, offer)) {
		s->step = SNAPSHOT_OPEN;
	} else {
		p->leaving = p->part;
		p->part = (struct raft_snapshot){offer->index, offer->term, 0, 0};
	}
	s->pulling = true;
	s->place = (struct block_place){.index = offer->index, .term = offer->term};
	s->offset = s->hash = 0;
	s->at = 0;
	s->finishing = s->ended = false;
	p->offer = *offer;
	p->scanned = p->damaged = 0;
	p->zeros = 0;
	p->scan_size = 0;
	p->keep = false;
	p->result = -EINPROGRESS;
	return 0;
}

void wal_pull_ended(struct wal *w, bool left)
{
	struct puller *p = &w->puller;

	free(p->there);
	p->there = NULL;
	p->part.size = wal_space_part(w);
	p->offer = (struct raft_snapshot){0};
	if (!left)
		p->part = (struct raft_snapshot){0};
}

int wal_pull_result(const struct wal *w)
{
	return w->failed != 0 ? w->failed : w->puller.result;
}

void wal_pull_abort(struct wal *w, bool keep)
{
	if (!w->writer.pulling || w->puller.result != -EINPROGRESS)
		return;
	w->writer.aborted = true;
	w->puller.keep = keep;
}

void wal_pull_get(const struct wal *w, struct wal_pulled *out)
{
	*out = (struct wal_pulled){.offer = w->puller.offer,
				   .scanned = w->puller.scanned,
				   .there = w->writer.pulling ? w->writer.offset : 0,
				   .damaged = w->puller.damaged};
}

uint64_t wal_pull_lacks(const struct wal *w, const struct raft_snapshot *offer)
{
	const uint64_t part = wal_space_part(w);

	return offer->size > part ? offer->size - part : 0;
}

/* One that is whole covers what there is a part of. */
static bool covered(const struct wal *w)
{
	return wal_snapshot_reaches(w, w->puller.part.index, NULL);
}

void wal_pull_leave_step(struct wal *w)
{
	struct puller *p = &w->puller;
	struct disk_call call = {.kind = DISK_REMOVE};
	char name[DISK_NAME_MAX];

	if (p->part.index != 0 && !w->writer.pulling && p->leaving.index == 0 && covered(w)) {
		p->leaving = p->part;
		p->part = (struct raft_snapshot){0};
	}
	if (p->leaving.index == 0 || w->removing)
		return;
	wal_block_name(name, p->leaving.index, p->leaving.term);
	wal_meta_part_name(call.name, name);
	if (w->disk->ops->call(w->disk, &call, TAG_SNAPSHOT_REMOVE) != 0)
		return; /* the disk has too much to do */
	w->removing = true;
	p->leaving = (struct raft_snapshot){0};
}
