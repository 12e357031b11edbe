/*
 * A state that another cluster begins with: what is in it, and at which revision.
 */
#include "kv/backup.h"
#include "tests/unit/kv/helper.h"

enum { IMAGE_MAX = 1 << 20, KEYS = 30 };

static uint8_t image[IMAGE_MAX], made[2][IMAGE_MAX];
static uint32_t image_size, made_size[2];

static uint32_t read_all(struct sm *sm, struct sm_snapshot *s, uint8_t *out)
{
	uint32_t size = 0;
	bool more = true;

	while (more) {
		int got = sm->ops->snapshot_read(s, out + size, 4096, &more);

		assert_true(got >= 0);
		size += (uint32_t)got;
	}
	sm->ops->snapshot_close(s);
	return size;
}

/* A store with a history, in `image`. */
static void prepare(struct rig *rig)
{
	char key[16];

	rig_open(rig, UINT64_MAX);
	for (int i = 0; i < 3 * KEYS; i++) {
		snprintf(key, sizeof(key), "k%02d", i % KEYS);
		put(rig, text(key), text(i % 2 ? "odd" : "even"));
	}
	del(rig, text("k03"), text(""));
	image_size = read_all(rig->sm, rig->sm->ops->backup(rig->sm), image);
}

static struct kv_rebase *rebase(uint64_t bump, bool compact, int want)
{
	struct kv_rebase *r;

	assert_int_equal(kv_rebase_create(&r), 0);
	for (uint32_t at = 0; at < image_size; at += 100) {
		uint32_t part = image_size - at < 100 ? image_size - at : 100;

		assert_int_equal(kv_rebase_add(r, image + at, part), 0);
	}
	assert_int_equal(kv_rebase_end(r, bump, compact), want);
	return r;
}

static void make(int which, uint64_t bump, bool compact)
{
	struct kv_rebase *r = rebase(bump, compact, 0);
	bool more = true;

	for (made_size[which] = 0; more;) {
		int got = kv_rebase_read(r, made[which] + made_size[which], 3000, &more);

		assert_true(got >= 0);
		made_size[which] += (uint32_t)got;
	}
	kv_rebase_destroy(r);
}

static void load(struct rig *rig, int which)
{
	rig_open(rig, UINT64_MAX);
	while (rig->sm->ops->restore_begin(rig->sm) == -EAGAIN)
		;
	assert_int_equal(rig->sm->ops->restore_add(rig->sm, made[which], made_size[which]), 0);
	assert_int_equal(rig->sm->ops->restore_end(rig->sm), 1);
	rig->index = 1;
}

static struct kv_answer get(struct rig *rig, const char *key, uint64_t revision)
{
	const struct kv_request request = {
		.operation = KV_RANGE, .key = text(key), .revision = revision};

	return query(rig, &request, KV_ANSWER_SIZE_MAX);
}

static void it_is_the_same_store_at_index_1(void **state)
{
	struct rig was, is;

	(void)state;
	prepare(&was);
	make(0, 0, false);
	make(1, 0, false);
	assert_int_equal(made_size[0], made_size[1]);
	assert_memory_equal(made[0], made[1], made_size[0]);
	load(&is, 0);
	assert_int_equal(is.sm->ops->revision(is.sm), was.sm->ops->revision(was.sm));
	assert_int_equal(is.sm->ops->keys(is.sm), KEYS - 1);
	assert_int_equal(get(&is, "k02", 10).status, KV_OK); /* its history too */
	rig_close(&is);
	rig_close(&was);
}

/* As etcdutl's: revisions never go back, and who watches or reads old ones is told. */
static void its_revision_never_goes_back(void **state)
{
	struct rig was, is;
	uint64_t revision;

	(void)state;
	prepare(&was);
	revision = was.sm->ops->revision(was.sm) + 1000;
	make(0, 1000, true);
	load(&is, 0);
	assert_int_equal(is.sm->ops->revision(is.sm), revision);
	assert_int_equal(is.sm->ops->keys(is.sm), KEYS - 1);
	assert_int_equal(get(&is, "k02", 10).status, KV_COMPACTED);
	assert_int_equal(get(&is, "k02", revision - 1).status, KV_COMPACTED);
	assert_int_equal(get(&is, "k02", revision).status, KV_OK);
	assert_int_equal(get(&is, "k02", revision).count, 1);
	assert_int_equal(get(&is, "k03", 0).count, 0);
	assert_int_equal(put(&is, text("k02"), text("new")).revision, revision + 1);
	rig_close(&is);
	rig_close(&was);
}

/* Above what a signed one can be nothing is to be written, ever: so far it is not raised. */
static void there_is_room_above_it(void **state)
{
	struct kv_rebase *r;
	struct rig was;

	(void)state;
	prepare(&was);
	make(0, KV_RAISED_MAX - was.sm->ops->revision(was.sm), true);
	memcpy(image, made[0], made_size[0]);
	image_size = made_size[0];
	assert_true(KV_RAISED_MAX <= (uint64_t)INT64_MAX / 2 + 1);
	kv_rebase_destroy(rebase(1, true, -ERANGE));
	r = rebase(0, false, 0);
	assert_int_equal(kv_rebase_revision(r), KV_RAISED_MAX);
	kv_rebase_destroy(r);
	rig_close(&was);
}

static void what_is_not_whole_is_none(void **state)
{
	struct kv_rebase *r;
	struct rig was;

	(void)state;
	prepare(&was);
	kv_rebase_destroy(rebase(UINT64_MAX, true, -ERANGE));
	kv_rebase_destroy(rebase(KV_RAISED_MAX - 5, true, -ERANGE));
	image_size -= 48;
	kv_rebase_destroy(rebase(0, false, -EBADMSG));
	assert_int_equal(kv_rebase_create(&r), 0);
	assert_int_equal(kv_rebase_add(r, (const uint8_t *)"hello", 5), 0);
	assert_int_equal(kv_rebase_end(r, 0, false), -EBADMSG);
	kv_rebase_destroy(r);
	rig_close(&was);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_same_store_at_index_1),
		cmocka_unit_test(its_revision_never_goes_back),
		cmocka_unit_test(there_is_room_above_it),
		cmocka_unit_test(what_is_not_whole_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
