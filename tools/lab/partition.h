/*
 * Who hears whom, and how well: "1|2,3" parts two groups, "1|2|3" three, "1>2,3" drops what 1 sends
 * to 2 and 3 and nothing else. Nodes that are not named hear everybody.
 *
 * With a word before the groups frames between them do not vanish, but: "loss 10 1|2" drops ten of
 * a hundred, "duplicate 5 1|2" doubles, "reorder 5 1|2" lets others overtake, "delay 20 1>2" holds
 * back for 20 ms, "delay 20 10 1>2" for 20 to 30, and "mtu 1280 1>2" drops IP packets above 1,280
 * bytes. "hang 1,2" is about disks: those of 1 and 2 do nothing that they are asked for.
 */
#ifndef TOOLS_LAB_PARTITION_H
#define TOOLS_LAB_PARTITION_H

#include "tools/lab/lab.h"

/* All that is not a plain drop. */
struct partition_fault {
	const char *what; /* as the node's rule begins */
	uint32_t number[2];
	uint32_t number_count;
	bool on[LAB_NODES_MAX][LAB_NODES_MAX]; /* [from][to], from 0 */
};

struct partition {
	bool drop[LAB_NODES_MAX][LAB_NODES_MAX]; /* likewise */
	uint32_t hangs;                          /* nodes whose disks hang, as bits */
	uint32_t fault_count;
	struct partition_fault fault[LAB_PARTITIONS_MAX];
};

enum { PARTITION_ERROR_SIZE = 320 };

/* Nodes are bits, bit K-1 for nK. */
#define PARTITION_ANY ((1u << LAB_NODES_MAX) - 1)

/*
 * Writes the numbers for the words "leader" (an index, -1: it is in no text) and "rest": all that
 * are not named otherwise. 0, or -EINVAL with one line in error.
 */
int partition_expand(char *out, size_t size, const char *text, int leader, uint32_t nodes,
		     char error[PARTITION_ERROR_SIZE]);

/* Adds to *out. 0, or -EINVAL with one line in error. */
int partition_parse(struct partition *out, const char *text, uint32_t nodes,
		    char error[PARTITION_ERROR_SIZE]);

/*
 * The rules of one node, as its admin socket takes them. Each drop is set at both ends, so that a
 * node that restarts without rules stays apart from the others; all else at the end that sends.
 */
enum {
	PARTITION_RULE_SIZE = 56,
	PARTITION_RULES_SIZE =
		((LAB_PARTITIONS_MAX + 1) * (LAB_NODES_MAX - 1) + 1) * PARTITION_RULE_SIZE,
};
void partition_rules(const struct partition *p, uint32_t node, char out[PARTITION_RULES_SIZE]);

#endif
