/*
 * Answers of one revision while writes go on: the pieces joined must be, byte for byte, the answer
 * that the same query gave at once when it began. Pieces are small here (KV_TEST_PIECE_SIZE), so
 * that few keys take many of them.
 */
#include "kv/range.h"

#include "tests/unit/kv/helper.h"

enum {
	KEYS = 60,
	VALUE_MAX = 500, /* more than a piece */
	PIECE_MAX = KV_ITEM_HEADER_SIZE + 8 + VALUE_MAX,
	EXPECTED_MAX = KEYS * (KV_ITEM_HEADER_SIZE + 8 + VALUE_MAX) + KV_ANSWER_HEADER_SIZE,
	BUDGET = 1u << 20,
};

/* A query that is under way. */
struct reader {
	struct sm_cursor *cursor;
	uint8_t want[EXPECTED_MAX], got[EXPECTED_MAX];
	uint32_t want_size, got_size;
};

static uint64_t seed;

static void open_rig(struct rig *rig, uint64_t budget)
{
	const struct kv_options options = {.quota = 1u << 30, .pinned_size_max = budget, .salt = 3};

	rig_open_with(rig, &options);
}

static struct kv_bytes key_name(char out[8], uint32_t n)
{
	snprintf(out, 8, "k%03u", n);
	return text(out);
}

static void put_random(struct rig *rigs, uint32_t count, uint32_t n)
{
	static uint8_t value[VALUE_MAX];
	char key[8];
	uint32_t size = random_below(&seed, VALUE_MAX);

	for (uint32_t i = 0; i < size; i++)
		value[i] = (uint8_t)mix_next(&seed);
	for (uint32_t i = 0; i < count; i++)
		put(&rigs[i], key_name(key, n), blob(value, size));
}

static void delete_random(struct rig *rigs, uint32_t count)
{
	uint32_t n = random_below(&seed, KEYS), length = random_below(&seed, KEYS / 3);
	char key[8], end[8];

	for (uint32_t i = 0; i < count; i++)
		del(&rigs[i], key_name(key, n),
		    length ? key_name(end, n + length) : (struct kv_bytes){0});
}

/* The whole answer at once, and its first piece. What query said of the latter. */
static int reader_open(struct rig *rig, struct reader *r, const struct kv_request *request)
{
	size_t size;
	uint8_t *data = encoded(request, &size);
	int all = rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out, KV_ANSWER_SIZE_MAX,
				      NULL);
	int first;

	assert_in_range(all, KV_ANSWER_HEADER_SIZE, EXPECTED_MAX);
	memcpy(r->want, rig->out, (size_t)all);
	r->want_size = (uint32_t)all;
	first = rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out, KV_ANSWER_SIZE_MAX,
				    &r->cursor);
	free(data);
	if (first < 0)
		return first;
	assert_in_range(first, KV_ANSWER_HEADER_SIZE, KV_ANSWER_HEADER_SIZE + PIECE_MAX);
	memcpy(r->got, rig->out, (size_t)first);
	r->got_size = (uint32_t)first;
	return first;
}

static void reader_check(const struct reader *r)
{
	if (r->got_size != r->want_size || memcmp(r->got, r->want, r->want_size) != 0)
		fail_msg("%u bytes of an answer of %u: they differ", r->got_size, r->want_size);
}

/* True: it is at its end. */
static bool reader_step(struct rig *rig, struct reader *r)
{
	bool more;
	int size =
		rig->sm->ops->cursor_read(rig->sm, r->cursor, rig->out, KV_ANSWER_SIZE_MAX, &more);

	assert_in_range(size, 0, PIECE_MAX);
	assert_true(r->got_size + (uint32_t)size <= EXPECTED_MAX);
	memcpy(r->got + r->got_size, rig->out, (size_t)size);
	r->got_size += (uint32_t)size;
	if (more)
		return false;
	rig->sm->ops->cursor_close(rig->sm, r->cursor);
	r->cursor = NULL;
	reader_check(r);
	return true;
}

static void sweep(struct rig *rig)
{
	while (rig->sm->ops->sweep(rig->sm))
		;
}

static void sweep_all(struct rig *rig)
{
	sweep(rig);
	assert_int_equal(kv_pinned_size(rig->sm), 0);
}

/* What is before the newest revision, or at random some that is not, goes. */
static void compact_some(struct rig *rigs, uint32_t count, bool all)
{
	uint64_t revision = rigs[0].sm->ops->revision(rigs[0].sm);

	if (!all)
		revision -= random_below(&seed, 30);
	if (revision > rigs[0].compacted && revision <= rigs[0].sm->ops->revision(rigs[0].sm)) {
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(compact(&rigs[i], revision), KV_OK);
	}
}

static void random_range(struct kv_request *request, char key[8], char end[8])
{
	static const uint8_t open_end[1];
	uint32_t n = random_below(&seed, KEYS / 2);

	*request = (struct kv_request){.operation = KV_RANGE, .key = key_name(key, n)};
	if (random_below(&seed, 2))
		request->range_end = blob(open_end, 1);
	else
		request->range_end = key_name(end, n + random_below(&seed, KEYS));
	if (random_below(&seed, 3) == 0)
		request->limit = 1 + random_below(&seed, KEYS);
	if (random_below(&seed, 4) == 0)
		request->flags = KV_KEYS_ONLY;
}

/* rigs[1] has no readers: its hash and revision must be the same throughout. */
static void every_answer_is_of_the_revision_at_which_it_began(void **state)
{
	static struct reader readers[SM_CURSORS_MAX];
	struct rig rigs[2];
	uint64_t finished = 0, cut = 0, held = 0;

	(void)state;
	open_rig(&rigs[0], UINT64_MAX);
	open_rig(&rigs[1], UINT64_MAX);
	memset(readers, 0, sizeof(readers));
	for (uint32_t step = 0; step < 30000; step++) {
		struct reader *r = &readers[random_below(&seed, SM_CURSORS_MAX)];
		struct kv_request request;
		char key[8], end[8];

		switch (random_below(&seed, 8)) {
		case 0:
			delete_random(rigs, 2);
			break;
		case 1:
		case 2:
		case 3:
			put_random(rigs, 2, random_below(&seed, KEYS));
			break;
		case 4:
			if (r->cursor && random_below(&seed, 8) == 0) {
				rigs[0].sm->ops->cursor_close(rigs[0].sm, r->cursor);
				r->cursor = NULL;
				cut++;
			}
			compact_some(rigs, 2, false);
			for (uint32_t i = 0; i < 2 && random_below(&seed, 2); i++)
				sweep(&rigs[i]);
			held += kv_pinned_size(rigs[0].sm) > 0;
			break;
		default:
			if (r->cursor) {
				finished += reader_step(&rigs[0], r);
				break;
			}
			random_range(&request, key, end);
			if (reader_open(&rigs[0], r, &request) >= 0 && !r->cursor)
				reader_check(r);
		}
		if (step % 64 == 0) {
			kv_verify(rigs[0].sm);
			assert_true(rigs[0].sm->ops->hash(rigs[0].sm) ==
				    rigs[1].sm->ops->hash(rigs[1].sm));
		}
	}
	assert_true(finished > 500);
	assert_true(cut > 50);
	assert_true(held > 500);
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++) {
		while (readers[i].cursor)
			reader_step(&rigs[0], &readers[i]);
	}
	compact_some(rigs, 2, true);
	sweep_all(&rigs[0]);
	sweep_all(&rigs[1]);
	rig_close(&rigs[0]);
	rig_close(&rigs[1]);
}

static void fill(struct rig *rig)
{
	for (uint32_t n = 0; n < KEYS; n++)
		put_random(rig, 1, n);
}

static const struct kv_request everything = {
	.operation = KV_RANGE,
	.key = {(const uint8_t *)"k", 1},
	.range_end = {(const uint8_t *)"l", 1},
};

/* A compaction while it reads takes nothing from it, and its end gives all of it back. */
static void what_is_compacted_is_held_back_until_the_reader_ends(void **state)
{
	static struct reader r;
	struct rig rig;
	uint64_t before;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	before = rig.sm->ops->size(rig.sm);
	assert_true(reader_open(&rig, &r, &everything) > 0);
	assert_non_null(r.cursor);
	for (int round = 0; round < 3; round++)
		fill(&rig);
	sweep(&rig);
	assert_int_equal(kv_pinned_size(rig.sm), 0); /* nothing was compacted */
	compact_some(&rig, 1, true);
	sweep(&rig);
	assert_true(kv_pinned_size(rig.sm) > before);
	while (!reader_step(&rig, &r))
		;
	sweep_all(&rig);
	del(&rig, text("k"), text("l"));
	compact_some(&rig, 1, true);
	sweep_all(&rig);
	assert_int_equal(rig.sm->ops->size(rig.sm), 0);
	rig_close(&rig);
}

static void readers_are_bounded_and_their_places_come_back(void **state)
{
	static struct reader r[SM_CURSORS_MAX + 1];
	struct rig rig;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++)
		assert_true(reader_open(&rig, &r[i], &everything) > 0);
	assert_int_equal(reader_open(&rig, &r[SM_CURSORS_MAX], &everything), -EBUSY);
	assert_null(r[SM_CURSORS_MAX].cursor);
	fill(&rig);
	rig.sm->ops->cursor_close(rig.sm, r[3].cursor);
	/* At once (V31). */
	assert_true(reader_open(&rig, &r[3], &everything) > 0);
	fill(&rig);
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++) {
		while (!reader_step(&rig, &r[i]))
			;
	}
	sweep_all(&rig);
	rig_close(&rig);
}

/* It is the oldest that holds back most; the other goes on. */
static void a_full_budget_cuts_the_oldest(void **state)
{
	static struct reader oldest, newest;
	struct rig rig;
	bool more;

	(void)state;
	open_rig(&rig, 1000);
	fill(&rig);
	assert_true(reader_open(&rig, &oldest, &everything) > 0);
	assert_false(reader_step(&rig, &oldest));
	fill(&rig);
	assert_true(reader_open(&rig, &newest, &everything) > 0);
	compact_some(&rig, 1, true);
	kv_verify(rig.sm);
	assert_false(reader_step(&rig, &oldest)); /* it was not swept yet */
	sweep_all(&rig);
	assert_int_equal(
		rig.sm->ops->cursor_read(rig.sm, oldest.cursor, rig.out, KV_ANSWER_SIZE_MAX, &more),
		-ESTALE);
	put_random(&rig, 1, 0);
	compact_some(&rig, 1, true);
	sweep(&rig);
	assert_in_range(kv_pinned_size(rig.sm), 1, 1000);
	rig.sm->ops->cursor_close(rig.sm, oldest.cursor);
	while (!reader_step(&rig, &newest))
		;
	sweep_all(&rig);
	rig_close(&rig);
}

static void what_is_freed_is_freed_in_steps(void **state)
{
	const uint32_t keys = 3 * KV_SCRUB_STEP_MAX;
	struct rig rig;
	uint32_t steps;
	char key[16];

	(void)state;
	open_rig(&rig, BUDGET);
	for (uint32_t n = 0; n < keys; n++) {
		snprintf(key, sizeof(key), "s%06u", n);
		put(&rig, text(key), text("v"));
	}
	compact_some(&rig, 1, true);
	for (steps = 0; rig.sm->ops->sweep(rig.sm); steps++)
		kv_verify(rig.sm);
	assert_int_equal(steps, 2);
	del(&rig, text("s"), text("t"));
	compact_some(&rig, 1, true);
	for (steps = 0; rig.sm->ops->sweep(rig.sm); steps++)
		kv_verify(rig.sm);
	assert_int_equal(steps, 2);
	assert_int_equal(rig.sm->ops->size(rig.sm), 0);

	/* By bytes: each of these is more than a step's. */
	uint8_t *value = calloc(1, KV_SCRUB_STEP_SIZE);
	assert_non_null(value);
	for (uint32_t n = 0; n < 4; n++)
		put(&rig, text("large"), blob(value, KV_SCRUB_STEP_SIZE));
	free(value);
	compact_some(&rig, 1, true);
	for (steps = 0; rig.sm->ops->sweep(rig.sm); steps++)
		;
	assert_int_equal(steps, 2);
	rig_close(&rig);
}

/* Keys of later revisions are passed over. */
static void a_step_looks_at_a_bounded_number_of_keys(void **state)
{
	static struct reader r;
	const uint32_t keys = 4 * KV_RANGE_STEP_MAX;
	struct rig rig;
	uint32_t empty = 0;
	char key[16];
	bool more = true;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	put(&rig, text("z"), text("v"));
	const struct kv_request request = {
		.operation = KV_RANGE, .key = text("k"), .range_end = text("zz")};
	assert_true(reader_open(&rig, &r, &request) > 0);
	for (uint32_t n = 0; n < keys; n++) {
		snprintf(key, sizeof(key), "s%06u", n);
		put(&rig, text(key), text("v"));
	}
	while (more) {
		int size = rig.sm->ops->cursor_read(rig.sm, r.cursor, rig.out, KV_ANSWER_SIZE_MAX,
						    &more);

		assert_true(size >= 0);
		empty += size == 0;
	}
	assert_in_range(empty, 3, 4);
	rig.sm->ops->cursor_close(rig.sm, r.cursor);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_of_the_revision_at_which_it_began),
		cmocka_unit_test(what_is_compacted_is_held_back_until_the_reader_ends),
		cmocka_unit_test(readers_are_bounded_and_their_places_come_back),
		cmocka_unit_test(a_full_budget_cuts_the_oldest),
		cmocka_unit_test(what_is_freed_is_freed_in_steps),
		cmocka_unit_test(a_step_looks_at_a_bounded_number_of_keys),
	};
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 10) : 20261128;
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
