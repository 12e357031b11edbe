/* One thread for all that is asked again and again: looks.h. */
#include "dataplane/looks.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* life: whoever begins or ends. list: also the thread, while it looks. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER, list = PTHREAD_MUTEX_INITIALIZER;
static struct look *first;
static pthread_t thread;
static int stop = -1;

static void enter(pthread_mutex_t *lock)
{
	int err = pthread_mutex_lock(lock);

	assert(err == 0);
}

static void leave(pthread_mutex_t *lock)
{
	int err = pthread_mutex_unlock(lock);

	assert(err == 0);
}

static void round_make(void)
{
	enter(&list);
	for (struct look *l = first; l; l = l->next) {
		if (l->due == 0) {
			l->make(l->context);
			l->due = l->every;
		}
		l->due--;
	}
	leave(&list);
}

static void *looks_thread(void *nothing)
{
	struct pollfd ends = {.fd = stop, .events = POLLIN};

	(void)nothing;
	do
		round_make();
	while (poll(&ends, 1, LOOKS_MS) <= 0);
	return NULL;
}

static int thread_begin(void)
{
	sigset_t all, before;
	int err;

	stop = eventfd(0, EFD_CLOEXEC);
	if (stop < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, looks_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err == 0) {
		(void)pthread_setname_np(thread, "looks");
		return 0;
	}
	close(stop);
	return -err;
}

static void thread_end(void)
{
	int err = eventfd_write(stop, 1);

	assert(err == 0);
	err = pthread_join(thread, NULL);
	assert(err == 0);
	close(stop);
}

int looks_begin(struct look *look)
{
	bool alone;
	int err = 0;

	assert(look->every > 0);
	enter(&life);
	enter(&list);
	alone = !first;
	look->due = 0;
	look->next = first;
	first = look;
	leave(&list);
	if (alone)
		err = thread_begin();
	if (err)
		first = NULL;
	leave(&life);
	return err;
}

void looks_end(struct look *look)
{
	struct look **at = &first;

	enter(&life);
	enter(&list);
	while (*at && *at != look)
		at = &(*at)->next;
	assert(*at == look);
	*at = look->next;
	leave(&list);
	if (!first)
		thread_end();
	leave(&life);
}
