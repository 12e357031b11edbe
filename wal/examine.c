/*
 * A directory's small files and its log, read and judged. Nothing is changed here, so whatever is
 * refused is left as it was.
 */
#include "wal/cluster.h"
#include "wal/file.h"
#include "wal/io.h"
#include "wal/recovery.h"
#include "wal/temporary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int wal_identity_check(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_identity *found = &r->identity;
	int err = wal_file_read(w, META_IDENTITY, w->block, FORMAT_IDENTITY_SIZE);

	if (err != 0)
		return err;
	err = wal_meta_identity_decode(found, w->block);
	if (err == -EPROTO)
		return wal_refuse(w, err, META_IDENTITY ": " WAL_OTHER_VERSION);
	if (err != 0)
		return wal_refuse(w, err,
				  META_IDENTITY " at offset 0: its checksum is wrong" WAL_REFUSED);
	if (!wal_durability_fits((enum wal_durability)(found->durability - 1), w->durability))
		return wal_refuse(w, -EXDEV, META_IDENTITY ": " WAL_DURABILITY_OTHER,
				  wal_durability_name((enum wal_durability)(found->durability - 1)),
				  wal_durability_name(w->durability));
	if (w->disk->unit > found->unit)
		return wal_refuse(w, -EINVAL,
				  META_IDENTITY
				  ": the log is written in units of %" PRIu32 " bytes, and "
				  "this disk needs %" PRIu32 ": move it to a disk like the first",
				  found->unit, w->disk->unit);
	assert(w->limits.write_size_max % found->unit == 0);
	assert(w->limits.zero_size % found->unit == 0);
	assert(w->limits.point_spacing % found->unit == 0);
	w->unit = found->unit;
	w->id.identity = found->id.identity;
	return 0;
}

static int vote_check(struct recovery *r)
{
	struct wal *w = r->w;
	uint64_t offset = 0;
	int err;

	if (!r->names.vote)
		return wal_refuse(w, -EBADMSG, META_VOTE ": missing" WAL_REFUSED);
	err = wal_file_read(w, META_VOTE, w->block, 2 * (uint64_t)w->unit);
	if (err != 0)
		return err;
	err = wal_meta_vote_decode(&r->vote, &r->out->vote_torn, w->block, w->unit, &w->id,
				   &offset);
	if (err == -EPROTO)
		return wal_refuse(w, err, META_VOTE ": " WAL_OTHER_VERSION);
	if (err != 0)
		return wal_refuse(w, -EBADMSG,
				  META_VOTE " at offset %" PRIu64
					    ": this sector is damaged, so what this "
					    "member voted for is not known" WAL_REFUSED,
				  offset);
	return 0;
}

static int members_note(struct recovery *r, const struct raft_entry *entry)
{
	while (r->members_count > 0 && r->members[r->members_count - 1] >= entry->index)
		r->members_count--;
	if (entry->type != RAFT_ENTRY_MEMBERS)
		return 0;
	if (r->members_count == r->members_capacity) {
		size_t capacity = 2 * r->members_capacity + 16;
		raft_index *grown = realloc(r->members, capacity * sizeof(raft_index));

		if (!grown)
			return wal_refuse(r->w, -ENOMEM, ": no memory to read the log");
		r->members = grown;
		r->members_capacity = capacity;
	}
	r->members[r->members_count++] = entry->index;
	return 0;
}

static int on_write(void *arg, const struct scan_write *write)
{
	struct recovery *r = arg;
	struct index_point point = {.number = write->header->number,
				    .segment = write->segment->sequence,
				    .offset = write->offset};
	uint32_t cursor = FORMAT_WRITE_HEADER;
	struct raft_entry entry;

	if (point.number > r->number_known && r->unsynced == 0)
		r->unsynced = point.segment;
	while (wal_record_next(&entry, write->stream, write->header->stream_size, &cursor) == 1) {
		int err;

		if (entry.index < r->w->base.index) {
			wal_index_cut(&r->w->index, r->w->base.index - 1);
			r->members_count = 0;
			point.ordinal++;
			continue;
		}
		point.first = entry.index;
		point.term = entry.term;
		err = wal_index_add(&r->w->index, &point);
		if (err == 0)
			err = members_note(r, &entry);
		if (err != 0)
			return err;
		point.ordinal++;
	}
	return 0;
}

static int base_check(struct recovery *r)
{
	struct wal *w = r->w;
	int err;

	if (!r->names.base)
		return wal_refuse(w, -EBADMSG, META_BASE ": missing" WAL_REFUSED);
	err = wal_file_read(w, META_BASE, w->block, 2 * (uint64_t)w->unit);
	if (err != 0)
		return err;
	err = wal_base_decode(&r->base, w->block, w->unit, &w->id);
	if (err == -EPROTO)
		return wal_refuse(w, err, META_BASE ": " WAL_OTHER_VERSION);
	if (err != 0)
		return wal_refuse(w, -EBADMSG,
				  META_BASE " at offset 0: not the base of this log" WAL_REFUSED);
	w->base = r->base.base;
	r->out->base_damaged = r->base.damaged;
	wal_meta_names_from(&r->names, w->base.segment);
	return 0;
}

/* That the file cannot be read is an error of the disk; that it does not hold a mark is a loss. */
static int mark_check(struct recovery *r)
{
	struct wal *w = r->w;
	uint64_t size = 0;
	int file;
	int err;

	r->end.vote_number = r->vote.log_number;
	r->end.vote_generation = r->vote.generation;
	r->end.vote_start = r->vote.start;
	r->number_known = r->vote.log_number;
	(void)snprintf(r->end.mark_why, sizeof(r->end.mark_why), "missing beside a log");
	if (!r->names.mark)
		return 0;
	err = wal_io_open(w->disk, META_MARK, false, DISK_DURABLE, &file);
	if (err != 0)
		return wal_refuse_io(w, err, META_MARK, "open");
	err = w->disk->ops->size(w->disk, file, &size);
	if (err == 0 && size == 2 * (uint64_t)w->unit)
		err = wal_io_read(w->disk, file, 0, w->block, size);
	wal_io_close(w->disk, file);
	if (err != 0)
		return wal_refuse_io(w, err, META_MARK, "read");
	wal_end_mark(&r->end, w->block, size, w->unit, &w->id);
	r->out->mark_damaged = r->end.slots_damaged;
	if (r->end.mark.number > r->number_known)
		r->number_known = r->end.mark.number;
	/* The numbers of lost writes are given again: which ones were synced is not known. */
	if (r->end.mark.lost)
		r->number_known = 0;
	return 0;
}

/* They are removed afterwards. */
static int temporaries_check(struct recovery *r)
{
	struct wal *w = r->w;
	int err = wal_temporary_judge(w->disk, &r->names, &w->id, w->unit, r->scan_error,
				      sizeof(r->scan_error));

	if (err != 0)
		return wal_refuse(w, err, "%s; nothing was changed", r->scan_error);
	return 0;
}

/* A log that ends too early opens, and says so; whoever opened it must not vote. */
static void end_judge(struct recovery *r)
{
	struct wal *w = r->w;
	struct wal_recovered *out = r->out;
	int used = snprintf(out->lost_why, sizeof(out->lost_why), "%s/", w->directory);

	out->lost = wal_end_lost(&r->end, &r->scan, false, out->lost_why + used,
				 sizeof(out->lost_why) - (size_t)used);
	if (!out->lost)
		out->lost_why[0] = '\0';
	w->lost = out->lost;
	w->diverged = out->diverged = r->end.mark.diverged;
	/* By the mode in which it was written, which may be another one from now on. */
	out->tail = wal_end_tail(&r->end, &r->scan, out->lost,
				 (enum wal_durability)(r->identity.durability - 1));
}

static int log_check(struct recovery *r)
{
	struct wal *w = r->w;
	struct scan *s = &r->scan;
	int err;

	*s = (struct scan){.disk = w->disk,
			   .id = w->id,
			   .base = w->base,
			   .unit = w->unit,
			   .on_write = on_write,
			   .arg = r,
			   .error = r->scan_error,
			   .error_size = sizeof(r->scan_error)};
	wal_index_init(&w->index, w->limits.point_spacing, w->base.index - 1);
	err = wal_scan_run(s, r->names.segments + r->names.below,
			   r->names.segment_count - r->names.below);
	if (err != 0)
		return r->scan_error[0] != '\0' ? wal_refuse(w, err, "%s", r->scan_error) : err;
	/* Each side knows a little of what the other had acknowledged (W24). */
	err = wal_end_vote(&r->end, s, r->scan_error, sizeof(r->scan_error));
	if (err != 0)
		return wal_refuse(w, err, "%s" WAL_REFUSED, r->scan_error);
	end_judge(r);
	return 0;
}

/*
 * What is not whole is told and left alone: it is never guessed at (W21). But where nothing else
 * reaches up to the base the first block of one may say still what stands beside a state: then
 * whoever opens this may go on without one, as where the damage is not at an end of it.
 */
static int snapshots_check(struct recovery *r)
{
	struct wal *w = r->w;
	struct wal_recovered *out = r->out;
	struct snapshot_file begins = {.damaged = false};

	for (size_t i = 0; i < r->names.snapshot_count && w->snapshot_count < WAL_SNAPSHOTS_MAX;
	     i++) {
		const struct meta_snapshot_name *name = &r->names.snapshots[i];
		struct wal_damaged *bad = &out->snapshots_damaged[out->snapshots_damaged_count];
		struct snapshot_file file;
		uint64_t offset;
		int err = wal_snapshot_probe(w->disk, name->index, name->term, &file, &offset);

		if (err == 0) {
			wal_snapshot_list(w, &file);
		} else if (err != -EBADMSG && err != -EPROTO && !wal_scan_unreadable(err)) {
			char text[DISK_NAME_MAX];

			wal_block_name(text, name->index, name->term);
			return wal_refuse_io(w, err, text, "read");
		} else if (out->snapshots_damaged_count < WAL_SNAPSHOTS_MAX) {
			out->snapshots_damaged_count++;
			bad->offset = offset;
			bad->error = err;
			wal_block_name(bad->name, name->index, name->term);
		}
		if (file.damaged && begins.info.index == 0)
			begins = file;
	}
	if (wal_snapshot_covers(w->snapshot_count > 0 ? &w->snapshots[0] : NULL, &w->base,
				r->scan_error, sizeof(r->scan_error)))
		return 0;
	if (begins.info.index + 1 < w->base.index)
		return wal_refuse(w, -EBADMSG, "%s" WAL_REFUSED, r->scan_error);
	wal_snapshot_list(w, &begins);
	return 0;
}

int wal_examine(struct recovery *r)
{
	int err = vote_check(r);

	if (err == 0)
		err = base_check(r);
	if (err == 0)
		err = mark_check(r);
	if (err == 0)
		err = wal_cluster_find(r);
	if (err == 0)
		err = temporaries_check(r);
	if (err == 0)
		err = snapshots_check(r);
	if (err == 0)
		err = log_check(r);
	return err;
}
