/*
 * Whether this member's state is the one that the majority has (R51).
 *
 * A snapshot is the same bytes on every member (D17), so its hash compares their states. Each tells
 * the others that of its newest (settings.c); the leader puts into the next marker the newest that
 * a majority of the voters reported equal, and who applies it compares with its own of that index.
 * One that was pulled is compared, and vouches for nothing: its bytes are another member's.
 *
 * A marker is one member's word. Whoever knows from a majority itself that what it has is what they
 * have does not believe another word: no single member makes another one diverged.
 */
#include "node/internal.h"

#include <inttypes.h>

enum { CLAIMS_MAX = DP_PEERS_MAX + 2 };

/* Members that wrote the same. */
struct claim {
	raft_index index;
	uint64_t hash;
	uint32_t members;
};

struct claims {
	struct claim claim[CLAIMS_MAX];
	uint32_t count;
};

static void claim_add(struct claims *c, raft_index index, uint64_t hash, uint32_t member)
{
	uint32_t i = 0;

	if (index == 0)
		return;
	while (i < c->count && (c->claim[i].index != index || c->claim[i].hash != hash))
		i++;
	if (i == c->count)
		c->claim[c->count++] = (struct claim){.index = index, .hash = hash};
	c->claim[i].members |= member;
}

static void own_add(const struct node *n, struct claims *c, const struct raft_snapshot *own)
{
	if (own->index != n->diverged.pulled)
		claim_add(c, own->index, own->hash, NODE_SELF);
}

/* As each said last: what was so of an index is so for ever. */
static void claims_collect(const struct node *n, struct claims *c)
{
	c->count = 0;
	own_add(n, c, &n->snapshot.newest);
	own_add(n, c, &n->snapshot.older);
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		const struct wire_settings *s = &n->peer[i].settings;

		if (s->snapshot_own)
			claim_add(c, s->snapshot_index, s->snapshot_hash, 1u << i);
	}
}

void node_agreed(const struct node *n, struct sm_mark *mark)
{
	struct claims c;

	claims_collect(n, &c);
	for (uint32_t i = 0; i < c.count; i++) {
		const struct claim *one = &c.claim[i];

		if (one->index > mark->index && node_votes_tally(n, one->members).majority) {
			mark->index = one->index;
			mark->hash = one->hash;
		}
	}
}

/* That a majority, as each of it told this member, wrote just this. */
static bool is_agreed(const struct node *n, const struct raft_snapshot *own)
{
	struct claims c;

	claims_collect(n, &c);
	for (uint32_t i = 0; i < c.count; i++) {
		if (c.claim[i].index == own->index && c.claim[i].hash == own->hash)
			return node_votes_tally(n, c.claim[i].members).majority;
	}
	return false;
}

static const struct raft_snapshot *own_find(const struct node *n, raft_index index)
{
	if (index != 0 && n->snapshot.newest.index == index)
		return &n->snapshot.newest;
	return index != 0 && n->snapshot.older.index == index ? &n->snapshot.older : NULL;
}

void node_agreed_judge(struct node *n, raft_index marker, const struct sm_mark *mark)
{
	const struct raft_snapshot *own = own_find(n, mark->index);

	if (!own || own->hash == mark->hash || n->diverged.index != 0)
		return;
	if (is_agreed(n, own)) {
		journal_write(
			n->journal, JOURNAL_ERROR, "marker_contradicts",
			"index=%" PRIu64 " snapshot=%" PRIu64 " hash=%016" PRIx64
			" told=%016" PRIx64
			" why=\"a majority wrote the snapshot that this member wrote, and the "
			"leader says another: not believed\"",
			marker, own->index, own->hash, mark->hash);
		return;
	}
	n->diverged = (struct node_diverged){
		.index = own->index,
		.ours = own->hash,
		.theirs = mark->hash,
		.marker = marker,
	};
	journal_write(n->journal, JOURNAL_ERROR, "diverged",
		      "snapshot=%" PRIu64 " hash=%016" PRIx64 " majority=%016" PRIx64
		      " marker=%" PRIu64
		      " why=\"the state of this member is not the one that the majority has\"",
		      own->index, own->hash, mark->hash, marker);
}
