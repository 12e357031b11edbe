/*
 * Where the threads of this process run. The loop may have CPUs to itself (`cpus`), where DPDK's
 * start puts the main thread. Then every other one runs on the rest of the CPUs that the process
 * was given: those that are there, those that are made later, by whichever room and by the loop as
 * well, and the kernel's workers of the log (wal/disk_uring.c). If no CPU is left, they share.
 */
#ifndef NODE_CORES_H
#define NODE_CORES_H

#include <stdbool.h>

/*
 * The next range of a list of CPUs, whose form was checked: numbers, and ranges of them, between
 * commas. False: there is none.
 */
bool cores_next(const char **at, unsigned long *first, unsigned long *last);

/* Before DPDK's start. "": the loop has none to itself. */
void cores_spare(const char *cpus);

#endif
