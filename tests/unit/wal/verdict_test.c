/*
 * F25: what quoin-wal says of a directory is what a start makes of it. Directories in every state
 * that a life leaves behind are damaged at random, a copy is opened, and another is looked at.
 */
#include "tests/unit/wal/lost.h"

#include "base/mix.h"
#include "wal/inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES_MAX = 64, ROUNDS = 5000, DAMAGES_MAX = 3, VERDICTS = WAL_NEW + 1 };

/* A state of one log, and an earlier one of the same log, of which files may come back. */
struct image {
	const char *what;
	struct test_log now, before;
};

static struct image images[IMAGES_MAX];
static uint32_t image_count;
static uint64_t random_state;

static uint64_t roll(uint64_t bound)
{
	return mix_next(&random_state) % bound;
}

static struct image *image_add(const char *what, const struct test_log *now,
			       const struct test_log *before)
{
	struct image *image = &images[image_count++];

	assert_true(image_count <= IMAGES_MAX);
	*image = (struct image){what, *now, *before};
	image->now.disk = fake_clone(now->disk, image_count);
	image->before.disk = fake_clone(before->disk, image_count);
	return image;
}

/* --- what there is to damage ------------------------------------------------------------- */

/* One of many moments of an opening, after which the power fails. */
struct cut {
	const char *what;
	struct test_log *log;
	uint32_t steps, each;
};

static void on_step(void *arg, struct fake_disk *f)
{
	struct cut *cut = arg;
	struct test_log t = *cut->log;
	struct image *image;

	if (cut->steps++ % cut->each != 0)
		return;
	t.disk = f;
	image = image_add(cut->what, &t, &t);
	fake_power_cut(image->now.disk, (enum fake_style)(cut->steps / cut->each % FAKE_STYLES));
}

static void make_cut_openings(const char *what, struct test_log *t, uint32_t each)
{
	struct cut cut = {.what = what, .log = t, .each = each};

	fake_set_hook(t->disk, on_step, &cut);
	assert_int_equal(test_log_open(t), 0);
	fake_set_hook(t->disk, NULL, NULL);
	test_log_close(t);
	assert_true(cut.steps > 2 * each);
}

static void make_new_and_reset(void)
{
	struct test_log t, before;

	test_log_init(&t);
	make_cut_openings("creation cut short", &t, 3);
	image_add("created", &t, &t);
	before = t;
	before.disk = fake_clone(t.disk, 1);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_record_write(t.wal, NULL, 0), 0);
	test_log_close(&t);
	image_add("reset", &t, &before);
	make_cut_openings("reset cut short", &t, 3);
	fake_destroy(before.disk);
	test_log_free(&t);
}

static void make_filled(enum wal_durability durability)
{
	struct test_log t, before;

	test_log_init(&t);
	t.options.durability = durability;
	test_log_fill(&t, WRITES / 2, ENTRIES);
	before = t;
	before.disk = fake_clone(t.disk, 1);
	assert_int_equal(test_log_open(&t), 0);
	for (raft_index i = 0; i < WRITES; i++)
		assert_int_equal(
			test_persist(t.wal, test_append(t.wal, WRITES / 2 * ENTRIES + 1 + i,
							WRITES / 2 * ENTRIES + 1 + i, 1)),
			0);
	test_log_close(&t);
	image_add("filled, its end not marked", &t, &before);
	fake_destroy(before.disk);
	test_log_free(&t);
}

static void make_marked_and_lost(void)
{
	const uint8_t record[24] = {1};
	struct test_log t, before;

	(void)lost_fill(&t);
	before = t;
	before.disk = fake_clone(t.disk, 1);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(wal_record_write(t.wal, record, sizeof(record)), 0);
	test_log_close(&t);
	image_add("marked", &t, &before);
	lost_zero(&t, WRITES - 2);
	assert_int_equal(test_log_open(&t), 0);
	assert_true(t.found.lost);
	test_log_close(&t);
	image_add("lost before", &t, &before);
	fake_destroy(before.disk);
	test_log_free(&t);
}

/* --- damage ------------------------------------------------------------------------------ */

/* False: there is none. */
static bool random_file(struct fake_disk *disk, char name[DISK_NAME_MAX])
{
	struct disk *d = fake_disk_of(disk);
	uint32_t count = 0;

	while (d->ops->list(d, count, name) == 0)
		count++;
	return count > 0 && d->ops->list(d, (uint32_t)roll(count), name) == 0;
}

/* A sector of it: of what was written, more often than of the zeros behind. */
static bool random_sector(const struct test_log *t, const char *name, uint64_t *offset)
{
	uint64_t size = fake_size(t->disk, name);

	if (size < FORMAT_SECTOR)
		return false;
	if (roll(2) == 0 && size > 8ul * FORMAT_UNIT_MIN)
		size = 8ul * FORMAT_UNIT_MIN;
	*offset = roll(size / FORMAT_SECTOR) * FORMAT_SECTOR;
	return true;
}

static void damage_sector(struct test_log *t, const char *name, uint64_t offset)
{
	uint8_t sector[FORMAT_SECTOR] = {0};
	uint64_t from;

	switch (roll(4)) {
	case 0:
		fake_flip(t->disk, name, offset + roll(FORMAT_SECTOR), (uint32_t)roll(8));
		return;
	case 1:
		break;
	case 2:
		for (size_t i = 0; i < sizeof(sector); i++)
			sector[i] = (uint8_t)roll(256);
		break;
	default:
		if (random_sector(t, name, &from))
			fake_get(t->disk, name, from, sector, sizeof(sector));
	}
	fake_put(t->disk, name, offset, sector, sizeof(sector));
}

/* Sectors of the last writes are as they were before: as of a crash, or a disk that lies. */
static void damage_end(struct test_log *t)
{
	static const uint8_t zeros[FORMAT_SECTOR];
	uint64_t mask = roll(3) == 0 ? 0 : mix_next(&random_state);
	struct test_place place;
	uint32_t count = 0, from;

	while (test_log_write(t, count, &place))
		count++;
	from = count > 3 ? count - 1 - (uint32_t)(roll(5) / 2) : 0;
	for (uint32_t i = from; i < count && test_log_write(t, i, &place);) {
		for (uint32_t at = 0; at < place.size; at += FORMAT_SECTOR) {
			if ((mask >> (at / FORMAT_SECTOR % 64) & 1) == 0)
				fake_put(t->disk, place.file, place.offset + at, zeros,
					 sizeof(zeros));
		}
		/* Without its first sector it is no longer found. */
		if ((mask & 1) == 0)
			count--;
		else
			i++;
	}
}

static void file_copy(struct test_log *to, const char *to_name, const struct test_log *from,
		      const char *from_name)
{
	uint64_t size = fake_size(from->disk, from_name);
	uint8_t sector[FORMAT_SECTOR];

	if (!fake_exists(to->disk, to_name))
		fake_copy(to->disk, "identity", to_name);
	fake_truncate(to->disk, to_name, size);
	for (uint64_t at = 0; at + FORMAT_SECTOR <= size; at += FORMAT_SECTOR) {
		fake_get(from->disk, from_name, at, sector, sizeof(sector));
		fake_put(to->disk, to_name, at, sector, sizeof(sector));
	}
}

static void damage_file(struct test_log *t, const struct test_log *before, const char *name)
{
	static const char *const names[] = {
		"segment-0000000000000001",
		"segment-0000000000000003",
		"segment-0000000000000009",
		"segment-0000000000000002.tmp",
		"segment-2",
		"vote.tmp",
		"cluster",
		"notes",
		"base",
	};
	char other[DISK_NAME_MAX];

	switch (roll(5)) {
	case 0:
		fake_remove(t->disk, name);
		return;
	case 1:
		fake_truncate(t->disk, name, roll(20) * FORMAT_UNIT_MIN);
		return;
	case 2:
		if (strcmp(name, names[roll(9)]) != 0)
			fake_copy(t->disk, name, names[roll(9)]);
		return;
	default:
		/* One comes back as it was. */
		if (random_file(before->disk, other) && fake_exists(t->disk, "identity") &&
		    fake_size(before->disk, other) > 0)
			file_copy(t, other, before, other);
	}
}

static void damage(struct test_log *t, const struct test_log *before)
{
	struct log_base base = {1 + roll(3), 1 + roll(40), roll(3), roll(8)};
	char name[DISK_NAME_MAX];
	uint64_t offset;

	if (!random_file(t->disk, name))
		return;
	switch (roll(8)) {
	case 0:
	case 1:
		damage_file(t, before, name);
		return;
	case 2:
	case 3:
	case 4:
		damage_end(t);
		return;
	case 5:
		if (roll(4) == 0 && fake_exists(t->disk, "base") &&
		    fake_exists(t->disk, "identity") && fake_size(t->disk, "base") > 0)
			test_base_put(t->disk, &base);
		return;
	default:
		if (random_sector(t, name, &offset))
			damage_sector(t, name, offset);
	}
}

/* --- the two answers --------------------------------------------------------------------- */

static enum wal_verdict verdict_of_start(const struct test_log *t, int err)
{
	if (err == -EBADMSG)
		return WAL_DAMAGED;
	if (err != 0)
		return WAL_UNREADABLE;
	if (t->found.created)
		return WAL_NEW;
	if (t->found.lost)
		return WAL_LOST;
	return t->found.torn_bytes > 0 ? WAL_TORN : WAL_GOOD;
}

/* Without the directory's name before it. */
static const char *line_of(const char *line)
{
	return strncmp(line, "fake/", 5) == 0 ? line + 5 : line;
}

static enum wal_verdict compare(struct test_log *t, const char *what, uint64_t round)
{
	struct test_log seen = *t;
	struct wal_inspect_result r;
	char error[WAL_ERROR_MAX];
	enum wal_verdict verdict;
	uint64_t hash;
	int err;

	seen.disk = fake_clone(t->disk, 1);
	hash = fake_hash(seen.disk);
	(void)wal_inspect_disk(fake_disk_of(seen.disk), false, "fake", NULL, NULL, &r, error);
	assert_true(fake_hash(seen.disk) == hash);
	fake_destroy(seen.disk);
	err = test_log_open(t);
	verdict = verdict_of_start(t, err);
	if (r.verdict != verdict)
		fail_msg("%s, round %" PRIu64 ": a start says %s (%s%s), quoin-wal says %s (%s)",
			 what, round, wal_verdict_name(verdict), t->error, t->found.lost_why,
			 wal_verdict_name(r.verdict), error);
	if (verdict == WAL_GOOD || verdict == WAL_TORN || verdict == WAL_LOST) {
		assert_int_equal(r.torn_bytes, t->found.torn_bytes);
		assert_int_equal(r.tail, t->found.tail);
		assert_int_equal(r.last_index, t->found.last_index);
		assert_int_equal(r.last_term, t->found.last_term);
		if (r.torn_bytes > 0)
			assert_int_equal(r.end_offset, t->found.torn_offset);
	} else {
		assert_int_equal(r.torn_bytes, 0);
	}
	if (verdict == WAL_LOST)
		assert_string_equal(line_of(error), line_of(t->found.lost_why));
	if (!err)
		wal_close(t->wal);
	t->wal = NULL;
	return verdict;
}

static void F25_verify_says_what_a_start_does(void **state)
{
	const char *text = getenv("SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 20;
	uint32_t counts[VERDICTS] = {0};

	(void)state;
	print_message("SEED=%" PRIu64 "\n", seed);
	random_state = seed;
	make_new_and_reset();
	make_filled(WAL_DURABLE);
	make_filled(WAL_WRITTEN);
	make_marked_and_lost();
	for (uint64_t round = 0; round < ROUNDS; round++) {
		/* The last four hold writes. */
		const struct image *image =
			&images[roll(4) > 0 ? image_count - 1 - roll(4) : roll(image_count)];
		uint32_t damages = (uint32_t)roll(DAMAGES_MAX + 1);
		struct test_log t = image->now;

		t.disk = fake_clone(image->now.disk, round + 1);
		while (damages-- > 0)
			damage(&t, &image->before);
		counts[compare(&t, image->what, round)]++;
		fake_destroy(t.disk);
	}
	assert_int_equal(counts[WAL_UNREADABLE], 0);
	for (int i = WAL_UNREADABLE + 1; i < VERDICTS; i++) {
		print_message("%s: %u\n", wal_verdict_name((enum wal_verdict)i), counts[i]);
		assert_true(counts[i] > ROUNDS / 100);
	}
	for (uint32_t i = 0; i < image_count; i++) {
		fake_destroy(images[i].now.disk);
		fake_destroy(images[i].before.disk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F25_verify_says_what_a_start_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
