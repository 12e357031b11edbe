/*
 * A wire in memory: links on one shared segment, where each frame reaches every other link. Time is
 * what rx is told; loss, duplicates and delay are drawn from a seed. Frames are counted, so that a
 * test can say that none leaked.
 */
#ifndef TESTS_UNIT_DATAPLANE_FAKE_LINK_H
#define TESTS_UNIT_DATAPLANE_FAKE_LINK_H

#include "dataplane/link.h"

enum {
	FAKE_LINKS_MAX = 8,
	FAKE_FRAMES_MAX = 4096, /* in all */
	FAKE_FRAME_SIZE_MAX = 2048,
};

struct fake_net_options {
	uint64_t seed;
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint64_t delay_ns_min; /* each copy draws its delay: a range reorders */
	uint64_t delay_ns_max;
};

struct fake_net;

/* NULL options: a perfect wire. */
struct fake_net *fake_net_create(const struct fake_net_options *options);
/* All links are destroyed by then. */
void fake_net_destroy(struct fake_net *net);

struct link *fake_net_link(struct fake_net *net, const struct link_mac *mac, uint16_t mtu);

/* Frames that somebody holds, and frames that are on the wire. */
uint32_t fake_net_taken(const struct fake_net *net);
uint32_t fake_net_under_way(const struct fake_net *net);

void fake_link_up_set(struct link *link, bool up);
/* So many frames may be taken through this link's alloc from now on. */
void fake_link_budget_set(struct link *link, uint32_t frames);
/* Received frames of this link say that the device vouches for their checksums. */
void fake_link_vouch_set(struct link *link, bool vouch);

#endif
