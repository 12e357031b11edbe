/*
 * The whole log on a disk that fails: how it is written to, and what becomes of each error. The
 * process ends; what it had acknowledged is there when the disk is well again.
 */
#include "tests/unit/wal/on_disk.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	ENTRIES = 100,
	ENTRIES_ROLL = 8000,
	MARK_NS = 1000 * 1000 * 1000,
	POLLS = 50,
	WAIT_MS = 10000
};

/* Everything but what the page cache is for, from creation to the second segment and back. */
static void V24_a_durable_log_passes_the_page_cache(void **state)
{
	static const char *const never[] = {
		"on read,write * buffered watch",
		"on write * nodsync watch",
	};
	static struct on_disk s;
	uint32_t rule[2];

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	for (int i = 0; i < 2; i++)
		rule[i] = disk_rule(&s.disk, "%s", never[i]);
	on_disk_open(&s);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES_ROLL, 1)), 0);
	on_disk_settle(&s);
	wal_witness_changed(s.wal);
	test_mark(s.wal, MARK_NS, NULL, 0);
	test_expect(s.wal, 1, ENTRIES_ROLL, 1);
	on_disk_close(&s);
	on_disk_open(&s);
	test_expect(s.wal, 1, ENTRIES_ROLL, 1);
	for (int i = 0; i < 2; i++)
		if (disk_hits(&s.disk, rule[i]) != 0)
			fail_msg("%lu times: %s", disk_hits(&s.disk, rule[i]), never[i]);
	on_disk_end(&s);
}

/* A token is one write of a unit, tokens that came meanwhile share one, zeros are written once. */
static void V26_what_is_written_for_a_put(void **state)
{
	static struct on_disk s;
	uint32_t log, zeros;
	uint64_t seq = 0;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	on_disk_settle(&s);
	log = disk_rule(&s.disk, "on write segment-*[0-9a-f] watch");
	zeros = disk_rule(&s.disk, "on write segment-*.tmp watch");
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, 1, 1)), 0);
	assert_int_equal(disk_hits(&s.disk, log), 1);
	for (raft_index i = 2; i <= 65; i++)
		seq = test_append(s.wal, i, i, 1);
	assert_int_equal(test_persist(s.wal, seq), 0);
	assert_int_equal(disk_hits(&s.disk, log), 2);
	assert_int_equal(disk_hits(&s.disk, zeros), 0);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 66, ENTRIES_ROLL, 1)), 0);
	assert_int_equal(s.wal->tail, 1);
	on_disk_settle(&s);
	/* One segment more, by so much at a time, and its header. */
	assert_int_equal(disk_hits(&s.disk, zeros), WAL_SEGMENT_SIZE_MIN / STATE_ZERO_SIZE + 1);
	on_disk_end(&s);
}

/* What the disk lost is not covered up by a cache above it, while the log is open. */
static void V24_what_is_read_is_what_the_disk_holds(void **state)
{
	static struct on_disk s;
	const struct raft_entry *entries;
	uint8_t zeros[4096] = {0};
	char path[600];
	int fd;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES, 1)), 0);
	test_expect(s.wal, 1, ENTRIES, 1);
	(void)snprintf(path, sizeof(path), "%s/log/segment-0000000000000001", s.disk.beneath);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 8192), sizeof(zeros));
	(void)close(fd);
	assert_true(wal_read_now(s.wal, 0, 1, ENTRIES, &entries) < 0);
	on_disk_end(&s);
}

/* Polls until it fails: what with, and in *seq what it had said to be durable. */
static int fails(struct on_disk *s, uint64_t now_ns, uint64_t *seq)
{
	uint64_t end = clock_now() + WAIT_MS * CLOCK_MS;
	int err;

	do {
		err = wal_poll(s->wal, now_ns, seq);
	} while (err == 0 && clock_now() < end);
	return err;
}

/* Begins a write of a file: of the log, of term and vote, of the mark. */
static void start_write(struct on_disk *s, const char *file)
{
	const struct raft_hard_state hard_state = {.term = 5, .vote = 3};
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_entry entry;

	if (strcmp(file, "mark") == 0) {
		wal_witness_changed(s->wal);
		wal_mark(s->wal, 10ul * MARK_NS, NULL, 0);
	} else if (strcmp(file, "vote") == 0) {
		assert_int_equal(wal_append(s->wal, s->wal->seq + 1, &hard_state, NULL, 0), 0);
	} else {
		test_entry(&entry, data, ENTRIES + 1, 1);
		assert_int_equal(wal_append(s->wal, s->wal->seq + 1, NULL, &entry, 1), 0);
	}
}

/*
 * Once is enough: it is not tried again, though the disk would take it; the last word names file
 * and errno; nothing of it is acknowledged, and a start finds all that was.
 */
static void one_error(const char *file, const char *name, int error, const char *action)
{
	static struct on_disk s;
	uint64_t seq = 0;
	uint64_t acked;
	uint32_t rule;
	uint32_t after;
	int err;

	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	acked = test_append(s.wal, 1, ENTRIES, 1);
	assert_int_equal(test_persist(s.wal, acked), 0);
	on_disk_settle(&s);
	rule = disk_rule(&s.disk, "on write %s* times 1 %s %s", file, action, name);
	after = disk_rule(&s.disk, "on write %s* watch", file);
	start_write(&s, file);
	err = fails(&s, 10ul * MARK_NS, &seq);
	if (err != -error || !strstr(wal_error(s.wal), file) ||
	    !strstr(wal_error(s.wal), strerror(error)))
		fail_msg("%s, %s: %d, %s", file, name, err, wal_error(s.wal));
	assert_int_equal(disk_hits(&s.disk, rule), 1);
	for (int i = 0; i < POLLS; i++)
		assert_int_equal(fails(&s, 20ul * MARK_NS, &seq), -error);
	assert_true(seq <= acked);
	on_disk_close(&s);
	if (disk_hits(&s.disk, after) != 1)
		fail_msg("%s, %s: %lu writes", file, name, disk_hits(&s.disk, after));
	on_disk_open(&s);
	assert_false(s.found.lost);
	assert_true(s.found.last_index >= ENTRIES);
	test_expect(s.wal, 1, ENTRIES, 1);
	on_disk_end(&s);
}

static void W10_an_error_of_a_write_ends_it(void **state)
{
	static const char *const files[] = {"segment-", "vote", "mark"};
	static const struct {
		const char *name;
		int error;
	} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}};

	(void)state;
	for (size_t f = 0; f < 3; f++)
		for (size_t e = 0; e < 4; e++)
			one_error(files[f], errors[e].name, errors[e].error, "fail");
}

/* Some of its sectors reached the disk: a torn write, cut at the next start or whole. */
static void W10_an_error_of_a_torn_write_ends_it(void **state)
{
	(void)state;
	one_error("segment-", "EIO", EIO, "tear");
	one_error("vote", "EIO", EIO, "tear");
	one_error("mark", "EIO", EIO, "tear");
}

/* In `written` the mark's sync fails, its pages are gone, and another sync would say 0. */
static void W9_a_failed_sync_is_not_tried_again(void **state)
{
	static struct on_disk s;
	uint64_t seq;
	uint32_t rule;

	(void)state;
	on_disk_begin(&s, WAL_WRITTEN);
	on_disk_open(&s);
	on_disk_settle(&s);
	wal_witness_changed(s.wal);
	test_mark(s.wal, MARK_NS, NULL, 0);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES, 1)), 0);
	rule = disk_rule(&s.disk, "on fsync * watch");
	(void)disk_rule(&s.disk, "on fsync segment-* times 1 gone EIO");
	wal_mark(s.wal, 10ul * MARK_NS, NULL, 0);
	assert_int_equal(fails(&s, 10ul * MARK_NS, &seq), -EIO);
	assert_non_null(strstr(wal_error(s.wal), strerror(EIO)));
	/* V23: it was the segment's, not the mark's. */
	assert_non_null(strstr(wal_error(s.wal), "segment-0000000000000001"));
	assert_int_equal(fails(&s, 20ul * MARK_NS, &seq), -EIO);
	on_disk_close(&s);
	assert_int_equal(disk_hits(&s.disk, rule), 1);
	/* No mark says what was never on the disk, and no start takes a cache for it. */
	rule = disk_rule(&s.disk, "on read segment-* buffered watch");
	on_disk_open(&s);
	assert_int_equal(disk_hits(&s.disk, rule), 0);
	assert_false(s.found.lost);
	assert_int_equal(s.found.last_index, 0);
	on_disk_end(&s);
}

/*
 * What a killed process left in a cache is synced before it counts. If that fails the start ends,
 * however willing the disk is afterwards: the next one reads everything again, and what it finds is
 * all that was acknowledged.
 */
static void V25_a_flush_that_fails_at_a_start_ends_it(void **state)
{
	static const struct {
		const char *rule, *says;
	} flushes[] = {
		{"on fsync segment-* times 1 gone EIO", "segment-0000000000000001: sync failed"},
		{"on fsync vote times 1 gone EIO", "vote: sync failed"},
		{"on fsync mark times 1 gone EIO", "mark: sync failed"},
		{"on fsyncdir * times 1 fail EIO", "the directory that it is in not be synced"},
		{"on fsyncdir * skip 1 times 1 fail EIO", "sync of the directory failed"},
	};
	static struct on_disk s;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES, 1)), 0);
	on_disk_close(&s);
	for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
		uint32_t rule = disk_rule(&s.disk, "%s", flushes[i].rule);
		int err = wal_open(&s.wal, &s.options, &s.found, s.error);

		if (err != -EIO || !strstr(s.error, flushes[i].says))
			fail_msg("%s: %d, %s", flushes[i].rule, err, s.error);
		assert_int_equal(disk_hits(&s.disk, rule), 1);
		disk_tell(&s.disk, "drop all");
		on_disk_open(&s);
		assert_false(s.found.lost);
		assert_int_equal(s.found.last_index, ENTRIES);
		test_expect(s.wal, 1, ENTRIES, 1);
		on_disk_close(&s);
	}
	on_disk_end(&s);
}

/* While it hangs the log is polled and acknowledges nothing; then it goes on as if nothing were. */
static void W14_a_disk_that_hangs(void **state)
{
	static const char *const files[] = {"segment-*", "vote", "mark"};
	static struct on_disk s;
	uint64_t seq = 0;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES, 1)), 0);
	on_disk_settle(&s);
	for (size_t i = 0; i < 3; i++) {
		uint32_t rule = disk_rule(&s.disk, "on write %s stall forever", files[i]);

		start_write(&s, files[i]);
		for (int polls = 0; polls < POLLS; polls++)
			assert_int_equal(wal_poll(s.wal, 10ul * MARK_NS, &seq), 0);
		on_disk_stall(&s);
		assert_int_equal(wal_poll(s.wal, 10ul * MARK_NS, &seq), 0);
		if (i < 2)
			assert_true(seq < s.wal->seq);
		disk_tell(&s.disk, "drop %u", rule);
		assert_int_equal(test_persist(s.wal, s.wal->seq), 0);
		if (i == 0)
			test_expect(s.wal, 1, ENTRIES + 1, 1);
	}
	on_disk_end(&s);
}

/* Names that hang hold up neither the loop nor a write: the next segment is made beside it. */
static void V19_names_that_hang_hold_up_no_write(void **state)
{
	static struct on_disk s;
	uint32_t rule;

	(void)state;
	on_disk_begin(&s, WAL_DURABLE);
	on_disk_open(&s);
	on_disk_settle(&s);
	rule = disk_rule(&s.disk, "on meta * stall forever");
	assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES_ROLL, 1)), 0);
	assert_true(s.wal->tail > 0);
	on_disk_stall(&s);
	assert_int_equal(
		test_persist(s.wal, test_append(s.wal, ENTRIES_ROLL + 1, ENTRIES_ROLL + 1, 1)), 0);
	disk_tell(&s.disk, "drop %u", rule);
	on_disk_settle(&s);
	test_expect(s.wal, 1, ENTRIES_ROLL + 1, 1);
	on_disk_end(&s);
}

/* A device whose blocks are larger refuses transfers of 4096; so the log's unit is its. */
static void V24_the_unit_is_the_devices(void **state)
{
	static const struct {
		uint32_t logical, physical;
		bool partition;
		uint32_t unit;
	} cases[] = {
		{512, 512, false, 4096},   {512, 16384, false, 16384},  {8192, 8192, false, 8192},
		{512, 16384, true, 16384}, {65536, 65536, true, 65536},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct on_disk s;

		on_disk_begin(&s, WAL_DURABLE);
		disk_blocks(&s.disk, cases[i].logical, cases[i].physical, cases[i].partition);
		on_disk_open(&s);
		assert_int_equal(s.wal->unit, cases[i].unit);
		assert_int_equal(test_persist(s.wal, test_append(s.wal, 1, ENTRIES, 1)), 0);
		test_expect(s.wal, 1, ENTRIES, 1);
		on_disk_cut(&s, "lose", 1);
		on_disk_open(&s);
		assert_int_equal(s.found.last_index, ENTRIES);
		test_expect(s.wal, 1, ENTRIES, 1);
		on_disk_end(&s);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V24_a_durable_log_passes_the_page_cache),
		cmocka_unit_test(V26_what_is_written_for_a_put),
		cmocka_unit_test(V24_what_is_read_is_what_the_disk_holds),
		cmocka_unit_test(W10_an_error_of_a_write_ends_it),
		cmocka_unit_test(W10_an_error_of_a_torn_write_ends_it),
		cmocka_unit_test(W9_a_failed_sync_is_not_tried_again),
		cmocka_unit_test(V25_a_flush_that_fails_at_a_start_ends_it),
		cmocka_unit_test(W14_a_disk_that_hangs),
		cmocka_unit_test(V19_names_that_hang_hold_up_no_write),
		cmocka_unit_test(V24_the_unit_is_the_devices),
	};

	if (!disk_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
