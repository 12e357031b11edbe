/*
 * Addresses as they are typed, one and several.
 */
#include "tools/client/address.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static void addresses_are_literal_or_paths(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t udp;
		uint16_t port;
		const char *path;
	} table[] = {
		{"198.18.0.1:2379", 0, 0xc6120001, 2379, ""},
		{"10.0.0.1:1", 0, 0x0a000001, 1, ""},
		{"255.255.255.255:65535", 0, 0xffffffff, 65535, ""},
		{"unix:/run/quoin/admin.sock", 0, 0, 0, "/run/quoin/admin.sock"},
		{"unix:relative", 0, 0, 0, "relative"},
		{"unix:", -EINVAL, 0, 0, ""},
		{"198.18.0.1", -EINVAL, 0, 0, ""},
		{"198.18.0.1:", -EINVAL, 0, 0, ""},
		{"198.18.0.1:0", -EINVAL, 0, 0, ""},
		{"198.18.0.1:65536", -EINVAL, 0, 0, ""},
		{"198.18.0.1:18446744073709551617", -EINVAL, 0, 0, ""},
		{"198.18.0.1:2379x", -EINVAL, 0, 0, ""},
		{"198.18.0.1: 1", -EINVAL, 0, 0, ""},
		{"198.18.0.1:-1", -EINVAL, 0, 0, ""},
		{"198.18.0:2379", -EINVAL, 0, 0, ""},
		{"1.2.3.4.5:5", -EINVAL, 0, 0, ""},
		{"localhost:2379", -EINVAL, 0, 0, ""},
		{"[::1]:2379", -EINVAL, 0, 0, ""},
		{"http://1.2.3.4:5", -EINVAL, 0, 0, ""},
		{":2379", -EINVAL, 0, 0, ""},
		{"", -EINVAL, 0, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char error[ADDRESS_ERROR_MAX] = "";
		struct address a;
		int err = address_parse(&a, table[i].text, error);

		if (err != table[i].result)
			fail_msg("\"%s\": %d, not %d", table[i].text, err, table[i].result);
		if (err) {
			assert_non_null(strstr(error, table[i].text));
			assert_non_null(strstr(error, "HOST:PORT"));
			continue;
		}
		assert_string_equal(a.text, table[i].text);
		assert_int_equal(ntohl(a.udp.sin_addr.s_addr), table[i].udp);
		assert_int_equal(ntohs(a.udp.sin_port), table[i].port);
		assert_string_equal(a.path.sun_path, table[i].path);
		assert_int_equal(a.local, table[i].path[0] != '\0');
	}
}

/* A path longer than a socket's address holds is refused, not cut. */
static void a_path_too_long_is_refused(void **state)
{
	char text[512] = "unix:", error[ADDRESS_ERROR_MAX];
	struct address a;

	(void)state;
	for (size_t size = 1; size < sizeof(text) - 6; size++) {
		int err;

		memset(text + 5, 'a', size);
		err = address_parse(&a, text, error);
		if (err != (size <= 107 ? 0 : -EINVAL))
			fail_msg("a path of %zu bytes: %d", size, err);
	}
}

static void lists_have_commas(void **state)
{
	char error[ADDRESS_ERROR_MAX];
	struct address a[3];

	(void)state;
	assert_int_equal(address_list_parse(a, 3, "1.2.3.4:5", error), 1);
	assert_string_equal(a[0].text, "1.2.3.4:5");
	assert_int_equal(address_list_parse(a, 3, "1.2.3.4:5,unix:/a,6.7.8.9:10", error), 3);
	assert_string_equal(a[0].text, "1.2.3.4:5");
	assert_string_equal(a[1].path.sun_path, "/a");
	assert_string_equal(a[2].text, "6.7.8.9:10");
	assert_int_equal(address_list_parse(a, 2, "1.2.3.4:5,unix:/a,6.7.8.9:10", error), -EINVAL);
	assert_string_equal(error, "more than 2 endpoints");
	assert_int_equal(address_list_parse(a, 3, "1.2.3.4:5,wrong,6.7.8.9:10", error), -EINVAL);
	assert_non_null(strstr(error, "\"wrong\""));
	/* A comma too many is a slip of which the user should know. */
	/* F15: as etcdctl takes them. */
	assert_int_equal(address_list_parse(a, 1, " 1.2.3.4:5 , ", error), 1);
	assert_string_equal(a[0].text, "1.2.3.4:5");
	assert_int_equal(address_list_parse(a, 3, ",1.2.3.4:5,,\tunix:/a b\n", error), 2);
	assert_string_equal(a[1].text, "unix:/a b");
	assert_int_equal(address_list_parse(a, 3, "1.2.3.4:5 6.7.8.9:10", error), -EINVAL);
	assert_int_equal(address_list_parse(a, 3, " , ", error), -EINVAL);
	assert_int_equal(address_list_parse(a, 3, "", error), -EINVAL);
}

/* N17: nodes take no fragments; the kernel makes none of ours, and says so where it would have. */
static void N17_datagrams_leave_whole(void **state)
{
	char error[ADDRESS_ERROR_MAX];
	struct address a;
	int found = -1, fd;
	socklen_t size = sizeof(found);

	(void)state;
	assert_int_equal(address_parse(&a, "127.0.0.1:9", error), 0);
	fd = address_connect(&a);
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &found, &size), 0);
	assert_int_equal(found, IP_PMTUDISC_DO);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_literal_or_paths),
		cmocka_unit_test(a_path_too_long_is_refused),
		cmocka_unit_test(lists_have_commas),
		cmocka_unit_test(N17_datagrams_leave_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
