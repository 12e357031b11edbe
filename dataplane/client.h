/*
 * A client's end of the UDP protocol, as a pure state machine: HELLO and cookie, a request in
 * parts, the answer in pieces and each in parts, retransmission. One request at a time. It runs
 * over a kernel socket (quoinctl) and over a DPDK port (quoin-bench) alike; the caller moves the
 * datagrams.
 */
#ifndef DATAPLANE_CLIENT_H
#define DATAPLANE_CLIENT_H

#include "base/parts.h"
#include "dataplane/wire.h"

enum client_state {
	CLIENT_IDLE,    /* no request is open */
	CLIENT_WAITING, /* one is */
	CLIENT_PIECE,   /* a piece of the answer is here, and others follow: client_next */
	CLIENT_DONE,    /* answered: status and the last piece, mostly the only one, are set */
	CLIENT_FAILED,  /* the deadline passed: the result of a command is unknown */
};

struct client;

/* 0 or -ENOMEM. `seed` makes nonces and request ids unique. */
int client_create(struct client **out, uint64_t seed);
void client_destroy(struct client *c);

/*
 * Opens a request; `request` stays the caller's and stays there until it is done. Resends go out
 * when a multiple of the measured round trip has passed without progress.
 */
void client_request(struct client *c, enum wire_request kind, const uint8_t *request, uint32_t size,
		    uint64_t now_ns, uint64_t timeout_ns);

/* A UDP payload from the server. */
void client_receive(struct client *c, uint64_t now_ns, const uint8_t *payload, size_t size);

/* The next UDP payload to send, if any: its size (<= WIRE_PAYLOAD_1500), or 0. Call until 0. */
size_t client_send(struct client *c, uint64_t now_ns, uint8_t *payload);

/* When client_send may have something again. */
uint64_t client_deadline(const struct client *c);

enum client_state client_get_state(const struct client *c);
enum wire_status client_status(const struct client *c);
uint64_t client_retry_after_us(const struct client *c);
/* The piece that is here: an answer is its pieces joined, if the last one's status is OK. */
const uint8_t *client_answer(const struct client *c, uint32_t *size);
/*
 * Asks for the next one, where client_answer's bytes were. Nothing is asked for before: who waits
 * with it holds the answer back, but not the deadline.
 */
void client_next(struct client *c);
/* The deadline of what is open is so far from now. */
void client_extend(struct client *c, uint64_t now_ns, uint64_t timeout_ns);

/*
 * The version that the node speaks, if it said so in a packet that this client cannot read; else 0.
 * Anybody can say so: it explains a request that nobody answered, and ends none.
 */
uint8_t client_other_version(const struct client *c);

/*
 * It failed, and this is why: the node greeted, and then said nothing to a request that was sent
 * again and again. It went down or hangs; or what is larger than a greeting does not pass (N17).
 */
bool client_unheard(const struct client *c);

/* Known once welcomed (client_welcomed): the cluster, the member, what it knew to be committed. */
bool client_welcomed(const struct client *c);
const struct wire_hello *client_welcome(const struct client *c);
/* Only says HELLO: done when welcomed. */
void client_hello(struct client *c, uint64_t now_ns, uint64_t timeout_ns);

#endif
