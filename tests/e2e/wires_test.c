/*
 * What the network does to a cluster, on a running one: wires_test LINK. On memif by the lab's
 * rules; on packet by the kernel itself: a smaller MTU on the way, an interface that is removed, an
 * address that somebody else has, frames that are not for us.
 */
#include "base/bytes.h"
#include "dataplane/net.h"
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Below what eight writers' entries fill together. */
enum { HOLE = 600, WRITERS = 8, READERS = 2, PUTS = 20, FRAGMENTS = 20 };

static const char *link_name;

struct words {
	const struct cluster *c;
	uint32_t node;
	const char *in_status, *in_log;
};

static bool there(void *context)
{
	static struct node_status s;
	const struct words *w = context;

	if (w->in_log)
		return cluster_log_has(w->c, w->node, w->in_log);
	return cluster_status(w->c, w->node, &s) && strstr(s.text, w->in_status);
}

static bool not_there(void *context)
{
	return !there(context);
}

static void says(struct cluster *c, uint32_t node, const char *in_status, const char *in_log)
{
	struct words w = {c, node, in_status, in_log};

	require(c, wait_until(there, &w, CLUSTER_WAIT_MS), "n%u does not say '%s'", node,
		in_status ? in_status : in_log);
}

static void says_no_more(struct cluster *c, uint32_t node, const char *in_status)
{
	struct words w = {c, node, in_status, NULL};

	require(c, wait_until(not_there, &w, CLUSTER_WAIT_MS), "n%u still says '%s'", node,
		in_status);
}

static uint64_t term_of(struct cluster *c, uint32_t node)
{
	static struct node_status s;

	require(c, cluster_status(c, node, &s), "n%u does not answer", node);
	return s.term;
}

/* A hole on the way to one follower and on the leader's way to all: nobody is elected for it. */
static void V27_N17_a_hole_causes_no_election(void **state)
{
	static struct cluster c;
	static struct load load;
	uint32_t leader, follower;
	uint64_t term;
	char rule[64];

	(void)state;
	cluster_up(&c, 3, link_name, "--election 2s");
	leader = cluster_wait_leader(&c, 0);
	follower = leader % 3 + 1;
	term = term_of(&c, leader);
	load_start(&load, &c, WRITERS, READERS);
	load_wait_progress(&load, PUTS);
	snprintf(rule, sizeof(rule), "mtu %d %u>%u,%u", HOLE, leader, follower, follower % 3 + 1);
	if (!strcmp(link_name, "packet"))
		cluster_lab(&c, "exec -- ip link set p%u mtu %d", follower, HOLE);
	else
		cluster_partition(&c, rule, NULL);
	says(&c, leader, "packets above", NULL);
	says(&c, leader, "log entries above", NULL);
	says(&c, leader, NULL, "path_narrow");
	load_wait_progress(&load, PUTS);
	if (!strcmp(link_name, "packet"))
		cluster_lab(&c, "exec -- ip link set p%u mtu 1500", follower);
	else
		cluster_lab(&c, "heal");
	says_no_more(&c, leader, "packets above");
	load_wait_progress(&load, PUTS);
	load_stop(&load);
	load_verify(&load);
	require(&c, term_of(&c, leader) == term, "an election for a hole: term %u",
		(unsigned)term_of(&c, leader));
	cluster_wait_equal(&c);
	cluster_down(&c);
}

/* The limit of its descriptors is as many as it has. */
static struct rlimit descriptors_end(pid_t pid)
{
	struct rlimit before, now;
	char path[64];
	int next = -1;

	do
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, ++next);
	while (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &before), 0);
	now = (struct rlimit){(rlim_t)next, before.rlim_max};
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &now, NULL), 0);
	return before;
}

/* A member more is a port more, whose driver says nothing of what it cannot open: it is tried. */
static void F14_a_port_to_a_new_member_needs_descriptors(void **state)
{
	static struct cluster c;
	static struct run out;
	struct rlimit before;
	uint32_t leader, node;
	char admin[128], id[24];
	pid_t pid;

	(void)state;
	cluster_up(&c, 3, link_name, "");
	leader = cluster_wait_leader(&c, 0);
	node = leader % 3 + 1;
	pid = cluster_pid(&c, node);
	before = descriptors_end(pid);
	run(&out, "quoinctl", "--endpoints=%s member add --learner 198.18.0.9",
	    cluster_admin(&c, leader, admin));
	require(&c, out.status == 0 && sscanf(out.text, "Member %23s", id) == 1, "%s", out.text);
	cluster_wait_log(&c, node, " no_port peer=");
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &before, NULL), 0);
	says(&c, node, "cannot be made: it needs 5 file descriptors, and there are fewer: raise",
	     NULL);
	run(&out, "quoinctl", "--endpoints=%s member remove %s", cluster_admin(&c, leader, admin),
	    id);
	require(&c, out.status == 0, "%s", out.text);
	says_no_more(&c, node, "cannot be made");
	cluster_down(&c);
}

/* Halves of a packet from the kernel's end of the bridge. */
static void fragments_send(struct cluster *c, uint32_t node)
{
	uint8_t frame[128] = {0x02, 0x00, 0xc6, 0x12, 0x00, (uint8_t)node,
			      0x02, 0x00, 0xc6, 0x12, 0x00, 0xfe};
	struct net_udp udp = {.source = 0xc61200fe,
			      .destination = 0xc6120000 + node,
			      .source_port = 5555,
			      .destination_port = 2379};
	int fd = raw_open(c, "br0");

	memcpy(udp.destination_mac.byte, frame, 6);
	memcpy(udp.source_mac.byte, frame + 6, 6);
	for (uint32_t i = 0; i < FRAGMENTS; i++) {
		uint32_t size = net_udp_write(frame, &udp, 32);
		uint8_t *ip = frame + NET_ETHERNET_SIZE;
		uint32_t sum = 0;

		/* The first 40 bytes of the datagram, or the rest; a number for each pair. */
		ip[5] = (uint8_t)(i / 2);
		ip[6] = i % 2 ? 0 : 0x20;
		ip[7] = i % 2 ? 5 : 0;
		ip[10] = ip[11] = 0;
		for (int k = 0; k < NET_IPV4_SIZE; k += 2)
			sum += (uint32_t)(ip[k] << 8 | ip[k + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~(sum + (sum >> 16)) & 0xffff;
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		assert_int_equal(send(fd, frame, size, 0), size);
	}
	close(fd);
}

static void V34_N2_fragments_are_counted_and_not_put_together(struct cluster *c, uint32_t node)
{
	char expected[48];

	fragments_send(c, node);
	snprintf(expected, sizeof(expected), "ip_fragment %d\n", FRAGMENTS);
	says(c, node, expected, NULL);
}

/* Another host: so many of the questions for a node's address it answers from its own. */
struct pretender {
	pthread_t thread;
	int fd;
	uint32_t address, answers;
	atomic_bool over;
	atomic_uint answered;
};

static void *pretend(void *context)
{
	struct pretender *p = context;
	const struct net_self self = {.mac = {{0x02, 0, 0, 0, 0, 0x77}}, .address = p->address};
	struct pollfd ready = {.fd = p->fd, .events = POLLIN};
	struct link_mac to;
	uint8_t frame[2048];

	while (!p->over) {
		if (poll(&ready, 1, 10) <= 0 || recv(p->fd, frame, sizeof(frame), 0) < 42 ||
		    bytes_get16_be(frame + 12) != 0x0806 ||
		    bytes_get16_be(frame + 20) != NET_ARP_REQUEST ||
		    bytes_get32_be(frame + 28) != 0 || bytes_get32_be(frame + 38) != p->address ||
		    p->answered == p->answers)
			continue;
		memcpy(to.byte, frame + 6, sizeof(to.byte));
		uint32_t size = net_arp_write(frame, NET_ARP_REPLY, &self, &to, 0);
		if (send(p->fd, frame, size, 0) == (ssize_t)size)
			p->answered++;
	}
	return NULL;
}

static void pretend_begin(struct pretender *p, struct cluster *c, uint32_t node, uint32_t answers)
{
	*p = (struct pretender){
		.fd = raw_open(c, "br0"), .address = 0xc6120000 + node, .answers = answers};
	assert_int_equal(pthread_create(&p->thread, NULL, pretend, p), 0);
}

static uint32_t pretend_end(struct pretender *p)
{
	p->over = true;
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	close(p->fd);
	return p->answered;
}

/* One answer may be forged; who answers each question has it, until it is taken away there. */
static void F7_V35_a_start_asks_who_has_the_address(struct cluster *c, uint32_t node)
{
	static struct run out;
	struct pretender p;

	pretend_begin(&p, c, node, 1);
	cluster_lab(c, "restart %u", node);
	assert_int_equal(pretend_end(&p), 1);
	pretend_begin(&p, c, node, UINT32_MAX);
	require(c, cluster_lab_try(c, &out, "restart %u --timeout 5", node) != 0,
		"n%u started with an address that another host has", node);
	says(c, node, NULL, "02:00:00:00:00:77, or somebody pretends so, and answers for it");
	assert_true(pretend_end(&p) >= 2);
	cluster_lab(c, "restart %u", node);
}

static bool is_gone(void *context)
{
	return kill(*(pid_t *)context, 0) != 0;
}

/* The frames of an xdp port come by a program on its interface, which anybody may take away. */
static void F6_a_program_that_is_taken_away(struct cluster *c)
{
	uint32_t leader = cluster_wait_leader(c, 0);
	pid_t pid = cluster_pid(c, leader);

	cluster_lab(c, "exec -- ip link set n%u xdp off", leader);
	require(c, wait_until(is_gone, &pid, CLUSTER_WAIT_MS), "n%u lives on, deaf", leader);
	says(c, leader, NULL, "by which this node gets its frames, was taken away");
	(void)cluster_wait_leader(c, leader);
	cluster_lab(c, "restart %u", leader);
	cluster_wait_equal(c);
}

/* What is advised names it as it is called now. */
static void F6_a_renamed_interface_is_called_by_its_name(struct cluster *c, uint32_t i)
{
	cluster_lab(c, "exec -- ip link set n%u down", i);
	cluster_lab(c, "exec -- ip link set n%u name other%u", i, i);
	cluster_lab(c, "exec -- ip link set other%u mtu 1400 up", i);
	says(c, i, "larger packets are lost there: ip link set other", "ip link set other");
	cluster_lab(c, "exec -- ip link set other%u mtu 1500", i);
	says_no_more(c, i, "network.mtu");
	cluster_lab(c, "exec -- ip link set other%u down", i);
	cluster_lab(c, "exec -- ip link set other%u name n%u", i, i);
	cluster_lab(c, "exec -- ip link set n%u up", i);
	cluster_wait_equal(c);
}

/* What an operator does to a host that runs: each is told, and nobody is left deaf. */
static void F6_F7_F12_V34_an_interface_and_an_address(void **state)
{
	static struct cluster c;
	static struct node_status before, after;
	static struct run out;
	uint32_t leader, next;
	pid_t pid;

	(void)state;
	cluster_up(&c, 3, link_name, "");
	cluster_enter(&c);
	leader = cluster_wait_leader(&c, 0);
	says(&c, leader, NULL, "link_up port=port0");
	V34_N2_fragments_are_counted_and_not_put_together(&c, leader);
	/* Its MTU is lowered, and what is advised puts that right. */
	cluster_lab(&c, "exec -- ip link set n%u mtu 1400", leader);
	says(&c, leader, "below the 1500 of network.mtu: larger packets are lost there",
	     "mtu_low ");
	cluster_lab(&c, "exec -- ip link set n%u mtu 1500", leader);
	says(&c, leader, NULL, "mtu_low_over");
	says_no_more(&c, leader, "network.mtu");
	/* On a veth another address is no harm. */
	cluster_lab(&c, "exec -- ip link set n%u address 02:00:c6:12:02:%02x", leader, leader);
	says(&c, leader, "has another MAC address than its port, and is not promiscuous",
	     "mac_changed ");
	cluster_wait_equal(&c);
	cluster_lab(&c, "exec -- ip link set n%u promisc on", leader);
	says(&c, leader, NULL, "mac_changed_over");
	says_no_more(&c, leader, "another MAC address");
	/* Down and up again: it comes back. */
	cluster_lab(&c, "exec -- ip link set n%u down", leader);
	says(&c, leader, NULL, "link_down port=port0");
	cluster_lab(&c, "exec -- ip link set n%u up", leader);
	says(&c, leader, NULL, "changes=2");
	F6_a_renamed_interface_is_called_by_its_name(&c, leader);
	/* Somebody else has its address: told, and gone. */
	cluster_lab(&c, "exec -- ip address add 198.18.0.%u/32 dev br0", leader);
	says(&c, leader, NULL, "address_conflict by=");
	says(&c, leader, "address is used by", NULL);
	/* A start is refused while it is so. */
	require(&c, cluster_lab_try(&c, &out, "restart %u --timeout 5", leader) != 0,
		"n%u started with an address that br0 has", leader);
	says(&c, leader, NULL, "interface br0 of this host has it");
	cluster_lab(&c, "exec -- ip address del 198.18.0.%u/32 dev br0", leader);
	F7_V35_a_start_asks_who_has_the_address(&c, leader);
	/* Removed and made again under the same name. */
	leader = cluster_wait_leader(&c, 0);
	pid = cluster_pid(&c, leader);
	cluster_lab(&c, "exec -- ip link del n%u", leader);
	cluster_lab(&c,
		    "exec -- ip link add n%u address 02:00:c6:12:01:%02x type veth peer name p%u",
		    leader, leader, leader);
	require(&c, wait_until(is_gone, &pid, CLUSTER_WAIT_MS), "n%u lives on, deaf", leader);
	says(&c, leader, NULL, "was removed, and its port does not come back");
	next = cluster_wait_leader(&c, leader);
	require(&c, cluster_status(&c, next, &before), "n%u does not answer", next);
	cluster_lab(&c, "exec -- ip link set p%u master br0", leader);
	cluster_lab(&c, "exec -- ip link set p%u up", leader);
	cluster_lab(&c, "exec -- ip link set n%u arp off up", leader);
	cluster_lab(&c, "restart %u", leader);
	cluster_wait_equal(&c);
	/* It is back under another MAC address, and found before it stands for election (V33). */
	require(&c, cluster_status(&c, next, &after), "n%u does not answer", next);
	require(&c, after.term == before.term && strcmp(after.role, "leader") == 0,
		"n%u is %s in term %" PRIu64 ", and led in %" PRIu64, next, after.role, after.term,
		before.term);
	if (strcmp(link_name, "xdp") == 0)
		F6_a_program_that_is_taken_away(&c);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest memif[] = {
		cmocka_unit_test(V27_N17_a_hole_causes_no_election),
		cmocka_unit_test(F14_a_port_to_a_new_member_needs_descriptors),
	};
	static const struct CMUnitTest interfaces[] = {
		cmocka_unit_test(V27_N17_a_hole_causes_no_election),
		cmocka_unit_test(F6_F7_F12_V34_an_interface_and_an_address),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	/* Shared memory has no interface to be removed. */
	if (strcmp(link_name, "memif") == 0)
		return cmocka_run_group_tests(memif, NULL, NULL);
	return cmocka_run_group_tests(interfaces, NULL, NULL);
}
