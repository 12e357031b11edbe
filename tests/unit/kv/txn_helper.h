/*
 * Transactions written as text: comparisons, then two branches in parentheses.
 *
 *	=a1 !a1 <a1 >a1   the version of a compares so with 1; a-c: of every key from a to c
 *	m.. c.. v.. l..   before it: its mod or create revision, value or lease instead: m=a3 v=axyz
 *	pa pa:v           a put of a, of v; P: with prev-kv; i: ignoring the value
 *	da da-c da-*      a deletion of a, of [a, c), of every key from a on; D: with prev-kv
 *	ga ga-c ga@3      a range, at a revision
 *	n                 an operation that says nothing
 *	[...]             a transaction
 *
 * Keys are one letter, or more where a dot or a digit follows; "=1" has an empty one.
 */
#ifndef TESTS_UNIT_KV_TXN_HELPER_H
#define TESTS_UNIT_KV_TXN_HELPER_H

#include "tests/unit/kv/helper.h"

#include "kv/txn_codec.h"

enum { TXN_TEXT_SIZE_MAX = 1 << 16 };

__attribute__((format(printf, 2, 3))) static inline int sprintf_to(char *at, const char *format,
								   ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(at, 64, format, args);
	va_end(args);
	assert_in_range(n, 0, 63);
	return n;
}

static inline void txn_spaces(const char **at)
{
	while (**at == ' ')
		(*at)++;
}

static inline bool txn_key_goes_on(const char *at, bool numbered)
{
	return (*at >= 'a' && *at <= 'z') ||
	       (numbered && ((*at >= '0' && *at <= '9') || *at == '.'));
}

/* `numbered`: digits and dots are of the key. */
static inline struct kv_bytes txn_key(const char **at, bool numbered)
{
	const char *begin = *at;

	while (txn_key_goes_on(*at, numbered))
		(*at)++;
	return blob(begin, (size_t)(*at - begin));
}

static inline struct kv_bytes txn_end(const char **at, bool numbered)
{
	static const uint8_t zero[1];

	if (**at != '-')
		return (struct kv_bytes){0};
	(*at)++;
	if (**at != '*')
		return txn_key(at, numbered);
	(*at)++;
	return blob(zero, 1);
}

static inline size_t txn_compare(const char **at, uint8_t *out)
{
	static const char results[] = "=><!", compared[] = "-cmvl";
	const char *which = strchr(compared + 1, **at);
	struct kv_compare c = {0};

	if (**at && which) {
		c.compared = (enum kv_compared)(which - compared);
		(*at)++;
	}
	c.result = (enum kv_result)(strchr(results, **at) - results);
	(*at)++;
	c.key = blob(*at, *at && **at >= 'a' && **at <= 'z');
	*at += c.key.size;
	c.range_end = txn_end(at, false);
	if (c.compared == KV_COMPARED_VALUE)
		c.value = txn_key(at, true);
	else
		c.number = strtoull(*at, (char **)(uintptr_t)at, 10);
	return kv_txn_encode_compare(&c, out);
}

static inline size_t txn_parse(const char **at, uint8_t *out);

static inline size_t txn_operation(const char **at, uint8_t *out)
{
	static const char letters[] = "pPidDg[n";
	static const enum kv_operation operations[] = {
		KV_PUT,    KV_PUT,   KV_PUT, KV_DELETE,
		KV_DELETE, KV_RANGE, KV_TXN, (enum kv_operation)KV_NOTHING};
	static const uint32_t flags[] = {0, KV_PREV_KV, KV_IGNORE_VALUE, 0, KV_PREV_KV, 0, 0, 0};
	const char *letter = strchr(letters, **at);
	struct kv_request r = {0};

	assert_non_null(letter);
	r.operation = operations[letter - letters];
	r.flags = flags[letter - letters];
	(*at)++;
	if (r.operation == KV_TXN) {
		uint8_t *within = malloc(TXN_TEXT_SIZE_MAX);

		assert_non_null(within);
		r.txn = blob(within, txn_parse(at, within));
		assert_int_equal(**at, ']');
		(*at)++;
		size_t size = kv_txn_encode_operation(&r, out);
		free(within);
		return size;
	}
	r.key = txn_key(at, true);
	r.range_end = txn_end(at, true);
	if (**at == ':') {
		(*at)++;
		r.value = txn_key(at, true);
	}
	if (**at == '@') {
		(*at)++;
		r.revision = strtoull(*at, (char **)(uintptr_t)at, 10);
	}
	return kv_txn_encode_operation(&r, out);
}

static inline size_t txn_branch(const char **at, uint8_t *out, uint16_t *count)
{
	size_t size = 0;

	*count = 0;
	txn_spaces(at);
	assert_int_equal(**at, '(');
	(*at)++;
	for (txn_spaces(at); **at != ')'; txn_spaces(at)) {
		size += txn_operation(at, out + size);
		*count += 1;
	}
	(*at)++;
	return size;
}

static inline size_t txn_parse(const char **at, uint8_t *out)
{
	struct kv_txn_counts counts = {0};
	size_t size = KV_TXN_SIZE;

	for (txn_spaces(at); **at != '('; txn_spaces(at)) {
		size += txn_compare(at, out + size);
		counts.compares++;
	}
	size += txn_branch(at, out + size, &counts.then);
	size += txn_branch(at, out + size, &counts.otherwise);
	kv_txn_encode(&counts, out);
	return size;
}

static inline struct kv_bytes txn_of(const char *line, uint8_t out[TXN_TEXT_SIZE_MAX])
{
	const char *at = line;
	size_t size = txn_parse(&at, out);

	assert_int_equal(*at, '\0');
	return blob(out, size);
}

#endif
