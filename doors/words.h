/*
 * Serve's kinds of requests and the wire's, both ways: the doors over UDP and the local socket
 * speak the same. Statuses need no such table: theirs is one (base/status.h).
 */
#ifndef DOORS_WORDS_H
#define DOORS_WORDS_H

#include "dataplane/wire.h"
#include "serve/door.h"

enum wire_request words_wire_kind(enum request_kind kind);
/* False: it is none that serve has. */
bool words_serve_kind(uint8_t wire, enum request_kind *out);

#endif
