/*
 * The fault shim: a link that wraps a link and does to frames what its rules say. It reads the
 * addresses of IPv4 and ARP frames itself, as it stands below everything that checks them; what it
 * cannot read passes.
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

/* A frame that waits. */
struct held {
	uint64_t due_ns;
	struct link_frame frame;
};

struct line {
	uint32_t count;
	struct held held[FAULT_HELD_MAX];
};

struct fault_link {
	struct link link; /* first: a link is cast to its shim */
	struct link *inner;
	struct fault_rules *rules;
	uint64_t now_ns; /* of the last rx */
	struct line rx, tx;
};

/* What the rules have for one frame. */
struct fate {
	bool dropped, delayed, reordered;
	uint32_t copies; /* beside it */
	uint64_t wait_ns;
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

static void apply(struct fault_rules *rules, const struct fault_rule *r,
		  const struct link_frame *frame, struct fate *fate)
{
	if (r->ppm != 0 && r->ppm < 1000000 && draw(rules) >= r->ppm)
		return;
	switch (r->kind) {
	case FAULT_DROP:
		fate->dropped = true;
		break;
	case FAULT_DUPLICATE:
		fate->copies++;
		break;
	case FAULT_DELAY:
		fate->delayed = true;
		fate->wait_ns += (uint64_t)r->delay_us * 1000;
		if (r->jitter_us > 0)
			fate->wait_ns +=
				mix_next(&rules->random) % ((uint64_t)r->jitter_us * 1000 + 1);
		break;
	case FAULT_REORDER:
		fate->reordered = true;
		fate->wait_ns += FAULT_REORDER_NS;
		break;
	case FAULT_MTU:
		fate->dropped |= frame->size > (uint64_t)r->mtu + LINK_FRAME_SIZE_MIN;
		break;
	}
}

/* A frame that is dropped is nothing else beside. */
static struct fate judge(struct fault_rules *rules, const struct link_frame *frame, bool rx)
{
	struct fate fate = {0};
	uint32_t address;

	if (rules->count == 0 || !remote_address(frame, rx, &address))
		return fate;
	assert(rules->count <= FAULT_RULES_MAX);
	for (uint32_t i = 0; i < rules->count && !fate.dropped; i++) {
		const struct fault_rule *r = &rules->rule[i];

		if (r->address == address && (rx ? r->rx : r->tx))
			apply(rules, r, frame, &fate);
	}
	if (fate.dropped && rx)
		rules->counters.dropped_rx++;
	else if (fate.dropped)
		rules->counters.dropped_tx++;
	rules->counters.delayed += !fate.dropped && fate.delayed;
	rules->counters.reordered += !fate.dropped && fate.reordered;
	return fate;
}

/* Invariant 1: takes the frame. */
static void hold(struct fault_link *f, struct line *line, const struct link_frame *frame,
		 uint64_t wait_ns)
{
	struct link_frame lost = *frame;

	if (line->count < FAULT_HELD_MAX) {
		line->held[line->count++] = (struct held){f->now_ns + wait_ns, *frame};
		return;
	}
	f->rules->counters.no_place++;
	f->inner->ops->free(f->inner, &lost);
}

static void copy(struct fault_link *f, struct line *line, const struct link_frame *frame,
		 uint64_t wait_ns)
{
	struct link_frame other;

	if (!f->inner->ops->alloc(f->inner, &other)) {
		f->rules->counters.no_place++;
		return;
	}
	assert(other.size_max >= frame->size);
	memcpy(other.data, frame->data, frame->size);
	other.size = frame->size;
	other.ip_vouched = frame->ip_vouched;
	other.l4_vouched = frame->l4_vouched;
	f->rules->counters.duplicated++;
	hold(f, line, &other, wait_ns);
}

/* The frame goes its way: true: on, at once. Else it is held or freed. */
static bool passes(struct fault_link *f, struct line *line, struct link_frame *frame, bool rx)
{
	struct fate fate = judge(f->rules, frame, rx);

	if (fate.dropped) {
		f->inner->ops->free(f->inner, frame);
		return false;
	}
	/* The copies come behind it: invariant 2. */
	if (fate.wait_ns > 0)
		hold(f, line, frame, fate.wait_ns);
	for (uint32_t i = 0; i < fate.copies; i++)
		copy(f, line, frame, fate.wait_ns);
	return fate.wait_ns == 0;
}

/* Takes out those whose time has come, the earliest first; max at most. */
static uint16_t release(struct fault_link *f, struct line *line, struct link_frame *out,
			uint16_t max)
{
	uint16_t n = 0;

	while (n < max) {
		uint32_t first = line->count;

		for (uint32_t i = 0; i < line->count; i++)
			if (line->held[i].due_ns <= f->now_ns &&
			    (first == line->count ||
			     line->held[i].due_ns < line->held[first].due_ns))
				first = i;
		if (first == line->count)
			break;
		out[n++] = line->held[first].frame;
		line->count--;
		memmove(&line->held[first], &line->held[first + 1],
			(line->count - first) * sizeof(line->held[0]));
	}
	return n;
}

static void send_due(struct fault_link *f)
{
	struct link_frame out[LINK_BURST_MAX];
	uint16_t n;

	while ((n = release(f, &f->tx, out, LINK_BURST_MAX)) > 0)
		f->inner->ops->tx(f->inner, out, n);
}

static uint16_t fault_rx(struct link *link, uint64_t now_ns, struct link_frame *frames,
			 uint16_t max)
{
	struct fault_link *f = shim_of(link);
	uint16_t kept, n;

	f->now_ns = now_ns;
	send_due(f);
	kept = release(f, &f->rx, frames, max);
	n = f->inner->ops->rx(f->inner, now_ns, frames + kept, (uint16_t)(max - kept));
	for (uint16_t i = kept, end = (uint16_t)(kept + n); i < end; i++) {
		struct link_frame frame = frames[i];

		if (passes(f, &f->rx, &frame, true))
			frames[kept++] = frame;
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
		struct link_frame frame = frames[i];

		if (passes(f, &f->tx, &frame, false))
			frames[kept++] = frame;
	}
	if (kept > 0)
		f->inner->ops->tx(f->inner, frames, kept);
	send_due(f);
}

static uint64_t line_deadline(const struct line *line)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < line->count; i++)
		if (line->held[i].due_ns < next)
			next = line->held[i].due_ns;
	return next;
}

static const char *fault_gone(struct link *link)
{
	struct fault_link *f = shim_of(link);

	return f->inner->ops->gone ? f->inner->ops->gone(f->inner) : NULL;
}

static const char *fault_narrow(struct link *link, uint32_t *mtu)
{
	struct fault_link *f = shim_of(link);

	return f->inner->ops->narrow ? f->inner->ops->narrow(f->inner, mtu) : NULL;
}

static const char *fault_strange(struct link *link, struct link_mac *now)
{
	struct fault_link *f = shim_of(link);

	return f->inner->ops->strange ? f->inner->ops->strange(f->inner, now) : NULL;
}

static uint64_t fault_deadline(struct link *link)
{
	struct fault_link *f = shim_of(link);
	uint64_t rx = line_deadline(&f->rx), tx = line_deadline(&f->tx);

	return rx < tx ? rx : tx;
}

static void line_free(struct fault_link *f, struct line *line)
{
	while (line->count > 0)
		f->inner->ops->free(f->inner, &line->held[--line->count].frame);
}

static void fault_free(struct link *link, struct link_frame *frame)
{
	struct fault_link *f = shim_of(link);
	f->inner->ops->free(f->inner, frame);
}

static uint32_t fault_spare(struct link *link)
{
	struct fault_link *f = shim_of(link);

	return f->inner->ops->spare ? f->inner->ops->spare(f->inner) : UINT32_MAX;
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

	line_free(f, &f->rx);
	line_free(f, &f->tx);
	f->inner->ops->destroy(f->inner);
	free(f);
}

static const struct link_ops fault_ops = {
	.rx = fault_rx,
	.alloc = fault_alloc,
	.tx = fault_tx,
	.free = fault_free,
	.spare = fault_spare,
	.up = fault_up,
	.gone = fault_gone,
	.narrow = fault_narrow,
	.strange = fault_strange,
	.deadline = fault_deadline,
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
