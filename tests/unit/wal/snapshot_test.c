/*
 * Snapshots as files beside the log (D17, W21): the same bytes on every member, whole and durable
 * under their names, checked block by block when they are read.
 */
#include "wal/snapshot.h"

#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"
#include "base/mix.h"
#include "wal/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { LAST = 60, CONTENT = 400000, BUFFER = 65536 / BLOCK_SIZE * BLOCK_PAYLOAD };

static uint8_t content[CONTENT];
static const uint8_t record[] = "of the cluster";

static void opened(struct test_log *t)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(mix(i / 8) >> i % 8 * 8);
	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
	if (!t->wal->memory)
		assert_int_equal(test_persist(t->wal, test_append(t->wal, 1, LAST, 1)), 0);
	else
		test_append(t->wal, 1, LAST, 1);
}

static int poll_once(struct test_log *t)
{
	uint64_t seq;

	return wal_poll(t->wal, t->wal->now_ns, &seq);
}

/* Gives `size` bytes in pieces of at most `piece`; what came of it. */
static int make(struct test_log *t, raft_index index, size_t size, size_t piece)
{
	size_t given = 0;
	int err = wal_snapshot_begin(t->wal, index, 1, record, sizeof(record));

	for (int i = 0; err == 0 && wal_snapshot_result(t->wal) == -EINPROGRESS; i++) {
		size_t room = wal_snapshot_room(t->wal);
		size_t part = room < piece ? room : piece;

		assert_true(i < 100000);
		part = part < size - given ? part : size - given;
		wal_snapshot_write(t->wal, content + given, part, 0);
		given += part;
		if (given == size && !t->wal->writer.finishing &&
		    t->wal->writer.step != SNAPSHOT_DROP)
			wal_snapshot_finish(t->wal);
		err = poll_once(t);
	}
	return err != 0 ? err : wal_snapshot_result(t->wal);
}

/* Reads it; 0 and that it is what was given, or what the reader said. */
static int check(struct test_log *t, raft_index index, size_t size)
{
	const uint8_t *data;
	uint32_t record_size;
	size_t part, at = 0;
	int more = wal_snapshot_open(t->wal, index, 1);

	if (more != 0)
		return more;
	while ((more = wal_snapshot_next_now(t->wal, &data, &part)) == 1) {
		assert_true(at + part <= size);
		assert_memory_equal(data, content + at, part);
		at += part;
	}
	if (more == 0) {
		assert_int_equal(at, size);
		assert_memory_equal(wal_snapshot_record(t->wal, &record_size), record,
				    sizeof(record));
		assert_int_equal(record_size, sizeof(record));
	}
	wal_snapshot_close(t->wal);
	for (int i = 0; i < 100; i++)
		assert_int_equal(poll_once(t), 0);
	return more;
}

static const char *name_of(raft_index index)
{
	static char name[DISK_NAME_MAX];

	wal_block_name(name, index, 1);
	return name;
}

static void D17_what_is_written_is_read(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       BLOCK_PAYLOAD - 1,
				       BLOCK_PAYLOAD,
				       BLOCK_PAYLOAD + 1,
				       BUFFER - 2 * BLOCK_PAYLOAD,
				       BUFFER - BLOCK_PAYLOAD,
				       BUFFER,
				       BUFFER + 1,
				       5 * BUFFER + 7};
	static const enum wal_durability modes[] = {WAL_DURABLE, WAL_WRITTEN, WAL_VOLATILE};

	(void)state;
	for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
		size_t size = sizes[i / 3];
		struct test_log t;

		test_log_init(&t);
		t.options.durability = modes[i % 3];
		assert_int_equal(test_log_open(&t), 0);
		for (raft_index index = 10; index <= 30; index += 10) {
			assert_int_equal(make(&t, index, size, 10000 + index), 0);
			assert_int_equal(wal_snapshots(t.wal, there), index / 10);
			assert_int_equal(there[0].index, index);
			assert_int_equal(there[0].term, 1);
			assert_int_equal(there[0].size, wal_block_file_size(size));
			assert_int_equal(check(&t, index, size), 0);
		}
		assert_int_equal(wal_snapshot_begin(t.wal, 20, 1, NULL, 0), -EEXIST);
		assert_int_equal(wal_snapshot_open(t.wal, 21, 1), -ENOENT);
		assert_int_equal(check(&t, 10, size), 0);
		if (modes[i % 3] != WAL_VOLATILE) {
			uint64_t hash = there[0].hash;

			assert_int_equal(fake_size(t.disk, name_of(20)), there[1].size);
			test_log_close(&t);
			fake_power_cut(t.disk, FAKE_NONE);
			assert_int_equal(test_log_open(&t), 0);
			assert_int_equal(t.found.snapshot_count, 3);
			assert_int_equal(t.found.snapshots_damaged_count, 0);
			assert_int_equal(t.found.snapshots[0].index, 30);
			assert_true(t.found.snapshots[0].hash == hash);
			assert_int_equal(t.found.snapshots[2].index, 10);
			assert_int_equal(check(&t, 30, size), 0);
		}
		test_log_free(&t);
	}
}

/* Whoever writes it, in whatever pieces and units, on whichever directory. */
static void D17_it_is_the_same_bytes_on_every_member(void **state)
{
	static uint8_t files[2][8 * 65536];
	struct raft_snapshot info[2];
	uint64_t size = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
		struct test_log t;

		test_log_init(&t);
		if (i == 1) {
			fake_destroy(t.disk);
			t.disk = fake_create(8192, 7);
			t.options.identity_seed = 99;
		}
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(make(&t, 50, CONTENT, i == 0 ? 100 : 33333), 0);
		assert_int_equal(wal_snapshots(t.wal, there), 1);
		info[i] = there[0];
		size = fake_size(t.disk, name_of(50));
		assert_true(size <= sizeof(files[0]));
		fake_get(t.disk, name_of(50), 0, files[i], size);
		test_log_free(&t);
	}
	assert_memory_equal(files[0], files[1], size);
	assert_memory_equal(&info[0], &info[1], sizeof(info[0]));
}

/* Each block, anywhere in it: the line names the place, and nothing is guessed. */
static void W21_damage_is_found_where_it_is(void **state)
{
	struct test_log t;
	uint64_t size;
	uint32_t told = 0;

	(void)state;
	opened(&t);
	assert_int_equal(make(&t, 10, 100, 100), 0);
	assert_int_equal(make(&t, 20, 2 * BUFFER + 100, 5000), 0);
	size = fake_size(t.disk, name_of(20));
	for (uint64_t block = 0; block < size / BLOCK_SIZE; block++) {
		for (uint64_t at = block * BLOCK_SIZE + block % 7; at < (block + 1) * BLOCK_SIZE;
		     at += 1021) {
			char place[DISK_NAME_MAX + 32];
			const char *line;

			(void)snprintf(place, sizeof(place), "%s at offset %lu", name_of(20),
				       block * BLOCK_SIZE);
			fake_flip(t.disk, name_of(20), at, (uint32_t)at % 8);
			assert_int_equal(check(&t, 20, 2 * BUFFER + 100), -EBADMSG);
			line = wal_error(t.wal);
			if (!strstr(line, place))
				fail_msg("not at %s: %s", place, line);
			test_log_close(&t);
			assert_int_equal(test_log_open(&t), 0);
			/* In its first and last block a start sees it; the one before is whole. */
			if (t.found.snapshots_damaged_count > 0) {
				assert_string_equal(t.found.snapshots_damaged[0].name, name_of(20));
				assert_int_equal(t.found.snapshot_count, 1);
				told++;
			}
			assert_int_equal(check(&t, 10, 100), 0);
			test_log_close(&t);
			fake_flip(t.disk, name_of(20), at, (uint32_t)at % 8);
			assert_int_equal(test_log_open(&t), 0);
			assert_int_equal(t.found.snapshots_damaged_count, 0);
		}
	}
	assert_true(told >= 8);
	/* One block in another's place, and one of another snapshot. */
	for (int from = 0; from < 2; from++) {
		uint8_t block[BLOCK_SIZE], was[BLOCK_SIZE];

		fake_get(t.disk, name_of(from == 0 ? 20 : 10), BLOCK_SIZE, block, sizeof(block));
		fake_get(t.disk, name_of(20), 2 * BLOCK_SIZE, was, sizeof(was));
		fake_put(t.disk, name_of(20), 2 * BLOCK_SIZE, block, sizeof(block));
		assert_int_equal(check(&t, 20, 2 * BUFFER + 100), -EBADMSG);
		fake_put(t.disk, name_of(20), 2 * BLOCK_SIZE, was, sizeof(was));
	}
	fake_bad(t.disk, name_of(20), 3 * BLOCK_SIZE, 512, -EIO);
	assert_int_equal(check(&t, 20, 2 * BUFFER + 100), -EIO);
	test_log_free(&t);
}

static void W21_a_log_that_lost_what_is_below_its_base_is_refused(void **state)
{
	struct test_log t;

	(void)state;
	opened(&t);
	assert_int_equal(wal_base_move(t.wal, 21, 1), -ENOENT);
	assert_int_equal(make(&t, 20, 5000, 5000), 0);
	assert_int_equal(wal_base_move(t.wal, 22, 1), -ENOENT);
	assert_int_equal(wal_base_move(t.wal, 21, 1), 0);
	while (t.wal->mover.state != MOVE_IDLE)
		assert_int_equal(poll_once(&t), 0);
	assert_int_equal(wal_snapshot_remove(t.wal, 20, 1), -EBUSY);
	assert_int_equal(make(&t, 40, 5000, 5000), 0);
	assert_int_equal(wal_snapshot_remove(t.wal, 19, 1), -ENOENT);
	assert_int_equal(wal_snapshot_open(t.wal, 20, 1), 0);
	assert_int_equal(wal_snapshot_remove(t.wal, 20, 1), -EAGAIN);
	wal_snapshot_close(t.wal);
	for (int i = 0; i < 100; i++)
		assert_int_equal(poll_once(&t), 0);
	assert_int_equal(wal_snapshot_remove(t.wal, 20, 1), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(poll_once(&t), 0);
	assert_false(fake_exists(t.disk, name_of(20)));
	assert_int_equal(wal_snapshot_remove(t.wal, 40, 1), -EBUSY);
	test_log_close(&t);
	/* Its header decays. */
	fake_flip(t.disk, name_of(40), 30, 3);
	test_log_refused(&t, -EBADMSG, "no snapshot is whole");
	fake_flip(t.disk, name_of(40), 30, 3);
	assert_int_equal(test_log_open(&t), 0);
	test_log_close(&t);
	fake_remove(t.disk, name_of(40));
	test_log_refused(&t, -EBADMSG, "base");
	test_snapshot_put(t.disk, 19, 1);
	test_log_refused(&t, -EBADMSG, "the newest snapshot that is whole is of entry 19");
	test_log_free(&t);
}

/* Its entry is not in the log, or another one is there: an install was cut short. */
static void D17_a_snapshot_that_the_log_lacks_is_to_be_installed(void **state)
{
	static const struct {
		raft_index index;
		raft_term term;
		bool installs;
	} cases[] = {{LAST, 1, false}, {LAST + 1, 1, true}, {LAST, 2, true},
		     {1, 1, false},    {5, 3, true},        {900, 7, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_log t;

		opened(&t);
		test_log_close(&t);
		test_snapshot_put(t.disk, cases[i].index, cases[i].term);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.snapshot_count, 1);
		assert_int_equal(t.found.installs, cases[i].installs);
		assert_int_equal(t.found.last_index, LAST);
		test_log_free(&t);
	}
}

/* In whatever order a disk names them; the others are found when these are gone. */
static void W21_of_many_the_newest_are_listed(void **state)
{
	enum { MANY = WAL_SNAPSHOTS_MAX + 5 };

	(void)state;
	for (raft_index step = 1; step < MANY; step += 2) {
		struct test_log t;

		opened(&t);
		test_log_close(&t);
		for (raft_index i = 0; i < MANY; i++)
			test_snapshot_put(t.disk, 1 + i * step % MANY, 1);
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.snapshot_count, WAL_SNAPSHOTS_MAX);
		for (raft_index i = 0; i < WAL_SNAPSHOTS_MAX; i++)
			assert_int_equal(t.found.snapshots[i].index, MANY - i);
		test_log_close(&t);
		for (raft_index i = MANY; i > 5; i--)
			fake_remove(t.disk, name_of(i));
		assert_int_equal(test_log_open(&t), 0);
		assert_int_equal(t.found.snapshot_count, 5);
		test_log_free(&t);
	}
}

/* --- crashes and failures ---------------------------------------------------------------- */

struct cut {
	struct test_log *t;
	uint32_t states, there;
	uint64_t random;
	bool said; /* the log said that it is there */
};

static void cut_here(void *arg, struct fake_disk *disk)
{
	struct cut *c = arg;

	for (int style = 0; style < FAKE_STYLES; style++) {
		for (int kill = 0; kill < 2; kill++) {
			struct test_log t = *c->t;
			char temporary[DISK_NAME_MAX];

			t.disk = fake_clone(disk, ++c->random);
			if (kill)
				fake_kill(t.disk, (enum fake_style)style);
			else
				fake_power_cut(t.disk, (enum fake_style)style);
			assert_int_equal(test_log_open(&t), 0);
			if (t.found.snapshots_damaged_count != 0)
				fail_msg("style %d, kill %d: half of a snapshot has its name",
					 style, kill);
			wal_meta_temporary_name(temporary, name_of(40));
			assert_false(fake_exists(t.disk, temporary));
			assert_int_equal(t.found.snapshot_count,
					 1 + fake_exists(t.disk, name_of(40)));
			assert_int_equal(check(&t, 20, 5000), 0);
			if (t.found.snapshot_count == 2)
				assert_int_equal(check(&t, 40, 3 * BUFFER), 0);
			assert_true(!c->said || t.found.snapshot_count == 2);
			c->there += t.found.snapshot_count == 2;
			c->states++;
			test_log_free(&t);
		}
	}
}

static void W21_a_crash_at_every_step_of_a_snapshot(void **state)
{
	struct test_log t;
	struct cut c = {.t = &t};

	(void)state;
	opened(&t);
	assert_int_equal(make(&t, 20, 5000, 5000), 0);
	fake_set_hook(t.disk, cut_here, &c);
	assert_int_equal(make(&t, 40, 3 * BUFFER, 5000), 0);
	c.said = true;
	cut_here(&c, t.disk);
	fake_set_hook(t.disk, NULL, NULL);
	print_message("%u crash states, in %u it was there\n", c.states, c.there);
	assert_true(c.states >= 8 * 2 * FAKE_STYLES);
	assert_true(c.there > 2 * FAKE_STYLES);
	test_log_free(&t);
}

/* No space at any step is told, and what was made goes; any other failure is the log's end. */
static void D8_no_space_for_a_snapshot_is_no_end(void **state)
{
	uint32_t seen = 0, ends = 0;

	(void)state;
	for (uint64_t n = 0; n < 24; n++) {
		const int err = n % 2 == 0 ? -ENOSPC : -EIO;
		char temporary[DISK_NAME_MAX];
		struct test_log t;
		int result;

		opened(&t);
		while (wal_segment_wanted(t.wal) || t.wal->marker.step != MARK_IDLE)
			assert_int_equal(poll_once(&t), 0);
		fake_fail(t.disk, n / 2, err);
		result = make(&t, 40, 3 * BUFFER, 5000);
		if (result == -ENOSPC && t.wal->failed == 0) {
			seen++;
			for (int i = 0; i < 100; i++)
				assert_int_equal(poll_once(&t), 0);
			wal_meta_temporary_name(temporary, name_of(40));
			assert_false(fake_exists(t.disk, temporary));
			assert_false(fake_exists(t.disk, name_of(40)));
			assert_int_equal(make(&t, 40, 3 * BUFFER, 5000), 0);
			assert_int_equal(check(&t, 40, 3 * BUFFER), 0);
		} else if (result != 0) {
			assert_int_equal(result, err);
			assert_int_equal(wal_snapshot_result(t.wal), err);
			ends++;
		}
		test_log_free(&t);
	}
	/* Create, four writes, sync, rename; the directory's sync is final for both. */
	assert_int_equal(seen, 7);
	assert_int_equal(ends, 9);
}

static void D17_it_is_given_up_at_any_step(void **state)
{
	(void)state;
	for (int steps = 0; steps < 40; steps++) {
		struct test_log t;
		size_t given = 0;

		opened(&t);
		assert_int_equal(wal_snapshot_begin(t.wal, 40, 1, NULL, 0), 0);
		for (int i = 0; i < steps; i++) {
			size_t room = wal_snapshot_room(t.wal);

			room = room < 3 * BUFFER - given ? room : 3 * BUFFER - given;
			wal_snapshot_write(t.wal, content, room, 0);
			given += room;
			if (given == 3 * BUFFER && !t.wal->writer.finishing)
				wal_snapshot_finish(t.wal);
			assert_int_equal(poll_once(&t), 0);
		}
		wal_snapshot_abort(t.wal);
		assert_int_equal(wal_snapshot_begin(t.wal, 40, 1, NULL, 0),
				 t.wal->snapshot_count == 0 ? -EAGAIN : -EEXIST);
		for (int i = 0; i < 200; i++)
			assert_int_equal(poll_once(&t), 0);
		assert_true(t.wal->writer.step == SNAPSHOT_IDLE);
		if (wal_snapshot_result(t.wal) == 0)
			assert_int_equal(t.wal->snapshot_count, 1);
		else
			assert_int_equal(wal_snapshot_result(t.wal), -ECANCELED);
		assert_int_equal(fake_exists(t.disk, name_of(40)), t.wal->snapshot_count == 1);
		test_log_free(&t);
	}
}

/* So many bytes a second, as the caller says with each piece; the log's writes go on meanwhile. */
static void D17_it_is_written_at_the_rate_that_is_given(void **state)
{
	struct test_log t;
	uint64_t seq;

	(void)state;
	opened(&t);
	assert_int_equal(wal_snapshot_begin(t.wal, 40, 1, NULL, 0), 0);
	assert_true(wal_snapshot_room(t.wal) > 2 * BUFFER);
	wal_snapshot_write(t.wal, content, 10000, 1000);
	assert_int_equal(wal_snapshot_room(t.wal), 0);
	for (uint64_t now = 0; now < 10 * SECOND; now += SECOND) {
		for (int i = 0; i < 50; i++)
			assert_int_equal(wal_poll(t.wal, now, &seq), 0);
		assert_int_equal(wal_snapshot_room(t.wal), 0);
		assert_true(wal_deadline(t.wal) <= 10 * SECOND);
	}
	assert_int_equal(wal_poll(t.wal, 10 * SECOND, &seq), 0);
	assert_true(wal_snapshot_room(t.wal) > 0);
	/* Its writes are held, and the log's are not. */
	fake_hold(t.disk, true);
	while (wal_snapshot_room(t.wal) > 0)
		wal_snapshot_write(t.wal, content, wal_snapshot_room(t.wal), 0);
	assert_int_equal(poll_once(&t), 0);
	assert_true(fake_has(t.disk, TAG_SNAPSHOT_WRITE));
	assert_true(fake_has(t.disk, TAG_SNAPSHOT_WRITE + 1));
	seq = test_append(t.wal, LAST + 1, LAST + 1, 1);
	for (uint64_t durable = 0; durable < seq;) {
		assert_int_equal(wal_poll(t.wal, 10 * SECOND, &durable), 0);
		(void)fake_release(t.disk, TAG_LOG);
	}
	assert_int_equal(wal_snapshot_room(t.wal), 0);
	/* The second one ends first: there is room when the first one has. */
	assert_true(fake_release(t.disk, TAG_SNAPSHOT_WRITE + (t.wal->writer.at + 1) % 3));
	assert_int_equal(poll_once(&t), 0);
	assert_int_equal(wal_snapshot_room(t.wal), 0);
	assert_true(fake_release(t.disk, TAG_SNAPSHOT_WRITE + t.wal->writer.at));
	assert_int_equal(poll_once(&t), 0);
	assert_int_equal(wal_snapshot_room(t.wal), 2 * BUFFER);
	wal_snapshot_write(t.wal, content, 2 * BUFFER, 0);
	fake_hold(t.disk, false);
	test_log_free(&t);
}

/* A node that goes on while its directory is read. */
struct moving {
	struct test_log *t;
	int moves;
	uint64_t segment, number; /* that were told last */
};

static void idle(struct test_log *t)
{
	for (int i = 0; i < 300 || t->wal->mover.state != MOVE_IDLE; i++)
		assert_int_equal(poll_once(t), 0);
	while (wal_in_flight(t->wal))
		assert_int_equal(poll_once(t), 0);
}

static void on_segment(void *arg, const struct wal_inspect_segment *segment)
{
	struct moving *m = arg;
	raft_index index = 200 + 100 * (raft_index)m->moves;
	struct test_log *t = m->t;

	assert_true(segment->sequence > m->segment);
	m->segment = segment->sequence;
	if (m->moves == 2)
		return;
	m->moves++;
	assert_int_equal(make(t, index, 100, 100), 0);
	assert_int_equal(wal_base_move(t->wal, index + 1, 1), 0);
	idle(t);
	if (t->wal->snapshot_count > 1)
		assert_int_equal(wal_snapshot_remove(t->wal, t->wal->snapshots[1].info.index, 1),
				 0);
	assert_int_equal(test_persist(t->wal, test_append(t->wal, t->wal->last_index + 1,
							  t->wal->last_index + 200, 1)),
			 0);
	idle(t);
}

static void on_write(void *arg, const struct wal_inspect_write *write)
{
	struct moving *m = arg;

	assert_true(write->number > m->number);
	m->number = write->number;
}

static void F25_a_base_that_moves_meanwhile_is_no_damage(void **state)
{
	static const struct wal_inspect_ops ops = {.segment = on_segment, .write = on_write};
	struct wal_inspect_result result;
	char error[WAL_ERROR_MAX];
	struct test_log t;
	struct moving m = {.t = &t};

	(void)state;
	test_log_init(&t);
	assert_int_equal(test_log_open(&t), 0);
	for (raft_index i = 1; i <= 480; i += 12)
		assert_int_equal(test_persist(t.wal, test_append(t.wal, i, i + 11, 1)), 0);
	idle(&t);
	assert_int_equal(make(&t, 20, 100, 100), 0);
	fake_no_locks(t.disk);
	if (wal_inspect_disk(fake_disk_of(t.disk), true, "fake", &ops, &m, &result, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(m.moves, 2);
	assert_int_equal(result.verdict, WAL_GOOD);
	assert_true(result.first_index > 200);
	assert_int_equal(result.last_index, 880);
	/* What is damaged is so however often it is looked at. */
	fake_flip(t.disk, "base", 20, 1);
	fake_flip(t.disk, "base", t.wal->unit + 20, 1);
	assert_int_equal(
		wal_inspect_disk(fake_disk_of(t.disk), true, "fake", NULL, NULL, &result, error),
		-EBADMSG);
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D17_what_is_written_is_read),
		cmocka_unit_test(D17_it_is_the_same_bytes_on_every_member),
		cmocka_unit_test(W21_damage_is_found_where_it_is),
		cmocka_unit_test(W21_a_log_that_lost_what_is_below_its_base_is_refused),
		cmocka_unit_test(D17_a_snapshot_that_the_log_lacks_is_to_be_installed),
		cmocka_unit_test(W21_of_many_the_newest_are_listed),
		cmocka_unit_test(W21_a_crash_at_every_step_of_a_snapshot),
		cmocka_unit_test(D8_no_space_for_a_snapshot_is_no_end),
		cmocka_unit_test(D17_it_is_given_up_at_any_step),
		cmocka_unit_test(D17_it_is_written_at_the_rate_that_is_given),
		cmocka_unit_test(F25_a_base_that_moves_meanwhile_is_no_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
