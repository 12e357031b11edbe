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

/* Of each kind one line in the log in this time. */
static const uint64_t SAY_NS = 10 * CLOCK_S;

enum { SENTENCE_MAX = 384 };

static const char *const events[DP_FOREIGN_COUNT] = {
	[DP_FOREIGN_CLUSTER] = "other_cluster",
	[DP_FOREIGN_VERSION] = "other_version",
	[DP_FOREIGN_MEMBER] = "unknown_member",
};

/* Theirs and ours. */
static void sentence(const struct node *n, enum dp_foreign_kind kind, const struct dp_foreign *f,
		     char out[SENTENCE_MAX])
{
	switch (kind) {
	case DP_FOREIGN_CLUSTER:
		snprintf(out, SENTENCE_MAX,
			 "packets of cluster %016" PRIx64
			 " arrive, and this member is of %016" PRIx64
			 ": look at what runs there: its initial-cluster or its --endpoints name "
			 "this member's address, or somebody forges packets",
			 f->id, n->cluster_id);
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
			 "and still runs, or its initial-cluster or network.address differs from "
			 "what this member has, or somebody forges packets",
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

static const char *from_text(const struct dp_foreign *f, char out[32])
{
	struct in_addr in = {.s_addr = htonl(f->address)};
	char address[INET_ADDRSTRLEN];

	snprintf(out, 32, "%s:%u", inet_ntop(AF_INET, &in, address, sizeof(address)), f->udp_port);
	return out;
}

void foreign_drive(struct node *n)
{
	char text[SENTENCE_MAX], from[32];

	for (int kind = 0; kind < DP_FOREIGN_COUNT; kind++) {
		const struct dp_foreign *f = dp_get_foreign(n->dp, (enum dp_foreign_kind)kind);
		struct node_foreign *said = &n->foreign[kind];

		if (!lasts(n, f) || f->count == said->count ||
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

		if (!lasts(n, f))
			continue;
		sentence(n, (enum dp_foreign_kind)kind, f, text);
		metrics_line(t, "warning %s (the last from %s, %" PRIu64 " in all)\n", text,
			     from_text(f, from), f->count);
	}
}
