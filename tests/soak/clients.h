/*
 * Clients that write down what they asked and were told (history.h), while the cluster below them
 * is hurt.
 *
 * Each goes on with one node until that gives no good answer, then with the next. A put goes on
 * under its session and sequence until it is acknowledged or its patience ends; then it is unknown,
 * and its client goes on as another one, with a new session.
 */
#ifndef TESTS_SOAK_CLIENTS_H
#define TESTS_SOAK_CLIENTS_H

#include "tests/e2e/cluster.h"
#include "tests/sim/random.h"
#include "tests/soak/history.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CLIENTS_MAX = 16, CLIENTS_KEYS = 12 };

struct client {
	struct clients *clients;
	pthread_t thread;
	uint32_t number;
	struct sim_random random;
	uint64_t drawn; /* values so far */
	uint64_t session, sequence, base;
	uint32_t at; /* the node that it asks, from 0 */
	struct endpoint *endpoint[CLUSTER_NODES_MAX];
	struct history history;
	_Atomic uint64_t puts, gets; /* with a good answer */
};

struct clients {
	const struct cluster *cluster;
	uint32_t count;
	atomic_bool stop;
	struct client client[CLIENTS_MAX];
};

void clients_start(struct clients *s, const struct cluster *c, uint32_t count, uint64_t seed);
/* Puts and gets with a good answer so far. */
uint64_t clients_puts(const struct clients *s);
uint64_t clients_gets(const struct clients *s);
/*
 * Ends them. Then each key is read from every node, each of which must answer: what was
 * acknowledged is there, or the history has no order.
 */
void clients_stop(struct clients *s, struct history *out);

#endif
