/*
 * splitmix64 against the numbers of its authors' program.
 */
#include "base/mix.h"

#include "tests/unit/test.h"

static void the_published_numbers(void **state)
{
	static const struct {
		uint64_t seed, number[3];
	} row[] = {
		{0, {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f}},
		{1234567, {6457827717110365317u, 3203168211198807973u, 9817491932198370423u}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t seed = row[i].seed;

		for (int n = 0; n < 3; n++) {
			uint64_t number = mix_next(&seed);
			if (number != row[i].number[n])
				fail_msg("seed %llu: number %d is %llx, not %llx",
					 (unsigned long long)row[i].seed, n,
					 (unsigned long long)number,
					 (unsigned long long)row[i].number[n]);
		}
	}
}

/*
 * Numbers stored in logs and drawn by seed rest on it: a generator's n-th number is mix() of where
 * it then stands.
 */
static void a_generator_is_mix_of_its_steps(void **state)
{
	uint64_t seed = UINT64_MAX - 5;

	(void)state;
	for (uint64_t n = 0; n < 100; n++)
		assert_true(mix_next(&seed) == mix(UINT64_MAX - 5 + n * MIX_STEP));
}

/* One bit of the input changes about half of the result's: between 8 and 56 in 64 never fails. */
static void every_bit_reaches_many(void **state)
{
	(void)state;
	for (uint64_t x = 0; x < 1000; x++)
		for (int bit = 0; bit < 64; bit++) {
			int changed = __builtin_popcountll(mix(x) ^ mix(x ^ UINT64_C(1) << bit));
			if (changed < 8 || changed > 56)
				fail_msg("%llu: bit %d changes %d bits", (unsigned long long)x, bit,
					 changed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_numbers),
		cmocka_unit_test(a_generator_is_mix_of_its_steps),
		cmocka_unit_test(every_bit_reaches_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
