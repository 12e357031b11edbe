/*
 * Bytes from nowhere into every door: requests and answers are made, damaged, cut and joined, then
 * decoded, checked, applied (as entries with any first and last), and asked as queries. Nothing
 * may crash or read past its end (buffers are exact: a sanitizer sees it), the state stays sound,
 * and two members fed the same agree.
 *
 *	kv-fuzz_test [--seed N] [--seconds N]
 */
#include "base/clock.h"
#include "tests/unit/kv/helper.h"

#include "base/bytes.h"
#include "kv/codec.h"
#include "kv/txn_codec.h"

enum {
	DATA_SIZE_MAX = 4096,
};

static uint64_t seed = 1;
static uint32_t seconds = 1;
static uint64_t runs;

static uint32_t random_size(void)
{
	switch (random_below(&seed, 4)) {
	case 0:
		return random_below(&seed, 4);
	case 1:
		return random_below(&seed, 1000);
	default:
		return random_below(&seed, 12);
	}
}

/* Of one of more members than there may be. */
static uint32_t publication_make(uint8_t *out)
{
	struct sm_attributes a = {.client_count = random_below(&seed, SM_CLIENTS_MAX + 1)};

	memset(a.name, 'n', 1 + random_below(&seed, SM_NAME_MAX));
	for (uint32_t i = 0; i < a.client_count; i++)
		memset(a.client[i], ':', 1 + random_below(&seed, SM_CLIENT_MAX));
	return (uint32_t)kv_publication_encode(1 + random_below(&seed, 20), &a, out);
}

static uint8_t noise[3 * 1000];

/* What an operation may have; its parts point into noise. */
static struct kv_request operation_make(enum kv_operation operation)
{
	struct kv_request r = {.operation = operation};

	if (operation <= KV_RANGE)
		r.key = blob(noise, random_size());
	if ((operation == KV_DELETE || operation == KV_RANGE) && random_below(&seed, 2) == 0)
		r.range_end = blob(noise + 1000, random_size());
	if (operation == KV_PUT)
		r.value = blob(noise + 2000, random_size());
	if (random_below(&seed, 4) == 0)
		r.flags = random_below(&seed, 128) & kv_flags_of(operation);
	if (operation == KV_RANGE || operation == KV_COMPACT || operation == KV_HASHKV)
		r.revision = random_below(&seed, 3) ? 0 : random_below(&seed, 30);
	if (operation == KV_RANGE && random_below(&seed, 4) == 0) {
		r.limit = random_below(&seed, 4);
		r.order = (enum kv_order)random_below(&seed, 3);
		r.target = (enum kv_target)random_below(&seed, 5);
		r.min_mod_revision = random_below(&seed, 10);
		r.max_create_revision = random_below(&seed, 10);
	}
	return r;
}

/* A transaction in at most `room` bytes, nested as it comes. */
static uint32_t txn_make(uint8_t *out, size_t room, int depth)
{
	struct kv_txn_counts counts = {(uint16_t)random_below(&seed, 3),
				       (uint16_t)random_below(&seed, 4),
				       (uint16_t)random_below(&seed, 3)};
	size_t size = kv_txn_encode(&counts, out);

	for (uint32_t i = 0; i < counts.compares; i++) {
		struct kv_compare c = {.result = (enum kv_result)random_below(&seed, 4),
				       .compared = (enum kv_compared)random_below(&seed, 5),
				       .key = blob(noise, random_below(&seed, 8)),
				       .range_end = blob(noise, random_below(&seed, 3))};

		if (c.compared == KV_COMPARED_VALUE)
			c.value = blob(noise + 2000, random_below(&seed, 5));
		else
			c.number = random_below(&seed, 3);
		size += kv_txn_encode_compare(&c, out + size);
	}
	for (uint32_t i = 0; i < (uint32_t)counts.then + counts.otherwise; i++) {
		static uint8_t within[8][DATA_SIZE_MAX];
		struct kv_request r =
			operation_make((enum kv_operation)(1 + random_below(&seed, 3)));

		if (depth < 8 && random_below(&seed, 3) == 0)
			r = (struct kv_request){
				.operation = KV_TXN,
				.txn = blob(within[depth],
					    txn_make(within[depth], room / 8, depth + 1))};
		/* What does not fit is one of nothing. */
		if (size + kv_txn_encode_operation(&r, NULL) + 12 * 8 > room) {
			memset(within[0], 0, KV_TXN_SIZE);
			r = (struct kv_request){.operation = KV_TXN,
						.txn = blob(within[0], KV_TXN_SIZE)};
		}
		size += kv_txn_encode_operation(&r, out + size);
	}
	return (uint32_t)size;
}

/* A request that is nearly always valid. */
static uint32_t request_make(uint8_t out[DATA_SIZE_MAX])
{
	static const enum kv_operation operations[] = {KV_PUT, KV_DELETE,  KV_RANGE,  KV_PUT,
						       KV_TXN, KV_COMPACT, KV_HASHKV, KV_MARK};
	static uint8_t txn[DATA_SIZE_MAX];
	struct kv_request request;

	if (random_below(&seed, 8) == 0)
		return publication_make(out);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(mix_next(&seed) >> 61);
	request = operation_make(operations[random_below(&seed, 8)]);
	if (request.operation == KV_TXN)
		request.txn = blob(txn, txn_make(txn, DATA_SIZE_MAX - KV_REQUEST_FIXED_MAX, 0));
	/* The leader says those of its own. */
	if (request.operation != KV_MARK &&
	    (request.operation != KV_COMPACT || random_below(&seed, 4))) {
		request.session = random_below(&seed, 6);
		request.session_base = random_below(&seed, 3);
		/* Old and new, and 0 at first. */
		request.sequence = runs / 64 + random_below(&seed, 40);
		request.floor = random_below(&seed, (uint32_t)request.sequence + 1);
		request.flags |= random_below(&seed, 2) ? KV_ONE_SHOT : 0;
	}
	kv_request_encode(&request, out);
	return (uint32_t)kv_request_size(&request);
}

static void damage(uint8_t *data, uint32_t *size)
{
	for (uint32_t n = random_below(&seed, 4); n > 0 && *size > 0; n--)
		data[random_below(&seed, *size)] = (uint8_t)mix_next(&seed);
	if (random_below(&seed, 8) == 0)
		*size = random_below(&seed, *size + 1);
	if (random_below(&seed, 8) == 0 && *size + 8 < DATA_SIZE_MAX)
		*size += random_below(&seed, 8);
}

static uint8_t *exact_copy(const uint8_t *data, uint32_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	assert_non_null(copy);
	memcpy(copy, data, size);
	return copy;
}

/* What was read is all that was there: written again it is the same. */
static void fuzz_decode(const uint8_t *data, uint32_t size)
{
	struct kv_request request;

	if (kv_request_decode(&request, data, size))
		return;
	uint8_t *again = malloc(size);
	assert_non_null(again);
	assert_int_equal(kv_request_size(&request), size);
	kv_request_encode(&request, again);
	assert_memory_equal(again, data, size);
	free(again);
}

static void fuzz_apply(struct rig rigs[2], const uint8_t *data, uint32_t size)
{
	bool first = random_below(&seed, 4) > 0;
	bool last = random_below(&seed, 4) > 0;
	uint64_t session, sequence;
	struct kv_answer answer = {0};

	/* What a member says of itself it says itself. */
	uint64_t from = size >= KV_REQUEST_HEADER_SIZE + 8 && data[1] == KV_PUBLISH
				? bytes_get64(data + KV_REQUEST_HEADER_SIZE)
				: 0;
	int check = rigs[0].sm->ops->check(rigs[0].sm, data, size, from, &session, &sequence);
	int a = feed_entry(&rigs[0], data, size, first, last, &answer);
	assert_int_equal(feed_entry(&rigs[1], data, size, first, last, &answer), a);
	if (random_below(&seed, 100) == 0) {
		const uint64_t ids[] = {1, 2 + random_below(&seed, 10), 15};

		rigs[0].sm->ops->members(rigs[0].sm, ids, 3);
		rigs[1].sm->ops->members(rigs[1].sm, ids, 3);
	}
	assert_true(rigs[0].sm->ops->hash(rigs[0].sm) == rigs[1].sm->ops->hash(rigs[1].sm));
	if (size > 0 && first && last) {
		assert_int_equal(a, 1);
		/* From the leader alone. */
		assert_true(check == 0 || answer.status == KV_MALFORMED || data[1] == KV_MARK ||
			    data[1] == KV_COMPACT);
	}
	if (!last || size == 0)
		assert_int_equal(a, 0);
}

/* Whatever decoding let pass. */
static void walk(const struct kv_answer *answer)
{
	struct kv_answer response;
	struct kv_item item;
	uint32_t at = 0;

	if (answer->operation == KV_TXN) {
		while (kv_response_next(answer, &at, &response))
			walk(&response);
		return;
	}
	while (answer->operation <= KV_RANGE && kv_item_next(answer, &at, &item))
		;
}

static void fuzz_query(struct rig *rig, const uint8_t *data, uint32_t size)
{
	uint32_t room = KV_ANSWER_HEADER_SIZE + random_below(&seed, 3000);
	uint8_t *out = malloc(room);
	struct kv_answer answer;

	assert_non_null(out);
	int written = rig->sm->ops->query(rig->sm, data, size, out, room, NULL);
	if (written >= 0) {
		assert_int_equal(kv_answer_decode(&answer, out, (size_t)written), 0);
		walk(&answer);
		uint32_t answer_size = (uint32_t)written;
		uint8_t *bad = malloc(DATA_SIZE_MAX);
		assert_non_null(bad);
		memset(bad, 0, DATA_SIZE_MAX);
		memcpy(bad, out, answer_size);
		damage(bad, &answer_size);
		uint8_t *exact = exact_copy(bad, answer_size);
		if (kv_answer_decode(&answer, exact, answer_size) == 0)
			walk(&answer);
		free(exact);
		free(bad);
	}
	free(out);
}

static void nothing_breaks_it(void **state)
{
	struct rig rigs[2];
	uint64_t begin_ns = clock_now();

	(void)state;
	rig_open(&rigs[0], 100000);
	rig_open(&rigs[1], 100000);
	/* The clock decides how many runs there are, never what one does; the least is fixed. */
	for (; runs < 2000 || runs % 256 != 0 || clock_now() - begin_ns < seconds * CLOCK_S;
	     runs++) {
		uint8_t data[DATA_SIZE_MAX] = {0};
		uint32_t size = request_make(data);

		if (random_below(&seed, 2) == 0)
			damage(data, &size);
		uint8_t *exact = exact_copy(data, size);
		fuzz_decode(exact, size);
		fuzz_apply(rigs, exact, size);
		fuzz_query(&rigs[random_below(&seed, 2)], exact, size);
		free(exact);
		if (runs % 256 == 0)
			kv_verify(rigs[0].sm);
	}
	print_message("%lu runs, at revision %lu\n", runs, (rigs[0].sm)->ops->revision(rigs[0].sm));
	assert_true((rigs[0].sm)->ops->revision(rigs[0].sm) > 8); /* the least runs reach it */
	rig_close(&rigs[0]);
	rig_close(&rigs[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_breaks_it)};

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = (uint32_t)strtoul(argv[i + 1], NULL, 0);
	}
	seed += seed == 0;
	print_message("SEED=%lu SECONDS=%u: again with %s --seed %lu --seconds %u\n", seed, seconds,
		      argv[0], seed, seconds);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
