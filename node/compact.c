/*
 * Old versions are compacted by themselves, where that is configured: when and up to where says
 * node/compactor.h; the leader proposes it as an entry of the log, so that all members forget the
 * same.
 */
#include "node/compact.h"

#include "node/internal.h"

#include <inttypes.h>

int node_compact_begin(struct node *n)
{
	return compactor_begin(&n->compactor, &n->options.compaction, n->now_ns,
			       n->install.held ? 0 : n->sm->ops->revision(n->sm));
}

/* False: not now, as while it hands over, or the window is full: at the next look. */
static bool propose(struct node *n, uint64_t revision)
{
	uint8_t command[SM_COMPACTION_SIZE_MAX];
	uint32_t size = n->sm->ops->compaction(revision, command);
	raft_index index;
	raft_term term;

	return raft_propose(n->raft, command, size, &index, &term) == 0;
}

void node_compact_drive(struct node *n)
{
	struct compactor *c = &n->compactor;
	const bool leads = raft_get_role(n->raft) == RAFT_LEADER && !n->stopping;
	uint64_t compacted, revision;

	if (n->install.held)
		return;
	compacted = n->sm->ops->compact_revision(n->sm);
	revision = compactor_seen(c, compacted);
	if (revision) {
		journal_write(n->journal, JOURNAL_INFO, "compacted",
			      "revision=%" PRIu64 " of=%" PRIu64
			      " why=\"auto-compaction-retention\"",
			      revision, n->sm->ops->revision(n->sm));
	}
	if (n->now_ns < c->next_ns)
		return;
	revision = compactor_look(c, n->now_ns, n->sm->ops->revision(n->sm), compacted, leads);
	if (revision && propose(n, revision))
		compactor_asked(c, n->now_ns, revision);
}
