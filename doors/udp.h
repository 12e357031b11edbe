/*
 * The door that clients come by over UDP (docs/wire.md): HELLO and cookie, requests in parts,
 * answers in parts that the client pulls. It lives in the loop.
 */
#ifndef DOORS_UDP_H
#define DOORS_UDP_H

#include "dataplane/dp.h"
#include "doors/welcome.h"

struct serve;
struct udp_door;

enum { UDP_DOOR_KEY_SIZE = 16 };

struct udp_door_options {
	struct serve *serve;
	struct dp *dp;
	/* Of the cookies: as random as the node's seed, another at each start. */
	uint8_t key[UDP_DOOR_KEY_SIZE];
};

struct udp_door_counters {
	uint64_t malformed;
	uint64_t refused_cookie;
	uint64_t refused_buffer; /* answers for which none was free */
};

/* 0 or -ENOMEM. Both serve and dp outlive it, but for serve's last act (serve_destroy). */
int udp_door_create(struct udp_door **out, const struct udp_door_options *options);
void udp_door_destroy(struct udp_door *d);

void udp_door_set_welcome(struct udp_door *d, const struct door_welcome *welcome);
void udp_door_receive(struct udp_door *d, const struct dp_datagram *datagram);
const struct udp_door_counters *udp_door_get_counters(const struct udp_door *d);

#endif
