/*
 * The snapshots that a member takes of its own: how much of the disk is kept for the next one, and
 * which of those that lie there are its own.
 */
#include "tests/sim/world.h"

#include "kv/command.h"
#include "node/internal.h"
#include "tests/unit/test.h"
#include "wal/snapshot.h"
#include "wal/state.h"

#include <stdio.h>

#define MS UINT64_C(1000000)

enum { PART_SIZE = 60 * 1024 };

static struct sim_world w;
static uint64_t sequence;

static struct node *of(uint32_t i)
{
	return w.node[i].node;
}

static void begin(uint64_t seed, uint32_t nodes)
{
	sim_world_create(&w, seed, nodes, 0);
	sequence = 0;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_world_run(&w, 200 * MS);
}

/* All of it is applied by all. */
static void settle(void)
{
	uint64_t until_ns = w.now_ns + 60000 * MS;

	for (uint32_t i = 0; i < w.node_count; i++) {
		struct raft *r = of((uint32_t)sim_leader(&w))->raft;

		while (of(i)->applied < raft_last(r)) {
			assert_true(w.now_ns < until_ns);
			sim_world_run(&w, MS);
		}
	}
}

static void propose(const uint8_t *data, uint32_t size)
{
	raft_index index;
	raft_term term;

	while (raft_propose(of((uint32_t)sim_leader(&w))->raft, data, size, &index, &term))
		sim_world_run(&w, MS);
}

/* What makes a state larger. */
enum growth { VALUES, KEYS, SESSIONS, GROWTHS };

static void grow(enum growth by, uint32_t puts)
{
	static uint8_t part[PART_SIZE], bytes[2 * PART_SIZE];
	char key[24];

	for (uint32_t i = 0; i < puts; i++) {
		struct kv_request put = {
			.operation = KV_PUT,
			.session = 77,
			.sequence = ++sequence,
			.key = {.data = (const uint8_t *)key},
			.value = {.data = part, .size = by == VALUES ? PART_SIZE : 1},
		};

		put.key.size = (uint32_t)snprintf(key, sizeof(key), "k%08u", (unsigned)sequence);
		if (by == KEYS)
			put.key = (struct kv_bytes){part, PART_SIZE};
		if (by == SESSIONS) {
			put.key.size = 1;
			put.session = 1000 + sequence;
			put.session_base = of((uint32_t)sim_leader(&w))->applied;
		}
		kv_request_encode(&put, bytes);
		propose(bytes, (uint32_t)kv_request_size(&put));
	}
	settle();
}

static void marker(void)
{
	const struct sm_mark mark = {.file_version = WAL_SNAPSHOT_VERSION << 16 | 1};
	uint8_t bytes[SM_MARKER_SIZE_MAX];
	struct node *n = of((uint32_t)sim_leader(&w));

	propose(bytes, n->sm->ops->marker(&mark, bytes));
	settle();
}

static void wait_taken(uint32_t i, uint64_t count)
{
	uint64_t until_ns = w.now_ns + 60000 * MS;

	while (of(i)->snapshot.taken < count) {
		assert_true(w.now_ns < until_ns);
		sim_world_run(&w, MS);
	}
}

/* One is begun, and given up: as it is for one that is pulled, or where there is no room. */
static void given_up(struct node *n)
{
	uint64_t failures = n->snapshot.failures;

	marker();
	assert_true(n->snapshot.writing);
	(void)node_snapshot_stop(n);
	while (n->snapshot.writing)
		sim_world_run(&w, MS);
	assert_int_equal(n->snapshot.failures, failures + 1);
}

/*
 * V17: whatever the state has grown by, and however many markers brought none. A reserve that is
 * too small is found so on a full disk, of which nothing makes room then.
 */
static void V17_the_next_one_fits_into_what_is_kept_for_it(void **state)
{
	static const uint32_t puts[GROWTHS] = {8, 8, 1500};

	(void)state;
	for (enum growth by = 0; by < GROWTHS; by++) {
		struct node *n;

		begin(71 + by, 1);
		n = of(0);
		for (uint64_t taken = 1; taken < 4; taken++) {
			uint64_t reserve;

			for (uint32_t i = 0; taken == 2 && i < 2; i++) {
				grow(by, puts[by]);
				given_up(n);
			}
			grow(by, puts[by]);
			sim_world_run(&w, MS);
			reserve = n->wal->prepare.reserve;
			marker();
			wait_taken(0, taken);
			assert_true(n->snapshot.newest.size <= reserve);
		}
		sim_world_destroy(&w);
	}
}

/* S10: it was pulled, and could not be opened: it is the next one's business. */
static void S10_what_was_pulled_and_not_taken_is_none_of_its_own(void **state)
{
	struct snapshot_file pulled;
	uint32_t i;

	(void)state;
	begin(81, 3);
	i = (uint32_t)(sim_leader(&w) + 1) % 3;
	grow(VALUES, 1);
	marker();
	wait_taken(i, 1);
	pulled = of(i)->wal->snapshots[0];
	pulled.info.index += 1000000;
	wal_snapshot_list(of(i)->wal, &pulled);
	for (uint64_t taken = 2; taken < 4; taken++) {
		grow(VALUES, 1);
		marker();
		wait_taken(i, taken);
		assert_int_equal(of(i)->snapshot.newest.index, of(i)->snapshot.at.index);
		assert_int_equal(of(i)->snapshot.count, 2);
		assert_int_equal(of(i)->wal->snapshots[0].info.index, pulled.info.index);
	}
	sim_world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V17_the_next_one_fits_into_what_is_kept_for_it),
		cmocka_unit_test(S10_what_was_pulled_and_not_taken_is_none_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
