/*
 * What is refused for its bytes alone, in etcd's words and by its rules, before anything is asked
 * of the store: so all members refuse the same, wherever they see it, and a door needs no log for
 * it (R52).
 */
#ifndef KV_JUDGE_H
#define KV_JUDGE_H

#include "kv/outcome.h"

enum {
	/* etcd's: of comparisons or operations; what is within has what is left of it. */
	KV_TXN_LEVEL_MAX = 128,
	/*
	 * Of operations in a command, whatever they are in: those of two full branches and as many
	 * again within. Each put is held against each deletion: 256 times 256 comparisons of about
	 * 8 ns are 0.5 ms, and nobody gets more of the loop at once.
	 */
	KV_TXN_OPERATIONS_MAX = 512,
};

struct kv_deletion {
	struct kv_bytes first, end;
};

/* Room to work in. */
struct kv_judge {
	struct kv_bytes txn;
	uint32_t put_count, deletion_count;
	struct kv_bytes put[KV_TXN_OPERATIONS_MAX];
	struct kv_deletion deletion[KV_TXN_OPERATIONS_MAX];
};

/* Of a request that was decoded: KV_OK if nothing speaks against it. */
enum kv_status kv_judge(struct kv_judge *judge, const struct kv_request *request);

#endif
