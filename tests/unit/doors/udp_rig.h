/*
 * The UDP door of the rig's node, and a client's end, over a lossy switch.
 */
#ifndef TESTS_UNIT_DOORS_UDP_RIG_H
#define TESTS_UNIT_DOORS_UDP_RIG_H

#include "dataplane/client.h"
#include "doors/udp.h"
#include "tests/sim/net.h"
#include "tests/unit/doors/rig.h"

#define MS 1000000ull
#define S 1000000000ull

#define SERVER 0xc6120001u /* 198.18.0.1 */
#define CLIENT 0xc6120002u

enum { TURN_NS = 5000 };

struct udp_rig {
	struct rig rig;
	struct sim_net *net;
	struct udp_door *door, *former;
	struct dp *server, *local;
	struct client *client;
	struct dp_address newest; /* who sent the newest */
	/* Of what the door received, if it is there. */
	void (*heard)(const struct dp_datagram *d);
};

extern struct udp_rig udp;

int udp_rig_setup(void **state);
int udp_rig_teardown(void **state);
/* Another door, once, that knows nothing of what the one before was asked, as after a start. */
void udp_rig_door_anew(void);
struct dp *udp_rig_dp(uint32_t port, uint32_t address, uint16_t port_udp, uint64_t member);
void udp_rig_turn(uint64_t ns);

#endif
