/* What the state machine counts: the memory that the quota bounds, and what was done. */
#include "tests/unit/kv/helper.h"

/* What an allocator gives for the same may differ by a little. */
enum { SLACK = 32 };

static const struct kv_bytes OPEN_END = {.data = (const uint8_t *)"", .size = 1};

static int admit_while(struct rig *rig, const struct kv_request *request, bool full)
{
	uint8_t bytes[256];

	assert_true(kv_request_size(request) <= sizeof(bytes));
	kv_request_encode(request, bytes);
	return rig->sm->ops->admit(rig->sm, bytes, (uint32_t)kv_request_size(request), full);
}

static int admit(struct rig *rig, const struct kv_request *request)
{
	return admit_while(rig, request, false);
}

static int admit_put(struct rig *rig, struct kv_bytes key, struct kv_bytes value)
{
	const struct kv_request request = {
		.operation = KV_PUT, .session = 77, .sequence = 1, .key = key, .value = value};

	return admit(rig, &request);
}

/* The status of the answer that apply would give, or -1: it would do something. */
static int settled(struct rig *rig, const struct kv_request *request)
{
	struct sm_result result;
	uint8_t bytes[256];

	kv_request_encode(request, bytes);
	if (!rig->sm->ops->settled(rig->sm, bytes, (uint32_t)kv_request_size(request), &result))
		return -1;
	return (int)answer_of(rig, bytes, kv_request_size(request), &result).status;
}

static void quota_is_judged_at_the_door_and_never_in_apply(void **state)
{
	struct rig rig;
	struct kv_request last = {.operation = KV_PUT,
				  .session = 9,
				  .sequence = 2,
				  .key = text("b"),
				  .value = text("0123456789")};
	const struct kv_request remove = {
		.operation = KV_DELETE, .session = 78, .sequence = 1, .key = text("b")};

	(void)state;
	rig_open(&rig, UINT64_MAX);
	put(&rig, text("a"), text("0123456789"));
	const uint64_t key = rig.sm->ops->size(rig.sm);
	rig_close(&rig);

	rig_open(&rig, 2 * key + SLACK);
	assert_int_equal(admit_put(&rig, text("a"), text("0123456789")), 0);
	assert_int_equal(put(&rig, text("a"), text("0123456789")).status, KV_OK);
	assert_int_equal(admit(&rig, &last), 0);
	assert_int_equal(feed(&rig, &last).status, KV_OK);
	assert_in_range(rig.sm->ops->size(rig.sm), 2 * key - SLACK, 2 * key + SLACK);

	assert_int_equal(admit_put(&rig, text("c"), text("")), -ENOSPC);
	/* What it would overwrite stays. */
	assert_int_equal(admit_put(&rig, text("a"), text("9876543210")), -ENOSPC);
	assert_int_equal(admit(&rig, &remove), 0);
	/* A retry of what was applied is not refused: its answer says that it was done. */
	assert_int_equal(admit(&rig, &last), 0);
	assert_int_equal(settled(&rig, &last), KV_OK);
	assert_int_equal(settled(&rig, &remove), -1);
	last.sequence--;
	assert_int_equal(settled(&rig, &last), KV_STALE_SEQUENCE);

	/* R52: what is in the log is applied by every member, whatever its own quota. */
	assert_int_equal(put(&rig, text("c"), text("0123456789")).status, KV_OK);
	assert_in_range(rig.sm->ops->size(rig.sm), 3 * key - SLACK, 3 * key + SLACK);
	assert_int_equal(admit_put(&rig, text("a"), text("0")), -ENOSPC);
	assert_int_equal(del(&rig, text("a"), OPEN_END).count, 3);
	assert_int_equal(admit_put(&rig, text("c"), text("")), -ENOSPC);
	assert_int_equal(compact(&rig, rig.sm->ops->revision(rig.sm)), KV_OK);
	while (rig.sm->ops->sweep(rig.sm))
		;
	assert_int_equal(rig.sm->ops->size(rig.sm), 0);
	assert_int_equal(admit_put(&rig, text("c"), text("")), 0);
	rig_close(&rig);
}

/* D8: the disk is full. As in etcd, what makes the state no larger is taken all the same. */
static void what_frees_is_taken_while_the_log_is_full(void **state)
{
	const struct kv_request requests[] = {
		{.operation = KV_PUT, .session = 9, .sequence = 2, .key = text("b")},
		{.operation = KV_DELETE, .session = 9, .sequence = 2, .key = text("a")},
		{.operation = KV_COMPACT, .session = 9, .sequence = 2, .revision = 2},
	};
	struct rig rig;

	(void)state;
	rig_open(&rig, UINT64_MAX);
	put(&rig, text("a"), text("1"));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(admit_while(&rig, &requests[i], true), i == 0 ? -ENOSPC : 0);
		assert_int_equal(admit_while(&rig, &requests[i], false), 0);
	}
	rig_close(&rig);
}

/* For metrics: what was applied counts once, a retry not, a range of many keys as one delete. */
static void what_was_done_is_counted(void **state)
{
	const struct kv_request retried = {.operation = KV_PUT,
					   .session = 9,
					   .sequence = 1,
					   .key = text("b"),
					   .value = text("1")};
	const struct sm_counters *counters;
	struct rig rig;

	(void)state;
	rig_open(&rig, UINT64_MAX);
	counters = rig.sm->ops->counters(rig.sm);
	assert_int_equal(rig.sm->ops->keys(rig.sm), 0);
	put(&rig, text("a"), text("1"));
	put(&rig, text("a"), text("2"));
	feed(&rig, &retried);
	feed(&rig, &retried);
	assert_int_equal(counters->puts, 3);
	assert_int_equal(rig.sm->ops->keys(rig.sm), 2);
	range(&rig, text("a"), OPEN_END);
	assert_int_equal(counters->ranges, 1);
	assert_int_equal(del(&rig, text("a"), OPEN_END).count, 2);
	assert_int_equal(counters->deletes, 1);
	assert_int_equal(rig.sm->ops->keys(rig.sm), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quota_is_judged_at_the_door_and_never_in_apply),
		cmocka_unit_test(what_frees_is_taken_while_the_log_is_full),
		cmocka_unit_test(what_was_done_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
