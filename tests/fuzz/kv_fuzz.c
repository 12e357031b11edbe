/*
 * Fuzz target: what a store is told in bytes: commands and questions, their answers, and a state as
 * a snapshot has it (kv/command.h, kv/txn_codec.h, kv/snapshot.h).
 *
 * The input: which of them, how it is cut, then the bytes. What is taken has one form: written
 * again it is the same. A state that is taken is sound, and a snapshot of it is the one that it
 * came from (D17): else members that restored it would differ.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/kv/helper.h"

#include "base/bytes.h"
#include "kv/codec.h"
#include "kv/snapshot.h"
#include "kv/txn_codec.h"

enum { REQUEST, ANSWER, STATE, KINDS, HEAD = 2, IMAGES = 6, IMAGE_MAX = FUZZ_INPUT_MAX - HEAD };

/* Where a state says which index is applied: that of the marker after which it is written. */
enum { APPLIED_AT = 24, APPLIED_SIZE = 8 };

static struct rig reads; /* the state that is made of what comes */
static struct {
	uint8_t bytes[IMAGE_MAX];
	uint32_t size;
} images[IMAGES];

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* A snapshot of it, taken by a marker. Its size; 0: it has no room. */
static uint32_t image_take(struct rig *rig, uint8_t *out, uint32_t room)
{
	uint8_t marker[SM_MARKER_SIZE_MAX];
	struct sm_entry entry = {
		.index = ++rig->index, .data = marker, .first = true, .last = true};
	struct sm_snapshot *s;
	struct sm_result result;
	uint32_t size = 0;
	bool more = true;
	int got = 0;

	entry.size = rig->sm->ops->marker(&(struct sm_mark){0}, marker);
	while (rig->sm->ops->apply(rig->sm, &entry, &result) == -EAGAIN)
		;
	s = rig->sm->ops->snapshot_take(rig->sm);
	require(s != NULL);
	while (more && size < room) {
		got = rig->sm->ops->snapshot_read(s, out + size, room - size, &more);
		require(got >= 0);
		size += (uint32_t)got;
	}
	rig->sm->ops->snapshot_close(s);
	return more ? 0 : size;
}

/* Some keys again and again, some gone, some compacted; and who the members are. */
static void image_make(uint32_t i)
{
	const uint32_t commands = i * i * 5;
	struct sm_attributes attributes = {.name = "n", .client_count = 1};
	uint8_t publication[KV_PUBLICATION_SIZE_MAX];
	const uint64_t ids[] = {1, 2, 3};
	uint64_t seed = i;
	struct rig rig;

	rig_open(&rig, UINT64_MAX);
	snprintf(attributes.client[0], sizeof(attributes.client[0]), "10.0.0.1:2379");
	if (i % 2) {
		feed_bytes(&rig, publication, kv_publication_encode(2, &attributes, publication));
		rig.sm->ops->members(rig.sm, ids, 3);
	}
	for (uint32_t n = 0; n < commands; n++) {
		char key[8];

		snprintf(key, sizeof(key), "k%u", random_below(&seed, 12));
		if (random_below(&seed, 4))
			put(&rig, text(key), blob(publication, random_below(&seed, 40)));
		else
			del(&rig, text(key), (struct kv_bytes){0});
		if (n == commands / 2 && i > 2)
			compact(&rig, rig.sm->ops->revision(rig.sm) - 3);
	}
	images[i].size = image_take(&rig, images[i].bytes, IMAGE_MAX);
	require(images[i].size > 0);
	rig_close(&rig);
}

static void prepare(void)
{
	if (reads.sm)
		return;
	rig_open(&reads, UINT64_MAX);
	for (uint32_t i = 0; i < IMAGES; i++)
		image_make(i);
}

static void request_look(const uint8_t *data, size_t size)
{
	struct kv_request request;
	uint8_t *again;

	if (kv_request_decode(&request, data, size) < 0)
		return;
	require(kv_request_size(&request) == size);
	again = malloc(size);
	require(again != NULL);
	kv_request_encode(&request, again);
	require(memcmp(again, data, size) == 0);
	free(again);
}

static void items_walk(const struct kv_answer *answer, int depth)
{
	const uint8_t *end = answer->items.data + answer->items.size;
	struct kv_answer within;
	struct kv_item item;
	uint32_t at = 0, count = 0;

	require(depth < 64);
	if (answer->operation == KV_TXN) {
		for (; kv_response_next(answer, &at, &within); count++)
			items_walk(&within, depth + 1);
	} else {
		for (; kv_item_next(answer, &at, &item); count++)
			require(item.value.data + item.value.size <= end);
	}
	require(count == answer->item_count);
	require(at == answer->items.size);
}

static void answer_look(const uint8_t *data, size_t size)
{
	struct kv_answer answer;

	if (kv_answer_decode(&answer, data, size) == 0)
		items_walk(&answer, 0);
}

static void state_look(const uint8_t *data, size_t size, uint32_t part)
{
	const struct sm_ops *ops = reads.sm->ops;
	uint8_t *again;
	int err;

	while ((err = ops->restore_begin(reads.sm)) == -EAGAIN)
		;
	require(err == 0);
	for (size_t at = 0; at < size && err == 0; at += part) {
		const size_t left = size - at < part ? size - at : part;

		err = ops->restore_add(reads.sm, data + at, (uint32_t)left);
	}
	reads.index = ops->restore_end(reads.sm);
	if (size == 0 || err != 0 || reads.index == 0)
		return;
	kv_verify(reads.sm);
	if (reads.index == UINT64_MAX)
		return;
	again = malloc(size + 1);
	require(again != NULL);
	require(image_take(&reads, again, (uint32_t)size + 1) == size);
	require(bytes_get64(again + APPLIED_AT) == bytes_get64(data + APPLIED_AT) + 1);
	memcpy(again + APPLIED_AT, data + APPLIED_AT, APPLIED_SIZE);
	require(memcmp(again, data, size) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact;

	prepare();
	if (size < HEAD)
		return 0;
	/* Memory that ends where it ends. */
	exact = malloc(size - HEAD + 1);
	require(exact != NULL);
	memcpy(exact, data + HEAD, size - HEAD);
	exact = realloc(exact, size > HEAD ? size - HEAD : 1);
	require(exact != NULL);
	if (data[0] % KINDS == REQUEST)
		request_look(exact, size - HEAD);
	else if (data[0] % KINDS == ANSWER)
		answer_look(exact, size - HEAD);
	else
		state_look(exact, size - HEAD, 1 + data[1] * 7u);
	free(exact);
	return 0;
}

static size_t txn_make(uint64_t *seed, uint8_t *out, int depth)
{
	const struct kv_txn_counts counts = {(uint16_t)random_below(seed, 3),
					     (uint16_t)random_below(seed, 3),
					     (uint16_t)random_below(seed, 3)};
	size_t size = kv_txn_encode(&counts, out);
	uint8_t within[2048];

	for (uint32_t i = 0; i < counts.compares; i++) {
		struct kv_compare c = {.result = (enum kv_result)random_below(seed, 4),
				       .compared = (enum kv_compared)random_below(seed, 5),
				       .key = text("key")};

		if (c.compared == KV_COMPARED_VALUE)
			c.value = text("v");
		else
			c.number = random_below(seed, 9);
		size += kv_txn_encode_compare(&c, out + size);
	}
	for (uint32_t i = 0; i < (uint32_t)counts.then + counts.otherwise; i++) {
		struct kv_request r = {.operation = (enum kv_operation)(1 + random_below(seed, 3)),
				       .key = text("k")};

		if (depth < 2 && random_below(seed, 3) == 0)
			r = (struct kv_request){
				.operation = KV_TXN,
				.txn = blob(within, txn_make(seed, within, depth + 1))};
		size += kv_txn_encode_operation(&r, out + size);
	}
	return size;
}

static size_t request_make(uint64_t *seed, uint8_t *out)
{
	static const enum kv_operation operations[] = {KV_PUT, KV_DELETE,  KV_RANGE,
						       KV_TXN, KV_COMPACT, KV_HASHKV};
	static uint8_t txn[8192];
	struct kv_request r = {.operation = operations[random_below(seed, 6)],
			       .session = 1 + random_below(seed, 9),
			       .sequence = 20,
			       .floor = random_below(seed, 20)};

	r.flags = random_below(seed, 256) & kv_flags_of(r.operation);
	if (r.operation <= KV_RANGE)
		r.key = text("key");
	if (r.operation == KV_PUT)
		r.value = text("value");
	if (r.operation == KV_DELETE || r.operation == KV_RANGE)
		r.range_end = random_below(seed, 2) ? text("kez") : (struct kv_bytes){0};
	if (r.operation == KV_COMPACT || r.operation == KV_HASHKV)
		r.revision = random_below(seed, 9);
	if (r.operation == KV_TXN)
		r.txn = blob(txn, txn_make(seed, txn, 0));
	kv_request_encode(&r, out);
	return kv_request_size(&r);
}

/* As a store answers: a request of one without sessions that say no. */
static size_t answer_make(uint64_t *seed, uint8_t *out)
{
	const struct kv_request all = {.operation = KV_RANGE,
				       .key = text("k"),
				       .range_end = text("l"),
				       .limit = random_below(seed, 20)};
	uint8_t bytes[256];
	struct rig rig;
	int size;

	rig_open(&rig, UINT64_MAX);
	for (uint32_t i = random_below(seed, 12); i > 0; i--)
		put(&rig, blob("kkkkkkkkkkkk", i), text("value"));
	kv_request_encode(&all, bytes);
	size = rig.sm->ops->query(rig.sm, bytes, (uint32_t)kv_request_size(&all), rig.out,
				  KV_ANSWER_SIZE_MAX, NULL);
	require(size > 0 && size <= IMAGE_MAX);
	memcpy(out, rig.out, (size_t)size);
	rig_close(&rig);
	return (size_t)size;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	const uint32_t image = (uint32_t)(n / KINDS % IMAGES);
	uint64_t seed = n;

	prepare();
	input[0] = (uint8_t)(n % KINDS);
	input[1] = (uint8_t)(n / KINDS);
	if (n % KINDS == REQUEST)
		return HEAD + request_make(&seed, input + HEAD);
	if (n % KINDS == ANSWER)
		return HEAD + answer_make(&seed, input + HEAD);
	memcpy(input + HEAD, images[image].bytes, images[image].size);
	return HEAD + images[image].size;
}
