#include "tests/unit/wal/helpers.h"

#include "base/bytes.h"
#include "base/mix.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct wal_limits test_limits = {
	.write_size_max = 16 * 1024,
	.buffers = 4,
	.zero_size = 32 * 1024,
	.snapshot_size = 64 * 1024,
	.snapshot_read = 128 * 1024,
	.point_spacing = 16 * 1024,
	.segment_size_min = TEST_SEGMENT_SIZE,
	.segment_size_step = TEST_SEGMENT_SIZE,
};

void test_entry(struct raft_entry *entry, uint8_t *data, raft_index index, raft_term term)
{
	uint64_t x = mix(index * 1000003 + term);

	*entry = (struct raft_entry){.index = index,
				     .term = term,
				     .data = data,
				     .size = (uint16_t)(x % (RAFT_ENTRY_DATA_MAX + 1)),
				     .type = index % 97 == 1 ? RAFT_ENTRY_MEMBERS
							     : RAFT_ENTRY_COMMAND,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	/* Some are zeros, which must not be taken for what was never written. */
	for (uint32_t i = 0; i < entry->size; i++)
		data[i] = (uint8_t)(index % 5 == 0 ? 0 : x >> (i % 8 * 8));
}

const char *test_entry_check(const struct raft_entry *entry)
{
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_entry expected;

	test_entry(&expected, data, entry->index, entry->term);
	if (entry->size != expected.size || entry->type != expected.type ||
	    entry->flags != expected.flags)
		return "size, type or flags changed";
	return memcmp(entry->data, data, entry->size) == 0 ? NULL : "the data changed";
}

uint64_t test_append(struct wal *w, raft_index first, raft_index last, raft_term term)
{
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	uint64_t seq = w->seq + 1;

	for (raft_index i = first; i <= last; i++) {
		struct raft_entry entry;

		test_entry(&entry, data, i, term);
		while (wal_append(w, seq, NULL, &entry, 1) == -ENOBUFS) {
			uint64_t durable;

			assert_int_equal(wal_poll(w, 0, &durable), 0);
		}
	}
	return seq;
}

int test_persist(struct wal *w, uint64_t seq)
{
	uint64_t durable = 0;

	while (durable < seq) {
		/* What is tried again later is tried again. */
		bool full = w->prepare.space.full;
		int err = wal_poll(w, full ? w->now_ns + 1000000000 : w->now_ns, &durable);

		if (err != 0)
			return err;
	}
	return 0;
}

void test_settle(struct wal *w)
{
	uint64_t seq;

	w->limits.zero_rate = 0;
	while (wal_segment_wanted(w) || w->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(w, 0, &seq), 0);
}

void test_mark(struct wal *w, uint64_t now_ns, const struct raft_witness *witness, uint32_t count)
{
	uint64_t seq;

	while (w->marker.step != MARK_IDLE)
		assert_int_equal(wal_poll(w, now_ns, &seq), 0);
	assert_true(wal_mark_due(w, now_ns));
	wal_mark(w, now_ns, witness, count);
	do {
		assert_int_equal(wal_poll(w, now_ns, &seq), 0);
	} while (w->marker.step != MARK_IDLE);
}

void test_expect(struct wal *w, raft_index first, raft_index last, raft_term term)
{
	while (first <= last) {
		const struct raft_entry *entries;
		int count = wal_read_now(w, 0, first, WAL_READ_ENTRIES_MAX, &entries);

		if (count <= 0)
			fail_msg("entry %lu: %d, %s", first, count, wal_error(w));
		for (int i = 0; i < count && first <= last; i++, first++) {
			assert_int_equal(entries[i].index, first);
			assert_int_equal(entries[i].term, term);
			assert_null(test_entry_check(&entries[i]));
		}
	}
}

void test_log_init(struct test_log *t)
{
	*t = (struct test_log){.disk = fake_create(FORMAT_UNIT_MIN, 1)};
	t->options = (struct wal_options){.directory = "fake",
					  .disk = fake_disk_of(t->disk),
					  .durability = WAL_DURABLE,
					  .segment_size = TEST_SEGMENT_SIZE,
					  .identity_seed = 1,
					  .create = true};
}

int test_log_open(struct test_log *t)
{
	t->options.disk = fake_disk_of(t->disk);
	return wal_open_limited(&t->wal, &t->options, &test_limits, &t->found, t->error);
}

void test_log_close(struct test_log *t)
{
	assert_int_equal(wal_close(t->wal), 0);
	t->wal = NULL;
	fake_kill(t->disk, FAKE_ALL);
}

void test_log_free(struct test_log *t)
{
	test_log_close(t);
	fake_destroy(t->disk);
}

void test_log_fill(struct test_log *t, uint32_t writes, uint32_t entries)
{
	assert_int_equal(test_log_open(t), 0);
	for (uint32_t i = 0; i < writes; i++) {
		struct raft_hard_state hard_state = {1, i % 3};
		raft_index first = (raft_index)i * entries + 1;

		if (i < 3)
			assert_int_equal(wal_append(t->wal, t->wal->seq + 1, &hard_state, NULL, 0),
					 0);
		assert_int_equal(
			test_persist(t->wal, test_append(t->wal, first, first + entries - 1, 1)),
			0);
	}
	/* The segment that is being prepared is finished, so that two fillings are the same. */
	while (wal_segment_wanted(t->wal)) {
		uint64_t seq;

		assert_int_equal(wal_poll(t->wal, 0, &seq), 0);
	}
	test_log_close(t);
}

void test_log_refused(struct test_log *t, int err, const char *file)
{
	uint64_t before = fake_hash(t->disk);
	int got = test_log_open(t);

	if (got != err)
		fail_msg("%d instead of %d: %s", got, err, t->error);
	assert_null(t->wal);
	if (!strstr(t->error, file) || strchr(t->error, '\n'))
		fail_msg("not a line that names %s: %s", file, t->error);
	fake_kill(t->disk, FAKE_ALL);
	assert_true(fake_hash(t->disk) == before);
}

void test_log_lost(struct test_log *t, const char *file)
{
	int err = test_log_open(t);

	if (err != 0)
		fail_msg("%d instead of a log that says what it lost: %s", err, t->error);
	if (!t->found.lost)
		fail_msg("acknowledged writes are gone and nobody says so (last index %lu, "
			 "marked write %lu)",
			 t->found.last_index, t->wal->marker.durable.number);
	if (!strstr(t->found.lost_why, file) || strchr(t->found.lost_why, '\n'))
		fail_msg("not a line that names %s: %s", file, t->found.lost_why);
}

void test_snapshot_image(uint8_t *out, struct raft_snapshot *info, const uint8_t *record,
			 uint32_t record_size, const uint8_t *content, size_t size)
{
	struct block_place place = {info->index, info->term, 0};
	size_t at = 0;

	info->size = wal_block_file_size(size);
	info->hash = 0;
	memset(out, 0, info->size);
	wal_block_header_encode(out, info->index, info->term, record, record_size);
	for (;; place.number++) {
		size_t part = size - at < BLOCK_PAYLOAD ? size - at : BLOCK_PAYLOAD;

		info->hash = wal_block_hash(info->hash, out);
		wal_block_seal(out, &place);
		out += BLOCK_SIZE;
		if (at == size)
			break;
		memcpy(out, content + at, part);
		at += part;
	}
	place.number++;
	wal_block_trailer_encode(out, size, info->hash);
	wal_block_seal(out, &place);
}

void test_snapshot_put(struct fake_disk *disk, raft_index index, raft_term term)
{
	static uint8_t file[BLOCK_FILE_STEP];
	struct raft_snapshot info = {.index = index, .term = term};
	char name[DISK_NAME_MAX];

	test_snapshot_image(file, &info, NULL, 0, NULL, 0);
	wal_block_name(name, index, term);
	static_assert((int)FORMAT_IDENTITY_SIZE == (int)BLOCK_FILE_STEP,
		      "one is made of the other");
	fake_copy(disk, "identity", name);
	fake_put(disk, name, 0, file, sizeof(file));
}

void test_snapshot(struct test_log *t, raft_index index, raft_term term)
{
	struct snapshot_file file = {.info = {index, term, BLOCK_FILE_STEP, 0}};

	if (!t->wal->memory)
		test_snapshot_put(t->disk, index, term);
	if (!wal_snapshot_find(t->wal, index, term))
		wal_snapshot_list(t->wal, &file);
}

void test_base_put(struct fake_disk *disk, const struct log_base *base)
{
	uint32_t unit = fake_disk_of(disk)->unit;
	uint8_t block[FORMAT_UNIT_MAX];
	struct log_id id;

	fake_get(disk, "identity", 16, block, 8);
	id.identity = bytes_get64(block);
	if (base->index > 1 && base->term > 0)
		test_snapshot_put(disk, base->index - 1, base->term);
	for (uint64_t g = 2; g < 4; g++) {
		wal_base_encode(block, unit, &id, g, base);
		fake_put(disk, "base", wal_base_offset(g, unit), block, unit);
	}
}

struct log_base test_base_get(const struct fake_disk *disk)
{
	uint32_t unit = fake_disk_of((struct fake_disk *)(uintptr_t)disk)->unit;
	uint8_t block[2 * FORMAT_UNIT_MAX];
	struct log_base_slots found;
	struct log_id id;

	if (!fake_exists(disk, "identity") || !fake_exists(disk, "base"))
		return wal_base_initial();
	fake_get(disk, "identity", 16, block, 8);
	id.identity = bytes_get64(block);
	fake_get(disk, "base", 0, block, 2 * (size_t)unit);
	return wal_base_decode(&found, block, unit, &id) == 0 ? found.base : wal_base_initial();
}

bool test_log_write(const struct test_log *t, uint32_t n, struct test_place *out)
{
	for (uint64_t sequence = test_base_get(t->disk).segment;; sequence++) {
		wal_meta_segment_name(out->file, sequence);
		if (!fake_exists(t->disk, out->file))
			return false;
		out->offset = fake_disk_of(t->disk)->unit;
		while (out->offset < fake_size(t->disk, out->file)) {
			uint8_t header[FORMAT_WRITE_HEADER];

			fake_get(t->disk, out->file, out->offset, header, sizeof(header));
			out->size = bytes_get32(header + 16);
			if (memcmp(header, "QWRT", 4) != 0)
				break;
			if (n-- == 0)
				return true;
			out->offset += out->size;
		}
	}
}

/* Beside the program, in the build: on a disk, which /tmp may not be, and never in the sources. */
static void go_to_build(void)
{
	char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	assert_true(size > 0);
	path[size] = '\0';
	slash = strrchr(path, '/');
	assert_non_null(slash);
	*slash = '\0';
	assert_int_equal(chdir(path), 0);
}

char *test_directory_make(void)
{
	char *path = strdup("wal-test-XXXXXX");

	go_to_build();
	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

void test_directory_remove(char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	assert_int_equal(rmdir(path), 0);
	free(path);
}
