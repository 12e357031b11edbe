#include "wal/meta.h"

#include "base/bytes.h"
#include "base/crc.h"

#include <errno.h>
#include <string.h>

enum { CRC = 12, HEAD = 16 };

void wal_meta_head_encode(uint8_t *out, const char magic[9], const struct log_id *id)
{
	memcpy(out, magic, 8);
	bytes_put32(out + 8, FORMAT_VERSION);
	bytes_put64(out + HEAD, id->identity);
}

void wal_meta_crc_put(uint8_t *out, size_t size)
{
	bytes_put32(out + CRC, bytes_crc_hole(0, out, size, CRC));
}

int wal_meta_head_decode(struct log_id *out, const uint8_t *in, size_t size, const char magic[9])
{
	if (memcmp(in, magic, 8) != 0 || bytes_get32(in + CRC) != bytes_crc_hole(0, in, size, CRC))
		return -EBADMSG;
	if (bytes_get32(in + 8) != FORMAT_VERSION)
		return -EPROTO;
	out->identity = bytes_get64(in + HEAD);
	return 0;
}

int wal_meta_head_check(const uint8_t *in, size_t size, const char magic[9],
			const struct log_id *id)
{
	struct log_id found;
	int err = wal_meta_head_decode(&found, in, size, magic);

	if (err != 0)
		return err;
	return found.identity == id->identity ? 0 : -EXDEV;
}

static bool is_unit(uint32_t unit)
{
	return unit >= FORMAT_UNIT_MIN && unit <= FORMAT_UNIT_MAX && (unit & (unit - 1)) == 0;
}

void wal_meta_identity_encode(uint8_t out[FORMAT_IDENTITY_SIZE],
			      const struct meta_identity *identity)
{
	memset(out, 0, FORMAT_IDENTITY_SIZE);
	wal_meta_head_encode(out, "QUOINDIR", &identity->id);
	bytes_put32(out + META_BODY, identity->durability);
	bytes_put32(out + META_BODY + 4, identity->unit);
	bytes_put64(out + META_BODY + 8, identity->formerly);
	wal_meta_crc_put(out, FORMAT_IDENTITY_SIZE);
}

int wal_meta_identity_decode(struct meta_identity *out, const uint8_t in[FORMAT_IDENTITY_SIZE])
{
	int err = wal_meta_head_decode(&out->id, in, FORMAT_IDENTITY_SIZE, "QUOINDIR");

	if (err != 0)
		return err;
	out->durability = bytes_get32(in + META_BODY);
	out->unit = bytes_get32(in + META_BODY + 4);
	out->formerly = bytes_get64(in + META_BODY + 8);
	if (out->durability < 1 || out->durability > 3 || !is_unit(out->unit))
		return -EBADMSG;
	return 0;
}

void wal_meta_segment_encode(uint8_t *out, const struct log_id *id,
			     const struct meta_segment *segment)
{
	memset(out, 0, segment->unit);
	wal_meta_head_encode(out, "QUOINSEG", id);
	bytes_put64(out + META_BODY, segment->sequence);
	bytes_put32(out + META_BODY + 8, segment->size);
	bytes_put32(out + META_BODY + 12, segment->unit);
	bytes_put32(out + META_BODY + 16, segment->write_size_max);
	wal_meta_crc_put(out, segment->unit);
}

int wal_meta_segment_decode(struct meta_segment *out, const uint8_t *in, uint32_t unit,
			    const struct log_id *id)
{
	int err = wal_meta_head_check(in, unit, "QUOINSEG", id);

	if (err != 0)
		return err;
	out->sequence = bytes_get64(in + META_BODY);
	out->size = bytes_get32(in + META_BODY + 8);
	out->unit = bytes_get32(in + META_BODY + 12);
	out->write_size_max = bytes_get32(in + META_BODY + 16);
	if (out->unit != unit || out->size % unit != 0 || out->write_size_max % unit != 0 ||
	    out->write_size_max == 0 || out->size < unit || out->size - unit < out->write_size_max)
		return -EBADMSG;
	return 0;
}
