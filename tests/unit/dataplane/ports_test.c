/*
 * Ports that come and go while the dataplane runs (D16), and the peers behind them. Every test ends
 * with each frame back in its pool (N7).
 */
#include "dataplane/dp_internal.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#define LATER 0xc6120020u /* 198.18.0.32: a member that is taken on */

enum { PLACE = 5 };

static const struct link_mac later_mac = {{2, 0, 0, 0, 0, 32}};
static const struct link_mac port_mac = {{2, 0, 0, 0, 0, 40}};

/* A second wire, and the later member's hands at its other end. */
struct wire {
	struct fake_net *net;
	struct link *ours, *hands;
	int port;
};

static void wire_open(struct wire *v, struct world *w)
{
	v->net = fake_net_create(NULL);
	v->ours = fake_net_link(v->net, &port_mac, LINK_MTU_DEFAULT);
	v->hands = fake_net_link(v->net, &later_mac, LINK_MTU_DEFAULT);
	v->port = dp_port_add(w->dp, v->ours);
	assert_true(v->port > 0);
}

static void wire_close(struct wire *v)
{
	v->ours->ops->destroy(v->ours);
	v->hands->ops->destroy(v->hands);
	assert_int_equal(fake_net_taken(v->net), 0);
	fake_net_destroy(v->net);
}

static struct dp_peer later(const struct wire *v)
{
	return (struct dp_peer){77, 78, 0, LATER, WIRE_PORT_PEER, (uint8_t)v->port};
}

/* Frames that the dataplane sent by this wire; the last of them in *f. */
static uint32_t taken(struct wire *v, struct world *w, struct frame *f)
{
	struct link_frame frame[LINK_BURST_MAX];
	uint16_t count = v->hands->ops->rx(v->hands, w->now, frame, LINK_BURST_MAX);

	for (uint16_t i = 0; i < count; i++) {
		f->size = frame[i].size;
		memcpy(f->data, frame[i].data, frame[i].size);
		v->hands->ops->free(v->hands, &frame[i]);
	}
	return count;
}

static void offer(struct wire *v, const struct frame *f)
{
	struct link_frame frame;

	assert_true(v->hands->ops->alloc(v->hands, &frame));
	memcpy(frame.data, f->data, f->size);
	frame.size = (uint32_t)f->size;
	v->hands->ops->tx(v->hands, &frame, 1);
}

/* A good packet of the later member, by its wire. */
static void later_speaks(struct wire *v)
{
	struct peer_packet p = world_peer_packet();
	uint8_t payload[WIRE_ENVELOPE_SIZE + 64] = {0};
	struct frame f;

	p.envelope.source_id = 77;
	p.envelope.source_identity = 78;
	p.udp.source = LATER;
	memcpy(p.udp.source_mac, later_mac.byte, sizeof(p.udp.source_mac));
	memcpy(p.udp.destination_mac, port_mac.byte, sizeof(p.udp.destination_mac));
	wire_envelope_encode(&p.envelope, payload);
	frame_udp(&f, &p.udp, payload, WIRE_ENVELOPE_SIZE + p.envelope.body_size);
	offer(v, &f);
}

static void later_answers(struct wire *v)
{
	struct frame f;

	frame_arp(&f, later_mac.byte, port_mac.byte, 2, LATER, OURS);
	offer(v, &f);
}

static bool says(struct world *w, uint32_t place)
{
	bool way = world_send_peer(w, place);

	dp_flush(w->dp);
	return way;
}

static void a_peer_without_a_port_is_known_and_not_reached(void **state)
{
	struct world *w = *state;
	struct dp_peer p = {77, 78, 0, LATER, WIRE_PORT_PEER, DP_PORT_NONE};
	uint64_t before = world_drops(w, DP_DROP_TX_UNRESOLVED);

	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), 0);
	assert_int_equal(dp_peer_find(w->dp, 77), PLACE);
	assert_false(says(w, PLACE));
	assert_int_equal(world_drops(w, DP_DROP_TX_UNRESOLVED), before + 1);
	p.port = 1; /* there is none */
	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), -EINVAL);
}

static void a_port_more_leads_to_its_peer(void **state)
{
	struct world *w = *state;
	struct wire v;
	struct frame f;

	wire_open(&v, w);
	const struct dp_peer p = later(&v);
	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), 0);
	assert_false(says(w, PLACE)); /* it is asked for */
	later_answers(&v);
	world_turn(w, MS);
	assert_true(taken(&v, w, &f) > 0);
	assert_true(says(w, PLACE));
	assert_int_equal(taken(&v, w, &f), 1);
	later_speaks(&v);
	world_turn(w, MS);
	assert_int_equal(w->count, 1);
	assert_int_equal(w->datagram[0].peer, PLACE);
	assert_ptr_equal(dp_port_remove(w->dp, (uint32_t)v.port), v.ours);
	wire_close(&v);
}

/* Held, queued, asked for: whatever is under way, no frame is lost and nobody is left behind. */
static void N7_a_port_that_goes_takes_its_frames_along(void **state)
{
	struct world *w = *state;
	struct wire v;
	struct frame f;

	wire_open(&v, w);
	const struct dp_peer p = later(&v);
	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), 0);
	assert_false(says(w, PLACE));
	later_answers(&v);
	world_turn(w, MS);
	(void)taken(&v, w, &f);
	later_speaks(&v);
	w->now += MS;
	w->count = dp_receive(w->dp, w->now, w->datagram); /* held */
	assert_int_equal(w->count, 1);
	assert_true(world_send_peer(w, PLACE)); /* queued */
	w->count = 0;
	assert_ptr_equal(dp_port_remove(w->dp, (uint32_t)v.port), v.ours);
	assert_null(dp_get_port(w->dp, (uint32_t)v.port));
	dp_flush(w->dp);
	assert_int_equal(taken(&v, w, &f), 0);
	/* Its peer is known still, and there is no way to it. */
	assert_int_equal(dp_peer_find(w->dp, 77), PLACE);
	assert_false(says(w, PLACE));
	for (int i = 0; i < 100; i++)
		world_turn(w, 100 * MS);
	assert_true(dp_deadline(w->dp) > w->now);
	wire_close(&v);
	/* The others go on. */
	(void)world_take_all(w);
	world_resolve(w);
	assert_true(says(w, 0));
	(void)world_take_all(w);
}

/* Whoever asked by a port that is gone gets no answer, and not one by the port that came after. */
static void a_client_of_a_port_that_is_gone(void **state)
{
	struct world *w = *state;
	struct wire v;
	uint32_t size_max;

	wire_open(&v, w);
	const struct dp_address to = {LATER, 40000, (uint8_t)v.port, later_mac};
	assert_ptr_equal(dp_port_remove(w->dp, (uint32_t)v.port), v.ours);
	assert_null(dp_begin_client(w->dp, &to, &size_max));
	wire_close(&v);
}

/* The place of a port is taken again: nothing of the one before is in it. */
static void a_port_takes_the_place_of_one_that_went(void **state)
{
	struct world *w = *state;
	struct wire v, second;
	struct frame f;

	wire_open(&v, w);
	struct dp_peer p = later(&v);
	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), 0);
	assert_false(says(w, PLACE));
	later_answers(&v);
	world_turn(w, MS);
	assert_true(says(w, PLACE));
	(void)taken(&v, w, &f);
	assert_ptr_equal(dp_port_remove(w->dp, (uint32_t)v.port), v.ours);
	wire_close(&v);

	wire_open(&second, w);
	assert_int_equal(second.port, v.port);
	world_turn(w, MS);
	assert_true(taken(&second, w, &f) > 0); /* our address is announced on it */
	assert_false(says(w, PLACE));           /* who was there is not here by himself */
	assert_int_equal(dp_peer_set(w->dp, PLACE, &p), 0);
	assert_false(says(w, PLACE)); /* nor is his MAC address known here */
	assert_int_equal(taken(&second, w, &f), 1);
	assert_ptr_equal(dp_port_remove(w->dp, (uint32_t)second.port), second.ours);
	wire_close(&second);
}

static void there_is_room_for_each_member_and_clients(void **state)
{
	struct world *w = *state;
	struct link *link[DP_PORTS_MAX];
	struct fake_net *net[DP_PORTS_MAX];

	for (uint32_t i = 1; i < DP_PORTS_MAX; i++) {
		net[i] = fake_net_create(NULL);
		link[i] = fake_net_link(net[i], &port_mac, LINK_MTU_DEFAULT);
		assert_int_equal(dp_port_add(w->dp, link[i]), i);
	}
	assert_int_equal(dp_port_add(w->dp, link[1]), -ENOSPC);
	world_turn(w, MS);
	for (uint32_t i = 1; i < DP_PORTS_MAX; i++) {
		assert_ptr_equal(dp_port_remove(w->dp, i), link[i]);
		link[i]->ops->destroy(link[i]);
		fake_net_destroy(net[i]);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_peer_without_a_port_is_known_and_not_reached),
		TEST(a_port_more_leads_to_its_peer),
		TEST(N7_a_port_that_goes_takes_its_frames_along),
		TEST(a_client_of_a_port_that_is_gone),
		TEST(a_port_takes_the_place_of_one_that_went),
		TEST(there_is_room_for_each_member_and_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
