/* The state machine behind kv/sm.h: revisions, ranges, chains, steps, quota, the door. */
#include "tests/unit/kv/helper.h"

static const struct kv_bytes NONE = {0};
static const struct kv_bytes OPEN_END = {.data = (const uint8_t *)"", .size = 1};

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, UINT64_MAX);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static void assert_key(struct rig *rig, const char *key, uint64_t create, uint64_t mod,
		       uint64_t version)
{
	struct kv_answer answer = range(rig, text(key), NONE);
	struct kv_item item = only_item(&answer);

	assert_bytes(item.key, text(key));
	assert_int_equal(item.create_revision, create);
	assert_int_equal(item.mod_revision, mod);
	assert_int_equal(item.version, version);
	assert_int_equal(item.lease, 0);
}

static void revisions_as_in_etcd(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rig->sm->ops->revision(rig->sm), 1);
	assert_int_equal(range(rig, text("a"), NONE).revision, 1);
	assert_int_equal(del(rig, text("a"), NONE).revision, 1); /* nothing deleted: no bump */
	assert_int_equal(put(rig, text("a"), text("1")).revision, 2);
	assert_key(rig, "a", 2, 2, 1);
	assert_int_equal(put(rig, text("b"), text("1")).revision, 3);
	assert_int_equal(put(rig, text("a"), text("1")).revision, 4); /* the same value: a bump */
	assert_key(rig, "a", 2, 4, 2);
	assert_key(rig, "b", 3, 3, 1);

	struct kv_answer answer = del(rig, text("a"), NONE);
	assert_int_equal(answer.revision, 5);
	assert_int_equal(answer.count, 1);
	assert_int_equal(range(rig, text("a"), NONE).count, 0);
	assert_int_equal(put(rig, text("a"), text("2")).revision, 6);
	assert_key(rig, "a", 6, 6, 1); /* born again */

	answer = del(rig, text("a"), text("c")); /* two keys, one revision */
	assert_int_equal(answer.revision, 7);
	assert_int_equal(answer.count, 2);
	assert_int_equal(del(rig, text("a"), OPEN_END).revision, 7);
}

static void ranges_as_in_etcd(void **state)
{
	struct rig *rig = *state;
	static const char *const keys[] = {"a", "aa", "ab", "b", "c"};
	static const struct {
		struct kv_bytes key, end;
		uint64_t limit;
		uint32_t flags;
		const char *want; /* the keys, joined */
		uint64_t count;
		bool more;
	} rows[] = {
		{{(const uint8_t *)"a", 1}, {0}, 0, 0, "a", 1, false},
		{{(const uint8_t *)"x", 1}, {0}, 0, 0, "", 0, false},
		{{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, 0, 0, "a,aa,ab", 3, false},
		{{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, 2, 0, "a,aa", 3, true},
		{{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, 3, 0, "a,aa,ab", 3, false},
		{{(const uint8_t *)"ab", 2}, {(const uint8_t *)"", 1}, 0, 0, "ab,b,c", 3, false},
		{{(const uint8_t *)"", 1}, {(const uint8_t *)"", 1}, 0, 0, "a,aa,ab,b,c", 5, false},
		{{(const uint8_t *)"", 1}, {(const uint8_t *)"aa", 2}, 0, 0, "a", 1, false},
		{{(const uint8_t *)"b", 1}, {(const uint8_t *)"a", 1}, 0, 0, "", 0, false},
		{{(const uint8_t *)"b", 1}, {(const uint8_t *)"b", 1}, 0, 0, "", 0, false},
		{{(const uint8_t *)"a", 1},
		 {(const uint8_t *)"b", 1},
		 1,
		 KV_COUNT_ONLY,
		 "",
		 3,
		 false},
		{{(const uint8_t *)"a", 1}, {0}, 0, KV_KEYS_ONLY, "a", 1, false},
		{{(const uint8_t *)"a", 1},
		 {(const uint8_t *)"b", 1},
		 1,
		 KV_KEYS_ONLY,
		 "a",
		 3,
		 true},
	};

	for (size_t i = 5; i > 0; i--) /* stored in byte order, whatever the order of the puts */
		put(rig, text(keys[i - 1]), text("value"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kv_request request = {.operation = KV_RANGE,
						   .key = rows[i].key,
						   .range_end = rows[i].end,
						   .limit = rows[i].limit,
						   .flags = rows[i].flags};
		struct kv_answer answer = query(rig, &request, KV_ANSWER_SIZE_MAX);
		struct kv_item item;
		char got[64] = "";
		uint32_t at = 0;

		while (kv_item_next(&answer, &at, &item)) {
			if (got[0] != '\0')
				strncat(got, ",", 2);
			strncat(got, (const char *)item.key.data, item.key.size);
			bool with_value = (rows[i].flags & KV_KEYS_ONLY) == 0;
			assert_bytes(item.value, with_value ? text("value") : NONE);
		}
		assert_string_equal(got, rows[i].want);
		assert_int_equal(answer.count, rows[i].count);
		assert_int_equal(answer.more, rows[i].more);
		assert_int_equal(answer.revision, 6);
		assert_int_equal(answer.applied_index, 0);
	}
}

static void empty_key_is_not_provided(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(put(rig, NONE, text("v")).status, KV_KEY_EMPTY);
	assert_int_equal(del(rig, NONE, OPEN_END).status, KV_KEY_EMPTY);
	assert_int_equal(range(rig, NONE, OPEN_END).status, KV_KEY_EMPTY);
	assert_int_equal(rig->sm->ops->revision(rig->sm), 1);
	assert_string_equal(kv_status_text(KV_KEY_EMPTY), "etcdserver: key is not provided");
}

static void an_answer_is_whole_or_none(void **state)
{
	struct rig *rig = *state;
	const struct kv_request request = {
		.operation = KV_RANGE, .key = text("k"), .range_end = text("l")};
	const uint32_t whole = KV_ANSWER_HEADER_SIZE + 3 * (KV_ITEM_HEADER_SIZE + 2 + 100);
	uint8_t value[100] = {0};
	size_t size;
	uint8_t *data = encoded(&request, &size);

	put(rig, text("k1"), blob(value, sizeof(value)));
	put(rig, text("k2"), blob(value, sizeof(value)));
	put(rig, text("k3"), blob(value, sizeof(value)));
	for (uint32_t room = KV_ANSWER_HEADER_SIZE; room < whole; room++)
		assert_int_equal(
			rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out, room, NULL),
			-EMSGSIZE);
	assert_int_equal(query(rig, &request, whole).item_count, 3);
	free(data);
}

static void largest_value_travels_as_a_chain(void **state)
{
	struct rig *rig = *state;
	uint32_t key_size = 1000;
	uint32_t value_size = KV_VALUE_SIZE_MAX - key_size;
	uint8_t *bytes = malloc(KV_VALUE_SIZE_MAX);
	uint64_t seed = 5;

	assert_non_null(bytes);
	for (size_t i = 0; i < KV_VALUE_SIZE_MAX; i++)
		bytes[i] = (uint8_t)mix_next(&seed);
	struct kv_bytes key = blob(bytes, key_size);
	struct kv_bytes value = blob(bytes + key_size, value_size);
	struct kv_answer answer = put(rig, key, value);

	assert_int_equal(answer.status, KV_OK);
	assert_int_equal(answer.applied_index, rig->index); /* the chain's last entry */
	assert_true(rig->index > 1300);
	answer = range(rig, key, NONE);
	assert_bytes(only_item(&answer).value, value);
	assert_in_range(rig->sm->ops->size(rig->sm), KV_VALUE_SIZE_MAX, KV_VALUE_SIZE_MAX + 65536);
	free(bytes);
}

/* A put as chain parts, of which the test feeds those it likes. */
struct parts {
	uint8_t *data;
	size_t size;
	uint32_t count;
};

static struct parts parts_of(uint64_t session, const char *key, uint32_t value_size)
{
	uint8_t *value = calloc(1, value_size);
	const struct kv_request request = {.operation = KV_PUT,
					   .session = session,
					   .sequence = 1,
					   .key = text(key),
					   .value = blob(value, value_size)};
	struct parts parts;

	assert_non_null(value);
	parts.data = encoded(&request, &parts.size);
	parts.count = (uint32_t)((parts.size + PART_SIZE - 1) / PART_SIZE);
	free(value);
	return parts;
}

static int feed_part(struct rig *rig, const struct parts *parts, uint32_t i,
		     struct kv_answer *answer)
{
	size_t at = (size_t)i * PART_SIZE;
	size_t size = parts->size - at < PART_SIZE ? parts->size - at : PART_SIZE;

	rig->command = parts->data;
	rig->command_size = parts->size;
	int done = feed_entry(rig, parts->data + at, (uint32_t)size, i == 0, i + 1 == parts->count,
			      answer);
	rig->command = NULL;
	return done;
}

static void chain_cut_by_a_leader_change_is_discarded(void **state)
{
	struct rig *rig = *state;
	struct parts cut = parts_of(2, "cut", 4000);
	struct parts whole = parts_of(3, "whole", 4000);
	struct kv_answer answer;

	assert_int_equal(cut.count, 4);
	for (uint32_t kept = 1; kept < cut.count; kept++) {
		uint64_t revision = rig->sm->ops->revision(rig->sm);

		/* The new leader's no-op cuts the chain, and a tail after it is not a command. */
		for (uint32_t i = 0; i < kept; i++)
			assert_int_equal(feed_part(rig, &cut, i, &answer), 0);
		assert_int_equal(feed_entry(rig, NULL, 0, true, true, &answer), 0);
		for (uint32_t i = kept; i < cut.count; i++)
			assert_int_equal(feed_part(rig, &cut, i, &answer), 0);
		assert_int_equal(rig->sm->ops->revision(rig->sm), revision);

		/* Another chain, or a command of one entry, begins where it was cut. */
		for (uint32_t i = 0; i < kept; i++)
			assert_int_equal(feed_part(rig, &cut, i, &answer), 0);
		assert_int_equal(put(rig, text("small"), text("v")).status, KV_OK);
		for (uint32_t i = 0; i < kept; i++)
			assert_int_equal(feed_part(rig, &cut, i, &answer), 0);
		for (uint32_t i = 0; i + 1 < whole.count; i++)
			assert_int_equal(feed_part(rig, &whole, i, &answer), 0);
		assert_int_equal(feed_part(rig, &whole, whole.count - 1, &answer), 1);
		assert_int_equal(answer.status, KV_OK);
		assert_int_equal(rig->session, 3);
		assert_int_equal(range(rig, text("cut"), NONE).count, 0);
		assert_int_equal(range(rig, text("whole"), NONE).count, 1);
	}

	/* An entry that was skipped: not contiguous, so no chain. */
	for (uint32_t i = 0; i < cut.count; i++) {
		rig->index += i == 2;
		assert_int_equal(feed_part(rig, &cut, i, &answer), 0);
	}
	free(cut.data);
	free(whole.data);
}

static void R52_committed_nonsense_gets_the_same_verdict(void **state)
{
	struct rig *rig = *state;
	const struct kv_request request = {.operation = KV_PUT,
					   .session = 7,
					   .sequence = 9,
					   .key = text("key"),
					   .value = text("value")};
	size_t size;
	uint8_t *data = encoded(&request, &size);
	struct kv_answer answer;
	uint64_t session, sequence;

	for (size_t cut = 1; cut < size; cut++) {
		uint64_t known = cut >= KV_REQUEST_HEADER_SIZE ? 7 : 0;

		assert_int_equal(
			rig->sm->ops->check(rig->sm, data, (uint32_t)cut, 0, &session, &sequence),
			-EINVAL);
		assert_int_equal(session, known);
		assert_int_equal(feed_entry(rig, data, (uint32_t)cut, true, true, &answer), 1);
		assert_int_equal(answer.status, KV_MALFORMED);
		assert_int_equal(rig->session, known);
		assert_int_equal(rig->result_sequence, known == 0 ? 0 : 9);
	}
	assert_int_equal(rig->sm->ops->revision(rig->sm), 1);
	/* None of them was taken for an attempt of the command. */
	assert_int_equal(feed_bytes(rig, data, size).status, KV_OK);
	free(data);

	/* A chain longer than any command, though it begins with a good one of the largest size. */
	uint8_t *value = calloc(1, KV_VALUE_SIZE_MAX);
	const struct kv_request largest = {.operation = KV_PUT,
					   .session = 8,
					   .sequence = 1,
					   .key = text("key"),
					   .value = blob(value, KV_VALUE_SIZE_MAX - 3)};
	assert_non_null(value);
	data = encoded(&largest, &size);
	for (size_t at = 0; at < size; at += PART_SIZE) {
		size_t part = size - at < PART_SIZE ? size - at : PART_SIZE;

		assert_int_equal(
			feed_entry(rig, data + at, (uint32_t)part, at == 0, false, &answer), 0);
	}
	assert_int_equal(feed_entry(rig, "!", 1, false, true, &answer), 1);
	assert_int_equal(answer.status, KV_MALFORMED);
	assert_int_equal(rig->session, 8);
	assert_int_equal(rig->sm->ops->revision(rig->sm), 2);
	assert_int_equal(feed_bytes(rig, data, size).status, KV_OK);
	free(data);
	free(value);
	assert_int_equal(put(rig, text("after"), text("v")).status, KV_OK);
}

static void check_lets_in_what_apply_understands(void **state)
{
	struct rig *rig = *state;
	static const struct {
		uint64_t session, sequence;
		enum kv_operation operation;
		int want;
	} rows[] = {
		{1, 1, KV_PUT, 0},       {1, 1, KV_DELETE, 0},      {0, 1, KV_PUT, -EINVAL},
		{1, 0, KV_PUT, -EINVAL}, {1, 1, KV_RANGE, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kv_request request = {.operation = rows[i].operation,
						   .session = rows[i].session,
						   .sequence = rows[i].sequence,
						   .key = text("k")};
		uint64_t session, sequence;
		struct kv_answer answer;
		size_t size;
		uint8_t *data = encoded(&request, &size);

		assert_int_equal(
			rig->sm->ops->check(rig->sm, data, (uint32_t)size, 0, &session, &sequence),
			rows[i].want);
		assert_int_equal(session, rows[i].session);
		assert_int_equal(sequence, rows[i].sequence);
		/* Should it be in the log all the same, every member refuses it. */
		assert_int_equal(feed_entry(rig, data, (uint32_t)size, true, true, &answer), 1);
		assert_int_equal(answer.status == KV_MALFORMED, rows[i].want != 0);
		free(data);
	}
}

static void query_refuses_what_is_no_query(void **state)
{
	struct rig *rig = *state;
	struct kv_request request = {.operation = KV_RANGE, .key = text("k")};
	size_t size;
	uint8_t *data = encoded(&request, &size);

	for (uint32_t cut = 0; cut < size; cut++)
		assert_int_equal(
			rig->sm->ops->query(rig->sm, data, cut, rig->out, KV_ANSWER_SIZE_MAX, NULL),
			-EINVAL);
	free(data);
	request.operation = KV_DELETE;
	request.session = 1;
	request.sequence = 1;
	data = encoded(&request, &size);
	assert_int_equal(rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out,
					     KV_ANSWER_SIZE_MAX, NULL),
			 -EINVAL);
	free(data);
}

static void delete_of_many_goes_in_bounded_steps(void **state)
{
	struct rig *rig = *state;
	const uint32_t keys = 256 * 4 + 10;
	char key[32];

	put(rig, text("a"), text("stays"));
	for (uint32_t i = 0; i < keys; i++) {
		snprintf(key, sizeof(key), "k%06u", i);
		put(rig, text(key), text("v"));
	}
	put(rig, text("z"), text("stays"));
	assert_int_equal(range(rig, text("k"), text("l")).count, keys);

	uint64_t revision = rig->sm->ops->revision(rig->sm);
	struct kv_answer answer = del(rig, text("k"), text("l"));
	assert_int_equal(rig->steps, 5); /* 4 full ones and the rest */
	assert_int_equal(answer.count, keys);
	assert_int_equal(answer.revision, revision + 1);
	assert_int_equal(answer.applied_index, rig->index);
	assert_int_equal(range(rig, text("\x01"), OPEN_END).count, 2);

	/* By bytes: each of these is more than a step's. */
	uint32_t size = 1024 * 1024;
	uint8_t *value = calloc(1, size);
	assert_non_null(value);
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put(rig, text(key), blob(value, size));
	}
	free(value);
	answer = del(rig, text("k"), text("l"));
	assert_int_equal(rig->steps, 3);
	assert_int_equal(answer.count, 3);
}

/*
 * A delete in steps, the last entry of its chain at another address each time. Whoever asks for
 * status meanwhile sees the state before it.
 */
static void delete_in_steps(struct rig *rig, uint64_t session, struct kv_bytes end)
{
	const struct kv_request request = {.operation = KV_DELETE,
					   .session = session,
					   .sequence = 1,
					   .key = text("k"),
					   .range_end = end};
	struct sm_entry entry = {.last = true};
	struct sm_result result;
	struct kv_answer answer;
	uint32_t calls = 0;
	char key[32];
	size_t size;
	int done;

	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%06u", i);
		put(rig, text(key), text("v"));
	}
	uint8_t *data = encoded(&request, &size);
	size_t before = size > PART_SIZE ? PART_SIZE : 0;
	if (before > 0)
		assert_int_equal(feed_entry(rig, data, PART_SIZE, true, false, &answer), 0);
	uint64_t hash = rig->sm->ops->hash(rig->sm);
	uint64_t revision = rig->sm->ops->revision(rig->sm);

	entry.first = before == 0;
	entry.index = ++rig->index;
	entry.size = (uint32_t)(size - before);
	while (true) {
		uint8_t *moved = malloc(entry.size);

		assert_non_null(moved);
		memcpy(moved, data + before, entry.size);
		entry.data = moved;
		done = rig->sm->ops->apply(rig->sm, &entry, &result);
		free(moved);
		kv_verify(rig->sm);
		calls++;
		if (done != -EAGAIN)
			break;
		assert_true(rig->sm->ops->hash(rig->sm) == hash);
		assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
	}
	assert_int_equal(done, 1);
	assert_int_equal(calls, 4);
	assert_true(rig->sm->ops->hash(rig->sm) != hash);
	answer = answer_of(rig, data, size, &result);
	assert_int_equal(answer.count, 1000);
	assert_int_equal(answer.revision, revision + 1);
	free(data);
}

static void steps_show_the_state_before_them(void **state)
{
	struct rig *rig = *state;
	uint8_t end[1300];

	memset(end, 'l', sizeof(end));
	delete_in_steps(rig, 5, text("l"));
	delete_in_steps(rig, 6, blob(end, sizeof(end))); /* a chain of two entries */
}

/* Two histories that end in the same keys and values are told apart. */
static void hash_covers_revisions_and_sessions(void **state)
{
	const struct kv_bytes none = {0};
	struct rig a, b;

	(void)state;
	rig_open(&a, UINT64_MAX);
	rig_open(&b, UINT64_MAX);
	assert_true(a.sm->ops->hash(a.sm) == b.sm->ops->hash(b.sm));
	put(&a, text("x"), text("1"));
	put(&a, text("y"), text("1"));
	put(&b, text("y"), text("1"));
	put(&b, text("x"), text("1"));
	assert_true(a.sm->ops->hash(a.sm) != b.sm->ops->hash(b.sm));
	rig_close(&a);
	rig_close(&b);

	/* Only the create_revision of x differs in the end. */
	rig_open(&a, UINT64_MAX);
	rig_open(&b, UINT64_MAX);
	put(&a, text("x"), text("1"));
	put(&a, text("y"), text("1"));
	put(&b, text("y"), text("1"));
	put(&b, text("x"), text("1"));
	put(&a, text("x"), text("1"));
	put(&b, text("x"), text("1"));
	del(&a, text("y"), none);
	del(&b, text("y"), none);
	assert_true(a.sm->ops->hash(a.sm) != b.sm->ops->hash(b.sm));
	rig_close(&a);
	rig_close(&b);

	/* Only its mod_revision does. */
	rig_open(&a, UINT64_MAX);
	rig_open(&b, UINT64_MAX);
	put(&a, text("x"), text("1"));
	put(&a, text("x"), text("1"));
	put(&a, text("y"), text("1"));
	put(&b, text("x"), text("1"));
	put(&b, text("y"), text("1"));
	put(&b, text("x"), text("1"));
	del(&a, text("y"), none);
	del(&b, text("y"), none);
	assert_true(a.sm->ops->hash(a.sm) != b.sm->ops->hash(b.sm));
	rig_close(&a);
	rig_close(&b);

	/* Nothing in the store differs: only what is remembered of the session. */
	rig_open(&a, UINT64_MAX);
	rig_open(&b, UINT64_MAX);
	del(&a, text("x"), none);
	assert_true(a.sm->ops->hash(a.sm) != b.sm->ops->hash(b.sm));
	rig_close(&a);
	rig_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(revisions_as_in_etcd, setup, teardown),
		cmocka_unit_test_setup_teardown(ranges_as_in_etcd, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_key_is_not_provided, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_is_whole_or_none, setup, teardown),
		cmocka_unit_test_setup_teardown(largest_value_travels_as_a_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(chain_cut_by_a_leader_change_is_discarded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R52_committed_nonsense_gets_the_same_verdict, setup,
						teardown),
		cmocka_unit_test_setup_teardown(check_lets_in_what_apply_understands, setup,
						teardown),
		cmocka_unit_test_setup_teardown(query_refuses_what_is_no_query, setup, teardown),
		cmocka_unit_test_setup_teardown(delete_of_many_goes_in_bounded_steps, setup,
						teardown),
		cmocka_unit_test_setup_teardown(steps_show_the_state_before_them, setup, teardown),
		cmocka_unit_test(hash_covers_revisions_and_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
