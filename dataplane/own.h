/*
 * Our own address on a port: announced, watched over, defended (RFC 5227). Pure but for the time it
 * is given: it says what to send.
 *
 *	1. It is announced when the port's link comes up, twice, two seconds apart: whoever knew
 *	   another MAC address for it learns ours.
 *	2. Somebody else who uses it shows by his ARP frames; a kernel that says nothing of itself
 *	   answers a probe (RFC 5227, 2.1.1), which leaves when the link comes up, for the look
 *	   before the start (claim.h) may have had none, and now and then.
 *	3. We go on: a member that gives its address up is a member less. It is defended by one
 *	   announcement in ten seconds at most (2.4, b), so that two of our kind start no war.
 */
#ifndef DATAPLANE_OWN_H
#define DATAPLANE_OWN_H

#include "dataplane/link.h"

enum {
	OWN_ANNOUNCEMENTS = 2,
	OWN_INTERVAL_NS = 2 * 1000 * 1000 * 1000,
	OWN_NO_BUFFER_NS = 1000 * 1000, /* as ARP_NO_BUFFER_NS */
};

static const uint64_t OWN_PROBE_NS = 10ull * 1000 * 1000 * 1000;
static const uint64_t OWN_AGAIN_NS = 1000 * 1000 * 1000; /* while somebody has it: is it so? */
static const uint64_t OWN_DEFEND_NS = 10ull * 1000 * 1000 * 1000;

/* Nothing showed that somebody has it for so long, through three probes: over. */
static const uint64_t OWN_OVER_NS = 35ull * 1000 * 1000 * 1000;

struct own {
	bool up;
	uint32_t left; /* announcements */
	uint64_t announce_ns, probe_ns, defended_ns;
};

enum own_frame { OWN_NOTHING, OWN_ANNOUNCEMENT, OWN_PROBE };

/* What is due, now that the link is up or not. */
enum own_frame own_due(struct own *o, bool up, uint64_t now_ns);
/* It was said; or there was no buffer to say it with. */
void own_said(struct own *o, enum own_frame what, uint64_t now_ns);
void own_put_off(struct own *o, enum own_frame what, uint64_t now_ns);
/* Somebody else was seen to use it. */
void own_conflict(struct own *o, uint64_t now_ns);
uint64_t own_deadline(const struct own *o);

#endif
