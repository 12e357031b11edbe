/*
 * Serve's words and the wire's, both ways: the doors over UDP and the local socket speak the same.
 */
#ifndef DOORS_WORDS_H
#define DOORS_WORDS_H

#include "dataplane/wire.h"
#include "serve/door.h"

enum wire_status words_wire_status(enum serve_status status);
/* False: it is none that serve has. */
bool words_serve_status(uint8_t wire, enum serve_status *out);

enum wire_request words_wire_kind(enum request_kind kind);
bool words_serve_kind(uint8_t wire, enum request_kind *out);

#endif
