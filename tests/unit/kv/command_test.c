/* The codec: what is written is read back, and nothing else is. */
#include "tests/unit/kv/helper.h"

#include "kv/codec.h"

/* A copy that ends where an allocation ends, so that a read past it is seen by a sanitizer. */
static int request_decode_exact(const uint8_t *data, size_t size, struct kv_request *out)
{
	uint8_t *exact = malloc(size == 0 ? 1 : size);

	assert_non_null(exact);
	memcpy(exact, data, size);
	int err = kv_request_decode(out, exact, size);
	free(exact);
	return err;
}

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

/* The layout of kv/command.h, byte by byte: it is in logs and on wires and must not drift. */
static void request_layout_is_what_the_header_says(void **state)
{
	static const uint8_t want[] = {
		1,    1,    1,    0,    0,    0,    0,    0,    /* version, put, one-shot */
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* session */
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* session_base */
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, /* sequence */
		0,    0,    0,    0,    0,    0,    0,    0,    /* limit */
		0,    0,    0,    0,    0,    0,    0,    0,    /* lease */
		3,    0,    0,    0,    2,    0,    0,    0,    /* sizes */
		'k',  'e',  'y',  'v',  '!',
	};
	const struct kv_request request = {.operation = KV_PUT,
					   .flags = KV_ONE_SHOT,
					   .session = 0x0102030405060708,
					   .session_base = 0x1112131415161718,
					   .sequence = 0x2122232425262728,
					   .key = text("key"),
					   .value = text("v!")};
	struct kv_request back;
	size_t size;
	uint8_t *data = encoded(&request, &size);

	(void)state;
	assert_int_equal(size, sizeof(want));
	assert_memory_equal(data, want, sizeof(want));
	assert_int_equal(kv_request_decode(&back, data, size), 0);
	assert_int_equal(back.operation, KV_PUT);
	assert_int_equal(back.flags, KV_ONE_SHOT);
	assert_true(back.session == request.session);
	assert_true(back.session_base == request.session_base);
	assert_true(back.sequence == request.sequence);
	assert_bytes(back.key, text("key"));
	assert_bytes(back.value, text("v!"));
	assert_int_equal(back.range_end.size, 0);
	free(data);
}

static void range_layout_is_what_the_header_says(void **state)
{
	const struct kv_request request = {.operation = KV_RANGE,
					   .flags = KV_KEYS_ONLY | KV_COUNT_ONLY,
					   .limit = 0x3132333435363738,
					   .key = text("a"),
					   .range_end = text("bcd")};
	struct kv_request back;
	size_t size;
	uint8_t *data = encoded(&request, &size);

	(void)state;
	assert_int_equal(data[32], 0x38);
	assert_int_equal(data[39], 0x31);
	assert_int_equal(data[50], 3);
	assert_memory_equal(data + KV_REQUEST_HEADER_SIZE, "abcd", 4);
	assert_int_equal(kv_request_decode(&back, data, size), 0);
	assert_true(back.limit == request.limit);
	assert_bytes(back.range_end, text("bcd"));
	free(data);
}

static void request_of_another_length_is_refused(void **state)
{
	const struct kv_request requests[] = {
		{.operation = KV_PUT, .key = text("key"), .value = text("value")},
		{.operation = KV_DELETE, .key = text("key"), .range_end = text("kez")},
		{.operation = KV_RANGE, .key = text("key"), .range_end = text("kez"), .limit = 3},
	};
	struct kv_request back;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t size;
		uint8_t *data = encoded(&requests[i], &size);
		uint8_t *longer = calloc(1, size + 1);

		assert_non_null(longer);
		memcpy(longer, data, size);
		for (size_t cut = 0; cut < size; cut++)
			assert_int_equal(request_decode_exact(data, cut, &back), -EINVAL);
		assert_int_equal(request_decode_exact(data, size, &back), 0);
		assert_int_equal(request_decode_exact(longer, size + 1, &back), -EINVAL);
		free(data);
		free(longer);
	}
}

/* One byte of a valid request is changed to something that this version does not know. */
static void request_with_unknown_bits_is_refused(void **state)
{
	static const struct {
		enum kv_operation operation;
		size_t at;
		uint8_t byte;
		int want;
	} rows[] = {
		{KV_PUT, 0, 0, -EINVAL},
		{KV_PUT, 0, 2, -EINVAL},
		{KV_PUT, 1, 0, -EINVAL},
		{KV_PUT, 1, 4, -EINVAL},
		{KV_PUT, 1, 255, -EINVAL},
		{KV_PUT, 2, KV_ONE_SHOT, 0},
		{KV_PUT, 2, KV_KEYS_ONLY, -EINVAL},
		{KV_PUT, 2, 8, -EINVAL},
		{KV_DELETE, 2, KV_COUNT_ONLY, -EINVAL},
		{KV_RANGE, 2, KV_ONE_SHOT | KV_KEYS_ONLY | KV_COUNT_ONLY, 0},
		{KV_RANGE, 2, 128, -EINVAL},
		{KV_PUT, 3, 1, -EINVAL},
		{KV_PUT, 7, 1, -EINVAL},
		{KV_PUT, 32, 1, 0}, /* a floor */
		{KV_DELETE, 39, 1, 0},
		{KV_RANGE, 32, 1, 0},
		{KV_PUT, 40, 1, -EINVAL}, /* no leases yet */
		{KV_RANGE, 47, 1, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kv_request request = {.operation = rows[i].operation,
						   .session = 1,
						   .sequence = 1,
						   .key = text("key")};
		struct kv_request back;
		size_t size;
		uint8_t *data = encoded(&request, &size);

		data[rows[i].at] = rows[i].byte;
		assert_int_equal(request_decode_exact(data, size, &back), rows[i].want);
		free(data);
	}
}

static void fields_of_another_operation_are_refused(void **state)
{
	const struct kv_request requests[] = {
		{.operation = KV_PUT, .key = text("k"), .range_end = text("l")},
		{.operation = KV_DELETE, .key = text("k"), .value = text("v")},
		{.operation = KV_RANGE, .key = text("k"), .value = text("v")},
	};
	struct kv_request back;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t size;
		uint8_t *data = encoded(&requests[i], &size);

		assert_int_equal(request_decode_exact(data, size, &back), -EINVAL);
		free(data);
	}
}

static void request_is_at_most_one_and_a_half_mebibytes(void **state)
{
	uint8_t *value = calloc(1, KV_VALUE_SIZE_MAX);
	struct kv_request back;

	(void)state;
	assert_non_null(value);
	for (uint32_t over = 0; over < 2; over++) {
		const struct kv_request request = {
			.operation = KV_PUT,
			.key = text("key"),
			.value = blob(value, KV_VALUE_SIZE_MAX - 3 + over)};
		size_t size;
		uint8_t *data = encoded(&request, &size);

		assert_int_equal(request_decode_exact(data, size, &back), over ? -EINVAL : 0);
		free(data);
	}

	/* Sizes that add up to more than 32 bits hold. */
	uint8_t header[KV_REQUEST_HEADER_SIZE + 2] = {1, KV_PUT};
	header[48] = 3;
	memset(header + 52, 0xff, 4); /* 3 + 0xffffffff = 2 modulo 2^32 */
	assert_int_equal(request_decode_exact(header, sizeof(header), &back), -EINVAL);
	free(value);
}

/* An answer with two items, the second without a value. */
static size_t answer_build(uint8_t *out)
{
	const struct kv_answer answer = {.status = KV_OK,
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
		{0, 2},
		{1, KV_BEYOND_WINDOW + 1},
		{2, 2},
		{3, 1},
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

static void prefix_end_is_the_first_key_without_the_prefix(void **state)
{
	static const struct {
		const char *prefix;
		size_t size;
		const char *end;
		size_t end_size;
	} rows[] = {
		{"a", 1, "b", 1},           {"ab", 2, "ac", 2},
		{"a\xff", 2, "b", 1},       {"a\xff\xff", 3, "b", 1},
		{"\xfe\xff", 2, "\xff", 1}, {"\xff", 1, "", 1}, /* every key >= it */
		{"\xff\xff", 2, "", 1},     {"", 0, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t out[4] = {0xaa, 0xaa, 0xaa, 0xaa};
		size_t size = kv_prefix_end((const uint8_t *)rows[i].prefix, rows[i].size, out);

		assert_int_equal(size, rows[i].end_size);
		if (size > 0)
			assert_memory_equal(out, rows[i].end, size);
		assert_int_equal(out[rows[i].size], 0xaa); /* size bytes at most */
	}
}

static void every_status_has_its_text(void **state)
{
	static const enum kv_status statuses[] = {KV_SESSION_EXPIRED, KV_STALE_SEQUENCE,
						  KV_KEY_EMPTY,       KV_MALFORMED,
						  KV_ANSWER_GONE,     KV_BEYOND_WINDOW};

	(void)state;
	assert_string_equal(kv_status_text(KV_OK), "");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		assert_true(strlen(kv_status_text(statuses[i])) > 0);
		assert_string_not_equal(kv_status_text(statuses[i]),
					kv_status_text((enum kv_status)255));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_layout_is_what_the_header_says),
		cmocka_unit_test(range_layout_is_what_the_header_says),
		cmocka_unit_test(request_of_another_length_is_refused),
		cmocka_unit_test(request_with_unknown_bits_is_refused),
		cmocka_unit_test(fields_of_another_operation_are_refused),
		cmocka_unit_test(request_is_at_most_one_and_a_half_mebibytes),
		cmocka_unit_test(answer_is_read_back),
		cmocka_unit_test(answer_of_another_length_is_refused),
		cmocka_unit_test(answer_with_unknown_bits_is_refused),
		cmocka_unit_test(prefix_end_is_the_first_key_without_the_prefix),
		cmocka_unit_test(every_status_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
