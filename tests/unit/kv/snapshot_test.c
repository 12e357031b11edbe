/*
 * The state as bytes and back: equal on members that differ in all that is their own, read and
 * written in pieces of any size while commands are applied, and never half of a state.
 */
#include "kv/command.h"
#include "kv/snapshot.h"
#include "kv/verify.h"
#include "tests/unit/kv/helper.h"

enum { KEYS = 40, STEPS = 600, IMAGE_MAX = 1 << 20, VALUE_MAX = 3000 };

static uint64_t seed = 1;

static uint32_t below(uint32_t bound)
{
	return random_below(&seed, bound);
}

/* The same to each of them. */
struct rigs {
	struct rig rig[2];
	uint32_t count;
};

static void key_text(char out[8], uint32_t key)
{
	snprintf(out, 8, "k%03u", key);
}

static void random_command(struct rigs *all)
{
	static uint8_t value[VALUE_MAX];
	const uint32_t what = below(10), size = below(20) ? below(60) : below(VALUE_MAX);
	const uint64_t session = 2 + below(30); /* 1 is put's, del's and compact's */
	char key[8], end[8];

	key_text(key, below(KEYS));
	key_text(end, below(KEYS));
	memset(value, (int)below(256), sizeof(value));
	for (uint32_t i = 0; i < all->count; i++) {
		struct rig *rig = &all->rig[i];
		const struct kv_request request = {
			.operation = what < 7 ? KV_PUT : KV_DELETE,
			.session = session,
			.sequence = 1 + rig->index,
			.flags = session % 2 ? KV_ONE_SHOT : 0,
			.session_base = rig->index,
			.key = text(key),
			.range_end = what == 9 ? text(end) : (struct kv_bytes){0},
			.value = what < 7 ? blob(value, size) : (struct kv_bytes){0},
		};

		feed(rig, &request);
	}
}

static void publish(struct rigs *all)
{
	struct sm_attributes attributes = {.client_count = 1};
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	const uint64_t id = 1 + below(3), ids[] = {1, 2, 3};

	snprintf(attributes.name, sizeof(attributes.name), "n%u", below(9));
	snprintf(attributes.client[0], sizeof(attributes.client[0]), "10.0.0.%u:2379", below(9));
	const size_t size = kv_publication_encode(id, &attributes, bytes);

	for (uint32_t i = 0; i < all->count; i++) {
		feed_bytes(&all->rig[i], bytes, size);
		if (id == 3)
			all->rig[i].sm->ops->members(all->rig[i].sm, ids, 2 + (uint32_t)(id == 3));
	}
}

/* Only the first one scrubs what is compacted; no snapshot depends on that. */
static void compact_some(struct rigs *all)
{
	struct sm *sm = all->rig[0].sm;
	uint64_t revision = sm->ops->revision(sm) - below(20);

	if (revision <= all->rig[0].compacted || revision > sm->ops->revision(sm))
		return;
	for (uint32_t i = 0; i < all->count; i++)
		assert_int_equal(compact(&all->rig[i], revision), KV_OK);
	while (sm->ops->sweep(sm))
		;
}

static void some(struct rigs *all, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t what = below(40);

		if (what == 0)
			compact_some(all);
		else if (what == 1)
			publish(all);
		else
			random_command(all);
	}
}

static struct sm_snapshot *mark(struct rig *rig, uint64_t index, uint64_t hash)
{
	uint8_t marker[SM_MARKER_SIZE_MAX];
	const struct sm_mark said = {.file_version = 5, .index = index, .hash = hash};
	uint32_t size = rig->sm->ops->marker(&said, marker);
	struct sm_entry entry = {
		.index = ++rig->index, .data = marker, .size = size, .first = true, .last = true};
	struct sm_result result;
	int done;

	while ((done = rig->sm->ops->apply(rig->sm, &entry, &result)) == -EAGAIN)
		;
	assert_int_equal(done, 1);
	assert_true(result.marker && result.marked);
	assert_int_equal(result.mark.file_version, said.file_version);
	assert_int_equal(result.mark.index, index);
	assert_int_equal(result.mark.hash, hash);
	assert_int_equal(result.session, 0);
	return rig->sm->ops->snapshot_take(rig->sm);
}

/* All of it, in pieces of 1 to `most` bytes; between them what `meanwhile` says is applied. */
static uint32_t image_read(struct rigs *all, uint32_t which, struct sm_snapshot *s, uint32_t most,
			   bool meanwhile, uint8_t *out)
{
	const struct sm_ops *ops = all->rig[which].sm->ops;
	uint32_t size = 0;
	bool more = true;

	while (more) {
		uint32_t room = 1 + below(most);
		int got = ops->snapshot_read(s, out + size, room, &more);

		assert_true(got >= 0 && (uint32_t)got <= room);
		size += (uint32_t)got;
		assert_true(size < IMAGE_MAX);
		if (meanwhile && below(10) == 0)
			some(all, 1);
		if (meanwhile && below(10) == 0)
			ops->sweep(all->rig[which].sm);
	}
	ops->snapshot_close(s);
	return size;
}

static int image_load(struct rig *rig, const uint8_t *image, uint32_t size, uint32_t most)
{
	const struct sm_ops *ops = rig->sm->ops;
	int err;

	while ((err = ops->restore_begin(rig->sm)) == -EAGAIN)
		;
	assert_int_equal(err, 0);
	for (uint32_t at = 0; at < size && err == 0;) {
		uint32_t part = 1 + below(most);

		part = part < size - at ? part : size - at;
		err = ops->restore_add(rig->sm, image + at, part);
		at += part;
	}
	return err;
}

static bool image_is_good(struct rig *rig, const uint8_t *image, uint32_t size)
{
	return image_load(rig, image, size, 900) == 0 && rig->sm->ops->restore_end(rig->sm) != 0;
}

static void both_equal(const struct rigs *all)
{
	struct sm *a = all->rig[0].sm, *b = all->rig[1].sm;

	assert_int_equal(a->ops->hash(a), b->ops->hash(b));
	assert_int_equal(a->ops->revision(a), b->ops->revision(b));
	assert_int_equal(a->ops->keys(a), b->ops->keys(b));
	kv_verify(a);
	kv_verify(b);
}

/* Its state came out of a snapshot: it goes on at the place in the log at which that one is. */
static void stands_at(struct rig *rig, const struct rig *like)
{
	rig->index = like->index;
	rig->sequence = like->sequence;
	rig->compacted = like->compacted;
}

static void rigs_open(struct rigs *all)
{
	*all = (struct rigs){.count = 2};
	rig_open_salted(&all->rig[0], UINT64_MAX, 3);
	rig_open_salted(&all->rig[1], UINT64_MAX, 7);
}

static void rigs_close(struct rigs *all)
{
	rig_close(&all->rig[0]);
	rig_close(&all->rig[1]);
}

static void D17_snapshots_are_equal_whoever_takes_them_and_whenever(void **state)
{
	static uint8_t image[2][IMAGE_MAX];
	uint32_t size[2];
	struct rigs all;

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct sm_snapshot *s[2];

		rigs_open(&all);
		some(&all, below(STEPS));
		for (uint32_t i = 0; i < 2; i++)
			s[i] = mark(&all.rig[i], 5, 6);
		size[0] = image_read(&all, 0, s[0], 5000, false, image[0]);
		/* The other one reads it much later, while all goes on, bit by bit. */
		some(&all, below(STEPS));
		size[1] = image_read(&all, 1, s[1], 300, true, image[1]);
		assert_int_equal(size[0], size[1]);
		assert_memory_equal(image[0], image[1], size[0]);
		both_equal(&all);
		rigs_close(&all);
	}
}

/* V17: each version has its key there, which the store has once; and sessions count. */
static void D17_V17_no_snapshot_is_larger_than_was_said(void **state)
{
	static uint8_t image[IMAGE_MAX], key[3000];

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct rigs all = {.count = 1};
		struct rig *rig = &all.rig[0];
		uint64_t said;
		uint32_t size;

		rig_open(rig, UINT64_MAX);
		some(&all, below(STEPS));
		for (uint32_t i = 0; round % 2 && i < 100; i++)
			put(rig, blob(key, sizeof(key)), text("v"));
		while (rig->sm->ops->sweep(rig->sm))
			;
		said = rig->sm->ops->snapshot_size(rig->sm);
		size = image_read(&all, 0, mark(rig, 0, 0), 5000, false, image);
		assert_in_range(size, said - KV_SNAPSHOT_NAMES_MAX, said);
		assert_true(image_is_good(rig, image, size));
		assert_int_equal(rig->sm->ops->snapshot_size(rig->sm), said);
		rig_close(rig);
	}
}

/* R48 too: what is a retry there is one here. */
static void D17_a_state_comes_back_whole(void **state)
{
	static uint8_t image[2][IMAGE_MAX];
	struct rigs all;

	(void)state;
	for (int round = 0; round < 30; round++) {
		struct sm_snapshot *s;
		uint32_t size, again;

		rigs_open(&all);
		all.count = 1;
		some(&all, below(STEPS));
		s = mark(&all.rig[0], 5, 6);
		size = image_read(&all, 0, s, 5000, false, image[0]);
		/* It goes over another state, with a reader and a writer of a snapshot in it. */
		for (uint32_t i = 0; i < 20; i++)
			put(&all.rig[1], text("old"), text("value"));
		s = mark(&all.rig[1], 0, 0);
		assert_int_equal(image_load(&all.rig[1], image[0], size, 700), 0);
		assert_int_equal(all.rig[1].sm->ops->restore_end(all.rig[1].sm), all.rig[0].index);
		stands_at(&all.rig[1], &all.rig[0]);
		bool more;
		assert_int_equal(all.rig[1].sm->ops->snapshot_read(s, image[1], 10, &more),
				 -ESTALE);
		all.rig[1].sm->ops->snapshot_close(s);
		both_equal(&all);
		all.count = 2;
		some(&all, below(STEPS));
		both_equal(&all);
		s = mark(&all.rig[0], 0, 0);
		size = image_read(&all, 0, s, 5000, false, image[0]);
		s = mark(&all.rig[1], 0, 0);
		again = image_read(&all, 1, s, 5000, false, image[1]);
		assert_int_equal(size, again);
		assert_memory_equal(image[0], image[1], size);
		rigs_close(&all);
	}
}

/* What is of one cluster alone is not in it; all else is, and as it was when it was taken. */
static void a_backup_is_the_store_without_its_cluster(void **state)
{
	static uint8_t image[2][IMAGE_MAX];

	(void)state;
	for (int round = 0; round < 5; round++) {
		struct sm_snapshot *s[2];
		const struct kv_request known = {.operation = KV_PUT,
						 .session = 999,
						 .sequence = 1,
						 .key = text("k"),
						 .value = text("v")};
		uint64_t revision, keys, applied;
		uint32_t size[2];
		struct rigs all;
		struct rig rig;

		rigs_open(&all);
		publish(&all);
		some(&all, 1 + below(STEPS));
		for (uint32_t i = 0; i < 2; i++) {
			feed(&all.rig[i], &known);
			s[i] = all.rig[i].sm->ops->backup(all.rig[i].sm);
		}
		revision = all.rig[0].sm->ops->revision(all.rig[0].sm);
		keys = all.rig[0].sm->ops->keys(all.rig[0].sm);
		applied = all.rig[0].index;
		size[0] = image_read(&all, 0, s[0], 5000, false, image[0]);
		size[1] = image_read(&all, 1, s[1], 300, true, image[1]);
		assert_int_equal(size[0], size[1]);
		assert_memory_equal(image[0], image[1], size[0]);
		rig_open(&rig, UINT64_MAX);
		assert_int_equal(image_load(&rig, image[0], size[0], 900), 0);
		assert_int_equal(rig.sm->ops->restore_end(rig.sm), applied);
		rig.index = applied;
		assert_int_equal(rig.sm->ops->revision(rig.sm), revision);
		assert_int_equal(rig.sm->ops->keys(rig.sm), keys);
		for (uint64_t id = 1; id <= 3; id++)
			assert_null(rig.sm->ops->attributes(rig.sm, id));
		/* Nothing of a session is known: its command is a new one. */
		assert_int_equal(feed(&rig, &known).revision, revision + 1);
		rig_close(&rig);
		rigs_close(&all);
	}
}

/* Cut anywhere, or changed anywhere: refused, or that state but for the marker's index (D17). */
static void W21_what_is_no_snapshot_is_no_state(void **state)
{
	static uint8_t image[IMAGE_MAX], whole[IMAGE_MAX], again[IMAGE_MAX];
	uint32_t size, taken = 0;
	struct rigs all;

	(void)state;
	rigs_open(&all);
	all.count = 1;
	some(&all, 60);
	size = image_read(&all, 0, mark(&all.rig[0], 0, 0), 5000, false, image);
	memcpy(whole, image, size);
	for (uint32_t i = 0; i < 100; i++)
		assert_false(image_is_good(&all.rig[1], image, below(size)));
	for (uint32_t i = 0; i < 300; i++) {
		uint32_t at = below(size);

		image[at] ^= (uint8_t)(1 << below(8));
		if (image_is_good(&all.rig[1], image, size)) {
			kv_verify(all.rig[1].sm);
			memcpy(&all.rig[1].index, image + 24, 8);
			image_read(&all, 1, mark(&all.rig[1], 0, 0), 5000, false, again);
			assert_memory_equal(again + 32, image + 32, size - 32);
			taken++;
		}
		image[at] = whole[at];
	}
	assert_true(taken < 270);
	assert_int_equal(image_load(&all.rig[1], image, size, 900), 0);
	assert_int_equal(all.rig[1].sm->ops->restore_end(all.rig[1].sm), all.rig[0].index);
	both_equal(&all);
	rigs_close(&all);
}

/* A marker is the leader's own: no door takes one. One of a format to come takes no snapshot. */
static void D17_a_marker_comes_through_no_door(void **state)
{
	uint8_t marker[SM_MARKER_SIZE_MAX];
	uint64_t session, sequence, hash;
	struct kv_answer answer;
	struct rig rig;
	uint32_t size;

	(void)state;
	rig_open(&rig, UINT64_MAX);
	size = rig.sm->ops->marker(&(struct sm_mark){.index = 3, .hash = 4}, marker);
	assert_int_equal(rig.sm->ops->check(rig.sm, marker, size, 0, &session, &sequence), -EINVAL);
	assert_int_equal(rig.sm->ops->check(rig.sm, marker, size, 9, &session, &sequence), -EINVAL);
	put(&rig, text("k"), text("v"));
	hash = rig.sm->ops->hash(rig.sm);
	marker[KV_REQUEST_HEADER_SIZE]++;
	answer = feed_bytes(&rig, marker, size);
	assert_int_equal(answer.status, KV_OK);
	assert_null(rig.sm->ops->snapshot_take(rig.sm));
	marker[KV_REQUEST_HEADER_SIZE]--;
	/* Nobody takes it: it goes with the next entry. */
	feed_bytes(&rig, marker, size);
	assert_int_equal(rig.sm->ops->hash(rig.sm), hash);
	put(&rig, text("k"), text("w"));
	assert_null(rig.sm->ops->snapshot_take(rig.sm));
	rig_close(&rig);
}

/* Both from here on the same, and at the end byte for byte. */
static void stay_equal(struct rigs *all)
{
	static uint8_t image[2][IMAGE_MAX];
	uint32_t size[2];

	all->count = 2;
	both_equal(all);
	some(all, below(STEPS));
	both_equal(all);
	for (uint32_t i = 0; i < 2; i++)
		size[i] = image_read(all, i, mark(&all->rig[i], 0, 0), 5000, false, image[i]);
	assert_int_equal(size[0], size[1]);
	assert_memory_equal(image[0], image[1], size[0]);
}

/*
 * One stays at the marker; the other goes on while it is read. Who restores that is where the first
 * one stayed, by its index and its state, and applies what follows as that one does.
 */
static void R36_a_snapshot_holds_the_state_of_its_index(void **state)
{
	static uint8_t image[IMAGE_MAX];

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct rigs taking, staying = {.count = 2};
		uint32_t size;

		rigs_open(&taking);
		some(&taking, below(STEPS));
		struct sm_snapshot *s = mark(&taking.rig[0], 5, 6);
		taking.rig[1].sm->ops->snapshot_close(mark(&taking.rig[1], 5, 6));
		staying.rig[0] = taking.rig[1];
		taking.count = 1;
		some(&taking, 1 + below(STEPS));
		size = image_read(&taking, 0, s, 300, true, image);
		rig_close(&taking.rig[0]);
		rig_open_salted(&staying.rig[1], UINT64_MAX, 9);
		assert_int_equal(image_load(&staying.rig[1], image, size, 900), 0);
		assert_int_equal(staying.rig[1].sm->ops->restore_end(staying.rig[1].sm),
				 staying.rig[0].index);
		stands_at(&staying.rig[1], &staying.rig[0]);
		stay_equal(&staying);
		rig_close(&staying.rig[0]);
		rig_close(&staying.rig[1]);
	}
}

enum { SCRUBBED_KEYS = 600 }; /* several steps of a scrub */

/* The newest revision is a deletion, of which a compaction leaves nothing. */
static void delete_all(struct rig *rig)
{
	char key[8];

	for (uint32_t i = 0; i < SCRUBBED_KEYS; i++) {
		key_text(key, i);
		put(rig, text(key), text("v"));
	}
	del(rig, text("k"), text("l"));
}

static void compact_all(struct rig *rig)
{
	assert_int_equal(compact(rig, rig->sm->ops->revision(rig->sm)), KV_OK);
}

/*
 * A member ends after each step of what a compaction frees, and comes back from a snapshot of that
 * moment, or from one of before it and the log. Nothing is left that bears the last revision.
 */
static void R49_revisions_only_grow_through_a_crash_in_a_compaction(void **state)
{
	static uint8_t before[IMAGE_MAX], image[IMAGE_MAX];
	bool more = true;
	uint32_t steps;

	(void)state;
	for (steps = 0; more; steps++) {
		struct rigs all;
		uint32_t size, size_before;
		uint64_t revision, applied;

		rigs_open(&all);
		delete_all(&all.rig[0]);
		size_before = image_read(&all, 0, mark(&all.rig[0], 0, 0), 5000, false, before);
		applied = all.rig[0].index;
		compact_all(&all.rig[0]);
		for (uint32_t i = 0; i < steps && more; i++)
			more = all.rig[0].sm->ops->sweep(all.rig[0].sm);
		size = image_read(&all, 0, mark(&all.rig[0], 0, 0), 5000, false, image);
		revision = all.rig[0].sm->ops->revision(all.rig[0].sm);
		for (uint32_t which = 0; which < 2; which++) {
			struct rig *rig = &all.rig[1];
			const struct kv_request old = {.operation = KV_RANGE,
						       .key = text("k000"),
						       .revision = revision - 1};

			assert_int_equal(which ? image_load(rig, before, size_before, 900)
					       : image_load(rig, image, size, 900),
					 0);
			rig->index = rig->sm->ops->restore_end(rig->sm);
			assert_int_equal(rig->index, which ? applied : applied + 2);
			rig->sequence = all.rig[0].sequence - which;
			if (which)
				compact_all(rig);
			assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
			assert_int_equal(rig->sm->ops->compact_revision(rig->sm), revision);
			assert_int_equal(query(rig, &old, KV_ANSWER_SIZE_MAX).status, KV_COMPACTED);
			both_equal(&all);
			assert_int_equal(put(rig, text("k000"), text("w")).revision, revision + 1);
		}
		rigs_close(&all);
	}
	assert_true(steps > 4);
}

/* It ends anywhere while it is read, or written: the state goes on, and the next one is whole. */
static void R65_a_snapshot_that_is_given_up_leaves_nothing(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct rigs all;
		uint8_t part[64];
		bool more = true;

		rigs_open(&all);
		some(&all, 1 + below(STEPS));
		struct sm_snapshot *s = mark(&all.rig[0], 0, 0);
		all.rig[1].sm->ops->snapshot_close(mark(&all.rig[1], 0, 0));
		for (uint32_t i = below(200); i > 0 && more; i--)
			assert_true(all.rig[0].sm->ops->snapshot_read(s, part, sizeof(part),
								      &more) >= 0);
		all.rig[0].sm->ops->snapshot_close(s);
		/* Nothing is kept for it. */
		for (uint32_t i = 0; i < 2; i++) {
			put(&all.rig[i], text("last"), text("v"));
			compact_all(&all.rig[i]);
			while (all.rig[i].sm->ops->sweep(all.rig[i].sm))
				;
			assert_int_equal(kv_pinned_size(all.rig[i].sm), 0);
		}
		stay_equal(&all);
		rigs_close(&all);
	}
}

/* What is read of it is no state, wherever it ends; and the one before it is as good as ever. */
static void R65_of_half_a_state_nothing_stays(void **state)
{
	static uint8_t older[IMAGE_MAX], newer[IMAGE_MAX];

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint32_t older_size, newer_size, cut;
		struct rigs all;

		rigs_open(&all);
		publish(&all);
		some(&all, 1 + below(STEPS));
		older_size = image_read(&all, 0, mark(&all.rig[0], 0, 0), 5000, false, older);
		all.rig[1].sm->ops->snapshot_close(mark(&all.rig[1], 0, 0));
		all.count = 1;
		some(&all, 1 + below(STEPS));
		newer_size = image_read(&all, 0, mark(&all.rig[0], 0, 0), 5000, false, newer);
		cut = below(newer_size);
		(void)image_load(&all.rig[0], newer, cut, 900);
		if (cut > 0)
			assert_int_equal(all.rig[0].sm->ops->restore_end(all.rig[0].sm), 0);
		assert_int_equal(image_load(&all.rig[0], older, older_size, 900), 0);
		assert_int_equal(all.rig[0].sm->ops->restore_end(all.rig[0].sm), all.rig[1].index);
		stands_at(&all.rig[0], &all.rig[1]);
		stay_equal(&all);
		rigs_close(&all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D17_snapshots_are_equal_whoever_takes_them_and_whenever),
		cmocka_unit_test(D17_V17_no_snapshot_is_larger_than_was_said),
		cmocka_unit_test(D17_a_state_comes_back_whole),
		cmocka_unit_test(a_backup_is_the_store_without_its_cluster),
		cmocka_unit_test(W21_what_is_no_snapshot_is_no_state),
		cmocka_unit_test(D17_a_marker_comes_through_no_door),
		cmocka_unit_test(R36_a_snapshot_holds_the_state_of_its_index),
		cmocka_unit_test(R49_revisions_only_grow_through_a_crash_in_a_compaction),
		cmocka_unit_test(R65_a_snapshot_that_is_given_up_leaves_nothing),
		cmocka_unit_test(R65_of_half_a_state_nothing_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
