#include "tools/client/stream.h"

#include "base/clock.h"
#include "tools/client/wait.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BACKLOG_PAUSE_NS CLOCK_MS

int stream_create(struct stream *out, uint32_t answer_max, uint64_t id)
{
	*out = (struct stream){.fd = -1, .id = id, .in_max = STREAM_HEADER_SIZE + answer_max};
	assert(out->in_max >= WIRE_HELLO_SIZE);
	out->in = malloc(out->in_max);
	return out->in ? 0 : -ENOMEM;
}

void stream_destroy(struct stream *s)
{
	stream_close(s);
	free(s->in);
	s->in = NULL;
}

void stream_close(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* At most `size` bytes in all. 0: some came; -EAGAIN: there are none yet; else -errno. */
static int receive(struct stream *s, uint32_t size)
{
	ssize_t n = recv(s->fd, s->in + s->received, size - s->received, MSG_DONTWAIT);

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	s->received += (uint32_t)n;
	return 0;
}

static int read_welcome(struct stream *s, uint64_t deadline_ns)
{
	int err;

	s->received = 0;
	while (s->received < WIRE_HELLO_SIZE) {
		err = receive(s, WIRE_HELLO_SIZE);
		if (err == -EAGAIN)
			err = wait_ready(s->fd, POLLIN, deadline_ns);
		if (err)
			return err;
	}
	s->answer = (struct stream_header){0};
	err = wire_hello_decode(&s->welcome, WIRE_WELCOME, s->in, WIRE_HELLO_SIZE);
	return err ? -EPROTO : 0;
}

int stream_connect(struct stream *s, const struct address *to, uint64_t deadline_ns)
{
	int err;

	assert(to->local);
	if (s->fd >= 0)
		return 0;
	for (;;) {
		s->fd = address_connect(to);
		if (s->fd != -EAGAIN || clock_now() >= deadline_ns)
			break;
		clock_sleep(BACKLOG_PAUSE_NS);
	}
	err = s->fd < 0 ? s->fd : read_welcome(s, deadline_ns);
	if (err)
		stream_close(s);
	return err;
}

void stream_request(struct stream *s, enum wire_request kind, const uint8_t *data, uint32_t size,
		    uint64_t timeout_us)
{
	const struct stream_header header = {
		.size = size,
		.code = (uint8_t)kind,
		.id = ++s->id,
		.time_us = timeout_us < WIRE_WAIT_US_MAX ? timeout_us : WIRE_WAIT_US_MAX,
	};

	assert(size <= WIRE_MESSAGE_SIZE_MAX);
	stream_header_encode(&header, STREAM_CLIENT, s->header);
	s->data = data;
	s->size = STREAM_HEADER_SIZE + size;
	s->sent = 0;
	s->received = 0;
	s->answer = (struct stream_header){0};
}

/* The rest of header and data in one call. An iovec is written to by nobody who only sends. */
static ssize_t send_some(struct stream *s)
{
	uint32_t data_sent = s->sent < STREAM_HEADER_SIZE ? 0 : s->sent - STREAM_HEADER_SIZE;
	uint32_t header_sent = s->sent - data_sent;
	const uint8_t *data = s->data ? s->data + data_sent : NULL;
	struct iovec part[2] = {
		{s->header + header_sent, STREAM_HEADER_SIZE - header_sent},
		{NULL, s->size - STREAM_HEADER_SIZE - data_sent},
	};
	struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};

	memcpy(&part[1].iov_base, &data, sizeof(data));
	return sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int move_out(struct stream *s)
{
	while (s->sent < s->size) {
		ssize_t n = send_some(s);

		if (n >= 0)
			s->sent += (uint32_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	/* No node has an answer to what it has only now been sent. */
	return -EAGAIN;
}

/* True: a header and all that it announces are here. */
static int take_whole(struct stream *s, bool *whole)
{
	struct stream_header answer;
	uint32_t size;

	*whole = false;
	if (s->received < STREAM_HEADER_SIZE)
		return 0;
	if (stream_header_decode(&answer, STREAM_NODE, s->in) || answer.id != s->id)
		return -EPROTO;
	size = STREAM_HEADER_SIZE + answer.size;
	if (size > s->in_max || (s->received > size && !answer.more))
		return -EPROTO;
	*whole = s->received >= size;
	if (*whole)
		s->answer = answer;
	return 0;
}

static int move_in(struct stream *s)
{
	bool whole;
	int err = take_whole(s, &whole);

	while (!err && !whole) {
		err = receive(s, s->in_max);
		if (!err)
			err = take_whole(s, &whole);
	}
	return err;
}

void stream_next(struct stream *s)
{
	uint32_t size = STREAM_HEADER_SIZE + s->answer.size;

	assert(s->answer.more && s->received >= size);
	s->received -= size;
	memmove(s->in, s->in + size, s->received);
	s->answer = (struct stream_header){0};
}

int stream_move(struct stream *s)
{
	int err = s->sent < s->size ? move_out(s) : move_in(s);

	if (err && err != -EAGAIN)
		stream_close(s);
	return err;
}

short stream_events(const struct stream *s)
{
	return s->sent < s->size ? POLLOUT : POLLIN;
}

int stream_wait(struct stream *s, uint64_t deadline_ns)
{
	int err;

	while ((err = stream_move(s)) == -EAGAIN) {
		err = wait_ready(s->fd, stream_events(s), deadline_ns);
		if (err) {
			stream_close(s);
			break;
		}
	}
	return err;
}

const uint8_t *stream_data(const struct stream *s)
{
	return s->in + STREAM_HEADER_SIZE;
}
