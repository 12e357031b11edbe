/*
 * CRC32C against published values (RFC 3720, B.4), in pieces, and around its own place.
 */
#include "base/crc.h"

#include "tests/unit/test.h"

#include <stdbool.h>
#include <string.h>

static void published_values(void **state)
{
	uint8_t data[32];

	(void)state;
	assert_int_equal(bytes_crc(0, "", 0), 0);
	assert_int_equal(bytes_crc(0, "123456789", 9), 0xe3069283);
	memset(data, 0, sizeof(data));
	assert_int_equal(bytes_crc(0, data, sizeof(data)), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(bytes_crc(0, data, sizeof(data)), 0x62a8ab43);
}

static void pieces_give_what_the_whole_gives(void **state)
{
	const char *text = "123456789";

	(void)state;
	for (size_t cut = 0; cut <= 9; cut++)
		assert_int_equal(bytes_crc(bytes_crc(0, text, cut), text + cut, 9 - cut),
				 0xe3069283);
}

/* The bytes in the hole do not count; those beside it do. */
static void a_hole_counts_as_zero(void **state)
{
	uint8_t data[20], zeroed[20];

	(void)state;
	for (size_t hole = 0; hole + 4 <= sizeof(data); hole++) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = zeroed[i] = (uint8_t)(i * 37 + 1);
		memset(zeroed + hole, 0, 4);
		uint32_t expected = bytes_crc(7, zeroed, sizeof(zeroed));
		assert_int_equal(bytes_crc_hole(7, data, sizeof(data), hole), expected);
		for (size_t i = 0; i < sizeof(data); i++) {
			data[i] ^= 1;
			bool same = bytes_crc_hole(7, data, sizeof(data), hole) == expected;
			data[i] ^= 1;
			if (same != (i >= hole && i < hole + 4))
				fail_msg("hole at %zu: a change at %zu", hole, i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_values),
		cmocka_unit_test(pieces_give_what_the_whole_gives),
		cmocka_unit_test(a_hole_counts_as_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
