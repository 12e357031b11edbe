/*
 * The members of the lab's cluster, as its leader has them, and what it is told to do with them.
 */
#ifndef TOOLS_LAB_MEMBERS_H
#define TOOLS_LAB_MEMBERS_H

#include "tools/client/status.h"
#include "tools/lab/lab.h"

struct lab_member {
	uint64_t id;
	uint64_t replaces; /* whom it is to replace; 0: nobody */
	char place[32];    /* address and port */
	char state[16];    /* "voter", "learner", "joining", ... */
	bool bound;        /* a directory is */
	bool named;        /* and has said what it is called: all will know it by that */
};

struct lab_members {
	int leader; /* the node that was asked */
	uint64_t cluster_id;
	bool committed;
	uint32_t count;
	struct lab_member member[LAB_NODES_MAX];
};

/* From the text of a status. */
void lab_members_parse(struct lab_members *out, const char *text, size_t size);

/* 0; -ESRCH: nobody leads, as a majority has it; or -errno: the leader does not say. */
int lab_members_get(const struct lab *lab, struct lab_members *out);

/* Where a node's peers find it: "198.18.0.4:2380". */
enum { LAB_PLACE_SIZE = 32 };
const char *lab_node_place(uint32_t node, char out[LAB_PLACE_SIZE]);

/* The next from *at on that is there; NULL: no more. */
const struct lab_member *lab_members_next(const struct lab_members *m, const char *place,
					  uint32_t *at);
const struct lab_member *lab_members_find(const struct lab_members *m, uint64_t id);

/*
 * The node, with what it says of itself, is no member of that cluster, as a committed table has
 * it, and none was there in its place. False also of one that is being added.
 */
bool lab_members_lack(const struct lab_members *m, const struct lab *lab, uint32_t node,
		      const struct status *s);
/* That, and the way on; to standard error. An exit status. */
int lab_members_lack_say(const struct lab *lab, uint32_t node);

enum lab_verdict {
	LAB_ORDER_BEGUN,
	LAB_ORDER_LATER,   /* nothing was done, and it may be asked again */
	LAB_ORDER_UNKNOWN, /* it may have been done: the members show it */
	LAB_ORDER_REFUSED,
};

/* A line of the leader's orders (node/orders.c). What is in the way is a sentence in `why`. */
enum { LAB_ORDER_SIZE = 64, LAB_WHY_SIZE = STATUS_SENTENCE_MAX + 64 };
enum lab_verdict lab_order(const struct lab *lab, uint32_t leader, const char *line,
			   char why[LAB_WHY_SIZE]);
/* The same of an answer. */
enum lab_verdict lab_order_judge(unsigned int status, const char *answer, size_t size,
				 char why[LAB_WHY_SIZE]);

#endif
