/*
 * One client of the local socket: a request is read, a call is made of it, its answer is written.
 */
#include "doors/calls_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool watch_begin(struct calls *s, struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static void watch(struct calls *s, struct connection *c, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};
	int err = epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &event);

	assert(err == 0); /* it needs no memory */
}

static void call(struct calls *s, struct connection *c, enum call_event event)
{
	bool put;

	c->state = CONNECTION_CALLING;
	c->call.event = event;
	put = ring_put(&s->to_node, &c->call);
	assert(put);
}

void connection_close(struct calls *s, struct connection *c)
{
	assert(c->state != CONNECTION_CALLING);
	if (c->state == CONNECTION_WRITING && c->call.more) {
		/* The loop goes on with the answer else. */
		connection_hung_up(s, c);
		call(s, c, CALL_GONE);
		return;
	}
	close(c->fd);
	c->state = CONNECTION_FREE;
	s->freed = true;
}

void connection_hung_up(struct calls *s, struct connection *c)
{
	if (!c->closing)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->closing = true;
}

void connection_open(struct calls *s, struct connection *c, int fd)
{
	uint8_t welcome[WIRE_HELLO_SIZE];
	const struct wire_hello hello = {
		.cluster_id = atomic_load_explicit(&s->cluster_id, memory_order_relaxed),
		.member_id = atomic_load_explicit(&s->member_id, memory_order_relaxed),
		.commit_index = atomic_load_explicit(&s->base, memory_order_acquire),
	};

	assert(c->state == CONNECTION_FREE);
	c->state = CONNECTION_READING;
	c->fd = fd;
	c->closing = false;
	connection_step(c);
	c->asked = false;
	c->turn = s->turns++;
	c->moved = 0;
	c->call.more = false;
	wire_hello_encode(&hello, WIRE_WELCOME, welcome);
	/*
	 * The kernel may have no memory for one more that is watched. There is room for 64 bytes in
	 * a fresh socket; one that is gone shows at the read.
	 */
	if (!watch_begin(s, c) ||
	    send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL) != (ssize_t)sizeof(welcome))
		connection_close(s, c);
}

static void move(struct connection *c, uint32_t size)
{
	c->moved += size;
	c->lately += size;
	if (c->lately >= CALLS_STEP)
		connection_step(c);
}

/* It has a place only to be told that there is none. */
static bool is_told(const struct calls *s, const struct connection *c)
{
	return c - s->connection >= CALLS_MAX;
}

static void tell(struct calls *s, struct connection *c)
{
	c->call.status = WIRE_BUSY;
	c->call.retry_after_us = CALLS_RETRY_US;
	c->call.more = false;
	c->call.answer_size = 0;
	atomic_fetch_add_explicit(&s->told, 1, memory_order_relaxed);
	c->state = CONNECTION_CALLING;
	connection_resume(s, c);
}

/* False: the header is malformed. */
static bool header_decode(struct connection *c)
{
	struct stream_header header;

	if (stream_header_decode(&header, STREAM_CLIENT, c->header))
		return false;
	c->call.kind = header.code;
	c->call.id = header.id;
	c->call.timeout_us = header.time_us;
	c->call.size = header.size;
	return true;
}

static void header_encode(struct connection *c)
{
	const struct stream_header header = {
		.size = c->call.answer_size,
		.code = c->call.status,
		.more = c->call.more,
		.id = c->call.id,
		.time_us = c->call.retry_after_us,
	};

	stream_header_encode(&header, STREAM_NODE, c->header);
}

void connection_read(struct calls *s, struct connection *c)
{
	for (;;) {
		bool in_header = c->moved < STREAM_HEADER_SIZE;
		uint8_t *to = in_header ? c->header + c->moved
					: c->call.data + (c->moved - STREAM_HEADER_SIZE);
		uint32_t left = in_header ? STREAM_HEADER_SIZE - c->moved
					  : c->call.size - (c->moved - STREAM_HEADER_SIZE);
		ssize_t n = left ? recv(c->fd, to, left, 0) : 0;

		if (left && n <= 0) {
			if (n < 0 && errno == EAGAIN)
				return;
			connection_close(s, c);
			return;
		}
		move(c, (uint32_t)n);
		if (in_header && c->moved == STREAM_HEADER_SIZE && !header_decode(c)) {
			connection_close(s, c);
			return;
		}
		if (c->moved >= STREAM_HEADER_SIZE &&
		    c->moved == STREAM_HEADER_SIZE + c->call.size) {
			if (is_told(s, c)) {
				tell(s, c);
				return;
			}
			watch(s, c, 0); /* EPOLLHUP still comes */
			c->asked = true;
			c->turn = s->turns++;
			call(s, c, CALL_REQUEST);
			return;
		}
	}
}

void connection_write(struct calls *s, struct connection *c)
{
	uint32_t whole = STREAM_HEADER_SIZE + c->call.answer_size;

	while (c->moved < whole) {
		bool in_header = c->moved < STREAM_HEADER_SIZE;
		const uint8_t *from = in_header ? c->header + c->moved
						: c->call.answer + (c->moved - STREAM_HEADER_SIZE);
		uint32_t left = (in_header ? STREAM_HEADER_SIZE : whole) - c->moved;
		ssize_t n = send(c->fd, from, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			watch(s, c, EPOLLOUT);
			return;
		}
		if (n <= 0) {
			connection_close(s, c);
			return;
		}
		move(c, (uint32_t)n);
	}
	if (c->call.more) {
		watch(s, c, 0);
		call(s, c, CALL_WRITTEN);
		return;
	}
	if (is_told(s, c)) {
		connection_close(s, c);
		return;
	}
	c->state = CONNECTION_READING;
	connection_step(c);
	c->moved = 0;
	watch(s, c, EPOLLIN);
}

void connection_resume(struct calls *s, struct connection *c)
{
	assert(c->state == CONNECTION_CALLING);
	c->state = CONNECTION_WRITING;
	connection_step(c);
	c->moved = 0;
	if (c->closing) {
		connection_close(s, c);
		return;
	}
	header_encode(c);
	connection_write(s, c);
}
