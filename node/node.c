/*
 * A node's life and its one loop.
 */
#include "node/compact.h"
#include "node/internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int allocate(struct node *n)
{
	n->applying = calloc(NODE_APPLY_QUEUE_MAX, sizeof(*n->applying));
	n->metrics = calloc(1, sizeof(*n->metrics));
	if (!n->applying || !n->metrics)
		return -ENOMEM;
	return 0;
}

int node_create(struct node **out, const struct node_options *o, char error[NODE_ERROR_MAX])
{
	struct node *n = calloc(1, sizeof(*n));
	int err = n ? allocate(n) : -ENOMEM;

	snprintf(error, NODE_ERROR_MAX, "out of memory");
	if (!err) {
		n->options = *o;
		snprintf(n->name, sizeof(n->name), "%s", o->name);
		snprintf(n->link_name, sizeof(n->link_name), "%s", o->link_name);
		n->now_ns = n->started_ns = o->now_ns;
		n->durability = o->wal.durability;
		n->mtu = o->dp.link[0]->mtu;
		node_disk_options(n);
		n->quota_bytes = o->quota_bytes;
		n->settings = (struct wire_settings){
			.heartbeat_us = o->heartbeat_us,
			.election_us_min = o->election_us_min,
			.election_us_max = o->election_us_max,
			.durability = (uint8_t)o->wal.durability,
			.client_port = o->dp.udp_client,
		};
		n->journal = o->journal;
		n->faults = o->faults;
		n->fault_injection = o->fault_injection;
		n->sm = o->sm;
		err = node_open(n);
		if (err)
			memcpy(error, n->error, NODE_ERROR_MAX);
	}
	if (!err) {
		*out = n;
		return 0;
	}
	if (n && !n->dp) {
		for (uint32_t i = 0; i < o->dp.link_count; i++)
			o->dp.link[i]->ops->destroy(o->dp.link[i]);
	}
	if (n)
		node_destroy(n);
	return err;
}

void node_destroy(struct node *n)
{
	if (n->exchange)
		metrics_exchange_detach(n->exchange);
	serving_stop(n);
	node_snapshot_end(n);
	compactor_end(&n->compactor);
	if (n->dp)
		dp_destroy(n->dp);
	if (n->raft)
		raft_destroy(n->raft);
	if (n->wal)
		(void)wal_close(n->wal); /* node_end, or the failure, had the last word */
	if (n->sm)
		n->sm->ops->destroy(n->sm);
	free(n->applying);
	free(n->metrics);
	free(n);
}

/* It began, or may in a moment, when this leader has heard the others. */
static bool may_hand_over(struct node *n)
{
	int err = raft_transfer(n->raft, 0);

	return err == 0 || err == -EAGAIN;
}

/*
 * A leader that is stopped has the best of the others lead first, so that they need not find out;
 * or the next best, if that one is silent. What is open here waits for it, and goes to whoever
 * leads then; so the moment that it has begins at the end of this.
 */
static void hand_over_drive(struct node *n)
{
	raft_id leader;

	if (!n->hand_over_ns)
		return;
	leader = raft_leader(n->raft);
	if (n->now_ns >= n->hand_over_ns || (leader && leader != n->id) ||
	    (leader == n->id && !raft_get_transfer(n->raft) && !may_hand_over(n)))
		n->hand_over_ns = 0;
	serve_stop(n->serve);
}

int node_poll(struct node *n, uint64_t now_ns)
{
	assert(now_ns >= n->now_ns);
	n->now_ns = now_ns;
	n->active = n->work = false;
	n->counters.turns++;
	if (n->failed)
		return n->failed;

	serve_turn(n->serve, now_ns);
	node_receive(n);
	if (n->serving.unix_door)
		unix_door_poll(n->serving.unix_door);
	if (n->failed) /* a reset that could not open the directory again */
		return n->failed;
	node_wires_drive(n);
	node_ways_drive(n);
	node_formation_drive(n);
	if (n->raft && !n->failed) {
		raft_tick(n->raft, now_ns / 1000);
		node_persisted(n);
		node_disk_drive(n);
		node_members_drive(n);
		hand_over_drive(n);
		serving_leader(n);
		serve_drive(n->serve);
		node_ready(n);
		node_snapshot_drive(n);
		node_install_drive(n);
		node_pulls_drive(n);
		node_compact_drive(n);
		node_diverged_drive(n);
		settings_drive(n);
		node_names_drive(n);
		node_path_drive(n);
		node_notes(n);
		node_who_drive(n);
		node_meet_drive(n);
		node_removed_drive(n);
	} else {
		serve_drive(n->serve); /* there is no leader */
	}
	if (now_ns >= node_removed_deadline(n))
		node_stop(n);
	foreign_drive(n);
	node_metrics_drive(n);
	serve_expire(n->serve);
	serving_welcome(n);
	dp_flush(n->dp);
	n->work |= serve_active(n->serve);
	n->active |= n->work;
	return n->failed;
}

const char *node_error(const struct node *n)
{
	return n->error;
}

/* Who joined has no part in a formation; nor has who was removed, which has no core either. */
static uint64_t core_deadline(const struct node *n)
{
	if (n->raft)
		return raft_deadline(n->raft);
	return node_joined(n) ? UINT64_MAX : formation_deadline(&n->formation);
}

uint64_t node_deadline(const struct node *n)
{
	uint64_t deadline = core_deadline(n);
	uint64_t dp = dp_deadline(n->dp);
	/* Before there is a cluster the log is written by nobody. */
	uint64_t wal = n->raft ? wal_deadline(n->wal) : UINT64_MAX;

	deadline = deadline > UINT64_MAX / 1000 ? UINT64_MAX : deadline * 1000;
	if (dp < deadline)
		deadline = dp;
	if (wal < deadline)
		deadline = wal;
	if (serve_deadline(n->serve) < deadline)
		deadline = serve_deadline(n->serve);
	if (node_removed_deadline(n) < deadline)
		deadline = node_removed_deadline(n);
	if (n->applying_count)
		deadline = n->now_ns;
	if (n->raft && node_install_deadline(n) < deadline)
		deadline = node_install_deadline(n);
	if (n->hand_over_ns && n->hand_over_ns < deadline)
		deadline = n->hand_over_ns;
	return deadline;
}

bool node_active(const struct node *n)
{
	return n->active;
}

bool node_busy(const struct node *n)
{
	return n->work || wal_busy(n->wal);
}

void node_stop(struct node *n)
{
	n->stopping = true;
	if (n->raft && may_hand_over(n))
		n->hand_over_ns = n->now_ns + n->options.election_us_max * 1000;
	serve_stop(n->serve);
}

bool node_stopping(const struct node *n)
{
	return n->stopping;
}

bool node_stopped(const struct node *n)
{
	return n->stopping && !n->hand_over_ns && serve_stopped(n->serve);
}

int node_end(struct node *n)
{
	assert(node_stopped(n));
	if (n->failed)
		return n->failed;
	/* What is known of the others goes with a planned restart, too. */
	if (n->raft)
		node_mark_last(n);
	return n->failed;
}
