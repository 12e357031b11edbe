/*
 * The nodes' data directories on disks that fail, stall, fill up and lose power when they are told
 * to (tests/disk/disk.h).
 */
#ifndef TESTS_SOAK_DISKS_H
#define TESTS_SOAK_DISKS_H

#include "tests/disk/disk.h"
#include "tests/e2e/cluster.h"

struct disks {
	struct test_disk disk[CLUSTER_NODES_MAX]; /* of node K at K - 1 */
};

/* Moves a lab's directories there: each node is ended and started again. */
void disks_mount(struct disks *d, struct cluster *c);
/* The nodes on them must have ended. */
void disks_unmount(struct disks *d);

#endif
