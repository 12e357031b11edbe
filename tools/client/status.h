/*
 * A node's status: the lines of "key value" that WIRE_STATUS answers. Keys that a reader
 * does not know are passed over, so that nodes and tools of neighbouring releases get on.
 */
#ifndef TOOLS_CLIENT_STATUS_H
#define TOOLS_CLIENT_STATUS_H

#include "tools/client/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	STATUS_ERRORS_MAX = 8,
	STATUS_SENTENCE_MAX = 768, /* a node's are of 512 at most, and a few words */
};

/* A key that is missing leaves "" or 0. */
struct status {
	uint64_t cluster_id, member_id;
	uint64_t leader; /* 0: it knows none */
	uint64_t term, index, applied, commit;
	uint64_t revision, db_size, wal_bytes;
	char leader_name[64]; /* "": there is none, or its name is not known */
	char name[64], role[16], version[32], durability[16], link[32];
	bool removed;    /* from its cluster */
	bool learner;    /* it does not vote */
	uint32_t voters; /* of the members that it knows of */
	uint32_t peers;  /* other members that it knows of */
	uint32_t error_count, warning_count;
	char error[STATUS_ERRORS_MAX][STATUS_SENTENCE_MAX];
	char warning[STATUS_ERRORS_MAX][STATUS_SENTENCE_MAX];
};

/* A line without its end: what stands before the first blank, and what after it. */
struct status_line {
	const char *key, *value;
	size_t key_size, value_size;
};

/* Moves *at behind the next line that has a blank. False: there is none before `end`. */
bool status_line_next(const char **at, const char *end, struct status_line *out);

/* Text of `size` bytes, ended by none. */
void status_parse(struct status *out, const char *text, size_t size);

/*
 * The value of the first line with this key, "" if there is none; of one that is longer than
 * size_max - 1 bytes, its beginning. Returns out.
 */
const char *status_value(const char *text, size_t size, const char *key, char *out,
			 size_t size_max);

/* " key=" in a line of pairs, ended by a zero: its value, or "". Returns out. */
const char *status_pair(const char *line, const char *key, char *out, size_t size_max);

/*
 * Asks a node: 0, -errno, or its verdict (above 0). The first reuses an endpoint, the second makes
 * one for this question.
 */
int status_ask(struct endpoint *e, uint64_t timeout_ns, struct status *out);
/* As the first; and the text itself, valid until the next call of that endpoint. */
int status_ask_text(struct endpoint *e, uint64_t timeout_ns, struct status *out, const char **text,
		    size_t *size);
int status_ask_once(const struct address *to, uint64_t timeout_ns, struct status *out);

#endif
