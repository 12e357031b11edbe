/*
 * Requests from what etcdctl's put, get and del are given: words and options, with its refusals;
 * for the command line and for a line of a transaction alike.
 */
#ifndef TOOLS_QUOINCTL_REQUESTS_H
#define TOOLS_QUOINCTL_REQUESTS_H

#include "tools/quoinctl/quoinctl.h"

/*
 * What is the operation's own of a request, of `count` words. `end` holds the end of a range, and
 * may be needed as long as the request. 0; -EINVAL, and error says why it means nothing; -E2BIG: it
 * is larger than etcd takes.
 */
int request_put(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		uint32_t count, char error[ERROR_SIZE]);
int request_get(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		uint32_t count, uint8_t end[KV_KEY_SIZE_MAX], char error[ERROR_SIZE]);
int request_delete(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		   uint32_t count, uint8_t end[KV_KEY_SIZE_MAX], char error[ERROR_SIZE]);

#define PUT_NEEDS "put command needs 1 argument and input from stdin or 2 arguments"

#endif
