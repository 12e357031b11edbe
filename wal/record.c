/*
 * Invariants:
 *  1. A sector that was written is never all zero: its stamp is not 0.
 *  2. What seals a write depends on where it lies, whose it is and its number: the same bytes
 *     elsewhere, or left over from before, are not valid (W6, W15).
 */
#include "wal/record.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "base/mix.h"

#include <errno.h>

enum {
	HEADER_MAGIC = 0,
	HEADER_VERSION = 4,
	HEADER_CRC = 8,
	WRITE_CRC = 12,
	HEADER_SIZE = 16,
	HEADER_COUNT = 20,
	HEADER_NUMBER = 24,
	HEADER_DURABLE = 32,
	HEADER_VOTE = 40,
	HEADER_FIRST = 48,
	HEADER_STREAM = 56,
	HEADER_ZERO = 60,

	ENTRY_CRC = 20,
};

static const uint8_t write_magic[4] = {'Q', 'W', 'R', 'T'};

static uint32_t entry_crc(const uint8_t *entry, uint32_t data_size)
{
	return bytes_crc_hole(0, entry, FORMAT_ENTRY_HEADER + data_size, ENTRY_CRC);
}

void wal_record_put(uint8_t *stream, uint32_t *used, const struct raft_entry *entry)
{
	uint8_t *out = stream + *used;
	uint32_t size = wal_record_entry_size(entry->size);

	bytes_put64(out, entry->index);
	bytes_put64(out + 8, entry->term);
	bytes_put16(out + 16, entry->size);
	out[18] = entry->type;
	out[19] = entry->flags;
	if (entry->size > 0)
		memcpy(out + FORMAT_ENTRY_HEADER, entry->data, entry->size);
	memset(out + FORMAT_ENTRY_HEADER + entry->size, 0,
	       size - FORMAT_ENTRY_HEADER - entry->size);
	bytes_put32(out + ENTRY_CRC, entry_crc(out, entry->size));
	*used += size;
}

uint64_t wal_record_stamp(const struct log_place *place, uint64_t number, uint32_t at)
{
	uint64_t x = mix(place->id.identity);

	x = mix(x ^ place->segment);
	x = mix(x ^ (place->offset + at));
	x = mix(x ^ number);
	return x != 0 ? x : 1;
}

uint64_t wal_record_stamp_get(const uint8_t *sector)
{
	return bytes_get64(sector + FORMAT_PAYLOAD);
}

static uint32_t seed(const struct log_place *place)
{
	uint8_t bytes[24];

	bytes_put64(bytes, place->id.identity);
	bytes_put64(bytes + 8, place->segment);
	bytes_put64(bytes + 16, place->offset);
	return bytes_crc(0, bytes, sizeof(bytes));
}

static uint32_t header_crc(const uint8_t *data, const struct log_place *place)
{
	uint8_t bytes[FORMAT_WRITE_HEADER];

	memcpy(bytes, data, sizeof(bytes));
	memset(bytes + HEADER_CRC, 0, 8);
	return bytes_crc(seed(place), bytes, sizeof(bytes));
}

static void header_encode(uint8_t *out, const struct record_header *header,
			  const struct log_place *place)
{
	memset(out, 0, FORMAT_WRITE_HEADER);
	memcpy(out + HEADER_MAGIC, write_magic, sizeof(write_magic));
	bytes_put16(out + HEADER_VERSION, FORMAT_VERSION);
	bytes_put32(out + HEADER_SIZE, header->size);
	bytes_put32(out + HEADER_COUNT, header->count);
	bytes_put64(out + HEADER_NUMBER, header->number);
	bytes_put64(out + HEADER_DURABLE, header->durable);
	bytes_put64(out + HEADER_VOTE, header->vote_generation);
	bytes_put64(out + HEADER_FIRST, header->first_index);
	bytes_put32(out + HEADER_STREAM, header->stream_size);
	bytes_put32(out + HEADER_CRC, header_crc(out, place));
}

void wal_record_seal(uint8_t *buffer, const struct record_header *header,
		     const struct log_place *place)
{
	uint32_t sectors = header->size / FORMAT_SECTOR;

	assert(header->size % FORMAT_SECTOR == 0);
	assert(header->stream_size <= wal_record_capacity(header->size));
	assert(header->durable < header->number);
	header_encode(buffer, header, place);
	memset(buffer + header->stream_size, 0, header->size - header->stream_size);
	/* From the last sector down: each moves up, past what has not moved yet. */
	for (uint32_t s = sectors; s-- > 0;) {
		uint8_t *sector = buffer + (size_t)s * FORMAT_SECTOR;

		memmove(sector, buffer + (size_t)s * FORMAT_PAYLOAD, FORMAT_PAYLOAD);
		bytes_put64(sector + FORMAT_PAYLOAD,
			    wal_record_stamp(place, header->number, s * FORMAT_SECTOR));
	}
	bytes_put32(buffer + WRITE_CRC,
		    bytes_crc_hole(seed(place), buffer, header->size, WRITE_CRC));
}

int wal_record_header_decode(struct record_header *out, const uint8_t *sector,
			     const struct log_place *place)
{
	if (memcmp(sector + HEADER_MAGIC, write_magic, sizeof(write_magic)) != 0 ||
	    bytes_get16(sector + HEADER_VERSION) != FORMAT_VERSION ||
	    bytes_get32(sector + HEADER_CRC) != header_crc(sector, place))
		return -EBADMSG;
	out->size = bytes_get32(sector + HEADER_SIZE);
	out->count = bytes_get32(sector + HEADER_COUNT);
	out->number = bytes_get64(sector + HEADER_NUMBER);
	out->durable = bytes_get64(sector + HEADER_DURABLE);
	out->vote_generation = bytes_get64(sector + HEADER_VOTE);
	out->first_index = bytes_get64(sector + HEADER_FIRST);
	out->stream_size = bytes_get32(sector + HEADER_STREAM);
	if (out->size == 0 || out->size % FORMAT_UNIT_MIN != 0 ||
	    out->stream_size < FORMAT_WRITE_HEADER ||
	    out->stream_size > wal_record_capacity(out->size) || out->durable >= out->number)
		return -EBADMSG;
	return 0;
}

int wal_record_open(uint8_t *buffer, const struct record_header *header,
		    const struct log_place *place)
{
	uint32_t sectors = header->size / FORMAT_SECTOR;

	for (uint32_t s = 0; s < sectors; s++)
		if (wal_record_stamp_get(buffer + (size_t)s * FORMAT_SECTOR) !=
		    wal_record_stamp(place, header->number, s * FORMAT_SECTOR))
			return -EBADMSG;
	if (bytes_get32(buffer + WRITE_CRC) !=
	    bytes_crc_hole(seed(place), buffer, header->size, WRITE_CRC))
		return -EBADMSG;
	for (uint32_t s = 1; s < sectors; s++)
		memmove(buffer + (size_t)s * FORMAT_PAYLOAD, buffer + (size_t)s * FORMAT_SECTOR,
			FORMAT_PAYLOAD);
	return 0;
}

int wal_record_next(struct raft_entry *out, const uint8_t *stream, uint32_t stream_size,
		    uint32_t *cursor)
{
	const uint8_t *entry = stream + *cursor;
	uint32_t left = stream_size - *cursor;

	if (left == 0)
		return 0;
	if (left < FORMAT_ENTRY_HEADER)
		return -EBADMSG;
	out->index = bytes_get64(entry);
	out->term = bytes_get64(entry + 8);
	out->size = bytes_get16(entry + 16);
	out->type = entry[18];
	out->flags = entry[19];
	out->data = entry + FORMAT_ENTRY_HEADER;
	if (out->index == 0 || out->term == 0 || out->size > RAFT_ENTRY_DATA_MAX ||
	    left < wal_record_entry_size(out->size) ||
	    bytes_get32(entry + ENTRY_CRC) != entry_crc(entry, out->size))
		return -EBADMSG;
	*cursor += wal_record_entry_size(out->size);
	return 1;
}
