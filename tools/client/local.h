/*
 * The nodes that run on this host, as /proc and their own configuration files tell it: so that who
 * sits beside a node need not name it.
 */
#ifndef TOOLS_CLIENT_LOCAL_H
#define TOOLS_CLIENT_LOCAL_H

#include "tools/client/address.h"

#include <sys/types.h>

enum { LOCAL_NODES_MAX = 16, LOCAL_NAME_MAX = 64, LOCAL_NETWORK_MAX = 128 };

struct local_node {
	pid_t pid;
	char name[LOCAL_NAME_MAX]; /* as its configuration has it; "": that cannot be read */
	struct address address;    /* text "": likewise */
	char host[16];             /* its network.address */
	/* Its network namespace, if that may be read, and network.memif-socket. */
	char network[LOCAL_NETWORK_MAX];
};

/* How many; more than max are not looked for. */
uint32_t local_find(struct local_node *out, uint32_t max);

#endif
