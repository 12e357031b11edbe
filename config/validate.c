/*
 * Relations between settings, and what is derived from them. A relation is checked only when each
 * value in it was right by itself: one mistake, one error.
 */
#include "config/load.h"

#include "base/subnet.h"
#include "config/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR_US (UINT64_C(3600) * 1000 * 1000)

enum {
	ELECTION_HEARTBEATS_MIN = 5, /* etcd's rule: a lost heartbeat or two starts no election */
	SOCKET_PATH_MAX = 107,       /* sun_path holds 108 with its NUL */
	SEGMENTS_MIN = 4,            /* that is written, ready, must fit; and what is not the log */
	/*
	 * A frame buffer is of one of two sizes (link_slot_size), and has 128 bytes of DPDK's own
	 * head, 128 of room before the data, 64 of its place in the pool and as many lost to
	 * alignment. In ordinary memory it takes whole pages. The ring of the free ones has a
	 * pointer for each, and up to twice as many places.
	 */
	FRAME_OVERHEAD = 128 + 128 + 64 + 64,
	FRAME_PAGE = 4096,
	FRAME_PLACE = 2 * 8,
	/* EAL's own and the device's queues, measured with each link but pci: fewer than 2. */
	MEMORY_BASE_MIB = 2,
	/*
	 * For what a NIC's driver takes for itself: two queues of 1,024 descriptors are less than
	 * 1, but no such driver was measured.
	 */
	MEMORY_DRIVER_MIB = 13,
	MEMORY_DEFAULT_MIB = 64,
	/* Of a link with a port for each: one comes before the one that it replaces has gone. */
	MEMORY_PORTS_MORE = 1,
	MEMORY_STEP_MIB = 16,
};

static uint32_t line_of(const struct config_loading *l, enum config_key_index index)
{
	return l->config->line[index] != 0 ? l->config->line[index] : 1;
}

static bool given(const struct config_loading *l, enum config_key_index index)
{
	return l->config->line[index] != 0;
}

static const struct config_member *find_self(const struct config *c)
{
	for (uint32_t i = 0; i < c->member_count; i++) {
		if (strcmp(c->member[i].name, c->name) == 0)
			return &c->member[i];
	}
	return NULL;
}

/* Clients and peers have a port each. Said of the key that is there to be changed. */
static void check_ports(struct config_loading *l, const struct config_member *self)
{
	bool clients = given(l, KEY_NETWORK_CLIENT_PORT);
	uint32_t port = l->config->port_client;
	uint32_t usual = (uint32_t)strtoul(config_keys[KEY_NETWORK_CLIENT_PORT].def, NULL, 10);

	if (l->bad[KEY_NETWORK_CLIENT_PORT] || port != self->port)
		return;
	if (clients)
		config_error(l, line_of(l, KEY_NETWORK_CLIENT_PORT), "network.client-port",
			     "%u is this member's port for peers: another one, such as %u", port,
			     port == usual ? PEER_PORT_DEFAULT : usual);
	else
		config_error(l, line_of(l, KEY_INITIAL_CLUSTER), "initial-cluster",
			     "%u of %s is the port for clients: %u, or another network.client-port",
			     port, self->name, PEER_PORT_DEFAULT);
}

bool config_self_check(struct config_loading *l)
{
	char names[CONFIG_MEMBERS_MAX * (CONFIG_NAME_MAX + 2)] = "";
	const struct config *c = l->config;

	if (find_self(c) != NULL)
		return true;
	for (uint32_t i = 0; i < c->member_count; i++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
			 c->member[i].name);
	}
	config_error(l, line_of(l, KEY_NAME), "name", "%s is not in initial-cluster: one of %s",
		     c->name, names);
	return false;
}

static void check_self(struct config_loading *l)
{
	const struct config *c = l->config;
	const struct config_member *self;
	char text[CONFIG_VALUE_TEXT_SIZE];

	if (!config_members_check(l) || l->bad[KEY_INITIAL_CLUSTER] || l->bad[KEY_NAME] ||
	    !config_self_check(l))
		return;
	self = find_self(c);
	if (!l->bad[KEY_NETWORK_ADDRESS] && c->address != self->address) {
		char theirs[CONFIG_VALUE_TEXT_SIZE];

		config_error(l, line_of(l, KEY_NETWORK_ADDRESS), "network.address",
			     "%s is not what initial-cluster gives %s: %s/%u",
			     config_value_address_text(c->address, text), c->name,
			     config_value_address_text(self->address, theirs), c->prefix);
	}
	check_ports(l, self);
	config_members_finish(l);
}

static void check_timers(struct config_loading *l)
{
	struct config *c = l->config;
	char heartbeat[CONFIG_VALUE_TEXT_SIZE], election[CONFIG_VALUE_TEXT_SIZE];
	char least[CONFIG_VALUE_TEXT_SIZE];

	if (l->bad[KEY_HEARTBEAT_INTERVAL] || l->bad[KEY_ELECTION_TIMEOUT])
		return;
	c->election_us_max = 2 * c->election_us_min;
	if (!given(l, KEY_DISK_STALL_TIMEOUT)) {
		c->disk_stall_us = config_keys[KEY_DISK_STALL_TIMEOUT].min;
		if (c->disk_stall_us < c->election_us_max)
			c->disk_stall_us = c->election_us_max;
	}
	if (c->election_us_min >= ELECTION_HEARTBEATS_MIN * c->heartbeat_us)
		return;
	config_value_duration_text(c->heartbeat_us, heartbeat);
	config_value_duration_text(c->election_us_min, election);
	config_value_duration_text(ELECTION_HEARTBEATS_MIN * c->heartbeat_us, least);
	if (given(l, KEY_ELECTION_TIMEOUT))
		config_error(l, line_of(l, KEY_ELECTION_TIMEOUT), "election-timeout",
			     "%s is too short for heartbeat-interval %s: at least %s", election,
			     heartbeat, least);
	else
		config_error(l, line_of(l, KEY_HEARTBEAT_INTERVAL), "heartbeat-interval",
			     "%s is too long for the default election-timeout %s: set that to at "
			     "least %s",
			     heartbeat, election, least);
}

/* A promise to elect no other is kept, and renewed, by what check-quorum does. */
static void check_leases(struct config_loading *l)
{
	if (l->config->lease_reads && !l->config->check_quorum && !l->bad[KEY_CHECK_QUORUM])
		config_error(l, line_of(l, KEY_LEASE_READS), "lease-reads",
			     "true needs check-quorum, which is false");
}

static void check_data_quota(struct config_loading *l)
{
	const struct config *c = l->config;
	const uint64_t least = SEGMENTS_MIN * c->segment_bytes;
	char quota[CONFIG_VALUE_TEXT_SIZE], segment[CONFIG_VALUE_TEXT_SIZE];
	char size[CONFIG_VALUE_TEXT_SIZE];

	if (l->bad[KEY_DATA_DIR_QUOTA] || l->bad[KEY_WAL_SEGMENT_SIZE] ||
	    !given(l, KEY_DATA_DIR_QUOTA) || c->data_quota_bytes >= least)
		return;
	config_error(l, line_of(l, KEY_DATA_DIR_QUOTA), "data-dir-quota",
		     "%s is too small for wal.segment-size %s: at least %s",
		     config_value_size_text(c->data_quota_bytes, quota),
		     config_value_size_text(c->segment_bytes, segment),
		     config_value_size_text(least, size));
}

static void check_storage(struct config_loading *l)
{
	struct config *c = l->config;
	char size[CONFIG_VALUE_TEXT_SIZE];
	bool own = given(l, KEY_ADMIN_SOCKET);

	if (!l->bad[KEY_WAL_SEGMENT_SIZE] && c->segment_bytes % (1 << 20) != 0)
		config_error_steps(l, line_of(l, KEY_WAL_SEGMENT_SIZE),
				   &config_keys[KEY_WAL_SEGMENT_SIZE],
				   config_value_size_text(c->segment_bytes, size));
	check_data_quota(l);
	if (l->bad[KEY_ADMIN_SOCKET] || (!own && l->bad[KEY_DATA_DIR]))
		return;
	if (!own) {
		int written = snprintf(c->admin_socket, sizeof(c->admin_socket), "%s/admin.sock",
				       c->data_dir);

		if (written <= SOCKET_PATH_MAX)
			return;
		config_error(l, line_of(l, KEY_DATA_DIR), "data-dir",
			     "is too long for a socket in it (%d bytes of 107): a shorter one, or "
			     "an admin-socket elsewhere",
			     written);
	} else if (strlen(c->admin_socket) > SOCKET_PATH_MAX) {
		config_error(l, line_of(l, KEY_ADMIN_SOCKET), "admin-socket",
			     "has %zu bytes: at most 107", strlen(c->admin_socket));
	}
}

/* etcd takes a number without a unit for hours, where a time is wanted. */
static void check_retention(struct config_loading *l)
{
	const struct config_key *key = &config_keys[KEY_AUTO_COMPACTION_RETENTION];
	struct config_retention *r = &l->config->retention;
	const bool revision = l->config->compaction_mode == CONFIG_REVISION;
	const uint32_t line = line_of(l, KEY_AUTO_COMPACTION_RETENTION);
	char text[CONFIG_VALUE_TEXT_SIZE];

	if (l->bad[KEY_AUTO_COMPACTION_MODE] || l->bad[KEY_AUTO_COMPACTION_RETENTION])
		return;
	if (given(l, KEY_AUTO_COMPACTION_MODE) && !given(l, KEY_AUTO_COMPACTION_RETENTION)) {
		config_error(l, line_of(l, KEY_AUTO_COMPACTION_MODE), "auto-compaction-mode",
			     "compacts nothing without auto-compaction-retention: %s, for example",
			     revision ? "1000" : "1h");
	} else if (revision && r->us != 0) {
		config_error(l, line, key->name,
			     "%s is a time, and auto-compaction-mode: revision keeps a number of "
			     "revisions: 1000, for example",
			     config_value_retention_text(r->us, text));
	} else if (!revision && r->revisions > key->max / HOUR_US) {
		config_error(l, line, key->name,
			     "%" PRIu64
			     " without a unit is so many hours, and at most %s are kept; "
			     "to keep a number of revisions: auto-compaction-mode: revision",
			     r->revisions, config_value_retention_text(key->max, text));
	} else if (!revision) {
		r->us += r->revisions * HOUR_US;
		r->revisions = 0;
	}
}

static bool in_subnet(const struct config *c, uint32_t address)
{
	return subnet_has(c->address, c->prefix, address);
}

static bool is_host(const struct config *c, uint32_t address)
{
	return subnet_is_host(c->prefix, address);
}

static void check_place(struct config_loading *l, const struct config_member *m)
{
	const struct config *c = l->config;
	char text[CONFIG_VALUE_TEXT_SIZE], ours[CONFIG_VALUE_TEXT_SIZE];
	uint32_t line = line_of(l, KEY_INITIAL_CLUSTER);

	config_value_address_text(m->address, text);
	config_value_address_text(c->address, ours);
	if (!in_subnet(c, m->address) && c->gateway == 0)
		config_error(l, line, "initial-cluster",
			     "%s=%s is outside of %s/%u: a network.gateway to it, or another "
			     "prefix length",
			     m->name, text, ours, c->prefix);
	else if (in_subnet(c, m->address) && !is_host(c, m->address))
		config_error(l, line, "initial-cluster",
			     "%s=%s is not a host's address in %s/%u: one between the first and "
			     "the last of that subnet",
			     m->name, text, ours, c->prefix);
	else if (m->address == c->gateway && m->address != c->address)
		config_error(l, line, "initial-cluster",
			     "%s=%s is network.gateway, too: the gateway is a router, and no "
			     "member",
			     m->name, text);
}

static void check_subnet(struct config_loading *l)
{
	const struct config *c = l->config;
	char text[CONFIG_VALUE_TEXT_SIZE], ours[CONFIG_VALUE_TEXT_SIZE];

	if (l->bad[KEY_NETWORK_ADDRESS] || l->bad[KEY_NETWORK_GATEWAY])
		return;
	config_value_address_text(c->address, ours);
	if (c->gateway != 0) {
		config_value_address_text(c->gateway, text);
		if (!in_subnet(c, c->gateway) || c->gateway == c->address ||
		    !is_host(c, c->gateway))
			config_error(l, line_of(l, KEY_NETWORK_GATEWAY), "network.gateway",
				     "%s is no other host of %s/%u: one inside that subnet", text,
				     ours, c->prefix);
	}
	if (l->bad[KEY_INITIAL_CLUSTER])
		return;
	for (uint32_t i = 0; i < c->member_count; i++)
		check_place(l, &c->member[i]);
}

/* Of devices: a bit for each. */
static bool is_one_of(enum link_device device, uint32_t devices)
{
	return (devices & 1u << device) != 0;
}

/* "packet or xdp": the links of these devices. */
static const char *links_text(uint32_t devices, char *text, size_t size)
{
	text[0] = '\0';
	for (int kind = LINK_RING + 1; kind < LINK_KIND_COUNT; kind++) {
		size_t used = strlen(text);

		if (is_one_of(link_facts((enum link_kind)kind)->device, devices))
			snprintf(text + used, size - used, "%s%s", used > 0 ? " or " : "",
				 link_kind_name((enum link_kind)kind));
	}
	return text;
}

/* A key that only some links have is out of place elsewhere. */
static void check_out_of_place(struct config_loading *l, enum config_key_index index,
			       uint32_t devices)
{
	const struct link_facts *link = link_facts(l->config->link);
	char links[CONFIG_KEY_TEXT_SIZE];

	if (!l->bad[index] && given(l, index) && !is_one_of(link->device, devices))
		config_error(l, line_of(l, index), config_keys[index].name,
			     "has no meaning with link: %s: leave it out, or link: %s", link->name,
			     links_text(devices, links, sizeof(links)));
}

/* And one that says which device it is must be there, if it has no default. */
static void check_device(struct config_loading *l, enum config_key_index index,
			 enum link_device device)
{
	const struct config_key *key = &config_keys[index];
	const struct link_facts *link = link_facts(l->config->link);

	check_out_of_place(l, index, 1u << device);
	if (!l->bad[index] && !given(l, index) && link->device == device && key->def == NULL)
		config_error(l, line_of(l, KEY_NETWORK_LINK), key->name,
			     "is missing, and link: %s needs it: %s: %s, for example", link->name,
			     strchr(key->name, '.') + 1, key->example);
}

static void check_link(struct config_loading *l)
{
	if (l->bad[KEY_NETWORK_LINK])
		return;
	check_device(l, KEY_NETWORK_INTERFACE, LINK_DEVICE_INTERFACE);
	check_device(l, KEY_NETWORK_PCI, LINK_DEVICE_NIC);
	check_device(l, KEY_NETWORK_MEMIF_SOCKET, LINK_DEVICE_SOCKET);
	/* The kernel delivers what is sent to an interface's own, and no other. */
	check_out_of_place(l, KEY_NETWORK_MAC, 1u << LINK_DEVICE_SOCKET | 1u << LINK_DEVICE_NIC);
	if (link_facts(l->config->link)->huge_pages && !l->bad[KEY_HUGE_PAGES] &&
	    l->config->huge_pages == CONFIG_HUGE_OFF)
		config_error(l, line_of(l, KEY_HUGE_PAGES), "huge-pages",
			     "off does not go with link: %s: auto or on",
			     link_kind_name(l->config->link));
	if (!l->bad[KEY_NETWORK_MTU] && l->config->mtu > link_facts(l->config->link)->mtu_max)
		config_error(l, line_of(l, KEY_NETWORK_MTU), "network.mtu",
			     "%u is more than link: %s takes: at most %u", l->config->mtu,
			     link_kind_name(l->config->link), link_facts(l->config->link)->mtu_max);
}

/* Of a buffer for a frame, with all that goes with it. */
static uint64_t buffer_bytes(const struct config *c, uint32_t frame)
{
	uint64_t bytes = frame + FRAME_OVERHEAD;

	if (c->huge_pages != CONFIG_HUGE_ON && !link_facts(c->link)->huge_pages)
		bytes = (bytes + FRAME_PAGE - 1) / FRAME_PAGE * FRAME_PAGE;
	return bytes + FRAME_PLACE;
}

/* What so many ports take of it, with those frames that their devices hold. */
static uint64_t memory_needed(const struct config *c, uint64_t ports)
{
	uint64_t bytes = buffer_bytes(c, link_slot_size((uint16_t)c->mtu));
	uint64_t frames = c->pool_frames + link_facts(c->link)->held_frames;
	uint64_t need_mib;

	/* One of them is clients', whose MTU is 1500. */
	if (link_facts(c->link)->device == LINK_DEVICE_SOCKET)
		bytes = (ports - 1) * bytes + buffer_bytes(c, LINK_SLOT_STANDARD);
	need_mib = MEMORY_BASE_MIB + (frames * bytes + (1 << 20) - 1) / (1 << 20);
	if (link_facts(c->link)->device == LINK_DEVICE_NIC)
		need_mib += MEMORY_DRIVER_MIB;
	return need_mib;
}

uint32_t config_memory_mib(const struct config *c, uint32_t ports)
{
	uint64_t steps = (memory_needed(c, ports) + MEMORY_STEP_MIB - 1) / MEMORY_STEP_MIB;
	uint32_t mib = (uint32_t)steps * MEMORY_STEP_MIB;

	return mib < MEMORY_DEFAULT_MIB ? MEMORY_DEFAULT_MIB : mib;
}

static void check_memory(struct config_loading *l)
{
	struct config *c = l->config;
	bool for_each = link_facts(c->link)->device == LINK_DEVICE_SOCKET;
	uint64_t need_mib, ports;
	char held[64] = "";

	if (l->bad[KEY_MEMORY] || l->bad[KEY_NETWORK_FRAMES] || l->bad[KEY_NETWORK_MTU] ||
	    l->bad[KEY_NETWORK_LINK] || l->bad[KEY_INITIAL_CLUSTER])
		return;
	/* A socket joins two: a port for each peer, and one for clients. */
	ports = for_each ? c->member_count : 1;
	need_mib = memory_needed(c, ports);
	if (!given(l, KEY_MEMORY)) {
		c->memory_mib =
			config_memory_mib(c, (uint32_t)ports + for_each * MEMORY_PORTS_MORE);
	} else if (c->memory_mib < need_mib) {
		if (link_facts(c->link)->held_frames > 0)
			snprintf(held, sizeof(held), ", and %u that its device holds",
				 link_facts(c->link)->held_frames);
		config_error(l, line_of(l, KEY_MEMORY), "memory",
			     "%uMiB is too little for %u frames of %u port%s%s: at least %uMiB",
			     c->memory_mib, c->pool_frames, (unsigned)ports, ports == 1 ? "" : "s",
			     held, (unsigned)need_mib);
	}
	while (for_each && ports + c->ports_more < CONFIG_MEMBERS_MAX &&
	       memory_needed(c, ports + c->ports_more + 1) <= c->memory_mib)
		c->ports_more++;
}

/* The kernel does not have an address that DPDK answers for: nothing could listen on it. */
static void check_urls(struct config_loading *l)
{
	const struct config *c = l->config;
	char text[CONFIG_VALUE_TEXT_SIZE];

	if (l->bad[KEY_LISTEN_METRICS_URLS] || l->bad[KEY_NETWORK_ADDRESS])
		return;
	for (uint32_t i = 0; i < c->metrics_url_count; i++) {
		if (c->metrics_url[i].address == c->address)
			config_error(l, line_of(l, KEY_LISTEN_METRICS_URLS), "listen-metrics-urls",
				     "%s is network.address, which the kernel does not have: "
				     "another address of this host, such as 127.0.0.1",
				     config_value_address_text(c->address, text));
	}
}

static void derive(struct config_loading *l)
{
	struct config *c = l->config;
	uint32_t cpus = 0;

	/* Only a CPU that nobody else needs may be spun on: with one CPU in all, everybody does. */
	if (!given(l, KEY_IDLE)) {
		bool one =
			c->cpus[0] != '\0' && config_value_cpus(c->cpus, &cpus) == 0 && cpus == 1;

		c->idle = one && sysconf(_SC_NPROCESSORS_ONLN) > 1 ? CONFIG_IDLE_SPIN
								   : CONFIG_IDLE_SLEEP;
	}
}

void config_validate(struct config_loading *l)
{
	check_self(l);
	check_timers(l);
	check_leases(l);
	check_storage(l);
	check_retention(l);
	check_subnet(l);
	check_link(l);
	check_memory(l);
	check_urls(l);
	derive(l);
}
