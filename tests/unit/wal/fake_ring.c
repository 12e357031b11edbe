#include "tests/unit/wal/fake_ring.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ENTRIES_MAX = 128, REQUESTS_MAX = 4096 };

static struct {
	struct io_uring *ring;
	struct io_uring_sqe sqes[ENTRIES_MAX];
	/* Its entries have a flexible member, so there is no array of them. */
	_Alignas(struct io_uring_cqe) uint8_t cqes[2 * ENTRIES_MAX * sizeof(struct io_uring_cqe)];
	unsigned sq_head, sq_tail, cq_head, cq_tail, flags;
	struct fake_request request[REQUESTS_MAX];
	uint32_t first, end; /* of request: [first, end) may be there */
	int refuse;
	uint32_t refuse_times;
	uint32_t limit;
	uint32_t limit_times;
	uint32_t entries;
} f;

void fake_ring_reset(void)
{
	memset(&f, 0, sizeof(f));
}

static struct fake_request *at(uint32_t i)
{
	for (uint32_t n = f.first; n < f.end; n++)
		if (f.request[n].there && i-- == 0)
			return &f.request[n];
	fail_msg("the kernel was asked for less");
	abort();
}

static struct io_uring_cqe *cqe_at(unsigned i)
{
	return (struct io_uring_cqe *)f.cqes + (i & f.ring->cq.ring_mask);
}

uint32_t fake_ring_count(void)
{
	uint32_t count = 0;

	for (uint32_t n = f.first; n < f.end; n++)
		count += f.request[n].there;
	return count;
}

const struct fake_request *fake_ring_at(uint32_t i)
{
	return at(i);
}

void fake_ring_lose(uint32_t i)
{
	at(i)->there = false;
}

void fake_ring_complete(uint32_t i, int32_t result)
{
	struct fake_request *r = at(i);
	struct io_uring_cqe *cqe = cqe_at(f.cq_tail);

	assert_true(f.cq_tail - f.cq_head <= f.ring->cq.ring_mask);
	cqe->user_data = r->user_data;
	cqe->res = result;
	cqe->flags = 0;
	f.cq_tail++;
	r->there = false;
	(void)eventfd_write(f.ring->ring_fd, 1);
}

void fake_ring_refuse(int result, uint32_t times)
{
	f.refuse = result;
	f.refuse_times = times;
}

void fake_ring_take_at_most(uint32_t entries, uint32_t times)
{
	f.limit = entries;
	f.limit_times = times;
}

void fake_ring_entries(uint32_t entries)
{
	f.entries = entries;
}

/* --- liburing ----------------------------------------------------------------------------- */

int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
	unsigned size = 1;

	if (f.entries > 0)
		entries = f.entries;
	while (size < entries)
		size *= 2;
	assert_true(size <= ENTRIES_MAX);
	memset(ring, 0, sizeof(*ring));
	f.ring = ring;
	ring->flags = flags;
	ring->ring_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->sq.khead = &f.sq_head;
	ring->sq.ktail = &f.sq_tail;
	ring->sq.kflags = &f.flags;
	ring->sq.sqes = f.sqes;
	ring->sq.ring_mask = size - 1;
	ring->sq.ring_entries = size;
	ring->cq.khead = &f.cq_head;
	ring->cq.ktail = &f.cq_tail;
	ring->cq.kflags = &f.flags;
	ring->cq.cqes = (struct io_uring_cqe *)f.cqes;
	ring->cq.ring_mask = 2 * size - 1;
	ring->cq.ring_entries = 2 * size;
	return ring->ring_fd < 0 ? -errno : 0;
}

void io_uring_queue_exit(struct io_uring *ring)
{
	(void)close(ring->ring_fd);
}

int io_uring_register_buffers(struct io_uring *ring, const struct iovec *buffers, unsigned count)
{
	(void)ring;
	(void)buffers;
	(void)count;
	return 0;
}

int io_uring_register_iowq_aff(struct io_uring *ring, size_t size, const cpu_set_t *where)
{
	(void)ring;
	(void)size;
	(void)where;
	return 0;
}

static void take(const struct io_uring_sqe *sqe)
{
	assert_true(f.end < REQUESTS_MAX);
	f.request[f.end++] = (struct fake_request){.opcode = sqe->opcode,
						   .fd = sqe->fd,
						   .offset = sqe->off,
						   .address = sqe->addr,
						   .size = sqe->len,
						   .user_data = sqe->user_data,
						   .async = sqe->flags & IOSQE_ASYNC,
						   .there = true};
}

int io_uring_submit(struct io_uring *ring)
{
	uint32_t taken = 0;

	if (f.refuse_times > 0) {
		f.refuse_times--;
		return f.refuse;
	}
	while (f.sq_head != ring->sq.sqe_tail) {
		if (f.limit_times > 0 && taken == f.limit)
			break;
		take(&f.sqes[f.sq_head++ & ring->sq.ring_mask]);
		taken++;
	}
	f.limit_times -= f.limit_times > 0;
	ring->sq.sqe_head = f.sq_head;
	return (int)taken;
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
	int taken = io_uring_submit(ring);

	if (taken >= 0 && f.cq_tail - f.cq_head < count)
		fail_msg("it waits for a completion, and none will come");
	return taken;
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
				     unsigned count, struct __kernel_timespec *patience,
				     sigset_t *mask)
{
	int taken = io_uring_submit(ring);

	(void)patience;
	(void)mask;
	*cqe = NULL;
	return taken >= 0 && f.cq_tail - f.cq_head < count ? -ETIME : taken;
}

unsigned io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count)
{
	unsigned n = 0;

	(void)ring;
	while (n < count && f.cq_head + n != f.cq_tail) {
		cqes[n] = cqe_at(f.cq_head + n);
		n++;
	}
	return n;
}
