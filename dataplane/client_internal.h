/*
 * The client's inside: what client.c, client_receive.c and client_send.c share.
 *
 *	HELLO -> REQUEST -> (PULL ->) done        PAUSE: refused for now, back to REQUEST
 *	                     PULL -> a piece -> PULL ...
 *
 * Invariants:
 *	1. A request ends by its deadline: answered, refused or failed.
 *	2. What does not echo our nonce, or our cookie and request id, changes nothing.
 *	3. Parts of two answers are never joined: all have one answer id.
 *	4. A command is reported as refused only if no attempt at it can have been taken.
 *	5. A refusal that comes as an answer closes the request id; the retry has a new one.
 */
#ifndef DATAPLANE_CLIENT_INTERNAL_H
#define DATAPLANE_CLIENT_INTERNAL_H

#include "dataplane/client.h"

enum {
	/* Parts in flight, each way: 42 KiB, which the default buffer of a kernel socket holds. */
	CLIENT_WINDOW = 32,
	CLIENT_BACKOFF_SHIFT_MAX = 6,
};

#define CLIENT_NEVER UINT64_MAX
#define CLIENT_US 1000ull
#define CLIENT_MS 1000000ull

enum client_phase { CLIENT_HELLO, CLIENT_REQUEST, CLIENT_PULL, CLIENT_PAUSE };

/* RFC 6298. */
struct client_estimate {
	uint64_t smooth_ns; /* 0: nothing measured */
	uint64_t vary_ns;
};

struct client {
	enum client_state state;
	enum client_phase phase;
	uint64_t random;

	bool hello_only;
	uint8_t other_version; /* as a packet said that cannot be read */
	bool welcomed;
	uint64_t nonce;
	struct wire_hello welcome;
	uint32_t rehellos;

	enum wire_request kind;
	const uint8_t *request;
	uint32_t size;
	uint32_t part_count;
	uint64_t request_id;
	uint64_t timeout_ns, deadline_ns;
	bool probing;   /* refused as busy: one part, and no more until it was taken */
	uint32_t acked; /* the node has all parts below */
	uint32_t sent;  /* all below have been sent */

	bool answering;
	uint32_t piece; /* the one that is read: those before it were handed out */
	uint64_t answer_id;
	enum wire_status status;
	uint64_t retry_after_us;
	uint32_t refusals;
	bool heard; /* the node said something of this request, whatever it was */
	bool taken; /* perhaps: silence followed the whole of it, or the node said so */
	uint8_t *buffer;
	struct parts parts;
	uint32_t pulled; /* all below have been asked for, or came unasked */

	/* Loss, in either direction: see client_lost() and repaired(). */
	bool resend;      /* send again what the other end misses first */
	uint32_t recover; /* parts below were in flight when one was found to be lost */
	uint32_t overtaken;

	uint64_t timer_ns;
	uint32_t tries; /* timers since the last progress */
	uint64_t sample_ns, turn_ns;
	uint32_t sample_part;
	bool sampling;
	struct client_estimate link; /* one way and back */
	struct client_estimate turn; /* and what the node does in between */
};

/* client.c: how phases and requests begin and end, and when to send again. */
uint64_t client_random(struct client *c);
void client_measure(struct client_estimate *e, uint64_t took_ns);
uint64_t client_resend_wait(const struct client *c);
void client_enter(struct client *c, enum client_phase phase);
void client_begin_hello(struct client *c);
void client_begin_request(struct client *c);
void client_finish(struct client *c, enum client_state state, enum wire_status status);
/* Ends it with a refusal, or as unknown (invariant 4). */
void client_refuse(struct client *c, enum wire_status status);
/* Parts below `in_flight_end` may be lost, the first that is missing surely is. */
void client_lost(struct client *c, uint32_t in_flight_end);
/* The deadline and the timer, if they have come. */
void client_tick(struct client *c, uint64_t now_ns);

/* client_send.c */
bool client_sendable(const struct client *c);

#endif
