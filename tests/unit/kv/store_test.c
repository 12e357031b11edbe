/*
 * The versioned store by itself, against a list of all that was ever written: what a key was at any
 * revision that may still be asked for, whatever was compacted, freed and held back since.
 */
#include "tests/unit/kv/helper.h"

#include "kv/pins.h"

enum {
	KEYS = 24,
	RECORDS_MAX = 40000,
	VALUE_MAX = 40,
};

/* One version; size < 0: a tombstone. */
struct record {
	struct kv_revision at;
	uint32_t key;
	int size;
	uint8_t byte;
	uint64_t create, number;
};

struct model {
	struct record record[RECORDS_MAX];
	uint32_t count;
	uint64_t revision;
};

static struct model model;
static uint64_t seed;

static struct kv_bytes key_name(char out[8], uint32_t n)
{
	snprintf(out, 8, "k%03u", n);
	return text(out);
}

/* NULL: it has no value then. */
static const struct record *model_find(uint32_t key, struct kv_revision at)
{
	for (uint32_t i = model.count; i > 0; i--) {
		const struct record *r = &model.record[i - 1];

		if (r->key == key && kv_revision_compare(r->at, at) <= 0)
			return r->size < 0 ? NULL : r;
	}
	return NULL;
}

static void record_add(uint32_t key, struct kv_revision at, int size, uint8_t byte)
{
	const struct record *old = model_find(key, at);

	assert_true(model.count < RECORDS_MAX);
	model.record[model.count++] = (struct record){
		.at = at,
		.key = key,
		.size = size,
		.byte = byte,
		.create = old ? old->create : at.main,
		.number = old ? old->number + 1 : 1,
	};
}

static void put_one(struct kv_store *store, uint32_t n)
{
	struct kv_revision at = store->write;
	uint8_t value[VALUE_MAX];
	uint32_t size = random_below(&seed, VALUE_MAX);
	uint8_t byte = (uint8_t)mix_next(&seed);
	char key[8];

	memset(value, byte, sizeof(value));
	record_add(n, at, (int)size, byte);
	kv_store_put(store, key_name(key, n), blob(value, size), byte);
}

static void delete_some(struct kv_store *store, uint32_t n, uint32_t end)
{
	struct kv_revision at = store->write;
	char first[8], last[8];
	const struct kv_store_range range = {key_name(first, n), key_name(last, end)};
	uint32_t count = 0;
	bool done;

	for (uint32_t i = n; i < end; i++) {
		if (!model_find(i, at))
			continue;
		record_add(i, at, -1, 0);
		at.sub++;
		count++;
	}
	assert_int_equal(kv_store_delete(store, &range, UINT32_MAX, UINT64_MAX, &done), count);
	assert_true(done);
}

/* A transaction of some operations. */
static void write_random(struct kv_store *store, uint32_t keys)
{
	kv_store_begin(store);
	for (uint32_t i = random_below(&seed, 4); i > 0; i--) {
		uint32_t n = random_below(&seed, keys);

		if (random_below(&seed, 4))
			put_one(store, n);
		else
			delete_some(store, n, n + 1 + random_below(&seed, 3));
	}
	kv_store_end(store);
	if (model.count)
		model.revision = model.record[model.count - 1].at.main;
	assert_int_equal(store->revision, model.revision);
}

static void check_version(const struct kv_version *got, const struct record *want)
{
	if (!want) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_int_equal(got->main, want->at.main);
	assert_int_equal(got->sub, want->at.sub);
	assert_int_equal(got->create_revision, want->create);
	assert_int_equal(got->number, want->number);
	assert_int_equal(got->value_size, want->size);
	assert_int_equal(got->lease, want->byte);
	for (uint32_t i = 0; i < got->value_size; i++)
		assert_int_equal(got->value[i], want->byte);
}

/* All keys at a revision: one by one, and as a walk. */
static void check_at(const struct kv_store *store, struct kv_revision at)
{
	const struct kv_store_range all = {text("k"), text("l")};
	const struct kv_key *key = kv_store_first(store, &all);
	char name[8];

	for (uint32_t n = 0; n < KEYS; n++) {
		const struct record *want = model_find(n, at);
		struct kv_bytes bytes = key_name(name, n);

		check_version(kv_store_find(store, bytes, at), want);
		while (key && kv_bytes_compare(key->bytes, key->size, bytes.data, bytes.size) < 0) {
			assert_null(kv_key_find(key, at));
			key = kv_store_next(&all, key);
		}
		if (want) {
			assert_non_null(key);
			check_version(kv_key_find(key, at), want);
			key = kv_store_next(&all, key);
		}
	}
}

static void check_now(const struct kv_store *store)
{
	const struct kv_store_range all = {text("k"), text("l")};
	const struct kv_key *key = kv_store_first_live(store, &all);
	uint64_t count = 0;

	for (uint32_t n = 0; n < KEYS; n++) {
		const struct record *want = model_find(n, kv_revision_of(store->revision));

		if (!want)
			continue;
		assert_non_null(key);
		check_version(kv_key_newest(key), want);
		key = kv_store_next_live(&all, key);
		count++;
	}
	assert_null(key);
	assert_int_equal(kv_store_count(store, &all), count);
}

static struct kv_revision random_revision(uint64_t from, uint64_t to)
{
	uint64_t main = from + random_below(&seed, (uint32_t)(to - from + 1));

	/* Of the first at all its last operation may be missing: it is there as a whole. */
	if (main == from || random_below(&seed, 2))
		return kv_revision_of(main);
	return (struct kv_revision){main, random_below(&seed, 3)};
}

static uint64_t lowest_pin(const struct kv_store *store, const struct kv_pin pins[4])
{
	uint64_t lowest = store->compact_revision;

	for (uint32_t i = 0; i < 4; i++) {
		if (pins[i].held && !pins[i].lost && pins[i].revision < lowest)
			lowest = pins[i].revision;
	}
	return lowest ? lowest : 1;
}

static void compact_random(struct kv_store *store, uint64_t above)
{
	uint32_t ahead = (uint32_t)(store->revision - above);

	if (ahead)
		kv_store_compact(store, above + 1 + random_below(&seed, ahead));
}

/* What is held back is no more than a budget, and what a pin that was not lost shows is there. */
static void run(uint32_t keys, uint32_t steps, uint64_t budget)
{
	struct kv_pin pin[4] = {0};
	struct kv_pins pins;
	struct kv_store store;
	uint32_t lost = 0;

	model = (struct model){.revision = 1};
	kv_store_init(&store);
	kv_pins_init(&pins, budget);
	for (uint32_t step = 0; step < steps; step++) {
		struct kv_pin *p = &pin[random_below(&seed, 4)];
		uint64_t first = store.compact_revision ? store.compact_revision : 1;

		write_random(&store, keys);
		if (random_below(&seed, 40) == 0)
			compact_random(&store, first);
		if (random_below(&seed, 4) == 0)
			kv_pins_sweep(&pins, &store);
		if (random_below(&seed, 20) == 0 && p->held) {
			lost += p->lost;
			kv_pin_give(p);
		} else if (random_below(&seed, 20) == 0 && !p->held) {
			first = store.compact_revision ? store.compact_revision : 1;
			kv_pin_take(&pins, p, random_revision(first, store.revision).main);
		}
		if (step % 16 == 0) {
			kv_store_verify(&store);
			kv_pins_verify(&pins, &store);
			check_now(&store);
			check_at(&store, random_revision(lowest_pin(&store, pin), store.revision));
		}
	}
	for (uint32_t i = 0; i < 4; i++) {
		if (pin[i].held)
			kv_pin_give(&pin[i]);
	}
	assert_true(budget == UINT64_MAX || lost > 5);
	if (store.revision > store.compact_revision)
		kv_store_compact(&store, store.revision);
	while (kv_pins_sweep(&pins, &store))
		;
	kv_store_verify(&store);
	assert_int_equal(store.held, 0);
	check_at(&store, kv_revision_of(store.revision));

	/* Of each key its value is left, and of keys without one nothing. */
	const struct kv_store_range all = {text("k"), text("l")};
	for (const struct kv_key *key = kv_store_first(&store, &all); key;
	     key = kv_store_next(&all, key)) {
		assert_true(key->live);
		assert_ptr_equal(kv_history_oldest(&key->history),
				 kv_history_newest(&key->history));
	}
	kv_store_destroy(&store);
}

static void what_may_be_asked_for_is_there(void **state)
{
	(void)state;
	run(KEYS - 3, 6000, UINT64_MAX);
	run(KEYS - 3, 4000, 4000);
	run(2, 4000, UINT64_MAX); /* long histories */
}

/* Many versions of one key: chunks come and go, and the memory that they took. */
static void a_long_history(void **state)
{
	const uint32_t versions = 5 * KV_CHUNK_MAX;
	struct kv_store store;

	(void)state;
	kv_store_init(&store);
	for (uint32_t i = 0; i < versions; i++) {
		kv_store_begin(&store);
		kv_store_put(&store, text("k"), blob(&i, sizeof(i)), 0);
		kv_store_end(&store);
	}
	kv_store_verify(&store);
	uint64_t size = store.size;
	for (uint32_t i = 0; i < versions; i += 97) {
		const struct kv_version *v =
			kv_store_find(&store, text("k"), kv_revision_of(i + 2));

		assert_non_null(v);
		assert_memory_equal(v->value, &i, sizeof(i));
	}
	assert_null(kv_store_find(&store, text("k"), kv_revision_of(1)));
	for (uint64_t at = 3; at <= store.revision; at += 1 + random_below(&seed, 200)) {
		kv_store_compact(&store, at);
		while (kv_store_scrub(&store, at))
			;
		assert_int_equal(kv_store_find(&store, text("k"), kv_revision_of(at))->main, at);
		if (random_below(&seed, 8) == 0)
			kv_store_verify(&store);
	}
	/* The rest, of a few hundred versions, has no chunk of thousands. */
	kv_store_verify(&store);
	assert_true(store.size < size / 20);
	kv_store_destroy(&store);
}

/* A key that was written anew while its tombstone waited. */
static void a_key_comes_back(void **state)
{
	struct kv_store store;
	const struct kv_store_range one = {text("a"), {0}};
	bool done;

	(void)state;
	kv_store_init(&store);
	for (int i = 0; i < 3; i++) {
		kv_store_begin(&store);
		kv_store_put(&store, text("a"), text("v"), 0);
		kv_store_end(&store);
		kv_store_begin(&store);
		assert_int_equal(kv_store_delete(&store, &one, 1, 1, &done), 1);
		kv_store_end(&store);
		kv_store_begin(&store);
		assert_int_equal(kv_store_delete(&store, &one, 1, 1, &done), 0);
		kv_store_end(&store);
	}
	assert_int_equal(store.revision, 7);
	assert_int_equal(kv_store_find(&store, text("a"), kv_revision_of(4))->create_revision, 4);
	assert_null(kv_store_find(&store, text("a"), kv_revision_of(5)));
	kv_store_compact(&store, 4);
	assert_false(kv_store_scrub(&store, 4));
	kv_store_verify(&store);
	assert_int_equal(kv_store_find(&store, text("a"), kv_revision_of(4))->number, 1);
	kv_store_compact(&store, 7);
	assert_false(kv_store_scrub(&store, 7));
	kv_store_verify(&store);
	assert_int_equal(store.size, 0);
	kv_store_destroy(&store);
}

/* The hash is of what is there and of what may be asked for, not of what was freed. */
static void hash_takes_in_the_compaction_and_not_the_scrub(void **state)
{
	struct kv_store store;
	uint64_t hash;

	(void)state;
	kv_store_init(&store);
	for (int i = 0; i < 5; i++) {
		kv_store_begin(&store);
		kv_store_put(&store, text("a"), text("v"), 0);
		kv_store_end(&store);
	}
	hash = kv_store_hash(&store);
	kv_store_compact(&store, 4);
	assert_true(kv_store_hash(&store) != hash);
	hash = kv_store_hash(&store);
	assert_false(kv_store_scrub(&store, 4));
	assert_true(kv_store_hash(&store) == hash);
	kv_store_destroy(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_asked_for_is_there),
		cmocka_unit_test(a_long_history),
		cmocka_unit_test(a_key_comes_back),
		cmocka_unit_test(hash_takes_in_the_compaction_and_not_the_scrub),
	};
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 10) : 20261130;
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
