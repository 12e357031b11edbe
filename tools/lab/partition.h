/*
 * Who hears whom: "1|2,3" parts two groups, "1|2|3" three, "1>2,3" drops what 1 sends to 2 and 3
 * and nothing else. Nodes that are not named hear everybody.
 */
#ifndef TOOLS_LAB_PARTITION_H
#define TOOLS_LAB_PARTITION_H

#include "tools/lab/lab.h"

struct partition {
	bool drop[LAB_NODES_MAX][LAB_NODES_MAX]; /* [from][to], from 0 */
};

/* Adds to *out. 0, or -EINVAL with one line in error. */
enum { PARTITION_ERROR_SIZE = 160 };
int partition_parse(struct partition *out, const char *text, uint32_t node_count,
		    char error[PARTITION_ERROR_SIZE]);

/*
 * The rules of one node, as its admin socket takes them. Each drop is set at both ends, so that a
 * node that restarts without rules stays apart from the others.
 */
enum { PARTITION_RULES_SIZE = LAB_NODES_MAX * 32 };
void partition_rules(const struct partition *p, uint32_t node, uint32_t node_count,
		     char out[PARTITION_RULES_SIZE]);

#endif
