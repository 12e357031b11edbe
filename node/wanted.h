/*
 * What the configuration wants of the node, its cluster and its log, in the words of their rooms:
 * for the node, and for the look at its host before it.
 */
#ifndef NODE_WANTED_H
#define NODE_WANTED_H

#include "config/config.h"
#include "node/node.h"

struct formation_table wanted_members(const struct config *c);
/* formation_options.digest_then of this record. */
uint64_t wanted_digest_then(const void *config, const struct formation_table *then);
enum wal_durability wanted_durability(const struct config *c);
/* All that a configuration says of a node; it outlives them. */
void wanted_options(struct node_options *o, const struct config *c);

#endif
