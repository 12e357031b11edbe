/*
 * quoinctl's commands about members and who leads them: words, shapes, exit statuses. The first
 * argument is the program.
 */
#include "base/clock.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/ctl.h"

#include <stdio.h>
#include <string.h>

/*
 * etcdctl's columns first; whom it is to replace is in the last one. The second row is of a release
 * that tells no names; the last has a directory, and did not say yet what it is called.
 */
static void D16_member_list(void **state)
{
	(void)state;
	set_endpoints(node[2].udp);
	expect("member list", 0,
	       "1, started, n4, 198.18.0.1:2380, 198.18.0.1:2379,[fd00::1]:2379, false, voter\n"
	       "3, started, ab, 198.18.0.3:2380, , true, learner\n"
	       "ab, unstarted, , 198.18.0.1:2380, , true, joining for 1\n",
	       "");
	expect("member list -w json", 0,
	       "{\"header\":{\"cluster_id\":4369,\"member_id\":3,\"raft_term\":7},"
	       "\"members\":[{\"ID\":1,\"name\":\"n4\",\"peerURLs\":[\"198.18.0.1:2380\"],"
	       "\"clientURLs\":[\"198.18.0.1:2379\",\"[fd00::1]:2379\"],\"started\":true,"
	       "\"state\":\"voter\"},"
	       "{\"ID\":3,\"name\":\"ab\",\"peerURLs\":[\"198.18.0.3:2380\"],"
	       "\"isLearner\":true,\"started\":true,\"state\":\"learner\"},"
	       "{\"ID\":171,\"peerURLs\":[\"198.18.0.1:2380\"],"
	       "\"isLearner\":true,\"started\":false,\"state\":\"joining\","
	       "\"replaces\":1}]}\n",
	       "");
	run("member list -w fields");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "\"ID\" : 3\n\"Name\" : \"ab\"\n\"PeerURL\" : "
				       "\"198.18.0.3:2380\"\n\"IsLearner\" : true\n"
				       "\"Started\" : true\n"
				       "\"State\" : \"learner\"\n\n"));
	assert_non_null(strstr(output, "\"PeerURL\" : \"198.18.0.1:2380\"\n"
				       "\"ClientURL\" : \"198.18.0.1:2379\"\n"
				       "\"ClientURL\" : \"[fd00::1]:2379\"\n"));
	run("member list -w table");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, "| IS LEARNER |     STATE     |\n"));
	assert_non_null(strstr(output, "|       true | joining for 1 |\n"));
	run("endpoint status");
	assert_non_null(strstr(output, ", false, true, 7, ")); /* itself is a learner */
	expect("member list more", 2, "", "Error: member list takes no argument\n");
	run("member");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "\"member\" is followed by list"));
}

/* Who was removed is silent where that is not known yet, and no failure where it is. */
static void D16_a_former_member_is_no_failure(void **state)
{
	char list[256];

	(void)state;
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[1].udp);
	set_endpoints(list);
	run("status");
	assert_non_null(strstr(output, "fake3"));
	atomic_store(&node[0].faults.newer, true);
	run("status");
	assert_null(strstr(output, "fake3"));
	assert_null(strstr(output, "silent"));
	run("status -w json");
	assert_null(strstr(output, "\"name\":\"fake3\",\"id\":\"0000000000000003\",\"endpoint\""));
	/* It is asked for itself. */
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[2].udp);
	set_endpoints(list);
	run("status");
	atomic_store(&node[0].faults.newer, false);
	assert_non_null(strstr(output, " n3 |"));
}

/* A configuration may be as old as it likes: who is of the cluster knows whom that has. */
static void D16_who_is_in_a_configuration_alone_is_no_member(void **state)
{
	char list[256];

	(void)state;
	atomic_store(&node[2].faults.wiped, true);
	set_endpoints(node[2].local);
	run("status");
	assert_non_null(strstr(output, "fake9: error: no answer"));
	snprintf(list, sizeof(list), "%s,%s", node[2].local, node[0].local);
	set_endpoints(list);
	atomic_store(&node[0].faults.newer, true);
	run("status");
	atomic_store(&node[0].faults.newer, false);
	atomic_store(&node[2].faults.wiped, false);
	assert_non_null(strstr(output, " n1 |"));
	assert_non_null(strstr(output, "fake1: error: no answer"));
	assert_null(strstr(output, "fake9"));
	assert_non_null(strstr(output, " n3 |")); /* it was named */
}

/* One of no cluster knows one member, and that one the next: each of them is asked. */
static void D16_who_is_named_by_one_that_was_named_is_asked(void **state)
{
	(void)state;
	atomic_store(&node[2].faults.wiped, true);
	atomic_store(&node[2].faults.names, &node[0]);
	atomic_store(&node[0].faults.names, &node[1]);
	set_endpoints(node[2].udp);
	run("status");
	atomic_store(&node[2].faults.names, NULL);
	atomic_store(&node[0].faults.names, NULL);
	atomic_store(&node[2].faults.wiped, false);
	assert_non_null(strstr(output, " waiting |"));
	if (strstr(output, "n2: error: no answer") || strstr(output, "nobody who answered leads") ||
	    !strstr(output, node[1].udp))
		fail_msg("%s%s", output, errors);
}

/* It is added, and knows no id yet: nobody can tell whether it is that member. */
static void D16_one_of_no_cluster_is_no_other_member(void **state)
{
	char list[256];

	(void)state;
	atomic_store(&node[2].faults.wiped, true);
	atomic_store(&node[0].faults.names_by_id, &node[2]);
	snprintf(list, sizeof(list), "%s,%s", node[0].udp, node[2].udp);
	set_endpoints(list);
	run("status");
	atomic_store(&node[0].faults.names_by_id, NULL);
	atomic_store(&node[2].faults.wiped, false);
	if (!strstr(output, ": a node of no cluster answers there: n3") ||
	    strstr(output, "another member answers there"))
		fail_msg("%s%s", output, errors);
}

static void expect_order(const char *line, const char *order, const char *says)
{
	expect(line, 0, says, "");
	assert_string_equal(store.order, order);
}

/* The words that go to the leader, and when it is said that they are done. */
static void D16_members_are_changed(void **state)
{
	(void)state;
	store.leader = 3;
	set_endpoints(node[2].udp);
	expect_order("member add 198.18.0.1", "add 198.18.0.1:2380\n",
		     "Member               ab added to cluster             1111\n");
	expect_order("member add --learner 198.18.0.1:2380", "add-learner 198.18.0.1:2380\n",
		     "Member               ab added to cluster             1111\n");
	expect_order("member replace fake1 198.18.0.1",
		     "replace 0000000000000001 198.18.0.1:2380\n",
		     "Member                1 to be replaced in cluster             1111 by member "
		     "              ab\n");
	expect_order("member update n3 198.18.0.3", "update 0000000000000003 198.18.0.3:2380\n",
		     "Member                3 updated in cluster             1111\n");
	expect_order("member promote 1", "promote 0000000000000001\n",
		     "Member                1 promoted in cluster             1111\n");
	expect_order("member demote n3", "demote 0000000000000003\n",
		     "Member                3 demoted in cluster             1111\n");
	run("member update fake1 198.18.0.1 n3 198.18.0.3 -w json");
	assert_int_equal(status, 0);
	assert_string_equal(store.order, "update 0000000000000001 198.18.0.1:2380\n"
					 "update 0000000000000003 198.18.0.3:2380\n");
	assert_non_null(strstr(output, "\"members\":[{\"ID\":1,"));
	assert_null(strstr(output, "\"member\":"));
	/* etcd's answer has the new one beside all. */
	run("member replace fake1 198.18.0.1 -w json");
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, ",\"member\":{\"ID\":171,\"peerURLs\":"
				       "[\"198.18.0.1:2380\"],\"isLearner\":true,"));
	assert_non_null(strstr(output, ",\"members\":[{\"ID\":1,"));
	run("member add 198.18.0.1 -w json");
	assert_non_null(strstr(output, ",\"member\":{\"ID\":171,"));
	/* It is not gone when the time is up: it may have been done. */
	run("member remove fake1 --command-timeout=300ms");
	assert_int_equal(status, 3);
	assert_string_equal(output, "");
	assert_non_null(strstr(errors, "it may have been done: member list shows it"));
	store.leader = 1;
}

#define EMPTY "Error: an argument is empty: is a variable of the shell not set?\n"

static void D16_a_change_of_members_is_refused(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *says;
	} rows[] = {
		{"member remove n3", 1, "Error: etcdserver: no: it stays (nothing was done)\n"},
		{"member remove n9", 1,
		 "Error: etcdserver: member not found: none is called n9 or has that id\n"},
		{"member add", 2, "Error: member add needs ADDRESS, or several of them\n"},
		{"member update n3", 2,
		 "Error: member update needs MEMBER ADDRESS, or several of them\n"},
		{"member add n4", 2,
		 "Error: bad address n4: it is IPv4 and perhaps a port, like 10.0.0.4:2380\n"},
		{"member add 10.0.0.4:", 2,
		 "Error: bad address 10.0.0.4:: it is IPv4 and perhaps a port, like "
		 "10.0.0.4:2380\n"},
		{"member add 10.0.0.4:65536", 2,
		 "Error: bad address 10.0.0.4:65536: it is IPv4 and perhaps a port, like "
		 "10.0.0.4:2380\n"},
		/* What a shell makes of a variable that is not set; there is one without a name. */
		{"member remove ", 2, EMPTY},
		{"member promote ", 2, EMPTY},
		{"member demote n3 ", 2, EMPTY},
		{"member update  198.18.0.3", 2, EMPTY},
		{"member replace  198.18.0.3", 2, EMPTY},
		{"member replace n3 ", 2, EMPTY},
		{"member add ", 2, EMPTY},
		{"move-leader ", 2, EMPTY},
		{"member remove n3 --learner", 2,
		 "Error: unknown flag: --learner (member remove does not take it)\n"},
	};

	(void)state;
	store.leader = 3;
	set_endpoints(node[2].udp);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].line, rows[i].status, "", rows[i].says);
	run("member add n4 --peer-urls=http://10.0.0.4:2380");
	assert_int_equal(status, 2);
	assert_non_null(strstr(errors, "the address is an argument"));
	store.leader = 1;
}

/* Whoever is asked is removed: it tells that, and no more than its status from then on. */
static void D16_who_is_removed_answers_for_it(void **state)
{
	static const char *const lines[] = {
		"member remove n3 --command-timeout=1m", "put a b --command-timeout=1m",
		"get a --command-timeout=1m", "get a --consistency=s --command-timeout=1m",
		"endpoint health --command-timeout=3s"};
	const uint64_t begin = clock_now();
	char list[256];

	(void)state;
	store.leader = 3;
	set_endpoints(node[2].udp);
	atomic_store(&node[2].faults.goes, true);
	expect_order("member remove n3", "remove 0000000000000003\n",
		     "Member                3 removed from cluster             1111\n");
	/* Of what came later it knows nothing, and says at once why. */
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(lines[i]);
		assert_int_equal(status, 1);
		assert_non_null(strstr(errors, "this member was removed from the cluster: name "));
	}
	assert_true(clock_now() - begin < 30000 * CLOCK_MS);
	run("status");
	assert_non_null(strstr(output, " removed |"));
	/* A member is asked all the same. */
	snprintf(list, sizeof(list), "%s,%s", node[2].local, node[0].udp);
	set_endpoints(list);
	expect("put a b", 0, "OK\n", "");
	atomic_store(&node[2].faults.gone, false);
	store.leader = 1;
}

/* Its answer is lost: it is not given again, for then it would be refused for what it did. */
static void D16_a_change_whose_answer_is_lost_may_have_been_done(void **state)
{
	const uint32_t orders = store.orders;

	(void)state;
	store.leader = 3;
	set_endpoints(node[2].udp);
	atomic_store(&node[2].faults.order_refusal, WIRE_STOPPING);
	run("member add 10.0.0.4 --command-timeout=900ms");
	atomic_store(&node[2].faults.order_refusal, 0);
	assert_int_equal(status, 3);
	assert_int_equal(store.orders, orders + 1);
	assert_non_null(strstr(errors, "etcdserver: server stopped (it may have been done)"));
	store.leader = 1;
}

/* A learner answers no read, and knows who leads: that one is asked. */
static void D16_the_leader_is_found_through_a_learner(void **state)
{
	static const char *const lines[] = {"member list", "member promote 1", "move-leader 1"};

	(void)state;
	set_endpoints(node[2].udp);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		store.leader = 3;
		atomic_store(&node[2].faults.learner, 1);
		run(lines[i]);
		if (status || atomic_load(&node[2].faults.learner))
			fail_msg("%s: %d: %s", lines[i], status, errors);
	}
	/* Who leads is reached by nobody. */
	store.leader = 7;
	atomic_store(&node[2].faults.learner, 1);
	expect("member list", 1, "", "Error: etcdserver: rpc not supported for learner\n");
	store.leader = 1;
}

/* Its leader went down with it, and nothing of it is in the log of the next: that is told too. */
static void D16_a_change_that_went_down_with_its_leader_is_made_by_the_next(void **state)
{
	const uint32_t orders = store.orders;
	char list[256];

	(void)state;
	store.leader = 1;
	snprintf(list, sizeof(list), "%s,%s", node[2].udp, node[0].local);
	set_endpoints(list);
	atomic_store(&node[0].faults.falls, FAKE_FALLS_WITHOUT);
	expect_order("member demote n3", "demote 0000000000000003\n",
		     "Member                3 demoted in cluster             1111\n");
	assert_int_equal(store.leader, 3);
	assert_int_equal(store.orders, orders + 2);
	/* It is refused by the next. */
	store.leader = 1;
	atomic_store(&node[0].faults.falls, FAKE_FALLS_WITHOUT);
	expect("member remove n3", 1, "", "Error: etcdserver: no: it stays (nothing was done)\n");
	assert_int_equal(store.orders, orders + 4);
	/* It is in the log of the next, and not at its end: it is that one's, and given once. */
	store.leader = 1;
	atomic_store(&node[0].faults.falls, FAKE_FALLS_WITH);
	run("member remove fake1 --command-timeout=1s");
	assert_int_equal(status, 3);
	assert_non_null(strstr(errors, "etcdserver: server stopped (it may have been done)"));
	assert_int_equal(store.orders, orders + 5);
	store.leader = 1;
}

/* By name or by id; through whoever is asked, for the leader is found. */
static void R45_move_leader(void **state)
{
	char list[256];

	(void)state;
	store.leader = 1;
	snprintf(list, sizeof(list), "%s,%s", node[2].udp, node[0].local);
	set_endpoints(list);
	expect("move-leader n3", 0, "Leadership transferred from 1 to 3\n", "");
	assert_int_equal(store.leader, 3);
	expect("move-leader 0001", 0, "Leadership transferred from 3 to 1\n", "");
	expect("move-leader 1", 0, "Member 1 leads already\n", "");
	expect("move-leader ab", 1, "", "Error: etcdserver: bad leader transferee: it is\n");
	expect("move-leader n9", 1, "",
	       "Error: etcdserver: member not found: none is called n9 or has that id\n");
	/* A member may call itself as another one is called, and as its id is written. */
	expect("move-leader n4", 1, "",
	       "Error: more than one member is called n4 or has that id: name it by the ID that "
	       "member list shows\n");
	expect("move-leader", 2, "", "Error: move-leader command needs 1 argument\n");
	/* When the time is up, it may be about to: also where no answer came, or only that one. */
	store.steadfast = true;
	expect("move-leader n3 --command-timeout=700ms", 3, "",
	       "Error: etcdserver: request timed out, leader transfer took too long (it may have "
	       "been done: endpoint status shows who leads)\n");
	store.steadfast = false;
	atomic_store(&node[0].faults.order_refusal, WIRE_STOPPING);
	run("move-leader n3 --command-timeout=700ms");
	assert_int_equal(status, 3);
	assert_non_null(strstr(errors, "server stopped (it may have been done: endpoint status"));
	atomic_store(&node[0].faults.order_refusal, 0);
	/* Nobody knows where the leader is. */
	store.leader = 7;
	set_endpoints(node[2].udp);
	run("move-leader n3 --command-timeout=500ms");
	assert_int_equal(status, 1);
	assert_non_null(strstr(errors, "is reached by no endpoint: name it"));
	store.leader = 1;
}

/* A table that may be old says so by nothing: without a leader there is none, unless asked for. */
static void D16_member_list_is_linearizable(void **state)
{
	(void)state;
	set_endpoints(node[2].udp);
	atomic_store(&node[2].faults.no_leader, 1000000);
	run("member list --command-timeout=300ms");
	assert_int_equal(status, 1);
	assert_non_null(strstr(errors, "etcdserver: no leader"));
	assert_string_equal(output, "");
	atomic_store(&node[2].faults.no_leader, 0);
	set_endpoints(node[0].udp); /* of an older release */
	run("member list --consistency=s");
	assert_int_equal(status, 1);
	assert_non_null(strstr(errors, "it tells no members"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(D16_member_list),
		CTL_TEST(D16_a_former_member_is_no_failure),
		CTL_TEST(D16_who_is_in_a_configuration_alone_is_no_member),
		CTL_TEST(D16_who_is_named_by_one_that_was_named_is_asked),
		CTL_TEST(D16_one_of_no_cluster_is_no_other_member),
		CTL_TEST(D16_members_are_changed),
		CTL_TEST(D16_a_change_of_members_is_refused),
		CTL_TEST(D16_who_is_removed_answers_for_it),
		CTL_TEST(D16_a_change_whose_answer_is_lost_may_have_been_done),
		CTL_TEST(D16_the_leader_is_found_through_a_learner),
		CTL_TEST(D16_a_change_that_went_down_with_its_leader_is_made_by_the_next),
		CTL_TEST(R45_move_leader),
		CTL_TEST(D16_member_list_is_linearizable),
	};

	if (!ctl_program(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, ctl_setup, ctl_teardown);
}
