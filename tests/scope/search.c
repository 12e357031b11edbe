/*
 * The search (search.h), and the telling of what it found.
 */
#include "tests/scope/search.h"

#include "base/clock.h"
#include "tests/scope/calm.h"
#include "tests/scope/check.h"
#include "tests/scope/mirror.h"
#include "tests/scope/pool.h"
#include "tests/scope/tell.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DEPTH_MAX = 200,
	MIRRORED = 64,     /* one in so many states is come to with other numbers too */
	LOOKED_AHEAD = 32, /* ... it is looked whether it goes on */
};

/* A state that was made, on the way to the one that is gone on from. */
struct frame {
	uint32_t node;
	struct world world;
	void *kept;
};

static struct frame frame[DEPTH_MAX];
static uint32_t depth; /* of the newest frame */

static uint32_t *node_parent;
static uint8_t *node_event;
static uint32_t node_count;

static uint64_t *seen;
static uint64_t seen_size;

static uint64_t transitions, twice;
static uint64_t began_ns;

/* The event that happens now, of those of the newest frame; and what was done before, by replay. */
static uint32_t happening;
static bool searching;
static uint8_t way[DEPTH_MAX];

/* Of this process: others use the CPUs too, and states a second are to be compared. */
static double cpu_seconds(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / (double)CLOCK_S;
}

static void frame_init(uint32_t d)
{
	if (!frame[d].kept)
		frame[d].kept = calloc(1, world_kept_size());
	assert(frame[d].kept);
}

/* The state that the event leads to is the newest frame. */
static void frame_push(uint32_t event)
{
	struct event events[EVENTS_MAX];
	struct frame *f = &frame[depth];
	uint32_t count = world_events(&f->world, events);

	assert(depth + 1 < DEPTH_MAX);
	check(event < count, "there is no such event");
	happening = event;
	tell_event(&f->world, depth + 1, &events[event]);
	frame_init(depth + 1);
	check(world_step(&f->world, &events[event], &f[1].world), "it does not happen again");
	world_keep(&f[1].world, f[1].kept);
	depth++;
}

static void root_make(const struct scope *which)
{
	scope = which;
	depth = 0;
	world_begin(&frame[0].world, 0);
	for (uint32_t d = 0; d < DEPTH_MAX; d++) {
		free(frame[d].kept);
		frame[d].kept = NULL;
	}
	frame_init(0);
	world_keep(&frame[0].world, frame[0].kept);
	frame[0].node = 0;
}

/* --- what was found ---------------------------------------------------------------------- */

/* Where it was found, for the last words; and what it then did, beside the way to there. */
static struct {
	uint64_t states;
	double s;
	uint32_t steps;
} found;
static enum { GOING_ON, LOOKING_AHEAD, MIRRORING } doing;
static struct calm ahead;

static _Noreturn void fail_end(const char *what)
{
	printf("\nscope %s: %s\n", scope->name, what);
	if (found.steps > 0) {
		printf("    build/tests/scope/scope %s --replay ", scope->name);
		for (uint32_t k = 0; k < found.steps; k++)
			printf("%u%s", way[k], k + 1 < found.steps ? "," : "\n");
	}
	printf("found after %" PRIu64 " states in %.2f s, %u steps deep: %s\n", found.states,
	       found.s, found.steps, what);
	fflush(stdout);
	_exit(1);
}

_Noreturn void scope_fail(const char *what)
{
	if (!searching || telling)
		fail_end(what);
	fprintf(stderr, "scope %s: %s\n", scope->name, what);
	found.states = node_count;
	found.s = cpu_seconds();
	found.steps = depth + (doing == GOING_ON);
	way[depth] = (uint8_t)happening;
	for (uint32_t d = depth; d > 0; d--)
		way[d - 1] = node_event[frame[d].node];
	telling = true;
	depth = 0;
	for (uint32_t k = 0; k < found.steps; k++)
		frame_push(way[k]);
	tell_world(&frame[depth].world);
	if (doing == LOOKING_AHEAD)
		calm_check(&frame[depth].world, &ahead);
	fail_end(what);
}

static void aborted(int signal)
{
	(void)signal;
	fflush(stderr);
	scope_fail("the core's own assertion");
}

static void aborts_catch(void)
{
	struct sigaction action = {.sa_handler = aborted, .sa_flags = SA_NODEFER};

	sigaction(SIGABRT, &action, NULL);
}

void search_replay(const struct scope *which, const char *steps)
{
	aborts_catch();
	root_make(which);
	telling = true;
	while (*steps) {
		char *end;
		unsigned long event = strtoul(steps, &end, 10);

		check(end != steps, "a way is numbers between commas");
		frame_push((uint32_t)event);
		steps = *end == ',' ? end + 1 : end;
	}
	tell_world(&frame[depth].world);
	for (uint32_t i = 0; i <= scope->members; i++)
		for (int silent = 0; silent < 2; silent++)
			calm_check(&frame[depth].world,
				   &(struct calm){i == scope->members ? MEMBERS_MAX : i, silent});
}

/* --- the search -------------------------------------------------------------------------- */

/* False: it was there. */
static bool seen_add(uint64_t hash)
{
	uint64_t at = hash & (seen_size - 1);

	while (seen[at] && seen[at] != hash)
		at = (at + 1) & (seen_size - 1);
	if (seen[at])
		return false;
	seen[at] = hash;
	return true;
}

static void memory_take(uint64_t states_max)
{
	seen_size = 1 << 16;
	while (seen_size < states_max + states_max / 4)
		seen_size *= 2;
	seen = calloc(seen_size, sizeof(*seen));
	node_parent = malloc(states_max * sizeof(*node_parent));
	node_event = malloc(states_max * sizeof(*node_event));
	if (!seen || !node_parent || !node_event) {
		fprintf(stderr, "no memory for %" PRIu64 " states\n", states_max);
		exit(1);
	}
}

static void memory_give(void)
{
	free(seen);
	free(node_parent);
	free(node_event);
}

/* The state of that node, at this depth, is the newest frame. */
static void node_make(uint32_t node, uint32_t at)
{
	uint32_t path[DEPTH_MAX];
	uint32_t d = at, same = 0;

	for (; d > 0; d--, node = node_parent[node])
		path[d] = node;
	path[0] = 0;
	while (same < depth && same < at && frame[same + 1].node == path[same + 1])
		same++;
	depth = same;
	while (depth < at) {
		frame_push(node_event[path[depth + 1]]);
		frame[depth].node = path[depth];
		/* Else what is the same is not always seen to be. */
		assert(!seen_add(world_hash(&frame[depth].world)));
	}
}

static void node_add(uint32_t parent, uint32_t event)
{
	node_parent[node_count] = parent;
	node_event[node_count] = (uint8_t)event;
	node_count++;
}

/* All that can follow the newest frame's state. False: there is no place for more. */
static bool expand(const struct search_options *o)
{
	static struct world next;
	struct event events[EVENTS_MAX];
	const struct frame *f = &frame[depth];
	uint32_t count = world_events(&f->world, events);

	for (uint32_t k = 0; k < count; k++) {
		happening = k;
		if (!world_step(&f->world, &events[k], &next))
			continue;
		transitions++;
		if (!seen_add(world_hash(&next))) {
			twice++;
			continue;
		}
		if (node_count == o->states_max)
			return false;
		node_add(f->node, k);
	}
	return true;
}

/* The way to the newest frame, once more. */
static void way_mirror(uint32_t node)
{
	uint32_t order = 1 + node / MIRRORED % (ORDERS_MAX - 1);

	mirror_begin(order);
	for (uint32_t d = 0; d < depth; d++) {
		struct event events[EVENTS_MAX];

		world_events(&frame[d].world, events);
		mirror_step(&frame[d].world, &events[node_event[frame[d + 1].node]]);
		check(mirror_hash() == world_hash(&frame[d + 1].world),
		      "with other numbers this comes to another state: see same.c");
	}
}

/* From some states, what is said of all. */
static void look(uint32_t node)
{
	doing = MIRRORING;
	if (scope->alike && node % MIRRORED == MIRRORED - 1)
		way_mirror(node);
	doing = LOOKING_AHEAD;
	/* With all members, and without each; with what is in flight, and without it. */
	uint32_t way_on = node / LOOKED_AHEAD % (2 * (scope->members + 1));

	ahead.without = way_on / 2 == scope->members ? MEMBERS_MAX : way_on / 2;
	ahead.silent = way_on % 2;
	if (node % LOOKED_AHEAD == 0)
		calm_check(&frame[depth].world, &ahead);
	doing = GOING_ON;
}

static bool time_is_up(const struct search_options *o)
{
	return node_count >= o->states_min && clock_now() - began_ns > o->seconds * CLOCK_S;
}

static void report(bool all, uint32_t at, uint64_t expanded, const struct search_options *o)
{
	const struct world_counts *c = &world_counts;
	double s = cpu_seconds();

	printf("%-12s %9u states (%s; at least %" PRIu64 "), of %" PRIu64 " all that follows, "
	       "%u deep; %" PRIu64 " transitions, %.0f%% to what was seen; %.1f s of a CPU, %.0f "
	       "states/s\n",
	       scope->name, node_count, all ? "all" : "cut", o->states_min, expanded, at,
	       transitions, 100.0 * (double)twice / (double)(transitions + !transitions), s,
	       (double)node_count / s);
	printf("%-12s %" PRIu64 " times led, %" PRIu64 " entries committed, %" PRIu64 " applied, "
	       "%" PRIu64 " reads confirmed; %u messages, %" PRIu64 " steps not taken: too much in "
	       "flight; %" PRIu64 " looked ahead from, %" PRIu64 " with a log too full\n",
	       "", c->elections, c->commits, c->applied, c->reads, pool_message_count(), c->crowded,
	       calm_looked, calm_full);
	fflush(stdout);
}

uint64_t search_run(const struct scope *which, const struct search_options *o)
{
	uint32_t at = 0, level_end = 1, n = 0;
	bool all = true;

	aborts_catch();
	memory_take(o->states_max);
	root_make(which);
	began_ns = clock_now();
	searching = true;
	seen_add(world_hash(&frame[0].world));
	node_add(0, 0);
	for (; n < node_count && all; n++) {
		if (n == level_end) {
			at++;
			if (o->levels)
				report(false, at, n, o);
			level_end = node_count;
		}
		node_make(n, at);
		look(n);
		all = expand(o) && (n % 256 != 0 || !time_is_up(o));
	}
	report(all, at, n, o);
	memory_give();
	return node_count;
}
