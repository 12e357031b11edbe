/*
 * Ports and the address on them, as they change: told to the log at once, and again only when
 * something has changed, at most once a second each.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	AGAIN_NS = 1000 * 1000 * 1000,
	/* Of a device it may be a register behind PCIe, or a system call. */
	LOOK_NS = 10 * 1000 * 1000,
};

static void port_note(struct node *n, uint32_t i)
{
	struct node_port_note *note = &n->port_note[i];
	struct link_counters c;
	const char *name;
	bool up = dp_get_up(n->dp, i);

	if (note->told && (up == note->up || n->now_ns - note->told_ns < AGAIN_NS))
		return;
	dp_get_link(n->dp, i, &up, &c, &name);
	/* Ports that wait for their peers' processes are many: nobody wants to read that. */
	if (note->told || up || dp_get_port_dead(n->dp, i))
		journal_write(n->journal, up ? JOURNAL_INFO : JOURNAL_WARN,
			      up ? "link_up" : "link_down", "port=%s changes=%" PRIu64, name,
			      c.link_changes);
	note->told = true;
	note->told_ns = n->now_ns;
	note->up = up;
}

/* Whether this is news: it is, or it is over. */
static bool is_news(const struct node *n, bool now, bool *was, uint64_t *told_ns)
{
	if (now == *was || (*told_ns && n->now_ns - *told_ns < AGAIN_NS))
		return false;
	*was = now;
	*told_ns = n->now_ns;
	return true;
}

/* F6: its small packets pass, so nothing else but the larger ones' silence would tell it. */
static void port_narrow(struct node *n, uint32_t i)
{
	struct node_port_note *note = &n->port_note[i];
	uint32_t mtu, asked = dp_get_port(n->dp, i)->mtu;
	const char *interface = dp_get_port_narrow(n->dp, i, &mtu);

	if (!is_news(n, interface != NULL, &note->narrow, &note->narrow_ns))
		return;
	if (interface)
		journal_write(n->journal, JOURNAL_WARN, "mtu_low",
			      "interface=%s mtu=%u network_mtu=%u why=\"larger packets are lost "
			      "there: ip link set %s mtu %u\"",
			      interface, mtu, asked, interface, asked);
	else
		journal_write(n->journal, JOURNAL_INFO, "mtu_low_over", "network_mtu=%u", asked);
}

#define MAC "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_BYTES(m) m.byte[0], m.byte[1], m.byte[2], m.byte[3], m.byte[4], m.byte[5]

/* F6: on a veth nothing is amiss, on a NIC nothing may arrive any more: no end, but told. */
static void port_strange(struct node *n, uint32_t i)
{
	struct node_port_note *note = &n->port_note[i];
	struct link_mac now, ours = dp_get_port(n->dp, i)->mac;
	const char *interface = dp_get_port_strange(n->dp, i, &now);

	if (!is_news(n, interface != NULL, &note->strange, &note->strange_ns))
		return;
	if (interface)
		journal_write(n->journal, JOURNAL_WARN, "mac_changed",
			      "interface=%s mac=" MAC " port_mac=" MAC
			      " why=\"a NIC drops frames for the port's: ip "
			      "link set %s address " MAC ", or promisc on, or restart this node\"",
			      interface, MAC_BYTES(now), MAC_BYTES(ours), interface,
			      MAC_BYTES(ours));
	else
		journal_write(n->journal, JOURNAL_INFO, "mac_changed_over", "port_mac=" MAC,
			      MAC_BYTES(ours));
}

/* F6: a node that is deaf must not say that it leads. */
static void port_gone(struct node *n, uint32_t i)
{
	const char *why = dp_get_port_gone(n->dp, i);

	if (!why || n->failed)
		return;
	n->failed = NODE_PORT_GONE;
	snprintf(n->error, sizeof(n->error), "%s", why);
}

/* Who else uses the address: "" nobody. */
static void conflict_text(struct node *n, char *out, size_t size)
{
	struct dp_conflict c;

	out[0] = 0;
	if (n->address_taken[0])
		snprintf(out, size, "%s of this host", n->address_taken);
	else if (dp_get_conflict(n->dp, &c) && c.lasts)
		snprintf(out, size, MAC, MAC_BYTES(c.mac));
}

static void address_note(struct node *n)
{
	char now[sizeof(n->conflict)];

	conflict_text(n, now, sizeof(now));
	if (!strcmp(now, n->conflict) || n->now_ns - n->conflict_told_ns < AGAIN_NS)
		return;
	if (now[0])
		journal_write(n->journal, JOURNAL_ERROR, "address_conflict",
			      "by=\"%s\" why=\"it uses this member's address too, or somebody "
			      "pretends so: what is sent to one of them may reach the other\"",
			      now);
	else
		journal_write(n->journal, JOURNAL_INFO, "address_conflict_over", "was=\"%s\"",
			      n->conflict);
	snprintf(n->conflict, sizeof(n->conflict), "%s", now);
	n->conflict_told_ns = n->now_ns;
}

void node_address_taken(struct node *n, const char *interface)
{
	snprintf(n->address_taken, sizeof(n->address_taken), "%s", interface);
}

void node_wires_drive(struct node *n)
{
	if (n->now_ns < n->next_wires_ns)
		return;
	n->next_wires_ns = n->now_ns + LOOK_NS;
	for (uint32_t i = 0; i < dp_get_port_count(n->dp); i++) {
		if (!dp_get_port(n->dp, i))
			continue;
		port_note(n, i);
		port_narrow(n, i);
		port_strange(n, i);
		port_gone(n, i);
	}
	address_note(n);
}
