/* When our address is announced, probed and defended: see own.h. */
#include "dataplane/own.h"

#include <assert.h>

enum own_frame own_due(struct own *o, bool up, uint64_t now_ns)
{
	if (up && !o->up) {
		o->left = OWN_ANNOUNCEMENTS;
		o->announce_ns = o->probe_ns = now_ns;
	}
	o->up = up;
	if (!up)
		return OWN_NOTHING;
	if (o->left > 0 && now_ns >= o->announce_ns)
		return OWN_ANNOUNCEMENT;
	return now_ns >= o->probe_ns ? OWN_PROBE : OWN_NOTHING;
}

void own_said(struct own *o, enum own_frame what, uint64_t now_ns)
{
	assert(what != OWN_NOTHING);
	if (what == OWN_PROBE) {
		o->probe_ns = now_ns + OWN_PROBE_NS;
		return;
	}
	assert(o->left > 0);
	o->left--;
	o->announce_ns = now_ns + OWN_INTERVAL_NS;
}

void own_put_off(struct own *o, enum own_frame what, uint64_t now_ns)
{
	assert(what != OWN_NOTHING);
	if (what == OWN_PROBE)
		o->probe_ns = now_ns + OWN_NO_BUFFER_NS;
	else
		o->announce_ns = now_ns + OWN_NO_BUFFER_NS;
}

void own_conflict(struct own *o, uint64_t now_ns)
{
	if (o->probe_ns > now_ns + OWN_AGAIN_NS)
		o->probe_ns = now_ns + OWN_AGAIN_NS;
	if (o->defended_ns != 0 && now_ns - o->defended_ns < OWN_DEFEND_NS)
		return;
	o->defended_ns = now_ns;
	if (o->left == 0)
		o->left = 1;
	o->announce_ns = now_ns;
}

uint64_t own_deadline(const struct own *o)
{
	if (!o->up)
		return UINT64_MAX;
	return o->left > 0 && o->announce_ns < o->probe_ns ? o->announce_ns : o->probe_ns;
}
