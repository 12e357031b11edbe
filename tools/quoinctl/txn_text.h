/*
 * The language in which etcdctl takes a transaction, a line at a time:
 *
 *	text     = { compare } blank { request } blank { request } blank
 *	compare  = target "(" string ")" ( "=" | "!=" | "<" | ">" ) string
 *	target   = "ver" | "version" | "c" | "create" | "m" | "mod" | "val" | "value" | "lease"
 *	string   = as Go quotes it (go_text.h); but for "val" it holds a number
 *	request  = "put" ... | "get" ... | "del" ..., in words as on quoinctl's command line
 *	word     = anything without a blank that does not begin with a quote, or "..." as Go quotes
 *		   it, or '...' as it stands
 *
 * The requests of the first part run if all comparisons hold, those of the second if not. Blanks
 * stand around words, and may around the parts of a comparison; a blank line has nothing else.
 */
#ifndef TOOLS_QUOINCTL_TXN_TEXT_H
#define TOOLS_QUOINCTL_TXN_TEXT_H

#include "kv/txn_codec.h"
#include "tools/quoinctl/quoinctl.h"

enum txn_part { TXN_COMPARES, TXN_SUCCESS, TXN_FAILURE, TXN_WHOLE };

struct txn_text {
	enum txn_part part; /* of the next line */
	uint32_t line;      /* lines so far */
	struct kv_txn_counts counts;
	/* The body of the request, but for its counts until it is whole. */
	uint8_t *data;
	size_t size, size_max;
};

/* 0 or -ENOMEM. */
int txn_text_create(struct txn_text *out);
void txn_text_destroy(struct txn_text *t);

/*
 * The next line, without its end. 0; -EINVAL, and error says what would be right; -E2BIG: it is all
 * larger than etcd takes; -ENOMEM. Nothing goes on after an error.
 */
int txn_text_line(struct txn_text *t, const char *line, size_t size, char error[ERROR_SIZE]);

/* There is no next line, and it is not whole: why that is wrong. */
void txn_text_ended(const struct txn_text *t, char error[ERROR_SIZE]);

#endif
