#include "serve/share.h"

#include "base/mix.h"

#include <assert.h>

static uint32_t place_of(const struct shares *s, uint64_t source)
{
	return (uint32_t)mix(source ^ s->salt) & (SHARE_SOURCES - 1);
}

void shares_turn(struct shares *s, uint64_t now_ns)
{
	s->now_ns = now_ns;
	s->turn++;
}

static void note(struct shares *s, uint32_t place)
{
	if (place != s->newest) {
		s->others_ns = s->newest_ns;
		s->newest = place;
	}
	s->newest_ns = s->now_ns;
}

void shares_note(struct shares *s, uint64_t source)
{
	note(s, place_of(s, source));
}

/* Of one that is not proven all who are proven are others. */
static bool others_about(const struct shares *s, uint32_t place, bool proven)
{
	uint64_t heard_ns = proven && place == s->newest ? s->others_ns : s->newest_ns;

	return heard_ns && s->now_ns - heard_ns < SHARE_ABOUT_NS;
}

enum share_verdict shares_hear(struct shares *s, uint64_t source, bool proven)
{
	uint32_t place = place_of(s, source);
	struct share *of = proven ? &s->proven[place] : &s->claimed[place];
	uint64_t forgiven;

	if (proven)
		note(s, place);
	forgiven = (s->turn - of->turn) *
		   (others_about(s, place, proven) ? SHARE_TURN : SHARE_TURN_ALONE);
	of->turn = s->turn;
	of->debt = forgiven < of->debt ? of->debt - (uint32_t)forgiven : 0;
	if (of->debt < SHARE_BURST) {
		of->debt++;
		return SHARE_OK;
	}
	if (of->told == s->turn)
		return SHARE_DROP;
	of->told = s->turn;
	return SHARE_TELL;
}

void shares_charge(struct shares *s, uint64_t source, uint32_t units)
{
	s->proven[place_of(s, source)].debt += units;
}

void shares_open(struct shares *s, uint64_t source)
{
	s->proven[place_of(s, source)].open++;
}

void shares_close(struct shares *s, uint64_t source)
{
	struct share *of = &s->proven[place_of(s, source)];

	assert(of->open > 0);
	of->open--;
}

bool shares_may_open(const struct shares *s, uint64_t source)
{
	uint32_t place = place_of(s, source);

	return s->proven[place].open <
	       (others_about(s, place, true) ? SHARE_OPEN : SHARE_OPEN_ALONE);
}
