#include "wal/block.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "base/mix.h"
#include "wal/format.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	STAMP = BLOCK_PAYLOAD,
	CRC = STAMP + 8,

	HEADER_VERSION = 8,
	HEADER_RECORD_SIZE = 12,
	HEADER_INDEX = 16,
	HEADER_TERM = 24,
	HEADER_RECORD = 32,

	TRAILER_PAYLOAD = 8,
	TRAILER_HASH = 16,
	TRAILER_END = 24,
};

static_assert(HEADER_RECORD + BLOCK_RECORD_MAX <= BLOCK_PAYLOAD, "a record fits in the header");
static_assert(BLOCK_PAYLOAD % 8 == 0, "a payload is hashed in words");
static_assert(BLOCK_FILE_STEP % FORMAT_UNIT_MAX == 0, "a file is whole units, whatever they are");

static const char header_magic[9] = "QUOINSNP";
static const char trailer_magic[9] = "QUOINEND";

static uint64_t stamp(const struct block_place *place)
{
	uint64_t x = mix(place->index);

	x = mix(x ^ place->term);
	x = mix(x ^ place->number);
	return x != 0 ? x : 1;
}

void wal_block_seal(uint8_t *block, const struct block_place *place)
{
	bytes_put64(block + STAMP, stamp(place));
	memset(block + CRC, 0, BLOCK_SIZE - CRC);
	bytes_put32(block + CRC, bytes_crc_hole(0, block, BLOCK_SIZE, CRC));
}

bool wal_block_good(const uint8_t *block, const struct block_place *place)
{
	return bytes_get64(block + STAMP) == stamp(place) &&
	       bytes_get32(block + CRC) == bytes_crc_hole(0, block, BLOCK_SIZE, CRC);
}

/* Each step is one to one, so two streams that differ in one word never have the same hash. */
uint64_t wal_block_hash(uint64_t hash, const uint8_t *block)
{
	for (uint32_t at = 0; at < BLOCK_PAYLOAD; at += 8) {
		hash = (hash ^ bytes_get64(block + at)) * MIX_STEP;
		hash ^= hash >> 32;
	}
	return hash;
}

void wal_block_header_encode(uint8_t *block, raft_index index, raft_term term,
			     const uint8_t *record, uint32_t record_size)
{
	assert(record_size <= BLOCK_RECORD_MAX);
	memset(block, 0, BLOCK_SIZE);
	memcpy(block, header_magic, 8);
	bytes_put32(block + HEADER_VERSION, WAL_SNAPSHOT_VERSION);
	bytes_put32(block + HEADER_RECORD_SIZE, record_size);
	bytes_put64(block + HEADER_INDEX, index);
	bytes_put64(block + HEADER_TERM, term);
	if (record_size > 0)
		memcpy(block + HEADER_RECORD, record, record_size);
}

int wal_block_header_decode(const uint8_t *block, struct block_place *place, const uint8_t **record,
			    uint32_t *record_size)
{
	*place = (struct block_place){.index = bytes_get64(block + HEADER_INDEX),
				      .term = bytes_get64(block + HEADER_TERM)};
	*record = block + HEADER_RECORD;
	*record_size = bytes_get32(block + HEADER_RECORD_SIZE);
	if (memcmp(block, header_magic, 8) != 0 || !wal_block_good(block, place))
		return -EBADMSG;
	if (bytes_get32(block + HEADER_VERSION) != WAL_SNAPSHOT_VERSION)
		return -EPROTO;
	if (place->index == 0 || place->term == 0 || *record_size > BLOCK_RECORD_MAX)
		return -EBADMSG;
	return 0;
}

void wal_block_trailer_encode(uint8_t *block, uint64_t payload, uint64_t hash)
{
	memset(block, 0, BLOCK_SIZE);
	memcpy(block, trailer_magic, 8);
	bytes_put64(block + TRAILER_PAYLOAD, payload);
	bytes_put64(block + TRAILER_HASH, hash);
}

int wal_block_trailer_decode(const uint8_t *block, uint64_t *payload, uint64_t *hash)
{
	if (memcmp(block, trailer_magic, 8) != 0 ||
	    !bytes_zero(block + TRAILER_END, BLOCK_PAYLOAD - TRAILER_END))
		return -EBADMSG;
	*payload = bytes_get64(block + TRAILER_PAYLOAD);
	*hash = bytes_get64(block + TRAILER_HASH);
	return *payload <= BLOCK_STREAM_MAX ? 0 : -EBADMSG;
}

void wal_block_name(char name[DISK_NAME_MAX], raft_index index, raft_term term)
{
	(void)snprintf(name, DISK_NAME_MAX, "snapshot-%016" PRIx64 "-%016" PRIx64, index, term);
}

bool wal_block_name_parse(const char *name, raft_index *index, raft_term *term)
{
	char canonical[DISK_NAME_MAX];
	char *end;

	if (strncmp(name, "snapshot-", 9) != 0)
		return false;
	*index = strtoull(name + 9, &end, 16);
	if (*end != '-')
		return false;
	*term = strtoull(end + 1, NULL, 16);
	wal_block_name(canonical, *index, *term);
	return *index > 0 && *term > 0 && strcmp(name, canonical) == 0;
}
