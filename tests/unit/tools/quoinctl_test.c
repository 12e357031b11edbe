/*
 * quoinctl's words, its shapes, its exit statuses. The first argument is the program.
 */
#include "base/clock.h"
#include "kv/command.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <stdio.h>
#include <string.h>

static void put_get_del(void **state)
{
	const char *endpoints[] = {node[0].udp, node[0].local};

	(void)state;
	for (int i = 0; i < 2; i++) {
		set_endpoints(endpoints[i]);
		expect("put foo bar", 0, "OK\n", "");
		expect("get foo", 0, "foo\nbar\n", "");
		expect("get foo --print-value-only", 0, "bar\n", "");
		expect("get nothing", 0, "", "");
		expect("del foo", 0, "1\n", "");
		expect("del foo", 0, "0\n", "");
		expect("get foo", 0, "", "");
	}
}

static void ranges(void **state)
{
	(void)state;
	expect("put a 1", 0, "OK\n", "");
	expect("put ab 2", 0, "OK\n", "");
	expect("put abc 3", 0, "OK\n", "");
	expect("put b 4", 0, "OK\n", "");
	expect("get a c", 0, "a\n1\nab\n2\nabc\n3\nb\n4\n", "");
	expect("get a b", 0, "a\n1\nab\n2\nabc\n3\n", "");
	expect("get --prefix ab", 0, "ab\n2\nabc\n3\n", "");
	expect("get ab --from-key", 0, "ab\n2\nabc\n3\nb\n4\n", "");
	expect("get --prefix -- ", 0, "a\n1\nab\n2\nabc\n3\nb\n4\n", "");
	expect("get --from-key -- ", 0, "a\n1\nab\n2\nabc\n3\nb\n4\n", "");
	expect("get --prefix a --limit=2", 0, "a\n1\nab\n2\n", "");
	expect("get --prefix a --keys-only", 0, "a\n\nab\n\nabc\n\n", "");
	expect("get --prefix a --count-only", 0, "3\n", "");
	expect("get --prefix a --print-value-only", 0, "1\n2\n3\n", "");
	expect("del --prefix ab", 0, "2\n", "");
	expect("del a c", 0, "2\n", "");
	expect("put z z", 0, "OK\n", "");
	expect("del --from-key a", 0, "1\n", "");
}

static void values_from_standard_input_and_after_two_dashes(void **state)
{
	static char large[1400 * 1024];

	(void)state;
	run_with("line\nline\n", 10, "put in");
	assert_int_equal(status, 0);
	assert_string_equal(output, "OK\n");
	expect("get in", 0, "in\nline\nline\n\n", "");
	expect("put -- -k --v", 0, "OK\n", "");
	expect("get -- -k", 0, "-k\n--v\n", "");
	expect("put empty ", 0, "OK\n", "");
	expect("get empty", 0, "empty\n\n", "");
	memset(large, 'x', sizeof(large));
	run_with(large, sizeof(large), "put large");
	assert_int_equal(status, 0);
	run("get large --print-value-only");
	assert_int_equal(strlen(output), sizeof(large) + 1);
	assert_memory_equal(output, large, sizeof(large));
	run_with(output, 1536 * 1024 - 4, "put large");
	assert_int_equal(status, 1);
	assert_string_equal(errors, "Error: etcdserver: request is too large (nothing was done)\n");
	/* A key has a limit of its own. */
	for (size_t i = 0; i < 2; i++) {
		memcpy(large, i ? "get " : "del ", 4);
		large[4 + KV_KEY_SIZE_MAX + 1] = '\0';
		run(large);
		assert_int_equal(status, 1);
		assert_string_equal(
			errors, i ? "Error: etcdserver: request is too large\n"
				  : "Error: etcdserver: request is too large (nothing was done)\n");
	}
}

static void json_is_etcdctls(void **state)
{
	char expected[1024];
	unsigned long long revision;

	(void)state;
	set_endpoints(node[2].udp);
	run("put foo bar -w json");
	assert_int_equal(status, 0);
	assert_int_equal(sscanf(output,
				"{\"header\":{\"cluster_id\":4369,\"member_id\":3,"
				"\"revision\":%llu,\"raft_term\":7}}\n",
				&revision),
			 1);
	expect("put foo2 x --write-out=json -- ", 2, "",
	       "Error: put command needs 1 argument and input from stdin or 2 arguments\n");
	run("put foo2 x");
	snprintf(expected, sizeof(expected),
		 "{\"header\":{\"cluster_id\":4369,\"member_id\":3,\"revision\":%llu,\"raft_term\":"
		 "7},"
		 "\"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":%llu,\"mod_revision\":%llu,"
		 "\"version\":1,\"value\":\"YmFy\"},{\"key\":\"Zm9vMg==\",\"create_revision\":%llu,"
		 "\"mod_revision\":%llu,\"version\":1,\"value\":\"eA==\"}],\"count\":2}\n",
		 revision + 1, revision, revision, revision + 1, revision + 1);
	expect("get --prefix foo -w json", 0, expected, "");
	snprintf(expected, sizeof(expected),
		 "{\"header\":{\"cluster_id\":4369,\"member_id\":3,\"revision\":%llu,\"raft_term\":"
		 "7},"
		 "\"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":%llu,\"mod_revision\":%llu,"
		 "\"version\":1}],\"more\":true,\"count\":2}\n",
		 revision + 1, revision, revision);
	expect("get --prefix foo -w json --limit 1 --keys-only", 0, expected, "");
	snprintf(expected, sizeof(expected),
		 "{\"header\":{\"cluster_id\":4369,\"member_id\":3,\"revision\":%llu,\"raft_term\":"
		 "7},"
		 "\"deleted\":2}\n",
		 revision + 2);
	expect("del --prefix foo -w json", 0, expected, "");
	snprintf(expected, sizeof(expected),
		 "{\"header\":{\"cluster_id\":4369,\"member_id\":3,\"revision\":%llu,"
		 "\"raft_term\":7}}\n",
		 revision + 2);
	expect("get foo -w json", 0, expected, "");
}

static void a_listing_larger_than_an_answer(void **state)
{
	static char value[100000];
	char line[64];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 50; i++) {
		snprintf(line, sizeof(line), "put page/%02d", i);
		run_with(value, sizeof(value), line);
		assert_int_equal(status, 0);
	}
	run("get --prefix page/ --print-value-only");
	assert_int_equal(status, 0);
	assert_int_equal(strlen(output), 50 * (sizeof(value) + 1));
	run("get --prefix page/ --print-value-only --limit 40");
	assert_int_equal(strlen(output), 40 * (sizeof(value) + 1));
	expect("get --prefix page/ --count-only", 0, "50\n", "");
	run("get --prefix page/ -w json --limit 40");
	assert_non_null(strstr(output, "],\"more\":true,\"count\":50}\n"));
	assert_int_equal(status, 0);
}

static void health(void **state)
{
	char list[256], line[512];
	double took;

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].local);
	set_endpoints(list);
	run("endpoint health");
	assert_int_equal(status, 0);
	assert_string_equal(errors, "");
	snprintf(line, sizeof(line),
		 "%s is healthy: successfully committed proposal: took = ", node[0].udp);
	assert_memory_equal(output, line, strlen(line));
	assert_int_equal(sscanf(output + strlen(line), "%lf", &took), 1);
	assert_true(took > 0);
	snprintf(line, sizeof(line),
		 "\n%s is healthy: successfully committed proposal: took = ", node[1].local);
	assert_non_null(strstr(output, line));
	assert_int_equal(output[strlen(output) - 2], 's');

	run("endpoint health -w json");
	assert_int_equal(status, 0);
	snprintf(line, sizeof(line), "[{\"endpoint\":\"%s\",\"health\":true,\"took\":\"",
		 node[0].udp);
	assert_memory_equal(output, line, strlen(line));
}

static void an_unhealthy_endpoint(void **state)
{
	char list[256], out[512], err[512], line[600];

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].udp);
	set_endpoints(list);
	atomic_store(&node[1].faults.no_leader, 1000000);
	run("endpoint health --command-timeout=1s");
	assert_int_equal(status, 1);
	snprintf(err, sizeof(err),
		 "%s is unhealthy: failed to commit proposal: etcdserver: no leader\n"
		 "Error: unhealthy cluster\n",
		 node[1].udp);
	assert_string_equal(errors, err);
	snprintf(out, sizeof(out), "%s is healthy: ", node[0].udp);
	assert_memory_equal(output, out, strlen(out));
	atomic_store(&node[1].faults.no_leader, 0);

	atomic_store(&node[1].faults.silent, true);
	snprintf(line, sizeof(line),
		 "endpoint health --command-timeout=300ms -w json --endpoints=%s", node[1].udp);
	run(line);
	assert_int_equal(status, 1);
	assert_non_null(strstr(output, "\"health\":false,\"took\":\""));
	assert_non_null(strstr(output, ",\"error\":\"context deadline exceeded\"}]\n"));
	snprintf(line, sizeof(line), "endpoint status --command-timeout=100ms --endpoints=%s",
		 node[1].udp);
	snprintf(err, sizeof(err),
		 "Failed to get the status of endpoint %s (context deadline exceeded)\n",
		 node[1].udp);
	expect(line, 1, "", err);
	atomic_store(&node[1].faults.silent, false);
}

static void endpoint_status(void **state)
{
	char list[256], expected[4096];
	unsigned long long index, revision;

	(void)state;
	pthread_mutex_lock(&store.lock);
	index = store.index;
	revision = store.sm->ops->revision(store.sm);
	pthread_mutex_unlock(&store.lock);
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].udp);
	set_endpoints(list);
	snprintf(expected, sizeof(expected),
		 "%s, 1, 9.8.7, 20 kB, true, false, 7, %llu, %llu, , durable, memif\n"
		 "%s, 2, 9.8.7, 20 kB, false, false, 7, %llu, %llu, etcdserver: no \"leader\"; "
		 "other; warning: member n3 differs, durable, memif\n",
		 node[0].udp, index, index, node[1].udp, index, index);
	expect("endpoint status", 0, expected, "");
	snprintf(
		expected, sizeof(expected),
		"[{\"Endpoint\":\"%s\",\"Status\":{\"header\":{\"cluster_id\":4369,\"member_id\":2,"
		"\"revision\":%llu,\"raft_term\":7},\"version\":\"9.8.7\",\"dbSize\":20480,"
		"\"leader\":1,\"raftIndex\":%llu,\"raftTerm\":7,\"raftAppliedIndex\":%llu,"
		"\"dbSizeInUse\":20480,\"isLeader\":false,\"durability\":\"durable\","
		"\"link\":\"memif\",\"errors\":[\"etcdserver: no \\\"leader\\\"\",\"other\"],"
		"\"warnings\":[\"member n3 differs\"],\"quoin\":{\"name\":\"n2\","
		"\"cluster_id\":\"0000000000001111\",\"member_id\":\"0000000000000002\","
		"\"version\":\"9.8.7\",\"role\":\"leader\",\"leader\":\"0000000000000001\","
		"\"raft_term\":7,\"raft_index\":%llu,\"raft_applied_index\":%llu,"
		"\"revision\":%llu,\"db_size\":20480,\"durability\":\"durable\","
		"\"link\":\"memif\",\"auth\":\"off\",\"future\":\"thing\",\"members_index\":10,"
		"\"commit_index\":41,\"wal_fsync\":{\"count\":2,\"sum_us\":180,\"p50_us\":125,"
		"\"p99_us\":null},\"drops\":{\"runt\":3,\"vlan\":0},\"members\":[],"
		"\"peers\":[{\"name\":\"fake1\",\"id\":\"0000000000000001\","
		"\"address\":\"198.18.0.1\",\"heard_ms\":null,\"match\":9},"
		"{\"name\":\"fake3\",\"id\":\"0000000000000003\",\"address\":\"198.18.0.3\","
		"\"heard_ms\":4,\"match\":8}],"
		"\"ports\":[{\"name\":\"memif0\",\"up\":1,\"rx_frames\":9}]}}}]\n",
		node[1].udp, revision, index, index, index, index, revision);
	set_endpoints(node[1].udp);
	expect("endpoint status -w json", 0, expected, "");
}

/* etcdctl's fields first, in its order, and then all that the node told. */
static void endpoint_status_as_fields(void **state)
{
	char expected[1024];

	(void)state;
	pthread_mutex_lock(&store.lock);
	snprintf(expected, sizeof(expected),
		 "\"ClusterID\" : 4369\n\"MemberID\" : 2\n\"Revision\" : %llu\n\"RaftTerm\" : 7\n"
		 "\"Version\" : \"9.8.7\"\n\"DBSize\" : 20480\n\"Leader\" : 1\n"
		 "\"IsLearner\" : false\n\"RaftIndex\" : %llu\n\"RaftTerm\" : 7\n"
		 "\"RaftAppliedIndex\" : %llu\n\"Errors\" : [etcdserver: no \"leader\" other]\n"
		 "\"Endpoint\" : \"%s\"\n\"name\" : \"n2\"\n",
		 (unsigned long long)store.sm->ops->revision(store.sm),
		 (unsigned long long)store.index, (unsigned long long)store.index, node[1].udp);
	pthread_mutex_unlock(&store.lock);
	set_endpoints(node[1].udp);
	run("endpoint status -w fields");
	assert_int_equal(status, 0);
	assert_memory_equal(output, expected, strlen(expected));
	assert_non_null(strstr(
		output, "\"auth\" : \"off\"\n\"future\" : \"thing\"\n\"members_index\" : 10\n"
			"\"commit_index\" : 41\n\"drop_runt\" : 3\n"
			"\"drop_vlan\" : 0\n\"wal_fsync_count\" : 2\n"));
	assert_non_null(strstr(output, "\"wal_fsync_p99_us\" : null\n"
				       "\"peer_fake1_id\" : \"0000000000000001\"\n"));
	assert_non_null(strstr(output, "\"port_memif0_rx_frames\" : 9\n"
				       "\"warning\" : \"member n3 differs\"\n\n"));
	run("endpoint health -w fields");
	assert_int_equal(status, 0);
	snprintf(expected, sizeof(expected),
		 "\"Endpoint\" : \"%s\"\n\"Health\" : true\n\"Took\" : ", node[1].udp);
	assert_memory_equal(output, expected, strlen(expected));
}

/* One of the first cause, ten of the second, and so on; what is no loss is not among them. */
static void F11_each_loss_of_a_port_is_in_the_sum(void **state)
{
	(void)state;
	set_endpoints(node[2].local);
	run("status");
	if (!strstr(output, " 111111 (port) "))
		fail_msg("%s", output);
}

/* One that was named hangs, and so may others: whoever asks waits for none of them longer. */
static void F21_nobody_waits_long_for_a_member_that_hangs(void **state)
{
	char list[256];
	uint64_t begin = clock_now();

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].udp);
	set_endpoints(list);
	atomic_store(&node[0].faults.silent, true);
	run("status --command-timeout=30s");
	atomic_store(&node[0].faults.silent, false);
	assert_int_equal(status, 1);
	assert_true(clock_now() - begin < 15000 * CLOCK_MS);
	assert_non_null(strstr(output, "context deadline exceeded"));
}

/* As after --force-new-cluster, when the old members are started: each half has a leader. */
static void D16_two_clusters_in_one_table_are_told_apart(void **state)
{
	static const char says[] = "error: these are members of different clusters: ";
	char both[160];

	(void)state;
	snprintf(both, sizeof(both), "%s,%s", node[0].local, node[2].local);
	set_endpoints(both);
	run("status");
	assert_null(strstr(output, says));
	atomic_store(&node[0].faults.forced, true);
	run("status");
	atomic_store(&node[0].faults.forced, false);
	assert_int_equal(status, 1);
	assert_non_null(strstr(output, says));
	assert_non_null(strstr(output, " of 0000000000001112"));
	assert_non_null(strstr(output, " of 0000000000001111"));
}

/* On shared memory a member is asked by its socket, and one that is elsewhere is not asked. */
static void F21_no_socket_answers_and_there_is_no_other_way(void **state)
{
	static const char says[] =
		"fake3: error: no answer: no socket of it answers on this host, and "
		"on link memif there is no other way to ask it; n2 heard it 0.0 s "
		"ago\n";

	(void)state;
	set_endpoints(node[1].local);
	run("status");
	assert_int_equal(status, 1);
	assert_non_null(strstr(output, says));
	assert_non_null(strstr(output, "fake1: error: no answer: no socket of it answers"));
	run("status -w json");
	assert_non_null(strstr(output, "\"errors\":[\"no socket of it answers on this host, and "));
	assert_null(strstr(output, ":2379"));
}

static void tables_are_etcdctls(void **state)
{
	char *at;

	(void)state;
	set_endpoints(node[0].local);
	run("endpoint status -w table");
	assert_int_equal(status, 0);
	at = strstr(output, "|        ID        |");
	assert_null(at); /* ids here are short: their column is as wide as they are */
	assert_non_null(strstr(output, " | ID | VERSION | DB SIZE | IS LEADER | IS LEARNER | RAFT "
				       "TERM | RAFT INDEX | RAFT APPLIED INDEX | ERRORS | "
				       "DURABILITY | LINK  |\n+"));
	assert_non_null(
		strstr(output, " |  1 |   9.8.7 |   20 kB |      true |      false |         7 |"));
	assert_non_null(strstr(output, " |        |    durable | memif |\n+"));
	expect("get x -w table", 2, "", "Error: table is not supported as output format\n");
	expect("move-leader x -w fields", 2, "",
	       "Error: fields is not supported as output format\n");
}

/* V10: a session that begins with nothing committed is older than those that were forgotten. */
static void V10_no_command_goes_to_a_member_that_knows_of_nothing_committed(void **state)
{
	uint64_t commands;
	char list[256];

	(void)state;
	expect("put key 1", 0, "OK\n", "");
	commands = store.commands;
	atomic_store(&node[1].faults.unled, true);
	set_endpoints(node[1].udp);
	expect("put key 2 --command-timeout=300ms", 1, "",
	       "Error: etcdserver: no leader (nothing was done)\n");
	expect("get key", 0, "key\n1\n", "");
	snprintf(list, sizeof(list), "%s,%s", node[1].udp, node[0].udp);
	set_endpoints(list);
	expect("put key 2", 0, "OK\n", "");
	assert_int_equal(store.commands, commands + 1);
	atomic_store(&node[1].faults.unled, false);
}

static void the_next_endpoint_is_asked(void **state)
{
	struct fake_node gone;
	char list[256];

	(void)state;
	fake_node_start(&gone, &store, 9);
	snprintf(list, sizeof(list), "%s,unix:/nowhere/at/all,%s", gone.udp, node[0].udp);
	fake_node_stop(&gone);
	set_endpoints(list);
	expect("put next 1", 0, "OK\n", "");
	/* One that says nothing at all costs a moment, and no more. */
	atomic_store(&node[1].faults.silent, true);
	snprintf(list, sizeof(list), "%s,%s", node[1].udp, node[0].udp);
	set_endpoints(list);
	expect("get next", 0, "next\n1\n", "");
	atomic_store(&node[1].faults.silent, false);
}

/* The first node does it and dies before it says so: the second finds it done. */
static void a_command_whose_answer_is_lost_is_applied_once(void **state)
{
	char list[256];
	uint64_t commands, before, after;

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[1].udp, node[0].udp);
	set_endpoints(list);
	pthread_mutex_lock(&store.lock);
	commands = store.commands;
	before = store.sm->ops->revision(store.sm);
	pthread_mutex_unlock(&store.lock);
	atomic_store(&node[1].faults.swallow, 1);
	expect("put once 1 --command-timeout 2s", 0, "OK\n", "");
	atomic_store(&node[1].faults.silent, false);
	pthread_mutex_lock(&store.lock);
	after = store.sm->ops->revision(store.sm);
	assert_int_equal(store.commands, commands + 2);
	pthread_mutex_unlock(&store.lock);
	assert_int_equal(after, before + 1);
}

static void errors_of_the_cluster(void **state)
{
	(void)state;
	atomic_store(&node[0].faults.no_leader, 1000000);
	expect("put a b --command-timeout=1s", 1, "",
	       "Error: etcdserver: no leader (nothing was done)\n");
	expect("get a --command-timeout=1s", 1, "", "Error: etcdserver: no leader\n");
	atomic_store(&node[0].faults.no_leader, 0);
	expect("put -- ", 2, "",
	       "Error: put command needs 1 argument and input from stdin or 2 arguments\n");
	expect("put  x", 1, "", "Error: etcdserver: key is not provided (nothing was done)\n");
	expect("del ", 1, "", "Error: etcdserver: key is not provided (nothing was done)\n");
	expect("get ", 1, "", "Error: etcdserver: key is not provided\n");
}

static void wrong_usage(void **state)
{
	static const char *const lines[][2] = {
		{"nonsense", "unknown command \"nonsense\""},
		/* Of those of two words the second is missing, or is named. */
		{"endpoint", "\"endpoint\" is followed by health or status or hashkv; see --help"},
		{"endpoint nonsense", "\"endpoint nonsense\" is no command: \"endpoint\" is "
				      "followed by health or status or hashkv; "
				      "see --help"},
		{"check", "\"check\" is followed by equality; see --help"},
		{"check perf", "\"check perf\" is no command: "},
		{"endpoint healt", "\"endpoint healt\" is no command: "},
		{"formation", "\"formation\" is followed by reset; see --help"},
		{"formation rest",
		 "\"formation rest\" is no command: \"formation\" is followed by reset"},
		{"endpoin health", "unknown command \"endpoin\" for \"quoinctl\"; see --help"},
		{"get", "get command needs one argument as key"},
		{"get a b c", "get command needs one argument as key"},
		{"del", "del command needs one argument as key"},
		{"get a b --prefix", "too many arguments"},
		{"get a --prefix --from-key", "`--prefix` and `--from-key`"},
		{"get a --keys-only --count-only", "`--keys-only` and `--count-only`"},
		{"get a --print-value-only -w json", "print-value-only is only for"},
		{"put a b --prefix", "unknown flag: --prefix"},
		{"del a --limit 1", "unknown flag: --limit"},
		{"get a --limit x", "it is a number of keys"},
		{"get a --rev x", "--rev=x: it is a revision, like 100"},
		{"get a --rev 1-", "--rev=1-: it is a revision"},
		{"get a --order foo", "--order=foo: it is ASCEND or DESCEND"},
		{"get a --sort-by MOD",
		 "--sort-by=MOD: it is CREATE, KEY, MODIFY, VALUE or VERSION"},
		{"get a -w xml", "it is simple, table, json or fields"},
		{"get a --command-timeout 5", "it is a time"},
		{"get a --command-timeout 0s", "it is a time"},
		{"get a --command-timeout 99999999999999s", "of at most 100h"},
		{"get a --command-timeout -1s", "it is a time"},
		{"get a --endpoints=localhost:1", "neither HOST:PORT"},
		{"get a --endpoints=1.2.3.4:5,x", "neither HOST:PORT"},
		{"get a --whatever", "unrecognized option"},
		{"put k", "put command needs 1 argument"}, /* nothing on standard input */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(lines[i][0]);
		if (status != 2 || output[0] || !strstr(errors, lines[i][1]))
			fail_msg("quoinctl %s: status %d\n%s%s", lines[i][0], status, output,
				 errors);
	}
}

/* It is the leader's verdict, whoever passes it on: told at once, and asked for once. */
static void V17_no_space_is_told_at_once(void **state)
{
	(void)state;
	set_endpoints(node[2].udp);
	atomic_store(&node[2].faults.no_space, 1);
	expect("put foo bar", 1, "",
	       "Error: etcdserver: mvcc: database space exceeded (nothing was done)\n");
	expect("put foo bar", 0, "OK\n", "");
}

static void help_and_version(void **state)
{
	(void)state;
	run("--help");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "endpoint health"));
	run("--version");
	assert_int_equal(status, 0);
	assert_memory_equal(output, "quoinctl ", 9);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(put_get_del),
		CTL_TEST(ranges),
		CTL_TEST(values_from_standard_input_and_after_two_dashes),
		CTL_TEST(json_is_etcdctls),
		CTL_TEST(a_listing_larger_than_an_answer),
		CTL_TEST(health),
		CTL_TEST(an_unhealthy_endpoint),
		CTL_TEST(endpoint_status),
		CTL_TEST(endpoint_status_as_fields),
		CTL_TEST(F11_each_loss_of_a_port_is_in_the_sum),
		CTL_TEST(F21_nobody_waits_long_for_a_member_that_hangs),
		CTL_TEST(D16_two_clusters_in_one_table_are_told_apart),
		CTL_TEST(F21_no_socket_answers_and_there_is_no_other_way),
		CTL_TEST(tables_are_etcdctls),
		CTL_TEST(V10_no_command_goes_to_a_member_that_knows_of_nothing_committed),
		CTL_TEST(the_next_endpoint_is_asked),
		CTL_TEST(a_command_whose_answer_is_lost_is_applied_once),
		CTL_TEST(errors_of_the_cluster),
		CTL_TEST(wrong_usage),
		CTL_TEST(V17_no_space_is_told_at_once),
		CTL_TEST(help_and_version),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
