#include "kv/backup.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "kv/snapshot.h"

static_assert((int)KV_BACKUP_HEAD_SIZE == (int)KV_SNAPSHOT_HEAD_SIZE, "one layout");
static_assert((int)KV_BACKUP_END_SIZE == (int)KV_SNAPSHOT_RECORD_SIZE, "one layout");

int kv_backup_head(const uint8_t *data, struct kv_backup_head *out)
{
	const uint64_t revision = bytes_get64(data + 32), compacted = bytes_get64(data + 40);

	if (memcmp(data, "QUOINSTA", 8) != 0 || !bytes_zero(data + 49, 15))
		return -EBADMSG;
	if (bytes_get32(data + 8) != KV_SNAPSHOT_VERSION)
		return -EPROTO;
	*out = (struct kv_backup_head){
		.applied = bytes_get64(data + 24),
		.revision = revision,
		.compacted = compacted || data[48] ? (int64_t)compacted : -1,
	};
	if (revision < 1 || revision > INT64_MAX || compacted > revision)
		return -EBADMSG;
	return data[48] == 0 || (data[48] == 1 && compacted == 0) ? 0 : -EBADMSG;
}

int kv_backup_end(const uint8_t *data, uint64_t *versions)
{
	*versions = bytes_get64(data + 16);
	return bytes_zero(data, 16) && bytes_zero(data + 24, KV_BACKUP_END_SIZE - 24) ? 0
										      : -EBADMSG;
}
