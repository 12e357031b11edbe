/*
 * A client's half of a session (kv/session.h has the other one): which of its commands are on their
 * way, and what floor that allows. Pure; a command that is sent again is sent as it was, so its
 * floor is that of when it was made.
 */
#ifndef KV_WINDOW_H
#define KV_WINDOW_H

#include "kv/command.h"

struct kv_window {
	uint64_t session;
	uint64_t floor; /* the lowest sequence that is neither answered nor given up */
	uint64_t next;  /* of the next command */
	uint64_t ended; /* bit i: floor + i was answered or given up; bit 0 is never set */
	uint32_t size;  /* commands on their way, at most: 1 to KV_SESSION_WINDOW */
};

void kv_window_begin(struct kv_window *out, uint64_t session, uint32_t size);

/* A command more may be on its way: between the oldest and it there are less than `size`. */
bool kv_window_has_room(const struct kv_window *w);
/* Makes `request` the next command. There is room. */
void kv_window_open(struct kv_window *w, struct kv_request *request);
/* It was answered, or is given up: it is never sent again. */
void kv_window_close(struct kv_window *w, uint64_t sequence);

#endif
