/* When what packets say is told of: see hearsay.h. */
#include "dataplane/hearsay.h"

#include <stdbool.h>

void hearsay_note(struct hearsay *h, uint64_t now_ns)
{
	if (h->count == 0 || now_ns - h->last_ns >= HEARSAY_NS)
		*h = (struct hearsay){.first_ns = now_ns};
	if (h->alone == 0) {
		h->alone_ns = now_ns;
		h->turns++;
	}
	h->count++;
	h->alone++;
	h->last_ns = now_ns;
}

void hearsay_deny(struct hearsay *h)
{
	h->alone = 0;
}

static bool long_enough(const struct hearsay *h, uint64_t count, uint64_t since_ns)
{
	return count >= HEARSAY_COUNT && h->last_ns - since_ns >= HEARSAY_NS;
}

enum hearsay_verdict hearsay_verdict(const struct hearsay *h, uint64_t now_ns)
{
	if (h->count == 0 || now_ns - h->last_ns >= HEARSAY_NS)
		return HEARSAY_NOTHING;
	if (long_enough(h, h->alone, h->alone_ns))
		return HEARSAY_ALONE;
	return long_enough(h, h->turns, h->first_ns) ? HEARSAY_BESIDE : HEARSAY_NOTHING;
}
