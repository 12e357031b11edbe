/*
 * One put through each of a few nodes at the same time, to see when the first is acknowledged. One
 * that fails is counted and made anew.
 */
#ifndef TOOLS_BENCH_PUT_H
#define TOOLS_BENCH_PUT_H

#include "tools/bench/cluster.h"

#define PUT_KEY "quoin-bench/election"

struct put;

/* Connects to admin sockets. 0 or -errno with a line on stderr. */
int put_create(struct put **out, const struct address *endpoints, uint32_t count);
void put_destroy(struct put *p);

void put_begin(struct put *p, uint64_t now_ns);
/* True once one has been acknowledged. Waits for at most wait_ns. */
bool put_poll(struct put *p, uint64_t wait_ns);
uint64_t put_errors(const struct put *p);

#endif
