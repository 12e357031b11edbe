/*
 * What etcdctl takes on its command line, quoinctl takes, or says what it does not have; and what
 * means nothing is an error. The first argument is the program.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <stdio.h>
#include <string.h>

static void two_keys(void)
{
	expect("put a 1", 0, "OK\n", "");
	expect("put ab 2", 0, "OK\n", "");
}

static void F15_a_switch_may_have_a_value(void **state)
{
	static const char *const on[] = {"true", "True", "TRUE", "t", "T", "1"};
	static const char *const off[] = {"false", "False", "FALSE", "f", "F", "0"};
	char line[128];

	(void)state;
	two_keys();
	for (int i = 0; i < 6; i++) {
		snprintf(line, sizeof(line), "get a --prefix=%s", on[i]);
		expect(line, 0, "a\n1\nab\n2\n", "");
		snprintf(line, sizeof(line), "get a --prefix=%s", off[i]);
		expect(line, 0, "a\n1\n", "");
	}
	expect("get a --prefix --prefix=false", 0, "a\n1\n", "");
	/* A switch that is off is not set: neither against another, nor where it is not taken. */
	expect("get a --prefix=false --from-key", 0, "a\n1\nab\n2\n", "");
	expect("get a --keys-only=false --count-only=true --prefix=1", 0, "2\n", "");
	expect("get a --print-value-only=false", 0, "a\n1\n", "");
	run("get a --prefix=yes");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "--prefix=yes: it is true or false"));
	/* As etcdctl has it: the word after a switch is an argument. */
	run("get a --prefix true");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "too many arguments"));
}

static void F15_an_equals_sign_after_a_short_option(void **state)
{
	(void)state;
	two_keys();
	run("get a -w=json");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "\"kvs\":[{\"key\":\"YQ==\""));
	run("get a -wjson");
	assert_int_equal(status, 0);
	run("get -w json a");
	assert_int_equal(status, 0);
	run("--write-out=json get a");
	assert_int_equal(status, 0);
	run("get a -w=");
	assert_int_equal(status, 2);
	run("get a -w protobuf");
	assert_int_equal(status, 2);
	assert_non_null(
		strstr(errors, "--write-out=protobuf: it is simple, table, json or fields"));
}

static void F15_lists_of_endpoints(void **state)
{
	static const char *const forms[][3] = {{"", ",", ","},    {"", ",,", ""},
					       {",", ",", ""},    {"\t", "\t,\t", " "},
					       {" ", " , ", " "}, {"", " ,\n", ",\n"}};
	char list[256];

	(void)state;
	two_keys();
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(list, sizeof(list), "%s%s%s%s%s", forms[i][0], node[0].udp, forms[i][1],
			 node[1].local, forms[i][2]);
		set_endpoints(list);
		expect("get a", 0, "a\n1\n", "");
	}
	set_endpoints(node[0].udp);
	run("get a --endpoints=,");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "no endpoint"));
	run("get a --endpoints=");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "no endpoint"));
	/* What quoin cannot take is said with what it can. */
	run("get a --endpoints=http://10.0.0.1:2379");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "http://"));
	assert_non_null(strstr(errors, "10.0.0.1:2379"));
}

/* pflag's lists: each time more are added; what the environment says is replaced. */
static void F15_endpoints_named_twice_are_all_asked(void **state)
{
	char line[512];

	(void)state;
	set_endpoints("unix:/nowhere/at/all");
	snprintf(line, sizeof(line), "endpoint health --endpoints=%s --endpoints %s,%s",
		 node[0].udp, node[1].local, node[2].udp);
	run(line);
	assert_int_equal(status, 0);
	for (int i = 0; i < CTL_NODES; i++)
		assert_non_null(strstr(output, i == 1 ? node[i].local : node[i].udp));
	assert_null(strstr(output, "nowhere"));
}

static void F15_bytes_as_hexadecimal(void **state)
{
	(void)state;
	expect("put \x01k \xff", 0, "OK\n", "");
	expect("get \x01k --hex", 0, "\\x01\\x6b\n\\xff\n", "");
	expect("get \x01k --hex --print-value-only", 0, "\\xff\n", "");
	expect("get \x01k --hex --keys-only", 0, "\\x01\\x6b\n\n", "");
	expect("get \x01k --hex=false --keys-only", 0, "\x01k\n\n", "");
	run("get \x01k --hex -w json");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "--hex"));
}

static void F15_one_members_own_view(void **state)
{
	(void)state;
	two_keys();
	/* It needs no leader: etcd's serializable. */
	atomic_store(&node[0].faults.no_leader, 1000000);
	expect("get a --consistency=s", 0, "a\n1\n", "");
	run("get a --consistency=l --command-timeout=300ms");
	assert_int_equal(status, 1);
	atomic_store(&node[0].faults.no_leader, 0);
	expect("get a --consistency l", 0, "a\n1\n", "");
	run("get a --consistency=x");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "--consistency=x: it is l"));
}

static void F15_times_as_go_writes_them(void **state)
{
	static const char *const good[] = {"5s", "1m30s", ".5s", "1.5s", "2000ms", "+3s"};
	char line[128];

	(void)state;
	two_keys();
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "get a --command-timeout=%s", good[i]);
		expect(line, 0, "a\n1\n", "");
	}
}

/* What etcdctl has for these commands and quoin does not: named, with the reason. */
static void F15_what_is_not_there_is_named(void **state)
{
	static const char *const lines[] = {
		"put a b --lease=1234",
		"get a --cacert=/x",
		"get a --cert /x",
		"get a --key /x",
		"get a --user root:x",
		"get a --password x",
		"get a --insecure-transport=false",
		"get a --insecure-skip-tls-verify",
		"get a --insecure-discovery",
		"get a --discovery-srv x",
		"get a -d x",
		"get a --discovery-srv-name x",
		"get a --dial-timeout=2s",
		"get a --keepalive-time 2s",
		"get a --keepalive-timeout 2s",
		"get a --debug",
		"get a --no-such-flag-anywhere",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *flag = strstr(lines[i], " -") + 1;
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(flag, " ="), flag);
		if (strcmp(name, "-d") == 0)
			snprintf(name, sizeof(name), "--discovery-srv");
		run(lines[i]);
		if (status != 2 || output[0] || !strstr(errors, name))
			fail_msg("quoinctl %s: status %d\n%s%s", lines[i], status, output, errors);
	}
}

static void F15_an_argument_without_a_meaning_is_an_error(void **state)
{
	static const char *const lines[][2] = {
		{"endpoint health extra", "endpoint health takes no argument"},
		{"endpoint status a b", "endpoint status takes no argument"},
		{"endpoint health --prefix", "--prefix"},
		{"endpoint status --hex", "--hex"},
		{"put a b --consistency=s", "--consistency"},
		{"put a b --hex", "--hex has no meaning without --prev-kv"},
		{"del a --hex", "--hex has no meaning without --prev-kv"},
		{"put a b --prev-kv --hex -w fields", "--hex is only for `--write-out=simple`"},
		{"put a b --rev=3", "--rev"},
		{"put a b --ignore-value", "put command needs only 1 argument when"},
		{"get a --prev-kv", "--prev-kv"},
		{"get a --physical", "--physical"},
		{"get a -i", "--interactive"},
		{"del a --order=ASCEND", "--order"},
		{"del a --ignore-lease", "--ignore-lease"},
		{"txn a", "txn command does not accept argument"},
		{"txn --prefix", "--prefix"},
		{"compaction", "compaction command needs 1 argument"},
		{"compaction 1 2", "compaction command needs 1 argument"},
		{"compaction x", "compaction x: it is a revision, like 100"},
		{"compaction -- -", "compaction -: it is a revision, like 100"},
		{"compaction 1-", "compaction 1-: it is a revision, like 100"},
		{"compaction 9223372036854775808", "it is a revision, like 100"},
		{"compaction 1 --rev 3", "--rev"},
		{"endpoint hashkv a", "endpoint hashkv takes no argument"},
		{"endpoint hashkv --physical", "--physical"},
		{"endpoint status --rev=1", "--rev"},
		{"check equality a", "check equality takes no argument"},
		{"check equality --cluster", "--cluster"},
		{"del a --count-only", "--count-only"},
		{"put a b c", "put command needs 1 argument"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(lines[i][0]);
		if (status != 2 || output[0] || !strstr(errors, lines[i][1]))
			fail_msg("quoinctl %s: status %d\n%s%s", lines[i][0], status, output,
				 errors);
	}
}

static void F15_help_as_etcdctl_has_it(void **state)
{
	(void)state;
	run("-h");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "endpoint health"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(F15_a_switch_may_have_a_value),
		CTL_TEST(F15_an_equals_sign_after_a_short_option),
		CTL_TEST(F15_lists_of_endpoints),
		CTL_TEST(F15_endpoints_named_twice_are_all_asked),
		CTL_TEST(F15_bytes_as_hexadecimal),
		CTL_TEST(F15_one_members_own_view),
		CTL_TEST(F15_times_as_go_writes_them),
		CTL_TEST(F15_what_is_not_there_is_named),
		CTL_TEST(F15_an_argument_without_a_meaning_is_an_error),
		CTL_TEST(F15_help_as_etcdctl_has_it),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
