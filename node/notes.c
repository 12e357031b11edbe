/*
 * Changes since the last turn, for the log.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { HANDED_MAX = 64 };

#define REPLAY_TOLD_NS UINT64_C(1000000000)
/* F14: each call that is turned away is counted, and told so often. */
#define CALLS_TOLD_NS UINT64_C(10000000000)

static void count_changes(struct node *n, raft_id leader, raft_term term, enum raft_role role)
{
	bool stands = role == RAFT_CANDIDATE || role == RAFT_LEADER;

	if (stands && term != n->seen_term)
		n->counters.elections_started++;
	if (role == RAFT_LEADER && n->seen_role != RAFT_LEADER)
		n->counters.elections_won++;
	if (leader && leader != n->seen_leader)
		n->counters.leader_changes++;
}

/* What it is begun for is true while it is begun. */
static const char *transfer_why(const struct node *n)
{
	const struct raft_member *self;

	if (n->hand_over_ns)
		return "this member is told to stop";
	if (n->ordered_transfer)
		return "an order (move-leader)";
	if (n->diverged.index)
		return "its state is not the one that the majority has";
	if (n->space.full)
		return "there is no space for its log";
	self = raft_members_find(raft_get_members(n->raft), n->id);
	return self && self->voter ? "election-priority" : "this member is to vote no more";
}

/* Begun, or given up; that it was done is said by log_step_down. */
static void log_transfer(struct node *n)
{
	raft_id to = raft_get_transfer(n->raft);
	bool leads = raft_get_role(n->raft) == RAFT_LEADER;

	if (to == n->seen_transfer) {
		n->ordered_transfer = false;
		return;
	}
	if (n->seen_transfer && leads)
		journal_write(
			n->journal, JOURNAL_WARN, "transfer_given_up",
			"to=%s why=\"it did not stand for election within election-timeout, or "
			"was not heard of any more\"",
			node_member_name(n, n->seen_transfer));
	if (to) {
		n->seen_transfer_why = transfer_why(n);
		journal_write(n->journal, JOURNAL_INFO, "transfer_started",
			      "term=%" PRIu64 " to=%s why=\"%s\"", raft_get_term(n->raft),
			      node_member_name(n, to), n->seen_transfer_why);
	}
	n->ordered_transfer = false;
	if (leads)
		n->seen_transfer = to;
}

static const char *step_down_text(const struct node *n, const struct raft_status *s, raft_id leader,
				  char handed[HANDED_MAX])
{
	if (s->quorum_lost != n->seen_quorum_lost)
		return "no majority answered it for election-timeout";
	if (n->seen_transfer) {
		snprintf(handed, HANDED_MAX, "it handed over: %s", n->seen_transfer_why);
		return handed;
	}
	if (s->disk_stalled)
		return "its disk does not answer, and the others go on without it";
	if (s->term == n->seen_term && !node_votes(n, NODE_SELF))
		return "it is no voter any more";
	return leader ? "another member was elected" : "it heard of a later term";
}

/* It led, and does not now. */
static void log_step_down(struct node *n, enum raft_role role, raft_id leader)
{
	struct raft_status s;
	char handed[HANDED_MAX];

	if (n->seen_role != RAFT_LEADER || role == RAFT_LEADER)
		return;
	node_raft_status(n, &s);
	journal_write(n->journal, JOURNAL_WARN, "stepped_down",
		      "term=%" PRIu64 " was_leader_of=%" PRIu64 " why=\"%s\"", s.term, n->seen_term,
		      step_down_text(n, &s, leader, handed));
	n->seen_quorum_lost = s.quorum_lost;
	n->seen_transfer = 0;
}

static void log_changes(struct node *n)
{
	raft_id leader = raft_leader(n->raft);
	raft_term term = raft_get_term(n->raft);
	enum raft_role role = raft_get_role(n->raft);

	log_transfer(n);
	if (leader == n->seen_leader && term == n->seen_term && role == n->seen_role)
		return;
	count_changes(n, leader, term, role);
	log_step_down(n, role, leader);
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

static void log_contradiction(struct node *n)
{
	struct raft_status s;

	if (n->seen_contradiction || n->seen_contradicts == n->counters.raft_contradicts)
		return;
	n->seen_contradicts = n->counters.raft_contradicts;
	node_raft_status(n, &s);
	if (!s.contradiction.count)
		return; /* a second leader in a term */
	n->seen_contradiction = true;
	journal_write(n->journal, JOURNAL_ERROR, "logs_differ",
		      "index=%" PRIu64 " term=%" PRIu64 " other_term=%" PRIu64 " from=%s "
		      "why=\"a leader sent another entry than is %s here; it was refused\"",
		      s.contradiction.index, s.contradiction.ours, s.contradiction.theirs,
		      node_member_name(n, s.contradiction.from),
		      s.contradiction.committed ? "committed" : "held");
}

/*
 * The store is made anew of the log: a long one takes its time, and says so once a second; not
 * while it waits for a leader, who knows what is committed, or for a state that the log follows.
 */
static void log_replay(struct node *n)
{
	struct raft_status s;

	if (n->now_ns < n->replay_ns || n->install.held)
		return;
	node_raft_status(n, &s);
	if (s.applied >= s.replay_last) {
		n->replay_ns = UINT64_MAX;
		return;
	}
	if (n->replay_ns && s.applied < s.commit)
		journal_write(n->journal, JOURNAL_INFO, "replaying",
			      "applied=%" PRIu64 " of=%" PRIu64, s.applied, s.replay_last);
	n->replay_ns = n->now_ns + REPLAY_TOLD_NS;
}

static void log_calls(struct node *n)
{
	struct calls_trouble now, *seen = &n->seen_calls;

	if (!n->serving.calls || (n->seen_calls_ns && n->now_ns - n->seen_calls_ns < CALLS_TOLD_NS))
		return;
	calls_trouble_get(n->serving.calls, &now);
	if (now.told == seen->told && now.starved == seen->starved)
		return;
	if (now.told != seen->told)
		journal_write(
			n->journal, JOURNAL_WARN, "socket_full",
			"refused=%" PRIu64
			" why=\"all %d places of the admin socket were taken, by who waited for "
			"answers or sent slowly: who came was told BUSY\"",
			now.told - seen->told, CALLS_MAX);
	if (now.starved && !seen->starved)
		journal_write(
			n->journal, JOURNAL_ERROR, "socket_starved",
			"why=\"there is no file descriptor for who connects to the admin "
			"socket: it waits until there is one; the limit is LimitNOFILE of the "
			"unit, or ulimit -n\"");
	if (!now.starved && seen->starved)
		journal_write(n->journal, JOURNAL_INFO, "socket_fed",
			      "why=\"the admin socket has file descriptors again\"");
	*seen = now;
	n->seen_calls_ns = n->now_ns;
}

void node_notes(struct node *n)
{
	log_calls(n);
	log_replay(n);
	log_contradiction(n);
	log_changes(n);
	said_drive(n);
}
