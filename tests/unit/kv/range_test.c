/*
 * Ranges at any revision, in any order, against what they shall be, worked out the slow way: a list
 * of all that was ever written, filtered and sorted. Steps and pieces are small here, and writes,
 * compactions and frees come between them.
 */
#include "tests/unit/kv/helper.h"

#include "kv/codec.h"
#include "kv/range.h"

enum {
	KEYS = 40,
	RECORDS_MAX = 20000,
	READERS = 6,
	ANSWER_MAX = 64 * 1024,
};

struct record {
	uint32_t key;
	uint64_t main, create, number;
	bool tombstone;
	uint8_t value[4];
	uint32_t size;
};

struct reader {
	struct sm_cursor *cursor;
	uint8_t got[ANSWER_MAX], want[ANSWER_MAX];
	uint32_t got_size, want_size;
};

static struct record record[RECORDS_MAX];
static uint32_t record_count;
static uint64_t seed;
/* What is being expected: the targets of the comparison. */
static const struct kv_request *asked;

static struct kv_bytes key_name(char out[8], uint32_t n)
{
	snprintf(out, 8, "k%03u", n);
	return text(out);
}

static const struct record *record_find(uint32_t key, uint64_t at)
{
	for (uint32_t i = record_count; i > 0; i--) {
		if (record[i - 1].key == key && record[i - 1].main <= at)
			return record[i - 1].tombstone ? NULL : &record[i - 1];
	}
	return NULL;
}

static void write_random(struct rig *rig)
{
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	uint32_t n = random_below(&seed, KEYS), length = random_below(&seed, 4);
	char key[8], end[8];

	if (random_below(&seed, 5) == 0) {
		for (uint32_t i = n; i < n + length; i++) {
			if (record_find(i, revision))
				record[record_count++] = (struct record){
					.key = i, .main = revision + 1, .tombstone = true};
		}
		if (length)
			del(rig, key_name(key, n), key_name(end, n + length));
		return;
	}
	const struct record *old = record_find(n, revision);
	struct record r = {
		.key = n,
		.main = revision + 1,
		.create = old ? old->create : revision + 1,
		.number = old ? old->number + 1 : 1,
		.size = random_below(&seed, 5),
	};

	for (uint32_t i = 0; i < r.size; i++)
		r.value[i] = (uint8_t)random_below(&seed, 3);
	put(rig, key_name(key, n), blob(r.value, r.size));
	assert_true(record_count < RECORDS_MAX);
	record[record_count++] = r;
}

static int order_of(const struct record *a, const struct record *b)
{
	switch (asked->target) {
	case KV_TARGET_KEY:
		return a->key < b->key ? -1 : a->key > b->key;
	case KV_TARGET_VERSION:
		return a->number < b->number ? -1 : a->number > b->number;
	case KV_TARGET_CREATE:
		return a->create < b->create ? -1 : a->create > b->create;
	case KV_TARGET_MOD:
		return a->main < b->main ? -1 : a->main > b->main;
	case KV_TARGET_VALUE:
		return kv_bytes_compare(a->value, a->size, b->value, b->size);
	}
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct record *a = *(const struct record *const *)pa;
	const struct record *b = *(const struct record *const *)pb;
	int order = order_of(a, b);

	if (order == 0)
		return a->key < b->key ? -1 : a->key > b->key;
	return asked->order == KV_ORDER_DESCEND ? -order : order;
}

static bool passes(const struct kv_request *q, const struct record *r)
{
	return r->main >= q->min_mod_revision &&
	       (!q->max_mod_revision || r->main <= q->max_mod_revision) &&
	       r->create >= q->min_create_revision &&
	       (!q->max_create_revision || r->create <= q->max_create_revision);
}

static bool filtered(const struct kv_request *q)
{
	return q->min_mod_revision || q->max_mod_revision || q->min_create_revision ||
	       q->max_create_revision;
}

static uint32_t encode(uint8_t *out, const struct kv_request *q, const struct kv_answer *answer,
		       const struct record **found)
{
	uint32_t at = KV_ANSWER_HEADER_SIZE;
	char name[8];

	kv_answer_encode_header(answer, out);
	for (uint32_t i = 0; i < answer->item_count; i++) {
		const struct record *r = found[i];
		const struct kv_item item = {
			.create_revision = r->create,
			.mod_revision = r->main,
			.version = r->number,
			.key = key_name(name, r->key),
			.value = {r->value, q->flags & KV_KEYS_ONLY ? 0 : r->size},
		};

		kv_item_encode(&item, out + at);
		at += (uint32_t)kv_item_size(&item);
	}
	return at;
}

/* As etcd does it: fetch, prune, sort, cut. */
static uint32_t expected(uint8_t *out, const struct kv_request *q, uint64_t now, uint64_t compacted,
			 uint32_t from, uint32_t to)
{
	struct kv_answer answer = {.operation = KV_RANGE, .revision = now};
	const struct record *found[KEYS];
	uint64_t at = q->revision ? q->revision : now;
	uint32_t count = 0, kept = 0;

	if (at > now)
		answer.status = KV_FUTURE_REVISION;
	else if (at < compacted)
		answer.status = KV_COMPACTED;
	if (answer.status)
		return encode(out, q, &answer, found);
	for (uint32_t n = from; n < to && n < KEYS; n++) {
		const struct record *r = record_find(n, at);

		if (r)
			found[count++] = r;
	}
	answer.count = count;
	if (q->order == KV_ORDER_NONE && q->limit && !filtered(q) && count > q->limit + 1)
		count = (uint32_t)q->limit + 1;
	for (uint32_t i = 0; i < count; i++) {
		if (passes(q, found[i]))
			found[kept++] = found[i];
	}
	asked = q;
	qsort(found, kept, sizeof(found[0]), compare);
	answer.item_count = kept;
	if (q->limit && kept > q->limit) {
		answer.item_count = (uint32_t)q->limit;
		answer.more = true;
	}
	if (q->flags & KV_COUNT_ONLY) {
		answer.item_count = 0;
		answer.more = false;
	}
	return encode(out, q, &answer, found);
}

static uint64_t some_revision(uint64_t now)
{
	return random_below(&seed, 3) == 0 ? 1 + random_below(&seed, (uint32_t)now + 2) : 0;
}

static void random_request(struct kv_request *q, uint64_t now, char key[8], char end[8],
			   uint32_t *from, uint32_t *to)
{
	static const uint8_t open_end[1];

	*from = random_below(&seed, KEYS);
	*to = *from + 1 + random_below(&seed, KEYS);
	*q = (struct kv_request){
		.operation = KV_RANGE,
		.key = key_name(key, *from),
		.range_end = key_name(end, *to),
		.order = (enum kv_order)random_below(&seed, 3),
		.target = (enum kv_target)random_below(&seed, 5),
	};
	if (random_below(&seed, 4) == 0) {
		q->range_end = blob(open_end, 1);
		*to = KEYS;
	} else if (random_below(&seed, 8) == 0) {
		q->range_end = (struct kv_bytes){0};
		*to = *from + 1;
	}
	if (random_below(&seed, 2))
		q->revision = now > 30 ? now - 30 + random_below(&seed, 32) : some_revision(now);
	if (random_below(&seed, 2))
		q->limit = 1 + random_below(&seed, KEYS);
	if (random_below(&seed, 3) == 0) {
		q->min_mod_revision = some_revision(now);
		q->max_mod_revision = some_revision(now);
		q->min_create_revision = some_revision(now);
		q->max_create_revision = some_revision(now);
	}
	q->flags = random_below(&seed, 4) * KV_KEYS_ONLY;
}

static void check(const struct reader *r)
{
	if (r->got_size != r->want_size || memcmp(r->got, r->want, r->want_size) != 0)
		fail_msg("%u bytes, wanted %u, or others", r->got_size, r->want_size);
}

static void take(struct reader *r, const struct rig *rig, int size)
{
	assert_true(size >= 0);
	memcpy(r->got + r->got_size, rig->out, (size_t)size);
	r->got_size += (uint32_t)size;
}

static void reader_open(struct rig *rig, struct reader *r)
{
	uint64_t now = rig->sm->ops->revision(rig->sm);
	uint8_t data[256];
	struct kv_request q;
	uint32_t from, to, size;
	char key[8], end[8];

	random_request(&q, now, key, end, &from, &to);
	size = (uint32_t)kv_request_size(&q);
	assert_true(size <= sizeof(data));
	kv_request_encode(&q, data);
	*r = (struct reader){0};
	r->want_size = expected(r->want, &q, now, rig->compacted, from, to);
	take(r, rig, rig->sm->ops->query(rig->sm, data, size, rig->out, KV_ANSWER_SIZE_MAX, NULL));
	check(r);
	r->got_size = 0;
	take(r, rig,
	     rig->sm->ops->query(rig->sm, data, size, rig->out, KV_ANSWER_SIZE_MAX, &r->cursor));
	if (!r->cursor)
		check(r);
}

/* True: it is at its end. */
static bool reader_step(struct rig *rig, struct reader *r)
{
	bool more;

	take(r, rig,
	     rig->sm->ops->cursor_read(rig->sm, r->cursor, rig->out, KV_ANSWER_SIZE_MAX, &more));
	if (more)
		return false;
	rig->sm->ops->cursor_close(rig->sm, r->cursor);
	r->cursor = NULL;
	check(r);
	return true;
}

static void compact_random(struct rig *rig)
{
	uint64_t now = rig->sm->ops->revision(rig->sm), revision;

	revision = now > 20 ? now - random_below(&seed, 20) : now;
	if (revision <= rig->compacted || revision < 2)
		return;
	assert_int_equal(compact(rig, revision), KV_OK);
}

static void ranges_are_as_etcd_has_them(void **state)
{
	static struct reader readers[READERS];
	uint32_t finished = 0;
	struct rig rig;

	(void)state;
	record_count = 0;
	rig_open(&rig, UINT64_MAX);
	for (uint32_t step = 0; record_count < RECORDS_MAX - 10 && step < 25000; step++) {
		struct reader *r = &readers[random_below(&seed, READERS)];

		if (random_below(&seed, 4) == 0)
			write_random(&rig);
		if (random_below(&seed, 60) == 0)
			compact_random(&rig);
		if (random_below(&seed, 4) == 0)
			rig.sm->ops->sweep(rig.sm);
		if (!r->cursor)
			reader_open(&rig, r);
		else
			finished += reader_step(&rig, r);
		if (step % 256 == 0)
			kv_verify(rig.sm);
	}
	assert_true(finished > 500);
	for (uint32_t i = 0; i < READERS; i++) {
		if (readers[i].cursor)
			rig.sm->ops->cursor_close(rig.sm, readers[i].cursor);
	}
	rig_close(&rig);
}

/* Two that sort everything are more than there is room for, and one is not. */
static void what_is_sorted_in_has_a_budget(void **state)
{
	const struct kv_options options = {.quota = 1u << 30, .pinned_size_max = 3500, .salt = 3};
	struct kv_request q = {.operation = KV_RANGE,
			       .key = text("k"),
			       .range_end = text("l"),
			       .target = KV_TARGET_MOD};
	struct rig rig;
	struct sm_cursor *cursor[2];
	uint8_t data[256];
	uint32_t size;
	char key[8];
	bool more = true;
	int step;

	(void)state;
	rig_open_with(&rig, &options);
	for (uint32_t n = 0; n < 130; n++)
		put(&rig, key_name(key, n), text("v"));
	size = (uint32_t)kv_request_size(&q);
	kv_request_encode(&q, data);
	assert_int_equal(
		rig.sm->ops->query(rig.sm, data, size, rig.out, KV_ANSWER_SIZE_MAX, &cursor[0]), 0);
	assert_non_null(cursor[0]);
	assert_int_equal(
		rig.sm->ops->query(rig.sm, data, size, rig.out, KV_ANSWER_SIZE_MAX, &cursor[1]),
		-EBUSY);
	assert_null(cursor[1]);
	/* At an old revision it is not known at once that there is none. */
	q.revision = 120;
	kv_request_encode(&q, data);
	assert_int_equal(
		rig.sm->ops->query(rig.sm, data, size, rig.out, KV_ANSWER_SIZE_MAX, &cursor[1]), 0);
	assert_non_null(cursor[1]);
	do {
		step = rig.sm->ops->cursor_read(rig.sm, cursor[1], rig.out, KV_ANSWER_SIZE_MAX,
						&more);
	} while (step == 0);
	assert_int_equal(step, -EBUSY);
	rig.sm->ops->cursor_close(rig.sm, cursor[0]);
	rig.sm->ops->cursor_close(rig.sm, cursor[1]);
	assert_int_equal(
		rig.sm->ops->query(rig.sm, data, size, rig.out, KV_ANSWER_SIZE_MAX, &cursor[0]), 0);
	while (more) {
		assert_true(rig.sm->ops->cursor_read(rig.sm, cursor[0], rig.out, KV_ANSWER_SIZE_MAX,
						     &more) >= 0);
	}
	rig.sm->ops->cursor_close(rig.sm, cursor[0]);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_as_etcd_has_them),
		cmocka_unit_test(what_is_sorted_in_has_a_budget),
	};
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 10) : 20261130;
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
