/* Serve's kinds of requests and the wire's: every row, each way. */
#include "doors/words.h"

#include "tests/unit/test.h"

static void every_request_has_its_number(void **state)
{
	static const struct {
		enum request_kind serve;
		enum wire_request wire;
	} rows[] = {
		{REQUEST_COMMAND, WIRE_COMMAND},         {REQUEST_QUERY, WIRE_QUERY},
		{REQUEST_STATUS, WIRE_STATUS},           {REQUEST_ORDER, WIRE_ORDER},
		{REQUEST_QUERY_LOCAL, WIRE_QUERY_LOCAL}, {REQUEST_BACKUP, WIRE_BACKUP},
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
		cmocka_unit_test(every_request_has_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
