/*
 * A cluster in this process: N nodes over net_ring, each with a real log in a directory of its own,
 * one thread giving each its turn.
 */
#ifndef TOOLS_BENCH_LOCAL_H
#define TOOLS_BENCH_LOCAL_H

#include "wal/wal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/* DPDK has 32 ports: five nodes take 4 x 5 to each other and 2 x 5 to the client. */
	LOCAL_NODES_MAX = 5,
	LOCAL_ERROR_MAX = 1024,
};

struct local;
struct link;

/*
 * Makes DIR/quoin-bench-XXXXXX, removed by local_destroy. EAL runs. 0 or -errno with one line in
 * error.
 */
int local_create(struct local **out, const char *directory, uint32_t nodes,
		 enum wal_durability durability, char error[LOCAL_ERROR_MAX]);
/* After those links have been destroyed that were taken. */
void local_destroy(struct local *l);

/* One turn of each node; true if any did something. The context is the struct local. */
bool local_pump(void *context);

/* The client's end of the wire to a node: taken once; and the node's address. */
struct link *local_take_link(struct local *l, uint32_t node);
uint32_t local_address(uint32_t node);

/* The node that leads, known to all as such, or -1. *term: its term. */
int local_leader(const struct local *l, uint64_t *term);

/* Bytes that all of them wrote to their logs. */
uint64_t local_log_bytes(struct local *l);

/* Why a node ended, or NULL. */
const char *local_failed(const struct local *l);

#endif
