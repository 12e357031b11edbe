/*
 * The consensus core of a node: made once there is a cluster, from what the log holds.
 */
#include "node/compact.h"
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The default election timeout: who keeps to that waits no longer for it, and promises as much as
 * it hears leaders. No later release may have less, for its members were started with this one
 * before (raft/lease.c).
 */
enum { PROMISE_US_MAX = 150000 };

static void restore_log(struct node *n, raft_index last)
{
	raft_index next = raft_last(n->raft) + 1; /* what it holds begins there */

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

/*
 * The newest two of the log; where there are none, the one that the cluster began with: as it was
 * formed, or, of a directory that joined, as it was told; that one is committed, and is never taken
 * back. What lies before it in the log does not count: it may be of a cluster that was given up
 * (ADR 16). One that was forced begins a cluster as one that was formed does, and its first leader
 * writes the table into the log.
 */
static int log_tables_read(struct node *n, struct raft_options *raft)
{
	raft_index begun = n->joined.formerly ? 0 : n->joined.index;
	raft_index counts = n->joined.formerly ? n->joined.index + 1 : n->joined.index;
	struct raft_members first;
	int err = 0;

	if (node_joined(n))
		first = n->joined.members;
	else
		formation_members(&n->formation, &first);
	raft->members = raft->members_before = first;
	raft->members_begun = begun;
	if (raft->members_index < counts)
		raft->members_index = begun;
	else if (raft->members_index)
		err = read_members(n, raft->members_index, &raft->members);
	if (raft->members_before_index < counts)
		raft->members_before_index = begun;
	else if (!err && raft->members_before_index)
		err = read_members(n, raft->members_before_index, &raft->members_before);
	return err;
}

/*
 * A table that the log no longer has is the one of the snapshot that covers it, and is committed
 * (R33, R35).
 */
int node_tables_read(struct node *n, struct raft_options *raft)
{
	const struct node_snapshot *s = &n->snapshot;
	int err = log_tables_read(n, raft);

	if (err || !s->members_index || s->members_index >= n->recovered.first_index)
		return err;
	if (n->joined.formerly && s->members_index <= n->joined.index)
		return 0; /* of the cluster that was given up (ADR 16) */
	if (s->members_index > raft->members_index) {
		raft->members = raft->members_before = s->members;
		raft->members_index = raft->members_before_index = s->members_index;
	} else if (s->members_index > raft->members_before_index) {
		raft->members_before = s->members;
		raft->members_before_index = s->members_index;
	}
	return 0;
}

raft_id node_own_id(const struct node *n)
{
	return node_joined(n) ? n->joined.id
			      : formation_member_id(&n->formation, n->formation.self);
}

static const struct raft_member *member_at(const struct node *n, const struct raft_members *table,
					   uint64_t place)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (node_member_place(n, &table->member[i]) == place)
			return &table->member[i];
	}
	return NULL;
}

/*
 * W25: by the newest table that it has another member is where this one is configured to be. Where
 * a former member was anybody may be, for members go and move (D16).
 */
int node_place_judge(struct node *n)
{
	const uint64_t place = n->options.initial.member[n->options.self].place;
	const struct raft_member *self, *there;
	struct raft_options tables = {
		.members_index = n->recovered.members_index,
		.members_before_index = n->recovered.members_before_index,
	};
	char own[NODE_PLACE_TEXT_SIZE], text[NODE_PLACE_TEXT_SIZE];

	if (node_removed(n) || (!node_joined(n) && n->formation.state != FORMATION_FORMED) ||
	    node_tables_read(n, &tables)) /* the core's start has the word on it */
		return 0;
	self = raft_members_find(&tables.members, node_own_id(n));
	there = member_at(n, &tables.members, place);
	if (!self || !there || node_member_place(n, self) == place)
		return 0;
	snprintf(n->error, sizeof(n->error),
		 "%s/cluster: this is the directory of the member at %s, and at %s is another one, "
		 "%016" PRIx64 ", by the member table at index %" PRIu64 " of its log: point "
		 "data-dir at this member's own directory; or, if that one is gone since and this "
		 "one takes its address: move it to one that nobody had when it was up last",
		 n->options.wal.directory, node_place_text(node_member_place(n, self), own),
		 node_place_text(place, text), there->id, tables.members_index);
	return -EXDEV;
}

int node_raft_start(struct node *n)
{
	struct raft_options *raft = &n->raft_options;
	int err;

	raft->id = n->id;
	raft->start = wal_start(n->wal);
	raft->now_us = n->now_ns / 1000;
	raft->base_index = n->recovered.first_index - 1;
	raft->base_term = n->recovered.before_term;
	raft->applied = n->applied;
	err = node_tables_read(n, raft);
	if (err) {
		snprintf(n->error, sizeof(n->error),
			 "the member table in the log is unreadable: %s", strerror(-err));
		return err;
	}
	err = raft_create(&n->raft, raft);
	if (err) {
		snprintf(n->error, sizeof(n->error), "the consensus core refuses its options: %s",
			 strerror(-err));
		return err;
	}
	restore_log(n, n->recovered.last_index);
	if (n->failed)
		return n->failed;
	raft_apply_hold(n->raft, n->install.held);
	node_snapshot_begin(n);
	err = node_compact_begin(n);
	if (err)
		snprintf(n->error, sizeof(n->error), "out of memory");
	return err;
}

/* The core's options; who the members are is known when they have agreed on it. */
void node_raft_prepare(struct node *n)
{
	const struct node_options *o = &n->options;

	n->raft_options = (struct raft_options){
		.identity = n->recovered.identity,
		.place = node_own_place(n),
		.members_index = n->recovered.members_index,
		.members_before_index = n->recovered.members_before_index,
		.hard_state = n->recovered.hard_state,
		.last_index = n->recovered.last_index,
		.lost = n->recovered.lost,
		.witness_count = n->recovered.witness_count,
		.seed = o->seed,
		.election_timeout_us_min = (uint32_t)o->election_us_min,
		.election_timeout_us_max = (uint32_t)o->election_us_max,
		.heartbeat_us = (uint32_t)o->heartbeat_us,
		.pre_vote = o->pre_vote,
		.check_quorum = o->check_quorum,
		.lease_reads = o->lease_reads,
		.promise_us_max = PROMISE_US_MAX,
		.priority = node_space_priority(n),
		.append_size_max = wire_append_size_max(n->mtu),
	};
	memcpy(n->raft_options.witness, n->recovered.witness, sizeof(n->raft_options.witness));
}
