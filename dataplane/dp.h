/*
 * The dataplane of one node or DPDK client: ports, ARP, ICMP echo, IPv4, UDP, routes to peers, the
 * envelope's checks. Above it are bodies; below it are links. Bad input is counted by cause and
 * dropped; nothing here asserts on, allocates for, or logs a packet.
 *
 *	dp_receive -> datagrams that passed every check; dp_release gives their frames back
 *	dp_begin_peer / dp_begin_client, dp_end -> a frame queued on its port; dp_flush -> tx
 */
#ifndef DATAPLANE_DP_H
#define DATAPLANE_DP_H

#include "dataplane/hearsay.h"
#include "dataplane/link.h"
#include "dataplane/wire.h"

enum {
	DP_PORTS_MAX = RAFT_MEMBERS_MAX + 1, /* memif: one per peer and one for clients */
	DP_PORT_NONE = 255,                  /* as a peer's: there is no way to it now */
	DP_PEERS_MAX = RAFT_MEMBERS_MAX,
	DP_RECEIVE_MAX = 64,
	DP_BODY_SIZE_MAX = 9216,
	/*
	 * Buffers of a port that answers to clients leave to members (N14): a burst that is being
	 * read, and what each of fifteen peers is owed in one turn, twice.
	 */
	DP_RESERVED = DP_RECEIVE_MAX + 2 * 7 * (DP_PEERS_MAX - 1),
};

struct dp_peer {
	uint64_t member_id; /* 0: not known before the cluster is formed */
	uint64_t identity;  /* of its directory; 0: likewise */
	raft_start start;   /* the newest that is known of it; 0: none */
	uint32_t address;   /* IPv4, host byte order */
	uint16_t udp_port;  /* peer port, usually WIRE_PORT_PEER */
	uint8_t port;       /* index of the link that leads there, or DP_PORT_NONE */
};

/* Who we are, on every packet. */
struct dp_self {
	uint64_t cluster_id; /* 0: not formed yet */
	uint64_t member_id;  /* 0: likewise, or a client */
	uint64_t identity;
	raft_start start;
};

struct dp_options {
	struct link *link[DP_PORTS_MAX]; /* owned by the dataplane from here on */
	uint32_t link_count;
	uint8_t client_port; /* index of the link that clients come by */
	uint32_t address;    /* ours: IPv4, host byte order, the same on each port */
	uint8_t prefix;      /* bits of our subnet */
	uint32_t gateway;    /* 0: none */
	uint16_t udp_client; /* our UDP ports: 2379 and 2380, or 0: not listened on */
	uint16_t udp_peer;

	struct dp_self self;

	struct dp_peer peer[DP_PEERS_MAX];
	uint32_t peer_count;
	uint64_t seed; /* for the order of nothing that matters: ARP jitter */
};

struct dp;

/* Where a client's datagram came from and its answer goes. */
struct dp_address {
	uint32_t address;
	uint16_t udp_port;
	uint8_t port;
	struct link_mac mac; /* answers go back the way the question came: no ARP needed */
};

struct dp_datagram {
	bool from_peer;
	bool stranger;          /* of our cluster, and no peer: WHO, or the answer to ours */
	uint32_t peer;          /* from_peer: index in dp_options.peer */
	bool other_start;       /* from_peer: of another start than the newest known */
	struct dp_address from; /* else */
	struct wire_envelope envelope;
	const uint8_t *body; /* envelope.body_size bytes, valid until dp_release */
};

/* 0, -EINVAL, -ENOMEM. */
int dp_create(struct dp **out, const struct dp_options *options);
void dp_destroy(struct dp *dp);

/* The last burst of a port was as large as bursts get: more may wait. */
bool dp_more(const struct dp *dp);

/* One burst of every port. Returns how many datagrams (<= DP_RECEIVE_MAX) are in out. */
uint32_t dp_receive(struct dp *dp, uint64_t now_ns, struct dp_datagram out[DP_RECEIVE_MAX]);
void dp_release(struct dp *dp);

/*
 * Queue one packet: the envelope is written here, `body` points at where the body goes. dp_begin_*
 * returns NULL (counted) when the pool is empty, the peer's MAC is not yet known (an ARP request
 * goes out) or the link is down; else up to DP_BODY_SIZE_MAX or MTU bytes may be written, and
 * dp_end sends `size` of them (size 0: it did not fit, and is dropped).
 */
uint8_t *dp_begin_peer(struct dp *dp, uint32_t peer, uint32_t *size_max);
uint8_t *dp_begin_client(struct dp *dp, const struct dp_address *to, uint32_t *size_max);
/* Likewise an answer to a stranger, whose directory this is. */
uint8_t *dp_begin_stranger(struct dp *dp, const struct dp_address *to, uint64_t identity,
			   uint32_t *size_max);
/* Likewise a WHO to a stranger. MEMBERS are heard from the one who was asked last. */
uint8_t *dp_begin_question(struct dp *dp, const struct dp_address *to, uint32_t *size_max);
void dp_end(struct dp *dp, uint8_t type, size_t size);
void dp_flush(struct dp *dp);

/* For a DPDK client: resolve a server, send to it from a UDP port of ours. */
bool dp_resolve(struct dp *dp, uint8_t port, uint32_t address, uint16_t udp_port, uint64_t now_ns,
		struct dp_address *out);

/*
 * ARP requests and link retries that are due; the earliest time at which dp_receive has
 * housekeeping to do.
 */
uint64_t dp_deadline(const struct dp *dp);

/* When the cluster has been formed, and at a new start. */
void dp_self_set(struct dp *dp, const struct dp_self *self);

/*
 * Takes on a peer, or changes one, while running. Packets of another directory than `identity`, and
 * of a start before the newest one, are counted and not handed up; FORMATION is, from its address.
 * 0, -EINVAL (no way there), -ENOSPC (no room for its MAC address).
 */
int dp_peer_set(struct dp *dp, uint32_t peer, const struct dp_peer *options);
/* The newest start that is known of it: a later one, or one that nobody has. */
void dp_peer_start_set(struct dp *dp, uint32_t peer, raft_start start);
/* Lets it go: nothing comes from it, nothing goes to it. */
void dp_peer_unset(struct dp *dp, uint32_t peer);
/* The index of a member, or of one of its two places; or -1. */
int dp_peer_find(const struct dp *dp, uint64_t member_id);

/*
 * A port more, owned by the dataplane from here on: its index, which may be one that was removed,
 * or -ENOSPC.
 */
int dp_port_add(struct dp *dp, struct link *link);
/*
 * Not clients'. What was to leave by it does not, to peers behind it there is no way, datagrams are
 * released. The link is the caller's, with all its frames.
 */
struct link *dp_port_remove(struct dp *dp, uint32_t port);

/*
 * Drops, by cause. X(name, text). Of ARP: somebody else uses our address; an answer would have
 * moved a neighbour who lives; an answer that nobody had asked for.
 */
/* clang-format off */
#define DP_DROPS(X) \
	X(RUNT, "runt") \
	X(GIANT, "giant") \
	X(OTHER_MAC, "other_mac") \
	X(OWN_SOURCE, "own_source") \
	X(VLAN, "vlan") \
	X(IPV6, "ipv6") \
	X(ETHERTYPE, "ethertype") \
	X(ARP, "arp_malformed") \
	X(ARP_CONFLICT, "arp_conflict") \
	X(ARP_MOVED, "arp_moved") \
	X(ARP_UNASKED, "arp_unasked") \
	X(IP_HEADER, "ip_header") \
	X(IP_CHECKSUM, "ip_checksum") \
	X(IP_FRAGMENT, "ip_fragment") \
	X(IP_OPTIONS, "ip_options") \
	X(IP_OTHER, "ip_other_address") \
	X(IP_PROTOCOL, "ip_protocol") \
	X(ICMP, "icmp") \
	X(RATE_LIMIT, "rate_limit") \
	X(UDP_HEADER, "udp_header") \
	X(UDP_CHECKSUM, "udp_checksum") \
	X(UDP_PORT, "udp_port") \
	X(ENVELOPE, "envelope") \
	X(VERSION, "version") \
	X(CLUSTER, "other_cluster") \
	X(UNKNOWN_PEER, "unknown_peer") \
	X(PEER_ADDRESS, "peer_address") \
	X(IDENTITY, "other_identity") \
	X(MISADDRESSED, "misaddressed") \
	X(START, "old_start") \
	X(CLASS, "wrong_class") \
	X(TX_POOL, "tx_pool") \
	X(TX_RESERVED, "tx_reserved") \
	X(TX_UNRESOLVED, "tx_unresolved") \
	X(TX_SIZE, "tx_size")
/* clang-format on */

#define DP_DROP_ENUM(name, text) DP_DROP_##name,
enum dp_drop { DP_DROPS(DP_DROP_ENUM) DP_DROP_COUNT };
#undef DP_DROP_ENUM

const char *dp_drop_name(enum dp_drop drop);

/* What packets that bear a peer's address say of it, and are refused for. */
enum dp_said {
	DP_SAID_IDENTITY, /* it shows another directory than the member table names */
	DP_SAID_START,    /* it shows a start that is not the newest, nor can follow it */
	DP_SAID_RECEIVER, /* it addresses another directory than ours */
	DP_SAID_COUNT
};

struct dp_peer_state {
	bool resolved;           /* its MAC address is known */
	raft_start start;        /* the newest known */
	raft_start other_start;  /* the last that is not, and came */
	uint64_t other_start_ns; /* when; 0: never */
	uint64_t heard_ns;       /* in its own directory and newest start; 0: never */
	enum hearsay_verdict said[DP_SAID_COUNT];
	uint64_t rx_packets, tx_packets;
	uint64_t rx_bytes, tx_bytes; /* of whole frames */
};

struct dp_counters {
	uint64_t drop[DP_DROP_COUNT];
	uint64_t rx_peer, rx_client, tx_peer, tx_client, arp_requests, arp_replies, icmp_echo;
	uint64_t arp_own; /* announcements of our address, and probes for it */
};

/* Strangers, by what makes them so: their packets are counted among the drops. */
enum dp_foreign_kind {
	DP_FOREIGN_CLUSTER, /* id: their cluster's */
	DP_FOREIGN_VERSION, /* id: the lowest that theirs can be read as << 8 | theirs */
	/* id: the member's that they say they are: not one of ours there; 0: of no cluster yet */
	DP_FOREIGN_MEMBER,
	DP_FOREIGN_COUNT
};

/* The last of a kind. */
struct dp_foreign {
	uint64_t count;
	struct hearsay said; /* all of the kind: a stranger has several members, mostly */
	uint64_t id;
	struct dp_address from;
	bool to_peer_port;
};

const struct dp_counters *dp_get_counters(const struct dp *dp);
void dp_get_peer(const struct dp *dp, uint32_t peer, struct dp_peer_state *out);
/* Of these the one that is asked for in each turn: its heard_ns. */
uint64_t dp_get_peer_heard(const struct dp *dp, uint32_t peer);
/* Packets larger than a heartbeat that left for it, probes left out (path.h). */
uint64_t dp_get_peer_large(const struct dp *dp, uint32_t peer);
/* Who was last seen to use our address as well. */
struct dp_conflict {
	uint8_t port;
	struct link_mac mac;
	uint64_t seen_ns;
	/* Several frames over HEARSAY_NS said so, for one may be forged, and it is not over. */
	bool lasts;
	uint64_t over_ns; /* then it is, unless it is seen again */
};

/* False: nobody ever was. */
bool dp_get_conflict(const struct dp *dp, struct dp_conflict *out);

/* Why the port is deaf for good, such as that its interface was removed. NULL: it is not. */
const char *dp_get_port_gone(const struct dp *dp, uint32_t port);
/* An interface whose MTU is below the port's by now: larger packets are lost there. NULL: none. */
const char *dp_get_port_narrow(const struct dp *dp, uint32_t port, uint32_t *mtu);
/* One that has another MAC address by now, which is told, and is not promiscuous. NULL: none. */
const char *dp_get_port_strange(const struct dp *dp, uint32_t port, struct link_mac *now);
const struct dp_foreign *dp_get_foreign(const struct dp *dp, enum dp_foreign_kind kind);
/* Indexes up to the last that ever was; of those NULL: there is none, and it is not asked about. */
uint32_t dp_get_port_count(const struct dp *dp);
const struct link *dp_get_port(const struct dp *dp, uint32_t port);
/* Whether the port has a link: asked often, where its counters are not. */
bool dp_get_up(const struct dp *dp, uint32_t port);
/* Whether it is down though it waits for no other process: no cable, or nothing at its end. */
bool dp_get_port_dead(const struct dp *dp, uint32_t port);
void dp_get_link(const struct dp *dp, uint32_t port, bool *up, struct link_counters *out,
		 const char **name);

#endif
