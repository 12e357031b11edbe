#include "serve/share.h"

#include "base/mix.h"

#include <assert.h>

static uint32_t place_of(const struct shares *s, uint64_t source)
{
	return (uint32_t)mix(source ^ s->salt) & (SHARE_SOURCES - 1);
}

static struct share *proven_of(struct shares *s, uint64_t source)
{
	return &s->proven[place_of(s, source)];
}

void shares_turn(struct shares *s)
{
	s->turn++;
	s->begun = 0;
}

static uint32_t share_of(const struct shares *s, uint64_t source)
{
	uint64_t turn = place_of(s, source) == s->newest ? s->others_turn : s->newest_turn;

	return turn && s->turn - turn < SHARE_ABOUT ? SHARE_TURN : SHARE_TURN_ALONE;
}

/* What it owes in this turn, where so much is forgiven in each. */
static uint32_t *debt_of(const struct shares *s, struct share_account *a, uint32_t share)
{
	uint64_t forgiven = (s->turn - a->turn) * share;

	a->turn = s->turn;
	a->debt = forgiven < a->debt ? a->debt - (uint32_t)forgiven : 0;
	return &a->debt;
}

bool shares_hear(struct shares *s, uint64_t source, bool proven)
{
	struct share *of = proven ? proven_of(s, source) : &s->claimed[place_of(s, source)];
	uint32_t *debt = debt_of(s, &of->packets, SHARE_TURN);

	if (*debt >= SHARE_AHEAD)
		return false;
	++*debt;
	return true;
}

void shares_charge(struct shares *s, uint64_t source, uint32_t units)
{
	*debt_of(s, &proven_of(s, source)->packets, SHARE_TURN) += units;
}

bool shares_may_begin(struct shares *s, uint64_t source)
{
	uint32_t share = share_of(s, source);

	return s->begun < SHARE_TURN_ALL &&
	       *debt_of(s, &proven_of(s, source)->begun, share) < share;
}

void shares_begin(struct shares *s, uint64_t source, uint32_t units)
{
	uint32_t place = place_of(s, source);

	*debt_of(s, &s->proven[place].begun, share_of(s, source)) += units;
	s->begun += units;
	if (place != s->newest) {
		s->others_turn = s->newest_turn;
		s->newest = place;
	}
	s->newest_turn = s->turn;
}

void shares_open(struct shares *s, uint64_t source)
{
	proven_of(s, source)->open++;
}

void shares_close(struct shares *s, uint64_t source)
{
	struct share *of = proven_of(s, source);

	assert(of->open > 0);
	of->open--;
}

bool shares_may_open(const struct shares *s, uint64_t source, uint32_t free)
{
	return s->proven[place_of(s, source)].open < free;
}

void shares_take(struct shares *s, uint64_t source, uint32_t kind)
{
	proven_of(s, source)->taken[kind]++;
}

void shares_give(struct shares *s, uint64_t source, uint32_t kind)
{
	struct share *of = proven_of(s, source);

	assert(of->taken[kind] > 0);
	of->taken[kind]--;
}

uint32_t shares_taken(const struct shares *s, uint64_t source, uint32_t kind)
{
	return s->proven[place_of(s, source)].taken[kind];
}

bool shares_tell(struct shares *s, uint64_t source)
{
	struct share *of = proven_of(s, source);

	if (of->told == s->turn)
		return false;
	of->told = s->turn;
	return true;
}
