/*
 * quoinctl txn, run as a user runs it. The first argument is the program.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <stdio.h>
#include <string.h>

static void expect_of(const char *line, const char *input, int code, const char *out,
		      const char *err)
{
	run_with(input, strlen(input), line);
	if (status != code || strcmp(output, out) != 0 || strcmp(errors, err) != 0)
		fail_msg("quoinctl %s: status %d\n--- output\n%s--- errors\n%s--- expected "
			 "%d\n%s%s--- of\n%s",
			 line, status, output, errors, code, out, err, input);
}

#define PARTS                                                                               \
	": each of the three parts (comparisons, success requests, failure requests) ends " \
	"with a blank line\n"

/* Nothing is asked, of what is wrong in itself and of what is not whole. */
static void F17_wrong_text_is_wrong_usage(void **state)
{
	(void)state;
	set_endpoints("unix:/nowhere/at/all");
	expect_of("txn", "mod(\"k\") > \"0\"\n\nput k\n\n\n", 2, "",
		  "Error: line 3: put needs a key and a value: nothing else is read for it\n");
	expect_of("txn", "\n\033[2J\177 x\n", 2, "",
		  "Error: line 2: \"\\x1b[2J\\x7f\" is no request: it is put, get or del\n");
	expect_of("txn", "", 2, "", "Error: the input ends after line 0, in the comparisons" PARTS);
	expect_of("txn", "\nput a 1\n\n", 2, "",
		  "Error: the input ends after line 3, in the failure requests" PARTS);
	/* A last line without an end is one. */
	expect_of("txn", "\nput a 1\n\nput", 2, "",
		  "Error: line 4: put command needs 1 argument and input from stdin or 2 "
		  "arguments\n");
}

static void each_part_is_asked_for(void **state)
{
	(void)state;
	set_endpoints("unix:/nowhere/at/all");
	expect_of("txn -i", "", 2, "compares:\n",
		  "Error: the input ends after line 0, in the comparisons" PARTS);
	expect_of("txn --interactive", "mod(\"a\") > \"0\"\nmod(\"b\") > \"0\"\n\nfoo\n", 2,
		  "compares:\nsuccess requests (get, put, del):\n",
		  "Error: line 4: \"foo\" is no request: it is put, get or del\n");
	expect_of("txn -i=true", "\n\nput a 1\n", 2,
		  "compares:\nsuccess requests (get, put, del):\n"
		  "failure requests (get, put, del):\n",
		  "Error: the input ends after line 3, in the failure requests" PARTS);
	expect_of("txn -i=false", "foo\n", 2, "",
		  "Error: line 1: a comparison is like mod(\"key\") > \"0\": it begins with ver, "
		  "create, mod, val or lease, and (\n");
}

static void what_is_larger_than_etcd_takes(void **state)
{
	static char text[1700000];
	size_t size;

	(void)state;
	size = (size_t)snprintf(text, sizeof(text), "\nput a ");
	memset(text + size, 'v', 1600000);
	memcpy(text + size + 1600000, "\n\n\n", 4);
	expect_of("txn", text, 1, "",
		  "Error: etcdserver: request is too large (nothing was done)\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(F17_wrong_text_is_wrong_usage),
		CTL_TEST(each_part_is_asked_for),
		CTL_TEST(what_is_larger_than_etcd_takes),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
