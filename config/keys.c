/*
 * The table of keys, and the words about them.
 */
#include "config/keys.h"

#include "config/value.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static_assert((int)KEY_COUNT <= (int)CONFIG_KEYS_MAX, "config.line[] has a place for each key");

/* clang-format off */
#define FIELD(member) \
	.offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)
/* clang-format on */

/* The table of links, as choices and in words. */
#define LINK_CHOICE(KIND, name, device, huge, mtu, held, what) #name,
#define LINK_MEANING(KIND, name, device, huge, mtu, held, what) "; " #name ": " what
static_assert(LINK_KIND_COUNT - 1 <= KEY_CHOICES_MAX, "each link is a choice");

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SECOND UINT64_C(1000000)

/* clang-format off */
const struct config_key config_keys[KEY_COUNT] = {
	[KEY_NAME] = {"name", KEY_TYPE_NAME, FIELD(name),
		.default_text = "required", .example = "n1",
		.meaning = "this member's name; it stands in initial-cluster"},
	[KEY_DATA_DIR] = {"data-dir", KEY_TYPE_PATH, FIELD(data_dir),
		.default_text = "required", .example = "/var/lib/quoin",
		.meaning = "the directory of the log; made if it is not there"},
	[KEY_DATA_DIR_QUOTA] = {"data-dir-quota", KEY_TYPE_SIZE, FIELD(data_quota_bytes),
		.default_text = "what the file system has", .example = "4GiB", .min = 16 * MIB, .max = 1024 * GIB,
		.meaning = "how much the files of data-dir may take together, four of wal.segment-size"
			   " at least; what does not fit is refused as if the disk were full"},
	[KEY_ADMIN_SOCKET] = {"admin-socket", KEY_TYPE_PATH, FIELD(admin_socket),
		.default_text = "admin.sock in data-dir", .example = "/run/quoin/admin.sock",
		.meaning = "the local socket that unix:PATH endpoints name, at most 107 bytes long; "
			    "for quoind's user and group, if its directory lets them through"},
	[KEY_INITIAL_CLUSTER] = {"initial-cluster", KEY_TYPE_MEMBERS, FIELD(member),
		.default_text = "required", .example = "n1=198.18.0.1:2380,n2=198.18.0.2:2380",
		.meaning = "every member that is to form the cluster and its peer address, this one"
			   " included, at most 7; of one that joins, itself and one or more that run;"
			   " the port may be left out (2380); a mapping of name: address says the same;"
			   " from the second start on this member's own address alone is looked at"},
	[KEY_INITIAL_CLUSTER_TOKEN] = {"initial-cluster-token", KEY_TYPE_NAME, FIELD(token),
		.def = "quoin-cluster", .example = "rack-7",
		.meaning = "makes the ids of this cluster differ from those of any other; a member that"
			   " joins has them from the others, whatever it says"},
	[KEY_INITIAL_CLUSTER_STATE] = {"initial-cluster-state", KEY_TYPE_CHOICE, FIELD(existing),
		.def = "new", .example = "new", .choices = {"new", "existing"},
		.meaning = "new forms a cluster with all other members at the first start;"
			   " existing forms none, and waits for one that knows this member"},
	[KEY_REMOVED_MEMBER] = {"removed-member", KEY_TYPE_CHOICE, FIELD(removed_waits),
		.def = "stop", .example = "stop", .choices = {"stop", "wait"},
		.meaning = "what this node does when it was removed from its cluster: stop ends it, with"
			   " exit status 7; wait lets it answer its status, and nothing else"},
	[KEY_PROFILE] = {"profile", KEY_TYPE_CHOICE, FIELD(profile),
		.def = "shared", .example = "low", .choices = {"shared", "low", "bare-metal"},
		.meaning = "which defaults the timers have: for a host whose disk and CPUs are shared,"
			   " for such a one whose disk stalls for 20ms at most, or for a dedicated server"},
	[KEY_HEARTBEAT_INTERVAL] = {"heartbeat-interval", KEY_TYPE_DURATION, FIELD(heartbeat_us),
		.def = "20ms", .of = {[CONFIG_PROFILE_LOW] = "4ms", [CONFIG_PROFILE_BARE_METAL] = "200us"},
		.example = "20ms", .min = 50, .max = 10 * SECOND,
		.meaning = "how often a leader is heard when there is nothing else to say"},
	[KEY_ELECTION_TIMEOUT] = {"election-timeout", KEY_TYPE_DURATION, FIELD(election_us_min),
		.def = "150ms", .of = {[CONFIG_PROFILE_LOW] = "30ms", [CONFIG_PROFILE_BARE_METAL] = "2ms"},
		.example = "150ms", .min = 250, .max = 50 * SECOND,
		.meaning = "how long a leader may be silent; each wait is drawn between it and twice it;"
			   " at least five heartbeat intervals"},
	[KEY_PRE_VOTE] = {"pre-vote", KEY_TYPE_CHOICE, FIELD(pre_vote),
		.def = "true", .example = "true", .choices = {"false", "true"},
		.meaning = "whether this member asks if it would be elected before it stands for election:"
			   " one that comes back does not disturb the others"},
	[KEY_CHECK_QUORUM] = {"check-quorum", KEY_TYPE_CHOICE, FIELD(check_quorum),
		.def = "true", .example = "true", .choices = {"false", "true"},
		.meaning = "whether a leader that no majority answers for election-timeout steps down, and"
			   " whoever heard a leader within it elects no other"},
	[KEY_LEASE_READS] = {"lease-reads", KEY_TYPE_CHOICE, FIELD(lease_reads),
		.def = "false", .example = "false", .choices = {"false", "true"},
		.meaning = "whether a leader answers reads without asking the others, for as long as they"
			   " have promised to elect no other; it rests on clocks: see LEASES"},
	[KEY_ELECTION_PRIORITY] = {"election-priority", KEY_TYPE_COUNT, FIELD(priority),
		.def = "0", .example = "10", .min = 0, .max = 100,
		.meaning = "a leader hands over to a member with a higher one, when that has caught up and"
			   " answered without a break for eight times election-timeout"},
	[KEY_DISK_STALL_TIMEOUT] = {"disk-stall-timeout", KEY_TYPE_DURATION, FIELD(disk_stall_us),
		.default_text = "twice election-timeout, at least 50ms", .example = "300ms",
		.min = 50000, .max = 100 * SECOND,
		.meaning = "a member with a write to its disk in flight for longer neither votes nor campaigns;"
			   " a leader hands over to one that is ahead of its disk"},
	[KEY_QUOTA_BACKEND_BYTES] = {"quota-backend-bytes", KEY_TYPE_SIZE, FIELD(quota_bytes),
		.def = "2GiB", .example = "2GiB", .min = 16 * MIB, .max = 1024 * GIB,
		.meaning = "how large the key-value store may grow, by the leader's; it is kept in memory,"
			   " every version of a key until it is compacted; large reads that are under way hold back from a"
			   " compaction a quarter of it (64 MiB at least)"},
	[KEY_AUTO_COMPACTION_MODE] = {"auto-compaction-mode", KEY_TYPE_CHOICE, FIELD(compaction_mode),
		.def = "periodic", .example = "periodic", .choices = {"periodic", "revision"},
		.meaning = "what auto-compaction-retention is: a time, or a number of revisions; it is the"
			   " leader's that counts"},
	[KEY_AUTO_COMPACTION_RETENTION] = {"auto-compaction-retention", KEY_TYPE_RETENTION, FIELD(retention),
		.def = "0", .example = "1h", .min = SECOND, .max = 8784 * 3600 * SECOND,
		.meaning = "how much history is kept: periodic compacts what is older, each time that it has"
			   " passed, and each hour if it is longer; revision each five minutes all but the"
			   " newest so many revisions; 0: nothing is compacted by itself"},
	[KEY_SNAPSHOT_LOG_SIZE] = {"snapshot-log-size", KEY_TYPE_SIZE, FIELD(snapshot_log_bytes),
		.def = "256MiB", .example = "256MiB", .min = 1 * MIB, .max = 64 * GIB,
		.meaning = "after how much of the log, or as much as the store was large at the last one, a"
			   " snapshot of the store is taken; the log before the last but one goes"},
	[KEY_LOG_KEEP] = {"log-keep", KEY_TYPE_SIZE, FIELD(log_keep_bytes),
		.def = "64MiB", .example = "64MiB", .min = 1 * MIB, .max = 1024 * GIB,
		.meaning = "how much of the log stays before the newest snapshot, so that a member that was"
			   " away is sent what it missed and needs no snapshot; what the snapshot before"
			   " that needs stays too, and alone where space is short"},
	[KEY_SNAPSHOT_RATE] = {"snapshot-rate", KEY_TYPE_SIZE, FIELD(snapshot_rate),
		.def = "64MiB", .example = "64MiB", .min = 1 * MIB, .max = 64 * GIB,
		.meaning = "how much of a snapshot is written in a second at most, so that commits keep"
			   " their latency"},
	[KEY_WAL_DURABILITY] = {"wal.durability", KEY_TYPE_CHOICE, FIELD(durability),
		.def = "durable", .example = "durable", .choices = {"durable", "written", "volatile"},
		.meaning = "what an acknowledged write rests on: stable storage, the page cache, or RAM"},
	[KEY_WAL_SEGMENT_SIZE] = {"wal.segment-size", KEY_TYPE_SIZE, FIELD(segment_bytes),
		.def = "64MiB", .example = "64MiB", .min = 4 * MIB, .max = 1 * GIB,
		.meaning = "the size of one file of the log, a multiple of 1MiB"},
	[KEY_NETWORK_LINK] = {"network.link", KEY_TYPE_CHOICE, FIELD(link),
		.default_text = "required", .example = "packet",
		.choices = {LINK_KINDS(LINK_CHOICE)}, .choice_first = LINK_RING + 1,
		.meaning = "how frames travel" LINK_KINDS(LINK_MEANING)},
	[KEY_NETWORK_ADDRESS] = {"network.address", KEY_TYPE_PREFIX, FIELD(address),
		.default_text = "required", .example = "198.18.0.1/24",
		.meaning = "this node's IPv4 address, the one initial-cluster gives it, and its subnet"},
	[KEY_NETWORK_GATEWAY] = {"network.gateway", KEY_TYPE_ADDRESS, FIELD(gateway),
		.default_text = "none", .example = "198.18.0.254",
		.meaning = "the router to peers and clients outside the subnet; itself inside it"},
	[KEY_NETWORK_INTERFACE] = {"network.interface", KEY_TYPE_INTERFACE, FIELD(interface),
		.default_text = "required by links that take one", .example = "veth0",
		.meaning = "the kernel interface; give it no address, quoind answers for it"},
	[KEY_NETWORK_PCI] = {"network.pci", KEY_TYPE_PCI, FIELD(pci),
		.default_text = "required by links that take one", .example = "0000:01:00.0",
		.meaning = "the NIC, by its PCI address; no other device is touched"},
	[KEY_NETWORK_MEMIF_SOCKET] = {"network.memif-socket", KEY_TYPE_SOCKET, FIELD(memif_socket),
		.def = "@quoin", .example = "@quoin",
		.meaning = "how the names of the memif sockets begin; @ for abstract ones, which a"
			   " network namespace keeps to itself"},
	[KEY_NETWORK_MAC] = {"network.mac", KEY_TYPE_MAC, FIELD(mac),
		.default_text = "memif: 02, the port's number and the four bytes of the address; pci: the NIC's own",
		.example = "02:00:c6:12:00:01",
		.meaning = "the Ethernet address of quoind's ports; links that take an interface have"
			   " the interface's, and no such key"},
	[KEY_NETWORK_MTU] = {"network.mtu", KEY_TYPE_COUNT, FIELD(mtu),
		.def = "1500", .example = "9000", .min = 1500, .max = 9000,
		.meaning = "the largest IP packet in bytes, the same on every node: ports of memif do not"
			   " come up else; a log entry must fit in one, which is why 1500 is the least"},
	[KEY_NETWORK_CLIENT_PORT] = {"network.client-port", KEY_TYPE_COUNT, FIELD(port_client),
		.def = "2379", .example = "2379", .min = 1, .max = UINT16_MAX,
		.meaning = "the UDP port for clients"},
	[KEY_NETWORK_FRAMES] = {"network.frames", KEY_TYPE_COUNT, FIELD(pool_frames),
		.def = "4096", .example = "4096", .min = 512, .max = 1 << 20,
		.meaning = "frame buffers of each port; a device of xdp holds 4,096 more, one of pci"
			   " 2,048"},
	[KEY_IDLE] = {"idle", KEY_TYPE_CHOICE, FIELD(idle),
		.default_text = "spin if cpus names one CPU of several, else sleep", .example = "sleep",
		.choices = {"spin", "yield", "sleep"},
		.meaning = "what the loop does when there is nothing to do: poll on, give the CPU to"
			   " others between polls, or sleep until something is due"},
	[KEY_CPUS] = {"cpus", KEY_TYPE_CPUS, FIELD(cpus),
		.default_text = "all that are online", .example = "2",
		.meaning = "where the loop may run, as taskset writes it"},
	[KEY_HUGE_PAGES] = {"huge-pages", KEY_TYPE_CHOICE, FIELD(huge_pages),
		.def = "auto", .example = "auto", .choices = {"auto", "on", "off"},
		.meaning = "memory of the dataplane: huge pages if the host has them free, always, or"
			   " never"},
	[KEY_MEMORY] = {"memory", KEY_TYPE_SIZE, FIELD(memory_mib),
		.default_text = "64MiB, or more if the frames need it", .example = "64MiB",
		.min = 16 * MIB, .max = 64 * GIB,
		.meaning = "how much of it, a multiple of 1MiB; with memif each member that is added"
			   " later takes a port's more, and by default there is room for one"},
	[KEY_FAULT_INJECTION] = {"fault-injection", KEY_TYPE_CHOICE, FIELD(fault_injection),
		.def = "false", .example = "false", .choices = {"false", "true"},
		.meaning = "whether the admin socket may make the node drop frames, or its disk hang; for tests"},
	[KEY_LOG_LEVEL] = {"log-level", KEY_TYPE_CHOICE, FIELD(log_level),
		.def = "info", .example = "info", .choices = {"error", "warn", "info", "debug"},
		.meaning = "how much is logged: each level holds those before it; debug adds what DPDK says"
			   " of its devices"},
	[KEY_LOG_FORMAT] = {"log-format", KEY_TYPE_CHOICE, FIELD(log_format),
		.def = "text", .example = "json", .choices = {"text", "json"},
		.meaning = "how a line of the log reads: words, or an object of JSON; quoind --log-format"
			   " says otherwise"},
	[KEY_LISTEN_METRICS_URLS] = {"listen-metrics-urls", KEY_TYPE_URLS, FIELD(metrics_url),
		.default_text = "none", .example = "http://127.0.0.1:2381",
		.meaning = "where /metrics, /health, /livez and /readyz are served, at most 4, separated"
			   " by commas; on the kernel's TCP, not on the port that DPDK drives, and to"
			   " whoever reaches it"},
};
/* clang-format on */

static void append(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s", more);
}

static const char *choices_text(const struct config_key *key, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; key->choices[i] != NULL; i++) {
		if (i > 0)
			append(text, size, key->choices[i + 1] == NULL ? " or " : ", ");
		append(text, size, key->choices[i]);
	}
	return text;
}

const char *config_key_expected(const struct config_key *key, char text[CONFIG_KEY_TEXT_SIZE])
{
	char min[CONFIG_VALUE_TEXT_SIZE], max[CONFIG_VALUE_TEXT_SIZE];
	const char *form = NULL;

	switch (key->type) {
	case KEY_TYPE_CHOICE:
		return choices_text(key, text, CONFIG_KEY_TEXT_SIZE);
	case KEY_TYPE_DURATION:
		snprintf(text, CONFIG_KEY_TEXT_SIZE, "from %s to %s, in us, ms or s",
			 config_value_duration_text(key->min, min),
			 config_value_duration_text(key->max, max));
		return text;
	case KEY_TYPE_SIZE:
		snprintf(text, CONFIG_KEY_TEXT_SIZE, "from %s to %s, in B, KiB, MiB or GiB",
			 config_value_size_text(key->min, min),
			 config_value_size_text(key->max, max));
		return text;
	case KEY_TYPE_COUNT:
		snprintf(text, CONFIG_KEY_TEXT_SIZE, "a number from %" PRIu64 " to %" PRIu64,
			 key->min, key->max);
		return text;
	case KEY_TYPE_RETENTION:
		snprintf(text, CONFIG_KEY_TEXT_SIZE,
			 "0, a time from %s to %s, in h, m or s (a number alone: hours), or of "
			 "revision a number",
			 config_value_retention_text(key->min, min),
			 config_value_retention_text(key->max, max));
		return text;
	case KEY_TYPE_NAME:
		form = "up to 63 letters, digits, '.', '_' or '-', beginning with one of the "
		       "first two";
		break;
	case KEY_TYPE_PATH:
		form = "an absolute path of at most 255 bytes";
		break;
	case KEY_TYPE_MEMBERS:
		form = "NAME=ADDRESS:PORT with a literal IPv4 address";
		break;
	case KEY_TYPE_PREFIX:
		form = "a host's IPv4 address and its prefix length, 1 to 31";
		break;
	case KEY_TYPE_ADDRESS:
		form = "a literal IPv4 address";
		break;
	case KEY_TYPE_INTERFACE:
		form = "an interface name of at most 15 bytes";
		break;
	case KEY_TYPE_PCI:
		form = "a PCI address with its domain";
		break;
	case KEY_TYPE_SOCKET:
		form = "@ and a name, or an absolute path, of at most 63 bytes";
		break;
	case KEY_TYPE_MAC:
		form = "six bytes of a unicast address";
		break;
	case KEY_TYPE_CPUS:
		form = "CPU numbers and ranges";
		break;
	case KEY_TYPE_URLS:
		form = "http://ADDRESS:PORT with a literal IPv4 address of this host, or 0.0.0.0 "
		       "for all of them";
		break;
	}
	assert(form != NULL);
	snprintf(text, CONFIG_KEY_TEXT_SIZE, "%s, such as %s", form, key->example);
	return text;
}

static const char *type_text(const struct config_key *key)
{
	switch (key->type) {
	case KEY_TYPE_NAME:
		return "name";
	case KEY_TYPE_PATH:
		return "path";
	case KEY_TYPE_MEMBERS:
		return "members";
	case KEY_TYPE_CHOICE:
		return "choice";
	case KEY_TYPE_DURATION:
		return "duration";
	case KEY_TYPE_RETENTION:
		return "duration or number";
	case KEY_TYPE_SIZE:
		return "size";
	case KEY_TYPE_COUNT:
		return "number";
	case KEY_TYPE_PREFIX:
		return "address/prefix";
	case KEY_TYPE_ADDRESS:
		return "address";
	case KEY_TYPE_INTERFACE:
		return "interface";
	case KEY_TYPE_PCI:
		return "PCI address";
	case KEY_TYPE_SOCKET:
		return "socket";
	case KEY_TYPE_MAC:
		return "MAC address";
	case KEY_TYPE_CPUS:
		return "CPU list";
	case KEY_TYPE_URLS:
		return "URL list";
	}
	assert(false);
	return NULL;
}

/* "20ms (low: 4ms, bare-metal: 200us)". */
static const char *default_text(const struct config_key *key, char text[CONFIG_KEY_TEXT_SIZE])
{
	size_t used;

	if (key->def == NULL)
		return key->default_text;
	used = (size_t)snprintf(text, CONFIG_KEY_TEXT_SIZE, "%s", key->def);
	for (size_t i = 0, count = 0; i < CONFIG_PROFILES; i++) {
		if (key->of[i] != NULL)
			used += (size_t)snprintf(text + used, CONFIG_KEY_TEXT_SIZE - used,
						 "%s%s: %s", count++ > 0 ? ", " : " (",
						 config_keys[KEY_PROFILE].choices[i], key->of[i]);
	}
	if (strchr(text, '(') != NULL)
		snprintf(text + used, CONFIG_KEY_TEXT_SIZE - used, ")");
	return text;
}

/* A '-' is a hyphen in roff's eyes unless it is escaped, and would not be found by a search. */
static void man_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, "%s%c", *text == '-' ? "\\" : "", *text);
}

void config_keys_man(FILE *out)
{
	char text[CONFIG_KEY_TEXT_SIZE];

	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		fputs(".TP\n.B ", out);
		man_text(out, key->name);
		fputs("\n", out);
		man_text(out, type_text(key));
		fputs("; default: ", out);
		man_text(out, default_text(key, text));
		fputs(".\n.br\n", out);
		fputc(toupper((unsigned char)key->meaning[0]), out);
		man_text(out, key->meaning + 1);
		fputs(".\nExpects ", out);
		man_text(out, config_key_expected(key, text));
		fputs(".\n", out);
	}
}
