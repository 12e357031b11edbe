#include "node/compactor.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define HOUR_NS 3600000000000ull
/* revInterval of revision.go, retryDivisor of periodic.go. */
#define REVISION_LOOK_NS 300000000000ull
#define LOOKS 10

static uint64_t at_most_an_hour(uint64_t ns)
{
	return ns < HOUR_NS ? ns : HOUR_NS;
}

static uint64_t look_ns(const struct compactor_options *o)
{
	return o->mode == COMPACTOR_REVISION ? REVISION_LOOK_NS
					     : at_most_an_hour(o->retention) / LOOKS;
}

static void note(struct compactor *c, uint64_t revision)
{
	if (c->noted_count == c->noted_max) {
		c->noted_first = (c->noted_first + 1) % c->noted_max;
		c->noted_count--;
	}
	c->noted[(c->noted_first + c->noted_count) % c->noted_max] = revision;
	c->noted_count++;
}

int compactor_begin(struct compactor *c, const struct compactor_options *options, uint64_t now_ns,
		    uint64_t revision)
{
	*c = (struct compactor){.options = *options, .next_ns = UINT64_MAX};
	if (options->retention == 0)
		return 0;
	c->next_ns = now_ns + look_ns(options);
	c->done_ns = now_ns;
	if (options->mode == COMPACTOR_REVISION)
		return 0;
	assert(options->retention >= COMPACTOR_PERIOD_NS_MIN);
	assert(options->retention <= COMPACTOR_PERIOD_NS_MAX);
	c->wait_ns = options->retention;
	c->noted_max = (uint32_t)(options->retention / look_ns(options)) + 1;
	c->noted = malloc(c->noted_max * sizeof(*c->noted));
	if (!c->noted)
		return -ENOMEM;
	note(c, revision);
	return 0;
}

void compactor_end(struct compactor *c)
{
	free(c->noted);
	c->noted = NULL;
}

/* What it would be compacted to, whoever leads. */
static uint64_t due(const struct compactor *c, uint64_t now_ns, uint64_t revision)
{
	const uint64_t retention = c->options.retention;

	if (c->options.mode == COMPACTOR_REVISION)
		return revision > retention ? revision - retention : 0;
	return now_ns - c->done_ns >= c->wait_ns ? c->noted[c->noted_first] : 0;
}

static void done(struct compactor *c, uint64_t now_ns)
{
	c->asked = 0;
	c->done_ns = now_ns;
	c->wait_ns = at_most_an_hour(c->options.retention);
}

uint64_t compactor_look(struct compactor *c, uint64_t now_ns, uint64_t revision, uint64_t compacted,
			bool leads)
{
	uint64_t to;

	if (now_ns < c->next_ns)
		return 0;
	c->next_ns = now_ns + look_ns(&c->options);
	c->asked = 0;
	to = leads ? due(c, now_ns, revision) : 0;
	/* By whomever: as good as done, and no entry of the log. */
	if (to > 0 && to <= compacted) {
		done(c, now_ns);
		to = 0;
	}
	if (c->options.mode == COMPACTOR_PERIODIC)
		note(c, revision);
	return to;
}

void compactor_asked(struct compactor *c, uint64_t now_ns, uint64_t revision)
{
	c->asked = revision;
	c->asked_ns = now_ns;
}

uint64_t compactor_seen(struct compactor *c, uint64_t compacted)
{
	const uint64_t asked = c->asked;

	if (asked == 0 || compacted < asked)
		return 0;
	c->count++;
	done(c, c->asked_ns);
	return asked;
}
