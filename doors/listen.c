/*
 * Who may connect to the local socket. There are CALLS_MAX places: beyond them, or out of
 * descriptors, clients wait in the socket's backlog and cost nothing. For each that does, a client
 * that asks for nothing, or that sends or takes next to nothing, gives its place up: the one that
 * asked longest ago. If nobody does, who comes is told that the socket is full, as an answer to its
 * request.
 */
#include "doors/calls_internal.h"

#include "base/socket_file.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TICK_NS 100000000

int listen_create(struct calls *s, char error[CALLS_ERROR_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int err = socket_file_look(s->path, SOCK_STREAM);

	if (err == -EADDRINUSE || err == -EEXIST) {
		snprintf(error, CALLS_ERROR_MAX,
			 "%s: in use by another process, or not a socket: set admin-socket to "
			 "another path",
			 s->path);
		return -EADDRINUSE;
	}
	if (err) {
		snprintf(error, CALLS_ERROR_MAX,
			 "%s: %s: cannot say whether another process listens there", s->path,
			 strerror(-err));
		return err;
	}
	unlink(s->path);
	memcpy(address.sun_path, s->path, sizeof(s->path));
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

static void tick_run(struct calls *s, bool run)
{
	const struct itimerspec tick = {.it_interval.tv_nsec = run ? TICK_NS : 0,
					.it_value.tv_nsec = run ? TICK_NS : 0};
	int err;

	if (s->ticking == run)
		return;
	s->ticking = run;
	s->full_ticks = 0;
	for (int i = 0; i < CALLS_MAX; i++)
		connection_step(&s->connection[i]);
	err = timerfd_settime(s->tick, 0, &tick, NULL);
	assert(err == 0);
}

static void let_wait(struct calls *s, bool wait)
{
	struct epoll_event event = {.events = wait ? 0 : EPOLLIN, .data.ptr = &s->listener};
	int err;

	if (wait)
		tick_run(s, true);
	if (s->waiting == wait)
		return;
	s->waiting = wait;
	err = epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->listener, &event);
	assert(err == 0);
}

static struct connection *place_free(struct calls *s, int first, int end)
{
	for (int i = first; i < end; i++) {
		if (s->connection[i].state == CONNECTION_FREE)
			return &s->connection[i];
	}
	return NULL;
}

void listen_accept(struct calls *s)
{
	struct connection *c = place_free(s, 0, CALLS_MAX);
	int fd;

	/* All have been at work for a while, and may be for long: it is told so, and not left. */
	if (!c && s->full_ticks >= CALLS_FULL_TICKS)
		c = place_free(s, CALLS_MAX, CALLS_PLACES);
	fd = c ? accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
	if (fd >= 0) {
		atomic_store_explicit(&s->starved, false, memory_order_relaxed);
		connection_open(s, c, fd);
	} else if (!c) {
		let_wait(s, true);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		atomic_store_explicit(&s->starved, true, memory_order_relaxed);
		let_wait(s, true);
	}
}

void listen_again(struct calls *s)
{
	if (s->freed)
		let_wait(s, false);
	s->freed = false;
}

static bool gives_way(const struct connection *c)
{
	bool idle = c->state == CONNECTION_READING && c->moved == 0 && !c->asked;

	return (c->state == CONNECTION_READING || c->state == CONNECTION_WRITING) &&
	       c->ticks >= (idle ? CALLS_IDLE_TICKS : CALLS_SLOW_TICKS);
}

static bool somebody_waits(const struct calls *s)
{
	struct pollfd p = {.fd = s->listener, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static bool somebody_is_told(const struct calls *s)
{
	for (int i = CALLS_MAX; i < CALLS_PLACES; i++) {
		if (s->connection[i].state != CONNECTION_FREE)
			return true;
	}
	return false;
}

static struct connection *longest_silent(struct calls *s)
{
	struct connection *found = NULL;

	for (int i = 0; i < CALLS_MAX; i++) {
		struct connection *c = &s->connection[i];

		if (gives_way(c) && (!found || c->turn < found->turn))
			found = c;
	}
	return found;
}

/* No more are sent away than there are who wait, for a place or a descriptor. */
static void make_way(struct calls *s)
{
	while (somebody_waits(s)) {
		struct connection *c;

		if (place_free(s, 0, CALLS_MAX)) {
			listen_accept(s);
			if (!atomic_load_explicit(&s->starved, memory_order_relaxed))
				continue;
		}
		c = longest_silent(s);
		if (!c)
			return;
		connection_close(s, c);
		/* In the middle of an answer: it goes when the loop gives that back. */
		if (c->state != CONNECTION_FREE)
			return;
	}
}

void listen_tick(struct calls *s)
{
	uint64_t count;

	if (read(s->tick, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	for (int i = 0; i < CALLS_PLACES; i++) {
		struct connection *c = &s->connection[i];

		c->ticks++;
		/* What it may have sent meanwhile is its word. */
		if (gives_way(c) && c->state == CONNECTION_READING)
			connection_read(s, c);
		if (i >= CALLS_MAX && gives_way(c))
			connection_close(s, c);
	}
	make_way(s);
	s->full_ticks++;
	if (place_free(s, 0, CALLS_MAX))
		s->full_ticks = 0;
	if (!somebody_waits(s) && !somebody_is_told(s))
		tick_run(s, false);
	let_wait(s, false); /* there may be descriptors by now */
}
