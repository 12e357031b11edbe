/*
 * Whether this member's state is the one that the majority has (R51).
 *
 * A snapshot is the same bytes on every member (D17), so its hash compares their states. Each tells
 * the others that of its newest (settings.c); the leader puts into the next marker the newest that
 * a majority of the voters reported equal, and who applies it compares with its own of that index.
 * One that was pulled is compared, and vouches for nothing: its bytes are another member's.
 *
 * A marker is one member's word. Whoever knows from a majority itself that what it has is what they
 * have does not believe another word: no single member makes another one diverged. Of each the
 * newest two are remembered, as of its own.
 *
 * One that is diverged answers nothing from its state, gives and writes no snapshot, and does not
 * lead; a leader hands over. It votes and acknowledges, for its log is right. The log keeps the
 * sign of it over any number of starts: what the state is made of again may be what was wrong.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>

#define HANDS_OVER_NS UINT64_C(1000000000)

enum { CLAIMS_MAX = 2 * (DP_PEERS_MAX + 1) };

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

/*
 * As each said last, and before that: what was so of an index is so for ever, and a marker may come
 * when the others have newer ones.
 */
static void claims_collect(const struct node *n, struct claims *c)
{
	c->count = 0;
	if (n->diverged.index == 0) {
		own_add(n, c, &n->snapshot.newest);
		own_add(n, c, &n->snapshot.older);
	}
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		const struct wire_settings *s = &n->peer[i].settings;

		if (s->snapshot_own)
			claim_add(c, s->snapshot_index, s->snapshot_hash, 1u << i);
		if (!s->diverged)
			claim_add(c, n->peer[i].wrote.index, n->peer[i].wrote.hash, 1u << i);
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
	n->diverged.index = own->index;
	n->diverged.ours = own->hash;
	n->diverged.theirs = mark->hash;
	n->diverged.marker = marker;
}

/* Who is to write this one yet, or to tell it. */
static uint32_t yet_to_tell(const struct node *n, raft_index index)
{
	uint32_t members = 0;

	if (n->diverged.index == 0 && n->snapshot.newest.index < index)
		members = NODE_SELF;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		const struct wire_settings *s = &n->peer[i].settings;

		if (!s->diverged && s->snapshot_index < index &&
		    settings_silent_ns(n, i) < PEER_SILENT_NS)
			members |= 1u << i;
	}
	return members;
}

static raft_index split_find(const struct node *n, bool patient)
{
	struct claims c;
	raft_index found = 0;

	claims_collect(n, &c);
	for (uint32_t i = 0; i < c.count; i++) {
		const raft_index index = c.claim[i].index;
		const uint32_t waited_for = patient ? yet_to_tell(n, index) : 0;
		uint32_t all = 0, most = 0;

		for (uint32_t k = 0; k < c.count; k++) {
			if (c.claim[k].index != index)
				continue;
			all |= c.claim[k].members;
			most |= node_votes_tally(n, c.claim[k].members | waited_for).majority;
		}
		if (!most && index > found && node_votes_tally(n, all).majority)
			found = index;
	}
	return found;
}

raft_index node_agreed_split(const struct node *n)
{
	const uint64_t since_ns = n->diverged.undecided_ns;

	return split_find(n, !since_ns || n->now_ns - since_ns < NODE_SPLIT_PATIENCE_NS);
}

/* --- what follows ------------------------------------------------------------------------ */

void node_diverged_text(const struct node *n, char *out, size_t size)
{
	const struct node_diverged *d = &n->diverged;
	char hashes[128] = "";

	if (d->marker)
		snprintf(hashes, sizeof(hashes),
			 " (hash %016" PRIx64 ", theirs %016" PRIx64 ", marker at %" PRIu64 ")",
			 d->ours, d->theirs, d->marker);
	snprintf(
		out, size,
		"the state of this member is not the one that the majority has, as its snapshot at "
		"index %" PRIu64 " showed%s: it answers nothing from it and does not lead, and its "
		"vote counts; look "
		"after this host's memory, then put a new member in its place (quoinctl member "
		"replace)",
		d->index, hashes);
}

static void act(struct node *n)
{
	char text[NODE_DIVERGED_TEXT_MAX], hashes[96] = "";
	int err = 0;

	n->diverged.acted = true;
	node_diverged_text(n, text, sizeof(text));
	if (n->diverged.marker) /* the log keeps the index alone, over a start */
		snprintf(hashes, sizeof(hashes),
			 " hash=%016" PRIx64 " majority=%016" PRIx64 " marker=%" PRIu64,
			 n->diverged.ours, n->diverged.theirs, n->diverged.marker);
	journal_write(n->journal, JOURNAL_ERROR, "diverged", "snapshot=%" PRIu64 "%s why=\"%s\"",
		      n->diverged.index, hashes, text);
	raft_unfit(n->raft);
	serve_corrupt(n->serve);
	n->next_settings_ns = 0; /* the others are told now */
	if (n->recovered.diverged == 0)
		err = wal_diverged(n->wal, n->diverged.index);
	if (err) {
		n->failed = err;
		snprintf(n->error, sizeof(n->error), "the log failed: %s", wal_error(n->wal));
	}
}

/* Asked again now and then: one that is heard, and may lead. */
static void hand_over(struct node *n)
{
	if (raft_get_role(n->raft) != RAFT_LEADER || raft_get_transfer(n->raft) ||
	    n->now_ns < n->diverged.next_ns)
		return;
	n->diverged.next_ns = n->now_ns + HANDS_OVER_NS;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (node_votes(n, 1u << i) && settings_silent_ns(n, i) < PEER_SILENT_NS &&
		    raft_transfer(n->raft, n->peer[i].at.member_id) == 0)
			return;
	}
}

static void split_drive(struct node *n)
{
	raft_index split;

	if (n->now_ns < n->diverged.split_ns)
		return;
	n->diverged.split_ns = n->now_ns + SETTINGS_EVERY_NS;
	if (!split_find(n, false))
		n->diverged.undecided_ns = 0;
	else if (!n->diverged.undecided_ns)
		n->diverged.undecided_ns = n->now_ns;
	split = node_agreed_split(n);
	if (split > n->diverged.split)
		journal_write(
			n->journal, JOURNAL_ERROR, "snapshots_differ",
			"index=%" PRIu64
			" why=\"the members' snapshots of this index differ, and no majority has "
			"the same: which state is right is not known, and nobody stops\"",
			split);
	if (split > n->diverged.split)
		n->diverged.split = split;
}

void node_diverged_drive(struct node *n)
{
	if (n->failed)
		return;
	split_drive(n);
	if (n->diverged.index == 0)
		return;
	if (!n->diverged.acted)
		act(n);
	if (!n->failed)
		hand_over(n);
}

void node_diverged_begin(struct node *n)
{
	n->diverged.index = n->recovered.diverged;
	if (n->diverged.index)
		act(n);
}
