#include "metrics/exchange.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Beside the index of the snapshot that lies between the two sides. */
enum { FRESH = 4 };

struct metrics_exchange {
	/* Written by readers, read by each turn of the loop: a line of their own. */
	_Alignas(64) _Atomic uint32_t asked; /* how many requests there were */
	_Atomic uint32_t ticket;             /* how many confirmations were asked for */

	/* Written by the loop. */
	_Alignas(64) _Atomic uint32_t answered; /* the requests that the newest snapshot is for */
	_Atomic uint32_t confirmed;
	_Atomic uint32_t turn; /* what readers sleep on: grows with either */
	_Atomic bool attached;
	uint32_t taken; /* `asked` when the snapshot at hand was begun */
	uint32_t back;
	uint64_t next_ns;

	_Alignas(64) _Atomic uint32_t between;
	pthread_mutex_t readers; /* readers among themselves, never the loop */
	uint32_t front;
	struct metrics snapshot[3];
};

int metrics_exchange_create(struct metrics_exchange **out, const struct metrics *first)
{
	struct metrics_exchange *x = aligned_alloc(64, (sizeof(*x) + 63) / 64 * 64);

	if (!x)
		return -ENOMEM;
	*x = (struct metrics_exchange){.front = 0, .back = 1};
	atomic_init(&x->between, 2);
	x->snapshot[0] = *first;
	pthread_mutex_init(&x->readers, NULL);
	*out = x;
	return 0;
}

void metrics_exchange_destroy(struct metrics_exchange *x)
{
	pthread_mutex_destroy(&x->readers);
	free(x);
}

static void wake(struct metrics_exchange *x)
{
	atomic_fetch_add(&x->turn, 1);
	syscall(SYS_futex, &x->turn, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void metrics_exchange_attach(struct metrics_exchange *x)
{
	atomic_store(&x->attached, true);
}

void metrics_exchange_detach(struct metrics_exchange *x)
{
	atomic_store(&x->attached, false);
	wake(x);
}

bool metrics_exchange_wanted(const struct metrics_exchange *x, uint64_t now_ns)
{
	return atomic_load_explicit(&x->asked, memory_order_acquire) !=
		       atomic_load_explicit(&x->answered, memory_order_relaxed) &&
	       now_ns >= x->next_ns;
}

struct metrics *metrics_exchange_begin(struct metrics_exchange *x)
{
	x->taken = atomic_load_explicit(&x->asked, memory_order_acquire);
	return &x->snapshot[x->back];
}

void metrics_exchange_publish(struct metrics_exchange *x, uint64_t now_ns)
{
	x->next_ns = now_ns + METRICS_PUBLISH_NS;
	x->back = atomic_exchange(&x->between, x->back | FRESH) & ~(uint32_t)FRESH;
	atomic_store(&x->answered, x->taken);
	wake(x);
}

uint32_t metrics_exchange_ticket(const struct metrics_exchange *x)
{
	uint32_t ticket = atomic_load_explicit(&x->ticket, memory_order_acquire);

	return ticket != atomic_load_explicit(&x->confirmed, memory_order_relaxed) ? ticket : 0;
}

void metrics_exchange_confirmed(struct metrics_exchange *x, uint32_t ticket)
{
	atomic_store(&x->confirmed, ticket);
	wake(x);
}

/*
 * True once `reached` is at or past `want`, in numbers that wrap. False after the deadline, and if
 * the loop is gone.
 */
static bool reach(struct metrics_exchange *x, _Atomic uint32_t *reached, uint32_t want,
		  uint64_t deadline_ns)
{
	for (;;) {
		uint32_t turn = atomic_load(&x->turn);
		uint64_t now = clock_now(), left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec wait = {.tv_sec = (time_t)(left / 1000000000u),
					.tv_nsec = (long)(left % 1000000000u)};

		if ((int32_t)(atomic_load(reached) - want) >= 0)
			return true;
		if (!left || !atomic_load(&x->attached))
			return false;
		/* Returns at once if the loop has turned since `turn` was read. */
		syscall(SYS_futex, &x->turn, FUTEX_WAIT_PRIVATE, turn, &wait, NULL, 0);
	}
}

const struct metrics *metrics_exchange_hold(struct metrics_exchange *x)
{
	pthread_mutex_lock(&x->readers);
	if (atomic_load(&x->between) & FRESH)
		x->front = atomic_exchange(&x->between, x->front) & ~(uint32_t)FRESH;
	return &x->snapshot[x->front];
}

void metrics_exchange_release(struct metrics_exchange *x)
{
	pthread_mutex_unlock(&x->readers);
}

int metrics_exchange_read(struct metrics_exchange *x, uint64_t timeout_ns, struct metrics *out)
{
	int err = 0;

	if (!atomic_load(&x->attached)) {
		err = -EAGAIN;
	} else {
		uint32_t want = atomic_fetch_add(&x->asked, 1) + 1;

		if (!reach(x, &x->answered, want, clock_now() + timeout_ns))
			err = -ETIMEDOUT;
	}
	*out = *metrics_exchange_hold(x);
	metrics_exchange_release(x);
	return err;
}

int metrics_exchange_confirm(struct metrics_exchange *x, uint64_t timeout_ns)
{
	uint32_t want;

	if (!atomic_load(&x->attached))
		return -EAGAIN;
	/* 0 says that none is open: that one is passed over. */
	do
		want = atomic_fetch_add(&x->ticket, 1) + 1;
	while (!want);
	return reach(x, &x->confirmed, want, clock_now() + timeout_ns) ? 0 : -ETIMEDOUT;
}
