#include "node/ports.h"

#include "dataplane/eal.h"
#include "node/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool ports_for_each_peer(const struct config *c)
{
	return link_facts(c->link)->device == LINK_DEVICE_SOCKET;
}

static struct link_mac mac_of(const struct config *c, uint8_t port)
{
	struct link_mac mac;

	config_mac(c, port, mac.byte);
	return mac;
}

static int add(struct dp_options *dp, const struct link_options *link, struct fault_rules *faults,
	       struct journal *journal)
{
	char text[EAL_ERROR_MAX];
	struct link *inner, *outer;
	int error = link_dpdk_create(&inner, link, text);

	if (error) {
		journal_fail(journal, "%s", text);
		return error;
	}
	outer = inner;
	if (faults && fault_link_create(&outer, inner, faults)) {
		journal_fail(journal, "no memory for the ports");
		inner->ops->destroy(inner);
		return -ENOMEM;
	}
	dp->link[dp->link_count++] = outer;
	return 0;
}

/* What a port is, but for its name and where it is. */
static struct link_options options_of(const struct config *c)
{
	return (struct link_options){
		.kind = c->link,
		.mtu = c->mtu,
		.pool_frames = c->pool_frames,
	};
}

/* Of the two ends of a socket the one with the lower address listens; for clients this node. */
static bool listens(const struct config *c, uint32_t member)
{
	return member >= c->member_count || c->address < c->member[member].address;
}

static void socket_name(const struct config *c, uint32_t member, char out[PORTS_SOCKET_SIZE])
{
	uint32_t peer = member < c->member_count ? c->member[member].address : 0;
	bool server = listens(c, member);

	if (member >= c->member_count)
		snprintf(out, PORTS_SOCKET_SIZE, "%s-%08x-clients", c->memif_socket, c->address);
	else
		snprintf(out, PORTS_SOCKET_SIZE, "%s-%08x-%08x", c->memif_socket,
			 server ? c->address : peer, server ? peer : c->address);
}

bool ports_socket(const struct config *c, uint32_t member, char out[PORTS_SOCKET_SIZE])
{
	if (!ports_for_each_peer(c) || member == c->self || !listens(c, member))
		return false;
	socket_name(c, member, out);
	return true;
}

static int add_for_each(struct dp_options *dp, const struct config *c, struct fault_rules *faults,
			struct journal *journal)
{
	uint32_t port = 0;

	for (uint32_t i = 0; i <= c->member_count; i++) {
		struct link_options link = options_of(c);
		char name[24], socket[PORTS_SOCKET_SIZE];
		int error;

		if (i == c->self)
			continue;
		link.name = name;
		link.mac = mac_of(c, (uint8_t)port);
		link.socket = socket;
		link.server = listens(c, i);
		/* What a client is told fits into one of the usual size, and so they have it. */
		if (i == c->member_count)
			link.mtu = LINK_MTU_DEFAULT;
		snprintf(name, sizeof(name), "%s%u", link_kind_name(c->link), port);
		socket_name(c, i, socket);
		error = add(dp, &link, faults, journal);
		if (error)
			return error;
		if (i == c->member_count)
			dp->client_port = (uint8_t)port;
		port++;
	}
	return 0;
}

int ports_create(struct dp_options *dp, const struct config *c, struct fault_rules *faults,
		 struct journal *journal)
{
	struct link_options link = options_of(c);

	if (ports_for_each_peer(c))
		return add_for_each(dp, c, faults, journal);
	link.name = "port0";
	link.interface = link_facts(c->link)->device == LINK_DEVICE_NIC ? c->pci : c->interface;
	if (c->mac_set)
		link.mac = mac_of(c, 0);
	return add(dp, &link, faults, journal);
}

static enum eal_memory memory_of(const struct config *c)
{
	if (c->huge_pages == CONFIG_HUGE_OFF)
		return EAL_MEMORY_ORDINARY;
	return c->huge_pages == CONFIG_HUGE_ON || link_facts(c->link)->huge_pages
		       ? EAL_MEMORY_HUGE
		       : EAL_MEMORY_HUGE_IF_FREE;
}

static void say(void *journal, enum eal_severity severity, const char *text)
{
	static const enum journal_level level[] = {
		[EAL_SAYS_ERROR] = JOURNAL_ERROR,
		[EAL_SAYS_WARNING] = JOURNAL_WARN,
		[EAL_SAYS_INFO] = JOURNAL_DEBUG,
	};

	journal_write(journal, level[severity], "dpdk", "says=\"%s\"", text);
}

int ports_start(const struct config *c, bool (*goes_on)(void), struct journal *journal, bool *again)
{
	char prefix[64], text[EAL_ERROR_MAX];
	struct eal_options eal = {
		.file_prefix = prefix,
		.lcores = c->cpus[0] ? c->cpus : NULL,
		.memory_mib = c->memory_mib,
		.memory = memory_of(c),
		.pci_count = link_facts(c->link)->device == LINK_DEVICE_NIC,
		.pci = {c->pci},
		.log = {say, journal, c->log_level == CONFIG_LOG_DEBUG},
		.goes_on = goes_on,
	};
	int error;

	/* The same at every start: what one leaves that is killed goes with the next. */
	snprintf(prefix, sizeof(prefix), "quoin-%012" PRIx64,
		 config_member_place(&c->member[c->self]));
	error = eal_start(&eal, text);
	*again = error == -EAGAIN && eal.memory == EAL_MEMORY_HUGE_IF_FREE;
	if (*again)
		journal_write(journal, JOURNAL_WARN, "huge_pages_gone",
			      "why=\"%s; they were free a moment ago: the node begins again, in "
			      "ordinary pages\"",
			      text);
	else if (error && error != -EINTR)
		journal_fail(journal, "%s", text);
	return error;
}

void ports_stop(void)
{
	eal_stop();
}
