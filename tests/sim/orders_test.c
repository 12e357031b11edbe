/*
 * Orders to whole nodes (node/orders.c): what the leader does, what it refuses, and what nobody
 * else does.
 */
#include "tests/sim/world.h"

#include "node/internal.h"

#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS 1000000ull
#define SECOND (1000 * MS)
#define ADDRESS_GATEWAY 0xc61200feu

static struct sim_world w;
static char answer[1024];

/* ... in bytes that nothing ends. */
static enum serve_status order(uint32_t to, const char *text)
{
	uint8_t data[2048];
	size_t size = 0;
	enum serve_status status;

	assert_true(strlen(text) <= sizeof(data));
	memcpy(data, text, strlen(text));
	status = node_order(w.node[to].node, data, (uint32_t)strlen(text), answer,
			    sizeof(answer) - 1, &size);
	answer[size] = '\0';
	return status;
}

static uint32_t world_begin(void)
{
	sim_world_create(&w, 31, 3, 1);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 3 * SECOND);
	return (uint32_t)sim_leader(&w);
}

static void R45_whoever_is_named_leads(void **state)
{
	uint32_t from = world_begin(), to = (from + 1) % 3;
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "move-leader %" PRIx64, w.node[to].node->id);
	assert_int_equal(order(to, text), SERVE_NOT_LEADER);
	assert_int_equal(order(from, text), SERVE_OK);
	assert_string_equal(answer, "done\n");
	for (uint64_t ns = 0; raft_leader(w.node[to].node->raft) != w.node[to].node->id; ns += MS) {
		assert_true(ns < SECOND);
		sim_world_run(&w, MS);
	}
	/* It leads already: an order may come twice. */
	sim_world_run(&w, 100 * MS);
	assert_int_equal(order(to, text), SERVE_OK);
	assert_string_equal(answer, "done\n");
	assert_int_equal(order(from, text), SERVE_NOT_LEADER);
	sim_world_destroy(&w);
}

static void R45_who_cannot_lead_is_refused_with_a_reason(void **state)
{
	uint32_t leader = world_begin(), other = (leader + 1) % 3;
	const raft_id id = w.node[other].node->id;
	char text[64];

	(void)state;
	assert_int_equal(order(leader, "move-leader 000000000000abcd\n"), SERVE_OK);
	assert_string_equal(answer, "refused bad leader transferee: no voter has the id "
				    "000000000000abcd\n");
	snprintf(text, sizeof(text), "move-leader %016" PRIx64 "\n", id);
	w.node[other].disk_hangs = true;
	for (int dead = 0; dead < 2; dead++) {
		if (dead)
			sim_node_crash(&w, other);
		sim_world_run(&w, 3 * SECOND);
		assert_int_equal(sim_leader(&w), (int)leader);
		assert_int_equal(order(leader, text), SERVE_OK);
		assert_non_null(strstr(answer, " was not heard of late, was just started, lost "
					       "writes, or its disk does not answer\n"));
	}
	sim_world_destroy(&w);
}

static void what_is_no_order_is_not_done(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"move-leader",
		"move-leader ",
		"move-leader 0",
		"move-leader -1",
		"move-leader 0x1",
		"move-leader 1 2",
		"move-leader 1\n2",
		"move-leader 1\n\n",
		"move-leader 11112222333344445",
		"move-leaders 1",
		" move-leader 1",
		"status",
	};
	uint32_t leader = world_begin();
	static char longest[1024];
	size_t size = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (order(leader, texts[i]) != SERVE_INVALID)
			fail_msg("\"%s\": %s", texts[i], answer);
	}
	memset(longest, '1', sizeof(longest) - 1);
	memcpy(longest, "move-leader ", 12);
	assert_int_equal(order(leader, longest), SERVE_INVALID);
	assert_int_equal(node_order(w.node[leader].node, (const uint8_t *)"move-leader 1\0", 14,
				    answer, sizeof(answer) - 1, &size),
			 SERVE_INVALID);
	sim_world_destroy(&w);
}

/* Runs on until a member's table has it so, and no other change is under way. */
static bool becomes(uint32_t of, raft_id id, bool voter, bool member)
{
	for (uint64_t ns = 0; ns < 3 * SECOND; ns += MS) {
		const struct raft_members *t = raft_get_members(w.node[of].node->raft);
		const struct raft_member *m = raft_members_find(t, id);

		if (!raft_members_joint(t) && member == (m != NULL) && (!m || m->voter == voter))
			return true;
		sim_world_run(&w, MS);
	}
	return false;
}

static void D16_members_are_changed_and_the_others_follow(void **state)
{
	uint32_t leader = world_begin(), other = (leader + 1) % 3, third = (leader + 2) % 3;
	const raft_id id = w.node[other].node->id;
	char text[128];

	(void)state;
	snprintf(text, sizeof(text), "demote %016" PRIx64 "\n", id);
	assert_int_equal(order(other, text), SERVE_NOT_LEADER);
	assert_int_equal(order(leader, text), SERVE_OK);
	assert_string_equal(answer, "done\n");
	assert_true(becomes(third, id, false, true));
	assert_true(becomes(other, id, false, true));
	sim_world_run(&w, SECOND); /* and that is committed */
	assert_int_equal(order(leader, text), SERVE_OK);
	assert_non_null(strstr(answer, "is a learner already\n"));
	snprintf(text, sizeof(text), "promote %016" PRIx64 "\n", id);
	assert_int_equal(order(leader, text), SERVE_OK);
	assert_string_equal(answer, "done\n");
	assert_int_equal(order(leader, text), SERVE_OK);
	assert_memory_equal(answer, "refused another change of members, at index ", 44);
	assert_true(becomes(third, id, true, true));
	sim_world_run(&w, SECOND);
	snprintf(text, sizeof(text), "remove %016" PRIx64 "\n", id);
	assert_int_equal(order(leader, text), SERVE_OK);
	assert_true(becomes(third, id, false, false));
	sim_world_destroy(&w);
}

static void members_order(uint32_t to, const char *verb, raft_id id, uint64_t place)
{
	char text[128], there[NODE_PLACE_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s %016" PRIx64 "%s%s\n", verb, id, place ? " " : "",
		 place ? node_place_text(place, there) : "");
	assert_int_equal(order(to, text), SERVE_OK);
}

/* What that one says comes now, and was not taken yet. */
static void is_to_hear(uint32_t to, uint32_t from)
{
	while (sim_net_due(w.net, from, to) == UINT64_MAX)
		sim_world_run(&w, MS / 1000);
	sim_world_run(&w, sim_net_due(w.net, from, to) - w.now_ns);
}

/*
 * It answers where it was while the leader has not turned to the new place: it is not up for what
 * is asked of the leader next.
 */
static void D16_who_moved_is_up_when_it_was_heard_there(void **state)
{
	uint32_t leader = world_begin(), other = (leader + 1) % 3, third = (leader + 2) % 3;
	const raft_id id = w.node[other].node->id;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		sim_world_run(&w, SECOND);
		is_to_hear(leader, other);
		members_order(leader, "update", id, (0xc6120009ull << 16) + 2380);
		assert_string_equal(answer, "done\n");
		do {
			sim_world_run(&w, MS / 10);
			members_order(leader, "remove", w.node[third].node->id, 0);
		} while (strstr(answer, "another change of members"));
		assert_non_null(strstr(answer, "of the 2 voters that there would be 1 are up"));
		members_order(leader, "update", id, sim_node_place(&w, other));
		assert_string_equal(answer, "done\n");
	}
	sim_world_run(&w, SECOND);
	assert_int_equal(sim_leader(&w), (int)leader);
	members_order(leader, "remove", w.node[third].node->id, 0);
	assert_string_equal(answer, "done\n");
	assert_true(becomes(leader, w.node[third].node->id, false, false));
	sim_world_destroy(&w);
}

/* The ids that were drawn are in the answer, in the order of the lines. */
static void R60_new_members_are_named(void **state)
{
	uint32_t leader = world_begin();
	const struct raft_members *t;
	raft_id id[2];

	(void)state;
	assert_int_equal(order(leader, "add 198.18.0.8:2380\nadd-learner 198.18.0.9:2380\n"),
			 SERVE_OK);
	assert_int_equal(sscanf(answer, "done %" SCNx64 " %" SCNx64, &id[0], &id[1]), 2);
	t = raft_get_members(w.node[leader].node->raft);
	for (uint32_t i = 0; i < 2; i++) {
		const struct raft_member *m = raft_members_find(t, id[i]);

		assert_non_null(m);
		assert_int_equal(m->joins, i == 0);
		assert_int_equal(m->place, (0xc6120008ull + i) << 16 | 2380);
	}
	sim_world_run(&w, SECOND);
	assert_int_equal(order(leader, "add 198.18.0.8:2380"), SERVE_OK);
	assert_non_null(strstr(answer, "refused Peer URLs already exists: "));
	sim_world_destroy(&w);
}

static void with_ids(const char *text, char out[256])
{
	size_t used = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '{')
			used += (size_t)snprintf(out + used, 256 - used, "%016" PRIx64,
						 w.node[at[1] - '1'].node->id);
		else
			out[used++] = *at;
		at += *at == '{' ? 2 : 0;
	}
	out[used] = '\0';
}

/* Where no node could start, or not before another one has gone (D16). {1} to {3}: members' ids. */
static void D16_an_address_that_no_member_can_have_is_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"add 0.0.0.0:2380", "0.0.0.0:2380 is no host's address"},
		{"add 127.0.0.1:2380", "127.0.0.1:2380 is no host's address"},
		{"add-learner 224.0.0.1:2380", "224.0.0.1:2380 is no host's address"},
		{"add 255.255.255.255:2380", "255.255.255.255:2380 is no host's address"},
		{"add 198.18.0.0:2380", "198.18.0.0:2380 is no host's address"},
		{"add 198.18.0.255:2380", "198.18.0.255:2380 is no host's address"},
		{"add 198.18.1.9:2380", "198.18.1.9:2380 is outside of 198.18.0."},
		{"update {1} 127.0.0.1:2380", "127.0.0.1:2380 is no host's address"},
		{"replace {1} 224.0.0.1:2380", "224.0.0.1:2380 is no host's address"},
		{"add 198.18.0.1:2381", "member {1} is at 198.18.0.1:"},
		{"add 198.18.0.8:1\nadd 198.18.0.8:2", "two of the changes have one address"},
		{"replace {1} 198.18.0.1:2381", "member {1} is at 198.18.0.1:"},
		{"update {1} 198.18.0.2:2381", "member {2} is at 198.18.0.2:"},
		{"update {1} 198.18.0.9:2380\nupdate {2} 198.18.0.1:2380",
		 "member {1} is at 198.18.0.1:"},
		{"update {1} 198.18.0.2:2380\nupdate {2} 198.18.0.1:2380",
		 "member {2} is at 198.18.0.2:"},
	};
	uint32_t leader = world_begin();
	const uint64_t generation = raft_members_generation(w.node[leader].node->raft);
	char replace[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256], said[256];

		with_ids(rows[i].text, text);
		with_ids(rows[i].said, said);
		assert_int_equal(order(leader, text), SERVE_OK);
		if (memcmp(answer, "refused ", 8) != 0 || !strstr(answer, said))
			fail_msg("\"%s\": no \"%s\" in \"%s\"", text, said, answer);
	}
	w.node[leader].node->options.dp.gateway = ADDRESS_GATEWAY;
	assert_int_equal(order(leader, "add 198.18.0.254:2380"), SERVE_OK);
	assert_string_equal(answer,
			    "refused given member URLs are invalid: 198.18.0.254:2380 is "
			    "network.gateway, too: the gateway is a router, and no member\n");
	assert_int_equal(raft_members_generation(w.node[leader].node->raft), generation);
	/* Whose disk was lost is replaced where it stands. */
	with_ids("replace {1} 198.18.0.1:2380", replace);
	assert_int_equal(order(leader, replace), SERVE_OK);
	assert_memory_equal(answer, "done", 4);
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R45_whoever_is_named_leads),
		cmocka_unit_test(R45_who_cannot_lead_is_refused_with_a_reason),
		cmocka_unit_test(D16_members_are_changed_and_the_others_follow),
		cmocka_unit_test(D16_who_moved_is_up_when_it_was_heard_there),
		cmocka_unit_test(R60_new_members_are_named),
		cmocka_unit_test(D16_an_address_that_no_member_can_have_is_refused),
		cmocka_unit_test(what_is_no_order_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
