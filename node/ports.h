/*
 * A node's ports, as its configuration wants them: one, or one for each peer and one for clients.
 */
#ifndef NODE_PORTS_H
#define NODE_PORTS_H

#include "config/config.h"
#include "dataplane/dp.h"
#include "dataplane/fault.h"
#include "dataplane/ways.h"

struct journal;

/* Of a port of shared memory, when it is linked (measured). */
enum { PORTS_DESCRIPTORS = 5 };

/* Each peer has a port of its own: in the order of the members, without this one. */
bool ports_for_each_peer(const struct config *c);

/*
 * Where the port to a member listens; the index above all members' is clients'. False: it does not
 * listen, or there is none.
 */
enum { PORTS_SOCKET_SIZE = 128 };
bool ports_socket(const struct config *c, uint32_t member, char out[PORTS_SOCKET_SIZE]);

/*
 * DPDK: once per process; what it says goes to the journal. 0 or -errno, with a line there; so
 * below. `again`: in another process, without huge pages, it may start.
 */
int ports_start(const struct config *c, bool (*goes_on)(void), struct journal *journal,
		bool *again);
void ports_stop(void);

/* For those of members who come later: what they are made of. It outlives them. */
struct ports {
	const struct config *config;
	struct fault_rules *faults;
	struct journal *journal;
};
/* *out NULL: one port leads to all. dp: with those that are there. */
int ports_ways(struct ways **out, struct ports *ports, const struct dp_options *dp);

/* Opens them, behind the fault rules if there are any, and hands them to the dataplane. */
int ports_create(struct dp_options *dp, const struct config *c, struct fault_rules *faults,
		 struct journal *journal);

#endif
