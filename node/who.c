/*
 * Who the members are (D16), asked by a member that hears no leader of all that it knows, and told
 * to whoever of this cluster asks: also to a stranger by its address, because it was removed while
 * it was down, or has moved. An answer is no larger than its question, strangers' questions are
 * few (dataplane/dp.c), and nothing is kept of them.
 *
 * Nobody vouches for a packet, and a member may have gone mad (V28, V35). So that it was removed is
 * believed by a member that
 *
 *	1. hears no leader: who does is needed, whatever is said;
 *	2. has asked, for an answer bears the number of the question that went to that address;
 *	3. has it from a majority of the other voters, of each set, of the newest table that it
 *	   knows to be committed, and of the newest of its own log if it was told that one; and who
 *	   was told a table himself passes it on to nobody: so no member alone ends another one,
 *	   but in a cluster of two;
 *	4. of a table that is newer than that one, and has neither its id nor its directory.
 *
 * Fewer of them are told of in the log and the status, and a person decides. By address, and not by
 * directory: who was away for long finds others where its members were. What this does not hold
 * against is a majority that lies, and who reads what is sent to a majority.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* Said so long ago it is said no more: three questions. */
#define SAID_NS (3 * SETTINGS_EVERY_NS)
/* One line of the log in this time. */
#define TOLD_NS (10 * SETTINGS_EVERY_NS)
/* Two elections that nobody won: until then one is under way. */
enum { WAIT_ELECTIONS = 2 };

/* --- told -------------------------------------------------------------------------------- */

/* False: nothing can be said of who asks. *id 0: it is no member. */
static bool standing(const struct node *n, const struct raft_members *table,
		     const struct wire_envelope *e, raft_id *id)
{
	const struct raft_member *m = raft_members_find(table, e->source_id);

	*id = m ? m->id : 0;
	/* Who has no directory asks nothing, also in the name of a learner that has none yet. */
	if (e->source_identity == 0)
		return false;
	if (m)
		return m->identity == e->source_identity;
	/* It may come in by a table that is not committed yet. */
	return !raft_members_find(raft_get_members(n->raft), e->source_id);
}

void node_who_hear(struct node *n, const struct dp_datagram *d)
{
	struct wire_members m = {.to = d->envelope.source_identity};
	const struct raft_members *table;
	struct raft_status s;
	uint32_t size_max;
	uint8_t *body;

	if (wire_who_decode(&m.question, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (!n->raft)
		return;
	node_raft_status(n, &s);
	table = node_members_vouched(&s, &m.joined.index);
	if (m.joined.index == 0 || !standing(n, table, &d->envelope, &m.joined.id))
		return;
	m.joined.cluster_id = n->cluster_id;
	m.joined.members = *table;
	body = d->stranger ? dp_begin_stranger(n->dp, &d->from, m.to, &size_max)
			   : dp_begin_peer(n->dp, d->peer, &size_max);
	if (!body)
		return; /* it asks again */
	n->counters.strangers_told += d->stranger;
	dp_end(n->dp, WIRE_MEMBERS, wire_members_encode(&m, body));
}

/* --- asked ------------------------------------------------------------------------------- */

static void ask(struct node *n, uint32_t peer)
{
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	n->peer[peer].who = 0;
	if (!body)
		return;
	n->peer[peer].who = question_number(n, NODE_QUESTION_WHO, peer, n->questions++);
	dp_end(n->dp, WIRE_WHO, wire_who_encode(n->peer[peer].who, body));
}

static bool says_gone(const struct node *n, uint32_t peer)
{
	const struct node_peer *p = &n->peer[peer];

	return p->gone_index != 0 && n->now_ns - p->gone_ns < SAID_NS;
}

/* Of the voters of one set, but for this member. False: no majority of them, or there are none. */
static bool majority_says(const struct node *n, const struct raft_members *table, bool before)
{
	uint32_t others = 0, say = 0;

	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];
		int peer = node_peer_find(n, m->id);

		if (m->id == n->id || !(before ? m->voter_before : m->voter))
			continue;
		others++;
		say += peer >= 0 && says_gone(n, (uint32_t)peer);
	}
	return say > others / 2;
}

static bool majorities_say(const struct node *n, const struct raft_members *table)
{
	return majority_says(n, table, false) &&
	       (!raft_members_joint(table) || majority_says(n, table, true));
}

static bool names_us(const struct node *n, const struct raft_members *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->member[i].id == n->id ||
		    table->member[i].identity == n->recovered.identity)
			return true;
	}
	return false;
}

/* Where it came from two members may be: the number tells whom was asked. */
int node_who_asked(const struct node *n, uint32_t peer, uint64_t question)
{
	uint64_t there = node_peer_place(&n->peer[peer]);

	for (uint32_t i = 0; question != 0 && node_peer_next(n, &i); i++) {
		if (n->peer[i].who == question && node_peer_place(&n->peer[i]) == there)
			return (int)i;
	}
	return -1;
}

void node_who_told(struct node *n, const struct dp_datagram *d, const struct wire_members *m)
{
	const struct raft_members *table;
	struct raft_status s;
	raft_index index;
	int peer = node_who_asked(n, d->peer, m->question);

	if (!n->raft || raft_leader(n->raft) != 0 || peer < 0 ||
	    m->joined.cluster_id != n->cluster_id || names_us(n, &m->joined.members))
		return;
	node_raft_status(n, &s);
	table = node_members_committed(&s, &index);
	if (m->joined.index <= index)
		return;
	n->peer[peer].who = 0;
	n->peer[peer].gone_index = m->joined.index;
	n->peer[peer].gone_ns = n->now_ns;
	n->gone = m->joined;
	n->gone_sure = majorities_say(n, table) &&
		       (!node_members_told(n) || majorities_say(n, raft_get_log_members(n->raft)));
}

size_t node_who_text(const struct node *n, char *out, size_t size_max)
{
	uint32_t say = 0, first = 0;

	out[0] = '\0';
	for (uint32_t i = 0; n->raft && node_peer_next(n, &i); i++) {
		if (!says_gone(n, i))
			continue;
		if (say++ == 0)
			first = i;
	}
	if (say == 0)
		return 0;
	return (size_t)snprintf(
		out, size_max,
		"member %s%s says that this member was removed (member table at log index %" PRIu64
		"), and no majority of the others does: if quoinctl member list at one of them "
		"shows the same, stop this member and remove its directory",
		n->peer[first].name, say > 1 ? ", as others," : "", n->peer[first].gone_index);
}

/* Who needs nobody's answer leads on, wherever it is. */
static bool leads_alone(const struct node *n)
{
	const struct raft_members *table = raft_get_members(n->raft);

	return raft_leader(n->raft) == n->id && raft_members_voters(table) == 1 &&
	       !raft_members_joint(table);
}

size_t node_place_fault(const struct node *n, char *out, size_t size_max)
{
	char there[NODE_PLACE_TEXT_SIZE], here[NODE_PLACE_TEXT_SIZE];
	const struct raft_member *self;
	uint64_t place;
	bool alone;

	out[0] = '\0';
	if (!n->raft)
		return 0;
	alone = leads_alone(n);
	if (!alone && (raft_leader(n->raft) != 0 || n->who_ns == 0 || n->now_ns < n->who_first_ns))
		return 0;
	self = raft_members_find(raft_get_members(n->raft), n->id);
	place = self ? node_member_place(n, self) : 0;
	if (place == 0 || place == node_own_place(n))
		return 0;
	return (size_t)snprintf(
		out, size_max,
		"the member table has this member at %s, and it is at %s, where the "
		"others do not hear it: start it with network.address, and itself in "
		"initial-cluster, at %s; or, %s, quoinctl member update %016" PRIx64 " %s %s",
		node_place_text(place, there), node_place_text(node_own_place(n), here), there,
		alone ? "for it leads" : "if another one leads", n->id, here,
		alone ? "here" : "there");
}

static void say_place(struct node *n)
{
	char text[NODE_ERROR_MAX];

	if ((n->elsewhere_told_ns && n->now_ns - n->elsewhere_told_ns < TOLD_NS) ||
	    node_place_fault(n, text, sizeof(text)) == 0)
		return;
	n->elsewhere_told_ns = n->now_ns;
	journal_write(n->journal, JOURNAL_ERROR, "elsewhere", "why=\"%s\"", text);
}

static void say_told(struct node *n)
{
	char text[NODE_ERROR_MAX];

	if (n->gone_sure || (n->gone_told_ns && n->now_ns - n->gone_told_ns < TOLD_NS) ||
	    node_who_text(n, text, sizeof(text)) == 0)
		return;
	n->gone_told_ns = n->now_ns;
	journal_write(n->journal, JOURNAL_WARN, "removal_told", "why=\"%s\"", text);
}

void node_who_drive(struct node *n)
{
	const uint64_t wait_ns = WAIT_ELECTIONS * n->options.election_us_max * 1000;

	if (n->who_ns == 0 || raft_leader(n->raft) != 0) {
		n->who_ns = n->who_first_ns = n->now_ns + wait_ns;
		n->gone_sure = false;
		for (uint32_t i = 0; node_peer_next(n, &i); i++)
			n->peer[i].who = n->peer[i].gone_index = 0;
		say_place(n);
		return;
	}
	if (n->now_ns < n->who_ns)
		return;
	say_place(n);
	say_told(n); /* what was asked before is answered, if it is */
	node_places_turn(n);
	n->who_ns = n->now_ns + SETTINGS_EVERY_NS;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (!n->peer[i].met_ns)
			ask(n, i);
	}
}
