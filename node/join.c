/*
 * Joining a cluster that exists (D16). A directory that is configured so says HELLO to the members
 * that it knows of. It is let in when a learner with its address was added: the leader binds its
 * identity to that id, by an entry of the log, and any member then tells it the cluster, its id and
 * the members. It keeps that, durably, and is a member whose log is empty.
 *
 * Whom it asks need not lead, and it need not know who does: until it is bound it is told who the
 * members are, and asks those too. One that lies fills its places, until it is started again. It
 * may wait for days, so it asks less and less often, down to once a second (raft/formation.c), and
 * soon again when it is told that it is expected.
 *
 * A member that was away while others came and went is told in the same way.
 *
 * A directory that forms a cluster where a member is awaited is told the same; it keeps none of it,
 * and what its configuration should be is said on both sides.
 *
 * A directory at the address of a member that has another one is refused: what that one has
 * acknowledged this one does not have (F1, R7). It comes in as another member, that replaces it.
 */
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void members_tell(struct node *n, uint32_t peer, const struct raft_members *table,
			 raft_index index, raft_id id, raft_identity to)
{
	uint32_t size_max;
	uint8_t *body;

	if (index == 0)
		return; /* nothing is known to be committed yet */
	body = dp_begin_peer(n->dp, peer, &size_max);
	if (!body)
		return; /* it asks again */
	const struct wire_members m = {
		.to = to,
		.joined = {.cluster_id = n->cluster_id,
			   .id = id,
			   .index = index,
			   .members = *table},
	};
	dp_end(n->dp, WIRE_MEMBERS, wire_members_encode(&m, body));
}

void node_join_refuse(struct node *n, uint32_t peer, raft_identity to, uint64_t digest)
{
	const struct formation_message m = {.say = FORMATION_SAY_REFUSE,
					    .identity = n->recovered.identity,
					    .to = to,
					    .cluster_id = n->cluster_id,
					    .table = {.digest = digest}};
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	if (body)
		dp_end(n->dp, WIRE_FORMATION, wire_formation_encode(&m, body));
}

/* The first directory that comes from where a learner was announced is its own. */
static void bind_learner(struct node *n, const struct raft_member *m, raft_identity identity)
{
	struct raft_change change = {.kind = RAFT_CHANGE_BIND, .id = m->id, .identity = identity};
	struct raft_refusal refusal;
	raft_index index;

	/* Refused or not: it asks again. */
	if (raft_members_change(n->raft, &change, 1, &index, &refusal) == 0)
		journal_write(n->journal, JOURNAL_INFO, "member_bound",
			      "member_id=%016" PRIx64 " identity=%016" PRIx64, m->id, identity);
}

/*
 * R32: a member that stands for election and whose log ends before the newest committed table may
 * not know those that it needs, nor hear the leader, whom it takes for a stranger.
 */
void node_lag_hear(struct node *n, uint32_t peer, const struct raft_message *m)
{
	const struct raft_members *table;
	const struct raft_member *lags;
	struct raft_status s;
	raft_index index;

	if (m->type != RAFT_MESSAGE_PREVOTE && m->type != RAFT_MESSAGE_VOTE)
		return;
	node_raft_status(n, &s);
	table = node_members_vouched(&s, &index);
	lags = raft_members_find(table, m->from);
	if (lags && lags->identity == m->identity && m->vote.last_index < index)
		members_tell(n, peer, table, index, m->from, m->identity);
}

/*
 * A member that lags, from one that is known by its directory. Who follows a leader has no need of
 * it: so a member that lies about the members harms only who is without one. From anybody else, or
 * one who was met himself, a table is never in force.
 */
static void told(struct node *n, const struct dp_datagram *d, const struct wire_members *m)
{
	const struct node_peer *from = d->stranger ? NULL : &n->peer[d->peer];

	if (raft_leader(n->raft) != 0 || m->joined.cluster_id != n->cluster_id ||
	    m->joined.id != n->id)
		return;
	if (!from || from->met_ns || d->envelope.source_identity != from->at.identity)
		node_meet_told(n, d, m);
	else if (raft_members_find(&m->joined.members, from->at.member_id))
		raft_members_told(n->raft, &m->joined.members, m->joined.index);
}

void node_join_hear(struct node *n, uint32_t peer, raft_identity identity, uint64_t digest)
{
	const struct raft_member *m;
	const struct raft_members *table;
	struct raft_status s;
	raft_index index;

	node_raft_status(n, &s);
	table = node_members_vouched(&s, &index);
	m = raft_members_find(table, n->peer[peer].at.member_id);
	if (!m)
		return; /* it was announced, and that is not committed yet */
	if (m->identity == 0 && s.role == RAFT_LEADER) {
		bind_learner(n, m, identity);
	} else if (m->identity == 0 || (m->identity == identity && !m->voter && !m->voter_before)) {
		members_tell(n, peer, table, index, m->id, identity);
		if (m->identity != 0)
			hearsay_note(&n->peer[peer].asks, n->now_ns);
	} else {
		/* A voter was told before it voted: this one forgot what it promised (R7). */
		node_join_refuse(n, peer, identity, digest);
	}
}

/* It is awaited, and what is there is configured to form a cluster. */
void node_join_warn(struct node *n, uint32_t peer, raft_identity identity)
{
	const struct raft_members *table;
	struct raft_status s;
	raft_index index;

	node_raft_status(n, &s);
	table = node_members_vouched(&s, &index);
	hearsay_note(&n->peer[peer].forms, n->now_ns);
	if (raft_members_find(table, n->peer[peer].at.member_id))
		members_tell(n, peer, table, index, n->peer[peer].at.member_id, identity);
}

static bool waits(const struct node *n)
{
	return !n->raft && !node_joined(n) && n->formation.existing &&
	       n->formation.state == FORMATION_FRESH;
}

/* It is expected: those who lead, and bind it, are asked soon. */
static void announced(struct node *n, const struct raft_joined *joined)
{
	node_peers_meet(n, &joined->members);
	if (joined->index <= n->announced_index)
		return;
	n->announced_index = joined->index;
	formation_hurry(&n->formation);
}

void node_join_receive(struct node *n, const struct dp_datagram *d)
{
	uint8_t record[RAFT_JOINED_SIZE_MAX];
	const struct raft_member *self;
	struct wire_members m;
	int err;

	if (wire_members_decode(&m, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (m.to == n->recovered.identity && m.joined.id == 0 && !d->stranger)
		node_who_told(n, d, &m);
	self = raft_members_find(&m.joined.members, m.joined.id);
	if (m.to == n->recovered.identity && self && self->identity == 0 && waits(n))
		announced(n, &m.joined);
	if (m.to == n->recovered.identity && self && self->identity == 0 && !n->raft &&
	    !n->formation.existing) {
		n->added_to = m.joined.cluster_id;
		hearsay_note(&n->added, n->now_ns);
	}
	if (m.to != n->recovered.identity || !self || self->identity != n->recovered.identity)
		return; /* somebody else was meant */
	if (n->raft)
		told(n, d, &m);
	if (!waits(n))
		return; /* what was kept first stays */
	err = wal_record_write(n->wal, record, raft_joined_encode(&m.joined, record));
	if (err) {
		n->failed = err;
		snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
		return;
	}
	n->joined = m.joined; /* the core follows (formation.c) */
}
