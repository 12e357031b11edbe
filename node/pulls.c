/*
 * What other members pull of the snapshots here: ranges are read a few at a time, from whoever's
 * turn it is, and leave in chunks, so many bytes in a turn that commits keep their latency (R21).
 * Who asks for what is not here is told so. What there is no room for is dropped: it is asked for
 * again.
 */
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	TURN_SIZE = 32 * 1024,
};

/* Frames leave at once, or the way is down: then it is asked for again. */
#define SENT_NS_MAX UINT64_C(1000000000)

static bool is_member(const struct node *n, uint32_t peer)
{
	return n->peer[peer].at.address != 0 && !n->peer[peer].met_ns;
}

static bool is_here(const struct node *n, const struct wire_snapshot_range *range)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX];
	uint32_t count = wal_snapshots(n->wal, list);

	if (n->diverged.index) /* it may be of a wrong state */
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].index == range->index && list[i].term == range->term)
			return list[i].hash == range->hash && range->offset < list[i].size;
	}
	return false;
}

/* False: not now. */
static bool chunk_send(struct node *n, uint32_t peer, const struct wire_snapshot_range *of,
		       const uint8_t *data)
{
	uint32_t size_max;
	uint8_t *body = dp_begin_peer(n->dp, peer, &size_max);

	if (!body)
		return false;
	dp_end(n->dp, WIRE_SNAPSHOT_CHUNK, wire_snapshot_chunk_encode(of, data, body));
	return true;
}

static void say_not_here(struct node *n, uint32_t peer, const struct wire_snapshot_range *range)
{
	struct wire_snapshot_range none = *range;

	none.length = 0;
	(void)chunk_send(n, peer, &none, NULL);
}

static bool waits(const struct node_peer_pulls *p, const struct wire_snapshot_range *range)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->range[i].index == range->index && p->range[i].offset == range->offset)
			return true;
	}
	return false;
}

void node_pulls_receive(struct node *n, const struct dp_datagram *d)
{
	struct node_peer_pulls *p = &n->peer[d->peer].pulls;
	struct wire_snapshot_range range;

	if (!is_member(n, d->peer)) {
		n->counters.raft_unknown++;
		return;
	}
	if (wire_snapshot_pull_decode(&range, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (!seldom_hear(n, d->peer, NODE_SELDOM_PULL))
		return;
	n->work = true;
	if (!is_here(n, &range))
		say_not_here(n, d->peer, &range);
	else if (p->count == NODE_PULLS_MAX)
		n->pulls.over++;
	else if (!waits(p, &range))
		p->range[p->count++] = range;
}

/* --- read -------------------------------------------------------------------------------- */

static void first_drop(struct node_peer_pulls *p)
{
	p->count--;
	memmove(p->range, p->range + 1, p->count * sizeof(p->range[0]));
}

/* False: there is no room for any. */
static bool read_first(struct node *n, struct node_pulls_slot *slot, uint32_t peer)
{
	struct node_peer_pulls *p = &n->peer[peer].pulls;
	struct wire_snapshot_range range = p->range[0];
	int got;

	if (range.length > WAL_RANGE_SIZE_MAX)
		range.length = WAL_RANGE_SIZE_MAX;
	got = wal_range_read(n->wal, range.index, range.term, range.offset, range.length);
	if (got == -EAGAIN)
		return false;
	if (got < 0) {
		if (got == -ENOENT)
			say_not_here(n, peer, &range);
		first_drop(p);
		return true;
	}
	*slot = (struct node_pulls_slot){.used = true,
					 .slot = (uint32_t)got,
					 .peer = peer,
					 .taken = n->peer[peer].taken,
					 .range = range,
					 .began_ns = n->now_ns};
	p->range[0].offset += range.length;
	p->range[0].length -= range.length;
	if (p->range[0].length == 0)
		first_drop(p);
	return true;
}

static void read_next(struct node *n, struct node_pulls_slot *slot)
{
	for (uint32_t k = 0; k < n->places && !slot->used; k++) {
		uint32_t peer = n->pulls.next % n->places;

		if (n->peer[peer].pulls.count > 0 && !read_first(n, slot, peer))
			return;
		n->pulls.next = peer + 1;
	}
}

/* --- sent -------------------------------------------------------------------------------- */

static uint32_t chunk_size(const struct node *n, uint32_t peer)
{
	uint32_t size = n->peer[peer].path.size;

	return wire_snapshot_chunk_size_max((uint16_t)(size ? size : PATH_SIZE_ENTRY));
}

static void release(struct node *n, struct node_pulls_slot *slot)
{
	wal_range_release(n->wal, slot->slot);
	slot->used = false;
}

static void slot_send(struct node *n, struct node_pulls_slot *slot, uint32_t *left)
{
	const uint32_t most = chunk_size(n, slot->peer);
	struct wire_snapshot_range of = slot->range;
	const uint8_t *data;
	uint32_t size;
	int err = wal_range_get(n->wal, slot->slot, &data, &size);

	n->work = true;
	if (err == -EAGAIN)
		return;
	if (wal_range_damaged(err))
		node_snapshot_damaged(n, slot->range.index, slot->range.term, err);
	if (err)
		say_not_here(n, slot->peer, &slot->range);
	while (!err && slot->sent<size && * left> 0) {
		of.offset = slot->range.offset + slot->sent;
		of.length = size - slot->sent < most ? size - slot->sent : most;
		if (!chunk_send(n, slot->peer, &of, data + slot->sent))
			break;
		slot->sent += of.length;
		n->pulls.sent_bytes += of.length;
		*left -= of.length < *left ? of.length : *left;
	}
	if (err || slot->sent >= size || n->now_ns - slot->began_ns >= SENT_NS_MAX)
		release(n, slot);
}

void node_pulls_drive(struct node *n)
{
	uint32_t left = TURN_SIZE;

	for (uint32_t i = 0; i < WAL_RANGES_MAX; i++) {
		struct node_pulls_slot *slot = &n->pulls.slot[i];

		if (slot->used &&
		    (n->peer[slot->peer].taken != slot->taken || !is_member(n, slot->peer)))
			release(n, slot);
		if (!slot->used)
			read_next(n, slot);
		if (slot->used)
			slot_send(n, slot, &left);
	}
}
