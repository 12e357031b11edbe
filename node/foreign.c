/*
 * Strangers (F10): who sends what is not meant for this member, told in the log and, while it goes
 * on, in the status. Until packets are authenticated anybody may have sent one: they are told of
 * when they last (hearsay.h), as what was seen, and with where to look.
 */
#include "node/internal.h"

#include "base/clock.h"
#include "metrics/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of each kind one line in the log in this time. */
static const uint64_t SAY_NS = 10 * CLOCK_S;
/* Of one host one packet is answered in this time, and another's in a part of it. */
static const uint64_t ANSWER_NS = 1 * CLOCK_S;

enum { SENTENCE_MAX = 384, ANSWER_SIZE = 1 };

static const char *const events[DP_FOREIGN_COUNT] = {
	[DP_FOREIGN_CLUSTER] = "other_cluster",
	[DP_FOREIGN_VERSION] = "other_version",
	[DP_FOREIGN_MEMBER] = "unknown_member",
};

/* NULL: no member is there. */
static const char *member_at(const struct node *n, uint32_t address)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].at.address == address)
			return n->peer[i].name;
	}
	return NULL;
}

static void cluster_sentence(const struct node *n, const struct dp_foreign *f,
			     char out[SENTENCE_MAX])
{
	const char *name = member_at(n, f->from.address);

	if (n->cluster_id == 0)
		snprintf(out, SENTENCE_MAX,
			 "packets of cluster %016" PRIx64
			 " arrive from where none of initial-cluster is, and this member waits to "
			 "join: if it was added there, start it again with the members of today in "
			 "initial-cluster; or somebody forges packets",
			 f->id);
	else if (n->joined.formerly && f->id == n->joined.formerly && !f->to_peer_port)
		snprintf(out, SENTENCE_MAX,
			 "packets of cluster %016" PRIx64
			 " arrive, out of which this member was forced (now %016" PRIx64
			 "): a client keeps to the cluster that greeted it: start that client anew",
			 f->id, n->cluster_id);
	else if (n->joined.formerly && f->id == n->joined.formerly)
		snprintf(
			out, SENTENCE_MAX,
			"packets of cluster %016" PRIx64
			" arrive, out of which this member was forced (now %016" PRIx64
			"): a member of it runs on its old directory there: stop it and empty that "
			"directory, for enough of them are the old cluster again",
			f->id, n->cluster_id);
	else if (name)
		snprintf(out, SENTENCE_MAX,
			 "packets of cluster %016" PRIx64
			 " arrive from where member %s of this one, %016" PRIx64
			 ", should be: it was forced out of it (quoind --force-new-cluster), which "
			 "gives this cluster up, or it runs on another directory, or somebody "
			 "forges packets",
			 f->id, name, n->cluster_id);
	else
		snprintf(out, SENTENCE_MAX,
			 "packets of cluster %016" PRIx64
			 " arrive, and this member is of %016" PRIx64
			 ": look at what runs there: its initial-cluster or its --endpoints name "
			 "this member's address, or somebody forges packets",
			 f->id, n->cluster_id);
}

/* Theirs and ours. */
static void sentence(const struct node *n, enum dp_foreign_kind kind, const struct dp_foreign *f,
		     char out[SENTENCE_MAX])
{
	switch (kind) {
	case DP_FOREIGN_CLUSTER:
		cluster_sentence(n, f, out);
		break;
	case DP_FOREIGN_VERSION:
		snprintf(out, SENTENCE_MAX,
			 "packets of protocol version %u arrive, readable from %u on, and this "
			 "member reads %u: look at which release runs there, or who forges packets",
			 (unsigned int)(f->id & 0xff), (unsigned int)(f->id >> 8), WIRE_VERSION);
		break;
	case DP_FOREIGN_MEMBER:
		if (f->id == 0) {
			snprintf(
				out, SENTENCE_MAX,
				"packets of a member that is of no cluster yet arrive, and there "
				"is "
				"no member at that address: look at initial-cluster there, whether "
				"the member was added here, or somebody forges packets");
			break;
		}
		snprintf(out, SENTENCE_MAX,
			 "packets of member %016" PRIx64 " of this cluster (%016" PRIx64
			 ") arrive, and there is no such member at that address: it was removed "
			 "and still runs, or came while this member was away, which asks it when "
			 "it hears no leader, or its initial-cluster or network.address differs "
			 "from what this member has, or somebody forges packets",
			 f->id, n->cluster_id);
		break;
	case DP_FOREIGN_COUNT:
		break;
	}
}

/* One packet of a kind, or a burst, is no news (V35). */
static bool lasts(const struct node *n, const struct dp_foreign *f)
{
	return hearsay_verdict(&f->said, n->now_ns) != HEARSAY_NOTHING;
}

/*
 * Who waits to join may have been added, and whom it is to ask have left meanwhile: those who came
 * send to it. When it has come in they are no strangers.
 */
static bool is_told(const struct node *n, enum dp_foreign_kind kind, const struct dp_foreign *f)
{
	if (!lasts(n, f))
		return false;
	if (kind != DP_FOREIGN_CLUSTER)
		return true;
	if (n->cluster_id == 0)
		return n->formation.existing && !member_at(n, f->from.address);
	return f->id != n->cluster_id;
}

static const char *from_text(const struct dp_foreign *f, char out[32])
{
	struct in_addr in = {.s_addr = htonl(f->from.address)};
	char address[INET_ADDRSTRLEN];

	snprintf(out, 32, "%s:%u", inet_ntop(AF_INET, &in, address, sizeof(address)),
		 f->from.udp_port);
	return out;
}

/*
 * Who is of the cluster out of which this member was forced hears nothing more of it, and may be
 * the only one that does not know. Any packet of ours is a stranger's there, and is told of; that
 * one answers none, and what leaves is smaller than whatever members say.
 */
static void former_answer(struct node *n)
{
	const struct dp_foreign *f = dp_get_foreign(n->dp, DP_FOREIGN_CLUSTER);
	uint64_t wait_ns = f->from.address == n->former_to ? ANSWER_NS : ANSWER_NS / 16;
	uint32_t size_max;
	uint8_t *body;

	if (!n->joined.formerly || f->id != n->joined.formerly || !f->to_peer_port ||
	    f->count == n->former_count || n->now_ns < n->former_ns + wait_ns)
		return;
	n->former_count = f->count;
	n->former_to = f->from.address;
	n->former_ns = n->now_ns;
	body = dp_begin_client(n->dp, &f->from, &size_max);
	if (!body)
		return;
	memset(body, 0, ANSWER_SIZE);
	dp_end(n->dp, WIRE_WELCOME, ANSWER_SIZE);
}

void foreign_drive(struct node *n)
{
	char text[SENTENCE_MAX], from[32];

	former_answer(n);
	for (int kind = 0; kind < DP_FOREIGN_COUNT; kind++) {
		const struct dp_foreign *f = dp_get_foreign(n->dp, (enum dp_foreign_kind)kind);
		struct node_foreign *said = &n->foreign[kind];

		if (!is_told(n, (enum dp_foreign_kind)kind, f) || f->count == said->count ||
		    (said->count && n->now_ns - said->ns < SAY_NS))
			continue;
		sentence(n, (enum dp_foreign_kind)kind, f, text);
		journal_write(n->journal, JOURNAL_WARN, events[kind],
			      "from=%s port=%s packets=%" PRIu64 " why=\"%s\"", from_text(f, from),
			      f->to_peer_port ? "peer" : "client", f->count - said->count, text);
		*said = (struct node_foreign){.count = f->count, .ns = n->now_ns};
	}
}

void foreign_text(const struct node *n, struct metrics_text *t)
{
	char text[SENTENCE_MAX], from[32];

	for (int kind = 0; kind < DP_FOREIGN_COUNT; kind++) {
		const struct dp_foreign *f = dp_get_foreign(n->dp, (enum dp_foreign_kind)kind);

		if (!is_told(n, (enum dp_foreign_kind)kind, f))
			continue;
		sentence(n, (enum dp_foreign_kind)kind, f, text);
		metrics_line(t, "warning %s (the last from %s, %" PRIu64 " in all)\n", text,
			     from_text(f, from), f->count);
	}
}
