/*
 * F26: the floor's rounds, on a disk that answers when the test says.
 */
#include "base/clock.h"
#include "tests/unit/test.h"
#include "tools/bench/floor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 3, DELAY_MS = 100, LATE_NONE = 64 };

struct slow_disk {
	struct disk disk;
	bool call_pending;
	struct disk_completion call_done;
	bool rounds;        /* the files are filled: what is written now are rounds */
	uint32_t late_from; /* of a round of WRITERS: the writes from this one on take DELAY_MS */
	int error;
	uint32_t queued, submits, in_flight, answered;
	uint32_t largest_round;
	uint32_t files, removed;
};

static struct slow_disk *self(struct disk *d)
{
	return (struct slow_disk *)d;
}

static int slow_call(struct disk *d, const struct disk_call *call, uint64_t tag)
{
	struct slow_disk *s = self(d);

	s->call_done = (struct disk_completion){.tag = tag};
	s->call_pending = true;
	if (call->kind == DISK_CREATE) {
		assert_int_equal(call->mode, DISK_DURABLE);
		s->call_done.value = s->files++;
	} else if (call->kind == DISK_CLOSE) {
		s->files--;
	} else {
		assert_int_equal(call->kind, DISK_REMOVE);
		s->removed++;
	}
	return 0;
}

static int slow_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size,
		      uint64_t tag)
{
	(void)offset;
	(void)data;
	assert_true((uint32_t)file < WRITERS);
	if (self(d)->rounds) {
		assert_int_equal(size, d->unit);
		assert_int_equal(tag, (uint64_t)file);
	}
	self(d)->queued++;
	return 0;
}

static int slow_submit(struct disk *d)
{
	struct slow_disk *s = self(d);

	if (s->call_pending)
		return 0;
	/* The round before is over: no write of it is left. */
	assert_int_equal(s->in_flight, 0);
	s->in_flight = s->queued;
	if (s->queued > s->largest_round)
		s->largest_round = s->queued;
	s->queued = s->answered = 0;
	s->submits++;
	return 0;
}

static uint32_t slow_poll(struct disk *d, struct disk_completion *out, uint32_t max, bool wait)
{
	struct slow_disk *s = self(d);

	assert_true(wait);
	assert_true(max > 0);
	if (s->call_pending) {
		*out = s->call_done;
		s->call_pending = false;
		return 1;
	}
	assert_true(s->in_flight > 0);
	if (s->rounds && s->answered == s->late_from)
		clock_sleep(DELAY_MS * CLOCK_MS);
	*out = (struct disk_completion){.tag = s->answered++, .result = s->rounds ? s->error : 0};
	s->in_flight--;
	return 1;
}

static const struct disk_ops slow_ops = {
	.call = slow_call,
	.write = slow_write,
	.submit = slow_submit,
	.poll = slow_poll,
};

struct figures {
	struct histogram *quorum, *single;
};

static int run(struct slow_disk *s, uint32_t late_from, int error, struct figures *out)
{
	char said[FLOOR_ERROR_MAX];
	struct floor *floor;
	int err;

	*s = (struct slow_disk){.disk = {.ops = &slow_ops, .unit = 4096}};
	out->quorum = histogram_create();
	out->single = histogram_create();
	assert_non_null(out->quorum);
	assert_non_null(out->single);
	assert_int_equal(floor_create(&floor, "nowhere", &s->disk, WRITERS, said), 0);
	assert_int_equal(s->removed, WRITERS);
	s->rounds = true;
	s->late_from = late_from;
	s->error = error;
	/* Some rounds, for a machine that does other things may hold up one of them. */
	err = floor_run(floor, late_from == LATE_NONE ? CLOCK_MS : 3ul * DELAY_MS * CLOCK_MS,
			out->quorum, out->single, NULL, NULL);
	assert_int_equal(floor_quorum(floor), 2);
	floor_destroy(floor);
	assert_int_equal(s->files, 0);
	return err;
}

static void figures_free(struct figures *f)
{
	free(f->quorum);
	free(f->single);
}

static void F26_a_round_is_done_when_a_majority_is(void **state)
{
	struct slow_disk s;
	struct figures f;

	(void)state;
	/* The last of three is late: nobody waits for it, and nothing begins before it is back. */
	assert_int_equal(run(&s, 2, 0, &f), 0);
	assert_true(f.quorum->min < DELAY_MS * CLOCK_MS);
	assert_true(f.single->min < DELAY_MS * CLOCK_MS);
	assert_int_equal(s.largest_round, WRITERS);
	figures_free(&f);
	/* Two of three are. */
	assert_int_equal(run(&s, 1, 0, &f), 0);
	assert_true(f.quorum->min >= DELAY_MS * CLOCK_MS);
	assert_true(f.single->min < DELAY_MS * CLOCK_MS);
	figures_free(&f);
	assert_int_equal(run(&s, 0, 0, &f), 0);
	assert_true(f.single->min >= DELAY_MS * CLOCK_MS);
	figures_free(&f);
}

static void one_write_and_a_round_take_turns(void **state)
{
	struct slow_disk s;
	struct figures f;

	(void)state;
	assert_int_equal(run(&s, LATE_NONE, 0, &f), 0);
	assert_true(f.quorum->count > 0);
	assert_int_equal(f.quorum->count, f.single->count);
	figures_free(&f);
}

static void a_write_that_fails_ends_it(void **state)
{
	struct slow_disk s;
	struct figures f;

	(void)state;
	assert_int_equal(run(&s, LATE_NONE, -EIO, &f), -EIO);
	assert_int_equal(f.quorum->count, 0);
	figures_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F26_a_round_is_done_when_a_majority_is),
		cmocka_unit_test(one_write_and_a_round_take_turns),
		cmocka_unit_test(a_write_that_fails_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
