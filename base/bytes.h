/*
 * Integers in byte buffers, at any address, and the question whether bytes are all zero. Our own
 * formats, on disk and on the wire, are little-endian; the `_be` ones are for the headers of IP.
 *
 * memcpy, so that no access is unaligned, and a byte swap that vanishes where the machine's order
 * is the right one.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

static inline uint16_t bytes_get16_be(const uint8_t *in)
{
	uint16_t value;

	memcpy(&value, in, sizeof(value));
	return be16toh(value);
}

static inline uint32_t bytes_get32_be(const uint8_t *in)
{
	uint32_t value;

	memcpy(&value, in, sizeof(value));
	return be32toh(value);
}

static inline void bytes_put16_be(uint8_t *out, uint16_t value)
{
	value = htobe16(value);
	memcpy(out, &value, sizeof(value));
}

static inline void bytes_put32_be(uint8_t *out, uint32_t value)
{
	value = htobe32(value);
	memcpy(out, &value, sizeof(value));
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

#endif
