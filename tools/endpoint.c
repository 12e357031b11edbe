/*
 * Endpoints: the client's state machine over a kernel UDP socket, and the admin socket.
 *
 * Invariants:
 *	1. No call outlasts its deadline but by the time of one system call.
 *	2. A stream that broke in the middle of an answer is never read on: it is closed, and the
 *	   next call connects anew.
 */
#include "tools/endpoint.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "dataplane/client.h"
#include "node/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_NS_MIN (1 * CLOCK_MS)
#define PAUSE_NS_MAX (100 * CLOCK_MS)
#define PAUSE_NO_LEADER_NS (10 * CLOCK_MS)

struct endpoint {
	char text[128];
	bool local; /* the admin socket */
	struct sockaddr_in udp;
	struct sockaddr_un path;
	int fd; /* -1: not connected */

	struct client *client; /* UDP */

	uint64_t request_id; /* the rest: the admin socket */
	struct wire_hello welcome;
	uint8_t *answer; /* WIRE_MESSAGE_SIZE_MAX bytes */
};

static uint64_t random_seed(void)
{
	uint64_t seed;

	/* Eight bytes come whole once the pool is ready, and that is waited for. */
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = clock_now() ^ (uint64_t)getpid() << 32;
	return seed;
}

static int parse_udp(struct endpoint *e, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	unsigned long port;
	char *end;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	errno = 0;
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || errno || port < 1 || port > 65535)
		return -EINVAL;
	e->udp.sin_family = AF_INET;
	e->udp.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &e->udp.sin_addr) == 1 ? 0 : -EINVAL;
}

static int parse_unix(struct endpoint *e, const char *path)
{
	size_t size = strlen(path);

	if (size == 0 || size >= sizeof(e->path.sun_path))
		return -EINVAL;
	e->local = true;
	e->path.sun_family = AF_UNIX;
	memcpy(e->path.sun_path, path, size);
	return 0;
}

int endpoint_open(struct endpoint **out, const char *text, char error[ENDPOINT_ERROR_MAX])
{
	struct endpoint *e = calloc(1, sizeof(*e));
	int result;

	if (!e) {
		snprintf(error, ENDPOINT_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	e->fd = -1;
	if (strlen(text) >= sizeof(e->text))
		result = -EINVAL;
	else if (strncmp(text, "unix:", 5) == 0)
		result = parse_unix(e, text + 5);
	else
		result = parse_udp(e, text);
	if (result) {
		snprintf(error, ENDPOINT_ERROR_MAX,
			 "endpoint \"%.100s\" is neither HOST:PORT with a literal IPv4 address, "
			 "like 10.0.0.1:2379, nor unix:PATH of at most 107 bytes",
			 text);
		goto err_free;
	}
	memcpy(e->text, text, strlen(text));
	e->request_id = random_seed();
	result = e->local ? ((e->answer = malloc(WIRE_MESSAGE_SIZE_MAX)) ? 0 : -ENOMEM)
			  : client_create(&e->client, random_seed());
	if (result) {
		snprintf(error, ENDPOINT_ERROR_MAX, "out of memory");
		goto err_free;
	}
	*out = e;
	return 0;

err_free:
	free(e);
	return result;
}

void endpoint_close(struct endpoint *e)
{
	if (!e)
		return;
	if (e->fd >= 0)
		close(e->fd);
	client_destroy(e->client);
	free(e->answer);
	free(e);
}

const char *endpoint_text(const struct endpoint *e)
{
	return e->text;
}

const char *endpoint_error_text(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "context deadline exceeded";
	case -ECONNREFUSED:
		return "connection refused";
	default:
		return strerror(-error);
	}
}

/* Until fd is ready or the deadline has passed: 0, -ETIMEDOUT. */
static int wait_ready(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = clock_now();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left / CLOCK_S),
				   .tv_nsec = (long)(left % CLOCK_S)};

	if (ppoll(&p, 1, &timeout, NULL) == 0)
		return -ETIMEDOUT;
	return 0; /* ready, or a signal: whoever asked looks for itself */
}

static int udp_connect(struct endpoint *e)
{
	if (e->fd >= 0)
		return 0;
	e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return -errno;
	if (connect(e->fd, (const struct sockaddr *)&e->udp, sizeof(e->udp)) < 0) {
		int error = -errno;

		close(e->fd);
		e->fd = -1;
		return error;
	}
	return 0;
}

/*
 * What an error of the socket says: nothing (0), or that nobody is there. A node that has answered
 * before may be restarting: then the deadline decides.
 */
static int udp_error(const struct endpoint *e)
{
	int error = errno;

	if (error == EAGAIN || error == EINTR)
		return 0;
	return error == EMSGSIZE || !client_welcomed(e->client) ? -error : 0;
}

static int udp_send(struct endpoint *e)
{
	uint8_t packet[WIRE_PAYLOAD_1500];
	uint64_t now = clock_now();
	int error = 0;
	size_t size;

	while (!error && (size = client_send(e->client, now, packet)) > 0) {
		if (send(e->fd, packet, size, 0) < 0)
			error = udp_error(e);
	}
	return error;
}

static int udp_receive(struct endpoint *e)
{
	uint8_t packet[2048];
	ssize_t size;

	while ((size = recv(e->fd, packet, sizeof(packet), 0)) >= 0)
		client_receive(e->client, clock_now(), packet, (size_t)size);
	return udp_error(e);
}

/* Moves datagrams until the client is done. */
static int udp_run(struct endpoint *e)
{
	int error = udp_send(e);

	while (!error && client_get_state(e->client) == CLIENT_WAITING) {
		if (wait_ready(e->fd, POLLIN, client_deadline(e->client)) == 0)
			error = udp_receive(e);
		if (!error)
			error = udp_send(e);
	}
	if (error) {
		/* The request is still open in the client: it starts anew. */
		client_destroy(e->client);
		e->client = NULL;
		return client_create(&e->client, random_seed()) ? -ENOMEM : error;
	}
	return client_get_state(e->client) == CLIENT_FAILED ? -ETIMEDOUT : 0;
}

static int udp_call(struct endpoint *e, enum wire_request kind, const uint8_t *request,
		    uint32_t size, uint64_t timeout_ns, struct endpoint_answer *out)
{
	int error = udp_connect(e);

	if (error)
		return error;
	client_request(e->client, kind, request, size, clock_now(), timeout_ns);
	error = udp_run(e);
	if (error)
		return error;
	out->status = client_status(e->client);
	out->data = client_answer(e->client, &out->size);
	return 0;
}

static void unix_disconnect(struct endpoint *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static int unix_read(struct endpoint *e, uint8_t *to, size_t size, uint64_t deadline_ns)
{
	while (size > 0) {
		ssize_t n = recv(e->fd, to, size, 0);

		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			to += n;
			size -= (size_t)n;
		} else if (wait_ready(e->fd, POLLIN, deadline_ns)) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

static int unix_write(struct endpoint *e, const uint8_t *from, size_t size, uint64_t deadline_ns)
{
	while (size > 0) {
		ssize_t n = send(e->fd, from, size, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			from += n;
			size -= (size_t)n;
		} else if (wait_ready(e->fd, POLLOUT, deadline_ns)) {
			return -ETIMEDOUT;
		}
	}
	return 0;
}

/* A unix connect never waits but for room in the listener's backlog (EAGAIN). */
static int unix_connect(struct endpoint *e, uint64_t deadline_ns)
{
	uint8_t body[WIRE_HELLO_SIZE];
	int error;

	if (e->fd >= 0)
		return 0;
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return -errno;
	while (connect(e->fd, (const struct sockaddr *)&e->path, sizeof(e->path)) < 0) {
		error = -errno;
		if (error != -EAGAIN || clock_now() >= deadline_ns)
			goto err_close;
		clock_sleep(PAUSE_NS_MIN);
	}
	error = unix_read(e, body, sizeof(body), deadline_ns);
	if (error)
		goto err_close;
	error = -EPROTO;
	if (wire_hello_decode(&e->welcome, WIRE_WELCOME, body, sizeof(body)))
		goto err_close;
	return 0;

err_close:
	unix_disconnect(e);
	return error;
}

static int unix_exchange(struct endpoint *e, enum wire_request kind, const uint8_t *request,
			 uint32_t size, uint64_t deadline_ns, struct endpoint_answer *out,
			 uint64_t *retry_after_us)
{
	uint8_t header[ADMIN_HEADER_SIZE] = {0};
	uint64_t now = clock_now();
	uint64_t left_us = deadline_ns > now ? (deadline_ns - now) / 1000 : 0;
	int error = unix_connect(e, deadline_ns);

	if (error)
		return error;
	bytes_put32(header, size);
	header[4] = (uint8_t)kind;
	bytes_put64(header + 8, ++e->request_id);
	/* Its own verdict should be here before we give up. */
	bytes_put64(header + 16, left_us - left_us / 16 + 1);
	error = unix_write(e, header, sizeof(header), deadline_ns);
	if (!error)
		error = unix_write(e, request, size, deadline_ns);
	if (!error)
		error = unix_read(e, header, sizeof(header), deadline_ns);
	if (!error && (bytes_get32(header) > WIRE_MESSAGE_SIZE_MAX || header[4] > WIRE_STOPPING ||
		       bytes_get64(header + 8) != e->request_id))
		error = -EPROTO;
	if (!error)
		error = unix_read(e, e->answer, bytes_get32(header), deadline_ns);
	if (error) {
		unix_disconnect(e);
		return error;
	}
	*out = (struct endpoint_answer){
		.status = (enum wire_status)header[4],
		.data = e->answer,
		.size = bytes_get32(header),
	};
	*retry_after_us = bytes_get64(header + 16);
	return 0;
}

/* How long to wait before the next try; 0: the verdict stands. */
static uint64_t retry_pause(enum wire_status status, uint64_t retry_after_us, unsigned int tries)
{
	uint64_t pause;

	if (status == WIRE_BUSY)
		pause = retry_after_us < PAUSE_NS_MAX / 1000 ? retry_after_us * 1000 : PAUSE_NS_MAX;
	else if (status == WIRE_NO_LEADER || status == WIRE_NOT_LEADER)
		pause = PAUSE_NO_LEADER_NS;
	else
		return 0;
	if (pause < PAUSE_NS_MIN)
		pause = PAUSE_NS_MIN;
	pause <<= tries < 6 ? tries : 6;
	return pause < PAUSE_NS_MAX ? pause : PAUSE_NS_MAX;
}

static int unix_call(struct endpoint *e, enum wire_request kind, const uint8_t *request,
		     uint32_t size, uint64_t timeout_ns, struct endpoint_answer *out)
{
	uint64_t deadline_ns = clock_now() + timeout_ns;

	for (unsigned int tries = 0;; tries++) {
		uint64_t retry_after_us, pause;
		int error =
			unix_exchange(e, kind, request, size, deadline_ns, out, &retry_after_us);

		if (error)
			return error;
		pause = retry_pause(out->status, retry_after_us, tries);
		/* As the UDP client has it: a retry needs time for its answer. */
		if (pause == 0 || clock_now() + pause + timeout_ns / 8 > deadline_ns)
			return 0;
		clock_sleep(pause);
	}
}

int endpoint_welcome(struct endpoint *e, uint64_t timeout_ns, struct wire_hello *out)
{
	int error;

	if (e->local) {
		error = unix_connect(e, clock_now() + timeout_ns);
		*out = e->welcome;
		return error;
	}
	error = udp_connect(e);
	if (error)
		return error;
	client_hello(e->client, clock_now(), timeout_ns);
	error = udp_run(e);
	*out = *client_welcome(e->client);
	return error;
}

int endpoint_call(struct endpoint *e, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, struct endpoint_answer *out)
{
	assert(size <= WIRE_MESSAGE_SIZE_MAX);
	*out = (struct endpoint_answer){.status = WIRE_TIMEOUT};
	if (e->local)
		return unix_call(e, kind, request, size, timeout_ns, out);
	return udp_call(e, kind, request, size, timeout_ns, out);
}
