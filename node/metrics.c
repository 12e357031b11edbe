/*
 * The node's numbers, collected from the rooms into the table's struct (metrics/table.h), and
 * handed to whoever asks, on the loop's own time: see metrics/exchange.h.
 */
#include "node/internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A question for a read index may be lost on its way to the leader. */
#define PROBE_RESEND_NS_MIN 2000000ull
#define PROBE_RESEND_NS_MAX 200000000ull

static const char *role_name(enum raft_role role)
{
	switch (role) {
	case RAFT_FOLLOWER:
		return "follower";
	case RAFT_PRECANDIDATE:
		return "precandidate";
	case RAFT_CANDIDATE:
		return "candidate";
	case RAFT_LEADER:
		return "leader";
	}
	return "?";
}

/* The first line of the node's own words, without what marks it as an error there. */
static void collect_waiting(const struct node *n, struct metrics *m)
{
	static const char mark[] = "error ";
	char text[NODE_FORMATION_TEXT_MAX];
	const char *line = text;

	node_formation_text(n, text, sizeof(text));
	if (strncmp(line, mark, sizeof(mark) - 1) == 0)
		line += sizeof(mark) - 1;
	snprintf(m->waiting, sizeof(m->waiting), "%.*s", (int)strcspn(line, "\n"), line);
}

static void collect_words(const struct node *n, const struct raft_status *raft, struct metrics *m)
{
	snprintf(m->name, sizeof(m->name), "%s", n->name);
	snprintf(m->cluster_id, sizeof(m->cluster_id), "%016" PRIx64, n->cluster_id);
	snprintf(m->member_id, sizeof(m->member_id), "%016" PRIx64, n->id);
	snprintf(m->version, sizeof(m->version), "%s", QUOIN_VERSION);
	snprintf(m->identity, sizeof(m->identity), "%016" PRIx64, n->recovered.identity);
	snprintf(m->role, sizeof(m->role), "%s",
		 n->learner && raft->role == RAFT_FOLLOWER ? "learner" : role_name(raft->role));
	snprintf(m->leader, sizeof(m->leader), "%016" PRIx64, raft->leader);
	snprintf(m->durability, sizeof(m->durability), "%s", wal_durability_name(n->durability));
	snprintf(m->link, sizeof(m->link), "%s", n->link_name);
	snprintf(m->auth, sizeof(m->auth), "off");
	m->hash[0] = '\0';
	collect_waiting(n, m);
	snprintf(m->formation, sizeof(m->formation), "%s", node_formation_state(n));
}

static void collect_raft(const struct node *n, const struct raft_status *raft, struct metrics *m)
{
	const struct node_counters *c = &n->counters;
	const struct raft_member *self = raft_members_find(&raft->members, n->id);

	m->has_leader = raft->leader != 0;
	m->is_leader = raft->role == RAFT_LEADER;
	m->is_learner = self && !self->voter && !self->voter_before;
	m->priority = n->options.priority;
	m->leader_changes = c->leader_changes;
	m->commit = raft->commit;
	m->lease_reads = raft->lease_reads;
	m->applied = n->applied;
	m->term = raft->term;
	m->last = raft->last;
	m->durable = raft->durable;
	m->incarnation = raft_start_count(n->recovered.start);
	m->elections_started = c->elections_started;
	m->elections_won = c->elections_won;
	m->raft_malformed = c->raft_malformed;
	m->raft_unknown = c->raft_unknown;
	m->raft_identity = c->raft_identity;
	m->raft_stale = c->raft_stale;
	m->raft_far = c->raft_far;
	m->raft_disturbs = c->raft_disturbs;
	m->raft_unasked = c->raft_unasked;
	m->raft_contradicts = c->raft_contradicts;
}

static void collect_storage(const struct node *n, struct metrics *m)
{
	const struct sm_counters *kv = n->sm->ops->counters(n->sm);
	struct wal_stats wal;

	wal_get_stats(n->wal, &wal);
	m->wal_bytes = wal.bytes;
	m->wal_writes = wal.writes;
	m->wal_entries = wal.entries;
	m->wal_segments = wal.segments;
	m->wal_reused = wal.reused;
	m->log_bytes = wal.segments * n->options.wal.segment_size;
	m->recovered_index = n->recovered.last_index;
	m->wal_write = wal.write_time;
	m->wal_marks = wal.marks;
	m->wal_torn_bytes = wal.torn_bytes;
	m->wal_decayed = wal.decayed;
	m->wal_vote_torn = n->recovered.vote_torn;
	m->wal_mark_damaged = n->recovered.mark_damaged;
	m->wal_put_off = wal.put_off;
	m->disk_waiting_ms = m->disk_stalled = 0;
	for (int i = 0; i < NODE_STALLS; i++) {
		uint64_t ms = node_stall_ns(n, &n->stall[i]) / 1000000;

		m->disk_waiting_ms = ms > m->disk_waiting_ms ? ms : m->disk_waiting_ms;
		m->disk_stalled |= n->stall[i].is;
	}
	m->disk_full = n->space.full;
	m->disk_fulls = n->counters.disk_fulls;
	m->disk_low = node_space_low(n);
	m->disk_free_bytes = n->space.known ? n->space.there : METRICS_UNKNOWN;
	m->disk_used_bytes = n->space.used;
	m->disk_quota_bytes = n->space.quota;
	m->log_first_index = n->raft ? wal_first(n->wal) : 0;
	m->snapshot_index = n->snapshot.newest.index;
	m->snapshot_bytes = n->snapshot.newest.size;
	m->snapshots = n->snapshot.taken;
	m->diverged = n->diverged.index != 0;
	m->snapshots_differ = node_agreed_split(n) != 0;
	m->snapshot_failures = n->snapshot.failures;
	m->snapshot_ms = n->snapshot.taken_ns / 1000000;
	m->disk_stalls = n->counters.disk_stalls;
	m->disk_slow = n->recent.told;
	m->disk_slow_writes = n->counters.disk_slow_writes;
	m->install_index = n->install.step ? n->install.at.index : 0;
	m->install_bytes = node_install_bytes(n);
	m->install_size = n->install.step ? n->install.at.size : 0;
	m->installs = n->install.installed;
	m->pulled_bytes = n->install.pulled_bytes;
	m->pulls_bytes = n->pulls.sent_bytes;
	m->revision = n->install.held ? 0 : n->sm->ops->revision(n->sm);
	m->compact_revision = n->install.held ? 0 : n->sm->ops->compact_revision(n->sm);
	m->auto_compactions = n->compactor.count;
	m->db_size = m->db_size_in_use = n->sm->ops->size(n->sm);
	m->quota = n->quota_bytes;
	m->keys = n->install.held ? 0 : n->sm->ops->keys(n->sm);
	m->puts = kv->puts;
	m->deletes = kv->deletes;
	m->ranges = kv->ranges;
}

static void collect_calls(const struct node *n, struct metrics *m)
{
	struct calls_trouble trouble = {0};

	if (n->serving.calls)
		calls_trouble_get(n->serving.calls, &trouble);
	m->refused_socket = trouble.told;
	m->socket_starved = trouble.starved;
}

static void collect_requests(const struct node *n, struct metrics *m)
{
	const struct serve_counters *s = serve_get_counters(n->serve);
	const struct udp_door_counters *udp = udp_door_get_counters(n->serving.udp);

	m->pending = serve_pending_count(n->serve);
	m->requests_open = serve_open_count(n->serve);
	m->proposals_failed = s->commands_failed;
	m->reads_failed = s->reads_failed;
	m->commands = s->commands;
	m->queries = s->queries;
	m->answers = s->answers;
	m->forwarded = s->forwarded;
	m->timeouts = s->timeouts;
	m->refused_busy = s->refused;
	m->refused_share = s->over;
	m->serve_malformed = s->malformed;
	m->streams = s->streams;
	m->pushes = s->pushes;
	m->streams_cut = s->streams_cut;
	m->refused_cookie = udp->refused_cookie;
	m->refused_buffer = udp->refused_buffer;
	m->udp_malformed = udp->malformed;
	m->forward_malformed = n->serving.peers.malformed;
	m->malformed = n->counters.malformed;
	m->strangers_told = n->counters.strangers_told;
	m->over_seldom = n->counters.over_seldom;
}

static void collect_port(const struct node *n, uint32_t i, struct metrics_port *p)
{
	struct link_counters c;
	const char *name;
	bool up;

	dp_get_link(n->dp, i, &up, &c, &name);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->up = up;
	p->rx_frames = c.rx_frames;
	p->rx_bytes = c.rx_bytes;
	p->tx_frames = c.tx_frames;
	p->tx_bytes = c.tx_bytes;
	p->rx_missed = c.rx_missed;
	p->rx_no_buffer = c.rx_no_buffer;
	p->rx_segmented = c.rx_segmented;
	p->rx_tagged = c.rx_tagged;
	p->rx_errors = c.rx_errors;
	p->tx_dropped = c.tx_dropped;
	p->link_changes = c.link_changes;
	p->buffers_free = c.buffers_free;
}

static void collect_faults(const struct fault_rules *faults, struct metrics *m)
{
	static const struct fault_counters none;
	const struct fault_counters *c = faults ? &faults->counters : &none;

	m->fault_rules = faults ? faults->count : 0;
	m->fault_rx = c->dropped_rx;
	m->fault_tx = c->dropped_tx;
	m->fault_duplicated = c->duplicated;
	m->fault_delayed = c->delayed;
	m->fault_reordered = c->reordered;
	m->fault_no_place = c->no_place;
}

static void collect_network(const struct node *n, struct metrics *m)
{
	const struct dp_counters *c = dp_get_counters(n->dp);

	m->rx_peer = c->rx_peer;
	m->rx_client = c->rx_client;
	m->tx_peer = c->tx_peer;
	m->tx_client = c->tx_client;
	m->arp_requests = c->arp_requests;
	m->arp_replies = c->arp_replies;
	m->arp_own = c->arp_own;
	m->icmp_echo = c->icmp_echo;
	m->drop_count = DP_DROP_COUNT;
	for (uint32_t i = 0; i < DP_DROP_COUNT; i++)
		m->drop[i] = (struct metrics_drop){dp_drop_name((enum dp_drop)i), c->drop[i]};
	m->port_count = 0;
	for (uint32_t i = 0; i < dp_get_port_count(n->dp); i++) {
		if (dp_get_port(n->dp, i))
			collect_port(n, i, &m->port[m->port_count++]);
	}
	collect_faults(n->faults, m);
}

/* Only a leader knows what its peers hold. */
static void collect_progress(const struct raft_status *raft, raft_id id, struct metrics_peer *p)
{
	p->match = p->next = p->append_us = METRICS_UNKNOWN;
	for (uint32_t i = 0; i < raft->progress_count; i++) {
		const struct raft_progress *progress = &raft->progress[i];

		if (progress->id != id)
			continue;
		p->match = progress->match;
		p->next = progress->next;
		p->append_us = progress->rtt_us ? progress->rtt_us : METRICS_UNKNOWN;
	}
}

static void collect_peer(const struct node *n, uint32_t i, const struct raft_status *raft,
			 struct metrics_peer *p)
{
	struct in_addr in = {.s_addr = htonl(n->peer[i].at.address)};
	struct dp_peer_state state;
	uint64_t silent_ns;

	dp_get_peer(n->dp, i, &state);
	silent_ns = n->now_ns - state.heard_ns;
	snprintf(p->name, sizeof(p->name), "%s", n->peer[i].name);
	snprintf(p->id, sizeof(p->id), "%016" PRIx64, n->peer[i].at.member_id);
	inet_ntop(AF_INET, &in, p->address, sizeof(p->address));
	p->active = state.heard_ns && silent_ns < PEER_SILENT_NS;
	p->heard_ms = state.heard_ns ? silent_ns / 1000000 : METRICS_UNKNOWN;
	p->client_port = METRICS_UNKNOWN;
	p->heard_by_ms = METRICS_UNKNOWN;
	p->answered_ms = METRICS_UNKNOWN;
	if (n->peer[i].settings.heartbeat_us && n->peer[i].settings.client_port)
		p->client_port = n->peer[i].settings.client_port;
	if (n->peer[i].settings.heartbeat_us && n->peer[i].settings.heard_ms != UINT32_MAX)
		p->heard_by_ms = n->peer[i].settings.heard_ms;
	if (n->peer[i].settings.heartbeat_us)
		p->answered_ms = settings_age_ns(n, i) / 1000000;
	p->sent_bytes = state.tx_bytes;
	p->received_bytes = state.rx_bytes;
	p->tx_packets = state.tx_packets;
	p->rx_packets = state.rx_packets;
	collect_progress(raft, n->peer[i].at.member_id, p);
	p->resolved = state.resolved;
	p->path_mtu = n->peer[i].path.size_max ? n->peer[i].path.size : METRICS_UNKNOWN;
	p->settings_differ = settings_differ(n, i);
	p->peer_full = n->peer[i].settings.full > 0;
	p->refuses_us = state.said[DP_SAID_RECEIVER] == HEARSAY_ALONE;
	p->other_identity = state.said[DP_SAID_IDENTITY] == HEARSAY_ALONE;
	p->round_trip = n->peer[i].round_trip;
}

static void collect_log(const struct node *n, struct metrics *m)
{
	struct journal_counters log;

	journal_get_counters(n->journal, &log);
	m->log_lines = log.lines;
	m->log_left_out = log.left_out;
	m->log_lost = log.lost;
}

static_assert((int)METRICS_PEERS_MAX >= (int)DP_PEERS_MAX, "each peer has a place");
static_assert((int)METRICS_PORTS_MAX >= (int)DP_PORTS_MAX, "each port has one");
static_assert((int)METRICS_DROPS_MAX >= (int)DP_DROP_COUNT, "and each cause of a drop");

void node_metrics_collect(const struct node *n, struct metrics *m)
{
	struct raft_status raft;

	node_raft_status(n, &raft);
	m->taken_ns = n->now_ns;
	m->turns = n->counters.turns;
	m->uptime_ms = (n->now_ns - n->started_ns) / 1000000;
	collect_words(n, &raft, m);
	collect_raft(n, &raft, m);
	collect_storage(n, m);
	collect_requests(n, m);
	collect_calls(n, m);
	collect_network(n, m);
	collect_log(n, m);
	m->peer_count = 0;
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		collect_peer(n, i, &raft, &m->peer[m->peer_count++]);
}

void node_serve_metrics(struct node *n, struct metrics_exchange *exchange)
{
	n->exchange = exchange;
	metrics_exchange_attach(exchange);
}

/*
 * A confirmation is a linearizable read without an answer (thesis 6.4): a read index that is asked
 * for after the question came, confirmed by a majority, and reached by the apply.
 */
static void probe_drive(struct node *n, struct node_probe *p)
{
	uint64_t context;
	uint32_t ticket;

	if (p->ticket && p->index && n->applied >= p->index && !n->applying_count) {
		metrics_exchange_confirmed(n->exchange, p->ticket);
		p->ticket = 0;
	}
	if (!p->ticket) {
		ticket = metrics_exchange_ticket(n->exchange);
		if (!ticket)
			return;
		*p = (struct node_probe){
			.ticket = ticket, .resend_ns = n->now_ns, .wait_ns = PROBE_RESEND_NS_MIN};
	}
	if (p->index || p->resend_ns > n->now_ns)
		return;
	/* Apart from those of serve, which count up from the same start. */
	context = ((uint64_t)raft_start_count(n->recovered.start) << 40 | UINT64_C(1) << 39) +
		  ++n->probe_id;
	if (n->raft && raft_read_index(n->raft, context) == 0)
		p->context = context;
	p->resend_ns = n->now_ns + p->wait_ns;
	if (p->wait_ns < PROBE_RESEND_NS_MAX)
		p->wait_ns *= 2;
}

void node_metrics_confirmed(struct node *n, const struct raft_read *read)
{
	if (n->probe.ticket && read->context == n->probe.context)
		n->probe.index = read->index;
}

void node_metrics_drive(struct node *n)
{
	if (!n->exchange)
		return;
	probe_drive(n, &n->probe);
	if (!metrics_exchange_wanted(n->exchange, n->now_ns))
		return;
	node_metrics_collect(n, metrics_exchange_begin(n->exchange));
	metrics_exchange_publish(n->exchange, n->now_ns);
}
