/*
 * Structured log lines on stderr: one per event, never per packet.
 *
 *	2026-11-23T21:43:23.123456Z info n1 leader_elected term=3 leader=n2
 */
#ifndef NODE_JOURNAL_H
#define NODE_JOURNAL_H

enum journal_level {
	JOURNAL_ERROR,
	JOURNAL_WARN,
	JOURNAL_INFO,
	JOURNAL_DEBUG,
};

struct journal {
	const char *name; /* of the node */
	enum journal_level level;
};

/* `event` is one word; `format` gives key=value pairs. A NULL journal says nothing. */
__attribute__((format(printf, 4, 5))) void journal_write(const struct journal *journal,
							 enum journal_level level,
							 const char *event, const char *format,
							 ...);

#endif
