#include "wal/inspect.h"

#include "wal/cluster.h"
#include "wal/disk_reader.h"
#include "wal/end.h"
#include "wal/failure.h"
#include "wal/io.h"
#include "wal/scan.h"
#include "wal/snapread.h"
#include "wal/temporary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A node may be writing a slot at the moment of a look: then the next look sees it whole. */
enum { LOOKS = 5 };

struct inspection {
	const char *directory;
	const struct wal_inspect_ops *ops;
	void *arg;
	struct wal_inspect_result *out;
	char *error;
	char line[WAL_ERROR_MAX - 256];
	struct disk *disk;
	struct meta_names names;
	uint8_t *block; /* FORMAT_IDENTITY_SIZE; two slots of the largest unit */
	uint64_t found; /* the size of the file that was read last */
	struct log_id id;
	struct meta_vote vote;
	struct wal_end end;
	struct log_base_slots base;
};

static __attribute__((format(printf, 3, 4))) int say(struct inspection *x, int err,
						     const char *format, ...)
{
	char why[sizeof(x->line)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	(void)snprintf(x->error, WAL_ERROR_MAX, "%.200s/%s", x->directory, why);
	return err;
}

static int file_read(struct inspection *x, const char *name, uint64_t size)
{
	int file;
	int err = wal_io_open(x->disk, name, false, DISK_DURABLE, &file);

	if (err != 0)
		return say(x, err, "%s: %s", name, strerror(-err));
	err = x->disk->ops->size(x->disk, file, &x->found);
	if (err == 0 && x->found != size)
		err = say(x, -EBADMSG, "%s: %" PRIu64 " bytes instead of %" PRIu64, name, x->found,
			  size);
	else if (err == 0)
		err = wal_io_read(x->disk, file, 0, x->block, size);
	if (err != 0 && err != -EBADMSG)
		(void)say(x, err, "%s: %s", name, strerror(-err));
	wal_io_close(x->disk, file);
	return err;
}

static int names_read(struct inspection *x)
{
	char bad[DISK_NAME_MAX];
	int err;

	wal_meta_names_free(&x->names);
	err = wal_meta_names_list(&x->names, x->disk, bad);
	if (err == -EBADMSG)
		return say(x, err, "%s: not a name that the log gives", bad);
	return err == 0 ? 0 : say(x, err, "%s", strerror(-err));
}

static int no_log(struct inspection *x, const char *why)
{
	x->out->verdict = WAL_NEW;
	return say(x, -ENOENT, META_IDENTITY ": %s", why);
}

/* As creation left it that was cut short, or a log whose identity is gone. */
static int identity_missing(struct inspection *x)
{
	uint32_t unit = FORMAT_UNIT_MIN;
	int err = -EBADMSG;

	if (!x->names.vote && wal_meta_names_unused(&x->names))
		return no_log(x, "there is no log here");
	/* In which unit it was begun the identity would have told. */
	for (; x->names.vote && err == -EBADMSG && unit <= FORMAT_UNIT_MAX; unit *= 2)
		err = file_read(x, META_VOTE, 2 * (uint64_t)unit);
	if (x->names.vote && err != 0)
		return err;
	unit /= 2;
	if (wal_meta_names_unused(&x->names) && wal_meta_vote_initial(x->block, unit))
		return no_log(x, "there is no log here yet: its making was cut short, and the next "
				 "start begins it again");
	return say(x, -EBADMSG,
		   META_IDENTITY ": missing beside a log that was in use, or where a "
				 "restore was cut short");
}

static int identity_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	struct meta_identity identity;
	int err;

	if (!x->names.identity)
		return identity_missing(x);
	err = file_read(x, META_IDENTITY, FORMAT_IDENTITY_SIZE);
	if (err != 0)
		return err;
	err = wal_meta_identity_decode(&identity, x->block);
	if (err == -EPROTO)
		return say(x, err, META_IDENTITY ": " WAL_OTHER_VERSION);
	if (err != 0)
		return say(x, err, META_IDENTITY " at offset 0: its checksum is wrong");
	x->id = identity.id;
	out->identity = identity.id.identity;
	out->durability = (enum wal_durability)(identity.durability - 1);
	out->unit = identity.unit;
	if (identity.formerly != 0)
		return no_log(x, "this directory was made a new one, and the next start begins its "
				 "log");
	return 0;
}

static int vote_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	uint64_t offset = 0;
	int err = -EBADMSG;

	if (!x->names.vote)
		return say(x, -EBADMSG, META_VOTE ": missing");
	for (int look = 0; err != 0 && look < (out->live ? LOOKS : 1); look++) {
		err = file_read(x, META_VOTE, 2 * (uint64_t)out->unit);
		if (err != 0)
			return err;
		err = wal_meta_vote_decode(&x->vote, &out->vote_torn, x->block, out->unit, &x->id,
					   &offset);
	}
	if (err == -EPROTO)
		return say(x, err, META_VOTE ": " WAL_OTHER_VERSION);
	if (err != 0)
		return say(x, -EBADMSG, META_VOTE " at offset %" PRIu64 ": this sector is damaged",
			   offset);
	out->hard_state = x->vote.hard_state;
	out->start = x->vote.start;
	out->vote_generation = x->vote.generation;
	return 0;
}

/* Before the log is read: what a node marks meanwhile is in the log by then. */
static int mark_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	struct wal_end *end = &x->end;
	uint64_t size = 2 * (uint64_t)out->unit;

	end->vote_number = x->vote.log_number;
	end->vote_start = x->vote.start;
	end->vote_generation = x->vote.generation;
	(void)snprintf(end->mark_why, sizeof(end->mark_why), "missing beside a log");
	for (int look = 0; x->names.mark && end->mark_why[0] != '\0' && look < LOOKS; look++) {
		int err = file_read(x, META_MARK, size);

		if (err != 0 && err != -EBADMSG)
			return err;
		wal_end_mark(end, x->block, x->found, out->unit, &x->id);
	}
	out->mark_damaged = end->slots_damaged;
	out->mark_generation = end->mark.generation;
	out->mark_number = end->mark.number;
	out->mark_segment = end->mark.segment;
	out->mark_lost = end->mark.lost;
	out->mark_diverged = end->mark.diverged;
	out->witness_count = end->mark.witness_count;
	memcpy(out->witness, end->mark.witness, sizeof(out->witness));
	return 0;
}

static int base_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	int err = -EBADMSG;

	if (!x->names.base)
		return say(x, -EBADMSG, META_BASE ": missing");
	for (int look = 0; err != 0 && look < (out->live ? LOOKS : 1); look++) {
		err = file_read(x, META_BASE, 2 * (uint64_t)out->unit);
		if (err != 0)
			return err;
		err = wal_base_decode(&x->base, x->block, out->unit, &x->id);
	}
	if (err == -EPROTO)
		return say(x, err, META_BASE ": " WAL_OTHER_VERSION);
	if (err != 0)
		return say(x, -EBADMSG, META_BASE " at offset 0: not the base of this log");
	out->base_damaged = x->base.damaged;
	out->first_segment = x->base.base.segment;
	out->first_index = x->base.base.index;
	out->before_term = x->base.base.term;
	out->before_number = x->base.base.number;
	return 0;
}

static int record_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	const uint8_t *data;
	int err;

	if (!x->names.cluster)
		return 0;
	err = file_read(x, META_CLUSTER, out->unit);
	if (err != 0)
		return err;
	err = wal_cluster_decode(&data, &out->record_size, x->block, out->unit, &x->id);
	if (err != 0)
		return say(x, err == -EPROTO ? err : -EBADMSG,
			   META_CLUSTER " at offset 0: not the record of this directory");
	memcpy(out->record, data, out->record_size);
	return 0;
}

static void on_segment(void *arg, const struct scan_segment *segment)
{
	struct inspection *x = arg;
	struct wal_inspect_segment found = {segment->sequence, segment->size};

	if (x->ops && x->ops->segment)
		x->ops->segment(x->arg, &found);
}

static int on_write(void *arg, const struct scan_write *write)
{
	struct inspection *x = arg;
	const struct record_header *header = write->header;
	struct wal_inspect_write found = {.segment = write->segment->sequence,
					  .offset = write->offset,
					  .size = header->size,
					  .number = header->number,
					  .durable = header->durable,
					  .vote_generation = header->vote_generation,
					  .entries = header->count};
	uint32_t cursor = FORMAT_WRITE_HEADER;
	struct raft_entry entry;

	if (x->ops && x->ops->write)
		x->ops->write(x->arg, &found);
	if (!x->ops || !x->ops->entry)
		return 0;
	while (wal_record_next(&entry, write->stream, header->stream_size, &cursor) == 1)
		x->ops->entry(x->arg, &entry);
	return 0;
}

static int log_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	struct scan s = {.disk = x->disk,
			 .id = x->id,
			 .base = x->base.base,
			 .unit = out->unit,
			 .live = out->live,
			 .on_write = on_write,
			 .on_segment = on_segment,
			 .arg = x,
			 .error = x->line,
			 .error_size = sizeof(x->line)};
	int err;

	err = wal_scan_run(&s, x->names.segments + x->names.below,
			   x->names.segment_count - x->names.below);
	out->segments = s.segment_count;
	out->writes = s.number - x->base.base.number;
	out->entries = s.entries;
	out->bytes = s.bytes;
	out->last_index = s.last_index;
	out->last_term = s.last_term;
	if (s.segment_count > 0) {
		out->end_segment = s.segments[s.tail].sequence;
		out->end_offset = s.segments[s.tail].end;
	}
	if (err == 0 && !out->live)
		err = wal_end_vote(&x->end, &s, x->line, sizeof(x->line));
	if (err == 0 && wal_end_lost(&x->end, &s, out->live, x->line, sizeof(x->line))) {
		out->verdict = WAL_LOST;
		err = -ESTALE;
	}
	/* Nothing is cut from a log that is refused. */
	if (err == 0 || out->verdict == WAL_LOST) {
		out->tail = wal_end_tail(&x->end, &s, out->verdict == WAL_LOST, out->durability);
		out->torn_bytes = s.torn_bytes;
		out->decayed = s.decayed_count;
		out->decayed_segment = s.decayed[0].sequence;
		out->decayed_offset = s.decayed[0].offset;
	}
	if (err != 0)
		err = say(x, err, "%s", x->line);
	wal_scan_free(&s);
	return err;
}

/* Of one that is pulled nothing is judged: whoever goes on with it reads it. */
static void part_read(struct inspection *x)
{
	struct raft_snapshot *part = &x->out->part;
	uint64_t size;

	if (x->names.part_count == 0 || wal_snapshot_part_size(x->disk, x->names.parts[0].index,
							       x->names.parts[0].term, &size) != 0)
		return;
	*part = (struct raft_snapshot){
		.index = x->names.parts[0].index, .term = x->names.parts[0].term, .size = size};
}

/*
 * By its first and last block, as a start judges it, and then all of it: what is damaged between
 * them a start finds when it reads it.
 */
static int snapshots_read(struct inspection *x)
{
	struct wal_inspect_result *out = x->out;
	struct snapshot_file newest;

	for (size_t i = 0; i < x->names.snapshot_count && out->snapshot_count < WAL_SNAPSHOTS_MAX;
	     i++) {
		const struct meta_snapshot_name *name = &x->names.snapshots[i];
		struct wal_damaged *bad = &out->snapshots_damaged[out->snapshots_damaged_count];
		struct snapshot_file file;
		uint64_t offset;
		int err = wal_snapshot_probe(x->disk, name->index, name->term, &file, &offset);

		if (err == 0) {
			newest = out->snapshot_count == 0 ? file : newest;
			out->snapshots[out->snapshot_count++] = file.info;
			if (!x->ops)
				err = wal_snapshot_verify(x->disk, &file, &offset);
		}
		/* A node that runs removes one that is no longer needed. */
		if (err == -ENOENT && out->live)
			continue;
		if (err == 0 || out->snapshots_damaged_count == WAL_SNAPSHOTS_MAX)
			continue;
		out->snapshots_damaged_count++;
		bad->offset = offset;
		bad->error = err;
		wal_block_name(bad->name, name->index, name->term);
		if (err != -EBADMSG && err != -EPROTO && !wal_scan_unreadable(err))
			return say(x, err, "%s: %s", bad->name, strerror(-err));
	}
	part_read(x);
	if (!wal_snapshot_covers(out->snapshot_count > 0 ? &newest : NULL, &x->base.base, x->line,
				 sizeof(x->line)))
		return say(x, -EBADMSG, "%s", x->line);
	return 0;
}

/* What a start would remove. A node that runs may have one in the making. */
static int temporaries_read(struct inspection *x)
{
	int err = 0;

	if (!x->out->live)
		err = wal_temporary_judge(x->disk, &x->names, &x->id, x->out->unit, x->line,
					  sizeof(x->line));
	return err == 0 ? 0 : say(x, err, "%s", x->line);
}

/* The base first: a snapshot that covers it is among the names that are there later. */
static int state_read(struct inspection *x)
{
	int err = base_read(x);

	if (err == 0)
		err = names_read(x);
	if (err != 0)
		return err;
	wal_meta_names_from(&x->names, x->base.base.segment);
	err = record_read(x);
	if (err == 0)
		err = temporaries_read(x);
	if (err == 0)
		err = snapshots_read(x);
	return err != 0 ? err : log_read(x);
}

/*
 * A node that runs has moved the base, or made or removed a snapshot, since they were looked at.
 * What of its log is gone lies before the base, so nothing is told twice.
 */
static bool moved(struct inspection *x)
{
	const struct log_base_slots base = x->base;
	const struct meta_names names = x->names;
	char bad[DISK_NAME_MAX];
	bool other;

	x->names = (struct meta_names){0};
	other = wal_meta_names_list(&x->names, x->disk, bad) != 0 || base_read(x) != 0 ||
		x->base.generation != base.generation ||
		x->names.snapshot_count != names.snapshot_count ||
		(names.snapshot_count > 0 &&
		 memcmp(x->names.snapshots, names.snapshots,
			names.snapshot_count * sizeof(*names.snapshots)) != 0);
	wal_meta_names_free(&x->names);
	x->names = names;
	x->base = base;
	return other;
}

static int inspect(struct inspection *x)
{
	int err = names_read(x);

	if (err == 0)
		err = identity_read(x);
	if (err != 0 || x->out->durability == WAL_VOLATILE)
		return err;
	err = vote_read(x);
	if (err == 0)
		err = mark_read(x);
	if (err != 0)
		return err;
	err = state_read(x);
	for (int look = 1; err != 0 && x->out->live && look < LOOKS && moved(x); look++) {
		x->out->snapshot_count = x->out->snapshots_damaged_count = 0;
		x->out->verdict = WAL_UNREADABLE;
		x->error[0] = '\0';
		err = state_read(x);
	}
	return err;
}

const char *wal_verdict_name(enum wal_verdict verdict)
{
	static const char *const names[] = {
		[WAL_UNREADABLE] = "unreadable",
		[WAL_GOOD] = "good",
		[WAL_TORN] = "torn",
		[WAL_LOST] = "lost",
		[WAL_DAMAGED] = "damaged",
		[WAL_NEW] = "new",
	};

	return names[verdict];
}

int wal_inspect_disk(struct disk *disk, bool live, const char *directory,
		     const struct wal_inspect_ops *ops, void *arg, struct wal_inspect_result *out,
		     char error[WAL_ERROR_MAX])
{
	struct inspection x = {.directory = directory,
			       .ops = ops,
			       .arg = arg,
			       .out = out,
			       .error = error,
			       .disk = disk};
	int err;

	*out = (struct wal_inspect_result){.live = live};
	error[0] = '\0';
	x.block = aligned_alloc(FORMAT_UNIT_MAX, 2 * (size_t)FORMAT_UNIT_MAX);
	if (!x.block) {
		(void)snprintf(error, WAL_ERROR_MAX, "%s: no memory", directory);
		return -ENOMEM;
	}
	err = inspect(&x);
	if (err == 0)
		out->verdict = out->torn_bytes > 0 ? WAL_TORN : WAL_GOOD;
	else if (err == -EBADMSG)
		out->verdict = WAL_DAMAGED;
	wal_meta_names_free(&x.names);
	free(x.block);
	return err;
}

int wal_inspect(const char *directory, const struct wal_inspect_ops *ops, void *arg,
		struct wal_inspect_result *out, char error[WAL_ERROR_MAX])
{
	struct disk *disk;
	int err = disk_reader_create(&disk, directory);

	*out = (struct wal_inspect_result){0};
	error[0] = '\0';
	if (err != 0) {
		(void)snprintf(error, WAL_ERROR_MAX, "%s: %s", directory, strerror(-err));
		return err;
	}
	err = wal_inspect_disk(disk, disk_reader_locked(disk), directory, ops, arg, out, error);
	disk->ops->destroy(disk);
	return err;
}

/* What cannot be read is told by whoever reads it all. */
static void record_find(struct inspection *x, struct wal_inspect_owner *out)
{
	const uint8_t *data;

	if (!x->names.cluster || file_read(x, META_CLUSTER, x->out->unit) != 0 ||
	    wal_cluster_decode(&data, &out->record_size, x->block, x->out->unit, &x->id) != 0)
		out->record_size = 0;
	else
		memcpy(out->record, data, out->record_size);
	x->error[0] = '\0';
}

static int owner_find(struct inspection *x, enum wal_durability durability,
		      struct wal_inspect_owner *out)
{
	char bad[DISK_NAME_MAX];
	int err = wal_meta_names_list(&x->names, x->disk, bad);

	if (err == 0)
		err = x->names.identity ? identity_read(x) : -ENOENT;
	x->error[0] = '\0';
	/* -ENOENT: made a new one, of which nothing but its durability is kept. */
	if (err == 0 || (err == -ENOENT && x->id.identity != 0)) {
		if (!wal_durability_fits(x->out->durability, durability))
			return say(x, -EXDEV, META_IDENTITY ": " WAL_DURABILITY_OTHER,
				   wal_durability_name(x->out->durability),
				   wal_durability_name(durability));
	}
	if (err != 0 || durability == WAL_VOLATILE)
		return 0;
	out->identity = x->id.identity;
	/* Before the record: a node that runs has that by the time it has a term. */
	if (vote_read(x) == 0)
		out->term = x->vote.hard_state.term;
	record_find(x, out);
	return 0;
}

int wal_inspect_owner(const char *directory, enum wal_durability durability,
		      struct wal_inspect_owner *out, char error[WAL_ERROR_MAX])
{
	struct wal_inspect_result result = {0};
	struct inspection x = {.directory = directory, .out = &result, .error = error};
	int err;

	*out = (struct wal_inspect_owner){0};
	error[0] = '\0';
	if (disk_reader_create(&x.disk, directory) != 0)
		return 0;
	x.block = aligned_alloc(FORMAT_UNIT_MAX, 2 * (size_t)FORMAT_UNIT_MAX);
	err = x.block ? owner_find(&x, durability, out) : 0;
	wal_meta_names_free(&x.names);
	free(x.block);
	x.disk->ops->destroy(x.disk);
	return err;
}
