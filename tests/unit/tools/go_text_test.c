/*
 * Strings as Go writes them: what strconv.Quote gave for the same bytes. How they are read is in
 * txn_text_test.c.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/capture.h"
#include "tools/quoinctl/go_text.h"

#include <string.h>

static void strings_are_quoted_as_go_does(void **state)
{
	static const struct {
		const char *bytes, *quoted;
	} table[] = {
		{"", "\"\""},
		{"foo bar", "\"foo bar\""},
		{"\a\b\f\n\r\t\v\\\"'`", "\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"'`\""},
		{"\x01\x1f\x7f", "\"\\x01\\x1f\\x7f\""},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		/* Blanks and marks that are not seen, and what is nobody's. */
		{"\xc2\xa0\xc2\xad\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf\xe3\x80\x80",
		 "\"\\u00a0\\u00ad\\u2028\\u200b\\ufeff\\u3000\""},
		{"\xc2\x80\xee\x80\x80\xf3\xb0\x80\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf",
		 "\"\\u0080\\ue000\\U000f0000\\uffff\\U0010ffff\""},
		{"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
		/* No UTF-8: cut short, too long for what it says, a surrogate, too large. */
		{"\xff\xc3", "\"\\xff\\xc3\""},
		{"\xe2\x82", "\"\\xe2\\x82\""},
		{"\xc3(", "\"\\xc3(\""},
		{"\xc0\x80\xe0\x80\x80", "\"\\xc0\\x80\\xe0\\x80\\x80\""},
		{"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
		{"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
		 "\"\\xf4\\x90\\x80\\x80\\xf8\\x88\\x80\\x80\\x80\""},
	};
	char got[256];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct capture c = capture_begin();

		go_quote((const uint8_t *)table[i].bytes, strlen(table[i].bytes));
		capture_end(&c, got, sizeof(got));
		assert_string_equal(got, table[i].quoted);
	}
	struct capture c = capture_begin();

	go_quote((const uint8_t *)"a\0b", 3);
	capture_end(&c, got, sizeof(got));
	assert_string_equal(got, "\"a\\x00b\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_quoted_as_go_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
