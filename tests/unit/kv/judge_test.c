/* What is refused for its bytes alone, by etcd's rules (kv/judge.h). */
#include "tests/unit/kv/txn_helper.h"

#include "kv/judge.h"

static struct kv_judge judge;

/* Of a transaction in the text of txn_helper.h. */
static enum kv_status of(const char *txn_text)
{
	static uint8_t bytes[TXN_TEXT_SIZE_MAX];
	const struct kv_request request = {.operation = KV_TXN, .txn = txn_of(txn_text, bytes)};

	assert_int_equal(kv_txn_size(request.txn.data, request.txn.size), request.txn.size);
	return kv_judge(&judge, &request);
}

static void operations_by_themselves(void **state)
{
	const struct kv_request rows[] = {
		{.operation = KV_PUT},
		{.operation = KV_DELETE, .range_end = text("z")},
		{.operation = KV_RANGE, .range_end = text("z")},
		{.operation = KV_PUT,
		 .flags = KV_IGNORE_VALUE,
		 .key = text("k"),
		 .value = text("v")},
		{.operation = KV_PUT, .flags = KV_IGNORE_LEASE, .key = text("k"), .lease = 7},
		{.operation = KV_PUT, .key = text("k"), .value = text("v"), .lease = 7},
		{.operation = KV_PUT, .flags = KV_IGNORE_VALUE | KV_IGNORE_LEASE, .key = text("k")},
		{.operation = KV_COMPACT},
	};
	const enum kv_status want[] = {
		KV_KEY_EMPTY,      KV_KEY_EMPTY, KV_KEY_EMPTY, KV_VALUE_PROVIDED,
		KV_LEASE_PROVIDED, KV_OK,        KV_OK,        KV_OK};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(kv_judge(&judge, &rows[i]), want[i]);
}

static void the_first_that_is_wrong_is_told(void **state)
{
	(void)state;
	assert_int_equal(of("() ()"), KV_OK);
	assert_int_equal(of("=a1 (pa gb da) (pa)"), KV_DUPLICATE_KEY); /* a is put and deleted */
	assert_int_equal(of("=1 () ()"), KV_KEY_EMPTY);
	assert_int_equal(of("(pa pa p) ()"), KV_KEY_EMPTY); /* before keys are looked at twice */
	assert_int_equal(of("() (g)"), KV_KEY_EMPTY);
	assert_int_equal(of("() ([=1 () ()])"), KV_KEY_EMPTY);
	assert_int_equal(of("() ([() (d)])"), KV_KEY_EMPTY);
	/* An operation that says nothing: etcd's words, and in its turn. */
	assert_int_equal(of("(n) ()"), KV_KEY_NOT_FOUND);
	assert_int_equal(of("(pa n pa) ()"), KV_KEY_NOT_FOUND);
	assert_int_equal(of("(pa) (n p)"), KV_KEY_NOT_FOUND);
	assert_int_equal(of("(p n) ()"), KV_KEY_EMPTY);
	assert_int_equal(of("() ([() (n)])"), KV_KEY_NOT_FOUND);
}

static void a_key_is_written_once(void **state)
{
	(void)state;
	assert_int_equal(of("(pa pa) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("() (pa pa)"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(pa pb) (pb pa)"), KV_OK);
	assert_int_equal(of("(pa da) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(da pa) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(pb da-c) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(pc da-c) ()"), KV_OK); /* its end is not in it */
	assert_int_equal(of("(pb dc-a) ()"), KV_OK); /* nothing is in it */
	assert_int_equal(of("(da da-c db) ()"), KV_OK);
	assert_int_equal(of("(pb da-*) ()"), KV_OK); /* as in etcd: so both run, in their order */
	assert_int_equal(of("(ga ga pa ga) ()"), KV_OK);
}

static void a_key_is_written_once_whatever_it_is_within(void **state)
{
	(void)state;
	assert_int_equal(of("(pa [(pa) ()]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(pa [() (pa)]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pa) ()] pa) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pa) (pa)]) ()"), KV_OK); /* one of them runs */
	assert_int_equal(of("([(pa) (pa)] [(pb) (pa)]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([([(pa) ()]) ()] [() ([() (pa)])]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pa) ()]) ([(pa) ()])"), KV_OK);
	assert_int_equal(of("([() ([(pa) (pb)] pc)] pd) ()"), KV_OK);
	/* Sets that meet are joined: a, which both have, is there once, and b is found. */
	assert_int_equal(of("([(pb pa) (pa pc)] pb) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pb pa) (pa pc)] pc) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pb pa) (pa pc)] pd) ()"), KV_OK);
}

/* As in etcd: one within is against what stands behind it, and the level above, alone. */
static void deletions_within_are_against_what_is_behind(void **state)
{
	(void)state;
	assert_int_equal(of("([(da) ()] pa) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("(pa [(da) ()]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(da) ()] [(pa) ()]) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(pa) ()] [(da) ()]) ()"), KV_OK);
	assert_int_equal(of("([(pa) ()] da) ()"), KV_DUPLICATE_KEY);
	assert_int_equal(of("([(da) (pa)]) ()"), KV_OK);
	assert_int_equal(of("([(pa) (da)]) ()"), KV_OK);
	assert_int_equal(of("([(da) ()]) (pa)"), KV_OK);
}

/* `count` times the same operation in the first branch, within so many transactions. */
static enum kv_status of_many(uint32_t compares, uint32_t count, uint32_t otherwise, uint32_t depth)
{
	char *at, *line = malloc(1 << 16);
	enum kv_status status;

	assert_non_null(line);
	at = line;
	for (uint32_t i = 0; i < depth; i++)
		at += sprintf_to(at, "([");
	for (uint32_t i = 0; i < compares; i++)
		at += sprintf_to(at, "=a1 ");
	at += sprintf_to(at, "(");
	for (uint32_t i = 0; i < count; i++)
		at += sprintf_to(at, "ga ");
	at += sprintf_to(at, ") (");
	for (uint32_t i = 0; i < otherwise; i++)
		at += sprintf_to(at, "ga ");
	at += sprintf_to(at, ")");
	for (uint32_t i = 0; i < depth; i++)
		at += sprintf_to(at, "]) ()");
	status = of(line);
	free(line);
	return status;
}

/* Of each level at most 128, and what is within has what the fullest part leaves. */
static void there_are_only_so_many(void **state)
{
	(void)state;
	assert_int_equal(of_many(128, 0, 0, 0), KV_OK);
	assert_int_equal(of_many(129, 0, 0, 0), KV_TOO_MANY_OPERATIONS);
	assert_int_equal(of_many(0, 128, 128, 0), KV_OK);
	assert_int_equal(of_many(0, 129, 0, 0), KV_TOO_MANY_OPERATIONS);
	assert_int_equal(of_many(0, 0, 129, 0), KV_TOO_MANY_OPERATIONS);
	assert_int_equal(of_many(0, 127, 0, 1), KV_OK);
	assert_int_equal(of_many(0, 128, 0, 1), KV_TOO_MANY_OPERATIONS);
	assert_int_equal(of_many(100, 28, 28, 100), KV_TOO_MANY_OPERATIONS);
	assert_int_equal(of_many(28, 28, 28, 100), KV_OK);
	assert_int_equal(of_many(0, 0, 0, 127), KV_OK); /* 128 transactions */
	assert_int_equal(of_many(0, 0, 0, 128), KV_TOO_MANY_OPERATIONS);
}

/* KV_TXN_OPERATIONS_MAX of all, those of transactions too. */
static void of_all_operations_there_are_only_so_many(void **state)
{
	static char line[1 << 16];

	(void)state;
	for (uint32_t over = 0; over < 2; over++) {
		char *at = line;

		at += sprintf_to(at, "(");
		for (uint32_t i = 0; i < 5; i++) {
			at += sprintf_to(at, "[(");
			for (uint32_t k = 0; k < 96; k++)
				at += sprintf_to(at, "pk%u.%u ", i, k);
			at += sprintf_to(at, ") ()] ");
		}
		for (uint32_t k = 0; k < 27 + over; k++)
			at += sprintf_to(at, "pl%u ", k);
		sprintf_to(at, ") ()");
		/* 5 * 96 + 5 + 27 = 512, and the level has 32 of 128. */
		assert_int_equal(of(line), over ? KV_TOO_MANY_OPERATIONS : KV_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_by_themselves),
		cmocka_unit_test(the_first_that_is_wrong_is_told),
		cmocka_unit_test(a_key_is_written_once),
		cmocka_unit_test(a_key_is_written_once_whatever_it_is_within),
		cmocka_unit_test(deletions_within_are_against_what_is_behind),
		cmocka_unit_test(there_are_only_so_many),
		cmocka_unit_test(of_all_operations_there_are_only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
