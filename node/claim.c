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

enum { WATCH_MS = 10 * 1000 /* an interface's address is looked at so often */ };

static uint32_t prefix_length(const struct sockaddr *mask)
{
	struct sockaddr_in in = {0};

	if (mask)
		memcpy(&in, mask, sizeof(in));
	return (uint32_t)__builtin_popcount(in.sin_addr.s_addr);
}

/* A label, such as eth0:1, names an address of eth0. */
int claim_kernel_has(uint32_t address, char interface[CLAIM_TEXT_MAX], uint32_t *prefix)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return -errno;
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

static void watch_look(void *context)
{
	struct claim_watch *w = context;
	char interface[CLAIM_TEXT_MAX] = "";
	uint32_t prefix;

	if (claim_kernel_has(w->address, interface, &prefix) < 0 ||
	    strcmp(interface, w->interface) == 0)
		return;
	(void)pthread_mutex_lock(&w->lock);
	memcpy(w->interface, interface, sizeof(w->interface));
	(void)pthread_mutex_unlock(&w->lock);
	atomic_fetch_add(&w->changes, 1);
}

int claim_watch_begin(struct claim_watch *w, uint32_t address)
{
	*w = (struct claim_watch){
		.look = {.make = watch_look, .context = w, .every = WATCH_MS / LOOKS_MS},
		.address = address,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	return looks_begin(&w->look);
}

bool claim_watch_news(struct claim_watch *w, char interface[CLAIM_TEXT_MAX])
{
	uint32_t changes = atomic_load(&w->changes);

	if (changes == w->seen || pthread_mutex_trylock(&w->lock) != 0)
		return false;
	memcpy(interface, w->interface, CLAIM_TEXT_MAX);
	(void)pthread_mutex_unlock(&w->lock);
	w->seen = changes;
	return true;
}

void claim_watch_end(struct claim_watch *w)
{
	looks_end(&w->look);
}

static void say_waiting(struct journal *journal, const struct link *link, bool over)
{
	journal_write(journal, over ? JOURNAL_WARN : JOURNAL_INFO,
		      over ? "address_unasked" : "address_waits",
		      "port=%s seconds=%u why=\"the port has no link yet, and %s\"", link->name,
		      (unsigned int)(CLAIM_LINK_NS / CLOCK_S),
		      over ? "the start goes on: whether another host has network.address is asked "
			     "when it has one"
			   : "whether another host has network.address cannot be asked: the start "
			     "waits so long for one");
}

/* 0: nobody has it, or nobody can be asked. */
static int wire_ask(struct link *link, uint32_t address, bool (*goes_on)(void),
		    struct journal *journal, struct link_mac *who)
{
	enum claim_verdict verdict = CLAIM_ASKS;
	bool told = false;
	struct claim c;

	claim_begin(&c, link, address, clock_now());
	while (verdict == CLAIM_ASKS || verdict == CLAIM_WAITS) {
		if (!goes_on())
			return -EINTR;
		verdict = claim_turn(&c, clock_now());
		if (verdict == CLAIM_WAITS && !told)
			say_waiting(journal, link, false);
		told |= verdict == CLAIM_WAITS;
		(void)poll(NULL, 0, 1);
	}
	if (verdict == CLAIM_UNASKED)
		say_waiting(journal, link, true);
	*who = c.who;
	return verdict == CLAIM_TAKEN ? -EADDRINUSE : 0;
}

int claim_address(const struct dp_options *dp, bool wire, bool (*goes_on)(void),
		  struct journal *journal)
{
	struct in_addr in = {.s_addr = htonl(dp->address)};
	char text[INET_ADDRSTRLEN], interface[CLAIM_TEXT_MAX];
	struct link_mac m;
	uint32_t prefix;
	int err;

	inet_ntop(AF_INET, &in, text, sizeof(text));
	if (!wire)
		return 0;
	err = claim_kernel_has(dp->address, interface, &prefix);
	if (err < 0)
		journal_write(journal, JOURNAL_WARN, "address_unknown",
			      "error=\"%s\" why=\"whether an interface of this host has "
			      "network.address is not to be learned now: it is looked at again "
			      "every ten seconds\"",
			      strerror(-err));
	if (err > 0) {
		journal_fail(journal,
			     "network.address %s: interface %s of this host has it, and the kernel "
			     "would answer for it: ip address del %s/%u dev %s, or set another",
			     text, interface, text, prefix, interface);
		return -EADDRINUSE;
	}
	err = 0;
	for (uint32_t i = 0; !err && i < dp->link_count; i++)
		err = wire_ask(dp->link[i], dp->address, goes_on, journal, &m);
	if (err == -EADDRINUSE)
		journal_fail(journal,
			     "network.address %s: another host on this network has it, with the "
			     "MAC address %02x:%02x:%02x:%02x:%02x:%02x, or somebody pretends so, "
			     "and answers for it: take it away there, or set another",
			     text, m.byte[0], m.byte[1], m.byte[2], m.byte[3], m.byte[4],
			     m.byte[5]);
	return err;
}
