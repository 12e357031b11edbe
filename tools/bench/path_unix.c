/*
 * Clients over the admin socket: a stream each, one epoll for all. A stream that breaks fails the
 * request that was open on it, and is made anew for the next one.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "node/admin.h"
#include "tools/bench/endpoint.h"
#include "tools/bench/path.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, ANSWER_MAX = 4096 /* a put's has 40 bytes */ };

#define CONNECT_NS (200 * CLOCK_MS)
#define SCAN_NS CLOCK_MS

struct unix_client {
	struct endpoint endpoint;
	int fd; /* -1: none */
	bool open;
	uint64_t id;
	uint64_t deadline_ns;
	uint64_t base;
	uint8_t head[ADMIN_HEADER_SIZE];
	const uint8_t *data;
	uint32_t data_size;
	uint32_t sent; /* of head and data */
	uint8_t in[ADMIN_HEADER_SIZE + ANSWER_MAX];
	uint32_t in_size;
	struct path_answer answer;
	bool finished; /* to be told by poll */
};

struct path_unix {
	struct path path;
	int epoll;
	uint64_t scanned_ns;
	uint32_t finished_count;
	struct unix_client *client;
};

static struct path_unix *self_of(struct path *path)
{
	return (struct path_unix *)path;
}

static void finish(struct path_unix *p, struct unix_client *c, enum wire_status status)
{
	c->answer.status = status;
	c->open = false;
	c->finished = true;
	p->finished_count++;
}

static void disconnect(struct unix_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int reconnect(struct path_unix *p, struct unix_client *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - p->client)};
	struct wire_hello welcome;

	disconnect(c);
	c->fd = endpoint_connect(&c->endpoint, &welcome, CONNECT_NS);
	if (c->fd < 0)
		return c->fd;
	c->base = welcome.applied_index;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &event)) {
		int error = -errno;

		disconnect(c);
		return error;
	}
	return 0;
}

static void broken(struct path_unix *p, struct unix_client *c)
{
	disconnect(c);
	if (c->open)
		finish(p, c, WIRE_TIMEOUT);
}

/* What of the request is still to be sent; the kernel's buffer may take less than all. */
static void send_rest(struct path_unix *p, struct unix_client *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - p->client)};
	uint32_t size = ADMIN_HEADER_SIZE + c->data_size;

	while (c->sent < size) {
		bool in_head = c->sent < ADMIN_HEADER_SIZE;
		struct iovec vector[2] = {
			{c->head + c->sent, in_head ? ADMIN_HEADER_SIZE - c->sent : 0},
			{NULL, 0},
		};
		struct msghdr message = {.msg_iov = vector, .msg_iovlen = 2};
		uint32_t from = in_head ? 0 : c->sent - ADMIN_HEADER_SIZE;
		ssize_t sent;

		if (!in_head)
			vector[0].iov_base = NULL;
		/* sendmsg only reads what an iovec points at. */
		memcpy(&vector[1].iov_base, &c->data, sizeof(c->data));
		vector[1].iov_base = c->data_size ? (uint8_t *)vector[1].iov_base + from : NULL;
		vector[1].iov_len = c->data_size - from;
		sent = sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			event.events |= EPOLLOUT;
			break;
		}
		if (sent < 0) {
			broken(p, c);
			return;
		}
		c->sent += (uint32_t)sent;
	}
	if (size > ANSWER_MAX && epoll_ctl(p->epoll, EPOLL_CTL_MOD, c->fd, &event))
		broken(p, c);
}

static void unix_request(struct path *path, uint32_t client, enum wire_request kind,
			 const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns)
{
	struct path_unix *p = self_of(path);
	struct unix_client *c = &p->client[client];

	assert(!c->open);
	c->open = true;
	c->answer = (struct path_answer){0};
	c->deadline_ns = now_ns + timeout_ns;
	c->data = data;
	c->data_size = size;
	c->sent = 0;
	c->in_size = 0;
	memset(c->head, 0, sizeof(c->head));
	bytes_put32(c->head, size);
	c->head[4] = (uint8_t)kind;
	bytes_put64(c->head + 8, ++c->id);
	bytes_put64(c->head + 16, timeout_ns / CLOCK_US);
	if (c->fd < 0 && reconnect(p, c))
		finish(p, c, WIRE_TIMEOUT);
	else
		send_rest(p, c);
}

/* The greeting of a stream is its first bytes: made anew, waited for on the spot. */
static void unix_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	struct path_unix *p = self_of(path);
	struct unix_client *c = &p->client[client];

	(void)now_ns;
	(void)timeout_ns;
	assert(!c->open);
	c->answer = (struct path_answer){0};
	finish(p, c, reconnect(p, c) ? WIRE_TIMEOUT : WIRE_OK);
}

static void receive(struct path_unix *p, struct unix_client *c)
{
	uint64_t size;
	ssize_t got = recv(c->fd, c->in + c->in_size, sizeof(c->in) - c->in_size, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || !c->open) {
		broken(p, c);
		return;
	}
	c->in_size += (uint32_t)got;
	if (c->in_size < ADMIN_HEADER_SIZE)
		return;
	size = bytes_get32(c->in);
	if (size > ANSWER_MAX || bytes_get64(c->in + 8) != c->id) {
		broken(p, c);
		return;
	}
	if (c->in_size < ADMIN_HEADER_SIZE + size)
		return;
	c->answer.retry_after_us = bytes_get64(c->in + 16);
	c->answer.data = c->in + ADMIN_HEADER_SIZE;
	c->answer.size = (uint32_t)size;
	finish(p, c, (enum wire_status)c->in[4]);
}

/* A node answers in time by itself; one that does not is given the same time once more. */
static void scan_deadlines(struct path_unix *p, uint64_t now)
{
	if (now - p->scanned_ns < SCAN_NS)
		return;
	p->scanned_ns = now;
	for (uint32_t i = 0; i < p->path.client_count; i++) {
		if (p->client[i].open && p->client[i].deadline_ns + CONNECT_NS <= now)
			broken(p, &p->client[i]);
	}
}

static uint32_t unix_poll(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max)
{
	struct path_unix *p = self_of(path);
	struct epoll_event event[EVENTS_MAX];
	uint64_t wait = p->finished_count ? 0 : wait_ns < SCAN_NS ? wait_ns : SCAN_NS;
	struct timespec time = {0, (long)wait};
	int events = epoll_pwait2(p->epoll, event, EVENTS_MAX, &time, NULL);
	uint32_t count = 0;

	for (int i = 0; i < events; i++) {
		struct unix_client *c = &p->client[event[i].data.u32];

		if (c->fd >= 0 && (event[i].events & EPOLLOUT))
			send_rest(p, c);
		if (c->fd >= 0 && (event[i].events & ~(uint32_t)EPOLLOUT))
			receive(p, c);
	}
	scan_deadlines(p, clock_now());
	for (uint32_t i = 0; p->finished_count && i < path->client_count && count < max; i++) {
		if (!p->client[i].finished)
			continue;
		p->client[i].finished = false;
		p->finished_count--;
		done[count++] = i;
	}
	return count;
}

static void unix_answer(struct path *path, uint32_t client, struct path_answer *out)
{
	*out = self_of(path)->client[client].answer;
}

static uint64_t unix_base(struct path *path, uint32_t client)
{
	return self_of(path)->client[client].base;
}

static void unix_destroy(struct path *path)
{
	struct path_unix *p = self_of(path);

	for (uint32_t i = 0; p->client && i < path->client_count; i++)
		disconnect(&p->client[i]);
	if (p->epoll >= 0)
		close(p->epoll);
	free(p->client);
	free(p);
}

int path_unix_create(struct path **out, const struct endpoint *endpoints, uint32_t count,
		     uint32_t clients, char error[PATH_ERROR_MAX])
{
	static const struct path_ops ops = {
		.request = unix_request,
		.hello = unix_hello,
		.poll = unix_poll,
		.answer = unix_answer,
		.base = unix_base,
		.destroy = unix_destroy,
	};
	struct path_unix *p = calloc(1, sizeof(*p));
	int result = 0;

	snprintf(error, PATH_ERROR_MAX, "out of memory");
	if (!p)
		return -ENOMEM;
	p->path = (struct path){&ops, clients};
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->client = calloc(clients, sizeof(*p->client));
	if (!p->client || p->epoll < 0)
		result = -ENOMEM;
	for (uint32_t i = 0; p->client && i < clients; i++) {
		p->client[i].fd = -1;
		p->client[i].endpoint = endpoints[i % count];
	}
	for (uint32_t i = 0; !result && i < clients; i++) {
		result = reconnect(p, &p->client[i]);
		if (result)
			snprintf(error, PATH_ERROR_MAX, "%s: %s (a node takes %d clients there)",
				 p->client[i].endpoint.text, strerror(-result), ADMIN_CALLS_MAX);
	}
	if (result) {
		unix_destroy(&p->path);
		return result;
	}
	*out = &p->path;
	return 0;
}
