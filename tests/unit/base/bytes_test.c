/*
 * Integers in bytes: each order at an odd address, and nothing beside them is touched.
 */
#include "base/bytes.h"

#include "tests/unit/test.h"

static const uint8_t bytes[10] = {0xee, 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0xee};

static void read_in_either_order(void **state)
{
	(void)state;
	assert_int_equal(bytes_get16(bytes + 1), 0x9281);
	assert_int_equal(bytes_get32(bytes + 1), 0xb4a39281);
	assert_true(bytes_get64(bytes + 1) == 0xf8e7d6c5b4a39281);
	assert_int_equal(bytes_get16_be(bytes + 1), 0x8192);
	assert_int_equal(bytes_get32_be(bytes + 1), 0x8192a3b4);
}

/* The first `size` bytes after the guard are the pattern's, and the rest is as it was. */
static void assert_written(const uint8_t out[10], size_t size)
{
	assert_memory_equal(out + 1, bytes + 1, size);
	assert_int_equal(out[0], 0xee);
	for (size_t i = size + 1; i < 10; i++)
		assert_int_equal(out[i], 0xee);
}

static void written_in_either_order(void **state)
{
	uint8_t out[10];

	(void)state;
	memset(out, 0xee, sizeof(out));
	bytes_put16(out + 1, 0x9281);
	assert_written(out, 2);
	bytes_put32(out + 1, 0xb4a39281);
	assert_written(out, 4);
	bytes_put64(out + 1, 0xf8e7d6c5b4a39281);
	assert_written(out, 8);

	memset(out, 0xee, sizeof(out));
	bytes_put16_be(out + 1, 0x8192);
	assert_written(out, 2);
	bytes_put32_be(out + 1, 0x8192a3b4);
	assert_written(out, 4);
}

/* Every size around the eight bytes at which the test changes its way, every bit. */
static void one_bit_is_not_zero(void **state)
{
	uint8_t data[40];

	(void)state;
	for (size_t size = 0; size <= 33; size++) {
		memset(data, 0xff, sizeof(data));
		memset(data + 1, 0, size);
		if (!bytes_zero(data + 1, size))
			fail_msg("%zu zeros were taken for something else", size);
		for (size_t bit = 0; bit < size * 8; bit++) {
			data[1 + bit / 8] = (uint8_t)(1 << bit % 8);
			if (bytes_zero(data + 1, size))
				fail_msg("size %zu: bit %zu was not seen", size, bit);
			data[1 + bit / 8] = 0;
		}
	}
}

/* A pattern that repeats every eight bytes is what the comparison alone would miss. */
static void equal_bytes_are_not_zero(void **state)
{
	uint8_t data[32];

	(void)state;
	memset(data, 0x80, sizeof(data));
	for (size_t size = 1; size <= sizeof(data); size++)
		assert_false(bytes_zero(data, size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_in_either_order),
		cmocka_unit_test(written_in_either_order),
		cmocka_unit_test(one_bit_is_not_zero),
		cmocka_unit_test(equal_bytes_are_not_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
