/* A state for another cluster; see kv/backup.h. */
#include "kv/backup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "kv/kv.h"
#include "kv/snapshot.h"
#include "kv/store.h"

struct kv_rebase {
	struct kv_store store;
	struct kv_pins pins;
	struct kv_names names;
	struct kv_session_table *sessions;
	struct kv_restore *restore;   /* until the end */
	struct sm_snapshot *snapshot; /* from then on */
};

static struct kv_parts parts_of(struct kv_rebase *r)
{
	return (struct kv_parts){&r->store, &r->pins, &r->names, r->sessions};
}

int kv_rebase_create(struct kv_rebase **out)
{
	struct kv_rebase *r = calloc(1, sizeof(*r));
	struct kv_parts parts;

	if (!r)
		return -ENOMEM;
	kv_store_init(&r->store);
	kv_pins_init(&r->pins, UINT64_MAX);
	/* No command ever comes, so nobody chooses what the salt is for. */
	r->sessions = kv_session_table_create(1, KV_SESSIONS_MAX, KV_VERDICTS_MAX);
	parts = parts_of(r);
	r->restore = r->sessions ? kv_restore_begin(&parts) : NULL;
	if (!r->restore) {
		kv_rebase_destroy(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

int kv_rebase_add(struct kv_rebase *r, const uint8_t *data, uint32_t size)
{
	return kv_restore_add(r->restore, data, size);
}

int kv_rebase_end(struct kv_rebase *r, uint64_t bump, bool compact)
{
	const struct kv_parts parts = parts_of(r);

	if (kv_restore_applied(r->restore) == 0)
		return -EBADMSG;
	if (bump > KV_RAISED_MAX || (bump > 0 && r->store.revision > KV_RAISED_MAX - bump))
		return -ERANGE;
	r->store.revision += bump;
	if (compact && (int64_t)r->store.revision > kv_store_compacted(&r->store))
		kv_store_compact(&r->store, r->store.revision);
	r->snapshot = kv_snapshot_begin_bare(&parts, KV_REBASED_INDEX);
	return r->snapshot ? 0 : -ENOMEM;
}

int kv_rebase_read(struct kv_rebase *r, uint8_t *out, uint32_t out_size_max, bool *more)
{
	return kv_snapshot_read(r->snapshot, out, out_size_max, more);
}

uint64_t kv_rebase_revision(const struct kv_rebase *r)
{
	return r->store.revision;
}

void kv_rebase_destroy(struct kv_rebase *r)
{
	if (r->snapshot)
		kv_snapshot_close(r->snapshot);
	if (r->restore)
		kv_restore_end(r->restore);
	if (r->sessions)
		kv_session_table_destroy(r->sessions);
	kv_store_destroy(&r->store);
	free(r);
}
