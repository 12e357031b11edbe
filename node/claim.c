/*
 * Before a node says its first word with its address: does somebody have it already (F7)? The
 * kernel of this host would answer for it, and two hosts that have it share its packets out.
 */
#include "node/claim.h"

#include "base/clock.h"
#include "dataplane/claim.h"
#include "node/journal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
	/* A kernel on the same wire answers within a millisecond. */
	PROBES = 3,
	PROBE_NS = 60 * 1000 * 1000,
};

static uint32_t prefix_length(const struct sockaddr *mask)
{
	struct sockaddr_in in = {0};

	if (mask)
		memcpy(&in, mask, sizeof(in));
	return (uint32_t)__builtin_popcount(in.sin_addr.s_addr);
}

/* A label, such as eth0:1, names an address of eth0. */
bool claim_kernel_has(uint32_t address, char interface[CLAIM_TEXT_MAX], uint32_t *prefix)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		struct sockaddr_in in;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in, i->ifa_addr, sizeof(in));
		if (ntohl(in.sin_addr.s_addr) != address)
			continue;
		snprintf(interface, CLAIM_TEXT_MAX, "%.*s", (int)strcspn(i->ifa_name, ":"),
			 i->ifa_name);
		*prefix = prefix_length(i->ifa_netmask);
		found = true;
	}
	freeifaddrs(all);
	return found;
}

static bool wire_has(struct link *link, uint32_t address, struct link_mac *who)
{
	uint64_t begun = clock_now(), now;

	for (uint64_t asked = 0; (now = clock_now()) - begun < PROBES * (uint64_t)PROBE_NS;) {
		if (now - begun >= asked * PROBE_NS) {
			claim_ask(link, address);
			asked++;
		}
		if (claim_heard(link, address, now, who))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

int claim_address(const struct dp_options *dp, bool wire, struct journal *journal)
{
	struct in_addr in = {.s_addr = htonl(dp->address)};
	char text[INET_ADDRSTRLEN], interface[CLAIM_TEXT_MAX];
	struct link_mac m;
	uint32_t prefix;

	inet_ntop(AF_INET, &in, text, sizeof(text));
	if (!wire)
		return 0;
	if (claim_kernel_has(dp->address, interface, &prefix)) {
		journal_fail(journal,
			     "network.address %s: interface %s of this host has it, and the kernel "
			     "would answer for it: ip address del %s/%u dev %s, or set another",
			     text, interface, text, prefix, interface);
		return -EADDRINUSE;
	}
	for (uint32_t i = 0; i < dp->link_count; i++) {
		if (!wire_has(dp->link[i], dp->address, &m))
			continue;
		journal_fail(journal,
			     "network.address %s: another host on this network has it, with the "
			     "MAC address %02x:%02x:%02x:%02x:%02x:%02x: take it away there, or "
			     "set another",
			     text, m.byte[0], m.byte[1], m.byte[2], m.byte[3], m.byte[4],
			     m.byte[5]);
		return -EADDRINUSE;
	}
	return 0;
}
