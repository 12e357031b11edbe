/*
 * One source floods a node with questions that are well formed, on a real link (V37, N13):
 * flood_test LINK. First a client asks, from an address that it has proven, and then a member
 * (V28).
 *
 * What its frames cost the host is no affair of the node's, so it is measured beside: the same
 * frames to a port that nobody listens on. They take turns, and the others' puts are counted.
 */
#include "base/clock.h"
#include "tests/e2e/load.h"
#include "tests/unit/dataplane/frames.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_ADDRESS 0xc6120000u /* 198.18.0.0 */

enum {
	GREEDY = 253, /* the last byte of its address */
	OTHERS = 4,
	PUT_MS = 2000,
	SLICES = 4, /* of each kind */
	SLICE_MS = 500,
	BURST = 32, /* a hundred thousand a second, if the host can */
	BURST_NS = 320000,
	BEHIND_NS = 50000000, /* it does not catch up with more than that */
	WORSE_MAX = 4,
	NOBODYS_PORT = 2378,
};

enum what { QUIET, TO_NOBODY, OF_CLIENT, OF_MEMBER, WHATS };

static const char *link_name;
static struct cluster c;

struct greedy {
	pthread_t thread;
	atomic_bool stop;
	_Atomic enum what what;
	_Atomic uint64_t sent;
	uint32_t victim, member; /* in whose name it asks */
	uint64_t cookie;
	struct frame settings; /* a member's */
	int fd;
};

static void make(const struct greedy *g, uint16_t port, uint8_t type, const uint8_t *body,
		 size_t size, struct frame *out)
{
	uint8_t payload[FRAME_MAX];
	struct frame_udp udp = {
		.source = NET_ADDRESS + GREEDY,
		.destination = NET_ADDRESS + g->victim,
		.source_port = 40000,
		.destination_port = port,
	};

	memcpy(udp.source_mac, (uint8_t[6]){2, 0, 0xc6, 0x12, 0, 0xfe}, 6);
	memcpy(udp.destination_mac, (uint8_t[6]){2, 0, 0xc6, 0x12, 0, (uint8_t)g->victim}, 6);
	wire_envelope_encode(&(struct wire_envelope){.type = type, .body_size = (uint16_t)size},
			     payload);
	memcpy(payload + WIRE_ENVELOPE_SIZE, body, size);
	frame_udp(out, &udp, payload, WIRE_ENVELOPE_SIZE + size);
}

/* The kernel's end of the bridge has this MAC address, and shows all that comes for it. */
static void open_and_prove(struct greedy *g)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = (int)if_nametoindex("br0")};
	const struct timeval wait = {.tv_usec = 200000};
	const struct wire_hello hello = {.nonce = 7};
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
	uint8_t body[WIRE_HELLO_SIZE];
	struct wire_hello welcome;
	struct frame f;
	ssize_t size;

	g->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	require(&c, g->fd >= 0 && bind(g->fd, (struct sockaddr *)&at, sizeof(at)) == 0, "%s",
		strerror(errno));
	setsockopt(g->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	wire_hello_encode(&hello, WIRE_HELLO, body);
	make(g, WIRE_PORT_CLIENT, WIRE_HELLO, body, sizeof(body), &f);
	do {
		require(&c, clock_ms() < end, "n%u does not greet", g->victim);
		(void)send(g->fd, f.data, f.size, 0);
		size = recv(g->fd, f.data, sizeof(f.data), 0);
	} while (size < AT_PAYLOAD + WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE ||
		 frame_get32(f.data + AT_IP_DESTINATION) != NET_ADDRESS + GREEDY ||
		 wire_hello_decode(&welcome, WIRE_WELCOME, f.data + AT_PAYLOAD + WIRE_ENVELOPE_SIZE,
				   WIRE_HELLO_SIZE) != 0);
	g->cookie = welcome.cookie;
}

/* The settings that a member sends, with a question: the next ones that pass on its wire. */
static void record(struct greedy *g)
{
	uint64_t end = clock_ms() + CLUSTER_WAIT_MS;
	struct wire_settings settings;
	char interface[16];
	struct frame *f = &g->settings;
	ssize_t size;
	int fd;

	snprintf(interface, sizeof(interface), "p%u", g->member);
	fd = raw_open(&c, interface);
	do {
		require(&c, clock_ms() < end, "n%u asks n%u nothing", g->member, g->victim);
		size = recv(fd, f->data, sizeof(f->data), 0);
	} while (size < AT_PAYLOAD + WIRE_ENVELOPE_SIZE + WIRE_SETTINGS_SIZE ||
		 frame_get32(f->data + AT_IP_SOURCE) != NET_ADDRESS + g->member ||
		 frame_get32(f->data + AT_IP_DESTINATION) != NET_ADDRESS + g->victim ||
		 f->data[AT_PAYLOAD + WIRE_AT_TYPE] != WIRE_SETTINGS ||
		 wire_settings_decode(&settings, f->data + AT_PAYLOAD + WIRE_ENVELOPE_SIZE,
				      WIRE_SETTINGS_SIZE) != 0 ||
		 settings.question == 0);
	f->size = (size_t)size;
	close(fd);
}

static void *flood(void *argument)
{
	struct greedy *g = argument;
	struct wire_part part = {
		.cookie = g->cookie, .kind = WIRE_STATUS, .data = (const uint8_t *)""};
	uint64_t due_ns = clock_now(), now_ns;
	uint8_t body[128];
	struct frame f;

	while (!atomic_load(&g->stop)) {
		enum what what = atomic_load(&g->what);

		for (int i = 0; what != QUIET && i < BURST; i++) {
			size_t size;

			part.request_id++;
			size = wire_part_encode(&part, WIRE_REQUEST, body);
			make(g, what == TO_NOBODY ? NOBODYS_PORT : WIRE_PORT_CLIENT, WIRE_REQUEST,
			     body, size, &f);
			if (what == OF_MEMBER)
				f = g->settings;
			g->sent += send(g->fd, f.data, f.size, MSG_DONTWAIT) > 0;
		}
		now_ns = clock_now();
		due_ns = due_ns + BEHIND_NS < now_ns ? now_ns : due_ns + BURST_NS;
		if (due_ns > now_ns)
			clock_sleep(due_ns - now_ns);
	}
	return NULL;
}

/* Others, who ask the same node, one after the other. */
struct other {
	pthread_t thread;
	uint32_t node, number;
	_Atomic uint64_t puts;
};

static atomic_bool others_stop;

static void *put_on(void *argument)
{
	struct other *o = argument;
	char text[128], key[16];
	struct one one;

	snprintf(key, sizeof(key), "other%" PRIu32, o->number);
	one_open(&one, cluster_endpoint(&c, o->node, text));
	while (!atomic_load(&others_stop))
		o->puts += one_put(&one, key, 1, PUT_MS) == 0;
	one_close(&one);
	return NULL;
}

static uint64_t puts_of(const struct other others[OTHERS])
{
	uint64_t puts = 0;

	for (int i = 0; i < OTHERS; i++)
		puts += atomic_load(&others[i].puts);
	return puts;
}

/* What was acknowledged while it sent this. */
static uint64_t slice(struct greedy *g, const struct other others[OTHERS], enum what what)
{
	uint64_t before, end;

	atomic_store(&g->what, what);
	before = puts_of(others);
	end = clock_ms() + SLICE_MS;
	while (clock_ms() < end)
		clock_sleep(CLOCK_MS);
	return puts_of(others) - before;
}

static void V37_N13_a_flood_costs_others_what_its_frames_cost(void **state)
{
	static struct node_status before, after;
	static struct other others[OTHERS];
	static struct greedy g;
	uint64_t puts[WHATS] = {0};

	(void)state;
	cluster_up(&c, 3, link_name, "");
	cluster_enter(&c);
	g.victim = cluster_wait_leader(&c, 0);
	g.member = g.victim % 3 + 1;
	open_and_prove(&g);
	record(&g);
	for (uint32_t i = 0; i < OTHERS; i++) {
		others[i].node = g.victim;
		others[i].number = i;
		require(&c, pthread_create(&others[i].thread, NULL, put_on, &others[i]) == 0,
			"no thread");
	}
	require(&c, cluster_status(&c, g.victim, &before), "n%u does not answer", g.victim);
	require(&c, pthread_create(&g.thread, NULL, flood, &g) == 0, "no thread");
	for (int i = 0; i < SLICES; i++) {
		for (enum what what = TO_NOBODY; what < WHATS; what++)
			puts[what] += slice(&g, others, what);
	}
	atomic_store(&g.stop, true);
	pthread_join(g.thread, NULL);
	atomic_store(&others_stop, true);
	for (int i = 0; i < OTHERS; i++)
		pthread_join(others[i].thread, NULL);
	require(&c, cluster_status(&c, g.victim, &after), "n%u does not answer", g.victim);
	printf("# %" PRIu64 " frames; %" PRIu64 " puts beside them, and %" PRIu64
	       " under a client's, and %" PRIu64 " under a member's\n",
	       atomic_load(&g.sent), puts[TO_NOBODY], puts[OF_CLIENT], puts[OF_MEMBER]);
	require(&c,
		puts[TO_NOBODY] > 0 && puts[OF_CLIENT] * WORSE_MAX >= puts[TO_NOBODY] &&
			puts[OF_MEMBER] * WORSE_MAX >= puts[TO_NOBODY],
		"%" PRIu64 " puts under a client's flood, %" PRIu64
		" under a member's, and %" PRIu64 " beside as many frames",
		puts[OF_CLIENT], puts[OF_MEMBER], puts[TO_NOBODY]);
	require(&c, cluster_number(&c, g.victim, "refused_share") > 0, "nothing was too much");
	require(&c, after.term == before.term && strcmp(after.role, "leader") == 0,
		"term %" PRIu64 " and %s, after term %" PRIu64, after.term, after.role,
		before.term);
	close(g.fd);
	cluster_down(&c);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(V37_N13_a_flood_costs_others_what_its_frames_cost),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
