#include "tests/unit/doors/udp_rig.h"

#include <string.h>

struct udp_rig udp;

struct dp *udp_rig_dp(uint32_t port, uint32_t address, uint16_t port_udp, uint64_t member)
{
	const struct dp_options options = {
		.link = {sim_net_link(udp.net, port)},
		.link_count = 1,
		.address = address,
		.prefix = 24,
		.udp_client = port_udp,
		.self = {.cluster_id = member ? 7 : 0, .member_id = member},
		.seed = address,
	};
	struct dp *dp;

	assert_int_equal(dp_create(&dp, &options), 0);
	return dp;
}

static struct udp_door *door_make(const char key[UDP_DOOR_KEY_SIZE])
{
	const struct door_welcome welcome = {.cluster_id = 7, .member_id = 9, .base = 1};
	struct udp_door_options options = {.serve = udp.rig.serve, .dp = udp.server};
	struct udp_door *door;

	memcpy(options.key, key, UDP_DOOR_KEY_SIZE);
	assert_int_equal(udp_door_create(&door, &options), 0);
	udp_door_set_welcome(door, &welcome);
	return door;
}

void udp_rig_door_anew(void)
{
	assert_null(udp.former);
	udp.former = udp.door;
	udp.door = door_make("another key!!!!!");
}

int udp_rig_setup(void **state)
{
	(void)state;
	memset(&udp, 0, sizeof(udp));
	rig_open(&udp.rig);
	udp.net = sim_net_create(3);
	sim_net_time(udp.net, udp.rig.now_ns);
	udp.server = udp_rig_dp(0, SERVER, WIRE_PORT_CLIENT, 9);
	udp.local = udp_rig_dp(1, CLIENT, 40000, 0);
	udp.door = door_make("0123456789abcdef");
	assert_int_equal(client_create(&udp.client, 5), 0);
	return 0;
}

int udp_rig_teardown(void **state)
{
	(void)state;
	rig_close(&udp.rig);
	udp_door_destroy(udp.door);
	udp_door_destroy(udp.former);
	dp_destroy(udp.server);
	dp_destroy(udp.local);
	sim_net_destroy(udp.net);
	client_destroy(udp.client);
	return 0;
}

static void client_turn(void)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count = dp_receive(udp.local, udp.rig.now_ns, datagram), size_max;
	uint8_t payload[WIRE_PAYLOAD_1500], *body;
	struct dp_address to;
	size_t size;

	for (uint32_t i = 0; i < count; i++)
		client_receive(udp.client, udp.rig.now_ns, datagram[i].body - WIRE_ENVELOPE_SIZE,
			       WIRE_ENVELOPE_SIZE + datagram[i].envelope.body_size);
	dp_release(udp.local);
	if (dp_resolve(udp.local, 0, SERVER, WIRE_PORT_CLIENT, udp.rig.now_ns, &to)) {
		while ((size = client_send(udp.client, udp.rig.now_ns, payload))) {
			body = dp_begin_client(udp.local, &to, &size_max);
			assert_non_null(body);
			memcpy(body, payload + WIRE_ENVELOPE_SIZE, size - WIRE_ENVELOPE_SIZE);
			dp_end(udp.local, payload[6], size - WIRE_ENVELOPE_SIZE);
		}
	}
	dp_flush(udp.local);
}

void udp_rig_turn(uint64_t ns)
{
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t count;

	rig_turn_begin(&udp.rig, ns);
	sim_net_time(udp.net, udp.rig.now_ns);
	count = dp_receive(udp.server, udp.rig.now_ns, datagram);
	for (uint32_t i = 0; i < count; i++) {
		udp.newest = datagram[i].from;
		udp_door_receive(udp.door, &datagram[i]);
		if (udp.heard)
			udp.heard(&datagram[i]);
	}
	dp_release(udp.server);
	rig_turn_end(&udp.rig);
	dp_flush(udp.server);
	client_turn();
}
