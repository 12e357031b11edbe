/*
 * Values from text: what is taken, what is refused, and why.
 */
#include "config/value.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct number_case {
	const char *text;
	int result;
	uint64_t value;
};

static void check_numbers(const struct number_case *cases, size_t count,
			  int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 77;

		if (parse(cases[i].text, &value) != cases[i].result)
			fail_msg("'%s': not %d", cases[i].text, cases[i].result);
		assert_int_equal(value, cases[i].result == 0 ? cases[i].value : 77);
	}
}

static void durations_need_a_unit(void **state)
{
	static const struct number_case cases[] = {
		{"150us", 0, 150},
		{"20ms", 0, 20000},
		{"1s", 0, 1000000},
		{"0us", 0, 0},
		{"18446744073709551615us", 0, UINT64_MAX},
		{"18446744073709551616us", -ERANGE, 0},
		{"18446744073709551615ms", -ERANGE, 0},
		{"20", -ENOMSG, 0},
		{"", -EINVAL, 0},
		{"ms", -EINVAL, 0},
		{"-1ms", -EINVAL, 0},
		{"+1ms", -EINVAL, 0},
		{" 1ms", -EINVAL, 0},
		{"1 ms", -EINVAL, 0},
		{"1ms ", -EINVAL, 0},
		{"0.5ms", -EINVAL, 0},
		{"1m", -EINVAL, 0},
		{"1MS", -EINVAL, 0},
		{"0x10ms", -EINVAL, 0},
	};

	(void)state;
	check_numbers(cases, sizeof(cases) / sizeof(cases[0]), config_value_duration);
}

static void retentions_are_times_or_numbers(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t us, number;
	} cases[] = {
		{"0", 0, 0, 0},
		{"1000", 0, 0, 1000},
		{"1h", 0, UINT64_C(3600000000), 0},
		{"5m", 0, 300000000, 0},
		{"90s", 0, 90000000, 0},
		{"1h30m5s", 0, UINT64_C(5405000000), 0},
		{"0h", 0, 0, 0},
		{"", -EINVAL, 0, 0},
		{"h", -EINVAL, 0, 0},
		{"-1", -EINVAL, 0, 0},
		{"-1h", -EINVAL, 0, 0},
		{"1.5h", -EINVAL, 0, 0},
		{"100ms", -EINVAL, 0, 0},
		{"1h30", -EINVAL, 0, 0},
		{"1 h", -EINVAL, 0, 0},
		{"1d", -EINVAL, 0, 0},
		{"5000000000000h", -ERANGE, 0, 0},
		{"5000000000h5000000000h", -ERANGE, 0, 0},
		{"18446744073709551616", -ERANGE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t us = 7, number = 8;

		assert_int_equal(config_value_retention(cases[i].text, &us, &number), cases[i].rc);
		assert_int_equal(us, cases[i].rc ? 7 : cases[i].us);
		assert_int_equal(number, cases[i].rc ? 8 : cases[i].number);
	}
}

static void sizes_need_a_unit(void **state)
{
	static const struct number_case cases[] = {
		{"4096B", 0, 4096},     {"512KiB", 0, 512 * 1024},
		{"64MiB", 0, 64 << 20}, {"2GiB", 0, UINT64_C(2) << 30},
		{"4096", -ENOMSG, 0},   {"64M", -EINVAL, 0},
		{"64MB", -EINVAL, 0},   {"64mib", -EINVAL, 0},
		{"1TiB", -EINVAL, 0},   {"17179869184GiB", -ERANGE, 0},
	};

	(void)state;
	check_numbers(cases, sizeof(cases) / sizeof(cases[0]), config_value_size);
}

static void counts_are_digits(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, 0},        {"1500", 0, 1500},   {"", -EINVAL, 0},
		{"1 ", -EINVAL, 0}, {"1e3", -EINVAL, 0}, {"99999999999999999999", -ERANGE, 0},
	};

	(void)state;
	check_numbers(cases, sizeof(cases) / sizeof(cases[0]), config_value_count);
}

static void addresses_are_literal_and_a_hosts(void **state)
{
	static const char *const bad[] = {
		"",
		"198.18.0",
		"198.18.0.1.1",
		"198.18.0.256",
		"198.18.0.01",
		"localhost",
		"198.18.0.1 ",
		"0.0.0.0",
		"127.0.0.1",
		"224.0.0.1",
		"255.255.255.255",
		"198.18..1",
		"::1",
		"198.18.0.-1",
	};
	char text[CONFIG_VALUE_TEXT_SIZE];
	uint32_t address = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (config_value_address(bad[i], &address) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(address, 7);
	}
	assert_int_equal(config_value_address("198.18.0.1", &address), 0);
	assert_int_equal(address, 0xc6120001);
	assert_string_equal(config_value_address_text(address, text), "198.18.0.1");
}

static void endpoints_have_a_port_or_its_default(void **state)
{
	static const char *const bad[] = {"198.18.0.1:",      "198.18.0.1:0", "198.18.0.1:65536",
					  "198.18.0.1:2380x", "n1:2380",      "http://198.18.0.1"};
	uint32_t address = 0;
	uint16_t port = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_value_endpoint(bad[i], 1, &address, &port), -EINVAL);
	assert_int_equal(config_value_endpoint("198.18.0.1", 2380, &address, &port), 0);
	assert_int_equal(port, 2380);
	assert_int_equal(config_value_endpoint("198.18.0.2:65535", 2380, &address, &port), 0);
	assert_int_equal(address, 0xc6120002);
	assert_int_equal(port, 65535);
}

static void prefixes_hold_a_host(void **state)
{
	static const char *const bad[] = {"198.18.0.0/24",  "198.18.0.255/24", "198.18.0.1/0",
					  "198.18.0.1/32",  "198.18.0.1/",     "198.18.0.1/24x",
					  "198.18.0.1/024x"};
	uint32_t address = 0;
	uint8_t prefix = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_value_prefix(bad[i], &address, &prefix), -EINVAL);
	assert_int_equal(config_value_prefix("198.18.0.1", &address, &prefix), -ENOMSG);
	assert_int_equal(config_value_prefix("198.18.0.0/31", &address, &prefix), 0);
	assert_int_equal(config_value_prefix("198.18.0.255/16", &address, &prefix), 0);
	assert_int_equal(address, 0xc61200ff);
	assert_int_equal(prefix, 16);
}

static void macs_are_unicast(void **state)
{
	static const char *const bad[] = {"",
					  "02:00:c6:12:00",
					  "02:00:c6:12:00:01:02",
					  "02-00-c6-12-00-01",
					  "0g:00:00:00:00:01",
					  "01:00:00:00:00:01",
					  "00:00:00:00:00:00",
					  "2:0:c6:12:0:1"};
	char text[CONFIG_VALUE_TEXT_SIZE];
	uint8_t mac[6] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_value_mac(bad[i], mac), -EINVAL);
	assert_int_equal(config_value_mac("02:00:C6:12:00:fe", mac), 0);
	assert_string_equal(config_value_mac_text(mac, text), "02:00:c6:12:00:fe");
}

static void cpu_lists_are_counted_once(void **state)
{
	static const char *const bad[] = {"",   "a",    "1,",     ",1", "3-1",
					  "1-", "1024", "0-1024", "1;2"};
	uint32_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_value_cpus(bad[i], &count), -EINVAL);
	assert_int_equal(config_value_cpus("2", &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(config_value_cpus("0-3,2,8-9", &count), 0);
	assert_int_equal(count, 6);
	assert_int_equal(config_value_cpus("0-1023", &count), 0);
	assert_int_equal(count, 1024);
}

static void names_devices_and_interfaces(void **state)
{
	(void)state;
	assert_true(config_value_is_name("n1", 64));
	assert_true(config_value_is_name("rack-7.server_1", 64));
	assert_false(config_value_is_name("", 64));
	assert_false(config_value_is_name("-n1", 64));
	assert_false(config_value_is_name("n 1", 64));
	assert_false(config_value_is_name("n1/", 64));
	assert_false(config_value_is_name("abc", 2));
	assert_true(config_value_is_pci("0000:01:00.0"));
	assert_false(config_value_is_pci("01:00.0"));
	assert_false(config_value_is_pci("0000:01:00.8"));
	assert_false(config_value_is_pci("0000:01:00_0"));
	assert_true(config_value_is_interface("enp1s0f0"));
	assert_false(config_value_is_interface("sixteen-bytes-no"));
	assert_false(config_value_is_interface("a/b"));
	assert_false(config_value_is_interface("a b"));
	assert_false(config_value_is_interface(".."));
}

static void numbers_are_written_short_and_exact(void **state)
{
	char text[CONFIG_VALUE_TEXT_SIZE];

	(void)state;
	assert_string_equal(config_value_duration_text(20000, text), "20ms");
	assert_string_equal(config_value_duration_text(1500, text), "1500us");
	assert_string_equal(config_value_duration_text(3000000, text), "3s");
	assert_string_equal(config_value_duration_text(0, text), "0us");
	assert_string_equal(config_value_size_text(UINT64_C(2) << 30, text), "2GiB");
	assert_string_equal(config_value_size_text(4097, text), "4097B");
	assert_string_equal(config_value_retention_text(UINT64_C(7200000000), text), "2h");
	assert_string_equal(config_value_retention_text(UINT64_C(5400000000), text), "90m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(retentions_are_times_or_numbers),
		cmocka_unit_test(sizes_need_a_unit),
		cmocka_unit_test(counts_are_digits),
		cmocka_unit_test(addresses_are_literal_and_a_hosts),
		cmocka_unit_test(endpoints_have_a_port_or_its_default),
		cmocka_unit_test(prefixes_hold_a_host),
		cmocka_unit_test(macs_are_unicast),
		cmocka_unit_test(cpu_lists_are_counted_once),
		cmocka_unit_test(names_devices_and_interfaces),
		cmocka_unit_test(numbers_are_written_short_and_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
