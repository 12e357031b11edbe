/*
 * The kernel's end of io_uring, played by a test: liburing's calls that are no inline functions are
 * defined here, so the disk seam above is the real one, and what the kernel says the test's choice.
 *
 * Nothing completes by itself. What was submitted waits, in order, until the test completes it. A
 * wait for a completion that is not there would last for ever: it fails the test.
 */
#ifndef TESTS_UNIT_WAL_FAKE_RING_H
#define TESTS_UNIT_WAL_FAKE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_uring_sqe;

/* What the kernel was asked for. */
struct fake_request {
	uint8_t opcode; /* IORING_OP_* */
	int fd;
	uint64_t offset;
	uint64_t address;
	uint32_t size;
	uint64_t user_data;
	bool async; /* for a worker of the kernel */
	bool there;
};

/* Forgets everything, before a disk is made. */
void fake_ring_reset(void);

/* How many were submitted and not completed, and the i-th of them. */
uint32_t fake_ring_count(void);
const struct fake_request *fake_ring_at(uint32_t i);

/* The i-th of them ends; one that is lost is never heard of again. */
void fake_ring_complete(uint32_t i, int32_t result);
void fake_ring_lose(uint32_t i);

/* The next submissions say these, or take at most so many entries (from 0 on); then all is well. */
void fake_ring_refuse(int result, uint32_t times);
void fake_ring_take_at_most(uint32_t entries, uint32_t times);

/* How many entries the queue has, from the next disk on (0: as many as were asked for). */
void fake_ring_entries(uint32_t entries);

#endif
