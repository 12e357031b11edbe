/* The size of packets that pass: path.h says how it is found. */
#include "dataplane/path.h"

#include <assert.h>
#include <string.h>

static const uint64_t PATH_REST_NS = (uint64_t)PATH_ROUNDS_REST * PATH_ROUND_NS;

void path_init(struct path *p, uint32_t size_max)
{
	assert(size_max > PATH_SIZE_MIN);
	memset(p, 0, sizeof(*p));
	p->size_max = size_max;
	p->size = size_max;
}

static bool was_answered(const struct path *p, uint32_t size)
{
	for (uint32_t i = 0; i < p->probe_count; i++)
		if (p->probe[i] == size && (p->answered & 1u << i) != 0)
			return true;
	return false;
}

static void search(struct path *p, uint32_t low, uint32_t high)
{
	p->searching = true;
	p->low = low;
	p->high = high;
	p->lost = 0;
	p->again = 0;
}

/* What the round says of the sizes between: the largest that passed, the next one that did not. */
static void narrow(struct path *p)
{
	for (uint32_t i = 0; i < p->probe_count; i++)
		if ((p->answered & 1u << i) != 0 && p->probe[i] > p->low)
			p->low = p->probe[i];
	for (uint32_t i = 0; i < p->probe_count; i++)
		if (p->probe[i] > p->low && p->probe[i] < p->high)
			p->high = p->probe[i];
	if (p->high <= p->low)
		p->high = p->low + 1;
	p->size = p->low;
	p->searching = p->high - p->low > 1;
}

/* The round that ends. */
static void judge(struct path *p)
{
	/* Invariant 1. */
	if ((p->answered & 1) == 0)
		return;
	if (was_answered(p, p->size_max)) {
		p->size = p->size_max;
		p->searching = false;
		p->lost = 0;
	} else if (p->searching) {
		narrow(p);
	} else if (was_answered(p, p->size)) {
		p->lost = 0;
		if (++p->again >= PATH_AGAIN_ROUNDS)
			search(p, p->size, p->size_max);
	} else if (++p->lost >= PATH_LOST_ROUNDS) {
		search(p, PATH_SIZE_MIN, p->size);
		p->size = p->low;
	}
}

static void add(struct path *p, uint32_t size)
{
	assert(p->probe_count < PATH_PROBES_MAX);
	p->probe[p->probe_count++] = size;
}

/* Invariant 4. */
static bool at_rest(const struct path *p, uint64_t large)
{
	return !p->searching && p->size == p->size_max && p->lost == 0 && large == p->large;
}

static void begin(struct path *p, uint64_t now_ns, uint64_t large)
{
	p->begun_ns = now_ns;
	p->large = large;
	p->round++;
	add(p, PATH_SIZE_MIN);
	for (uint32_t i = 1; p->searching && i < PATH_PROBES_MAX - 1; i++)
		add(p, p->low + (p->high - p->low) * i / (PATH_PROBES_MAX - 1));
	if (!p->searching && p->size < p->size_max)
		add(p, p->size);
	add(p, p->size_max);
	/* When it is in doubt one lost frame is not to decide. */
	if (p->lost > 0)
		add(p, p->size);
}

bool path_turn(struct path *p, uint64_t now_ns, uint64_t large)
{
	uint64_t passed_ns = now_ns - p->begun_ns;
	bool ends = p->probe_count > 0;

	if (p->round > 0 && passed_ns < PATH_ROUND_NS)
		return false;
	if (ends)
		judge(p);
	p->probe_count = 0;
	p->answered = 0;
	if (p->round > 0 && at_rest(p, large) && passed_ns < PATH_REST_NS)
		return ends;
	begin(p, now_ns, large);
	return true;
}

void path_answer(struct path *p, uint64_t round, uint32_t size)
{
	if (round != p->round)
		return;
	for (uint32_t i = 0; i < p->probe_count; i++)
		if (p->probe[i] == size)
			p->answered |= 1u << i;
}
