/*
 * What the store makes of commands, and what is rendered of that (kv/render.h): etcd's puts with
 * options, compactions; and the same answer again, or the word that it is gone.
 */
#include "tests/unit/kv/helper.h"

#include "kv/outcome.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig, UINT64_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static struct kv_request put_with(uint32_t flags, const char *key, const char *value)
{
	return (struct kv_request){.operation = KV_PUT,
				   .flags = flags,
				   .session = 1,
				   .sequence = ++rig.sequence,
				   .key = text(key),
				   .value = text(value)};
}

static struct kv_answer feed_put(uint32_t flags, const char *key, const char *value)
{
	const struct kv_request request = put_with(flags, key, value);

	return feed(&rig, &request);
}

static void prev_kv_is_what_was_there_before(void **state)
{
	struct kv_answer answer;
	struct kv_item item;

	(void)state;
	answer = feed_put(KV_PREV_KV, "k", "one");
	assert_int_equal(answer.status, KV_OK);
	assert_int_equal(answer.operation, KV_PUT);
	assert_int_equal(answer.item_count, 0);
	assert_int_equal(answer.revision, 2);
	answer = feed_put(KV_PREV_KV, "k", "two");
	item = only_item(&answer);
	assert_bytes(item.key, text("k"));
	assert_bytes(item.value, text("one"));
	assert_int_equal(item.create_revision, 2);
	assert_int_equal(item.mod_revision, 2);
	assert_int_equal(item.version, 1);
	assert_int_equal(feed_put(0, "k", "three").item_count, 0);
	del(&rig, text("k"), (struct kv_bytes){0});
	assert_int_equal(feed_put(KV_PREV_KV, "k", "four").item_count, 0);
}

static void a_value_may_stay_as_it_is(void **state)
{
	struct kv_answer answer;
	struct kv_item item;
	uint64_t revision;

	(void)state;
	assert_int_equal(feed_put(KV_IGNORE_VALUE, "k", "").status, KV_KEY_NOT_FOUND);
	assert_int_equal(feed_put(KV_IGNORE_LEASE, "k", "v").status, KV_KEY_NOT_FOUND);
	assert_int_equal(rig.sm->ops->revision(rig.sm), 1);
	feed_put(0, "k", "v");
	revision = rig.sm->ops->revision(rig.sm);
	assert_int_equal(feed_put(KV_IGNORE_VALUE, "k", "w").status, KV_VALUE_PROVIDED);
	assert_int_equal(rig.sm->ops->revision(rig.sm), revision);
	answer = feed_put(KV_IGNORE_VALUE | KV_PREV_KV, "k", "");
	assert_int_equal(only_item(&answer).version, 1);
	answer = range(&rig, text("k"), (struct kv_bytes){0});
	item = only_item(&answer);
	assert_bytes(item.value, text("v"));
	assert_int_equal(item.version, 2);
	assert_int_equal(feed_put(KV_IGNORE_LEASE, "k", "w").status, KV_OK);
	answer = range(&rig, text("k"), (struct kv_bytes){0});
	assert_bytes(only_item(&answer).value, text("w"));
}

/* There are no leases: so none is found, and etcd's words are true. */
static void no_lease_is_found(void **state)
{
	struct kv_request put = put_with(0, "k", "v");

	(void)state;
	put.lease = 7;
	assert_int_equal(feed(&rig, &put).status, KV_LEASE_NOT_FOUND);
	put = put_with(KV_IGNORE_LEASE, "k", "v");
	put.lease = 7;
	assert_int_equal(feed(&rig, &put).status, KV_LEASE_PROVIDED);
	put = put_with(KV_IGNORE_VALUE, "k", "");
	put.lease = 7;
	assert_int_equal(feed(&rig, &put).status, KV_LEASE_NOT_FOUND); /* etcd asks for it first */
	assert_int_equal(rig.sm->ops->revision(rig.sm), 1);
}

/* What apply says of one of the leader's own: nobody renders that. */
static enum kv_status own(uint64_t revision, uint32_t changed)
{
	uint8_t command[SM_COMPACTION_SIZE_MAX];
	struct sm_entry entry = {
		.index = ++rig.index, .data = command, .first = true, .last = true};
	struct kv_outcome outcome;
	struct sm_result result;

	entry.size = rig.sm->ops->compaction(revision, command);
	command[changed] ^= changed > 0;
	assert_int_equal(rig.sm->ops->apply(rig.sm, &entry, &result), 1);
	assert_int_equal(result.session, 0);
	kv_outcome_decode(&outcome, result.data);
	return outcome.status;
}

/*
 * N7: it is an entry of the log like a client's, with no session: it is remembered by none, comes
 * through no door, and a second one up to there changes nothing.
 */
static void a_compaction_of_the_leaders_own(void **state)
{
	uint8_t command[SM_COMPACTION_SIZE_MAX];
	uint32_t size = rig.sm->ops->compaction(5, command);
	uint64_t session, sequence, hash;
	struct sm_result result;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(feed_put(0, "own", "v").status, KV_OK);
	assert_int_equal(rig.sm->ops->compact_revision(rig.sm), 0);
	for (uint64_t from = 0; from < 3; from++)
		assert_int_equal(
			rig.sm->ops->check(rig.sm, command, size, from, &session, &sequence),
			-EINVAL);
	assert_int_equal(rig.sm->ops->admit(rig.sm, command, size, false), 0);
	assert_false(rig.sm->ops->settled(rig.sm, command, size, &result));
	assert_int_equal(own(5, 0), KV_OK);
	assert_false(rig.sm->ops->settled(rig.sm, command, size, &result));
	assert_int_equal(rig.sm->ops->compact_revision(rig.sm), 5);
	assert_int_equal(rig.sm->ops->revision(rig.sm), 6);
	hash = rig.sm->ops->hash(rig.sm);
	assert_int_equal(own(5, 0), KV_COMPACTED);
	assert_int_equal(own(3, 0), KV_COMPACTED);
	assert_int_equal(own(7, 0), KV_FUTURE_REVISION);
	assert_int_equal(rig.sm->ops->hash(rig.sm), hash);
	assert_int_equal(rig.sm->ops->compact_revision(rig.sm), 5);
	/* Neither flags nor base, sequence or floor: such a one is a client's without a session. */
	for (uint32_t at = 2; at < KV_REQUEST_HEADER_SIZE; at++)
		if (at < 8 || at >= 16)
			assert_int_equal(own(6, at), KV_MALFORMED);
	assert_int_equal(rig.sm->ops->compact_revision(rig.sm), 5);
}

static void compaction_in_etcds_words(void **state)
{
	(void)state;
	assert_int_equal(compact(&rig, UINT64_MAX), KV_COMPACTED); /* -1 */
	assert_int_equal(compact(&rig, 0), KV_OK);
	assert_int_equal(compact(&rig, 0), KV_COMPACTED);
	assert_int_equal(compact(&rig, 2), KV_FUTURE_REVISION);
	for (int i = 0; i < 5; i++)
		feed_put(0, "k", "v");
	assert_int_equal(compact(&rig, 4), KV_OK);
	assert_int_equal(compact(&rig, 4), KV_COMPACTED);
	assert_int_equal(compact(&rig, 3), KV_COMPACTED);
	assert_int_equal(compact(&rig, 7), KV_FUTURE_REVISION);
	assert_int_equal(compact(&rig, 6), KV_OK);
	assert_int_equal(compact(&rig, INT64_MAX), KV_FUTURE_REVISION);
	assert_int_equal(compact(&rig, INT64_MAX + UINT64_C(1)), KV_COMPACTED);
	assert_int_equal(rig.sm->ops->revision(rig.sm), 6);
}

/* One step of freeing is 256 versions, and the answer comes after the last. */
static void a_physical_compaction_is_answered_when_memory_was_given_back(void **state)
{
	const struct kv_request first = {
		.operation = KV_RANGE, .key = text("k"), .range_end = text("l"), .revision = 1000};
	uint64_t before;
	struct kv_answer answer;

	(void)state;
	for (int i = 0; i < 2000; i++)
		feed_put(0, "k", "v");
	before = rig.sm->ops->size(rig.sm);
	const struct kv_request compaction = {.operation = KV_COMPACT,
					      .flags = KV_PHYSICAL,
					      .session = 1,
					      .sequence = ++rig.sequence,
					      .revision = 2000};
	size_t size;
	uint8_t *data = encoded(&compaction, &size), out[KV_ANSWER_HEADER_SIZE];
	const struct sm_entry entry = {
		.index = ++rig.index, .data = data, .size = (uint32_t)size, true, true};
	struct sm_result result;
	struct sm_cursor *rest;
	uint32_t steps = 0;
	bool more = true;

	assert_int_equal(query(&rig, &first, KV_ANSWER_SIZE_MAX).status, KV_OK);
	assert_int_equal(rig.sm->ops->apply(rig.sm, &entry, &result), 1);
	assert_int_equal(rig.sm->ops->answer(rig.sm, data, (uint32_t)size, result.data, result.size,
					     rig.out, KV_ANSWER_SIZE_MAX, &rest),
			 0);
	assert_non_null(rest);
	/* Its effect is there at once. */
	assert_int_equal(query(&rig, &first, KV_ANSWER_SIZE_MAX).status, KV_COMPACTED);
	while (more) {
		int n = rig.sm->ops->cursor_read(rig.sm, rest, rig.out, KV_ANSWER_SIZE_MAX, &more);

		assert_int_equal(n, more ? 0 : KV_ANSWER_HEADER_SIZE);
		steps += more;
		if (more)
			rig.sm->ops->sweep(rig.sm);
	}
	assert_in_range(steps, 7, 9);
	memcpy(out, rig.out, sizeof(out));
	rig.sm->ops->cursor_close(rig.sm, rest);
	assert_int_equal(kv_answer_decode(&answer, out, sizeof(out)), 0);
	assert_int_equal(answer.status, KV_OK);
	assert_true(rig.sm->ops->size(rig.sm) < before / 10);
	/* There is nothing more to wait for. */
	assert_int_equal(rig.sm->ops->answer(rig.sm, data, (uint32_t)size, result.data, result.size,
					     rig.out, KV_ANSWER_SIZE_MAX, &rest),
			 KV_ANSWER_HEADER_SIZE);
	assert_null(rest);
	free(data);
}

/* R48: rendered anew, from what the session remembers. */
static void R48_a_retry_is_told_the_same(void **state)
{
	struct kv_request put, again;
	struct kv_answer first, second;

	(void)state;
	feed_put(0, "k", "one");
	put = put_with(KV_PREV_KV, "k", "two");
	first = feed(&rig, &put);
	assert_bytes(only_item(&first).value, text("one"));
	put_with(0, "", "");
	feed_put(0, "k", "three");
	/* Another base, or floor, is another attempt of the same. */
	again = put;
	again.floor = put.sequence;
	second = feed(&rig, &again);
	assert_int_equal(second.status, KV_STALE_SEQUENCE); /* its floor was passed */

	put = put_with(KV_PREV_KV, "k", "four");
	put.session = 2;
	put.sequence = 3;
	put.floor = 2;
	first = feed(&rig, &put);
	const uint64_t applied = first.applied_index;
	feed_put(0, "k", "five");
	put.session_base = 1;
	second = feed(&rig, &put);
	assert_int_equal(second.status, KV_OK);
	assert_int_equal(second.applied_index, applied);
	assert_bytes(only_item(&second).value, text("three"));
}

/* Its versions are not held for it. */
static void R48_an_answer_that_was_compacted_is_gone(void **state)
{
	struct kv_request put;
	struct kv_answer answer;

	(void)state;
	feed_put(0, "k", "one");
	put = put_with(KV_PREV_KV, "k", "two");
	put.session = 2;
	put.sequence = 1;
	answer = feed(&rig, &put);
	assert_int_equal(compact(&rig, answer.revision - 1), KV_OK);
	answer = feed(&rig, &put);
	assert_bytes(only_item(&answer).value, text("one"));
	assert_int_equal(compact(&rig, answer.revision), KV_OK);
	answer = feed(&rig, &put);
	assert_int_equal(answer.status, KV_ANSWER_GONE);
	assert_int_equal(kv_status_done(answer.status), STATUS_DONE);
	assert_int_equal(answer.item_count, 0);
	/* What needs none is told for good. */
	put.flags = 0;
	put.sequence = 2;
	answer = feed(&rig, &put);
	assert_int_equal(compact(&rig, answer.revision), KV_OK);
	assert_int_equal(feed(&rig, &put).status, KV_OK);
}

/* RE2: who has drawn the session of another is told nothing of what that one did. */
static void what_is_told_is_of_the_command_that_was_applied(void **state)
{
	struct kv_request put = put_with(0, "k", "one");
	struct kv_answer answer;

	(void)state;
	put.session = 2;
	put.sequence = 1;
	assert_int_equal(feed(&rig, &put).status, KV_OK);
	put.flags = KV_PREV_KV;
	assert_int_equal(feed(&rig, &put).status, KV_STALE_SEQUENCE);
	put.flags = 0;
	put.value = text("two");
	assert_int_equal(feed(&rig, &put).status, KV_STALE_SEQUENCE);
	put.value = text("one");
	answer = feed(&rig, &put);
	assert_int_equal(answer.status, KV_OK);
	assert_int_equal(answer.revision, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_compaction_of_the_leaders_own),
		TEST(prev_kv_is_what_was_there_before),
		TEST(a_value_may_stay_as_it_is),
		TEST(no_lease_is_found),
		TEST(compaction_in_etcds_words),
		TEST(a_physical_compaction_is_answered_when_memory_was_given_back),
		TEST(R48_a_retry_is_told_the_same),
		TEST(R48_an_answer_that_was_compacted_is_gone),
		TEST(what_is_told_is_of_the_command_that_was_applied),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
