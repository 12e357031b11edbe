/*
 * Making a directory, and the small files in it.
 *
 * Creation, each step durable before the next: vote (generations 0 and 1), the first segment,
 * identity. A directory without identity is new, or its creation was cut short; then its vote is
 * still at generation 1, because every complete open counts it up. Anything else without identity
 * is damage.
 */
#include "base/mix.h"
#include "wal/io.h"
#include "wal/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int recovery_refuse(struct wal *w, int err, const char *format, ...)
{
	char why[WAL_ERROR_MAX - sizeof(w->directory) - 2];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	(void)snprintf(w->error, sizeof(w->error), "%s/%s", w->directory, why);
	return err;
}

int recovery_io_refuse(struct wal *w, int err, const char *file, const char *operation)
{
	const char *hint = "";

	if (err == -EOPNOTSUPP || err == -EINVAL)
		hint = ": this file system has no direct I/O to stable storage, which a log on "
		       "disk needs; use another one (ext4, xfs) or durability volatile";
	else if (err == -EWOULDBLOCK)
		hint = ": another process has it open, or a dead one's last write has not reached "
		       "the disk yet";
	return recovery_refuse(w, err, "%s: %s failed: %s%s", file, operation, strerror(-err),
			       hint);
}

/* --- small files ------------------------------------------------------------------------- */

/* Writes a file whole under a temporary name and gives it its name, durably. */
static int file_make(struct wal *w, const char *name, const uint8_t *data, size_t size)
{
	enum disk_mode mode = w->durability == WAL_VOLATILE ? DISK_CACHED : DISK_DURABLE;
	char temporary[DISK_NAME_MAX];
	int file;
	int err;

	meta_temporary_name(temporary, name);
	err = w->disk->ops->open(w->disk, temporary, true, mode, &file);
	if (err != 0)
		return recovery_io_refuse(w, err, temporary, "create");
	err = io_write(w->disk, file, 0, data, size);
	if (err == 0)
		err = io_sync(w->disk, file);
	w->disk->ops->close(w->disk, file);
	if (err == 0)
		err = w->disk->ops->rename(w->disk, temporary, name);
	if (err == 0)
		err = w->disk->ops->sync_names(w->disk);
	return err == 0 ? 0 : recovery_io_refuse(w, err, temporary, "write");
}

/* Reads a file that must have exactly this size. */
int recovery_file_read(struct wal *w, const char *name, uint8_t *data, uint64_t size)
{
	enum disk_mode mode = w->durability == WAL_VOLATILE ? DISK_CACHED : DISK_DURABLE;
	uint64_t found;
	int file;
	int err = w->disk->ops->open(w->disk, name, false, mode, &file);

	if (err != 0)
		return recovery_io_refuse(w, err, name, "open");
	err = w->disk->ops->size(w->disk, file, &found);
	if (err != 0)
		err = recovery_io_refuse(w, err, name, "size");
	else if (found != size)
		err = recovery_refuse(
			w, -EBADMSG,
			"%s: %" PRIu64 " bytes instead of %" PRIu64 "; nothing was changed: "
			"bring the directory back from a copy, or remove this member from the "
			"cluster and add it again with an empty directory",
			name, found, size);
	if (err == 0) {
		err = io_read(w->disk, file, 0, data, size);
		if (err != 0)
			err = recovery_io_refuse(w, err, name, "read");
	}
	w->disk->ops->close(w->disk, file);
	return err;
}

int recovery_identity_make(struct wal *w)
{
	struct meta_identity identity = {
		.id = w->id, .durability = (uint32_t)w->durability + 1, .unit = w->unit};

	meta_identity_encode(w->block, &identity);
	return file_make(w, META_IDENTITY, w->block, FORMAT_IDENTITY_SIZE);
}

int recovery_temporaries_remove(struct recovery *r)
{
	for (size_t i = 0; i < r->names.temporary_count; i++) {
		int err = r->w->disk->ops->remove(r->w->disk, r->names.temporary[i]);

		if (err != 0)
			return recovery_io_refuse(r->w, err, r->names.temporary[i], "remove");
	}
	return 0;
}

/* --- creation ---------------------------------------------------------------------------- */

uint64_t recovery_identity_draw(const struct wal_options *options)
{
	uint64_t drawn =
		mix(options->identity_seed ^ mix(options->cluster_id ^ mix(options->member_id)));

	return drawn != 0 ? drawn : 1;
}

/* Removes what a creation left that was cut short; refuses what can be anything else. */
static int leftovers_remove(struct recovery *r)
{
	struct wal *w = r->w;
	const struct disk_ops *ops = w->disk->ops;
	struct meta_names *names = &r->names;
	char name[DISK_NAME_MAX];
	int err;

	if (names->vote) {
		err = recovery_file_read(w, META_VOTE, w->block, 2 * (uint64_t)w->unit);
		if (err != 0)
			return err;
	}
	if (names->segment_count > 1 || (names->segment_count > 0 && !names->vote) ||
	    (names->vote && !meta_vote_initial(w->block, w->unit)))
		return recovery_refuse(
			w, -EBADMSG,
			META_IDENTITY
			": missing beside a log that was in use; nothing was "
			"changed: bring the directory back from a copy, or remove this "
			"member from the cluster and add it again with an empty directory");
	err = recovery_temporaries_remove(r);
	if (err != 0)
		return err;
	/* The vote last: while anything is left it says that this was never in use. */
	if (names->segment_count > 0) {
		meta_segment_name(name, names->segments[0]);
		err = ops->remove(w->disk, name);
		if (err == 0)
			err = ops->sync_names(w->disk);
		if (err != 0)
			return recovery_io_refuse(w, err, name, "remove");
	}
	if (names->vote) {
		err = ops->remove(w->disk, META_VOTE);
		if (err != 0)
			return recovery_io_refuse(w, err, META_VOTE, "remove");
	}
	err = ops->sync_names(w->disk);
	return err == 0 ? 0 : recovery_io_refuse(w, err, "", "sync of the directory");
}

int recovery_create(struct recovery *r)
{
	struct wal *w = r->w;
	struct meta_vote vote = {0};
	int err;

	if (!r->options->create)
		return recovery_refuse(w, -ENOENT,
				       META_IDENTITY ": there is no log here, and none was to "
						     "be created");
	err = leftovers_remove(r);
	if (err != 0)
		return err;
	w->id.identity = recovery_identity_draw(r->options);
	if (w->durability != WAL_VOLATILE) {
		for (vote.generation = 0; vote.generation < 2; vote.generation++)
			meta_vote_encode(w->block + meta_vote_offset(vote.generation, w->unit),
					 w->unit, &w->id, &vote);
		err = file_make(w, META_VOTE, w->block, 2 * (size_t)w->unit);
		if (err == 0)
			err = prepare_now(w);
		if (err != 0)
			return err;
		/* What follows opens it by its name, as at any other start. */
		w->disk->ops->close(w->disk, w->segments[0].file);
		w->segment_count = 0;
	}
	err = recovery_identity_make(w);
	if (err != 0)
		return err;
	meta_names_free(&r->names);
	err = meta_names_list(&r->names, w->disk, r->scan_error);
	return err == 0 ? 0 : recovery_io_refuse(w, err, "", "list of the directory");
}
