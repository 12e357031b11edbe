/*
 * What the versioned store can do, by quoinctl run as a user runs it: old revisions and
 * orders. The first argument is the program.
 */
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The revision at which a test begins: nothing is there. */
static uint64_t begin;

static int nothing_is_there(void **state)
{
	int err = ctl_each(state);

	pthread_mutex_lock(&store.lock);
	begin = store.sm->ops->revision(store.sm);
	pthread_mutex_unlock(&store.lock);
	return err;
}

/* As expect, with "@N" for the revision N after the beginning. */
static void expect_at(const char *line, const char *input, int code, const char *out,
		      const char *err)
{
	char texts[3][2048];
	const char *from[] = {line, out, err};

	for (int i = 0; i < 3; i++) {
		size_t used = 0;

		for (const char *at = from[i]; *at; at++) {
			if (*at == '@')
				used += (size_t)snprintf(texts[i] + used, sizeof(texts[i]) - used,
							 "%" PRIu64,
							 begin + (uint64_t)(*++at - '0'));
			else
				texts[i][used++] = *at;
			assert_true(used < sizeof(texts[i]) - 1);
		}
		texts[i][used] = '\0';
	}
	run_with(input, strlen(input), texts[0]);
	if (status != code || strcmp(output, texts[1]) != 0 || strcmp(errors, texts[2]) != 0)
		fail_msg("quoinctl %s: status %d\n--- output\n%s--- errors\n%s--- expected "
			 "%d\n%s%s",
			 texts[0], status, output, errors, code, texts[1], texts[2]);
}

#define JSON_HEADER(n) \
	"{\"header\":{\"cluster_id\":4369,\"member_id\":1,\"revision\":" n ",\"raft_term\":7}"
#define FIELDS_HEADER(n) \
	"\"ClusterID\" : 4369\n\"MemberID\" : 1\n\"Revision\" : " n "\n\"RaftTerm\" : 7\n"
#define FUTURE "etcdserver: mvcc: required revision is a future revision"

static void old_revisions(void **state)
{
	(void)state;
	expect_at("put k 1", "", 0, "OK\n", "");
	expect_at("put k 2", "", 0, "OK\n", "");
	expect_at("del k", "", 0, "1\n", "");
	expect_at("get k", "", 0, "", "");
	expect_at("get k --rev=@2", "", 0, "k\n2\n", "");
	expect_at("get k --rev=@1", "", 0, "k\n1\n", "");
	expect_at("get k --rev=@3", "", 0, "", "");
	expect_at("get k --rev=0", "", 0, "", "");
	expect_at("get --prefix k --rev=@1 -w json", "", 0,
		  JSON_HEADER("@3") ",\"kvs\":[{\"key\":\"aw==\",\"create_revision\":@1,"
				    "\"mod_revision\":@1,\"version\":1,\"value\":\"MQ==\"}],"
				    "\"count\":1}\n",
		  "");
	expect_at("get k --rev=@1 -w fields", "", 0,
		  FIELDS_HEADER("@3") "\"Key\" : \"k\"\n\"CreateRevision\" : @1\n"
				      "\"ModRevision\" : @1\n\"Version\" : 1\n\"Value\" : \"1\"\n"
				      "\"Lease\" : 0\n\"More\" : false\n\"Count\" : 1\n",
		  "");
	expect_at("get k --rev=@4", "", 1, "", "Error: " FUTURE "\n");
	expect_at("get k --rev=@1 --consistency=s", "", 0, "k\n1\n", "");
}

static void orders_and_bounds(void **state)
{
	static const struct {
		const char *options, *values;
	} table[] = {
		{"", "3\n2\n1\n"},
		{"--order=DESCEND", "1\n2\n3\n"},
		{"--sort-by=KEY --order=ASCEND", "3\n2\n1\n"},
		{"--sort-by=VALUE", "1\n2\n3\n"},
		{"--sort-by=value --order=descend", "3\n2\n1\n"},
		{"--sort-by=CREATE --order=DESCEND", "1\n2\n3\n"},
		{"--sort-by=MODIFY", "2\n1\n3\n"},
		{"--sort-by=MODIFY --limit=1", "2\n"},
		{"--sort-by=VERSION --order=DESCEND --limit=1", "3\n"},
		{"--min-mod-rev=@4", "3\n"},
		{"--max-mod-rev=@3", "2\n1\n"},
		{"--min-create-rev=@2 --max-create-rev=@2", "2\n"},
		{"--limit=2 --rev=@3", "x\n2\n"},
	};
	char line[128];

	(void)state;
	expect_at("put a x", "", 0, "OK\n", "");
	expect_at("put b 2", "", 0, "OK\n", "");
	expect_at("put c 1", "", 0, "OK\n", "");
	expect_at("put a 3", "", 0, "OK\n", "");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(line, sizeof(line), "get a z --print-value-only%s%s",
			 *table[i].options ? " " : "", table[i].options);
		expect_at(line, "", 0, table[i].values, "");
	}
	/* How many there are does not depend on what is shown of them. */
	run("get a z --limit=1 -w fields");
	assert_non_null(strstr(output, "\"More\" : true\n\"Count\" : 3\n"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(old_revisions, nothing_is_there),
		cmocka_unit_test_setup(orders_and_bounds, nothing_is_there),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
