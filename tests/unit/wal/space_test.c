/*
 * Space for the log: it is looked for before it is needed, that there is none ends nothing, and all
 * goes on by itself when there is some again.
 */
#include "tests/unit/wal/helpers.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
enum { SPARE = 1024 * 1024 };

static void polls(struct test_log *t, uint64_t now_ns)
{
	uint64_t seq;

	for (int i = 0; i < 300; i++)
		assert_int_equal(wal_poll(t->wal, now_ns, &seq), 0);
}

static void opened(struct test_log *t)
{
	test_log_init(t);
	assert_int_equal(test_log_open(t), 0);
}

/* Entries until the log has to wait for a segment. Returns the last one that is durable. */
static raft_index fill(struct test_log *t, raft_index next, uint64_t now_ns)
{
	uint64_t seq = 0;

	for (;; next++) {
		uint64_t asked = test_append(t->wal, next, next, 1);

		for (int i = 0; i < 300 && seq < asked; i++)
			assert_int_equal(wal_poll(t->wal, now_ns, &seq), 0);
		if (seq < asked)
			return next - 1;
	}
}

static void V17_space_is_looked_for_before_it_is_needed(void **state)
{
	struct wal_space space;
	struct test_log t;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, 2 * TEST_SEGMENT_SIZE + SPARE - 1);
	/* The second segment is made; for the third there is one byte less than it wants. */
	polls(&t, 0);
	polls(&t, SECOND);
	assert_int_equal(t.wal->segment_count, 2);
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	assert_int_equal(space.error, -ENOSPC);
	assert_int_equal(space.wanted, TEST_SEGMENT_SIZE + SPARE);
	assert_true(space.known);
	assert_int_equal(space.there, TEST_SEGMENT_SIZE + SPARE - 1);
	/* Within a second of there being space. */
	fake_space(t.disk, true, TEST_SEGMENT_SIZE + SPARE);
	polls(&t, 2 * SECOND - 1);
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	assert_true(wal_deadline(t.wal) <= 2 * SECOND);
	polls(&t, 2 * SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	test_log_free(&t);
}

/* The segment that is ready is the reserve: the log goes on in it, waits, and goes on again. */
static void V17_a_full_log_waits_and_goes_on_by_itself(void **state)
{
	struct wal_space space;
	struct wal_waiting waiting;
	struct test_log t;
	raft_index last, more;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, 2 * TEST_SEGMENT_SIZE + SPARE - 1);
	polls(&t, 0);
	polls(&t, SECOND);
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	assert_int_equal(t.wal->tail, 0);
	last = fill(&t, 1, SECOND);
	assert_int_equal(t.wal->tail, 1);
	assert_true(last > 2 * (TEST_SEGMENT_SIZE / 4096 - 2));
	/* It is no stall, and burns no core. */
	assert_false(wal_get_waiting(t.wal, &waiting));
	assert_false(wal_busy(t.wal));
	for (uint64_t i = 2; i < 20; i++)
		polls(&t, i * SECOND);
	assert_int_equal(t.wal->segment_count, 2);
	/* A vote needs no space. */
	const struct raft_hard_state hard_state = {2, 7};
	assert_int_equal(wal_append(t.wal, t.wal->seq, &hard_state, NULL, 0), 0);
	polls(&t, 20 * SECOND);
	assert_int_equal(t.wal->vote.durable.hard_state.term, 2);
	fake_space(t.disk, true, 10 * TEST_SEGMENT_SIZE + SPARE);
	polls(&t, 21 * SECOND);
	assert_true(t.wal->segment_count >= 3);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	more = t.wal->last_index;
	assert_true(more > last);
	test_expect(t.wal, 1, more, 1);
	test_log_close(&t);
	assert_int_equal(test_log_open(&t), 0);
	assert_int_equal(t.found.last_index, more);
	test_log_free(&t);
}

/* Whatever step it is that says so, and whichever limit: what was made goes, and is made anew. */
static void V17_no_space_at_any_step_of_a_segment(void **state)
{
	static const int errors[] = {-ENOSPC, -EDQUOT, -EFBIG,  -EMFILE, -ENFILE,
				     -EACCES, -EPERM,  -ENOMEM, -EAGAIN, -EINTR};
	const uint64_t count = sizeof(errors) / sizeof(errors[0]);
	uint32_t seen = 0;

	(void)state;
	for (uint64_t n = 0; n < 10 * count; n++) {
		struct wal_space space;
		struct test_log t;
		int err = errors[n % count];
		uint64_t seq = 0;

		opened(&t);
		fake_fail(t.disk, n / count, err);
		for (int i = 0; i < 300 && wal_poll(t.wal, 0, &seq) == 0; i++)
			;
		wal_get_space(t.wal, &space);
		if (space.full) {
			seen++;
			assert_int_equal(space.error, err);
			assert_int_equal(t.wal->segment_count, 1);
			assert_false(fake_exists(t.disk, "segment-0000000000000002.tmp"));
			assert_false(fake_exists(t.disk, "segment-0000000000000002"));
			polls(&t, SECOND);
			wal_get_space(t.wal, &space);
			assert_false(space.full);
			assert_int_equal(t.wal->segment_count, 2);
		}
		test_log_free(&t);
	}
	/* Create, room, twice zeros, sync, header, sync, rename; the directory's sync is final. */
	assert_int_equal(seen, 8 * count);
}

/*
 * Somebody takes the directory away (chmod, chown), at whatever step, and gives it back: what was
 * begun stays until it may be removed, nothing is removed in haste, and a segment is made anew.
 */
static void V17_a_directory_that_may_not_be_changed_is_no_end(void **state)
{
	uint32_t stayed = 0;

	(void)state;
	for (uint64_t n = 0; n < 9; n++) {
		struct wal_space space;
		struct test_log t;
		uint64_t before, seq;

		opened(&t);
		/* The kernel's refusal of the step itself ends with the directory's. */
		fake_fail(t.disk, n, -EACCES);
		for (before = fake_operations(t.disk); fake_operations(t.disk) <= before + n;)
			if (wal_poll(t.wal, 0, &seq) != 0)
				break;
		fake_names_fail(t.disk, -EACCES);
		if (n == 8) { /* the directory's sync is final */
			assert_int_equal(wal_poll(t.wal, 0, &seq), -EACCES);
			assert_non_null(strstr(wal_error(t.wal), "owner and mode"));
			test_log_free(&t);
			continue;
		}
		polls(&t, 0);
		before = fake_operations(t.disk);
		for (uint64_t i = 1; i < 300; i++)
			polls(&t, i * SECOND / 100);
		/* Not more than one step in a second. */
		assert_in_range(fake_operations(t.disk) - before, 1, 3);
		wal_get_space(t.wal, &space);
		assert_true(space.full);
		assert_int_equal(space.error, -EACCES);
		stayed += fake_exists(t.disk, "segment-0000000000000002.tmp");
		fake_names_fail(t.disk, 0);
		polls(&t, 4 * SECOND);
		polls(&t, 5 * SECOND);
		wal_get_space(t.wal, &space);
		assert_false(space.full);
		assert_int_equal(t.wal->segment_count, 2);
		assert_false(fake_exists(t.disk, "segment-0000000000000002.tmp"));
		test_log_free(&t);
	}
	assert_int_equal(stayed, 7); /* all but the create */
}

static void take_away(void *from, struct fake_disk *f)
{
	if (fake_operations(f) >= *(const uint64_t *)from)
		fake_names_fail(f, -EACCES);
}

/* At a start nobody waits for it, and the next one goes on. */
static void V17_a_directory_that_may_not_be_changed_ends_a_start(void **state)
{
	uint64_t n = 0;
	int err;

	(void)state;
	do {
		struct test_log t;

		test_log_init(&t);
		fake_set_hook(t.disk, take_away, &n);
		fake_fail(t.disk, n, -EACCES);
		err = test_log_open(&t);
		if (err != 0) {
			assert_int_equal(err, -EACCES);
			assert_non_null(strstr(t.error, "fake"));
			fake_set_hook(t.disk, NULL, NULL);
			fake_fail(t.disk, UINT64_MAX / 2, 0);
			fake_names_fail(t.disk, 0);
			assert_int_equal(test_log_open(&t), 0);
		}
		test_log_free(&t);
		n++;
	} while (err != 0);
	assert_true(n > 10);
}

/* A look that fails says nothing: a full log is no less full by it. */
static void V17_a_look_that_fails_ends_no_alarm(void **state)
{
	struct wal_space space;
	struct test_log t;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, 2 * TEST_SEGMENT_SIZE + SPARE - 1);
	polls(&t, 0);
	polls(&t, SECOND);
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	fake_look_fails(t.disk, -ENOTCONN);
	for (uint64_t i = 2; i < 5; i++) {
		polls(&t, i * SECOND);
		wal_get_space(t.wal, &space);
		assert_true(space.full);
		assert_int_equal(space.error, -ENOSPC);
		assert_int_equal(space.there, TEST_SEGMENT_SIZE + SPARE - 1);
	}
	/* One that does not count what it has is none that is full. */
	fake_look_fails(t.disk, -EOPNOTSUPP);
	polls(&t, 5 * SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	assert_false(space.known);
	test_log_free(&t);
}

static void roll(struct test_log *t, size_t segments)
{
	uint64_t now_ns = 0;

	for (raft_index next = t->wal->last_index + 1; t->wal->tail < segments; next++) {
		uint64_t asked = test_append(t->wal, next, next, 1), seq = 0;

		for (int i = 0; i < 300 && seq < asked; i++)
			assert_int_equal(wal_poll(t->wal, now_ns += 1000, &seq), 0);
		assert_true(seq >= asked);
	}
}

/*
 * However long a log is, and however much of it was written since the start, it keeps so many files
 * open and no more; and those that are only read give way to the next segment.
 */
static void F14_V17_a_long_log_takes_few_descriptors(void **state)
{
	enum { FILES = 64 + 8 };
	const struct raft_entry *entries;
	struct wal_space space;
	struct test_log t;

	(void)state;
	opened(&t);
	roll(&t, FILES + 4);
	assert_in_range(fake_files(t.disk), 64, FILES);
	fake_files_max(t.disk, FILES / 2);
	roll(&t, FILES + 8);
	assert_in_range(fake_files(t.disk), FILES / 4, FILES / 2);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	/* Who reads at once waits for that too: at a start nobody asks again. */
	test_expect(t.wal, 1, t.wal->last_index, 1);
	/* Where none can give way, it is told. */
	while (wal_segment_give_way(t.wal))
		;
	assert_int_equal(wal_wait(t.wal), 0);
	fake_files_max(t.disk, 1);
	assert_int_equal(wal_read_now(t.wal, 0, 1, 1, &entries), -EMFILE);
	fake_files_max(t.disk, 0);
	test_log_free(&t);
}

/*
 * A start of a long log takes few as well, also one that makes of the mode written the mode durable
 * and has to sync all of it; and what is read afterwards takes as many as it is given.
 */
static void F14_F23_a_long_log_is_started_with_few_descriptors(void **state)
{
	enum { SEGMENTS = 40, FEW = 8, READ = 2 };
	struct test_log t;
	raft_index last;

	(void)state;
	test_log_init(&t);
	t.options.durability = WAL_WRITTEN;
	assert_int_equal(test_log_open(&t), 0);
	roll(&t, SEGMENTS);
	last = t.wal->last_index;
	test_log_close(&t);
	t.options.durability = WAL_DURABLE;
	t.options.files_max = READ;
	fake_files_max(t.disk, FEW);
	if (test_log_open(&t))
		fail_msg("%s", t.error);
	test_expect(t.wal, 1, last, 1);
	/* The tail and the one ahead of it; vote and mark; and what is read. */
	assert_in_range(fake_files(t.disk), 4, 4 + READ);
	test_log_free(&t);
}

/* What no look at the file system shows keeps the alarm on from one try to the next. */
static void V17_an_alarm_stays_while_each_try_fails(void **state)
{
	struct wal_space space;
	struct test_log t;
	uint64_t seq;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, 100 * TEST_SEGMENT_SIZE + SPARE);
	fake_files_max(t.disk, 1);
	polls(&t, 0);
	for (uint64_t i = 1; i < 1000; i++) {
		assert_int_equal(wal_poll(t.wal, i * SECOND / 100, &seq), 0);
		wal_get_space(t.wal, &space);
		assert_true(space.full);
		assert_int_equal(space.error, -EMFILE);
	}
	fake_files_max(t.disk, 0);
	polls(&t, 11 * SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	test_log_free(&t);
}

/* Each says what it was. */
static void V23_a_failed_step_is_told_in_its_own_words(void **state)
{
	static const struct {
		uint64_t step;
		const char *said;
	} steps[] = {
		{0, "segment-0000000000000002.tmp at offset 0: create failed"},
		{1, "segment-0000000000000002.tmp at offset 0: allocation failed"},
		{2, "segment-0000000000000002.tmp at offset 0: write of zeros ahead failed"},
		{3, "segment-0000000000000002.tmp at offset 32768: write of zeros ahead failed"},
		{4, "sync of zeros ahead failed"},
		{5, "segment-0000000000000002.tmp at offset 0: write of a segment's header failed"},
		{6, "sync of a segment's header failed"},
		{7, "segment-0000000000000002.tmp at offset 0: rename failed"},
		{8, "segment-0000000000000002 at offset 0: sync of the directory after a rename "
		    "failed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct test_log t;
		uint64_t seq;
		int err = 0;

		opened(&t);
		fake_fail(t.disk, steps[i].step, -EIO);
		for (int p = 0; p < 300 && err == 0; p++)
			err = wal_poll(t.wal, 0, &seq);
		assert_int_equal(err, -EIO);
		if (!strstr(wal_error(t.wal), steps[i].said))
			fail_msg("step %lu: %s", steps[i].step, wal_error(t.wal));
		test_log_free(&t);
	}
}

static void V17_a_directory_is_not_made_without_space(void **state)
{
	struct test_log t;

	(void)state;
	test_log_init(&t);
	fake_space(t.disk, true, TEST_SEGMENT_SIZE);
	assert_int_equal(test_log_open(&t), -ENOSPC);
	assert_non_null(strstr(t.error, "fake/segment-0000000000000001.tmp"));
	assert_non_null(strstr(t.error, "once there is space"));
	fake_space(t.disk, true, 100 * TEST_SEGMENT_SIZE);
	assert_int_equal(test_log_open(&t), 0);
	test_log_free(&t);
}

/* D8: the quota is a limit as the file system's is, and the nearer of the two counts. */
static void D8_a_quota_of_the_directory_is_a_full_disk(void **state)
{
	struct wal_space space;
	struct test_log t;
	raft_index last;

	(void)state;
	test_log_init(&t);
	t.options.quota = 3 * TEST_SEGMENT_SIZE + SPARE;
	assert_int_equal(test_log_open(&t), 0);
	/* A file system that says nothing, and one that has more. */
	for (int counts = 0; counts < 2; counts++) {
		fake_space(t.disk, counts, 3 * TEST_SEGMENT_SIZE + SPARE);
		polls(&t, (uint64_t)(2 * counts) * SECOND);
		polls(&t, (uint64_t)(2 * counts + 1) * SECOND);
		wal_get_space(t.wal, &space);
		assert_false(space.full);
		assert_true(space.known && space.by_quota);
		assert_int_equal(space.used, 2 * TEST_SEGMENT_SIZE);
		assert_int_equal(space.there, TEST_SEGMENT_SIZE + SPARE);
		assert_false(space.quota_low);
	}
	last = fill(&t, 1, 4 * SECOND);
	assert_int_equal(t.wal->segment_count, 3);
	wal_get_space(t.wal, &space);
	assert_true(space.full && space.by_quota);
	assert_int_equal(space.error, -ENOSPC);
	assert_int_equal(space.there, SPARE);
	assert_int_equal(space.wanted, TEST_SEGMENT_SIZE + SPARE);
	/* What was used up is not given back by a start; a larger quota lets it go on. */
	test_log_close(&t);
	t.options.quota = 2 * TEST_SEGMENT_SIZE;
	assert_int_equal(test_log_open(&t), 0);
	polls(&t, 5 * SECOND);
	wal_get_space(t.wal, &space);
	assert_true(space.full && space.by_quota && space.quota_low);
	assert_int_equal(space.there, 0);
	test_log_close(&t);
	t.options.quota = 100 * (TEST_SEGMENT_SIZE + SPARE);
	fake_space(t.disk, true, 10 * (TEST_SEGMENT_SIZE + SPARE));
	assert_int_equal(test_log_open(&t), 0);
	polls(&t, 6 * SECOND);
	polls(&t, 7 * SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full || space.by_quota || space.quota_low);
	assert_true(t.wal->segment_count > 3);
	test_expect(t.wal, 1, last, 1);
	test_log_free(&t);
}

static bool low(struct test_log *t, uint64_t space, uint64_t now_ns)
{
	struct wal_space seen;

	fake_space(t->disk, true, space);
	polls(t, now_ns);
	wal_get_space(t->wal, &seen);
	assert_false(seen.quota_low);
	return seen.disk_low;
}

/* It is told before it is full, once, and not again and again where a segment comes and goes. */
static void D8_little_space_is_told_before_there_is_none(void **state)
{
	const uint64_t all = 1000 * (uint64_t)TEST_SEGMENT_SIZE;
	struct test_log t;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, all);
	polls(&t, 0);
	fake_space_all(t.disk, all);
	assert_false(low(&t, all / 10 + 1, SECOND));
	assert_true(low(&t, all / 10, 2 * SECOND));
	assert_true(low(&t, all / 100 * 12, 3 * SECOND));
	assert_false(low(&t, all / 100 * 12 + 1, 4 * SECOND));
	assert_false(low(&t, all / 10 + 1, 5 * SECOND));
	fake_space_all(t.disk, 0);
	assert_false(low(&t, TEST_SEGMENT_SIZE + SPARE, 6 * SECOND));
	test_log_free(&t);
}

static uint32_t tail_left(const struct wal *w)
{
	return w->segments[w->tail].size - w->segments[w->tail].end;
}

/*
 * D18: without its reserve no snapshot could ever let go of the log again; so space is full before
 * it is touched. Of it segments are made in the end alone, for those that say where a snapshot is
 * taken: what frees space is taken as far as half a segment (D8).
 */
static void D18_a_snapshot_has_a_reserve(void **state)
{
	const uint64_t reserve = 10 * (uint64_t)TEST_SEGMENT_SIZE;
	struct wal_space space;
	struct test_log t;

	(void)state;
	opened(&t);
	fake_space(t.disk, true, reserve + 2 * TEST_SEGMENT_SIZE + SPARE - 1);
	wal_space_reserve(t.wal, reserve);
	polls(&t, 0);
	polls(&t, SECOND);
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	assert_int_equal(space.error, -ENOSPC);
	assert_int_equal(space.reserve, reserve);
	assert_int_equal(space.wanted, TEST_SEGMENT_SIZE + SPARE + reserve);
	assert_int_equal(space.there, TEST_SEGMENT_SIZE + SPARE + reserve - 1);
	while (t.wal->tail == 0 || tail_left(t.wal) >= TEST_SEGMENT_SIZE / 4) {
		raft_index next = t.wal->last_index + 1;

		polls(&t, t.wal->now_ns + SECOND);
		assert_int_equal(t.wal->segment_count, 2);
		assert_int_equal(test_persist(t.wal, test_append(t.wal, next, next, 1)), 0);
	}
	polls(&t, t.wal->now_ns + SECOND);
	assert_int_equal(t.wal->segment_count, 3);
	for (int i = 0; t.wal->segment_count < 4; i++) {
		assert_true(i < 10);
		(void)fill(&t, t.wal->last_index + 1, t.wal->now_ns + SECOND);
	}
	wal_get_space(t.wal, &space);
	assert_true(space.full);
	wal_space_reserve(t.wal, 0);
	polls(&t, t.wal->now_ns + 10 * SECOND);
	polls(&t, t.wal->now_ns + SECOND);
	wal_get_space(t.wal, &space);
	assert_false(space.full);
	test_log_free(&t);
}

/* What is counted from: blocks of the disk, over segments and starts. */
static void D18_bytes_behind_an_entry_are_those_on_the_disk(void **state)
{
	const uint64_t writes = 3 * (uint64_t)(TEST_SEGMENT_SIZE / 4096);
	struct test_log t;

	(void)state;
	opened(&t);
	assert_int_equal(wal_bytes_behind(t.wal, 0), 0);
	for (raft_index i = 1; i <= writes; i++) {
		uint64_t asked = test_append(t.wal, i, i, 1), seq = 0;

		while (seq < asked)
			assert_int_equal(wal_poll(t.wal, i * SECOND, &seq), 0);
	}
	for (int start = 0; start < 2; start++) {
		uint64_t all = wal_bytes_behind(t.wal, 0);

		assert_true(all >= writes * 4096);
		assert_true(all <= (writes + t.wal->segment_count) * 4096);
		assert_true(wal_bytes_behind(t.wal, writes / 2) <= all / 2 + TEST_SEGMENT_SIZE / 2);
		assert_true(wal_bytes_behind(t.wal, writes / 2) >= all / 2 - 4096);
		assert_int_equal(wal_bytes_behind(t.wal, writes), 0);
		test_log_close(&t);
		assert_int_equal(test_log_open(&t), 0);
	}
	test_log_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V17_space_is_looked_for_before_it_is_needed),
		cmocka_unit_test(V17_a_full_log_waits_and_goes_on_by_itself),
		cmocka_unit_test(V17_no_space_at_any_step_of_a_segment),
		cmocka_unit_test(V17_a_directory_that_may_not_be_changed_is_no_end),
		cmocka_unit_test(V17_a_directory_that_may_not_be_changed_ends_a_start),
		cmocka_unit_test(V17_a_look_that_fails_ends_no_alarm),
		cmocka_unit_test(F14_V17_a_long_log_takes_few_descriptors),
		cmocka_unit_test(F14_F23_a_long_log_is_started_with_few_descriptors),
		cmocka_unit_test(V17_an_alarm_stays_while_each_try_fails),
		cmocka_unit_test(V23_a_failed_step_is_told_in_its_own_words),
		cmocka_unit_test(V17_a_directory_is_not_made_without_space),
		cmocka_unit_test(D8_a_quota_of_the_directory_is_a_full_disk),
		cmocka_unit_test(D8_little_space_is_told_before_there_is_none),
		cmocka_unit_test(D18_a_snapshot_has_a_reserve),
		cmocka_unit_test(D18_bytes_behind_an_entry_are_those_on_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
