/*
 * The door of the local socket: calls (doors/calls.h) become requests. It lives in the loop; who
 * may open the socket may do everything.
 */
#ifndef DOORS_UNIX_H
#define DOORS_UNIX_H

#include "doors/calls.h"
#include "serve/status.h"

struct serve;
struct unix_door;

/* 0 or -ENOMEM. `calls` is the caller's and outlives it. */
int unix_door_create(struct unix_door **out, struct calls *calls, struct serve *serve);
/* After serve_destroy. */
void unix_door_destroy(struct unix_door *d);

/*
 * Asked for a call that is no request: its last word in *status, at once. False: it is no command
 * of the node's either.
 */
typedef bool unix_admin(void *arg, const struct call *call, enum serve_status *status);
void unix_door_set_admin(struct unix_door *d, unix_admin *admin, void *arg);

/* Takes the calls that have come. */
void unix_door_poll(struct unix_door *d);

#endif
