/*
 * Messages in parts: any order, any repetition, nothing else.
 */
#include "base/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t message[PARTS_MESSAGE_SIZE_MAX], buffer[PARTS_MESSAGE_SIZE_MAX];

static struct part part_of(uint32_t total, uint32_t i)
{
	return (struct part){
		.total_size = total,
		.number = i,
		.data = message + (size_t)i * PARTS_PART_SIZE,
		.size = parts_size(total, i),
	};
}

static void counts_and_sizes(void **state)
{
	static const struct {
		uint32_t total, count, last;
	} table[] = {
		{0, 1, 0},
		{1, 1, 1},
		{PARTS_PART_SIZE - 1, 1, PARTS_PART_SIZE - 1},
		{PARTS_PART_SIZE, 1, PARTS_PART_SIZE},
		{PARTS_PART_SIZE + 1, 2, 1},
		{2 * PARTS_PART_SIZE, 2, PARTS_PART_SIZE},
		{PARTS_MESSAGE_SIZE_MAX, PARTS_COUNT_MAX, PARTS_MESSAGE_SIZE_MAX % PARTS_PART_SIZE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t sum = 0;

		assert_int_equal(parts_count(table[i].total), table[i].count);
		assert_int_equal(parts_size(table[i].total, table[i].count - 1), table[i].last);
		for (uint32_t j = 0; j < table[i].count; j++)
			sum += parts_size(table[i].total, j);
		assert_int_equal(sum, table[i].total);
	}
	/* A total that a packet claims may be anything. */
	assert_int_equal(parts_count(UINT32_MAX), UINT32_MAX / PARTS_PART_SIZE + 1);
}

static void assemble(uint32_t total, const uint32_t *order, uint32_t count)
{
	struct parts p;

	memset(buffer, 0xee, total);
	memset(&p, 0xff, sizeof(p));
	parts_begin(&p, buffer, total);
	for (uint32_t i = 0; i < count; i++) {
		struct part part = part_of(total, order[i]);
		uint32_t missing = 0;

		assert_false(parts_complete(&p));
		assert_false(parts_has(&p, order[i]));
		assert_true(parts_add(&p, &part));
		assert_false(parts_add(&p, &part));
		assert_true(parts_has(&p, order[i]));
		assert_int_equal(p.arrived, i + 1);
		while (missing < count && parts_has(&p, missing))
			missing++;
		assert_int_equal(p.next, missing);
	}
	assert_true(parts_complete(&p));
	assert_memory_equal(buffer, message, total);
}

static void permute(uint32_t total, uint32_t *order, uint32_t count, uint32_t from)
{
	if (from == count) {
		assemble(total, order, count);
		return;
	}
	for (uint32_t i = from; i < count; i++) {
		uint32_t swap = order[from];

		order[from] = order[i];
		order[i] = swap;
		permute(total, order, count, from + 1);
		order[i] = order[from];
		order[from] = swap;
	}
}

static void every_order_of_up_to_six_parts(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 6; count++) {
		uint32_t order[6] = {0, 1, 2, 3, 4, 5};

		permute(count * PARTS_PART_SIZE - 7, order, count, 0);
	}
}

static void the_largest_message_in_a_random_order(void **state)
{
	static uint32_t order[PARTS_COUNT_MAX];
	uint64_t random = 12345;

	(void)state;
	for (uint32_t i = 0; i < PARTS_COUNT_MAX; i++)
		order[i] = i;
	for (uint32_t i = PARTS_COUNT_MAX - 1; i > 0; i--) {
		uint32_t j, swap = order[i];

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		j = (uint32_t)(random >> 33) % (i + 1);
		order[i] = order[j];
		order[j] = swap;
	}
	assemble(PARTS_MESSAGE_SIZE_MAX, order, PARTS_COUNT_MAX);
}

static void a_part_of_another_message_is_refused(void **state)
{
	struct part part;
	struct parts p;

	(void)state;
	parts_begin(&p, buffer, 3 * PARTS_PART_SIZE);
	part = part_of(3 * PARTS_PART_SIZE - 1, 0); /* another total */
	assert_false(parts_add(&p, &part));
	part = part_of(3 * PARTS_PART_SIZE, 0);
	part.number = 3; /* past the end */
	assert_false(parts_add(&p, &part));
	part = part_of(3 * PARTS_PART_SIZE, 0);
	part.size--; /* short */
	assert_false(parts_add(&p, &part));
	assert_int_equal(p.arrived, 0);
}

static void an_empty_message_is_one_empty_part(void **state)
{
	struct part part = {.data = NULL};
	struct parts p;

	(void)state;
	parts_begin(&p, NULL, 0);
	assert_false(parts_complete(&p));
	assert_true(parts_add(&p, &part));
	assert_true(parts_complete(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_sizes),
		cmocka_unit_test(every_order_of_up_to_six_parts),
		cmocka_unit_test(the_largest_message_in_a_random_order),
		cmocka_unit_test(a_part_of_another_message_is_refused),
		cmocka_unit_test(an_empty_message_is_one_empty_part),
	};

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 31 + i / PARTS_PART_SIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
