/*
 * Fuzz target: a snapshot's file that was changed (W21), under its name or as what there is of one
 * that is pulled, and what peers send for it.
 *
 * The input: which snapshot, and whether it is a part; then changes of the file, and, of a part,
 * what comes for it: how, where (4), how much (2), and a byte. Whatever is there, it is read as it
 * was written, or refused; and once peers are honest a pull ends with the file that was offered.
 */
#include "base/bytes.h"
#include "base/mix.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wal/helpers.h"
#include "wal/inspect.h"
#include "wal/pull.h"
#include "wal/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	INDEX = 40,
	TERM = 1,
	STEP_SIZE = 8,
	FILE_MAX = 5 * BLOCK_FILE_STEP,
	TURNS_MAX = 2000,
	HOWS = 8,
};

static const size_t sizes[] = {0, 1, 14 * BLOCK_PAYLOAD, 100000, 250000};
enum { IMAGES = sizeof(sizes) / sizeof(sizes[0]) };

static uint8_t content[FILE_MAX];
static struct fake_disk *empty; /* a log without entries */

/* The file, as it is offered and as it was changed. */
static uint8_t image[FILE_MAX], changed[FILE_MAX];
static struct raft_snapshot offer;
static uint64_t changed_size;
static bool sealed; /* a block was changed so that it looks right */
static bool zeros;  /* were sent */

static void empty_make(void)
{
	struct test_log t;

	if (empty)
		return;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(mix(i / 8) >> i % 8 * 8);
	test_log_init(&t);
	assert(test_log_open(&t) == 0);
	test_log_close(&t);
	empty = t.disk;
}

static void change(const uint8_t *step)
{
	uint64_t at = bytes_get32(step + 1), length = 1 + bytes_get16(step + 5) % 8192;
	uint64_t block, from;

	if (changed_size == 0)
		return;
	at %= changed_size;
	length = length < changed_size - at ? length : changed_size - at;
	block = at / BLOCK_SIZE * BLOCK_SIZE;
	switch (step[0] % HOWS) {
	case 0:
		changed[at] ^= (uint8_t)(1 << step[7] % 8);
		break;
	case 1:
		memset(changed + at, 0, length);
		break;
	case 2:
		memset(changed + at, step[7], length);
		break;
	case 3: /* a block in the place of another */
		from = step[7] * (uint64_t)BLOCK_SIZE % changed_size;
		if (from + BLOCK_SIZE <= changed_size && block + BLOCK_SIZE <= changed_size)
			memmove(changed + block, changed + from, BLOCK_SIZE);
		break;
	case 4:
		changed_size = at;
		break;
	case 5:
		changed_size = (at + step[7]) / BLOCK_FILE_STEP * BLOCK_FILE_STEP;
		break;
	case 6: /* longer, by what was there or zeros */
		changed_size += BLOCK_FILE_STEP;
		changed_size = changed_size < FILE_MAX ? changed_size : FILE_MAX;
		break;
	default: /* and then it looks right */
		if (block + BLOCK_SIZE > changed_size)
			break;
		changed[at] ^= step[7];
		wal_block_seal(changed + block,
			       &(struct block_place){INDEX, TERM, block / BLOCK_SIZE});
		sealed = true;
		break;
	}
}

static void file_put(struct test_log *t, bool part)
{
	char whole[DISK_NAME_MAX], name[DISK_NAME_MAX];

	wal_block_name(whole, INDEX, TERM);
	if (part)
		wal_meta_part_name(name, whole);
	else
		memcpy(name, whole, sizeof(name));
	fake_copy(t->disk, "identity", name);
	fake_truncate(t->disk, name, 0);
	if (changed_size > 0)
		fake_put(t->disk, name, 0, changed, changed_size);
}

static void poll_once(struct test_log *t)
{
	uint64_t seq;

	assert(wal_poll(t->wal, t->wal->now_ns, &seq) == 0);
}

static void idle(struct test_log *t)
{
	for (int i = 0; wal_in_flight(t->wal) || t->wal->writer.pulling; i++) {
		assert(i < TURNS_MAX);
		poll_once(t);
	}
}

/* Its stream. What came of it. */
static int read_all(struct test_log *t, size_t size)
{
	const uint8_t *data;
	size_t part, at = 0;
	int more;

	assert(wal_snapshot_open(t->wal, INDEX, TERM) == 0);
	while ((more = wal_snapshot_next_now(t->wal, &data, &part)) == 1) {
		if (!sealed)
			assert(at + part <= size && memcmp(data, content + at, part) == 0);
		at += part;
	}
	assert(more != 0 || sealed || at == size);
	wal_snapshot_close(t->wal);
	idle(t);
	return more;
}

/* By what the disk has of it: whole sectors. */
static bool is_image(const struct test_log *t)
{
	static uint8_t is[FILE_MAX];
	char name[DISK_NAME_MAX];

	wal_block_name(name, INDEX, TERM);
	if (fake_size(t->disk, name) != offer.size)
		return false;
	fake_get(t->disk, name, 0, is, offer.size);
	return memcmp(is, image, offer.size) == 0;
}

/* What a reader, and quoin-wal beside it, make of the file under its name. */
static void named(struct test_log *t, size_t size)
{
	struct wal_inspect_result result;
	char error[WAL_ERROR_MAX];
	bool whole = false;

	file_put(t, false);
	assert(test_log_open(t) == 0);
	assert(t->found.snapshot_count + t->found.snapshots_damaged_count == 1);
	if (t->found.snapshot_count > 0)
		whole = read_all(t, size) == 0;
	assert(!whole || sealed || is_image(t));
	test_log_close(t);
	assert(wal_inspect_disk(fake_disk_of(t->disk), false, "fake", NULL, NULL, &result, error) ==
	       0);
	assert((result.snapshots_damaged_count == 0) == whole);
}

static void give(struct test_log *t, const uint8_t *step)
{
	uint64_t at = bytes_get32(step + 1) % offer.size;
	size_t size = 1 + bytes_get16(step + 5);
	static uint8_t data[65536];

	size = size < offer.size - at ? size : offer.size - at;
	memcpy(data, image + at, size);
	if (step[0] & 0x40)
		data[step[7] * 251 % size] ^= 1;
	if (step[0] & 0x20) {
		memset(data, 0, size);
		zeros = true;
	}
	(void)wal_pull_add(t->wal, at, data, size);
	if (step[0] & 0x10)
		poll_once(t);
}

/* From now on everybody is honest. */
static int honest(struct test_log *t)
{
	for (int i = 0; wal_pull_result(t->wal) == -EINPROGRESS; i++) {
		uint64_t at = 0;
		uint32_t length;

		assert(i < TURNS_MAX);
		while (wal_pull_wants(t->wal, at, &at, &length)) {
			assert(at + length <= offer.size);
			(void)wal_pull_add(t->wal, at, image + at, length);
			at += length;
		}
		poll_once(t);
	}
	return wal_pull_result(t->wal);
}

static void pulled(struct test_log *t, size_t size, const uint8_t *data, size_t left)
{
	int result;

	file_put(t, true);
	assert(test_log_open(t) == 0);
	assert(t->found.part.index == INDEX);
	assert(wal_pull_begin(t->wal, &offer) == 0);
	for (; left >= STEP_SIZE; data += STEP_SIZE, left -= STEP_SIZE)
		give(t, data);
	result = honest(t);
	/* What looks right and is not, or is longer, is thrown away as a whole. */
	if (result == -EBADMSG) {
		assert(sealed || zeros || changed_size > offer.size);
		idle(t);
		assert(wal_pull_begin(t->wal, &offer) == 0);
		result = honest(t);
	}
	assert(result == 0);
	sealed = false;
	assert(read_all(t, size) == 0);
	assert(is_image(t));
	test_log_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct test_log t;
	uint32_t changes;
	size_t stream;
	bool part;

	if (size < 2)
		return 0;
	empty_make();
	stream = sizes[data[0] % IMAGES];
	part = data[1] & 1;
	offer = (struct raft_snapshot){.index = INDEX, .term = TERM};
	test_snapshot_image(image, &offer, content, 20, content, stream);
	memset(changed, 0, sizeof(changed));
	memcpy(changed, image, offer.size);
	changed_size = offer.size;
	sealed = zeros = false;
	changes = data[1] / 2 % 4;
	data += 2;
	size -= 2;
	for (; changes > 0 && size >= STEP_SIZE; changes--, data += STEP_SIZE, size -= STEP_SIZE)
		change(data);
	test_log_init(&t);
	fake_destroy(t.disk);
	t.disk = fake_clone(empty, 1);
	if (part)
		pulled(&t, stream, data, size);
	else
		named(&t, stream);
	fake_destroy(t.disk);
	return 0;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	uint64_t steps = n / 8 % 12;
	size_t at = 0;

	input[at++] = (uint8_t)(n / 2);
	input[at++] = (uint8_t)mix(n);
	for (uint64_t i = 0; i < steps; i++) {
		bytes_put64(input + at, mix(n * 16 + i));
		at += STEP_SIZE;
	}
	return at;
}
