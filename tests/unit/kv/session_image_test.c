/*
 * The bytes of a table of sessions: what they say, and that no bytes make a table that could not
 * have been (kv/session_image.h). That a good one comes back is in window_test.c.
 *
 *	kv-session_image_test [SEED]
 */
#include "kv/session_image.h"

#include "tests/unit/kv/helper.h"

enum { SESSIONS = 3, VERDICTS = 4, IMAGE_MAX = 2048 };

static uint64_t seed = 1;

struct image {
	uint8_t bytes[IMAGE_MAX];
	uint32_t size;
	uint64_t applied;
};

static void apply(struct kv_session_table *table, uint64_t session, uint64_t sequence,
		  uint64_t floor, uint32_t flags, uint64_t index)
{
	const struct kv_request request = {.session = session,
					   .session_base = index - 1,
					   .sequence = sequence,
					   .floor = floor,
					   .flags = flags};
	struct kv_bytes verdict;

	assert_int_equal(kv_session_judge(table, &request, index, &verdict), KV_SESSION_NEW);
	kv_session_remember(table, &request, index, text("verdict"));
}

/* Four sessions, where there is room for three, and one-shot ones; fourteen indexes in all. */
static void image_make(struct image *image)
{
	struct kv_session_table *table = kv_session_table_create(3, SESSIONS, VERDICTS);
	struct kv_session_saver saver;
	uint32_t some;

	assert_non_null(table);
	apply(table, 1, 1, 1, 0, 1);
	apply(table, 2, 1, 1, 0, 2);
	apply(table, 2, 64, 1, 0, 3);
	apply(table, 3, UINT64_MAX, UINT64_MAX - 9, 0, 5);
	apply(table, 4, 7, 5, 0, 7); /* forgets the first */
	apply(table, 4, 6, 5, 0, 8);
	apply(table, 9, 1, 1, KV_ONE_SHOT, 14);
	*image = (struct image){.applied = 14};
	kv_session_save_begin(&saver, table);
	while ((some = kv_session_save(&saver, image->bytes + image->size,
				       KV_SESSION_IMAGE_RECORD_MAX)))
		image->size += some;
	kv_session_table_destroy(table);
}

/* Whether it is one; then the table is sound, and is told by the same bytes. */
static bool loads(const struct image *image)
{
	struct kv_session_table *table = kv_session_table_create(4, SESSIONS, VERDICTS);
	struct kv_session_loader loader;
	struct kv_session_saver saver;
	uint8_t again[IMAGE_MAX + 1];
	int taken;

	assert_non_null(table);
	kv_session_load_begin(&loader, table, image->applied);
	taken = kv_session_load(&loader, image->bytes, image->size);
	if (taken >= 0 && kv_session_loaded(&loader)) {
		kv_session_table_verify(table);
		kv_session_save_begin(&saver, table);
		assert_int_equal(kv_session_save(&saver, again, sizeof(again)), taken);
		assert_memory_equal(again, image->bytes, (size_t)taken);
	} else {
		assert_true(taken == -EBADMSG || taken == (int)image->size);
		taken = -EBADMSG;
	}
	kv_session_table_destroy(table);
	return taken == (int)image->size;
}

static void the_bytes_are_what_the_header_says(void **state)
{
	/* The class, its three sessions of which session 2 is the first, and its four verdicts. */
	static const uint8_t begin[] = {
		1, 0, 0, 0, 0, 0, 0, 0,    /* evicted_index */
		3, 0, 0, 0, 4, 0, 0, 0,    /* sessions, verdicts */
		2, 0, 0, 0, 0, 0, 0, 0,    /* id */
		1, 0, 0, 0, 0, 0, 0, 0,    /* floor */
		1, 0, 0, 0, 0, 0, 0, 0x80, /* applied: 1 and 64 */
		0, 0, 0, 0, 0, 0, 0, 0,    /* evicted_index when it was made */
		3, 0, 0, 0, 0, 0, 0, 0,    /* last_index */
		3, 0, 0, 0, 0, 0, 0, 0,    /* the next id ... */
	};
	static const uint8_t verdict[] = {
		2,  0,   0,   0,   0,   0,   0,   0, /* session */
		64, 0,   0,   0,   0,   0,   0,   0, /* sequence */
		3,  0,   0,   0,   0,   0,   0,   0, /* index */
		7,  'v', 'e', 'r', 'd', 'i', 'c', 't',
	};
	/* The verdict of index 2 went for that of index 8. */
	const size_t at = KV_SESSION_IMAGE_HEAD_SIZE + 3 * KV_SESSION_IMAGE_SESSION_SIZE;
	struct image image;

	(void)state;
	image_make(&image);
	assert_memory_equal(image.bytes, begin, sizeof(begin));
	assert_memory_equal(image.bytes + at, verdict, sizeof(verdict));
	assert_int_equal(image.size, 2 * KV_SESSION_IMAGE_HEAD_SIZE +
					     4 * KV_SESSION_IMAGE_SESSION_SIZE +
					     5 * (KV_SESSION_IMAGE_VERDICT_SIZE + 7));
	assert_true(loads(&image));
}

/* One number that no table can have. */
static void what_could_not_have_been_is_refused(void **state)
{
	enum {
		FIRST = KV_SESSION_IMAGE_HEAD_SIZE,
		SECOND = FIRST + KV_SESSION_IMAGE_SESSION_SIZE,
		THIRD = SECOND + KV_SESSION_IMAGE_SESSION_SIZE,
		VERDICT = THIRD + KV_SESSION_IMAGE_SESSION_SIZE,
		ONE_SHOT = VERDICT + 4 * (KV_SESSION_IMAGE_VERDICT_SIZE + 7),
	};
	static const struct {
		uint32_t at;
		uint8_t byte;
		const char *why;
	} rows[] = {
		{0, 3, "a session is as old as what was forgotten"},
		{8, 4, "more sessions than there is room for"},
		{ONE_SHOT, 1, "something was forgotten while there was room"},
		{12, 5, "more verdicts than there is room for"},
		{FIRST, 0, "session 0"},
		{FIRST, 3, "two of one id"},
		{FIRST + 8, 0, "sequence 0"},
		{FIRST + 23, 0, "a verdict of what was not applied"},
		{FIRST + 24, 2, "more was forgotten when it was made than ever was"},
		{FIRST + 32, 5, "two at one index"},
		{FIRST + 32, 2, "a verdict after the last"},
		{SECOND + 18, 1, "a sequence above all that there are"},
		{THIRD + 32, 15, "an index that was not applied"},
		{VERDICT, 7, "a verdict of no session"},
		{VERDICT, 4, "a verdict of what is no sequence of its session"},
		{VERDICT + 8, 65, "a sequence above the window"},
		{VERDICT + 16, 5, "verdicts out of order"},
		{VERDICT + 16, 0, "a verdict of index 0"},
		{VERDICT + 24, 65, "a verdict of 65 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image image;

		image_make(&image);
		assert_int_not_equal(image.bytes[rows[i].at], rows[i].byte);
		image.bytes[rows[i].at] = rows[i].byte;
		if (loads(&image))
			fail_msg("taken: %s", rows[i].why);
	}
}

static void a_part_is_no_image(void **state)
{
	struct image image;

	(void)state;
	image_make(&image);
	while (image.size-- > 0)
		assert_false(loads(&image));
}

/* loads() says what is wrong with a table that was made of noise. */
static void noise_makes_no_table_that_is_not_sound(void **state)
{
	uint32_t good = 0;

	(void)state;
	print_message("SEED=%lu\n", seed);
	for (uint32_t i = 0; i < 20000; i++) {
		struct image image;

		image_make(&image);
		for (uint32_t n = 1 + random_below(&seed, 3); n > 0; n--) {
			uint8_t *byte = &image.bytes[random_below(&seed, image.size)];
			uint8_t bit = (uint8_t)(1u << random_below(&seed, 8));

			if (random_below(&seed, 2))
				*byte ^= bit;
			else
				*byte = (uint8_t)random_below(&seed, 10);
		}
		good += loads(&image);
	}
	assert_in_range(good, 1000, 19000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_are_what_the_header_says),
		cmocka_unit_test(what_could_not_have_been_is_refused),
		cmocka_unit_test(a_part_is_no_image),
		cmocka_unit_test(noise_makes_no_table_that_is_not_sound),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
