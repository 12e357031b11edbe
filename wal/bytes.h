/*
 * Little-endian integers in byte buffers, CRC32C, and the question whether bytes are all zero.
 */
#ifndef WAL_BYTES_H
#define WAL_BYTES_H

#include <endian.h>
#include <isa-l/crc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void bytes_put16(uint8_t *out, uint16_t value)
{
	value = htole16(value);
	memcpy(out, &value, sizeof(value));
}

static inline void bytes_put32(uint8_t *out, uint32_t value)
{
	value = htole32(value);
	memcpy(out, &value, sizeof(value));
}

static inline void bytes_put64(uint8_t *out, uint64_t value)
{
	value = htole64(value);
	memcpy(out, &value, sizeof(value));
}

static inline uint16_t bytes_get16(const uint8_t *in)
{
	uint16_t value;

	memcpy(&value, in, sizeof(value));
	return le16toh(value);
}

static inline uint32_t bytes_get32(const uint8_t *in)
{
	uint32_t value;

	memcpy(&value, in, sizeof(value));
	return le32toh(value);
}

static inline uint64_t bytes_get64(const uint8_t *in)
{
	uint64_t value;

	memcpy(&value, in, sizeof(value));
	return le64toh(value);
}

/* CRC32C (Castagnoli), chained: the CRC of what came before goes in as `crc`, 0 at the start. */
static inline uint32_t bytes_crc(uint32_t crc, const void *data, size_t size)
{
	/* ISA-L reads only, but its prototype is not const. */
	return ~crc32_iscsi((unsigned char *)(uintptr_t)data, (int)size, ~crc);
}

/* The CRC of `data` with its four bytes at `hole` taken as zero: where the CRC itself is stored. */
static inline uint32_t bytes_crc_hole(uint32_t crc, const uint8_t *data, size_t size, size_t hole)
{
	static const uint8_t zero[4];

	crc = bytes_crc(crc, data, hole);
	crc = bytes_crc(crc, zero, sizeof(zero));
	return bytes_crc(crc, data + hole + 4, size - hole - 4);
}

static inline bool bytes_zero(const uint8_t *data, size_t size)
{
	/* Each byte equals the one eight before it, and the first eight are zero. */
	if (size < 8) {
		for (size_t i = 0; i < size; i++)
			if (data[i] != 0)
				return false;
		return true;
	}
	return bytes_get64(data) == 0 && memcmp(data, data + 8, size - 8) == 0;
}

/* splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit. */
static inline uint64_t bytes_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

#endif
