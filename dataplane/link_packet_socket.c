/*
 * The system calls of the packet link's driver, put right on their way: the driver is a plugin, and
 * finds these before the C library's.
 *
 *	setsockopt  It makes each socket a fanout group, also of one, with
 *		    PACKET_FANOUT_FLAG_DEFRAG: the kernel then puts fragments together before we
 *		    see them, and nobody counts or refuses them (N2, V34). One queue needs no group.
 *	sendto	    What the interface refuses (a veth whose other end has a smaller MTU) the kernel
 *		    leaves at the head of the ring, and tries it again for ever: one large frame
 *		    and the port sends nothing more (V27). It is taken out here: lost, as on a wire.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/link_dpdk.h"

enum { TRIES_MAX = 2 * LINK_PACKET_FRAMES };

uint64_t link_packet_refused;

/* The transmit half of a socket's mapping. */
struct ring {
	ino_t inode;
	uint8_t *first;
	size_t frame_size;
};

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	if (level == SOL_PACKET && name == PACKET_FANOUT)
		return 0;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, size);
}

/* The driver maps both rings as one, the one that receives first. */
static bool ring_find(struct ring *out, ino_t inode)
{
	unsigned long begin, end, found;
	char line[256];
	bool there = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && !there && fgets(line, sizeof(line), maps))
		there = sscanf(line, "%lx-%lx %*s %*s %*s %lu", &begin, &end, &found) == 3 &&
			found == inode;
	if (maps)
		fclose(maps);
	if (!there)
		return false;
	out->inode = inode;
	out->first = (uint8_t *)(uintptr_t)(begin + (end - begin) / 2);
	out->frame_size = (end - begin) / 2 / LINK_PACKET_FRAMES;
	return true;
}

static volatile struct tpacket2_hdr *frame_of(const struct ring *r, uint32_t i)
{
	return (struct tpacket2_hdr *)(void *)(r->first + i % LINK_PACKET_FRAMES * r->frame_size);
}

/*
 * The kernel goes on at the first of those that wait. One without a byte is no Ethernet frame: it
 * is passed over, because the driver asked for PACKET_LOSS.
 */
static bool head_drop(const struct ring *r)
{
	for (uint32_t i = 0; i < LINK_PACKET_FRAMES; i++) {
		if (frame_of(r, i + LINK_PACKET_FRAMES - 1)->tp_status == TP_STATUS_SEND_REQUEST ||
		    frame_of(r, i)->tp_status != TP_STATUS_SEND_REQUEST)
			continue;
		frame_of(r, i)->tp_len = 0;
		frame_of(r, i)->tp_snaplen = 0;
		return true;
	}
	return false;
}

/* By one thread: each port has one that polls, and a process has one of them. */
static ssize_t ring_send(int fd, int flags)
{
	static struct ring ring;
	struct stat file;
	ssize_t n = -1;

	for (uint32_t i = 0; i < TRIES_MAX; i++) {
		n = syscall(SYS_sendto, fd, NULL, (size_t)0, flags, NULL, 0);
		if (n >= 0 || errno != ENOBUFS)
			return n;
		if (fstat(fd, &file) != 0 ||
		    (file.st_ino != ring.inode && !ring_find(&ring, file.st_ino)) ||
		    !head_drop(&ring))
			break;
		link_packet_refused++;
	}
	errno = ENOBUFS;
	return n;
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, __CONST_SOCKADDR_ARG to,
	       socklen_t to_size)
{
	const void *address = to.__sockaddr__;

	if (data == NULL && size == 0 && address == NULL)
		return ring_send(fd, flags);
	return syscall(SYS_sendto, fd, data, size, flags, address, to_size);
}
