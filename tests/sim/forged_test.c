/*
 * What members say of themselves and nobody vouches for (V35): one packet, a burst, one that was
 * recorded, or one a second beside the member's own, is believed in nothing that a person is told.
 * What is so is told, in a time that is said here.
 */
#include "tests/sim/hands.h"

#include "node/internal.h"
#include "tests/unit/dataplane/frames.h"

#include "tests/unit/test.h"

#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

static struct sim_world w;
static uint32_t other, victim;

static struct node *node_of(uint32_t i)
{
	return w.node[i].node;
}

static void world_end(void)
{
	hands_close();
	sim_world_destroy(&w);
}

/* --- settings ---------------------------------------------------------------------------- */

/* The leader is told what another one never said. */
static void settings_begin(uint64_t seed)
{
	sim_world_create(&w, seed, 3, 0);
	w.resting = true;
	while (!sim_all_formed(&w) || sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	sim_world_run(&w, 1500 * MS);
	victim = (uint32_t)sim_leader(&w);
	other = (victim + 1) % 3;
	hands_open(&w);
}

/* What it would say if all that members warn of were so. */
static void offer_settings(uint64_t answer)
{
	const struct wire_settings s = {.heartbeat_us = 7,
					.election_us_min = 8,
					.election_us_max = 9,
					.durability = 2,
					.full = true,
					.heard_ms = UINT32_MAX,
					.answer = answer};
	uint8_t payload[FRAME_MAX];
	size_t size = wire_settings_encode(&s, payload + WIRE_ENVELOPE_SIZE);
	const struct wire_envelope e = hands_envelope(other, victim, WIRE_SETTINGS, size);

	wire_envelope_encode(&e, payload);
	hands_offer(other, victim, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
}

static bool warned(void)
{
	return sim_node_says(&w, victim, " differs: ") ||
	       sim_node_says(&w, victim, "cannot make the next segment of its log") ||
	       sim_node_says(&w, victim, "does not hear this member") ||
	       node_space_members(node_of(victim)).are < 3;
}

/* The next one that the victim asks. */
static uint64_t question_to(uint32_t member)
{
	uint32_t peer = (uint32_t)node_peer_find(node_of(victim), node_of(member)->id);

	while (!node_of(victim)->peer[peer].question)
		sim_world_run(&w, MS / 100);
	return node_of(victim)->peer[peer].question;
}

/* A burst, one for each ms, some all the time, one that was an answer: the member itself says. */
static void V35_forged_settings_are_none(void **state)
{
	uint64_t asked;

	(void)state;
	settings_begin(81);
	for (uint32_t i = 0; i < 300; i++) {
		offer_settings(i % 2 ? i : 0);
		if (i >= 100)
			sim_world_run(&w, i < 200 ? MS : 50 * MS);
		assert_false(warned());
	}
	asked = question_to(other);
	sim_world_run(&w, 100 * MS);
	offer_settings(asked); /* recorded, and changed or not: it was answered */
	sim_world_run(&w, 10 * MS);
	assert_false(warned());
	world_end();
}

/* A member that is asked itself knows its own question, and no other's. */
static void V35_V28_a_member_answers_for_no_other(void **state)
{
	uint32_t third;

	(void)state;
	settings_begin(83);
	third = 3 - victim - other;
	sim_net_cut(w.net, other, victim, true);
	for (int i = 0; i < 5; i++) {
		offer_settings(question_to(third));
		sim_world_run(&w, SECOND);
		assert_false(sim_node_says(&w, victim, " differs: "));
		assert_int_equal(node_space_members(node_of(victim)).are, 3);
	}
	world_end();
}

/* Large packets vanish, and somebody says that they arrive: in any round that he can count to. */
static void V35_V27_a_forged_answer_hides_no_hole(void **state)
{
	uint32_t peer;

	(void)state;
	settings_begin(84);
	peer = (uint32_t)node_peer_find(node_of(victim), node_of(other)->id);
	sim_net_hole(w.net, victim, other, 1400);
	for (uint64_t round = 1; round < 3000; round++) {
		const struct wire_path path = {round % 100 + 1,
					       node_of(victim)->peer[peer].path.size_max};
		uint8_t payload[FRAME_MAX];
		size_t size =
			wire_path_encode(&path, WIRE_PATH_REPLY, payload + WIRE_ENVELOPE_SIZE);
		const struct wire_envelope e = hands_envelope(other, victim, WIRE_PATH_REPLY, size);

		wire_envelope_encode(&e, payload);
		hands_offer(other, victim, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
		if (round % 10 == 0)
			sim_world_run(&w, 40 * MS);
	}
	assert_true(path_narrow(&node_of(victim)->peer[peer].path));
	world_end();
}

/* The member's own news, on the next answer; and that it does not hear, which it cannot answer. */
static void V35_settings_that_are_so_are_heard_of(void **state)
{
	uint64_t began;

	(void)state;
	settings_begin(82);
	node_of(other)->settings.durability = 2;
	node_of(other)->next_settings_ns = 0; /* as when its space ends */
	sim_world_run(&w, 50 * MS);
	assert_true(sim_node_says(&w, victim, " differs: durability volatile"));
	sim_net_cut(w.net, victim, other, true);
	for (began = w.now_ns; !sim_node_says(&w, victim, "does not hear this member");)
		sim_world_run(&w, 10 * MS);
	assert_true(w.now_ns - began >= 3 * SECOND && w.now_ns - began <= 6 * SECOND);
	sim_net_heal(w.net);
	sim_world_run(&w, 1100 * MS);
	assert_false(sim_node_says(&w, victim, "does not hear this member"));
	world_end();
}

/* What a member said that is silent since is no news: it is told with its age, until it speaks. */
static void V17_what_the_silent_said_has_an_age(void **state)
{
	(void)state;
	settings_begin(85);
	sim_net_cut(w.net, other, victim, true);
	offer_settings(question_to(other));
	sim_world_run(&w, MS);
	assert_true(sim_node_says(&w, victim, " differs: durability volatile"));
	assert_true(sim_node_says(&w, victim, " cannot make the next segment of its log: "));
	sim_world_run(&w, 100 * SECOND);
	assert_true(sim_node_says(&w, victim, " differs (as of 100 s ago): durability volatile"));
	assert_true(sim_node_says(&w, victim,
				  " cannot make the next segment of its log (as of 100 s ago): "));
	assert_true(sim_node_says(&w, victim, " answered_ms=100"));
	sim_net_heal(w.net);
	sim_world_run(&w, 2 * SECOND);
	assert_false(warned());
	world_end();
}

/*
 * One member is gone and another is full: the one that is left leads, and what it took would never
 * commit. It refuses until one of them can keep it again, and not for silence alone.
 */
static void V17_a_silent_member_has_no_space(void **state)
{
	struct sim_node *full;
	uint32_t leader;

	(void)state;
	settings_begin(86);
	leader = victim;
	full = &w.node[other];
	sim_node_crash(&w, 3 - victim - other);
	sim_world_run(&w, 4 * SECOND);
	assert_int_equal(sim_leader(&w), leader);
	assert_false(node_space_refuses(node_of(leader)));
	assert_int_equal(node_space_members(node_of(leader)).are, 3);
	fake_space(full->disk, true, 0);
	sim_world_run(&w, 3 * SECOND);
	assert_true(full->node->space.full);
	assert_int_equal(sim_leader(&w), leader);
	assert_true(node_space_refuses(node_of(leader)));
	assert_true(sim_node_says(&w, leader, "error only 1 of 3 members can make the next "));
	assert_true(sim_node_says(&w, leader, "those that are silent not counted"));
	/* The silent one comes back. */
	sim_node_start(&w, 3 - victim - other);
	sim_world_run(&w, 3 * SECOND);
	assert_int_equal(sim_leader(&w), leader);
	assert_false(node_space_refuses(node_of(leader)));
	/* The full one goes as well: that there is no majority is another thing. */
	sim_node_crash(&w, other);
	sim_world_run(&w, 4 * SECOND);
	assert_false(node_space_refuses(node_of(leader)));
	assert_int_equal(node_space_members(node_of(leader)).are, 2);
	world_end();
}

/* --- formation --------------------------------------------------------------------------- */

/* In the name of `from`, to the first: a directory, and the cluster that it is of; 0: none. */
static void offer_word(uint32_t from, raft_identity identity, uint64_t cluster_id)
{
	const struct formation_message m = {
		.say = cluster_id ? FORMATION_SAY_FORMED : FORMATION_SAY_HELLO,
		.identity = identity,
		.cluster_id = cluster_id,
		.table.digest = node_of(0)->formation.table.digest,
	};
	uint8_t payload[FRAME_MAX];
	size_t size = wire_formation_encode(&m, payload + WIRE_ENVELOPE_SIZE);
	struct wire_envelope e = {
		.type = WIRE_FORMATION, .body_size = (uint16_t)size, .source_identity = identity};

	wire_envelope_encode(&e, payload);
	hands_offer(from, 0, WIRE_PORT_PEER, payload, WIRE_ENVELOPE_SIZE + size);
	sim_world_run(&w, MS / 10);
}

static bool advised(void)
{
	return sim_node_says(&w, 0, "formation reset") || sim_node_says(&w, 0, "answers from") ||
	       sim_node_says(&w, 0, "belongs to a cluster");
}

/* The first has agreed to a table with the third, which went before it had; the second is there. */
static void forming_begin(uint64_t seed)
{
	raft_identity gone;

	sim_world_prepare(&w, seed, 3);
	sim_world_begin(&w, 0);
	hands_open(&w);
	gone = node_of(2)->recovered.identity;
	sim_node_crash(&w, 2);
	sim_world_run(&w, SECOND);
	offer_word(2, gone, 0);
	sim_world_run(&w, SECOND);
	assert_int_equal(node_of(0)->formation.state, FORMATION_ACCEPTED);
	assert_true(sim_node_says(&w, 0, "n2 does not answer"));
	assert_false(advised());
}

static void V35_words_of_formation_are_told_when_they_last(void **state)
{
	const struct {
		uint64_t identity, cluster_id;
		const char *told;
	} words[] = {
		{0x77, 0, "answers from another directory than the one that was agreed on: if"},
		{0x77, 0x78, "belongs to a cluster that this directory is not of: if that is lost"},
		{0, 0, "answers from a copy of the data directory of this member"},
	};

	(void)state;
	forming_begin(91);
	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
		raft_identity identity =
			words[k].identity ? words[k].identity : node_of(0)->formation.identity;

		/* A burst in the name of who is silent; and beside who is there, for long. */
		for (int i = 0; i < 100; i++) {
			offer_word(2, identity, words[k].cluster_id);
			assert_false(advised());
		}
		assert_true(sim_node_says(&w, 0, "member n2 has not agreed yet"));
		for (int i = 0; i < 50; i++) {
			offer_word(1, identity, words[k].cluster_id);
			assert_false(advised());
			sim_world_run(&w, 100 * MS);
		}
		/* Who says so, and nothing else. */
		for (int i = 0; i < 29; i++) {
			offer_word(2, identity, words[k].cluster_id);
			assert_false(advised());
			sim_world_run(&w, 100 * MS);
		}
		for (int i = 0; i < 2; i++) {
			sim_world_run(&w, 80 * MS);
			offer_word(2, identity, words[k].cluster_id);
		}
		assert_true(sim_node_says(&w, 0, words[k].told));
		sim_world_run(&w, SECOND);
		assert_false(advised());
	}
	/* And with no forger, a member that was wiped. */
	sim_node_wipe(&w, 2);
	sim_node_start(&w, 2);
	sim_world_run(&w, 2900 * MS);
	assert_false(advised());
	sim_world_run(&w, 300 * MS);
	assert_true(sim_node_says(&w, 0,
				  "member n2 answers from another directory than the one that was "
				  "agreed on: if that is lost, quoinctl formation reset"));
	/* Of directories that were restored none is made fresh so. */
	w.node[0].node->formation.table.origin = 7;
	assert_true(sim_node_says(&w, 0,
				  "agreed on: if that is lost, empty this directory, and restore "
				  "it again"));
	assert_false(sim_node_says(&w, 0, "formation reset"));
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V35_forged_settings_are_none),
		cmocka_unit_test(V35_V28_a_member_answers_for_no_other),
		cmocka_unit_test(V35_V27_a_forged_answer_hides_no_hole),
		cmocka_unit_test(V35_settings_that_are_so_are_heard_of),
		cmocka_unit_test(V17_what_the_silent_said_has_an_age),
		cmocka_unit_test(V17_a_silent_member_has_no_space),
		cmocka_unit_test(V35_words_of_formation_are_told_when_they_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
