/*
 * The state machine's cost by itself: puts applied per second and the time of a range. It
 * prints and asserts nothing: run by `meson test --benchmark kv`, and by hand when it is changed.
 */
#include "base/clock.h"
#include "tests/unit/kv/helper.h"

enum {
	KEYS = 1000000,
	ROUNDS = 2000,
};

static double now_s(void)
{
	return (double)clock_now() / CLOCK_S;
}

static struct kv_bytes key_text(char out[32], uint32_t i)
{
	snprintf(out, 32, "/registry/key/%08u", i);
	return text(out);
}

static void bench_puts(struct rig *rig, const char *what, uint32_t count, uint32_t value_size)
{
	uint8_t *value = calloc(1, value_size);
	uint64_t seed = 3;
	char key[32];

	assert_non_null(value);
	double from = now_s();
	for (uint32_t i = 0; i < count; i++)
		put(rig, key_text(key, random_below(&seed, KEYS)), blob(value, value_size));
	double took = now_s() - from;
	printf("%-28s %10u B values %12.0f puts/s %8.2f us each\n", what, value_size, count / took,
	       took / count * 1e6);
	free(value);
}

static void bench_range(struct rig *rig, const char *what, struct kv_request request)
{
	size_t size;
	char key[32], end[32];
	uint64_t seed = 4;
	double took = 0;
	bool one = request.range_end.size == 0;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t n = random_below(&seed, KEYS / 2);

		request.key = key_text(key, n);
		if (!one)
			request.range_end = key_text(end, n + KEYS / 2);
		uint8_t *data = encoded(&request, &size);
		double from = now_s();
		rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out, KV_ANSWER_SIZE_MAX,
				    NULL);
		took += now_s() - from;
		free(data);
	}
	printf("%-28s %39.2f us each\n", what, took / ROUNDS * 1e6);
}

int main(void)
{
	const struct kv_request one = {.operation = KV_RANGE};
	const struct kv_request hundred = {
		.operation = KV_RANGE, .limit = 100, .range_end = text("x")};
	const struct kv_request count = {
		.operation = KV_RANGE, .flags = KV_COUNT_ONLY, .range_end = text("x")};
	const struct kv_request full = {.operation = KV_RANGE, .range_end = text("x")};
	struct rig rig;
	char key[32];

	rig_open(&rig, UINT64_MAX);
	bench_puts(&rig, "put, 1000 keys or so", 1000, 64);
	double from = now_s();
	for (uint32_t i = 0; i < KEYS; i++)
		put(&rig, key_text(key, i), text("0123456789abcdef"));
	printf("%-28s %39.2f us each\n", "fill to 1e6 keys, in order",
	       (now_s() - from) / KEYS * 1e6);
	bench_puts(&rig, "put, random of 1e6 keys", 300000, 64);
	bench_puts(&rig, "put, random of 1e6 keys", 100000, 1000);
	bench_range(&rig, "range: one of 1e6 keys", one);
	bench_range(&rig, "range: 100 of 500,000", hundred);
	bench_range(&rig, "range: count of 500,000", count);
	bench_range(&rig, "range: a full answer", full);
	bench_puts(&rig, "put, chain", 300, KV_VALUE_SIZE_MAX - 32);

	struct sm_entry entry = {.index = ++rig.index, .first = true, .last = true};
	struct kv_request all = {.operation = KV_DELETE,
				 .session = 2,
				 .sequence = 1,
				 .key = text("\x01"),
				 .range_end = blob("", 1)};
	struct sm_result result;
	size_t size;
	uint8_t *data = encoded(&all, &size);
	double total = 0, longest = 0;
	int done;

	entry.data = data;
	entry.size = (uint32_t)size;
	do {
		from = now_s();
		done = rig.sm->ops->apply(rig.sm, &entry, &result);
		double took = now_s() - from;
		total += took;
		longest = took > longest ? took : longest;
	} while (done == -EAGAIN);
	printf("%-28s %15.2f s in all, longest step %8.2f us\n", "delete of all", total,
	       longest * 1e6);
	free(data);
	rig_close(&rig);
	return 0;
}
