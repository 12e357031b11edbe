/*
 * How often an event may be in the log (JO3).
 */
#include "node/journal_internal.h"

#include <string.h>

struct journal_event *journal_event_find(struct journal *j, const char *name)
{
	for (uint32_t i = 0; i < JOURNAL_EVENTS; i++) {
		const char *there = NULL;

		if (atomic_compare_exchange_strong(&j->event[i].name, &there, name) ||
		    strcmp(there, name) == 0)
			return &j->event[i];
	}
	return NULL;
}

bool journal_event_allows(struct journal_event *e, uint64_t now_ns)
{
	uint64_t empty = e->empty_ns, next;

	do {
		next = (empty > now_ns ? empty : now_ns) + JOURNAL_EVERY_NS;
		if (next > now_ns + JOURNAL_BURST * JOURNAL_EVERY_NS)
			return false;
	} while (!atomic_compare_exchange_weak(&e->empty_ns, &empty, next));
	return true;
}

uint64_t journal_event_left_out(struct journal_event *e, uint64_t now_ns, bool last)
{
	if (e->left_out == 0 || (!journal_event_allows(e, now_ns) && !last))
		return 0;
	return atomic_exchange(&e->left_out, 0);
}
