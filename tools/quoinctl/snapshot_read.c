/*
 * Reading a snapshot's file: what it is, its end, and then all of it, block by block.
 */
#include "tools/quoinctl/snapshot_file.h"

#include "base/bytes.h"
#include "wal/block.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_SIZE = 256 * 1024, /* a multiple of BLOCK_FILE_STEP, as each file is */

	/* A bolt database: its first page is a meta page, whose magic stands here. */
	BOLT_MAGIC_AT = 16,
};

#define BOLT_MAGIC UINT32_C(0xed0cdaed)

struct reader {
	const char *path;
	char *error;
	int fd;
	uint8_t *buffer;
	struct snapshot_told *out;
	struct block_place place; /* of the header; number: of the trailer */
	uint64_t payload, hash;   /* as the trailer says */
	uint64_t taken;           /* of the payload */
	uint64_t hashed;
	uint8_t end[KV_BACKUP_END_SIZE];
};

static __attribute__((format(printf, 2, 3))) int say(struct reader *r, const char *format, ...)
{
	va_list args;
	int n = snprintf(r->error, ERROR_SIZE, "%.300s: ", r->path);

	va_start(args, format);
	vsnprintf(r->error + n, ERROR_SIZE - (size_t)n, format, args);
	va_end(args);
	return EXIT_FAILED;
}

static int read_at(struct reader *r, uint64_t offset, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = pread(r->fd, r->buffer + at, size - at, (off_t)(offset + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return say(r, "at offset %" PRIu64 ": %s", offset + at,
				   n < 0 ? strerror(errno) : "it ends: somebody writes it");
		at += (size_t)n;
	}
	return 0;
}

static int file_open(struct reader *r)
{
	struct stat there;

	r->fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &there))
		return say(r, "%s", strerror(errno));
	if (!S_ISREG(there.st_mode))
		return say(r, "it is no file");
	r->out->size = (uint64_t)there.st_size;
	r->buffer = malloc(BUFFER_SIZE);
	return r->buffer ? 0 : say(r, "out of memory");
}

/* What it is instead, by its first bytes. */
static int no_snapshot(struct reader *r, size_t size)
{
	if (size >= BOLT_MAGIC_AT + 4 && bytes_get32(r->buffer + BOLT_MAGIC_AT) == BOLT_MAGIC)
		return say(r, "this is a database of etcd, as etcdctl snapshot save writes it: "
			      "quoin reads its own snapshots alone");
	return say(r, "this is no snapshot of quoin");
}

static int header_read(struct reader *r)
{
	const size_t size = r->out->size < BLOCK_SIZE ? r->out->size : BLOCK_SIZE;
	const uint8_t *record;
	uint32_t record_size;
	int err;

	if (size == 0)
		return say(r, "it is empty");
	err = read_at(r, 0, size);
	if (err)
		return err;
	if (size < 8 || memcmp(r->buffer, "QUOINSNP", 8) != 0)
		return no_snapshot(r, size);
	if (r->out->size < BLOCK_FILE_STEP)
		return say(r, "it was cut short: %" PRIu64 " bytes are less than any snapshot has",
			   r->out->size);
	err = wal_block_header_decode(r->buffer, &r->place, &record, &record_size);
	if (err == -EPROTO)
		return say(r, "of another version of the format: read it with the release that "
			      "wrote it");
	return err ? say(r, "damaged at offset 0") : 0;
}

/* The trailer is the last block that is not zero. */
static int trailer_read(struct reader *r)
{
	const uint64_t size = r->out->size;
	const uint8_t *block = r->buffer + BLOCK_FILE_STEP - BLOCK_SIZE;
	int err;

	if (size % BLOCK_FILE_STEP != 0)
		return say(r,
			   "it was cut short, or something is behind its end: %" PRIu64
			   " bytes are no multiple of %d",
			   size, BLOCK_FILE_STEP);
	err = read_at(r, size - BLOCK_FILE_STEP, BLOCK_FILE_STEP);
	if (err)
		return err;
	r->place.number = size / BLOCK_SIZE - 1;
	for (; block > r->buffer && bytes_zero(block, BLOCK_SIZE); block -= BLOCK_SIZE)
		r->place.number--;
	if (!wal_block_good(block, &r->place) ||
	    wal_block_trailer_decode(block, &r->payload, &r->hash) != 0 ||
	    r->payload < KV_BACKUP_HEAD_SIZE + KV_BACKUP_END_SIZE ||
	    r->place.number != wal_block_count(r->payload) + 1 ||
	    wal_block_file_size(r->payload) != size)
		return say(r,
			   "its end is not there: it was cut short, or is damaged, at offset "
			   "%" PRIu64,
			   r->place.number * BLOCK_SIZE);
	return 0;
}

static void end_note(struct reader *r, const uint8_t *data, uint32_t size)
{
	const uint64_t from = r->payload - sizeof(r->end);

	for (uint32_t i = 0; i < size; i++) {
		if (r->taken + i >= from)
			r->end[r->taken + i - from] = data[i];
	}
}

/* A block of the state. */
static int payload_take(struct reader *r, const uint8_t *data, snapshot_take *take, void *argument)
{
	const uint64_t left = r->payload - r->taken;
	const uint32_t size = left < BLOCK_PAYLOAD ? (uint32_t)left : BLOCK_PAYLOAD;
	int err;

	if (!bytes_zero(data + size, BLOCK_PAYLOAD - size))
		return say(r, "damaged at offset %" PRIu64, r->place.number * BLOCK_SIZE);
	if (r->taken == 0) {
		err = kv_backup_head(data, &r->out->head);
		if (err)
			return say(r, err == -EPROTO
					      ? "of a state of another version: read it with the "
						"release that wrote it"
					      : "its state cannot be read");
	}
	if (left <= BLOCK_PAYLOAD + sizeof(r->end))
		end_note(r, data, size);
	r->taken += size;
	return take ? take(argument, data, size) : 0;
}

static int blocks_read(struct reader *r, snapshot_take *take, void *argument)
{
	struct block_place place = {.index = r->place.index, .term = r->place.term};
	uint64_t offset = 0;
	int err = 0;

	for (; !err && place.number < r->place.number; offset += BUFFER_SIZE) {
		const uint64_t left = r->place.number * BLOCK_SIZE - offset;
		const size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;

		err = read_at(r, offset, size);
		for (size_t at = 0; !err && at < size; at += BLOCK_SIZE, place.number++) {
			const uint8_t *block = r->buffer + at;

			if (!wal_block_good(block, &place))
				return say(r, "damaged at offset %" PRIu64, offset + at);
			r->hashed = wal_block_hash(r->hashed, block);
			if (place.number > 0)
				err = payload_take(r, block, take, argument);
		}
	}
	return err;
}

int snapshot_read(const char *path, snapshot_take *take, void *argument, struct snapshot_told *out,
		  char error[ERROR_SIZE])
{
	struct reader r = {.path = path, .error = error, .fd = -1, .out = out};
	int err;

	*out = (struct snapshot_told){0};
	err = file_open(&r);
	if (!err)
		err = header_read(&r);
	if (!err)
		err = trailer_read(&r);
	if (!err)
		err = blocks_read(&r, take, argument);
	if (!err && r.hashed != r.hash)
		err = say(&r, "its blocks are not those that its end was written for");
	if (!err && kv_backup_end(r.end, &out->versions))
		err = say(&r, "its state cannot be read");
	out->hash = (uint32_t)r.hash;
	if (r.fd >= 0)
		close(r.fd);
	free(r.buffer);
	return err;
}
