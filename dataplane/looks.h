/*
 * What the kernel, or a device, tells only to who waits for it: how an interface stands, who has an
 * address. For most of that the kernel takes its one lock of all networking (RTNL), which others
 * hold for milliseconds. So the loop does not ask (V19, F8): one thread of this process does, with
 * a look for each who wants to know, which leaves what it finds where the loop reads it without
 * waiting.
 *
 *	1. A look is made by that thread alone, one after the other.
 *	2. After looks_end it is not made any more.
 *	3. The thread is there while there are looks.
 */
#ifndef DATAPLANE_LOOKS_H
#define DATAPLANE_LOOKS_H

#include <stdint.h>

enum { LOOKS_MS = 20 /* between two rounds */ };

struct look {
	void (*make)(void *context);
	void *context;
	uint32_t every; /* rounds; it is made in the first one too */
	uint32_t due;   /* its own: rounds until then */
	struct look *next;
};

/* 0, or -errno: there is no thread or descriptor for it. Either may wait for a look. */
int looks_begin(struct look *look);
void looks_end(struct look *look);

#endif
