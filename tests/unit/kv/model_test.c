/*
 * Random operations against a model that is too simple to be wrong: a sorted array, searched from
 * its start. A second state machine is fed the same log, with queries and the door's checks in
 * other places, and must have the same hash after every entry.
 *
 *	kv-model_test [SEED [STEPS]]
 */
#include "tests/unit/kv/helper.h"

enum {
	MODEL_KEYS_MAX = 4096,
	KEY_SIZE_MAX = 6,
	VALUE_SIZE_MAX = 3000, /* some are chains */
};

struct model_key {
	uint8_t key[KEY_SIZE_MAX];
	uint32_t key_size;
	uint64_t create, mod, version;
	uint32_t value_size;
	uint8_t value_byte; /* repeated */
};

struct model {
	struct model_key keys[MODEL_KEYS_MAX];
	uint32_t count;
	uint64_t revision;
};

static struct model model;
static uint64_t seed = 1;
static uint32_t steps = 12000;
static uint32_t alphabet;
static uint32_t delete_all_odds; /* one in so many deletes; of a range, ten times as often */

static int bytes_order(struct kv_bytes a, struct kv_bytes b)
{
	for (uint32_t i = 0; i < a.size && i < b.size; i++) {
		if (a.data[i] != b.data[i])
			return a.data[i] < b.data[i] ? -1 : 1;
	}
	return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

static struct kv_bytes key_of(const struct model_key *key)
{
	return blob(key->key, key->key_size);
}

static bool in_range(struct kv_bytes key, struct kv_bytes first, struct kv_bytes end)
{
	if (end.size == 0)
		return bytes_order(key, first) == 0;
	if (bytes_order(key, first) < 0)
		return false;
	return (end.size == 1 && end.data[0] == 0) || bytes_order(key, end) < 0;
}

static void model_put(struct kv_bytes key, uint32_t value_size, uint8_t value_byte)
{
	uint32_t at = 0;

	while (at < model.count && bytes_order(key_of(&model.keys[at]), key) < 0)
		at++;
	model.revision++;
	if (at == model.count || bytes_order(key_of(&model.keys[at]), key) != 0) {
		assert_true(model.count < MODEL_KEYS_MAX);
		memmove(&model.keys[at + 1], &model.keys[at],
			(model.count - at) * sizeof(model.keys[0]));
		model.count++;
		model.keys[at] = (struct model_key){.create = model.revision};
		model.keys[at].key_size = key.size;
		memcpy(model.keys[at].key, key.data, key.size);
	}
	model.keys[at].mod = model.revision;
	model.keys[at].version++;
	model.keys[at].value_size = value_size;
	model.keys[at].value_byte = value_byte;
}

static uint64_t model_delete(struct kv_bytes first, struct kv_bytes end)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < model.count; i++) {
		if (!in_range(key_of(&model.keys[i]), first, end))
			model.keys[kept++] = model.keys[i];
	}
	uint64_t deleted = model.count - kept;
	model.count = kept;
	model.revision += deleted > 0;
	return deleted;
}

/* The answer's items are those of the model, up to the limit. */
static void model_compare(const struct kv_answer *answer, const struct kv_request *request)
{
	struct kv_item item;
	uint64_t count = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < model.count; i++) {
		const struct model_key *key = &model.keys[i];

		if (!in_range(key_of(key), request->key, request->range_end))
			continue;
		count++;
		if ((request->flags & KV_COUNT_ONLY) != 0 ||
		    (request->limit != 0 && count > request->limit))
			continue;
		assert_true(kv_item_next(answer, &at, &item));
		assert_bytes(item.key, key_of(key));
		assert_int_equal(item.create_revision, key->create);
		assert_int_equal(item.mod_revision, key->mod);
		assert_int_equal(item.version, key->version);
		if ((request->flags & KV_KEYS_ONLY) != 0) {
			assert_int_equal(item.value.size, 0);
			continue;
		}
		assert_int_equal(item.value.size, key->value_size);
		for (uint32_t b = 0; b < item.value.size; b++)
			assert_int_equal(item.value.data[b], key->value_byte);
	}
	assert_false(kv_item_next(answer, &at, &item));
	assert_int_equal(answer->count, count);
	assert_int_equal(answer->revision, model.revision);
	bool limited = request->limit != 0 && count > request->limit;
	assert_int_equal(answer->more, limited && (request->flags & KV_COUNT_ONLY) == 0);
}

/* Small alphabets make keys that are each other's prefixes; byte 0 and byte 255 are in it. */
static struct kv_bytes random_key(uint8_t out[KEY_SIZE_MAX])
{
	uint32_t size = 1 + random_below(&seed, KEY_SIZE_MAX);

	for (uint32_t i = 0; i < size; i++)
		out[i] = (uint8_t)(random_below(&seed, alphabet) * 255 / (alphabet - 1));
	return blob(out, size);
}

static void random_query(struct rig *rig)
{
	uint8_t key[KEY_SIZE_MAX], end[KEY_SIZE_MAX];
	struct kv_request request = {.operation = KV_RANGE, .key = random_key(key)};

	if (random_below(&seed, 4) > 0)
		request.range_end = random_key(end);
	if (random_below(&seed, 8) == 0)
		request.range_end = blob("", 1);
	if (random_below(&seed, 2) == 0)
		request.limit = random_below(&seed, 20);
	if (random_below(&seed, 4) == 0)
		request.flags = 1u << (1 + random_below(&seed, 2));
	/*
	 * There is room for all (200 B a key on average): what a small buffer does is another
	 * test's.
	 */
	struct kv_answer answer = query(rig, &request, KV_ANSWER_SIZE_MAX);
	model_compare(&answer, &request);
}

/* A write that both are fed; whether it was applied or is a retry, the answers are the same. */
static void random_write(struct rig rigs[2])
{
	static uint8_t value[VALUE_SIZE_MAX];
	uint8_t key[KEY_SIZE_MAX], end[KEY_SIZE_MAX];
	struct kv_request request = {.operation = KV_PUT, .session = 1};
	uint64_t count = 0;

	request.key = random_key(key);
	request.sequence = ++rigs[0].sequence;
	bool full = model.count == MODEL_KEYS_MAX;

	if (!full && random_below(&seed, 4) > 0) {
		uint8_t byte = (uint8_t)mix_next(&seed);
		bool large = random_below(&seed, 20) == 0;
		uint32_t size = random_below(&seed, large ? VALUE_SIZE_MAX : 100);

		memset(value, byte, size);
		request.value = blob(value, size);
		model_put(request.key, size, byte);
	} else {
		request.operation = KV_DELETE;
		if (random_below(&seed, delete_all_odds / 10) == 0)
			request.range_end = random_key(end);
		if (full || random_below(&seed, delete_all_odds) == 0)
			request.range_end = blob("", 1);
		count = model_delete(request.key, request.range_end);
	}

	uint32_t attempts = 1 + (random_below(&seed, 10) == 0);
	for (uint32_t i = 0; i < attempts; i++) {
		struct kv_answer a = feed(&rigs[0], &request);
		struct kv_answer b = feed(&rigs[1], &request);

		assert_int_equal(a.status, KV_OK);
		assert_int_equal(a.revision, model.revision);
		assert_int_equal(a.count, count);
		assert_int_equal(b.revision, a.revision);
		assert_int_equal(b.applied_index, a.applied_index);
	}
}

static void run(uint32_t letters, uint32_t odds)
{
	struct rig rigs[2];
	uint64_t hash_before = 0;
	uint64_t revision_before = 1;
	uint32_t keys_max = 0;

	alphabet = letters;
	delete_all_odds = odds;
	model = (struct model){.revision = 1};
	rig_open(&rigs[0], UINT64_MAX);
	rig_open(&rigs[1], UINT64_MAX);
	for (uint32_t i = 0; i < steps; i++) {
		random_write(rigs);
		keys_max = model.count > keys_max ? model.count : keys_max;
		uint64_t hash = rigs[0].sm->ops->hash(rigs[0].sm);
		assert_true(hash == rigs[1].sm->ops->hash(rigs[1].sm));
		if ((rigs[0].sm)->ops->revision(rigs[0].sm) != revision_before)
			assert_true(hash != hash_before);
		assert_true((rigs[0].sm)->ops->revision(rigs[0].sm) >= revision_before);
		hash_before = hash;
		revision_before = (rigs[0].sm)->ops->revision(rigs[0].sm);
		if (random_below(&seed, 2) == 0)
			random_query(&rigs[random_below(&seed, 2)]);
		if (i % 32 == 0)
			kv_verify(rigs[0].sm);
	}
	print_message("at most %u keys, at revision %lu\n", keys_max, model.revision);
	rig_close(&rigs[0]);
	rig_close(&rigs[1]);
}

static void few_keys_written_often(void **state)
{
	(void)state;
	run(2, 100);
}

static void many_keys(void **state)
{
	(void)state;
	run(5, 10000);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_keys_written_often),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(hash_covers_revisions_and_sessions),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		steps = (uint32_t)strtoul(argv[2], NULL, 0);
	seed += seed == 0;
	print_message("SEED=%lu STEPS=%u: again with %s %lu %u\n", seed, steps, argv[0], seed,
		      steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
