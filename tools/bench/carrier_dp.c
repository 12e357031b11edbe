/*
 * A DPDK client: the dataplane in a client's role, on one port for each server. All clients share
 * its UDP port.
 *
 * The clients of dataplane/client.h write whole payloads, and the dataplane writes envelopes
 * itself: going out only the body is handed on, coming in the envelope is written again.
 */
#include "base/clock.h"
#include "dataplane/dp.h"
#include "tools/bench/carrier.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_UDP_PORT = 40000, SERVERS_MAX = 16 };

struct carrier_dp {
	struct carrier carrier;
	struct dp *dp;
	struct carrier_dp_options options;
	struct dp_address server[SERVERS_MAX];
	uint32_t chosen[SERVERS_MAX];
	uint32_t chosen_count;
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	uint32_t datagram_count, datagram_next;
	bool holding; /* frames not yet given back */
	uint8_t payload[CARRIER_PAYLOAD_MAX];
};

static void dp_carrier_send(struct carrier *carrier, uint32_t client, const uint8_t *payload,
			    size_t size, uint64_t now_ns)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;
	const struct dp_address *to = &d->server[d->chosen[client % d->chosen_count]];
	struct wire_envelope envelope;
	uint32_t size_max;
	uint8_t *body;

	(void)now_ns;
	if (wire_envelope_decode(&envelope, payload, size) != WIRE_VERDICT_GOOD)
		return;
	/* None: the pool is empty, or the link is down. A lost datagram: the client sends again. */
	body = dp_begin_client(d->dp, to, &size_max);
	if (!body)
		return;
	assert(envelope.body_size <= size_max);
	memcpy(body, payload + WIRE_ENVELOPE_SIZE, envelope.body_size);
	dp_end(d->dp, envelope.type, envelope.body_size);
}

static bool pump(struct carrier_dp *d)
{
	return d->options.pump && d->options.pump(d->options.pump_context);
}

static size_t dp_carrier_receive(struct carrier *carrier, uint64_t now_ns, int *client,
				 const uint8_t **payload)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;
	const struct dp_datagram *datagram;

	if (d->datagram_next == d->datagram_count) {
		if (d->holding)
			dp_release(d->dp);
		d->datagram_count = dp_receive(d->dp, now_ns, d->datagram);
		d->datagram_next = 0;
		d->holding = d->datagram_count > 0;
		if (!d->holding) {
			dp_release(d->dp);
			return 0;
		}
	}
	datagram = &d->datagram[d->datagram_next++];
	if (datagram->from_peer ||
	    datagram->envelope.body_size > sizeof(d->payload) - WIRE_ENVELOPE_SIZE)
		return 0;
	wire_envelope_encode(&datagram->envelope, d->payload);
	memcpy(d->payload + WIRE_ENVELOPE_SIZE, datagram->body, datagram->envelope.body_size);
	*client = CARRIER_CLIENT_UNKNOWN;
	*payload = d->payload;
	return WIRE_ENVELOPE_SIZE + datagram->envelope.body_size;
}

static void dp_carrier_flush(struct carrier *carrier)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;

	dp_flush(d->dp);
	pump(d);
}

/* A polled port wakes nobody: give the core to whoever has work, and look again. */
static void dp_carrier_wait(struct carrier *carrier, uint64_t wait_ns)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;

	if (wait_ns == 0 || pump(d))
		return;
	sched_yield();
}

static void dp_carrier_destroy(struct carrier *carrier)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;

	if (d->dp)
		dp_destroy(d->dp);
	free(d);
}

static int resolve(struct carrier_dp *d, uint32_t i, char error[PATH_ERROR_MAX])
{
	const struct carrier_server *s = &d->options.server[i];
	uint64_t deadline = clock_now() + d->options.resolve_timeout_ns;
	struct dp_datagram datagram[DP_RECEIVE_MAX];
	struct in_addr in = {.s_addr = htonl(s->address)};
	struct link_counters counters;
	const char *name;
	bool up;

	for (;;) {
		uint64_t now = clock_now();

		dp_receive(d->dp, now, datagram);
		dp_release(d->dp);
		if (dp_resolve(d->dp, (uint8_t)i, s->address, s->udp_port, now, &d->server[i]))
			return 0;
		dp_flush(d->dp);
		if (now >= deadline)
			break;
		if (!pump(d))
			clock_sleep(100 * CLOCK_US);
	}
	dp_get_link(d->dp, i, &up, &counters, &name);
	snprintf(error, PATH_ERROR_MAX, "%s does not answer ARP on %s (link %s)", inet_ntoa(in),
		 name, up ? "up" : "down: is the node running, and is this its socket?");
	return -EHOSTUNREACH;
}

static int open_dataplane(struct carrier_dp *d)
{
	const struct carrier_dp_options *o = &d->options;
	struct dp_options dp = {
		.link_count = o->server_count,
		.address = o->address,
		.prefix = o->prefix,
		.udp_client = CLIENT_UDP_PORT,
		.seed = clock_now(),
	};

	for (uint32_t i = 0; i < o->server_count; i++)
		dp.link[i] = o->server[i].link;
	return dp_create(&d->dp, &dp);
}

int carrier_dp_create(struct carrier **out, const struct carrier_dp_options *options,
		      char error[PATH_ERROR_MAX])
{
	static const struct carrier_ops ops = {
		.send = dp_carrier_send,
		.receive = dp_carrier_receive,
		.flush = dp_carrier_flush,
		.wait = dp_carrier_wait,
		.destroy = dp_carrier_destroy,
	};
	struct carrier_dp *d = calloc(1, sizeof(*d));
	int err = d ? 0 : -ENOMEM;

	if (d) {
		d->carrier.ops = &ops;
		d->options = *options;
		d->chosen_count = 1;
		err = open_dataplane(d);
	}
	if (err) {
		snprintf(error, PATH_ERROR_MAX, "the client's dataplane: %s", strerror(-err));
		for (uint32_t i = 0; i < options->server_count; i++)
			options->server[i].link->ops->destroy(options->server[i].link);
		free(d);
		return err;
	}
	for (uint32_t i = 0; !err && i < options->server_count; i++)
		err = resolve(d, i, error);
	if (err) {
		dp_carrier_destroy(&d->carrier);
		return err;
	}
	*out = &d->carrier;
	return 0;
}

void carrier_dp_choose(struct carrier *carrier, const uint32_t *servers, uint32_t count)
{
	struct carrier_dp *d = (struct carrier_dp *)carrier;

	assert(count >= 1);
	assert(count <= SERVERS_MAX);
	memcpy(d->chosen, servers, count * sizeof(*servers));
	d->chosen_count = count;
}
