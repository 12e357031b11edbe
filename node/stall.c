/*
 * A disk that does not answer (D8): how long the oldest write has been in flight decides whether
 * this member votes and campaigns. A vote that is not durable cannot leave, and a leader whose log
 * stands still would lead nobody anywhere.
 */
#include "node/internal.h"

#include <inttypes.h>

enum {
	DISK_STALL_US_MIN = 50000, /* shared disks pause for as long without anything being wrong */
	/*
	 * Whoever must stand still for the disk (a stop, the membership's record, a sign of loss)
	 * gives up after two stalls, but not before this: then the process ends.
	 */
	WAIT_MS_MIN = 5000,
};

void node_stall_options(struct node *n)
{
	uint64_t us = n->options.disk_stall_us;
	uint64_t wait_ns;

	if (us == 0)
		us = n->options.election_us_max;
	if (us < DISK_STALL_US_MIN)
		us = DISK_STALL_US_MIN;
	n->disk_stall_ns = us * 1000;
	wait_ns = 2 * n->disk_stall_ns;
	if (wait_ns < (uint64_t)WAIT_MS_MIN * 1000000)
		wait_ns = (uint64_t)WAIT_MS_MIN * 1000000;
	n->options.wal.wait_ns = wait_ns;
}

uint64_t node_waiting_ns(const struct node *n)
{
	return n->waiting.operation ? n->now_ns - n->waiting.since_ns : 0;
}

static void begins(struct node *n)
{
	const struct wal_waiting *w = &n->waiting;

	n->counters.disk_stalls++;
	journal_write(n->journal, JOURNAL_ERROR, "disk_stalled",
		      "file=%s/%s offset=%" PRIu64 " operation=\"%s\" ms=%" PRIu64
		      " why=\"the disk does not answer: no votes and no campaign until it does\"",
		      n->options.wal.directory, w->file, w->offset, w->operation,
		      node_waiting_ns(n) / 1000000);
}

void node_stall_drive(struct node *n)
{
	struct wal_waiting before = n->waiting;
	bool stalled;

	if (n->failed)
		return;
	(void)wal_get_waiting(n->wal, &n->waiting);
	stalled = node_waiting_ns(n) >= n->disk_stall_ns;
	if (stalled == n->disk_stalled)
		return;
	n->disk_stalled = stalled;
	raft_disk_stalled(n->raft, stalled);
	if (stalled)
		begins(n);
	else
		journal_write(n->journal, JOURNAL_WARN, "disk_answers",
			      "file=%s/%s operation=\"%s\" ms=%" PRIu64
			      " why=\"what was in flight has ended\"",
			      n->options.wal.directory, before.file, before.operation,
			      (n->now_ns - before.since_ns) / 1000000);
}
