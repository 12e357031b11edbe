/*
 * Fuzz target: etcdctl's language of transactions, as quoinctl reads it. Nothing is read past the
 * end of a line; what is taken is a transaction that a member can read, of as many parts as lines
 * were given, and what is not has a sentence that names its line.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/quoinctl/txn_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Memory that ends where the line ends. */
static int one_line(struct txn_text *t, const uint8_t *line, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	char error[ERROR_SIZE] = "", says[32];
	int err;

	require(exact != NULL);
	memcpy(exact, line, size);
	err = txn_text_line(t, (const char *)exact, size, error);
	free(exact);
	snprintf(says, sizeof(says), "line %u: ", t->line);
	require(err == 0 || err == -EINVAL || err == -E2BIG);
	require((err == -EINVAL) == (strncmp(error, says, strlen(says)) == 0));
	return err;
}

static void whole(const struct txn_text *t)
{
	const uint32_t operations = (uint32_t)t->counts.then + t->counts.otherwise;
	struct kv_txn_counts counts;
	struct kv_compare compare;
	struct kv_request operation;
	size_t at = kv_txn_decode(&counts, t->data, t->size), taken;

	require(at == KV_TXN_SIZE && kv_txn_size(t->data, t->size) == t->size);
	require(counts.compares + (uint32_t)counts.then + counts.otherwise + 3 == t->line);
	for (uint32_t i = 0; i < counts.compares; i++, at += taken) {
		taken = kv_txn_decode_compare(&compare, t->data + at, t->size - at);
		require(taken && taken == kv_txn_encode_compare(&compare, NULL));
	}
	for (uint32_t i = 0; i < operations; i++, at += taken) {
		taken = kv_txn_decode_operation(&operation, t->data + at, t->size - at);
		require(taken && taken == kv_txn_encode_operation(&operation, NULL));
	}
	require(at == t->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	char error[ERROR_SIZE];
	struct txn_text t;
	int err = txn_text_create(&t);

	require(err == 0);
	while (!err && data < end && t.part != TXN_WHOLE) {
		const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
		const uint8_t *line_end = newline ? newline : end;

		err = one_line(&t, data, (size_t)(line_end - data));
		data = newline ? newline + 1 : end;
	}
	if (!err && t.part == TXN_WHOLE)
		whole(&t);
	else if (!err)
		txn_text_ended(&t, error);
	txn_text_destroy(&t);
	return 0;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	static const char *const good[] = {
		"ver(\"k\") = \"0\"\nmod(\"k\")>\"-3\"\n\nput k 1\nget k --prefix\n\ndel k\n\n",
		"val(\"a\\x00\\u00e9\") != `b`\nlease(\"k\") < \"9\"\n\nput \"a b\" 'c'\n\n\n",
		"\nget a --rev=7 --limit 3 --order ASCEND\n\n\n",
		"\n\nget a --sort-by=MODIFY --min-mod-rev 1\n\n",
		"\nput --prev-kv a -- -1\n\ndel a --from-key --prev-kv=false\n\n",
		"create(\"\\377\\U0001f600\") > \"1\"\n\n\nput a --ignore-value --ignore-lease\n\n",
	};
	const char *text = good[n % (sizeof(good) / sizeof(good[0]))];

	memcpy(input, text, strlen(text));
	return strlen(text);
}
