/*
 * Carriers move UDP payloads between clients and nodes; they may lose them.
 */
#ifndef TOOLS_BENCH_CARRIER_H
#define TOOLS_BENCH_CARRIER_H

#include "tools/bench/path.h"

enum { CARRIER_PAYLOAD_MAX = 9216, CARRIER_CLIENT_UNKNOWN = -1 };

struct carrier;

struct carrier_ops {
	void (*send)(struct carrier *carrier, uint32_t client, const uint8_t *payload, size_t size,
		     uint64_t now_ns);
	/*
	 * The next payload that has come, valid until the next call: its size, or 0. *client: whose
	 * it is, or CARRIER_CLIENT_UNKNOWN: by its ids.
	 */
	size_t (*receive)(struct carrier *carrier, uint64_t now_ns, int *client,
			  const uint8_t **payload);
	void (*flush)(struct carrier *carrier);
	/* Nothing to do: sleeps or yields until something may have come, at most wait_ns. */
	void (*wait)(struct carrier *carrier, uint64_t wait_ns);
	void (*destroy)(struct carrier *carrier);
};

struct carrier {
	const struct carrier_ops *ops;
};

struct address;
int carrier_udp_create(struct carrier **out, const struct address *endpoints, uint32_t count,
		       uint32_t clients, char error[PATH_ERROR_MAX]);

/* A port of the dataplane, and the nodes that it leads to. */
struct link;
struct carrier_server {
	struct link *link; /* owned by the carrier from here on, also if it fails */
	uint32_t address;
	uint16_t udp_port;
};

/*
 * Between the turns of the clients `pump` is called, if there is one: the nodes of the same
 * process run there. It returns true if they did anything.
 */
struct carrier_dp_options {
	struct carrier_server server[16];
	uint32_t server_count;
	uint32_t address; /* ours, in the servers' subnet */
	uint8_t prefix;
	bool (*pump)(void *context);
	void *pump_context;
	uint64_t resolve_timeout_ns;
};

/* Returns when each server's address has been resolved. */
int carrier_dp_create(struct carrier **out, const struct carrier_dp_options *options,
		      char error[PATH_ERROR_MAX]);
/* From now on clients speak to these servers, in turn: set before the first request. */
void carrier_dp_choose(struct carrier *carrier, const uint32_t *servers, uint32_t count);

#endif
