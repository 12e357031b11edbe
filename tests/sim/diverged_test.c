/*
 * R51: a member whose state is not the majority's is told so by the next marker, whoever it is; and
 * no single member's word makes another one diverged.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "serve/request.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { LOG_BYTES = 8 * 1024 };

static struct sim_world w;

static struct node *of(uint32_t i)
{
	return w.node[i].node;
}

static void begin(uint64_t seed, enum wal_durability durability)
{
	sim_world_prepare(&w, seed, 3);
	w.snapshot_log_bytes = LOG_BYTES;
	w.durability = durability;
	sim_world_begin(&w, 4);
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
}

static void run_until(bool (*is)(void))
{
	uint64_t until_ns = w.now_ns + 600000 * MS;

	while (!is()) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

static uint64_t wanted_markers;

static bool marked(void)
{
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (of(i) && of(i)->snapshot.markers < wanted_markers)
			return false;
	}
	return true;
}

/* Each that is up has applied so many more. */
static void wait_markers(uint64_t more)
{
	wanted_markers = 0;
	for (uint32_t i = 0; i < w.node_count; i++) {
		if (of(i) && of(i)->snapshot.markers > wanted_markers)
			wanted_markers = of(i)->snapshot.markers;
	}
	wanted_markers += more;
	run_until(marked);
}

static void damage(uint32_t i, uint8_t bits)
{
	while (of(i)->applying_count > 0)
		sim_world_run(&w, MS);
	assert_true(of(i)->sm->ops->damage(of(i)->sm, bits));
}

static uint32_t diverged(void)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < w.node_count; i++)
		found |= (uint32_t)(of(i) && of(i)->diverged.index != 0) << i;
	return found;
}

static uint32_t leader(void)
{
	while (sim_leader(&w) < 0)
		sim_world_run(&w, MS);
	return (uint32_t)sim_leader(&w);
}

static void end(void)
{
	assert_true(sim_world_verify(&w));
	sim_world_destroy(&w);
}

static enum serve_status heard;
static bool word;

static bool door_answer(struct door *door, struct request *q, enum serve_status status,
			const uint8_t *data, uint32_t size)
{
	(void)door;
	(void)q;
	(void)data;
	(void)size;
	heard = status;
	word = true;
	return false;
}

static void door_gone(struct door *door, struct request *q)
{
	(void)door;
	(void)q;
}

/* A client's, at this member's own door. */
static struct request *give(uint32_t i, enum request_kind kind)
{
	static const struct door_ops ops = {.answer = door_answer, .gone = door_gone};
	static struct door door = {.ops = &ops};
	static uint64_t id;
	const struct kv_request request = {
		.operation = kind == REQUEST_COMMAND ? KV_PUT : KV_RANGE,
		.session = 1234,
		.sequence = ++id,
		.key = {(const uint8_t *)"k", 1},
	};
	enum serve_status why;
	struct request *q = serve_open(of(i)->serve, &door, 0, id,
				       (uint32_t)kv_request_size(&request), 0, 0, &why);

	assert_true(q);
	kv_request_encode(&request, q->data);
	word = false;
	serve_begin(of(i)->serve, q, kind);
	return q;
}

static enum serve_status ask(uint32_t i, enum request_kind kind)
{
	uint64_t until_ns = w.now_ns + 10000 * MS;

	give(i, kind);
	while (!word) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
	return heard;
}

static void expect_answers(uint32_t i, enum serve_status want)
{
	assert_true(ask(i, REQUEST_QUERY) == want);
	assert_true(ask(i, REQUEST_QUERY_LOCAL) == want);
	assert_true(ask(i, REQUEST_COMMAND) == want);
	assert_true(ask(i, REQUEST_STATUS) == SERVE_OK);
}

static bool status_has(uint32_t i, const char *words)
{
	static char text[65536];

	text[node_status_text(of(i), text, sizeof(text) - 1)] = '\0';
	return strstr(text, words) != NULL;
}

/* Another member asks for the newest snapshot that this one has. */
static bool gives(uint32_t i)
{
	const struct raft_snapshot *s = &of(i)->snapshot.newest;
	const struct wire_snapshot_range range = {
		.index = s->index, .term = s->term, .hash = s->hash, .length = 4096};
	uint8_t body[64];
	struct dp_datagram d = {.body = body};
	int place = node_peer_find(of(i), of((i + 1) % 3)->id);

	assert_true(place >= 0);
	d.peer = (uint32_t)place;
	d.envelope.body_size = (uint16_t)wire_snapshot_pull_encode(&range, body);
	node_pulls_receive(of(i), &d);
	return of(i)->peer[place].pulls.count > 0;
}

static uint32_t suspect;

static bool another_leads(void)
{
	return sim_leader(&w) >= 0 && sim_leader(&w) != (int)suspect;
}

/* It is told, and says so; the others lead, and answer. */
static void expect_diverged(uint32_t victim)
{
	raft_index newest = of(victim)->snapshot.newest.index;
	uint64_t failures;

	suspect = victim;
	run_until(another_leads);
	expect_answers(victim, SERVE_CORRUPT);
	expect_answers((victim + 1) % 3, SERVE_OK);
	assert_true(status_has(victim, "error etcdserver: corrupt cluster"));
	assert_true(status_has(victim, "diverged 1\n"));
	sim_world_run(&w, 1500 * MS);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(
			i == victim ||
			status_has(i, "says that its state is not the one that the majority has"));
	failures = of(victim)->snapshot.failures;
	wait_markers(2);
	assert_true(of(victim)->snapshot.failures == failures);
	assert_true(diverged() == 1u << victim);
	assert_true(of(victim)->snapshot.newest.index == newest);
	assert_true(!of(victim)->snapshot.writing);
	assert_true(newest == 0 || !gives(victim));
	assert_true(gives((victim + 1) % 3));
	assert_true(of((victim + 1) % 3)->snapshot.newest.index > newest);
}

/* Nobody hands it the lead; and beside it one alone is up: that one leads, by its vote. */
static void it_votes_and_does_not_stand(uint32_t victim)
{
	uint32_t gone = leader();
	uint64_t elections = of(victim)->counters.elections_started;

	assert_int_equal(raft_transfer(of(gone)->raft, of(victim)->id), -EPERM);
	sim_node_crash(&w, gone);
	sim_world_run(&w, 3000 * MS);
	assert_true(sim_leader(&w) == (int)(3 - gone - victim));
	assert_true(of(victim)->counters.elections_started == elections);
	sim_node_start(&w, gone);
}

/* The sign is in the log, and what the memory here does to a state it does to the next one. */
static void another_state_is_no_way_back(uint32_t victim)
{
	const struct node_snapshot_record record = {
		.members_index = of(victim)->snapshot.members_index,
		.members = of(victim)->snapshot.members,
	};

	node_snapshot_installed(of(victim), &record, false);
	assert_true(diverged() == 1u << victim);
}

/* `which` from the leader on: 0 is that one. */
static void one_is_told_and_the_others_go_on(uint32_t which, enum wal_durability durability)
{
	uint32_t victim;

	begin(510 + which, durability);
	wait_markers(2);
	assert_true(diverged() == 0);
	victim = (leader() + which) % 3;
	damage(victim, 1);
	wait_markers(3);
	assert_true(diverged() == 1u << victim);
	/* Who differs tells it before the third one: it is not known who is wrong until then. */
	for (uint32_t i = 0; i < 3; i++)
		assert_true(of(i)->diverged.split == 0);
	assert_true(of(victim)->diverged.ours != of(victim)->diverged.theirs);
	assert_true(of(victim)->diverged.index < of(victim)->diverged.marker);
	expect_diverged(victim);
	if (durability == WAL_DURABLE) {
		it_votes_and_does_not_stand(victim);
		another_state_is_no_way_back(victim);
		/* Whatever its state is made of again. */
		sim_node_crash(&w, victim);
		sim_node_start(&w, victim);
		sim_world_run(&w, 2000 * MS);
		expect_diverged(victim);
	}
	end();
}

static const struct raft_snapshot *newest(uint32_t i)
{
	return &of(i)->snapshot.newest;
}

static bool all_know(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (newest(i)->index == 0 || newest(i)->index != newest(0)->index)
			return false;
		for (uint32_t k = 0; node_peer_next(of(i), &k); k++) {
			if (of(i)->peer[k].settings.snapshot_index != newest(0)->index)
				return false;
		}
	}
	return true;
}

/* All three have another state: which is right is not known, and nobody stops. */
static void R51_without_a_majority_nobody_is(void **state)
{
	(void)state;
	begin(520, WAL_DURABLE);
	wait_markers(2);
	damage(0, 1);
	damage(1, 2);
	wait_markers(4);
	assert_true(diverged() == 0);
	run_until(all_know);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(status_has(i, "differ, and no majority has the same"));
		assert_true(status_has(i, "snapshots_differ 1\n"));
		expect_answers(i, SERVE_OK);
	}
	end();
}

/* What member 0 finds if it and 1 wrote the newest, and differ, and 2 has not told it yet. */
static void two_differ(const raft_id ids[2])
{
	struct node *n = of(0);
	struct node_peer *one = &n->peer[node_peer_find(n, ids[0])];
	struct node_peer *third = &n->peer[node_peer_find(n, ids[1])];

	one->settings.snapshot_own = true;
	one->settings.snapshot_index = n->snapshot.newest.index;
	one->settings.snapshot_hash = n->snapshot.newest.hash ^ 1;
	third->settings.snapshot_own = false;
	third->settings.snapshot_index = n->snapshot.newest.index - 1;
	third->wrote.index = 0;
	n->diverged.split_ns = 0;
	node_diverged_drive(n);
}

/* The third one is waited for while it is heard, and not for ever. */
static void R51_who_has_yet_to_tell_is_waited_for(void **state)
{
	raft_id ids[2];

	(void)state;
	begin(525, WAL_DURABLE);
	for (uint32_t i = 0; i < 2; i++)
		ids[i] = of(i + 1)->id;
	wait_markers(2);
	run_until(all_know);
	two_differ(ids);
	assert_true(of(0)->diverged.undecided_ns == of(0)->now_ns);
	assert_true(status_has(0, "snapshots_differ 0\n"));
	of(0)->diverged.undecided_ns -= NODE_SPLIT_PATIENCE_NS;
	two_differ(ids);
	assert_true(status_has(0, "snapshots_differ 1\n"));
	assert_true(of(0)->diverged.split == newest(0)->index);
	sim_world_run(&w, 2000 * MS);
	assert_true(of(0)->diverged.undecided_ns == 0);
	/* One that is not heard is not waited for. */
	sim_node_crash(&w, 2);
	sim_world_run(&w, 5000 * MS);
	assert_true(status_has(0, "snapshots_differ 0\n"));
	two_differ(ids);
	assert_true(status_has(0, "snapshots_differ 1\n"));
	end();
}

/* One that says whatever of its own changes nothing for the others. */
static void R51_one_that_lies_of_itself_makes_nobody_diverged(void **state)
{
	(void)state;
	begin(530, WAL_DURABLE);
	for (int round = 0; round < 3; round++) {
		uint32_t liar = (leader() + 1) % 3;

		wait_markers(1);
		for (uint32_t i = 0; i < 3; i++) {
			int place = node_peer_find(of(i), of(liar)->id);

			if (place >= 0)
				of(i)->peer[place].settings.snapshot_hash ^= 1;
		}
	}
	wait_markers(1);
	assert_true(diverged() == 0);
	end();
}

/* Of one that all wrote. */
static void leader_lies(const struct raft_snapshot *of_all)
{
	const struct sm_mark mark = {.index = of_all->index, .hash = of_all->hash ^ 1};
	struct node *n = of(leader());
	uint8_t marker[SM_MARKER_SIZE_MAX];
	raft_index index;
	raft_term term;

	assert_true(of_all->index != 0);
	assert_true(raft_propose(n->raft, marker, n->sm->ops->marker(&mark, marker), &index,
				 &term) == 0);
	wait_markers(1);
	assert_true(diverged() == 0);
}

/* A leader that says something else is not believed by those who know better. */
static void R51_a_leader_that_lies_makes_nobody_diverged(void **state)
{
	(void)state;
	begin(540, WAL_DURABLE);
	wait_markers(1);
	run_until(all_know);
	leader_lies(newest(0));
	wait_markers(2);
	run_until(all_know);
	/* The others have said a newer one since. */
	leader_lies(&of(0)->snapshot.older);
	end();
}

static void R51_one_is_told_and_the_others_go_on(void **state)
{
	(void)state;
	one_is_told_and_the_others_go_on(0, WAL_DURABLE);
	one_is_told_and_the_others_go_on(1, WAL_DURABLE);
	one_is_told_and_the_others_go_on(2, WAL_VOLATILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R51_one_is_told_and_the_others_go_on),
		cmocka_unit_test(R51_without_a_majority_nobody_is),
		cmocka_unit_test(R51_who_has_yet_to_tell_is_waited_for),
		cmocka_unit_test(R51_one_that_lies_of_itself_makes_nobody_diverged),
		cmocka_unit_test(R51_a_leader_that_lies_makes_nobody_diverged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
