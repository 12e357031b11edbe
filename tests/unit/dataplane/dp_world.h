/*
 * A dataplane on a wire in memory, and the test at the other end of the wire with its own hands:
 * what the tests of dp.c, arp.c and peers.c start from.
 */
#ifndef TESTS_UNIT_DATAPLANE_DP_WORLD_H
#define TESTS_UNIT_DATAPLANE_DP_WORLD_H

#include "dataplane/dp.h"
#include "tests/unit/dataplane/fake_link.h"
#include "tests/unit/dataplane/frames.h"

#define OURS 0xc6120001u   /* 198.18.0.1 */
#define PEER 0xc6120002u   /* 198.18.0.2: peer 0 */
#define PEER_2 0xc6120003u /* 198.18.0.3: peer 1 */
#define FAR 0xc6130002u    /* 198.19.0.2: peer 2, beyond the gateway */
#define GATEWAY 0xc61200feu
#define CLUSTER 0xc1u
#define OUR_IDENTITY 0x1111u
#define PEER_IDENTITY 0x2222u
#define MS 1000000ull
#define SECOND (1000 * MS)

extern const struct link_mac our_mac, peer_mac, other_mac, gateway_mac;

struct world {
	struct fake_net *net;
	struct link *link;  /* the dataplane's */
	struct link *hands; /* the test's */
	struct dp *dp;
	uint64_t now;
	uint32_t count; /* of the last receive */
	struct dp_datagram datagram[DP_RECEIVE_MAX];
};

/*
 * cmocka fixtures: *state is a struct world. The teardown holds every frame against the pool (N7).
 */
raft_start world_start(uint32_t count);
int world_setup(void **state);
int world_teardown(void **state);

/* The test sends a frame; the dataplane gets it with the next world_turn. */
void world_send(struct world *w, const struct frame *f);
/* Time passes, one dp_receive and dp_flush. */
void world_turn(struct world *w, uint64_t ns);
/* The next frame that the dataplane sent. False: none. */
bool world_take(struct world *w, struct frame *out);
/* Takes and forgets all; how many there were. */
uint32_t world_take_all(struct world *w);
uint64_t world_drops(const struct world *w, enum dp_drop cause);

/* A peer's packet: change a field and send it. */
struct peer_packet {
	struct frame_udp udp;
	struct wire_envelope envelope;
};
struct peer_packet world_peer_packet(void);   /* a good one of peer 0 */
struct peer_packet world_client_packet(void); /* a good one of a client */
void world_send_packet(struct world *w, const struct peer_packet *p);
/* Sends it and takes a turn: how many datagrams came out. */
uint32_t world_offer(struct world *w, const struct peer_packet *p);

/* Somebody answers our question for `address` with `mac`. */
void world_answer(struct world *w, uint32_t address, const struct link_mac *mac);
/* Peer 0 is asked for and answers. */
void world_resolve(struct world *w);
/* Sends one packet to a peer; true if there was a way. */
bool world_send_peer(struct world *w, uint32_t peer);

#endif
