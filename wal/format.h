/*
 * The format on disk, version 3. docs/wal-format.md says the same at length, with the decisions
 * that recovery takes. All integers are little-endian; what is not named is zero.
 *
 * A directory holds: `lock`; `identity`; `vote`; `base`; `mark`; `cluster`, if it was kept;
 * `segment-XXXXXXXXXXXXXXXX` (hexadecimal, from the base on without gaps); snapshots (wal/block.h);
 * NAME.tmp while NAME is being made, and NAME.part while it is pulled; and `lost-...`, which is put
 * aside and never read. `unit` is the size and alignment of every write, recorded in `identity`.
 *
 * identity: 64 KiB, so that it can be read in any unit.
 *
 *	offset size field
 *	     0    8 "QUOINDIR"
 *	     8    4 version
 *	    12    4 CRC32C of the file, this field zero
 *	    16    8 identity
 *	    24    4 durability: 1 durable, 2 written, 3 volatile
 *	    28    4 unit
 *	    32    8 the identity that this one replaces, while what was its is removed; else 0
 *
 * vote: two slots of `unit` bytes; generation g lives in slot g % 2. Each 512-byte sector of a slot
 * holds the same record, so that each sector says by itself which write it belongs to:
 *
 *	     0    8 "QUOINVOT"
 *	     8    4 version
 *	    12    4 CRC32C of the sector, this field zero
 *	    16    8 identity
 *	    24    8 generation
 *	    32    8 term
 *	    40    8 vote
 *	    48    8 start: how many there were in the high half, drawn at random in the low half
 *	    56    8 log write number that was durable when this was written
 *	    64    4 sector number in the file
 *
 * base: where the log begins. Two slots of `unit` bytes; generation g lives in slot g % 2.
 *
 *	     0    8 "QUOINBAS"
 *	     8    4 version
 *	    12    4 CRC32C of the file, this field zero
 *	    16    8 identity
 *	    24    8 generation
 *	    32    8 sequence of the first segment
 *	    40    8 index of the first entry
 *	    48    8 term of the entry before it; 0: there is none
 *	    56    8 number of the last write before the first segment
 *
 * cluster: what the membership room keeps, `unit` bytes.
 *
 *	     0    8 "QUOINCLU"
 *	     8    4 version
 *	    12    4 CRC32C of the file, this field zero
 *	    16    8 identity
 *	    24    4 size of the record
 *	    32      the record
 *
 * mark: two slots of `unit` bytes; generation g lives in slot g % 2.
 *
 *	     0    8 "QUOINMRK"
 *	     8    4 version
 *	    12    4 CRC32C of the slot, this field zero
 *	    16    8 identity
 *	    24    8 generation
 *	    32    8 number of the newest write that was on stable storage
 *	    40    8 sequence of the highest segment that was, also if it was only prepared
 *	    48    8 generation of the newest vote slot that was
 *	    56    8 start
 *	    64    4 1: acknowledged writes are gone, and were not brought back yet
 *	    68    4 number of witnesses, at most 16
 *	    72    8 not 0: the state is not the other members', as a snapshot of this index showed
 *	    80      the witnesses; each:
 *	     0    8 member
 *	     8    8 its newest start
 *	    16    8 term in which it acknowledged a position to this member
 *	    24    8 that position
 *	    32    8 term of the entry there; 0: not known
 *
 * A segment: a header of `unit` bytes, then writes, then zeros up to its size.
 *
 *	     0    8 "QUOINSEG"
 *	     8    4 version
 *	    12    4 CRC32C of the unit, this field zero
 *	    16    8 identity
 *	    24    8 sequence: the number in its name
 *	    32    4 size of the segment
 *	    36    4 unit
 *	    40    4 size of the largest write it may hold
 *
 * A segment's header is written last when it is prepared, so a valid header means: all behind it
 * was durably zero.
 *
 * A write: a multiple of `unit`. It is a stream of bytes laid over its sectors, 504 bytes in each;
 * the last 8 bytes of each 512-byte sector are the sector's stamp: non-zero, a function of the
 * log's identity, the segment, the offset and the write's number. The stream: a header,
 *
 *	     0    4 "QWRT"
 *	     4    2 version
 *	     6    2 zero
 *	     8    4 CRC32C of these 64 bytes, both CRC fields zero, seeded as below
 *	    12    4 CRC32C of the write as it is on disk, this field zero, seeded with the CRC32C of
 *		    (identity, segment sequence, offset in the segment)
 *	    16    4 size on disk
 *	    20    4 number of entries
 *	    24    8 number of this write: 1, 2, ... through the whole log
 *	    32    8 number of the last write known to be on stable storage when this was written
 *	    40    8 generation of the vote slot known to be durable when this was written
 *	    48    8 index of the first entry
 *	    56    4 size of the stream
 *	    60    4 zero
 *
 * then the entries, each a multiple of 8 bytes:
 *
 *	     0    8 index
 *	     8    8 term
 *	    16    2 size of the data
 *	    18    1 type
 *	    19    1 flags
 *	    20    4 CRC32C of the entry (these 24 bytes with this field zero, and the data)
 *	    24      data, and zeros up to a multiple of 8
 *
 * A write is valid if and only if its number is the one that follows the write before it, its
 * header, its CRC and the stamp of every sector are right for the place where it was found, and
 * its entries fit together: no gap, no index 0, nothing but zeros after them.
 */
#ifndef WAL_FORMAT_H
#define WAL_FORMAT_H

#include <assert.h>
#include <stdint.h>

#define WAL_FORMAT_VERSION 3 /* as text in messages, too */

enum {
	FORMAT_VERSION = WAL_FORMAT_VERSION,
	FORMAT_UNIT_MIN = 4096,
	FORMAT_UNIT_MAX = 65536,
	FORMAT_SECTOR = 512,
	FORMAT_STAMP = 8,
	FORMAT_PAYLOAD = FORMAT_SECTOR - FORMAT_STAMP, /* stream bytes in a sector */

	FORMAT_IDENTITY_SIZE = FORMAT_UNIT_MAX,

	FORMAT_WRITE_HEADER = 64,
	FORMAT_ENTRY_HEADER = 24,
};

static_assert(FORMAT_WRITE_HEADER <= (int)FORMAT_PAYLOAD, "a header lies in its first sector");

/*
 * Whose log it is: bound into every block. Which cluster and member the directory belongs to is
 * decided after the log exists, so the log does not depend on it.
 */
struct log_id {
	uint64_t identity;
};

/* Where a write lies. */
struct log_place {
	struct log_id id;
	uint64_t segment;
	uint64_t offset;
};

#endif
