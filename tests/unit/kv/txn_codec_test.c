/* What a transaction is in bytes: what is written is read back, and nothing else is. */
#include "tests/unit/kv/helper.h"

#include "base/bytes.h"
#include "kv/txn_codec.h"

enum { DATA_SIZE_MAX = 4096 };

/* A copy that ends where an allocation ends, so that a read past it is seen by a sanitizer. */
static size_t size_exact(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size == 0 ? 1 : size);

	assert_non_null(exact);
	memcpy(exact, data, size);
	size_t taken = kv_txn_size(exact, size);
	free(exact);
	return taken;
}

static void layouts_are_what_the_header_says(void **state)
{
	static const uint8_t want[] = {
		2,   0,   1,   0,   1,   0,   0, 0, /* counts */
		2,   3,   1,   0,   2,   0,   0, 0, 3, 0, 0, 0, 0, 0,   0,
		0,   0,   0,   0,   0,   0,   0, 0, 0, /* less, value */
		'k', 'k', 'z', 'v', 'a', 'l', 1, 2, 1, 0, 0, 0, 0, 0,   0,
		0,   0,   0,   0,   0,   0,   0, 8, 7, 6, 5, 4, 3, 2,   1, /* greater, mod */
		'k', 2,   0,   8,   0,   1,   0, 0, 0, 0, 0, 0, 0, 'd',    /* a delete */
		5,   0,   0,   0,   0,   0,   0, 0, 0, 0, 0, 0, /* a transaction of nothing */
	};
	const struct kv_txn_counts counts = {2, 1, 1};
	const struct kv_compare compares[] = {
		{.result = KV_LESS,
		 .compared = KV_COMPARED_VALUE,
		 .key = text("k"),
		 .range_end = text("kz"),
		 .value = text("val")},
		{.result = KV_GREATER,
		 .compared = KV_COMPARED_MOD,
		 .key = text("k"),
		 .number = 0x0102030405060708},
	};
	static const uint8_t nothing[KV_TXN_SIZE];
	const struct kv_request then = {
		.operation = KV_DELETE, .flags = KV_PREV_KV, .key = text("d")};
	const struct kv_request otherwise = {.operation = KV_TXN,
					     .txn = blob(nothing, KV_TXN_SIZE)};
	uint8_t data[DATA_SIZE_MAX];
	struct kv_txn_counts counts_back;
	struct kv_compare compare;
	struct kv_request operation;
	size_t size = kv_txn_encode(&counts, data);

	(void)state;
	size += kv_txn_encode_compare(&compares[0], data + size);
	size += kv_txn_encode_compare(&compares[1], data + size);
	size += kv_txn_encode_operation(&then, data + size);
	size += kv_txn_encode_operation(&otherwise, data + size);
	assert_int_equal(size, sizeof(want));
	assert_memory_equal(data, want, sizeof(want));
	assert_int_equal(size_exact(want, sizeof(want)), sizeof(want));

	size_t at = kv_txn_decode(&counts_back, want, sizeof(want));
	assert_memory_equal(&counts_back, &counts, sizeof(counts));
	for (size_t i = 0; i < 2; i++) {
		at += kv_txn_decode_compare(&compare, want + at, sizeof(want) - at);
		assert_int_equal(compare.result, compares[i].result);
		assert_int_equal(compare.compared, compares[i].compared);
		assert_bytes(compare.key, compares[i].key);
		assert_bytes(compare.range_end, compares[i].range_end);
		assert_bytes(compare.value, compares[i].value);
		assert_true(compare.number == compares[i].number);
	}
	at += kv_txn_decode_operation(&operation, want + at, sizeof(want) - at);
	assert_int_equal(operation.operation, KV_DELETE);
	assert_int_equal(operation.flags, KV_PREV_KV);
	assert_bytes(operation.key, text("d"));
	at += kv_txn_decode_operation(&operation, want + at, sizeof(want) - at);
	assert_int_equal(operation.operation, KV_TXN);
	assert_int_equal(at + KV_TXN_SIZE, sizeof(want));
}

/* One comparison, a put, a range, and within the other branch a transaction with a put. */
static size_t build(uint8_t *out)
{
	uint8_t inner[256];
	size_t inner_size = kv_txn_encode(&(struct kv_txn_counts){0, 1, 0}, inner);
	const struct kv_request put = {.operation = KV_PUT, .key = text("k"), .value = text("v")};
	const struct kv_request range = {.operation = KV_RANGE, .key = text("k")};
	const struct kv_compare compare = {.key = text("k"), .number = 1};
	size_t size = kv_txn_encode(&(struct kv_txn_counts){1, 2, 1}, out);

	inner_size += kv_txn_encode_operation(&put, inner + inner_size);
	const struct kv_request txn = {.operation = KV_TXN, .txn = blob(inner, inner_size)};
	size += kv_txn_encode_compare(&compare, out + size);
	size += kv_txn_encode_operation(&put, out + size);
	size += kv_txn_encode_operation(&range, out + size);
	return size + kv_txn_encode_operation(&txn, out + size);
}

static void one_that_is_cut_is_refused(void **state)
{
	uint8_t data[DATA_SIZE_MAX] = {0};
	size_t size = build(data);

	(void)state;
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(size_exact(data, cut), 0);
	assert_int_equal(size_exact(data, size), size);
	assert_int_equal(size_exact(data, size + 8), size); /* what follows is not its own */

	/* As a request it is all that there is. */
	struct kv_request request = {
		.operation = KV_TXN, .session = 1, .sequence = 1, .txn = blob(data, size)};
	uint8_t bytes[DATA_SIZE_MAX] = {0};
	struct kv_request back;

	kv_request_encode(&request, bytes);
	size = kv_request_size(&request);
	assert_int_equal(kv_request_decode(&back, bytes, size), 0);
	assert_bytes(back.txn, request.txn);
	assert_int_equal(kv_request_decode(&back, bytes, size + 1), -EINVAL);
	assert_int_equal(kv_request_decode(&back, bytes, size - 1), -EINVAL);
}

static void what_no_transaction_may_have_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} rows[] = {
		{0, 2}, /* one comparison more */
		{2, 3}, /* one operation more */
		{4, 0}, /* one less: then it ends before its end */
		{6, 1},
		{7, 1},
		{8, 4},  /* no such result */
		{9, 5},  /* no such target */
		{9, 3},  /* a value, with a number */
		{10, 2}, /* a longer key */
		{14, 1},
		{16, 1}, /* a value of a version */
		{20, 1},
		{33, 0},
		{33, KV_PUBLISH},
		{33, KV_COMPACT},
		{33, KV_HASHKV},
		{33, KV_MARK},
		{34, 1},
		{35, KV_ONE_SHOT}, /* the session's, not an operation's */
		{35, KV_KEYS_ONLY},
		{36, 1},
		{47, 1},
	};
	uint8_t data[DATA_SIZE_MAX] = {0};
	size_t size = build(data);

	(void)state;
	assert_int_equal(data[33], KV_PUT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t was = data[rows[i].at];

		data[rows[i].at] = rows[i].byte;
		assert_int_not_equal(size_exact(data, size), size);
		data[rows[i].at] = was;
	}
}

/* As deep as bytes allow: reading takes no stack, and time in proportion. */
static void depth_costs_nothing(void **state)
{
	const size_t deep = KV_VALUE_SIZE_MAX / (KV_TXN_SIZE + KV_TXN_OPERATION_SIZE) - 1;
	uint8_t *data = calloc(1, KV_VALUE_SIZE_MAX);
	size_t at = 0;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < deep; i++) {
		at += kv_txn_encode(&(struct kv_txn_counts){0, 1, 0}, data + at);
		data[at] = KV_TXN;
		at += KV_TXN_OPERATION_SIZE;
	}
	assert_int_equal(kv_txn_size(data, KV_VALUE_SIZE_MAX), at + KV_TXN_SIZE);
	assert_int_equal(kv_txn_size(data, at + KV_TXN_SIZE - 1), 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_are_what_the_header_says),
		cmocka_unit_test(one_that_is_cut_is_refused),
		cmocka_unit_test(what_no_transaction_may_have_is_refused),
		cmocka_unit_test(depth_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
