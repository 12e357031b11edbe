/*
 * The words in which the log says that it cannot go on: at run time once and for ever, and when a
 * directory is refused at its opening. One line each, with the file at fault and what to do.
 */
#ifndef WAL_FAILURE_H
#define WAL_FAILURE_H

#include "wal/format.h"

/*
 * The advice for a directory that is damaged. A wiped member is refused by its cluster, so nothing
 * else leads anywhere.
 */
#define WAL_ADVICE                                                                              \
	"restore the directory from a copy made while this node was down, or put a new member " \
	"in this one's place (quoinctl member replace)"

/* Both files that judge it say it so: a durability, and the one that is asked for now. */
#define WAL_DURABILITY_OTHER                                                     \
	"this directory was last used with durability %s, and is opened with %s" \
	": set the same durability again, or, where there is no cluster yet, "   \
	"use an empty directory"

/* Formats are not carried over from one version to another before 1.0. */
#define WAL_VERSION_TEXT_(n) #n
#define WAL_VERSION_TEXT(n) WAL_VERSION_TEXT_(n)
#define WAL_OTHER_VERSION                                                                  \
	"of another version of the log's format than " WAL_VERSION_TEXT(                   \
		WAL_FORMAT_VERSION) ", which is the one of this quoin: use that version; " \
				    "nothing was changed"

/* For whatever is found while nothing was changed yet. */
#define WAL_REFUSED "; nothing was changed: " WAL_ADVICE

struct wal;

/* Ends the log's life: the first reason stays. Returns err. */
int wal_fail(struct wal *w, int err, const char *file, uint64_t offset, const char *operation);

/* The same, for an operation that has not ended, and keeps its buffers. */
struct wal_waiting;
void wal_fail_hung(struct wal *w, const struct wal_waiting *waiting, uint64_t ns);

/* Opening is refused: one line in w->error, after the directory's name. Returns err. */
__attribute__((format(printf, 3, 4))) int wal_refuse(struct wal *w, int err, const char *format,
						     ...);
/* The same for an operation of the disk that failed. */
int wal_refuse_io(struct wal *w, int err, const char *file, const char *operation);

#endif
