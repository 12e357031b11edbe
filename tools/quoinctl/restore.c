/*
 * snapshot restore: a data directory of a member of a new cluster, made from a snapshot's file.
 *
 * All initial members are made from the same file, and formation looks at that (D9b): the record of
 * each says what state it begins with. So what is made follows from the file, --bump-revision and
 * --mark-compacted alone; only the directory's identity is its own.
 *
 * It is made in a directory within data-dir, which has a file from the beginning on by which quoind
 * refuses it; each file then goes to its place, and the identity last: without that there is no
 * log. So a crash leaves nothing that a node would start with.
 */
#include "tools/client/draw.h"
#include "tools/quoinctl/restore_place.h"
#include "tools/quoinctl/snapshot_file.h"

#include "base/clock.h"
#include "config/config.h"
#include "raft/formation.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_SIZE = 256 * 1024 };

struct restoring {
	const struct options *options;
	struct config config;
	struct kv_rebase *state;
	struct wal *wal;
	struct wal_recovered recovered;
	raft_identity identity;
	char *error; /* ERROR_SIZE */
};

static int failed(struct restoring *r, const char *why)
{
	if (why)
		snprintf(r->error, ERROR_SIZE, "%s", why);
	return EXIT_FAILED;
}

/* --- what was asked for -------------------------------------------------------------------- */

static int misused(struct restoring *r, const char *why)
{
	snprintf(r->error, ERROR_SIZE, "%s", why);
	return EXIT_MISUSED;
}

static int check(struct restoring *r)
{
	const struct options *o = r->options;
	static struct config_errors errors;

	if (o->word_count != 1)
		return misused(r, "snapshot restore expects one argument, the file");
	if (!o->name || !o->initial_cluster || !o->data_dir)
		return misused(r,
			       "snapshot restore needs --name, --initial-cluster and --data-dir: "
			       "those of the member's configuration");
	if ((o->bump_revision > 0) != o->mark_compacted)
		return misused(r, o->mark_compacted
					  ? "--mark-compacted goes with --bump-revision above 0"
					  : "--bump-revision goes with --mark-compacted: who "
					    "watches is to see that revisions are missing");
	if (config_members(&r->config, o->name, o->initial_cluster, o->initial_cluster_token,
			   &errors) == 0)
		return 0;
	return misused(r, errors.text[0]);
}

/* --- the state ----------------------------------------------------------------------------- */

static int state_add(void *argument, const uint8_t *data, uint32_t size)
{
	struct restoring *r = argument;

	return kv_rebase_add(r->state, data, size) == 0
		       ? 0
		       : failed(r, "its blocks are whole, and what they hold is no state that this "
				   "release can read");
}

static int state_read(struct restoring *r)
{
	const struct options *o = r->options;
	struct snapshot_told told;
	int err;

	if (kv_rebase_create(&r->state))
		return failed(r, "out of memory");
	err = snapshot_read(o->word[0], state_add, r, &told, r->error);
	if (err)
		return err;
	err = kv_rebase_end(r->state, o->bump_revision, o->mark_compacted);
	if (err == -ERANGE)
		return misused(r, "--bump-revision: no revision is raised that high");
	return err == 0 ? 0 : failed(r, "what the file holds is not a whole state");
}

/* --- the log ------------------------------------------------------------------------------- */

static int log_failed(struct restoring *r)
{
	return failed(r, wal_error(r->wal));
}

/* What is on its way goes on. */
static int drive(struct restoring *r)
{
	uint64_t seq;

	if (wal_poll(r->wal, clock_now(), &seq))
		return log_failed(r);
	clock_sleep(50 * CLOCK_US);
	return 0;
}

/* Its file could not be written: the log says nothing of that. */
static int no_room(struct restoring *r, int err)
{
	snprintf(r->error, ERROR_SIZE, "%.300s: %s: nothing was restored", r->options->data_dir,
		 strerror(-err));
	return EXIT_FAILED;
}

static int snapshot_put(struct restoring *r)
{
	static uint8_t step[STEP_SIZE];
	bool more = true;
	int err =
		wal_snapshot_begin(r->wal, FORMATION_ORIGIN_INDEX, FORMATION_ORIGIN_TERM, NULL, 0);

	if (err)
		return log_failed(r);
	while (!err && wal_snapshot_result(r->wal) == -EINPROGRESS) {
		size_t room = more ? wal_snapshot_room(r->wal) : 0;
		int size = 0;

		if (room > 0)
			size = kv_rebase_read(r->state, step,
					      (uint32_t)(room < STEP_SIZE ? room : STEP_SIZE),
					      &more);
		if (size > 0)
			wal_snapshot_write(r->wal, step, (size_t)size, 0);
		if (room > 0 && !more)
			wal_snapshot_finish(r->wal);
		if (room == 0)
			err = drive(r);
	}
	if (err)
		return err;
	err = wal_snapshot_result(r->wal);
	return err ? no_room(r, err) : 0;
}

/* The record that says what it is to begin with. */
static int record_put(struct restoring *r)
{
	const struct config *c = &r->config;
	struct formation_table table = {.digest = c->digest, .count = c->member_count};
	struct raft_snapshot made[WAL_SNAPSHOTS_MAX];
	uint8_t record[FORMATION_RECORD_SIZE_MAX];
	uint32_t size;

	if (wal_snapshots(r->wal, made) != 1)
		return failed(r, "the snapshot that was written is not there");
	table.origin = formation_origin(made[0].hash);
	for (uint32_t i = 0; i < c->member_count; i++)
		table.member[i].place = config_member_place(&c->member[i]);
	table.member[c->self].identity = r->recovered.identity;
	size = formation_restored(&table, record);
	return wal_record_write(r->wal, record, size) ? log_failed(r) : 0;
}

static int log_make(struct restoring *r, const char *directory)
{
	const struct wal_options options = {
		.directory = directory,
		.durability = WAL_DURABLE,
		.segment_size = WAL_SEGMENT_SIZE_MIN,
		.identity_seed = draw(),
		.create = true,
	};
	char why[WAL_ERROR_MAX];
	int err = wal_open(&r->wal, &options, &r->recovered, why);

	if (err)
		return failed(r, why);
	err = snapshot_put(r);
	if (!err && wal_reset(r->wal, FORMATION_ORIGIN_INDEX, FORMATION_ORIGIN_TERM))
		err = log_failed(r);
	if (!err)
		err = record_put(r);
	if (!err && wal_mark_last(r->wal, NULL, 0))
		err = log_failed(r);
	if (wal_close(r->wal) && !err)
		err = failed(r, "the disk hangs");
	return err;
}

static int make(struct restoring *r)
{
	struct place place;
	int err = place_take(&place, r->options->data_dir, r->error);

	if (err)
		return err;
	err = log_make(r, place.within);
	if (!err)
		return place_fill(&place, r->error);
	place_leave(&place);
	return err;
}

int command_snapshot_restore(const struct options *options)
{
	static struct restoring r;
	char error[ERROR_SIZE];
	int status;

	r.options = options;
	r.error = error;
	status = check(&r);
	if (!status)
		status = state_read(&r);
	if (!status)
		status = make(&r);
	if (status)
		complain(status, "%s", error);
	else
		printf("Snapshot restored to %s, for member %s of %u, at revision %" PRIu64 "\n",
		       options->data_dir, options->name, r.config.member_count,
		       kv_rebase_revision(r.state));
	if (r.state)
		kv_rebase_destroy(r.state);
	return status;
}
