/*
 * CRC32C (Castagnoli), by ISA-L: apart from bytes.h, so that only its users need that library.
 */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <isa-l/crc.h>
#include <stddef.h>
#include <stdint.h>

/* Chained: the CRC of what came before goes in as `crc`, 0 at the start. */
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

#endif
