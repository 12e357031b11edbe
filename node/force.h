/*
 * The way out of a cluster that lost its majority for good (ADR 16): the directory of one of its
 * members becomes a cluster of its own, with all that its log holds. Whatever the others alone hold
 * is lost, and they are strangers from then on.
 *
 * One write decides: the record that says of which cluster the directory is. Before it the
 * directory is what it was; from it on it is of a cluster of one, whose first leader writes that
 * table into the log, in a term of its own, and so commits all that lies before it.
 */
#ifndef NODE_FORCE_H
#define NODE_FORCE_H

#include "node/node.h"

#include <stdio.h>

/*
 * On a directory that nobody runs on; of options: name, initial, self, existing, seed, wal,
 * dp.peer, peer_name, journal, goes_on. `name` is what was typed: the cluster's name is its token,
 * a colon and its id, which another one has afterwards, so that what was typed once does nothing
 * twice.
 *
 * 0: it is one, by this or by an earlier call with the same name, and `out` says what that means.
 * Else `error` has one line, and the directory is of the cluster that it was of: -EINVAL (the name
 * is another one, and the line says which is right), -ENOENT, -EWOULDBLOCK, -EBADMSG and whatever
 * else wal_open says, -EPERM (it needs no forcing, or cannot be forced). If the disk failed
 * meanwhile it may be the one or the other, and a start or the same once more tells; never both.
 */
int node_force(const struct node_options *options, const char *token, const char *name, FILE *out,
	       char error[NODE_ERROR_MAX]);

#endif
