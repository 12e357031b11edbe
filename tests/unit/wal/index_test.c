/*
 * The sparse index against the plain one: for each live entry, the write that holds it.
 */
#include "tests/unit/wal/helpers.h"

#include "base/mix.h"

enum { ENTRIES_MAX = 2000, STEPS = 6000, SPACING = 10000 };

struct where {
	uint64_t number;
	uint32_t ordinal;
};

static void a_live_entry_is_at_or_after_its_point(void **state)
{
	static struct where plain[ENTRIES_MAX + STEPS];
	struct log_index x;
	struct index_point at = {.number = 1, .segment = 1, .offset = 4096};
	uint64_t random = 1;
	size_t points_max = 0;

	(void)state;
	wal_index_init(&x, SPACING, 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		random = mix(random);
		at.first = x.last + 1;
		if (random % 50 == 0 && x.last > 0)
			at.first = x.last - random / 64 % (x.last < 40 ? x.last : 40);
		if (random % 3 == 0) { /* the next write */
			at.number++;
			at.offset += 4096;
			at.ordinal = 0;
			if (at.offset > 500000) {
				at.segment++;
				at.offset = 4096;
			}
		}
		assert_int_equal(wal_index_add(&x, &at), 0);
		plain[at.first] = (struct where){at.number, at.ordinal};
		at.ordinal++;
		points_max = x.count > points_max ? x.count : points_max;
		for (raft_index i = step % 7 + 1; i <= x.last; i += 97) {
			const struct index_point *p = wal_index_find(&x, i);

			assert_true(p->first <= i);
			assert_true(wal_index_point_reached(p, plain[i].number, plain[i].ordinal));
			/* And near: what a reader takes from the point on holds it. */
			assert_true((plain[i].number - p->number) * 4096 <= SPACING + 4096);
		}
	}
	/* Sparse: far fewer points than entries. */
	assert_true(points_max < STEPS / 6);
	wal_index_free(&x);
}

static void superseding_the_first_entry(void **state)
{
	struct log_index x;
	struct index_point point = {.first = 1, .number = 1, .segment = 1, .offset = 4096};

	(void)state;
	wal_index_init(&x, SPACING, 0);
	assert_int_equal(wal_index_add(&x, &point), 0);
	point.first = 2;
	point.ordinal = 1;
	assert_int_equal(wal_index_add(&x, &point), 0);
	point.first = 1;
	point.ordinal = 2;
	assert_int_equal(wal_index_add(&x, &point), 0);
	assert_int_equal(x.last, 1);
	assert_int_equal(x.count, 1);
	assert_int_equal(wal_index_find(&x, 1)->ordinal, 2);
	wal_index_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_entry_is_at_or_after_its_point),
		cmocka_unit_test(superseding_the_first_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
