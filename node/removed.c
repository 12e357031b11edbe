/*
 * The end of a member that was removed. It knows it from its own log, which brought it the table
 * without it while it was still sent that, or is told (who.c). It keeps it, durably, in place of
 * what it was formed with or joined by, so that each later start says the same; from then on it has
 * no core, knows nobody, and says nothing to anybody, but its status to who asks for that: with the
 * table without it, for whoever had it removed may have asked here. Then it stops, unless
 * removed-member has it wait.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* For who asks what became of it; etcd's time. */
#define STAYS_NS UINT64_C(1000000000)

void node_removed_begin(struct node *n)
{
	char text[NODE_ERROR_MAX];

	node_install_end(n);
	raft_destroy(n->raft);
	n->raft = NULL;
	n->applying_count = n->applying_next = 0;
	n->hand_over_ns = 0;
	node_peers_end(n);
	serve_retire(n->serve);
	n->removed_ns = n->now_ns + STAYS_NS;
	n->work = true;
	node_removed_text(text, &n->joined);
	journal_write(n->journal, JOURNAL_ERROR, "removed",
		      "cluster_id=%016" PRIx64 " member_id=%016" PRIx64 " index=%" PRIu64
		      " why=\"%s\"",
		      n->cluster_id, n->id, n->joined.index, text);
}

/*
 * By its own log: a table without it is in force, and committed. Who led has stepped down, in the
 * tick before, and has another one lead (R37); what is committed is applied, for somebody may wait
 * for it.
 */
static bool gone_by_log(struct node *n)
{
	struct raft_status s;

	if (raft_members_find(raft_get_members(n->raft), n->id))
		return false;
	node_raft_status(n, &s);
	if (s.members_index > s.commit || n->applied < s.commit)
		return false;
	n->gone = (struct raft_joined){.index = s.members_index, .members = s.members};
	return true;
}

uint64_t node_removed_deadline(const struct node *n)
{
	bool stays = node_removed(n) && !n->options.removed_waits && !n->stopping;

	return stays ? n->removed_ns : UINT64_MAX;
}

void node_removed_drive(struct node *n)
{
	uint8_t record[RAFT_JOINED_SIZE_MAX];
	int err;

	if (!n->gone_sure && !gone_by_log(n))
		return;
	n->gone.removed = true;
	n->gone.cluster_id = n->cluster_id;
	n->gone.id = n->id;
	err = wal_record_write(n->wal, record, raft_joined_encode(&n->gone, record));
	if (err) {
		n->failed = err;
		snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
		return;
	}
	n->joined = n->gone;
	node_removed_begin(n);
}
