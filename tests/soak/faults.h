/*
 * How a soak hurts a cluster: one fault of a node or of all, and now and then one of the network
 * beside it. Each is begun, lasts a while, and is ended; all that is drawn follows from the seed.
 */
#ifndef TESTS_SOAK_FAULTS_H
#define TESTS_SOAK_FAULTS_H

#include "tests/e2e/cluster.h"
#include "tests/sim/random.h"
#include "tests/soak/disks.h"

#include <stddef.h>

enum { FAULTS_WORDS_MAX = 128 };

struct faults {
	struct cluster *cluster;
	struct disks *disks;
	struct sim_random random;
	uint64_t begun_ns; /* of the run, for the lines that tell it */
	uint32_t counts[32];
	uint64_t installs; /* by who had no state any more, or was left behind */
	size_t kinds;      /* that this link has */
};

void faults_create(struct faults *f, struct cluster *c, struct disks *disks, uint64_t seed);
/* Begins one or two, waits for as long as they last, and ends them. */
void faults_round(struct faults *f);
/* "kill 12, pause 9, ..." */
void faults_print(const struct faults *f);

#endif
