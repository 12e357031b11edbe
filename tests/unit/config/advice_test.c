/*
 * F22: what an error of the configuration advises is done, to the letter, and the error is gone.
 * What errors of values say ("such as ...", "from ... to ...") is made from the table of keys.
 */
#include "config/keys.h"

#include "tests/unit/config/files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N1 "name: n1\n"
#define DATA "data-dir: /d\n"
#define ALONE "initial-cluster: n1=198.18.0.1\n"
#define MEMIF "network: {link: memif, address: 198.18.0.1/24}\n"
#define GOOD N1 DATA ALONE MEMIF
#define LONG_DIR                                          \
	"/2345678901234567890123456789012345678901234567" \
	"890123456789012345678901234567890123456789012345678901"
#define EIGHT                                                                              \
	"n1=198.18.0.1,n2=198.18.0.2,n3=198.18.0.3,n4=198.18.0.4,n5=198.18.0.5,n6=198.18." \
	"0.6,n7=198.18.0.7,n8=198.18.0.8"

/* As it was, what is said, and as it is when that is done. */
/* clang-format off */
static const struct {
	const char *before, *advice, *after;
} rows[] = {
	{DATA ALONE MEMIF, "is missing: name: n1, for example", "name: n1\n" DATA ALONE MEMIF},
	{N1 DATA ALONE "network: {address: 198.18.0.1/24}\n", "is missing: link: packet, for example",
		N1 DATA ALONE "network: {link: packet, interface: v0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: packet, address: 198.18.0.1/24}\n",
		"needs it: interface: veth0, for example",
		N1 DATA ALONE "network: {link: packet, interface: veth0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: pci, address: 198.18.0.1/24}\n",
		"needs it: pci: 0000:01:00.0, for example",
		N1 DATA ALONE "network: {link: pci, pci: 0000:01:00.0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: memif, interface: v0, address: 198.18.0.1/24}\n",
		"leave it out, or link: packet", GOOD},
	{N1 DATA ALONE "network: {link: memif, interface: v0, address: 198.18.0.1/24}\n",
		"leave it out, or link: packet",
		N1 DATA ALONE "network: {link: packet, interface: v0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: packet, interface: v0, mac: 02:00:00:00:00:09, address: 198.18.0.1/24}\n",
		"leave it out, or link: memif or pci",
		N1 DATA ALONE "network: {link: packet, interface: v0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: packet, interface: v0, mac: 02:00:00:00:00:09, address: 198.18.0.1/24}\n",
		"leave it out, or link: memif or pci",
		N1 DATA ALONE "network: {link: memif, mac: 02:00:00:00:00:09, address: 198.18.0.1/24}\n"},
	{GOOD "hartbeat-interval: 20ms\n", "the nearest is heartbeat-interval",
		GOOD "heartbeat-interval: 20ms\n"},
	{GOOD "durability: written\n", "the nearest is durability inside of wal:",
		GOOD "wal:\n  durability: written\n"},
	{GOOD "wal: durable\n", "keys of it, indented below it", GOOD "wal:\n  durability: durable\n"},
	{GOOD "idle: [spin]\n", "sleep, for example", GOOD "idle: sleep\n"},
	{GOOD "heartbeat-interval: 20\n", "20us, 20ms or 20s", GOOD "heartbeat-interval: 20ms\n"},
	{GOOD "quota-backend-bytes: 33554432\n", "33554432B, or in KiB, MiB or GiB",
		GOOD "quota-backend-bytes: 33554432B\n"},
	{GOOD "data-dir-quota: 255MiB\n", "at least 256MiB", GOOD "data-dir-quota: 256MiB\n"},
	{GOOD "auto-compaction-mode: revision\n", "without auto-compaction-retention: 1000, for example",
		GOOD "auto-compaction-mode: revision\nauto-compaction-retention: 1000\n"},
	{GOOD "auto-compaction-mode: revision\nauto-compaction-retention: 5m\n",
		"a number of revisions: 1000, for example",
		GOOD "auto-compaction-mode: revision\nauto-compaction-retention: 1000\n"},
	{GOOD "auto-compaction-retention: 10000\n",
		"to keep a number of revisions: auto-compaction-mode: revision",
		GOOD "auto-compaction-mode: revision\nauto-compaction-retention: 10000\n"},
	{GOOD "memory: 64000KiB\n", "is no multiple of 1MiB: 64MiB, for example", GOOD "memory: 64MiB\n"},
	{N1 DATA ALONE "network: {link: memif, address: 198.18.0.1}\n", "198.18.0.1/24, for example",
		GOOD},
	{N1 DATA "initial-cluster: n1=http://198.18.0.1:2380\n" MEMIF, "is a URL: n1=198.18.0.1:2380",
		N1 DATA "initial-cluster: n1=198.18.0.1:2380\n" MEMIF},
	{N1 DATA "initial-cluster: n1\n" MEMIF, "NAME=ADDRESS:PORT, such as n1=198.18.0.1:2380",
		N1 DATA "initial-cluster: n1=198.18.0.1:2380\n" MEMIF},
	{N1 DATA "initial-cluster: n1=server\n" MEMIF, "such as n1=198.18.0.1:2380",
		N1 DATA "initial-cluster: n1=198.18.0.1:2380\n" MEMIF},
	{N1 DATA "initial-cluster: {n1: [a]}\n" MEMIF, "such as n1: 198.18.0.1:2380",
		N1 DATA "initial-cluster: {n1: 198.18.0.1:2380}\n" MEMIF},
	{N1 DATA "initial-cluster: " EIGHT "\n" MEMIF, "are too many: at most 7 vote",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.2,n3=198.18.0.3,n4=198.18.0.4,"
			"n5=198.18.0.5,n6=198.18.0.6,n7=198.18.0.7\n" MEMIF},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n1=198.18.0.2\n" MEMIF,
		"each member has a name of its own",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.2\n" MEMIF},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.1\n" MEMIF,
		"each member has an address of its own",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.2\n" MEMIF},
	{"name: n9\n" DATA ALONE MEMIF, "is not in initial-cluster: one of n1", GOOD},
	{N1 DATA ALONE "network: {link: memif, address: 198.18.0.2/16}\n",
		"is not what initial-cluster gives n1: 198.18.0.1/16",
		N1 DATA ALONE "network: {link: memif, address: 198.18.0.1/16}\n"},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.1.2\n" MEMIF,
		"a network.gateway to it, or another prefix length",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.1.2\n"
		"network: {link: memif, address: 198.18.0.1/24, gateway: 198.18.0.9}\n"},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.1.2\n" MEMIF,
		"a network.gateway to it, or another prefix length",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.1.2\n"
		"network: {link: memif, address: 198.18.0.1/23}\n"},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.255\n" MEMIF,
		"one between the first and the last of that subnet",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.254\n" MEMIF},
	{N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.2\n"
		"network: {link: memif, address: 198.18.0.1/24, gateway: 198.18.0.2}\n",
		"the gateway is a router, and no member",
		N1 DATA "initial-cluster: n1=198.18.0.1,n2=198.18.0.2\n"
		"network: {link: memif, address: 198.18.0.1/24, gateway: 198.18.0.9}\n"},
	{N1 DATA ALONE "network: {link: memif, address: 198.18.0.1/24, gateway: 198.18.1.1}\n",
		"one inside that subnet",
		N1 DATA ALONE "network: {link: memif, address: 198.18.0.1/24, gateway: 198.18.0.9}\n"},
	{GOOD "election-timeout: 99ms\n", "at least 100ms", GOOD "election-timeout: 100ms\n"},
	{GOOD "heartbeat-interval: 31ms\n", "set that to at least 155ms",
		GOOD "heartbeat-interval: 31ms\nelection-timeout: 155ms\n"},
	{N1 DATA ALONE "network: {link: memif, address: 198.18.0.1/24, client-port: 2380}\n",
		"another one, such as 2379",
		N1 DATA ALONE "network: {link: memif, address: 198.18.0.1/24, client-port: 2379}\n"},
	{N1 DATA "initial-cluster: n1=198.18.0.1:2379\n"
		"network: {link: memif, address: 198.18.0.1/24, client-port: 2379}\n",
		"another one, such as 2380",
		N1 DATA "initial-cluster: n1=198.18.0.1:2379\n"
		"network: {link: memif, address: 198.18.0.1/24, client-port: 2380}\n"},
	{N1 DATA "initial-cluster: n1=198.18.0.1:2379\n" MEMIF, "2380, or another network.client-port",
		N1 DATA "initial-cluster: n1=198.18.0.1:2380\n" MEMIF},
	{N1 DATA "initial-cluster: n1=198.18.0.1:2379\n" MEMIF, "2380, or another network.client-port",
		N1 DATA "initial-cluster: n1=198.18.0.1:2379\n"
		"network: {link: memif, address: 198.18.0.1/24, client-port: 2400}\n"},
	{N1 "data-dir: " LONG_DIR "\n" ALONE MEMIF, "a shorter one, or an admin-socket elsewhere",
		N1 "data-dir: " LONG_DIR "\nadmin-socket: /run/a\n" ALONE MEMIF},
	{N1 "data-dir: " LONG_DIR "\n" ALONE MEMIF, "a shorter one, or an admin-socket elsewhere", GOOD},
	{GOOD "admin-socket: " LONG_DIR LONG_DIR "\n", "at most 107", GOOD "admin-socket: " LONG_DIR "\n"},
	{GOOD "memory: 16MiB\n", "at least 19MiB", GOOD "memory: 19MiB\n"},
	{N1 DATA ALONE "huge-pages: off\nnetwork: {link: xdp, interface: v0, address: 198.18.0.1/24}\n",
		"auto or on",
		N1 DATA ALONE "huge-pages: auto\nnetwork: {link: xdp, interface: v0, address: 198.18.0.1/24}\n"},
	{N1 DATA ALONE "network: {link: xdp, interface: v0, mtu: 1779, address: 198.18.0.1/24}\n",
		"at most 1778",
		N1 DATA ALONE "network: {link: xdp, interface: v0, mtu: 1778, address: 198.18.0.1/24}\n"},
	{GOOD "listen-metrics-urls: https://127.0.0.1:2381\n", "there is no TLS here: http://127.0.0.1:2381",
		GOOD "listen-metrics-urls: http://127.0.0.1:2381\n"},
	{GOOD "listen-metrics-urls: http://127.0.0.1:1,http://127.0.0.1:1\n",
		"each port of an address once", GOOD "listen-metrics-urls: http://127.0.0.1:1\n"},
	{GOOD "listen-metrics-urls: http://198.18.0.1:2381\n",
		"another address of this host, such as 127.0.0.1",
		GOOD "listen-metrics-urls: http://127.0.0.1:2381\n"},
	{"\tname: n1\n", "lines of `key: value`, without tabs", GOOD},
	{"- name\n", "lines of `key: value`", GOOD},
	{GOOD "---\n" GOOD, "one file holds one configuration", GOOD},
};
/* clang-format on */

static void F22_what_an_error_advises_is_the_way_out(void **state)
{
	static struct config_errors errors;
	static struct config c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (files_load(&c, rows[i].before, strlen(rows[i].before), &errors) != -EINVAL ||
		    !strstr(errors.text[0], rows[i].advice))
			fail_msg("row %zu: not \"%s\": %s", i, rows[i].advice, errors.text[0]);
		if (files_load(&c, rows[i].after, strlen(rows[i].after), &errors) != 0)
			fail_msg("row %zu: \"%s\" was done, and: %s", i, rows[i].advice,
				 errors.text[0]);
	}
}

/* A value of a key as the advice has it, in the place where it belongs. */
static void taken(const struct config_key *key, const char *value)
{
	static struct config_errors errors;
	static struct config c;
	const char *dot = strchr(key->name, '.');
	char text[512];

	if (dot)
		snprintf(text, sizeof(text), "%.*s:\n  %s: '%s'\n", (int)(dot - key->name),
			 key->name, dot + 1, value);
	else
		snprintf(text, sizeof(text), "%s: '%s'\n", key->name, value);
	(void)files_load(&c, text, strlen(text), &errors);
	/* Much else is missing, and may not go with it. */
	for (uint32_t e = 0; e < errors.count; e++) {
		if (strstr(errors.text[e], key->name) && (strstr(errors.text[e], " is wrong: ") ||
							  strstr(errors.text[e], " of range: ")))
			fail_msg("%s", errors.text[e]);
	}
}

/* "such as X", "from A to B", "X, Y or Z": each of them is taken. */
static void F22_what_would_be_right_is_right(void **state)
{
	(void)state;
	for (int i = 0; i < KEY_COUNT; i++) {
		char expected[CONFIG_KEY_TEXT_SIZE], *at, *end;

		config_key_expected(&config_keys[i], expected);
		at = strstr(expected, ", such as ");
		if (at) {
			taken(&config_keys[i], at + strlen(", such as "));
			continue;
		}
		at = strstr(expected, "from ");
		if (at) {
			char *to = strstr(at, " to ");

			assert_non_null(to);
			*to = '\0';
			end = to + strlen(" to ");
			end[strcspn(end, ",")] = '\0';
			taken(&config_keys[i], at + strlen("from "));
			taken(&config_keys[i], end);
			continue;
		}
		for (char *rest = expected; (at = strsep(&rest, " "));) {
			at[strcspn(at, ",")] = '\0';
			if (strcmp(at, "or") != 0)
				taken(&config_keys[i], at);
		}
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
		cmocka_unit_test(F22_what_an_error_advises_is_the_way_out),
		cmocka_unit_test(F22_what_would_be_right_is_right),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
