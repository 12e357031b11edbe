/*
 * One member lies (V28): it has a right address, identity and formats, and sends every type of
 * message to the others, each field drawn from what is valid, at a bound, huge, stale or another's.
 * It may cost its own vote, and nothing else: all checkers of cluster.h hold at every step; the
 * honest majority commits on, while it goes on unless it raises terms (thesis 4.2.3: any member can
 * call for an election), and after it has stopped.
 *
 * What nobody can see through it does not do there (raft/check.h): lead a term that has no leader,
 * vote twice in a term, acknowledge or confirm what it does not hold or no longer may, and tell a
 * member as its witness that it lost something. After the last of these the majority does not go
 * on, if it was told to as many at once: neither when the liar is gone nor when they are restarted,
 * and no command ends it yet (docs/adr/0005-marks-and-witnesses.md). The last test shows that.
 *
 *	hostile_test                    a few seeds of each kind, to a budget
 *	hostile_test --seed N           one seed, exactly
 */
#include "base/clock.h"
#include "tests/unit/raft/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BUDGET_MS = 3000, SEEDS_MIN = 4, RUN_US = 10 * 1000 * 1000, QUIET_US = 20 * 1000 * 1000 };

/* The first types of messages, and the offer of a snapshot. */
enum { LIES = 9 };

struct liar {
	raft_id id;
	bool raises; /* it calls for elections, too */
	raft_term voted_term;
	raft_id voted;
	uint64_t stale; /* some value that was valid once */
	uint64_t sent, refused[LIES];
};

static uint64_t seed_now;

static void replay_print(struct cluster *c)
{
	fprintf(stderr, "replay: hostile_test --seed %" PRIu64 " (%u members)\n", seed_now,
		c->options.nodes);
}

/* Valid, or as wrong as can be. */
static uint64_t draw(struct cluster *c, struct liar *l, uint64_t valid)
{
	static const uint64_t bound[] = {0,
					 1,
					 UINT64_C(1) << 32,
					 UINT64_C(1) << 60,
					 RAFT_TERM_MAX,
					 RAFT_TERM_MAX + 1,
					 UINT64_MAX / 2,
					 UINT64_MAX - 1,
					 UINT64_MAX};
	uint64_t stale = l->stale;

	if (cluster_random(c, 16) == 0)
		l->stale = valid;
	switch (cluster_random(c, 8)) {
	case 0:
		return bound[cluster_random(c, sizeof(bound) / sizeof(bound[0]))];
	case 1:
		return valid + 1;
	case 2:
		return valid - (valid > 0);
	case 3:
		return stale;
	case 4: /* another's */
		return cluster_node(c, 1 + cluster_random(c, c->options.nodes - 1))
			->core->window.last;
	default:
		return valid;
	}
}

static raft_term term_draw(struct cluster *c, struct liar *l, const struct raft *r)
{
	raft_term term = draw(c, l, r->hard.term);

	if (term <= r->hard.term || !raft_terms_believed(r, term))
		return term;
	return l->raises && cluster_random(c, 50) == 0 ? r->hard.term + 1 : r->hard.term;
}

static void append_draw(struct cluster *c, struct liar *l, const struct raft *r,
			struct raft_message *m)
{
	static struct raft_entry entry[4];
	static const uint8_t data[8] = "forged";

	m->append.prev_index = draw(c, l, r->commit);
	m->append.prev_term = draw(c, l, r->hard.term);
	m->append.commit = draw(c, l, r->window.last);
	m->append.read_seq = draw(c, l, r->reads.seq);
	m->append.entries = entry;
	m->append.entry_count = (uint32_t)cluster_random(c, 5);
	for (uint32_t i = 0; i < m->append.entry_count; i++)
		entry[i] = (struct raft_entry){.index = m->append.prev_index + 1 + i,
					       .term = draw(c, l, m->append.prev_term),
					       .data = data,
					       .size = (uint16_t)cluster_random(c, 9),
					       .type = (uint8_t)cluster_random(c, 5),
					       .flags = (uint8_t)cluster_random(c, 5)};
}

static void append_reply_draw(struct cluster *c, struct liar *l, const struct raft *r,
			      struct raft_message *m)
{
	const struct raft_peer *p = raft_peer_find((struct raft *)(uintptr_t)r, l->id);
	struct raft_append_reply *reply = &m->append_reply;

	reply->accepted = cluster_random(c, 2) == 0;
	reply->lost = cluster_random(c, 8) == 0;
	reply->unconfirmed = cluster_random(c, 8) == 0;
	reply->match = draw(c, l, p->named);
	reply->match_term = draw(c, l, m->term);
	reply->prev_index = draw(c, l, p->named);
	reply->read_seq = draw(c, l, r->reads.seq);
	/* An acknowledgement, or an echo, that is in range: only while it may say so. */
	if (reply->accepted && reply->match <= p->named)
		reply->match = 0;
	if (reply->read_seq <= r->reads.seq && m->term < l->voted_term)
		reply->read_seq = 0;
}

static void start_reply_draw(struct cluster *c, struct liar *l, const struct raft *r,
			     struct raft_message *m)
{
	struct raft_start_reply *reply = &m->start_reply;

	reply->asked = draw(c, l, r->start);
	reply->known.start = r->start;
	if (cluster_random(c, 2) == 0)
		reply->known.start = (raft_start)UINT32_MAX << 32;
	if (cluster_random(c, 2) == 0)
		reply->known.term = RAFT_TERM_MAX - cluster_random(c, 2);
	else
		reply->known.index = 0;
}

/* It has one vote in a term, as everybody. */
static bool may_grant(struct liar *l, raft_term term, raft_id to)
{
	if (term < l->voted_term || (term == l->voted_term && l->voted != to))
		return false;
	l->voted_term = term;
	l->voted = to;
	return true;
}

/* False: this one, now, could not be told from a leader's. */
static bool seen_through(const struct liar *l, const struct raft *r, const struct raft_message *m)
{
	bool of_leader = m->type == RAFT_MESSAGE_APPEND || m->type == RAFT_MESSAGE_SNAPSHOT;

	if (!of_leader || m->term < r->hard.term || !raft_terms_believed(r, m->term))
		return true;
	return m->term == r->hard.term &&
	       (r->role == RAFT_LEADER || (r->leader != 0 && r->leader != l->id));
}

static void lie(struct cluster *c, struct liar *l)
{
	struct cluster_node *n = cluster_node(c, 1 + cluster_random(c, c->options.nodes - 1));
	const raft_start own = (raft_start)1 << 32 | 7;
	struct raft *r = n->core;
	const uint64_t kind = cluster_random(c, LIES);
	struct raft_message m;

	/*
	 * Before there is a term, all that it says is too far ahead: said for long enough, that is
	 * believed (raft/terms.c), and leads to terms that these checkers have no memory for.
	 */
	if (r->hard.term == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.type = kind < 8 ? (enum raft_message_type)(1 + kind) : RAFT_MESSAGE_SNAPSHOT;
	m.from = l->id;
	m.to = n->id;
	m.identity = cluster_node(c, l->id)->identity;
	m.start = own;
	/* A newer start of its own, or another of the same count, makes it silent, and no more. */
	if (cluster_random(c, 8) == 0)
		m.start = draw(c, l, own);
	if (raft_start_count(m.start) > 0 && raft_start_plausible(own, m.start))
		m.start = own;
	m.term = term_draw(c, l, r);
	if (m.type == RAFT_MESSAGE_VOTE) {
		m.vote.last_index = draw(c, l, r->window.last);
		m.vote.last_term = draw(c, l, raft_window_term(&r->window, r->window.last));
	} else if (m.type == RAFT_MESSAGE_VOTE_REPLY) {
		m.vote_reply.granted = cluster_random(c, 2) && may_grant(l, m.term, n->id);
	} else if (m.type == RAFT_MESSAGE_APPEND) {
		append_draw(c, l, r, &m);
	} else if (m.type == RAFT_MESSAGE_APPEND_REPLY) {
		append_reply_draw(c, l, r, &m);
	} else if (m.type == RAFT_MESSAGE_READ_REPLY) {
		m.read_reply.context = draw(c, l, c->context_next);
		m.read_reply.index = draw(c, l, r->commit);
	} else if (m.type == RAFT_MESSAGE_START_REPLY) {
		start_reply_draw(c, l, r, &m);
	} else if (m.type == RAFT_MESSAGE_SNAPSHOT) {
		m.snapshot.index = draw(c, l, r->window.last + 1);
		m.snapshot.term = draw(c, l, m.term);
		m.snapshot.size = 1;
	} else {
		m.read.context = draw(c, l, c->context_next);
	}
	if (!seen_through(l, r, &m))
		return;
	l->sent++;
	l->refused[kind] += raft_recv(r, &m) != 0;
	raft_tick(r, c->now_us);
	cluster_drain(c, n);
}

static void client(struct cluster *c)
{
	struct cluster_node *leader = cluster_leader(c);
	uint64_t data = c->proposals;

	if (!leader)
		return;
	cluster_propose(c, leader, &data, sizeof(data));
	cluster_read(c, leader);
}

static void campaign(uint64_t seed, uint32_t nodes, bool raises, struct liar *total)
{
	const struct cluster_options o = {.nodes = nodes,
					  .seed = seed,
					  .loss_permille = seed % 3 == 0 ? 20 : 0,
					  .delay_us_min = 20,
					  .delay_us_max = 300,
					  .disk_us_min = 50,
					  .disk_us_max = 500,
					  .append_size_max = 1400,
					  .heartbeat_us = 20000,
					  .election_us_min = 150000,
					  .election_us_max = 300000,
					  .promise_us = 150000};
	struct cluster *c = malloc(sizeof(*c));
	struct liar l = {.id = nodes, .raises = raises};
	uint64_t commits = 0, since_us = 0, end_us;

	assert(c);
	cluster_init(c, &o);
	c->failed = replay_print;
	for (uint32_t i = 0; i + 1 < nodes; i++)
		cluster_start(c, &c->node[i]);
	for (end_us = c->now_us + RUN_US; c->now_us < end_us;) {
		cluster_run(c, c->now_us + cluster_random(c, 2000));
		for (uint64_t k = cluster_random(c, 4); k > 0; k--)
			lie(c, &l);
		client(c);
		if (c->commits > commits || since_us == 0) {
			commits = c->commits;
			since_us = c->now_us;
		}
		check(c, raises || c->now_us - since_us < 3000 * 1000,
		      "V28: one that lies stops the others");
	}
	commits = c->commits;
	for (end_us = c->now_us + QUIET_US; c->commits < commits + 100;) {
		cluster_run(c, c->now_us + 1000);
		client(c);
		check(c, c->now_us < end_us, "V28: the others do not go on when the lies end");
	}
	total->sent += l.sent;
	for (int i = 0; i < LIES; i++)
		total->refused[i] += l.refused[i];
	cluster_fini(c);
	free(c);
}

/* They acknowledged more, in the term that they have, says who is silent from then on. */
static void told_of_losses(void)
{
	const struct cluster_options o = {.nodes = 3,
					  .seed = 1,
					  .delay_us_min = 20,
					  .delay_us_max = 300,
					  .disk_us_min = 50,
					  .disk_us_max = 500,
					  .append_size_max = 1400,
					  .heartbeat_us = 20000,
					  .election_us_min = 150000,
					  .election_us_max = 300000,
					  .promise_us = 150000};
	struct cluster *c = malloc(sizeof(*c));

	assert(c);
	cluster_init(c, &o);
	for (uint32_t i = 0; i < 2; i++)
		cluster_start(c, &c->node[i]);
	while (c->commits < 100) {
		cluster_run(c, c->now_us + 1000);
		client(c);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct raft *r = c->node[i].core;
		struct raft_message m = {.type = RAFT_MESSAGE_START_REPLY,
					 .from = 3,
					 .to = i + 1,
					 .identity = cluster_node(c, 3)->identity,
					 .start = (raft_start)1 << 32 | 7};

		c->node[i].ever_lost = true; /* RC10: as it believes */
		m.term = r->hard.term;
		m.start_reply.asked = m.start_reply.known.start = r->start;
		m.start_reply.known.term = r->hard.term;
		m.start_reply.known.index = r->window.last + 1;
		check(c, raft_recv(r, &m) == 0, "V28: the lie was refused");
		raft_tick(r, c->now_us);
		cluster_drain(c, &c->node[i]);
	}
	uint64_t commits = c->commits;
	for (uint32_t times = 0; times < 3; times++) {
		cluster_run(c, c->now_us + QUIET_US);
		client(c);
		for (uint32_t i = 0; i < 2; i++) {
			check(c, c->node[i].core->lost.is, "ADR 5: it is whole again: say so");
			cluster_crash(c, &c->node[i], 0);
			cluster_start(c, &c->node[i]);
		}
	}
	check(c, !cluster_leader(c) && c->commits == commits, "ADR 5: it goes on: say so");
	cluster_fini(c);
	free(c);
}

int main(int argc, char **argv)
{
	uint64_t seed =
		argc == 3 && strcmp(argv[1], "--seed") == 0 ? strtoull(argv[2], NULL, 10) : 0;
	uint64_t first = seed ? seed : 1, began_ns = clock_now();
	struct liar total = {0};

	printf("SEED=%" PRIu64 " budget_ms=%d\n", first, BUDGET_MS);
	fflush(stdout);
	for (seed_now = first;
	     seed ? seed_now == seed
		  : seed_now - first < SEEDS_MIN || clock_now() - began_ns < BUDGET_MS * CLOCK_MS;
	     seed_now++)
		campaign(seed_now, seed_now % 2 ? 3 : 5, seed_now / 2 % 2, &total);
	told_of_losses();
	printf("%" PRIu64 " seeds, %" PRIu64 " lies; refused, by type:", seed_now - first,
	       total.sent);
	for (int i = 0; i < LIES; i++)
		printf(" %" PRIu64, total.refused[i]);
	printf("\n");
	return 0;
}
