/*
 * Every crash state that the disk's rules allow, sampled: a random workload runs on the fake disk;
 * before each step of it (write, sync, create, rename, remove, sync of names, completion) the disk
 * is cloned and crashes, by power or by kill, with several choices of what survived (W1, W2, W5,
 * W7, W17-W19, W22, W30). From what is left the log is opened, and must hold:
 *
 *  1. it opens: a crash is never taken for damage;
 *  2. the log is what it was after some prefix of the entries that were appended, in that order,
 *     and that prefix covers all that was acknowledged; so nothing superseded comes back (W19);
 *  3. term and vote are not older than acknowledged;
 *  4. identity stays, the start grows;
 *  5. nothing is said to be lost; and if the disk drops writes that had been marked, it is said
 *     (W24);
 *  6. it begins where it did, or where it was to begin from then on, and all from there on is in
 *     it;
 *  7. it goes on: entries appended now and acknowledged are there after another crash, and so is
 *     everything found before.
 *
 * Opening is itself crashed at every step, and its sequels likewise.
 *
 *	wal_crash_test [--budget SECONDS] [--seed N] [--runs N]
 */
#include "tests/unit/wal/crash.h"

#include "base/clock.h"
#include "wal/snapshot.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double seconds(void)
{
	return (double)clock_now() / CLOCK_S;
}

/* --- the oracle -------------------------------------------------------------------------- */

/* The last entry that is not superseded any more. */
static raft_index live_from(const struct model *m)
{
	return m->committed > m->first_asked - 1 ? m->committed : m->first_asked - 1;
}

raft_index crash_live(const struct model *m, uint32_t events, raft_term *terms)
{
	raft_index last = m->base.index - 1;

	for (uint32_t i = 0; i < events; i++) {
		last = m->events[i].index;
		terms[last - m->base.index] = m->events[i].term;
	}
	return last;
}

/* Where it begins, and what stands before that. */
static const char *first_check(const struct model *m, const struct wal_recovered *found,
			       const raft_term *terms)
{
	raft_term before = found->first_index == m->base.index
				   ? m->base.term
				   : terms[found->first_index - 1 - m->base.index];

	if (found->first_index != m->first && found->first_index != m->first_asked)
		return "the log begins elsewhere";
	return found->before_term == before ? NULL : "another entry is before the first";
}

static const char *log_check(const struct model *m, struct wal *wal,
			     const struct wal_recovered *found, uint32_t *events)
{
	raft_term terms[EVENTS_MAX + 1];
	raft_index members[2] = {0, 0};
	raft_index next = found->first_index;
	const char *wrong;

	for (*events = m->event_count; *events > 0; --*events)
		if (m->events[*events - 1].index == found->last_index &&
		    m->events[*events - 1].term == found->last_term)
			break;
	if (*events == 0 && found->last_index != m->base.index - 1)
		return "the last entry was never appended";
	if (*events < m->events_acked)
		return "acknowledged entries are gone";
	if (crash_live(m, *events, terms) != found->last_index)
		return "the last index is not that of the prefix";
	wrong = first_check(m, found, terms);
	if (wrong)
		return wrong;
	while (next <= found->last_index) {
		const struct raft_entry *entries;
		int count = wal_read_now(wal, 1, next, WAL_READ_ENTRIES_MAX, &entries);

		if (count <= 0)
			return "an entry cannot be read";
		for (int i = 0; i < count; i++, next++) {
			if (entries[i].index != next ||
			    entries[i].term != terms[next - m->base.index])
				return "a superseded entry came back";
			if (test_entry_check(&entries[i]))
				return "an entry's content changed";
			if (entries[i].type == RAFT_ENTRY_MEMBERS) {
				members[1] = members[0];
				members[0] = next;
			}
		}
	}
	if (found->members_index != members[0] || found->members_before_index != members[1])
		return "the member tables are not where they should be";
	return NULL;
}

static const char *vote_check(const struct model *m, const struct wal_recovered *found,
			      uint32_t *votes)
{
	const struct raft_hard_state none = {0};
	const struct raft_hard_state *is = &found->hard_state;

	for (*votes = m->vote_count;; --*votes) {
		const struct raft_hard_state *h = *votes > 0 ? &m->votes[*votes - 1] : &none;

		if (h->term == is->term && h->vote == is->vote)
			return NULL;
		/* The log's last term may be newer than the slot. */
		if (is->vote == 0 && is->term == found->last_term && is->term > h->term)
			return NULL;
		if (*votes == m->votes_acked)
			return "term and vote are older than acknowledged, or invented";
	}
}

/* --- trying a crash ---------------------------------------------------------------------- */

static void crash_hook(void *arg, struct fake_disk *disk);

/* Time goes on, and a mark is made when it is due, as by a node. */
static void mark_more(struct world *w, struct wal *wal)
{
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t count = (uint32_t)crash_roll(w, RAFT_MEMBERS_MAX + 1);

	w->now_ns += crash_roll(w, 60 * 1000 * 1000);
	for (uint32_t i = 0; i < count; i++)
		witness[i] =
			(struct raft_witness){i + 1, crash_roll(w, UINT64_MAX), 1, w->now_ns, 1};
	if (crash_roll(w, 16) == 0)
		wal_witness_changed(wal);
	if (wal_mark_due(wal, w->now_ns))
		wal_mark(wal, w->now_ns, witness, count);
}

static const char *append_more(struct world *w, struct wal *wal, raft_index last, raft_term term)
{
	struct model *m = w->model;
	raft_index live = last - live_from(m);
	raft_index first = last + 1 - (live > 0 ? crash_roll(w, live < 4 ? live : 4) : 0);
	uint64_t count = 1 + crash_roll(w, 6);
	uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_hard_state hard_state = {term, 1 + crash_roll(w, 3)};

	/*
	 * As a token before the first one of this start: nothing else is in the log's hands.
	 */
	for (uint64_t i = 0; i < count; i++) {
		struct raft_entry entry;

		test_entry(&entry, data, first + i, term);
		if (wal_append(wal, 1, i == 0 ? &hard_state : NULL, &entry, 1) != 0)
			return "a fresh log has no room";
		m->events[m->event_count].index = first + i;
		m->events[m->event_count++].term = term;
	}
	m->votes[m->vote_count++] = hard_state;
	for (uint64_t seq = 0; seq < 1;) {
		mark_more(w, wal);
		if (wal_poll(wal, w->now_ns, &seq) != 0)
			return wal_error(wal);
	}
	m->events_acked = m->event_count;
	m->votes_acked = m->vote_count;
	return NULL;
}

static raft_term term_max(const struct model *m)
{
	raft_term max = m->base.term;

	for (uint32_t i = 0; i < m->event_count; i++)
		max = m->events[i].term > max ? m->events[i].term : max;
	for (uint32_t i = 0; i < m->vote_count; i++)
		max = m->votes[i].term > max ? m->votes[i].term : max;
	return max;
}

static raft_index last_of(const struct model *m)
{
	return m->event_count > 0 ? m->events[m->event_count - 1].index : m->base.index - 1;
}

/* Opens what is left, checks it, goes on, and crashes it again. Fills w->failure. */
static void recover_and_check(struct world *w)
{
	struct wal_options options = crash_options(w, w->disk);
	struct model *m = w->model;
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	const char *wrong;
	uint32_t events = 0;
	uint32_t votes = 0;
	struct wal *wal;

	w->counts->states++;
	/* A full disk is no reason not to start where there is a log already. */
	fake_space(w->disk, m->identity != 0 && crash_roll(w, 2) == 0, 0);
	if (w->depth < DEPTH_MAX && w->sparseness > 0)
		fake_set_hook(w->disk, crash_hook, w);
	if (wal_open_limited(&wal, &options, &test_limits, &found, error) != 0) {
		(void)snprintf(w->failure, sizeof(w->failure), "it does not open: %.900s", error);
		return;
	}
	fake_space(w->disk, false, 0);
	crash_reset_found(m, &found);
	wrong = found.lost ? found.lost_why : log_check(m, wal, &found, &events);
	if (!wrong)
		wrong = crash_snapshot_check(m, wal, &found, events);
	if (!wrong)
		wrong = vote_check(m, &found, &votes);
	if (!wrong && m->identity != 0 &&
	    (found.identity != m->identity || found.created || found.start <= m->start))
		wrong = "identity or start went back";
	if (!wrong) {
		/* Entries found must stay found: they are as good as acknowledged now. */
		m->event_count = m->events_acked = events;
		m->votes[votes] = found.hard_state;
		m->vote_count = m->votes_acked = votes + 1;
		m->identity = found.identity;
		m->start = found.start;
		m->first = m->first_asked = found.first_index;
		if (found.snapshot_count > 0 && !found.installs &&
		    found.snapshots[0].index > m->committed)
			m->committed = found.snapshots[0].index;
		wrong = crash_pull_resume(w, wal, &found);
		if (!wrong)
			wrong = append_more(w, wal, last_of(m), term_max(m) + 1);
	}
	if (wrong && w->failure[0] == '\0')
		(void)snprintf(w->failure, sizeof(w->failure),
			       "%s (last %" PRIu64 " of term %" PRIu64 ", torn %" PRIu64
			       "; %u of %u events found, %u acknowledged)",
			       wrong, found.last_index, found.last_term, found.torn_bytes, events,
			       m->event_count, m->events_acked);
	fake_set_hook(w->disk, NULL, NULL);
	assert_int_equal(wal_close(wal), 0);
}

static void try_crash(struct world *w, struct fake_disk *disk, bool kill, enum fake_style style)
{
	struct model *model = malloc(sizeof(*model));
	struct world next = *w;

	assert_non_null(model);
	*model = *w->model;
	next.random = crash_roll(w, UINT64_MAX);
	next.disk = fake_clone(disk, next.random);
	next.model = model;
	next.depth = w->depth + 1;
	next.sparseness = crash_roll(&next, 12) == 0 ? 4 : 0;
	next.failure[0] = '\0';
	if (kill)
		fake_kill(next.disk, style);
	else
		fake_power_cut(next.disk, style);
	recover_and_check(&next);
	/* And once more, after what was appended to the recovered log. */
	if (next.failure[0] == '\0') {
		enum fake_style again = (enum fake_style)crash_roll(&next, FAKE_STYLES);

		if (w->durability == WAL_WRITTEN)
			fake_kill(next.disk, again);
		else
			fake_power_cut(next.disk, again);
		next.sparseness = 0;
		recover_and_check(&next);
	}
	if (next.failure[0] != '\0')
		(void)snprintf(w->failure, sizeof(w->failure), "%s", next.failure);
	if (next.failure[0] != '\0' && !w->lying)
		print_message("crash: %s, style %d, depth %u: %s\n", kill ? "kill" : "power", style,
			      w->depth, next.failure);
	fake_destroy(next.disk);
	free(model);
}

static void crash_hook(void *arg, struct fake_disk *disk)
{
	struct world *w = arg;

	if (w->failure[0] != '\0')
		return;
	if (w->depth > 0 && crash_roll(w, w->sparseness) != 0)
		return;
	for (uint32_t i = 0; i < (w->depth == 0 ? 3 : 1) && w->failure[0] == '\0'; i++)
		/* In mode written a power cut may lose what was acknowledged: that is the mode. */
		try_crash(w, disk, w->durability == WAL_WRITTEN || crash_roll(w, 3) == 0,
			  (enum fake_style)crash_roll(w, FAKE_STYLES));
	if (w->depth > 0 || w->lying || w->failure[0] != '\0' || !w->wal)
		return;
	if (w->durability == WAL_WRITTEN)
		crash_written(w, disk, (enum fake_style)crash_roll(w, FAKE_STYLES));
	if (w->failure[0] == '\0')
		crash_loss(w, disk);
	if (w->failure[0] == '\0')
		crash_decay(w, disk, (enum fake_style)crash_roll(w, FAKE_STYLES));
	if (w->failure[0] == '\0')
		crash_snapshot_decay(w, disk);
}

/* --- the workload ------------------------------------------------------------------------ */

static void ask(struct world *w, struct wal *wal, raft_index *last, raft_term *term)
{
	struct model *m = w->model;
	raft_index live = *last - live_from(m);
	uint64_t what = crash_roll(w, 10);
	uint64_t count = what < 6 ? 1 + crash_roll(w, 6) : what == 6 ? 20 + crash_roll(w, 40) : 0;
	struct raft_hard_state hard_state;
	bool vote = what >= 8;
	uint8_t data[RAFT_ENTRY_DATA_MAX];

	if (what == 7 && live > 0) { /* a new leader's entries supersede some */
		*last -= crash_roll(w, live < 20 ? live + 1 : 20);
		++*term;
		count = 1 + crash_roll(w, 4);
	}
	if (what == 9)
		count = crash_roll(w, 3);
	if (wal_room(wal) < (count + 1) * (RAFT_ENTRY_DATA_MAX + 64))
		return;
	if (vote) {
		hard_state = (struct raft_hard_state){++*term, crash_roll(w, 3)};
		m->votes[m->vote_count++] = hard_state;
	}
	m->seq++;
	for (uint64_t i = 0; i < count || (i == 0 && vote); i++) {
		struct raft_entry entry;

		test_entry(&entry, data, *last + 1, *term);
		assert_int_equal(wal_append(wal, m->seq, i == 0 && vote ? &hard_state : NULL,
					    &entry, count > 0 ? 1 : 0),
				 0);
		if (count == 0)
			break;
		m->events[m->event_count].index = ++*last;
		m->events[m->event_count++].term = *term;
	}
	m->tokens[m->seq].events = m->event_count;
	m->tokens[m->seq].votes = m->vote_count;
}

/* A snapshot covers what is durable up to somewhere, so the log begins behind one of them. */
static void base_more(struct world *w, struct wal *wal)
{
	struct raft_snapshot there[WAL_SNAPSHOTS_MAX];
	struct model *m = w->model;
	raft_term terms[EVENTS_MAX + 1];
	raft_index last = crash_live(m, m->event_count, terms);
	uint32_t count = wal_snapshots(wal, there);
	const struct raft_snapshot *s = &there[crash_roll(w, count + 1)];

	crash_snapshot_more(w, wal, last, terms);
	if (s == &there[count] || s->index < m->first_asked || s->index > last ||
	    terms[s->index - m->base.index] != s->term ||
	    wal_base_move(wal, s->index + 1, s->term) != 0)
		return;
	m->first_asked = s->index + 1;
	w->counts->moves++;
}

/* Space comes and goes, also between two steps of a segment's preparation (V17). */
static void space_more(struct world *w)
{
	const uint64_t enough = 1024 * 1024 + 2 * TEST_SEGMENT_SIZE;

	if (w->lying || crash_roll(w, 4) != 0)
		return;
	w->now_ns += crash_roll(w, 2) * 1000 * 1000 * 1000;
	fake_space(w->disk, true, crash_roll(w, 2) == 0 ? 100 * enough : crash_roll(w, enough));
}

static void work(struct world *w, struct wal *wal, uint32_t rounds, double deadline)
{
	struct model *m = w->model;
	raft_term terms[EVENTS_MAX + 1];
	raft_index last = crash_live(m, m->event_count, terms);
	raft_term term = term_max(m) > 0 ? term_max(m) : 1;

	for (uint32_t i = 0; i < rounds && w->failure[0] == '\0' && seconds() < deadline; i++) {
		uint64_t seq = 0;

		if (m->seq + 1 < TOKENS_MAX && m->event_count + 64 < EVENTS_MAX)
			ask(w, wal, &last, &term);
		base_more(w, wal);
		if (!w->lying && crash_pull_more(w, wal, last, term))
			last = m->base.index - 1;
		for (uint64_t polls = crash_roll(w, 4); polls > 0; polls--) {
			mark_more(w, wal);
			space_more(w);
			if (wal_poll(wal, w->now_ns, &seq) != 0) {
				(void)snprintf(w->failure, sizeof(w->failure), "%s",
					       wal_error(wal));
				return;
			}
			m->events_acked = m->tokens[seq].events;
			m->votes_acked = m->tokens[seq].votes;
			m->first = wal_first(wal);
		}
		if (!w->aging)
			crash_hook(w, w->disk);
	}
}

/* An empty log that begins later than at 1. */
static void base_make(struct world *w)
{
	struct wal_options options = crash_options(w, w->disk);
	struct wal_recovered found;
	char error[WAL_ERROR_MAX];
	struct wal *wal;

	if (wal_open_limited(&wal, &options, &test_limits, &found, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(wal_close(wal), 0);
	fake_kill(w->disk, FAKE_ALL);
	w->model->base = (struct log_base){
		.segment = 1, .index = 2 + crash_roll(w, 1000), .term = 1, .number = 50};
	test_base_put(w->disk, &w->model->base);
	w->model->given = w->model->base.index - 1;
}

/* One workload from an empty directory; returns what went wrong, or NULL. */
static const char *world_run(uint64_t seed, struct fake_lies lies, uint32_t rounds, double deadline,
			     struct counts *counts)
{
	static struct world w;
	static struct model model;
	struct wal_recovered found;
	struct wal_options options;
	char error[WAL_ERROR_MAX];
	struct wal *wal;

	memset(&model, 0, sizeof(model));
	w = (struct world){.seed = seed, .random = seed, .model = &model, .counts = counts};
	w.lying = lies.ack_early || lies.ignore_durable || lies.ignore_names;
	w.durability = !w.lying && crash_roll(&w, 4) == 0 ? WAL_WRITTEN : WAL_DURABLE;
	w.unit = crash_roll(&w, 4) == 0 ? 8192 : 4096;
	w.disk = fake_create(w.unit, seed);
	model.base = wal_base_initial();
	if (!w.lying && crash_roll(&w, 3) == 0)
		base_make(&w);
	model.first = model.first_asked = model.base.index;
	fake_set_lies(w.disk, lies);
	fake_set_hook(w.disk, crash_hook, &w);
	options = crash_options(&w, w.disk);
	if (wal_open_limited(&wal, &options, &test_limits, &found, error) != 0)
		fail_msg("%s", error);
	w.wal = wal;
	model.identity = found.identity;
	model.start = found.start;
	if (!w.lying && crash_roll(&w, 2) == 0) {
		/* Some that have run for a while, with snapshots and segments used again. */
		w.aging = true;
		fake_set_hook(w.disk, NULL, NULL);
		work(&w, wal, 2 * rounds, deadline);
		fake_set_hook(w.disk, crash_hook, &w);
		w.aging = false;
	}
	work(&w, wal, rounds, deadline);
	counts->reused += wal->stats.reused;
	fake_set_hook(w.disk, NULL, NULL);
	assert_int_equal(wal_close(wal), 0);
	fake_destroy(w.disk);
	return w.failure[0] != '\0' ? w.failure : NULL;
}

/* --- the tests --------------------------------------------------------------------------- */

static double budget = 10;
static uint64_t first_seed = 3; /* its workload has all that is counted */
static uint64_t runs_max = UINT64_MAX;

/* Fewer prove little: a slow machine goes on past its budget. */
static bool enough(const struct counts *c)
{
	return c->states >= STATES_MIN && c->losses >= STATES_MIN / 10 && c->moves > 0 &&
	       c->reused > 0 && c->snapshots > 0 && c->pulls > 0 && c->resumed > 0 && c->resets > 0;
}

static void W30_every_crash_state_recovers(void **state)
{
	const struct fake_lies honest = {0};
	double start = seconds();
	struct counts counts = {0};
	uint64_t runs = 0;

	(void)state;
	for (; runs < runs_max; runs++) {
		double deadline = start + budget + (enough(&counts) ? 0 : OVERTIME_MAX);
		const char *wrong;

		if (seconds() > deadline)
			break;
		wrong = world_run(first_seed + runs, honest, 40, deadline, &counts);
		if (wrong)
			fail_msg("%s\n  again: wal_crash_test --seed %" PRIu64 " --runs 1", wrong,
				 first_seed + runs);
	}
	print_message("%" PRIu64 " crash states and %" PRIu64 " losses in %" PRIu64
		      " workloads, %.1f s (at least %d); the base moved %" PRIu64 " times, %" PRIu64
		      " segments were used again; %" PRIu64 " snapshots were pulled, %" PRIu64
		      " from where they were, and the log was begun anew %" PRIu64 " times\n",
		      counts.states, counts.losses, runs, seconds() - start, STATES_MIN,
		      counts.moves, counts.reused, counts.pulls, counts.resumed, counts.resets);
	if (runs_max == UINT64_MAX)
		assert_true(enough(&counts));
}

/* The checker sees what it is there to see: each lie is found out, within a few workloads. */
static void lie_is_found(struct fake_lies lies)
{
	double start = seconds();
	struct counts counts = {0};

	for (uint64_t seed = 1; seed < 50; seed++) {
		const char *wrong = world_run(seed, lies, 40, start + 60, &counts);

		if (!wrong)
			continue;
		print_message("found after %" PRIu64 " crash states: %s\n", counts.states, wrong);
		return;
	}
	fail_msg("%" PRIu64 " crash states, and nobody noticed", counts.states);
}

static void W24_dropped_dsync_is_found_out(void **state)
{
	(void)state;
	lie_is_found((struct fake_lies){.ignore_durable = true});
}

static void W24_acknowledging_at_submission_is_found_out(void **state)
{
	(void)state;
	lie_is_found((struct fake_lies){.ack_early = true});
}

static void W17_unsynced_names_are_found_out(void **state)
{
	(void)state;
	lie_is_found((struct fake_lies){.ignore_names = true});
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"budget", required_argument, NULL, 'b'},
						{"seed", required_argument, NULL, 's'},
						{"runs", required_argument, NULL, 'r'},
						{0}};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(W24_dropped_dsync_is_found_out),
		cmocka_unit_test(W24_acknowledging_at_submission_is_found_out),
		cmocka_unit_test(W17_unsynced_names_are_found_out),
		cmocka_unit_test(W30_every_crash_state_recovers),
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'b')
			budget = strtod(optarg, NULL);
		else if (c == 's')
			first_seed = strtoull(optarg, NULL, 0);
		else if (c == 'r')
			runs_max = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	print_message("SEED=%" PRIu64 " budget %.0f s\n", first_seed, budget);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
