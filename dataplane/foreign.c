#include "dataplane/foreign.h"

void foreign_note(struct dp_foreign *f, uint8_t port, const struct net_packet *packet, uint64_t id,
		  uint64_t now_ns)
{
	f->count++;
	hearsay_note(&f->said, now_ns);
	f->from =
		(struct dp_address){packet->source, packet->source_port, port, packet->source_mac};
	f->to_peer_port = packet->to_peer_port;
	f->id = id;
}

enum dp_foreign_kind foreign_kind(enum dp_drop why)
{
	if (why == DP_DROP_CLUSTER)
		return DP_FOREIGN_CLUSTER;
	if (why == DP_DROP_VERSION)
		return DP_FOREIGN_VERSION;
	return why == DP_DROP_UNKNOWN_PEER || why == DP_DROP_PEER_ADDRESS ? DP_FOREIGN_MEMBER
									  : DP_FOREIGN_COUNT;
}
