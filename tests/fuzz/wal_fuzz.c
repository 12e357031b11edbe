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

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 4, CHANGE_SIZE = 8, FILES_MAX = 8, HOWS = 6 };

static const char *const files[FILES_MAX] = {
	"identity",
	"vote",
	"base",
	"mark",
	"segment-0000000000000001",
	"segment-0000000000000002",
	"segment-0000000000000003",
	"cluster",
};

/* Of one write, of many, of several segments. */
static const struct {
	uint32_t writes, entries;
} shapes[IMAGES] = {{1, 1}, {3, 1}, {6, 8}, {14, 12}};

static struct fake_disk *images[IMAGES];

static void images_make(void)
{
	for (int i = 0; !images[i % IMAGES] && i < IMAGES; i++) {
		struct test_log t;

		test_log_init(&t);
		test_log_fill(&t, shapes[i].writes, shapes[i].entries);
		images[i] = t.disk;
	}
}

/* The first bytes of a file are where its headers are. */
static void change(struct fake_disk *disk, const uint8_t *data, size_t left)
{
	const char *file = files[data[0] % FILES_MAX];
	uint64_t size = fake_exists(disk, file) ? fake_size(disk, file) : 0;
	uint64_t at = bytes_get32(data + 2), length = 1 + bytes_get16(data + 6) % 4096;
	static uint8_t bytes[4096];

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
