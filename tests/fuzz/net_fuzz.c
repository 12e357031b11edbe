/*
 * Fuzz target: frames from the wire to datagrams, through a whole dataplane (N7, N15).
 *
 * The input is a row of frames: a flag byte, a size byte pair, the frame. The flags repair its
 * checksums, have the device vouch for them, let time pass, or have us send to a peer, so that what
 * lies behind a check is reached too. After each input every frame is back in its pool.
 */
#include "dataplane/dp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dataplane/fake_link.h"
#include "tests/unit/dataplane/frames.h"

#include <stdlib.h>
#include <string.h>

enum {
	FLAG_REPAIR = 1,
	FLAG_VOUCH = 2,
	FLAG_TIME = 4,
	FLAG_SEND = 8,
	HEAD_SIZE = 3,
	OURS = 0x0a000001,
	PEER = 0x0a000002,
};

static const struct link_mac our_mac = {{2, 0, 0, 0, 0, 1}};
static const struct link_mac their_mac = {{2, 0, 0, 0, 0, 2}};

struct target {
	struct fake_net *net;
	struct link *link, *hands;
	struct dp *dp;
	uint64_t now;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void begin(struct target *t)
{
	static struct fake_net *net;
	if (!net)
		net = fake_net_create(NULL);
	*t = (struct target){.net = net, .now = 1000000000};
	t->link = fake_net_link(net, &our_mac, LINK_MTU_DEFAULT);
	t->hands = fake_net_link(net, &their_mac, LINK_MTU_DEFAULT);
	struct dp_options o = {.link = {t->link},
			       .link_count = 1,
			       .address = OURS,
			       .prefix = 24,
			       .udp_client = WIRE_PORT_CLIENT,
			       .udp_peer = WIRE_PORT_PEER,
			       .self = {7, 1, 11, 1ull << 32},
			       .peer = {{2, 12, 0, PEER, WIRE_PORT_PEER, 0}},
			       .peer_count = 1,
			       .seed = 1};
	require(dp_create(&t->dp, &o) == 0);
}

static void turn(struct target *t)
{
	static struct dp_datagram out[DP_RECEIVE_MAX];
	struct link_frame frame;
	volatile uint8_t sum = 0;

	uint32_t n = dp_receive(t->dp, t->now, out);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < out[i].envelope.body_size; k++)
			sum = (uint8_t)(sum + out[i].body[k]);
	dp_flush(t->dp);
	while (t->hands->ops->rx(t->hands, t->now, &frame, 1) == 1)
		t->hands->ops->free(t->hands, &frame);
}

/* Nothing is left behind, whatever came. */
static void end(struct target *t)
{
	dp_release(t->dp);
	dp_flush(t->dp);
	require(t->now > 0);
	dp_destroy(t->dp);
	t->hands->ops->destroy(t->hands);
	require(fake_net_taken(t->net) == 0);
	require(fake_net_under_way(t->net) == 0);
}

/* The checksums of what the frame says it is, if its sizes hold. */
static void repair(struct frame *f)
{
	if (f->size < AT_UDP || frame_get16(f->data + AT_TYPE) != 0x0800)
		return;
	frame_ip_checksum(f);
	uint32_t size = frame_get16(f->data + AT_IP_SIZE);
	if (size < 28 || size > f->size - AT_IP)
		return;
	if (f->data[AT_IP_PROTOCOL] == 17)
		frame_udp_checksum(f);
	else if (f->data[AT_IP_PROTOCOL] == 1)
		frame_icmp_checksum(f);
}

static void frame_send(struct target *t, uint8_t flags, struct frame *f)
{
	struct link_frame frame;

	if (flags & FLAG_REPAIR)
		repair(f);
	if (flags & FLAG_TIME)
		t->now += 3000000000;
	fake_link_vouch_set(t->link, (flags & FLAG_VOUCH) != 0);
	if (f->size >= LINK_FRAME_SIZE_MIN) {
		require(t->hands->ops->alloc(t->hands, &frame));
		memcpy(frame.data, f->data, f->size);
		frame.size = (uint32_t)f->size;
		t->hands->ops->tx(t->hands, &frame, 1);
	}
	if (flags & FLAG_SEND) {
		uint32_t size_max;
		uint8_t *body = dp_begin_peer(t->dp, 0, &size_max);
		if (body) {
			memset(body, 0, size_max);
			dp_end(t->dp, WIRE_APPEND, flags & FLAG_TIME ? size_max : 0);
		}
	}
	t->now += 1000;
	turn(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target t;

	begin(&t);
	while (size >= HEAD_SIZE) {
		uint8_t flags = data[0];
		size_t want = frame_get16(data + 1) % FRAME_MAX;
		struct frame f;
		data += HEAD_SIZE;
		size -= HEAD_SIZE;
		f.size = want < size ? want : size;
		memcpy(f.data, data, f.size);
		data += f.size;
		size -= f.size;
		frame_send(&t, flags, &f);
	}
	end(&t);
	return 0;
}

static size_t append(uint8_t *input, size_t at, uint8_t flags, const struct frame *f)
{
	input[at] = flags;
	frame_put16(input + at + 1, (unsigned int)f->size);
	memcpy(input + at + HEAD_SIZE, f->data, f->size);
	return at + HEAD_SIZE + f->size;
}

static void packet(struct frame *f, bool of_peer)
{
	uint8_t payload[WIRE_ENVELOPE_SIZE + 64] = {0};
	struct wire_envelope e = {.type = of_peer ? WIRE_READ : WIRE_HELLO,
				  .body_size = of_peer ? 16 : 64,
				  .cluster_id = 7,
				  .source_id = of_peer ? 2 : 0,
				  .source_identity = of_peer ? 12 : 0,
				  .source_start = of_peer ? 1ull << 32 : 0,
				  .destination_identity = of_peer ? 11 : 0};
	struct frame_udp udp = {.source = PEER,
				.destination = OURS,
				.source_port = WIRE_PORT_PEER,
				.destination_port = of_peer ? WIRE_PORT_PEER : WIRE_PORT_CLIENT};
	memcpy(udp.source_mac, their_mac.byte, 6);
	memcpy(udp.destination_mac, our_mac.byte, 6);
	wire_envelope_encode(&e, payload);
	frame_udp(f, &udp, payload, WIRE_ENVELOPE_SIZE + e.body_size);
}

/* A question of ours, its answer, then what n chooses of all that may come. */
size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	struct frame_udp ends = {.source = PEER, .destination = OURS};
	struct frame f = {0};
	size_t at = append(input, 0, FLAG_SEND, &f);

	memcpy(ends.source_mac, their_mac.byte, 6);
	memcpy(ends.destination_mac, our_mac.byte, 6);
	frame_arp(&f, their_mac.byte, our_mac.byte, 2, PEER, OURS);
	at = append(input, at, 0, &f);
	for (int i = 0; i < 4; i++, n /= 4) {
		if (n % 4 == 0)
			frame_arp(&f, their_mac.byte, our_mac.byte, 1, PEER, OURS);
		else if (n % 4 == 1)
			frame_echo(&f, &ends, 32);
		else
			packet(&f, n % 4 == 2);
		at = append(input, at, (uint8_t)(FLAG_REPAIR | (n & FLAG_SEND) | (n & FLAG_TIME)),
			    &f);
	}
	return at;
}
