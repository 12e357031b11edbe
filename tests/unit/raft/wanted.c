#include "tests/unit/raft/wanted.h"

#include <assert.h>

static uint32_t find(const struct wanted *w, raft_id id)
{
	uint32_t i = 0;

	while (i < w->count && w->member[i].id != id)
		i++;
	return i;
}

static uint32_t take(struct wanted *w, raft_id id)
{
	uint32_t i = find(w, id);

	assert(i < WANTED_MAX);
	if (i == w->count)
		w->member[w->count++].id = id;
	return i;
}

void wanted_begin(struct wanted *w, const struct raft_members *formed)
{
	*w = (struct wanted){.count = 0};
	for (uint32_t i = 0; i < formed->count; i++)
		w->member[take(w, formed->member[i].id)].as = WANTED_VOTER;
}

enum wanted_as wanted_of(const struct wanted *w, raft_id id)
{
	uint32_t i = find(w, id);

	return i < w->count ? w->member[i].as : WANTED_GONE;
}

enum wanted_as wanted_is(const struct raft_members *members, raft_id id)
{
	const struct raft_member *m = raft_members_find(members, id);

	if (!m)
		return WANTED_GONE;
	return m->voter ? WANTED_VOTER : WANTED_LEARNER;
}

static void set(struct wanted *w, raft_id id, enum wanted_as as, raft_id replaces)
{
	uint32_t i = take(w, id);

	w->member[i].as = as;
	w->member[i].replaces = replaces;
}

static void voted(struct wanted *w, const struct raft_members *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		uint32_t k = find(w, table->member[i].id);

		if (!table->member[i].voter || k == w->count || w->member[k].replaces == 0)
			continue;
		set(w, w->member[k].replaces, WANTED_GONE, 0);
		w->member[k].replaces = 0;
	}
}

/* Of a learner at once, of a voter when the new one votes. */
static void replace(struct wanted *w, const struct raft_change *change,
		    const struct raft_members *before)
{
	const struct raft_member *old = raft_members_find(before, change->replaced);
	uint32_t k = take(w, change->replaced);
	bool votes = old && old->voter;

	set(w, change->id, w->member[k].as, votes ? change->replaced : w->member[k].replaces);
	if (!votes)
		set(w, change->replaced, WANTED_GONE, 0);
}

static void one(struct wanted *w, const struct raft_change *change,
		const struct raft_members *before)
{
	static const enum wanted_as as[RAFT_CHANGE_KIND_END] = {
		[RAFT_CHANGE_REMOVE] = WANTED_GONE,         [RAFT_CHANGE_DEMOTE] = WANTED_LEARNER,
		[RAFT_CHANGE_ADD_LEARNER] = WANTED_LEARNER, [RAFT_CHANGE_PROMOTE] = WANTED_VOTER,
		[RAFT_CHANGE_ADD] = WANTED_VOTER,
	};
	bool ends = change->kind == RAFT_CHANGE_REMOVE || change->kind == RAFT_CHANGE_DEMOTE;

	if (change->kind == RAFT_CHANGE_REPLACE) {
		replace(w, change, before);
	} else if (change->kind != RAFT_CHANGE_UPDATE && change->kind != RAFT_CHANGE_BIND) {
		uint32_t k = take(w, change->id);

		set(w, change->id, as[change->kind], ends ? 0 : w->member[k].replaces);
	}
}

/* In the order of the kinds, in which one set is made. */
uint32_t wanted_entry(struct wanted *w, const struct wanted_change *changes, uint32_t count,
		      raft_index index, raft_term term, const struct raft_members *before,
		      const struct raft_members *table, uint64_t *of_leaders)
{
	uint32_t done = 0;

	for (int kind = 1; kind < RAFT_CHANGE_KIND_END; kind++) {
		for (uint32_t i = 0; i < count; i++) {
			const struct wanted_change *c = &changes[i];

			if (c->index != index || c->term != term || (int)c->change.kind != kind)
				continue;
			one(w, &c->change, before);
			*of_leaders += c->of_leader;
			done++;
		}
	}
	voted(w, table);
	return done;
}
