/* Answers: what is written is read back, and nothing else is. */
#include "tests/unit/kv/helper.h"

#include "kv/codec.h"

/* A copy that ends where an allocation ends, so that a read past it is seen by a sanitizer. */
static int answer_decode_exact(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size == 0 ? 1 : size);
	struct kv_answer answer;

	assert_non_null(exact);
	memcpy(exact, data, size);
	int err = kv_answer_decode(&answer, exact, size);
	free(exact);
	return err;
}

/* An answer with two items, the second without a value. */
static size_t answer_build(uint8_t *out)
{
	const struct kv_answer answer = {.status = KV_OK,
					 .operation = KV_RANGE,
					 .more = true,
					 .revision = 7,
					 .count = 9,
					 .applied_index = 11,
					 .item_count = 2};
	const struct kv_item first = {.create_revision = 2,
				      .mod_revision = 3,
				      .version = 4,
				      .lease = 5,
				      .key = text("key"),
				      .value = text("value")};
	const struct kv_item second = {.key = text("kez")};
	size_t size = KV_ANSWER_HEADER_SIZE;

	kv_answer_encode_header(&answer, out);
	kv_item_encode(&first, out + size);
	size += kv_item_size(&first);
	kv_item_encode(&second, out + size);
	return size + kv_item_size(&second);
}

static void answer_is_read_back(void **state)
{
	uint8_t data[256];
	size_t size = answer_build(data);
	struct kv_answer answer;
	struct kv_item item;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(kv_answer_decode(&answer, data, size), 0);
	assert_int_equal(answer.status, KV_OK);
	assert_int_equal(answer.operation, KV_RANGE);
	assert_true(answer.more);
	assert_int_equal(answer.revision, 7);
	assert_int_equal(answer.count, 9);
	assert_int_equal(answer.applied_index, 11);
	assert_true(kv_item_next(&answer, &at, &item));
	assert_int_equal(item.create_revision, 2);
	assert_int_equal(item.mod_revision, 3);
	assert_int_equal(item.version, 4);
	assert_int_equal(item.lease, 5);
	assert_bytes(item.key, text("key"));
	assert_bytes(item.value, text("value"));
	assert_true(kv_item_next(&answer, &at, &item));
	assert_bytes(item.key, text("kez"));
	assert_int_equal(item.value.size, 0);
	assert_false(kv_item_next(&answer, &at, &item));
}

static void answer_of_another_length_is_refused(void **state)
{
	uint8_t data[256] = {0};
	size_t size = answer_build(data);

	(void)state;
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(answer_decode_exact(data, cut), -EINVAL);
	assert_int_equal(answer_decode_exact(data, size), 0);
	assert_int_equal(answer_decode_exact(data, size + 1), -EINVAL);
}

static void answer_with_unknown_bits_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} rows[] = {
		{0, 1},
		{0, 3},
		{1, 1}, /* no status has this number */
		{1, KV_LEASE_NOT_FOUND + 1},
		{2, 2}, /* a range has no comparisons */
		{2, 4},
		{3, KV_MARK + 1},
		{3, KV_COMPACT}, /* has no items */
		{3, KV_TXN},     /* has responses */
		{4, 1},
		{7, 1},
		{24, 1},   /* fewer items than there are bytes for */
		{24, 3},   /* more */
		{27, 255}, /* many more */
		{28, 1},
		{KV_ANSWER_HEADER_SIZE + 32, 4}, /* a longer key shifts what follows */
		{KV_ANSWER_HEADER_SIZE + 33, 1},
		{KV_ANSWER_HEADER_SIZE + 34, 1},
		{KV_ANSWER_HEADER_SIZE + 39, 255},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t data[256];
		size_t size = answer_build(data);

		data[rows[i].at] = rows[i].byte;
		assert_int_equal(answer_decode_exact(data, size), -EINVAL);
	}
}

/* A response of each kind, and one that is a transaction's with two of its own. */
static size_t responses_build(uint8_t *out)
{
	const struct kv_answer answer = {
		.operation = KV_TXN, .succeeded = true, .revision = 7, .item_count = 3};
	const struct kv_answer parts[] = {
		{.operation = KV_DELETE, .revision = 8, .count = 5, .item_count = 1},
		{.operation = KV_TXN, .item_count = 2},
		{.operation = KV_TXN, .succeeded = true},
		{.operation = KV_PUT, .revision = 9},
		{.operation = KV_RANGE, .more = true, .count = 6},
	};
	const struct kv_item item = {.mod_revision = 3, .key = text("key"), .value = text("v")};
	size_t size = KV_ANSWER_HEADER_SIZE;

	kv_answer_encode_header(&answer, out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		kv_response_encode_header(&parts[i], out + size);
		size += KV_RESPONSE_HEADER_SIZE;
		if (parts[i].item_count && parts[i].operation == KV_DELETE) {
			kv_item_encode(&item, out + size);
			size += kv_item_size(&item);
		}
	}
	return size;
}

static void responses_are_read_back(void **state)
{
	uint8_t data[512];
	size_t size = responses_build(data);
	struct kv_answer answer, part, inner;
	struct kv_item item;
	uint32_t at = 0, within = 0;

	(void)state;
	assert_int_equal(kv_answer_decode(&answer, data, size), 0);
	assert_true(answer.succeeded);
	assert_int_equal(answer.item_count, 3);
	assert_true(kv_response_next(&answer, &at, &part));
	assert_int_equal(part.operation, KV_DELETE);
	assert_int_equal(part.revision, 8);
	assert_int_equal(part.count, 5);
	assert_true(kv_item_next(&part, &within, &item));
	assert_bytes(item.key, text("key"));
	assert_int_equal(item.mod_revision, 3);
	assert_false(kv_item_next(&part, &within, &item));

	assert_true(kv_response_next(&answer, &at, &part));
	assert_int_equal(part.operation, KV_TXN);
	assert_false(part.succeeded);
	within = 0;
	assert_true(kv_response_next(&part, &within, &inner));
	assert_int_equal(inner.operation, KV_TXN);
	assert_true(inner.succeeded);
	assert_int_equal(inner.items.size, 0);
	assert_true(kv_response_next(&part, &within, &inner));
	assert_int_equal(inner.operation, KV_PUT);
	assert_int_equal(inner.revision, 9);
	assert_false(kv_response_next(&part, &within, &inner));

	assert_true(kv_response_next(&answer, &at, &part));
	assert_int_equal(part.operation, KV_RANGE);
	assert_true(part.more);
	assert_int_equal(part.count, 6);
	assert_false(kv_response_next(&answer, &at, &part));
}

/* Cut anywhere, or with a byte changed that counts what follows: never read past the end. */
static void responses_that_do_not_add_up_are_refused(void **state)
{
	uint8_t data[512] = {0};
	const size_t size = responses_build(data);

	(void)state;
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(answer_decode_exact(data, cut), -EINVAL);
	assert_int_equal(answer_decode_exact(data, size + 1), -EINVAL);
	for (size_t at = KV_ANSWER_HEADER_SIZE; at < size; at++) {
		uint8_t was = data[at];

		for (int byte = 0; byte < 256; byte++) {
			data[at] = (uint8_t)byte;
			answer_decode_exact(data, size);
		}
		data[at] = was;
	}
	/* 2^32 - 1 responses that need no bytes of their own do not exist. */
	memset(data + 24, 0xff, 4);
	assert_int_equal(answer_decode_exact(data, size), -EINVAL);
}

static void a_hash_is_read_back(void **state)
{
	const struct kv_answer answer = {.operation = KV_HASHKV, .revision = 7};
	const struct kv_answer refused = {.operation = KV_HASHKV, .status = KV_COMPACTED};
	uint8_t data[KV_ANSWER_HEADER_SIZE + KV_HASH_SIZE];
	struct kv_answer back;

	(void)state;
	kv_answer_encode_header(&answer, data);
	kv_hash_encode(0xfedcba98, 5, data + KV_ANSWER_HEADER_SIZE);
	assert_int_equal(kv_answer_decode(&back, data, sizeof(data)), 0);
	assert_int_equal(back.hash, 0xfedcba98);
	assert_int_equal(back.compact_revision, 5);
	for (size_t cut = 0; cut < sizeof(data); cut++)
		assert_int_equal(answer_decode_exact(data, cut), -EINVAL);
	data[KV_ANSWER_HEADER_SIZE + 4] = 1;
	assert_int_equal(answer_decode_exact(data, sizeof(data)), -EINVAL);
	kv_answer_encode_header(&refused, data);
	assert_int_equal(answer_decode_exact(data, KV_ANSWER_HEADER_SIZE), 0);
	assert_int_equal(answer_decode_exact(data, sizeof(data)), -EINVAL);
}

/* No two alike, and what is said of a command is true of all that get it. */
static void every_status_has_its_text(void **state)
{
#define NUMBER(name, number, text, done) number,
	static const int numbers[] = {KV_STATUSES(NUMBER)};
#undef NUMBER
	const size_t count = sizeof(numbers) / sizeof(numbers[0]);

	(void)state;
	assert_string_equal(kv_status_text(KV_OK), "");
	assert_int_equal(kv_status_done(KV_OK), STATUS_DONE);
	assert_int_equal(kv_status_done(KV_ANSWER_GONE), STATUS_DONE);
	assert_int_equal(kv_status_done(KV_SESSION_EXPIRED), STATUS_UNKNOWN);
	assert_int_equal(kv_status_done(KV_KEY_EMPTY), STATUS_NOTHING);
	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(kv_status_text((enum kv_status)numbers[i]),
						kv_status_text((enum kv_status)numbers[j]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_is_read_back),
		cmocka_unit_test(answer_of_another_length_is_refused),
		cmocka_unit_test(answer_with_unknown_bits_is_refused),
		cmocka_unit_test(responses_are_read_back),
		cmocka_unit_test(responses_that_do_not_add_up_are_refused),
		cmocka_unit_test(a_hash_is_read_back),
		cmocka_unit_test(every_status_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
