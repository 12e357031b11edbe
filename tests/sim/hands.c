#include "tests/sim/hands.h"

#include "node/internal.h"
#include "tests/unit/dataplane/frames.h"

#include <assert.h>
#include <string.h>

#define ADDRESS 0xc6120001u /* of the first node */

enum { PORT = 15 };

static struct sim_world *w;
static struct link *hands;

void hands_open(struct sim_world *world)
{
	w = world;
	hands = sim_net_link(w->net, PORT);
	/* They send and never read: a broadcast to them is no event that the world waits for. */
	sim_net_doze(w->net, PORT, true);
}

void hands_close(void)
{
	hands->ops->destroy(hands);
}

struct wire_envelope hands_envelope(uint32_t from, uint32_t to, uint8_t type, size_t size)
{
	const struct node *n = w->node[from].node;

	return (struct wire_envelope){
		.type = type,
		.body_size = (uint16_t)size,
		.cluster_id = n->cluster_id,
		.source_id = n->id,
		.source_identity = n->recovered.identity,
		.source_start = wal_start(n->wal),
		.destination_identity =
			type == WIRE_FORMATION ? 0 : w->node[to].node->recovered.identity,
	};
}

void hands_offer(uint32_t from, uint32_t to, uint16_t port, const uint8_t *payload, size_t size)
{
	struct frame_udp udp = {.source = ADDRESS + from,
				.destination = ADDRESS + to,
				.source_port = port,
				.destination_port = port};
	struct link_frame frame;
	struct frame f;

	memcpy(udp.source_mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)from}, 6);
	memcpy(udp.destination_mac, (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)to}, 6);
	frame_udp(&f, &udp, payload, size);
	assert(hands->ops->alloc(hands, &frame));
	assert(f.size <= frame.size_max);
	memcpy(frame.data, f.data, f.size);
	frame.size = (uint32_t)f.size;
	hands->ops->tx(hands, &frame, 1);
}
