/* When our address is announced, probed and defended: see own.h. */
#include "dataplane/own.h"

enum own_frame own_turn(struct own *o, bool up, uint64_t now_ns)
{
	if (up && !o->up) {
		o->left = OWN_ANNOUNCEMENTS;
		o->announce_ns = now_ns;
		o->probe_ns = now_ns + OWN_PROBE_NS;
	}
	o->up = up;
	if (!up)
		return OWN_NOTHING;
	if (o->left > 0 && now_ns >= o->announce_ns) {
		o->left--;
		o->announce_ns = now_ns + OWN_INTERVAL_NS;
		return OWN_ANNOUNCEMENT;
	}
	if (now_ns >= o->probe_ns) {
		o->probe_ns = now_ns + OWN_PROBE_NS;
		return OWN_PROBE;
	}
	return OWN_NOTHING;
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
