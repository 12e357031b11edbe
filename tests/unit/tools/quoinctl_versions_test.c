/*
 * What the versioned store can do, by quoinctl run as a user runs it: old revisions, orders, what
 * was there before, transactions, compaction. The first argument is the program.
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
#define COMPACTED "etcdserver: mvcc: required revision has been compacted"

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
	expect_at("get k --rev=-1", "", 0, "", "");
	expect_at("put k 3", "", 0, "OK\n", "");
	expect_at("get k --rev=-1", "", 0, "k\n3\n", "");
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
		{"--limit=-1", "3\n2\n1\n"},
		{"--min-mod-rev=-1", "3\n2\n1\n"},
		{"--max-mod-rev=-1", ""},
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

#define BEFORE_JSON                                                                             \
	"{\"key\":\"aw==\",\"create_revision\":@1,\"mod_revision\":@2,\"version\":2,\"value\":" \
	"\"Mg==\"}"

static void what_was_there_before(void **state)
{
	(void)state;
	expect_at("put k 1 --prev-kv", "", 0, "OK\n", "");
	expect_at("put k 2 --prev-kv", "", 0, "OK\nk\n1\n", "");
	expect_at("put k 3 --prev-kv -w json", "", 0,
		  JSON_HEADER("@3") ",\"prev_kv\":" BEFORE_JSON "}\n", "");
	expect_at("put k --prev-kv --hex", "4", 0, "OK\n\\x6b\n\\x33\n", "");
	expect_at("put l 5", "", 0, "OK\n", "");
	expect_at("del k z --prev-kv", "", 0, "2\nk\n4\nl\n5\n", "");
	expect_at("del k z --prev-kv", "", 0, "0\n", "");
	expect_at("put k 1", "", 0, "OK\n", "");
	expect_at("del k --prev-kv -w fields", "", 0,
		  FIELDS_HEADER("@8") "\"Deleted\" : 1\n\"PrevKey\" : \"k\"\n"
				      "\"PrevCreateRevision\" : @7\n\"PrevModRevision\" : @7\n"
				      "\"PrevVersion\" : 1\n\"PrevValue\" : \"1\"\n"
				      "\"PrevLease\" : 0\n",
		  "");
}

static void what_stays_as_it_is(void **state)
{
	(void)state;
	expect_at("put k --ignore-value", "", 1, "",
		  "Error: etcdserver: key not found (nothing was done)\n");
	expect_at("put k x --ignore-lease", "", 1, "",
		  "Error: etcdserver: key not found (nothing was done)\n");
	expect_at("put k 1", "", 0, "OK\n", "");
	/* Standard input is not read. */
	expect_at("put k --ignore-value", "other", 0, "OK\n", "");
	expect_at("put k --ignore-value --ignore-lease --prev-kv", "", 0, "OK\nk\n1\n", "");
	run("get k -w fields");
	assert_non_null(strstr(output, "\"Version\" : 3\n\"Value\" : \"1\"\n"));
	expect_at("put k 2 --ignore-lease", "", 0, "OK\n", "");
	expect_at("get k", "", 0, "k\n2\n", "");
}

static void transactions(void **state)
{
	static const char text[] =
		"ver(\"k\") = \"0\"\n\nput k \"a b\"\nget k\nget --prefix \"\" "
		"--count-only\n\nput k c --prev-kv\ndel l\nget k --keys-only\n\n";
	uint64_t commands;

	(void)state;
	expect_at("txn", text, 0, "SUCCESS\n\nOK\n\nk\na b\n\n1\n", "");
	expect_at("txn", text, 0, "FAILURE\n\nOK\nk\na b\n\n0\n\nk\n\n", "");
	expect_at("txn -w json", text, 0,
		  JSON_HEADER("@3") ",\"responses\":[{\"Response\":{\"ResponsePut\":{\"header\":{"
				    "\"revision\":@3},\"prev_kv\":{\"key\":\"aw==\","
				    "\"create_revision\":@1,\"mod_revision\":@2,\"version\":2,"
				    "\"value\":\"Yw==\"}}}},{\"Response\":{\"ResponseDeleteRange\":"
				    "{\"header\":{\"revision\":@3}}}},{\"Response\":{"
				    "\"ResponseRange\":{\"header\":{\"revision\":@3},\"kvs\":[{"
				    "\"key\":\"aw==\",\"create_revision\":@1,\"mod_revision\":@3,"
				    "\"version\":3}],\"count\":1}}}]}\n",
		  "");
	expect_at("txn --hex", "val(\"k\") = \"c\"\n\nget k\n\n\n", 0, "SUCCESS\n\n\\x6b\n\\x63\n",
		  "");
	expect_at("txn -i", "mod(\"k\") > \"1\"\n\n\n\n", 0,
		  "compares:\nsuccess requests (get, put, del):\n"
		  "failure requests (get, put, del):\nSUCCESS\n",
		  "");
	expect_at("txn", "\nput k 1\nput k 2\n\n\n", 1, "",
		  "Error: etcdserver: duplicate key given in txn request (nothing was done)\n");
	/* What only reads is a query. */
	commands = store.commands;
	expect_at("txn", "\nget k --rev=1000000\n\n\n", 1, "", "Error: " FUTURE "\n");
	expect_at("txn", "val(\"\") = \"c\"\n\n\n\n", 1, "",
		  "Error: etcdserver: key is not provided\n");
	expect_at("txn", "val(\"k\") = \"d\"\n\n\nget k --keys-only\n\n", 0, "FAILURE\n\nk\n\n",
		  "");
	assert_int_equal(store.commands, commands);
}

/* A transaction whose answer is lost is asked again, is done once, and answers what it did. */
static void a_transaction_is_done_once(void **state)
{
	char list[256];

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[1].udp, node[0].udp);
	expect_at("put k 1", "", 0, "OK\n", "");
	set_endpoints(list);
	atomic_store(&node[1].faults.swallow, 1);
	expect_at("txn --command-timeout=2s", "\nput k 2 --prev-kv\n\n\n", 0,
		  "SUCCESS\n\nOK\nk\n1\n", "");
	atomic_store(&node[1].faults.silent, false);
	set_endpoints(node[0].udp);
	run("get k -w fields");
	assert_non_null(strstr(output, "\"Version\" : 2\n"));
}

static void compaction(void **state)
{
	(void)state;
	expect_at("put k 1", "", 0, "OK\n", "");
	expect_at("put k 2", "", 0, "OK\n", "");
	expect_at("put k 3", "", 0, "OK\n", "");
	expect_at("compaction -- -1", "", 1, "", "Error: " COMPACTED " (nothing was done)\n");
	expect_at("compaction 0", "", 0, "compacted revision 0\n", "");
	expect_at("compaction 0", "", 1, "", "Error: " COMPACTED " (nothing was done)\n");
	expect_at("get k --rev=@1", "", 0, "k\n1\n", "");
	expect_at("compaction @2", "", 0, "compacted revision @2\n", "");
	expect_at("get k --rev=@1", "", 1, "", "Error: " COMPACTED "\n");
	expect_at("get k --rev=@2", "", 0, "k\n2\n", "");
	expect_at("compaction @2", "", 1, "", "Error: " COMPACTED " (nothing was done)\n");
	expect_at("compaction @4", "", 1, "", "Error: " FUTURE " (nothing was done)\n");
	expect_at("compaction --physical @3 -w json", "", 0, "compacted revision @3\n", "");
	expect_at("get k --rev=@2", "", 1, "", "Error: " COMPACTED "\n");
	expect_at("get k", "", 0, "k\n3\n", "");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(old_revisions, nothing_is_there),
		cmocka_unit_test_setup(orders_and_bounds, nothing_is_there),
		cmocka_unit_test_setup(what_was_there_before, nothing_is_there),
		cmocka_unit_test_setup(what_stays_as_it_is, nothing_is_there),
		cmocka_unit_test_setup(transactions, nothing_is_there),
		cmocka_unit_test_setup(a_transaction_is_done_once, nothing_is_there),
		cmocka_unit_test_setup(compaction, nothing_is_there),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
