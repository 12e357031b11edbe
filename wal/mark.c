#include "wal/mark.h"

#include "base/bytes.h"
#include "wal/meta.h"

#include <errno.h>

enum {
	GENERATION = META_BODY,
	NUMBER = META_BODY + 8,
	SEGMENT = META_BODY + 16,
	VOTE_GENERATION = META_BODY + 24,
	START = META_BODY + 32,
	LOST = META_BODY + 40,
	WITNESS_COUNT = META_BODY + 44,
	DIVERGED = META_BODY + 48,
	WITNESSES = META_BODY + 56,
	WITNESS_SIZE = 40,
};

static_assert(WITNESSES + RAFT_MEMBERS_MAX * WITNESS_SIZE <= FORMAT_UNIT_MIN,
	      "every member has its place in a slot");

void wal_mark_encode(uint8_t *out, uint32_t unit, const struct log_id *id, const struct mark *mark)
{
	assert(mark->witness_count <= RAFT_MEMBERS_MAX);
	memset(out, 0, unit);
	wal_meta_head_encode(out, "QUOINMRK", id);
	bytes_put64(out + GENERATION, mark->generation);
	bytes_put64(out + NUMBER, mark->number);
	bytes_put64(out + SEGMENT, mark->segment);
	bytes_put64(out + VOTE_GENERATION, mark->vote_generation);
	bytes_put64(out + START, mark->start);
	bytes_put32(out + LOST, mark->lost);
	bytes_put64(out + DIVERGED, mark->diverged);
	bytes_put32(out + WITNESS_COUNT, mark->witness_count);
	for (uint32_t i = 0; i < mark->witness_count; i++) {
		const struct raft_witness *w = &mark->witness[i];
		uint8_t *at = out + WITNESSES + (size_t)i * WITNESS_SIZE;

		bytes_put64(at, w->id);
		bytes_put64(at + 8, w->start);
		bytes_put64(at + 16, w->term);
		bytes_put64(at + 24, w->index);
		bytes_put64(at + 32, w->entry_term);
	}
	wal_meta_crc_put(out, unit);
}

static int slot_decode(struct mark *out, const uint8_t *in, uint32_t unit, uint32_t slot,
		       const struct log_id *id)
{
	int err = wal_meta_head_check(in, unit, "QUOINMRK", id);

	if (err != 0)
		return err;
	*out = (struct mark){.generation = bytes_get64(in + GENERATION),
			     .number = bytes_get64(in + NUMBER),
			     .segment = bytes_get64(in + SEGMENT),
			     .vote_generation = bytes_get64(in + VOTE_GENERATION),
			     .start = bytes_get64(in + START),
			     .lost = bytes_get32(in + LOST) != 0,
			     .diverged = bytes_get64(in + DIVERGED),
			     .witness_count = bytes_get32(in + WITNESS_COUNT)};
	if (out->generation % 2 != slot || out->witness_count > RAFT_MEMBERS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < out->witness_count; i++) {
		const uint8_t *at = in + WITNESSES + (size_t)i * WITNESS_SIZE;

		out->witness[i] = (struct raft_witness){bytes_get64(at), bytes_get64(at + 8),
							bytes_get64(at + 16), bytes_get64(at + 24),
							bytes_get64(at + 32)};
	}
	return 0;
}

int wal_mark_decode(struct mark *out, uint32_t *damaged, const uint8_t *in, uint32_t unit,
		    const struct log_id *id)
{
	*out = (struct mark){0};
	*damaged = 0;
	for (uint32_t i = 0; i < 2; i++) {
		struct mark found;

		if (slot_decode(&found, in + (size_t)i * unit, unit, i, id) != 0)
			++*damaged;
		else if (i == 0 || *damaged > 0 || found.generation > out->generation)
			*out = found;
	}
	return *damaged < 2 ? 0 : -EBADMSG;
}
