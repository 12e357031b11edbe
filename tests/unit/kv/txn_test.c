/* What a transaction does, and what is told of it (kv/txn.h, kv/render.h), by etcd's rules. */
#include "tests/unit/kv/txn_helper.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig, UINT64_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static struct kv_answer txn_to(struct rig *to, const char *line)
{
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	const struct kv_request request = {.operation = KV_TXN,
					   .session = 1,
					   .sequence = ++to->sequence,
					   .txn = txn_of(line, bytes)};

	return feed(to, &request);
}

static struct kv_answer txn(const char *line)
{
	return txn_to(&rig, line);
}

static uint64_t revision(void)
{
	return rig.sm->ops->revision(rig.sm);
}

static struct kv_answer response(const struct kv_answer *answer, uint32_t number)
{
	struct kv_answer out = {0};
	uint32_t at = 0;

	for (uint32_t i = 0; i <= number; i++)
		assert_true(kv_response_next(answer, &at, &out));
	return out;
}

/* A comparison by itself. */
static bool held(const char *compare)
{
	char line[128];

	snprintf(line, sizeof(line), "%s () ()", compare);
	struct kv_answer answer = txn(line);
	assert_int_equal(answer.status, KV_OK);
	return answer.succeeded;
}

static void comparisons_as_in_etcd(void **state)
{
	static const struct {
		const char *compare;
		bool held;
	} rows[] = {
		{"=a2", true},
		{"=a1", false},
		{"!a1", true},
		{"<a3", true},
		{">a2", false},
		{">a1", true},
		{"m=a4", true},
		{"c=a2", true},
		{"l=a0", true},
		{"v=atwo", true},
		{"v=aone", false},
		{"v>aone", true},
		{"v<aone", false},
		{"=b1", true},
		/* A key that is not there is all zeros, and has no value. */
		{"=x0", true},
		{"c=x0", true},
		{"m<x1", true},
		{"v=x", false},
		{"v!xabc", false},
		{"v<xabc", false},
		/* Every key of a range. */
		{">a-c0", true},
		{">a-c1", false},
		{"=a-c1", false},
		{"=b-d1", true},
		{"!x-y0", false},
		{"=x-y0", true},
		{"v!x-yz", false},
		{"m<a-*5", true},
		{"=a-*1", false},
		/* All of several. */
		{"=a2 =b1", true},
		{"=a2 =b2", false},
		{"=a1 =b1", false},
		/* A number has a sign. */
		{">a-c-1", true},
		{"=x-1", false},
	};

	(void)state;
	put(&rig, text("a"), text("one"));
	put(&rig, text("b"), text("x"));
	put(&rig, text("a"), text("two"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (held(rows[i].compare) != rows[i].held)
			fail_msg("%s", rows[i].compare);
	}
	assert_int_equal(revision(), 4); /* what writes nothing has no revision */
}

static void what_runs_is_one_revision(void **state)
{
	struct kv_answer answer, part;

	(void)state;
	answer = txn("=a0 (pa:one pb:two ga db-* gb ga) (pz:no)");
	assert_true(answer.succeeded);
	assert_int_equal(answer.revision, 2);
	assert_int_equal(answer.item_count, 6);
	assert_int_equal(response(&answer, 0).revision, 2);
	part = response(&answer, 2); /* it sees what was done before it */
	assert_bytes(only_item(&part).value, text("one"));
	assert_int_equal(only_item(&part).mod_revision, 2);
	part = response(&answer, 3);
	assert_int_equal(part.operation, KV_DELETE);
	assert_int_equal(part.count, 1);
	assert_int_equal(response(&answer, 4).item_count, 0);
	assert_int_equal(range(&rig, text("a"), text("z")).count, 1);
	answer = txn("=a2 () (ga ga-z)");
	assert_false(answer.succeeded);
	assert_int_equal(answer.revision, 2);
	part = response(&answer, 1);
	assert_int_equal(part.count, 1);
	assert_int_equal(part.revision, 2);
}

/* TX1: whatever is wrong with one that would run, none does. */
static void TX1_all_is_checked_before_anything_runs(void **state)
{
	static const struct {
		const char *line;
		enum kv_status status;
	} rows[] = {
		{"(pa:v ib) ()", KV_KEY_NOT_FOUND},
		{"(pa:v gb@9) ()", KV_FUTURE_REVISION},
		{"(pa:v gb@3) ()", KV_COMPACTED},
		{"(pa:v [(gb@9) ()]) ()", KV_FUTURE_REVISION},
		{"(gb@9 ib) ()", KV_KEY_NOT_FOUND}, /* puts first */
		{"(gb@3 gb@9) ()", KV_COMPACTED},
		{"(dk-* ik) ()", KV_KEY_NOT_FOUND}, /* etcd dies of it */
		{"(pa:v [(dk-*) ()] [(ik) ()]) ()", KV_KEY_NOT_FOUND},
		/* What does not run is not checked. */
		{"=k0 (ib gb@9) ()", KV_OK},
		{"([=k0 (gb@9) ()]) ()", KV_OK},
		{"(ik dk-*) (gb@9)", KV_OK},
	};
	uint64_t before, hash;

	(void)state;
	for (int i = 0; i < 4; i++)
		put(&rig, text("k"), text("v"));
	const struct kv_request compact = {
		.operation = KV_COMPACT, .session = 1, .sequence = ++rig.sequence, .revision = 4};
	assert_int_equal(feed(&rig, &compact).status, KV_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		before = revision();
		hash = rig.sm->ops->keys(rig.sm);
		struct kv_answer answer = txn(rows[i].line);

		if (answer.status != rows[i].status)
			fail_msg("%s: %s", rows[i].line, kv_status_text(answer.status));
		if (answer.status == KV_OK)
			continue;
		assert_int_equal(answer.item_count, 0);
		assert_int_equal(revision(), before);
		assert_int_equal(rig.sm->ops->keys(rig.sm), hash);
	}
}

/* TX2: branches are those of the state before it, of transactions within too. */
static void TX2_what_it_writes_takes_no_branch(void **state)
{
	struct kv_answer answer, part;

	(void)state;
	answer = txn("=a0 (pa:v [=a0 (pb:v) (pc:v)] [=a1 (pd:v) ([=b0 (pe:v) (pf:v)])]) ()");
	assert_int_equal(answer.status, KV_OK);
	assert_int_equal(answer.item_count, 3);
	part = response(&answer, 1);
	assert_int_equal(part.operation, KV_TXN);
	assert_true(part.succeeded);
	assert_int_equal(response(&part, 0).operation, KV_PUT);
	part = response(&answer, 2);
	assert_false(part.succeeded);
	part = response(&part, 0);
	assert_true(part.succeeded);
	answer = range(&rig, text("a"), text("z"));
	assert_int_equal(answer.count, 3); /* a, b, e */
	assert_int_equal(range(&rig, text("e"), (struct kv_bytes){0}).count, 1);
	assert_int_equal(revision(), 2);
}

static void prev_kv_is_of_the_moment(void **state)
{
	struct kv_answer answer, part;
	struct kv_item item;
	uint32_t at = 0;

	(void)state;
	put(&rig, text("a"), text("one"));
	put(&rig, text("b"), text("two"));
	answer = txn("(Pa:new Db-c [(Pc:x) ()] Dd) ()");
	part = response(&answer, 0);
	assert_bytes(only_item(&part).value, text("one"));
	part = response(&answer, 1);
	assert_int_equal(part.count, 1);
	assert_bytes(only_item(&part).value, text("two"));
	part = response(&answer, 2);
	assert_int_equal(response(&part, 0).item_count, 0);
	assert_int_equal(response(&answer, 3).count, 0);

	/* A deletion by itself. */
	const struct kv_request del_all = {.operation = KV_DELETE,
					   .flags = KV_PREV_KV,
					   .session = 1,
					   .sequence = ++rig.sequence,
					   .key = text("a"),
					   .range_end = text("z")};
	answer = feed(&rig, &del_all);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.item_count, 2);
	assert_true(kv_item_next(&answer, &at, &item));
	assert_bytes(item.value, text("new"));
	assert_true(kv_item_next(&answer, &at, &item));
	assert_bytes(item.key, text("c"));
}

/* R48: as long as its versions are there; and then it is said that it was applied. */
static void R48_a_retry_is_rendered_anew(void **state)
{
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	const struct kv_request request = {.operation = KV_TXN,
					   .session = 9,
					   .sequence = 1,
					   .txn = txn_of("=a1 (ga pa:w ga Da-z:) (pz:v)", bytes)};
	struct kv_answer answer, part;

	(void)state;
	/* A deletion of a put's key is refused by its bytes: what comes here is another. */
	assert_int_equal(feed(&rig, &request).status, KV_DUPLICATE_KEY);

	const struct kv_request good = {.operation = KV_TXN,
					.session = 9,
					.sequence = 2,
					.txn = txn_of("=a1 (ga pa:w ga) (pz:v)", bytes)};
	put(&rig, text("a"), text("v"));
	for (uint32_t i = 0; i < 3; i++) {
		answer = feed(&rig, &good);
		assert_int_equal(answer.status, KV_OK);
		assert_true(answer.succeeded); /* though a is at another version by now */
		assert_int_equal(answer.revision, 3);
		part = response(&answer, 0);
		assert_bytes(only_item(&part).value, text("v"));
		part = response(&answer, 2);
		assert_bytes(only_item(&part).value, text("w"));
		put(&rig, text("a"), text("later"));
	}
	const struct kv_request compact = {
		.operation = KV_COMPACT, .session = 1, .sequence = ++rig.sequence, .revision = 3};
	assert_int_equal(feed(&rig, &compact).status, KV_OK);
	assert_int_equal(feed(&rig, &good).status, KV_ANSWER_GONE);
}

static void put_many(struct rig *to, uint32_t count)
{
	char key[16];

	for (uint32_t i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "k%05u", i);
		put(to, text(key), text("v"));
	}
}

/* No comparison, deletion or answer of many keys is one step. */
static void many_keys_take_many_steps(void **state)
{
	struct kv_answer answer, part;

	(void)state;
	put_many(&rig, 3000);
	answer = txn(">k-l0 (Dk-l pz:v) ()");
	assert_int_equal(answer.status, KV_OK);
	assert_in_range(rig.steps, 20, 40); /* 6,000 by 256 */
	assert_true(rig.answer_pieces > 3);
	part = response(&answer, 0);
	assert_int_equal(part.count, 3000);
	assert_int_equal(part.item_count, 3000);
	assert_int_equal(response(&answer, 1).operation, KV_PUT);
	assert_int_equal(rig.sm->ops->keys(rig.sm), 1);
}

/* Writes that come while it is read do not show. */
static void an_answer_of_pieces_is_of_its_moment(void **state)
{
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	const struct kv_request request = {.operation = KV_TXN,
					   .session = 9,
					   .sequence = 1,
					   .txn = txn_of("(gk-l px:v gk-z) ()", bytes)};
	uint8_t *piece = malloc(KV_ANSWER_SIZE_MAX), *joined = malloc(1 << 20);
	struct sm_cursor *rest;
	struct sm_result result;
	struct kv_answer answer, part;
	bool more = true;
	size_t size, used;
	int n;

	(void)state;
	assert_non_null(piece);
	assert_non_null(joined);
	put_many(&rig, 2000);
	uint8_t *data = encoded(&request, &size);
	const struct sm_entry entry = {
		.index = ++rig.index, .data = data, .size = (uint32_t)size, true, true};
	while (rig.sm->ops->apply(rig.sm, &entry, &result) == -EAGAIN)
		;
	n = rig.sm->ops->answer(rig.sm, data, (uint32_t)size, result.data, result.size, piece,
				KV_ANSWER_SIZE_MAX, &rest);
	assert_true(n >= 0 && rest);
	memset(data, 0xff, size); /* it has bytes of its own */
	memcpy(joined, piece, (size_t)n);
	used = (size_t)n;
	while (more) {
		del(&rig, text("k"), text("l"));
		put_many(&rig, 3);
		while (rig.sm->ops->sweep(rig.sm))
			;
		n = rig.sm->ops->cursor_read(rig.sm, rest, piece, KV_ANSWER_SIZE_MAX, &more);
		assert_in_range(n, 0, (1 << 20) - used);
		memcpy(joined + used, piece, (size_t)n);
		used += (size_t)n;
	}
	rig.sm->ops->cursor_close(rig.sm, rest);
	assert_int_equal(kv_answer_decode(&answer, joined, used), 0);
	part = response(&answer, 0);
	assert_int_equal(part.item_count, 2000);
	part = response(&answer, 2);
	assert_int_equal(part.item_count, 2001);
	free(data);
	free(joined);
	free(piece);
}

/* R52: whatever the quota, the salt, or what was refused where it was asked. */
static void R52_members_agree_on_every_verdict(void **state)
{
	static const char *const lines[] = {
		"=a0 (pa:v) (da)",
		"(ga@7) ()",
		"(ib) (pb)",
		">a0 (da-* pb:x ic) (pc)",
		"(pa pa) ()",
		"([=b0 (pb:y) (db)] ga) ()",
		"(Da-z pz) ()",
		"=a1 (gb@2) (pa:w)",
		"v=av (pa:w) ([(pa:v) ()])",
	};
	struct rig other;
	uint64_t seed = 5;

	(void)state;
	rig_open_salted(&other, 1, 99);
	for (int i = 0; i < 500; i++) {
		const char *line = lines[random_below(&seed, sizeof(lines) / sizeof(lines[0]))];
		struct kv_answer a = txn_to(&rig, line), b = txn_to(&other, line);

		assert_int_equal(a.status, b.status);
		assert_int_equal(a.succeeded, b.succeeded);
		assert_int_equal(a.revision, b.revision);
		assert_int_equal(a.items.size, b.items.size);
		if (a.items.size)
			assert_memory_equal(a.items.data, b.items.data, a.items.size);
		assert_true(rig.sm->ops->hash(rig.sm) == other.sm->ops->hash(other.sm));
		if (random_below(&seed, 2) == 0)
			rig.sm->ops->sweep(rig.sm);
	}
	rig_close(&other);
}

/* Of the same bytes, at the same moment; and the state is none the other. */
static void what_only_reads_is_asked_as_a_query(void **state)
{
	static const char *const lines[] = {
		"() ()",
		"=a1 (ga gb-* ga@2) (gb)",
		"=a2 (ga) (gb ga-*)",
		"v=ax v=ay () (gc ga)",
		"(ga@99) ()",
		"(g) ()",
		"=1 () ()",
		"(gb@2) ()",
	};
	static const char *const others[] = {
		"(pa:v) ()", "() (da)", "([() ()]) ()", "=a-c1 () ()", "(n) ()",
	};
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	struct kv_request request = {.operation = KV_TXN};

	(void)state;
	put(&rig, text("a"), text("x"));
	put(&rig, text("b"), text("y"));
	put(&rig, text("c"), text("z"));
	for (int compacted = 0; compacted < 2; compacted++) {
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			const struct kv_answer want = txn(lines[i]);
			uint64_t hash = rig.sm->ops->hash(rig.sm);

			request.txn = txn_of(lines[i], bytes);
			const struct kv_answer got = query(&rig, &request, KV_ANSWER_SIZE_MAX);
			assert_int_equal(got.status, want.status);
			assert_int_equal(got.operation, want.operation);
			assert_int_equal(got.succeeded, want.succeeded);
			assert_int_equal(got.revision, want.revision);
			assert_int_equal(got.item_count, want.item_count);
			assert_int_equal(got.applied_index, 0);
			assert_bytes(got.items, want.items);
			assert_int_equal(rig.sm->ops->hash(rig.sm), hash);
		}
		assert_int_equal(compact(&rig, 3), compacted ? KV_COMPACTED : KV_OK);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t size;
		uint8_t *data;

		request.txn = txn_of(others[i], bytes);
		data = encoded(&request, &size);
		assert_int_equal(rig.sm->ops->query(rig.sm, data, (uint32_t)size, rig.out,
						    KV_ANSWER_SIZE_MAX, NULL),
				 -EINVAL);
		free(data);
	}
}

/* etcd's NOSPACE: what puts is refused where there is no room for it, and nothing else. */
static void without_space_what_puts_is_refused(void **state)
{
	static const struct {
		const char *line;
		int want;
	} rows[] = {
		{"(ga) (da)", 0},       {"([(da-z) (gb)]) ()", 0},
		{"(pa:v) ()", -ENOSPC}, {"(ga) ([(ga) (pb:v)])", -ENOSPC},
		{"(pa pa) ()", 0}, /* refused as it is: settled tells it */
	};
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	struct rig full;

	(void)state;
	rig_open(&full, 1);
	put(&full, text("a"), text("v"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kv_request request = {.operation = KV_TXN,
						   .session = 9,
						   .sequence = 1,
						   .txn = txn_of(rows[i].line, bytes)};
		size_t size;
		uint8_t *data = encoded(&request, &size);

		assert_int_equal(full.sm->ops->admit(full.sm, data, (uint32_t)size, false),
				 rows[i].want);
		free(data);
	}
	rig_close(&full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(comparisons_as_in_etcd),
		TEST(what_runs_is_one_revision),
		TEST(TX1_all_is_checked_before_anything_runs),
		TEST(TX2_what_it_writes_takes_no_branch),
		TEST(prev_kv_is_of_the_moment),
		TEST(R48_a_retry_is_rendered_anew),
		TEST(many_keys_take_many_steps),
		TEST(an_answer_of_pieces_is_of_its_moment),
		TEST(what_only_reads_is_asked_as_a_query),
		TEST(R52_members_agree_on_every_verdict),
		TEST(without_space_what_puts_is_refused),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
