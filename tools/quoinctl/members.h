/*
 * All members of a cluster, found from whichever endpoint answers.
 */
#ifndef TOOLS_QUOINCTL_MEMBERS_H
#define TOOLS_QUOINCTL_MEMBERS_H

#include "tools/quoinctl/endpoints.h"

enum { MEMBERS_MAX = 32, MEMBER_LINE = 1024 };

struct member {
	char name[64], id[24];   /* "": an endpoint that did not answer, and nobody knows it */
	char address[24];        /* as its peers have it */
	char port[16];           /* of its clients, as it told them */
	char heard[MEMBER_LINE]; /* by whom, and when */
	bool shared;             /* its link is shared memory: no kernel's UDP reaches it */
	bool former;    /* of no table since: whoever named it did not hear of its end yet */
	char match[24]; /* what the leader knows that it holds; "" or "-1": not known */
	char endpoint[ADDRESS_TEXT_MAX]; /* "": there was none to ask */
	struct probe *probe;             /* NULL: it was not asked */
	struct probe own;                /* the answer to a question of ours */
	struct endpoint *owned;          /* its endpoint, ours to close */
};

struct members {
	uint32_t count;
	struct member member[MEMBERS_MAX];
	struct probe *typed; /* of the endpoints that were named */
};

/* 0 or -ENOMEM. */
int members_ask(struct members *out, const struct options *options);
void members_free(struct members *m);

/* One that is asked for, or a former one that was named. */
static inline bool member_counts(const struct member *m)
{
	return !m->former || (m->probe && m->probe != &m->own);
}

static inline bool member_answered(const struct member *m)
{
	return m->probe && !m->probe->error[0];
}

#endif
