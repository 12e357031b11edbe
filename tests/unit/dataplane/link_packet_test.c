/*
 * The packet link where its interface takes no more: real devices of the kernel, in a network
 * namespace of the test's own without a way out, and virtual time. A tap that nobody reads is full
 * after a few frames; a bridge before a slow queue keeps what it was given, and with it what the
 * socket may have on its way; a veth whose other end has a smaller MTU takes small frames alone.
 */
#include "dataplane/eal.h"

#include "base/clock.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

enum {
	SKIPPED = 77,
	ETHERTYPE_TEST = 0x88b5, /* IEEE's for local experiments */
	SMALL = 64,
	LARGE = 1400,
	HOLE = 600, /* MTU of an other end */
	TAP_QUEUE = 4,
	BURST = 12,
	RING = 512, /* frames that the port keeps for an interface */
	MANY = 2 * RING,
	SHORT_NS = 1000,
	LONG_NS = 100 * 1000 * 1000, /* longer than a frame may wait */
	HANGS_SECONDS = 5,
};

static struct link *port;
static uint64_t now_ns = CLOCK_S;
static int far_end = -1;

static int run(const char *const *words)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		/* execvp changes none of them, whatever its prototype says. */
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})
#define IP(...) assert_int_equal(RUN("ip", __VA_ARGS__), 0)

static void port_open(const char *interface)
{
	const struct link_options o = {.kind = LINK_PACKET,
				       .name = interface,
				       .interface = interface,
				       .mtu = 1500,
				       .pool_frames = 1024};
	char error[EAL_ERROR_MAX] = "";

	if (link_dpdk_create(&port, &o, error) != 0)
		fail_msg("%s", error);
}

/* What the kernel's own stack says on it would be in the way. */
static void veth_make(const char *near, const char *far)
{
	IP("link", "add", near, "type", "veth", "peer", "name", far);
	IP("link", "set", far, "arp", "off", "up");
	IP("link", "set", near, "arp", "off", "up");
}

static int tap_make(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	char queue[16];

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	snprintf(queue, sizeof(queue), "%d", TAP_QUEUE);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	IP("link", "set", name, "txqueuelen", queue);
	IP("link", "set", name, "arp", "off", "up");
	return fd;
}

/* A socket that is given what arrives at an interface. */
static int socket_on(const char *interface)
{
	const struct sockaddr_ll at = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(ETHERTYPE_TEST),
				       .sll_ifindex = (int)if_nametoindex(interface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETHERTYPE_TEST));
	int room = 8 << 20;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void send_frames(uint32_t first, uint32_t count, uint32_t size)
{
	struct link_frame frame[LINK_BURST_MAX];

	for (uint32_t done = 0, n; done < count; done += n) {
		n = count - done < LINK_BURST_MAX ? count - done : LINK_BURST_MAX;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t number = first + done + i;

			assert_true(port->ops->alloc(port, &frame[i]));
			memset(frame[i].data, 0, size);
			memset(frame[i].data, 0xff, 6);
			memcpy(frame[i].data + 6, port->mac.byte, 6);
			frame[i].data[12] = ETHERTYPE_TEST >> 8;
			frame[i].data[13] = ETHERTYPE_TEST & 0xff;
			memcpy(frame[i].data + 14, &number, sizeof(number));
			frame[i].size = size;
		}
		port->ops->tx(port, frame, (uint16_t)n);
	}
}

/*
 * The kernel's lock of all networking is others' for as long as they like (V19): here it is held
 * against whoever asks about an interface. The loop goes on, and has asked nothing.
 */
static atomic_bool held, waits;
static atomic_uint asked_by_loop;

static void asked(void)
{
	if (gettid() == getpid()) {
		asked_by_loop++;
		return;
	}
	waits = held;
	while (held)
		(void)poll(NULL, 0, 1);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request >> 8 == SIOCGIFNAME >> 8)
		asked();
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	struct sockaddr_storage at = {0};
	socklen_t at_size = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &at_size) == 0 && at.ss_family == AF_NETLINK)
		asked();
	return sendto(fd, data, size, flags, NULL, 0);
}

/* One turn of a loop that has nothing to send. */
static void turn(uint64_t passed_ns)
{
	struct link_frame frame[LINK_BURST_MAX];

	now_ns += passed_ns;
	for (uint16_t i = 0, n = port->ops->rx(port, now_ns, frame, LINK_BURST_MAX); i < n; i++)
		port->ops->free(port, &frame[i]);
}

/* The number of the next frame of ours that is there; -1: none. */
static int64_t arrived(void)
{
	uint8_t frame[2048];
	uint32_t number;
	ssize_t n;

	while ((n = read(far_end, frame, sizeof(frame))) > 0) {
		if (n < SMALL || frame[12] != ETHERTYPE_TEST >> 8 ||
		    frame[13] != (ETHERTYPE_TEST & 0xff))
			continue;
		memcpy(&number, frame + 14, sizeof(number));
		return number;
	}
	return -1;
}

static uint64_t dropped(void)
{
	struct link_counters c;

	port->ops->counters(port, &c);
	return c.tx_dropped;
}

static int end(void **state)
{
	(void)state;
	held = false;
	if (port)
		port->ops->destroy(port);
	port = NULL;
	if (far_end >= 0)
		close(far_end);
	far_end = -1;
	return 0;
}

static void N18_what_a_full_queue_refuses_for_a_moment_is_not_lost(void **state)
{
	uint32_t next = 0;

	(void)state;
	far_end = tap_make("qfull");
	if (far_end < 0) {
		printf("not tried: /dev/net/tun makes no interface here\n");
		skip();
	}
	port_open("qfull");
	send_frames(0, BURST, SMALL);
	for (int i = 0; i < BURST; i++) {
		/* Asked for often before there is room. */
		for (int k = 0; k < BURST; k++)
			turn(SHORT_NS);
		for (int64_t number; (number = arrived()) >= 0; next++)
			assert_int_equal(number, next);
	}
	assert_int_equal(dropped(), 0);
	assert_int_equal(next, BURST);
}

static void N18_what_a_full_queue_refuses_for_long_is_dropped_and_counted(void **state)
{
	(void)state;
	far_end = tap_make("qlong");
	if (far_end < 0) {
		printf("not tried: /dev/net/tun makes no interface here\n");
		skip();
	}
	port_open("qlong");
	send_frames(0, BURST, SMALL);
	turn(SHORT_NS);
	turn(LONG_NS);
	assert_int_equal(dropped(), BURST - TAP_QUEUE);
	for (uint32_t i = 0; i < TAP_QUEUE; i++)
		assert_int_equal(arrived(), i);
	send_frames(BURST, 1, SMALL);
	assert_int_equal(arrived(), BURST);
	assert_int_equal(dropped(), BURST - TAP_QUEUE);
}

static void V27_a_frame_too_large_for_the_other_end_holds_others_up_for_a_moment(void **state)
{
	char mtu[16];

	(void)state;
	veth_make("qnear", "qfar");
	snprintf(mtu, sizeof(mtu), "%d", HOLE);
	IP("link", "set", "qfar", "mtu", mtu);
	port_open("qnear");
	far_end = socket_on("qfar");
	send_frames(0, 1, LARGE);
	send_frames(1, 2, SMALL);
	turn(SHORT_NS);
	turn(LONG_NS);
	assert_int_equal(arrived(), 1);
	assert_int_equal(arrived(), 2);
	/* Not told of by every kernel, which loses it then by itself. */
	assert_true(dropped() <= 1);
}

static void hangs(int signal)
{
	static const char words[] = "the loop waits for the interface\n";

	(void)signal;
	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(1);
}

/* Of a socket's own room for what is on its way the interface has all; then more is sent. */
static void N18_the_loop_does_not_wait_and_what_waits_is_sent_without_more(void **state)
{
	int64_t last, number = -1;

	(void)state;
	veth_make("qport", "qout");
	IP("link", "add", "qbridge", "type", "bridge");
	IP("link", "set", "qport", "master", "qbridge");
	IP("link", "set", "qbridge", "arp", "off", "up");
	if (RUN("tc", "qdisc", "add", "dev", "qport", "root", "tbf", "rate", "8kbit", "burst",
		"2000", "limit", "10mb") != 0) {
		printf("not tried: the kernel has no tbf (tc qdisc)\n");
		skip();
	}
	port_open("qbridge");
	far_end = socket_on("qout");
	assert_true(signal(SIGALRM, hangs) != SIG_ERR);
	alarm(HANGS_SECONDS);
	send_frames(0, MANY, LARGE);
	alarm(0);
	/* What the ring has no room for is refused at once; no other is lost. */
	assert_true(dropped() > 0);
	assert_true(dropped() < RING);
	last = MANY - 1 - (int64_t)dropped();
	turn(LONG_NS);
	turn(LONG_NS);
	assert_int_equal(MANY - 1 - (int64_t)dropped(), last);
	/* What the queue held is gone with it, and nothing more is sent. */
	assert_int_equal(RUN("tc", "qdisc", "del", "dev", "qport", "root"), 0);
	for (uint64_t until = clock_now() + HANGS_SECONDS * CLOCK_S;
	     number < last && clock_now() < until; turn(SHORT_NS)) {
		int64_t next;

		while ((next = arrived()) >= 0) {
			assert_true(next > number);
			number = next;
		}
	}
	assert_int_equal(number, last);
	assert_int_equal(MANY - 1 - (int64_t)dropped(), last);
}

static int start(void **state)
{
	char error[EAL_ERROR_MAX] = "", prefix[32];
	struct eal_options o = {.file_prefix = prefix, .memory_mib = 64};
	int quiet = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	(void)state;
	/* Nothing of the kernel's own is to fill a short queue. */
	if (quiet >= 0) {
		assert_int_equal(write(quiet, "1", 1), 1);
		close(quiet);
	}
	snprintf(prefix, sizeof(prefix), "packet%d", (int)getpid());
	if (eal_start(&o, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	return 0;
}

/* The next frame of ours; others are the kernel's own. */
static void expect_next(uint32_t number, bool by_udp)
{
	uint64_t until_ns = clock_now() + HANGS_SECONDS * CLOCK_S;
	struct link_frame frame;
	uint32_t at, found;
	bool ours = false, udp, vouched;

	while (!ours) {
		assert_true(clock_now() < until_ns);
		if (port->ops->rx(port, now_ns, &frame, 1) == 0)
			continue;
		udp = frame.data[12] == 8 && frame.data[13] == 0 && frame.data[23] == 17;
		at = udp ? 42 : 14;
		ours = udp || (frame.data[12] == ETHERTYPE_TEST >> 8 &&
			       frame.data[13] == (ETHERTYPE_TEST & 0xff));
		memcpy(&found, frame.data + at, sizeof(found));
		vouched = frame.l4_vouched && !frame.ip_vouched;
		port->ops->free(port, &frame);
	}
	if (found != number || udp != by_udp || vouched != by_udp)
		fail_msg("frame %u, not %u; by UDP %d; vouched for %d", found, number, udp,
			 vouched);
}

/* Each third is whole as it is. */
static bool number_by_udp(uint32_t number)
{
	return number % 3 != 0;
}

static void number_send(uint32_t number, int udp, int raw)
{
	uint8_t frame[SMALL] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ETHERTYPE_TEST >> 8, ETHERTYPE_TEST & 0xff};

	memcpy(frame + 14, &number, sizeof(number));
	if (number_by_udp(number))
		assert_int_equal(send(udp, &number, sizeof(number), 0), sizeof(number));
	else
		assert_int_equal(send(raw, frame, sizeof(frame), 0), sizeof(frame));
}

/*
 * A kernel at the other end of a veth leaves the checksum of UDP to a device that is not there, and
 * tells who looks at the ring.
 */
static void N5_a_checksum_that_was_left_out_is_known(void **state)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(2379), .sin_addr = {htonl(0xc6120001)}};
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), raw;

	(void)state;
	veth_make("va", "vb");
	IP("address", "add", "198.18.0.9/24", "dev", "vb");
	raw = socket_on("vb");
	port_open("va");
	assert_int_equal(connect(udp, (const struct sockaddr *)&to, sizeof(to)), 0);
	/* Around the ring, and around again. */
	for (uint32_t first = 0; first < MANY; first += BURST) {
		for (uint32_t i = 0; i < BURST; i++)
			number_send(first + i, udp, raw);
		for (uint32_t i = 0; i < BURST; i++)
			expect_next(first + i, number_by_udp(first + i));
	}
	close(udp);
	close(raw);
}

static void V19_the_loop_asks_the_kernel_nothing(void **state)
{
	uint64_t until_ns = clock_now() + HANGS_SECONDS * CLOCK_S;

	(void)state;
	veth_make("la", "lb");
	far_end = socket_on("lb");
	port_open("la");
	asked_by_loop = 0;
	held = true;
	while (!waits && clock_now() < until_ns)
		turn(SHORT_NS);
	assert_true(waits);
	/* It sends, whatever became of the interface, for nobody could tell yet. */
	send_frames(0, 1, SMALL);
	turn(LONG_NS);
	assert_int_equal(arrived(), 0);
	IP("link", "set", "lb", "down");
	assert_int_equal(dropped(), 0);
	turn(LONG_NS);
	assert_true(port->ops->up(port));
	held = false;
	while (port->ops->up(port) && clock_now() < until_ns)
		turn(LONG_NS);
	assert_false(port->ops->up(port));
	assert_int_equal(asked_by_loop, 0);
}

static int stop(void **state)
{
	(void)state;
	eal_stop();
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
	const struct CMUnitTest tests[] = {
		TEST(N18_what_a_full_queue_refuses_for_a_moment_is_not_lost),
		TEST(N18_what_a_full_queue_refuses_for_long_is_dropped_and_counted),
		TEST(V27_a_frame_too_large_for_the_other_end_holds_others_up_for_a_moment),
		TEST(N18_the_loop_does_not_wait_and_what_waits_is_sent_without_more),
		TEST(N5_a_checksum_that_was_left_out_is_known),
		TEST(V19_the_loop_asks_the_kernel_nothing),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		printf("SKIP: no network namespace of our own: %s\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, start, stop);
}
