/*
 * Between the dataplane and raft: bodies decoded, messages encoded.
 */
#include "node/internal.h"

#include <errno.h>

static void count_raft_error(struct node *n, int err)
{
	switch (err) {
	case 0:
		break;
	case -ESTALE:
		n->counters.raft_stale++;
		break;
	case -ENOENT:
		n->counters.raft_unknown++;
		break;
	case -EKEYREJECTED:
		n->counters.raft_identity++;
		break;
	case -EBUSY:
		n->counters.raft_disturbs++;
		break;
	case -EDOM:
		n->counters.raft_far++;
		break;
	case -ERANGE:
		n->counters.raft_unasked++;
		break;
	case -EPROTO:
		n->counters.raft_contradicts++;
		break;
	default:
		n->counters.raft_malformed++;
		break;
	}
}

/*
 * D11: an idle cluster's heartbeats say what the ones before them said. Whatever is new keeps the
 * loop awake for a while, because more will follow: entries, a commit index, a read to confirm.
 */
static bool says_new(struct node *n, uint32_t peer, const struct raft_message *m)
{
	struct node_beat *last = &n->peer[peer].beat, now = {.type = m->type, .term = m->term};

	if (m->type == RAFT_MESSAGE_APPEND && m->append.entry_count == 0) {
		now.prev_index = m->append.prev_index;
		now.index = m->append.commit;
		now.read_seq = m->append.urgent ? m->append.read_seq : 0;
	} else if (m->type == RAFT_MESSAGE_APPEND_REPLY && m->append_reply.accepted) {
		now.prev_index = m->append_reply.prev_index;
		now.index = m->append_reply.match;
	} else {
		return true;
	}
	if (now.type == last->type && now.term == last->term &&
	    now.prev_index == last->prev_index && now.index == last->index &&
	    now.read_seq == last->read_seq)
		return false;
	*last = now;
	return true;
}

/* The core keeps each member's newest start; the dataplane refuses what is of an older one. */
static void start_known(struct node *n, uint32_t peer)
{
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t count = raft_witnesses(n->raft, witness);

	for (uint32_t i = 0; i < count; i++) {
		if (witness[i].id == n->peer[peer].at.member_id)
			dp_peer_start_set(n->dp, peer, witness[i].start);
	}
}

static bool asks_vote(uint8_t type)
{
	return type == WIRE_VOTE || type == WIRE_PREVOTE || type == WIRE_TIMEOUT_NOW;
}

/* What a leader says, and who stands, and of which start it is: of who was met no more (V28). */
static bool may_lead(uint8_t type)
{
	return type == WIRE_APPEND || type == WIRE_SNAPSHOT || type == WIRE_VOTE ||
	       type == WIRE_PREVOTE || type == WIRE_START;
}

/* And of one whose directory the table has, elsewhere: what it knows of this start. */
static bool is_taken_of_met(const struct node *n, const struct dp_datagram *d)
{
	const struct dp_peer *at = &n->peer[d->peer].at;
	const struct raft_member *m = raft_members_find(raft_get_members(n->raft), at->member_id);

	return may_lead(d->envelope.type) ||
	       (d->envelope.type == WIRE_START_REPLY && m && m->identity == at->identity);
}

/* What is no matter of the core's. False: it is. */
static bool receive_ours(struct node *n, const struct dp_datagram *d)
{
	struct wire_settings settings;

	switch (d->envelope.type) {
	case WIRE_FORMATION:
	case WIRE_MEMBERS:
		if (!seldom_hear(n, d->peer, NODE_SELDOM_FORMATION))
			return true;
		n->work = true;
		if (d->envelope.type == WIRE_FORMATION)
			node_formation_receive(n, d);
		else
			node_join_receive(n, d);
		return true;
	case WIRE_WHO:
		if (seldom_hear(n, d->peer, NODE_SELDOM_FORMATION))
			node_who_hear(n, d);
		return true;
	case WIRE_PATH:
	case WIRE_PATH_REPLY:
		node_path_receive(n, d);
		return true;
	case WIRE_SETTINGS:
		if (wire_settings_decode(&settings, d->body, d->envelope.body_size))
			n->counters.malformed++;
		else
			settings_receive(n, d->peer, &settings);
		return true;
	case WIRE_PROPOSE:
	case WIRE_PROPOSE_REPLY:
		n->work = true;
		peer_door_receive(&n->serving.peers, d);
		return true;
	case WIRE_SNAPSHOT_PULL:
		node_pulls_receive(n, d);
		return true;
	case WIRE_SNAPSHOT_CHUNK:
		node_pull_receive(n, d);
		return true;
	default:
		return false;
	}
}

static void receive_peer(struct node *n, const struct dp_datagram *d)
{
	struct raft_message message;
	int err;

	if (receive_ours(n, d))
		return;
	if (n->peer[d->peer].met_ns && !is_taken_of_met(n, d)) {
		n->counters.raft_unknown++;
		return;
	}
	if (asks_vote(d->envelope.type) && !seldom_hear(n, d->peer, NODE_SELDOM_VOTE))
		return;
	if (d->envelope.type == WIRE_START && !seldom_hear(n, d->peer, NODE_SELDOM_START))
		return;
	if (wire_raft_decode(&message, n->wire_entries, d->envelope.type, d->body,
			     d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	message.from = n->peer[d->peer].at.member_id;
	message.to = n->id;
	message.identity = d->envelope.source_identity;
	message.start = d->envelope.source_start;
	message.elsewhere = node_peer_is_elsewhere(n, d->peer);
	node_lag_hear(n, d->peer, &message);
	n->work |= says_new(n, d->peer, &message);
	err = raft_recv(n->raft, &message);
	count_raft_error(n, err);
	if (!err)
		serving_hear(n, &message);
	if (d->other_start)
		start_known(n, d->peer);
}

enum {
	/*
	 * What waits is read to its end, for whoever floods is told apart by reading alone, and
	 * what costs more than that has its share (serve/share.h). The end is 512 frames of each
	 * port, a queue or half of it, so that what is due is not late for long.
	 */
	BURSTS_TURN = 16,
	BURSTS_DUE = 128, /* more than a device's queue holds */
};

static void receive_stranger(struct node *n, const struct dp_datagram *d)
{
	if (d->envelope.type == WIRE_WHO)
		node_who_hear(n, d);
	else
		node_join_receive(n, d);
}

static uint32_t receive_burst(struct node *n)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count = dp_receive(n->dp, n->now_ns, datagram);

	for (uint32_t i = 0; i < count; i++) {
		n->work |= !datagram[i].from_peer;
		if (datagram[i].from_peer)
			receive_peer(n, &datagram[i]);
		else if (datagram[i].stranger)
			receive_stranger(n, &datagram[i]);
		else
			udp_door_receive(n->serving.udp, &datagram[i]);
	}
	dp_release(n->dp);
	if (count)
		n->active = true;
	return count;
}

/*
 * A node that is about to end a silence reads all of its mail first, because a node that was
 * descheduled finds its leader's heartbeats there, behind whatever else waits (V8).
 */
void node_receive(struct node *n)
{
	bool due = n->raft && raft_election_due(n->raft, n->now_ns / 1000);
	int bursts = due ? BURSTS_DUE : BURSTS_TURN;

	do {
		(void)receive_burst(n);
	} while (--bursts > 0 && dp_more(n->dp));
}

static void send_to(struct node *n, int peer, const struct raft_message *message)
{
	uint32_t size_max;
	uint8_t type, *body;
	size_t size;

	body = dp_begin_peer(n->dp, (uint32_t)peer, &size_max);
	if (!body)
		return;
	size = wire_raft_encode(message, body, size_max, &type);
	dp_end(n->dp, type, size);
}

/* To both places, if it was met elsewhere than the table has it: nobody can tell which is true. */
void node_send(struct node *n, const struct raft_message *message)
{
	int peer = node_peer_find(n, message->to), met = node_peer_met(n);

	/* One that this turn's messages made a member is taken on in the next. */
	if (peer >= 0)
		send_to(n, peer, message);
	if (met >= 0 && n->peer[met].at.member_id == message->to)
		send_to(n, met, message);
}
