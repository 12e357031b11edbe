/*
 * The fault shim: looks at the IPv4 or ARP addresses of each frame on its way between the dataplane and a link.
 */
#include "dataplane/fault.h"

#include "dataplane/net.h"

#include <errno.h>
#include <stdlib.h>

struct fault_link {
	struct link link;
	struct link *inner;
	struct fault_rules *rules;
};

static struct fault_link *fault_of(struct link *link)
{
	return (struct fault_link *)(void *)link;
}

/* The address at the other end: the frame's source on the way in, its destination on the way out. */
static uint32_t remote_of(const struct link_frame *frame, bool tx)
{
	const uint8_t *at = frame->data + NET_ETHERNET_SIZE;
	uint16_t type;

	if (frame->size < NET_ETHERNET_SIZE + NET_ARP_SIZE)
		return 0;
	type = net_get16(frame->data + 12);
	if (type == NET_TYPE_IP)
		return net_get32(at + (tx ? 16 : 12));
	return type == NET_TYPE_ARP ? net_get32(at + (tx ? 24 : 14)) : 0;
}

/* xorshift64 (Marsaglia, 2003). */
static uint64_t random_next(struct fault_rules *rules)
{
	rules->random ^= rules->random << 13;
	rules->random ^= rules->random >> 7;
	rules->random ^= rules->random << 17;
	return rules->random;
}

static bool drops(struct fault_rules *rules, const struct link_frame *frame, bool tx)
{
	uint32_t remote;

	if (rules->count == 0)
		return false;
	remote = remote_of(frame, tx);
	for (uint32_t i = 0; i < rules->count; i++) {
		const struct fault_rule *r = &rules->rule[i];

		if (r->address != remote || !(tx ? r->drop_tx : r->drop_rx))
			continue;
		if (r->loss_ppm == 0 || random_next(rules) % 1000000 < r->loss_ppm)
			return true;
	}
	return false;
}

static uint16_t fault_rx(struct link *link, uint64_t now_ns, struct link_frame *frames,
			 uint16_t max)
{
	struct fault_link *f = fault_of(link);
	uint16_t got = f->inner->ops->rx(f->inner, now_ns, frames, max), kept = 0;

	for (uint16_t i = 0; i < got; i++) {
		if (!drops(f->rules, &frames[i], false)) {
			frames[kept++] = frames[i];
			continue;
		}
		f->rules->dropped_rx++;
		f->inner->ops->free(f->inner, &frames[i]);
	}
	return kept;
}

static void fault_tx(struct link *link, struct link_frame *frames, uint16_t count)
{
	struct fault_link *f = fault_of(link);
	uint16_t kept = 0;

	for (uint16_t i = 0; i < count; i++) {
		if (!drops(f->rules, &frames[i], true)) {
			frames[kept++] = frames[i];
			continue;
		}
		f->rules->dropped_tx++;
		f->inner->ops->free(f->inner, &frames[i]);
	}
	if (kept)
		f->inner->ops->tx(f->inner, frames, kept);
}

static bool fault_alloc(struct link *link, struct link_frame *frame)
{
	return fault_of(link)->inner->ops->alloc(fault_of(link)->inner, frame);
}

static void fault_free(struct link *link, struct link_frame *frame)
{
	fault_of(link)->inner->ops->free(fault_of(link)->inner, frame);
}

static bool fault_up(struct link *link)
{
	return fault_of(link)->inner->ops->up(fault_of(link)->inner);
}

static void fault_counters(struct link *link, struct link_counters *out)
{
	fault_of(link)->inner->ops->counters(fault_of(link)->inner, out);
}

static void fault_destroy(struct link *link)
{
	struct link *inner = fault_of(link)->inner;

	inner->ops->destroy(inner);
	free(link);
}

static const struct link_ops fault_ops = {
	.rx = fault_rx,
	.alloc = fault_alloc,
	.tx = fault_tx,
	.free = fault_free,
	.up = fault_up,
	.counters = fault_counters,
	.destroy = fault_destroy,
};

int fault_link_create(struct link **out, struct link *inner, struct fault_rules *rules)
{
	struct fault_link *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->link = *inner;
	f->link.ops = &fault_ops;
	f->inner = inner;
	f->rules = rules;
	*out = &f->link;
	return 0;
}
