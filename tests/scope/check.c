/*
 * The checkers (world.h numbers what they hold).
 */
#include "tests/scope/check.h"

#include "tests/scope/live.h"
#include "tests/scope/pool.h"
#include "tests/scope/tell.h"

#include <string.h>

/* SC2: where two logs have the same term at an index, they have the same entry, and one past. */
static void logs_compare(const struct log *a, const struct log *b)
{
	uint32_t k = a->last < b->last ? a->last : b->last;

	while (k > 0 && a->entry[k] != b->entry[k]) {
		check(pool_entry(a->entry[k])->term != pool_entry(b->entry[k])->term,
		      "SC2: one (index, term), two contents");
		k--;
	}
	for (; k > 0; k--)
		check(a->entry[k] == b->entry[k], "SC2: one (index, term), two pasts");
}

/* SC12 */
static void check_tables(const struct world *w, const struct log *log)
{
	const struct raft_entry *before = NULL;
	uint32_t open = 0;

	for (uint32_t k = 1; k <= log->last; k++) {
		const struct raft_entry *e = pool_entry(log->entry[k]);

		if (e->type != RAFT_ENTRY_MEMBERS)
			continue;
		open += k > w->canon.last || log->entry[k] != w->canon.entry[k];
		check(!before || e->size != before->size ||
			      memcmp(e->data, before->data, e->size) != 0,
		      "SC12: a member table that is there already");
		before = e;
	}
	check(open <= 1, "SC12: two member tables that are not committed");
}

void check_log(const struct world *w, uint32_t i, const struct log *log)
{
	for (uint32_t k = 0; k < scope->members; k++) {
		const struct member *m = w->member[k];

		if (!m)
			continue;
		if (k != i)
			logs_compare(log, &m->memory);
		logs_compare(log, &m->disk);
	}
}

/* SC7: what it forgot in a crash, others may remember. */
static void vote_left(struct member *m, raft_term term, raft_id who)
{
	check(term >= m->voted_term, "SC7: a vote in a term before one in which it voted");
	check(term > m->voted_term || who == m->voted_for, "SC7: two votes in one term");
	m->voted_term = term;
	m->voted_for = who;
}

void check_message(struct world *w, uint32_t i, const struct raft_message *m)
{
	struct member *own = live_touch(w, i);

	if (m->type == RAFT_MESSAGE_PREVOTE ||
	    (m->type == RAFT_MESSAGE_PREVOTE_REPLY && m->vote_reply.granted))
		return; /* of a term that nobody is in yet */
	check(own->hard.term == m->term, "SC6: a message of a term that is not durable");
	if (m->type == RAFT_MESSAGE_VOTE) {
		check(own->hard.vote == m->from, "SC6: asks for votes before its own is durable");
		vote_left(own, m->term, m->from);
	}
	if (m->type == RAFT_MESSAGE_VOTE_REPLY && m->vote_reply.granted) {
		check(own->hard.vote == m->to, "SC6: a vote that is not durable");
		vote_left(own, m->term, m->to);
	}
	if (m->type == RAFT_MESSAGE_APPEND_REPLY && m->append_reply.accepted) {
		raft_index match = m->append_reply.match;

		check(match <= own->disk.last && own->disk.entry[match] == own->memory.entry[match],
		      "SC6: acknowledges what is not on its disk");
	}
}

void check_apply(const struct world *w, uint32_t i, const struct raft_entry *e)
{
	uint16_t id = pool_entry_add(e);

	(void)i;
	check(e->index <= w->canon.last, "SC4: applies what nobody committed");
	check(w->canon.entry[e->index] == id, "SC4: applies another entry than was committed");
	world_counts.applied++;
}

void check_read(struct world *w, uint32_t i, const struct raft_read *read)
{
	struct read *asked = &w->read[read->context - 1];

	tell_read(i, read);
	check(read->context >= 1 && read->context <= READS_MAX,
	      "SC8: a read that nobody asked for");
	if (asked->done || asked->by != i + 1 || read->index == 0)
		return; /* a second answer, or none */
	asked->done = true;
	check(read->index >= asked->floor, "SC8: a stale read");
	check(read->index <= w->canon.last, "SC8: a read of what nobody committed");
	world_counts.reads++;
}

/* Of the voters of a table, or of those before it, a majority has the entry on its disks. */
static bool majority_holds(const struct world *w, const struct raft_members *members, bool before,
			   raft_index index, uint16_t id)
{
	uint32_t voters = 0, holders = 0;

	for (uint32_t k = 0; k < members->count; k++) {
		const struct raft_member *m = &members->member[k];

		if (before ? !m->voter_before : !m->voter)
			continue;
		voters++;
		holders += w->member[m->id - 1]->disk.entry[index] == id;
	}
	return voters == 0 || holders >= voters / 2 + 1;
}

/* SC5 */
static void check_commit(struct world *w, uint32_t i, raft_index index, raft_index commit)
{
	const struct member *m = w->member[i];
	uint16_t id = m->memory.entry[index];
	bool own = pool_entry(m->memory.entry[commit])->term == m->term;
	struct raft_members members;
	uint32_t holders = 0;

	check(index == w->canon.last + 1u, "SC5: commits with a gap");
	live_table_find(m, &m->memory, &members);
	check(majority_holds(w, &members, false, index, id),
	      "SC5: committed without a durable majority");
	check(majority_holds(w, &members, true, index, id),
	      "SC5: committed without a durable majority of the voters before");
	for (uint32_t k = 0; k < scope->members; k++)
		holders += w->member[k]->disk.entry[index] == id;
	check(own || holders == scope->members, "SC5: commits entries of an older term");
	w->canon.entry[index] = id;
	w->canon.last = (uint8_t)index;
	w->canon_term[index] = (uint8_t)m->term;
	world_counts.commits++;
}

/* It leads, or did until this: one that is removed leads no more when that is committed. */
static void commit_seen(struct world *w, uint32_t i, struct member *m, bool leads)
{
	const struct raft *r = live_core(i);
	raft_index commit = raft_commit(r);

	check(commit >= m->commit, "SC9: commit went back");
	for (raft_index k = m->commit + 1; k <= commit; k++) {
		check(leads || k <= w->canon.last, "SC5: a follower commits before any leader");
		if (k > w->canon.last)
			check_commit(w, i, k, commit);
		check(m->memory.entry[k] == w->canon.entry[k],
		      "SC4: commits another entry than was committed");
	}
	m->commit = commit;
}

/* SC1, SC3. The last vote for a leader may arrive when one of a later term has committed. */
static void leader_seen(struct world *w, uint32_t i, const struct member *m)
{
	uint8_t *leader = &w->leader_of[m->term];

	check(*leader == 0 || *leader == i + 1, "SC1: two leaders in one term");
	*leader = (uint8_t)(i + 1);
	world_counts.elections++;
	for (raft_index k = 1; k <= w->canon.last; k++)
		check(m->memory.entry[k] == w->canon.entry[k] || w->canon_term[k] > m->term,
		      "SC3: a leader without a committed entry");
}

static void matches_seen(struct member *m, const struct raft *r)
{
	for (uint32_t k = 0; k < RAFT_PLACES_MAX; k++) {
		const struct raft_peer *p = &r->place[k];

		check(p->match >= m->match[k] || p->lost || p->witness.start != m->match_start[k],
		      "SC9: a match went back");
		m->match[k] = p->match;
		m->match_start[k] = p->witness.start;
	}
}

void check_state(struct world *w, uint32_t i)
{
	struct member *m = live_touch(w, i);
	const struct raft *r = live_core(i);
	bool leads = r->role == RAFT_LEADER;
	bool led = m->role == RAFT_LEADER && m->term == r->hard.term;

	check(r->hard.term >= m->term, "SC9: a term went back");
	check(r->contradiction.count == 0, "SC9: a log contradicts its leader's");
	if (r->handed != r->window.last)
		return; /* what is not handed out yet is looked at then */
	check(m->memory.last == r->handed, "a log and what was handed out of it differ");
	m->role = r->role;
	m->term = r->hard.term;
	if (leads && !led) {
		memset(m->match, 0, sizeof(m->match));
		leader_seen(w, i, m);
	}
	commit_seen(w, i, m, leads || led);
	check_tables(w, &m->memory);
	if (leads)
		matches_seen(m, r);
}
