/*
 * Requests and their doors, wired: what serve asks of consensus goes to the core, what it says of
 * this node comes from here.
 */
#include "node/internal.h"

#include "serve/serve.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct node *node_of_port(struct serve_port *port)
{
	return ((struct node_serving *)(void *)((char *)port - offsetof(struct node_serving, port)))
		->node;
}

static struct node *node_of_host(struct serve_host *host)
{
	return ((struct node_serving *)(void *)((char *)host - offsetof(struct node_serving, host)))
		->node;
}

static int port_propose(struct serve_port *port, const uint8_t *data, uint32_t size,
			raft_term *term)
{
	raft_index index;

	const struct node *n = node_of_port(port);

	return n->raft ? raft_propose(n->raft, data, size, &index, term) : -EREMOTE;
}

static int port_read(struct serve_port *port, uint64_t context)
{
	const struct node *n = node_of_port(port);

	return n->raft ? raft_read_index(n->raft, context) : -EREMOTE;
}

/* Who leads for want of others takes and tells nothing: another one is to lead soon (W21). */
static raft_id leader_of(const struct node *n)
{
	const raft_id id = raft_leader(n->raft);

	return id == n->id && n->install.held ? 0 : id;
}

/* Two that nobody won, and a third is rare: what waits for a leader waits for so long. */
enum { LEADERLESS_ELECTIONS = 2 };

/* The first turn with a core makes it, and reads the newest of the log for that: so the second. */
enum { CORE_TURNS = 2 };

void serving_leader(struct node *n)
{
	struct node_serving *s = &n->serving;

	if (!leader_of(n) && s->core_turns == CORE_TURNS)
		return;
	if (s->core_turns < CORE_TURNS)
		s->core_turns++;
	s->leader_ns = n->now_ns;
	s->quorum_lost = raft_quorum_lost(n->raft);
}

/* Nobody leads for long, or this member led and is cut off: a majority that is will not be seen. */
static bool is_lost(const struct node *n)
{
	const struct node_serving *s = &n->serving;
	const uint64_t wait_ns = LEADERLESS_ELECTIONS * n->options.election_us_max * 1000;

	return n->now_ns - s->leader_ns >= wait_ns ||
	       (n->raft && raft_quorum_lost(n->raft) != s->quorum_lost);
}

static void port_leader(struct serve_port *port, struct serve_leader *out)
{
	const struct node *n = node_of_port(port);
	const bool mute = n->raft && raft_is_mute(n->raft);

	*out = (struct serve_leader){0};
	if (n->raft) {
		*out = (struct serve_leader){
			.id = leader_of(n),
			.term = raft_get_term(n->raft),
			.last = raft_last(n->raft),
			.full = node_space_refuses(n),
			.frees = node_space_frees(n),
		};
	}
	/* Whoever leads, nothing of that comes here: its clients are to go elsewhere (R46). */
	if (mute)
		out->id = 0;
	out->self = out->id && out->id == n->id;
	out->lost = !out->id && (mute || is_lost(n));
}

static size_t host_status(struct serve_host *host, char *out, size_t size_max)
{
	return node_status_text(node_of_host(host), out, size_max);
}

static enum serve_status host_order(struct serve_host *host, const uint8_t *data,
				    uint32_t data_size, char *out, size_t size_max, size_t *size)
{
	return node_order(node_of_host(host), data, data_size, out, size_max, size);
}

int serving_start(struct node *n, uint64_t first_id, const uint8_t key[UDP_DOOR_KEY_SIZE])
{
	static const struct serve_port_ops port_ops = {
		.propose = port_propose, .read = port_read, .leader = port_leader};
	/* The rest is admin.c's: no door of ours asks serve for it. */
	static const struct serve_host_ops host_ops = {.status = host_status, .order = host_order};
	struct node_serving *s = &n->serving;
	struct serve_options options = {
		.sm = n->sm,
		.port = &s->port,
		.peers = &s->peers.peers,
		.host = &s->host,
		.first_id = first_id,
		.backup_rate = n->options.snapshot_rate,
	};
	struct udp_door_options udp = {.dp = n->dp};
	int err;

	memcpy(&options.salt, key, sizeof(options.salt));
	s->node = n;
	s->leader_ns = n->now_ns;
	s->port.ops = &port_ops;
	s->host.ops = &host_ops;
	peer_door_init(&s->peers, n->dp);
	err = serve_create(&n->serve, &options);
	if (err)
		return err;
	serve_hold(n->serve, n->install.held);
	s->peers.serve = udp.serve = n->serve;
	memcpy(udp.key, key, sizeof(udp.key));
	return udp_door_create(&s->udp, &udp);
}

void serving_stop(struct node *n)
{
	if (n->serve)
		serve_destroy(n->serve);
	if (n->serving.unix_door)
		unix_door_destroy(n->serving.unix_door);
	if (n->serving.udp)
		udp_door_destroy(n->serving.udp);
}

/* Of a leader's term: what one of them said that lied is not shown for longer (V28). */
void serving_hear(struct node *n, const struct raft_message *m)
{
	struct node_serving *s = &n->serving;

	if (m->type != RAFT_MESSAGE_APPEND || m->from != raft_leader(n->raft) ||
	    (m->term == s->told_term && m->append.commit <= s->told))
		return;
	s->told_term = m->term;
	s->told = m->append.commit;
}

/*
 * What is committed, and not only here: a session that began with what this member has while it
 * replays, lags or is cut off would be older than sessions that were forgotten (kv/session.h).
 */
static raft_index base(const struct node *n)
{
	const struct node_serving *s = &n->serving;

	if (!n->raft || !raft_leader(n->raft))
		return 0;
	if (raft_get_role(n->raft) == RAFT_LEADER)
		return raft_knows_commit(n->raft) ? raft_commit(n->raft) : 0;
	if (s->told == 0 || s->told_term != raft_get_term(n->raft))
		return 0;
	return raft_commit(n->raft) > s->told ? raft_commit(n->raft) : s->told;
}

void serving_welcome(struct node *n)
{
	const struct door_welcome welcome = {
		.cluster_id = n->cluster_id,
		.member_id = n->id,
		.base = base(n),
	};

	udp_door_set_welcome(n->serving.udp, &welcome);
	if (n->serving.calls)
		calls_set_welcome(n->serving.calls, &welcome);
}

int node_serve_calls(struct node *n, struct calls *calls)
{
	int err;

	assert(!n->serving.calls);
	n->serving.calls = calls;
	err = unix_door_create(&n->serving.unix_door, calls, n->serve);
	if (!err)
		unix_door_set_admin(n->serving.unix_door, node_admin, n);
	return err;
}
