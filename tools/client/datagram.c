#include "tools/client/datagram.h"

#include "base/clock.h"
#include "tools/client/draw.h"
#include "tools/client/wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_MAX = 64 };

void datagram_create(struct datagram *out)
{
	*out = (struct datagram){.fd = -1};
}

void datagram_destroy(struct datagram *d)
{
	if (d->fd >= 0)
		close(d->fd);
	client_destroy(d->client);
}

static int begin(struct datagram *d, const struct address *to)
{
	if (d->fd < 0)
		d->fd = address_connect(to);
	if (d->fd < 0)
		return d->fd;
	return d->client ? 0 : client_create(&d->client, draw());
}

/*
 * The meaning of an error of the socket: none (0), or nobody is there. A node that has answered
 * before may be restarting: then the deadline decides.
 */
static int socket_error(const struct datagram *d)
{
	int err = errno;

	if (err == EAGAIN || err == EINTR)
		return 0;
	return err == EMSGSIZE || !client_welcomed(d->client) ? -err : 0;
}

static int send_all(struct datagram *d)
{
	uint8_t packet[WIRE_PAYLOAD_1500];
	uint64_t now = clock_now();
	int err = 0;
	size_t size;

	while (!err && (size = client_send(d->client, now, packet)) > 0) {
		if (send(d->fd, packet, size, 0) < 0)
			err = socket_error(d);
	}
	return err;
}

static int receive_all(struct datagram *d)
{
	uint8_t packet[2048];
	ssize_t size;

	/* Whoever sends without an end is not read without one: what is due leaves in between. */
	for (int i = 0; i < RECEIVE_MAX; i++) {
		size = recv(d->fd, packet, sizeof(packet), 0);
		if (size < 0)
			return socket_error(d);
		client_receive(d->client, clock_now(), packet, (size_t)size);
	}
	return 0;
}

static int why_failed(const struct client *c)
{
	if (client_other_version(c))
		return -EPROTONOSUPPORT;
	return client_unheard(c) ? -ETIME : -ETIMEDOUT;
}

/* Moves datagrams until the client is done. */
static int run(struct datagram *d)
{
	int err = send_all(d);

	while (!err && client_get_state(d->client) == CLIENT_WAITING) {
		if (wait_ready(d->fd, POLLIN, client_deadline(d->client)) == 0)
			err = receive_all(d);
		if (!err)
			err = send_all(d);
	}
	if (!err)
		return client_get_state(d->client) != CLIENT_FAILED ? 0 : why_failed(d->client);
	/* The request is still open in the client: another one goes on. */
	client_destroy(d->client);
	d->client = NULL;
	return err;
}

int datagram_welcome(struct datagram *d, const struct address *to, uint64_t timeout_ns)
{
	int err = begin(d, to);

	if (err)
		return err;
	client_hello(d->client, clock_now(), timeout_ns);
	return run(d);
}

int datagram_call(struct datagram *d, const struct address *to, enum wire_request kind,
		  const uint8_t *request, uint32_t size, uint64_t timeout_ns)
{
	int err = begin(d, to);

	if (err)
		return err;
	client_request(d->client, kind, request, size, clock_now(), timeout_ns);
	return run(d);
}

void datagram_extend(struct datagram *d, uint64_t timeout_ns)
{
	client_extend(d->client, clock_now(), timeout_ns);
}

int datagram_next(struct datagram *d)
{
	client_next(d->client);
	return run(d);
}
