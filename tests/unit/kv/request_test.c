/* Requests: what is written is read back, and nothing else is. */
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

/* The layouts of kv/command.h, byte by byte: they are in logs and on wires and must not drift. */
/* clang-format off */
#define HEADER(operation, flags_low) \
	2, operation, flags_low, 0, 0, 0, 0, 0, \
	0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* session */ \
	0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* session_base */ \
	0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, /* sequence */ \
	0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x11  /* floor */

static const uint8_t put_bytes[] = {
	HEADER(KV_PUT, 1 | 8 | 16 | 32),
	0, 0, 0, 0, 0, 0, 0, 0, /* lease */
	3, 0, 0, 0, 2, 0, 0, 0, /* sizes */
	'k', 'e', 'y', 'v', '!',
};
static const uint8_t delete_bytes[] = {
	HEADER(KV_DELETE, 8),
	1, 0, 3, 0, 0, 0, 0, 0, /* sizes */
	'a', 'b', 'c', 'd',
};
static const uint8_t compact_bytes[] = {
	HEADER(KV_COMPACT, 64),
	8, 7, 6, 5, 4, 3, 2, 1, /* revision */
};
static const uint8_t mark_bytes[] = {
	2, KV_MARK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	4, 3, 2, 1, 8, 7, 6, 5,                         /* formats */
	8, 7, 6, 5, 4, 3, 2, 1,                         /* index */
	0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* hash */
};
static const uint8_t range_bytes[] = {
	HEADER(KV_RANGE, 2 | 4),
	8, 7, 6, 5, 4, 3, 2, 1,                         /* revision */
	7, 0, 0, 0, 0, 0, 0, 0,                         /* limit */
	1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, /* mod revisions */
	3, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 1, /* create revisions */
	2, 3, 1, 0, 3, 0, 0, 0,                         /* order, target, sizes */
	'a', 'b', 'c', 'd',
};
static const uint8_t hash_bytes[] = {
	HEADER(KV_HASHKV, 0),
	8, 7, 6, 5, 4, 3, 2, 1, /* revision */
};
/* clang-format on */

static struct kv_request with_header(struct kv_request request)
{
	request.session = 0x0102030405060708;
	request.session_base = 0x1112131415161718;
	request.sequence = 0x2122232425262728;
	request.floor = 0x1132333435363738;
	return request;
}

#define FIELD(name) offsetof(struct kv_request, name)
static const size_t numbers[] = {
	FIELD(session),
	FIELD(session_base),
	FIELD(sequence),
	FIELD(floor),
	FIELD(lease),
	FIELD(revision),
	FIELD(limit),
	FIELD(min_mod_revision),
	FIELD(max_mod_revision),
	FIELD(min_create_revision),
	FIELD(max_create_revision),
	FIELD(mark.index),
	FIELD(mark.hash),
};

/* It is written as these bytes, and they are read as it. */
static void expect_layout(const struct kv_request *request, const uint8_t *want, size_t want_size)
{
	struct kv_request back;
	size_t size;
	uint8_t *data = encoded(request, &size);

	assert_int_equal(size, want_size);
	assert_memory_equal(data, want, want_size);
	assert_int_equal(kv_request_decode(&back, data, size), 0);
	assert_bytes(back.key, request->key);
	assert_bytes(back.range_end, request->range_end);
	assert_bytes(back.value, request->value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const uint8_t *got = (const uint8_t *)&back, *wanted = (const uint8_t *)request;

		assert_memory_equal(got + numbers[i], wanted + numbers[i], sizeof(uint64_t));
	}
	assert_int_equal(back.operation, request->operation);
	assert_int_equal(back.flags, request->flags);
	assert_int_equal(back.order, request->order);
	assert_int_equal(back.target, request->target);
	assert_int_equal(back.mark_format, request->mark_format);
	assert_int_equal(back.mark.file_version, request->mark.file_version);
	free(data);
}

static void layouts_of_commands_are_what_the_header_says(void **state)
{
	struct kv_request r;

	(void)state;
	r = with_header((struct kv_request){.operation = KV_PUT,
					    .flags = KV_ONE_SHOT | KV_PREV_KV | KV_IGNORE_VALUE |
						     KV_IGNORE_LEASE,
					    .key = text("key"),
					    .value = text("v!")});
	expect_layout(&r, put_bytes, sizeof(put_bytes));
	r = with_header((struct kv_request){.operation = KV_DELETE,
					    .flags = KV_PREV_KV,
					    .key = text("a"),
					    .range_end = text("bcd")});
	expect_layout(&r, delete_bytes, sizeof(delete_bytes));
	r = with_header((struct kv_request){
		.operation = KV_COMPACT, .flags = KV_PHYSICAL, .revision = 0x0102030405060708});
	expect_layout(&r, compact_bytes, sizeof(compact_bytes));
}

static void layout_of_a_mark_is_what_the_header_says(void **state)
{
	struct kv_request r;

	(void)state;
	r = (struct kv_request){.operation = KV_MARK,
				.mark_format = 0x01020304,
				.mark = {.file_version = 0x05060708,
					 .index = 0x0102030405060708,
					 .hash = 0x1112131415161718}};
	expect_layout(&r, mark_bytes, sizeof(mark_bytes));
}

static void layouts_of_queries_are_what_the_header_says(void **state)
{
	const uint64_t top = UINT64_C(1) << 56;
	struct kv_request r;

	(void)state;
	r = with_header((struct kv_request){.operation = KV_RANGE,
					    .flags = KV_KEYS_ONLY | KV_COUNT_ONLY,
					    .revision = 0x0102030405060708,
					    .limit = 7,
					    .min_mod_revision = top + 1,
					    .max_mod_revision = top + 2,
					    .min_create_revision = top + 3,
					    .max_create_revision = top + 4,
					    .order = KV_ORDER_DESCEND,
					    .target = KV_TARGET_MOD,
					    .key = text("a"),
					    .range_end = text("bcd")});
	expect_layout(&r, range_bytes, sizeof(range_bytes));
	r = with_header(
		(struct kv_request){.operation = KV_HASHKV, .revision = 0x0102030405060708});
	expect_layout(&r, hash_bytes, sizeof(hash_bytes));
}

static void request_of_another_length_is_refused(void **state)
{
	const struct kv_request requests[] = {
		{.operation = KV_PUT, .key = text("key"), .value = text("value")},
		{.operation = KV_DELETE, .key = text("key"), .range_end = text("kez")},
		{.operation = KV_RANGE, .key = text("key"), .range_end = text("kez"), .limit = 3},
		{.operation = KV_COMPACT, .revision = 3},
		{.operation = KV_HASHKV, .revision = 3},
		{.operation = KV_MARK, .mark_format = 1},
	};
	struct kv_request back;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
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

static const struct {
	enum kv_operation operation;
	size_t at;
	uint8_t byte;
	int want;
} changes[] = {
	{KV_PUT, 0, 1, -EINVAL}, /* the version before it */
	{KV_PUT, 0, 3, -EINVAL},
	{KV_PUT, 1, 0, -EINVAL},
	{KV_PUT, 1, 9, -EINVAL},
	{KV_PUT, 1, 255, -EINVAL},
	{KV_PUT, 2, KV_ONE_SHOT | KV_PREV_KV | KV_IGNORE_VALUE | KV_IGNORE_LEASE, 0},
	{KV_PUT, 2, KV_KEYS_ONLY, -EINVAL},
	{KV_PUT, 2, KV_PHYSICAL, -EINVAL},
	{KV_PUT, 2, 128, -EINVAL},
	{KV_PUT, 3, 1, -EINVAL},
	{KV_DELETE, 2, KV_PREV_KV, 0},
	{KV_DELETE, 2, KV_IGNORE_VALUE, -EINVAL},
	{KV_DELETE, 2, KV_COUNT_ONLY, -EINVAL},
	{KV_RANGE, 2, KV_ONE_SHOT | KV_KEYS_ONLY | KV_COUNT_ONLY, 0},
	{KV_RANGE, 2, KV_PREV_KV, -EINVAL},
	{KV_COMPACT, 2, KV_PHYSICAL | KV_ONE_SHOT, 0},
	{KV_COMPACT, 2, KV_PREV_KV, -EINVAL},
	{KV_HASHKV, 2, KV_PHYSICAL, -EINVAL},
	{KV_MARK, 2, KV_ONE_SHOT, -EINVAL},
	{KV_MARK, 8, 1, -EINVAL}, /* no session */
	{KV_MARK, 24, 1, -EINVAL},
	{KV_MARK, 32, 1, -EINVAL},
	{KV_MARK, 44, 1, 0}, /* of what is around the state */
	{KV_PUT, 4, 1, -EINVAL},
	{KV_PUT, 7, 1, -EINVAL},
	{KV_PUT, 32, 1, 0},
	{KV_PUT, 32, 3, -EINVAL}, /* a floor above it: given up */
	{KV_PUT, 40, 1, 0},       /* a lease */
	{KV_PUT, 47, 1, 0},
	{KV_PUT, 50, 1, -EINVAL},
	{KV_PUT, 51, 1, -EINVAL},
	{KV_DELETE, 44, 1, -EINVAL},
	{KV_DELETE, 47, 1, -EINVAL},
	{KV_RANGE, 40, 1, 0},
	{KV_RANGE, 88, KV_ORDER_DESCEND, 0},
	{KV_RANGE, 88, KV_ORDER_DESCEND + 1, -EINVAL},
	{KV_RANGE, 89, KV_TARGET_VALUE, 0},
	{KV_RANGE, 89, KV_TARGET_VALUE + 1, -EINVAL},
	{KV_RANGE, 94, 1, -EINVAL},
	{KV_RANGE, 95, 1, -EINVAL},
};

/* One byte of a valid request is changed, mostly to something that this version does not know. */
static void request_with_unknown_bits_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		enum kv_operation operation = changes[i].operation;
		bool keyed = operation <= KV_RANGE, said = operation == KV_MARK;
		const struct kv_request request = {.operation = operation,
						   .session = !said,
						   .sequence = said ? 0 : 2,
						   .key = text(keyed ? "key" : "")};
		struct kv_request back;
		size_t size;
		uint8_t *data = encoded(&request, &size);

		data[changes[i].at] = changes[i].byte;
		assert_int_equal(request_decode_exact(data, size, &back), changes[i].want);
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
	uint8_t put[KV_REQUEST_HEADER_SIZE + KV_PUT_SIZE + 2] = {2, KV_PUT};
	put[KV_REQUEST_HEADER_SIZE + 8] = 3;
	memset(put + KV_REQUEST_HEADER_SIZE + 12, 0xff, 4); /* 3 + 0xffffffff = 2 modulo 2^32 */
	assert_int_equal(request_decode_exact(put, sizeof(put), &back), -EINVAL);
	free(value);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_of_commands_are_what_the_header_says),
		cmocka_unit_test(layout_of_a_mark_is_what_the_header_says),
		cmocka_unit_test(layouts_of_queries_are_what_the_header_says),
		cmocka_unit_test(request_of_another_length_is_refused),
		cmocka_unit_test(request_with_unknown_bits_is_refused),
		cmocka_unit_test(request_is_at_most_one_and_a_half_mebibytes),
		cmocka_unit_test(prefix_end_is_the_first_key_without_the_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
