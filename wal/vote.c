/*
 * The two slots of the vote file: each sector says by itself which write it belongs to, so that a
 * torn write is told from damage (W22).
 */
#include "base/bytes.h"
#include "wal/meta.h"

#include <errno.h>
#include <string.h>

void wal_meta_vote_encode(uint8_t *out, uint32_t unit, const struct log_id *id,
			  const struct meta_vote *vote)
{
	uint32_t first = (uint32_t)wal_meta_vote_offset(vote->generation, unit) / FORMAT_SECTOR;

	memset(out, 0, unit);
	for (uint32_t s = 0; s < unit / FORMAT_SECTOR; s++) {
		uint8_t *sector = out + (size_t)s * FORMAT_SECTOR;

		wal_meta_head_encode(sector, "QUOINVOT", id);
		bytes_put64(sector + META_BODY, vote->generation);
		bytes_put64(sector + META_BODY + 8, vote->hard_state.term);
		bytes_put64(sector + META_BODY + 16, vote->hard_state.vote);
		bytes_put64(sector + META_BODY + 24, vote->start);
		bytes_put64(sector + META_BODY + 32, vote->log_number);
		bytes_put32(sector + META_BODY + 40, first + s);
		wal_meta_crc_put(sector, FORMAT_SECTOR);
	}
}

/* One sector of the vote file; `number` is where it lies. */
static int sector_decode(struct meta_vote *out, const uint8_t *sector, uint32_t number,
			 const struct log_id *id)
{
	int err = wal_meta_head_check(sector, FORMAT_SECTOR, "QUOINVOT", id);

	if (err != 0)
		return err;
	out->generation = bytes_get64(sector + META_BODY);
	out->hard_state.term = bytes_get64(sector + META_BODY + 8);
	out->hard_state.vote = bytes_get64(sector + META_BODY + 16);
	out->start = bytes_get64(sector + META_BODY + 24);
	out->log_number = bytes_get64(sector + META_BODY + 32);
	return bytes_get32(sector + META_BODY + 40) == number ? 0 : -EBADMSG;
}

static bool same_vote(const struct meta_vote *a, const struct meta_vote *b)
{
	return a->generation == b->generation && a->hard_state.term == b->hard_state.term &&
	       a->hard_state.vote == b->hard_state.vote && a->start == b->start &&
	       a->log_number == b->log_number;
}

/* The contents of one slot: its newest record, oldest generation, and whether all of it agrees. */
struct slot {
	struct meta_vote newest;
	uint64_t oldest;
	bool whole;
};

static int slot_decode(struct slot *out, const uint8_t *in, uint32_t unit, uint32_t slot,
		       const struct log_id *id, uint64_t *offset)
{
	uint32_t sectors = unit / FORMAT_SECTOR;

	for (uint32_t s = 0; s < sectors; s++) {
		uint32_t number = slot * sectors + s;
		struct meta_vote vote;
		int err;

		*offset = (uint64_t)number * FORMAT_SECTOR;
		err = sector_decode(&vote, in + *offset, number, id);
		if (err != 0)
			return err;
		if (vote.generation % 2 != slot)
			return -EBADMSG;
		if (s == 0) {
			*out = (struct slot){vote, vote.generation, true};
			continue;
		}
		if (!same_vote(&vote, &out->newest))
			out->whole = false;
		if (vote.generation > out->newest.generation)
			out->newest = vote;
		if (vote.generation < out->oldest)
			out->oldest = vote.generation;
	}
	return 0;
}

/*
 * The slots alternate and one write is in flight, so beside a whole slot of generation g the other
 * holds g - 1, g + 1, or, torn, sectors of both; two torn attempts at g + 1 may be mixed. A torn
 * write was not acknowledged (W22). Anything else is damage.
 */
int wal_meta_vote_decode(struct meta_vote *out, bool *torn, const uint8_t *in, uint32_t unit,
			 const struct log_id *id, uint64_t *offset)
{
	struct slot slots[2];

	for (uint32_t i = 0; i < 2; i++) {
		int err = slot_decode(&slots[i], in, unit, i, id, offset);

		if (err != 0)
			return err;
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct slot *a = &slots[i];
		const struct slot *b = &slots[1 - i];
		uint64_t g = a->newest.generation;

		if (!a->whole)
			continue;
		*torn = !b->whole;
		if (b->whole && b->newest.generation + 1 == g) {
			*out = a->newest;
			return 0;
		}
		if (!b->whole && b->newest.generation == g + 1 &&
		    (b->oldest == g + 1 || b->oldest + 1 == g)) {
			*out = a->newest;
			return 0;
		}
	}
	*offset = 0;
	return -EBADMSG;
}

bool wal_meta_vote_initial(const uint8_t *in, uint32_t unit)
{
	for (uint32_t at = 0; at < 2 * unit; at += FORMAT_SECTOR) {
		struct log_id id;

		if (wal_meta_head_decode(&id, in + at, FORMAT_SECTOR, "QUOINVOT") != 0 ||
		    bytes_get64(in + at + META_BODY) > 1)
			return false;
	}
	return true;
}
