/*
 * The log's inside: what its ring holds, and how a line of it reads.
 */
#ifndef NODE_JOURNAL_INTERNAL_H
#define NODE_JOURNAL_INTERNAL_H

#include "node/journal.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

enum {
	JOURNAL_NAME_SIZE = 64,
	JOURNAL_EVENTS = 64, /* that are counted apart: twice those there are */
	/* A byte is six in JSON at worst; and what stands around the body. */
	JOURNAL_LINE_SIZE = 6 * JOURNAL_BODY_SIZE + 1024,
};

/* One line, as it was given. */
struct journal_line {
	enum journal_level level;
	struct timespec time;
	const char *event; /* NULL: the body is a sentence */
	uint64_t left_out; /* lines of this event that do not stand before it */
	char body[JOURNAL_BODY_SIZE];
};

struct journal_slot {
	_Atomic uint64_t turn;
	uint64_t lost; /* lines that found no room before this one */
	struct journal_line line;
};

/* How often an event may be: the time at which its bucket is empty again (GCRA). */
struct journal_event {
	_Atomic(const char *) name; /* NULL: free */
	_Atomic uint64_t empty_ns;
	_Atomic uint64_t left_out;
	_Atomic int level;
};

struct journal {
	int fd;
	char name[JOURNAL_NAME_SIZE];
	_Atomic int level;
	_Atomic int format;
	struct journal_event event[JOURNAL_EVENTS];

	/* Many write, one reads: a slot's turn says whose it is (D. Vyukov's bounded queue). */
	_Atomic uint64_t tail;
	uint64_t head;         /* the writer's alone */
	_Atomic uint64_t full; /* lines that found no room, not told yet */
	sem_t wake;
	_Atomic bool stop;
	_Atomic bool left; /* by its owner or by its writer, who did not wait for each other */
	pthread_t writer;
	bool cut; /* a line began and did not come to its end */
	struct {
		_Atomic uint64_t lines, left_out, lost;
	} count;
	struct journal_slot slot[JOURNAL_LINES];
};

/* journal_text.c: the line with its newline. Returns the size. */
size_t journal_line_text(const struct journal_line *line, const char *name,
			 enum journal_format format, char out[JOURNAL_LINE_SIZE]);

/* journal_writer.c: what the thread does until the journal's end. */
void journal_writer(struct journal *journal);
/* journal_rate.c. NULL: there are more events than places, and this one is not limited. */
struct journal_event *journal_event_find(struct journal *journal, const char *name);
/* One line more of this event: false if it has had its share. */
bool journal_event_allows(struct journal_event *event, uint64_t now_ns);
/* So many were left out, no line says so yet, and one may now; the last one always may. */
uint64_t journal_event_left_out(struct journal_event *event, uint64_t now_ns, bool last);

#endif
