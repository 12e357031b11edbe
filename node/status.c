/*
 * A node's own account of itself: the table's lines (metrics/table.h), and below them what is
 * wrong, in sentences that begin with "error" or "warning".
 */
#include "node/internal.h"

#include "metrics/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CALLS_FAULT_NS UINT64_C(60000000000)

enum { AS_OF_MAX = 48, CONFLICT_LASTS_MAX = 96 };

/* Behind what is known of a member since it was heard last: how old that is, if it is no news. */
static const char *as_of(uint64_t age_ns, char out[AS_OF_MAX])
{
	out[0] = '\0';
	if (age_ns >= PEER_SILENT_NS)
		snprintf(out, AS_OF_MAX, " (as of %" PRIu64 " s ago)", age_ns / 1000000000);
	return out;
}

static void path_fault(struct node *n, struct metrics_text *t, uint32_t i)
{
	const struct path *p = &n->peer[i].path;
	char age[AS_OF_MAX];

	if (!path_narrow(p))
		return;
	as_of(settings_silent_ns(n, i), age);
	metrics_line(t,
		     "warning packets above %u bytes do not arrive at member %s%s: the MTU here is "
		     "%u, and a switch or an interface on the way has a smaller one\n",
		     p->size, n->peer[i].name, age, p->size_max);
	if (p->size < PATH_SIZE_ENTRY)
		metrics_line(t,
			     "error log entries above %u bytes cannot reach member %s%s: no packet "
			     "that holds one passes\n",
			     p->size - PATH_SIZE_APPEND - WIRE_ENTRY_HEADER_SIZE, n->peer[i].name,
			     age);
}

/* A way between two members, in each direction: both ends of one that is cut say so. */
static void way_faults(struct node *n, struct metrics_text *t, uint32_t i)
{
	uint64_t silent_ns = settings_silent_ns(n, i);
	char place[NODE_PLACE_TEXT_SIZE];

	/* Before there is a cluster, what is waited for is said for each member. */
	if (!n->raft || n->now_ns - n->started_ns < PEER_SILENT_NS)
		return;
	if (silent_ns == UINT64_MAX)
		metrics_line(t, "warning member %s has not been heard at %s yet\n", n->peer[i].name,
			     node_place_text(node_peer_place(&n->peer[i]), place));
	else if (silent_ns >= PEER_SILENT_NS)
		metrics_line(t, "warning member %s has not been heard for %" PRIu64 " s\n",
			     n->peer[i].name, silent_ns / 1000000000);
	else if (settings_unheard(n, i))
		metrics_line(t,
			     "warning member %s does not hear this member, which hears it: the way "
			     "to it is cut\n",
			     n->peer[i].name);
}

/* What it runs with, and what this member does: one of the two is to be changed. */
static void settings_fault(const struct node *n, struct metrics_text *t, uint32_t i)
{
	const struct wire_settings *theirs = &n->peer[i].settings, *ours = &n->settings;
	char age[AS_OF_MAX];

	metrics_line(t,
		     "warning member %s differs%s: durability %s, heartbeat %" PRIu64
		     " us, election timeout %" PRIu64 " to %" PRIu64 " us; here %s, %" PRIu64
		     ", %" PRIu64 " to %" PRIu64 ": make them the same, one member at a time\n",
		     n->peer[i].name, as_of(settings_age_ns(n, i), age),
		     wal_durability_name((enum wal_durability)theirs->durability),
		     theirs->heartbeat_us, theirs->election_us_min, theirs->election_us_max,
		     wal_durability_name((enum wal_durability)ours->durability), ours->heartbeat_us,
		     ours->election_us_min, ours->election_us_max);
}

static void peer_faults(struct node *n, struct metrics_text *t, uint32_t i)
{
	struct dp_peer_state state;
	char age[AS_OF_MAX];

	if (n->peer[i].no_way) {
		metrics_line(t,
			     "error member %s cannot be reached: its address is this member's own, "
			     "or is not in the subnet of network.address and there is no "
			     "network.gateway\n",
			     n->peer[i].name);
		return;
	}
	if (n->peer[i].no_port[0])
		metrics_line(t,
			     "error the port to member %s cannot be made: %s (it is tried again)\n",
			     n->peer[i].name, n->peer[i].no_port);
	dp_get_peer(n->dp, i, &state);
	if (settings_differ(n, i))
		settings_fault(n, t, i);
	if (n->peer[i].settings.full)
		metrics_line(t,
			     "warning member %s cannot make the next segment of its log%s: its "
			     "own status says why\n",
			     n->peer[i].name, as_of(settings_age_ns(n, i), age));
	/* That its own directory is silent is said by those. */
	if (!said_forms(n, i) && !said_asks(n, i) &&
	    state.said[DP_SAID_IDENTITY] != HEARSAY_ALONE &&
	    state.said[DP_SAID_START] != HEARSAY_ALONE)
		way_faults(n, t, i);
	path_fault(n, t, i);
	said_text(n, i, &state, t);
}

static bool is_lost(const struct raft_status *raft, raft_id id)
{
	for (uint32_t i = 0; i < raft->progress_count; i++) {
		if (raft->progress[i].id == id)
			return raft->progress[i].lost;
	}
	return false;
}

/* Of the voters. */
struct heard {
	uint32_t members, heard, lost; /* lost: of those that are heard */
	bool majority, whole;          /* are heard; and did not lose writes */
};

/* Behind how many voters are heard. */
static const char *itself(const struct node *n)
{
	return node_votes(n, NODE_SELF) ? ", itself counted" : ", and this one does not vote";
}

/* Within an election timeout; itself counted, if it votes. */
static struct heard heard_count(const struct node *n, const struct raft_status *raft)
{
	uint32_t heard = NODE_SELF, lost = 0;
	struct node_tally whole;

	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		struct dp_peer_state state;

		dp_get_peer(n->dp, i, &state);
		if (!state.heard_ns ||
		    n->now_ns - state.heard_ns >= n->settings.election_us_max * 1000)
			continue;
		heard |= 1u << i;
		if (is_lost(raft, n->peer[i].at.member_id))
			lost |= 1u << i;
	}
	const struct node_tally all = node_votes_tally(n, heard);

	whole = node_votes_tally(n, heard & ~lost);
	return (struct heard){.members = all.of,
			      .heard = all.are,
			      .lost = all.are > whole.are ? all.are - whole.are : 0,
			      .majority = all.majority,
			      .whole = whole.majority};
}

/* What a leader, or who has none, hears: why nothing commits, or nobody is elected. */
static void majority_fault(struct node *n, const struct raft_status *raft, struct metrics_text *t)
{
	struct heard h = heard_count(n, raft);

	if (!h.majority)
		metrics_line(t,
			     "error this %s hears no majority: %u of %u members within an "
			     "election timeout%s\n",
			     raft->role == RAFT_LEADER ? "leader" : "member", h.heard, h.members,
			     itself(n));
	else if (!h.whole)
		metrics_line(t,
			     "error nothing commits: %u of %u members are heard, %u of them lost "
			     "writes and do not count until the others have caught them up\n",
			     h.heard, h.members, h.lost);
}

/* Those whose directories are new will never count again. */
static void refused_fault(struct node *n, struct metrics_text *t)
{
	uint32_t refused = 0;
	struct node_tally others;

	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		struct dp_peer_state state;

		dp_get_peer(n->dp, i, &state);
		if (state.said[DP_SAID_IDENTITY] == HEARSAY_ALONE)
			refused |= 1u << i;
	}
	others = node_votes_tally(n, ~refused);
	if (n->raft && !others.majority)
		metrics_line(t,
			     "error this cluster has lost its majority: %u of %u members have new "
			     "data directories, or somebody forges their packets: look at those "
			     "directories, and if they are new, restore the old ones or begin a "
			     "new cluster\n",
			     others.of - others.are, others.of);
}

/* As a configuration has it: 150 ms; below 10 ms in us. */
static const char *duration_text(uint64_t us, char out[32])
{
	if (us < 10000)
		snprintf(out, 32, "%" PRIu64 " us", us);
	else
		snprintf(out, 32, "%" PRIu64 " ms", (us + 999) / 1000);
	return out;
}

static void slow_fault(const struct node *n, struct metrics_text *t)
{
	char timeout[32], slowest[32], wanted[32];
	struct node_slow s;

	if (!node_disk_slow(n, &s))
		return;
	metrics_line(t,
		     "warning the disk is too slow for election-timeout, which is %s: %" PRIu32
		     " of its last %" PRIu32
		     " writes took longer than half of that, the slowest %s: an election may take "
		     "several rounds; set election-timeout to %s or more on all members, or use a "
		     "quicker disk\n",
		     duration_text(n->settings.election_us_min, timeout), s.slow, s.of,
		     duration_text(s.slowest_us, slowest), duration_text(s.wanted_us, wanted));
}

/* A write, a sync, a read, an opening. */
static void stall_fault(struct node *n, const struct node_stall *s, struct metrics_text *t)
{
	const struct wal_waiting *w = &s->waiting;

	if (s->is)
		metrics_line(
			t,
			"error the disk does not answer: a%s %s of %s/%s at offset %" PRIu64
			" has been in flight for %" PRIu64 " ms: %s until it ends\n",
			w->operation[0] == 'o' ? "n" : "", w->operation, n->options.wal.directory,
			w->file, w->offset, node_stall_ns(n, s) / 1000000,
			s == &n->stall[NODE_STALL_WRITE] ? "this member neither votes nor campaigns"
							 : "what is to be read back waits");
}

static void disk_fault(struct node *n, struct metrics_text *t)
{
	const struct node_tally space = node_space_members(n);

	slow_fault(n, t);
	for (int i = 0; i < NODE_STALLS; i++)
		stall_fault(n, &n->stall[i], t);
	if (!n->space.full && node_space_refuses(n))
		metrics_line(
			t,
			"error only %" PRIu32 " of %" PRIu32 " members can make the next "
			"segments of their logs, by what each said last, those that are silent "
			"not counted: no more puts are taken until a majority can\n",
			space.are, space.of);
	if (node_space_low(n) && !n->space.full) {
		char text[NODE_SPACE_TEXT_MAX];

		node_space_low_text(n, text, sizeof(text));
		metrics_line(t, "warning %s: when it is full no more puts are taken\n", text);
	}
	if (n->space.full) {
		char text[NODE_SPACE_TEXT_MAX];

		node_space_text(n, text, sizeof(text));
		metrics_line(
			t,
			"error %s: no more puts are taken while that is so%s; where there is room "
			"it goes on by itself\n",
			text,
			n->space_lack == NODE_SPACE_NONE ? ", nor deletes or compactions" : "");
	}
}

/* By this member's own quota: it is the leader's that refuses. A simulated node has none. */
static void store_fault(const struct metrics *m, struct metrics_text *t)
{
	if (m->quota && m->db_size > m->quota / 10 * 9)
		metrics_line(t,
			     "warning the store takes %" PRIu64 " bytes of the %" PRIu64
			     " of quota-backend-bytes: when it is full no more is put; compact "
			     "what is old (quoinctl compaction, auto-compaction-retention)\n",
			     m->db_size, m->quota);
}

/* V36: two members hold different entries; which is wrong cannot be told here. */
static void contradiction_fault(struct node *n, const struct raft_status *raft,
				struct metrics_text *t)
{
	const struct raft_contradiction *c = &raft->contradiction;

	if (c->count)
		metrics_line(t,
			     "error the logs differ: at index %" PRIu64 " this member holds %s "
			     "entry of term %" PRIu64 ", and member %s as leader sent another "
			     "one, of term %" PRIu64 ": refused (%" PRIu64 " such messages since "
			     "the start); one of the two is wrong, or somebody forged what was "
			     "refused\n",
			     c->index, c->committed ? "a committed" : "an", c->ours,
			     node_member_name(n, c->from), c->theirs, c->count);
}

/* R51: here, or somewhere. */
static void diverged_fault(const struct node *n, struct metrics_text *t)
{
	raft_index split = node_agreed_split(n);
	char text[NODE_DIVERGED_TEXT_MAX];

	if (n->diverged.index) {
		node_diverged_text(n, text, sizeof(text));
		metrics_line(t, "error etcdserver: corrupt cluster: %s\n", text);
	}
	if (split)
		metrics_line(t,
			     "error the members' snapshots at index %" PRIu64
			     " differ, and no majority has the same: which state is right is not "
			     "known, and nobody stops\n",
			     split);
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].settings.diverged)
			metrics_line(
				t,
				"warning member %s says that its state is not the one that the "
				"majority has: its own status says more\n",
				n->peer[i].name);
	}
}

/* F14: for as long as it may be asked why. */
static void calls_fault(const struct node *n, struct metrics_text *t)
{
	struct calls_trouble now = {0};

	if (n->serving.calls)
		calls_trouble_get(n->serving.calls, &now);
	if (now.starved)
		metrics_line(t, "error there is no file descriptor for who connects to the admin "
				"socket: raise the limit (LimitNOFILE of the unit, ulimit -n)\n");
	if (n->seen_calls.told && n->now_ns - n->seen_calls_ns < CALLS_FAULT_NS)
		metrics_line(t,
			     "warning all %d places of the admin socket were taken, by who waited "
			     "for answers or sent slowly: %" PRIu64
			     " requests were told BUSY since the start\n",
			     CALLS_MAX, n->seen_calls.told);
}

static void mac_fault(const struct node *n, struct metrics_text *t, uint32_t i)
{
	struct link_mac now;
	const uint8_t *was = dp_get_port(n->dp, i)->mac.byte;
	const char *interface = dp_get_port_strange(n->dp, i, &now);

	if (interface)
		metrics_line(
			t,
			"warning interface %s has another MAC address than its port, and is "
			"not promiscuous: a NIC drops frames for the port's: ip link set %s "
			"address %02x:%02x:%02x:%02x:%02x:%02x, or promisc on, or restart this "
			"node\n",
			interface, interface, was[0], was[1], was[2], was[3], was[4], was[5]);
}

static void port_fault(const struct node *n, struct metrics_text *t, uint32_t i)
{
	uint32_t mtu, asked = dp_get_port(n->dp, i)->mtu;
	const char *interface = dp_get_port_narrow(n->dp, i, &mtu);
	struct link_counters c;
	const char *name;
	bool up;

	if (interface)
		metrics_line(t,
			     "warning interface %s has an MTU of %u, below the %u of network.mtu: "
			     "larger packets are lost there: ip link set %s mtu %u\n",
			     interface, mtu, asked, interface, asked);
	mac_fault(n, t, i);
	if (!dp_get_port_dead(n->dp, i))
		return;
	dp_get_link(n->dp, i, &up, &c, &name);
	metrics_line(t,
		     "warning port %s has no link: nothing is received or sent by it; look after "
		     "its cable, and after what is at the other end\n",
		     name);
}

static void conflict_fault(const struct node *n, struct metrics_text *t)
{
	char lasts[CONFLICT_LASTS_MAX] = "";
	struct dp_conflict c;

	if (!n->conflict[0])
		return;
	/* Another's silence proves little, so it is asked again and again before it is over. */
	if (!n->address_taken[0] && dp_get_conflict(n->dp, &c) && n->now_ns < c.over_ns)
		snprintf(lasts, sizeof(lasts),
			 " (seen %" PRIu64 " s ago; if not again, this line goes in %" PRIu64 " s)",
			 (n->now_ns - c.seen_ns) / 1000000000,
			 (c.over_ns - n->now_ns + 999999999) / 1000000000);
	metrics_line(t,
		     "error this member's address is used by %s as well, or somebody pretends so: "
		     "what is sent to one of them may reach the other%s\n",
		     n->conflict, lasts);
}

size_t node_status_text(struct node *n, char *out, size_t size_max)
{
	struct metrics_text t = {.at = out, .size_max = size_max};
	struct metrics *m = n->metrics;
	struct raft_status raft;
	char waiting[NODE_FORMATION_TEXT_MAX];

	node_raft_status(n, &raft);
	node_metrics_collect(n, m);
	snprintf(m->hash, sizeof(m->hash), "%016" PRIx64, node_hash(n));
	t.size = metrics_status_text(m, out, size_max);
	metrics_line(&t, "members_index %" PRIu64 "\n",
		     node_removed(n) ? n->joined.index : raft.members_index);
	node_table_text(n, node_removed(n) ? &n->joined.members : &raft.members, &t);
	if (!raft.leader)
		metrics_line(&t, "error etcdserver: no leader\n");
	if (raft.role == RAFT_LEADER || (n->raft && !raft.leader))
		majority_fault(n, &raft, &t);
	refused_fault(n, &t);
	if (raft.role == RAFT_LEADER && raft.applied < raft.replay_last && !n->install.held)
		metrics_line(&t,
			     "warning this leader was just started and applies its log, %" PRIu64
			     " of %" PRIu64 " entries so far: requests wait for that\n",
			     raft.applied, raft.replay_last);
	contradiction_fault(n, &raft, &t);
	diverged_fault(n, &t);
	if (node_who_text(n, waiting, sizeof(waiting)) > 0)
		metrics_line(&t, "error %s\n", waiting);
	if (node_place_fault(n, waiting, sizeof(waiting)) > 0)
		metrics_line(&t, "error %s\n", waiting);
	if (raft.lost)
		metrics_line(&t, "error this member lost writes that it had acknowledged: it gives "
				 "no vote, and its acknowledgements do not count, until it is "
				 "caught up\n");
	if (node_install_text(n, waiting, sizeof(waiting)) > 0)
		metrics_line(&t, "%s %s\n", n->install.failed ? "error" : "warning", waiting);
	disk_fault(n, &t);
	store_fault(m, &t);
	calls_fault(n, &t);
	for (uint32_t i = 0; i < dp_get_port_count(n->dp); i++) {
		if (dp_get_port(n->dp, i))
			port_fault(n, &t, i);
	}
	conflict_fault(n, &t);
	node_formation_text(n, waiting, sizeof(waiting));
	metrics_line(&t, "%s", waiting);
	foreign_text(n, &t);
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		peer_faults(n, &t, i);
	return t.size;
}

static void leader_summary(const struct node *n, const struct raft_status *raft, char *out,
			   size_t size)
{
	struct heard h = heard_count(n, raft);

	if (h.members <= 1 && node_votes(n, NODE_SELF))
		snprintf(out, size, "leads in term %" PRIu64 ": it is the only member", raft->term);
	else if (h.majority && !h.whole)
		snprintf(
			out, size,
			"leads in term %" PRIu64
			", and nothing commits: %u of %u members are heard, %u of them lost writes",
			raft->term, h.heard, h.members, h.lost);
	else
		snprintf(out, size, "leads%s in term %" PRIu64 ": %u of %u members are heard%s",
			 h.majority ? "" : " nobody", raft->term, h.heard, h.members, itself(n));
}

void node_summary(const struct node *n, char *out, size_t size)
{
	static const char mark[] = "error ";
	char waiting[NODE_FORMATION_TEXT_MAX];
	const char *line = waiting;
	struct raft_status raft;

	node_raft_status(n, &raft);
	if (node_formation_text(n, waiting, sizeof(waiting)) > 0) {
		if (strncmp(line, mark, sizeof(mark) - 1) == 0)
			line += sizeof(mark) - 1;
		snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
	} else if (raft.role == RAFT_LEADER) {
		leader_summary(n, &raft, out, size);
	} else if (raft.leader) {
		snprintf(out, size, "follows %s in term %" PRIu64, node_member_name(n, raft.leader),
			 raft.term);
	} else {
		struct heard h = heard_count(n, &raft);

		snprintf(out, size,
			 "knows no leader in term %" PRIu64 ": %u of %u members are heard%s",
			 raft.term, h.heard, h.members, itself(n));
	}
}
