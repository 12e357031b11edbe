/* A dataplane and the test's hands: see dp_world.h. */
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct link_mac our_mac = {{2, 0, 0, 0, 0, 1}};
const struct link_mac peer_mac = {{2, 0, 0, 0, 0, 2}};
const struct link_mac other_mac = {{2, 0, 0, 0, 0, 9}};
const struct link_mac gateway_mac = {{2, 0, 0, 0, 0, 0xfe}};

raft_start world_start(uint32_t count)
{
	return (raft_start)count << 32 | 0x99;
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->net = fake_net_create(NULL);
	w->link = fake_net_link(w->net, &our_mac, LINK_MTU_DEFAULT);
	w->hands = fake_net_link(w->net, &other_mac, LINK_MTU_DEFAULT);
	w->now = 100 * SECOND;
	struct dp_options o = {
		.link = {w->link},
		.link_count = 1,
		.address = OURS,
		.prefix = 24,
		.gateway = GATEWAY,
		.udp_client = WIRE_PORT_CLIENT,
		.udp_peer = WIRE_PORT_PEER,
		.self = {CLUSTER, 1, OUR_IDENTITY, world_start(5)},
		.peer = {{2, PEER_IDENTITY, 0, PEER, WIRE_PORT_PEER, 0},
			 {3, 0x3333, 0, PEER_2, WIRE_PORT_PEER, 0},
			 {4, 0x4444, 0, FAR, WIRE_PORT_PEER, 0}},
		.peer_count = 3,
		.seed = 1,
	};
	assert_int_equal(dp_create(&w->dp, &o), 0);
	/* Its address is announced twice: what follows counts other frames. */
	world_turn(w, 0);
	world_turn(w, 2 * SECOND);
	(void)world_take_all(w);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	dp_release(w->dp);
	dp_flush(w->dp);
	(void)world_take_all(w);
	uint32_t leaked = fake_net_taken(w->net);
	dp_destroy(w->dp);
	w->hands->ops->destroy(w->hands);
	fake_net_destroy(w->net);
	free(w);
	assert_int_equal(leaked, 0);
	return 0;
}

void world_send(struct world *w, const struct frame *f)
{
	struct link_frame frame;
	bool ok = w->hands->ops->alloc(w->hands, &frame);
	assert_true(ok);
	memcpy(frame.data, f->data, f->size);
	frame.size = (uint32_t)f->size;
	w->hands->ops->tx(w->hands, &frame, 1);
}

void world_turn(struct world *w, uint64_t ns)
{
	w->now += ns;
	w->count = dp_receive(w->dp, w->now, w->datagram);
	dp_flush(w->dp);
}

bool world_take(struct world *w, struct frame *out)
{
	struct link_frame frame;
	if (w->hands->ops->rx(w->hands, w->now, &frame, 1) == 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->size = frame.size;
	memcpy(out->data, frame.data, frame.size);
	w->hands->ops->free(w->hands, &frame);
	return true;
}

uint32_t world_take_all(struct world *w)
{
	struct frame f;
	uint32_t n = 0;
	while (world_take(w, &f))
		n++;
	return n;
}

uint64_t world_drops(const struct world *w, enum dp_drop cause)
{
	return dp_get_counters(w->dp)->drop[cause];
}

struct peer_packet world_peer_packet(void)
{
	struct peer_packet p = {
		.udp = {.source = PEER,
			.destination = OURS,
			.source_port = WIRE_PORT_PEER,
			.destination_port = WIRE_PORT_PEER},
		.envelope = {.type = WIRE_READ,
			     .body_size = 16,
			     .cluster_id = CLUSTER,
			     .source_id = 2,
			     .source_identity = PEER_IDENTITY,
			     .source_start = world_start(7),
			     .destination_identity = OUR_IDENTITY},
	};
	memcpy(p.udp.source_mac, peer_mac.byte, 6);
	memcpy(p.udp.destination_mac, our_mac.byte, 6);
	return p;
}

struct peer_packet world_client_packet(void)
{
	struct peer_packet p = world_peer_packet();
	p.udp.source = 0xc6120063; /* 198.18.0.99 */
	p.udp.source_port = 40000;
	p.udp.destination_port = WIRE_PORT_CLIENT;
	memcpy(p.udp.source_mac, other_mac.byte, 6);
	p.envelope = (struct wire_envelope){.type = WIRE_HELLO, .body_size = 64};
	return p;
}

void world_send_packet(struct world *w, const struct peer_packet *p)
{
	uint8_t payload[WIRE_ENVELOPE_SIZE + 2000] = {0};
	struct frame f;
	assert(p->envelope.body_size <= 1384);
	wire_envelope_encode(&p->envelope, payload);
	frame_udp(&f, &p->udp, payload, WIRE_ENVELOPE_SIZE + p->envelope.body_size);
	world_send(w, &f);
}

uint32_t world_offer(struct world *w, const struct peer_packet *p)
{
	world_send_packet(w, p);
	world_turn(w, 1000);
	return w->count;
}

void world_answer(struct world *w, uint32_t address, const struct link_mac *mac)
{
	struct frame f;
	frame_arp(&f, mac->byte, our_mac.byte, 2, address, OURS);
	world_send(w, &f);
	world_turn(w, 1000);
}

bool world_send_peer(struct world *w, uint32_t peer)
{
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(w->dp, peer, &size_max);
	if (!body)
		return false;
	memset(body, 0xab, 16);
	dp_end(w->dp, WIRE_READ, 16);
	return true;
}

void world_resolve(struct world *w)
{
	assert_false(world_send_peer(w, 0));
	world_turn(w, 0);
	assert_int_equal(world_take_all(w), 1);
	world_answer(w, PEER, &peer_mac);
	assert_true(world_send_peer(w, 0));
	dp_flush(w->dp);
	assert_int_equal(world_take_all(w), 1);
}
