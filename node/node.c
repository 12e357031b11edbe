/*
 * A node's life and its one loop.
 */
#include "node/internal.h"

#include "base/mix.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void restore_log(struct node *n, raft_index last)
{
	raft_index next = last > RAFT_WINDOW ? last - RAFT_WINDOW + 1 : 1;

	if (next < n->recovered.first_index)
		next = n->recovered.first_index;

	while (next <= last && !n->failed) {
		const struct raft_entry *entries;
		int count = wal_read_now(n->wal, 0, next, WAL_READ_ENTRIES_MAX, &entries);

		if (count <= 0) {
			n->failed = count ? count : -EBADMSG;
			snprintf(n->error, sizeof(n->error),
				 "the log could not be read back at index %" PRIu64 ": %s", next,
				 wal_error(n->wal));
			return;
		}
		for (int i = 0; i < count; i++)
			raft_restore(n->raft, &entries[i]);
		next += (raft_index)count;
	}
}

/* The member table of an entry of the log. 0 or -errno. */
static int read_members(struct node *n, raft_index index, struct raft_members *out)
{
	const struct raft_entry *entry;
	int count = wal_read_now(n->wal, 0, index, 1, &entry);

	if (count < 1)
		return count < 0 ? count : -EBADMSG;
	if (entry->index != index || entry->type != RAFT_ENTRY_MEMBERS)
		return -EBADMSG;
	return raft_members_decode(out, entry->data, entry->size);
}

static int start_raft(struct node *n, const struct node_options *o)
{
	struct raft_options raft = {
		.id = o->id,
		.identity = n->recovered.identity,
		.members = o->members,
		.members_before = o->members,
		.members_index = n->recovered.members_index,
		.members_before_index = n->recovered.members_before_index,
		.hard_state = n->recovered.hard_state,
		.last_index = n->recovered.last_index,
		.seed = o->seed,
		.election_timeout_us_min = (uint32_t)o->election_us_min,
		.election_timeout_us_max = (uint32_t)o->election_us_max,
		.heartbeat_us = (uint32_t)o->heartbeat_us,
		.append_size_max = wire_append_size_max(o->dp.link[0]->mtu),
		.now_us = o->now_ns / 1000,
	};
	int error = 0;

	/*
	 * A member that joins an existing cluster waits to hear from it: it knows nothing to vote
	 * by.
	 */
	for (uint32_t i = 0; o->existing && n->recovered.last_index == 0 && i < raft.members.count;
	     i++) {
		if (raft.members.member[i].id == o->id)
			raft.members.member[i].voter = false;
	}
	if (raft.members_index)
		error = read_members(n, raft.members_index, &raft.members);
	if (!error && raft.members_before_index)
		error = read_members(n, raft.members_before_index, &raft.members_before);
	if (error) {
		snprintf(n->error, sizeof(n->error),
			 "%s: the member table in the log is unreadable: %s", o->wal.directory,
			 strerror(-error));
		return error;
	}
	error = raft_create(&n->raft, &raft);
	if (error) {
		snprintf(n->error, sizeof(n->error), "the consensus core refuses its options: %s",
			 strerror(-error));
		return error;
	}
	restore_log(n, n->recovered.last_index);
	return n->failed;
}

static int start_dataplane(struct node *n, const struct node_options *o)
{
	struct dp_options dp = o->dp;
	int error;

	dp.cluster_id = o->cluster_id;
	dp.member_id = o->id;
	dp.identity = n->recovered.identity;
	dp.incarnation = n->recovered.start;
	n->peer_count = dp.peer_count;
	memcpy(n->peer, dp.peer, sizeof(n->peer));
	for (uint32_t i = 0; i < dp.peer_count; i++) {
		if (o->peer_name[i])
			snprintf(n->peer_name[i], sizeof(n->peer_name[i]), "%s", o->peer_name[i]);
		else
			snprintf(n->peer_name[i], sizeof(n->peer_name[i]), "%016" PRIx64,
				 dp.peer[i].member_id);
	}
	error = dp_create(&n->dp, &dp);
	if (error)
		snprintf(n->error, sizeof(n->error), "the dataplane could not be set up: %s",
			 strerror(-error));
	return error;
}

/* Distinct for each purpose, from the one seed: the same seed gives the same run. */
static uint64_t seed_for(uint64_t seed, uint64_t purpose)
{
	return mix(seed ^ mix(purpose));
}

static int start_serving(struct node *n, const struct node_options *o)
{
	uint8_t key[UDP_DOOR_KEY_SIZE];
	int error;

	for (size_t i = 0; i < sizeof(key); i += 8) {
		uint64_t r = seed_for(o->seed, 16 + i);

		memcpy(key + i, &r, 8);
	}
	/* Above all ids of earlier starts: a start makes fewer than 2^40. */
	error = serving_start(n, WAL_START_COUNT(n->recovered.start) << 40, key);
	if (error)
		snprintf(n->error, sizeof(n->error), "requests cannot be taken: %s",
			 strerror(-error));
	return error;
}

/* The directory of another member, or of another cluster, is not this node's to write to (W25). */
static int belongs(struct node *n, const struct node_options *o)
{
	const uint64_t ids[2] = {htole64(o->cluster_id), htole64(o->id)};
	uint64_t found[2];
	int error;

	if (!n->recovered.record_size) {
		error = wal_record_write(n->wal, (const uint8_t *)ids, sizeof(ids));
		if (error)
			snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
		return error;
	}
	if (n->recovered.record_size == sizeof(ids) &&
	    !memcmp(n->recovered.record, ids, sizeof(ids)))
		return 0;
	memcpy(found, n->recovered.record, sizeof(found));
	snprintf(n->error, sizeof(n->error),
		 "%s/cluster: this is the log of member %016" PRIx64 " of cluster %016" PRIx64
		 ", not of member %016" PRIx64 " of cluster %016" PRIx64
		 ": point data-dir at this member's own directory",
		 o->wal.directory, le64toh(found[1]), le64toh(found[0]), o->id, o->cluster_id);
	return -EXDEV;
}

static int start_rooms(struct node *n, const struct node_options *o)
{
	struct wal_options wal = o->wal;
	char wal_text[WAL_ERROR_MAX];
	int error;

	error = wal_open(&n->wal, &wal, &n->recovered, wal_text);
	if (error) {
		snprintf(n->error, sizeof(n->error), "%s", wal_text);
		return error;
	}
	if (n->recovered.lost) {
		snprintf(n->error, sizeof(n->error), "%s", n->recovered.lost_why);
		return -EBADMSG;
	}
	error = belongs(n, o);
	if (!error)
		error = start_raft(n, o);
	if (!error)
		error = start_dataplane(n, o);
	if (!error)
		error = start_serving(n, o);
	return error;
}

static int allocate(struct node *n)
{
	n->applying = calloc(NODE_APPLY_QUEUE_MAX, sizeof(*n->applying));
	n->metrics = calloc(1, sizeof(*n->metrics));
	if (!n->applying || !n->metrics)
		return -ENOMEM;
	for (int i = 0; i < DP_PEERS_MAX; i++)
		histogram_create(&n->round_trip[i], NODE_ROUND_TRIP_NS_MIN,
				 NODE_ROUND_TRIP_BUCKETS);
	return 0;
}

int node_create(struct node **out, const struct node_options *o, char error[NODE_ERROR_MAX])
{
	struct node *n = calloc(1, sizeof(*n));
	int result = n ? allocate(n) : -ENOMEM;

	snprintf(error, NODE_ERROR_MAX, "out of memory");
	if (!result) {
		snprintf(n->name, sizeof(n->name), "%s", o->name);
		snprintf(n->link_name, sizeof(n->link_name), "%s", o->link_name);
		n->now_ns = n->started_ns = o->now_ns;
		n->cluster_id = o->cluster_id;
		n->id = o->id;
		n->durability = o->wal.durability;
		n->quota_bytes = o->quota_bytes;
		n->settings = (struct wire_settings){
			.heartbeat_us = o->heartbeat_us,
			.election_us_min = o->election_us_min,
			.election_us_max = o->election_us_max,
			.durability = (uint8_t)o->wal.durability,
		};
		n->journal = o->journal;
		n->faults = o->faults;
		n->fault_injection = o->fault_injection;
		n->sm = o->sm;
		result = start_rooms(n, o);
		if (result)
			memcpy(error, n->error, NODE_ERROR_MAX);
	}
	if (!result) {
		*out = n;
		return 0;
	}
	if (n && !n->dp) {
		for (uint32_t i = 0; i < o->dp.link_count; i++)
			o->dp.link[i]->ops->destroy(o->dp.link[i]);
	}
	if (n)
		node_destroy(n);
	return result;
}

void node_destroy(struct node *n)
{
	if (n->exchange)
		metrics_exchange_detach(n->exchange);
	serving_stop(n);
	if (n->dp)
		dp_destroy(n->dp);
	if (n->raft)
		raft_destroy(n->raft);
	if (n->wal)
		wal_close(n->wal);
	if (n->sm)
		n->sm->ops->destroy(n->sm);
	free(n->applying);
	free(n->metrics);
	free(n);
}

const char *node_member_name(const struct node *n, raft_id id)
{
	int peer = node_peer_find(n, id);

	if (id == n->id)
		return n->name;
	return peer < 0 ? "none" : n->peer_name[peer];
}

/* The dataplane refuses what the log's member table refuses, before it is decoded. */
static void bind_identities(struct node *n)
{
	struct raft_status status;

	if (raft_members_generation(n->raft) + 1 == n->members_bound)
		return;
	raft_get_status(n->raft, &status);
	n->members_bound = raft_members_generation(n->raft) + 1;
	for (uint32_t i = 0; i < n->peer_count; i++) {
		const struct raft_member *member =
			raft_members_find(&status.members, n->peer[i].member_id);

		if (member)
			dp_bind_identity(n->dp, i, member->identity);
	}
}

static void log_refusals(struct node *n)
{
	struct dp_peer_state state;

	for (uint32_t i = 0; i < n->peer_count; i++) {
		dp_get_peer(n->dp, i, &state);
		if (state.other_identity && !n->seen_other[i])
			journal_write(n->journal, JOURNAL_WARN, "peer_refused",
				      "peer=%s why=\"it has a new data directory\"",
				      n->peer_name[i]);
		n->seen_other[i] = state.other_identity;
		if (!state.refuses_us || n->seen_refused)
			continue;
		n->seen_refused = true;
		journal_write(n->journal, JOURNAL_ERROR, "refused",
			      "by=%s why=\"the cluster knows this member by another identity: this "
			      "data directory "
			      "is new\" do=\"restore the old directory, or give the member a new "
			      "place in the "
			      "cluster\"",
			      n->peer_name[i]);
	}
}

static void count_changes(struct node *n, raft_id leader, raft_term term, enum raft_role role)
{
	/* A term in which this member is no follower is an election in which it stood. */
	if (role != RAFT_FOLLOWER && term != n->seen_term)
		n->counters.elections_started++;
	if (role == RAFT_LEADER && n->seen_role != RAFT_LEADER)
		n->counters.elections_won++;
	if (leader && leader != n->seen_leader)
		n->counters.leader_changes++;
}

static void log_changes(struct node *n)
{
	raft_id leader = raft_leader(n->raft);
	raft_term term = raft_get_term(n->raft);
	enum raft_role role = raft_get_role(n->raft);

	if (leader == n->seen_leader && term == n->seen_term && role == n->seen_role)
		return;
	count_changes(n, leader, term, role);
	if (role == RAFT_CANDIDATE && (term != n->seen_term || role != n->seen_role))
		journal_write(n->journal, JOURNAL_INFO, "election_started", "term=%" PRIu64, term);
	if (leader != n->seen_leader && leader)
		journal_write(n->journal, JOURNAL_INFO,
			      role == RAFT_LEADER ? "became_leader" : "leader_known",
			      "term=%" PRIu64 " leader=%s commit=%" PRIu64, term,
			      node_member_name(n, leader), raft_commit(n->raft));
	if (leader != n->seen_leader && !leader)
		journal_write(n->journal, JOURNAL_WARN, "leader_lost", "term=%" PRIu64 " was=%s",
			      term, node_member_name(n, n->seen_leader));
	n->seen_leader = leader;
	n->seen_term = term;
	n->seen_role = role;
}

int node_poll(struct node *n, uint64_t now_ns)
{
	assert(now_ns >= n->now_ns);
	n->now_ns = now_ns;
	n->active = false;
	if (n->failed)
		return n->failed;

	serve_turn(n->serve, now_ns);
	node_receive(n);
	if (n->serving.unix_door)
		unix_door_poll(n->serving.unix_door);
	raft_tick(n->raft, now_ns / 1000);
	node_persisted(n);
	serve_drive(n->serve);
	node_ready(n);
	serve_expire(n->serve);
	settings_drive(n);
	bind_identities(n);
	log_changes(n);
	log_refusals(n);
	node_metrics_drive(n);
	serving_welcome(n);
	dp_flush(n->dp);
	n->active |= serve_active(n->serve);
	return n->failed;
}

const char *node_error(const struct node *n)
{
	return n->error;
}

uint64_t node_deadline(const struct node *n)
{
	uint64_t deadline = raft_deadline(n->raft);
	uint64_t dp = dp_deadline(n->dp);
	uint64_t wal = wal_deadline(n->wal);

	deadline = deadline > UINT64_MAX / 1000 ? UINT64_MAX : deadline * 1000;
	if (dp < deadline)
		deadline = dp;
	if (wal < deadline)
		deadline = wal;
	if (serve_deadline(n->serve) < deadline)
		deadline = serve_deadline(n->serve);
	if (n->applying_count)
		deadline = n->now_ns;
	return deadline;
}

bool node_active(const struct node *n)
{
	return n->active;
}

bool node_busy(const struct node *n)
{
	return n->active || wal_busy(n->wal);
}

void node_stop(struct node *n)
{
	n->stopping = true;
	serve_stop(n->serve);
}

bool node_stopping(const struct node *n)
{
	return n->stopping;
}

bool node_stopped(const struct node *n)
{
	return n->stopping && serve_stopped(n->serve);
}

void node_raft_status(const struct node *n, struct raft_status *out)
{
	raft_get_status(n->raft, out);
}

uint64_t node_hash(const struct node *n)
{
	return n->sm->ops->hash(n->sm);
}
