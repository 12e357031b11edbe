/*
 * The rooms of a node, opened in order: the log, what it says of the cluster, the dataplane, the
 * doors.
 */
#include "node/internal.h"

#include "base/clock.h"
#include "base/mix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A start that takes longer says so often where it is. */
#define OPENING_TOLD_NS CLOCK_S

/* Distinct for each purpose, from the one seed: the same seed gives the same run. */
static uint64_t seed_for(uint64_t seed, uint64_t purpose)
{
	return mix(seed ^ mix(purpose));
}

static int start_dataplane(struct node *n, const struct node_options *o)
{
	struct dp_options dp = o->dp;
	int err;

	question_key_set(n, seed_for(o->seed, 3));
	dp.seed = seed_for(o->seed, 2);
	dp.self = (struct dp_self){.identity = n->recovered.identity, .start = wal_start(n->wal)};
	for (uint32_t i = 0; i < dp.peer_count; i++)
		snprintf(n->configured_name[i], sizeof(n->configured_name[i]), "%s",
			 o->peer_name[i]);
	err = dp_create(&n->dp, &dp);
	if (err)
		snprintf(n->error, sizeof(n->error), "the dataplane could not be set up: %s",
			 strerror(-err));
	if (err)
		return err;
	node_ways_begin(n);
	node_peers_begin(n);
	return 0;
}

static int start_serving(struct node *n, const struct node_options *o)
{
	uint8_t key[UDP_DOOR_KEY_SIZE];
	int err;

	for (size_t i = 0; i < sizeof(key); i += 8) {
		uint64_t r = seed_for(o->seed, 16 + i);

		memcpy(key + i, &r, 8);
	}
	/* Above those of earlier starts, of which each makes fewer than 2^39 (and metrics.c). */
	err = serving_start(n, (uint64_t)raft_start_count(n->recovered.start) << 40, key);
	if (err)
		snprintf(n->error, sizeof(n->error), "requests cannot be taken: %s",
			 strerror(-err));
	return err;
}

/* What was cut or zeroed at the log's end, and what that means for what had been acknowledged. */
static void say_tail(struct node *n)
{
	const struct wal_recovered *r = &n->recovered;
	bool never = r->tail == WAL_TAIL_UNACKNOWLEDGED;

	if (r->torn_bytes)
		journal_write(n->journal, JOURNAL_WARN, "torn_tail",
			      "segment=%016" PRIx64 " offset=%" PRIu64 " bytes=%" PRIu64
			      " why=\"a write that %s was cut short, and is gone%s%s\"",
			      r->torn_segment, r->torn_offset, r->torn_bytes,
			      wal_tail_text(r->tail),
			      r->kept[0] ? ": what was left of it is in " : "", r->kept);
	if (r->decayed && never)
		journal_write(
			n->journal, JOURNAL_WARN, "decayed_zeros",
			"segment=%016" PRIx64 " offset=%" PRIu64 " places=%" PRIu64
			" why=\"nothing was ever written there, and a bit was not zero or the disk "
			"could not read it: zeroed again, nothing is lost; look after the disk and "
			"the memory\"",
			r->decayed_segment, r->decayed_offset, r->decayed);
	else if (r->decayed)
		journal_write(
			n->journal, JOURNAL_WARN, "decayed_zeros",
			"segment=%016" PRIx64 " offset=%" PRIu64 " places=%" PRIu64
			" why=\"a bit was not zero there or the disk could not read it: zeroed "
			"again; "
			"a write that %s may have been there; look after the disk and the memory\"",
			r->decayed_segment, r->decayed_offset, r->decayed, wal_tail_text(r->tail));
}

static void say_recovered(struct node *n, uint64_t ns)
{
	const struct wal_recovered *r = &n->recovered;

	if (r->last_index)
		journal_write(n->journal, JOURNAL_INFO, "recovered",
			      "last_index=%" PRIu64 " entries=%" PRIu64 " bytes=%" PRIu64
			      " segments=%" PRIu64 " ms=%" PRIu64,
			      r->last_index, r->entries, r->bytes, r->segments, ns / CLOCK_MS);
	say_tail(n);
	if (r->vote_torn)
		journal_write(
			n->journal, JOURNAL_WARN, "torn_vote",
			"file=%s/vote why=\"a write of term and vote was cut short, and nothing "
			"that hung on it had left: the record before it holds\"",
			n->options.wal.directory);
	if (r->mark_damaged)
		journal_write(n->journal, JOURNAL_WARN, "damaged_mark",
			      "file=%s/mark slots=%" PRIu32 " why=\"%s: written again\"",
			      n->options.wal.directory, r->mark_damaged,
			      r->mark_damaged == 1
				      ? "one slot of two held no mark, and the other may be older: "
					"writes of two marks, some 200 ms, could be lost unseen "
					"instead of one's"
				      : "neither slot held a mark");
	if (r->base_damaged)
		journal_write(n->journal, JOURNAL_WARN, "damaged_base",
			      "file=%s/base why=\"one slot of two held no base, and the other is "
			      "enough: written again\"",
			      n->options.wal.directory);
	if (r->lost)
		journal_write(n->journal, JOURNAL_ERROR, "lost", "why=\"%s\"", r->lost_why);
}

/* What a start that takes long is at. */
struct opening {
	struct node *node;
	node_judge *judge;
	void *context; /* judge's */
	uint64_t began_ns;
	uint64_t steps, step_ns; /* so many are done, since then */
	uint64_t told_ns;
};

static void say_opening(struct opening *o, const struct wal_opening *at, uint64_t now_ns)
{
	struct journal *j = o->node->journal;
	const char *directory = o->node->options.wal.directory;

	if (now_ns - o->step_ns >= OPENING_TOLD_NS)
		journal_write(j, JOURNAL_WARN, "start_waits",
			      "directory=%s file=%s operation=\"%s\" ms=%" PRIu64
			      " why=\"the disk does not answer, or a process that has ended still "
			      "has a write of this file under way\"",
			      directory, at->name[0] ? at->name : "-", at->operation,
			      (now_ns - o->step_ns) / CLOCK_MS);
	else if (at->segments_all)
		journal_write(j, JOURNAL_INFO, "recovering",
			      "segment=%" PRIu64 " of=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRIu64,
			      at->segments, at->segments_all, at->bytes,
			      (now_ns - o->began_ns) / CLOCK_MS);
	else
		journal_write(j, JOURNAL_INFO, "preparing",
			      "directory=%s operation=\"%s\" ms=%" PRIu64, directory, at->operation,
			      (now_ns - o->began_ns) / CLOCK_MS);
}

static bool opening_goes_on(void *context, const struct wal_opening *at)
{
	struct opening *o = context;
	bool (*goes_on)(void) = o->node->options.goes_on;
	uint64_t now_ns = clock_now();

	if (at->steps != o->steps) {
		o->steps = at->steps;
		o->step_ns = now_ns;
	}
	if (now_ns - o->told_ns >= OPENING_TOLD_NS) {
		o->told_ns = now_ns;
		say_opening(o, at, now_ns);
	}
	return !goes_on || goes_on();
}

/* Before the log is changed: it stays as it is under another cluster, or under none (R56). */
static int opening_judge(void *context, const struct wal_recovered *found)
{
	struct opening *o = context;
	int err = node_formation_judge(o->node, found);

	return err || !o->judge ? err : o->judge(o->node, found, o->context);
}

int node_log_open(struct node *n, node_judge *judge, void *context)
{
	struct wal_options wal = n->options.wal;
	char text[WAL_ERROR_MAX];
	uint64_t now_ns = clock_now();
	struct opening opening = {.node = n,
				  .judge = judge,
				  .context = context,
				  .began_ns = now_ns,
				  .step_ns = now_ns,
				  .told_ns = now_ns};
	int err;

	wal.goes_on = opening_goes_on;
	wal.judge = opening_judge;
	wal.context = &opening;
	err = wal_open(&n->wal, &wal, &n->recovered, text);
	if (!err)
		say_recovered(n, clock_now() - now_ns);
	else if (text[0]) /* else the judge said it */
		snprintf(n->error, sizeof(n->error), "%s", text);
	return err;
}

int node_open(struct node *n)
{
	const struct node_options *o = &n->options;
	int err = node_log_open(n, NULL, NULL);

	if (err)
		return err;
	node_raft_prepare(n);
	err = node_formation_create(n);
	if (!err)
		err = node_restore(n);
	if (!err)
		err = node_place_judge(n);
	if (!err)
		err = start_dataplane(n, o);
	if (!err)
		err = start_serving(n, o);
	return err;
}
