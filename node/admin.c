/*
 * The admin socket's thread: an epoll loop over bounded connections.
 *
 * A connection is READING (the thread's), CALLING (its call is the loop's) or WRITING (the
 * thread's). One that the client closes while CALLING is kept until its call comes back.
 */
#include "node/admin.h"

#include "base/ring.h"
#include "dataplane/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_READING,
	CONNECTION_CALLING,
	CONNECTION_WRITING
};

struct connection {
	struct admin_call call; /* first: a call is its connection */
	enum connection_state state;
	int fd;
	bool closing; /* the client went away while CALLING */
	uint8_t header[STREAM_HEADER_SIZE];
	uint32_t moved; /* bytes of header and then data that were read or written */
};

struct admin {
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	uint64_t cluster_id, member_id;
	_Atomic uint64_t base;
	_Atomic bool stopping;
	int listener, epoll, wake;
	pthread_t thread;
	struct ring to_node, from_node;
	struct connection connection[ADMIN_CALLS_MAX];
	uint8_t *memory; /* of all calls' data and answers */
};

static_assert(ADMIN_CALLS_MAX <= (int)RING_SIZE, "a ring holds every call there is");

struct admin_call *admin_take(struct admin *a)
{
	return ring_take(&a->to_node);
}

void admin_give(struct admin *a, struct admin_call *call)
{
	uint64_t one = 1;
	bool put = ring_put(&a->from_node, call);

	assert(put);
	/* The counter cannot overflow: ADMIN_CALLS_MAX calls are all there are. */
	if (write(a->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

void admin_set_base(struct admin *a, uint64_t index)
{
	atomic_store_explicit(&a->base, index, memory_order_release);
}

static void connection_watch(struct admin *a, struct connection *c, uint32_t events, int operation)
{
	struct epoll_event event = {.events = events, .data.ptr = c};
	int error = epoll_ctl(a->epoll, operation, c->fd, &event);

	assert(error == 0);
}

static void connection_close(struct connection *c)
{
	if (c->state == CONNECTION_CALLING) {
		c->closing = true;
		return;
	}
	close(c->fd);
	c->state = CONNECTION_FREE;
}

static void accept_one(struct admin *a)
{
	uint8_t welcome[WIRE_HELLO_SIZE];
	struct wire_hello hello = {
		.cluster_id = a->cluster_id,
		.member_id = a->member_id,
		.applied_index = atomic_load_explicit(&a->base, memory_order_acquire),
	};
	int fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < ADMIN_CALLS_MAX; i++) {
		struct connection *c = &a->connection[i];

		if (c->state != CONNECTION_FREE)
			continue;
		c->state = CONNECTION_READING;
		c->fd = fd;
		c->closing = false;
		c->moved = 0;
		connection_watch(a, c, EPOLLIN, EPOLL_CTL_ADD);
		wire_hello_encode(&hello, WIRE_WELCOME, welcome);
		/*
		 * A fresh socket's buffer has room for 64 bytes; a client that is gone shows at the
		 * read.
		 */
		if (send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL) != (ssize_t)sizeof(welcome))
			connection_close(c);
		return;
	}
	close(fd);
}

/* False: the header is malformed. */
static bool header_decode(struct connection *c)
{
	struct stream_header header;

	if (stream_header_decode(&header, c->header))
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
		.id = c->call.id,
		.time_us = c->call.retry_after_us,
	};

	stream_header_encode(&header, c->header);
}

static void connection_read(struct admin *a, struct connection *c)
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
			connection_close(c);
			return;
		}
		c->moved += (uint32_t)n;
		if (in_header && c->moved == STREAM_HEADER_SIZE && !header_decode(c)) {
			connection_close(c);
			return;
		}
		if (c->moved >= STREAM_HEADER_SIZE &&
		    c->moved == STREAM_HEADER_SIZE + c->call.size) {
			bool put;

			c->state = CONNECTION_CALLING;
			connection_watch(a, c, 0, EPOLL_CTL_MOD); /* EPOLLHUP still comes */
			put = ring_put(&a->to_node, &c->call);
			assert(put);
			return;
		}
	}
}

static void connection_write(struct admin *a, struct connection *c)
{
	uint32_t whole = STREAM_HEADER_SIZE + c->call.answer_size;

	while (c->moved < whole) {
		bool in_header = c->moved < STREAM_HEADER_SIZE;
		const uint8_t *from = in_header ? c->header + c->moved
						: c->call.answer + (c->moved - STREAM_HEADER_SIZE);
		uint32_t left = (in_header ? STREAM_HEADER_SIZE : whole) - c->moved;
		ssize_t n = send(c->fd, from, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			connection_watch(a, c, EPOLLOUT, EPOLL_CTL_MOD);
			return;
		}
		if (n <= 0) {
			connection_close(c);
			return;
		}
		c->moved += (uint32_t)n;
	}
	c->state = CONNECTION_READING;
	c->moved = 0;
	connection_watch(a, c, EPOLLIN, EPOLL_CTL_MOD);
}

static void take_answers(struct admin *a)
{
	uint64_t count;
	struct connection *c;

	if (read(a->wake, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	while ((c = ring_take(&a->from_node))) {
		assert(c->state == CONNECTION_CALLING);
		c->state = CONNECTION_WRITING;
		c->moved = 0;
		if (c->closing) {
			connection_close(c);
			continue;
		}
		header_encode(c);
		connection_write(a, c);
	}
}

static void *admin_main(void *argument)
{
	struct admin *a = argument;
	struct epoll_event event[16];

	while (!atomic_load(&a->stopping)) {
		int count = epoll_wait(a->epoll, event, 16, -1);

		for (int i = 0; i < count; i++) {
			struct connection *c = event[i].data.ptr;

			if (event[i].data.ptr == &a->wake)
				take_answers(a);
			else if (event[i].data.ptr == &a->listener)
				accept_one(a);
			else if (c->state == CONNECTION_READING)
				connection_read(a, c);
			else if (c->state == CONNECTION_WRITING)
				connection_write(a, c);
			else if (c->state == CONNECTION_CALLING) {
				epoll_ctl(a->epoll, EPOLL_CTL_DEL, c->fd, NULL);
				c->closing = true;
			}
		}
	}
	return NULL;
}

/* True if somebody answers there. */
static bool socket_alive(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

static int admin_listen(struct admin *a, char error[ADMIN_ERROR_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int result;

	memcpy(address.sun_path, a->path, sizeof(a->path));
	if (lstat(a->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || socket_alive(&address)) {
			snprintf(error, ADMIN_ERROR_MAX,
				 "%s: in use by another process, or not a socket: set admin-socket "
				 "to another path",
				 a->path);
			return -EADDRINUSE;
		}
		unlink(a->path);
	}
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	result = a->listener < 0 ||
				 bind(a->listener, (struct sockaddr *)&address, sizeof(address)) <
					 0 ||
				 listen(a->listener, ADMIN_CALLS_MAX) < 0
			 ? -errno
			 : 0;
	umask(mask);
	if (result)
		snprintf(error, ADMIN_ERROR_MAX, "%s: %s: cannot listen there", a->path,
			 strerror(-result));
	return result;
}

static int admin_start(struct admin *a)
{
	struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &a->wake};
	struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &a->listener};

	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->epoll < 0 || a->wake < 0 || epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->wake, &wake) ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->listener, &listener))
		return -errno;
	return -pthread_create(&a->thread, NULL, admin_main, a);
}

static void admin_release(struct admin *a)
{
	for (int i = 0; i < ADMIN_CALLS_MAX; i++) {
		if (a->connection[i].state != CONNECTION_FREE)
			close(a->connection[i].fd);
	}
	if (a->listener >= 0) {
		close(a->listener);
		unlink(a->path);
	}
	if (a->epoll >= 0)
		close(a->epoll);
	if (a->wake >= 0)
		close(a->wake);
	if (a->memory)
		munmap(a->memory, 2ull * ADMIN_CALLS_MAX * WIRE_MESSAGE_SIZE_MAX);
	free(a);
}

int admin_create(struct admin **out, const char *path, uint64_t cluster_id, uint64_t member_id,
		 char error[ADMIN_ERROR_MAX])
{
	struct admin *a = aligned_alloc(64, (sizeof(*a) + 63) / 64 * 64);
	int result;

	snprintf(error, ADMIN_ERROR_MAX, "admin socket: out of memory");
	if (!a)
		return -ENOMEM;
	memset(a, 0, sizeof(*a));
	a->listener = a->epoll = a->wake = -1;
	a->cluster_id = cluster_id;
	a->member_id = member_id;
	assert(strlen(path) < sizeof(a->path));
	memcpy(a->path, path, strlen(path));
	/* Pages that no call touches cost nothing. */
	a->memory =
		mmap(NULL, 2ull * ADMIN_CALLS_MAX * WIRE_MESSAGE_SIZE_MAX, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->memory == MAP_FAILED) {
		free(a);
		return -ENOMEM;
	}
	for (size_t i = 0; i < ADMIN_CALLS_MAX; i++) {
		a->connection[i].call.data = a->memory + 2 * i * WIRE_MESSAGE_SIZE_MAX;
		a->connection[i].call.answer = a->memory + (2 * i + 1) * WIRE_MESSAGE_SIZE_MAX;
	}
	result = admin_listen(a, error);
	if (result)
		goto err_release;
	result = admin_start(a);
	if (result) {
		snprintf(error, ADMIN_ERROR_MAX, "admin socket: %s", strerror(-result));
		goto err_release;
	}
	*out = a;
	return 0;

err_release:
	admin_release(a);
	return result;
}

void admin_destroy(struct admin *a)
{
	uint64_t one = 1;

	atomic_store(&a->stopping, true);
	if (write(a->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
	pthread_join(a->thread, NULL);
	admin_release(a);
}
