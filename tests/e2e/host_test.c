/*
 * Broken hosts: --check and a start say the same of each, and whatever --check lets through starts.
 */
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_START = 4 };

static char text[1 << 16];
static uint32_t failures;

/* All hosts are tried, also after one that is not as it should be. */
#define complain(...) (failures++, printf(__VA_ARGS__))

static void limit(int resource, rlim_t to)
{
	const struct rlimit l = {to, to};

	if (setrlimit((__rlimit_resource_t)resource, &l))
		_exit(125);
}

static void few_files(void)
{
	limit(RLIMIT_NOFILE, 40);
}

static void very_few_files(void)
{
	limit(RLIMIT_NOFILE, 12);
}

static void no_capability(int which)
{
	if (prctl(PR_CAPBSET_DROP, which, 0, 0, 0))
		_exit(125);
}

static void no_locked_memory(void)
{
	no_capability(CAP_IPC_LOCK);
	limit(RLIMIT_MEMLOCK, 0);
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
	limit(RLIMIT_AS, 200u << 20);
}

/* The child has a network namespace of its own, with nothing but a loopback that is down. */
static void flags_set(const char *interface, short flags)
{
	struct ifreq request = {.ifr_flags = flags};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		_exit(125);
	close(fd);
}

static void command(const char *const *argv)
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
	command((const char *const[]){"ip", "link", "add", "v0", "type", "veth", "peer", "name",
				      "v1", NULL});
	flags_set("v1", IFF_UP);
}

static void veth_up(void)
{
	veth();
	flags_set("v0", IFF_UP);
}

static void veth_small(void)
{
	veth_up();
	command((const char *const[]){"ip", "link", "set", "v0", "mtu", "1400", NULL});
}

static void veth_has_address(void)
{
	veth_up();
	command((const char *const[]){"ip", "address", "add", "198.18.0.1/24", "dev", "v0", NULL});
}

/* Under a label of its own, and with another prefix than the configuration's. */
static void veth_has_it_alone(void)
{
	veth_up();
	command((const char *const[]){"ip", "address", "add", "198.18.0.1/32", "dev", "v0", "label",
				      "v0:1", NULL});
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

static void nothing(void)
{
}

/* Keys of the configuration, what is done to the host, and what is said of it; NULL: it starts. */
static const struct {
	const char *keys, *data_dir, *link;
	void (*host)(void);
	const char *says;
} hosts[] = {
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
	{"", NULL, NULL, little_address_space, "the limit of this process's address space"},
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
	{"", NULL, "memif, memif-socket: /nonexistent/memif", nothing,
	 "network.memif-socket: /nonexistent: "},
	{"", NULL, "pci, pci: 0000:ff:1f.7", nothing, "there is no device 0000:ff:1f.7"},
	{"\xef\xbb\xbf", NULL, NULL, nothing, NULL},
};

struct trying {
	size_t index;
	int out;
};

static void break_host(void *context)
{
	const struct trying *t = context;

	dup2(t->out, STDOUT_FILENO);
	dup2(t->out, STDERR_FILENO);
	hosts[t->index].host();
}

static void configure(struct process *p, size_t index)
{
	bool durability = strncmp(hosts[index].keys, "wal.", 4) == 0;
	FILE *file = fopen(p->config, "we");

	assert_non_null(file);
	fprintf(file, "%sname: n1\ndata-dir: %s%s\ninitial-cluster: n1=198.18.0.1\n",
		durability ? "" : hosts[index].keys,
		hosts[index].data_dir ? hosts[index].data_dir : p->dir,
		hosts[index].data_dir ? "" : "/n1");
	fprintf(file, "wal: {segment-size: 4MiB%s}\n", durability ? ", durability: volatile" : "");
	fprintf(file, "network: {link: %s, address: 198.18.0.1/24, frames: 512}\n",
		hosts[index].link ? hosts[index].link : "memif");
	assert_int_equal(fclose(file), 0);
}

/* All of a file that the child wrote into. */
static const char *written(int fd)
{
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool has_started(void *context)
{
	const struct trying *t = context;

	return strstr(written(t->out), " info n1 started ") != NULL;
}

/* An error's line, among others: that of --check and of the start. */
static void require_said(size_t index, int out)
{
	const char *at = strstr(written(out), hosts[index].says);

	if (!at || strstr(text, "Usage:"))
		complain("host %zu: not \"%s\": %s", index, hosts[index].says, text);
}

static void try_host(size_t index)
{
	static const char *const check[] = {"--check", NULL};
	struct trying t = {index, memfd_create("out", MFD_CLOEXEC)};
	bool good = hosts[index].says == NULL;
	struct process p;

	process_prepare(&p, "");
	configure(&p, index);
	process_start(&p, check, break_host, &t);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	if (!WIFEXITED(p.status) || WEXITSTATUS(p.status) != (good ? 0 : EXIT_START))
		complain("host %zu: --check ends with %x: %s", index, (unsigned)p.status,
			 written(t.out));
	if (!good)
		require_said(index, t.out);
	assert_int_equal(ftruncate(t.out, 0), 0);
	assert_int_equal(lseek(t.out, 0, SEEK_SET), 0);
	process_start(&p, NULL, break_host, &t);
	if (good) {
		if (!wait_until(has_started, &t, CLUSTER_WAIT_MS))
			complain("host %zu: passed --check and does not start: %s", index, text);
		(void)kill(p.pid, SIGTERM);
		if (!process_wait(&p, CLUSTER_WAIT_MS) || p.status != 0)
			complain("host %zu: ends with %x\n", index, (unsigned)p.status);
	} else {
		if (!process_wait(&p, CLUSTER_WAIT_MS) || !WIFEXITED(p.status) ||
		    WEXITSTATUS(p.status) != EXIT_START)
			complain("host %zu: a start ends with %x: %s\n", index, (unsigned)p.status,
				 written(t.out));
		require_said(index, t.out);
		/* And nothing was touched. */
		snprintf(text, sizeof(text), "%s/n1", p.dir);
		if (access(text, F_OK) == 0)
			complain("host %zu: %s was made\n", index, text);
	}
	close(t.out);
	process_remove(&p);
}

static void F23_check_and_start_say_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		try_host(i);
	assert_int_equal(failures, 0);
}

/* F4: what a killed node leaves is not in the way of its next start; what is another's is. */
static void F4_what_a_killed_node_left(void **state)
{
	struct process p;
	FILE *file;

	(void)state;
	process_prepare(&p, "");
	file = fopen(p.config, "we");
	assert_non_null(file);
	fprintf(file,
		"name: n1\ndata-dir: %s/n1\ninitial-cluster: n1=198.18.0.1\n"
		"network: {link: memif, address: 198.18.0.1/24, memif-socket: %s/memif}\n",
		p.dir, p.dir);
	assert_int_equal(fclose(file), 0);
	for (int life = 0; life < 3; life++) {
		process_start(&p, NULL, NULL, NULL);
		process_wait_leading(&p);
		assert_int_equal(kill(p.pid, SIGKILL), 0);
		assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	}
	/* A file that is no socket is somebody's: it is left where it is. */
	snprintf(text, sizeof(text), "%s/memif-c6120001-clients", p.dir);
	assert_int_equal(unlink(text), 0);
	file = fopen(text, "we");
	assert_non_null(file);
	fclose(file);
	process_start(&p, NULL, NULL, NULL);
	process_must_exit(&p, EXIT_START);
	assert_int_equal(access(text, F_OK), 0);
	process_remove(&p);
}

static void pass_out(void *context)
{
	dup2(*(int *)context, STDOUT_FILENO);
	dup2(*(int *)context, STDERR_FILENO);
}

/* F17: a second process of a node that runs. */
static void F17_a_node_that_runs_already(void **state)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	struct process p, second;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	second = p;
	process_start(&second, NULL, pass_out, &out);
	process_must_exit(&second, EXIT_START);
	if (!strstr(written(out), "another process has it open: a node of this directory runs"))
		fail_msg("%s", text);
	close(out);
	process_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F23_check_and_start_say_the_same),
		cmocka_unit_test(F17_a_node_that_runs_already),
		cmocka_unit_test(F4_what_a_killed_node_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
