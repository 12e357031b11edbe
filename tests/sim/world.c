#include "tests/sim/world.h"

#include "kv/command.h"
#include "kv/kv.h"
#include "node/internal.h"
#include "node/journal.h"
#include "raft/internal.h"
#include "tests/sim/check.h"
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

uint64_t sim_host_place(uint32_t host)
{
	return (uint64_t)(SIM_ADDRESS + host) << 16 | WIRE_PORT_PEER;
}

uint64_t sim_node_place(const struct sim_world *w, uint32_t i)
{
	return (uint64_t)w->node[i].address << 16 | WIRE_PORT_PEER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- a clock of its own ---------------------------------------------------------------------- */

enum { PPM = 1000000 };

static uint64_t clock_of(const struct sim_world *w, const struct sim_node *n)
{
	int64_t ns = (int64_t)(w->now_ns - n->clock_at_ns);

	return n->clock_ns +
	       (uint64_t)(ns + ns / PPM * n->drift_ppm + ns % PPM * n->drift_ppm / PPM);
}

/* When its clock will stand there. */
static uint64_t world_time(const struct sim_world *w, const struct sim_node *n, uint64_t clock_ns)
{
	uint64_t rate = (uint64_t)(PPM + n->drift_ppm), ns;

	if (clock_ns <= n->clock_ns)
		return w->now_ns;
	ns = clock_ns - n->clock_ns;
	if (ns > UINT64_MAX / PPM / 2)
		return UINT64_MAX;
	return n->clock_at_ns + (ns * PPM + rate - 1) / rate;
}

void sim_node_drift(struct sim_world *w, uint32_t i, int32_t ppm)
{
	struct sim_node *n = &w->node[i];

	n->clock_ns = clock_of(w, n);
	n->clock_at_ns = w->now_ns;
	n->drift_ppm = ppm;
}

void sim_node_leap(struct sim_world *w, uint32_t i, uint64_t ns)
{
	w->node[i].clock_ns += ns;
}

/* --- nodes ----------------------------------------------------------------------------------- */

/* Those who form the cluster; who joins is told of whoever is of it then. */
static uint32_t places_configured(const struct sim_world *w, uint32_t i,
				  uint64_t place[SIM_NODES_MAX + RAFT_MEMBERS_MAX])
{
	const struct sim_table *t = sim_table(w);
	uint32_t count = 0;

	if (!w->node[i].joiner || !t || w->joiners_know) {
		for (uint32_t j = 0; j < w->node_count - w->joiners; j++) {
			if (!w->node[i].joiner || !w->joiners_know || w->joiners_know >> j & 1)
				place[count++] = sim_host_place(j);
		}
		return count;
	}
	/* Two may be at one place for a while (MT4). */
	for (uint32_t j = 0; j < t->members.count; j++) {
		uint32_t k = 0;

		while (k < count && place[k] != t->members.member[j].place)
			k++;
		place[k] = t->members.member[j].place;
		count += k == count;
	}
	return count;
}

static int place_order(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* In the order that the configuration has them in (raft/formation.h); this one is among them. */
static void places_set(const struct sim_world *w, uint32_t i, struct node_options *o,
		       char name[RAFT_MEMBERS_MAX][16])
{
	uint64_t place[SIM_NODES_MAX + RAFT_MEMBERS_MAX];
	uint64_t own =
		w->node[i].joiner || w->node[i].moved ? sim_node_place(w, i) : sim_host_place(i);
	uint32_t count = places_configured(w, i, place);
	bool among = false;

	for (uint32_t k = 0; k < count; k++)
		among |= place[k] == own;
	if (!among)
		place[count++] = own;
	qsort(place, count, sizeof(place[0]), place_order);
	for (uint32_t k = 0; k < count && o->initial.count < RAFT_MEMBERS_MAX; k++) {
		uint32_t at = o->dp.peer_count;

		if (place[k] == own)
			o->self = o->initial.count;
		o->initial.member[o->initial.count++].place = place[k];
		if (place[k] == own)
			continue;
		snprintf(name[at], sizeof(name[at]), "n%u",
			 (uint32_t)(place[k] >> 16) - SIM_ADDRESS);
		o->peer_name[at] = name[at];
		o->dp.peer[o->dp.peer_count++] = (struct dp_peer){
			.address = (uint32_t)(place[k] >> 16),
			.udp_port = WIRE_PORT_PEER,
		};
	}
}

int sim_node_try_start(struct sim_world *w, uint32_t i, char error[NODE_ERROR_MAX])
{
	struct sim_node *n = &w->node[i];
	const uint32_t hasty = n->hasty ? n->hasty : 1;
	/* Another for each node and each start: what they agree on does not depend on it. */
	struct kv_options kv = {.quota = 64u << 20, .salt = mix(w->now_ns ^ i) | 1};
	char name[16], peer_name[RAFT_MEMBERS_MAX][16];
	int err;
	struct node_options o = {
		.name = name,
		.initial = {.digest = SIM_DIGEST},
		.existing = n->existing || n->joiner,
		.removed_waits = w->removed_waits,
		.seed = sim_random_next(&w->random),
		.heartbeat_us = 20000 / hasty,
		.election_us_min = 150000 / hasty,
		.pre_vote = !n->no_pre_vote,
		.check_quorum = !n->no_check_quorum,
		.lease_reads = w->lease_reads && !n->no_check_quorum,
		.priority = n->priority,
		.election_us_max = 300000 / hasty,
		.link_name = "sim",
		.snapshot_log_bytes = w->snapshot_log_bytes ? w->snapshot_log_bytes : UINT64_MAX,
		.log_keep_bytes = w->log_keep_bytes,
		.snapshot_often = true,
		.snapshot_rate = 64u << 20,
		.compaction = w->compaction,
		.wal = {.directory = "sim",
			.disk = fake_disk_of(n->disk),
			.durability = w->durability,
			.segment_size = WAL_SEGMENT_SIZE_MIN,
			.identity_seed = sim_random_next(&w->random),
			.create = true},
		.dp = {.link = {sim_net_link(w->net, i)},
		       .link_count = 1,
		       .address = n->address,
		       .prefix = 24,
		       .udp_client = WIRE_PORT_CLIENT,
		       .udp_peer = WIRE_PORT_PEER,
		       .seed = sim_random_next(&w->random)},
		.now_ns = clock_of(w, n),
	};

	assert(!n->node);
	snprintf(name, sizeof(name), "n%u", i);
	places_set(w, i, &o, peer_name);
	if (kv_create(&o.sm, &kv))
		abort();
	err = node_create(&n->node, &o, error);
	if (err) {
		n->node = NULL;
		return err;
	}
	n->paused_until_ns = 0;
	n->away = false;
	n->due = 0;
	sim_check_started(i);
	w->finished += n->node->recovered.installs;
	w->marks.begun += n->node->recovered.first_index > 1;
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

const char *sim_node_status(struct sim_world *w, uint32_t i)
{
	static char text[METRICS_STATUS_SIZE_MAX];
	size_t size = node_status_text(w->node[i].node, text, sizeof(text) - 1);

	text[size] = '\0';
	return text;
}

bool sim_node_says(struct sim_world *w, uint32_t i, const char *words)
{
	return strstr(sim_node_status(w, i), words) != NULL;
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
	if (n->node->raft) {
		n->member = n->node->id;
		n->members_index = n->node->raft->members_index;
	}
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
	n->member = 0;
	n->members_index = 0;
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

bool sim_all_formed(const struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->node[i].joiner)
			continue;
		if (!w->node[i].node || node_get_formation(w->node[i].node) != FORMATION_FORMED)
			return false;
	}
	return true;
}

void sim_world_hosts(struct sim_world *w, uint32_t founders, uint32_t joiners)
{
	w->node_count = founders + joiners;
	w->joiners = joiners;
	for (uint32_t i = 0; i < w->node_count; i++)
		w->node[i].address = SIM_ADDRESS + i;
}

void sim_world_prepare(struct sim_world *w, uint64_t seed, uint32_t nodes)
{
	memset(w, 0, sizeof(*w));
	sim_check_begin();
	w->seed = seed;
	w->random.state = seed;
	w->now_ns = 1000000;
	w->net = sim_net_create(sim_random_next(&w->random));
	sim_net_time(w->net, w->now_ns);
	sim_world_hosts(w, nodes, 0);
}

void sim_world_begin(struct sim_world *w, uint32_t clients)
{
	for (uint32_t i = w->node_count - w->joiners; i < w->node_count; i++)
		w->node[i].joiner = w->node[i].away = true;
	for (uint32_t i = 0; i < w->node_count; i++) {
		w->node[i].disk = fake_create(SIM_UNIT, sim_random_next(&w->random));
		if (!w->node[i].joiner)
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
	if (n->hangs_until_ns > w->now_ns)
		return n->hangs_until_ns;
	for (uint64_t tag = 0; tag < SIM_TAGS; tag++) {
		uint64_t *due = &n->disk_due_ns[tag];

		if (n->reads_hang && tag >= TAG_READ && tag / 8 != TAG_SNAPSHOT_WRITE / 8)
			continue;
		if (n->log_hangs && tag == TAG_LOG)
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
		if (node_poll(n->node, clock_of(w, n))) {
			fprintf(stderr, "node %u: %s\n", i, node_error(n->node));
			sim_fail(w, i, "failed without a fault of its disk", 0, 0);
		}
		sim_check_node(w, i);
		next = earlier(next, world_time(w, n, node_deadline(n->node)));
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

static void ends(struct sim_world *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		struct sim_node *n = &w->node[i];
		enum sim_moment moment = n->ends_at;

		if (!n->node || !n->node->raft || moment == SIM_MOMENT_NONE ||
		    !sim_moment_is(n->node, moment))
			continue;
		sim_note(w, "node %u ends at %s", i, sim_moment_name(moment));
		n->ends_at = SIM_MOMENT_NONE;
		/* And again, when it goes on with that: with what is there of it first. */
		if (moment == SIM_PULL_WRITE || moment == SIM_PULL_SYNC)
			n->ends_at = SIM_PULL_SCAN;
		else if (moment > (enum sim_moment)SIM_MOMENTS_OWN &&
			 sim_random_below(&w->random, 2))
			n->ends_at =
				(enum sim_moment)(SIM_MOMENTS_OWN + 1 +
						  sim_random_below(&w->random, SIM_MOMENTS_PULL));
		w->marks.at[moment]++;
		sim_node_crash(w, i);
		n->up_at_ns = w->now_ns + sim_random_below(&w->random, w->ends_ns);
	}
}

void sim_world_run(struct sim_world *w, uint64_t ns)
{
	uint64_t end = w->now_ns + ns;

	while (w->now_ns < end) {
		w->now_ns = earlier(step(w), end);
		if (w->ends_ns)
			ends(w);
	}
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
