/*
 * A thread that does what the kernel gives no way to do without waiting, or only by another thread
 * of its own: names, the directory's sync, closing, room and space. In the order in which it is
 * asked; whoever asks never waits.
 *
 * Its owner calls from one thread at a time.
 */
#ifndef WAL_DISK_THREAD_H
#define WAL_DISK_THREAD_H

#include "wal/disk.h"

struct disk_thread;

/* The directory stays the caller's. `durable_refused`: what DISK_DURABLE files are told, or 0. */
int disk_thread_create(struct disk_thread **out, int directory, int durable_refused);

/* Waits for what it does. `hung`: does not; the thread ends by itself, if that ever ends. */
void disk_thread_destroy(struct disk_thread *t, bool hung);

/* `fd` is call->file's. -EAGAIN: DISK_IN_FLIGHT_MAX are in flight. */
int disk_thread_call(struct disk_thread *t, const struct disk_call *call, int fd, uint64_t tag);

/* True if there was one; the value of an open is a descriptor, which is the caller's now. */
bool disk_thread_poll(struct disk_thread *t, struct disk_call *call, struct disk_completion *out);

bool disk_thread_busy(const struct disk_thread *t);

/* Readable when there may be something to poll. */
int disk_thread_event(const struct disk_thread *t);

#endif
