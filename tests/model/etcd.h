/*
 * An etcd of our own, for as long as the test runs: Debian's, with an empty directory, on loopback
 * and ports that were free. It is asked through its JSON gateway; for HashKV, which the gateway of
 * 3.4 does not know (its /v3/maintenance/hash is the hash of the whole file), with etcdctl.
 */
#ifndef TESTS_MODEL_ETCD_H
#define TESTS_MODEL_ETCD_H

#include <sys/types.h>

#include "tests/model/model.h"

struct etcd {
	pid_t pid;
	uint16_t port;
	int connection;
	char *directory;
	char *answer; /* as it came */
	size_t answer_size, answer_max;
};

/* NULL: etcd and etcdctl are installed; else what is missing. */
const char *etcd_missing(void);

/* Both end the process, with the reason, if they cannot. */
void etcd_start(struct etcd *e);
void etcd_lease_grant(struct etcd *e, int64_t id);

/* False: what came is no answer, or nothing came. It is in e->answer then. */
bool etcd_do(struct etcd *e, const struct model_request *r, struct model_answer *answer,
	     struct model_arena *arena);

/* Kills it, and takes its directory away. */
void etcd_stop(struct etcd *e);

#endif
