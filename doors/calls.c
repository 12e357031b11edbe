/*
 * The local socket: what is ready, and the rings to the loop and back.
 */
#include "doors/calls_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static_assert(CALLS_MAX <= (int)RING_SIZE, "a ring holds every call there is");

struct call *calls_take(struct calls *s)
{
	return ring_take(&s->to_node);
}

void calls_give(struct calls *s, struct call *call)
{
	uint64_t one = 1;
	bool put = ring_put(&s->from_node, call);

	assert(put);
	/* The counter cannot overflow: CALLS_MAX calls are all there are. */
	if (write(s->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

void calls_set_welcome(struct calls *s, const struct door_welcome *welcome)
{
	atomic_store_explicit(&s->cluster_id, welcome->cluster_id, memory_order_relaxed);
	atomic_store_explicit(&s->member_id, welcome->member_id, memory_order_relaxed);
	atomic_store_explicit(&s->base, welcome->base, memory_order_release);
}

void calls_trouble_get(const struct calls *s, struct calls_trouble *out)
{
	out->told = atomic_load_explicit(&s->told, memory_order_relaxed);
	out->starved = atomic_load_explicit(&s->starved, memory_order_relaxed);
}

static void take_answers(struct calls *s)
{
	struct connection *c;
	uint64_t count;

	if (read(s->wake, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	while ((c = ring_take(&s->from_node)))
		connection_resume(s, c);
}

static void connection_ready(struct calls *s, struct connection *c, uint32_t events)
{
	switch (c->state) {
	case CONNECTION_FREE:
		break;
	case CONNECTION_READING:
		connection_read(s, c);
		break;
	case CONNECTION_CALLING:
		/* Its request may have been read since these events were taken, by a tick. */
		if (events & (EPOLLHUP | EPOLLERR))
			connection_hung_up(s, c);
		break;
	case CONNECTION_WRITING:
		connection_write(s, c);
		break;
	}
}

static void *thread_main(void *argument)
{
	struct calls *s = argument;
	struct epoll_event event[16];

	while (!atomic_load(&s->stopping)) {
		int count = epoll_wait(s->epoll, event, 16, -1);

		for (int i = 0; i < count; i++) {
			if (event[i].data.ptr == &s->wake)
				take_answers(s);
			else if (event[i].data.ptr == &s->listener)
				listen_accept(s);
			else if (event[i].data.ptr == &s->tick)
				listen_tick(s);
			else
				connection_ready(s, event[i].data.ptr, event[i].events);
		}
		listen_again(s);
	}
	/* The loop's last answers, which this thread did not hear before it was told to end. */
	take_answers(s);
	return NULL;
}

static int start_thread(struct calls *s)
{
	struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &s->wake};
	struct epoll_event listener = {.events = EPOLLIN, .data.ptr = &s->listener};
	struct epoll_event tick = {.events = EPOLLIN, .data.ptr = &s->tick};

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->epoll < 0 || s->wake < 0 || s->tick < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->wake, &wake) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->tick, &tick) ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &listener))
		return -errno;
	return -pthread_create(&s->thread, NULL, thread_main, s);
}

static void release(struct calls *s)
{
	for (int i = 0; i < CALLS_PLACES; i++) {
		if (s->connection[i].state != CONNECTION_FREE)
			close(s->connection[i].fd);
	}
	if (s->listener >= 0) {
		close(s->listener);
		unlink(s->path);
	}
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->wake >= 0)
		close(s->wake);
	if (s->tick >= 0)
		close(s->tick);
	if (s->memory)
		munmap(s->memory, 2ull * CALLS_PLACES * WIRE_MESSAGE_SIZE_MAX);
	free(s);
}

int calls_create(struct calls **out, const char *path, const struct door_welcome *welcome,
		 char error[CALLS_ERROR_MAX])
{
	struct calls *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	int err;

	snprintf(error, CALLS_ERROR_MAX, "admin socket: out of memory");
	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->listener = s->epoll = s->wake = s->tick = -1;
	calls_set_welcome(s, welcome);
	assert(strlen(path) < sizeof(s->path));
	memcpy(s->path, path, strlen(path));
	/* Pages that no call touches cost nothing. */
	s->memory = mmap(NULL, 2ull * CALLS_PLACES * WIRE_MESSAGE_SIZE_MAX, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory == MAP_FAILED) {
		free(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < CALLS_PLACES; i++) {
		s->connection[i].call.data = s->memory + 2 * i * WIRE_MESSAGE_SIZE_MAX;
		s->connection[i].call.answer = s->memory + (2 * i + 1) * WIRE_MESSAGE_SIZE_MAX;
	}
	err = listen_create(s, error);
	if (err)
		goto err_release;
	err = start_thread(s);
	if (err) {
		snprintf(error, CALLS_ERROR_MAX, "admin socket: %s", strerror(-err));
		goto err_release;
	}
	*out = s;
	return 0;

err_release:
	release(s);
	return err;
}

void calls_destroy(struct calls *s)
{
	uint64_t one = 1;

	atomic_store(&s->stopping, true);
	if (write(s->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
	pthread_join(s->thread, NULL);
	release(s);
}
