/*
 * The body of FORMATION.
 */
#include "dataplane/wire.h"
#include "raft/formation.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

static void formation_bodies_round_trip(void **state)
{
	struct formation_message m = {
		.say = FORMATION_SAY_ACCEPTED,
		.cluster_id = 5,
		.table = {.digest = 6,
			  .origin = 7,
			  .count = 2,
			  .member = {{.place = 8 << 16 | 1, .identity = 9},
				     {.place = 10 << 16 | 1, .identity = 11}}},
	};
	struct formation_message back;
	uint8_t body[WIRE_FORMATION_SIZE_MAX];

	(void)state;
	assert_int_equal(wire_formation_encode(&m, body), 40 + 2 * 16);
	assert_int_equal(wire_formation_decode(&back, body, 40 + 2 * 16), 0);
	assert_memory_equal(&m, &back, sizeof(m));
	static const struct {
		size_t at;
		uint8_t value;
		const char *why;
	} row[] = {
		{0, 0, "says nothing"},
		{0, 6, "says what nobody knows"},
		{0, 1, "a table in what has none"},
		{1, 2, "neither yes nor no"},
		{2, 3, "more members than bytes"},
		{2, 17, "more members than there can be"},
		{1, 1, "one that accepted, and waits to join"},
		{32, 1, "meant for somebody, and no refusal"},
		{3, 1, "reserved bytes"},
		{42, 0, "no address"},
		{40, 0, "no port"},
		{46, 1, "more than an address and a port"},
		{48, 0, "no identity"},
		{42, 12, "places out of order"},
		{58, 8, "one place twice"},
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		(void)wire_formation_encode(&m, body);
		body[row[i].at] = row[i].value;
		if (wire_formation_decode(&back, body, 40 + 2 * 16) != -EINVAL)
			fail_msg("row %zu, accepted: %s", i, row[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formation_bodies_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
