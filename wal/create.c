/*
 * Making a directory, and making one anew.
 *
 * Creation, each step durable before the next: vote (generations 0 and 1), base (likewise), the
 * first segment, mark (likewise), identity. A directory without identity is new, or its creation
 * was cut short; then its vote is still at generation 1, because every complete open counts it up.
 * Anything else without identity is damage.
 *
 * An identity that replaces another one says so until all that was the former's is gone and the new
 * log is begun (W17).
 */
#include "base/bytes.h"
#include "base/mix.h"
#include "wal/file.h"
#include "wal/io.h"
#include "wal/recovery.h"

#include <errno.h>

int wal_identity_make(struct wal *w, uint64_t formerly)
{
	struct meta_identity identity = {.id = w->id,
					 .durability = (uint32_t)w->durability + 1,
					 .unit = w->unit,
					 .formerly = formerly};

	wal_meta_identity_encode(w->block, &identity);
	return wal_file_make(w, META_IDENTITY, w->block, FORMAT_IDENTITY_SIZE);
}

int wal_recovery_temporaries_remove(struct recovery *r)
{
	for (size_t i = 0; i < r->names.temporary_count; i++) {
		int err = wal_io_remove(r->w->disk, r->names.temporary[i]);

		if (err != 0)
			return wal_refuse_io(r->w, err, r->names.temporary[i], "remove");
	}
	return 0;
}

int wal_recovery_parts_remove(struct recovery *r, size_t from)
{
	for (size_t i = from; i < r->names.part_count; i++) {
		char whole[DISK_NAME_MAX], name[DISK_NAME_MAX];
		int err;

		wal_block_name(whole, r->names.parts[i].index, r->names.parts[i].term);
		wal_meta_part_name(name, whole);
		err = wal_io_remove(r->w->disk, name);
		if (err != 0)
			return wal_refuse_io(r->w, err, name, "remove");
	}
	return 0;
}

/* --- creation ---------------------------------------------------------------------------- */

raft_identity wal_identity_draw(uint64_t seed)
{
	uint64_t drawn = mix(seed);

	return drawn != 0 ? drawn : 1;
}

uint64_t wal_start_after(const struct wal *w, uint64_t before)
{
	uint64_t count = (uint64_t)raft_start_count(before) + 1;
	uint32_t nonce = (uint32_t)mix(mix(w->seed ^ w->id.identity) ^ count);

	assert(count <= UINT32_MAX);
	return count << 32 | (nonce != 0 ? nonce : 1);
}

int wal_mark_make(struct wal *w, struct mark *mark)
{
	uint64_t first = mark->generation;

	for (; mark->generation < first + 2; mark->generation++)
		wal_mark_encode(w->block + wal_mark_offset(mark->generation, w->unit), w->unit,
				&w->id, mark);
	mark->generation--;
	return wal_file_make(w, META_MARK, w->block, 2 * (size_t)w->unit);
}

static int name_remove(struct wal *w, bool there, const char *name)
{
	int err = there ? wal_io_remove(w->disk, name) : 0;

	return err == 0 ? 0 : wal_refuse_io(w, err, name, "remove");
}

/* All but the identity; the vote last, which says as long as anything is left how far it came. */
static int files_remove(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_names *names = &r->names;
	int err = wal_recovery_temporaries_remove(r);

	if (err == 0)
		err = wal_recovery_parts_remove(r, 0);
	if (err == 0)
		err = name_remove(w, names->cluster, META_CLUSTER);
	if (err == 0)
		err = name_remove(w, names->mark, META_MARK);
	if (err == 0)
		err = name_remove(w, names->base, META_BASE);
	for (size_t i = 0; err == 0 && i < names->segment_count; i++) {
		char name[DISK_NAME_MAX];

		wal_meta_segment_name(name, names->segments[i]);
		err = name_remove(w, true, name);
	}
	for (size_t i = 0; err == 0 && i < names->snapshot_count; i++) {
		char name[DISK_NAME_MAX];

		wal_block_name(name, names->snapshots[i].index, names->snapshots[i].term);
		err = name_remove(w, true, name);
	}
	if (err != 0)
		return err;
	err = wal_io_sync_names(w->disk);
	if (err != 0)
		return wal_refuse_io(w, err, "", "sync of the directory");
	err = name_remove(w, names->vote, META_VOTE);
	if (err != 0)
		return err;
	err = wal_io_sync_names(w->disk);
	return err == 0 ? 0 : wal_refuse_io(w, err, "", "sync of the directory");
}

/* Removes what a creation left that was cut short; refuses what can be anything else. */
static int leftovers_remove(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_names *names = &r->names;
	int err;

	if (names->vote) {
		err = wal_file_read(w, META_VOTE, w->block, 2 * (uint64_t)w->unit);
		if (err != 0)
			return err;
	}
	if (!wal_meta_names_unused(names) ||
	    (names->vote && !wal_meta_vote_initial(w->block, w->unit)))
		return wal_refuse(w, -EBADMSG,
				  META_IDENTITY
				  ": missing beside a log that was in use, or where a restore was "
				  "cut short" WAL_REFUSED);
	return files_remove(r);
}

/* Everything but the identity, which is written last, over whatever stands for it. */
static int files_make(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_vote vote = {0};
	struct mark mark = {.segment = 1};
	int err;

	if (w->durability != WAL_VOLATILE) {
		for (vote.generation = 0; vote.generation < 2; vote.generation++)
			wal_meta_vote_encode(w->block +
						     wal_meta_vote_offset(vote.generation, w->unit),
					     w->unit, &w->id, &vote);
		err = wal_file_make(w, META_VOTE, w->block, 2 * (size_t)w->unit);
		if (err == 0) {
			w->base = wal_base_initial();
			for (uint64_t g = 0; g < 2; g++)
				wal_base_encode(w->block + wal_base_offset(g, w->unit), w->unit,
						&w->id, g, &w->base);
			err = wal_file_make(w, META_BASE, w->block, 2 * (size_t)w->unit);
		}
		if (err == 0)
			err = wal_prepare_now(w);
		if (err != 0)
			return err;
		/* The next step opens it by its name, as at any other start. */
		wal_io_close(w->disk, w->segments[0].file);
		w->segment_count = 0;
		err = wal_mark_make(w, &mark);
		if (err != 0)
			return err;
	}
	err = wal_identity_make(w, 0);
	if (err != 0)
		return err;
	r->out->created = true;
	wal_meta_names_free(&r->names);
	err = wal_meta_names_list(&r->names, w->disk, r->scan_error);
	return err == 0 ? 0 : wal_refuse_io(w, err, "", "list of the directory");
}

int wal_recovery_create(struct recovery *r)
{
	struct wal *w = r->w;
	int err;

	if (!r->options->create)
		return wal_refuse(w, -ENOENT,
				  META_IDENTITY ": there is no log here, and none was to be "
						"created");
	err = leftovers_remove(r);
	if (err != 0)
		return err;
	w->id.identity = wal_identity_draw(w->seed);
	return files_make(r);
}

int wal_recovery_reset(struct recovery *r)
{
	int err = files_remove(r);

	return err == 0 ? files_make(r) : err;
}
