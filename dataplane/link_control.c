/*
 * The lock between the polling thread and memif's control channel: link_control.h says why and how.
 */
#include "dataplane/link_control.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_interrupts.h>

enum { SLOTS_MAX = 128 }; /* a listener and two connections for each of DP_PORTS_MAX, and spare */

/* One callback of a driver, as EAL knows it through us. */
struct slot {
	atomic_bool used;
	bool cancelled; /* unregistering is pending: not to be called (invariant 3) */
	bool deferred;  /* registered from within a callback, not yet handed on */
	const struct rte_intr_handle *handle; /* deferred: what to hand on */
	int fd;
	rte_intr_callback_fn callback;
	rte_intr_unregister_callback_fn gone;
	void *argument;
	atomic_bool *alive; /* under alive_lock while the slot is used */
	const void *owner;  /* link_control_own */
};

static struct slot slots[SLOTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t alive_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint wanted; /* so many wait: the polling thread lets them in */
static atomic_uint_least64_t events;
static atomic_uint_least64_t registrations;
static atomic_bool *watched; /* by whoever holds the lock */
static const void *owning;   /* likewise */
static _Thread_local bool in_callback;
static _Thread_local const void *callback_owner;
static _Thread_local bool impatient; /* connects without waiting: invariant 4 */

bool link_control_try(void)
{
	if (atomic_load_explicit(&wanted, memory_order_relaxed) > 0)
		return false;
	return pthread_mutex_trylock(&lock) == 0;
}

void link_control_enter(void)
{
	atomic_fetch_add(&wanted, 1);
	int err = pthread_mutex_lock(&lock);
	assert(err == 0);
	atomic_fetch_sub(&wanted, 1);
}

void link_control_leave(void)
{
	watched = NULL;
	owning = NULL;
	impatient = false;
	int err = pthread_mutex_unlock(&lock);
	assert(err == 0);
}

/*
 * A lock of its own: EAL tells us that a callback is gone with its own lock held, and that one is
 * taken with ours held. Nothing is called under it.
 */
static void alive_enter(void)
{
	int err = pthread_mutex_lock(&alive_lock);
	assert(err == 0);
}

static void alive_leave(void)
{
	int err = pthread_mutex_unlock(&alive_lock);
	assert(err == 0);
}

void link_control_watch(atomic_bool *alive)
{
	watched = alive;
	impatient = true;
}

void link_control_forget(const atomic_bool *alive)
{
	alive_enter();
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (slots[i].alive == alive)
			slots[i].alive = NULL;
	alive_leave();
}

uint64_t link_control_events(void)
{
	return atomic_load_explicit(&events, memory_order_acquire);
}

uint64_t link_control_registrations(void)
{
	return atomic_load(&registrations);
}

/* The function of this name in librte_eal, or in libc, behind ours. */
static void real(const char *name, void *function, size_t size)
{
	void *found = dlsym(RTLD_NEXT, name);
	assert(found != NULL);
	assert(size == sizeof(found));
	memcpy(function, &found, sizeof(found));
}

static int real_register(const struct rte_intr_handle *handle, rte_intr_callback_fn callback,
			 void *argument)
{
	static int (*function)(const struct rte_intr_handle *, rte_intr_callback_fn, void *);
	if (function == NULL)
		real("rte_intr_callback_register", &function, sizeof(function));
	return function(handle, callback, argument);
}

static int real_unregister(const struct rte_intr_handle *handle, rte_intr_callback_fn callback,
			   void *argument)
{
	static int (*function)(const struct rte_intr_handle *, rte_intr_callback_fn, void *);
	if (function == NULL)
		real("rte_intr_callback_unregister", &function, sizeof(function));
	return function(handle, callback, argument);
}

static int real_unregister_pending(const struct rte_intr_handle *handle,
				   rte_intr_callback_fn callback, void *argument,
				   rte_intr_unregister_callback_fn gone)
{
	static int (*function)(const struct rte_intr_handle *, rte_intr_callback_fn, void *,
			       rte_intr_unregister_callback_fn);
	if (function == NULL)
		real("rte_intr_callback_unregister_pending", &function, sizeof(function));
	return function(handle, callback, argument, gone);
}

static int real_connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	static int (*function)(int, __CONST_SOCKADDR_ARG, socklen_t);
	static atomic_bool found;

	if (!atomic_load(&found)) {
		real("connect", &function, sizeof(function));
		atomic_store(&found, true);
	}
	return function(fd, address, size);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	int flags = impatient ? fcntl(fd, F_GETFL) : -1;
	int err, why;

	if (flags < 0 || (flags & O_NONBLOCK) != 0)
		return real_connect(fd, address, size);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return -1;
	err = real_connect(fd, address, size);
	why = errno;
	/* What the driver does with it afterwards is as it was. */
	if (fcntl(fd, F_SETFL, flags) != 0)
		return -1;
	errno = why;
	return err;
}

static void slot_free(struct slot *s)
{
	alive_enter();
	if (s->alive != NULL)
		atomic_store(s->alive, false);
	s->alive = NULL;
	alive_leave();
	atomic_store(&s->used, false);
}

static struct slot *slot_find(rte_intr_callback_fn callback, const void *argument)
{
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (atomic_load(&slots[i].used) && slots[i].callback == callback &&
		    slots[i].argument == argument)
			return &slots[i];
	return NULL;
}

static void run(void *argument);

/* Registers what the callback that just ran has registered, unless it closed it again. */
static void deferred_hand_on(void)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *s = &slots[i];
		if (!atomic_load(&s->used) || !s->deferred)
			continue;
		s->deferred = false;
		if (fcntl(s->fd, F_GETFD) < 0 || real_register(s->handle, run, s) < 0)
			slot_free(s);
	}
}

/* On the control thread: one callback of a driver. */
static void run(void *argument)
{
	struct slot *s = argument;

	link_control_enter();
	if (!s->cancelled) {
		in_callback = true;
		callback_owner = s->owner;
		s->callback(s->argument);
		in_callback = false;
		deferred_hand_on();
	}
	atomic_fetch_add_explicit(&events, 1, memory_order_release);
	link_control_leave();
}

/* Of who is disowned: nobody else would close it. */
static void closed(struct rte_intr_handle *handle, void *argument)
{
	(void)argument;
	close(rte_intr_fd_get(handle));
}

/* On the control thread, without the lock: EAL has let go of the callback. */
static void gone(struct rte_intr_handle *handle, void *argument)
{
	struct slot *s = argument;
	rte_intr_unregister_callback_fn function = s->gone;
	void *driver_argument = s->argument;

	/* First: the driver frees its argument, and the next one may be at the same address. */
	slot_free(s);
	if (function != NULL)
		function(handle, driver_argument);
	atomic_fetch_add_explicit(&events, 1, memory_order_release);
}

int rte_intr_callback_register(const struct rte_intr_handle *handle, rte_intr_callback_fn callback,
			       void *argument)
{
	if (rte_intr_type_get(handle) != RTE_INTR_HANDLE_EXT || callback == NULL)
		return real_register(handle, callback, argument);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *s = &slots[i];
		if (atomic_load(&s->used))
			continue;
		s->cancelled = false;
		s->deferred = in_callback;
		s->handle = handle;
		s->fd = rte_intr_fd_get(handle);
		s->callback = callback;
		s->argument = argument;
		s->gone = NULL;
		s->alive = in_callback ? NULL : watched;
		s->owner = in_callback ? callback_owner : owning;
		atomic_store(&s->used, true);
		atomic_fetch_add(&registrations, 1);
		int err = s->deferred ? 0 : real_register(handle, run, s);
		if (err < 0)
			slot_free(s);
		else if (s->alive != NULL)
			atomic_store(s->alive, true);
		return err;
	}
	return -ENOMEM;
}

int rte_intr_callback_unregister(const struct rte_intr_handle *handle,
				 rte_intr_callback_fn callback, void *argument)
{
	struct slot *s = slot_find(callback, argument);
	if (s == NULL)
		return real_unregister(handle, callback, argument);
	int n = s->deferred ? 1 : real_unregister(handle, run, s);
	if (n > 0)
		slot_free(s);
	return n;
}

int rte_intr_callback_unregister_pending(const struct rte_intr_handle *handle,
					 rte_intr_callback_fn callback, void *argument,
					 rte_intr_unregister_callback_fn gone_function)
{
	struct slot *s = slot_find(callback, argument);
	if (s == NULL)
		return real_unregister_pending(handle, callback, argument, gone_function);
	s->cancelled = true;
	s->gone = gone_function;
	int n = real_unregister_pending(handle, run, s, gone);
	if (n <= 0)
		s->cancelled = false;
	return n;
}

/*
 * EAL lets go of a callback at once unless its thread is in it, and afterwards if it is: there it
 * waits for our lock, or is on its way out.
 */
static void slot_drop(struct slot *s)
{
	int fd = s->fd, done;

	s->cancelled = true;
	s->gone = closed;
	do {
		done = real_unregister(s->handle, run, s);
		if (done > 0) {
			slot_free(s);
			close(fd);
			return;
		}
		done = real_unregister_pending(s->handle, run, s, gone);
	} while (done == -EAGAIN);
}

void link_control_own(const void *owner)
{
	owning = owner;
}

void link_control_disown(const void *owner)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *s = &slots[i];

		/* What the driver has let go of itself goes as it said. */
		if (atomic_load(&s->used) && s->owner == owner && !s->cancelled)
			slot_drop(s);
	}
}
