/*
 * How a request ends: the catalogue's rows (base/status.h), by serve's name. BAD_COOKIE is a door's
 * alone.
 */
#ifndef SERVE_STATUS_H
#define SERVE_STATUS_H

#include "base/status.h"

/* clang-format off */
#define SERVE_STATUS_ENUM(name, number, ...) SERVE_##name = (number),
enum serve_status { STATUSES(SERVE_STATUS_ENUM) };
#undef SERVE_STATUS_ENUM
/* clang-format on */

#endif
