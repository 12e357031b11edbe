#include "wal/cluster.h"

#include "base/bytes.h"
#include "wal/file.h"
#include "wal/recovery.h"

#include <errno.h>
#include <stdio.h>

static_assert(META_BODY + 8 + WAL_RECORD_SIZE_MAX <= FORMAT_UNIT_MIN, "a record fits in a unit");

/* Encodes unit bytes. */
static void encode(uint8_t *out, uint32_t unit, const struct log_id *id, const uint8_t *data,
		   uint32_t size)
{
	memset(out, 0, unit);
	wal_meta_head_encode(out, "QUOINCLU", id);
	bytes_put32(out + META_BODY, size);
	memcpy(out + META_BODY + 8, data, size);
	wal_meta_crc_put(out, unit);
}

int wal_cluster_decode(const uint8_t **data, uint32_t *size, const uint8_t *in, uint32_t unit,
		       const struct log_id *id)
{
	int err = wal_meta_head_check(in, unit, "QUOINCLU", id);

	if (err != 0)
		return err;
	*size = bytes_get32(in + META_BODY);
	*data = in + META_BODY + 8;
	return *size > 0 && *size <= WAL_RECORD_SIZE_MAX ? 0 : -EBADMSG;
}

int wal_cluster_find(struct recovery *r)
{
	struct wal *w = r->w;
	const uint8_t *data;
	int err;

	if (!r->names.cluster)
		return 0;
	err = wal_file_read(w, META_CLUSTER, w->block, w->unit);
	if (err != 0)
		return err;
	err = wal_cluster_decode(&data, &r->out->record_size, w->block, w->unit, &w->id);
	if (err == -EPROTO)
		return wal_refuse(w, err, META_CLUSTER ": " WAL_OTHER_VERSION);
	if (err == -EXDEV)
		return wal_refuse(w, -EBADMSG,
				  META_CLUSTER ": the record of another directory" WAL_REFUSED);
	if (err != 0)
		return wal_refuse(w, err,
				  META_CLUSTER " at offset 0: its checksum is wrong" WAL_REFUSED);
	memcpy(r->out->record, data, r->out->record_size);
	return 0;
}

/*
 * The identity file is the one step that decides: from here on the directory is another one, which
 * the next opening makes (W17). Nothing is removed before, so a crash leaves the old or the new.
 */
static int reset(struct wal *w)
{
	struct log_id formerly = w->id;
	int err;

	wal_settle(w);
	if (w->failed != 0)
		return w->failed;
	if (w->last_index > 0 || w->number > 0 || w->lost || w->vote.changed ||
	    w->vote.durable.hard_state.term > 0)
		return -EBUSY;
	if (!w->memory) {
		w->id.identity = wal_identity_draw(w->seed ^ formerly.identity);
		err = wal_identity_make(w, formerly.identity);
		if (err != 0)
			return wal_fail(w, err, META_IDENTITY, 0, "write");
	}
	w->failed = -ESTALE;
	(void)snprintf(w->error, sizeof(w->error),
		       "%s: the directory was made a new one: open it again", w->directory);
	return 0;
}

int wal_record_write(struct wal *w, const uint8_t *data, uint32_t size)
{
	int err;

	assert(size <= WAL_RECORD_SIZE_MAX);
	if (w->failed != 0)
		return w->failed;
	if (size == 0)
		return reset(w);
	if (w->memory)
		return 0;
	wal_settle(w);
	if (w->failed != 0)
		return w->failed;
	encode(w->block, w->unit, &w->id, data, size);
	err = wal_file_make(w, META_CLUSTER, w->block, w->unit);
	return err == 0 ? 0 : wal_fail(w, err, META_CLUSTER, 0, "write");
}
