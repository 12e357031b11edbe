/*
 * The thread that writes the log. It alone waits for whoever reads it.
 */
#include "node/journal_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* False: it cannot be written, and is lost. */
static bool write_whole(struct journal *j, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(j->fd, text, size);

		if (written > 0) {
			text += written;
			size -= (size_t)written;
			j->cut = size > 0;
		} else if (written < 0 && errno == EAGAIN) {
			/* Whoever shares this file has made it so, or a socket's time is up. */
			struct pollfd ready = {.fd = j->fd, .events = POLLOUT};

			(void)poll(&ready, 1, -1);
		} else if (written == 0 || errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool write_line(struct journal *j, const struct journal_line *line)
{
	char text[JOURNAL_LINE_SIZE + 1];
	size_t size = journal_line_text(line, j->name, (enum journal_format)j->format, text + 1);
	bool cut = j->cut;

	text[0] = '\n'; /* after a line that was cut short */
	if (!write_whole(j, cut ? text : text + 1, cut ? size + 1 : size))
		return false;
	j->count.lines++;
	return true;
}

/* Keeps what it could not tell. */
static void tell_lost(struct journal *j, uint64_t *lost)
{
	struct journal_line line = {.level = JOURNAL_WARN, .event = "log_lost"};

	if (*lost == 0)
		return;
	clock_gettime(CLOCK_REALTIME, &line.time);
	snprintf(line.body, sizeof(line.body),
		 "lines=%" PRIu64 " why=\"they could not be written: the reader of the log was too "
		 "slow or away, or its disk full\"",
		 *lost);
	if (write_line(j, &line))
		*lost = 0;
}

/* An event that was too frequent, and then was not again. */
static bool tell_left_out(struct journal *j, bool last)
{
	bool more = false;

	for (int i = 0; i < JOURNAL_EVENTS; i++) {
		struct journal_line line = {.event = j->event[i].name};

		if (!line.event)
			continue;
		line.level = (enum journal_level)j->event[i].level;
		line.left_out = journal_event_left_out(&j->event[i], clock_now(), last);
		if (line.left_out) {
			clock_gettime(CLOCK_REALTIME, &line.time);
			(void)write_line(j, &line);
		}
		more |= j->event[i].left_out > 0;
	}
	return more;
}

/* One line of the ring; false: there is none. */
static bool take(struct journal *j, uint64_t *lost)
{
	struct journal_slot *slot = &j->slot[j->head % JOURNAL_LINES];

	if (slot->turn != j->head + 1)
		return false;
	*lost += slot->lost;
	tell_lost(j, lost);
	if (!write_line(j, &slot->line)) {
		j->count.lost++;
		++*lost;
	}
	slot->turn = j->head + JOURNAL_LINES;
	j->head++;
	return true;
}

void journal_writer(struct journal *j)
{
	uint64_t lost = 0;
	bool stop, left_out = false;

	do {
		struct timespec when;

		/* Read before the ring: what was put before the stop is still written. */
		stop = j->stop;
		while (take(j, &lost))
			continue;
		lost += atomic_exchange(&j->full, 0);
		tell_lost(j, &lost);
		left_out = tell_left_out(j, stop);
		clock_gettime(CLOCK_MONOTONIC, &when);
		when.tv_sec++;
		if (!stop && (left_out || lost))
			(void)sem_clockwait(&j->wake, CLOCK_MONOTONIC, &when);
		else if (!stop)
			(void)sem_wait(&j->wake);
	} while (!stop);
}
