/*
 * The envelope of every packet.
 */
#include "base/bytes.h"
#include "dataplane/wire.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const struct wire_envelope some_envelope = {
	.type = WIRE_APPEND,
	.body_size = 3,
	.cluster_id = 0x1111222233334444,
	.source_id = 0x2222333344445555,
	.source_identity = 0x3333444455556666,
	.source_start = 7,
	.destination_identity = 0x4444555566667777,
};

static void envelopes_round_trip(void **state)
{
	uint8_t packet[WIRE_ENVELOPE_SIZE + 3] = {0};
	struct wire_envelope back;

	(void)state;
	wire_envelope_encode(&some_envelope, packet);
	assert_int_equal(wire_envelope_decode(&back, packet, sizeof(packet)), WIRE_VERDICT_GOOD);
	assert_int_equal(back.type, some_envelope.type);
	assert_int_equal(back.body_size, some_envelope.body_size);
	assert_int_equal(back.cluster_id, some_envelope.cluster_id);
	assert_int_equal(back.source_id, some_envelope.source_id);
	assert_int_equal(back.source_identity, some_envelope.source_identity);
	assert_int_equal(back.source_start, some_envelope.source_start);
	assert_int_equal(back.destination_identity, some_envelope.destination_identity);
}

static void the_envelope_is_where_the_table_says(void **state)
{
	uint8_t packet[WIRE_ENVELOPE_SIZE];

	(void)state;
	wire_envelope_encode(&some_envelope, packet);
	assert_memory_equal(packet, "QUON\x01\x01\x03\x00\x03\x00\0\0\0\0\0\0", 16);
	assert_int_equal(bytes_get64(packet + 16), some_envelope.cluster_id);
	assert_int_equal(bytes_get64(packet + 24), some_envelope.source_id);
	assert_int_equal(bytes_get64(packet + 32), some_envelope.source_identity);
	assert_int_equal(bytes_get64(packet + 40), some_envelope.source_start);
	assert_int_equal(bytes_get64(packet + 48), some_envelope.destination_identity);
}

static void verdicts(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum wire_verdict verdict;
	} table[] = {
		{0, 'q', WIRE_VERDICT_MAGIC}, {3, 'M', WIRE_VERDICT_MAGIC},
		{4, 0, WIRE_VERDICT_VERSION}, /* older than the lowest that it can be read as */
		{4, 2, WIRE_VERDICT_GOOD},    /* newer, and readable */
		{4, 255, WIRE_VERDICT_GOOD},  /* much newer, and readable */
		{5, 0, WIRE_VERDICT_VERSION}, /* there is no version 0 */
		{5, 2, WIRE_VERDICT_VERSION}, /* not readable by us */
		{6, 0, WIRE_VERDICT_TYPE},    {6, 23, WIRE_VERDICT_TYPE},
		{6, 31, WIRE_VERDICT_TYPE},   {6, 38, WIRE_VERDICT_TYPE},
		{7, 1, WIRE_VERDICT_RANGE}, /* flags */
		{8, 2, WIRE_VERDICT_SIZE},    {8, 4, WIRE_VERDICT_SIZE},
		{9, 1, WIRE_VERDICT_SIZE},    {10, 1, WIRE_VERDICT_RANGE},
		{15, 1, WIRE_VERDICT_RANGE},  {56, 1, WIRE_VERDICT_RANGE}, /* session */
		{71, 1, WIRE_VERDICT_RANGE},                               /* counter */
		{72, 1, WIRE_VERDICT_RANGE},                               /* tag */
		{87, 1, WIRE_VERDICT_RANGE},
	};
	struct wire_envelope out;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t packet[WIRE_ENVELOPE_SIZE + 3] = {0};

		wire_envelope_encode(&some_envelope, packet);
		packet[table[i].at] = table[i].value;
		if (wire_envelope_decode(&out, packet, sizeof(packet)) != table[i].verdict)
			fail_msg("%u at %zu", table[i].value, table[i].at);
	}
}

static void N4_an_envelope_is_not_read_past_its_bytes(void **state)
{
	uint8_t packet[WIRE_ENVELOPE_SIZE + 3] = {0};
	struct wire_envelope out;

	(void)state;
	wire_envelope_encode(&some_envelope, packet);
	for (size_t size = 0; size < sizeof(packet); size++) {
		uint8_t *copy = malloc(size ? size : 1);
		enum wire_verdict expected =
			size < WIRE_ENVELOPE_SIZE ? WIRE_VERDICT_SHORT : WIRE_VERDICT_SIZE;

		assert_non_null(copy);
		memcpy(copy, packet, size);
		assert_int_equal(wire_envelope_decode(&out, copy, size), expected);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelopes_round_trip),
		cmocka_unit_test(the_envelope_is_where_the_table_says),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(N4_an_envelope_is_not_read_past_its_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
