/*
 * How a leader is hurt, and given back: by quoin-lab, or by an order to hand over.
 */
#ifndef TOOLS_BENCH_HURT_H
#define TOOLS_BENCH_HURT_H

#include "tools/bench/cluster.h"

#include <sys/types.h>

struct manner;

/* NULL: there is none of that name. */
const struct manner *hurt_find(const char *name);
const char *hurt_name(const struct manner *m);
/* "kill, stop, pause, ... or transfer". */
#define HURT_NAMES_MAX 128
const char *hurt_names(char out[HURT_NAMES_MAX]);
/* From when on its times count: "the start of quoin-lab kill". */
const char *hurt_begin_text(const struct manner *m);

struct hurt {
	const struct manner *manner;
	const struct cluster *cluster;
	const char *directory; /* of the lab */
	uint32_t leader, heir; /* nodes; heir: who is to lead after a transfer */
	pid_t pid;             /* of quoin-lab; 0: it does not run */
};

/* 0, or -errno with a line on stderr; what it began goes on. */
int hurt_begin(struct hurt *h);
/* Waits for what was begun, and gives the leader back. 0, or -errno with a line on stderr. */
int hurt_end(struct hurt *h);

#endif
