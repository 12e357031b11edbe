/*
 * Tables after tables: what decides by one never contradicts what decides by the next (thesis 4.1,
 * 4.3). All tables of up to four members with all sets of changes to them, whoever is up; then long
 * histories at random over sixteen. Each step is judged by sums of its own, and not by those of
 * raft/change.c:
 *
 *	- it is valid, and read as it was written
 *	- no majority by the table before it is there beside one by it: two that share nobody
 *	- its old set is the voters before; who is in neither set was moved by nobody
 *	- a majority of each set is up and has caught up; who comes in was a learner that had
 *	- the order of the changes says nothing; no id comes twice (R60)
 *	- a joint table is left by exactly one step, and then is what was asked for
 *
 *	change_scope_test                  both
 *	change_scope_test --seed N         the histories, from this seed
 */
#include "raft/change.h"

#include "base/mix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HISTORY = 300, HISTORIES = 100, NEW_ID = 90, IDS_MAX = 4096 };

static uint64_t seed_now;
static uint64_t made, refusals[RAFT_REFUSED_END];

#define CHECK(what, ...)                                                                    \
	do {                                                                                \
		if (!(what)) {                                                              \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #what);          \
			fprintf(stderr, __VA_ARGS__);                                       \
			fprintf(stderr, "\nreplay: change_scope_test --seed %" PRIu64 "\n", \
				seed_now);                                                  \
			abort();                                                            \
		}                                                                           \
	} while (0)

/* --- majorities ------------------------------------------------------------------------------ */

/* Sets of members as bits, in the order of `ids`. */
struct sets {
	raft_id ids[2 * RAFT_MEMBERS_MAX];
	uint32_t count;
};

static uint32_t bit_of(struct sets *s, raft_id id)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->ids[i] == id)
			return 1u << i;
	}
	s->ids[s->count] = id;
	return 1u << s->count++;
}

/* Whose majorities decide by a table: one set, or two. */
struct deciders {
	uint32_t now, before;
};

static struct deciders deciders_of(struct sets *s, const struct raft_members *m)
{
	struct deciders d = {0};

	for (uint32_t i = 0; i < m->count; i++) {
		if (m->member[i].voter)
			d.now |= bit_of(s, m->member[i].id);
		if (m->member[i].voter_before)
			d.before |= bit_of(s, m->member[i].id);
	}
	return d;
}

static bool decides(struct deciders d, uint32_t who)
{
	return 2 * __builtin_popcount(d.now & who) > __builtin_popcount(d.now) &&
	       (d.before == 0 ||
		2 * __builtin_popcount(d.before & who) > __builtin_popcount(d.before));
}

/* If two that decide share nobody, then so do one of them and all the others. */
static void intersection_check(const struct raft_members *a, const struct raft_members *b)
{
	struct sets s = {.count = 0};
	const struct deciders one = deciders_of(&s, a), two = deciders_of(&s, b);
	const uint32_t all = (1u << s.count) - 1;

	for (uint32_t who = 0; who <= all; who++)
		CHECK(!decides(one, who) || !decides(two, all & ~who), "%x and %x of %u", who,
		      all & ~who, s.count);
}

/* --- one step -------------------------------------------------------------------------------- */

static const struct raft_member *find(const struct raft_members *m, raft_id id)
{
	return raft_members_find(m, id);
}

static bool votes(const struct raft_members *m, raft_id id)
{
	return find(m, id) && find(m, id)->voter;
}

static bool up(const struct raft_change_view *v, raft_id id)
{
	if (id == v->id)
		return true;
	for (uint32_t i = 0; i < v->peer_count; i++) {
		if (v->peer[i].id == id)
			return v->peer[i].heard && v->peer[i].holds &&
			       v->peer[i].match == v->commit;
	}
	return false;
}

static void table_check(const struct raft_members *m)
{
	struct raft_members out;
	uint8_t data[RAFT_MEMBERS_SIZE_MAX], again[RAFT_MEMBERS_SIZE_MAX];
	const size_t size = raft_members_encode(m, data);

	CHECK(raft_members_decode(&out, data, size) == 0, "not valid");
	CHECK(raft_members_encode(&out, again) == size, "another size");
	CHECK(memcmp(data, again, size) == 0, "read as something else");
}

static void majority_check(const struct raft_change_view *v, const struct raft_members *m)
{
	int now = 0, now_up = 0, before = 0, before_up = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		const struct raft_member *one = &m->member[i];

		now += one->voter;
		now_up += one->voter && up(v, one->id);
		before += one->voter_before;
		before_up += one->voter_before && up(v, one->id);
	}
	CHECK(2 * now_up > now, "%d of %d", now_up, now);
	CHECK(before == 0 || 2 * before_up > before, "%d of %d before", before_up, before);
}

/* From a plain table to the next one: whatever made it. */
static void next_check(const struct raft_change_view *v, const struct raft_members *next)
{
	const struct raft_members *was = v->members;
	const bool joint = raft_members_joint(next);

	table_check(next);
	intersection_check(was, next);
	majority_check(v, next);
	for (uint32_t i = 0; i < was->count; i++) {
		const struct raft_member *m = find(next, was->member[i].id);

		CHECK(!was->member[i].voter || m, "a voter is gone at once");
		CHECK(!joint || (m && m->voter_before) == was->member[i].voter, "the old set");
		CHECK(joint || !m || m->voter == was->member[i].voter, "a voter more or less");
	}
	for (uint32_t i = 0; i < next->count; i++) {
		const struct raft_member *m = &next->member[i];
		const struct raft_member *before = find(was, m->id);

		if (m->voter && !votes(was, m->id))
			CHECK(before && before->identity && up(v, m->id), "no learner before");
		if (before && before->identity)
			CHECK(m->identity == before->identity, "another directory");
	}
}

static bool changed(const struct raft_change *c, uint32_t count, raft_id id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (c[i].id == id || (c[i].replaced == id))
			return true;
	}
	return false;
}

/* What the changes are for is there in the end, and nothing else is. */
static void end_check(const struct raft_members *was, const struct raft_members *end,
		      const struct raft_change *c, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct raft_member *m = find(end, c[i].id);
		const struct raft_member *old = find(was, c[i].replaced);

		if (c[i].kind == RAFT_CHANGE_REMOVE) {
			CHECK(!m, "removed, and there");
			continue;
		}
		CHECK(m, "%" PRIu64 " after a change of kind %d", c[i].id, (int)c[i].kind);
		CHECK(c[i].place == 0 || m->place == c[i].place, "its place");
		if (c[i].kind == RAFT_CHANGE_PROMOTE)
			CHECK(m->voter, "promoted");
		if (c[i].kind == RAFT_CHANGE_DEMOTE)
			CHECK(!m->voter && !m->joins, "demoted");
		if (c[i].kind == RAFT_CHANGE_ADD)
			CHECK(m->joins && !m->voter, "added");
		if (c[i].kind == RAFT_CHANGE_REPLACE && old->voter)
			CHECK(m->joins && m->replaces == old->id && votes(end, old->id),
			      "too early");
		if (c[i].kind == RAFT_CHANGE_REPLACE && !old->voter)
			CHECK(m->joins == old->joins && !find(end, old->id), "both, or neither");
	}
	for (uint32_t i = 0; i < was->count; i++) {
		const struct raft_member *old = &was->member[i];
		const struct raft_member *m = find(end, old->id);
		bool replaced = false; /* by one that was promoted by hand */

		for (uint32_t j = 0; j < was->count; j++)
			replaced |=
				was->member[j].replaces == old->id && votes(end, was->member[j].id);
		if (!changed(c, count, old->id) && !replaced)
			CHECK(m && m->voter == old->voter && m->joins == old->joins, "moved");
	}
}

/* The entry of `next` is appended and committed, by all that are up. */
static void commit(struct raft_change_view *v, struct raft_members *table,
		   const struct raft_members *next)
{
	struct raft_members out;

	*table = *next;
	v->members_index = ++v->last;
	CHECK(!raft_change_step(v, &out), "a second change while one runs (R58)");
	for (uint32_t i = 0; i < v->peer_count; i++) {
		if (v->peer[i].match == v->commit)
			v->peer[i].match = v->last;
	}
	v->commit = v->last;
}

/* Leaves a joint table. */
static void leave(struct raft_change_view *v, struct raft_members *table)
{
	const struct raft_members was = *table;
	struct raft_members next;

	CHECK(raft_change_step(v, &next), "a joint table is left");
	CHECK(!raft_members_joint(&next), "left");
	table_check(&next);
	intersection_check(&was, &next);
	for (uint32_t i = 0; i < was.count; i++) {
		const struct raft_member *m = find(&next, was.member[i].id);

		CHECK(was.member[i].leaves ? !m : m && m->voter == was.member[i].voter, "%u", i);
	}
	commit(v, table, &next);
}

/* Makes the changes, and follows them to their end; then `v` stands where that left it. */
static bool change(struct raft_change_view *v, struct raft_members *table, struct raft_change *c,
		   uint32_t count)
{
	const struct raft_members was = *table;
	struct raft_change backwards[RAFT_CHANGES_MAX];
	struct raft_members next, other;
	struct raft_refusal refusal;
	bool done = raft_change_make(v, c, count, &next, &refusal);

	if (done) {
		for (uint32_t i = 0; i < count; i++)
			backwards[i] = c[count - 1 - i];
		CHECK(raft_change_make(v, backwards, count, &other, &refusal), "backwards");
		CHECK(memcmp(&next, &other, sizeof(next)) == 0, "backwards it is another one");
		next_check(v, &next);
		commit(v, table, &next);
		if (raft_members_joint(&next))
			leave(v, table);
		end_check(&was, table, c, count);
		made++;
	} else {
		CHECK(refusal.reason > 0 && refusal.reason < RAFT_REFUSED_END, "no reason");
		refusals[refusal.reason]++;
	}
	return done;
}

/* --- all of a small scope -------------------------------------------------------------------- */

/*
 * What a member may be: 0 a voter, 1 a learner, 2 to join, 3 the same without a directory, 4 + i to
 * replace the voter i. Voters come first, for which one it is makes no difference.
 */
static bool scope_table(struct raft_members *m, const uint32_t kind[4], uint32_t count)
{
	memset(m, 0, sizeof(*m));
	m->count = count;
	for (uint32_t i = 0; i < count; i++) {
		m->member[i] = (struct raft_member){.id = i + 1,
						    .identity = kind[i] == 3 ? 0 : 0xa1 + i,
						    .voter = kind[i] == 0,
						    .joins = kind[i] >= 2,
						    .place = i + 1,
						    .replaces = kind[i] >= 4 ? kind[i] - 3 : 0};
		if (i > 0 && kind[i] == 0 && kind[i - 1] != 0)
			return false;
	}
	return raft_members_valid(m);
}

/* Nothing, or one of five changes, to each of the members; and one more. */
static uint32_t scope_changes(struct raft_change c[5], uint32_t number, uint32_t members)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < members; i++, number /= 6) {
		const raft_id id = i + 1;

		if (number % 6 == 1)
			c[count++] = (struct raft_change){.kind = RAFT_CHANGE_REMOVE, .id = id};
		else if (number % 6 == 2)
			c[count++] = (struct raft_change){.kind = RAFT_CHANGE_DEMOTE, .id = id};
		else if (number % 6 == 3)
			c[count++] = (struct raft_change){.kind = RAFT_CHANGE_PROMOTE, .id = id};
		else if (number % 6 == 4) /* where it stood */
			c[count++] = (struct raft_change){.kind = RAFT_CHANGE_REPLACE,
							  .id = NEW_ID + id,
							  .replaced = id,
							  .place = id};
		else if (number % 6 == 5)
			c[count++] = (struct raft_change){
				.kind = RAFT_CHANGE_UPDATE, .id = id, .place = 0x100 + i};
	}
	if (number % 2)
		c[count++] = (struct raft_change){
			.kind = RAFT_CHANGE_ADD, .id = NEW_ID, .place = NEW_ID};
	return count;
}

static void scope_view(struct raft_change_view *v, const struct raft_members *table, uint32_t ups)
{
	*v = (struct raft_change_view){.members = table,
				       .members_index = 1,
				       .id = 1,
				       .term = 1,
				       .term_start = 1,
				       .last = 1000,
				       .commit = 1000};
	for (uint32_t i = 1; i < table->count; i++)
		v->peer[v->peer_count++] = (struct raft_change_peer){
			.id = i + 1, .heard = ups >> i & 1, .holds = true, .match = 1000};
}

static void scope_of(uint32_t members)
{
	uint32_t sets = 2, tables = 1;

	for (uint32_t i = 0; i < members; i++) {
		sets *= 6;
		tables *= 8;
	}
	for (uint32_t t = 0; t < tables; t++) {
		const uint32_t kind[4] = {t % 8, t / 8 % 8, t / 64 % 8, t / 512};
		struct raft_members start;

		if (!scope_table(&start, kind, members))
			continue;
		for (uint32_t ups = 0; ups < 1u << members; ups += 2) {
			for (uint32_t number = 0; number < sets; number++) {
				struct raft_members table = start;
				struct raft_change_view v;
				struct raft_change c[5];

				scope_view(&v, &table, ups);
				change(&v, &table, c, scope_changes(c, number, members));
			}
		}
	}
}

/* --- histories ------------------------------------------------------------------------------- */

static uint64_t below(uint64_t *random, uint64_t bound)
{
	return mix_next(random) % bound;
}

static struct raft_change change_draw(uint64_t *random, const struct raft_members *m)
{
	const raft_id someone = m->member[below(random, m->count)].id;
	struct raft_change c = {
		.kind = 1 + (enum raft_change_kind)below(random, RAFT_CHANGE_KIND_END - 1)};

	if (c.kind == RAFT_CHANGE_REPLACE)
		c.replaced = someone;
	else if (c.kind != RAFT_CHANGE_ADD && c.kind != RAFT_CHANGE_ADD_LEARNER)
		c.id = someone;
	if (c.kind == RAFT_CHANGE_BIND)
		c.identity = 1 + below(random, 1u << 20);
	if (c.kind == RAFT_CHANGE_UPDATE || c.id == 0)
		c.place = 1 + below(random, 40);
	if (c.kind == RAFT_CHANGE_REPLACE && below(random, 2))
		c.place = find(m, someone)->place;
	return c;
}

/* Somebody of the voters leads, perhaps in a new term; most are up. */
static void view_draw(struct raft_change_view *v, uint64_t *random)
{
	const struct raft_members *m = v->members;

	do {
		v->id = m->member[below(random, m->count)].id;
	} while (!votes(m, v->id));
	v->term += below(random, 2);
	v->last += below(random, 3);
	v->commit = v->term_start = v->last;
	v->peer_count = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->member[i].id != v->id)
			v->peer[v->peer_count++] = (struct raft_change_peer){
				.id = m->member[i].id,
				.heard = below(random, 8) > 0,
				.holds = below(random, 16) > 0,
				.match = below(random, 8) ? v->commit : 0,
			};
	}
}

static void history(uint64_t seed)
{
	raft_id ids[IDS_MAX];
	uint32_t id_count = 0;
	uint64_t random = seed_now = seed;
	struct raft_members table = {.count = 1 + (uint32_t)below(&random, RAFT_VOTERS_MAX)};
	struct raft_change_view v = {.members = &table, .term = 1, .last = 100000};

	for (uint32_t i = 0; i < table.count; i++) {
		ids[id_count++] = i + 1;
		table.member[i] = (struct raft_member){
			.id = i + 1, .identity = UINT64_MAX - i, .voter = true, .place = i + 1};
	}
	for (uint32_t step = 0; step < HISTORY; step++) {
		struct raft_change c[4];
		struct raft_members next;
		uint32_t count = 1 + (uint32_t)below(&random, 4);

		view_draw(&v, &random);
		if (raft_change_step(&v, &next)) {
			next_check(&v, &next);
			CHECK(raft_members_voters(&next) >= raft_members_voters(&table), "fewer");
			commit(&v, &table, &next);
			leave(&v, &table);
			made++;
			continue;
		}
		for (uint32_t i = 0; i < count; i++)
			c[i] = change_draw(&random, &table);
		if (!change(&v, &table, c, count))
			continue;
		for (uint32_t i = 0; i < count; i++) {
			if (c[i].kind < RAFT_CHANGE_REPLACE)
				continue;
			for (uint32_t j = 0; j < id_count; j++)
				CHECK(ids[j] != c[i].id, "an id comes again");
			CHECK(id_count < IDS_MAX, "room");
			ids[id_count++] = c[i].id;
		}
	}
}

static void counts_print(const char *what)
{
	printf("%s: %" PRIu64 " made; refused by reason:", what, made);
	for (int i = 1; i < RAFT_REFUSED_END; i++)
		printf(" %" PRIu64, refusals[i]);
	printf("\n");
	CHECK(made > 0, "nothing was made");
	made = 0;
	memset(refusals, 0, sizeof(refusals));
}

int main(int argc, char **argv)
{
	uint64_t seed =
		argc == 3 && strcmp(argv[1], "--seed") == 0 ? strtoull(argv[2], NULL, 0) : 0;

	if (seed) {
		history(seed);
		counts_print("one history");
		return 0;
	}
	for (uint32_t members = 1; members <= 4; members++)
		scope_of(members);
	counts_print("all of up to four members");
	seed = (uint64_t)getpid();
	printf("SEED=%" PRIu64 "\n", seed);
	for (uint64_t i = 0; i < HISTORIES; i++)
		history(mix(seed + i));
	counts_print("histories");
	return 0;
}
