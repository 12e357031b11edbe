#include "wal/log_base.h"

#include "base/bytes.h"
#include "wal/meta.h"

#include <errno.h>

enum {
	GENERATION = META_BODY,
	SEGMENT = META_BODY + 8,
	INDEX = META_BODY + 16,
	TERM = META_BODY + 24,
	NUMBER = META_BODY + 32,
};

void wal_base_encode(uint8_t *out, uint32_t unit, const struct log_id *id, uint64_t generation,
		     const struct log_base *base)
{
	memset(out, 0, unit);
	wal_meta_head_encode(out, "QUOINBAS", id);
	bytes_put64(out + GENERATION, generation);
	bytes_put64(out + SEGMENT, base->segment);
	bytes_put64(out + INDEX, base->index);
	bytes_put64(out + TERM, base->term);
	bytes_put64(out + NUMBER, base->number);
	wal_meta_crc_put(out, unit);
}

static int slot_decode(struct log_base *out, uint64_t *generation, const uint8_t *in, uint32_t unit,
		       uint32_t slot, const struct log_id *id)
{
	int err = wal_meta_head_check(in, unit, "QUOINBAS", id);

	if (err != 0)
		return err;
	*generation = bytes_get64(in + GENERATION);
	*out = (struct log_base){.segment = bytes_get64(in + SEGMENT),
				 .index = bytes_get64(in + INDEX),
				 .term = bytes_get64(in + TERM),
				 .number = bytes_get64(in + NUMBER)};
	if (*generation % 2 != slot || out->segment == 0 || out->index == 0 ||
	    (out->index == 1) != (out->term == 0))
		return -EBADMSG;
	return 0;
}

static bool same(const struct log_base *a, const struct log_base *b)
{
	return a->segment == b->segment && a->index == b->index && a->term == b->term &&
	       a->number == b->number;
}

int wal_base_decode(struct log_base_slots *out, const uint8_t *in, uint32_t unit,
		    const struct log_id *id)
{
	int err = 0;

	*out = (struct log_base_slots){0};
	for (uint32_t i = 0; i < 2; i++) {
		struct log_base found;
		uint64_t generation;
		int slot = slot_decode(&found, &generation, in + (size_t)i * unit, unit, i, id);

		if (slot != 0) {
			out->damaged++;
			err = slot;
			continue;
		}
		out->differ = i > 0 && out->damaged == 0 && !same(&found, &out->base);
		if (i == 0 || out->damaged > 0 || generation > out->generation) {
			out->base = found;
			out->generation = generation;
		}
	}
	return out->damaged < 2 ? 0 : err;
}
