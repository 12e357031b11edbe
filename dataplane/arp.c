/* Next hops' MAC addresses: see arp.h. */
#include "dataplane/arp.h"

#include "base/mix.h"
#include "dataplane/net.h"

#include <assert.h>
#include <string.h>

struct arp_entry *arp_entry_get(struct arp *arp, uint8_t port, uint32_t address)
{
	struct arp_entry *e = NULL;

	for (uint32_t i = 0; i < arp->count; i++) {
		if (arp->entry[i].address == address && arp->entry[i].port == port)
			return &arp->entry[i];
		if (arp->entry[i].address == 0)
			e = &arp->entry[i];
	}
	if (!e && arp->count == ARP_ENTRIES_MAX)
		return NULL;
	if (!e)
		e = &arp->entry[arp->count++];
	memset(e, 0, sizeof(*e));
	e->address = address;
	e->port = port;
	e->wait_ns = ARP_WAIT_MIN_NS;
	return e;
}

void arp_entry_put(struct arp_entry *e)
{
	memset(e, 0, sizeof(*e));
}

bool arp_want(struct arp_entry *e)
{
	e->wanted = true;
	return e->resolved;
}

/* Frames come from elsewhere: it has moved, or someone pretends. */
static bool in_doubt(const struct arp_entry *e)
{
	return e->other_ns > e->heard_ns && e->other_ns > e->answered_ns;
}

/* It was heard, if it does not answer: a loop may stand still for a while. */
static bool lives(const struct arp_entry *e, uint64_t now_ns)
{
	return e->heard_ns != 0 && now_ns - e->heard_ns < ARP_STILL_NS;
}

uint64_t arp_due(const struct arp_entry *e)
{
	if (!e->wanted)
		return UINT64_MAX;
	if (!e->resolved)
		return e->ask_ns;
	uint64_t alive_ns = e->heard_ns > e->answered_ns ? e->heard_ns : e->answered_ns;
	uint64_t silent = alive_ns + ARP_SILENT_NS;
	uint64_t refresh = e->answered_ns + ARP_REFRESH_NS;
	uint64_t next = silent < refresh ? silent : refresh;
	/* A doubt does not wait for what was asked because of a silence. */
	if (in_doubt(e))
		return e->other_ns > e->doubt_ns ? e->other_ns : e->doubt_ns;
	return next > e->ask_ns ? next : e->ask_ns;
}

/* Spreads the questions of nodes that started together. */
static uint64_t jitter(struct arp *arp, uint64_t limit)
{
	return mix_next(&arp->random) % limit;
}

enum arp_question arp_ask(struct arp *arp, struct arp_entry *e, uint64_t now_ns)
{
	assert(now_ns >= arp_due(e));
	e->asked = true;
	if (e->resolved) {
		e->ask_ns = now_ns + ARP_SILENT_NS;
		e->asked_all = e->alone == ARP_ALONE_MAX && !lives(e, now_ns);
		e->doubt_ns = now_ns + (uint64_t)(e->asked_all ? ARP_DOUBT_NS : ARP_ALONE_NS);
		if (e->asked_all)
			return ARP_ASK_ALL;
		if (e->alone < ARP_ALONE_MAX)
			e->alone++;
		return ARP_ASK_IT;
	}
	e->ask_ns = now_ns + e->wait_ns + jitter(arp, e->wait_ns / 8);
	e->wait_ns *= 2;
	if (e->wait_ns > ARP_WAIT_MAX_NS)
		e->wait_ns = ARP_WAIT_MAX_NS;
	return ARP_ASK_ALL;
}

void arp_put_off(struct arp_entry *e, uint64_t now_ns)
{
	uint64_t *due_ns = e->resolved && in_doubt(e) ? &e->doubt_ns : &e->ask_ns;

	assert(now_ns >= arp_due(e));
	*due_ns = now_ns + ARP_NO_BUFFER_NS;
}

void arp_heard(struct arp_entry *e, const struct link_mac *mac, uint64_t now_ns)
{
	if (net_mac_equal(mac, &e->mac)) {
		e->heard_ns = now_ns;
		e->alone = 0;
		e->asked_all = false;
		return;
	}
	e->other = *mac;
	e->other_ns = now_ns;
}

/* Invariants 2 and 3. */
static bool may_move(const struct arp_entry *e, const struct link_mac *mac, uint64_t now_ns)
{
	if (!e->resolved || net_mac_equal(mac, &e->mac))
		return true;
	if (!e->asked_all)
		return false;
	if (e->heard_ns == 0 || now_ns - e->heard_ns >= ARP_LIVE_NS)
		return true;
	return e->other_ns > e->heard_ns && net_mac_equal(mac, &e->other);
}

enum arp_verdict arp_answer(struct arp *arp, uint8_t port, uint32_t address,
			    const struct link_mac *mac, uint64_t now_ns)
{
	for (uint32_t i = 0; i < arp->count; i++) {
		struct arp_entry *e = &arp->entry[i];
		if (e->address != address || e->port != port)
			continue;
		if (!e->asked)
			return !e->resolved || net_mac_equal(mac, &e->mac) ? ARP_UNASKED
									   : ARP_MOVED;
		if (!may_move(e, mac, now_ns))
			return ARP_MOVED;
		if (!e->resolved || !net_mac_equal(mac, &e->mac))
			e->heard_ns = 0;
		e->mac = *mac;
		e->resolved = true;
		e->asked = false;
		e->asked_all = false;
		e->alone = 0;
		e->wanted = false;
		e->answered_ns = now_ns;
		e->wait_ns = ARP_WAIT_MIN_NS;
		e->ask_ns = 0;
		e->doubt_ns = now_ns + ARP_DOUBT_NS; /* the next may come with the next frame */
		return ARP_LEARNED;
	}
	return ARP_UNASKED;
}
