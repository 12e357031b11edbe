/*
 * What happens when a directory is opened: it is created, or read, judged and, only then, changed:
 * a torn tail is zeroed, temporary names are removed, the start is counted.
 *
 * What was read may still be only in a cache of the disk, written by a process that was killed
 * before it could know; it is synced before it counts as durable (the segments from where the log
 * ends, the vote, the names).
 */
#include "wal/cluster.h"
#include "wal/file.h"
#include "wal/io.h"
#include "wal/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ----------------------------------------------------------------------------- */

static int identity_check(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_identity *found = &r->identity;
	int err = wal_file_read(w, META_IDENTITY, w->block, FORMAT_IDENTITY_SIZE);

	if (err != 0)
		return err;
	err = meta_identity_decode(found, w->block);
	if (err == -EPROTO)
		return wal_refuse(w, err,
				  META_IDENTITY ": written by another version of quoin: use "
						"that version; nothing was changed");
	if (err != 0)
		return wal_refuse(w, err,
				  META_IDENTITY " at offset 0: its checksum is wrong" WAL_REFUSED);
	if ((found->durability == 1 + WAL_VOLATILE) != (w->durability == WAL_VOLATILE))
		return wal_refuse(w, -EXDEV,
				  META_IDENTITY
				  ": this directory was made with durability %s, and is "
				  "opened with %s: use an empty directory, or the same durability",
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
	bool torn;
	int err;

	if (!r->names.vote)
		return wal_refuse(w, -EBADMSG, META_VOTE ": missing" WAL_REFUSED);
	err = wal_file_read(w, META_VOTE, w->block, 2 * (uint64_t)w->unit);
	if (err != 0)
		return err;
	err = meta_vote_decode(&r->vote, &torn, w->block, w->unit, &w->id, &offset);
	if (err == -EPROTO)
		return wal_refuse(w, err,
				  META_VOTE ": written by another version of quoin: use that "
					    "version; nothing was changed");
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

		if (grown == NULL)
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

	while (record_next(&entry, write->stream, write->header->stream_size, &cursor) == 1) {
		int err;

		point.first = entry.index;
		err = log_index_add(&r->w->index, &point);
		if (err == 0)
			err = members_note(r, &entry);
		if (err != 0)
			return err;
		point.ordinal++;
	}
	return 0;
}

static int log_check(struct recovery *r)
{
	struct wal *w = r->w;
	struct scan *s = &r->scan;
	int err;

	*s = (struct scan){.disk = w->disk,
			   .mode = w->mode,
			   .id = w->id,
			   .unit = w->unit,
			   .on_write = on_write,
			   .arg = r,
			   .error = r->scan_error,
			   .error_size = sizeof(r->scan_error)};
	if (r->names.segment_count == 0)
		return wal_refuse(w, -EBADMSG, "segment-%016x: missing" WAL_REFUSED, 1);
	err = scan_run(s, r->names.segments, r->names.segment_count);
	if (err != 0)
		return r->scan_error[0] != '\0' ? wal_refuse(w, err, "%s", r->scan_error) : err;
	/* Each side knows a little of what the other had acknowledged (W24). */
	if (s->number < r->vote.log_number)
		return wal_refuse(
			w, -EBADMSG,
			"segment-%016" PRIx64 " at offset %" PRIu32 ": the log ends with write "
			"%" PRIu64 ", but write %" PRIu64 " had been acknowledged: the disk "
			"lost it, or files are missing" WAL_REFUSED,
			s->segments[s->tail].sequence, s->segments[s->tail].end, s->number,
			r->vote.log_number);
	if (s->vote_generation > r->vote.generation)
		return wal_refuse(w, -EBADMSG,
				  META_VOTE ": its newest record is of generation %" PRIu64
					    ", but %" PRIu64
					    " had been acknowledged: the disk lost it" WAL_REFUSED,
				  r->vote.generation, s->vote_generation);
	return 0;
}

/* --- changing ---------------------------------------------------------------------------- */

static int segments_adopt(struct recovery *r)
{
	struct wal *w = r->w;
	const struct scan *s = &r->scan;

	for (size_t i = 0; i < s->segment_count; i++) {
		struct segment segment = {.sequence = s->segments[i].sequence,
					  .size = s->segments[i].size,
					  .end = s->segments[i].end,
					  .file = -1};
		int err = segment_append(w, &segment);

		if (err != 0)
			return wal_refuse(w, err, ": no memory for the log");
		if (i >= s->tail && s->segments[i].write_size_max < w->limits.write_size_max)
			w->limits.write_size_max = s->segments[i].write_size_max;
	}
	w->tail = s->tail;
	w->number = s->number;
	w->last_index = s->last_index;
	return 0;
}

static int segment_refuse(struct wal *w, int err, const struct segment *segment,
			  const char *operation)
{
	char name[DISK_NAME_MAX];

	meta_segment_name(name, segment->sequence);
	return wal_refuse_io(w, err, name, operation);
}

/* What a torn write left is zeroed; everything else past the end was found to be zero. */
static int tail_cut(struct recovery *r)
{
	struct wal *w = r->w;
	struct segment *tail = &w->segments[w->tail];
	uint32_t at = tail->end;
	uint32_t end = tail->end + r->scan.torn_bytes;
	int err = segment_file(w, tail);

	while (err == 0 && at < end) {
		uint32_t size = end - at < w->limits.zero_size ? end - at : w->limits.zero_size;

		err = io_write(w->disk, tail->file, at, w->zeros, size);
		at += size;
	}
	return err == 0 ? 0 : segment_refuse(w, err, tail, "zeroing the torn tail");
}

/*
 * From the tail on, what was read as written, and what was read as zero, may be so in a cache only:
 * left there by a process that was killed while it wrote, or while it zeroed.
 */
static int tail_sync(struct recovery *r)
{
	struct wal *w = r->w;

	for (size_t i = w->tail; w->durability == WAL_DURABLE && i < w->segment_count; i++) {
		int err = segment_file(w, &w->segments[i]);

		if (err == 0)
			err = io_sync(w->disk, w->segments[i].file);
		if (err != 0)
			return segment_refuse(w, err, &w->segments[i], "sync");
	}
	return 0;
}

/* What the page cache held of a log in mode written becomes durable before the mode does. */
static int durability_change(struct recovery *r)
{
	struct wal *w = r->w;

	if (r->identity.durability == (uint32_t)w->durability + 1)
		return 0;
	for (size_t i = 0; w->durability == WAL_DURABLE && i < w->segment_count; i++) {
		int err = segment_file(w, &w->segments[i]);

		if (err == 0)
			err = io_sync(w->disk, w->segments[i].file);
		if (err != 0)
			return segment_refuse(w, err, &w->segments[i], "sync");
	}
	return wal_identity_make(w, 0);
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
	v->durable.start = wal_start_after(w, v->durable.start);
	v->durable.log_number = w->durability == WAL_DURABLE ? w->number : r->vote.log_number;
	w->number_durable = v->durable.log_number;
	err = w->disk->ops->open(w->disk, META_VOTE, false, DISK_DURABLE, &v->file);
	if (err != 0)
		return wal_refuse_io(w, err, META_VOTE, "open");
	err = io_sync(w->disk, v->file);
	if (err == 0) {
		meta_vote_encode(w->block, w->unit, &w->id, &v->durable);
		err = io_write(w->disk, v->file, meta_vote_offset(v->durable.generation, w->unit),
			       w->block, w->unit);
	}
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
	out->torn_bytes = r->scan.torn_bytes;
	out->first_index = 1;
}

static int open_on_disk(struct recovery *r)
{
	int err = vote_check(r);

	if (err == 0)
		err = wal_cluster_find(r);
	if (err == 0)
		err = log_check(r);
	if (err == 0)
		err = segments_adopt(r);
	/* From here on the directory is known to be good, and changes. */
	if (err == 0)
		err = recovery_temporaries_remove(r);
	if (err == 0)
		err = tail_cut(r);
	if (err == 0)
		err = tail_sync(r);
	if (err == 0)
		err = durability_change(r);
	if (err == 0)
		err = start_count(r);
	if (err == 0)
		found_fill(r);
	return err;
}

static int open_volatile(struct recovery *r)
{
	struct wal *w = r->w;

	/* What was acknowledged before is gone: this is another node than the one that did. */
	w->id.identity = wal_identity_draw(w->seed);
	w->vote.durable.start = wal_start_after(w, 0);
	r->out->created = true;
	r->out->start = w->vote.durable.start;
	r->out->first_index = 1;
	return memory_create(&w->memory);
}

static int open_directory(struct recovery *r)
{
	struct wal *w = r->w;
	int err = w->disk->ops->lock(w->disk);

	if (err == -EWOULDBLOCK)
		return wal_refuse(w, err, META_LOCK ": another process has this directory open");
	if (err != 0)
		return wal_refuse_io(w, err, META_LOCK, "lock");
	/* A name that is seen may not be durable yet: what is built on it must not outlive it. */
	err = w->disk->ops->sync_names(w->disk);
	if (err != 0)
		return wal_refuse_io(w, err, "", "sync of the directory");
	err = meta_names_list(&r->names, w->disk, r->scan_error);
	if (err == -EBADMSG)
		return wal_refuse(w, err,
				  "%s: not a name that the log gives: move it out of the "
				  "directory",
				  r->scan_error);
	if (err != 0)
		return wal_refuse_io(w, err, "", "list of the directory");
	if (!r->names.identity) {
		err = recovery_create(r);
		if (err != 0)
			return err;
	}
	err = identity_check(r);
	if (err == 0 && r->identity.formerly != 0)
		err = recovery_reset(r);
	if (err != 0)
		return err;
	return w->durability == WAL_VOLATILE ? open_volatile(r) : open_on_disk(r);
}

int recover(struct wal *w, const struct wal_options *options, struct wal_recovered *out)
{
	struct recovery r = {.w = w, .options = options, .out = out};
	int err;

	w->unit = w->disk->unit;
	if (w->unit < FORMAT_UNIT_MIN || w->unit > FORMAT_UNIT_MAX ||
	    (w->unit & (w->unit - 1)) != 0)
		return wal_refuse(w, -EINVAL,
				  ": a block size of %" PRIu32 " bytes is not supported", w->unit);
	err = open_directory(&r);
	out->identity = w->id.identity;
	meta_names_free(&r.names);
	scan_free(&r.scan);
	free(r.members);
	if (err != 0)
		*out = (struct wal_recovered){0};
	return err;
}
