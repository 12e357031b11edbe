#include "tests/unit/wal/helpers.h"

#include "wal/bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct wal_limits test_limits = {
	.write_size_max = 16 * 1024,
	.buffers = 4,
	.zero_size = 32 * 1024,
	.point_spacing = 8 * 1024,
	.segment_size_min = TEST_SEGMENT_SIZE,
	.segment_size_step = TEST_SEGMENT_SIZE,
};

void test_entry(struct raft_entry *entry, uint8_t *data, raft_index index, raft_term term)
{
	uint64_t x = bytes_mix(index * 1000003 + term);

	*entry = (struct raft_entry){.index = index,
				     .term = term,
				     .data = data,
				     .size = (uint16_t)(x % (RAFT_ENTRY_DATA_MAX + 1)),
				     .type = index % 97 == 1 ? RAFT_ENTRY_MEMBERS
							     : RAFT_ENTRY_COMMAND,
				     .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	/* Some are zeros, which must not be taken for what was never written. */
	for (uint32_t i = 0; i < entry->size; i++)
		data[i] = index % 5 == 0 ? 0 : (uint8_t)(x >> (i % 8 * 8));
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

			assert_int_equal(wal_poll(w, &durable), 0);
		}
	}
	return seq;
}

int test_persist(struct wal *w, uint64_t seq)
{
	uint64_t durable = 0;

	while (durable < seq) {
		int err = wal_poll(w, &durable);

		if (err != 0)
			return err;
	}
	return 0;
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

char *test_directory_make(void)
{
	char *path = strdup("wal-test-XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

void test_directory_remove(char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	assert_int_equal(rmdir(path), 0);
	free(path);
}
