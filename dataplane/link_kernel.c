/*
 * A kernel interface as the kernel sees it: its MAC address, MTU and state. The packet and xdp
 * links take frames from such an interface; the node's IP address must be on no kernel interface of
 * this host, or two stacks would answer for it.
 */
#include "dataplane/link_dpdk.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int link_kernel_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 ? fd : -errno;
}

static int ask(int fd, unsigned long what, const char *interface, struct ifreq *out)
{
	memset(out, 0, sizeof(*out));
	size_t size = strlen(interface);
	if (size >= sizeof(out->ifr_name))
		return -ENODEV;
	memcpy(out->ifr_name, interface, size);
	return ioctl(fd, what, out) == 0 ? 0 : -errno;
}

int link_kernel_index(int fd, const char *interface)
{
	struct ifreq request;
	int err = ask(fd, SIOCGIFINDEX, interface, &request);

	return err != 0 ? err : request.ifr_ifindex;
}

/*
 * By its number: one that was removed and made again under the same name is another interface, and
 * frames of a socket or a queue that was bound to the first go nowhere (F6).
 */
enum link_kernel_state link_kernel_state(int fd, int index)
{
	struct ifreq request = {.ifr_ifindex = index};

	if (ioctl(fd, SIOCGIFNAME, &request) != 0)
		return errno == ENODEV || errno == ENXIO ? LINK_KERNEL_GONE : LINK_KERNEL_DOWN;
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return LINK_KERNEL_DOWN;
	return (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0
		       ? LINK_KERNEL_RUNNING
		       : LINK_KERNEL_DOWN;
}

bool link_kernel_name(int fd, int index, char out[LINK_NAME_MAX])
{
	struct ifreq request = {.ifr_ifindex = index};

	static_assert(sizeof(request.ifr_name) <= LINK_NAME_MAX, "it fits");
	if (ioctl(fd, SIOCGIFNAME, &request) != 0)
		return false;
	snprintf(out, LINK_NAME_MAX, "%s", request.ifr_name);
	return true;
}

uint32_t link_kernel_mtu(int fd, int index)
{
	struct ifreq request = {.ifr_ifindex = index};

	if (ioctl(fd, SIOCGIFNAME, &request) != 0 || ioctl(fd, SIOCGIFMTU, &request) != 0 ||
	    request.ifr_mtu < 0)
		return 0;
	return (uint32_t)request.ifr_mtu;
}

static bool channels_ask(int fd, const char *interface, struct ethtool_channels *c)
{
	struct ifreq request = {.ifr_data = (char *)c};

	*c = (struct ethtool_channels){.cmd = ETHTOOL_GCHANNELS};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

uint32_t link_kernel_queues(int fd, int index, char name[IFNAMSIZ])
{
	struct ifreq request = {.ifr_ifindex = index};
	struct ethtool_channels c;

	if (ioctl(fd, SIOCGIFNAME, &request) != 0 || !channels_ask(fd, request.ifr_name, &c))
		return 0;
	snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, request.ifr_name);
	return c.combined_count + c.rx_count;
}

/*
 * Of an xdp port's interface: the driver's socket is bound to its first queue, and what the device
 * spreads over others goes to the kernel, unseen and uncounted. A driver that tells of no queues
 * has one.
 */
static int check_queues(int fd, const char *interface, char error[EAL_ERROR_MAX])
{
	struct ethtool_channels c;
	uint32_t queues;

	if (!channels_ask(fd, interface, &c))
		return 0;
	queues = c.combined_count + c.rx_count;
	if (queues <= 1)
		return 0;
	snprintf(error, EAL_ERROR_MAX,
		 "interface %s: its frames come by %u queues, and link xdp hears the first alone: "
		 "ethtool -L %s %s",
		 interface, queues, interface,
		 c.combined_count == 0 ? "rx 1"
		 : c.rx_count == 0     ? "combined 1"
				       : "combined 1 rx 0");
	return -EINVAL;
}

static int check(int fd, const struct link_options *options, struct link_mac *mac,
		 char error[EAL_ERROR_MAX])
{
	struct ifreq request;
	int err = ask(fd, SIOCGIFHWADDR, options->interface, &request);
	if (err != 0) {
		snprintf(error, EAL_ERROR_MAX, "interface %s: %s: ip link lists those there are",
			 options->interface, strerror(-err));
		return err;
	}
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(error, EAL_ERROR_MAX,
			 "interface %s is not an Ethernet interface: one that carries Ethernet "
			 "frames, such as eth1 or a veth",
			 options->interface);
		return -EINVAL;
	}
	memcpy(mac->byte, request.ifr_hwaddr.sa_data, sizeof(mac->byte));
	err = ask(fd, SIOCGIFMTU, options->interface, &request);
	if (err != 0 || request.ifr_mtu < options->mtu) {
		snprintf(error, EAL_ERROR_MAX,
			 "interface %s: its MTU is %d, below the %u asked for: ip link set %s mtu "
			 "%u",
			 options->interface, request.ifr_mtu, options->mtu, options->interface,
			 options->mtu);
		return -EMSGSIZE;
	}
	err = ask(fd, SIOCGIFFLAGS, options->interface, &request);
	if (err != 0 || (request.ifr_flags & IFF_UP) == 0) {
		snprintf(error, EAL_ERROR_MAX, "interface %s is down: ip link set %s up",
			 options->interface, options->interface);
		return -ENETDOWN;
	}
	return options->kind == LINK_XDP ? check_queues(fd, options->interface, error) : 0;
}

int link_kernel_check(const struct link_options *options, struct link_mac *mac,
		      char error[EAL_ERROR_MAX])
{
	if (options->interface == NULL || options->interface[0] == 0) {
		snprintf(error, EAL_ERROR_MAX, "a %s link needs an interface",
			 link_kind_name(options->kind));
		return -EINVAL;
	}
	int fd = link_kernel_open();
	if (fd < 0) {
		snprintf(error, EAL_ERROR_MAX, "interface %s: %s", options->interface,
			 strerror(-fd));
		return fd;
	}
	int err = check(fd, options, mac, error);
	close(fd);
	return err;
}

int link_kernel_socket(bool (*is)(int fd, int interface), int interface)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	while (dir && found < 0 && (entry = readdir(dir))) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && is((int)fd, interface))
			found = (int)fd;
	}
	if (dir)
		closedir(dir);
	return found;
}

bool link_interface_runs(const char *interface)
{
	int fd = link_kernel_open();
	bool runs = fd >= 0 &&
		    link_kernel_state(fd, link_kernel_index(fd, interface)) == LINK_KERNEL_RUNNING;

	if (fd >= 0)
		close(fd);
	return runs;
}

int link_interface_check(const struct link_options *options, char error[EAL_ERROR_MAX])
{
	struct link_mac mac;

	return link_kernel_check(options, &mac, error);
}
