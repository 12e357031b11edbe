/*
 * Values as etcdctl writes them.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/capture.h"
#include "tools/quoinctl/quoinctl.h"

#include <string.h>

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns; /* 0: it is none */
	} table[] = {
		{"5s", 5000000000},
		{"500ms", 500000000},
		{"1.5s", 1500000000},
		{"1m30s", 90000000000},
		{"1h", 3600000000000},
		{"100us", 100000},
		{"100µs", 100000},
		{"7ns", 7},
		{"", 0},
		{"5", 0},
		{"s", 0},
		{"-5s", 0},
		{"5x", 0},
		{"5 s", 0},
		{"5s ", 0},
		{"5sm", 0},
		{"0s", 0},
		{"nans", 0},
		{"infs", 0},
		{"1e400s", 0},
		{"1000h", 0},
		{" 5s", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t ns = 0;

		if (duration_parse(table[i].text, &ns) != (table[i].ns != 0) || ns != table[i].ns)
			fail_msg("\"%s\": %llu", table[i].text, (unsigned long long)ns);
	}
}

static void durations_are_written_as_go_does(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} table[] = {
		{0, "0ns"},
		{999, "999ns"},
		{1000, "1us"},
		{412300, "412.3us"},
		{412345, "412.345us"},
		{1000000, "1ms"},
		{2000001, "2.000001ms"},
		{999999999, "999.999999ms"},
		{1000000000, "1s"},
		{5001200000, "5.0012s"},
		{60000000000, "1m0s"},
		{90000000000, "1m30s"},
	};
	char text[DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		duration_text(table[i].ns, text);
		assert_string_equal(text, table[i].text);
	}
}

static void sizes_are_written_as_etcdctl_does(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} table[] = {
		{0, "0 B"},
		{9, "9 B"},
		{82, "82 B"},
		{999, "999 B"},
		{1000, "1.0 kB"},
		{1234, "1.2 kB"},
		{20480, "20 kB"},
		{82854982, "83 MB"},
		{2147483648, "2.1 GB"},
		{UINT64_MAX, "18 EB"},
	};
	char text[DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bytes_text(table[i].size, text);
		assert_string_equal(text, table[i].text);
	}
}

/* RFC 4648, and sizes at which a long value goes out in several pieces. */
static void bytes_are_written_as_base64(void **state)
{
	static const struct {
		const char *bytes;
		size_t repeat;
		const char *text, *end;
	} table[] = {
		{"", 0, "", ""},
		{"", 0, "", "f:Zg=="},
		{"", 0, "", "fo:Zm8="},
		{"foo", 1, "Zm9v", ""},
		{"foo", 255, "Zm9v", ""},
		{"foo", 256, "Zm9v", ""},
		{"foo", 256, "Zm9v", "f:Zg=="},
		{"foo", 600, "Zm9v", "fo:Zm8="},
	};
	char in[4096], want[8192], got[8192] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *rest = strchr(table[i].end, ':');
		size_t size = 0, length = 1;

		want[0] = '"';
		for (size_t j = 0; j < table[i].repeat; j++) {
			memcpy(in + size, table[i].bytes, 3);
			memcpy(want + length, table[i].text, 4);
			size += 3;
			length += 4;
		}
		if (rest) {
			memcpy(in + size, table[i].end, (size_t)(rest - table[i].end));
			size += (size_t)(rest - table[i].end);
		}
		snprintf(want + length, sizeof(want) - length, "%s\"", rest ? rest + 1 : "");
		struct capture c = capture_begin();
		json_bytes((const uint8_t *)in, size);
		capture_end(&c, got, sizeof(got));
		if (strcmp(got, want) != 0)
			fail_msg("%zu bytes: %.100s, not %.100s", size, got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(durations_are_written_as_go_does),
		cmocka_unit_test(sizes_are_written_as_etcdctl_does),
		cmocka_unit_test(bytes_are_written_as_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
