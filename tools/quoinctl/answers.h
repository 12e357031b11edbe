/*
 * Answers of put, get, del and txn, in etcdctl's forms.
 */
#ifndef TOOLS_QUOINCTL_ANSWERS_H
#define TOOLS_QUOINCTL_ANSWERS_H

#include "tools/quoinctl/quoinctl.h"

/* Who answered, and in which term: what a header has beside the revision. */
struct answerer {
	struct wire_hello node;
	uint64_t term; /* 0: not known */
};

/* To standard output; of an answer that is OK. A table is none of their forms. */
void answer_print(const struct options *o, const struct answerer *from,
		  const struct kv_request *request, const struct kv_answer *answer);

#endif
