/*
 * Whole configurations: defaults, and for each mistake the exact line that tells of it.
 */
#include "config/config.h"

#include "tests/unit/config/files.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A good one; cases replace a line of it or add to it, from line 7 on. */
static const char *const base[] = {
	"name: n1",
	"data-dir: /d",
	"initial-cluster: n1=198.18.0.1:2380,n2=198.18.0.2:2380,n3=198.18.0.3:2380",
	"network:",
	"  link: memif",
	"  address: 198.18.0.1/24",
};
enum { BASE_COUNT = sizeof(base) / sizeof(base[0]) };

struct bad_case {
	uint32_t line; /* replaced; 0: text is added at the end; -1: text is the whole */
	const char *text;
	/* All of them, each with its newline; <links> stands for some that are listed. */
	const char *errors;
};
#define WHOLE UINT32_MAX

#define LONG_NAME "n123456789012345678901234567890123456789012345678901234567890123"
#define D20 "/12345678901234567890"
#define NAME_RULE                                                                                  \
	"up to 63 letters, digits, '.', '_' or '-', beginning with one of the first two, such as " \
	"n1"

#define URL_RULE                                                                               \
	"http://ADDRESS:PORT with a literal IPv4 address of this host, or 0.0.0.0 for all of " \
	"them, such as http://127.0.0.1:2381"

/* clang-format off */
static const struct bad_case bad_cases[] = {
	/* required */
	{WHOLE, "", "F:1: name: is missing: name: n1, for example\n"
		"F:1: data-dir: is missing: data-dir: /var/lib/quoin, for example\n"
		"F:1: initial-cluster: is missing: initial-cluster: n1=198.18.0.1:2380,n2=198.18.0.2:2380, for example\n"
		"F:1: network.link: is missing: link: packet, for example\n"
		"F:1: network.address: is missing: address: 198.18.0.1/24, for example\n"},
	/* YAML */
	{WHOLE, "name: [", "F:2: YAML: did not find expected node content while parsing a flow node: lines of `key: value`, without tabs\n"},
	{WHOLE, "name: n1\n\tx: 1", "F:2: YAML: found a tab character that violates indentation while scanning a plain scalar: lines of `key: value`, without tabs\n"},
	{WHOLE, "- name", "F:1: YAML: no mapping: lines of `key: value`\n"},
	{WHOLE, "name: n1\nx: \xff", "F:2: YAML: invalid leading UTF-8 octet: lines of `key: value`, without tabs\n"},
	{0, "---\nname: n2", "F:8: YAML: a second document: one file holds one configuration\n"},
	{0, "[a, b]: c", "F:7: key: is no text: a key, such as name\n"},
	{0, "\"idle\\0x\": spin", "F:7: key: is no text: a key, such as name\n"},
	/* keys */
	{0, "hartbeat-interval: 20ms", "F:7: hartbeat-interval: is no key: the nearest is heartbeat-interval\n"},
	{0, "durability: written", "F:7: durability: is no key: the nearest is durability inside of wal:\n"},
	{0, "wal.durability: written", "F:7: wal.durability: is no key: the nearest is durability inside of wal:\n"},
	{0, "  adress: 198.18.0.9", "F:7: network.adress: is no key: the nearest is network.address\n"},
	{0, "netwrk:\n  link: memif", "F:7: netwrk: is no key: the nearest is network\n"},
	{0, "heartbeat: 20ms", "F:7: heartbeat: is no key: the nearest is heartbeat-interval\n"},
	{0, "  durability: written", "F:7: network.durability: is no key: the nearest is durability inside of wal:\n"},
	{0, "  idel: spin", "F:7: network.idel: is no key: the nearest is idle outside of network:\n"},
	/* Nothing is near. */
	{0, "experimental-x: 1000", "F:7: experimental-x: is no key: quoin.yaml(5) lists them\n"},
	{0, "auth: on", "F:7: auth: is no key: quoin.yaml(5) lists them\n"},
	{0, "x: y", "F:7: x: is no key: quoin.yaml(5) lists them\n"},
	{0, "\"\": y", "F:7: : is no key: quoin.yaml(5) lists them\n"},
	{0, "  auth: on", "F:7: network.auth: is no key: quoin.yaml(5) lists them\n"},
	{0, "raft.quorums: 1", "F:7: raft.quorums: is no key: quoin.yaml(5) lists them\n"},
	{0, "name: n2", "F:7: name: is given twice: line 1 has it too\n"},
	{0, "network:\n  mtu: 9000", "F:7: network: is given twice: line 4 has it too\n"},
	{0, "wal: durable", "F:7: wal: is no mapping: keys of it, indented below it\n"},
	{0, "idle: [spin]", "F:7: idle: is no single value: sleep, for example\n"},
	{0, "idle:\n  - spin", "F:7: idle: is no single value: sleep, for example\n"},
	{0, "cluster-token: a", "F:7: cluster-token: is no key: the nearest is initial-cluster-token\n"},
	/* values */
	{1, "name:", "F:1: name: (empty) is wrong: " NAME_RULE "\n"},
	{1, "name: \"a\\nb\"", "F:1: name: a?b is wrong: " NAME_RULE "\n"},
	{1, "name: " LONG_NAME "4", "F:1: name: " LONG_NAME "... is wrong: " NAME_RULE "\n"},
	{2, "data-dir: d", "F:2: data-dir: d is wrong: an absolute path of at most 255 bytes, such as /var/lib/quoin\n"},
	{0, "heartbeat-interval: 20", "F:7: heartbeat-interval: 20 has no unit: 20us, 20ms or 20s\n"},
	{0, "heartbeat-interval: 20 ms", "F:7: heartbeat-interval: 20 ms is wrong: from 50us to 10s, in us, ms or s\n"},
	{0, "heartbeat-interval: 49us", "F:7: heartbeat-interval: 49us is out of range: from 50us to 10s, in us, ms or s\n"},
	{0, "election-timeout: 51s", "F:7: election-timeout: 51s is out of range: from 250us to 50s, in us, ms or s\n"},
	{0, "quota-backend-bytes: 2147483648", "F:7: quota-backend-bytes: 2147483648 has no unit: 2147483648B, or in KiB, MiB or GiB\n"},
	{0, "quota-backend-bytes: 2GB", "F:7: quota-backend-bytes: 2GB is wrong: from 16MiB to 1024GiB, in B, KiB, MiB or GiB\n"},
	{0, "wal:\n  durability: fast", "F:8: wal.durability: fast is wrong: durable, written or volatile\n"},
	{0, "wal:\n  segment-size: 2MiB", "F:8: wal.segment-size: 2MiB is out of range: from 4MiB to 1GiB, in B, KiB, MiB or GiB\n"},
	{0, "data-dir-quota: 255MiB", "F:7: data-dir-quota: 255MiB is too small for wal.segment-size 64MiB: at least 256MiB\n"},
	{0, "data-dir-quota: 15MiB", "F:7: data-dir-quota: 15MiB is out of range: from 16MiB to 1024GiB, in B, KiB, MiB or GiB\n"},
	{0, "wal:\n  segment-size: 4097KiB", "F:8: wal.segment-size: 4097KiB is no multiple of 1MiB: 64MiB, for example\n"},
	{0, "memory: 64000KiB", "F:7: memory: 64000KiB is no multiple of 1MiB: 64MiB, for example\n"},
	{0, "fault-injection: yes", "F:7: fault-injection: yes is wrong: false or true\n"},
	{0, "initial-cluster-state: old", "F:7: initial-cluster-state: old is wrong: new or existing\n"},
	{0, "cpus: 1-0", "F:7: cpus: 1-0 is wrong: CPU numbers and ranges, such as 2\n"},
	{0, "  mtu: 1499", "F:7: network.mtu: 1499 is out of range: a number from 1500 to 9000\n"},
	{0, "  mac: 01:00:00:00:00:00", "F:7: network.mac: 01:00:00:00:00:00 is wrong: six bytes of a unicast address, such as 02:00:c6:12:00:01\n"},
	{0, "  client-port: 0", "F:7: network.client-port: 0 is out of range: a number from 1 to 65535\n"},
	{0, "  memif-socket: \"@\"", "F:7: network.memif-socket: @ is wrong: @ and a name, or an absolute path, of at most 63 bytes, such as @quoin\n"},
	{5, "  link: ring", "F:5: network.link: ring is wrong: <links>\n"},
	{6, "  address: 198.18.0.1", "F:6: network.address: 198.18.0.1 has no prefix length: 198.18.0.1/24, for example\n"},
	{6, "  address: 198.18.0.0/24", "F:6: network.address: 198.18.0.0/24 is wrong: a host's IPv4 address and its prefix length, 1 to 31, such as 198.18.0.1/24\n"},
	/* initial-cluster */
	{3, "initial-cluster: n1=http://198.18.0.1:2380", "F:3: initial-cluster: n1=http://198.18.0.1:2380 is a URL: n1=198.18.0.1:2380\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=server-2", "F:3: initial-cluster: n2=server-2 is no endpoint: a literal IPv4 address and a port, such as n2=198.18.0.1:2380\n"},
	{3, "initial-cluster: n1=198.18.0.1 n2=198.18.0.2", "F:3: initial-cluster: n1=198.18.0.1 n2=198.18.0.2 is no endpoint: a literal IPv4 address and a port, such as n1=198.18.0.1:2380\n"},
	{3, "initial-cluster: n1", "F:3: initial-cluster: n1 is no member: NAME=ADDRESS:PORT, such as n1=198.18.0.1:2380\n"},
	{3, "initial-cluster: n1=198.18.0.1,", "F:3: initial-cluster: (empty) is no member: NAME=ADDRESS:PORT, such as n1=198.18.0.1:2380\n"},
	{3, "initial-cluster: {}", "F:3: initial-cluster: (empty) names no member: n1=198.18.0.1:2380, for example\n"},
	{3, "initial-cluster:\n  n1: [a]", "F:4: initial-cluster: n1 is no pair of texts: a name and an address, such as n1: 198.18.0.1:2380\n"},
	{3, "initial-cluster:\n  n1: 198.18.0.1\n  n1: 198.18.0.2", "F:5: initial-cluster: n1 is given twice: each member has a name of its own\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=198.18.0.1:2381", "F:3: initial-cluster: 198.18.0.1 of n2 is that of n1 too: each member has an address of its own\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=198.18.0.2,n3=198.18.0.3,n4=198.18.0.4,n5=198.18.0.5,n6=198.18.0.6,n7=198.18.0.7,n8=198.18.0.8",
		"F:3: initial-cluster: 8 members are too many: at most 7 vote\n"},
	{1, "name: n9", "F:1: name: n9 is not in initial-cluster: one of n1, n2, n3\n"},
	{6, "  address: 198.18.0.2/24", "F:6: network.address: 198.18.0.2 is not what initial-cluster gives n1: 198.18.0.1/24\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=198.18.1.2", "F:3: initial-cluster: n2=198.18.1.2 is outside of 198.18.0.1/24: a network.gateway to it, or another prefix length\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=198.18.0.255", "F:3: initial-cluster: n2=198.18.0.255 is not a host's address in 198.18.0.1/24: one between the first and the last of that subnet\n"},
	{3, "initial-cluster: n1=198.18.0.1,n2=198.18.0.0", "F:3: initial-cluster: n2=198.18.0.0 is not a host's address in 198.18.0.1/24: one between the first and the last of that subnet\n"},
	/* relations */
	{0, "election-timeout: 99ms", "F:7: election-timeout: 99ms is too short for heartbeat-interval 20ms: at least 100ms\n"},
	{0, "heartbeat-interval: 31ms", "F:7: heartbeat-interval: 31ms is too long for the default election-timeout 150ms: set that to at least 155ms\n"},
	{0, "profile: bare-metal\nheartbeat-interval: 1ms", "F:8: heartbeat-interval: 1ms is too long for the default election-timeout 2ms: set that to at least 5ms\n"},
	{0, "check-quorum: false\nlease-reads: true", "F:8: lease-reads: true needs check-quorum, which is false\n"},
	{0, "  client-port: 2380", "F:7: network.client-port: 2380 is this member's port for peers: another one, such as 2379\n"},
	{3, "initial-cluster: n1=198.18.0.1:2379", "F:3: initial-cluster: 2379 of n1 is the port for clients: 2380, or another network.client-port\n"},
	{WHOLE, "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1:2379\nnetwork: {link: memif, client-port: 2379, address: 198.18.0.1/24}",
		"F:4: network.client-port: 2379 is this member's port for peers: another one, such as 2380\n"},
	{0, "  gateway: 198.18.1.1", "F:7: network.gateway: 198.18.1.1 is no other host of 198.18.0.1/24: one inside that subnet\n"},
	{0, "  gateway: 198.18.0.1", "F:7: network.gateway: 198.18.0.1 is no other host of 198.18.0.1/24: one inside that subnet\n"},
	{0, "  gateway: 198.18.0.2", "F:3: initial-cluster: n2=198.18.0.2 is network.gateway, too: the gateway is a router, and no member\n"},
	{0, "  gateway: 198.18.0.255", "F:7: network.gateway: 198.18.0.255 is no other host of 198.18.0.1/24: one inside that subnet\n"},
	{5, "  link: packet", "F:5: network.interface: is missing, and link: packet needs it: interface: veth0, for example\n"},
	{5, "  link: xdp", "F:5: network.interface: is missing, and link: xdp needs it: interface: veth0, for example\n"},
	{5, "  link: pci", "F:5: network.pci: is missing, and link: pci needs it: pci: 0000:01:00.0, for example\n"},
	{0, "  pci: 0000:01:00.0", "F:7: network.pci: has no meaning with link: memif: leave it out, or link: <links>\n"},
	{0, "  interface: eth0", "F:7: network.interface: has no meaning with link: memif: leave it out, or link: <links>\n"},
	{5, "  link: packet\n  interface: v0\n  memif-socket: \"@x\"", "F:7: network.memif-socket: has no meaning with link: packet: leave it out, or link: <links>\n"},
	{5, "  link: packet\n  interface: v0\n  mac: 02:00:00:00:00:09", "F:7: network.mac: has no meaning with link: packet: leave it out, or link: memif or pci\n"},
	{5, "  link: xdp\n  interface: v0\n  mac: 02:00:00:00:00:09", "F:7: network.mac: has no meaning with link: xdp: leave it out, or link: memif or pci\n"},
	{WHOLE, "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\nhuge-pages: off\nnetwork: {link: xdp, interface: v0, address: 198.18.0.1/24}",
		"F:4: huge-pages: off does not go with link: xdp: auto or on\n"},
	{WHOLE, "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\nnetwork: {link: xdp, interface: v0, mtu: 1779, address: 198.18.0.1/24}",
		"F:4: network.mtu: 1779 is more than link: xdp takes: at most 1778\n"},
	{0, "memory: 16MiB", "F:7: memory: 16MiB is too little for 4096 frames of 3 ports: at least 51MiB\n"},
	{WHOLE, "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\nmemory: 16MiB\nnetwork: {link: memif, frames: 16384, address: 198.18.0.1/24}",
		"F:4: memory: 16MiB is too little for 16384 frames of 1 port: at least 67MiB\n"},
	{WHOLE, "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\nmemory: 96MiB\nnetwork: {link: pci, pci: \"0000:01:00.0\", mtu: 9000, address: 198.18.0.1/24}",
		"F:4: memory: 96MiB is too little for 4096 frames of 1 port, and 2048 that its device holds: at least 114MiB\n"},
	{2, "data-dir: " D20 D20 D20 D20 "/123456789012", "F:2: data-dir: is too long for a socket in it (108 bytes of 107): a shorter one, or an admin-socket elsewhere\n"},
	{0, "admin-socket: " D20 D20 D20 D20 D20 "/12", "F:7: admin-socket: has 108 bytes: at most 107\n"},
	{0, "listen-metrics-urls: 127.0.0.1:2381", "F:7: listen-metrics-urls: 127.0.0.1:2381 is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: http://127.0.0.1", "F:7: listen-metrics-urls: http://127.0.0.1 is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: http://localhost:2381", "F:7: listen-metrics-urls: http://localhost:2381 is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: http://127.0.0.1:0", "F:7: listen-metrics-urls: http://127.0.0.1:0 is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: http://127.0.0.1:2381/metrics", "F:7: listen-metrics-urls: http://127.0.0.1:2381/metrics is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: https://127.0.0.1:2381", "F:7: listen-metrics-urls: https://127.0.0.1:2381: there is no TLS here: http://127.0.0.1:2381\n"},
	{0, "listen-metrics-urls: http://127.0.0.1:2381,", "F:7: listen-metrics-urls: (empty) is wrong: " URL_RULE "\n"},
	{0, "listen-metrics-urls: http://127.0.0.1:2381,http://0.0.0.0:2381", "F:7: listen-metrics-urls: http://0.0.0.0:2381 is given twice: each port of an address once\n"},
	{0, "listen-metrics-urls: http://127.0.0.1:1,http://127.0.0.1:2,http://127.0.0.1:3,http://127.0.0.1:4,http://127.0.0.1:5", "F:7: listen-metrics-urls: http://127.0.0.1:5 is one too many: at most 4\n"},
	{0, "listen-metrics-urls: http://198.18.0.1:2381", "F:7: listen-metrics-urls: 198.18.0.1 is network.address, which the kernel does not have: another address of this host, such as 127.0.0.1\n"},
	{0, "listen-metrics-urls: [http://127.0.0.1:1]", "F:7: listen-metrics-urls: is no single value: http://127.0.0.1:2381, for example\n"},
	/* each mistake is told, in one go */
	{WHOLE, "name: n 1\nheartbeat-interval: 5\nwal: {segment-size: 1}\nidel: spin\nnetwork: {link: fast, address: x}\n",
		"F:1: name: n 1 is wrong: " NAME_RULE "\n"
		"F:2: heartbeat-interval: 5 has no unit: 5us, 5ms or 5s\n"
		"F:3: wal.segment-size: 1 has no unit: 1B, or in KiB, MiB or GiB\n"
		"F:4: idel: is no key: the nearest is idle\n"
		"F:5: network.link: fast is wrong: <links>\n"
		"F:5: network.address: x is wrong: a host's IPv4 address and its prefix length, 1 to 31, such as 198.18.0.1/24\n"
		"F:1: data-dir: is missing: data-dir: /var/lib/quoin, for example\n"
		"F:1: initial-cluster: is missing: initial-cluster: n1=198.18.0.1:2380,n2=198.18.0.2:2380, for example\n"},
};
/* clang-format on */

static size_t build(char *out, size_t size, uint32_t line, const char *text)
{
	out[0] = '\0';
	for (uint32_t i = 0; line != WHOLE && i < BASE_COUNT; i++) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s\n", i + 1 == line ? text : base[i]);
	}
	if (line == 0 || line == WHOLE)
		snprintf(out + strlen(out), size - strlen(out), "%s\n", text);
	return strlen(out);
}

static bool matches(const char *told, const char *expected)
{
	const char *open;

	while ((open = strstr(expected, "<links>"))) {
		if (strncmp(told, expected, (size_t)(open - expected)) != 0)
			return false;
		told += open - expected;
		told += strcspn(told, "\n");
		expected = open + strlen("<links>");
	}
	return strcmp(told, expected) == 0;
}

static void each_mistake_has_its_line(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	assert_int_equal(sizeof(LONG_NAME), CONFIG_NAME_MAX + 1);
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		const struct bad_case *bad = &bad_cases[i];
		char text[4096], told[16 * CONFIG_ERROR_SIZE] = "";
		struct config_errors errors;
		struct config config;
		size_t size = build(text, sizeof(text), bad->line, bad->text);

		assert_int_equal(files_load(&config, text, size, &errors), -EINVAL);
		for (uint32_t e = 0; e < errors.count; e++) {
			size_t used = strlen(told);

			snprintf(told + used, sizeof(told) - used, "%s\n", errors.text[e]);
		}
		if (!matches(told, bad->errors)) {
			print_error("case %zu:\n%s", i, told);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void load_good(struct config *config, uint32_t line, const char *more)
{
	char text[4096];
	struct config_errors errors;
	size_t size = build(text, sizeof(text), line, more);

	if (files_load(config, text, size, &errors) != 0)
		fail_msg("%s", errors.text[0]);
	assert_int_equal(errors.count, 0);
}

static void every_default_is_filled_in(void **state)
{
	struct config c;

	(void)state;
	load_good(&c, 0, "");
	assert_string_equal(c.file, "F");
	assert_string_equal(c.admin_socket, "/d/admin.sock");
	assert_int_equal(c.data_quota_bytes, 0);
	assert_string_equal(c.token, "quoin-cluster");
	assert_false(c.existing);
	assert_int_equal(c.heartbeat_us, 20000);
	assert_true(c.election_us_min == 150000 && c.election_us_max == 300000);
	assert_int_equal(c.quota_bytes, UINT64_C(2) << 30);
	assert_int_equal(c.snapshot_log_bytes, 256 << 20);
	assert_int_equal(c.durability, CONFIG_DURABLE);
	assert_int_equal(c.segment_bytes, 64 << 20);
	assert_int_equal(c.link, LINK_MEMIF);
	assert_int_equal(c.address, 0xc6120001);
	assert_int_equal(c.prefix, 24);
	assert_int_equal(c.gateway, 0);
	assert_string_equal(c.interface, "");
	assert_string_equal(c.pci, "");
	assert_string_equal(c.memif_socket, "@quoin");
	assert_false(c.mac_set);
	assert_int_equal(c.mtu, 1500);
	assert_int_equal(c.port_client, 2379);
	assert_int_equal(c.pool_frames, 4096);
	assert_int_equal(c.idle, CONFIG_IDLE_SLEEP);
	assert_string_equal(c.cpus, "");
	assert_int_equal(c.huge_pages, CONFIG_HUGE_AUTO);
	assert_int_equal(c.memory_mib, 80); /* 2 + 4 * 4096 * 4112 / 2^20 = 67, in 16s */
	assert_false(c.fault_injection);
	assert_int_equal(c.log_level, CONFIG_LOG_INFO);
	assert_int_equal(c.log_format, CONFIG_LOG_TEXT);
	assert_int_equal(c.metrics_url_count, 0);
}

/* F17: two spellings of one path are one, whatever it is compared with later. */
static void F17_a_path_has_one_spelling(void **state)
{
	static const struct {
		const char *given, *kept,
			*prefix; /* as a path, and as that which names begin with */
	} paths[] = {
		{"/d", "/d", "/d"},
		{"/d/", "/d", "/d/"},
		{"/d//", "/d", "/d/"},
		{"//d", "/d", "/d"},
		{"/d/.", "/d", "/d/."},
		{"/d/./", "/d", "/d/"},
		{"/./d//.//e/", "/d/e", "/d/e/"},
		{"/d/../e", "/d/../e", "/d/../e"},
		{"/d/.e/..", "/d/.e/..", "/d/.e/.."},
	};
	char more[128], socket[64];
	struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(more, sizeof(more), "  memif-socket: %s\nadmin-socket: %s", paths[i].given,
			 paths[i].given);
		load_good(&c, 0, more);
		assert_string_equal(c.admin_socket, paths[i].kept);
		assert_string_equal(c.memif_socket, paths[i].prefix);
		snprintf(more, sizeof(more), "data-dir: %s", paths[i].given);
		load_good(&c, 2, more);
		assert_string_equal(c.data_dir, paths[i].kept);
		snprintf(socket, sizeof(socket), "%s/admin.sock", paths[i].kept);
		assert_string_equal(c.admin_socket, socket);
	}
}

static void metrics_are_listened_for_on_several_ports(void **state)
{
	char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct config c;

	(void)state;
	load_good(&c, 0, "listen-metrics-urls: http://127.0.0.1:2381, http://0.0.0.0:9/");
	assert_int_equal(c.metrics_url_count, 2);
	assert_int_equal(c.metrics_url[0].address, 0x7f000001);
	assert_int_equal(c.metrics_url[0].port, 2381);
	assert_int_equal(c.metrics_url[1].address, 0);
	assert_int_equal(c.metrics_url[1].port, 9);
	config_explain(&c, out);
	fclose(out);
	assert_non_null(strstr(text, "listen-metrics-urls    "
				     "http://127.0.0.1:2381,http://0.0.0.0:9 line 7"));
}

/* What --check says is what the ports have. */
static void each_port_has_the_address_that_is_told(void **state)
{
	static const uint8_t first[6] = {2, 0, 198, 18, 0, 1}, third[6] = {2, 2, 198, 18, 0, 1};
	static const uint8_t given[6] = {2, 0, 0, 0, 0, 9};
	static const struct {
		const char *network, *says;
	} row[] = {
		{"link: memif", "network.mac            02:PORT:c6:12:00:01      default "},
		{"link: memif, mac: 02:00:00:00:00:09",
		 "network.mac            02:00:00:00:00:09        line 4 "},
		{"link: pci, pci: 0000:01:00.0",
		 "network.mac            the NIC's own            default "},
		{"link: packet, interface: v0", NULL},
	};
	struct config c;
	uint8_t mac[6];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char file[256], text[16384];
		FILE *out = fmemopen(text, sizeof(text), "w");
		const char *line;

		snprintf(file, sizeof(file),
			 "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1\n"
			 "network: {%s, address: 198.18.0.1/24}",
			 row[i].network);
		load_good(&c, WHOLE, file);
		config_explain(&c, out);
		fclose(out);
		line = strstr(text, "network.mac");
		if (row[i].says ? !line || strncmp(line, row[i].says, strlen(row[i].says)) != 0
				: line != NULL)
			fail_msg("%s: %.80s", row[i].network, line);
		config_mac(&c, 0, mac);
		assert_memory_equal(mac, c.mac_set ? given : first, 6);
		config_mac(&c, 2, mac);
		assert_memory_equal(mac, c.mac_set ? given : third, 6);
	}
}

static void members_come_in_the_order_of_their_ids(void **state)
{
	struct config c, mapping;

	(void)state;
	load_good(&c, 0, "");
	assert_int_equal(c.member_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(c.member[i].port, 2380);
		assert_true(i == 0 || config_member_place(&c.member[i - 1]) <
					      config_member_place(&c.member[i]));
	}
	assert_string_equal(c.member[c.self].name, "n1");
	/* SHA-1 by another program. */
	assert_true(config_member_place(&c.member[0]) == UINT64_C(0xc6120001094c));

	load_good(&mapping, 3,
		  "initial-cluster:\n  n3: 198.18.0.3\n  n1: 198.18.0.1:2380\n  n2: 198.18.0.2");
	assert_true(mapping.digest == c.digest);
	for (uint32_t i = 0; i < 3; i++)
		assert_string_equal(mapping.member[i].name, c.member[i].name);
}

static void the_profile_sets_timers_that_are_not_given(void **state)
{
	struct config c;

	(void)state;
	load_good(&c, 0, "profile: bare-metal");
	assert_int_equal(c.heartbeat_us, 200);
	assert_int_equal(c.election_us_min, 2000);
	assert_int_equal(c.election_us_max, 4000);
	load_good(&c, 0, "profile: low");
	assert_int_equal(c.heartbeat_us, 4000);
	assert_int_equal(c.election_us_min, 30000);
	assert_int_equal(c.election_us_max, 60000);
	assert_int_equal(c.disk_stall_us, 60000);
	load_good(&c, 0, "profile: bare-metal\nelection-timeout: 3ms");
	assert_int_equal(c.heartbeat_us, 200);
	assert_int_equal(c.election_us_max, 6000);
}

static void only_one_cpu_of_several_is_spun_on(void **state)
{
	enum config_idle one =
		sysconf(_SC_NPROCESSORS_ONLN) > 1 ? CONFIG_IDLE_SPIN : CONFIG_IDLE_SLEEP;
	struct config c;

	(void)state;
	load_good(&c, 0, "cpus: 1");
	assert_int_equal(c.idle, one);
	load_good(&c, 0, "cpus: 0,1");
	assert_int_equal(c.idle, CONFIG_IDLE_SLEEP);
	load_good(&c, 0, "cpus: 1\nidle: yield");
	assert_int_equal(c.idle, CONFIG_IDLE_YIELD);
}

static void memory_grows_with_the_frames(void **state)
{
	struct config c;

	(void)state;
	load_good(&c, 0, "  frames: 16384");
	assert_int_equal(c.memory_mib, 272); /* 2 + 4 * 16384 * 4112 / 2^20, a page each */
	load_good(&c, 0, "  frames: 16384\nhuge-pages: on");
	assert_int_equal(c.memory_mib, 160); /* 2 + 4 * 16384 * 2448 / 2^20 = 155, in 16s */
	load_good(&c, 0, "  mtu: 9000");
	/* 2 + 4096 * (3 * 20496 + 4112) / 2^20 = 259: 5 pages each, one for clients */
	assert_int_equal(c.memory_mib, 272);
	/* Where it is given, for as many as fit beside those of a start. */
	load_good(&c, 0, "memory: 51MiB");
	assert_int_equal(c.ports_more, 0);
	load_good(&c, 0, "memory: 67MiB");
	assert_int_equal(c.ports_more, 1);
	load_good(&c, 0, "memory: 67MiB\nhuge-pages: on");
	assert_int_equal(c.ports_more, 3);
	load_good(&c, 0, "memory: 4GiB");
	assert_int_equal(c.ports_more, CONFIG_MEMBERS_MAX - 3); /* of 16 members */
}

static void a_gateway_reaches_other_subnets(void **state)
{
	struct config c;

	(void)state;
	load_good(&c, WHOLE,
		  "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1,n2=198.18.1.2\n"
		  "network:\n  link: memif\n  address: 198.18.0.1/24\n  gateway: 198.18.0.254\n");
	assert_int_equal(c.gateway, 0xc61200fe);
}

static void F23_a_file_that_is_not_there(void **state)
{
	struct config_errors errors;
	char longer[CONFIG_PATH_MAX + 1];
	struct config c;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(config_load(&c, "/nowhere/q.yaml", &errors), -ENOENT);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.text[0],
			    "/nowhere/q.yaml: cannot be read: No such file or directory");
	assert_int_equal(config_load(&c, "/", &errors), -EISDIR);
	/* What was read, and is no configuration, is as wrong later. */
	assert_int_equal(config_load(&c, "/dev/zero", &errors), -EINVAL);
	assert_string_equal(errors.text[0], "/dev/zero: is longer than 64 KiB");
	assert_int_equal(config_load(&c, longer, &errors), -EINVAL);
	assert_non_null(strstr(errors.text[0], ": cannot be read: File name too long"));
}

/* More errors than are kept are counted all the same. */
static void errors_beyond_the_limit_are_counted(void **state)
{
	struct config_errors errors;
	struct config c;
	char text[4096] = "";

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), 16, "x%d: 1\n", i);
	assert_int_equal(files_load(&c, text, strlen(text), &errors), -EINVAL);
	assert_int_equal(errors.count, 105); /* and five required ones */
}

static void check_explains_every_setting(void **state)
{
	struct config c;
	char *text = NULL, digest[64];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	load_good(&c, 0, "heartbeat-interval: 10ms");
	config_explain(&c, out);
	fclose(out);
	assert_non_null(strstr(text, "F is valid."));
	assert_non_null(strstr(text, "heartbeat-interval     10ms                     line 7 "));
	assert_non_null(strstr(text, "election-timeout       150ms                    default "));
	assert_non_null(strstr(text, "network.gateway        -                        not set "));
	assert_non_null(strstr(text, "network.link           memif                    line 5 "));
	assert_non_null(strstr(text, "network.address        198.18.0.1/24            line 6 "));
	assert_non_null(strstr(text, "memory                 80MiB                    default "));
	snprintf(digest, sizeof(digest), "digest                 %016" PRIx64 " of", c.digest);
	assert_non_null(strstr(text, digest));
	assert_non_null(strstr(text, "after a silence of 150ms to 300ms\n"));
	free(text);
}

/* Who joins learns from others what those who form a cluster agree on. */
static void check_explains_who_joins(void **state)
{
	static const struct {
		const char *list, *says;
	} row[] = {
		{"n1=198.18.0.1,n2=198.18.0.2,n3=198.18.0.3",
		 "it asks                the others of initial-cluster (2)\n"},
		{"n1=198.18.0.1", "it asks                nobody: initial-cluster names no other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char file[256], text[16384];
		FILE *out = fmemopen(text, sizeof(text), "w");
		struct config c;

		snprintf(file, sizeof(file),
			 "name: n1\ndata-dir: /d\ninitial-cluster: %s\ninitial-cluster-state: "
			 "existing\n"
			 "network: {link: memif, address: 198.18.0.1/24}",
			 row[i].list);
		load_good(&c, WHOLE, file);
		config_explain(&c, out);
		fclose(out);
		assert_non_null(strstr(text, row[i].says));
		assert_non_null(strstr(text, "it waits for one that lets it in"));
		assert_null(strstr(text, "\ndigest "));
		assert_null(strstr(text, "a majority"));
	}
}

static int enter(void **state)
{
	(void)state;
	files_enter();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	files_leave();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_line),
		cmocka_unit_test(every_default_is_filled_in),
		cmocka_unit_test(F17_a_path_has_one_spelling),
		cmocka_unit_test(metrics_are_listened_for_on_several_ports),
		cmocka_unit_test(each_port_has_the_address_that_is_told),
		cmocka_unit_test(members_come_in_the_order_of_their_ids),
		cmocka_unit_test(the_profile_sets_timers_that_are_not_given),
		cmocka_unit_test(only_one_cpu_of_several_is_spun_on),
		cmocka_unit_test(memory_grows_with_the_frames),
		cmocka_unit_test(a_gateway_reaches_other_subnets),
		cmocka_unit_test(F23_a_file_that_is_not_there),
		cmocka_unit_test(errors_beyond_the_limit_are_counted),
		cmocka_unit_test(check_explains_every_setting),
		cmocka_unit_test(check_explains_who_joins),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
