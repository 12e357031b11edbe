/*
 * The real links, between real processes, in a network namespace of the test's own without a way
 * out: ring, memif (and the death of either end), packet, xdp. Prints each link's 64-byte round
 * trip. What the kernel refuses is said and skipped.
 */
#include "dataplane/eal.h"
#include "tests/unit/dataplane/link_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	WAIT_SECONDS =
		20, /* for anything: the machine may be busy, no wait is meant to be this long */
	ROUND_TRIPS = 3000,
	ETHERTYPE_TEST = 0x88b5,
};

static bool huge_pages;      /* enough of them for two processes */
static bool interfaces;      /* a veth pair is there: qa and qb */
static struct peer alive[8]; /* of the test that runs: ended with it */
static unsigned int serial;  /* each process has a file prefix of its own */
static const char *mtu;      /* of those that start */
static bool plain;           /* they have ordinary memory, whatever there is */
static char last[512];       /* what one of them said */

static const char *huge(void)
{
	return huge_pages && !plain ? "huge" : "plain";
}

static struct peer start(const char *role, const char *kind, const char *where, const char *server,
			 const char *count)
{
	char prefix[64];
	bool echo = strcmp(role, "echo") == 0;
	snprintf(prefix, sizeof(prefix), "linktest-%d-%u", getpid(), serial++);
	struct peer_options o = {
		.role = role,
		.kind = kind,
		.where = where,
		.server = server,
		.prefix = prefix,
		.cpus = echo || sysconf(_SC_NPROCESSORS_ONLN) < 2 ? "0" : "1",
		.huge = huge(),
		.count = count,
		.mtu = mtu,
	};
	struct peer p = peer_spawn(&o);
	assert_true(p.pid > 0);
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
		if (alive[i].pid != 0)
			continue;
		alive[i] = p;
		return p;
	}
	fail_msg("a test starts too many processes");
	return p;
}

/* No longer to be ended by the teardown. */
static void forget(const struct peer *p)
{
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++)
		if (alive[i].pid == p->pid)
			alive[i].pid = 0;
}

static int teardown(void **state)
{
	(void)state;
	mtu = "1500";
	plain = false;
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
		if (alive[i].pid != 0)
			(void)peer_end(&alive[i], SIGKILL);
		alive[i].pid = 0;
	}
	return 0;
}

static void wait_for(struct peer *p, const char *word)
{
	int err;

	last[0] = '\0';
	err = peer_wait_line(p, word, last, sizeof(last), WAIT_SECONDS);
	if (err != 0)
		fail_msg("waiting for '%s': %s (last line: %s)", word, strerror(-err), last);
}

static void ended_well(struct peer *p, const char *name)
{
	char line[512];
	struct peer_result r;
	if (peer_wait_line(p, "result", line, sizeof(line), WAIT_SECONDS) != 0)
		fail_msg("%s: no result: %s", name, line);
	assert_int_equal(peer_result_parse(line, &r), 0);
	forget(p);
	int status = peer_end(p, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* N7: the frames are all back. The xdp port keeps some in the kernel's rings. */
	if (strcmp(name, "xdp") != 0)
		assert_int_equal(r.leaked, 0);
	printf("# %-6s 64 B round trip p50 %lu ns, p99 %lu ns, %lu trips, RSS %lu KiB, %s\n", name,
	       r.p50_ns, r.p99_ns, r.count, r.rss_kib,
	       strcmp(huge(), "huge") == 0 ? "huge pages" : "plain memory");
}

static void kill_hard(struct peer *p)
{
	forget(p);
	int status = peer_end(p, SIGKILL);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void need(bool there)
{
	if (!there)
		skip();
}

static const char *trips(void)
{
	static char text[16];
	snprintf(text, sizeof(text), "%d", ROUND_TRIPS);
	return text;
}

static void ring_round_trip(void **state)
{
	(void)state;
	struct peer p = start("ping", "ring", "-", "client", trips());
	ended_well(&p, "ring");
}

static void memif_round_trip(void **state)
{
	(void)state;
	struct peer server = start("echo", "memif", "@link-test", "server", "0");
	struct peer client = start("ping", "memif", "@link-test", "client", trips());
	ended_well(&client, "memif");
	kill_hard(&server);
}

static void N18_memif_goes_on_after_its_server_was_killed(void **state)
{
	(void)state;
	struct peer client = start("ping", "memif", "@link-test", "client", "0");
	wait_for(&client, "ready"); /* without a server: it waits */
	for (int round = 0; round < 3; round++) {
		struct peer server = start("echo", "memif", "@link-test", "server", "0");
		wait_for(&client, "up");
		wait_for(&client, "first");
		kill_hard(&server);
		wait_for(&client, "down");
	}
	kill_hard(&client);
}

static void N18_memif_goes_on_after_its_client_was_killed(void **state)
{
	(void)state;
	struct peer server = start("echo", "memif", "@link-test", "server", "0");
	for (int round = 0; round < 3; round++) {
		struct peer client = start("ping", "memif", "@link-test", "client", "0");
		wait_for(&client, "first");
		kill_hard(&client);
		wait_for(&server, "down");
	}
	kill_hard(&server);
}

/* The greeting finds nobody: this aborted the process before link_control.c. */
static void N18_memif_client_dies_while_its_server_is_stopped(void **state)
{
	(void)state;
	struct peer server = start("echo", "memif", "@link-test", "server", "0");
	wait_for(&server, "ready");
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	struct peer client = start("ping", "memif", "@link-test", "client", "0");
	wait_for(&client, "ready"); /* its connection waits in the server's queue */
	kill_hard(&client);
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	client = start("ping", "memif", "@link-test", "client", "0");
	wait_for(&client, "first");
	kill_hard(&client);
	wait_for(&server, "down");
	kill_hard(&server);
}

/* What died waits in the queue of who is stopped, and fills it: nobody stands behind it (F2). */
static void F2_F9_memif_starts_where_the_dead_fill_its_servers_queue(void **state)
{
	(void)state;
	struct peer server = start("echo", "memif", "@link-test", "server", "0");
	wait_for(&server, "ready");
	assert_int_equal(kill(server.pid, SIGSTOP), 0);
	struct peer client = start("ping", "memif", "@link-test", "client", "0");
	for (int i = 0; i < 3; i++) {
		wait_for(&client, "ready");
		kill_hard(&client);
		client = start("ping", "memif", "@link-test", "client", "0");
	}
	wait_for(&client, "ready");
	assert_int_equal(kill(server.pid, SIGCONT), 0);
	wait_for(&client, "first");
	kill_hard(&client);
	wait_for(&server, "down");
	kill_hard(&server);
}

/*
 * What does not fit into a slot goes into several, and DPDK's driver then loses count of those that
 * are free: the other end read the whole ring again and again. So such ends do not meet.
 */
static void N17_memif_ends_with_slots_of_different_sizes_do_not_meet(void **state)
{
	(void)state;
	plain = true; /* three of them */
	mtu = "9000";
	struct peer server = start("echo", "memif", "@link-test", "server", "0");
	mtu = "1500";
	struct peer other = start("ping", "memif", "@link-test", "client", "0");
	wait_for(&other, "ready"); /* it has tried */
	mtu = "9000";
	struct peer client = start("ping", "memif", "@link-test", "client", trips());
	ended_well(&client, "memif, of 9000 bytes");
	kill_hard(&other);
	kill_hard(&server);
}

static void packet_round_trip(void **state)
{
	(void)state;
	need(interfaces);
	struct peer echo = start("echo", "packet", "qa", "client", "0");
	wait_for(&echo, "ready");
	struct peer ping = start("ping", "packet", "qb", "client", trips());
	ended_well(&ping, "packet");
	kill_hard(&echo);
}

/* ip(8) with these words; its exit status. */
static int ip(const char *const *words)
{
	const char *argv[16] = {"ip"};
	int status = -1;
	for (size_t i = 0; words[i] && i + 2 < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i + 1] = words[i];
	pid_t pid = fork();
	if (pid == 0) {
		/* execvp changes none of them, whatever its prototype says. */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define IP(...) ip((const char *const[]){__VA_ARGS__, NULL})

static void N18_packet_sees_its_interface_go_down_and_up(void **state)
{
	(void)state;
	need(interfaces);
	struct peer echo = start("echo", "packet", "qa", "client", "0");
	wait_for(&echo, "ready");
	struct peer ping = start("ping", "packet", "qb", "client", "0");
	wait_for(&ping, "first");
	assert_int_equal(IP("link", "set", "qa", "down"), 0);
	wait_for(&ping, "down");
	assert_int_equal(IP("link", "set", "qa", "up"), 0);
	wait_for(&ping, "up");
	wait_for(&ping, "first");
	kill_hard(&ping);
	kill_hard(&echo);
}

/* A socket that sees the frames of an interface which the kernel's own stack is given. */
static int kernel_tap(const char *interface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETHERTYPE_TEST));
	assert_true(fd >= 0);
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_TEST),
		.sll_ifindex = (int)if_nametoindex(interface),
	};
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void xdp_round_trip_and_nothing_reaches_the_kernel(void **state)
{
	char frame[128];
	(void)state;
	need(interfaces && huge_pages);
	struct peer echo = start("echo", "xdp", "qa", "client", "0");
	wait_for(&echo, "ready");
	int tap = kernel_tap("qa");
	struct peer ping = start("ping", "xdp", "qb", "client", trips());
	ended_well(&ping, "xdp");
	assert_int_equal(recv(tap, frame, sizeof(frame), 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(tap);
	kill_hard(&echo);
}

static void N18_xdp_starts_again_where_it_was_killed(void **state)
{
	(void)state;
	need(interfaces && huge_pages);
	struct peer ping = start("ping", "xdp", "qb", "client", "0");
	for (int round = 0; round < 2; round++) {
		struct peer echo = start("echo", "xdp", "qa", "client", "0");
		wait_for(&echo, "ready");
		wait_for(&ping, "first");
		kill_hard(&echo);
	}
	kill_hard(&ping);
}

/* What `ethtool -L` does, which is no package of a test's, with the words of the message. */
static void set_queues(const char *interface, const char *words)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (char *)&c};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	assert_int_equal(sscanf(words, "rx %u", &c.rx_count), 1);
	c.cmd = ETHTOOL_SCHANNELS;
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
	close(fd);
}

/* Of several receive queues the port would hear one: told with the way out, which is one. */
static void F23_xdp_refuses_an_interface_of_several_queues(void **state)
{
	struct link_options o = {.kind = LINK_XDP, .mtu = 1500, .interface = "q4"};
	char error[EAL_ERROR_MAX] = "";
	const char *command = "ethtool -L q4 ", *at;

	(void)state;
	need(interfaces);
	assert_int_equal(
		IP("link", "add", "q4", "numrxqueues", "4", "type", "veth", "peer", "name", "q5"),
		0);
	assert_int_equal(IP("link", "set", "q4", "up"), 0);
	assert_int_equal(link_interface_check(&o, error), -EINVAL);
	at = strstr(error, command);
	if (!at || !strstr(error, "by 4 queues"))
		fail_msg("%s", error);
	/* Its other end is down. */
	assert_false(link_interface_runs("q4"));
	assert_int_equal(IP("link", "set", "q5", "up"), 0);
	/* The kernel tells it a little later. */
	for (int i = 0; i < WAIT_SECONDS * 100 && !link_interface_runs("q4"); i++)
		(void)poll(NULL, 0, 10);
	assert_true(link_interface_runs("q4"));
	/* All queues are one socket's. */
	o.kind = LINK_PACKET;
	assert_int_equal(link_interface_check(&o, error), 0);
	o.kind = LINK_XDP;
	set_queues("q4", at + strlen(command));
	assert_int_equal(link_interface_check(&o, error), 0);
	assert_int_equal(IP("link", "del", "q4"), 0);
}

/* What is taken away from a port that runs: it is deaf, and says so (F6). */
static void F6_xdp_without_its_program_is_deaf_for_good(void **state)
{
	(void)state;
	need(interfaces && huge_pages);
	struct peer echo = start("echo", "xdp", "qa", "client", "0");
	wait_for(&echo, "up");
	assert_int_equal(IP("link", "set", "qa", "xdp", "off"), 0);
	wait_for(&echo, "gone the XDP program of interface qa");
	kill_hard(&echo);
	echo = start("echo", "xdp", "qa", "client", "0");
	wait_for(&echo, "up");
	kill_hard(&echo);
}

static void F6_F23_xdp_whose_interface_gets_more_queues_is_deaf_for_good(void **state)
{
	(void)state;
	need(interfaces && huge_pages);
	assert_int_equal(
		IP("link", "add", "q6", "numrxqueues", "4", "type", "veth", "peer", "name", "q7"),
		0);
	set_queues("q6", "rx 1");
	assert_int_equal(IP("link", "set", "q6", "up"), 0);
	assert_int_equal(IP("link", "set", "q7", "up"), 0);
	struct peer echo = start("echo", "xdp", "q6", "client", "0");
	wait_for(&echo, "up");
	set_queues("q6", "rx 4");
	wait_for(&echo, "gone the frames of interface q6 come by 4 queues");
	kill_hard(&echo);
	set_queues("q6", "rx 1");
	echo = start("echo", "xdp", "q6", "client", "0");
	wait_for(&echo, "up");
	kill_hard(&echo);
	assert_int_equal(IP("link", "del", "q6"), 0);
}

/* By its number: the name is another's by then, or nobody's (F6). */
static void F6_F23_xdp_asks_for_the_queues_of_its_own_interface(void **state)
{
	(void)state;
	need(interfaces && huge_pages);
	assert_int_equal(
		IP("link", "add", "q6", "numrxqueues", "4", "type", "veth", "peer", "name", "q7"),
		0);
	set_queues("q6", "rx 1");
	assert_int_equal(IP("link", "set", "q6", "up"), 0);
	assert_int_equal(IP("link", "set", "q7", "up"), 0);
	struct peer echo = start("echo", "xdp", "q6", "client", "0");
	wait_for(&echo, "up");
	assert_int_equal(IP("link", "set", "q6", "down"), 0);
	wait_for(&echo, "down");
	assert_int_equal(IP("link", "set", "q6", "name", "data0"), 0);
	assert_int_equal(IP("link", "set", "data0", "up"), 0);
	wait_for(&echo, "up");
	/* Of four queues. */
	assert_int_equal(
		IP("link", "add", "q6", "numrxqueues", "4", "type", "veth", "peer", "name", "q5"),
		0);
	set_queues("data0", "rx 3");
	wait_for(&echo, "gone ");
	kill_hard(&echo);
	assert_non_null(strstr(last, "gone the frames of interface data0 come by 3 queues by now"));
	assert_non_null(strstr(last, "ethtool -L data0 combined 1"));
	assert_int_equal(IP("link", "del", "q6"), 0);
	assert_int_equal(IP("link", "del", "data0"), 0);
}

/*
 * A NIC hears the former address only if it hears all, a veth always: told while it lasts, and no
 * end.
 */
static void F6_an_interface_that_gets_another_mac_address(void **state)
{
	(void)state;
	need(interfaces);
	assert_int_equal(IP("link", "add", "q8", "address", "02:00:00:00:00:08", "type", "veth",
			    "peer", "name", "q9"),
			 0);
	assert_int_equal(IP("link", "set", "q9", "up"), 0);
	assert_int_equal(IP("link", "set", "q8", "up"), 0);
	struct peer echo = start("echo", "packet", "q8", "client", "0");
	wait_for(&echo, "up");
	assert_int_equal(IP("link", "set", "q8", "address", "02:00:00:00:00:09"), 0);
	wait_for(&echo, "strange q8 02:00:00:00:00:09");
	struct peer ping = start("ping", "packet", "q9", "client", "64");
	ended_well(&ping, "packet");
	assert_int_equal(IP("link", "set", "q8", "promisc", "on"), 0);
	wait_for(&echo, "familiar");
	assert_int_equal(IP("link", "set", "q8", "promisc", "off"), 0);
	wait_for(&echo, "strange q8");
	assert_int_equal(IP("link", "set", "q8", "address", "02:00:00:00:00:08"), 0);
	wait_for(&echo, "familiar");
	kill_hard(&echo);
	assert_int_equal(IP("link", "del", "q8"), 0);
}

static unsigned long huge_pages_free(void)
{
	char line[256];
	unsigned long count = 0;
	FILE *f = fopen("/proc/meminfo", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "HugePages_Free: %lu", &count) == 1)
			break;
	fclose(f);
	return count;
}

static int setup(void **state)
{
	(void)state;
	mtu = "1500";
	huge_pages = huge_pages_free() >= 64; /* 2 x 64 MiB of 2 MiB each */
	if (unshare(CLONE_NEWNET) != 0) {
		printf("# no network namespace of our own (%s): packet and xdp are skipped\n",
		       strerror(errno));
		return 0;
	}
	interfaces = IP("link", "add", "qa", "type", "veth", "peer", "name", "qb") == 0 &&
		     IP("link", "set", "qa", "up") == 0 && IP("link", "set", "qb", "up") == 0;
	if (!interfaces)
		puts("# no veth pair: packet and xdp are skipped");
	if (!huge_pages)
		puts("# no huge pages: xdp is skipped");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "peer") == 0)
		return peer_main(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(ring_round_trip, teardown),
		cmocka_unit_test_teardown(memif_round_trip, teardown),
		cmocka_unit_test_teardown(N18_memif_goes_on_after_its_server_was_killed, teardown),
		cmocka_unit_test_teardown(N18_memif_goes_on_after_its_client_was_killed, teardown),
		cmocka_unit_test_teardown(N18_memif_client_dies_while_its_server_is_stopped,
					  teardown),
		cmocka_unit_test_teardown(F2_F9_memif_starts_where_the_dead_fill_its_servers_queue,
					  teardown),
		cmocka_unit_test_teardown(N17_memif_ends_with_slots_of_different_sizes_do_not_meet,
					  teardown),
		cmocka_unit_test_teardown(packet_round_trip, teardown),
		cmocka_unit_test_teardown(N18_packet_sees_its_interface_go_down_and_up, teardown),
		cmocka_unit_test_teardown(xdp_round_trip_and_nothing_reaches_the_kernel, teardown),
		cmocka_unit_test_teardown(N18_xdp_starts_again_where_it_was_killed, teardown),
		cmocka_unit_test(F23_xdp_refuses_an_interface_of_several_queues),
		cmocka_unit_test_teardown(F6_xdp_without_its_program_is_deaf_for_good, teardown),
		cmocka_unit_test_teardown(
			F6_F23_xdp_whose_interface_gets_more_queues_is_deaf_for_good, teardown),
		cmocka_unit_test_teardown(F6_F23_xdp_asks_for_the_queues_of_its_own_interface,
					  teardown),
		cmocka_unit_test_teardown(F6_an_interface_that_gets_another_mac_address, teardown),
	};
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, setup, NULL);
}
