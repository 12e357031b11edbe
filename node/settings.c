/*
 * Members tell each other the settings that a cluster should share. One that differs is warned
 * of: a cluster is as durable as its weakest majority, and a short election timeout among long
 * ones disturbs everybody. They also say whether their logs have space: what a majority cannot take
 * is not taken by the leader. The same packets measure the round trip to each peer, and tell it
 * when it was last heard: so a way that is cut in one direction shows at both its ends.
 *
 * Nobody vouches for a packet (V35). So what a peer says counts only in its answer to a question of
 * ours: who forges one does not know its number, and what was recorded answers another one. What
 * it says unasked, and differs, is asked for at once. One thing cannot be answered: that the peer
 * does not hear us. It is believed when its packets come and no answer does, for HEARSAY_NS.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <string.h>

uint64_t settings_silent_ns(const struct node *n, uint32_t peer)
{
	const uint64_t heard_ns = dp_get_peer_heard(n->dp, peer);

	return heard_ns ? n->now_ns - heard_ns : UINT64_MAX;
}

uint64_t settings_age_ns(const struct node *n, uint32_t peer)
{
	return n->peer[peer].settings.heartbeat_us ? n->now_ns - n->peer[peer].answered_ns
						   : UINT64_MAX;
}

bool settings_unheard(const struct node *n, uint32_t peer)
{
	return settings_silent_ns(n, peer) < PEER_SILENT_NS &&
	       n->peer[peer].settings.heard_ms >= PEER_SILENT_NS / 1000000;
}

/* One that is diverged has none to give. */
static void snapshot_say(const struct node *n, struct wire_settings *settings)
{
	const struct raft_snapshot *s = &n->snapshot.newest;

	settings->diverged = n->diverged.index != 0;
	if (settings->diverged)
		return;
	settings->snapshot_index = s->index;
	settings->snapshot_term = s->term;
	settings->snapshot_hash = s->hash;
	settings->snapshot_own = s->index != n->diverged.pulled;
}

/* There is no state here, and the leader's newest snapshot ends before the log begins. */
static bool lacks(const struct node *n)
{
	const struct node_install *in = &n->install;
	int leader = in->held && n->raft ? node_peer_find(n, raft_leader(n->raft)) : -1;
	const struct wire_settings *told = leader < 0 ? NULL : &n->peer[leader].settings;

	return told && told->heartbeat_us && in->step == NODE_INSTALL_NONE &&
	       told->snapshot_index < n->applied;
}

static void settings_send(struct node *n, uint32_t peer, uint64_t question, uint64_t answer)
{
	struct wire_settings settings = n->settings;
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);
	uint64_t silent_ms = settings_silent_ns(n, peer) / 1000000;

	settings.full = (uint8_t)n->space_lack;
	settings.snapshot_lacks = lacks(n);
	snapshot_say(n, &settings);
	settings.heard_ms = silent_ms < UINT32_MAX ? (uint32_t)silent_ms : UINT32_MAX;
	settings.question = question;
	settings.answer = answer;
	if (body)
		dp_end(n->dp, WIRE_SETTINGS, wire_settings_encode(&settings, body));
}

static void ask(struct node *n, uint32_t peer)
{
	n->peer[peer].asked_ns = n->now_ns;
	n->peer[peer].question = question_number(n, NODE_QUESTION_SETTINGS, peer, n->questions++);
	settings_send(n, peer, n->peer[peer].question, 0);
}

void settings_drive(struct node *n)
{
	if (n->now_ns < n->next_settings_ns)
		return;
	n->next_settings_ns = n->now_ns + SETTINGS_EVERY_NS;
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		ask(n, i);
}

static_assert((int)WIRE_DURABILITY_MAX == (int)WAL_VOLATILE, "each of them can be told");
static_assert((int)WIRE_FULL_MAX == (int)NODE_SPACE_NONE, "likewise");

static bool same_timers(const struct wire_settings *a, const struct wire_settings *b)
{
	return a->heartbeat_us == b->heartbeat_us && a->election_us_min == b->election_us_min &&
	       a->election_us_max == b->election_us_max && a->durability == b->durability;
}

/* A heartbeat of zero marks a peer that has not told: none that is decoded has it. */
bool settings_differ(const struct node *n, uint32_t peer)
{
	const struct wire_settings *theirs = &n->peer[peer].settings;

	return theirs->heartbeat_us && !same_timers(&n->settings, theirs);
}

/* While a question is open its answer will say: so a flood makes one question each round trip. */
static void heard_unasked(struct node *n, uint32_t peer, const struct wire_settings *settings)
{
	struct wire_settings *known = &n->peer[peer].settings;

	hearsay_note(&n->peer[peer].unanswered, n->now_ns);
	if (hearsay_verdict(&n->peer[peer].unanswered, n->now_ns) == HEARSAY_ALONE)
		known->heard_ms = settings->heard_ms;
	if (!n->peer[peer].question &&
	    (!same_timers(settings, known) || settings->full != known->full ||
	     settings->client_port != known->client_port ||
	     settings->snapshot_index != known->snapshot_index ||
	     settings->diverged != known->diverged ||
	     settings->snapshot_lacks != known->snapshot_lacks))
		ask(n, peer);
}

/* One that it wrote stays one of its newest two. */
static void settings_know(struct node_peer *p, const struct wire_settings *settings)
{
	const struct wire_settings *known = &p->settings;

	if (known->snapshot_own && known->snapshot_index != 0 &&
	    known->snapshot_index != settings->snapshot_index)
		p->wrote = (struct node_wrote){known->snapshot_index, known->snapshot_hash};
	p->settings = *settings;
}

/*
 * A question is answered at once, so that what is measured is the way and the two loops. An answer
 * counts once, and only the one to the newest question: frames are duplicated, and come late.
 */
void settings_receive(struct node *n, uint32_t peer, const struct wire_settings *settings)
{
	bool differed = settings_differ(n, peer);

	if (settings->question && seldom_hear(n, peer, NODE_SELDOM_SETTINGS))
		settings_send(n, peer, 0, settings->question);
	if (!settings->answer || settings->answer != n->peer[peer].question) {
		heard_unasked(n, peer, settings);
		return;
	}
	histogram_observe(&n->peer[peer].round_trip, n->now_ns - n->peer[peer].asked_ns);
	n->peer[peer].question = 0;
	hearsay_deny(&n->peer[peer].unanswered);
	settings_know(&n->peer[peer], settings);
	n->peer[peer].answered_ns = n->now_ns;
	if (settings_differ(n, peer) && !differed)
		journal_write(n->journal, JOURNAL_WARN, "settings_differ",
			      "peer=%s durability=%s heartbeat_us=%" PRIu64 " election_us=%" PRIu64
			      "-%" PRIu64 " why=\"this member has others: make them the same\"",
			      n->peer[peer].name,
			      wal_durability_name((enum wal_durability)settings->durability),
			      settings->heartbeat_us, settings->election_us_min,
			      settings->election_us_max);
}
