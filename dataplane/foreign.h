/*
 * Who sends what is not meant for us (F10): packets of another cluster, of a version that cannot be
 * read, of a member that the configuration does not know there. Each is counted and dropped; the
 * last of a kind is kept, so that a person can be told from where it came.
 */
#ifndef DATAPLANE_FOREIGN_H
#define DATAPLANE_FOREIGN_H

#include "dataplane/dp.h"
#include "dataplane/net.h"

/* `id`: what it shows of itself, of that kind. */
void foreign_note(struct dp_foreign *f, uint8_t port, const struct net_packet *packet, uint64_t id,
		  uint64_t now_ns);

/* The kind of a packet that was dropped for this; DP_FOREIGN_COUNT: it is no stranger's. */
enum dp_foreign_kind foreign_kind(enum dp_drop why);

#endif
