/*
 * The target of a commit benchmark, opened from its options: the nodes of a lab, a list of
 * endpoints, or nodes in this process; and the client path that leads there.
 */
#ifndef TOOLS_BENCH_TARGET_H
#define TOOLS_BENCH_TARGET_H

#include "tools/bench/cluster.h"
#include "tools/bench/path.h"

struct local;

enum target_path { TARGET_PATH_DEFAULT, TARGET_PATH_UDP, TARGET_PATH_MEMIF, TARGET_PATH_UNIX };
enum target_node { TARGET_LEADER, TARGET_FOLLOWER, TARGET_ANY };

enum { TARGET_ERROR_MAX = 1024 };

struct target_options {
	const char *directory; /* of the lab, or for the logs of nodes in this process */
	const char *endpoints; /* NULL: none */
	bool in_process;
	uint32_t nodes;         /* in process */
	const char *durability; /* NULL: whatever the cluster has (in process: durable) */
	enum target_path path;
	enum target_node node;
	uint32_t clients;    /* of the path */
	uint32_t value_size; /* of the largest answer */
};

struct target {
	struct cluster cluster; /* as of target_open; not in process */
	struct local *local;    /* in process */
	bool eal;
	struct path *path;
	char durability[16];
	char link[32];
	char idle[8];         /* "": not known */
	char client_path[16]; /* udp, memif, unix, ring */
	char spoken_to[96];   /* names of the nodes */
	uint64_t term;        /* of the leader that answered last */
	uint32_t nodes;       /* members of the cluster, also those that no endpoint names */
};

/* 0 or -errno with one line in error; target_close in either case. */
int target_open(struct target *out, const struct target_options *options,
		char error[TARGET_ERROR_MAX]);
void target_close(struct target *t);

/* Of the leader; while none answers, of the one that did last: silence is no election. */
uint64_t target_term(struct target *t);
/* Bytes that all nodes wrote to their logs since they were started. False: one does not say. */
bool target_log_bytes(struct target *t, uint64_t *out);
/* Why a node in this process ended, or NULL. */
const char *target_failed(const struct target *t);

#endif
