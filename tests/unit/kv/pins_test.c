/*
 * Answers of one revision while writes go on: the pieces joined must be, byte for byte, the answer
 * that the same query gave at once when it began. Pieces are small here (KV_TEST_PIECE_SIZE), so
 * that few keys take many of them.
 */
#include "kv/pins.h"

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

	*rig = (struct rig){.out = malloc(KV_ANSWER_SIZE_MAX)};
	assert_non_null(rig->out);
	assert_int_equal(kv_create(&rig->sm, &options), 0);
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

static void sweep_all(struct rig *rig)
{
	while (rig->sm->ops->sweep(rig->sm))
		;
	assert_int_equal(kv_pinned_size(rig->sm), 0);
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

/* rigs[1] has no readers: its hash, size and revision must be the same throughout. */
static void every_answer_is_of_the_revision_at_which_it_began(void **state)
{
	static struct reader readers[KV_PINS_MAX];
	struct rig rigs[2];
	uint64_t finished = 0, cut = 0;

	(void)state;
	open_rig(&rigs[0], BUDGET);
	open_rig(&rigs[1], BUDGET);
	memset(readers, 0, sizeof(readers));
	for (uint32_t step = 0; step < 30000; step++) {
		struct reader *r = &readers[random_below(&seed, KV_PINS_MAX)];
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
			rigs[0].sm->ops->sweep(rigs[0].sm);
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
			assert_int_equal(rigs[0].sm->ops->size(rigs[0].sm),
					 rigs[1].sm->ops->size(rigs[1].sm));
		}
	}
	assert_true(finished > 500);
	assert_true(cut > 50);
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		while (readers[i].cursor)
			reader_step(&rigs[0], &readers[i]);
	}
	sweep_all(&rigs[0]);
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

static void what_is_kept_goes_as_the_reader_passes(void **state)
{
	static struct reader r;
	struct rig rig;
	uint64_t before;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	assert_true(reader_open(&rig, &r, &everything) > 0);
	assert_non_null(r.cursor);
	assert_int_equal(kv_pinned_size(rig.sm), 0);
	for (int round = 0; round < 3; round++)
		fill(&rig);
	del(&rig, text("k"), text("l"));
	/* Each key once, however often it was written. */
	before = kv_pinned_size(rig.sm);
	assert_true(before > 0);
	assert_true(before <
		    KEYS * (sizeof(struct kv_kept) + sizeof(struct kv_version) + 4 + VALUE_MAX));
	while (!reader_step(&rig, &r)) {
		assert_true(kv_pinned_size(rig.sm) < before);
		before = kv_pinned_size(rig.sm);
	}
	assert_int_equal(kv_pinned_size(rig.sm), 0);
	rig_close(&rig);
}

static void readers_are_bounded_and_their_places_come_back(void **state)
{
	static struct reader r[KV_PINS_MAX + 1];
	struct rig rig;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	for (uint32_t i = 0; i < KV_PINS_MAX; i++)
		assert_true(reader_open(&rig, &r[i], &everything) > 0);
	assert_int_equal(reader_open(&rig, &r[KV_PINS_MAX], &everything), -EBUSY);
	assert_null(r[KV_PINS_MAX].cursor);
	fill(&rig);
	rig.sm->ops->cursor_close(rig.sm, r[3].cursor);
	/* Not before what was kept for it was given back: a pin is known by its bit. */
	assert_int_equal(reader_open(&rig, &r[KV_PINS_MAX], &everything), -EBUSY);
	while (rig.sm->ops->sweep(rig.sm))
		;
	assert_true(reader_open(&rig, &r[3], &everything) > 0);
	fill(&rig);
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		while (!reader_step(&rig, &r[i]))
			;
	}
	sweep_all(&rig);
	rig_close(&rig);
}

/* Whoever may not go on with what was begun takes no place from others until there is time. */
static void V31_a_reader_that_nothing_was_kept_for_leaves_at_once(void **state)
{
	static struct reader r;
	struct rig rig;

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	for (uint32_t i = 0; i < 3 * KV_PINS_MAX; i++) {
		assert_true(reader_open(&rig, &r, &everything) > 0);
		rig.sm->ops->cursor_close(rig.sm, r.cursor);
	}
	assert_false(rig.sm->ops->sweep(rig.sm));
	rig_close(&rig);
}

/* One that has passed what there is no room for goes on; the other is told, and gets no hole. */
static void a_full_budget_cuts_who_needs_more(void **state)
{
	static struct reader ahead, behind;
	struct rig rig;
	char key[8];
	bool more;

	(void)state;
	open_rig(&rig, 1000);
	fill(&rig);
	assert_true(reader_open(&rig, &ahead, &everything) > 0);
	for (int i = 0; i < 20; i++)
		assert_false(reader_step(&rig, &ahead));
	assert_true(reader_open(&rig, &behind, &everything) > 0);
	for (uint32_t n = 3; n < 15; n++) {
		put(&rig, key_name(key, n), text("new"));
		kv_verify(rig.sm); /* PN3 */
	}
	assert_int_equal(
		rig.sm->ops->cursor_read(rig.sm, behind.cursor, rig.out, KV_ANSWER_SIZE_MAX, &more),
		-ESTALE);
	/* Its room is given back before its reader knows. */
	sweep_all(&rig);
	rig.sm->ops->cursor_close(rig.sm, behind.cursor);
	while (!reader_step(&rig, &ahead))
		;
	sweep_all(&rig);
	rig_close(&rig);
}

static void a_closed_reader_is_given_back_in_steps(void **state)
{
	static struct reader r;
	struct rig rig;
	uint32_t keys = 3 * KV_PINS_STEP_MAX, steps = 0;
	char key[16];

	(void)state;
	open_rig(&rig, BUDGET);
	fill(&rig);
	assert_true(reader_open(&rig, &r, &everything) > 0);
	rig.sm->ops->cursor_close(rig.sm, r.cursor);
	sweep_all(&rig);
	for (uint32_t n = 0; n < keys; n++) {
		snprintf(key, sizeof(key), "s%06u", n);
		put(&rig, text(key), text("v"));
	}
	const struct kv_request request = {
		.operation = KV_RANGE, .key = text("s"), .range_end = text("t")};
	size_t size;
	uint8_t *data = encoded(&request, &size);
	assert_true(rig.sm->ops->query(rig.sm, data, (uint32_t)size, rig.out, KV_ANSWER_SIZE_MAX,
				       &r.cursor) > 0);
	free(data);
	del(&rig, text("s"), text("t"));
	rig.sm->ops->cursor_close(rig.sm, r.cursor);
	while (rig.sm->ops->sweep(rig.sm))
		steps++;
	assert_in_range(steps, 2, 3);
	assert_int_equal(kv_pinned_size(rig.sm), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_of_the_revision_at_which_it_began),
		cmocka_unit_test(what_is_kept_goes_as_the_reader_passes),
		cmocka_unit_test(V31_a_reader_that_nothing_was_kept_for_leaves_at_once),
		cmocka_unit_test(readers_are_bounded_and_their_places_come_back),
		cmocka_unit_test(a_full_budget_cuts_who_needs_more),
		cmocka_unit_test(a_closed_reader_is_given_back_in_steps),
	};
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 10) : 20261128;
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
