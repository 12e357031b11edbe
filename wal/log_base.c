#include "wal/log_base.h"

#include "base/bytes.h"
#include "wal/meta.h"

#include <errno.h>

void wal_base_encode(uint8_t *out, uint32_t unit, const struct log_id *id,
		     const struct log_base *base)
{
	memset(out, 0, unit);
	wal_meta_head_encode(out, "QUOINBAS", id);
	bytes_put64(out + META_BODY, base->segment);
	bytes_put64(out + META_BODY + 8, base->index);
	bytes_put64(out + META_BODY + 16, base->term);
	bytes_put64(out + META_BODY + 24, base->number);
	wal_meta_crc_put(out, unit);
}

int wal_base_decode(struct log_base *out, const uint8_t *in, uint32_t unit, const struct log_id *id)
{
	int err = wal_meta_head_check(in, unit, "QUOINBAS", id);

	if (err != 0)
		return err;
	*out = (struct log_base){.segment = bytes_get64(in + META_BODY),
				 .index = bytes_get64(in + META_BODY + 8),
				 .term = bytes_get64(in + META_BODY + 16),
				 .number = bytes_get64(in + META_BODY + 24)};
	if (out->segment == 0 || out->index == 0 || (out->index == 1) != (out->term == 0))
		return -EBADMSG;
	return 0;
}
