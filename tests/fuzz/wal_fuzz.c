/*
 * Fuzz target: recovery over the image of a real log that was changed (N15).
 *
 * The input: which image, then changes of its files: file, how, where (4), how much (2), and bytes.
 * Whatever is found, wal_open says so or refuses; and every entry of a log that it takes is one
 * that was written: nothing else has its checksum.
 */
#include "base/bytes.h"
#include "base/mix.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wal/helpers.h"
#include "wal/snapshot.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILLED = 4,
	IMAGES = FILLED +
		 2, /* and one that was cut, and one that begins behind an installed state */
	CHANGE_SIZE = 8,
	FILES_MAX = 64,
	HOWS = 6,
	SEGMENTS = 40,
};

/* Of one write, of many, of several segments. */
static const struct {
	uint32_t writes, entries;
} shapes[FILLED] = {{1, 1}, {3, 1}, {6, 8}, {14, 12}};

/* Entries of a log that was cut, and its snapshots. */
enum { LAST = 480, OLDER = 240, NEWER = 400, INSTALLED = 900 };

static struct fake_disk *images[IMAGES];

static void polls(struct test_log *t)
{
	uint64_t seq;

	for (int i = 0; i < 400; i++)
		assert(wal_poll(t->wal, t->wal->now_ns, &seq) == 0);
}

/* Some of its segments were used again. */
static void cut_make(struct test_log *t)
{
	assert(test_log_open(t) == 0);
	for (raft_index i = 1; i <= LAST; i += 12) {
		assert(test_persist(t->wal, test_append(t->wal, i, i + 11, 1)) == 0);
		if (i > NEWER && t->wal->base.index == 1) {
			polls(t);
			test_snapshot(t, OLDER, 1);
			test_snapshot(t, NEWER, 1);
			assert(wal_base_move(t->wal, OLDER + 1, 1) == 0);
			polls(t);
		}
	}
	polls(t);
	test_log_close(t);
	assert(test_log_open(t) == 0);
	assert(t->found.first_index == OLDER + 1);
	assert(t->wal->base.segment > 1);
	test_log_close(t);
}

static void installed_make(struct test_log *t)
{
	assert(test_log_open(t) == 0);
	assert(test_persist(t->wal, test_append(t->wal, 1, 60, 1)) == 0);
	test_snapshot(t, INSTALLED, 1);
	assert(wal_reset(t->wal, INSTALLED, 1) == 0);
	assert(test_persist(t->wal, test_append(t->wal, INSTALLED + 1, INSTALLED + 60, 1)) == 0);
	polls(t);
	test_log_close(t);
}

static void images_make(void)
{
	for (int i = 0; !images[i % IMAGES] && i < IMAGES; i++) {
		struct test_log t;

		test_log_init(&t);
		if (i < FILLED)
			test_log_fill(&t, shapes[i].writes, shapes[i].entries);
		else if (i == FILLED)
			cut_make(&t);
		else
			installed_make(&t);
		images[i] = t.disk;
	}
}

/* The n-th of those that are there. */
static void file_name(char name[DISK_NAME_MAX], const struct fake_disk *disk, uint32_t n)
{
	static const char *const others[] = {"identity", "vote", "base", "mark"};
	static const raft_index snapshots[] = {OLDER, NEWER, INSTALLED};
	char found[FILES_MAX][DISK_NAME_MAX];
	uint32_t count = 0;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		snprintf(found[count++], DISK_NAME_MAX, "%s", others[i]);
	for (size_t i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++) {
		wal_block_name(found[count], snapshots[i], 1);
		count += fake_exists(disk, found[count]);
	}
	for (uint64_t sequence = 1; sequence <= SEGMENTS; sequence++) {
		wal_meta_segment_name(found[count], sequence);
		count += fake_exists(disk, found[count]);
	}
	memcpy(name, found[n % count], DISK_NAME_MAX);
}

/* The first bytes of a file are where its headers are. */
static void change(struct fake_disk *disk, const uint8_t *data, size_t left)
{
	char file[DISK_NAME_MAX];
	uint64_t size, at = bytes_get32(data + 2), length = 1 + bytes_get16(data + 6) % 4096;
	static uint8_t bytes[4096];

	file_name(file, disk, data[0]);
	size = fake_exists(disk, file) ? fake_size(disk, file) : 0;
	if (size == 0)
		return;
	at %= size;
	if (length > size - at)
		length = size - at;
	switch (data[1] % HOWS) {
	case 0:
		fake_flip(disk, file, at, data[6] % 8);
		break;
	case 1:
		memset(bytes, 0, sizeof(bytes));
		fake_put(disk, file, at, bytes, length);
		break;
	case 2: /* what the input has, or noise */
		for (size_t i = 0; i < length; i++)
			bytes[i] =
				i + CHANGE_SIZE < left ? data[CHANGE_SIZE + i] : (uint8_t)(i * 7);
		fake_put(disk, file, at, bytes, length);
		break;
	case 3: /* a run of it elsewhere, in whole sectors */
		at = at / 512 * 512;
		length = size - at < sizeof(bytes) ? size - at : sizeof(bytes);
		fake_get(disk, file, at, bytes, length);
		fake_put(disk, file, at >= 4096 ? at - 4096 : 0, bytes, length);
		break;
	case 4:
		fake_truncate(disk, file, at / 512 * 512);
		break;
	default:
		fake_remove(disk, file);
		break;
	}
}

static void look(struct test_log *t)
{
	raft_index last = t->found.last_index;
	raft_index first = t->found.first_index ? t->found.first_index : 1;

	if (last >= first)
		test_expect(t->wal, first, last, 1);
	/* What is below it is in a snapshot, or was in one that is told of (W21). */
	if (first > 1)
		assert((t->found.snapshot_count > 0 && t->found.snapshots[0].index + 1 >= first) ||
		       t->found.snapshots_damaged_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct test_log t;

	if (size < 1)
		return 0;
	images_make();
	test_log_init(&t);
	fake_destroy(t.disk);
	t.disk = fake_clone(images[data[0] % IMAGES], 1);
	t.options.create = false;
	data++;
	size--;
	for (; size >= CHANGE_SIZE; data += CHANGE_SIZE, size -= CHANGE_SIZE)
		change(t.disk, data, size);
	if (test_log_open(&t) == 0) {
		look(&t);
		test_log_close(&t);
	} else if (t.wal || !t.error[0]) {
		abort(); /* refused, and not said why */
	}
	fake_destroy(t.disk);
	return 0;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	uint64_t changes = n % 4;
	size_t at = 0;

	input[at++] = (uint8_t)(n / 4);
	for (uint64_t i = 0; i < changes; i++) {
		bytes_put64(input + at, mix(n * 4 + i));
		at += CHANGE_SIZE;
	}
	return at;
}
