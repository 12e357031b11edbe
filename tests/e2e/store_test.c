/*
 * A lab's store while clients go on: its old versions are compacted by themselves, and its log is
 * cut; a member whose state turns into another one is named, stops serving, and is replaced (R51);
 * so is one that leads. Then two of three are lost, and the last one, whose log is cut, is forced
 * out, and gives those who join it a snapshot.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	NODES = 3,
	WRITERS = 3,
	READERS = 1,
	PUTS = 20,
	PUT_MS = 5000,
	LARGE = 300000,
	/* Eight of the longest election timeout (D19), and what a client waits for a dead node. */
	GAP_MS_MAX = 8 * 300 + 600,
};

static struct cluster c;
static struct load load;
static struct run out;

static const char *all(char text[512])
{
	char one[128];
	size_t used = 0;

	for (uint32_t node = 1; node <= NODES; node++)
		used += (size_t)snprintf(text + used, 512 - used, "%s%s", node > 1 ? "," : "",
					 cluster_admin(&c, node, one));
	return text;
}

static void ctl(uint32_t node, const char *words)
{
	char admin[128];

	run(&out, "quoinctl", "--endpoints=%s %s", cluster_admin(&c, node, admin), words);
}

static void ctl_all(const char *words)
{
	char endpoints[512];

	run(&out, "quoinctl", "--endpoints=%s %s", all(endpoints), words);
}

/* What quoinctl said last. */
static void expect(int status, const char *says)
{
	require(&c, out.status == status && strstr(out.text, says), "not %d and \"%s\": %d: %s",
		status, says, out.status, out.text);
}

/* The line about a node of what it said of all of them. */
static const char *line_of(uint32_t node)
{
	static char line[4096];
	char admin[128];
	const char *at = strstr(out.text, cluster_admin(&c, node, admin));

	require(&c, at, "nothing of n%u: %s", node, out.text);
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

static void begin(void)
{
	cluster_up(&c, NODES, "memif", "");
	for (uint32_t node = 1; node <= NODES; node++) {
		cluster_configure(&c, node,
				  "snapshot-log-size: 1MiB\nlog-keep: 1MiB\n"
				  "auto-compaction-retention: 1s\n");
		cluster_lab(&c, "kill %u", node);
	}
	for (uint32_t node = 1; node <= NODES; node++)
		cluster_lab(&c, "restart %u --until answers", node);
	cluster_wait_leader(&c, 0);
}

/* --- what goes by itself ------------------------------------------------------------------- */

struct seen {
	uint32_t node;
	uint64_t compacted, cut;
};

/* Each condition that waits for the log to grow puts a large value. */
static void grow(uint32_t node)
{
	char admin[128];
	struct one o;

	one_open(&o, cluster_admin(&c, node, admin));
	require(&c, one_put_large(&o, "large", LARGE, PUT_MS) == 0, "n%u takes no put", node);
	one_close(&o);
}

static bool goes_on(void *context)
{
	struct seen *seen = context;
	bool all_did = true;

	grow(seen[0].node);
	for (uint32_t i = 0; i < NODES; i++)
		all_did &=
			cluster_number(&c, seen[i].node, "compact_revision") > seen[i].compacted &&
			cluster_number(&c, seen[i].node, "log_first_index") > seen[i].cut;
	return all_did;
}

/* On each member: what is written now, and where the log began before that. */
static void N7_old_versions_are_compacted_by_themselves(void **state)
{
	struct seen seen[NODES];

	(void)state;
	begin();
	ctl(1, "put first untouched");
	expect(0, "OK");
	load_start(&load, &c, WRITERS, READERS);
	for (uint32_t i = 0; i < NODES; i++)
		seen[i] = (struct seen){.node = i + 1,
					.compacted = cluster_number(&c, i + 1, "revision"),
					.cut = cluster_number(&c, i + 1, "log_first_index")};
	require(&c, wait_until(goes_on, seen, CLUSTER_WAIT_MS), "not on each");
	require(&c, cluster_number(&c, cluster_wait_leader(&c, 0), "auto_compactions") > 0,
		"it was not done by itself");
	ctl(2, "get first --rev 2");
	expect(1, "etcdserver: mvcc: required revision has been compacted");
	ctl(3, "get first");
	expect(0, "untouched");
	ctl_all("check equality");
	expect(0, "equal");
}

/* --- one that is diverged ------------------------------------------------------------------ */

static bool is_flipped(void *context)
{
	static const char rule[] = "flip state\n";
	const uint32_t *node = context;
	char admin[128], error[ADDRESS_ERROR_MAX];
	struct endpoint_answer answer;
	struct endpoint *e;
	int err;

	assert_int_equal(endpoint_open(&e, cluster_admin(&c, *node, admin), error), 0);
	err = endpoint_call(e, WIRE_FAULT, (const uint8_t *)rule, sizeof(rule) - 1,
			    PUT_MS * 1000000ull, &answer);
	require(&c, err == 0 && (answer.status == WIRE_OK || answer.status == WIRE_BUSY),
		"n%u: %d, %d", *node, err, err ? 0 : (int)answer.status);
	endpoint_close(e);
	return answer.status == WIRE_OK; /* BUSY: within a command */
}

static bool is_told(void *context)
{
	const uint32_t *node = context;

	grow(*node % NODES + 1);
	return cluster_number(&c, *node, "diverged") == 1;
}

static void flip(uint32_t node)
{
	require(&c, wait_until(is_flipped, &node, CLUSTER_WAIT_MS), "n%u is in a command", node);
	require(&c, wait_until(is_told, &node, CLUSTER_WAIT_MS), "n%u is not told", node);
}

/* Before it was heard since it was started there is another reason. */
static bool is_refused_the_lead(void *context)
{
	const uint32_t *node = context;
	struct node_status s;
	char words[64];

	require(&c, cluster_status(&c, *node, &s), "n%u does not answer", *node);
	snprintf(words, sizeof(words), "move-leader %s", s.member);
	ctl(cluster_wait_leader(&c, *node), words);
	require(&c, out.status == 1, "n%u is to lead: %s", *node, out.text);
	return strstr(out.text, "is not the one that the majority has") != NULL;
}

/* It gives nothing from its state; each way of asking says why, and who it is. */
static void expect_named(uint32_t node)
{
	static const char corrupt[] = "etcdserver: corrupt cluster";
	char words[128];

	require(&c, wait_until(is_refused_the_lead, &node, CLUSTER_WAIT_MS), "%s", out.text);
	cluster_wait_log(&c, node, " diverged snapshot=");
	ctl(node, "get first");
	expect(1, corrupt);
	ctl(node, "get --consistency=s first");
	expect(1, corrupt);
	ctl(node, "put second value");
	expect(1, corrupt);
	ctl(node, "endpoint hashkv");
	expect(1, corrupt);
	snprintf(words, sizeof(words), "snapshot save %s/none", c.dir);
	ctl(node, words);
	expect(1, corrupt);
	ctl_all("endpoint health");
	expect(1, "unhealthy cluster");
	for (uint32_t i = 1; i <= NODES; i++) {
		const char *line = line_of(i);

		require(&c, (strstr(line, corrupt) != NULL) == (i == node), "n%u: %s", i, line);
	}
	ctl_all("endpoint status");
	expect(0, "");
	snprintf(words, sizeof(words),
		 "member n%u says that its state is not the one that the majority has", node);
	for (uint32_t i = 1; i <= NODES; i++) {
		const char *line = line_of(i);

		require(&c, strstr(line, i == node ? corrupt : words), "n%u: %s", i, line);
	}
	ctl_all("check equality");
	expect(1, corrupt);
}

/* The others do, as if one of them were down. */
static void expect_others_go_on(const char *what)
{
	uint64_t gap_ms;

	load_wait_progress(&load, PUTS);
	gap_ms = load_gap_ms(&load);
	printf("# %s: no put of a client for %" PRIu64 " ms at most\n", what, gap_ms);
	require(&c, gap_ms <= GAP_MS_MAX, "%s: no put for %" PRIu64 " ms", what, gap_ms);
	load_gap_begin(&load);
}

struct wanted {
	uint32_t asked, voters;
};

/* "ID, started, NAME, PEER, CLIENT, false, voter": so many, and nobody else any more. */
static bool are_voters(void *context)
{
	const struct wanted *w = context;
	uint32_t lines = 0, voters = 0;

	ctl(w->asked, "member list");
	for (char *rest = out.text, *line; (line = strsep(&rest, "\n")) && *line; lines++)
		voters += strstr(line, ", false, voter") != NULL;
	return out.status == 0 && lines == w->voters && voters == w->voters;
}

/* With an empty directory, after that was said to another one: by whose snapshot it begins. */
static void join(uint32_t node, uint32_t asked, uint32_t voters, const char *words)
{
	struct wanted w = {.asked = asked, .voters = voters};

	cluster_wipe_to_join(&c, node);
	ctl(asked, words);
	require(&c, out.status == 0, "%s: %s", words, out.text);
	cluster_lab(&c, "restart %u", node);
	cluster_wait_installed(&c, node);
	require(&c, wait_until(are_voters, &w, CLUSTER_WAIT_MS), "n%u is no voter: %s", node,
		out.text);
}

/* As its status says: by a new member in its place. */
static void replaced(uint32_t node)
{
	struct node_status s;
	char words[128];

	require(&c, cluster_status(&c, node, &s), "n%u does not answer", node);
	cluster_lab(&c, "kill %u", node);
	snprintf(words, sizeof(words), "member replace %s 198.18.0.%u:2380", s.member, node);
	join(node, node % NODES + 1, NODES, words);
	ctl(node, "get first");
	expect(0, "untouched");
	ctl_all("endpoint health");
	expect(0, "is healthy");
	ctl_all("check equality");
	expect(0, "equal");
	require(&c, cluster_number(&c, node, "diverged") == 0, "n%u is so still", node);
}

static void R51_a_member_with_another_state_is_named_and_replaced(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), node = leader % NODES + 1;

	(void)state;
	load_gap_begin(&load);
	flip(node);
	expect_named(node);
	expect_others_go_on("diverged");
	/* Its own snapshot, and the log behind it, make no other member of it. */
	cluster_lab(&c, "kill %u", node);
	cluster_lab(&c, "restart %u --until answers", node);
	cluster_wait_value(&c, node, "diverged", "1");
	expect_named(node);
	require(&c, !cluster_log_has(&c, node, " majority=0000000000000000"),
		"n%u tells of hashes that it does not know", node);
	expect_others_go_on("started again");
	replaced(node);
	expect_others_go_on("replaced");
}

static void R51_a_leader_with_another_state_hands_over(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0);

	(void)state;
	load_gap_begin(&load);
	flip(leader);
	cluster_wait_leader(&c, leader);
	expect_others_go_on("a leader diverged");
	expect_named(leader);
	require(&c, cluster_log_has(&c, leader, " why=\"its state is not the one that "),
		"n%u hands nothing over", leader);
	replaced(leader);
	expect_others_go_on("a leader replaced");
}

/* --- one that is forced -------------------------------------------------------------------- */

static void force(uint32_t node, const char *name)
{
	run(&out, "quoind", "--config %s/n%u.yaml --force-new-cluster %s", c.dir, node, name);
}

/*
 * When one is gone all that is acknowledged needs both others, so the last one has all of it. Who
 * joins it asks for entry 1, which it has no more.
 */
static void D16_a_member_with_a_cut_log_is_forced(void **state)
{
	uint32_t last = cluster_wait_leader(&c, 0), first = last % NODES + 1;
	uint32_t second = first % NODES + 1;
	char name[96], words[128];
	const char *at;

	(void)state;
	require(&c, cluster_number(&c, last, "log_first_index") > 1, "the log is whole");
	cluster_lab(&c, "kill %u", first);
	load_wait_progress(&load, PUTS);
	cluster_lab(&c, "kill %u", second);
	cluster_lab(&c, "kill %u --signal TERM", last);
	force(last, "another");
	at = strstr(out.text, "--force-new-cluster=");
	require(&c, out.status == 2 && at && sscanf(at, "--force-new-cluster=%95s", name) == 1,
		"%d: %s", out.status, out.text);
	force(last, name);
	expect(0, " is a cluster of its own now");
	cluster_lab(&c, "restart %u", last);
	cluster_wait_log(&c, last, " forced formerly=");
	load_wait_progress(&load, PUTS);
	snprintf(words, sizeof(words), "member add 198.18.0.%u:2380", first);
	join(first, last, 2, words);
	snprintf(words, sizeof(words), "member add 198.18.0.%u:2380", second);
	join(second, last, NODES, words);
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	cluster_wait_equal(&c);
	load_verify(&load);
	ctl_all("check equality");
	expect(0, "equal");
	cluster_down(&c);
}

/* One lab for all of them. */
int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(N7_old_versions_are_compacted_by_themselves),
		cmocka_unit_test(R51_a_member_with_another_state_is_named_and_replaced),
		cmocka_unit_test(R51_a_leader_with_another_state_hands_over),
		cmocka_unit_test(D16_a_member_with_a_cut_log_is_forced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
