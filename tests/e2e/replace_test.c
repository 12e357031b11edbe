/*
 * Members come and go while clients go on (F1, D16): one that follows loses its directory for good
 * and is replaced where it stands, by hand as docs/deploy.md says it; then, by the lab, the one
 * that leads is, two are added, and they are removed again while they lead, one by itself; and one
 * is told to stop while another becomes a learner. And two of three are lost, so that the last one
 * is forced out of the cluster, and begins another one with all that it has: while clients wait for
 * it.
 */
#include "base/exits.h"
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WRITERS = 3,
	READERS = 1,
	PUTS = 30,
	/* Eight of the longest election timeout (D19), and what a client waits for a dead node. */
	PUT_MS_MAX = 8 * 300 + 600,
};

static const char *link_name;
static struct cluster c;
static struct load load;

static void member_list(uint32_t asked, struct run *out)
{
	char admin[128];

	run(out, "quoinctl", "--endpoints=%s member list", cluster_admin(&c, asked, admin));
}

struct wanted {
	uint32_t asked;
	char id[24];
	uint32_t voters;
};

/* "ID, started, NAME, PEER, CLIENT, false, voter": so many, and this one among them, or any. */
static bool has_voters(void *context)
{
	const struct wanted *w = context;
	struct run out;
	uint32_t voters = 0;
	bool there = false;

	member_list(w->asked, &out);
	for (char *rest = out.text, *line; (line = strsep(&rest, "\n"));) {
		bool voter = strstr(line, ", false, voter") != NULL;

		voters += voter;
		there |= voter && strncmp(line, w->id, strlen(w->id)) == 0;
	}
	return voters == w->voters && there;
}

/* As etcdctl writes ids, and as a status does: with zeros before it, or without. */
static uint64_t number(const char *id)
{
	return strtoull(id, NULL, 16);
}

static void replaced(uint32_t node)
{
	uint32_t asked = node % 3 + 1;
	char admin[128], before[24];
	struct node_status s;
	struct wanted w = {.asked = asked, .voters = 3};
	struct run out;
	const char *by;

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	snprintf(before, sizeof(before), "%s", s.member);
	cluster_lab(&c, "kill %u", node);
	load_wait_progress(&load, PUTS);
	cluster_wipe_to_join(&c, node);
	run(&out, "quoinctl", "--endpoints=%s member replace %s 198.18.0.%u:2380",
	    cluster_admin(&c, asked, admin), before, node);
	require(&c, out.status == 0, "%s", out.text);
	by = strstr(out.text, "by member ");
	require(&c, by && sscanf(by, "by member %23s", w.id) == 1, "%s", out.text);
	cluster_lab(&c, "restart %u", node);
	require(&c, wait_until(has_voters, &w, CLUSTER_WAIT_MS), "member %s is no voter", w.id);
	require(&c, cluster_status(&c, node, &s) && number(s.member) == number(w.id),
		"n%u is member %s, not %s", node, s.member, w.id);
	require(&c, !cluster_log_errs(&c, node), "n%u logs an error", node);
	load_wait_progress(&load, PUTS);
	printf("# n%u: member %s was replaced by %s, %" PRIu64 " puts acknowledged\n", node, before,
	       w.id, load_acknowledged(&load));
}

/* As a service manager starts it: it ends by itself, with the status, the words, and the last. */
static void expect_ends(uint32_t node, const char *words, const char *last)
{
	static struct run out;

	run(&out, "quoind", "--config=%s/n%u.yaml", c.dir, node);
	require(&c,
		out.status == QUOIND_REMOVED && strstr(out.text, words) &&
			strstr(out.text, "this member was removed from its cluster: it was ") &&
			strstr(out.text, last),
		"exit %d: %s", out.status, out.text);
}

/*
 * A member that was down is removed. Started again it is told so by the others, whom it does not
 * disturb, and ends for good: it is no member at any later start. On memif there is no wire to
 * somebody who is no member.
 */
static void removed_while_down(void)
{
	uint32_t leader = cluster_wait_leader(&c, 0), node = leader % 3 + 1, other = node % 3 + 1;
	char admin[128];
	struct node_status s;
	struct run out;

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	cluster_lab(&c, "kill %u", node);
	uint64_t term = cluster_number(&c, leader, "raft_term");
	run(&out, "quoinctl", "--endpoints=%s member remove %s", cluster_admin(&c, leader, admin),
	    s.member);
	require(&c, out.status == 0, "%s", out.text);
	cluster_enter(&c);
	expect_ends(node, " removed cluster_id=",
		    " stopped why=\"this member was removed from its cluster\"\n");
	require(&c,
		cluster_number(&c, leader, "strangers_told") > 0 &&
			cluster_number(&c, other, "strangers_told") > 0,
		"n%u was not told by both", node);
	expect_ends(node, "data-dir: this member was removed", "");
	require(&c, cluster_number(&c, leader, "raft_term") == term, "n%u disturbed n%u", node,
		leader);
}

/* No write waited for more than an election, and all go on. */
static void goes_on(const char *what)
{
	uint64_t gap_ms;

	load_wait_progress(&load, PUTS);
	gap_ms = load_gap_ms(&load);
	load_gap_begin(&load);
	printf("# %s: no put of a client for %" PRIu64 " ms at most\n", what, gap_ms);
	require(&c, gap_ms <= PUT_MS_MAX, "%s: no put for %" PRIu64 " ms", what, gap_ms);
}

/* A command of the lab under the load, and what it says that the node is then. */
static void lab_does(const char *command, uint32_t node, const char *says)
{
	static struct run out;
	char wanted[64];

	require(&c, cluster_lab_try(&c, &out, "%s", command) == 0, "%s: %s", command, out.text);
	snprintf(wanted, sizeof(wanted), "n%u is %s", node, says);
	require(&c, strstr(out.text, wanted), "%s: %s", command, out.text);
	goes_on(command);
}

static void lead_by(uint32_t node)
{
	static struct run out;
	struct node_status s;
	char admin[128];

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	run(&out, "quoinctl", "--endpoints=%s move-leader %s", cluster_admin(&c, node, admin),
	    s.member);
	require(&c, out.status == 0, "%s", out.text);
	goes_on("move-leader");
}

/* It answers for that, though it ends by it; and the lab lets it go. */
static void remove_by_itself(uint32_t node)
{
	static struct run out;
	struct node_status s;
	char admin[128], command[32];

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	run(&out, "quoinctl", "--endpoints=%s member remove %s", cluster_admin(&c, node, admin),
	    s.member);
	require(&c, out.status == 0 && strstr(out.text, " removed from cluster "), "exit %d: %s",
		out.status, out.text);
	goes_on("member remove");
	snprintf(command, sizeof(command), "remove %u", node);
	lab_does(command, node, "gone");
}

struct order {
	pthread_t thread;
	const char *verb;
	char admin[128], member[24];
	struct run out;
};

static void *order_run(void *argument)
{
	struct order *o = argument;

	run(&o->out, "quoinctl", "--endpoints=%s member %s %s", o->admin, o->verb, o->member);
	return NULL;
}

static bool is_promoted(void *argument)
{
	struct order *o = argument;

	order_run(o);
	return o->out.status == 0 || strstr(o->out.text, " is a voter already");
}

struct table {
	uint32_t leader;
	uint64_t index;
};

static bool has_another_table(void *argument)
{
	const struct table *t = argument;

	return cluster_number(&c, t->leader, "members_index") != t->index;
}

/*
 * The leader, one that follows, or the one that is to be a learner is told to stop while it becomes
 * one. It stops, and the change ends, or is told as not done, or as what it may be where one of two
 * voters is left, which is no majority: then clients wait until it is back.
 */
static void stopped_while_changed(int who)
{
	static struct order o;
	uint32_t leader = cluster_wait_leader(&c, 0), changed = leader % 3 + 1;
	uint32_t other = changed % 3 + 1, stops = who == 0 ? leader : who == 1 ? other : changed;
	struct table before = {leader, cluster_number(&c, leader, "members_index")};
	struct node_status s;

	require(&c, cluster_status(&c, changed, &s), "n%u does not answer", changed);
	o.verb = "demote";
	snprintf(o.member, sizeof(o.member), "%s", s.member);
	cluster_admin(&c, stops == other ? leader : other, o.admin);
	assert_int_equal(pthread_create(&o.thread, NULL, order_run, &o), 0);
	require(&c, wait_until(has_another_table, &before, CLUSTER_WAIT_MS), "no new table");
	cluster_lab(&c, "kill %u --signal TERM", stops);
	assert_int_equal(pthread_join(o.thread, NULL), 0);
	require(&c,
		o.out.status == 0 || strstr(o.out.text, "(nothing was done)") ||
			strstr(o.out.text, "(it may have been done"),
		"exit %d: %s", o.out.status, o.out.text);
	cluster_lab(&c, "restart %u", stops);
	o.verb = "promote";
	require(&c, wait_until(is_promoted, &o, CLUSTER_WAIT_MS), "%s", o.out.text);
	goes_on("a stop while members change");
}

static void order_of(struct order *o, const char *verb, uint32_t node)
{
	struct node_status s;

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	o->verb = verb;
	snprintf(o->member, sizeof(o->member), "%s", s.member);
	cluster_admin(&c, node % 3 + 1, o->admin);
}

/* The lab did not make it a learner, and replaces it as what it is. */
static void replaced_as_a_learner(uint32_t node)
{
	static struct order o;
	char command[32];

	order_of(&o, "demote", node);
	order_run(&o);
	require(&c, o.out.status == 0, "%s", o.out.text);
	snprintf(command, sizeof(command), "replace %u --kill", node);
	lab_does(command, node, "member ");
	order_of(&o, "promote", node);
	require(&c, wait_until(is_promoted, &o, CLUSTER_WAIT_MS), "%s", o.out.text);
}

static void F1_a_member_that_lost_its_directory_is_replaced(void **state)
{
	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	load_gap_begin(&load);
	replaced(cluster_wait_leader(&c, 0) % 3 + 1);
	goes_on("member replace");
	lab_does("replace --kill leader", cluster_wait_leader(&c, 0), "member ");
	lab_does("add", 4, "member ");
	lab_does("add", 5, "member ");
	if (strcmp(link_name, "memif") == 0)
		replaced_as_a_learner(5);
	lead_by(5);
	remove_by_itself(5);
	lead_by(4);
	lab_does("remove leader", 4, "gone");
	for (int who = 0; who < 3 && strcmp(link_name, "packet") == 0; who++)
		stopped_while_changed(who);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	if (strcmp(link_name, "packet") == 0)
		removed_while_down();
	cluster_down(&c);
}

/*
 * A member that is down knows two others, and when it is started again neither is there: it finds
 * those who came meanwhile, and nobody is asked to do anything.
 */
static void D16_a_member_that_was_away_finds_its_cluster(void **state)
{
	struct run out;
	char admin[128];

	(void)state;
	cluster_up(&c, 3, link_name, "");
	cluster_lab(&c, "kill 3");
	cluster_lab(&c, "add");
	cluster_lab(&c, "add");
	run(&out, "quoinctl", "--endpoints=%s put found yes", cluster_admin(&c, 4, admin));
	require(&c, out.status == 0, "%s", out.text);
	cluster_lab(&c, "remove 1");
	cluster_lab(&c, "remove 2");
	c.nodes = 5;
	uint64_t term = cluster_number(&c, cluster_wait_leader(&c, 0), "raft_term");
	cluster_lab(&c, "restart 3");
	cluster_wait_log(&c, 3, " member_found ");
	cluster_wait_equal(&c);
	require(&c, cluster_number(&c, cluster_wait_leader(&c, 0), "raft_term") == term,
		"it disturbed them");
	run(&out, "quoinctl", "--endpoints=%s get found", cluster_admin(&c, 3, admin));
	require(&c, out.status == 0 && strstr(out.text, "yes"), "%s", out.text);
	cluster_down(&c);
}

static void force(uint32_t node, const char *name, struct run *out)
{
	run(out, "quoind", "--config %s/n%u.yaml --force-new-cluster %s", c.dir, node, name);
}

static void added(uint32_t node, uint32_t asked, uint32_t voters)
{
	struct wanted w = {.asked = asked, .voters = voters};
	struct node_status s;
	struct run out;
	char admin[128];

	cluster_wipe_to_join(&c, node);
	run(&out, "quoinctl", "--endpoints=%s member add 198.18.0.%u:2380",
	    cluster_admin(&c, asked, admin), node);
	require(&c, out.status == 0, "%s", out.text);
	cluster_lab(&c, "restart %u", node);
	require(&c, wait_until(has_voters, &w, CLUSTER_WAIT_MS), "n%u is no voter of %u", node,
		voters);
	require(&c, cluster_status(&c, node, &s) && strstr(s.text, "formation joined"), "%s",
		s.text);
}

/*
 * When one is gone all that is acknowledged needs both others, so the last one has all that was
 * when the second is gone as well: nothing that a client was told may be lost.
 */
static void D16_a_cluster_that_lost_its_majority_begins_again(void **state)
{
	struct run out;
	char name[96], path[512];
	const char *at;

	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	cluster_lab(&c, "kill 1");
	load_wait_progress(&load, PUTS);
	cluster_lab(&c, "kill 2");
	force(3, "quoin-lab", &out);
	require(&c, out.status == 4 && strstr(out.text, "another process has this directory open"),
		"exit %d: %s", out.status, out.text);
	cluster_lab(&c, "kill 3 --signal TERM");
	snprintf(path, sizeof(path), "%s/n3/identity", c.dir);
	require(&c, chown(path, 54321, (gid_t)-1) == 0, "%s", path);
	force(3, "quoin-lab", &out);
	require(&c, out.status == 4 && strstr(out.text, "belong to user ? (54321): run this as"),
		"exit %d: %s", out.status, out.text);
	require(&c, chown(path, geteuid(), (gid_t)-1) == 0, "%s", path);
	force(3, "quoin-lab", &out);
	at = strstr(out.text, "--force-new-cluster=");
	require(&c, out.status == 2 && at && strstr(out.text, "nothing was changed"), "exit %d: %s",
		out.status, out.text);
	require(&c, sscanf(at, "--force-new-cluster=%95s", name) == 1, "%s", out.text);
	force(3, name, &out);
	require(&c,
		out.status == 0 && strstr(out.text, "n3 is a cluster of its own now") &&
			strstr(out.text, "given up    n1, 198.18.0.1:2380, member "),
		"exit %d: %s", out.status, out.text);
	force(3, name, &out);
	require(&c, out.status == 0 && strstr(out.text, "nothing was changed"), "exit %d: %s",
		out.status, out.text);
	cluster_lab(&c, "restart 3");
	cluster_wait_log(&c, 3, " forced formerly=");
	load_wait_progress(&load, PUTS);
	added(1, 3, 2);
	added(2, 3, 3);
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	printf("# %" PRIu64 " puts acknowledged\n", load_acknowledged(&load));
	cluster_down(&c);
}

static void empty_and_restart(uint32_t node)
{
	cluster_lab(&c, "kill %u", node);
	cluster_wipe_to_join(&c, node);
	cluster_lab(&c, "restart %u --until answers", node);
}

/*
 * One whose directory was lost runs with an empty one, and waits to be let in: it is ended for the
 * one that comes after it, and must not be let in before.
 */
static void F1_one_that_waits_to_be_let_in_is_replaced(void **state)
{
	(void)state;
	cluster_up(&c, 3, link_name, "");
	load_start(&load, &c, WRITERS, READERS);
	cluster_lab(&c, "add");
	load_gap_begin(&load);
	empty_and_restart(4);
	lab_does("replace 4 --kill", 4, "member ");
	load_stop(&load);
	load_verify(&load);
	cluster_down(&c);

	cluster_up(&c, 3, link_name, "--durability volatile");
	cluster_lab(&c, "kill 1");
	cluster_lab(&c, "restart 1 --until answers");
	cluster_lab(&c, "replace 1 --kill");
	cluster_wait_equal(&c);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_a_cluster_that_lost_its_majority_begins_again),
		cmocka_unit_test(F1_a_member_that_lost_its_directory_is_replaced),
		cmocka_unit_test(F1_one_that_waits_to_be_let_in_is_replaced),
	};

	static const struct CMUnitTest away[] = {
		cmocka_unit_test(D16_a_member_that_was_away_finds_its_cluster),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	/* On memif nobody hears one to whom he has no wire. */
	if (strcmp(link_name, "packet") == 0 && cmocka_run_group_tests(away, NULL, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
