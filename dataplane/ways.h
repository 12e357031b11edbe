/*
 * Ports that are made and closed while the loop runs: of links that have one for each peer. Making
 * one takes milliseconds, and of ordinary memory some tens: so the loop asks, goes on, and hears
 * later what became of it. The thread of looks.h does the work.
 *
 *	1. A port has one owner: the loop, from what ways_next gives or what it was created with,
 *	   until ways_close; else the thread.
 *	2. What was asked to be closed is closed before what is asked for later is made: it may be
 *	   at the same address.
 *	3. A number is a port's while it is there: of two ports there is none the same.
 *	4. Nothing is allocated but ports.
 */
#ifndef DATAPLANE_WAYS_H
#define DATAPLANE_WAYS_H

#include "dataplane/dp.h"

enum { WAYS_WHY_MAX = 512 };

struct ways;

/* What became of a question: a port, the asker's from here on; or NULL, and why not. */
struct way {
	uint32_t address;
	struct link *link;
	const char *why; /* until the next call */
};

struct ways_ops {
	/* A port to whoever has this address. False: as many are there, or are made, as can be. */
	bool (*ask)(struct ways *w, uint32_t address);
	/* False: nothing is new. Each question is answered once. */
	bool (*next)(struct ways *w, struct way *out);
	/* In its own time. The caller's frames have left it. */
	void (*close)(struct ways *w, struct link *link);
	/* What is not the caller's is closed now, and what is under way is waited for. */
	void (*destroy)(struct ways *w);
};

/* Above it is the node; below it a thread, or a simulation's time. */
struct ways {
	const struct ways_ops *ops;
};

struct ways_options {
	/* On the thread. 0, or -errno with a line. */
	int (*make)(void *context, uint32_t number, uint32_t address, struct link **out,
		    char why[WAYS_WHY_MAX]);
	void *context;
	/* Those that are there, by number, and the dataplane's. */
	struct link *const *link;
	uint32_t link_count;
};

/* 0 or -errno. */
int ways_create(struct ways **out, const struct ways_options *options);

#endif
