/*
 * A member that is wrong (N9, V28): its address, its directory and the form of its frames are
 * right, and what they say is not. Frames in the name of one member reach the others beside its
 * honest ones, under load: what is out of range is counted and changes nothing, and of the rest
 * nothing costs more than that member's own vote. Then strangers (F10).
 *
 * Left out are lies that a member may tell: who says that it leads a newer term is believed.
 */
#include "tests/sim/hands.h"

#include "base/bytes.h"
#include "dataplane/wire_fields.h"
#include "node/internal.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/wire_bodies.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

enum { TERMS = 500, FRAMES_PER_MS = 3 };

static struct sim_world w;
static uint32_t hostile, victim;

static struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

static bool begun(void)
{
	int32_t leader = sim_leader(&w);

	return leader >= 0 && sim_all_formed(&w) &&
	       raft_commit(node_of((uint32_t)leader)->raft) > 0;
}

/* `clients` at work; the hostile one is a follower, and the leader is the victim. */
static void world_go(uint32_t clients)
{
	sim_world_begin(&w, clients);
	w.resting = clients == 0;
	while (!begun())
		sim_world_run(&w, MS);
	sim_world_run(&w, SECOND);
	victim = (uint32_t)sim_leader(&w);
	hostile = (victim + 1) % 3;
	hands_open(&w);
}

static void world_begin(uint64_t seed, uint32_t clients)
{
	sim_world_prepare(&w, seed, 3);
	world_go(clients);
}

static void world_end(void)
{
	hands_close();
	sim_world_destroy(&w);
}

/* --- frames in its name ------------------------------------------------------------------ */

static void offer(uint32_t to, uint8_t type, const uint8_t *body, size_t size)
{
	uint8_t payload[FRAME_MAX];
	const struct wire_envelope e = hands_envelope(hostile, to, type, size);

	if (WIRE_ENVELOPE_SIZE + size > 1472)
		return;
	wire_envelope_encode(&e, payload);
	memcpy(payload + WIRE_ENVELOPE_SIZE, body, size);
	hands_offer(hostile, to, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
}

static bool of_peer(uint8_t type)
{
	return type >= WIRE_VOTE && type <= WIRE_SNAPSHOT_CHUNK;
}

static void put(uint8_t *at, uint32_t size, uint64_t value)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(i < 8 ? value >> (8 * i) : 1);
}

/* --- out of range ------------------------------------------------------------------------ */

static uint64_t refusals(const struct node *n)
{
	return n->counters.malformed + n->serving.peers.malformed;
}

struct seen {
	struct raft_status raft;
	uint64_t hash, refused;
};

static struct seen look(uint32_t i)
{
	struct seen s;

	memset(&s, 0, sizeof(s));
	raft_get_status(node_of(i)->raft, &s.raft);
	s.hash = node_hash(node_of(i));
	s.refused = refusals(node_of(i));
	return s;
}

static void refused_without_a_trace(const struct wire_field *f, uint8_t type, uint8_t *body,
				    size_t size, size_t at, uint64_t value)
{
	struct seen before = look(victim), after;
	uint8_t saved[64];

	memcpy(saved, body + at, f->size);
	put(body + at, f->size, value);
	offer(victim, type, body, size);
	sim_world_run(&w, MS);
	memcpy(body + at, saved, f->size);
	after = look(victim);
	if (after.refused != before.refused + 1)
		fail_msg("%s %s of %llx: refused %llu times", wire_form_name(f->form), f->name,
			 (unsigned long long)value,
			 (unsigned long long)(after.refused - before.refused));
	assert_int_equal(after.raft.role, RAFT_LEADER);
	assert_int_equal(after.raft.term, before.raft.term);
	assert_int_equal(after.raft.last, before.raft.last);
	assert_int_equal(after.raft.commit, before.raft.commit);
	assert_true(after.hash == before.hash);
}

static void V28_a_field_out_of_range_is_counted_and_changes_nothing(void **state)
{
	uint32_t tried = 0;
	uint8_t type;
	size_t size, at;

	(void)state;
	world_begin(31, 0);
	for (int i = 0; (size = bodies_good(i, &type, bodies_buffer)) > 0; i++) {
		for (size_t k = 0; k < wire_field_count; k++) {
			const struct wire_field *f = &wire_fields[k];
			uint64_t ones =
				f->size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * f->size) - 1;

			if (!of_peer(type) || size > 1384 ||
			    !bodies_form_at((enum wire_form)f->form, type, size, &at))
				continue;
			at += f->offset;
			if (f->min > 0)
				refused_without_a_trace(f, type, bodies_buffer, size, at,
							f->min - 1);
			if (f->max < ones)
				refused_without_a_trace(f, type, bodies_buffer, size, at,
							f->max + 1);
			if (f->max < ones)
				refused_without_a_trace(f, type, bodies_buffer, size, at, ones);
			tried++;
		}
	}
	assert_true(tried > 60);
	sim_world_run(&w, 3 * SECOND);
	assert_true(begun());
	world_end();
}

/* --- in range, and wrong ----------------------------------------------------------------- */

static uint64_t draw(const struct wire_field *f)
{
	uint64_t small = sim_random_below(&w.random, 64);

	switch (sim_random_below(&w.random, 6)) {
	case 0:
		return f->min;
	case 1:
		return f->max;
	case 2:
		return f->max - f->min > small ? f->min + small : f->max;
	case 3:
		return f->max - f->min > small ? f->max - small : f->min;
	default:
		return f->min + sim_random_next(&w.random) %
					(f->max - f->min + 1 ? f->max - f->min + 1 : UINT64_MAX);
	}
}

/* Each field as it may be, by itself; terms up to `term_max`. */
static void lie(uint32_t to, raft_term term_max, bool leads)
{
	static uint8_t body[BODIES_SIZE_MAX];
	uint8_t type;
	size_t size, at;

	do {
		size = bodies_good((int)sim_random_below(&w.random, 40), &type, body);
	} while (size == 0 || size > 1384 || !of_peer(type) ||
		 (!leads && (type == WIRE_APPEND || type == WIRE_VOTE || type == WIRE_SNAPSHOT)));
	if (type == WIRE_APPEND) {
		memset(body + WIRE_FORM_SIZE_APPEND, 0, size - WIRE_FORM_SIZE_APPEND);
		size = WIRE_FORM_SIZE_APPEND;
	}
	for (size_t k = 0; k < wire_field_count; k++) {
		const struct wire_field *f = &wire_fields[k];

		if (f->max == 0 || !bodies_form_at((enum wire_form)f->form, type, size, &at) ||
		    sim_random_below(&w.random, 3) == 0)
			continue;
		put(body + at + f->offset, f->size, draw(f));
	}
	if (type == WIRE_APPEND) {
		bytes_put64(body + WIRE_AT_APPEND_COMMIT, 0);
		bytes_put16(body + WIRE_AT_APPEND_ENTRY_COUNT, 0);
	}
	/* Its word as a witness of how its receiver began is left out: it is believed (D9c). */
	if (type == WIRE_START_REPLY)
		bytes_put64(body + WIRE_AT_START_REPLY_ASKED, 1);
	if (type <= WIRE_READ_REPLY || type == WIRE_START || type == WIRE_START_REPLY ||
	    (type >= WIRE_PREVOTE && type <= WIRE_TIMEOUT_NOW) || type == WIRE_SNAPSHOT)
		bytes_put64(body, 1 + sim_random_next(&w.random) % term_max);
	offer(to, type, body, size);
}

static uint64_t puts_acked(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w.client_count; i++)
		sum += w.client[i].puts;
	return sum;
}

static raft_term term_now(void)
{
	return raft_get_term(node_of((uint32_t)sim_leader(&w))->raft);
}

static void N9_a_member_that_lies_costs_its_own_vote_and_nothing_else(void **state)
{
	(void)state;
	for (uint64_t seed = 41; seed < 43; seed++) {
		raft_term term;

		world_begin(seed, 3);
		term = term_now();
		for (uint32_t second = 0; second < 2; second++) {
			uint64_t before = puts_acked();

			for (uint32_t ms = 0; ms < 1000; ms++) {
				for (uint32_t i = 0; i < FRAMES_PER_MS; i++)
					lie(i % 2 ? victim : 3 - victim - hostile, term, false);
				sim_world_run(&w, MS);
			}
			if (puts_acked() < before + 20)
				fail_msg("seed %llu, second %u: %llu puts",
					 (unsigned long long)seed, second,
					 (unsigned long long)(puts_acked() - before));
		}
		assert_int_equal(sim_leader(&w), victim);
		assert_int_equal(term_now(), term);
		assert_true(sim_world_verify(&w));
		world_end();
	}
}

static void N9_after_lies_about_terms_the_cluster_goes_on(void **state)
{
	(void)state;
	world_begin(51, 3);
	for (uint32_t i = 0; i < 2000; i++) {
		lie(i % 2 ? victim : 3 - victim - hostile, TERMS, true);
		if (i % FRAMES_PER_MS == 0)
			sim_world_run(&w, MS);
	}
	assert_true(sim_world_settle(&w, 20 * SECOND));
	assert_true(sim_world_verify(&w));
	world_end();
}

static bool took_more(const uint64_t before[3], uint64_t more)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (node_of(i)->snapshot.taken < before[i] + more)
			return false;
	}
	return true;
}

/* What nobody has is asked for, and in vain; meanwhile the log goes on, and is cut (D18). */
static void V28_an_offer_of_nothing_ends(void **state)
{
	const struct raft_snapshot nothing = {RAFT_SNAPSHOT_INDEX_MAX, 1, 1 << 30, 7};
	struct raft_message m = {.type = RAFT_MESSAGE_SNAPSHOT, .snapshot = nothing};
	uint8_t body[BODIES_SIZE_MAX];
	uint64_t before[3], until_ns;
	uint8_t type;

	(void)state;
	sim_world_prepare(&w, 61, 3);
	w.snapshot_log_bytes = 8 * 1024;
	world_go(3);
	m.term = term_now() + 1;
	offer(3 - victim - hostile, WIRE_SNAPSHOT, body,
	      wire_raft_encode(&m, body, sizeof(body), &type));
	sim_world_run(&w, SECOND);
	for (uint32_t i = 0; i < 3; i++)
		before[i] = node_of(i)->snapshot.taken;
	for (until_ns = w.now_ns + 20 * SECOND; !took_more(before, 2);) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	assert_true(sim_world_verify(&w));
	world_end();
}

/* --- starts ------------------------------------------------------------------------------ */

/* One frame in its name, as if it had been started so often since. */
static void offer_started(uint8_t type, const uint8_t *body, size_t size, uint32_t more)
{
	struct wire_envelope e = hands_envelope(hostile, victim, type, size);
	uint8_t payload[FRAME_MAX];

	e.source_start += ((raft_start)more << 32) + 1;
	wire_envelope_encode(&e, payload);
	memcpy(payload + WIRE_ENVELOPE_SIZE, body, size);
	hands_offer(hostile, victim, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
}

/* Whoever leads hears it, or it does. */
static bool heard_lately(void)
{
	int32_t leader = sim_leader(&w);
	struct dp_peer_state s;
	struct raft_status status;

	raft_get_status(node_of(hostile)->raft, &status);
	if (leader < 0 || status.lost || (uint32_t)leader == hostile)
		return (uint32_t)leader == hostile;
	dp_get_peer(node_of((uint32_t)leader)->dp,
		    (uint32_t)node_peer_find(node_of((uint32_t)leader), node_of(hostile)->id), &s);
	return w.now_ns - s.heard_ns < 50 * MS;
}

/* Nothing is left of the frame before, at any of them: one is offered, not two at a time. */
static bool all_well(void)
{
	struct raft_status leader, other;

	if (!begun() || !heard_lately())
		return false;
	raft_get_status(node_of((uint32_t)sim_leader(&w))->raft, &leader);
	for (uint32_t i = 0; i < 3; i++) {
		raft_get_status(node_of(i)->raft, &other);
		if (other.lost || other.leader != leader.leader || other.applied != leader.last)
			return false;
	}
	return true;
}

/* How long the member is not heard, or counts for nothing. */
static uint64_t silence_after(uint8_t type, const uint8_t *body, size_t size, uint32_t more)
{
	uint64_t began = w.now_ns, well = 0;

	for (; !all_well(); sim_world_run(&w, MS))
		assert_true(w.now_ns - began < 60 * SECOND);
	victim = (uint32_t)sim_leader(&w);
	hostile = (victim + 1) % 3;
	w.losses = 1; /* as far as the world is told (SM7) */
	began = w.now_ns;
	offer_started(type, body, size, more);
	while (well < 100 && w.now_ns - began < 60 * SECOND) {
		sim_world_run(&w, MS);
		well = heard_lately() ? well + 1 : 0;
	}
	return w.now_ns - began - well * MS;
}

/*
 * A frame of a later start, which nobody vouches for: of every kind that members send, and one that
 * cannot be read. The member itself is told at once, takes a start above that, and goes on.
 */
static void V35_one_frame_of_a_later_start_shuts_nobody_out(void **state)
{
	static const uint32_t more[] = {1, RAFT_STARTS_UNHEARD_MAX};
	uint64_t worst = 0;
	uint8_t type;
	size_t size;

	(void)state;
	for (size_t k = 0; k < sizeof(more) / sizeof(more[0]); k++) {
		world_begin(71 + k, 0);
		for (int i = 0; (size = bodies_good(i, &type, bodies_buffer)) > 0; i++) {
			uint64_t ns;

			/* Those speak of terms, and are believed (V29). */
			if (!of_peer(type) || size > 1384 || type <= WIRE_READ_REPLY)
				continue;
			ns = silence_after(type, bodies_buffer, size, more[k]);
			if (ns > worst)
				worst = ns;
		}
		memset(bodies_buffer, 0, 16);
		silence_after(WIRE_READ, bodies_buffer, 16, more[k]); /* malformed: no term */
		assert_true(heard_lately());
		world_end();
	}
	printf("# not heard for %llu ms at most\n", (unsigned long long)(worst / MS));
	assert_true(worst <= 5 * SECOND);
}

/* --- logs that differ -------------------------------------------------------------------- */

/* The entry after prev, of the leader's term and in its name. */
static void offer_entry(uint32_t to, raft_index prev, raft_term prev_term, const char *data)
{
	struct raft_entry entry = {.index = prev + 1,
				   .term = term_now(),
				   .data = (const uint8_t *)data,
				   .size = 1,
				   .type = RAFT_ENTRY_COMMAND,
				   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = {.type = RAFT_MESSAGE_APPEND, .term = term_now()};
	uint8_t payload[FRAME_MAX], type;
	struct wire_envelope e;
	size_t size;

	m.append = (struct raft_append){
		.prev_index = prev, .prev_term = prev_term, .entries = &entry, .entry_count = 1};
	size = wire_raft_encode(&m, payload + WIRE_ENVELOPE_SIZE, 1400, &type);
	e = hands_envelope(victim, to, type, size);
	wire_envelope_encode(&e, payload);
	hands_offer(victim, to, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
}

static void expect_difference(uint32_t at, const char *logged, const char *status)
{
	static char text[8192];

	sim_node_log(&w, at, MS, text, sizeof(text));
	if (!strstr(text, logged))
		fail_msg("not \"%s\": %s", logged, text);
	assert_true(sim_node_says(&w, at, status));
}

/* What is committed here, and what is not: both are told, once in the log. */
static void V36_logs_that_differ_are_told(void **state)
{
	uint32_t third;
	struct raft_status s;
	char words[256];

	(void)state;
	world_begin(73, 0);
	third = 3 - victim - hostile;
	raft_get_status(node_of(third)->raft, &s);
	assert_int_equal(s.commit, s.last);
	sim_net_cut(w.net, victim, third, true);
	offer_entry(third, s.last, s.last_term, "x");
	sim_world_run(&w, MS);
	assert_false(sim_node_says(&w, third, "the logs differ"));
	offer_entry(third, s.last, s.last_term, "y");
	snprintf(words, sizeof(words),
		 "error the logs differ: at index %llu this member holds an entry of term %llu",
		 (unsigned long long)s.last + 1, (unsigned long long)term_now());
	expect_difference(third, "why=\"a leader sent another entry than is held here; it was",
			  words);
	offer_entry(hostile, 0, 0, "x");
	snprintf(words, sizeof(words),
		 "error the logs differ: at index 1 this member holds a committed entry");
	expect_difference(hostile, "why=\"a leader sent another entry than is committed here; it",
			  words);
	world_end();
}

/* --- strangers --------------------------------------------------------------------------- */

static void stranger(uint32_t from, const struct wire_envelope *e, uint8_t version)
{
	uint8_t payload[WIRE_ENVELOPE_SIZE + 16] = {0};

	wire_envelope_encode(e, payload);
	payload[WIRE_AT_VERSION] = version;
	payload[WIRE_AT_READABLE] = version;
	hands_offer(from, victim, WIRE_PORT_PEER, payload, sizeof(payload));
	sim_world_run(&w, MS);
}

/* One in a second, as members send, until this is in the status: how many it took. */
static int strangers_until(uint32_t from, const struct wire_envelope *e, uint8_t version,
			   const char *words)
{
	int count = 0;

	do {
		assert_true(count < 5);
		stranger(from, e, version);
		count++;
		if (!sim_node_says(&w, victim, words))
			sim_world_run(&w, SECOND);
	} while (!sim_node_says(&w, victim, words));
	return count;
}

static void F10_strangers_are_in_the_status_while_they_come(void **state)
{
	struct wire_envelope e;
	char words[384];

	(void)state;
	world_begin(61, 0);
	assert_false(sim_node_says(&w, victim, "warning packets"));
	e = hands_envelope(hostile, victim, WIRE_READ, 16);
	e.cluster_id = 0xabcdef;
	snprintf(words, sizeof(words),
		 "warning packets of cluster 0000000000abcdef arrive from where member n%u of this "
		 "one, %016llx, should be: ",
		 hostile, (unsigned long long)node_of(victim)->cluster_id);
	assert_int_equal(strangers_until(hostile, &e, 1, words), 4);
	snprintf(words, sizeof(words),
		 "or it runs on another directory, or somebody forges packets (the last from "
		 "198.18.0.%u:2380, 4 "
		 "in all)",
		 hostile + 1);
	assert_true(sim_node_says(&w, victim, words));
	e = hands_envelope(hostile, victim, WIRE_READ, 16);
	strangers_until(hostile, &e, 9,
			"warning packets of protocol version 9 arrive, readable from 9 on, and "
			"this member reads 1: look at which release runs there");
	/* The same cluster with another member list: an address that ours has not. */
	snprintf(words, sizeof(words), "warning packets of member %016llx of this cluster",
		 (unsigned long long)e.source_id);
	strangers_until(9, &e, 1, words);
	assert_true(sim_node_says(
		&w, victim,
		"there is no such member at that address: it was removed and still runs, or "
		"came while this member was away, which asks it when it hears no leader, or "
		"its initial-cluster or network.address differs from what this member has, "
		"or somebody forges packets (the last from 198.18.0.10:"));
	/* One that forms a cluster of its own shows no id of a member, and none of ours. */
	e.type = WIRE_FORMATION;
	e.cluster_id = 0;
	strangers_until(9, &e, 1,
			"warning packets of a member that is of no cluster yet arrive, and "
			"there is no member at that address: look at initial-cluster there, "
			"whether the member was added here, or somebody forges packets (the last "
			"from 198.18.0.10:");
	sim_world_run(&w, 11 * SECOND);
	assert_false(sim_node_says(&w, victim, "warning packets"));
	assert_true(sim_node_says(&w, victim, "drop_other_cluster 4\n"));
	world_end();
}

/* One packet, a burst, or one now and then: nobody is told to look at anything. */
static void F10_V35_one_packet_of_a_stranger_is_no_news(void **state)
{
	struct wire_envelope e;

	(void)state;
	world_begin(67, 0);
	for (int i = 0; i < 60; i++) {
		e = hands_envelope(hostile, victim, WIRE_READ, 16);
		stranger(hostile, &e, 9);
		stranger(9, &e, 1);
		e.cluster_id = 0xabcdef;
		stranger(hostile, &e, 1);
		assert_false(sim_node_says(&w, victim, "warning packets"));
		if (i >= 50)
			sim_world_run(&w, HEARSAY_NS);
	}
	assert_true(sim_node_says(&w, victim, "drop_other_cluster 60\n"));
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_a_field_out_of_range_is_counted_and_changes_nothing),
		cmocka_unit_test(N9_a_member_that_lies_costs_its_own_vote_and_nothing_else),
		cmocka_unit_test(N9_after_lies_about_terms_the_cluster_goes_on),
		cmocka_unit_test(V28_an_offer_of_nothing_ends),
		cmocka_unit_test(V35_one_frame_of_a_later_start_shuts_nobody_out),
		cmocka_unit_test(V36_logs_that_differ_are_told),
		cmocka_unit_test(F10_strangers_are_in_the_status_while_they_come),
		cmocka_unit_test(F10_V35_one_packet_of_a_stranger_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
