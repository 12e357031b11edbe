/*
 * The packet driver's socket, as the driver should have made it (ADR 12):
 *
 *	- The driver makes it a fanout group, also of one, with PACKET_FANOUT_FLAG_DEFRAG: the
 *	  kernel then puts fragments together before we see them, and nobody counts or refuses them
 *	  (N2, V34). No socket leaves its group while it lives, so another one takes its place,
 *	  under the same number and with its rings at the same addresses: all that the driver knows.
 *	- What the kernel does not take it leaves in the ring until somebody asks again, which the
 *	  driver does when it sends the next: here it is asked in each turn (N18).
 *	- When the ring is full the driver waits in poll(2), for as long as the interface likes: it
 *	  is given no more than there is room for (N18).
 *	- ENOBUFS: the interface has refused the first frame, and does not say why. Its queue may be
 *	  full for a moment; the other end of a veth may have a smaller MTU, then it will never be
 *	  taken, and the port sends nothing more (V27). So a frame waits WAIT_NS, twice that at
 *	  most, and is taken out then: lost, as on a wire, and counted. Any other error ends by
 *	  itself: EAGAIN, when the interface gives back what it has; ENETDOWN, when it is up again.
 */
#include "dataplane/link_packet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

enum {
	/*
	 * A NIC that has stopped its queue goes on when it has sent a part of it: 64 frames of
	 * 1,500 bytes take 0.8 ms at 1 Gbit/s. And twice that, by which a frame that is never taken
	 * delays those behind it, is a tenth of a heartbeat.
	 */
	WAIT_NS = 1000 * 1000,
};

struct mapping {
	void *at;
	size_t size;
};

/* Where the driver has mapped the socket: both rings as one. */
static int mapping_find(struct mapping *out, int fd)
{
	unsigned long begin, end;
	char line[256], name[32];
	struct stat file;
	int err = -ENOENT;
	FILE *maps;

	if (fstat(fd, &file) != 0)
		return -errno;
	snprintf(name, sizeof(name), "socket:[%ju]\n", (uintmax_t)file.st_ino);
	maps = fopen("/proc/self/maps", "re");
	if (!maps)
		return -errno;
	while (err && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, name) || sscanf(line, "%lx-%lx", &begin, &end) != 2)
			continue;
		*out = (struct mapping){(void *)begin, end - begin};
		err = 0;
	}
	fclose(maps);
	return err;
}

static int option_set(int fd, int name, const void *value, socklen_t size)
{
	return setsockopt(fd, SOL_PACKET, name, value, size) == 0 ? 0 : -errno;
}

/* What the driver asks for, but for the group. */
static int socket_prepare(int fd, const struct tpacket_req *ring)
{
	const int version = TPACKET_V2, yes = 1;
	int err = option_set(fd, PACKET_VERSION, &version, sizeof(version));

	if (!err)
		err = option_set(fd, PACKET_LOSS, &yes, sizeof(yes));
	if (!err)
		err = option_set(fd, PACKET_QDISC_BYPASS, &yes, sizeof(yes));
	if (!err)
		err = option_set(fd, PACKET_RX_RING, ring, sizeof(*ring));
	if (!err)
		err = option_set(fd, PACKET_TX_RING, ring, sizeof(*ring));
	return err;
}

/* In the place of what is there; what was locked is not counted twice. */
static int map_over(const struct mapping *m, int fd)
{
	const int kept = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (mmap(m->at, m->size, PROT_NONE, kept, -1, 0) == MAP_FAILED ||
	    mmap(m->at, m->size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED | MAP_LOCKED, fd,
		 0) == MAP_FAILED)
		return -errno;
	return 0;
}

static int replace(int fd, int made, int interface, const struct tpacket_req *ring,
		   const struct mapping *m)
{
	const struct sockaddr_ll to = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = interface};
	int err = socket_prepare(made, ring);

	if (!err)
		err = map_over(m, made);
	if (!err && bind(made, (const struct sockaddr *)&to, sizeof(to)) != 0)
		err = -errno;
	if (!err && dup3(made, fd, O_CLOEXEC) < 0)
		err = -errno;
	return err;
}

int link_packet_socket_make(struct link_packet_socket *s, int fd, int interface,
			    const struct tpacket_req *ring)
{
	size_t size = (size_t)ring->tp_block_size * ring->tp_block_nr;
	struct mapping m;
	int made, err = mapping_find(&m, fd);

	if (err)
		return err;
	if (m.size != 2 * size)
		return -EPROTO; /* another driver than the one that is known here */
	made = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (made < 0)
		return -errno;
	err = replace(fd, made, interface, ring, &m);
	close(made);
	if (err)
		return err;
	*s = (struct link_packet_socket){.fd = fd,
					 .first = (uint8_t *)m.at + size,
					 .frame_size = ring->tp_frame_size,
					 .frames = ring->tp_frame_nr};
	return 0;
}

static volatile struct tpacket2_hdr *frame_at(const struct link_packet_socket *s, uint64_t number)
{
	size_t place = (size_t)(number % s->frames);

	return (struct tpacket2_hdr *)(void *)(s->first + place * s->frame_size);
}

uint16_t link_packet_socket_room(const struct link_packet_socket *s, uint16_t count)
{
	/* Some kernels note a time that nobody asked for. */
	const uint32_t noted = TP_STATUS_TS_SOFTWARE | TP_STATUS_TS_RAW_HARDWARE;
	uint16_t room = 0;

	while (room < count &&
	       (frame_at(s, s->put + room)->tp_status & ~noted) == TP_STATUS_AVAILABLE)
		room++;
	return room;
}

/* Whether there is a frame that the kernel has not taken: then head is the first of them. */
static bool waits(struct link_packet_socket *s)
{
	/* Its place was filled again. */
	if (s->put - s->head > s->frames)
		s->head = s->put - s->frames;
	while (s->head < s->put && frame_at(s, s->head)->tp_status != TP_STATUS_SEND_REQUEST)
		s->head++;
	return s->head < s->put;
}

/* Whether the interface refuses the first of them. */
static bool is_refused(struct link_packet_socket *s)
{
	return waits(s) && sendto(s->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == ENOBUFS &&
	       waits(s);
}

/*
 * The kernel goes on at the first of those that wait. One without a byte is no Ethernet frame: it
 * is passed over, because of PACKET_LOSS.
 */
static void head_drop(struct link_packet_socket *s)
{
	frame_at(s, s->head)->tp_len = 0;
	frame_at(s, s->head)->tp_snaplen = 0;
	s->refused++;
}

void link_packet_socket_drive(struct link_packet_socket *s, uint64_t now_ns)
{
	if (!is_refused(s)) {
		if (!waits(s))
			s->since_ns = 0;
		return;
	}
	if (s->since_ns != 0 && now_ns - s->since_ns < WAIT_NS)
		return;
	while (s->since_ns != 0 && s->head < s->old) {
		head_drop(s);
		if (!is_refused(s))
			break;
	}
	s->since_ns = now_ns;
	s->old = s->put;
}
