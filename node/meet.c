/*
 * A member that finds its cluster again (D16). Who lags, or was away, while others were replaced or
 * moved may know them only where nobody of the cluster is any more, and takes those who are for
 * strangers; they have it in their table, and send to it. So while it hears no leader it asks the
 * last stranger too who the members are (who.c), and hears the one who answers, until its own log
 * says who that is.
 *
 * Anybody may have sent what came, and anybody may answer (V28, V35). So
 *
 *	1. nobody is asked for one packet, nor in a calm that ends by an election: strangers' have
 *	   come for seconds, and no leader was heard in that time. One question is open at a time,
 *	   one is sent in a second, and by the way that the packet came;
 *	2. an answer counts once, from there, under the number of the question: of this cluster, by
 *	   a table newer than the newest that is known to be committed, in which this member is what
 *	   it is, and so is whoever answers;
 *	3. one is met at a time, in a place that no member of the table needs. None of these is let
 *	   go for him, or heard or sent to elsewhere instead: if he bears the id of one of them,
 *	   both places are heard, and both are answered;
 *	4. his table is never in force, and he elects nobody, be his id a member's or not: he is
 *	   heard as one that may lead or stand (raft_meet, network.c), to whom this member is one
 *	   voter or learner more by his own log, and no more. If the table has his directory, he
 *	   is one of its witnesses too (raft/start.c), wherever he is: without him this member may
 *	   be needed, and cannot vote;
 *	5. it ends when a table has him there, when somebody else leads, when he is silent, or when
 *	   he is heard where the table has him.
 *
 * What this does not hold against is who answers well, and is no member: he can lead one that no
 * other leads, as any member that has gone mad can.
 */
#include "node/internal.h"

#include <inttypes.h>

static void ask(struct node *n, const struct dp_foreign *f)
{
	struct node_meeting *g = &n->meeting;
	uint32_t size_max;
	uint8_t *body = dp_begin_question(n->dp, &f->from, &size_max);

	g->question = 0;
	if (!body)
		return;
	g->asked = f->from;
	g->question = question_number(n, NODE_QUESTION_WHO, DP_PEERS_MAX, n->questions++);
	dp_end(n->dp, WIRE_WHO, wire_who_encode(g->question, body));
}

/* Rule 1. Who is of no cluster yet has nothing to say. */
static void ask_drive(struct node *n)
{
	const struct dp_foreign *f = dp_get_foreign(n->dp, DP_FOREIGN_MEMBER);
	struct node_meeting *g = &n->meeting;

	if (n->now_ns < g->next_ns || n->now_ns < n->who_first_ns + HEARSAY_NS ||
	    f->count == g->count || f->id == 0 ||
	    hearsay_verdict(&f->said, n->now_ns) == HEARSAY_NOTHING)
		return;
	g->next_ns = n->now_ns + SETTINGS_EVERY_NS;
	g->count = f->count;
	ask(n, f);
}

static uint64_t heard_ns(const struct node *n, int place)
{
	return place < 0 ? 0 : dp_get_peer_heard(n->dp, (uint32_t)place);
}

/* Rule 5, but for the table, which peers.c follows. */
static bool is_over(const struct node *n, int met)
{
	const struct node_peer *p = &n->peer[met];
	raft_id leader = raft_leader(n->raft), id = p->at.member_id;
	uint64_t last_ns = heard_ns(n, met);

	if (last_ns < p->met_ns)
		last_ns = p->met_ns;
	return (leader != 0 && leader != id) || n->now_ns - last_ns >= PEER_SILENT_NS ||
	       heard_ns(n, node_peer_find(n, id)) > p->met_ns;
}

void node_meet_drive(struct node *n)
{
	int met = node_peer_met(n);

	if (met >= 0 && is_over(n, met)) {
		journal_write(n->journal, JOURNAL_INFO, "member_let_go",
			      "peer=%s member_id=%016" PRIx64, n->peer[met].name,
			      n->peer[met].at.member_id);
		node_peer_part(n);
	}
	if (raft_leader(n->raft) != 0)
		n->meeting.question = 0;
	else
		ask_drive(n);
}

/* Of a stranger; or of who was asked as the learner that it was, and has a directory by now. */
static bool was_asked(const struct node *n, const struct dp_datagram *d, uint64_t question)
{
	const struct node_meeting *g = &n->meeting;

	if (question == 0)
		return false;
	if (question == g->question && d->from.address == g->asked.address &&
	    d->from.udp_port == g->asked.udp_port && d->from.port == g->asked.port)
		return true;
	return !d->stranger && node_who_asked(n, d->peer, question) >= 0;
}

/* As its own table has it; NULL: it is not what it would have to be. */
static const struct raft_member *who_answers(const struct node *n, const struct dp_datagram *d,
					     const struct wire_members *m)
{
	const struct raft_member *who =
		raft_members_find(&m->joined.members, d->envelope.source_id);
	const uint64_t there = (uint64_t)d->from.address << 16 | d->from.udp_port;
	const struct raft_member *known =
		who ? raft_members_find(raft_get_members(n->raft), who->id) : NULL;

	if (!who || who->id == n->id || who->identity == 0 ||
	    who->identity != d->envelope.source_identity || node_member_place(n, who) != there ||
	    there == node_own_place(n))
		return NULL;
	/* Another directory than this member knows of that id, for good (R7). */
	if (known && known->identity != 0 && known->identity != who->identity)
		return NULL;
	return who;
}

void node_meet_told(struct node *n, const struct dp_datagram *d, const struct wire_members *m)
{
	const struct raft_member *who = who_answers(n, d, m);
	struct raft_status s;
	raft_index index;
	int met = node_peer_met(n);

	if (!who || !was_asked(n, d, m->question))
		return;
	node_raft_status(n, &s);
	(void)node_members_committed(&s, &index);
	if (m->joined.index <= index)
		return;
	n->meeting.question = 0;
	const struct dp_peer at = {.member_id = who->id,
				   .identity = who->identity,
				   .address = d->from.address,
				   .udp_port = d->from.udp_port};
	if (met >= 0 && n->peer[met].at.member_id == at.member_id &&
	    n->peer[met].at.identity == at.identity &&
	    node_peer_place(&n->peer[met]) == node_member_place(n, who))
		return; /* he it is */
	node_peer_part(n);
	node_peer_meet(n, &at);
}
