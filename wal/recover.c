/*
 * The opening of a directory: it is created, or read, judged and, only then, changed: a torn tail
 * is zeroed (of a log that lost writes, after it was put aside), temporary names are removed, the
 * start is counted.
 *
 * The bytes read may still be only in a cache of the disk, written by a process that was killed
 * before it could know; they are synced before they count as durable (the segments from where the
 * log ends, the vote, the names).
 */
#include "base/crc.h"
#include "wal/file.h"
#include "wal/io.h"
#include "wal/recovery.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int segments_adopt(struct recovery *r)
{
	struct wal *w = r->w;
	const struct scan *s = &r->scan;

	for (size_t i = 0; i < s->segment_count; i++) {
		struct segment segment = {.sequence = s->segments[i].sequence,
					  .size = s->segments[i].size,
					  .end = s->segments[i].end,
					  .first = s->segments[i].first,
					  .before = s->segments[i].before,
					  .file = -1};
		int err = wal_segment_append(w, &segment);

		if (err != 0)
			return wal_refuse(w, err, ": no memory for the log");
		if (i >= s->tail && s->segments[i].write_size_max < w->limits.write_size_max)
			w->limits.write_size_max = s->segments[i].write_size_max;
	}
	w->tail = s->tail;
	w->number = s->number;
	w->last_index = s->last_index;
	for (w->marker.synced = w->tail;
	     r->unsynced != 0 && w->segments[w->marker.synced].sequence > r->unsynced;)
		w->marker.synced--;
	return 0;
}

static int segment_refuse(struct wal *w, int err, const struct segment *segment,
			  const char *operation)
{
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, segment->sequence);
	return wal_refuse_io(w, err, name, operation);
}

/*
 * Of a log that lost writes, the torn one may be all that anybody has of what is in it, so it is
 * put aside before it goes. What cannot be read of it is zero there.
 */
static int tail_keep(struct recovery *r)
{
	struct wal *w = r->w;
	struct segment *tail = &w->segments[w->tail];
	uint32_t size = r->scan.torn_bytes;
	uint8_t *out = r->scan.window;

	if (!r->out->lost || size == 0)
		return 0;
	assert(size <= r->scan.window_size);
	for (uint32_t at = 0; at < size; at += w->unit) {
		int err = wal_io_read(w->disk, tail->file, tail->end + at, out + at, w->unit);

		if (wal_scan_unreadable(err))
			memset(out + at, 0, w->unit);
		else if (err != 0)
			return segment_refuse(w, err, tail, "read");
	}
	/* By what it holds: whoever starts after one that failed here makes the same file. */
	(void)snprintf(r->out->kept, sizeof(r->out->kept),
		       META_KEPT "%016" PRIx64 "-%08" PRIx32 "-%08" PRIx32, tail->sequence,
		       tail->end, bytes_crc(0, out, size));
	return wal_file_make(w, r->out->kept, out, size);
}

/* The rest of a torn write is zeroed; everything else past the end was found to be zero. */
static int tail_cut(struct recovery *r)
{
	struct wal *w = r->w;
	struct segment *tail = &w->segments[w->tail];
	uint32_t at = tail->end;
	uint32_t end = tail->end + r->scan.torn_bytes;
	int err = 0;

	while (err == 0 && at < end) {
		uint32_t size = end - at < w->limits.zero_size ? end - at : w->limits.zero_size;

		err = wal_io_write(w->disk, tail->file, at, w->zeros, size);
		at += size;
	}
	return err == 0 ? 0 : segment_refuse(w, err, tail, "zeroing the torn tail");
}

/* Where nothing was ever written, and something is read, or nothing can be. */
static int decayed_zero(struct recovery *r)
{
	struct wal *w = r->w;

	for (uint32_t i = 0; i < r->scan.decayed_count; i++) {
		const struct scan_decayed *d = &r->scan.decayed[i];
		struct segment *segment = &w->segments[d->sequence - w->base.segment];
		int err = wal_segment_file(w, segment);

		assert(d->offset >= segment->end);
		if (err == 0)
			err = wal_io_write(w->disk, segment->file, d->offset, w->zeros, w->unit);
		if (err != 0)
			return segment_refuse(w, err, segment,
					      "zeroing what was never written, and is not zero");
	}
	return 0;
}

static bool durability_changes(const struct recovery *r)
{
	return r->identity.durability != (uint32_t)r->w->durability + 1;
}

/* What is written and what is to be synced is open from here on: neither waits for a name. */
static int segments_open(struct recovery *r)
{
	struct wal *w = r->w;
	size_t first = w->marker.synced < w->tail ? w->marker.synced : w->tail;

	/* Then all are synced, one after the other (durability_change). */
	if (durability_changes(r) && w->durability == WAL_DURABLE)
		first = w->marker.synced = w->tail;
	for (size_t i = first; i < w->segment_count; i++) {
		int err = wal_segment_file(w, &w->segments[i]);

		if (err != 0)
			return segment_refuse(w, err, &w->segments[i], "open");
	}
	return 0;
}

/*
 * From the tail on, what was read as written, and what was read as zero, may be so in a cache only:
 * left there by a process that was killed while it wrote, or while it zeroed.
 */
static int tail_sync(struct recovery *r)
{
	struct wal *w = r->w;

	for (size_t i = w->tail; w->durability == WAL_DURABLE && i < w->segment_count; i++) {
		int err = wal_io_sync(w->disk, w->segments[i].file);

		if (err != 0)
			return segment_refuse(w, err, &w->segments[i], "sync");
	}
	return 0;
}

/* The page cache's part of a log in mode written becomes durable before the mode does. */
static int durability_change(struct recovery *r)
{
	struct wal *w = r->w;

	if (!durability_changes(r))
		return 0;
	for (size_t i = 0; w->durability == WAL_DURABLE && i < w->segment_count; i++) {
		struct segment *segment = &w->segments[i];
		bool open = segment->file >= 0;
		int err = wal_segment_file(w, segment);

		if (err == 0)
			err = wal_io_sync(w->disk, segment->file);
		if (err != 0)
			return segment_refuse(w, err, segment, "sync");
		if (open)
			continue;
		/* All of a long log at once would be more than a process may have open. */
		wal_io_close(w->disk, segment->file);
		segment->file = -1;
	}
	return wal_identity_make(w, 0);
}

/*
 * The sign of loss is durable before anything is appended: the numbers of the writes that are gone
 * are given again, and then the end alone would not show it.
 */
static int mark_open(struct recovery *r)
{
	struct wal *w = r->w;
	struct marker *m = &w->marker;
	int err = 0;

	m->durable = r->end.mark;
	m->durable.start = r->start = wal_start_after(w, r->vote.start);
	m->durable.generation++;
	memcpy(m->witness, m->durable.witness, sizeof(m->witness));
	m->witness_count = m->durable.witness_count;
	if (r->out->lost && (!m->durable.lost || r->end.mark_why[0] != '\0')) {
		m->durable.number = wal_end_number(&r->end, &r->scan);
		m->durable.segment = wal_end_segment(&r->end, &r->scan);
		m->durable.lost = true;
		err = wal_mark_make(w, &m->durable);
		if (err != 0)
			return err;
	}
	err = wal_io_open(w->disk, META_MARK, false, DISK_DURABLE, &m->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_MARK, "open");
	/*
	 * The newest slot may be in a cache only, and the next mark is written over the other one.
	 */
	err = wal_io_sync(w->disk, m->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_MARK, "sync");
	wal_mark_encode(w->block, w->unit, &w->id, &m->durable);
	err = wal_io_write(w->disk, m->file, wal_mark_offset(m->durable.generation, w->unit),
			   w->block, w->unit);
	return err == 0 ? 0 : wal_refuse_io(w, err, META_MARK, "write");
}

/*
 * A crash may leave a file under two names: what it was before it was used again, and what it is
 * now. Its header says which; then only the name goes. False: it is to be removed.
 */
static int spare_judge(struct wal *w, struct segment *segment, bool *kept)
{
	struct meta_segment found;
	uint64_t size = 0;
	int err = wal_segment_file(w, segment);

	*kept = false;
	if (err != 0)
		return err;
	err = w->disk->ops->size(w->disk, segment->file, &size);
	if (err == 0 && size >= w->unit)
		err = wal_io_read(w->disk, segment->file, 0, w->block, w->unit);
	if (err == 0 && size >= w->unit &&
	    wal_meta_segment_decode(&found, w->block, w->unit, &w->id) == 0 &&
	    found.sequence == segment->sequence && found.size == size) {
		segment->size = found.size;
		*kept = wal_spare_add(w, segment);
	}
	wal_io_close(w->disk, segment->file);
	return wal_scan_unreadable(err) ? 0 : err;
}

/* What the base left behind before a crash: some are kept, to be used again. */
static int below_remove(struct recovery *r)
{
	struct wal *w = r->w;

	for (size_t i = r->names.below; i-- > 0;) {
		struct segment segment = {.sequence = r->names.segments[i], .file = -1};
		char name[DISK_NAME_MAX];
		bool kept = false;
		int err = 0;

		wal_meta_segment_name(name, segment.sequence);
		if (w->spares.count < STATE_SPARES_MAX)
			err = spare_judge(w, &segment, &kept);
		if (err == 0 && !kept)
			err = wal_io_remove(w->disk, name);
		if (err != 0)
			return wal_refuse_io(w, err, name, "removal from below the base");
	}
	return 0;
}

/* Every segment is gone, and that is told: the log begins again. */
static int first_segment_make(struct recovery *r)
{
	return r->w->segment_count > 0 ? 0 : wal_prepare_now(r->w);
}

static int start_count(struct recovery *r)
{
	struct wal *w = r->w;
	struct vote *v = &w->vote;
	int err;

	v->durable = r->vote;
	/* A vote in a term that the log has outgrown was never asked for again. */
	if (r->scan.last_term > v->durable.hard_state.term)
		v->durable.hard_state = (struct raft_hard_state){.term = r->scan.last_term};
	v->durable.generation++;
	v->durable.start = r->start;
	w->number_durable = w->durability == WAL_DURABLE || r->number_known > w->number
				    ? w->number
				    : r->number_known;
	v->durable.log_number = w->number_durable;
	err = wal_io_open(w->disk, META_VOTE, false, DISK_DURABLE, &v->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_VOTE, "open");
	err = wal_io_sync(w->disk, v->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_VOTE, "sync");
	wal_meta_vote_encode(w->block, w->unit, &w->id, &v->durable);
	err = wal_io_write(w->disk, v->file, wal_meta_vote_offset(v->durable.generation, w->unit),
			   w->block, w->unit);
	return err == 0 ? 0 : wal_refuse_io(w, err, META_VOTE, "write");
}

static void found_fill(struct recovery *r)
{
	struct wal_recovered *out = r->out;
	const struct vote *v = &r->w->vote;

	out->start = v->durable.start;
	out->hard_state = v->durable.hard_state;
	out->last_index = r->scan.last_index;
	out->last_term = r->scan.last_term;
	if (r->members_count > 0)
		out->members_index = r->members[r->members_count - 1];
	if (r->members_count > 1)
		out->members_before_index = r->members[r->members_count - 2];
	out->entries = r->scan.entries;
	out->bytes = r->scan.bytes;
	out->segments = r->scan.segment_count;
	out->torn_bytes = r->scan.torn_bytes;
	out->torn_segment = r->scan.torn ? r->scan.segments[r->scan.tail].sequence : 0;
	out->torn_offset = r->scan.torn ? r->scan.segments[r->scan.tail].end : 0;
	out->first_index = r->w->base.index;
	out->before_term = r->w->base.term;
	out->witness_count = r->w->marker.witness_count;
	memcpy(out->witness, r->w->marker.witness, sizeof(out->witness));
	r->w->stats.torn_bytes = out->torn_bytes;
	out->decayed = r->w->stats.decayed = r->scan.decayed_count;
	out->decayed_segment = r->scan.decayed[0].sequence;
	out->decayed_offset = r->scan.decayed[0].offset;
}

/*
 * The newest snapshot is of an entry that the log lacks, or it has another one there: its install
 * was cut short, or the log lost its end.
 */
static int installs_judge(struct recovery *r)
{
	struct wal *w = r->w;
	struct wal_recovered *out = r->out;
	const struct raft_entry *entry;
	raft_term term = w->base.term;
	int count;

	out->snapshot_count = wal_snapshots(w, out->snapshots);
	if (out->snapshot_count == 0 || out->snapshots[0].index + 1 < w->base.index)
		return 0;
	if (out->snapshots[0].index > out->last_index) {
		out->installs = true;
		return 0;
	}
	if (out->snapshots[0].index >= w->base.index) {
		count = wal_read_now(w, 0, out->snapshots[0].index, 1, &entry);
		if (count < 0)
			return count;
		term = entry->term;
	}
	out->installs = term != out->snapshots[0].term;
	return 0;
}

/* One is pulled at a time: the newest one is gone on with, if it is wanted still. */
static int part_find(struct recovery *r)
{
	struct raft_snapshot *part = &r->w->puller.part;
	int err = wal_recovery_parts_remove(r, 1);

	if (err != 0 || r->names.part_count == 0)
		return err;
	*part = (struct raft_snapshot){.index = r->names.parts[0].index,
				       .term = r->names.parts[0].term};
	err = wal_snapshot_part_size(r->w->disk, part->index, part->term, &part->size);
	r->out->part = *part;
	return err == 0 ? 0 : wal_refuse_io(r->w, err, "snapshot" META_PART, "size");
}

/* What whoever opens it makes of what was found (wal_options.judge). */
static int found_judge(struct recovery *r)
{
	struct wal_recovered *out = r->out;

	out->identity = r->w->id.identity;
	out->hard_state = r->vote.hard_state;
	out->last_index = r->scan.last_index;
	return r->options->judge ? r->options->judge(r->options->context, out) : 0;
}

static int open_on_disk(struct recovery *r)
{
	int err = wal_examine(r);

	if (err == 0)
		err = segments_adopt(r);
	if (err == 0)
		err = found_judge(r);
	/* From here on the directory is known to be good, and changes. */
	if (err == 0)
		err = wal_recovery_temporaries_remove(r);
	if (err == 0)
		err = part_find(r);
	if (err == 0)
		err = wal_base_open(r->w, &r->base);
	if (err == 0)
		err = below_remove(r);
	if (err == 0)
		err = mark_open(r);
	if (err == 0)
		err = first_segment_make(r);
	if (err == 0)
		err = segments_open(r);
	if (err == 0)
		err = tail_keep(r);
	if (err == 0)
		err = tail_cut(r);
	if (err == 0)
		err = decayed_zero(r);
	if (err == 0)
		err = tail_sync(r);
	if (err == 0)
		err = durability_change(r);
	if (err == 0)
		err = start_count(r);
	if (err == 0)
		found_fill(r);
	return err == 0 ? installs_judge(r) : err;
}

static int open_volatile(struct recovery *r)
{
	struct wal *w = r->w;

	/* All acknowledged before is gone: this is another node than the one that did. */
	w->id.identity = wal_identity_draw(w->seed);
	w->vote.durable.start = wal_start_after(w, 0);
	r->out->created = true;
	r->out->start = w->vote.durable.start;
	r->out->first_index = 1;
	return wal_memory_create(&w->memory);
}

static int open_directory(struct recovery *r)
{
	struct wal *w = r->w;
	int err = w->disk->ops->lock(w->disk);

	w->locked = err == 0;

	if (err == -EWOULDBLOCK)
		return wal_refuse(w, err, META_LOCK ": another process has this directory open");
	if (err != 0)
		return wal_refuse_io(w, err, META_LOCK, "lock");
	/* A name that is seen may not be durable yet: what is built on it must not outlive it. */
	err = wal_io_sync_names(w->disk);
	if (err != 0)
		return wal_refuse_io(w, err, "", "sync of the directory");
	err = wal_meta_names_list(&r->names, w->disk, r->scan_error);
	if (err == -EBADMSG)
		return wal_refuse(w, err,
				  "%s: not a name that the log gives: move it out of the "
				  "directory",
				  r->scan_error);
	if (err != 0)
		return wal_refuse_io(w, err, "", "list of the directory");
	if (!r->names.identity) {
		err = wal_recovery_create(r);
		if (err != 0)
			return err;
	}
	err = wal_identity_check(r);
	if (err == 0 && r->identity.formerly != 0)
		err = wal_recovery_reset(r);
	if (err != 0)
		return err;
	return w->durability == WAL_VOLATILE ? open_volatile(r) : open_on_disk(r);
}

/* As the disk asks it; the disk is the log's alone until this has ended. */
static bool goes_on(void *context, const struct disk_step *step)
{
	struct recovery *r = context;
	struct wal_opening at = {
		.operation = step->operation,
		.name = step->name,
		.segments = r->scan.segment_count,
		.segments_all = r->names.segment_count - r->names.below,
		.bytes = r->scan.bytes,
	};

	r->steps += step->done;
	at.steps = r->steps;
	return r->options->goes_on(r->options->context, &at);
}

int wal_recover(struct wal *w, const struct wal_options *options, struct wal_recovered *out)
{
	struct recovery r = {.w = w, .options = options, .out = out};
	int err;

	w->unit = w->disk->unit;
	if (w->unit < FORMAT_UNIT_MIN || w->unit > FORMAT_UNIT_MAX ||
	    (w->unit & (w->unit - 1)) != 0)
		return wal_refuse(w, -EINVAL,
				  ": a block size of %" PRIu32 " bytes is not supported", w->unit);
	w->disk->goes_on = options->goes_on ? goes_on : NULL;
	w->disk->context = &r;
	err = open_directory(&r);
	w->disk->goes_on = NULL;
	out->identity = w->id.identity;
	wal_meta_names_free(&r.names);
	wal_scan_free(&r.scan);
	free(r.members);
	if (err != 0)
		*out = (struct wal_recovered){0};
	return err;
}
