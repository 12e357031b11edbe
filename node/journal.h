/*
 * The node's log: structured lines, one for each event and never for each packet.
 *
 *	2026-11-23T21:43:23.123456Z info n1 leader_known term=3 leader=n2
 *	{"level":"info","ts":"2026-11-23T21:43:23.123456Z","member":"n1","msg":"leader_known",...}
 *
 * Invariants:
 *	JO1. Who writes a line never waits: not for a reader, a disk, a terminal or another thread.
 *	     A line is put into a ring of JOURNAL_LINES, or is counted as lost if that is full; a
 *	     thread of its own writes what is in it.
 *	JO2. A line that is lost is counted, and said at the place in the log where it is missing.
 *	JO3. No event has more than JOURNAL_BURST lines at once, nor for ever more than one in
 *	     JOURNAL_EVERY_NS. What was left out is counted, and said.
 */
#ifndef NODE_JOURNAL_H
#define NODE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

enum journal_level {
	JOURNAL_ERROR,
	JOURNAL_WARN,
	JOURNAL_INFO,
	JOURNAL_DEBUG,
};

enum journal_format { JOURNAL_TEXT, JOURNAL_JSON };

enum {
	/* A burst of every event that there is (about 30), with room to spare; 300 KiB. */
	JOURNAL_LINES = 256,
	JOURNAL_BODY_SIZE = 1024,
	JOURNAL_BURST = 10,
};

#define JOURNAL_EVERY_NS 1000000000ull
/* At the end a reader who stands still is given so long to take the last words. */
#define JOURNAL_LAST_WORDS_NS 1000000000ull

struct journal;

struct journal_options {
	int fd;           /* where lines go; the caller's */
	const char *name; /* of the node */
	enum journal_level level;
	enum journal_format format;
};

/*
 * The descriptor of standard error for a journal. What is left under its number is for the last
 * words of a process that dies, such as those of a failed assertion: they are lost rather than
 * waited for, where standard error is a pipe or a terminal; in a socket, after a second. Or -errno.
 */
int journal_take_stderr(void);

struct journal_counters {
	uint64_t lines;    /* written */
	uint64_t left_out; /* for the rate of their event */
	uint64_t lost;     /* for a reader that was too slow, or gone, or a disk that is full */
};

/* 0 or -errno. SIGPIPE is the caller's to ignore. */
int journal_create(struct journal **out, const struct journal_options *options);

/* Other settings from here on; before other threads write lines. The name is copied. */
void journal_set(struct journal *journal, const char *name, enum journal_level level,
		 enum journal_format format);

/* Writes what is left, within JOURNAL_LAST_WORDS_NS. */
void journal_destroy(struct journal *journal);

/*
 * `event` is a literal of one word; `format` gives key=value pairs, a value with blanks between
 * double quotes. From any thread. A NULL journal says nothing.
 */
__attribute__((format(printf, 4, 5))) void journal_write(struct journal *journal,
							 enum journal_level level,
							 const char *event, const char *format,
							 ...);

/* Why a process does not come up: a sentence, as "quoind: ..." for who started it by hand. */
__attribute__((format(printf, 2, 3))) void journal_fail(struct journal *journal, const char *format,
							...);

void journal_get_counters(const struct journal *journal, struct journal_counters *out);

#endif
