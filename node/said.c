/*
 * What packets that bear a peer's address say of it and are refused for (dataplane/hearsay.h), for
 * the status and, when it begins, for the log. Nobody vouches for a packet, so each sentence is
 * true as well of packets that are forged or sent again (V35).
 */
#include "node/internal.h"

#include "metrics/text.h"

enum { TELL_NS = 100 * 1000 * 1000 };

/* A turn may take a thousandth of that, and what is looked at is far from small. */
enum { LOOK_NS = 1000 * 1000 };

static const struct {
	const char *event; /* of the log */
	const char *alone, *beside;
} said[DP_SAID_COUNT] = {
	[DP_SAID_IDENTITY] =
		{"peer_refused",
		 "has a new data directory and is refused, or somebody forges its packets: none "
		 "comes from the directory that the cluster knows; votes and acknowledgements from "
		 "another one do not count",
		 "is heard, and packets that bear its address and another data directory come as "
		 "well, and are refused: they are forged, or two processes use the address"},
	[DP_SAID_START] =
		{"peer_old_start",
		 "shows a start that is not its newest one, and is not heard: its directory was "
		 "copied or rolled back and it has not been told yet, or its packets are forged or "
		 "sent again",
		 "is heard, and packets of another start of it than the newest come as well, and "
		 "are refused: they are forged or sent again, or two copies of its directory run"},
	[DP_SAID_RECEIVER] =
		{"refused",
		 "takes this member for another directory, or somebody forges its packets: they "
		 "are refused",
		 "is heard, and packets of it to another directory than this member's come as "
		 "well, and are refused: they are forged or sent again"},
};

/*
 * So long others go on to send to that directory when it is out of the table here: until the leader
 * has committed that, and for one election timeout more, in which it is told (raft/membership.c).
 * And a verdict lasts HEARSAY_NS from the last of them.
 */
static uint64_t shared_on_ns(const struct node *n)
{
	return 2 * n->options.election_us_max * 1000 + HEARSAY_NS;
}

/* Whom it replaces where it stands is a member yet, and others send to that directory. */
static bool shares_its_place(const struct node *n)
{
	const struct raft_members *table = n->raft ? raft_get_members(n->raft) : NULL;

	for (uint32_t i = 0; table && i < table->count; i++) {
		if (table->member[i].id != n->id && table->member[i].place == node_own_place(n))
			return true;
	}
	return false;
}

static enum hearsay_verdict verdict_on(const struct node *n, const struct dp_peer_state *state,
				       int about)
{
	return about == DP_SAID_RECEIVER && n->now_ns < n->shared_until_ns ? HEARSAY_NOTHING
									   : state->said[about];
}

/* Who was announced: its directory is not known yet. */
static const char forms[] = "was added and does not join, for what is there forms a cluster, or "
			    "somebody forges its packets: set initial-cluster-state: existing "
			    "there, and start it again";

bool said_asks(const struct node *n, uint32_t peer)
{
	return hearsay_verdict(&n->peer[peer].asks, n->now_ns) != HEARSAY_NOTHING;
}

static const char *words(enum dp_said about, enum hearsay_verdict verdict)
{
	return verdict == HEARSAY_ALONE ? said[about].alone : said[about].beside;
}

bool said_forms(const struct node *n, uint32_t peer)
{
	return hearsay_verdict(&n->peer[peer].forms, n->now_ns) != HEARSAY_NOTHING;
}

void said_text(const struct node *n, uint32_t peer, const struct dp_peer_state *state,
	       struct metrics_text *t)
{
	char place[NODE_PLACE_TEXT_SIZE];

	if (said_forms(n, peer))
		metrics_line(t, "error member %s %s\n", n->peer[peer].name, forms);
	if (said_asks(n, peer))
		metrics_line(t,
			     "warning member %s at %s waits to join, is heard, and does not hear "
			     "that it is let in: the way to it is cut, or somebody forges its "
			     "packets\n",
			     n->peer[peer].name,
			     node_place_text(node_peer_place(&n->peer[peer]), place));
	for (int i = 0; i < DP_SAID_COUNT; i++) {
		enum hearsay_verdict v = verdict_on(n, state, i);

		if (v != HEARSAY_NOTHING)
			metrics_line(t, "%s member %s %s\n",
				     v == HEARSAY_ALONE ? "error" : "warning", n->peer[peer].name,
				     words((enum dp_said)i, v));
	}
}

/*
 * Whoever speaks from a start that is not his newest is told so at once, without having asked: it
 * may be the member itself, and somebody forged a later one. The live one of two ignores it.
 */
static void start_tell(struct node *n, uint32_t peer, const struct dp_peer_state *state)
{
	if (!state->other_start_ns || state->other_start_ns == n->peer[peer].start_told_ns ||
	    n->now_ns - n->peer[peer].start_told_ns < TELL_NS)
		return;
	n->peer[peer].start_told_ns = state->other_start_ns;
	raft_start_tell(n->raft, n->peer[peer].at.member_id, state->other_start);
}

static void forms_tell(struct node *n, uint32_t peer)
{
	bool before = n->peer[peer].seen_forms, now = said_forms(n, peer);

	n->peer[peer].seen_forms = now;
	if (now && !before)
		journal_write(n->journal, JOURNAL_ERROR, "does_not_join", "peer=%s why=\"%s\"",
			      n->peer[peer].name, forms);
}

/* One line for each verdict: it takes HEARSAY_NS to come about, so there are few. */
void said_drive(struct node *n)
{
	struct dp_peer_state state;

	if (n->now_ns < n->next_said_ns)
		return;
	n->next_said_ns = n->now_ns + LOOK_NS;
	if (shares_its_place(n))
		n->shared_until_ns = n->now_ns + LOOK_NS + shared_on_ns(n);
	for (uint32_t peer = 0; node_peer_next(n, &peer); peer++) {
		dp_get_peer(n->dp, peer, &state);
		start_tell(n, peer, &state);
		forms_tell(n, peer);
		for (int i = 0; i < DP_SAID_COUNT; i++) {
			enum hearsay_verdict before = n->peer[peer].seen_said[i],
					     now = verdict_on(n, &state, i);

			n->peer[peer].seen_said[i] = now;
			if (now != before && now != HEARSAY_NOTHING)
				journal_write(n->journal,
					      now == HEARSAY_ALONE ? JOURNAL_ERROR : JOURNAL_WARN,
					      said[i].event, "peer=%s why=\"%s\"",
					      n->peer[peer].name, words((enum dp_said)i, now));
		}
	}
}
