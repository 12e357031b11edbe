/*
 * The numbers of whole nodes in the simulated world: each is filled in, each counter of a room is
 * shown, and those that count what a cluster lives through count it.
 */
#include "tests/sim/world.h"

#include "dataplane/dp_internal.h"
#include "metrics/exchange.h"
#include "node/internal.h"
#include "node/journal.h"
#include "raft/internal.h"
#include "wal/state.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MS 1000000ull

enum { PRIORITY = 7 };

static struct sim_world w;
static struct metrics m;
static char text[METRICS_TEXT_SIZE_MAX];

static bool begun(void)
{
	int32_t leader = sim_leader(&w);

	return leader >= 0 && sim_all_formed(&w) && raft_commit(w.node[leader].node->raft) > 0;
}

/* Returns the leader, which has committed its first entry; the other two follow. */
static uint32_t world_begin(void)
{
	sim_world_prepare(&w, 11, 3);
	for (uint32_t i = 0; i < 3; i++)
		w.node[i].priority = PRIORITY;
	sim_world_begin(&w, 1);
	w.resting = true;
	while (!begun())
		sim_world_run(&w, MS);
	return (uint32_t)sim_leader(&w);
}

static struct node *begin(void)
{
	return w.node[world_begin()].node;
}

enum { UNFILLED = 0xa5 };

static void require_filled(const void *of, const struct metrics_rows *rows)
{
	uint64_t unfilled;

	memset(&unfilled, UNFILLED, sizeof(unfilled));
	for (size_t i = 0; i < rows->count; i++) {
		const struct metrics_row *row = &rows->row[i];

		if (metrics_value(of, row) == unfilled)
			fail_msg("nothing fills %s in", row->key);
	}
}

/* Every row of the table is collected: nothing is left of what the memory held before. */
static void each_row_is_filled_in(void **state)
{
	struct node *n = begin();

	(void)state;
	memset(&m, UNFILLED, sizeof(m));
	node_metrics_collect(n, &m);
	require_filled(&m, &metrics_values);
	assert_int_equal(m.peer_count, 2);
	assert_int_equal(m.port_count, 1);
	for (uint32_t i = 0; i < m.peer_count; i++)
		require_filled(&m.peer[i], &metrics_peer_values);
	require_filled(&m.port[0], &metrics_port_values);
	for (size_t i = 0; i < metrics_words.count; i++) {
		if (((uint8_t *)&m)[metrics_words.row[i].offset] == UNFILLED)
			fail_msg("nothing fills %s in", metrics_words.row[i].key);
	}
	assert_int_equal(m.wal_write.count, 20);
	assert_int_equal(m.peer[0].round_trip.count, 21);
	sim_world_destroy(&w);
}

static_assert(offsetof(struct wal_stats, write_time) + sizeof(struct histogram) ==
		      sizeof(struct wal_stats),
	      "what stands before the histogram is all the rest");

static struct link_counters port_counters;

static void link_counters(struct link *link, struct link_counters *out)
{
	(void)link;
	*out = port_counters;
}

/* Numbers that occur nowhere else, one for each word of a struct of counters. */
static uint64_t number_at(uint32_t of, size_t i)
{
	return 7000000000u + of * 1000000 + i * 1000 + 7;
}

static void fill(void *counters, size_t size, uint32_t of)
{
	uint64_t *word = counters;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		word[i] = number_at(of, i);
}

static void require_shown(const char *name, size_t size, uint32_t of)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
		char number[32];

		snprintf(number, sizeof(number), " %" PRIu64 "\n", number_at(of, i));
		if (!strstr(text, number))
			fail_msg("word %zu of %s is shown nowhere", i, name);
	}
}

/*
 * Every counter that there is, whoever added it: a field that node/metrics.c leaves out has a
 * number that is missing in the text. tests/tidy/counters_test.py looks for those that nothing
 * counts.
 */
static void V32_each_counter_of_a_room_is_shown(void **state)
{
	struct node *n = begin();
	struct fault_rules faults = {0};
	struct link_ops ops = *n->dp->port[0].link->ops;
	const struct link_ops *before = n->dp->port[0].link->ops;
	struct metrics_process process = {0};
	size_t size;

	(void)state;
	fill(&n->counters, sizeof(n->counters), 1);
	fill(&n->wal->stats, offsetof(struct wal_stats, write_time), 2);
	fill(&n->dp->counters, sizeof(n->dp->counters), 3);
	fill(&port_counters, sizeof(port_counters), 4);
	fill((void *)(uintptr_t)n->sm->ops->counters(n->sm), sizeof(struct sm_counters), 7);
	fill((void *)(uintptr_t)serve_get_counters(n->serve), sizeof(struct serve_counters), 5);
	fill((void *)(uintptr_t)udp_door_get_counters(n->serving.udp),
	     sizeof(struct udp_door_counters), 8);
	fill(&faults.counters, sizeof(faults.counters), 6);
	n->serving.peers.malformed = number_at(9, 0);
	n->faults = &faults;
	ops.counters = link_counters;
	n->dp->port[0].link->ops = &ops;
	node_metrics_collect(n, &m);
	n->dp->port[0].link->ops = before;
	n->faults = NULL;
	size = metrics_prometheus_text(&m, &process, text, sizeof(text));
	assert_in_range(size, 1, sizeof(text) - 1);
	require_shown("node_counters", sizeof(n->counters), 1);
	require_shown("wal_stats", offsetof(struct wal_stats, write_time), 2);
	require_shown("dp_counters", sizeof(n->dp->counters), 3);
	require_shown("link_counters", sizeof(port_counters), 4);
	require_shown("sm_counters", sizeof(struct sm_counters), 7);
	require_shown("serve_counters", sizeof(struct serve_counters), 5);
	require_shown("udp_door_counters", sizeof(struct udp_door_counters), 8);
	require_shown("peer_door", sizeof(uint64_t), 9);
	require_shown("fault_counters", sizeof(faults.counters), 6);
	sim_world_destroy(&w);
}

/* An election, a leader that dies, and its successor: as a follower of both counts them. */
static void elections_are_counted(void **state)
{
	uint32_t first = world_begin(), next, other;

	(void)state;
	node_metrics_collect(w.node[first].node, &m);
	assert_true(m.wal_writes > 0);
	assert_int_equal(histogram_observed(&m.wal_write), m.wal_writes);
	/* The fake disk takes some tens of microseconds, and more than nothing. */
	assert_true(m.wal_write.sum_ns > m.wal_writes * 1000);
	assert_int_equal(m.elections_won, 1);
	assert_true(m.elections_started >= 1);
	assert_int_equal(m.is_leader, 1);
	assert_int_equal(m.priority, PRIORITY);
	assert_int_equal(m.has_leader, 1);
	sim_node_crash(&w, first);
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	next = (uint32_t)sim_leader(&w);
	other = 3 - first - next;
	sim_world_run(&w, 1000 * MS);
	node_metrics_collect(w.node[other].node, &m);
	assert_int_equal(m.elections_won, 0);
	assert_int_equal(m.leader_changes, 2);
	assert_int_equal(m.is_leader, 0);
	sim_world_destroy(&w);
}

static void who_does_not_vote_is_a_learner(void **state)
{
	uint32_t leader = world_begin(), self = (leader + 1) % 3;
	struct raft *core = w.node[self].node->raft;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		node_metrics_collect(w.node[i].node, &m);
		assert_int_equal(m.is_learner, 0);
	}
	for (uint32_t i = 0; i < core->members.count; i++)
		core->members.member[i].voter &= core->members.member[i].id != core->id;
	node_metrics_collect(w.node[self].node, &m);
	assert_int_equal(m.is_learner, 1);
	sim_world_destroy(&w);
}

static uint64_t active_peers(uint32_t node)
{
	node_metrics_collect(w.node[node].node, &m);
	return m.peer[0].active + m.peer[1].active;
}

/* Once a second to each peer; the fake network's frames take some tens of microseconds. */
static void round_trips_are_measured(void **state)
{
	uint32_t leader = world_begin();

	(void)state;
	sim_world_run(&w, 10500 * MS);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(active_peers(i), 2);
		for (uint32_t p = 0; p < 2; p++) {
			const struct histogram *h = &m.peer[p].round_trip;

			assert_in_range(histogram_observed(h), 8, 12);
			assert_true(histogram_quantile(h, 500) < 5 * MS);
			assert_true(m.peer[p].sent_bytes > 1000);
			assert_true(m.peer[p].received_bytes > 1000);
		}
	}
	sim_node_crash(&w, (leader + 1) % 3);
	sim_world_run(&w, 4000 * MS);
	assert_int_equal(active_peers(leader), 1);
	sim_world_destroy(&w);
}

/* A health check's read: confirmed while there is a majority, and not by a leader that lost it. */
static void a_confirmation_needs_a_majority(void **state)
{
	uint32_t leader = world_begin();
	struct metrics_exchange *x;

	(void)state;
	assert_int_equal(metrics_exchange_create(&x, &m), 0);
	for (uint32_t i = 0; i < 3; i++) {
		node_serve_metrics(w.node[i].node, x);
		assert_int_equal(metrics_exchange_confirm(x, 0), -ETIMEDOUT);
		assert_int_not_equal(metrics_exchange_ticket(x), 0);
		sim_world_run(&w, 100 * MS);
		assert_int_equal(metrics_exchange_ticket(x), 0);
		w.node[i].node->exchange = NULL;
	}
	sim_node_crash(&w, (leader + 1) % 3);
	sim_node_crash(&w, (leader + 2) % 3);
	node_serve_metrics(w.node[leader].node, x);
	metrics_exchange_confirm(x, 0);
	sim_world_run(&w, 3000 * MS);
	assert_int_not_equal(metrics_exchange_ticket(x), 0);
	sim_node_start(&w, (leader + 1) % 3);
	sim_world_run(&w, 3000 * MS);
	assert_int_equal(metrics_exchange_ticket(x), 0);
	sim_world_destroy(&w);
	metrics_exchange_destroy(x);
}

/* To a service manager: " in term N" is left out. */
static void expect_summary(uint32_t i, const char *words)
{
	char line[160], *term, *end;

	node_summary(w.node[i].node, line, sizeof(line));
	term = strstr(line, " in term ");
	assert_non_null(term);
	end = term + strlen(" in term ");
	end += strspn(end, "0123456789");
	memmove(term, end, strlen(end) + 1);
	assert_string_equal(line, words);
}

/* F21, R64: one that hears a majority leads; one that does not stops, and says what it hears. */
static void F21_a_leader_without_a_majority_says_so(void **state)
{
	static const char words[] = "\nerror etcdserver: no leader\n"
				    "error this member hears no majority: 1 of 3 members within";
	uint32_t leader = world_begin();

	(void)state;
	expect_summary(leader, "leads: 3 of 3 members are heard, itself counted");
	sim_node_crash(&w, (leader + 1) % 3);
	sim_world_run(&w, 1000 * MS);
	node_status_text(w.node[leader].node, text, sizeof(text));
	assert_null(strstr(text, "majority"));
	expect_summary(leader, "leads: 2 of 3 members are heard, itself counted");
	sim_node_crash(&w, (leader + 2) % 3);
	sim_world_run(&w, 1000 * MS);
	node_status_text(w.node[leader].node, text, sizeof(text));
	if (!strstr(text, words))
		fail_msg("not a word of it: %s", text);
	expect_summary(leader, "knows no leader: 1 of 3 members are heard, itself counted");
	sim_world_destroy(&w);
}

/*
 * F21: one that is heard, and lost what it had acknowledged, is no majority either: it keeps no
 * leader. Where a leader does not step down, that says so.
 */
static void F21_a_leader_whose_majority_lost_writes_says_so(void **state)
{
	uint32_t leader = world_begin(), lost = (leader + 1) % 3;

	(void)state;
	w.losses = true;
	w.node[leader].node->raft->check_quorum = false;
	sim_node_crash(&w, (leader + 2) % 3);
	sim_node_crash(&w, lost);
	fake_remove(w.node[lost].disk, "mark");
	sim_node_start(&w, lost);
	sim_world_run(&w, 1000 * MS);
	node_status_text(w.node[leader].node, text, sizeof(text));
	if (!strstr(text,
		    "\nerror nothing commits: 2 of 3 members are heard, 1 of them lost writes"))
		fail_msg("not a word of it: %s", text);
	expect_summary(leader, "leads, and nothing commits: 2 of 3 members are heard, 1 of them "
			       "lost writes");
	sim_node_start(&w, (leader + 2) % 3);
	sim_world_run(&w, 3000 * MS);
	node_status_text(w.node[leader].node, text, sizeof(text));
	assert_null(strstr(text, "nothing commits"));
	sim_world_destroy(&w);
}

static void expect_link(uint32_t i, const char *logged, const char *not_logged, bool warned)
{
	sim_node_log(&w, i, 2000 * MS, text, sizeof(text));
	if ((logged && !strstr(text, logged)) || strstr(text, not_logged))
		fail_msg("not \"%s\", or \"%s\": %s", logged ? logged : "", not_logged, text);
	node_status_text(w.node[i].node, text, sizeof(text));
	if (warned != !!strstr(text, "\nwarning port sim0 has no link: "))
		fail_msg("the warning: %s", text);
}

/* One that starts without is told of as one that loses it; who waits for a process is not. */
static void F21_a_port_without_a_link_is_told(void **state)
{
	(void)state;
	sim_world_prepare(&w, 12, 3);
	sim_net_unlink(w.net, 0, true);
	sim_world_begin(&w, 0);
	expect_link(0, "link_down port=sim0", "link_up", true);
	sim_net_unlink(w.net, 0, false);
	expect_link(0, "link_up port=sim0", "link_down", false);
	sim_net_unlink(w.net, 0, true);
	expect_link(0, "link_down port=sim0", "link_up", true);
	sim_node_crash(&w, 0);
	sim_node_start(&w, 0);
	w.node[0].node->dp->port[0].link->waits = true;
	expect_link(0, NULL, "link_", false);
	sim_net_unlink(w.net, 0, false);
	expect_link(0, "link_up port=sim0", "link_down", false);
	sim_world_destroy(&w);
}

static uint32_t narrow_mtu;

static const char *narrow(struct link *link, uint32_t *mtu)
{
	*mtu = narrow_mtu;
	return narrow_mtu < link->mtu ? "eth7" : NULL;
}

/* While it lasts, in the log once: also where a link comes back in between. */
static void F6_an_mtu_that_was_lowered_is_told(void **state)
{
	struct link_ops ops;
	struct link *link;

	(void)state;
	sim_world_create(&w, 13, 1, 0);
	sim_world_run(&w, 2000 * MS);
	link = w.node[0].node->dp->port[0].link;
	ops = *link->ops;
	ops.narrow = narrow;
	link->ops = &ops;
	for (int i = 0; i < 2; i++) {
		const char *at;

		narrow_mtu = 1400;
		sim_node_log(&w, 0, 2000 * MS, text, sizeof(text));
		at = strstr(text, "mtu_low interface=eth7 mtu=1400 network_mtu=1500 ");
		assert_non_null(at);
		assert_null(strstr(at + 1, "mtu_low"));
		node_status_text(w.node[0].node, text, sizeof(text));
		assert_non_null(strstr(text,
				       "\nwarning interface eth7 has an MTU of 1400, below "
				       "the 1500 of network.mtu: larger packets are lost there: "
				       "ip link set eth7 mtu 1500\n"));
		narrow_mtu = 1500;
		sim_node_log(&w, 0, 2000 * MS, text, sizeof(text));
		assert_non_null(strstr(text, "mtu_low_over"));
		node_status_text(w.node[0].node, text, sizeof(text));
		assert_null(strstr(text, "eth7"));
	}
	sim_world_destroy(&w);
}

static bool is_strange;

static const char *strange(struct link *link, struct link_mac *now)
{
	(void)link;
	*now = (struct link_mac){{2, 0, 0, 0, 0, 11}};
	return is_strange ? "eth7" : NULL;
}

static void F6_a_mac_address_that_was_changed_is_told(void **state)
{
	struct link_ops ops;
	struct link *link;

	(void)state;
	sim_world_create(&w, 13, 1, 0);
	sim_world_run(&w, 2000 * MS);
	link = w.node[0].node->dp->port[0].link;
	ops = *link->ops;
	ops.strange = strange;
	link->ops = &ops;
	for (int i = 0; i < 2; i++) {
		const char *at;

		is_strange = true;
		sim_node_log(&w, 0, 2000 * MS, text, sizeof(text));
		at = strstr(text, "mac_changed interface=eth7 mac=02:00:00:00:00:0b port_mac=");
		assert_non_null(at);
		assert_null(strstr(at + 1, "mac_changed"));
		node_status_text(w.node[0].node, text, sizeof(text));
		assert_non_null(strstr(text, "\nwarning interface eth7 has another MAC address "));
		is_strange = false;
		sim_node_log(&w, 0, 2000 * MS, text, sizeof(text));
		assert_non_null(strstr(text, "mac_changed_over"));
		node_status_text(w.node[0].node, text, sizeof(text));
		assert_null(strstr(text, "eth7"));
	}
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_filled_in),
		cmocka_unit_test(V32_each_counter_of_a_room_is_shown),
		cmocka_unit_test(elections_are_counted),
		cmocka_unit_test(who_does_not_vote_is_a_learner),
		cmocka_unit_test(round_trips_are_measured),
		cmocka_unit_test(a_confirmation_needs_a_majority),
		cmocka_unit_test(F21_a_leader_without_a_majority_says_so),
		cmocka_unit_test(F21_a_leader_whose_majority_lost_writes_says_so),
		cmocka_unit_test(F21_a_port_without_a_link_is_told),
		cmocka_unit_test(F6_an_mtu_that_was_lowered_is_told),
		cmocka_unit_test(F6_a_mac_address_that_was_changed_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
