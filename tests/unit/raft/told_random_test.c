/*
 * Tables that are told, members that are met, and a log whose tables come and go, drawn: all of it
 * may be a lie. The core's own checks hold at every step, and what is known of a member's start is
 * known as long as the log has it, and is of no other directory; nobody votes but by the table in
 * force (R7, R59, V28, D9c).
 *
 *	told_random_test                some seeds
 *	told_random_test --seed N       one seed, exactly
 */
#include "base/mix.h"
#include "tests/unit/raft/hand.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 1500, STEPS = 60, IDS = 24, STARTS = 9 };

struct run {
	struct hand h;
	uint64_t random;
	/* Of the directory that the log had under that id all the time. */
	uint32_t heard[IDS + 1];
	raft_identity heard_of[IDS + 1];
};

static uint64_t seed_begin = 1, seed_end = RUNS, seed_now;
static bool running;

static void replay_print(int signal)
{
	(void)signal;
	if (running)
		fprintf(stderr, "replay: told_random_test --seed %" PRIu64 "\n", seed_now);
}

static uint32_t draw(struct run *c, uint32_t below)
{
	return (uint32_t)(mix_next(&c->random) % below);
}

static raft_identity draw_identity(struct run *c, raft_id id)
{
	return (draw(c, 4) == 0 ? 0x1a0 : 0xa0) + id;
}

/* Its low half is the directory's: whose start it is can be seen. */
static raft_start start_of(raft_identity identity, uint32_t count)
{
	return (raft_start)count << 32 | identity;
}

/* 0 to 3: a learner, a voter, one of both sets, one of the old. */
static void flags_draw(struct run *c, struct raft_member *m, bool joint)
{
	uint32_t kind = m->identity == 0 ? 0 : draw(c, joint ? 4 : 2);

	m->voter = kind == 1 || kind == 2;
	m->voter_before = kind >= 2;
	m->leaves = kind == 3 && draw(c, 2);
	m->joins = kind == 0 && draw(c, 4) == 0;
}

/* As some member may say it: of the log's members, with others, or of strangers. */
static bool wild_draw(struct run *c, struct raft_members *out)
{
	const struct raft_members *log = raft_get_log_members(c->h.r);
	uint32_t of_log = draw(c, 5), of_others = draw(c, 5);
	bool joint = draw(c, 4) == 0;

	*out = (struct raft_members){0};
	for (raft_id id = 1; id <= IDS && out->count < RAFT_MEMBERS_MAX; id++) {
		const struct raft_member *m = raft_members_find(log, id);
		struct raft_member *n = &out->member[out->count];

		if (draw(c, 4) >= (m ? of_log : of_others))
			continue;
		out->count++;
		*n = (struct raft_member){.id = id, .identity = draw_identity(c, id)};
		if (m && draw(c, 4) > 0)
			*n = *m;
		n->replaces = 0;
		if (draw(c, 8) == 0)
			n->identity = 0;
		flags_draw(c, n, joint);
	}
	return raft_members_valid(out);
}

/* One change, as an honest leader may make it. */
static bool step_draw(struct run *c, struct raft_members *out)
{
	uint32_t at;

	*out = *raft_get_log_members(c->h.r);
	at = draw(c, out->count);
	struct raft_member *m = &out->member[at];

	switch (draw(c, 4)) {
	case 0:
		memmove(m, m + 1, (out->count - at - 1) * sizeof(*m));
		out->count--;
		break;
	case 1:
		if (m->identity == 0)
			m->identity = draw_identity(c, m->id);
		flags_draw(c, m, raft_members_joint(out));
		break;
	default:
		if (out->count == RAFT_MEMBERS_MAX || out->member[out->count - 1].id >= IDS)
			return false;
		at = out->count++;
		m = &out->member[at];
		*m = (struct raft_member){.id = m[-1].id + 1};
		m->identity = draw(c, 2) ? draw_identity(c, m->id) : 0;
	}
	return raft_members_valid(out);
}

static void told(struct run *c)
{
	struct raft_members table;
	const struct raft *r = c->h.r;

	if (wild_draw(c, &table))
		raft_members_told(c->h.r, &table,
				  (draw(c, 2) && r->told_index ? r->told_index : r->window.last) +
					  draw(c, 8));
}

static void meet(struct run *c)
{
	raft_id id = draw(c, 3) == 0 ? 0 : 2 + draw(c, IDS - 1);

	raft_meet(c->h.r, id, id ? draw_identity(c, id) : 0);
}

/* A peer that has a directory; NULL: the one drawn has none. */
static const struct raft_peer *peer_draw(struct run *c)
{
	const struct raft *r = c->h.r;
	const struct raft_peer *p = r->peer_count ? r->peer[draw(c, r->peer_count)] : NULL;

	return p && p->identity != 0 ? p : NULL;
}

static struct raft_message message_of(const struct run *c, enum raft_message_type type,
				      const struct raft_peer *p, raft_term term)
{
	struct raft_message m = hand_message(&c->h, type, p->id, term);

	m.identity = p->identity;
	m.start = p->witness.start ? p->witness.start : start_of(p->identity, 1);
	return m;
}

/* The one who leads, or a new leader. */
static const struct raft_peer *leader_draw(struct run *c, raft_term *term)
{
	const struct raft *r = c->h.r;
	const struct raft_peer *p = draw(c, 4) ? raft_peer_find(c->h.r, r->leader) : NULL;

	if (!p || p->identity == 0)
		p = peer_draw(c);
	if (p)
		*term = r->hard.term +
			(r->role == RAFT_LEADER || (r->leader && r->leader != p->id));
	return p;
}

/* Who may leave the log and come back, all in this one message, is another one. */
static void forget_but(struct run *c, const struct raft_members *members)
{
	for (raft_id id = 2; id <= IDS; id++) {
		const struct raft_member *m = raft_members_find(members, id);

		if (!m || m->identity != c->heard_of[id])
			c->heard[id] = 0;
	}
}

/* Up to three entries, behind what the log has or in place of what it has not committed. */
static void append(struct run *c)
{
	static const uint8_t byte = 'x';
	uint8_t data[3][RAFT_MEMBERS_SIZE_MAX];
	struct raft_entry e[3];
	const struct raft *r = c->h.r;
	raft_term term;
	const struct raft_peer *p = leader_draw(c, &term);
	struct raft_members table[3];

	if (!p)
		return;
	raft_index prev = r->window.last;
	uint32_t tables = 0;
	if (draw(c, 4) == 0)
		prev -= draw(c, (uint32_t)(r->window.last - r->commit) + 1);
	if (prev < r->window.last && draw(c, 4))
		term = r->hard.term + 1;
	struct raft_message m = message_of(c, RAFT_MESSAGE_APPEND, p, term);
	m.append.prev_index = prev;
	m.append.prev_term = raft_window_term(&r->window, prev);
	m.append.commit = draw(c, 2) ? r->commit : r->commit + draw(c, 6);
	m.append.entries = e;
	m.append.entry_count = draw(c, 4);
	for (uint32_t i = 0; i < m.append.entry_count; i++) {
		e[i] = (struct raft_entry){.index = prev + 1 + i,
					   .term = term,
					   .data = &byte,
					   .size = 1,
					   .type = RAFT_ENTRY_COMMAND,
					   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
		struct raft_members *t = &table[tables];

		if (draw(c, 2) && (draw(c, 6) ? step_draw(c, t) : wild_draw(c, t))) {
			e[i].type = RAFT_ENTRY_MEMBERS;
			e[i].data = data[i];
			e[i].size = (uint16_t)raft_members_encode(t, data[i]);
			tables++;
		}
	}
	if (tables > 1 || prev < r->window.last) {
		for (uint32_t i = 0; i < tables; i++)
			forget_but(c, &table[i]);
		forget_but(c, &r->members);
	}
	if (prev < r->members_index)
		forget_but(c, &r->members_before);
	(void)hand_recv(&c->h, &m);
}

/* Who left by an entry may come back with the table before, until its removal is committed. */
static const struct raft_member *log_member(const struct run *c, raft_id id)
{
	const struct raft *r = c->h.r;
	const struct raft_member *m = raft_members_find(raft_get_log_members(r), id);

	return m || r->gone_over ? m : raft_members_find(&r->members_before, id);
}

static void start(struct run *c)
{
	const struct raft_peer *p = peer_draw(c);
	raft_id id = p ? p->id : 2 + draw(c, IDS - 1);
	struct raft_message m =
		hand_message(&c->h, RAFT_MESSAGE_START, id, draw(c, 2) ? c->h.r->hard.term : 0);
	uint32_t count = 1 + draw(c, STARTS);

	m.identity = p && draw(c, 6) ? p->identity : draw_identity(c, id);
	m.start = start_of(m.identity, count);
	if (hand_recv(&c->h, &m) != 0)
		return;
	const struct raft_member *of = log_member(c, id);
	if (!of || of->identity != m.identity)
		return;
	c->heard_of[id] = m.identity;
	if (count > c->heard[id])
		c->heard[id] = count;
}

static void stand(struct run *c)
{
	struct hand *h = &c->h;

	hand_tick(h, draw(c, 2) ? HAND_HEARTBEAT_US : 2 * HAND_ELECTION_US);
	if (draw(c, 2))
		for (uint32_t i = 0; i < 11; i++)
			hand_tick(h, 2 * HAND_ELECTION_US);
	hand_persist(h);
	for (uint32_t i = 0; i < 8 && h->r->role == RAFT_CANDIDATE; i++) {
		const struct raft_peer *p = peer_draw(c);

		if (!p)
			continue;
		struct raft_message m = message_of(c, RAFT_MESSAGE_VOTE_REPLY, p, h->r->hard.term);
		m.vote_reply.granted = true;
		(void)hand_recv(h, &m);
		hand_persist(h);
	}
}

static void vote(struct run *c)
{
	const struct raft_peer *p = peer_draw(c);

	if (!p)
		return;
	struct raft_message m =
		message_of(c, RAFT_MESSAGE_VOTE, p, c->h.r->hard.term + 1 + draw(c, 2));
	m.vote.last_index = c->h.r->window.last;
	m.vote.last_term = m.term - 1;
	m.vote.transfer = draw(c, 4) == 0;
	(void)hand_recv(&c->h, &m);
}

struct seen {
	raft_start start;
	uint32_t count, all;
};

static struct seen witness_of(const struct run *c, raft_id id)
{
	struct raft_witness of[RAFT_MEMBERS_MAX];
	struct seen seen = {0};

	seen.all = raft_witnesses(c->h.r, of);
	for (uint32_t i = 0; i < seen.all; i++) {
		if (of[i].id != id)
			continue;
		seen.start = of[i].start;
		seen.count++;
	}
	return seen;
}

static bool known(const struct run *c, raft_id id)
{
	const struct seen seen = witness_of(c, id);
	const struct raft_peer *p = raft_peer_find(c->h.r, id);
	const raft_start least = start_of(c->heard_of[id], c->heard[id]);

	if (seen.count != 1)
		return seen.count == 0 && seen.all == RAFT_MEMBERS_MAX;
	return seen.start >= least && (uint32_t)seen.start == (uint32_t)c->heard_of[id] &&
	       (c->h.r->told_index || (p && p->witness.start >= least));
}

/* More than there are places for, as no honest leader has it. */
static bool crowded(const struct raft *r)
{
	uint32_t count = r->met != 0;

	for (uint32_t i = 0; i < r->members.count; i++)
		count += r->members.member[i].id != r->id;
	for (uint32_t i = 0; !r->gone_over && i < r->members_before.count; i++) {
		const raft_id id = r->members_before.member[i].id;

		count += id != r->id && !raft_members_find(&r->members, id);
	}
	return count > RAFT_PLACES_MAX;
}

static void check(struct run *c)
{
	const struct raft *r = c->h.r;

	raft_check_invariants(r);
	for (raft_id id = 2; id <= IDS; id++) {
		const struct raft_member *m = log_member(c, id);

		if (!m || m->identity != c->heard_of[id] || crowded(r))
			c->heard[id] = 0;
		if (c->heard[id] == 0)
			continue;
		assert_true(known(c, id));
	}
	for (uint32_t i = 0; i < r->peer_count; i++) {
		const struct raft_peer *p = r->peer[i];
		const struct raft_member *m = raft_members_find(raft_get_members(r), p->id);

		assert_int_equal(p->voter, m && m->voter);
		assert_int_equal(p->voter_before, m && m->voter_before);
		if (p->witness.start != 0)
			assert_int_equal((uint32_t)p->witness.start, (uint32_t)p->identity);
	}
}

static void run(uint64_t seed)
{
	static void (*const event[])(struct run *) = {told,  told,  meet, meet,  append, append,
						      start, start, vote, start, stand};
	static struct run c;

	memset(c.heard, 0, sizeof(c.heard));
	c.random = mix(seed);
	hand_init(&c.h, (struct hand_options){
				.nodes = 1 + draw(&c, RAFT_VOTERS_MAX), .terms = "11", .term = 1});
	for (uint32_t i = 0; i < STEPS; i++) {
		hand_forget(&c.h);
		const uint32_t which = draw(&c, sizeof(event) / sizeof(event[0]));
		event[which](&c);
		hand_take(&c.h);
		if (draw(&c, 3))
			hand_persist(&c.h);
		check(&c);
	}
	hand_fini(&c.h);
}

static void V28_D9c_whatever_is_told_nobody_is_forgotten_or_mistaken(void **state)
{
	(void)state;
	running = true;
	for (uint64_t seed = seed_begin; seed <= seed_end; seed++) {
		seed_now = seed;
		run(seed);
	}
	running = false;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_D9c_whatever_is_told_nobody_is_forgotten_or_mistaken),
	};

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		seed_begin = seed_end = strtoull(argv[2], NULL, 10);
	(void)signal(SIGABRT, replay_print); /* the core's own checks */
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	replay_print(0);
	return failed;
}
