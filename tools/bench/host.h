/*
 * The host, as far as a reader must know it to judge a figure.
 */
#ifndef TOOLS_BENCH_HOST_H
#define TOOLS_BENCH_HOST_H

#include <stdint.h>

struct host {
	char kernel[128];
	char cpu[128];
	uint32_t cpus;
	uint32_t memory_mib;
	char filesystem[32]; /* of the directory */
	char device[128];
	double load; /* average of the last minute */
	char date[24];
};

/* Of this program: the commit, with -dirty if there were changes beside it, and meson's type. */
extern const char build_commit[];
extern const char build_type[];

/* A field that cannot be found out is "?". */
void host_describe(struct host *out, const char *directory);

#endif
