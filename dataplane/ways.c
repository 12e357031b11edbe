/* Ports made and closed by another thread: ways.h. */
#include "dataplane/ways.h"

#include "dataplane/looks.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Whose turn it is: the loop's in FREE, MADE, FAILED and OPEN, the thread's in the others. */
enum place_state {
	PLACE_FREE,
	PLACE_ASKED,
	PLACE_MADE,
	PLACE_FAILED,
	PLACE_OPEN, /* the dataplane's */
	PLACE_CLOSING,
};

struct place {
	atomic_int state; /* enum place_state: what the other side reads is written before it */
	uint32_t address;
	struct link *link;
	char why[WAYS_WHY_MAX];
};

struct threaded {
	struct ways ways; /* first: the seam is cast to it */
	int (*make)(void *context, uint32_t number, uint32_t address, struct link **out,
		    char why[WAYS_WHY_MAX]);
	void *context;
	struct look look;
	struct place place[DP_PORTS_MAX]; /* by number */
};

static struct threaded *of(struct ways *w)
{
	return (struct threaded *)w;
}

static enum place_state state(struct place *p)
{
	return (enum place_state)atomic_load_explicit(&p->state, memory_order_acquire);
}

static void state_set(struct place *p, enum place_state state)
{
	atomic_store_explicit(&p->state, (int)state, memory_order_release);
}

static void close_all(struct threaded *t)
{
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		struct place *p = &t->place[i];

		if (state(p) != PLACE_CLOSING)
			continue;
		p->link->ops->destroy(p->link);
		p->link = NULL;
		state_set(p, PLACE_FREE);
	}
}

/* On the thread. Who sees a question sees what was closed before it (invariant 2). */
static void work(void *ways)
{
	struct threaded *t = ways;

	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		struct place *p = &t->place[i];

		if (state(p) != PLACE_ASKED)
			continue;
		close_all(t);
		if (t->make(t->context, i, p->address, &p->link, p->why) == 0)
			state_set(p, PLACE_MADE);
		else
			state_set(p, PLACE_FAILED);
	}
	close_all(t);
}

static bool ask(struct ways *w, uint32_t address)
{
	struct threaded *t = of(w);

	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		struct place *p = &t->place[i];

		if (state(p) != PLACE_FREE)
			continue;
		p->address = address;
		state_set(p, PLACE_ASKED);
		return true;
	}
	return false;
}

static bool next(struct ways *w, struct way *out)
{
	struct threaded *t = of(w);

	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		struct place *p = &t->place[i];
		enum place_state now = state(p);

		if (now != PLACE_MADE && now != PLACE_FAILED)
			continue;
		*out = (struct way){p->address, NULL, p->why};
		if (now == PLACE_MADE)
			out->link = p->link;
		state_set(p, now == PLACE_MADE ? PLACE_OPEN : PLACE_FREE);
		return true;
	}
	return false;
}

static void close_later(struct ways *w, struct link *link)
{
	struct threaded *t = of(w);
	uint32_t i = 0;

	while (i < DP_PORTS_MAX && (state(&t->place[i]) != PLACE_OPEN || t->place[i].link != link))
		i++;
	assert(i < DP_PORTS_MAX);
	state_set(&t->place[i], PLACE_CLOSING);
}

static void destroy(struct ways *w)
{
	struct threaded *t = of(w);

	looks_end(&t->look);
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		if (state(&t->place[i]) == PLACE_MADE)
			state_set(&t->place[i], PLACE_CLOSING);
	}
	close_all(t);
	free(t);
}

int ways_create(struct ways **out, const struct ways_options *options)
{
	static const struct ways_ops ops = {
		.ask = ask, .next = next, .close = close_later, .destroy = destroy};
	struct threaded *t = calloc(1, sizeof(*t));
	int err;

	assert(options->link_count <= DP_PORTS_MAX);
	if (!t)
		return -ENOMEM;
	t->ways.ops = &ops;
	t->make = options->make;
	t->context = options->context;
	for (uint32_t i = 0; i < options->link_count; i++) {
		t->place[i].link = options->link[i];
		state_set(&t->place[i], PLACE_OPEN);
	}
	t->look = (struct look){.make = work, .context = t, .every = 1};
	err = looks_begin(&t->look);
	if (err)
		free(t);
	else
		*out = &t->ways;
	return err;
}
