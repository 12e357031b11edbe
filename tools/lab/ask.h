/*
 * A question to a node over its admin socket, and what the lab reads from the answers.
 */
#ifndef TOOLS_LAB_ASK_H
#define TOOLS_LAB_ASK_H

#include "dataplane/wire.h"
#include "tools/lab/lab.h"

enum { ASK_TEXT_SIZE = 16 * 1024 };

/*
 * Sends `text` as the body of a request and waits at most timeout_ms for the
 * answer, whose body becomes a string. The node's enum wire_status, or -errno: -ENOENT and
 * -ECONNREFUSED if nobody listens, -ETIMEDOUT, -EPROTO if what came is no answer.
 */
int lab_ask(const char *socket_path, enum wire_request kind, const char *text, uint32_t timeout_ms,
	    char answer[ASK_TEXT_SIZE]);

/* What a node says of itself. */
struct lab_report {
	bool answered;
	char role[16];
	uint64_t member_id;
	uint64_t leader; /* 0: it knows none */
	uint64_t term;
	uint64_t index;
	uint64_t applied;
	char durability[16];
	char error[160]; /* the first "error" line, or why there is no answer */
};

/* From the "key value" lines of WIRE_STATUS; lines it does not know are passed over. */
void lab_report_parse(struct lab_report *out, const char *text);

/* Asks node `node`. */
void lab_report_get(const struct lab *lab, uint32_t node, uint32_t timeout_ms,
		    struct lab_report *out);

/*
 * The node that a majority of all nodes calls leader, in one term, and that says so itself: its
 * index, or -1.
 */
int lab_report_leader(const struct lab_report *reports, uint32_t node_count);

#endif
