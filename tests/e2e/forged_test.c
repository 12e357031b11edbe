/*
 * Frames that somebody made up, on a real link under a running cluster: forged_test LINK (one that
 * the kernel's ends of a veth lead to).
 *
 * The envelope is a real one of a member, taken from the wire; what follows is out of range in one
 * field at a time (V28, N9), or it is of another cluster or version (F10), or all of it was
 * recorded before (V35). Then a flood of what is not for us (V32): what the sender sent is what the
 * node has seen, and what each counter of a drop names.
 */
#include "dataplane/wire_fields.h"
#include "tests/e2e/load.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/wire_bodies.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_ADDRESS 0xc6120000u /* 198.18.0.0 */

enum { FLOOD = 200000, AHEAD = 200, WRITERS = 2, BODY_MAX = 1300, RECORDED = 64 };

static const char *link_name;
static struct cluster c;
static uint32_t victim, hostile;

/* The next packet from one member to another that passes the kernel's end of the sender's link. */
static void take(int fd, struct frame *f)
{
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
	ssize_t size;

	do {
		require(&c, clock_ms() < end, "n%u says nothing to n%u", hostile, victim);
		size = recv(fd, f->data, sizeof(f->data), 0);
	} while (size < AT_PAYLOAD + WIRE_ENVELOPE_SIZE ||
		 frame_get16(f->data + AT_TYPE) != 0x0800 ||
		 frame_get32(f->data + AT_IP_SOURCE) != NET_ADDRESS + hostile ||
		 frame_get32(f->data + AT_IP_DESTINATION) != NET_ADDRESS + victim ||
		 memcmp(f->data + AT_PAYLOAD, "QUON", 4) != 0);
	f->size = (size_t)size;
}

static int listen_to_hostile(void)
{
	char interface[16];

	snprintf(interface, sizeof(interface), "p%u", hostile);
	return raw_open(&c, interface);
}

static void take_one(struct frame *f)
{
	int fd = listen_to_hostile();

	take(fd, f);
	close(fd);
}

static void send_frame(int fd, const struct frame *f)
{
	while (send(fd, f->data, f->size, 0) < 0)
		require(&c, errno == ENOBUFS || errno == EAGAIN || errno == EINTR, "%s",
			strerror(errno));
}

/* The real one's head, and this body. */
static void forge(struct frame *out, const struct frame *real, uint8_t type, const uint8_t *body,
		  size_t size)
{
	uint8_t payload[FRAME_MAX];
	struct frame_udp udp = {
		.source = frame_get32(real->data + AT_IP_SOURCE),
		.destination = frame_get32(real->data + AT_IP_DESTINATION),
		.source_port = (uint16_t)frame_get16(real->data + AT_UDP),
		.destination_port = (uint16_t)frame_get16(real->data + AT_UDP_DESTINATION),
	};

	memcpy(udp.destination_mac, real->data, 6);
	memcpy(udp.source_mac, real->data + 6, 6);
	memcpy(payload, real->data + AT_PAYLOAD, WIRE_ENVELOPE_SIZE);
	payload[WIRE_AT_TYPE] = type;
	WIRE_PUT(payload, ENVELOPE_BODY_SIZE, size);
	memcpy(payload + WIRE_ENVELOPE_SIZE, body, size);
	frame_udp(out, &udp, payload, WIRE_ENVELOPE_SIZE + size);
}

static uint64_t value_of(const struct node_status *s, const char *key)
{
	char text[32];

	return strtoull(node_value(s, key, text, sizeof(text)), NULL, 10);
}

static void look(struct node_status *s)
{
	require(&c, cluster_status(&c, victim, s), "n%u does not answer", victim);
}

static uint64_t refused(void)
{
	static struct node_status s;

	look(&s);
	/* Of some kinds so many at once are not even looked at. */
	return value_of(&s, "malformed") + value_of(&s, "malformed_forwards") +
	       value_of(&s, "asked_too_often");
}

static void refused_wait(uint64_t count)
{
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS, now;

	while ((now = refused()) != count)
		require(&c, clock_ms() < end, "%" PRIu64 " refused instead of %" PRIu64, now,
			count);
}

static void put(uint8_t *at, uint32_t size, uint64_t value)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(i < 8 ? value >> (8 * i) : 1);
}

struct sender {
	int fd;
	struct frame real;
	uint64_t before, sent;
};

static void send_field(struct sender *s, const struct wire_field *f, uint8_t type, size_t size,
		       size_t at, uint64_t value)
{
	uint8_t body[BODY_MAX];
	struct frame frame;

	memcpy(body, bodies_buffer, size);
	put(body + at + f->offset, f->size, value);
	forge(&frame, &s->real, type, body, size);
	send_frame(s->fd, &frame);
	s->sent++;
	/* Within what the device holds, so that each is seen. */
	if (s->sent % AHEAD == 0)
		refused_wait(s->before + s->sent);
}

static void send_all_out_of_range(struct sender *s)
{
	uint8_t type;
	size_t size, at;

	for (int i = 0; (size = bodies_good(i, &type, bodies_buffer)) > 0; i++) {
		for (size_t k = 0; k < wire_field_count; k++) {
			const struct wire_field *f = &wire_fields[k];
			uint64_t ones =
				f->size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * f->size) - 1;

			if (type < WIRE_VOTE || type > WIRE_MEMBERS || size > BODY_MAX ||
			    !bodies_form_at((enum wire_form)f->form, type, size, &at))
				continue;
			if (f->min > 0)
				send_field(s, f, type, size, at, f->min - 1);
			if (f->max < ones) {
				send_field(s, f, type, size, at, f->max + 1);
				send_field(s, f, type, size, at, ones);
			}
		}
	}
}

static void V28_forged_packets_of_a_member_change_nothing(void **state)
{
	static struct load l;
	static struct node_status before, after;
	struct sender s = {0};
	uint64_t end;

	(void)state;
	/* So long that what holds the host up elects nobody: forged packets would at once. */
	cluster_up(&c, 3, link_name, "--election 2s");
	cluster_enter(&c);
	victim = cluster_wait_leader(&c, 0);
	hostile = victim % 3 + 1;
	take_one(&s.real);
	s.fd = raw_open(&c, "br0");
	load_start(&l, &c, WRITERS, 1);
	load_wait_progress(&l, 5);
	look(&before);
	s.before = refused();
	end = clock_ms() + 3000;
	while (clock_ms() < end)
		send_all_out_of_range(&s);
	refused_wait(s.before + s.sent);
	load_wait_progress(&l, 20);
	look(&after);
	require(&c, s.sent > 1000, "%" PRIu64 " forged packets", s.sent);
	require(&c, after.term == before.term && strcmp(after.role, "leader") == 0,
		"term %" PRIu64 " and %s, after term %" PRIu64, after.term, after.role,
		before.term);
	load_stop(&l);
	load_verify(&l);
	cluster_wait_equal(&c);
	close(s.fd);
	printf("# %" PRIu64 " forged packets, each counted\n", s.sent);
}

/* --- strangers --------------------------------------------------------------------------- */

/* The member's own packet, but for these bytes of its envelope. */
static void send_strange(int fd, const struct frame *real, size_t at, uint8_t first, uint8_t second)
{
	struct frame f = *real;

	f.data[AT_PAYLOAD + at] = first;
	f.data[AT_PAYLOAD + at + 1] = second;
	frame_udp_checksum(&f);
	send_frame(fd, &f);
}

static bool warned(void *words)
{
	static struct run out;
	char admin[128];

	run(&out, "quoinctl", "--endpoints %s endpoint status -w json",
	    cluster_admin(&c, victim, admin));
	return out.status == 0 && strstr(out.text, words);
}

/* As a client's of another release over the kernel's UDP: the first six bytes that come back. */
static void hello_of_version(uint8_t version, uint8_t answer[6])
{
	const struct wire_envelope e = {.type = WIRE_HELLO, .body_size = WIRE_HELLO_SIZE};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(WIRE_PORT_CLIENT),
				 .sin_addr.s_addr = htonl(NET_ADDRESS + victim)};
	struct timeval wait = {.tv_sec = 1};
	uint8_t packet[WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE] = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
	ssize_t size;

	require(&c, fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0,
		"%s", strerror(errno));
	wire_envelope_encode(&e, packet);
	packet[WIRE_AT_VERSION] = packet[WIRE_AT_READABLE] = version;
	do {
		require(&c, clock_ms() < end, "a client of version %u is told nothing", version);
		(void)sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
		size = recv(fd, answer, 6, MSG_TRUNC);
	} while (size < 6);
	require(&c, (size_t)size <= sizeof(packet), "%zd bytes for %zu", size, sizeof(packet));
	close(fd);
}

/* While they come, one of each at a time. */
struct strangers {
	struct frame real;
	int fd;
	uint32_t rounds;
	char from[64];
};

static bool told_of_strangers(void *context)
{
	struct strangers *s = context;

	/* Its cluster id begins otherwise; then its version is one that nobody reads yet. */
	send_strange(s->fd, &s->real, WIRE_AT_ENVELOPE_CLUSTER_ID, 0xee, 0xff);
	send_strange(s->fd, &s->real, WIRE_AT_VERSION, 9, 9);
	s->rounds++;
	return warned("packets of protocol version 9 arrive") &&
	       warned("ffee arrive from where member n") && warned(s->from);
}

static void F10_strangers_are_told_of(void **state)
{
	struct strangers s = {.fd = raw_open(&c, "br0")};
	uint8_t answer[6];
	char words[64];

	(void)state;
	take_one(&s.real);
	snprintf(s.from, sizeof(s.from), "(the last from 198.18.0.%u:2380", hostile);
	require(&c, wait_until(told_of_strangers, &s, CLUSTER_WAIT_MS), "they are in no status");
	close(s.fd);
	require(&c, s.rounds >= 3, "told of %u packets of each", s.rounds);
	snprintf(words, sizeof(words), "other_cluster from=198.18.0.%u:2380 port=peer", hostile);
	cluster_wait_log(&c, victim, words);
	snprintf(words, sizeof(words), "other_version from=198.18.0.%u:2380 port=peer", hostile);
	cluster_wait_log(&c, victim, words);
	hello_of_version(9, answer);
	assert_memory_equal(answer, "QUON\x01\x01", 6);
}

/* --- what was recorded, sent again ------------------------------------------------------- */

static bool not_warned(void *words)
{
	return !warned(words);
}

static void replay(int fd, const struct frame *recorded)
{
	for (int i = 0; i < RECORDED; i++)
		send_frame(fd, &recorded[i]);
}

/* A wiped member's word in the name of each other one: HELLO, from another directory. */
static void forge_wiped(int fd, const struct frame *real)
{
	struct frame f = *real;

	f.data[AT_PAYLOAD + WIRE_AT_TYPE] = WIRE_FORMATION;
	f.data[AT_PAYLOAD + WIRE_AT_ENVELOPE_SOURCE_IDENTITY] ^= 1;
	frame_udp_checksum(&f);
	send_frame(fd, &f);
	frame_put32(f.data + AT_IP_SOURCE, NET_ADDRESS + 6 - victim - hostile);
	frame_ip_checksum(&f);
	frame_udp_checksum(&f);
	send_frame(fd, &f);
}

/*
 * Somebody records what a member says and sends it again for ever after the member was started
 * again, and he plays wiped members: what is said is that, and nobody is told to restore anything.
 */
static void V35_what_is_sent_again_gives_no_advice(void **state)
{
	static char beside[] = "packets of another start of it than the newest come as well";
	static char two_directories[] = "its address and another data directory come as well";
	static struct frame recorded[RECORDED];
	static struct node_status before, after;
	uint64_t end = 0;
	int fd;

	(void)state;
	look(&before);
	fd = listen_to_hostile();
	for (int i = 0; i < RECORDED; i++)
		take(fd, &recorded[i]);
	close(fd);
	fd = raw_open(&c, "br0");
	forge_wiped(fd, &recorded[0]); /* one */
	cluster_lab(&c, "kill %u", hostile);
	cluster_lab(&c, "restart %u", hostile);
	cluster_wait_equal(&c);
	while (!warned(beside) || !warned(two_directories)) {
		if (end == 0)
			end = clock_ms() + CLUSTER_WAIT_MS;
		require(&c, clock_ms() < end, "what comes beside the real ones is not told of");
		replay(fd, recorded);
		forge_wiped(fd, &recorded[0]);
		look(&after);
		require(&c,
			!strstr(after.text, "error member ") && !strstr(after.text, "restore") &&
				!strstr(after.text, "has lost its majority"),
			"%s", after.text);
	}
	require(&c, after.term == before.term && strcmp(after.role, "leader") == 0,
		"term %" PRIu64 " and %s, after term %" PRIu64, after.term, after.role,
		before.term);
	close(fd);
	require(&c, wait_until(not_warned, beside, CLUSTER_WAIT_MS), "it does not end");
	require(&c, wait_until(not_warned, two_directories, CLUSTER_WAIT_MS), "it does not end");
}

/* --- the flood --------------------------------------------------------------------------- */

/* Of the victim's link, as the kernel counts them. */
struct kernel {
	uint64_t received, dropped;
};

static void kernel_look(struct kernel *k)
{
	struct ifaddrs *all, *a;
	char outer[16], inner[16];

	snprintf(outer, sizeof(outer), "p%u", victim);
	snprintf(inner, sizeof(inner), "n%u", victim);
	*k = (struct kernel){0};
	require(&c, getifaddrs(&all) == 0, "%s", strerror(errno));
	for (a = all; a; a = a->ifa_next) {
		const struct rtnl_link_stats *s = a->ifa_data;

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET || !s)
			continue;
		if (strcmp(a->ifa_name, inner) == 0) {
			k->received = s->rx_packets;
			k->dropped += s->rx_dropped;
		} else if (strcmp(a->ifa_name, outer) == 0 || strcmp(a->ifa_name, "br0") == 0) {
			k->dropped += s->tx_dropped;
		}
	}
	freeifaddrs(all);
}

/* A number of the node's port. */
static uint64_t port_value(const struct node_status *s, const char *key)
{
	const char *port = strstr(s->text, "\nport "), *at;
	char words[32];

	snprintf(words, sizeof(words), " %s=", key);
	at = port ? strstr(port, words) : NULL;
	require(&c, at != NULL, "no %s in the status", key);
	return strtoull(at + strlen(words), NULL, 10);
}

static uint64_t port_dropped(const struct node_status *s)
{
	return port_value(s, "rx_missed") + port_value(s, "rx_no_buffer") +
	       port_value(s, "rx_segmented") + port_value(s, "rx_tagged") +
	       port_value(s, "rx_errors");
}

/* The kernel's number and the node's at one moment: nothing came in between. */
static void both_look(struct node_status *s, struct kernel *k)
{
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
	struct kernel again;

	do {
		require(&c, clock_ms() < end, "n%u is never at rest", victim);
		kernel_look(k);
		look(s);
		kernel_look(&again);
	} while (again.received != k->received);
}

static uint64_t seen_by_node(const struct node_status *s)
{
	return port_value(s, "rx_frames") + port_dropped(s);
}

static void V32_what_was_sent_is_what_was_seen_and_what_was_dropped(void **state)
{
	static struct node_status before, after;
	struct kernel k_before, k_after;
	struct frame_udp udp = {.source = NET_ADDRESS + 254,
				.destination = NET_ADDRESS + victim,
				.source_port = 40000,
				.destination_port = WIRE_PORT_CLIENT};
	uint8_t payload[WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE] = {0};
	int fd = raw_open(&c, "br0");
	uint64_t unseen, end;
	char words[64], admin[128];
	static struct run out;
	struct frame f;

	(void)state;
	memcpy(udp.source_mac, (uint8_t[6]){2, 0, 0xc6, 0x12, 0, 0xfe}, 6);
	memcpy(udp.destination_mac, (uint8_t[6]){2, 0, 0xc6, 0x12, 0, (uint8_t)victim}, 6);
	frame_udp(&f, &udp, payload, sizeof(payload)); /* no magic */
	both_look(&before, &k_before);
	for (uint32_t i = 0; i < FLOOD; i++)
		send_frame(fd, &f);
	close(fd);
	/* What lies in the device's ring is read, sooner or later. */
	end = clock_ms() + CLUSTER_WAIT_MS;
	do {
		require(&c, clock_ms() < end,
			"the kernel gave n%u %" PRIu64 " frames, and it knows of %" PRIu64, victim,
			k_after.received - k_before.received,
			seen_by_node(&after) - seen_by_node(&before));
		both_look(&after, &k_after);
	} while (k_after.received - k_before.received !=
		 seen_by_node(&after) - seen_by_node(&before));
	unseen = FLOOD - (value_of(&after, "drop_envelope") - value_of(&before, "drop_envelope"));
	require(&c,
		unseen <= port_dropped(&after) - port_dropped(&before) + k_after.dropped -
				  k_before.dropped,
		"of %u frames %" PRIu64 " are in no counter", FLOOD, unseen);
	/* And the tool shows it. */
	run(&out, "quoinctl", "--endpoints %s endpoint status -w json",
	    cluster_admin(&c, victim, admin));
	snprintf(words, sizeof(words), "\"envelope\":%" PRIu64, value_of(&after, "drop_envelope"));
	require(&c, out.status == 0 && strstr(out.text, words), "%s is not in %s", words, out.text);
	require(&c, strstr(out.text, "\"rx_missed\":") && strstr(out.text, "\"buffers_free\":"),
		"%s", out.text);
	printf("# of %u frames %" PRIu64 " were dropped below the node, each counted\n", FLOOD,
	       unseen);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_forged_packets_of_a_member_change_nothing),
		cmocka_unit_test(F10_strangers_are_told_of),
		cmocka_unit_test(V35_what_is_sent_again_gives_no_advice),
		cmocka_unit_test(V32_what_was_sent_is_what_was_seen_and_what_was_dropped),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
