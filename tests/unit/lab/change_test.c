/*
 * Nodes that come and go: what quoin-lab makes and removes, what it leaves where it is refused, and
 * how it goes on where it was cut short.
 */
#include "tests/unit/lab/life.h"
#include "tools/lab/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void nodes_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(up("--link packet"), 0);
	assert_int_equal(lab("add"), 0);
	assert_said("n4 is member 000000000000a001, one of 4 voters, ");
	in_dir("grep -q '^initial-cluster-state: existing' n4.yaml && grep -q 'n4: 198.18.0.4' "
	       "n4.yaml "
	       "&& ! grep -q existing n1.yaml");
	assert_int_equal(lab("remove 2"), 0);
	assert_said("n2 is gone, as a member, a process and a directory; 3 nodes are left");
	in_dir("test -z \"$(ls -d n2*)\"");
	assert_int_equal(lab("kill 2"), LAB_EXIT_USAGE);
	assert_said("2 is not a node of this lab: it has n1, n3 and n4 (and leader)");
	assert_int_equal(lab("add --learner"), 0);
	assert_said("n5 is member 000000000000a002, a learner of 3 voters, ");
	assert_said("n5 is up to date");
	assert_int_equal(lab("exec -- sh -c 'echo $QUOIN_ENDPOINTS; ip -o link'"), 0);
	assert_said("198.18.0.1:2379,198.18.0.3:2379,198.18.0.4:2379,198.18.0.5:2379\n");
	assert_said("n5@p5");
	assert_said("02:00:c6:12:00:05");
	assert_null(strstr(said, "p2"));
	assert_int_equal(lab("partition 'leader|rest'"), 0);
	assert_int_equal(lab("status"), 0);
	assert_said("partition 1|3,4,5");
	/* Learners do not vote: two of three are enough. */
	assert_int_equal(lab("kill 5"), 0);
	assert_int_equal(lab("kill 4"), 0);
	assert_int_equal(lab("status"), 0);
	assert_int_equal(lab("replace 4"), 0);
	assert_said("n4 is member 000000000000a003, in place of 000000000000a001, ");
	in_dir("grep -q 'drop both 198.18.0.1' n4/faults");
	assert_int_equal(lab("replace --kill n3"), 0);
	/* It can be called back. */
	assert_int_equal(lab("remove 5"), 0);
	assert_int_equal(lab("add"), 0);
	assert_said("n5 is member ");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* What a leader does not agree to has ended and emptied nothing. */
static void a_change_that_is_refused_leaves_all_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	in_dir("echo there would be 8 voters >refuse");
	assert_int_equal(lab("add"), LAB_EXIT_FAILED);
	assert_said("n4: the leader refuses: there would be 8 voters");
	in_dir("test -z \"$(ls -d n4*)\" && ! grep -q n4 lab.json");
	in_dir("touch n2/mark");
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("replace 2"), LAB_EXIT_FAILED);
	assert_said("n2: the leader refuses: there would be 8 voters");
	assert_int_equal(lab("restart 2"), 0);
	assert_int_equal(lab("replace --kill 2"), LAB_EXIT_FAILED);
	assert_int_equal(lab("remove 2"), LAB_EXIT_FAILED);
	assert_int_equal(lab("status"), 0);
	assert_null(strstr(said, "dead"));
	assert_null(strstr(said, "paused"));
	assert_null(strstr(said, " is being "));
	in_dir("test -e n2/mark && ! grep -q change lab.json");
	/* A leader of a moment ago may agree soon. */
	in_dir("echo once the leader has not committed in its term yet: try again >refuse");
	assert_int_equal(lab("add"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void a_change_that_was_cut_short_goes_on(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	in_dir("touch joining");
	assert_int_equal(lab("add --timeout 1"), LAB_EXIT_FAILED);
	assert_said("n4: joining; it has applied 5, after 1 s");
	assert_said("n4 is being added; quoin-lab add --dir ");
	assert_int_equal(lab("status"), 0);
	assert_said("     is being added; cut short: quoin-lab add --dir ");
	assert_int_equal(lab("restart 4"), LAB_EXIT_FAILED);
	assert_said("n4 is being added; quoin-lab add");
	assert_int_equal(lab("add --learner"), LAB_EXIT_FAILED);
	assert_said("n4 is being added, not as a learner: quoin-lab add goes on with it, quoin-lab "
		    "remove 4 calls it off");
	in_dir("touch n4/mark");
	assert_int_equal(lab("kill 4"), 0);
	in_dir("rm joining");
	assert_int_equal(lab("add"), 0);
	assert_said("n4 was being added: this goes on with it");
	assert_said("n4 is member 000000000000a001");
	in_dir("test -e n4/mark");

	/* Killed after it was agreed to; the directory is emptied once. */
	in_dir("touch joining n3/mark");
	assert_int_equal(lab("kill 3"), 0);
	in_dir("$QUOIN_LAB --dir . replace 3 >/dev/null 2>&1 & for i in $(seq 500); do grep -q "
	       "'\"fresh\": true' lab.json && test -S n3/admin.sock && break; sleep 0.02; done; "
	       "kill -KILL $!; wait $!; :");
	in_dir("test ! -e n3/mark && touch n3/new");
	assert_int_equal(lab("replace 4"), LAB_EXIT_FAILED);
	assert_said(
		"n4 is running, and is not ended by this: quoin-lab replace --kill 4, or kill 4");
	in_dir("rm joining");
	assert_int_equal(lab("replace 3"), 0);
	assert_said("n3 was being replaced: this goes on with it");
	in_dir("test -e n3/new && ! grep -q change lab.json");

	/* Killed before it was asked for: if its process runs by then, it is not. */
	in_dir("cp members before; id=$(grep 198.18.0.2: members | cut -c1-16); sed -i 's/^      "
	       "\"name\": \"n2\",/"
	       "\"change\": \"replace\", \"replaced\": \"'$id'\",&/' lab.json");
	assert_int_equal(lab("replace 2"), LAB_EXIT_FAILED);
	assert_said(
		"n2 is running, and is not ended by this: quoin-lab replace --kill 2, or kill 2");
	in_dir("cmp members before");
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("replace 2"), 0);

	/* Or it is called off. */
	in_dir("touch joining");
	assert_int_equal(lab("add --timeout 1"), LAB_EXIT_FAILED);
	assert_int_equal(lab("remove 5"), 0);
	assert_int_equal(lab("status"), 0);
	assert_null(strstr(said, "n5"));
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* It runs with an empty directory, and asks to be let in. */
static void one_that_asks(void)
{
	assert_int_equal(lab("kill 4"), 0);
	in_dir("rm -r n4");
	assert_int_equal(lab("restart 4 --until answers"), 0);
	in_dir("touch n4/mark; cp n4.pid before; test -e n4/asks");
}

/* Who asks is stopped before the new member is announced; one that was let in by then stays. */
static void the_directory_that_is_bound_is_the_one_that_stays(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("add"), 0);
	one_that_asks();
	in_dir("echo there would be 8 voters >refuse");
	assert_int_equal(lab("replace 4 --kill"), LAB_EXIT_FAILED);
	in_dir("test -e n4/mark && cmp n4.pid before && rm refuse");
	assert_int_equal(lab("status"), 0);
	assert_null(strstr(said, "paused"));
	assert_int_equal(lab("replace 4 --kill"), 0);
	assert_said("n4 is member 000000000000a002, in place of 000000000000a001, ");
	in_dir("test ! -e n4/mark && ! cmp -s n4.pid before");

	/* Somebody has announced it by hand. */
	one_that_asks();
	in_dir("touch joining; echo 000000000000a0ff 198.18.0.4:2380 joining 000000000000a002 0 "
	       ">>members");
	assert_int_equal(lab("replace 4 --kill --timeout 1"), LAB_EXIT_FAILED);
	in_dir("rm joining");
	assert_int_equal(lab("replace 4"), 0);
	assert_said("n4 is member 000000000000a0ff, in place of 000000000000a002, ");
	in_dir("test -e n4/mark && cmp n4.pid before");
	assert_int_equal(lab("status"), 0);
	assert_null(strstr(said, "paused"));
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* A port that no memory is left for would never be: that is said before, not by who waits. */
static void on_memif_there_are_as_many_members_as_ports(void **state)
{
	(void)state;
	assert_int_equal(up("--nodes 7"), 0);
	assert_int_equal(lab("add --learner"), 0);
	in_dir("cp members before");
	assert_int_equal(lab("add --learner"), LAB_EXIT_FAILED);
	assert_said("n9: the cluster has 8 members, and on link memif a node of a lab has no "
		    "memory for the port of one more: nothing was done");
	in_dir("test -z \"$(ls -d n9*)\"");
	in_dir("cmp members before && ! grep -q change lab.json");
	/* Who comes in its place has its port. */
	assert_int_equal(lab("replace --kill 8"), 0);
	assert_int_equal(lab("remove 2"), 0);
	assert_int_equal(lab("add --learner"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* On memif nobody would tell it. */
static void one_that_was_removed_while_it_was_down_is_told_of(void **state)
{
	static const char says[] = "n3 is no member of the cluster: quoin-lab remove 3 takes it "
				   "out of the lab, quoin-lab add makes another one";

	(void)state;
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill 3"), 0);
	assert_int_equal(lab("status"), 0);
	assert_null(strstr(said, "removed"));
	in_dir("sed -i '/198.18.0.3:/d' members");
	assert_int_equal(lab("status"), 0);
	assert_said(says);
	assert_said("dead     removed ");
	assert_int_equal(lab("restart 3"), LAB_EXIT_FAILED);
	assert_said(says);
	assert_int_equal(lab("status"), 0);
	assert_said("running  removed ");
	assert_int_equal(lab("remove 3"), 0);
	assert_said("; 2 nodes are left");
	assert_int_equal(lab("remove 2"), 0);
	assert_said("; 1 node is left");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* It votes, and nobody could ask for it by its name yet. */
static void a_member_is_waited_for_until_it_has_said_its_name(void **state)
{
	(void)state;
	assert_int_equal(up(""), 0);
	in_dir("touch nameless");
	assert_int_equal(lab("add --timeout 1"), LAB_EXIT_FAILED);
	assert_said("n4: the leader does not know its name yet; it has applied 5, after 1 s");
	assert_said("n4 is being added; quoin-lab add --dir ");
	assert_int_equal(lab("remove 4"), 0);
	assert_int_equal(lab("kill 3"), 0);
	assert_int_equal(lab("replace 3 --timeout 1"), LAB_EXIT_FAILED);
	assert_said("n3: the leader does not know its name yet; it has applied 5, after 1 s");
	in_dir("rm nameless");
	assert_int_equal(lab("replace 3"), 0);
	assert_said("n3 is member 000000000000a002, in place of ");
	assert_int_equal(lab("add"), 0);
	assert_said("n4 is member 000000000000a003, one of 4 voters, ");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

static void members_are_not_changed_without_a_majority(void **state)
{
	(void)state;
	assert_int_not_equal(lab("add"), 0);
	assert_said("no lab here");
	assert_int_equal(up(""), 0);
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("kill 3"), 0);
	assert_int_equal(lab("add"), LAB_EXIT_FAILED);
	assert_said("n4: no majority of the nodes runs");
	assert_int_equal(lab("replace 2"), LAB_EXIT_FAILED);
	assert_said("n2: no majority of the nodes runs");
	assert_int_equal(lab("restart 2"), 0);
	assert_int_equal(lab("replace --kill 2"), LAB_EXIT_FAILED);
	assert_said("n2 is running, and without it no majority of the nodes runs, which could take "
		    "it in again: nothing was done");
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("remove 3"), LAB_EXIT_FAILED);
	assert_said("n3: no majority of the nodes runs");
	assert_int_equal(lab("restart 2"), 0);
	assert_int_equal(lab("restart 3"), 0);
	/* One that was removed without the lab. */
	assert_int_equal(lab("add"), 0);
	in_dir("sed -i '/ 198.18.0.3:/d' members");
	assert_int_equal(lab("replace --kill 3"), LAB_EXIT_FAILED);
	assert_said("n3 is no member of the cluster: quoin-lab remove 3 takes it out of the lab");
	assert_int_equal(lab("remove 3"), 0);
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

/* What keeps nothing comes back as another member, if anybody is there who can take it in. */
static void restart_in_volatile_is_a_replacement(void **state)
{
	(void)state;
	assert_int_equal(up("--durability volatile"), 0);
	assert_int_equal(lab("restart 2"), 0);
	assert_said("n2 is member 000000000000a001, in place of ");
	assert_int_equal(lab("restart 2 --until answers"), 0);
	assert_string_equal(said, "n2\n");
	assert_int_equal(lab("kill 2"), 0);
	assert_int_equal(lab("restart 3"), 0);
	assert_said("n3 keeps nothing (--durability volatile), and cannot be replaced while no "
		    "majority of the nodes runs without it: it starts empty");
	assert_int_equal(lab("restart 2"), 0);
	assert_said("n2 is member 000000000000a002, in place of 000000000000a001");
	assert_int_equal(lab("down"), 0);
	assert_int_equal(up("--durability volatile --nodes 1"), 0);
	assert_int_equal(lab("restart 1"), 0);
	assert_said("n1 is up to date");
	assert_int_equal(lab("down"), 0);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nodes_come_and_go, leave),
		cmocka_unit_test_teardown(a_change_that_is_refused_leaves_all_as_it_was, leave),
		cmocka_unit_test_teardown(a_change_that_was_cut_short_goes_on, leave),
		cmocka_unit_test_teardown(the_directory_that_is_bound_is_the_one_that_stays, leave),
		cmocka_unit_test_teardown(on_memif_there_are_as_many_members_as_ports, leave),
		cmocka_unit_test_teardown(one_that_was_removed_while_it_was_down_is_told_of, leave),
		cmocka_unit_test_teardown(a_member_is_waited_for_until_it_has_said_its_name, leave),
		cmocka_unit_test_teardown(members_are_not_changed_without_a_majority, leave),
		cmocka_unit_test_teardown(restart_in_volatile_is_a_replacement, leave),
	};

	if (geteuid() != 0 || shell("ip netns list") != 0)
		return 77;
	return cmocka_run_group_tests(tests, enter, NULL);
}
