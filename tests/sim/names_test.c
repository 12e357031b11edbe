/*
 * What whole nodes tell of themselves: their names and where they hear clients, by the log (D16);
 * and why one leads no more.
 */
#include "tests/sim/members.h"

#include "kv/command.h"
#include "node/internal.h"
#include "raft/internal.h"
#include "serve/request.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct sim_world w;

static struct node *node(uint32_t i)
{
	return w.node[i].node;
}

static const struct sm_attributes *said(uint32_t by, raft_id of)
{
	return node(by)->sm->ops->attributes(node(by)->sm, of);
}

/* All that are up have applied it. */
static void expect_said(raft_id of, const char *name, const char *client)
{
	uint64_t until_ns = w.now_ns + 20 * SECOND;

	for (uint32_t i = 0; i < w.node_count; i++) {
		while (node(i) && (!said(i, of) || strcmp(said(i, of)->name, name) != 0 ||
				   strcmp(said(i, of)->client[0], client) != 0)) {
			if (w.now_ns > until_ns)
				fail_msg("node %u: no %s at %s", i, name, client);
			sim_world_run(&w, MS);
		}
	}
}

static raft_index last(void)
{
	return raft_last(node((uint32_t)sim_leader(&w))->raft);
}

/* Each says it once, whoever leads; it is no write; and after a restart it is known. */
static void D16_each_member_says_once_what_it_is_called(void **state)
{
	uint64_t elections;
	raft_index before;

	(void)state;
	members_world_begin(&w, 92, 0, 0);
	expect_said(node(0)->id, "n0", "198.18.0.1:2379");
	expect_said(node(1)->id, "n1", "198.18.0.2:2379");
	expect_said(node(2)->id, "n2", "198.18.0.3:2379");
	sim_world_run(&w, 20 * SECOND);
	elections = w.elections;
	assert_int_equal(last(), elections + 3); /* a no-op for each leader */
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(node(i)->sm->ops->revision(node(i)->sm), 1);
		assert_int_equal(serve_get_counters(node(i)->serve)->commands, 0);
		assert_int_equal(serve_get_counters(node(i)->serve)->forwarded, 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		sim_node_crash(&w, i);
		sim_world_run(&w, SECOND);
		sim_node_start(&w, i);
		sim_world_run(&w, 3 * SECOND);
	}
	before = last();
	assert_int_equal(before, w.elections + 3);
	/* A door of clients that moves is told of, by the same way. */
	node(1)->options.dp.udp_client = 2391;
	expect_said(node(1)->id, "n1", "198.18.0.2:2391");
	assert_int_equal(last(), before + 1);
	sim_world_destroy(&w);
}

static struct sm_ops old_ops;
static const struct sm_ops *new_ops;
static uint32_t refused;

static int old_check(struct sm *sm, const uint8_t *command, uint32_t size, uint64_t from,
		     uint64_t *session, uint64_t *sequence)
{
	if (size > 1 && command[1] == KV_PUBLISH) {
		refused++;
		return -EINVAL;
	}
	return new_ops->check(sm, command, size, from, session, sequence);
}

/* A leader of an earlier release knows no such command: it is asked seldom, and goes on. */
static void D16_an_earlier_release_leads(void **state)
{
	(void)state;
	members_world_begin(&w, 93, 0, 0);
	expect_said(node(0)->id, "n0", "198.18.0.1:2379");
	const uint32_t leads = (uint32_t)sim_leader(&w), other = (leads + 1) % 3;
	const raft_index before = last();

	new_ops = node(leads)->sm->ops;
	old_ops = *new_ops;
	old_ops.check = old_check;
	node(leads)->sm->ops = &old_ops;
	node(other)->options.dp.udp_client = 2391;
	refused = 0;
	sim_world_run(&w, 64 * SECOND);
	/* After 1, 2, 4, and then 8 seconds each. */
	assert_in_range(refused, 8, 11);
	assert_int_equal(sim_leader(&w), leads);
	assert_int_equal(last(), before);
	node(leads)->sm->ops = new_ops;
	sim_world_run(&w, 9 * SECOND);
	assert_int_equal(last(), before + 1);
	assert_string_equal(said(leads, node(other)->id)->client[0] + 11, "2391");
	sim_world_destroy(&w);
}

/* A member gone mad says it of another one, which a leader takes from that one alone. */
static void V28_nobody_speaks_for_another(void **state)
{
	struct sm_attributes lie = {.name = "liar"};
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	uint32_t size;

	(void)state;
	members_world_begin(&w, 94, 0, 0);
	expect_said(node(2)->id, "n2", "198.18.0.3:2379");
	const uint32_t leads = (uint32_t)sim_leader(&w), mad = (leads + 1) % 3;
	const raft_index before = last();

	for (uint32_t i = 0; i < 3; i++) {
		size = (uint32_t)kv_publication_encode(i == mad ? 77 : node(i)->id, &lie, bytes);
		assert_int_equal(serve_offer(node(mad)->serve, bytes, size), 0);
	}
	sim_world_run(&w, SECOND);
	assert_int_equal(last(), before);
	assert_null(said(leads, 77));
	/* Of itself it may say what it likes; what is true is said again. */
	size = (uint32_t)kv_publication_encode(node(mad)->id, &lie, bytes);
	assert_int_equal(serve_offer(node(mad)->serve, bytes, size), 0);
	sim_world_run(&w, SECOND);
	assert_int_equal(last(), before + 2);
	assert_string_equal(said(leads, node(mad)->id)->name, node(mad)->name);
	sim_world_destroy(&w);
}

/* Who joins is called by his name; of who is removed nothing is left. */
static void D16_names_come_and_go_with_the_members(void **state)
{
	struct raft_status now;
	uint64_t until_ns;

	(void)state;
	members_world_begin(&w, 95, 1, 0);
	sim_node_start(&w, 3);
	raft_id id = members_change(
		&w, (struct raft_change){.kind = RAFT_CHANGE_ADD, .place = sim_host_place(3)});
	sim_world_run(&w, SECOND);
	expect_said(id, "n3", "198.18.0.4:2379");
	sim_world_run(&w, 200 * MS);
	for (uint32_t i = 0; i < 3; i++)
		assert_string_equal(node_member_name(node(i), id), "n3");
	sim_node_crash(&w, 3);
	until_ns = w.now_ns + 20 * SECOND;
	for (now.members.count = 0; now.members.count != 3;) {
		struct raft_change remove = {.kind = RAFT_CHANGE_REMOVE, .id = id};
		struct raft_refusal refusal;
		raft_index index;

		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, 10 * MS);
		if (sim_leader(&w) < 0)
			continue;
		(void)raft_members_change(node((uint32_t)sim_leader(&w))->raft, &remove, 1, &index,
					  &refusal);
		node_raft_status(node((uint32_t)sim_leader(&w)), &now);
	}
	sim_world_run(&w, SECOND);
	for (uint32_t i = 0; i < 3; i++) {
		assert_null(said(i, id));
		assert_non_null(said(i, node(0)->id));
	}
	sim_world_destroy(&w);
}

static enum serve_status heard;
static uint32_t words;

static bool door_answer(struct door *door, struct request *q, enum serve_status status,
			const uint8_t *data, uint32_t size)
{
	(void)door;
	(void)q;
	(void)data;
	(void)size;
	heard = status;
	words++;
	return false;
}

static void door_gone(struct door *door, struct request *q)
{
	(void)door;
	(void)q;
}

static enum serve_status ask(uint32_t i, enum request_kind kind)
{
	static const struct door_ops ops = {.answer = door_answer, .gone = door_gone};
	static struct door door = {.ops = &ops};
	static uint64_t sequence;
	const struct kv_request request = {
		.operation = kind == REQUEST_COMMAND ? KV_PUT : KV_RANGE,
		.session = 1234,
		.sequence = ++sequence,
		.key = {(const uint8_t *)"k", 1},
	};
	enum serve_status why;
	struct request *q = serve_open(node(i)->serve, &door, 0, sequence,
				       (uint32_t)kv_request_size(&request), 0, 0, &why);

	assert_non_null(q);
	kv_request_encode(&request, q->data);
	words = 0;
	serve_begin(node(i)->serve, q, kind);
	for (uint64_t ns = 0; !words; ns += MS) {
		assert_true(ns < 10 * SECOND);
		sim_world_run(&w, MS);
	}
	return heard;
}

static void expect_learner(uint32_t i, bool learner)
{
	uint64_t until_ns = w.now_ns + 20 * SECOND;
	char text[256];

	while (node(i)->learner != learner) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	assert_int_equal(ask(i, REQUEST_QUERY), learner ? SERVE_LEARNER : SERVE_OK);
	assert_int_equal(ask(i, REQUEST_COMMAND), learner ? SERVE_LEARNER : SERVE_OK);
	assert_int_equal(ask(i, REQUEST_QUERY_LOCAL), SERVE_OK);
	assert_int_equal(ask(i, REQUEST_STATUS), SERVE_OK);
	node_summary(node(i), text, sizeof(text));
	assert_null(strstr(text, "itself counted"));
}

/* From its first entry on, and from when it is demoted; as a voter it answers all. */
static void D16_a_learner_answers_for_itself_alone(void **state)
{
	raft_id id;

	(void)state;
	members_world_begin(&w, 96, 1, 0);
	sim_node_start(&w, 3);
	id = members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_ADD_LEARNER,
						     .place = sim_host_place(3)});
	sim_world_run(&w, 2 * SECOND);
	expect_learner(3, true);
	expect_said(id, "n3", "198.18.0.4:2379"); /* what it says of itself is taken all the same */
	assert_true(sim_node_says(&w, 3, "\nrole learner\n"));
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = id});
	expect_learner(3, false);
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = id});
	expect_learner(3, true);
	/* It hears nobody: of those who vote none, and it is none. */
	for (uint32_t i = 0; i < 3; i++)
		sim_node_crash(&w, i);
	sim_world_run(&w, 5 * SECOND);
	assert_true(sim_node_says(&w, 3,
				  ": 0 of 3 members within an election timeout, and this one does "
				  "not vote\n"));
	assert_int_equal(ask(3, REQUEST_QUERY_LOCAL), SERVE_OK);
	sim_world_destroy(&w);
}

/* Removed, and those to whom it tries to hand over do not take it. */
static void R37_a_removed_leader_says_so(void **state)
{
	static char text[65536];

	(void)state;
	members_world_begin(&w, 91, 0, 0);
	const uint32_t leader = (uint32_t)sim_leader(&w);
	struct raft *r = w.node[leader].node->raft;
	members_change(&w, (struct raft_change){.kind = RAFT_CHANGE_REMOVE,
						.id = w.node[leader].node->id});
	r->left_index = r->members_index; /* it was tried */
	sim_node_log(&w, leader, 2 * SECOND, text, sizeof(text));
	assert_non_null(strstr(text, " stepped_down "));
	assert_non_null(strstr(text, "why=\"it is no voter any more\""));
	sim_world_destroy(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D16_each_member_says_once_what_it_is_called),
		cmocka_unit_test(D16_an_earlier_release_leads),
		cmocka_unit_test(V28_nobody_speaks_for_another),
		cmocka_unit_test(D16_names_come_and_go_with_the_members),
		cmocka_unit_test(D16_a_learner_answers_for_itself_alone),
		cmocka_unit_test(R37_a_removed_leader_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
