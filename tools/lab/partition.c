/*
 * Partitions: text to a matrix of who hears whom, matrix to rules of one node.
 */
#include "tools/lab/partition.h"

#include <errno.h>
#include <string.h>

struct reading {
	const char *text; /* the whole, for messages */
	const char *at;
	uint32_t node_count;
	char *error;
};

static int refuse(const struct reading *r, const char *why)
{
	snprintf(r->error, PARTITION_ERROR_SIZE,
		 "partition %.48s: %s: groups of nodes 1 to %u, such as 1|2,3 or, one way, 1>2,3",
		 r->text, why, r->node_count);
	return -EINVAL;
}

/* "2,3": a set of nodes as bits. */
static int take_group(struct reading *r, uint32_t *group)
{
	*group = 0;
	for (;;) {
		uint32_t node;

		if (*r->at == 'n')
			r->at++;
		if (*r->at < '1' || *r->at > '9')
			return refuse(r, "no node number");
		node = (uint32_t)(*r->at - '1');
		r->at++;
		if (node >= r->node_count || (*r->at >= '0' && *r->at <= '9'))
			return refuse(r, "no such node");
		*group |= 1u << node;
		if (*r->at != ',')
			return 0;
		r->at++;
	}
}

static void drop(struct partition *p, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < LAB_NODES_MAX; i++) {
		for (uint32_t j = 0; j < LAB_NODES_MAX; j++) {
			if ((from >> i & 1) != 0 && (to >> j & 1) != 0)
				p->drop[i][j] = true;
		}
	}
}

int partition_parse(struct partition *out, const char *text, uint32_t node_count,
		    char error[PARTITION_ERROR_SIZE])
{
	struct reading r = {text, text, node_count, error};
	uint32_t seen = 0, group = 0;
	char between = '\0';

	for (uint32_t groups = 0;; groups++) {
		uint32_t earlier = group;

		if (take_group(&r, &group) != 0)
			return -EINVAL;
		if ((seen & group) != 0)
			return refuse(&r, "a node in two groups");
		if (between == '|') {
			drop(out, seen, group);
			drop(out, group, seen);
		} else if (between == '>') {
			drop(out, earlier, group);
		}
		seen |= group;
		if (*r.at == '\0' && groups > 0)
			return 0;
		if ((*r.at != '|' && *r.at != '>') || (between != '\0' && *r.at != between) ||
		    (between == '>' && groups > 0))
			return refuse(&r, groups == 0 ? "one group alone" : "no list of groups");
		between = *r.at++;
	}
}

void partition_rules(const struct partition *p, uint32_t node, uint32_t node_count,
		     char out[PARTITION_RULES_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t other = 0; other < node_count; other++) {
		bool tx = p->drop[node][other], rx = p->drop[other][node];

		if (!tx && !rx)
			continue;
		snprintf(out + used, PARTITION_RULES_SIZE - used, "drop %s " LAB_NET "%u\n",
			 tx && rx ? "both"
			 : tx     ? "tx"
				  : "rx",
			 other + 1);
		used += strlen(out + used);
	}
}
