/*
 * What the versioned store costs, in thread CPU time and in memory: keys of 16 bytes in no order,
 * values of 64. It prints and asserts nothing: run by `meson test --benchmark store-KEYS -v`.
 *
 *	store-bench KEYS
 */
#include <time.h>
#include <unistd.h>

#include "tests/unit/kv/helper.h"

enum { KEY_SIZE = 16, VALUE_SIZE = 64, QUERIES = 2000 };

/* Of calls that are timed one by one. */
struct times {
	uint64_t count, all_ns, longest_ns;
};

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void times_add(struct times *t, uint64_t from_ns)
{
	uint64_t took = cpu_ns() - from_ns;

	t->count++;
	t->all_ns += took;
	t->longest_ns = took > t->longest_ns ? took : t->longest_ns;
}

static void times_print(const char *what, const struct times *t, uint64_t items)
{
	printf("%-34s %10llu calls %9.3f us each %9.3f us an item, longest %9.1f us\n", what,
	       (unsigned long long)t->count, (double)t->all_ns / 1e3 / (double)t->count,
	       (double)t->all_ns / 1e3 / (double)(items ? items : 1), (double)t->longest_ns / 1e3);
}

/* The process's own pages, when those that were freed had time to go back. */
static double resident(void)
{
	unsigned long long pages = 0;
	FILE *f;

	sleep(3);
	f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %llu", &pages), 1);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void memory_print(struct rig *rig, const char *what, double before, uint64_t keys)
{
	double size = (double)rig->sm->ops->size(rig->sm), real = resident() - before;

	printf("%-34s size %12.0f, resident %12.0f (%+.1f %%); a key %7.1f B, beside its bytes "
	       "%6.1f\n",
	       what, size, real, size > 0 ? 100 * (size - real) / real : 0, size / (double)keys,
	       size / (double)keys - KEY_SIZE - VALUE_SIZE);
}

/* Sixteen letters that follow from a number, so that keys come in no order. */
static struct kv_bytes key_of(uint8_t out[KEY_SIZE], uint64_t n)
{
	uint64_t number = mix(n);

	for (uint32_t i = 0; i < KEY_SIZE; i++, number >>= 4)
		out[i] = (uint8_t)('a' + (number & 15));
	return blob(out, KEY_SIZE);
}

static void apply(struct rig *rig, const uint8_t *data, uint32_t size, struct times *t)
{
	const struct sm_entry entry = {
		.index = ++rig->index, .data = data, .size = size, .first = true, .last = true};
	struct sm_result result;
	uint64_t from;
	int done;

	do {
		from = cpu_ns();
		done = rig->sm->ops->apply(rig->sm, &entry, &result);
		times_add(t, from);
	} while (done == -EAGAIN);
}

static void put_all(struct rig *rig, uint64_t keys, struct times *t)
{
	uint8_t key[KEY_SIZE], value[VALUE_SIZE] = {1}, data[256];
	struct kv_request request = {.operation = KV_PUT, .session = 1};

	for (uint64_t n = 0; n < keys; n++) {
		request.sequence = ++rig->sequence;
		request.key = key_of(key, n);
		request.value = blob(value, sizeof(value));
		kv_request_encode(&request, data);
		apply(rig, data, (uint32_t)kv_request_size(&request), t);
	}
}

static void delete_all(struct rig *rig, struct times *t)
{
	const struct kv_request request = {.operation = KV_DELETE,
					   .session = 1,
					   .sequence = ++rig->sequence,
					   .key = text("a"),
					   .range_end = blob("", 1)};
	uint8_t data[256];

	kv_request_encode(&request, data);
	apply(rig, data, (uint32_t)kv_request_size(&request), t);
}

static void compact_all(struct rig *rig, struct times *t)
{
	bool more = true;

	assert_int_equal(compact(rig, rig->sm->ops->revision(rig->sm)), KV_OK);
	while (more) {
		uint64_t from = cpu_ns();

		more = rig->sm->ops->sweep(rig->sm);
		times_add(t, from);
	}
}

/* One query to its end: its steps. */
static void ask(struct rig *rig, const struct kv_request *request, struct times *t)
{
	struct sm_cursor *cursor;
	uint8_t data[256];
	bool more = true;
	uint64_t from;

	kv_request_encode(request, data);
	from = cpu_ns();
	rig->sm->ops->query(rig->sm, data, (uint32_t)kv_request_size(request), rig->out,
			    KV_ANSWER_SIZE_MAX, &cursor);
	times_add(t, from);
	while (cursor && more) {
		from = cpu_ns();
		rig->sm->ops->cursor_read(rig->sm, cursor, rig->out, KV_ANSWER_SIZE_MAX, &more);
		times_add(t, from);
	}
	if (cursor)
		rig->sm->ops->cursor_close(rig->sm, cursor);
}

static void ask_many(struct rig *rig, const char *what, struct kv_request request, uint64_t keys)
{
	struct times t = {0};
	uint8_t key[KEY_SIZE];
	uint64_t seed = 7;

	for (uint32_t i = 0; i < QUERIES; i++) {
		request.key = key_of(key, random_below(&seed, (uint32_t)keys));
		ask(rig, &request, &t);
	}
	times_print(what, &t, request.limit ? QUERIES * request.limit : QUERIES);
}

static void ask_once(struct rig *rig, const char *what, struct kv_request request, uint64_t keys)
{
	struct times t = {0};

	request.operation = KV_RANGE;
	request.key = text("a");
	request.range_end = blob("", 1);
	ask(rig, &request, &t);
	times_print(what, &t, keys);
}

static void ask_all(struct rig *rig, uint64_t keys)
{
	const struct kv_request one = {.operation = KV_RANGE};
	const struct kv_request some = {
		.operation = KV_RANGE, .range_end = blob("", 1), .limit = 100};
	const struct kv_request whole = {0}, count = {.flags = KV_COUNT_ONLY};
	const struct kv_request old = {.revision = keys / 2 + 1};
	const struct kv_request old_count = {.revision = keys / 2 + 1, .flags = KV_COUNT_ONLY};
	const struct kv_request sorted = {.target = KV_TARGET_VERSION, .order = KV_ORDER_DESCEND};
	const struct kv_request hash = {.operation = KV_HASHKV};
	struct times t = {0};

	ask_many(rig, "get", one, keys);
	ask_many(rig, "range of 100", some, keys);
	ask_once(rig, "count", count, keys);
	ask_once(rig, "range of all", whole, keys);
	ask_once(rig, "range of all, old revision", old, keys);
	ask_once(rig, "count, old revision", old_count, keys);
	ask_once(rig, "range of all, sorted", sorted, keys);
	ask(rig, &hash, &t);
	times_print("hash of all versions", &t, keys);
}

int main(int argc, char **argv)
{
	uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
	struct times first = {0}, second = {0}, scrub = {0}, gone = {0}, gone_scrub = {0};
	struct rig rig;
	double before;

	rig_open(&rig, UINT64_MAX);
	before = resident();
	put_all(&rig, keys, &first);
	times_print("put, new keys", &first, keys);
	memory_print(&rig, "one version", before, keys);
	put_all(&rig, keys, &second);
	times_print("put, overwriting", &second, keys);
	memory_print(&rig, "two versions", before, keys);
	ask_all(&rig, keys);
	compact_all(&rig, &scrub);
	times_print("compaction, all overwritten", &scrub, 2 * keys);
	memory_print(&rig, "one version again", before, keys);
	delete_all(&rig, &gone);
	times_print("delete of all", &gone, keys);
	compact_all(&rig, &gone_scrub);
	times_print("compaction, all deleted", &gone_scrub, keys);
	memory_print(&rig, "nothing", before, keys);
	rig.sm->ops->destroy(rig.sm);
	free(rig.out);
	return 0;
}
