/*
 * Clients over the admin socket: a stream each, one epoll for all. A stream that breaks fails the
 * request that was open on it, and is made anew for the next one.
 */
#include "base/clock.h"
#include "tools/bench/path.h"
#include "tools/client/endpoint.h"
#include "tools/client/stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, ANSWER_MAX = 4096 /* and a value: a put's has 40 bytes */ };

#define CONNECT_NS (200 * CLOCK_MS)
#define SCAN_NS CLOCK_MS

struct unix_client {
	struct stream stream;
	const struct address *address;
	short events; /* that epoll watches for */
	bool open;
	uint64_t deadline_ns;
	enum wire_status status;
	int err; /* why there is no answer */
	bool unasked;
	bool finished; /* to be told by poll */
};

struct path_unix {
	struct path path;
	int epoll;
	uint64_t scanned_ns;
	uint32_t finished_count;
	struct unix_client *client;
	struct address address[]; /* of the nodes */
};

static struct path_unix *self_of(struct path *path)
{
	return (struct path_unix *)path;
}

static void finish(struct path_unix *p, struct unix_client *c, enum wire_status status)
{
	c->status = status;
	c->open = false;
	c->finished = true;
	p->finished_count++;
}

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT, "a stream says what poll waits for");

static int watch(struct path_unix *p, struct unix_client *c, int operation, short events)
{
	struct epoll_event event = {
		.events = (uint32_t)events,
		.data.u32 = (uint32_t)(c - p->client),
	};

	c->events = events;
	return epoll_ctl(p->epoll, operation, c->stream.fd, &event) ? -errno : 0;
}

static int connect_client(struct path_unix *p, struct unix_client *c)
{
	int err = stream_connect(&c->stream, c->address, clock_now() + CONNECT_NS);

	if (err)
		return err;
	err = watch(p, c, EPOLL_CTL_ADD, POLLIN);
	if (err)
		stream_close(&c->stream);
	return err;
}

static void broken(struct path_unix *p, struct unix_client *c, int err)
{
	stream_close(&c->stream);
	c->err = err;
	/* A node does nothing of a request that it has not whole. */
	c->unasked = c->open && c->stream.sent < c->stream.size;
	if (c->open)
		finish(p, c, WIRE_TIMEOUT);
}

/* The kernel's buffer may take less than a whole request. */
static void move(struct path_unix *p, struct unix_client *c)
{
	int err = c->open ? stream_move(&c->stream) : -EPIPE;

	if (!err)
		finish(p, c, (enum wire_status)c->stream.answer.code);
	else if (err != -EAGAIN)
		broken(p, c, err);
	else if (stream_events(&c->stream) != c->events &&
		 watch(p, c, EPOLL_CTL_MOD, stream_events(&c->stream)))
		broken(p, c, -ENOMEM);
}

static void unix_request(struct path *path, uint32_t client, enum wire_request kind,
			 const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns)
{
	struct path_unix *p = self_of(path);
	struct unix_client *c = &p->client[client];

	assert(!c->open);
	c->open = true;
	c->deadline_ns = now_ns + timeout_ns;
	c->err = c->stream.fd < 0 ? connect_client(p, c) : 0;
	c->unasked = c->err != 0;
	if (c->err) {
		finish(p, c, WIRE_TIMEOUT);
		return;
	}
	stream_request(&c->stream, kind, data, size, timeout_ns / CLOCK_US);
	move(p, c);
}

/* The greeting of a stream is its first bytes: made anew, waited for on the spot. */
static void unix_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	struct path_unix *p = self_of(path);
	struct unix_client *c = &p->client[client];

	(void)now_ns;
	(void)timeout_ns;
	assert(!c->open);
	stream_close(&c->stream);
	c->err = connect_client(p, c);
	finish(p, c, c->err ? WIRE_TIMEOUT : WIRE_OK);
}

/* A node answers in time by itself; one that does not is given the same time once more. */
static void scan_deadlines(struct path_unix *p, uint64_t now)
{
	if (now - p->scanned_ns < SCAN_NS)
		return;
	p->scanned_ns = now;
	for (uint32_t i = 0; i < p->path.client_count; i++) {
		if (p->client[i].open && p->client[i].deadline_ns + CONNECT_NS <= now)
			broken(p, &p->client[i], -ETIMEDOUT);
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

	for (int i = 0; i < events; i++)
		move(p, &p->client[event[i].data.u32]);
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
	const struct unix_client *c = &self_of(path)->client[client];

	*out = (struct path_answer){
		.status = c->status,
		.why = c->err ? endpoint_error_text(c->err) : NULL,
		.unasked = c->unasked,
		.retry_after_us = c->stream.answer.time_us,
		.data = stream_data(&c->stream),
		.size = c->stream.answer.size,
	};
}

static uint64_t unix_base(struct path *path, uint32_t client)
{
	return self_of(path)->client[client].stream.welcome.commit_index;
}

static void unix_destroy(struct path *path)
{
	struct path_unix *p = self_of(path);

	for (uint32_t i = 0; p->client && i < path->client_count; i++)
		stream_destroy(&p->client[i].stream);
	if (p->epoll >= 0)
		close(p->epoll);
	free(p->client);
	free(p);
}

static const struct path_ops ops = {
	.request = unix_request,
	.hello = unix_hello,
	.poll = unix_poll,
	.answer = unix_answer,
	.base = unix_base,
	.destroy = unix_destroy,
};

int path_unix_create(struct path **out, const struct address *endpoints, uint32_t count,
		     uint32_t clients, uint32_t value_size, char error[PATH_ERROR_MAX])
{
	struct path_unix *p;
	int err;

	if (clients > count * PATH_UNIX_CLIENTS_MAX) {
		snprintf(error, PATH_ERROR_MAX,
			 "--clients, times --inflight, is %u: an admin socket has %d places, one "
			 "of which asks for the status: at most %u here",
			 clients, CALLS_MAX, count * PATH_UNIX_CLIENTS_MAX);
		return -EINVAL;
	}
	p = calloc(1, sizeof(*p) + count * sizeof(*p->address));
	snprintf(error, PATH_ERROR_MAX, "out of memory");
	if (!p)
		return -ENOMEM;
	p->path = (struct path){&ops, 0};
	memcpy(p->address, endpoints, count * sizeof(*p->address));
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->client = calloc(clients, sizeof(*p->client));
	err = p->client && p->epoll >= 0 ? 0 : -ENOMEM;
	for (uint32_t i = 0; !err && i < clients; i++) {
		struct unix_client *c = &p->client[i];

		c->address = &p->address[i % count];
		err = stream_create(&c->stream, ANSWER_MAX + value_size, 0);
		if (err)
			break;
		p->path.client_count++;
		err = connect_client(p, c);
		if (err)
			snprintf(error, PATH_ERROR_MAX, "%s: %s (a node takes %d clients there)",
				 c->address->text, endpoint_error_text(err), CALLS_MAX);
	}
	if (err) {
		unix_destroy(&p->path);
		return err;
	}
	*out = &p->path;
	return 0;
}
