/*
 * What is done to a child to break its host, and the two tables.
 */
#include "tests/e2e/hosts.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As the message has it. */
#define LOCKED (16u << 20)

void hosts_limit(int resource, uint64_t to)
{
	const struct rlimit l = {to, to};

	if (setrlimit((__rlimit_resource_t)resource, &l))
		_exit(125);
}

static void few_files(void)
{
	hosts_limit(RLIMIT_NOFILE, 40);
}

static void very_few_files(void)
{
	hosts_limit(RLIMIT_NOFILE, 12);
}

static void no_capability(int which)
{
	if (prctl(PR_CAPBSET_DROP, which, 0, 0, 0))
		_exit(125);
}

static void no_locked_memory(void)
{
	no_capability(CAP_IPC_LOCK);
	hosts_limit(RLIMIT_MEMLOCK, 0);
}

static void no_net_raw(void)
{
	no_capability(CAP_NET_RAW);
}

static void no_net_admin(void)
{
	no_capability(CAP_NET_ADMIN);
}

static void little_address_space(void)
{
	hosts_limit(RLIMIT_AS, 200u << 20);
}

/* With the usual stacks a node starts with that (measured: 700 MiB). */
static void some_address_space(void)
{
	hosts_limit(RLIMIT_AS, 800u << 20);
}

static void little_data(void)
{
	hosts_limit(RLIMIT_DATA, 200u << 20);
}

/*
 * And with that (measured: more than 480 MiB, less than 490), whatever memory is: it is shared,
 * and no data.
 */
static void some_data(void)
{
	hosts_limit(RLIMIT_DATA, 496u << 20);
}

static void flags_set(const char *interface, short flags)
{
	struct ifreq request = {.ifr_flags = flags};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		_exit(125);
	close(fd);
}

void hosts_command(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		_exit(125);
}

static void loopback_up(void)
{
	flags_set("lo", IFF_UP);
}

static void veth(void)
{
	hosts_command((const char *const[]){"ip", "link", "add", "v0", "type", "veth", "peer",
					    "name", "v1", NULL});
	flags_set("v1", IFF_UP);
}

static void veth_up(void)
{
	veth();
	flags_set("v0", IFF_UP);
}

/*
 * Root may have as many threads as it likes: as somebody who has no other process, and may all but
 * what lifts the limit.
 */
static void threads_at_most(uint64_t threads)
{
	enum { NOBODY_ELSE = 61236 };
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct may[2];

	no_capability(CAP_SYS_ADMIN);
	no_capability(CAP_SYS_RESOURCE);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) ||
	    setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE) || syscall(__NR_capget, &header, may))
		_exit(125);
	may[0].permitted &= ~(CAP_TO_MASK(CAP_SYS_ADMIN) | CAP_TO_MASK(CAP_SYS_RESOURCE));
	for (int i = 0; i < 2; i++)
		may[i].effective = may[i].inheritable = may[i].permitted;
	if (syscall(__NR_capset, &header, may))
		_exit(125);
	for (int which = 0; which <= CAP_LAST_CAP; which++)
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, which, 0, 0);
	/* Not /tmp, where EAL's directory would stay behind, of a user who is nobody. */
	if (setenv("XDG_RUNTIME_DIR", "/run", 1))
		_exit(125);
	hosts_limit(RLIMIT_NPROC, threads);
}

static void memif_threads(void)
{
	threads_at_most(8);
}

static void memif_threads_less(void)
{
	threads_at_most(7);
}

static void packet_threads(void)
{
	veth_up();
	threads_at_most(8);
}

static void packet_threads_less(void)
{
	veth_up();
	threads_at_most(7);
}

static void veth_small(void)
{
	veth_up();
	hosts_command((const char *const[]){"ip", "link", "set", "v0", "mtu", "1400", NULL});
}

static void veth_has_address(void)
{
	veth_up();
	hosts_command(
		(const char *const[]){"ip", "address", "add", "198.18.0.1/24", "dev", "v0", NULL});
}

/* Under a label of its own, and with another prefix than the configuration's. */
static void veth_has_it_alone(void)
{
	veth_up();
	hosts_command((const char *const[]){"ip", "address", "add", "198.18.0.1/32", "dev", "v0",
					    "label", "v0:1", NULL});
}

static void veth_without_admin(void)
{
	veth_up();
	no_net_admin();
}

static void veth_without_raw(void)
{
	veth_up();
	no_net_raw();
}

static void veth_without_sys_admin(void)
{
	veth_up();
	no_capability(CAP_SYS_ADMIN);
}

/* As a NIC is, when nothing was said. */
static void veth_many_queues(void)
{
	hosts_command((const char *const[]){"ip", "link", "add", "v0", "numrxqueues", "4", "type",
					    "veth", "peer", "name", "v1", NULL});
	flags_set("v0", IFF_UP);
}

/* In a mount namespace of the child's. */
static void mount_over(const char *where, const char *options, unsigned long flags)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", where, "tmpfs", flags, options))
		_exit(125);
}

static void memory_disk(void)
{
	mount_over("/mnt", "size=64m", 0);
}

/* What is written to it goes to a file system in memory. */
static void overlay(const char *options)
{
	static const char *const made[] = {"/mnt/l", "/mnt/u", "/mnt/w", "/mnt/m"};

	memory_disk();
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (mkdir(made[i], 0700))
			_exit(125);
	if (mount("overlay", "/mnt/m", "overlay", 0, options))
		_exit(125);
}

static void overlay_memory(void)
{
	overlay("lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w");
}

static void overlay_volatile(void)
{
	overlay("lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w,volatile");
}

static void full_disk(void)
{
	mount_over("/mnt", "size=2m", 0);
}

static void read_only_disk(void)
{
	mount_over("/mnt", "size=64m", MS_RDONLY);
}

static void link_to_nothing(void)
{
	memory_disk();
	if (symlink("/mnt/nothing", "/mnt/n1"))
		_exit(125);
}

/* One file would do, and more than that is made. */
static void few_inodes(void)
{
	mount_over("/mnt", "size=64m,nr_inodes=3", 0);
}

static void small_files(void)
{
	hosts_limit(RLIMIT_FSIZE, 2u << 20);
}

/* Nobody can make anything where EAL has its directories, and shared memory its files. */
static void read_only_run(void)
{
	mount_over("/run", "size=1m", MS_RDONLY);
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_RDONLY, "size=1m"))
		_exit(125);
}

/* As the seccomp profile of a container does. */
static void no_io_uring(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(125);
}

static void no_huge_pages(void)
{
	mount_over("/sys/kernel/mm/hugepages", "size=1m", 0);
}

/* As /proc tells it: 128 MiB. */
static void little_memory(void)
{
	FILE *file;

	memory_disk();
	file = fopen("/mnt/meminfo", "we");
	if (!file || fputs("MemTotal: 131072 kB\nHugepagesize: 2048 kB\n", file) < 0 ||
	    fclose(file) || mount("/mnt/meminfo", "/proc/meminfo", "", MS_BIND, NULL))
		_exit(125);
}

/* The descriptor stays open, in the node itself: it listens there as another would. */
static void somebody_listens(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(2381)};
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* NOLINT: it is inherited */

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1))
		_exit(125);
}

static void no_low_ports(void)
{
	no_capability(CAP_NET_BIND_SERVICE);
}

static void nothing(void)
{
}

const struct host hosts[] = {
	{"", NULL, NULL, nothing, NULL},
	{"cpus: \"0\"\n", NULL, NULL, nothing, NULL},
	{"cpus: \"0,999\"\n", NULL, NULL, nothing, "cpus: 999: this host has no such CPU"},
	{"cpus: \"1000\"\n", NULL, NULL, nothing, "cpus: 1000: this host has no such CPU"},
	{"memory: 60GiB\nhuge-pages: on\n", NULL, NULL, nothing,
	 "takes 30720 huge pages of 2 MiB, and of "},
	{"", NULL, NULL, few_files, "this process may have 40 open files, and needs "},
	{"", NULL, NULL, very_few_files, "this process may have 12 open files, and needs "},
	{"", NULL, NULL, no_locked_memory, "ulimit -l, or LimitMEMLOCK="},
	{"", NULL, NULL, no_net_raw, NULL},
	/* What DPDK reserves for huge pages is much more, and is not in the number. */
	{"huge-pages: off\n", NULL, NULL, little_address_space,
	 "the limit of this process's address space"},
	{"huge-pages: off\n", NULL, NULL, some_address_space, NULL},
	{"", NULL, NULL, little_data, "the limit of this process's data is 200 MiB"},
	{"", NULL, NULL, some_data, NULL},
	{"huge-pages: off\nmemory: 128MiB\n", NULL, NULL, some_data, NULL},
	/* Tasks of a node that runs; with the most that is refused, and the least that starts. */
	{"", NULL, NULL, memif_threads, NULL},
	{"", NULL, NULL, memif_threads_less, "a start makes 5 threads more, and after 4 "},
	{"", NULL, "packet, interface: v0", packet_threads, NULL},
	{"", NULL, "packet, interface: v0", packet_threads_less,
	 "a start makes 5 threads more, and after 4 "},
	{"", "/nonexistent/quoin/n1", NULL, nothing, "data-dir: /nonexistent/quoin: "},
	{"", "/dev/null", NULL, nothing, "data-dir: /dev/null is not a directory"},
	{"", "/proc/n1", NULL, nothing, "data-dir: /proc"},
	{"", "/mnt/n1", NULL, read_only_disk,
	 "data-dir: /mnt: files cannot be made in it: Read-only"},
	{"", "/mnt/n1", NULL, memory_disk, "data-dir: /mnt is a file system in memory"},
	{"", "/mnt/m/n1", NULL, overlay_memory, "data-dir: /mnt/m is a file system in memory"},
	{"", "/mnt/m/n1", NULL, overlay_volatile, "data-dir: /mnt/m is on an overlay that was"},
	{"", "/mnt/n1", NULL, full_disk, "two segments: make room"},
	{"wal.durability: volatile\n", "/mnt/n1", NULL, memory_disk, NULL},
	{"admin-socket: /nonexistent/admin.sock\n", NULL, NULL, nothing,
	 "admin-socket: /nonexistent: "},
	{"admin-socket: /dev/null\n", NULL, NULL, nothing, "not a socket"},
	{"", NULL, "packet, interface: v9", nothing,
	 "network.interface: interface v9: No such device"},
	{"", NULL, "packet, interface: lo", loopback_up, "is not an Ethernet interface"},
	{"", NULL, "packet, interface: v0", veth, "interface v0 is down: ip link set v0 up"},
	{"", NULL, "packet, interface: v0", veth_small, "its MTU is 1400"},
	{"", NULL, "packet, interface: v0", veth_has_address,
	 "ip address del 198.18.0.1/24 dev v0, or"},
	{"", NULL, "packet, interface: v0", veth_has_it_alone,
	 "interface v0 of this host has it, and the kernel would answer for it: "
	 "ip address del 198.18.0.1/32 dev v0, or"},
	{"", NULL, "packet, interface: v0", veth_without_admin, "packet needs CAP_NET_ADMIN"},
	{"", NULL, "packet, interface: v0", veth_without_raw, "packet needs CAP_NET_RAW"},
	{"", NULL, "packet, interface: v0", veth_up, NULL},
	{"", NULL, "xdp, interface: v0", veth_without_sys_admin,
	 "xdp needs CAP_SYS_ADMIN, which this process does not have: run it by the unit, which "
	 "grants all but CAP_SYS_ADMIN, and that with a drop-in (systemctl edit quoind: [Service], "
	 "AmbientCapabilities=CAP_SYS_ADMIN, RuntimeDirectory=xdp), or as root"},
	{"", NULL, "xdp, interface: v0", veth_many_queues,
	 "interface v0: its frames come by 4 queues, and link xdp hears the first alone: "
	 "ethtool -L v0 rx 1"},
	{"", NULL, "memif, memif-socket: /nonexistent/memif", nothing,
	 "network.memif-socket: /nonexistent: "},
	{"", NULL, "pci, pci: 0000:ff:1f.7", nothing, "there is no device 0000:ff:1f.7"},
	{"\xef\xbb\xbf", NULL, NULL, nothing, NULL},
	{"", "@/a/b/n1", NULL, nothing, ": make it first (mkdir -p)"},
	{"", "@/new/", NULL, nothing, NULL},
	{"", "@//.//new//.", NULL, nothing, NULL},
	{"", NULL, "memif, memif-socket: /nonexistent/", nothing,
	 "network.memif-socket: /nonexistent: "},
	{"wal.durability: volatile\n", "/mnt/n1", NULL, link_to_nothing,
	 "data-dir: /mnt/n1 is a link to something that is not there: make that first"},
	{"", NULL, NULL, small_files, "this process may make files of 2 MiB, and "},
	{"wal.durability: volatile\n", "/mnt/n1", NULL, few_inodes,
	 "2 files more can be made on its file system, and a new log needs "},
	{"", NULL, NULL, read_only_run, NULL},
	{"", NULL, NULL, no_io_uring, "the kernel refuses io_uring (Operation not permitted)"},
	{"huge-pages: off\nmemory: 256MiB\n", NULL, NULL, little_memory,
	 "memory: 256MiB is more than the 128 MiB that this host has: set a smaller memory"},
	{"huge-pages: on\n", NULL, NULL, no_huge_pages,
	 "of 0 that there are 0 are free: echo 32 > "},
	{"listen-metrics-urls: http://127.0.0.1:2381\n", NULL, NULL, somebody_listens,
	 "in use: another port, or end who listens there (ss -ltnp)"},
	{"listen-metrics-urls: http://10.9.9.9:2381\n", NULL, NULL, loopback_up,
	 "an address of this host (ip address), or 0.0.0.0 for all of them"},
	{"listen-metrics-urls: http://0.0.0.0:80\n", NULL, NULL, no_low_ports,
	 "a port of 1024 or above, for those below are root's"},
};

const size_t hosts_count = sizeof(hosts) / sizeof(hosts[0]);

static void some_locked_memory(void)
{
	no_capability(CAP_IPC_LOCK);
	hosts_limit(RLIMIT_MEMLOCK, LOCKED);
}

const struct remedy remedies[] = {
	{.says = "cpus: 999: this host has no such CPU", .keys = "cpus: \"0\"\n"},
	{.says = "this process may have 40 open files, and needs ",
	 .needs = "files, and needs ",
	 .resource = RLIMIT_NOFILE,
	 .unit = 1},
	{.says = "ulimit -l, or LimitMEMLOCK=", .instead = some_locked_memory, .locked = LOCKED},
	{.says = "the limit of this process's address space",
	 .needs = "has enough with ",
	 .resource = RLIMIT_AS,
	 .unit = 1 << 20},
	{.says = "this process may make files of 2 MiB, and ",
	 .needs = "MiB, and needs ",
	 .resource = RLIMIT_FSIZE,
	 .unit = 1 << 20},
	{.says = "the limit of this process's data is 200 MiB",
	 .needs = "has enough with ",
	 .resource = RLIMIT_DATA,
	 .unit = 1 << 20},
	{.says = "data-dir: /mnt is a file system in memory", .keys = "wal.durability: volatile\n"},
	{.says = "not a socket", .keys = ""},
	{.says = "network.interface: interface v9: No such device",
	 .link = "packet, interface: v0",
	 .host = veth_up},
	{.says = "interface v0 is down: ip link set v0 up", .typed = true},
	{.says = "its MTU is 1400", .typed = true},
	{.says = "ip address del 198.18.0.1/24 dev v0, or", .typed = true},
	{.says = "packet needs CAP_NET_ADMIN", .instead = veth_up},
	{.says = "packet needs CAP_NET_RAW", .instead = veth_up},
	{.says = "network.memif-socket: /nonexistent: ", .link = "memif, memif-socket: \"@quoin\""},
	{.says = ": make it first (mkdir -p)", .typed = true},
	{.says = "of 0 that there are 0 are free: echo 32 > ", .keys = "huge-pages: auto\n"},
	{.says = "memory: 256MiB is more than the 128 MiB that this host has: set a smaller memory",
	 .keys = "huge-pages: off\nmemory: 128MiB\n"},
	{.says = "in use: another port, or end who listens there (ss -ltnp)",
	 .keys = "listen-metrics-urls: http://127.0.0.1:2382\n"},
	{.says = "in use: another port, or end who listens there (ss -ltnp)", .instead = nothing},
	{.says = "an address of this host (ip address), or 0.0.0.0 for all of them",
	 .keys = "listen-metrics-urls: http://0.0.0.0:2381\n"},
	{.says = "a port of 1024 or above, for those below are root's",
	 .keys = "listen-metrics-urls: http://0.0.0.0:1024\n"},
};

const size_t remedies_count = sizeof(remedies) / sizeof(remedies[0]);
