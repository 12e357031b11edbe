/*
 * The fault shim: a link that wraps a link and loses what its rules name. It reads the addresses of
 * IPv4 and ARP frames itself, as it stands below everything that checks them; what it cannot read
 * passes.
 */
#include "dataplane/fault.h"

#include "base/bytes.h"
#include "base/mix.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPE_OFFSET = 12,
	IP_SOURCE_OFFSET = 14 + 12,
	IP_DESTINATION_OFFSET = 14 + 16,
	ARP_SENDER_OFFSET = 14 + 14,
	ARP_TARGET_OFFSET = 14 + 24,
};

struct fault_link {
	struct link link; /* first: a link is cast to its shim */
	struct link *inner;
	struct fault_rules *rules;
};

static struct fault_link *shim_of(struct link *link)
{
	return (struct fault_link *)(void *)link;
}

/* The address at either end of the frame. False: neither IPv4 nor ARP, or cut short. */
static bool remote_address(const struct link_frame *frame, bool rx, uint32_t *out)
{
	uint32_t offset;

	if (frame->size < LINK_FRAME_SIZE_MIN || frame->data[TYPE_OFFSET] != 0x08)
		return false;
	if (frame->data[TYPE_OFFSET + 1] == 0x00)
		offset = rx ? IP_SOURCE_OFFSET : IP_DESTINATION_OFFSET;
	else if (frame->data[TYPE_OFFSET + 1] == 0x06)
		offset = rx ? ARP_SENDER_OFFSET : ARP_TARGET_OFFSET;
	else
		return false;
	if (frame->size < offset + 4)
		return false;
	*out = bytes_get32_be(frame->data + offset);
	return true;
}

/* Below a million. */
static uint32_t draw(struct fault_rules *rules)
{
	return (uint32_t)(mix_next(&rules->random) % 1000000);
}

static bool is_lost(struct fault_rules *rules, const struct link_frame *frame, bool rx)
{
	uint32_t address;

	if (rules->count == 0 || !remote_address(frame, rx, &address))
		return false;
	assert(rules->count <= FAULT_RULES_MAX);
	for (uint32_t i = 0; i < rules->count; i++) {
		const struct fault_rule *r = &rules->rule[i];
		if (r->address != address || !(rx ? r->drop_rx : r->drop_tx))
			continue;
		if (r->loss_ppm == 0 || r->loss_ppm >= 1000000 || draw(rules) < r->loss_ppm)
			return true;
	}
	return false;
}

static uint16_t fault_rx(struct link *link, uint64_t now_ns, struct link_frame *frames,
			 uint16_t max)
{
	struct fault_link *f = shim_of(link);
	uint16_t n = f->inner->ops->rx(f->inner, now_ns, frames, max);
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (!is_lost(f->rules, &frames[i], true)) {
			frames[kept++] = frames[i];
			continue;
		}
		f->rules->dropped_rx++;
		f->inner->ops->free(f->inner, &frames[i]);
	}
	return kept;
}

static bool fault_alloc(struct link *link, struct link_frame *frame)
{
	struct fault_link *f = shim_of(link);
	return f->inner->ops->alloc(f->inner, frame);
}

static void fault_tx(struct link *link, struct link_frame *frames, uint16_t count)
{
	struct fault_link *f = shim_of(link);
	uint16_t kept = 0;

	for (uint16_t i = 0; i < count; i++) {
		if (!is_lost(f->rules, &frames[i], false)) {
			frames[kept++] = frames[i];
			continue;
		}
		f->rules->dropped_tx++;
		f->inner->ops->free(f->inner, &frames[i]);
	}
	if (kept > 0)
		f->inner->ops->tx(f->inner, frames, kept);
}

static void fault_free(struct link *link, struct link_frame *frame)
{
	struct fault_link *f = shim_of(link);
	f->inner->ops->free(f->inner, frame);
}

static bool fault_up(struct link *link)
{
	struct fault_link *f = shim_of(link);
	return f->inner->ops->up(f->inner);
}

static void fault_counters(struct link *link, struct link_counters *out)
{
	struct fault_link *f = shim_of(link);
	f->inner->ops->counters(f->inner, out);
}

static void fault_destroy(struct link *link)
{
	struct fault_link *f = shim_of(link);
	f->inner->ops->destroy(f->inner);
	free(f);
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
	f->link = *inner; /* its name, address and MTU */
	f->link.ops = &fault_ops;
	f->inner = inner;
	f->rules = rules;
	*out = &f->link;
	return 0;
}
