/*
 * What passes on the way to each peer (dataplane/path.h): asked for, answered, told to the core,
 * and told to people.
 */
#include "node/internal.h"

static uint64_t round_number(const struct node *n, uint32_t peer)
{
	return question_number(n, NODE_QUESTION_PATH, peer, n->peer[peer].path.round);
}

static void probe_send(struct node *n, uint32_t peer, uint32_t size)
{
	const struct wire_path probe = {round_number(n, peer), size};
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	if (body)
		dp_end(n->dp, WIRE_PATH, wire_path_encode(&probe, WIRE_PATH, body));
}

/* For a message that carries entries in IP packets of this size. */
static uint32_t append_size(uint32_t size)
{
	return size - PATH_SIZE_APPEND;
}

static void tell(struct node *n, uint32_t peer, bool was_narrow)
{
	const struct path *p = &n->peer[peer].path;

	if (path_narrow(p) && (!was_narrow || p->size != n->peer[peer].path_told))
		journal_write(n->journal, JOURNAL_WARN, "path_narrow",
			      "peer=%s passes=%u mtu=%u why=\"larger packets do not arrive\"",
			      n->peer[peer].name, p->size, p->size_max);
	else if (n->peer[peer].path_told < p->size_max && p->size == p->size_max)
		journal_write(n->journal, JOURNAL_INFO, "path_whole", "peer=%s mtu=%u",
			      n->peer[peer].name, p->size_max);
	if (!p->searching)
		n->peer[peer].path_told = p->size;
}

static void peer_drive(struct node *n, uint32_t peer)
{
	struct path *p = &n->peer[peer].path;
	bool was_narrow = path_narrow(p);

	if (n->peer[peer].at.port == DP_PORT_NONE)
		return;
	if (p->size_max == 0) {
		path_init(p, dp_get_port(n->dp, n->peer[peer].at.port)->mtu);
		n->peer[peer].path_told = p->size;
	}
	if (!path_turn(p, n->now_ns, dp_get_peer_large(n->dp, peer)))
		return;
	raft_append_size_set(n->raft, n->peer[peer].at.member_id, append_size(p->size));
	tell(n, peer, was_narrow);
	for (uint32_t i = 0; i < p->probe_count; i++)
		probe_send(n, peer, p->probe[i]);
}

void node_path_drive(struct node *n)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		peer_drive(n, i);
}

/* A round is answered whole: what is told apart are the sizes of one. */
static bool answered(struct node *n, uint32_t peer, uint64_t round)
{
	if (n->peer[peer].path_round == round && n->peer[peer].path_answers < PATH_PROBES_MAX) {
		n->peer[peer].path_answers++;
		return true;
	}
	if (!seldom_hear(n, peer, NODE_SELDOM_PATH))
		return false;
	n->peer[peer].path_round = round;
	n->peer[peer].path_answers = 1;
	return true;
}

void node_path_receive(struct node *n, const struct dp_datagram *d)
{
	struct wire_path path;
	uint32_t size_max;
	uint8_t *body;

	if (wire_path_decode(&path, d->envelope.type, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (d->envelope.type == WIRE_PATH_REPLY) {
		if (path.round == round_number(n, d->peer))
			path_answer(&n->peer[d->peer].path, n->peer[d->peer].path.round, path.size);
		return;
	}
	if (!answered(n, d->peer, path.round))
		return;
	body = dp_begin_peer(n->dp, d->peer, &size_max);
	if (body)
		dp_end(n->dp, WIRE_PATH_REPLY, wire_path_encode(&path, WIRE_PATH_REPLY, body));
}
