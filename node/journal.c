/*
 * The log's front: a line is put into the ring, for journal_writer.c, and nobody waits (JO1).
 */
#include "node/journal_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void free_journal(struct journal *j)
{
	sem_destroy(&j->wake);
	free(j);
}

/* The last of the two that leaves it frees it. */
static void *writer_thread(void *journal)
{
	struct journal *j = journal;

	journal_writer(j);
	if (atomic_exchange(&j->left, true))
		free_journal(j);
	return NULL;
}

static int start_writer(struct journal *j)
{
	sigset_t all, before;
	int err;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&j->writer, NULL, writer_thread, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int journal_create(struct journal **out, const struct journal_options *options)
{
	struct journal *j = calloc(1, sizeof(*j));
	int err;

	if (!j)
		return -ENOMEM;
	j->fd = options->fd;
	journal_set(j, options->name, options->level, options->format);
	for (uint64_t i = 0; i < JOURNAL_LINES; i++)
		j->slot[i].turn = i;
	sem_init(&j->wake, 0, 0);
	err = start_writer(j);
	if (err) {
		free(j);
		return err;
	}
	*out = j;
	return 0;
}

void journal_set(struct journal *j, const char *name, enum journal_level level,
		 enum journal_format format)
{
	snprintf(j->name, sizeof(j->name), "%s", name);
	j->level = (int)level;
	j->format = (int)format;
}

void journal_destroy(struct journal *j)
{
	uint64_t until = clock_now() + JOURNAL_LAST_WORDS_NS;
	struct timespec when = {(time_t)(until / CLOCK_S), (long)(until % CLOCK_S)};

	j->stop = true;
	sem_post(&j->wake);
	if (pthread_clockjoin_np(j->writer, NULL, CLOCK_MONOTONIC, &when) == 0) {
		free_journal(j);
		return;
	}
	/* A thread that waits for a reader keeps the journal, and ends with the process. */
	pthread_detach(j->writer);
	if (atomic_exchange(&j->left, true))
		free_journal(j);
}

/* So long a last word waits for the reader of a socket: a moment, beside a watchdog of 30 s. */
static const struct timeval last_words = {.tv_sec = 1};

/*
 * O_NONBLOCK belongs to the open file, which others share: so it is opened once more. A socket
 * cannot be, such as systemd's stream to its journal: it waits, but not for ever, and the log's
 * writer tries again. A file needs nothing.
 */
int journal_take_stderr(void)
{
	int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), again;
	struct stat st;

	if (own < 0)
		return -errno;
	/* It fails on what is no socket. */
	(void)setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &last_words, sizeof(last_words));
	if (fstat(own, &st) || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return own;
	again = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again < 0)
		return own;
	dup2(again, STDERR_FILENO);
	close(again);
	return own;
}

/* The place of a line more, that is then given to the writer by slot_give. NULL: no room. */
static struct journal_slot *slot_take(struct journal *j, uint64_t *tail)
{
	*tail = j->tail;
	for (;;) {
		struct journal_slot *slot = &j->slot[*tail % JOURNAL_LINES];
		uint64_t turn = slot->turn;

		if (turn < *tail)
			return NULL;
		if (turn > *tail)
			*tail = j->tail;
		else if (atomic_compare_exchange_weak(&j->tail, tail, *tail + 1))
			return slot;
	}
}

/* False: there was no room. */
__attribute__((format(printf, 5, 0))) static bool write_body(struct journal *j,
							     enum journal_level level,
							     const char *event, uint64_t left_out,
							     const char *format, va_list args)
{
	uint64_t tail;
	struct journal_slot *slot = slot_take(j, &tail);

	if (!slot) {
		j->count.lost++;
		j->full++;
		return false;
	}
	slot->lost = atomic_exchange(&j->full, 0);
	slot->line.level = level;
	slot->line.event = event;
	slot->line.left_out = left_out;
	clock_gettime(CLOCK_REALTIME, &slot->line.time);
	if (vsnprintf(slot->line.body, sizeof(slot->line.body), format, args) < 0)
		slot->line.body[0] = '\0';
	slot->turn = tail + 1;
	sem_post(&j->wake);
	return true;
}

void journal_write(struct journal *j, enum journal_level level, const char *event,
		   const char *format, ...)
{
	struct journal_event *e;
	uint64_t left_out = 0;
	va_list args;

	if (!j || (int)level > j->level)
		return;
	e = journal_event_find(j, event);
	if (e && !journal_event_allows(e, clock_now())) {
		j->count.left_out++;
		e->level = (int)level;
		/* The first one wakes the writer: there may be no line that could tell. */
		if (e->left_out++ == 0)
			sem_post(&j->wake);
		return;
	}
	if (e)
		left_out = atomic_exchange(&e->left_out, 0);
	va_start(args, format);
	if (!write_body(j, level, event, left_out, format, args) && left_out)
		e->left_out += left_out; /* for a line that can tell */
	va_end(args);
}

void journal_fail(struct journal *j, const char *format, ...)
{
	va_list args;

	if (!j)
		return;
	va_start(args, format);
	(void)write_body(j, JOURNAL_ERROR, NULL, 0, format, args);
	va_end(args);
}

void journal_get_counters(const struct journal *j, struct journal_counters *out)
{
	*out = (struct journal_counters){0};
	if (!j)
		return;
	out->lines = j->count.lines;
	out->left_out = j->count.left_out;
	out->lost = j->count.lost;
}
