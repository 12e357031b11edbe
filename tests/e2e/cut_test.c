/*
 * Links are cut, each way, under load (V13): cut_test LINK. Nothing acknowledged is lost, no read
 * goes back (load.h), who is concerned says so, and after the cut writes go on in a bounded time.
 * Elections and gaps between acknowledgements are shown: without a vote before the vote, and a
 * leader that asks itself whether it is heard, a cut may cost some, and a leader that hears nobody
 * stays.
 */
#include "base/clock.h"
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WRITERS = 2,
	READERS = 1,
	/* Longer than the time after which a silent member is named. */
	CUT_MS = 4000,
	FLAP_MS = 800,
	FLAPS = 4,
	/* After a cut, until each writer has had a write acknowledged: 20 longest elections. */
	HEALED_MS = 10000,
	RETURN_MS = 3000,
	ELECTION_MS = 500,
};

#define UNHEARD "has not been heard for"
#define ONE_WAY "does not hear this member, which hears it: the way to it is cut"
#define NO_MAJORITY "this member hears no majority"

static const char *link_name;
static struct cluster c;
static struct load load;
static uint32_t leader, near, far; /* far: the follower that a cut is about */

static uint64_t elections(void)
{
	static struct node_status s;
	uint64_t sum = 0;
	char text[32];

	for (uint32_t i = 1; i <= c.nodes; i++) {
		require(&c, cluster_status(&c, i, &s), "n%u does not answer", i);
		sum += strtoull(node_value(&s, "elections_started", text, sizeof(text)), NULL, 10);
	}
	return sum;
}

/* What was seen of the writes since it was begun; a look at it brings it up to date. */
struct seen {
	uint64_t elections, acknowledged, last, last_ms, gap_ms, until_ms;
};

static void seen_begin(struct seen *s, uint64_t for_ms)
{
	uint64_t now = load_acknowledged(&load);

	*s = (struct seen){.elections = elections(),
			   .acknowledged = now,
			   .last = now,
			   .last_ms = clock_ms(),
			   .until_ms = clock_ms() + for_ms};
}

static bool seen_ended(void *context)
{
	struct seen *s = context;
	uint64_t now = load_acknowledged(&load), now_ms = clock_ms();

	if (now_ms - s->last_ms > s->gap_ms)
		s->gap_ms = now_ms - s->last_ms;
	if (now != s->last) {
		s->last = now;
		s->last_ms = now_ms;
	}
	return now_ms >= s->until_ms;
}

static void seen_watch(struct seen *s)
{
	require(&c, wait_until(seen_ended, s, CLUSTER_WAIT_MS), "the clock stands still");
}

static void seen_say(struct seen *s, const char *what)
{
	printf("# %s: %" PRIu64 " elections, %" PRIu64 " writes, longest gap %" PRIu64 " ms\n",
	       what, elections() - s->elections, s->last - s->acknowledged, s->gap_ms);
}

/* Nobody was elected, but where writes stood still for as long: the host did, and a timer fired. */
static void nobody_elected(uint64_t before, uint64_t gap_ms)
{
	require(&c, elections() == before || gap_ms >= ELECTION_MS,
		"%" PRIu64 " elections, and no gap above %" PRIu64 " ms", elections() - before,
		gap_ms);
}

struct words {
	uint32_t node;
	char text[160];
};

static bool is_said(void *context)
{
	static struct node_status s;
	const struct words *w = context;

	return cluster_status(&c, w->node, &s) && strstr(s.text, w->text);
}

/* A sentence of a node's status; `about`: of which member, 0: of itself. */
static void expect_said(uint32_t node, uint32_t about, const char *sentence)
{
	struct words w = {.node = node};

	if (about)
		snprintf(w.text, sizeof(w.text), "member n%u %s", about, sentence);
	else
		snprintf(w.text, sizeof(w.text), "%s", sentence);
	require(&c, wait_until(is_said, &w, CLUSTER_WAIT_MS), "n%u does not say \"%s\"", node,
		w.text);
}

static void roles(void)
{
	leader = cluster_wait_leader(&c, 0);
	near = leader % 3 + 1;
	far = near % 3 + 1;
}

static void begin(void **state)
{
	(void)state;
	if (!c.nodes) {
		cluster_up(&c, 3, link_name, "--election 500ms" /* ELECTION_MS */);
		load_start(&load, &c, WRITERS, READERS);
	}
	load_wait_progress(&load, 20);
	roles();
}

/* Each writer gets on within the bound, and nothing of the cut stays in a status. */
static void heal(const char *what)
{
	uint64_t began = clock_ms(), took;
	struct words w;

	cluster_lab(&c, "heal");
	load_wait_progress(&load, 1);
	took = clock_ms() - began;
	printf("# %s: healed, each writer gets on after %" PRIu64 " ms\n", what, took);
	require(&c, took < HEALED_MS, "%s: %" PRIu64 " ms", what, took);
	for (uint32_t i = 1; i <= c.nodes; i++) {
		uint64_t end = clock_ms() + CLUSTER_WAIT_MS;

		w = (struct words){.node = i, .text = UNHEARD};
		while (is_said(&w))
			require(&c, clock_ms() < end, "n%u: %s", i, UNHEARD);
	}
}

/* Both ends of a link that is cut both ways say so, and writes go on. */
static void both_ways(uint32_t a, uint32_t b, const char *what)
{
	struct seen s;

	cluster_lab(&c, "partition %u|%u", a, b);
	seen_begin(&s, CUT_MS);
	seen_watch(&s);
	expect_said(a, b, UNHEARD);
	expect_said(b, a, UNHEARD);
	load_wait_progress(&load, 1);
	seen_say(&s, what);
	heal(what);
}

/* The way from a to b is cut: b names the silence, a the way; writes go on. */
static void one_way(uint32_t a, uint32_t b, const char *what)
{
	struct seen s;

	cluster_lab(&c, "partition %u>%u", a, b);
	seen_begin(&s, CUT_MS);
	seen_watch(&s);
	expect_said(b, a, UNHEARD);
	expect_said(a, b, ONE_WAY);
	load_wait_progress(&load, 1);
	seen_say(&s, what);
	heal(what);
}

static void V13_leader_and_follower(void **state)
{
	begin(state);
	both_ways(leader, far, "leader | follower");
}

static void V13_follower_and_follower(void **state)
{
	begin(state);
	both_ways(near, far, "follower | follower");
}

static void V13_leader_to_follower(void **state)
{
	begin(state);
	one_way(leader, far, "leader > follower");
}

static void V13_follower_to_leader(void **state)
{
	begin(state);
	one_way(far, leader, "follower > leader");
}

static void V13_follower_to_follower(void **state)
{
	begin(state);
	one_way(near, far, "follower > follower");
}

/* R64: it is heard, and steps down all the same; the others elect one of themselves. */
static void R64_V13_a_leader_that_hears_nobody(void **state)
{
	struct seen s;

	begin(state);
	cluster_lab(&c, "partition %u,%u>%u", near, far, leader);
	seen_begin(&s, CUT_MS);
	expect_said(leader, 0, NO_MAJORITY);
	seen_watch(&s);
	load_wait_progress(&load, 1);
	seen_say(&s, "followers > leader");
	heal("followers > leader");
}

static void V13_a_leader_that_nobody_hears(void **state)
{
	struct seen s;

	begin(state);
	cluster_lab(&c, "partition %u>%u,%u", leader, near, far);
	seen_begin(&s, CUT_MS);
	seen_watch(&s);
	load_wait_progress(&load, 1);
	expect_said(leader, near, ONE_WAY);
	seen_say(&s, "leader > followers");
	heal("leader > followers");
}

static void R30_V13_a_member_that_comes_and_goes(void **state)
{
	struct seen s, flap;
	uint64_t gap_ms = 0;

	begin(state);
	seen_begin(&s, 0);
	for (int i = 0; i < FLAPS; i++) {
		cluster_lab(&c, "partition %u|%u,%u", far, leader, near);
		seen_begin(&flap, FLAP_MS);
		seen_watch(&flap);
		gap_ms = flap.gap_ms > gap_ms ? flap.gap_ms : gap_ms;
		cluster_lab(&c, "heal");
		seen_begin(&flap, FLAP_MS);
		seen_watch(&flap);
		gap_ms = flap.gap_ms > gap_ms ? flap.gap_ms : gap_ms;
	}
	load_wait_progress(&load, 1);
	(void)seen_ended(&s);
	printf("# a member flaps %d times: %" PRIu64 " elections, %" PRIu64 " writes\n", FLAPS,
	       elections() - s.elections, s.last - s.acknowledged);
	nobody_elected(s.elections, gap_ms);
	heal("a member flaps");
}

/* It asked in vain while it was alone, and its term is that of the others. */
static void V39_a_followers_link_returns(void **state)
{
	struct seen s;

	begin(state);
	cluster_lab(&c, "partition %u|%u,%u", far, leader, near);
	seen_begin(&s, CUT_MS);
	seen_watch(&s);
	cluster_lab(&c, "heal");
	seen_begin(&s, RETURN_MS);
	seen_watch(&s);
	seen_say(&s, "a follower's link returns");
	require(&c, s.gap_ms < RETURN_MS, "no write in %" PRIu64 " ms", s.gap_ms);
	nobody_elected(s.elections, s.gap_ms);
	heal("a follower's link returns");
}

static void nothing_was_lost(void **state)
{
	(void)state;
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V13_leader_and_follower),
		cmocka_unit_test(V13_follower_and_follower),
		cmocka_unit_test(V13_leader_to_follower),
		cmocka_unit_test(V13_follower_to_leader),
		cmocka_unit_test(V13_follower_to_follower),
		cmocka_unit_test(R64_V13_a_leader_that_hears_nobody),
		cmocka_unit_test(V13_a_leader_that_nobody_hears),
		cmocka_unit_test(R30_V13_a_member_that_comes_and_goes),
		cmocka_unit_test(V39_a_followers_link_returns),
		cmocka_unit_test(nothing_was_lost),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
