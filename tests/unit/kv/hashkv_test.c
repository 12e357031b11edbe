/*
 * HashKV: the numbers are those of etcd 3.4.23 for the same writes, as `etcdctl endpoint hashkv`
 * prints them.
 */
#include "tests/unit/kv/helper.h"

#include "base/crc.h"
#include "kv/hashkv.h"

static const struct kv_bytes NONE = {0};

/* In steps, with something done between the first two. What the answer is. */
static struct kv_answer hash_while(struct rig *rig, uint64_t revision,
				   void (*meanwhile)(struct rig *rig))
{
	const struct kv_request request = {.operation = KV_HASHKV, .revision = revision};
	struct kv_answer answer;
	struct sm_cursor *cursor;
	uint8_t data[64];
	bool more = true;
	int size;

	kv_request_encode(&request, data);
	size = rig->sm->ops->query(rig->sm, data, (uint32_t)kv_request_size(&request), rig->out,
				   KV_ANSWER_SIZE_MAX, &cursor);
	if (cursor) {
		assert_int_equal(size, 0);
		if (meanwhile)
			meanwhile(rig);
		while (more && size == 0)
			size = rig->sm->ops->cursor_read(rig->sm, cursor, rig->out,
							 KV_ANSWER_SIZE_MAX, &more);
		rig->sm->ops->cursor_close(rig->sm, cursor);
	}
	assert_true(size >= 0);
	assert_int_equal(kv_answer_decode(&answer, rig->out, (size_t)size), 0);
	return answer;
}

static struct kv_answer hash_at(struct rig *rig, uint64_t revision)
{
	const struct kv_request request = {.operation = KV_HASHKV, .revision = revision};
	struct kv_answer whole = query(rig, &request, KV_ANSWER_SIZE_MAX);
	struct kv_answer answer = hash_while(rig, revision, NULL);

	assert_int_equal(answer.status, whole.status);
	assert_int_equal(answer.hash, whole.hash);
	return answer;
}

static void write_all(struct rig *rig)
{
	put(rig, text("a"), text("1"));
	put(rig, text("b"), text("2"));
	put(rig, text("a"), text("33"));
	del(rig, text("b"), NONE);
	put(rig, text("c"), text(""));
	put(rig, text("a"), text("444"));
}

static void sweep(struct rig *rig)
{
	while (rig->sm->ops->sweep(rig->sm))
		;
}

static void hashes_are_etcds(void **state)
{
	struct rig rig;

	for (int swept = 0; swept < 2; swept++) {
		(void)state;
		rig_open(&rig, UINT64_MAX);
		write_all(&rig);
		assert_int_equal(hash_at(&rig, 0).hash, 616137608);
		assert_int_equal(hash_at(&rig, 7).hash, 616137608);
		assert_int_equal(hash_at(&rig, 4).hash, 1148208671);
		assert_int_equal(hash_at(&rig, 4).compact_revision, -1);
		assert_int_equal(hash_at(&rig, UINT64_MAX).hash, bytes_crc(0, "key", 3));
		assert_int_equal(compact(&rig, 0), KV_OK);
		assert_int_equal(hash_at(&rig, 4).compact_revision, 0);
		assert_int_equal(hash_at(&rig, 4).hash, 1148208671);
		assert_int_equal(hash_at(&rig, 8).status, KV_FUTURE_REVISION);
		assert_int_equal(compact(&rig, 4), KV_OK);
		if (swept)
			sweep(&rig);
		assert_int_equal(hash_at(&rig, 0).hash, 1516026408);
		assert_int_equal(hash_at(&rig, 5).hash, 3279054176);
		assert_int_equal(hash_at(&rig, 5).compact_revision, 4);
		assert_int_equal(hash_at(&rig, 4).status, KV_COMPACTED);
		/* Nothing is alive there, and what the compaction left counts all the same. */
		assert_int_equal(del(&rig, text("a"), text("z")).count, 2);
		assert_int_equal(compact(&rig, 7), KV_OK);
		if (swept)
			sweep(&rig);
		assert_int_equal(hash_at(&rig, 0).hash, 3122366553);
		rig_close(&rig);
	}
}

/* All that it was to read goes, but for it. */
static void overwrite(struct rig *rig)
{
	write_all(rig);
	del(rig, text("a"), text("z"));
	assert_int_equal(compact(rig, rig->sm->ops->revision(rig->sm)), KV_OK);
	sweep(rig);
	assert_true(kv_pinned_size(rig->sm) > 0);
}

static void what_is_done_meanwhile_changes_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, UINT64_MAX);
	write_all(&rig);
	assert_int_equal(hash_while(&rig, 0, overwrite).hash, 616137608);
	sweep(&rig);
	assert_int_equal(kv_pinned_size(rig.sm), 0);
	rig_close(&rig);

	rig_open(&rig, UINT64_MAX);
	write_all(&rig);
	assert_int_equal(compact(&rig, 4), KV_OK);
	assert_int_equal(hash_while(&rig, 5, overwrite).hash, 3279054176);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_etcds),
		cmocka_unit_test(what_is_done_meanwhile_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
