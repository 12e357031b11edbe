/*
 * Snapshots under the workload of the crash test: written bit by bit, the base moved behind one of
 * them, older ones removed. What is found after a crash is whole, and holds what was given; and
 * what was said to be there is.
 */
#include "tests/unit/wal/crash.h"

#include "base/mix.h"
#include "wal/snapshot.h"

#include <stdio.h>
#include <string.h>

enum { CONTENT_MAX = 70000 };

/* What a snapshot of this entry holds: cheap, and other bytes at each place. */
static const uint8_t *content(raft_index index)
{
	static uint64_t words[CONTENT_MAX / 8 + 1];
	static raft_index of;

	for (uint64_t i = 0; of != index && i < sizeof(words) / 8; i++)
		words[i] = index * 1000003 + i * MIX_STEP;
	of = index;
	return (const uint8_t *)words;
}

static uint64_t size_of(raft_index index)
{
	return mix(index) % CONTENT_MAX;
}

const uint8_t *crash_snapshot_content(raft_index index, size_t *size)
{
	*size = size_of(index);
	return content(index);
}

static void give(struct world *w, struct wal *wal)
{
	struct model *m = w->model;
	size_t room = wal_snapshot_room(wal);
	uint64_t left = size_of(m->snapshot) - m->snapshot_given;
	const uint8_t *data = content(m->snapshot);

	for (; room > 0 && left > 0; room = wal_snapshot_room(wal)) {
		size_t size = room < 8192 ? room : 8192;

		size = size < left ? size : (size_t)left;
		wal_snapshot_write(wal, data + m->snapshot_given, size, 0);
		m->snapshot_given += size;
		left -= size;
	}
	if (left == 0 && !wal->writer.finishing)
		wal_snapshot_finish(wal);
}

static void begin(struct world *w, struct wal *wal, raft_index last, const raft_term *terms)
{
	struct model *m = w->model;
	raft_index lowest = m->snapshot_there > m->first_asked ? m->snapshot_there : m->first_asked;
	raft_index index = lowest + 1 + crash_roll(w, last - lowest);

	if (m->pull.index != 0 || m->installs.index != 0 || !wal_readable(wal, index))
		return;
	m->snapshot = index;
	m->snapshot_given = 0;
	if (wal_snapshot_begin(wal, index, terms[index - m->base.index],
			       (const uint8_t *)&m->snapshot, sizeof(m->snapshot)) != 0)
		m->snapshot = 0;
	/* It covers what is committed: nothing of that is superseded. */
	if (m->snapshot != 0)
		m->committed = index;
}

void crash_snapshot_more(struct world *w, struct wal *wal, raft_index last, const raft_term *terms)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	struct model *m = w->model;
	uint32_t count = wal_snapshots(wal, there);
	int result = wal_snapshot_result(wal);

	if (m->snapshot != 0 && result == 0) {
		m->snapshot_there = m->snapshot;
		w->counts->snapshots++;
	}
	if (result != -EINPROGRESS)
		m->snapshot = 0;
	if (m->snapshot != 0 && crash_roll(w, 20) == 0)
		wal_snapshot_abort(wal);
	else if (m->snapshot != 0)
		give(w, wal);
	else if (last > m->first_asked && last > m->snapshot_there && crash_roll(w, 2) == 0)
		begin(w, wal, last, terms);
	if (count > 2)
		(void)wal_snapshot_remove(wal, there[count - 1].index, there[count - 1].term);
}

/* One that was found, all of it. */
static const char *whole(struct wal *wal, const struct raft_snapshot *s)
{
	uint64_t at = 0;
	const uint8_t *data;
	uint32_t record_size;
	raft_index record;
	size_t size;
	int more;

	if (wal_snapshot_open(wal, s->index, s->term) != 0)
		return "a snapshot that was found cannot be opened";
	while ((more = wal_snapshot_next_now(wal, &data, &size)) == 1) {
		if (at + size > CONTENT_MAX || memcmp(data, content(s->index) + at, size) != 0)
			return "a snapshot holds something else";
		at += size;
	}
	if (more != 0)
		return wal_error(wal);
	memcpy(&record, wal_snapshot_record(wal, &record_size), sizeof(record));
	wal_snapshot_close(wal);
	if (record_size != sizeof(record) || record != s->index)
		return "the record of a snapshot is another one";
	return at == size_of(s->index) ? NULL : "a snapshot has another size";
}

/* The newest one is of an entry that the log does not have. */
static bool lacks(const struct model *m, const struct wal_recovered *found, uint32_t events)
{
	raft_term terms[EVENTS_MAX + 1];
	raft_index last = crash_live(m, events, terms);
	const struct raft_snapshot *s = &found->snapshots[0];

	if (found->snapshot_count == 0)
		return false;
	if (s->index >= m->base.index && s->index <= last)
		return terms[s->index - m->base.index] != s->term;
	return s->index > last || s->index + 1 < m->base.index || s->term != m->base.term;
}

const char *crash_snapshot_check(const struct model *m, struct wal *wal,
				 const struct wal_recovered *found, uint32_t events)
{
	bool newest = m->snapshot_there == 0;

	if (found->snapshots_damaged_count > 0)
		return "a snapshot under its name is not whole";
	for (uint32_t i = 0; i < found->snapshot_count; i++) {
		const struct raft_snapshot *s = &found->snapshots[i];
		const char *wrong = s->index == m->given ? NULL : whole(wal, s);

		if (wrong)
			return wrong;
		newest |= s->index == m->snapshot_there;
	}
	if (found->installs != lacks(m, found, events))
		return "whether a snapshot is to be installed";
	return newest ? NULL : "a snapshot that was there is gone";
}

/* What is listed holds what it held, or its reader says that it is damaged. */
static const char *damage_check(const struct model *m, struct test_log *t)
{
	for (uint32_t i = 0; i < t->found.snapshot_count; i++) {
		const struct raft_snapshot *s = &t->found.snapshots[i];
		const char *wrong = s->index == m->given ? NULL : whole(t->wal, s);
		bool told = t->wal->reader.open && t->wal->reader.error == -EBADMSG;

		wal_snapshot_close(t->wal);
		while (wal_in_flight(t->wal))
			(void)wal_wait(t->wal);
		if (wrong && !told)
			return wrong;
	}
	return NULL;
}

void crash_snapshot_decay(struct world *w, struct fake_disk *disk)
{
	struct test_log t = {.disk = fake_clone(disk, crash_roll(w, UINT64_MAX))};
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots(w->wal, there);
	char name[DISK_NAME_MAX];
	const char *wrong = NULL;
	uint64_t size;
	int err;

	fake_space(t.disk, false, 0);
	t.options = crash_options(w, t.disk);
	fake_power_cut(t.disk, FAKE_NONE);
	if (count > 0) {
		const struct raft_snapshot *s = &there[crash_roll(w, count)];

		wal_block_name(name, s->index, s->term);
	}
	size = count > 0 && fake_exists(t.disk, name) ? fake_size(t.disk, name) : 0;
	if (size > 0) {
		w->counts->states++;
		fake_flip(t.disk, name, crash_roll(w, size), (uint32_t)crash_roll(w, 8));
		err = test_log_open(&t);
		if (err == 0)
			wrong = damage_check(w->model, &t);
		else if (err != -EBADMSG || test_base_get(t.disk).index == 1)
			wrong = t.error;
		assert_int_equal(wal_close(t.wal), 0);
	}
	if (wrong)
		(void)snprintf(w->failure, sizeof(w->failure), "a bit of %s flipped: %.900s", name,
			       wrong);
	fake_destroy(t.disk);
}
