/*
 * The status of a node of the lab, asked over its admin socket.
 */
#ifndef TOOLS_LAB_ASK_H
#define TOOLS_LAB_ASK_H

#include "tools/client/status.h"
#include "tools/lab/lab.h"

struct lab_report {
	bool answered;
	struct status status; /* if it answered */
	char why[160];        /* else: why it did not */
};

/* Where its admin socket is. */
void lab_socket(const struct lab *lab, uint32_t node, struct address *out);

/* Sends a request to node `node`: 0, -errno, or the node's verdict (above 0). */
int lab_tell(const struct lab *lab, uint32_t node, enum wire_request kind, const char *text,
	     uint32_t timeout_ms);

/* Asks node `node`; each question has a deadline, for a paused node takes it and never answers. */
void lab_report_get(const struct lab *lab, uint32_t node, uint32_t timeout_ms,
		    struct lab_report *out);

/* Why there is none, or the first of the errors that it reports; "" if all is well. */
const char *lab_report_error(const struct lab_report *r);

/*
 * The node that says that it leads, and that a majority of its voters calls leader in that term:
 * its index, or -1. `nodes` are bits.
 */
int lab_report_leader(const struct lab_report *reports, uint32_t nodes);

/* All of them, each within the time; and the leader. */
int lab_reports_get(const struct lab *lab, uint32_t timeout_ms,
		    struct lab_report reports[LAB_NODES_MAX]);

#endif
