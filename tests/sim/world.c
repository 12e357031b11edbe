#include "tests/sim/world.h"

#include "kv/command.h"
#include "kv/kv.h"
#include "node/internal.h"
#include "node/journal.h"
#include "tests/sim/client.h"
#include "wal/state.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SIM_STEP_BUSY_NS = 3000, /* a turn of a busy loop */
	SIM_DISK_NS_MIN = 50000,
	SIM_DISK_NS_MAX = 400000,
	SIM_UNIT = 4096,
	SIM_HASHES = 1 << 16, /* applied indexes whose hash is remembered */
};

#define SIM_ADDRESS 0xc6120001u /* 198.18.0.1: of the first node */
#define SIM_DIGEST 0x51696d51u

/* SM2: the hash that the first member to apply an index had there. */
static struct {
	raft_index index;
	uint64_t hash;
} hash_at[SIM_HASHES];

void sim_fail(const struct sim_world *w, uint32_t i, const char *what, uint64_t a, uint64_t b)
{
	fprintf(stderr,
		"SEED=%" PRIu64 " at %" PRIu64 " ns, step %" PRIu64 ": node %u: %s (%" PRIx64
		", %" PRIx64 ")\n",
		w->seed, w->now_ns, w->steps, i, what, a, b);
	abort();
}

/* It is of no cluster when the others form one. */
static bool joins(const struct sim_world *w, uint32_t i)
{
	return i >= w->node_count - w->joiners;
}

int sim_node_try_start(struct sim_world *w, uint32_t i, char error[NODE_ERROR_MAX])
{
	struct sim_node *n = &w->node[i];
	/* Another for each node and each start: what they agree on does not depend on it. */
	struct kv_options kv = {.quota = 64u << 20, .salt = mix(w->now_ns ^ i) | 1};
	char name[16], peer_name[SIM_NODES_MAX][16];
	int err;
	struct node_options o = {
		.name = name,
		.initial = {.digest = SIM_DIGEST},
		.existing = n->existing || joins(w, i),
		.removed_waits = w->removed_waits,
		.seed = sim_random_next(&w->random),
		.heartbeat_us = 20000,
		.election_us_min = 150000,
		.pre_vote = true,
		.check_quorum = true,
		.election_us_max = 300000,
		.link_name = "sim",
		.wal = {.directory = "sim",
			.disk = fake_disk_of(n->disk),
			.durability = w->durability,
			.segment_size = WAL_SEGMENT_SIZE_MIN,
			.identity_seed = sim_random_next(&w->random),
			.create = true},
		.dp = {.link = {sim_net_link(w->net, i)},
		       .link_count = 1,
		       .address = SIM_ADDRESS + i,
		       .prefix = 24,
		       .udp_client = WIRE_PORT_CLIENT,
		       .udp_peer = WIRE_PORT_PEER,
		       .seed = sim_random_next(&w->random)},
		.now_ns = w->now_ns,
	};

	assert(!n->node);
	snprintf(name, sizeof(name), "n%u", i);
	for (uint32_t j = 0; j < w->node_count; j++) {
		if (j != i && (joins(w, j) || (joins(w, i) && w->joiners_know != 0 &&
					       (w->joiners_know >> j & 1) == 0)))
			continue;
		if (j == i)
			o.self = o.initial.count;
		o.initial.member[o.initial.count++].place =
			(uint64_t)(SIM_ADDRESS + j) << 16 | WIRE_PORT_PEER;
		if (j == i)
			continue;
		snprintf(peer_name[j], sizeof(peer_name[j]), "n%u", j);
		o.peer_name[o.dp.peer_count] = peer_name[j];
		o.dp.peer[o.dp.peer_count++] = (struct dp_peer){
			.address = SIM_ADDRESS + j,
			.udp_port = WIRE_PORT_PEER,
		};
	}
	if (kv_create(&o.sm, &kv))
		abort();
	err = node_create(&n->node, &o, error);
	if (err) {
		n->node = NULL;
		return err;
	}
	n->paused_until_ns = 0;
	fake_hold(n->disk, true);
	return 0;
}

void sim_node_start(struct sim_world *w, uint32_t i)
{
	char error[NODE_ERROR_MAX];

	if (sim_node_try_start(w, i, error) == 0)
		return;
	fprintf(stderr, "node %u: %s\n", i, error);
	sim_fail(w, i, "does not start", 0, 0);
}

void sim_node_crash(struct sim_world *w, uint32_t i)
{
	struct sim_node *n = &w->node[i];
	struct fake_disk *after;

	assert(n->node);
	/*
	 * The media as they are at this moment go on; the old process ends on a copy that nobody
	 * sees.
	 */
	after = fake_clone(n->disk, sim_random_next(&w->random));
	/*
	 * In `written` the process dies and the host lives: a page cache is all that is promised.
	 */
	enum fake_style style = (enum fake_style)sim_random_below(&w->random, FAKE_STYLES);
	if (w->durability == WAL_WRITTEN)
		fake_kill(after, style);
	else
		fake_power_cut(after, style);
	fake_hold(n->disk, false);
	node_destroy(n->node);
	fake_destroy(n->disk);
	n->disk = after;
	memset(n->disk_due_ns, 0, sizeof(n->disk_due_ns));
	n->node = NULL;
	/* A log in RAM is gone: the next start is a new directory. */
	if (w->durability == WAL_VOLATILE)
		n->life++;
}

void sim_node_wipe(struct sim_world *w, uint32_t i)
{
	struct sim_node *n = &w->node[i];

	assert(!n->node);
	fake_destroy(n->disk);
	n->disk = fake_create(SIM_UNIT, sim_random_next(&w->random));
	n->life++;
}

bool sim_node_reset(struct sim_world *w, uint32_t i)
{
	struct sim_node *n = &w->node[i];
	int err = node_formation_reset(n->node);

	if (err && err != -EBUSY)
		sim_fail(w, i, "a reset fails", (uint64_t)-err, 0);
	n->life += !err;
	return !err;
}

/* True if its directory is one of those that the newest cluster was formed of. */
static bool node_belongs(const struct sim_world *w, uint32_t i)
{
	const struct sim_node *n = &w->node[i];

	return w->cluster_id != 0 && n->life == w->cluster_life[i] &&
	       (!n->node || n->node->recovered.identity == w->cluster_identity[i]);
}

bool sim_all_formed(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (joins(w, i))
			continue;
		if (!w->node[i].node || node_get_formation(w->node[i].node) != FORMATION_FORMED)
			return false;
	}
	return true;
}

void sim_world_prepare(struct sim_world *w, uint64_t seed, uint32_t nodes)
{
	memset(w, 0, sizeof(*w));
	memset(hash_at, 0, sizeof(hash_at));
	w->seed = seed;
	w->random.state = seed;
	w->now_ns = 1000000;
	w->node_count = nodes;
	w->net = sim_net_create(sim_random_next(&w->random));
	sim_net_time(w->net, w->now_ns);
}

void sim_world_begin(struct sim_world *w, uint32_t clients)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		w->node[i].disk = fake_create(SIM_UNIT, sim_random_next(&w->random));
		if (!joins(w, i))
			sim_node_start(w, i);
	}
	w->client_count = clients;
	for (uint32_t i = 0; i < clients; i++)
		sim_client_create(w, i);
}

void sim_world_create(struct sim_world *w, uint64_t seed, uint32_t nodes, uint32_t clients)
{
	sim_world_prepare(w, seed, nodes);
	sim_world_begin(w, clients);
}

void sim_world_destroy(struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].node)
			sim_node_crash(w, i);
		fake_destroy(w->node[i].disk);
	}
	for (uint32_t i = 0; i < w->client_count; i++)
		sim_client_destroy(&w->client[i]);
	sim_net_destroy(w->net);
}

/*
 * SM6: a second cluster is formed only where nobody is left of the first one. Whatever the first
 * one had acknowledged is lost with all who held it, so the clients begin anew.
 */
static void check_cluster(struct sim_world *w, uint32_t i)
{
	uint64_t cluster_id = node_cluster_id(w->node[i].node);

	if (cluster_id == w->cluster_id)
		return;
	for (uint32_t j = 0; j < w->node_count; j++) {
		if (node_belongs(w, j))
			sim_fail(w, i, "SM6: another cluster, and one of the first is alive",
				 cluster_id, j);
	}
	w->cluster_id = cluster_id;
	w->clusters++;
	for (uint32_t j = 0; j < w->node_count; j++) {
		w->cluster_life[j] = w->node[j].life;
		w->cluster_identity[j] =
			joins(w, j) ? 0 : w->node[i].node->formation.table.member[j].identity;
	}
	if (w->clusters == 1)
		return;
	w->forgotten++;
	memset(w->leader_of_term, 0, sizeof(w->leader_of_term));
	memset(hash_at, 0, sizeof(hash_at));
	memset(w->read_floor, 0, sizeof(w->read_floor));
	for (uint32_t k = 0; k < w->client_count; k++)
		sim_client_forget(w, &w->client[k]);
}

void sim_world_forced(struct sim_world *w, uint64_t cluster_id)
{
	w->given_up = w->cluster_id;
	w->cluster_id = cluster_id;
	memset(w->leader_of_term, 0, sizeof(w->leader_of_term));
	memset(hash_at, 0, sizeof(hash_at));
}

static void check_node(struct sim_world *w, uint32_t i)
{
	struct raft_status s;
	uint64_t hash;

	if (node_get_formation(w->node[i].node) != FORMATION_FORMED ||
	    (w->given_up && node_cluster_id(w->node[i].node) == w->given_up))
		return;
	check_cluster(w, i);
	if (!node_belongs(w, i) && !node_joined(w->node[i].node))
		sim_fail(w, i, "SM6: formed, and of no cluster's table", w->cluster_id, 0);
	node_raft_status(w->node[i].node, &s);
	assert(s.term < SIM_TERMS_MAX);
	if (s.role == RAFT_LEADER) {
		uint32_t *leader = &w->leader_of_term[s.term];

		if (!*leader)
			w->elections++;
		if (*leader && *leader != i + 1)
			sim_fail(w, i, "SM1: two leaders in one term", s.term, *leader - 1);
		*leader = i + 1;
	}
	if (s.lost && !w->losses)
		sim_fail(w, i, "SM7: an honest disk is taken for one that lost writes", 0, 0);
	if (s.applied == 0)
		return;
	hash = node_hash(w->node[i].node);
	if (hash_at[s.applied % SIM_HASHES].index != s.applied) {
		if (hash_at[s.applied % SIM_HASHES].index > s.applied)
			return;
		hash_at[s.applied % SIM_HASHES].index = s.applied;
		hash_at[s.applied % SIM_HASHES].hash = hash;
	}
	if (hash_at[s.applied % SIM_HASHES].hash != hash)
		sim_fail(w, i, "SM2: members differ at an applied index", s.applied, hash);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t disk_time(struct sim_world *w, const struct sim_node *n)
{
	if (n->disk_ns)
		return n->disk_ns;
	return (n->slow_until_ns > w->now_ns ? 100 : 1) *
	       (SIM_DISK_NS_MIN + sim_random_below(&w->random, SIM_DISK_NS_MAX - SIM_DISK_NS_MIN));
}

/* An operation in flight takes its time. Returns when the next one completes. */
static uint64_t disk_step(struct sim_world *w, struct sim_node *n)
{
	uint64_t next = UINT64_MAX;

	if (n->disk_hangs)
		return next;

	for (uint64_t tag = 0; tag < SIM_TAGS; tag++) {
		uint64_t *due = &n->disk_due_ns[tag];

		if (n->reads_hang && tag >= TAG_READ)
			continue;
		if (*due && *due <= w->now_ns) {
			*due = 0;
			fake_release(n->disk, tag);
		} else if (!*due && fake_has(n->disk, tag)) {
			*due = w->now_ns + disk_time(w, n);
		}
		if (*due)
			next = earlier(next, *due);
	}
	return next;
}

/* One moment: everything that can happen now happens. Returns when the next thing does. */
static uint64_t step(struct sim_world *w)
{
	uint64_t next = UINT64_MAX;

	sim_net_time(w->net, w->now_ns);
	for (uint32_t i = 0; i < w->node_count; i++) {
		struct sim_node *n = &w->node[i];

		if (!n->node)
			continue;
		sim_net_doze(w->net, i, n->paused_until_ns > w->now_ns);
		if (n->paused_until_ns > w->now_ns) {
			next = earlier(next, n->paused_until_ns);
			continue;
		}
		next = earlier(next, disk_step(w, n));
		if (node_poll(n->node, w->now_ns)) {
			fprintf(stderr, "node %u: %s\n", i, node_error(n->node));
			sim_fail(w, i, "failed without a fault of its disk", 0, 0);
		}
		check_node(w, i);
		next = earlier(next, node_deadline(n->node));
		n->active_turns += node_active(n->node);
		n->busy_turns += node_busy(n->node);
		if (node_active(n->node))
			next = earlier(next, w->now_ns + SIM_STEP_BUSY_NS);
	}
	for (uint32_t i = 0; i < w->client_count; i++) {
		struct sim_client *c = &w->client[i];

		sim_client_poll(w, c);
		next = earlier(next, sim_client_deadline(w, c));
	}
	w->steps++;
	next = earlier(next, sim_net_next(w->net));
	return next > w->now_ns + 1000 ? next : w->now_ns + 1000;
}

void sim_world_run(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	while (w->now_ns < end)
		w->now_ns = earlier(step(w), end);
}

int sim_leader(const struct sim_world *w)
{
	raft_term newest = 0;
	int leader = -1;

	for (uint32_t i = 0; i < w->node_count; i++) {
		struct raft_status s;

		if (!w->node[i].node)
			continue;
		node_raft_status(w->node[i].node, &s);
		if (s.role == RAFT_LEADER && s.term > newest) {
			newest = s.term;
			leader = (int)i;
		}
	}
	return leader;
}

static bool settled(const struct sim_world *w)
{
	int leader = sim_leader(w);
	struct raft_status first, s;

	if (leader < 0)
		return false;
	node_raft_status(w->node[leader].node, &first);
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (!w->node[i].node || !node_belongs(w, i))
			continue;
		node_raft_status(w->node[i].node, &s);
		if (s.leader != first.leader || s.applied != first.last)
			return false;
	}
	for (uint32_t i = 0; i < w->client_count; i++) {
		if (w->client[i].open && w->client[i].putting)
			return false;
	}
	return true;
}

void sim_node_log(struct sim_world *w, uint32_t i, uint64_t ns, char *text, size_t size_max)
{
	struct journal_options options = {
		.fd = memfd_create("log", MFD_CLOEXEC), .name = "n1", .level = JOURNAL_INFO};
	struct journal *j;
	ssize_t size;
	int err = journal_create(&j, &options);

	assert(!err);
	w->node[i].node->journal = j;
	sim_world_run(w, ns);
	w->node[i].node->journal = NULL;
	journal_destroy(j);
	size = pread(options.fd, text, size_max - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	close(options.fd);
}

bool sim_world_settle(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	w->resting = true;
	while (w->now_ns < end && !settled(w))
		w->now_ns = step(w);
	w->resting = false;
	return w->now_ns < end;
}

static uint32_t members_left(const struct sim_world *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->node_count; i++)
		count += node_belongs(w, i);
	return count;
}

/* Whoever is of no cluster says why, in its status. */
static void check_told(struct sim_world *w)
{
	char text[NODE_FORMATION_TEXT_MAX];

	for (uint32_t i = 0; i < w->node_count; i++) {
		if (node_get_formation(w->node[i].node) != FORMATION_FORMED &&
		    node_formation_text(w->node[i].node, text, sizeof(text)) == 0)
			sim_fail(w, i, "SM8: it is of no cluster, and does not say why", 0, 0);
	}
}

static bool wiped(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].life > 0)
			return true;
	}
	return false;
}

/* Runs until a cluster is formed, or for so long. */
static bool formed_within(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	while (w->now_ns < end && members_left(w) == 0)
		w->now_ns = step(w);
	return members_left(w) > 0;
}

/*
 * Calm, all up, all configured as new: a cluster is formed, unless somebody was wiped or started as
 * a new directory after another one had agreed with it; then a reset of those that are stuck is the
 * way out.
 */
static void form(struct sim_world *w)
{
	bool stuck = false;

	if (formed_within(w, 2000000000ull))
		return;
	check_told(w);
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (node_get_formation(w->node[i].node) != FORMATION_FRESH)
			stuck |= sim_node_reset(w, i);
	}
	w->resets++;
	if (!stuck || !wiped(w))
		sim_fail(w, 0, "SM8: nobody was wiped, and no cluster is formed", 0, 0);
	if (!formed_within(w, 5000000000ull))
		sim_fail(w, 0, "SM8: a reset of those that were stuck is not a way out", 0, 0);
}

static raft_index newest_commit(const struct sim_world *w)
{
	raft_index newest = 0;

	for (uint32_t i = 0; i < w->node_count; i++) {
		struct raft_status s;

		node_raft_status(w->node[i].node, &s);
		if (s.commit > newest)
			newest = s.commit;
	}
	return newest;
}

/*
 * Too few are left of the cluster: nothing goes on, and nothing is answered wrongly meanwhile. What
 * was committed before is still answered to who asks again.
 */
static void stand_still(struct sim_world *w)
{
	raft_index before;

	sim_world_run(w, 1000000000ull); /* what was on its way has come */
	before = newest_commit(w);
	sim_world_run(w, 3000000000ull);
	if (newest_commit(w) != before)
		sim_fail(w, 0, "SM6: a minority of the cluster commits", newest_commit(w), before);
}

bool sim_world_verify(struct sim_world *w)
{
	uint64_t gets[SIM_CLIENTS_MAX], end;

	form(w);
	if (members_left(w) < w->node_count / 2 + 1) {
		stand_still(w);
		return false;
	}
	if (!sim_world_settle(w, 20000000000ull))
		sim_fail(w, 0, "no agreement within 20 s of calm", 0, 0);
	check_told(w);
	/*
	 * Calm and without faults, every client reads and writes on: SM3 to SM5 are checked by each
	 * read.
	 */
	for (uint32_t i = 0; i < w->client_count; i++)
		gets[i] = w->client[i].gets;
	end = w->now_ns + 20000000000ull;
	for (uint32_t i = 0; i < w->client_count && w->now_ns < end; i++) {
		while (w->client[i].gets < gets[i] + 2 * w->client_count && w->now_ns < end)
			sim_world_run(w, 1000000);
	}
	if (w->now_ns >= end)
		sim_fail(w, 0, "reads are not answered in calm", 0, 0);
	if (!sim_world_settle(w, 20000000000ull))
		sim_fail(w, 0, "no agreement at the end", 0, 0);
	return true;
}
