/*
 * The cluster that is measured: its nodes and where they answer, from a lab's description
 * (DIR/lab.json, written by quoin-lab) or from a list of endpoints.
 */
#ifndef TOOLS_BENCH_CLUSTER_H
#define TOOLS_BENCH_CLUSTER_H

#include "tools/client/status.h"

#include <stdbool.h>

enum { CLUSTER_NODES_MAX = 16, CLUSTER_ERROR_MAX = 512 };

#define CLUSTER_STATUS_NS (500 * 1000000ull)

struct cluster_node {
	char name[64];
	struct address ask;    /* for status: the admin socket if it is known */
	struct address admin;  /* "": not known */
	struct address client; /* UDP; "": not known */
	char memif[128];       /* the socket of its client port; "": none */
	int pid;               /* of its process; 0: not known */
	int error;             /* of the last refresh: as of status_ask */
	struct status status;
};

struct cluster {
	uint32_t count;
	struct cluster_node node[CLUSTER_NODES_MAX];
	char namespace[64]; /* network namespace of the lab, "": none */
	char idle[8];       /* "": not known */
	char link[32];      /* memif, packet, xdp; "": not known before a refresh */
	uint8_t prefix;
	uint64_t heartbeat_us, election_us_min, election_us_max; /* lab only */
};

/* 0 or -errno with one line in error. */
int cluster_from_lab(struct cluster *out, const char *directory, char error[CLUSTER_ERROR_MAX]);
int cluster_from_endpoints(struct cluster *out, const char *list, char error[CLUSTER_ERROR_MAX]);

/* This thread, and those it starts from now on, live in the lab's network namespace. */
int cluster_enter(const struct cluster *c, char error[CLUSTER_ERROR_MAX]);

/* Asks each node. How many answered. */
uint32_t cluster_refresh(struct cluster *c);

/* After a refresh: the node that leads in the highest term and says so itself, or -1. */
int cluster_leader(const struct cluster *c);

/*
 * After a refresh: whether all that answered agree on durability and link, which are copied. 0 or
 * -EINVAL with one line in error.
 */
int cluster_agree(const struct cluster *c, char durability[16], char link[32],
		  char error[CLUSTER_ERROR_MAX]);

#endif
