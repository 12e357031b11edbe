/* Serve's words and the wire's: every row of both tables, each way. */
#include "doors/words.h"

#include "tests/unit/test.h"

/* The wire's own: serve has no cookies. */
static bool only_the_wires(int status)
{
	return status == WIRE_BAD_COOKIE;
}

static void every_status_has_its_word(void **state)
{
	(void)state;
	for (int i = 0; i < SERVE_STATUS_COUNT; i++) {
		enum serve_status serve = (enum serve_status)i, back;
		enum wire_status wire = words_wire_status(serve);

		/* A row that was left out would be said as OK. */
		if (!words_serve_status((uint8_t)wire, &back) || back != serve)
			fail_msg("status %d is said as \"%s\", and does not come back", i,
				 wire_status_text(wire));
	}
}

static void every_status_of_the_wire_is_understood(void **state)
{
	enum serve_status serve;

	(void)state;
	for (int i = 0; i < WIRE_STATUS_COUNT; i++) {
		if (words_serve_status((uint8_t)i, &serve) == only_the_wires(i))
			fail_msg("\"%s\"", wire_status_text((enum wire_status)i));
	}
	assert_false(words_serve_status(WIRE_STATUS_COUNT, &serve));
	assert_false(words_serve_status(255, &serve));
}

static void every_request_has_its_number(void **state)
{
	static const struct {
		enum request_kind serve;
		enum wire_request wire;
	} rows[] = {
		{REQUEST_COMMAND, WIRE_COMMAND},
		{REQUEST_QUERY, WIRE_QUERY},
		{REQUEST_STATUS, WIRE_STATUS},
		{REQUEST_QUERY_LOCAL, WIRE_QUERY_LOCAL},
	};
	enum request_kind back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(words_wire_kind(rows[i].serve), rows[i].wire);
		assert_true(words_serve_kind((uint8_t)rows[i].wire, &back));
		assert_int_equal(back, rows[i].serve);
	}
	for (int i = 0; i < 256; i++) {
		bool request = false;

		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			request = request || i == (int)rows[k].wire;
		assert_int_equal(words_serve_kind((uint8_t)i, &back), request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_its_word),
		cmocka_unit_test(every_status_of_the_wire_is_understood),
		cmocka_unit_test(every_request_has_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
