/*
 * The checkers of a simulated cluster (cluster.h numbers what they hold).
 */
#include "tests/unit/raft/check.h"

#include "base/mix.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FACTS = 1 << 20 };

/* RC2: an entry's content and its predecessor's term, by (index, term). */
struct cluster_fact {
	raft_index index; /* 0: free */
	raft_term term;
	raft_term prev_term;
	uint64_t hash;
};

static void members_print(const struct raft_members *members, raft_index index)
{
	fprintf(stderr, "    table %" PRIu64 ":", index);
	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];

		fprintf(stderr, " n%" PRIu64 "%s%s%s%s%s", m->id, m->voter ? " votes" : "",
			m->voter_before ? " voted" : "", m->leaves ? " leaves" : "",
			m->joins ? " joins" : "", m->identity ? "," : " unbound,");
	}
	fprintf(stderr, "\n");
}

void check_fail(struct cluster *c, const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: at step %" PRIu64 ", %" PRIu64 " us: %s\n", file, line, c->steps,
		c->now_us, what);
	for (uint32_t i = 0; i < c->options.nodes; i++) {
		const struct cluster_node *n = &c->node[i];
		struct raft_status s;
		if (!n->core) {
			fprintf(stderr, "  n%" PRIu64 " down, disk last %" PRIu64 "\n", n->id,
				n->disk.last);
			continue;
		}
		raft_get_status(n->core, &s);
		fprintf(stderr,
			"  n%" PRIu64 " role %d term %" PRIu64 " vote %" PRIu64 " leader %" PRIu64
			" commit %" PRIu64 " durable %" PRIu64 " last %" PRIu64 "/%" PRIu64
			" first %" PRIu64 " applied %" PRIu64 "%s%s\n",
			n->id, (int)s.role, s.term, s.vote, s.leader, s.commit, s.durable, s.last,
			s.last_term, s.window_first, s.applied, s.lost ? ", lost" : "",
			s.start_confirmed ? "" : ", start not confirmed");
		if (n->base > 0 || s.offered.index > 0)
			fprintf(stderr,
				"    base %" PRIu64 ", snapshots %" PRIu64 " and %" PRIu64
				", offered %" PRIu64 " by n%" PRIu64 ", fetches %" PRIu64 "%s\n",
				n->base, n->snapshot[0].index, n->snapshot[1].index,
				s.offered.index, s.offered_by, n->pull.index,
				n->held_us ? ", held" : "");
		members_print(&s.members, s.members_index);
	}
	if (c->failed)
		c->failed(c);
	abort();
}

void check_init(struct cluster *c)
{
	c->fact = calloc(FACTS, sizeof(*c->fact));
	c->leader_of_room = 1 << 16;
	c->leader_of = calloc(c->leader_of_room, sizeof(*c->leader_of));
	check(c, c->fact && c->leader_of, "out of memory");
}

void check_fini(struct cluster *c)
{
	free(c->fact);
	free(c->leader_of);
	free(c->canon.entry);
	c->fact = NULL;
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3;
	return hash;
}

static uint64_t stored_hash(const struct stored *s)
{
	const uint8_t head[4] = {s->type, s->flags, (uint8_t)s->size, (uint8_t)(s->size >> 8)};

	return hash_bytes(hash_bytes(0xcbf29ce484222325, head, 4), s->data, s->size);
}

void check_entry(struct cluster *c, const struct cluster_node *n, raft_index index)
{
	const struct stored *s = &n->memory.entry[index];
	raft_term prev_term = index > 1 ? n->memory.entry[index - 1].term : 0;
	uint64_t hash = stored_hash(s);
	uint64_t at = mix(index ^ mix(s->term)) >> 20;

	for (;; at++) {
		struct cluster_fact *f = &c->fact[at % FACTS];
		if (f->index == 0) {
			check(c, ++c->fact_count < FACTS / 2, "the run is too long for its memory");
			*f = (struct cluster_fact){.index = index,
						   .term = s->term,
						   .prev_term = prev_term,
						   .hash = hash};
			return;
		}
		if (f->index != index || f->term != s->term)
			continue;
		check(c, f->hash == hash, "RC2: one (index, term), two contents");
		check(c, f->prev_term == prev_term, "RC2: one (index, term), two predecessors");
		return;
	}
}

static void check_lost_message(struct cluster *c, const struct cluster_node *n,
			       const struct raft_message *m)
{
	if (!n->core || !n->core->lost.is)
		return;
	check(c,
	      m->type != RAFT_MESSAGE_VOTE && m->type != RAFT_MESSAGE_VOTE_REPLY &&
		      m->type != RAFT_MESSAGE_PREVOTE && m->type != RAFT_MESSAGE_PREVOTE_REPLY,
	      "RC9: a member that lost what it acknowledged takes part in an election");
	check(c, m->type != RAFT_MESSAGE_APPEND_REPLY || m->append_reply.lost,
	      "RC9: a member that lost what it acknowledged acknowledges, and does not say so");
}

void check_message(struct cluster *c, const struct cluster_node *n, const struct raft_message *m)
{
	const struct raft_hard_state *disk = &n->disk_hard;

	if (m->type == RAFT_MESSAGE_START || m->type == RAFT_MESSAGE_START_REPLY)
		return;
	/* A term to come is nobody's. */
	bool next = m->type == RAFT_MESSAGE_PREVOTE ||
		    (m->type == RAFT_MESSAGE_PREVOTE_REPLY && m->vote_reply.granted);
	check(c, next || disk->term == m->term, "RC6: a message of a term that is not durable");
	check(c, m->type != RAFT_MESSAGE_PREVOTE || m->term == disk->term + 1,
	      "RC6: asks for votes in another term than the next");
	if (m->type == RAFT_MESSAGE_VOTE)
		check(c, disk->vote == n->id, "RC6: asks for votes before its own is durable");
	if (m->type == RAFT_MESSAGE_VOTE_REPLY && m->vote_reply.granted)
		check(c, disk->vote == m->to, "RC6: a grant that is not durable");
	if (m->type == RAFT_MESSAGE_APPEND_REPLY && m->append_reply.accepted) {
		raft_index match = m->append_reply.match;
		check(c, match <= n->disk.last, "RC6: acknowledges what is not on its disk");
		check(c, match == 0 || n->disk.entry[match].term == n->memory.entry[match].term,
		      "RC6: acknowledges an entry that its disk has of another term");
	}
	check_lost_message(c, n, m);
}

void check_apply(struct cluster *c, struct cluster_node *n, const struct raft_entry *e)
{
	check(c, e->index == n->applied + 1, "RC4: applies with a gap, or twice");
	check(c, e->index <= c->canon.last, "RC4: applies what nobody committed");
	const struct stored *s = &c->canon.entry[e->index];
	check(c, s->term == e->term && s->size == e->size && s->type == e->type,
	      "RC4: applies another entry");
	check(c, s->size == 0 || memcmp(s->data, e->data, s->size) == 0,
	      "RC4: applies another content");
}

void check_read(struct cluster *c, struct cluster_node *n, const struct raft_read *read)
{
	struct cluster_read *asked = &n->read[read->context % CLUSTER_READS_MAX];

	if (!asked->open || asked->context != read->context)
		return; /* a duplicate, or given up */
	asked->open = false;
	if (read->index == 0) {
		n->reads_refused++;
		return;
	}
	n->reads_confirmed++;
	c->reads++;
	check(c, read->index >= asked->floor, "RC7: a stale read");
	check(c, read->index <= c->canon.last, "RC7: a read of what nobody committed");
}

static bool holds(const struct stored_log *log, raft_index index, raft_term term)
{
	return log->last >= index && log->entry[index].term == term;
}

/*
 * A member that lost its directory, or the end of its log, counts with what it held before too, as
 * one does that died after it acknowledged.
 */
static bool member_holds(struct cluster *c, const struct raft_member *m, raft_index index,
			 raft_term term)
{
	const struct cluster_node *k = cluster_node(c, m->id);
	bool held = holds(&k->disk, index, term);

	for (uint32_t i = 0; i < k->ghosts; i++)
		held |= holds(&k->ghost[i], index, term);
	return m->identity == k->identity && held;
}

static bool set_holds(struct cluster *c, const struct raft_members *members, bool before,
		      raft_index index, raft_term term)
{
	uint32_t holders = 0, voters = 0;

	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];

		if (!(before ? m->voter_before : m->voter))
			continue;
		voters++;
		holders += member_holds(c, m, index, term);
	}
	return voters == 0 || holders > voters / 2;
}

static bool all_hold(struct cluster *c, const struct raft_members *members, raft_index index,
		     raft_term term)
{
	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];

		if (m->identity != 0 && !member_holds(c, m, index, term))
			return false;
	}
	return true;
}

static bool voters_same(const struct raft_members *a, const struct raft_members *b, bool before)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct raft_member *m = raft_members_find(b, a->member[i].id);

		if (a->member[i].voter && !(m && (before ? m->voter_before : m->voter)))
			return false;
	}
	return (before ? raft_members_voters_before(b) : raft_members_voters(b)) ==
	       raft_members_voters(a);
}

/* RC12, of two tables that are committed one after the other. */
static void check_tables(struct cluster *c, const struct raft_members *next)
{
	const struct raft_members *last = &c->members;
	bool joint = raft_members_joint(next);

	check(c, !(joint && raft_members_joint(last)), "RC12: a joint table after a joint one");
	check(c, voters_same(last, next, joint), "RC12: voters change without a joint table");
	for (uint32_t i = 0; i < next->count; i++) {
		const struct raft_member *m = &next->member[i];
		const struct raft_member *was = raft_members_find(last, m->id);

		check(c, !m->voter || (was && was->identity == m->identity),
		      "RC12: a voter that was no member before");
		check(c, !was || was->identity == 0 || was->identity == m->identity,
		      "R60: an id has another directory");
		check(c, !was || !was->leaves, "RC12: one that leaves stays");
	}
}

static void table_committed(struct cluster *c, const struct stored *s, raft_index index)
{
	struct raft_members members;

	check(c, raft_members_decode(&members, s->data, s->size) == 0, "a committed table");
	check_tables(c, &members);
	c->members = members;
	c->members_index = index;
	c->tables++;
	c->joints += raft_members_joint(&members);
}

/* RC5: each entry, by the table that is in force at the leader. */
static void check_commit(struct cluster *c, struct cluster_node *n, raft_index index, bool own)
{
	const struct raft *r = n->core;
	struct stored s = n->memory.entry[index];

	check(c, set_holds(c, &r->members, false, index, s.term),
	      "RC5: committed without a durable majority");
	check(c, set_holds(c, &r->members, true, index, s.term),
	      "RC5: committed without a durable majority of the set before");
	check(c,
	      own || (all_hold(c, &r->members, index, s.term) &&
		      (r->members_index <= n->commit_seen ||
		       all_hold(c, &r->members_before, index, s.term))),
	      "R9, R67: commits entries of an older term that not all members hold");
	check(c, index == c->canon.last + 1, "RC5: commits with a gap");
	if (index >= c->canon.room) {
		c->canon.room = index * 2 + 64;
		c->canon.entry = realloc(c->canon.entry, c->canon.room * sizeof(struct stored));
		check(c, c->canon.entry, "out of memory");
	}
	c->canon.entry[index] = s;
	c->canon.last = index;
	c->commits++;
	if (s.type == RAFT_ENTRY_MEMBERS)
		table_committed(c, &c->canon.entry[index], index);
}

static void commit_seen(struct cluster *c, struct cluster_node *n)
{
	raft_index commit = n->core->commit;

	check(c, commit >= n->commit_seen, "RC8: commit went back");
	for (raft_index i = n->commit_seen + 1; i <= commit; i++) {
		if (i > c->canon.last) {
			check(c, raft_get_role(n->core) == RAFT_LEADER,
			      "RC5: a follower commits before any leader");
			bool own = n->memory.entry[commit].term == n->core->hard.term;
			check_commit(c, n, i, own);
		}
		check(c, n->memory.entry[i].term == c->canon.entry[i].term,
		      "RC4: commits another entry than was committed before");
	}
	n->commit_seen = commit;
}

/* Who is removed may lead until that is committed (thesis 4.2.2). */
static bool may_lead(const struct raft *r)
{
	const struct raft_member *m = raft_members_find(&r->members_before, r->id);

	return raft_votes(r) ||
	       (r->members_index > r->commit && m && (m->voter || m->voter_before));
}

static void leader_seen(struct cluster *c, struct cluster_node *n)
{
	raft_term term = n->core->hard.term;

	check(c, term < c->leader_of_room, "too many terms for the checker");
	check(c, c->leader_of[term] == 0 || c->leader_of[term] == n->id,
	      "RC1: two leaders in one term");
	c->leader_of[term] = n->id;
	c->elections++;
	check(c, may_lead(n->core), "RC12, R59: a leader that does not vote");
	memset(n->match_seen, 0, sizeof(n->match_seen));
	/* One that slept while later terms committed may find its votes: it leads nobody. */
	if (c->canon.last > 0 && c->canon.entry[c->canon.last].term > term)
		return;
	check(c, n->core->window.last >= c->canon.last, "RC3: a leader without a committed entry");
	for (raft_index i = c->canon.last; i > 0 && i >= n->core->window.first; i--)
		check(c, raft_window_term(&n->core->window, i) == c->canon.entry[i].term,
		      "RC3: a leader with another entry than was committed");
}

/* LW3 and the window against the log as handed out, entry by entry: costly, so at times only. */
static void check_window(struct cluster *c, struct cluster_node *n)
{
	const struct raft_window *w = &n->core->window;

	for (raft_index i = w->first; i <= w->last && i <= n->core->handed; i++) {
		const struct raft_entry *e = &w->entry[raft_window_slot(i)];
		check(c, e->index == i, "LW1: a slot holds another index");
		check(c, e->term == n->memory.entry[i].term, "LW1: a slot holds another term");
		check(c,
		      (w->seq[raft_window_slot(i)] <= n->core->persisted) ==
			      (i <= n->core->durable),
		      "RI1: durable and tokens disagree");
	}
	for (raft_index i = 1; i <= n->core->durable; i++)
		check(c, n->disk.entry[i].term == n->memory.entry[i].term,
		      "RI1: durable in the core, not on the disk");
}

/* RC11 */
static void check_table(struct cluster *c, struct cluster_node *n)
{
	const struct raft *r = n->core;
	raft_index newest = 0;
	uint32_t open = 0;

	if (r->handed != r->window.last)
		return;
	for (raft_index i = 1; i <= r->handed; i++) {
		if (n->memory.entry[i].type == RAFT_ENTRY_MEMBERS) {
			newest = i;
			open += i > r->commit && i > c->canon.last;
		}
	}
	check(c, open <= 1, "RC11: two tables that are not committed");
	check(c, r->members_index == (newest > r->members_begun ? newest : r->members_begun),
	      "RC11, R62: not the newest table is in force");
	if (r->members_index != newest || newest == 0)
		return;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX];
	size_t size = raft_members_encode(&r->members, data);
	const struct stored *s = &n->memory.entry[newest];
	check(c, size == s->size && memcmp(data, s->data, size) == 0,
	      "RC11: another table is in force than the log's");
}

void check_state(struct cluster *c, struct cluster_node *n)
{
	struct raft *r = n->core;

	check(c, r->hard.term >= n->term_seen, "a term went back");
	check(c, r->durable <= n->disk.last, "RI1: durable beyond the disk");
	if (r->role == RAFT_LEADER && (n->role_seen != RAFT_LEADER || r->hard.term != n->term_seen))
		leader_seen(c, n);
	c->removed_leaders += n->role_seen == RAFT_LEADER && r->role == RAFT_FOLLOWER &&
			      r->hard.term == n->term_seen && !raft_votes(r) &&
			      r->members_index <= r->commit;
	n->role_seen = r->role;
	n->term_seen = r->hard.term;
	/* An entry that is not handed out yet is committed by nobody, or will be looked at then. */
	if (r->commit <= r->handed)
		commit_seen(c, n);
	if (r->role == RAFT_LEADER) {
		for (uint32_t i = 0; i < RAFT_PLACES_MAX; i++) {
			const struct raft_peer *p = &r->place[i];
			bool restarted =
				p->witness.start != n->start_seen[i] || p->id != n->peer_seen[i];

			check(c, p->match >= n->match_seen[i] || p->lost || restarted,
			      "RC8: a match went back");
			n->peer_seen[i] = p->id;
			n->match_seen[i] = p->match;
			n->start_seen[i] = p->witness.start;
		}
	}
	if (c->steps % 64 == 0) {
		check_window(c, n);
		check_table(c, n);
	}
}

void check_started(struct cluster *c, struct cluster_node *n)
{
	n->commit_seen = 0;
	check_window(c, n);
	check_table(c, n);
}
