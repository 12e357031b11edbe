/*
 * Kernel UDP: a connected socket for each client, one epoll for all.
 */
#include "tools/bench/carrier.h"
#include "tools/client/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 };

struct carrier_udp {
	struct carrier carrier;
	int epoll;
	uint32_t count;
	int *fd;
	struct epoll_event event[EVENTS_MAX];
	int event_count, event_next;
	uint8_t payload[CARRIER_PAYLOAD_MAX];
};

static void udp_send(struct carrier *carrier, uint32_t client, const uint8_t *payload, size_t size,
		     uint64_t now_ns)
{
	struct carrier_udp *u = (struct carrier_udp *)carrier;

	(void)now_ns;
	/* A datagram that the kernel refuses is a lost one: the client sends again. */
	if (send(u->fd[client], payload, size, MSG_DONTWAIT) < 0)
		return;
}

static size_t udp_receive(struct carrier *carrier, uint64_t now_ns, int *client,
			  const uint8_t **payload)
{
	struct carrier_udp *u = (struct carrier_udp *)carrier;

	(void)now_ns;
	for (;;) {
		ssize_t got;

		if (u->event_next == u->event_count) {
			u->event_next = 0;
			u->event_count = epoll_wait(u->epoll, u->event, EVENTS_MAX, 0);
			if (u->event_count <= 0) {
				u->event_count = 0;
				return 0;
			}
		}
		*client = (int)u->event[u->event_next].data.u32;
		got = recv(u->fd[*client], u->payload, sizeof(u->payload), MSG_DONTWAIT);
		if (got > 0) {
			*payload = u->payload;
			return (size_t)got;
		}
		u->event_next++;
	}
}

static void udp_flush(struct carrier *carrier)
{
	(void)carrier;
}

static void udp_wait(struct carrier *carrier, uint64_t wait_ns)
{
	struct carrier_udp *u = (struct carrier_udp *)carrier;
	struct timespec wait = {(time_t)(wait_ns / 1000000000u), (long)(wait_ns % 1000000000u)};
	int count;

	if (u->event_next < u->event_count)
		return;
	count = epoll_pwait2(u->epoll, u->event, EVENTS_MAX, &wait, NULL);
	u->event_next = 0;
	u->event_count = count > 0 ? count : 0;
}

static void udp_destroy(struct carrier *carrier)
{
	struct carrier_udp *u = (struct carrier_udp *)carrier;

	for (uint32_t i = 0; i < u->count; i++)
		close(u->fd[i]);
	if (u->epoll >= 0)
		close(u->epoll);
	free(u->fd);
	free(u);
}

static int add_socket(struct carrier_udp *u, const struct address *to)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = u->count};
	int fd = address_connect(to);

	if (fd < 0)
		return fd;
	if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &event)) {
		int err = -errno;

		close(fd);
		return err;
	}
	u->fd[u->count++] = fd;
	return 0;
}

int carrier_udp_create(struct carrier **out, const struct address *endpoints, uint32_t count,
		       uint32_t clients, char error[PATH_ERROR_MAX])
{
	static const struct carrier_ops ops = {
		.send = udp_send,
		.receive = udp_receive,
		.flush = udp_flush,
		.wait = udp_wait,
		.destroy = udp_destroy,
	};
	struct carrier_udp *u = calloc(1, sizeof(*u));
	int err = 0;

	snprintf(error, PATH_ERROR_MAX, "out of memory");
	if (!u)
		return -ENOMEM;
	u->carrier.ops = &ops;
	u->epoll = epoll_create1(EPOLL_CLOEXEC);
	u->fd = calloc(clients, sizeof(*u->fd));
	if (!u->fd || u->epoll < 0)
		err = -ENOMEM;
	for (uint32_t i = 0; !err && i < clients; i++) {
		const struct address *to = &endpoints[i % count];

		err = add_socket(u, to);
		if (err)
			snprintf(error, PATH_ERROR_MAX, "%s: %s", to->text, strerror(-err));
	}
	if (err) {
		udp_destroy(&u->carrier);
		return err;
	}
	*out = &u->carrier;
	return 0;
}
