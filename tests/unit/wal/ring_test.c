/*
 * The disk seam above a kernel that says what it likes: each operation ends exactly once, whole or
 * with an error, and is handed to the kernel as often as that takes and no more.
 */
#include "tests/unit/wal/fake_ring.h"
#include "tests/unit/wal/helpers.h"

#include "wal/io.h"

#include <liburing.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 4096, SIZE = 16 * UNIT };

static struct disk *d;
static uint8_t *buffers; /* registered */
static char *directory;
static int file;
/* How often the tag came back, and with what, so far. */
static uint32_t ended[DISK_IN_FLIGHT_MAX];
static int32_t result[DISK_IN_FLIGHT_MAX];

static int begin_with(uint32_t entries)
{
	fake_ring_reset();
	fake_ring_entries(entries);
	memset(ended, 0, sizeof(ended));
	directory = test_directory_make();
	buffers = aligned_alloc(65536, SIZE);
	assert_non_null(buffers);
	memset(buffers, 7, SIZE);
	assert_int_equal(disk_uring_create(&d, directory, false, buffers, SIZE), 0);
	assert_int_equal(wal_io_open(d, "a", true, DISK_DURABLE, &file), 0);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	return begin_with(0);
}

static int end(void **state)
{
	(void)state;
	d->ops->destroy(d);
	free(buffers);
	test_directory_remove(directory);
	return 0;
}

static void queue_write(uint64_t tag)
{
	assert_int_equal(d->ops->write(d, file, tag * SIZE, buffers, SIZE, tag), 0);
}

/* Takes what there is, without waiting. */
static uint32_t poll_all(void)
{
	struct disk_completion done[DISK_IN_FLIGHT_MAX];
	uint32_t n = d->ops->poll(d, done, DISK_IN_FLIGHT_MAX, false);

	for (uint32_t i = 0; i < n; i++) {
		assert_true(done[i].tag < DISK_IN_FLIGHT_MAX);
		ended[done[i].tag]++;
		result[done[i].tag] = done[i].result;
	}
	assert_int_equal(d->ops->submit(d), 0);
	return n;
}

static void expect(uint64_t tag, int32_t with)
{
	assert_int_equal(ended[tag], 1);
	assert_int_equal(result[tag], with);
}

/* The kernel has one request: these bytes of the buffer, for this place in the file. */
static void asked(uint8_t opcode, uint64_t offset, uint32_t at, uint32_t size)
{
	const struct fake_request *r = fake_ring_at(0);

	assert_int_equal(fake_ring_count(), 1);
	assert_int_equal(r->opcode, opcode);
	assert_int_equal(r->offset, offset);
	assert_int_equal(r->address, (uint64_t)(uintptr_t)(buffers + at));
	assert_int_equal(r->size, size);
}

static void W11_a_short_write_goes_on_where_it_ended(void **state)
{
	(void)state;
	queue_write(1);
	assert_int_equal(d->ops->submit(d), 0);
	asked(IORING_OP_WRITE_FIXED, SIZE, 0, SIZE);
	fake_ring_complete(0, UNIT);
	assert_int_equal(poll_all(), 0);
	asked(IORING_OP_WRITE_FIXED, SIZE + UNIT, UNIT, SIZE - UNIT);
	/* Twice, and by less than a unit. */
	fake_ring_complete(0, 512);
	assert_int_equal(poll_all(), 0);
	asked(IORING_OP_WRITE_FIXED, SIZE + UNIT + 512, UNIT + 512, SIZE - UNIT - 512);
	fake_ring_complete(0, SIZE - UNIT - 512);
	assert_int_equal(poll_all(), 1);
	expect(1, 0);
	assert_int_equal(fake_ring_count(), 0);
}

static void W11_a_short_read_goes_on_where_it_ended(void **state)
{
	(void)state;
	assert_int_equal(d->ops->read(d, file, UNIT, buffers, SIZE, 2), 0);
	assert_int_equal(d->ops->submit(d), 0);
	asked(IORING_OP_READ_FIXED, UNIT, 0, SIZE);
	fake_ring_complete(0, 3 * UNIT);
	assert_int_equal(poll_all(), 0);
	asked(IORING_OP_READ_FIXED, 4 * UNIT, 3 * UNIT, SIZE - 3 * UNIT);
	/* The end of the file. */
	fake_ring_complete(0, 0);
	assert_int_equal(poll_all(), 1);
	expect(2, -ENODATA);
}

/* A device that takes nothing more, at once or after a part. */
static void W11_a_write_of_nothing_is_an_error(void **state)
{
	(void)state;
	queue_write(1);
	assert_int_equal(d->ops->submit(d), 0);
	fake_ring_complete(0, 0);
	assert_int_equal(poll_all(), 1);
	expect(1, -EIO);
	queue_write(2);
	assert_int_equal(d->ops->submit(d), 0);
	fake_ring_complete(0, UNIT);
	assert_int_equal(poll_all(), 0);
	fake_ring_complete(0, 0);
	assert_int_equal(poll_all(), 1);
	expect(2, -EIO);
	assert_int_equal(fake_ring_count(), 0);
}

/* Not done: handed to the kernel again as it was, and done only when it says so. */
static void W13_what_was_put_off_is_asked_for_again(void **state)
{
	static const int32_t put_off[] = {-EAGAIN, -EINTR};

	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		queue_write(i);
		assert_int_equal(d->ops->submit(d), 0);
		for (int times = 0; times < 3; times++) {
			asked(IORING_OP_WRITE_FIXED, i * SIZE, 0, SIZE);
			fake_ring_complete(0, put_off[i]);
			assert_int_equal(poll_all(), 0);
		}
		/* A part of it, put off, and the rest of it. */
		fake_ring_complete(0, UNIT);
		assert_int_equal(poll_all(), 0);
		fake_ring_complete(0, put_off[i]);
		assert_int_equal(poll_all(), 0);
		asked(IORING_OP_WRITE_FIXED, i * SIZE + UNIT, UNIT, SIZE - UNIT);
		fake_ring_complete(0, SIZE - UNIT);
		assert_int_equal(poll_all(), 1);
		expect(i, 0);
		assert_int_equal(d->ops->sync(d, file, 10 + i), 0);
		assert_int_equal(d->ops->submit(d), 0);
		fake_ring_complete(0, put_off[i]);
		assert_int_equal(poll_all(), 0);
		assert_int_equal(fake_ring_at(0)->opcode, IORING_OP_FSYNC);
		fake_ring_complete(0, 0);
		assert_int_equal(poll_all(), 1);
		expect(10 + i, 0);
	}
}

/* W9, W10: these are told, each once, and the kernel is not asked again. */
static void W9_an_error_is_not_tried_again(void **state)
{
	static const int32_t errors[] = {-EIO,   -ENOSPC, -EDQUOT,    -EROFS,
					 -EBADF, -ENOMEM, -ECANCELED, -EOPNOTSUPP};

	(void)state;
	for (uint64_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (int kind = 0; kind < 3; kind++) {
			uint64_t tag = 3 * i + (uint64_t)kind;

			if (kind == 0)
				queue_write(tag);
			else if (kind == 1)
				assert_int_equal(d->ops->read(d, file, 0, buffers, SIZE, tag), 0);
			else
				assert_int_equal(d->ops->sync(d, file, tag), 0);
			assert_int_equal(d->ops->submit(d), 0);
			fake_ring_complete(0, errors[i]);
			assert_int_equal(poll_all(), 1);
			expect(tag, errors[i]);
			assert_int_equal(fake_ring_count(), 0);
			assert_int_equal(poll_all(), 0);
		}
	}
}

/* After a part, too: what is above must not take it for done, nor for nothing. */
static void W10_an_error_after_a_part_is_one(void **state)
{
	(void)state;
	queue_write(1);
	assert_int_equal(d->ops->submit(d), 0);
	fake_ring_complete(0, UNIT);
	assert_int_equal(poll_all(), 0);
	fake_ring_complete(0, -ENOSPC);
	assert_int_equal(poll_all(), 1);
	expect(1, -ENOSPC);
	assert_int_equal(fake_ring_count(), 0);
}

/* Each tag is its own operation's, whatever the order; some of them are short. */
static void W12_completions_out_of_order(void **state)
{
	static const int32_t with[] = {0, -EIO, 0, 0, -ENOSPC, 0, 0, 0};

	(void)state;
	for (uint64_t tag = 0; tag < 8; tag++)
		queue_write(tag);
	assert_int_equal(d->ops->submit(d), 0);
	assert_int_equal(fake_ring_count(), 8);
	fake_ring_complete(5, UNIT);
	assert_int_equal(poll_all(), 0);
	/* Now last in the kernel's queue, and the others in the order of their tags. */
	for (int i = 7; i >= 0; i--) {
		uint64_t tag = fake_ring_at((uint32_t)i)->offset / SIZE;

		fake_ring_complete((uint32_t)i, with[tag] != 0
							? with[tag]
							: (int32_t)fake_ring_at((uint32_t)i)->size);
	}
	assert_int_equal(poll_all(), 8);
	for (uint64_t tag = 0; tag < 8; tag++)
		expect(tag, with[tag]);
}

/* It keeps its place: all others go on, one more fits after each that ends; it is never told. */
static void W13_a_lost_completion_holds_up_no_other(void **state)
{
	(void)state;
	queue_write(0);
	assert_int_equal(d->ops->submit(d), 0);
	fake_ring_lose(0);
	for (int round = 0; round < 5; round++) {
		memset(ended + 1, 0, sizeof(ended) - sizeof(ended[0]));
		for (uint64_t tag = 1; tag < DISK_IN_FLIGHT_MAX; tag++)
			queue_write(tag);
		assert_int_equal(d->ops->write(d, file, 0, buffers, SIZE, 0), -EAGAIN);
		assert_int_equal(d->ops->submit(d), 0);
		while (fake_ring_count() > 0)
			fake_ring_complete(0, SIZE);
		assert_int_equal(poll_all(), DISK_IN_FLIGHT_MAX - 1);
		for (uint64_t tag = 1; tag < DISK_IN_FLIGHT_MAX; tag++)
			expect(tag, 0);
	}
	assert_int_equal(ended[0], 0);
}

/* The kernel takes nothing now, or a part: what it left is handed over later, once. */
static void W13_the_kernel_takes_what_it_likes(void **state)
{
	static const int refusals[] = {-EAGAIN, -EBUSY, -EINTR};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memset(ended, 0, sizeof(ended));
		for (uint64_t tag = 0; tag < 6; tag++)
			queue_write(tag);
		fake_ring_refuse(refusals[i], 2);
		assert_int_equal(d->ops->submit(d), 0);
		assert_int_equal(d->ops->submit(d), 0);
		fake_ring_refuse(0, 0);
		fake_ring_take_at_most(2, 3);
		for (int turn = 0; turn < 6; turn++)
			assert_int_equal(d->ops->submit(d), 0);
		assert_int_equal(fake_ring_count(), 6);
		for (int left = 6; left > 0; left--)
			fake_ring_complete(0, SIZE);
		assert_int_equal(poll_all(), 6);
		for (uint64_t tag = 0; tag < 6; tag++)
			expect(tag, 0);
	}
}

/* It is not asked for ever, and a worker of the kernel does what a submission may not. */
static void V21_what_is_always_put_off_is_an_error(void **state)
{
	uint32_t asked = 1;

	(void)state;
	queue_write(0);
	assert_int_equal(d->ops->submit(d), 0);
	assert_false(fake_ring_at(0)->async);
	fake_ring_complete(0, -EAGAIN);
	while (poll_all() == 0) {
		assert_int_equal(fake_ring_count(), 1);
		assert_true(fake_ring_at(0)->async);
		fake_ring_complete(0, asked % 2 == 0 ? -EAGAIN : -EINTR);
		asked++;
		assert_true(asked < 1000);
	}
	expect(0, asked % 2 == 0 ? -EINTR : -EAGAIN);
	assert_true(asked > 10);
	assert_int_equal(d->put_off, asked - 1);
	assert_int_equal(fake_ring_count(), 0);
}

/* Nor are submissions that take nothing: each is counted, and a row of them has an end. */
static void V21_a_submission_that_is_always_refused_is_an_error(void **state)
{
	static const int refusals[] = {-EAGAIN, -EBUSY, 0};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		uint64_t before, asked = 0;

		if (i > 0)
			(void)begin(state);
		/* One in between that is taken ends a row. */
		for (uint64_t tag = 0; tag < 2; tag++) {
			queue_write(tag);
			fake_ring_refuse(refusals[i], 60000);
			for (uint32_t turn = 0; turn <= 60000; turn++)
				assert_int_equal(d->ops->submit(d), 0);
			fake_ring_complete(0, SIZE);
			assert_int_equal(poll_all(), 1);
			expect(tag, 0);
			assert_int_equal(d->put_off, (tag + 1) * 60000);
		}
		before = d->put_off;
		fake_ring_refuse(refusals[i], UINT32_MAX);
		queue_write(2);
		for (; ended[2] == 0 && asked < 1000000; asked++)
			(void)poll_all();
		expect(2, -EBUSY);
		/* Each poll of the test submits twice, and the last one finds the end. */
		assert_true(asked > 50000);
		assert_int_equal(d->put_off - before, 2 * (asked - 1));
		before = d->put_off;
		/* It is not asked any more. */
		queue_write(3);
		assert_int_equal(poll_all(), 1);
		expect(3, -EBUSY);
		assert_int_equal(d->put_off, before);
		if (i + 1 < sizeof(refusals) / sizeof(refusals[0]))
			(void)end(state);
	}
}

/* A ring that takes nothing any more: each operation ends once, and the kernel's own as it says. */
static void V21_a_ring_that_refuses_for_good_is_an_error(void **state)
{
	(void)state;
	queue_write(0);
	assert_int_equal(d->ops->submit(d), 0);
	for (uint64_t tag = 1; tag < 6; tag++)
		queue_write(tag);
	fake_ring_refuse(-EBADF, UINT32_MAX);
	assert_int_equal(d->ops->submit(d), 0);
	assert_int_equal(poll_all(), 5);
	for (uint64_t tag = 1; tag < 6; tag++)
		expect(tag, -EBADF);
	fake_ring_complete(0, SIZE);
	assert_int_equal(poll_all(), 1);
	expect(0, 0);
	queue_write(7);
	assert_int_equal(poll_all(), 1);
	expect(7, -EBADF);
}

/* A queue of fewer entries than operations: those that do not fit go in when there is room. */
static void W13_the_submission_queue_is_full(void **state)
{
	uint32_t seen = 0;

	(void)begin_with(4);
	for (uint64_t tag = 0; tag < DISK_IN_FLIGHT_MAX; tag++)
		queue_write(tag);
	assert_int_equal(d->ops->submit(d), 0);
	for (int turn = 0; turn < 1000 && seen < DISK_IN_FLIGHT_MAX; turn++) {
		if (fake_ring_count() > 0) {
			/* Every other one is short, and needs a place again. */
			const struct fake_request *r = fake_ring_at(0);

			fake_ring_complete(0,
					   r->size == SIZE && turn % 2 ? UNIT : (int32_t)r->size);
		}
		seen += poll_all();
	}
	assert_int_equal(seen, DISK_IN_FLIGHT_MAX);
	for (uint64_t tag = 0; tag < DISK_IN_FLIGHT_MAX; tag++)
		expect(tag, 0);
	(void)end(state);
}

/* What is not registered goes another way to the kernel, and to the same end. */
static void buffers_that_are_not_registered(void **state)
{
	uint8_t *other = aligned_alloc(65536, SIZE);
	const struct fake_request *r;

	(void)state;
	assert_non_null(other);
	memset(other, 1, SIZE);
	assert_int_equal(d->ops->write(d, file, 0, other, SIZE, 1), 0);
	assert_int_equal(d->ops->submit(d), 0);
	r = fake_ring_at(0);
	assert_int_equal(r->opcode, IORING_OP_WRITE);
	assert_int_equal(r->address, (uint64_t)(uintptr_t)other);
	fake_ring_complete(0, UNIT);
	assert_int_equal(poll_all(), 0);
	r = fake_ring_at(0);
	assert_int_equal(r->opcode, IORING_OP_WRITE);
	assert_int_equal(r->address, (uint64_t)(uintptr_t)(other + UNIT));
	assert_int_equal(r->offset, UNIT);
	fake_ring_complete(0, SIZE - UNIT);
	assert_int_equal(poll_all(), 1);
	expect(1, 0);
	free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(W11_a_short_write_goes_on_where_it_ended),
		TEST(W11_a_short_read_goes_on_where_it_ended),
		TEST(W11_a_write_of_nothing_is_an_error),
		TEST(W13_what_was_put_off_is_asked_for_again),
		TEST(W9_an_error_is_not_tried_again),
		TEST(W10_an_error_after_a_part_is_one),
		TEST(W12_completions_out_of_order),
		TEST(W13_a_lost_completion_holds_up_no_other),
		TEST(W13_the_kernel_takes_what_it_likes),
		TEST(V21_what_is_always_put_off_is_an_error),
		TEST(V21_a_submission_that_is_always_refused_is_an_error),
		TEST(V21_a_ring_that_refuses_for_good_is_an_error),
		cmocka_unit_test(W13_the_submission_queue_is_full),
		TEST(buffers_that_are_not_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
