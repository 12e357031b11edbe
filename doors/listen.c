/*
 * Who may connect to the local socket. There are CALLS_MAX places: beyond them, or out of
 * descriptors, clients wait in the socket's backlog and cost nothing. While some do, a client that
 * asks for nothing, or takes nothing of its answer, from one tick to the next gives its place up.
 */
#include "doors/calls_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

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

int listen_create(struct calls *s, char error[CALLS_ERROR_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int err;

	memcpy(address.sun_path, s->path, sizeof(s->path));
	if (lstat(s->path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode) || socket_alive(&address)) {
			snprintf(error, CALLS_ERROR_MAX,
				 "%s: in use by another process, or not a socket: set admin-socket "
				 "to another path",
				 s->path);
			return -EADDRINUSE;
		}
		unlink(s->path);
	}
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	err = s->listener < 0 ||
			      bind(s->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			      listen(s->listener, CALLS_MAX) < 0
		      ? -errno
		      : 0;
	umask(mask);
	if (err)
		snprintf(error, CALLS_ERROR_MAX, "%s: %s: cannot listen there", s->path,
			 strerror(-err));
	return err;
}

static void let_wait(struct calls *s, bool wait)
{
	const struct itimerspec tick = {.it_interval.tv_sec = wait, .it_value.tv_sec = wait};
	struct epoll_event event = {.events = wait ? 0 : EPOLLIN, .data.ptr = &s->listener};
	int err;

	if (s->waiting == wait)
		return;
	s->waiting = wait;
	err = epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->listener, &event);
	if (!err)
		err = timerfd_settime(s->tick, 0, &tick, NULL);
	assert(err == 0);
}

static struct connection *place_free(struct calls *s)
{
	for (int i = 0; i < CALLS_MAX; i++) {
		if (s->connection[i].state == CONNECTION_FREE)
			return &s->connection[i];
	}
	return NULL;
}

void listen_accept(struct calls *s)
{
	struct connection *c = place_free(s);
	int fd = c ? accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;

	if (fd >= 0)
		connection_open(s, c, fd);
	else if (!c || (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR))
		let_wait(s, true);
}

void listen_again(struct calls *s)
{
	if (s->freed)
		let_wait(s, false);
	s->freed = false;
}

void listen_tick(struct calls *s)
{
	uint64_t count;

	if (read(s->tick, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	for (int i = 0; i < CALLS_MAX; i++) {
		struct connection *c = &s->connection[i];

		/* What it may have sent meanwhile is its word. */
		if (c->state == CONNECTION_READING && c->silent)
			connection_read(s, c);
		if ((c->state == CONNECTION_READING || c->state == CONNECTION_WRITING) && c->silent)
			connection_close(s, c);
		else
			c->silent = true;
	}
	let_wait(s, false); /* there may be descriptors by now */
}
