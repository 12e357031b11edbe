/*
 * The link seam: frames in and out of one Ethernet port. A DPDK port, the fault shim above one, and
 * the fake network of the tests all look like this, so the real codec, ARP and peer code run on
 * each.
 *
 * A frame is one contiguous Ethernet frame without FCS. Ownership: rx and alloc hand a frame to the
 * caller; tx takes those it accepted, free takes any. Nothing blocks.
 */
#ifndef DATAPLANE_LINK_H
#define DATAPLANE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINK_BURST_MAX = 32,
	LINK_FRAME_SIZE_MIN = 14,
	LINK_MTU_DEFAULT = 1500,
};

struct link_mac {
	uint8_t byte[6];
};

struct link_frame {
	uint8_t *data;
	uint32_t size;     /* bytes of the frame; alloc sets 0 and the caller writes it before tx */
	uint32_t size_max; /* bytes that data can hold */
	/* rx: the device vouches for what this checksum covers, which may itself not be made */
	bool ip_vouched, l4_vouched;
	void *handle; /* the link's own */
};

struct link_counters {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t rx_missed;    /* the device had no room (imissed) */
	uint64_t rx_no_buffer; /* the pool was empty (rx_nombuf) */
	uint64_t rx_segmented; /* a multi-segment or empty buffer: dropped */
	uint64_t rx_tagged;    /* a VLAN tag was taken out of it on the way: dropped (N2) */
	uint64_t rx_errors;
	uint64_t tx_dropped;   /* the device refused it, or the link was down */
	uint64_t link_changes; /* up or down */
	uint64_t buffers_free; /* in the port's pool, now */
};

struct link;

struct link_ops {
	/*
	 * Fills frames; returns how many (<= max <= LINK_BURST_MAX). now_ns drives link
	 * housekeeping.
	 */
	uint16_t (*rx)(struct link *link, uint64_t now_ns, struct link_frame *frames, uint16_t max);
	/* False: the pool is empty. */
	bool (*alloc)(struct link *link, struct link_frame *frame);
	/* Sends; takes ownership of all of them: what the device refuses is counted and freed. */
	void (*tx)(struct link *link, struct link_frame *frames, uint16_t count);
	void (*free)(struct link *link, struct link_frame *frame);
	/* How many more alloc would give. NULL: enough. */
	uint32_t (*spare)(struct link *link);
	bool (*up)(struct link *link);
	/*
	 * Why the port is deaf for good, such as that its interface was removed: a sentence. NULL:
	 * it is not. May itself be NULL.
	 */
	const char *(*gone)(struct link *link);
	/*
	 * Which interface passes smaller packets by now than the port's MTU, and up to what size.
	 * NULL: none. May itself be NULL.
	 */
	const char *(*narrow)(struct link *link, uint32_t *mtu);
	/*
	 * Which interface has another MAC address by now than the port, and which one, and does not
	 * take all frames: its device may drop those for the port. NULL: none. May itself be NULL.
	 */
	const char *(*strange)(struct link *link, struct link_mac *now);
	/* When rx has something to do though nothing came; UINT64_MAX: never. NULL: the same. */
	uint64_t (*deadline)(struct link *link);
	void (*counters)(struct link *link, struct link_counters *out);
	void (*destroy)(struct link *link);
};

struct link {
	const struct link_ops *ops;
	struct link_mac mac;
	uint16_t mtu;  /* bytes of an IP packet */
	bool waits;    /* it is down until another process is there: nothing is wrong with it */
	char name[32]; /* as in logs and status */
};

#endif
