#include "tests/trace/prose.h"

#include "raft/entry.h"
#include "tests/trace/members.h"
#include "tests/trace/words.h"
#include "tests/unit/raft/check.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* As a member was when it was last told of. */
struct view {
	enum raft_role role;
	raft_term term;
	raft_id vote;
	raft_id leader;
	raft_index commit;
	raft_index members_index;
	struct raft_members members;
	bool lost;
	uint64_t quorum_lost;
	raft_id transfer;
};

static struct view view[CLUSTER_NODES_MAX];
static FILE *out;

void prose_to(FILE *file)
{
	out = file;
}

static bool of_start(const struct raft_message *m)
{
	return m->type == RAFT_MESSAGE_START || m->type == RAFT_MESSAGE_START_REPLY;
}

static void on_sent(struct cluster *c, const struct raft_message *m)
{
	if (of_start(m))
		return;
	trace_message_print(out, m);
	if (c->cut[m->from - 1][m->to - 1])
		fprintf(out, " ... lost");
	else if (!c->node[m->to - 1].core)
		fprintf(out, " ... n%" PRIu64 " is down", m->to);
	fprintf(out, "\n");
}

static void on_received(struct cluster *c, const struct raft_message *m, int err)
{
	(void)c;
	if (err == 0 || of_start(m))
		return;
	fprintf(out, "n%" PRIu64 " drops: ", m->to);
	trace_message_print(out, m);
	fprintf(out, ": %s\n", trace_error_name(err));
}

static void on_persisting(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " writes (%" PRIu64 "):", n->id, ready->persist_seq);
	if (ready->hard_state && ready->hard_state->vote)
		fprintf(out, " term %" PRIu64 ", vote n%" PRIu64, ready->hard_state->term,
			ready->hard_state->vote);
	else if (ready->hard_state)
		fprintf(out, " term %" PRIu64 ", no vote", ready->hard_state->term);
	if (ready->entry_count > 0) {
		const struct raft_append a = {.entries = ready->entries,
					      .entry_count = ready->entry_count};
		fprintf(out, "%s", ready->hard_state ? "; " : " ");
		trace_entries_print(out, &a);
	}
	fprintf(out, "\n");
}

static void on_persisted(struct cluster *c, struct cluster_node *n)
{
	(void)c;
	fprintf(out, "n%" PRIu64 "'s disk has it (%" PRIu64 "), durable up to %" PRIu64 "\n", n->id,
		n->core->persisted, n->core->durable);
}

static void text_print(const struct raft_entry *e)
{
	fputc('"', out);
	for (uint16_t i = 0; i < e->size && i < 24; i++)
		fputc(isprint(e->data[i]) ? e->data[i] : '.', out);
	fprintf(out, "\"%s", e->size > 24 ? "..." : "");
}

static void on_applying(struct cluster *c, struct cluster_node *n, const struct raft_entry *e)
{
	struct raft_members members;

	(void)c;
	fprintf(out, "n%" PRIu64 " applies %" PRIu64 ": ", n->id, e->index);
	if (e->type == RAFT_ENTRY_COMMAND)
		text_print(e);
	else if (e->type == RAFT_ENTRY_MEMBERS &&
		 raft_members_decode(&members, e->data, e->size) == 0 && e->index == 1)
		trace_formed_print(out, &members); /* as the cluster was formed */
	else if (e->type == RAFT_ENTRY_MEMBERS)
		trace_members_print(out, &members);
	else
		fprintf(out, "%s", raft_entry_type_name(e->type));
	if (e->type == RAFT_ENTRY_COMMAND && e->flags != (RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST))
		fprintf(out, "%s",
			e->flags & RAFT_ENTRY_FIRST  ? " (a chain begins)"
			: e->flags & RAFT_ENTRY_LAST ? " (the chain ends)"
						     : " (the chain goes on)");
	fprintf(out, "\n");
}

static void on_read(struct cluster *c, struct cluster_node *n, const struct raft_read *read)
{
	(void)c;
	if (read->index == 0)
		fprintf(out, "n%" PRIu64 "'s read %" PRIu64 " is refused: ask again\n", n->id,
			read->context);
	else
		fprintf(out, "n%" PRIu64 "'s read %" PRIu64 " is confirmed at index %" PRIu64 "\n",
			n->id, read->context, read->index);
}

static void on_offered(struct cluster *c, struct cluster_node *n)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " is to fetch a snapshot up to %" PRIu64 "/%" PRIu64 "\n", n->id,
		n->offered.index, n->offered.term);
}

static void on_installed(struct cluster *c, struct cluster_node *n)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " has a snapshot, its log begins behind %" PRIu64 "/%" PRIu64 "\n",
		n->id, n->snapshot[0].index, n->snapshot[0].term);
}

static void role_changed(const struct cluster_node *n, const struct view *was, const struct raft *r)
{
	if (r->role == RAFT_PRECANDIDATE)
		fprintf(out,
			"n%" PRIu64 " times out, asks whether it would be elected in term %" PRIu64
			"\n",
			n->id, r->hard.term + 1);
	else if (r->role == RAFT_CANDIDATE && was->role == RAFT_PRECANDIDATE)
		fprintf(out, "n%" PRIu64 " becomes candidate in term %" PRIu64 "\n", n->id,
			r->hard.term);
	else if (r->role == RAFT_CANDIDATE && r->vote_transfer)
		fprintf(out,
			"n%" PRIu64 " is to take over, becomes candidate in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (r->role == RAFT_CANDIDATE)
		fprintf(out, "n%" PRIu64 " times out, becomes candidate in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (r->role == RAFT_LEADER)
		fprintf(out, "n%" PRIu64 " becomes leader of term %" PRIu64 "\n", n->id,
			r->hard.term);
	else if (r->quorum_lost != was->quorum_lost)
		fprintf(out,
			"n%" PRIu64
			" has heard no majority for too long, steps down in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (was->role == RAFT_PRECANDIDATE && r->hard.term == was->term)
		fprintf(out, "n%" PRIu64 " does not stand\n", n->id);
	else if (was->role != RAFT_FOLLOWER)
		fprintf(out, "n%" PRIu64 " steps down in term %" PRIu64 "\n", n->id, r->hard.term);
	else
		fprintf(out, "n%" PRIu64 " is in term %" PRIu64 "\n", n->id, r->hard.term);
}

static void on_told(struct cluster *c, struct cluster_node *from, struct cluster_node *to,
		    raft_index index)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " tells n%" PRIu64 " the members of entry %" PRIu64 "\n", from->id,
		to->id, index);
}

static void vote_changed(const struct cluster_node *n, const struct raft *r)
{
	if (r->hard.vote != n->id)
		fprintf(out, "n%" PRIu64 " %s n%" PRIu64 " in term %" PRIu64 "\n", n->id,
			r->hard.vote == r->leader ? "has no vote but for its leader"
						  : "grants its vote to",
			r->hard.vote, r->hard.term);
	else if (r->role == RAFT_FOLLOWER)
		fprintf(out,
			"n%" PRIu64 " votes for nobody in term %" PRIu64 ": it may have voted\n",
			n->id, r->hard.term);
}

static void commit_changed(const struct cluster_node *n, const struct view *was, const char *how)
{
	if (n->core->commit > was->commit)
		fprintf(out, "n%" PRIu64 " %s up to %" PRIu64 "\n", n->id, how, n->core->commit);
}

static void on_changed(struct cluster *c, struct cluster_node *n)
{
	const struct raft *r = n->core;
	struct view *was = &view[n->id - 1];

	(void)c;
	/* What a leader does next follows from what it has committed. */
	bool leads = was->role == RAFT_LEADER && r->hard.term == was->term;
	if (leads)
		commit_changed(n, was, "commits");
	trace_members_changed(out, n, &was->members, was->members_index);
	if (r->role != was->role || r->hard.term != was->term)
		role_changed(n, was, r);
	if (r->hard.vote != 0 && (r->hard.vote != was->vote || r->hard.term != was->term))
		vote_changed(n, r);
	if (r->leader != was->leader && r->leader != 0 && r->leader != n->id)
		fprintf(out, "n%" PRIu64 " follows n%" PRIu64 "\n", n->id, r->leader);
	if (r->lost.is != was->lost)
		fprintf(out, "n%" PRIu64 " %s\n", n->id,
			was->lost ? "is whole again" : "learns that it lost what it acknowledged");
	if (r->transfer.to != 0 && r->transfer.to != was->transfer)
		fprintf(out, "n%" PRIu64 " hands over to n%" PRIu64 "\n", n->id, r->transfer.to);
	if (was->transfer != 0 && r->transfer.to == 0 && r->role == RAFT_LEADER)
		fprintf(out, "n%" PRIu64 " gives the transfer up\n", n->id);
	if (!leads)
		commit_changed(n, was,
			       r->role == RAFT_LEADER ? "commits" : "learns that all is committed");
	*was = (struct view){.role = r->role,
			     .term = r->hard.term,
			     .vote = r->hard.vote,
			     .leader = r->leader,
			     .commit = r->commit,
			     .members_index = r->members_index,
			     .members = *raft_get_members(r),
			     .lost = r->lost.is,
			     .quorum_lost = r->quorum_lost,
			     .transfer = r->transfer.to};
}

const struct cluster_observer prose_observer = {
	.sent = on_sent,
	.received = on_received,
	.persisting = on_persisting,
	.persisted = on_persisted,
	.applying = on_applying,
	.read = on_read,
	.offered = on_offered,
	.installed = on_installed,
	.changed = on_changed,
	.told = on_told,
};

/* State that it remembers is not news. */
void prose_start(const struct cluster_node *n)
{
	view[n->id - 1] = (struct view){
		.term = n->disk_hard.term, .vote = n->disk_hard.vote, .lost = n->lost};
	fprintf(out, "n%" PRIu64 " starts as %" PRIx64 ", its disk holds term %" PRIu64, n->id,
		n->identity, n->disk_hard.term);
	if (n->disk_hard.vote)
		fprintf(out, ", vote n%" PRIu64, n->disk_hard.vote);
	fprintf(out, ", entries up to %" PRIu64 "%s\n", n->disk.last,
		n->lost ? ", and says that there were more" : "");
}

void prose_crashed(const struct cluster_node *n)
{
	memset(&view[n->id - 1], 0, sizeof(view[0]));
}

/* Healthy: a leader that a majority follows, and nothing that it has not committed. */
void prose_status(struct cluster *c)
{
	static const char *const role[] = {"follower", "precandidate", "candidate", "leader"};
	const struct cluster_node *leader = cluster_leader(c);
	uint32_t follow = 0;

	for (uint32_t i = 0; leader && i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];
		follow += n->core && raft_leader(n->core) == leader->id;
	}
	if (!leader)
		fprintf(out, "cluster: unhealthy, nobody is in charge\n");
	else if (follow <= c->options.nodes / 2 || leader->core->term_start == 0 ||
		 leader->core->commit < leader->core->window.last)
		fprintf(out, "cluster: unhealthy, n%" PRIu64 " leads and cannot commit\n",
			leader->id);
	else
		fprintf(out, "cluster: healthy, leader n%" PRIu64 "\n", leader->id);
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];
		struct raft_status s;
		if (!n->core) {
			fprintf(out, "    n%" PRIu64 ": down\n", n->id);
			continue;
		}
		raft_get_status(n->core, &s);
		fprintf(out,
			"    n%" PRIu64 ": %s, term %" PRIu64 ", last %" PRIu64 "/%" PRIu64
			", durable %" PRIu64 ", commit %" PRIu64 ", applied %" PRIu64 "%s\n",
			n->id, role[s.role], s.term, s.last, s.last_term, s.durable, s.commit,
			s.applied, s.lost ? ", lost" : "");
	}
}
