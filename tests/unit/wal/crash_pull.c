/*
 * Installs under the workload of the crash test: a snapshot of an entry that the log lacks is
 * pulled bit by bit, given up, gone on with after a crash, and the log is begun behind it.
 */
#include "tests/unit/wal/crash.h"

#include "wal/pull.h"
#include "wal/snapshot.h"

#include <stdio.h>
#include <string.h>

enum { IMAGE_MAX = 2 * BLOCK_FILE_STEP };

/* The file of one of this entry, as any member has it. */
static const uint8_t *image(struct raft_snapshot *info)
{
	static uint8_t file[IMAGE_MAX];
	static struct raft_snapshot of;
	size_t size;
	const uint8_t *content = crash_snapshot_content(info->index, &size);

	assert_true(wal_block_file_size(size) <= IMAGE_MAX);
	if (of.index != info->index || of.term != info->term) {
		of = *info;
		test_snapshot_image(file, &of, (const uint8_t *)&info->index, sizeof(info->index),
				    content, size);
	}
	*info = of;
	return file;
}

/* Some of what is wanted, or of what is not, and wrong here and there. */
static void give(struct world *w, struct wal *wal, bool honest)
{
	struct raft_snapshot info = w->model->pull;
	const uint8_t *file = image(&info);
	uint8_t data[20000];
	uint64_t offset;
	uint32_t length;

	for (uint64_t n = honest ? 100 : crash_roll(w, 12); n > 0; n--) {
		uint64_t at = honest ? 0 : crash_roll(w, info.size);
		size_t size;

		if ((honest || crash_roll(w, 4) > 0) && wal_pull_wants(wal, at, &offset, &length))
			at = offset;
		else if (honest)
			return;
		size = honest ? sizeof(data) : 1 + crash_roll(w, sizeof(data));
		size = size < info.size - at ? size : info.size - at;
		memcpy(data, file + at, size);
		if (!honest && crash_roll(w, 8) == 0)
			data[crash_roll(w, size)] ^= 1;
		(void)wal_pull_add(wal, at, data, size);
	}
}

static void begin(struct world *w, struct wal *wal, raft_index last, raft_term term)
{
	struct model *m = w->model;
	raft_index lowest = last > m->snapshot_there ? last : m->snapshot_there;
	struct raft_snapshot info = {.index = lowest + 1 + crash_roll(w, 20), .term = term};

	(void)image(&info);
	if (wal_pull_begin(wal, &info) == 0)
		m->pull = info;
}

static void reset_done(struct model *m, const struct raft_snapshot *s)
{
	m->base.index = m->first = m->first_asked = s->index + 1;
	m->base.term = s->term;
	m->committed = s->index;
	m->event_count = m->events_acked = 0;
	for (uint64_t seq = 0; seq <= m->seq; seq++)
		m->tokens[seq].events = 0;
	m->installs = m->resetting = (struct raft_snapshot){0};
}

void crash_reset_found(struct model *m, const struct wal_recovered *found)
{
	const struct raft_snapshot s = m->resetting;

	if (s.index != 0 && found->first_index == s.index + 1 && found->last_index == s.index &&
	    found->before_term == s.term)
		reset_done(m, &s);
	m->resetting = (struct raft_snapshot){0};
}

static int reset(struct world *w, struct wal *wal)
{
	struct model *m = w->model;
	const struct raft_snapshot s = m->installs;
	int err;

	m->resetting = s;
	err = wal_reset(wal, s.index, s.term);
	if (err != 0)
		return err;
	reset_done(m, &s);
	w->counts->resets++;
	return 0;
}

static void pull_ended(struct world *w, struct wal *wal)
{
	struct model *m = w->model;

	if (m->pull.index == 0 || wal_pull_result(wal) == -EINPROGRESS)
		return;
	if (wal_pull_result(wal) == 0) {
		m->installs = m->pull;
		m->snapshot_there = m->pull.index;
		w->counts->pulls++;
	}
	m->pull = (struct raft_snapshot){0};
}

bool crash_pull_more(struct world *w, struct wal *wal, raft_index last, raft_term term)
{
	struct model *m = w->model;
	raft_term terms[EVENTS_MAX + 1];

	pull_ended(w, wal);
	if (m->pull.index != 0 && crash_roll(w, 30) == 0)
		wal_pull_abort(wal, crash_roll(w, 2) == 0);
	else if (m->pull.index != 0)
		give(w, wal, false);
	else if (m->installs.index == 0 && m->snapshot == 0 && crash_roll(w, 8) == 0)
		begin(w, wal, last, term);
	if (m->installs.index == 0 || crash_roll(w, 3) > 0)
		return false;
	/* By now the log may have got there by itself. */
	(void)crash_live(m, m->event_count, terms);
	if (m->installs.index <= last &&
	    terms[m->installs.index - m->base.index] == m->installs.term) {
		m->committed = m->installs.index;
		m->installs = (struct raft_snapshot){0};
		return false;
	}
	if (reset(w, wal) != 0)
		(void)snprintf(w->failure, sizeof(w->failure), "reset: %.900s", wal_error(wal));
	return true;
}

/* All of it comes, whatever was there of it, also if that has decayed. */
static const char *pull_finish(struct world *w, struct wal *wal, bool part)
{
	struct model *m = w->model;
	char whole[DISK_NAME_MAX], name[DISK_NAME_MAX];
	struct wal_pulled at;
	uint64_t seq;

	wal_block_name(whole, m->pull.index, m->pull.term);
	wal_meta_part_name(name, whole);
	if (part && fake_size(w->disk, name) > 0 && crash_roll(w, 2) == 0)
		fake_flip(w->disk, name, crash_roll(w, fake_size(w->disk, name)),
			  (uint32_t)crash_roll(w, 8));
	if (wal_pull_begin(wal, &m->pull) != 0)
		return "what was being pulled is not pulled again";
	for (int i = 0; wal_pull_result(wal) == -EINPROGRESS; i++) {
		if (i > 10000)
			return "a pull has no end";
		give(w, wal, true);
		if (wal_poll(wal, w->now_ns, &seq) != 0)
			return wal_error(wal);
	}
	if (wal_pull_result(wal) != 0)
		return "what was pulled again is not whole";
	wal_pull_get(wal, &at);
	w->counts->resumed += at.scanned > 0;
	pull_ended(w, wal);
	return NULL;
}

const char *crash_pull_resume(struct world *w, struct wal *wal, const struct wal_recovered *found)
{
	struct model *m = w->model;
	bool part = found->part.index == m->pull.index && found->part.term == m->pull.term;
	const char *wrong = NULL;

	m->installs = (struct raft_snapshot){0};
	if (found->installs) {
		m->installs = found->snapshots[0];
		m->snapshot_there = m->installs.index;
		m->pull = (struct raft_snapshot){0};
	}
	if (m->pull.index <= found->last_index ||
	    (found->snapshot_count > 0 && found->snapshots[0].index >= m->pull.index))
		m->pull = (struct raft_snapshot){0};
	if (m->pull.index != 0 && crash_roll(w, part ? 2 : 6) == 0)
		wrong = pull_finish(w, wal, part);
	m->pull = (struct raft_snapshot){0};
	if (!wrong && m->installs.index != 0 && crash_roll(w, 2) == 0 && reset(w, wal) != 0)
		wrong = wal_error(wal);
	return wrong;
}
