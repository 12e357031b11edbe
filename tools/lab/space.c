/*
 * The namespace. memif needs nothing in it but itself: abstract sockets belong to it. For packet
 * and xdp each node has a veth pair:
 *
 *	n1 --- p1 \
 *	n2 --- p2 - br0 (198.18.0.254/24: clients that use the kernel's UDP)
 *	n3 --- p3 /
 *
 * nK has no address and no ARP of the kernel's: quoind answers on it. The kernel would leave
 * checksums of veth frames to hardware that is not there, so transmit offload is off on every end.
 */
#include "tools/lab/space.h"

#include "tools/lab/process.h"
#include "tools/lab/state.h"
#include "tools/shared/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORDS_MAX = 24 };

bool lab_space_exists(const struct lab *lab)
{
	char path[NETNS_PATH_MAX];

	return access(netns_path(lab->netns, path), F_OK) == 0;
}

int lab_space_enter(const char *netns, bool with_sysfs)
{
	int err = netns_enter(netns);

	if (err || !with_sysfs)
		return err;
	/* The interfaces that sysfs shows are fixed when it is mounted; the mount is ours alone. */
	if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) != 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		err = -errno;
	return err;
}

/* One `ip` command, its words separated by blanks in the format. */
__attribute__((format(printf, 2, 3))) static int ip(const struct lab *lab, const char *format, ...)
{
	char words[256], said[PROCESS_SAID_SIZE], *rest = words, *word;
	const char *argv[WORDS_MAX] = {"ip"};
	size_t count = 1;
	va_list args;
	int err;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	while ((word = strsep(&rest, " ")) && count < WORDS_MAX - 1)
		argv[count++] = word;
	err = lab_process_run(argv, said);
	if (!err)
		return 0;
	if (err == -ENOENT)
		return lab_fail("`ip` is not there: install iproute2");
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return lab_fail("namespace %s: ip %s: %s", lab->netns, words,
			said[0] != '\0' ? said : "it failed");
}

/* Runs `f` inside; this process is outside again afterwards. */
static int inside(const struct lab *lab, int (*f)(const struct lab *lab))
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err;

	if (own < 0)
		return lab_fail("/proc/self/ns/net: %s", strerror(errno));
	err = netns_enter(lab->netns);
	if (err) {
		close(own);
		return lab_fail("namespace %s: %s", lab->netns, strerror(-err));
	}
	err = f(lab);
	if (setns(own, CLONE_NEWNET) != 0)
		err = lab_fail("back from namespace %s: %s", lab->netns, strerror(errno));
	close(own);
	return err;
}

/* No router solicitations, no duplicate address detection: the kernel sends nothing by itself. */
static int quiet(const struct lab *lab)
{
	static const char *const files[] = {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
					    "/proc/sys/net/ipv6/conf/default/disable_ipv6"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT) /* a kernel without IPv6 */
			continue;
		if (fd < 0 || write(fd, "1", 1) != 1) {
			int err = lab_fail("namespace %s: %s: %s", lab->netns, files[i],
					   strerror(errno));

			if (fd >= 0)
				close(fd);
			return err;
		}
		close(fd);
	}
	return 0;
}

static int checksums_off(int fd, const char *interface)
{
	struct ethtool_value value = {.cmd = ETHTOOL_STXCSUM, .data = 0};
	struct ifreq request = {.ifr_data = (char *)&value};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		return lab_fail("%s: transmit checksum offload stays on: %s", interface,
				strerror(errno));
	return 0;
}

static int all_checksums_off(const struct lab *lab)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? lab_fail("socket: %s", strerror(errno)) : checksums_off(fd, "br0");
	char name[IFNAMSIZ];

	for (uint32_t i = 0; !err && lab_node_next(lab, &i); i++) {
		snprintf(name, sizeof(name), "n%u", i + 1);
		err = checksums_off(fd, name);
		snprintf(name, sizeof(name), "p%u", i + 1);
		if (!err)
			err = checksums_off(fd, name);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static bool has_veth(const struct lab *lab, uint32_t k)
{
	char name[IFNAMSIZ], said[PROCESS_SAID_SIZE];
	const char *const argv[] = {"ip", "-n", lab->netns, "link", "show", name, NULL};

	snprintf(name, sizeof(name), "n%u", k);
	return lab_process_run(argv, said) == 0;
}

/* nK has the MAC that quoind would draw from its address. */
static int add_veth(const struct lab *lab, uint32_t k)
{
	const char *ns = lab->netns;
	int err = 0;

	if (!has_veth(lab, k))
		err = ip(lab,
			 "-n %s link add n%u address 02:00:c6:12:00:%02x type veth peer name p%u",
			 ns, k, k, k);
	if (!err)
		err = ip(lab, "-n %s link set n%u arp off", ns, k);
	if (!err)
		err = ip(lab, "-n %s link set p%u master br0", ns, k);
	if (!err)
		err = ip(lab, "-n %s link set p%u up", ns, k);
	if (!err)
		err = ip(lab, "-n %s link set n%u up", ns, k);
	return err;
}

/* br0 has a MAC of its own, else it would take that of a port, and change it. */
static int add_bridge(const struct lab *lab)
{
	const char *ns = lab->netns;
	int err = ip(lab,
		     "-n %s link add br0 address 02:00:c6:12:00:fe type bridge stp_state 0 "
		     "forward_delay 0 mcast_snooping 0",
		     ns);

	if (!err)
		err = ip(lab, "-n %s address add " LAB_NET "%d/24 dev br0", ns, LAB_CLIENT_HOST);
	if (!err)
		err = ip(lab, "-n %s link set br0 up", ns);
	return err;
}

int lab_space_create(const struct lab *lab)
{
	int err = ip(lab, "netns add %s", lab->netns);

	if (!err)
		err = inside(lab, quiet);
	if (!err)
		err = ip(lab, "-n %s link set lo up", lab->netns);
	if (err || link_facts(lab->link)->device != LINK_DEVICE_INTERFACE)
		return err;
	err = add_bridge(lab);
	for (uint32_t i = 0; !err && lab_node_next(lab, &i); i++)
		err = add_veth(lab, i + 1);
	return err ? err : inside(lab, all_checksums_off);
}

int lab_space_add(const struct lab *lab, uint32_t node)
{
	int err;

	if (link_facts(lab->link)->device != LINK_DEVICE_INTERFACE)
		return 0;
	err = add_veth(lab, node + 1);
	return err ? err : inside(lab, all_checksums_off);
}

int lab_space_remove(const struct lab *lab, uint32_t node)
{
	if (link_facts(lab->link)->device != LINK_DEVICE_INTERFACE || !has_veth(lab, node + 1))
		return 0;
	return ip(lab, "-n %s link del n%u", lab->netns, node + 1);
}

/* The devices go with the namespace, and that with its last process. */
int lab_space_destroy(const struct lab *lab)
{
	int err = lab_process_kill_inside(lab->netns);

	if (err)
		return lab_fail("processes in namespace %s: %s", lab->netns, strerror(-err));
	if (!lab_space_exists(lab))
		return 0;
	return ip(lab, "netns del %s", lab->netns);
}
