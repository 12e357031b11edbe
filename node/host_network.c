/*
 * The network port: whether it is there, and whether this process may have it.
 */
#include "node/host_internal.h"

#include "base/socket_file.h"
#include "dataplane/eal.h"
#include "node/claim.h"
#include "node/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool abstract_taken(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool taken;

	memcpy(at.sun_path + 1, name + 1, size - 1);
	taken = fd >= 0 &&
		bind(fd, (struct sockaddr *)&at,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) != 0 &&
		errno == EADDRINUSE;
	if (fd >= 0)
		close(fd);
	return taken;
}

static void look_sockets(const struct config *c, struct host_finding *f)
{
	char path[PORTS_SOCKET_SIZE], parent[CONFIG_PATH_MAX];

	snprintf(path, sizeof(path), "%s-", c->memif_socket); /* as all of them begin */
	host_parent(path, parent);
	if (c->memif_socket[0] != '@' && !host_writable("network.memif-socket", parent, f))
		return;
	for (uint32_t i = 0; i <= c->member_count; i++) {
		if (!ports_socket(c, i, path) ||
		    !(path[0] == '@' ? abstract_taken(path)
				     : socket_file_look(path, SOCK_SEQPACKET) != 0))
			continue;
		host_wrong(
			f,
			"network.memif-socket: %s is in use: a node with this address runs on "
			"this host already, or it is no socket: another network.memif-socket, or "
			"remove what is there",
			path);
		return;
	}
	host_good(f, "shared memory");
}

static void look_interface(const struct config *c, struct host_finding *f)
{
	const struct link_options link = {
		.kind = c->link, .mtu = c->mtu, .interface = c->interface};
	char error[EAL_ERROR_MAX];
	int untold = link_interface_told();

	if (link_interface_check(&link, error))
		host_wrong(f, "network.interface: %s", error);
	else if (!link_interface_runs(c->interface))
		host_doubtful(f,
			      "network.interface: %s has no link (no carrier): nothing is "
			      "received or sent by it until it has; look after its cable, "
			      "and after what is at the other end",
			      c->interface);
	else if (untold)
		host_doubtful(f,
			      "network.interface: %s: if its MAC address is changed while the node "
			      "runs, or its XDP program taken away, that is not seen: no socket of "
			      "AF_NETLINK: %s: RestrictAddressFamilies= of the unit, and the "
			      "container's seccomp profile",
			      c->interface, strerror(-untold));
	else
		host_good(f, "%s", c->interface);
}

void host_link(const struct config *c, struct host_finding *f)
{
	switch (link_facts(c->link)->device) {
	case LINK_DEVICE_INTERFACE:
		look_interface(c, f);
		return;
	case LINK_DEVICE_NIC:
		host_nic("", c->pci, f);
		return;
	case LINK_DEVICE_SOCKET:
		look_sockets(c, f);
		return;
	case LINK_DEVICE_NONE:
		return;
	}
}

void host_link_rights(const struct config *c, struct host_finding *f)
{
	static const struct {
		enum link_kind kind;
		int capability;
		const char *name;
	} needs[] = {
		{LINK_PACKET, CAP_NET_RAW, "CAP_NET_RAW"},
		{LINK_PACKET, CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{LINK_XDP, CAP_NET_RAW, "CAP_NET_RAW"},
		{LINK_XDP, CAP_NET_ADMIN, "CAP_NET_ADMIN"},
		{LINK_XDP, CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
	};
	char missing[128] = "";
	bool granted = true; /* by the unit as it is installed */

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		size_t used = strlen(missing);

		if (needs[i].kind != c->link || host_may(needs[i].capability))
			continue;
		snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "",
			 needs[i].name);
		granted &= needs[i].capability != CAP_SYS_ADMIN;
	}
	if (missing[0])
		host_wrong(f,
			   "network.link: %s needs %s, which this process does not have: run it "
			   "by the unit, which grants %s, or as root",
			   link_kind_name(c->link), missing,
			   granted ? "them (quoind.service)"
				   : "all but CAP_SYS_ADMIN, and that with a drop-in (systemctl "
				     "edit quoind: [Service], AmbientCapabilities=CAP_SYS_ADMIN, "
				     "RuntimeDirectory=xdp)");
}

void host_address(const struct config *c, struct host_finding *f)
{
	struct in_addr in = {.s_addr = htonl(c->address)};
	char text[INET_ADDRSTRLEN], interface[CLAIM_TEXT_MAX];
	uint32_t prefix;
	int has;

	if (ports_for_each_peer(c))
		return;
	inet_ntop(AF_INET, &in, text, sizeof(text));
	has = claim_kernel_has(c->address, interface, &prefix);
	if (has < 0)
		host_doubtful(
			f,
			"network.address: %s: whether an interface of this host has it is not "
			"to be learned: %s",
			text, strerror(-has));
	else if (has)
		host_wrong(f,
			   "network.address: %s: interface %s of this host has it, and the kernel "
			   "would answer for it: ip address del %s/%u dev %s, or set another",
			   text, interface, text, prefix, interface);
	else
		host_good(f, "%s, on no interface of the kernel's", text);
}
