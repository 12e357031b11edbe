#include "node/ports.h"

#include "dataplane/eal.h"
#include "node/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static_assert((int)WAYS_WHY_MAX >= (int)EAL_ERROR_MAX, "what is said of a port is said of a way");

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

/* Behind the fault rules, if there are any. */
static int open_port(struct link **out, const struct link_options *link, struct fault_rules *faults,
		     char text[EAL_ERROR_MAX])
{
	struct link *inner;
	int error = link_dpdk_create(&inner, link, text);

	if (error)
		return error;
	*out = inner;
	if (faults && fault_link_create(out, inner, faults)) {
		snprintf(text, EAL_ERROR_MAX, "no memory for the ports");
		inner->ops->destroy(inner);
		return -ENOMEM;
	}
	return 0;
}

static int add(struct dp_options *dp, const struct link_options *link, struct fault_rules *faults,
	       struct journal *journal)
{
	char text[EAL_ERROR_MAX];
	int error = open_port(&dp->link[dp->link_count], link, faults, text);

	if (error)
		journal_fail(journal, "%s", text);
	else
		dp->link_count++;
	return error;
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

/*
 * Both ends of a socket know its name and who listens by their two addresses alone, so a member
 * that comes later changes no configuration: the lower one listens. 0: clients', where this node
 * does.
 */
static bool listens(const struct config *c, uint32_t peer)
{
	return peer == 0 || c->address < peer;
}

static void socket_name(const struct config *c, uint32_t peer, char out[PORTS_SOCKET_SIZE])
{
	bool server = listens(c, peer);

	if (peer == 0)
		snprintf(out, PORTS_SOCKET_SIZE, "%s-%08x-clients", c->memif_socket, c->address);
	else
		snprintf(out, PORTS_SOCKET_SIZE, "%s-%08x-%08x", c->memif_socket,
			 server ? c->address : peer, server ? peer : c->address);
}

static uint32_t address_of(const struct config *c, uint32_t member)
{
	return member < c->member_count ? c->member[member].address : 0;
}

bool ports_socket(const struct config *c, uint32_t member, char out[PORTS_SOCKET_SIZE])
{
	uint32_t peer = address_of(c, member);

	if (!ports_for_each_peer(c) || member == c->self || !listens(c, peer))
		return false;
	socket_name(c, peer, out);
	return true;
}

/* A socket's end, and the words of it. */
struct end {
	struct link_options link;
	char name[24], socket[PORTS_SOCKET_SIZE];
};

static void end_of(struct end *e, const struct config *c, uint32_t number, uint32_t peer)
{
	e->link = options_of(c);
	e->link.name = e->name;
	e->link.mac = mac_of(c, (uint8_t)number);
	e->link.socket = e->socket;
	e->link.server = listens(c, peer);
	/* What a client is told fits into one of the usual size, and so they have it. */
	if (peer == 0)
		e->link.mtu = LINK_MTU_DEFAULT;
	snprintf(e->name, sizeof(e->name), "%s%u", link_kind_name(c->link), number);
	socket_name(c, peer, e->socket);
}

static int add_for_each(struct dp_options *dp, const struct config *c, struct fault_rules *faults,
			struct journal *journal)
{
	for (uint32_t i = 0; i <= c->member_count; i++) {
		struct end end;
		int error;

		if (i == c->self)
			continue;
		if (i == c->member_count)
			dp->client_port = (uint8_t)dp->link_count;
		end_of(&end, c, dp->link_count, address_of(c, i));
		error = add(dp, &end.link, faults, journal);
		if (error)
			return error;
	}
	return 0;
}

/* What a port opens when it is linked fails without a word. */
static bool descriptors_left(void)
{
	int fd[PORTS_DESCRIPTORS], count = 0;

	while (count < PORTS_DESCRIPTORS && (fd[count] = eventfd(0, EFD_CLOEXEC)) >= 0)
		count++;
	for (int i = 0; i < count; i++)
		close(fd[i]);
	return count == PORTS_DESCRIPTORS;
}

static int make(void *context, uint32_t number, uint32_t address, struct link **out,
		char why[WAYS_WHY_MAX])
{
	const struct ports *p = context;
	struct end end;

	if (!descriptors_left()) {
		snprintf(why, WAYS_WHY_MAX,
			 "it needs %d file descriptors, and there are fewer: raise the limit "
			 "(LimitNOFILE of the unit, ulimit -n)",
			 PORTS_DESCRIPTORS);
		return -EMFILE;
	}
	end_of(&end, p->config, number, address);
	return open_port(out, &end.link, p->faults, why);
}

int ports_ways(struct ways **out, struct ports *p, const struct dp_options *dp)
{
	const struct ways_options options = {
		.make = make, .context = p, .link = dp->link, .link_count = dp->link_count};
	int error;

	*out = NULL;
	if (!ports_for_each_peer(p->config))
		return 0;
	error = ways_create(out, &options);
	if (error)
		journal_fail(p->journal, "no memory, or no thread, for ports of later members: %s",
			     strerror(-error));
	return error;
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
