/*
 * The door of the local socket: calls (doors/calls.h) become requests. It lives in the loop; who
 * may open the socket may do everything.
 */
#ifndef DOORS_UNIX_H
#define DOORS_UNIX_H

#include "doors/calls.h"

struct serve;
struct unix_door;

/* 0 or -ENOMEM. `calls` is the caller's and outlives it. */
int unix_door_create(struct unix_door **out, struct calls *calls, struct serve *serve);
/* After serve_destroy. */
void unix_door_destroy(struct unix_door *d);

/* Takes the calls that have come. */
void unix_door_poll(struct unix_door *d);

#endif
