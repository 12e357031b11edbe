/* Exactly once, through the sm seam: retries, stale sequences, forgetting, and the two classes. */
#include "kv/session.h"

#include "tests/unit/kv/helper.h"

static const struct kv_bytes NONE = {0};

static int setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	assert_non_null(rig);
	rig_open(rig, UINT64_MAX);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static struct kv_answer attempt(struct rig *rig, uint64_t session, uint64_t base, uint64_t sequence,
				uint32_t flags)
{
	const struct kv_request request = {.operation = KV_PUT,
					   .flags = flags,
					   .session = session,
					   .session_base = base,
					   .sequence = sequence,
					   .key = text("key"),
					   .value = text("value")};

	return feed(rig, &request);
}

static void R48_a_retry_applies_once(void **state)
{
	struct rig *rig = *state;
	struct kv_answer first = attempt(rig, 5, 0, 1, 0);
	uint64_t hash = rig->sm->ops->hash(rig->sm);

	assert_int_equal(first.status, KV_OK);
	assert_int_equal(first.revision, 2);
	put(rig, text("other"), text("v"));
	for (int i = 0; i < 3; i++) {
		struct kv_answer again = attempt(rig, 5, 0, 1, 0);

		assert_int_equal(again.status, KV_OK);
		assert_int_equal(again.revision, first.revision);
		assert_int_equal(again.applied_index, first.applied_index);
		assert_int_equal(rig->session, 5);
		assert_int_equal(rig->result_sequence, 1);
		assert_int_equal(rig->sm->ops->revision(rig->sm), 3);
	}
	assert_true(rig->sm->ops->hash(rig->sm) != hash);
	struct kv_answer answer = range(rig, text("key"), NONE);
	assert_int_equal(only_item(&answer).version, 1);
}

/* A retried delete must not delete what was put since. */
static void R48_a_retried_delete_answers_as_the_first_did(void **state)
{
	struct rig *rig = *state;
	const struct kv_request request = {
		.operation = KV_DELETE, .session = 5, .sequence = 1, .key = text("key")};

	put(rig, text("key"), text("old"));
	assert_int_equal(feed(rig, &request).count, 1);
	put(rig, text("key"), text("new"));
	assert_int_equal(feed(rig, &request).count, 1);
	assert_int_equal(range(rig, text("key"), NONE).count, 1);
}

static void sequences_only_go_up(void **state)
{
	struct rig *rig = *state;
	static const struct {
		uint64_t sequence;
		enum kv_status status;
		uint64_t revision;
	} rows[] = {
		{3, KV_OK, 2}, /* a session may begin anywhere */
		{2, KV_STALE_SEQUENCE, 2},
		{1, KV_STALE_SEQUENCE, 2},
		{3, KV_OK, 2},
		{4, KV_OK, 3},
		{3, KV_STALE_SEQUENCE, 3},
		{9, KV_OK, 4},
		{8, KV_STALE_SEQUENCE, 4},
		{9, KV_OK, 4},
		{UINT64_MAX, KV_OK, 5},
		{9, KV_STALE_SEQUENCE, 5},
		{UINT64_MAX, KV_OK, 5},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kv_answer answer = attempt(rig, 5, 0, rows[i].sequence, 0);

		assert_int_equal(answer.status, rows[i].status);
		assert_int_equal(answer.revision, rows[i].revision);
		assert_int_equal(rig->sm->ops->revision(rig->sm), rows[i].revision);
	}
}

/* With a floor, and for another value if it was applied at another revision. */
static struct kv_answer attempt_above(struct rig *rig, uint64_t base, uint64_t sequence,
				      uint64_t floor)
{
	const struct kv_request request = {.operation = KV_PUT,
					   .session = 5,
					   .session_base = base,
					   .sequence = sequence,
					   .floor = floor,
					   .key = text("key")};

	return feed(rig, &request);
}

/* All that a window holds, in the worst order, and each of them again. */
static void R48_a_window_is_applied_once_in_any_order(void **state)
{
	struct rig *rig = *state;
	uint64_t at[1 + KV_SESSION_WINDOW];

	for (uint64_t s = KV_SESSION_WINDOW; s >= 1; s--) {
		struct kv_answer answer = attempt_above(rig, 0, s, 1);

		assert_int_equal(answer.status, KV_OK);
		at[s] = answer.revision;
	}
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	for (uint64_t s = 1; s <= KV_SESSION_WINDOW; s++) {
		struct kv_answer answer = attempt_above(rig, 0, s, 1);

		assert_int_equal(answer.status, KV_OK);
		assert_int_equal(answer.revision, at[s]);
	}
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
	/* The next one says that the first is answered, and then that all are. */
	assert_int_equal(attempt_above(rig, 0, 65, 2).status, KV_OK);
	assert_int_equal(attempt_above(rig, 0, 1, 1).status, KV_STALE_SEQUENCE);
	assert_int_equal(attempt_above(rig, 0, 2, 1).revision, at[2]);
	assert_int_equal(attempt_above(rig, 0, 66, 66).status, KV_OK);
	assert_int_equal(attempt_above(rig, 0, 65, 2).status, KV_STALE_SEQUENCE);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision + 2);
}

/* What its own bytes say is wrong is refused for all alike, and leaves nothing behind. */
static void a_window_has_an_end(void **state)
{
	struct rig *rig = *state;
	uint64_t hash = rig->sm->ops->hash(rig->sm);

	assert_int_equal(attempt_above(rig, 0, 65, 1).status, KV_BEYOND_WINDOW);
	assert_int_equal(attempt_above(rig, 0, UINT64_MAX, 1).status, KV_BEYOND_WINDOW);
	assert_int_equal(attempt_above(rig, 0, 5, 6).status, KV_MALFORMED);
	assert_true(rig->sm->ops->hash(rig->sm) == hash);
	assert_int_equal(attempt_above(rig, 0, 64, 1).status, KV_OK);
	assert_int_equal(attempt_above(rig, 0, 1, 1).status, KV_OK);
}

/* Other bytes under a sequence that was used: they are answered as that was, and change nothing. */
static void KV2_a_duplicate_moves_no_floor(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attempt_above(rig, 0, 1, 1).status, KV_OK);
	struct kv_answer third = attempt_above(rig, 0, 3, 1);
	uint64_t hash = rig->sm->ops->hash(rig->sm);

	assert_int_equal(attempt_above(rig, 0, 3, 3).revision, third.revision);
	assert_true(rig->sm->ops->hash(rig->sm) == hash);
	assert_int_equal(attempt_above(rig, 0, 1, 1).status, KV_OK);
	assert_int_equal(attempt_above(rig, 0, 2, 1).status, KV_OK); /* 3's floor was 1 */
}

static void a_session_keeps_its_class(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attempt(rig, 5, 0, 1, 0).status, KV_OK);
	assert_int_equal(attempt(rig, 6, 0, 1, KV_ONE_SHOT).status, KV_OK);
	assert_int_equal(attempt(rig, 5, 0, 2, KV_ONE_SHOT).status, KV_MALFORMED);
	assert_int_equal(attempt(rig, 5, 0, 1, KV_ONE_SHOT).status, KV_MALFORMED);
	assert_int_equal(attempt(rig, 6, 0, 2, 0).status, KV_MALFORMED);
	assert_int_equal(rig->sm->ops->revision(rig->sm), 3);
	assert_int_equal(attempt(rig, 5, 0, 2, 0).status, KV_OK);
}

/* Fills the class with KV_SESSIONS_MAX sessions from id on, one command each. */
static void flood(struct rig *rig, uint64_t id, uint32_t flags)
{
	for (uint64_t i = 0; i < KV_SESSIONS_MAX; i++)
		assert_int_equal(attempt(rig, id + i, rig->index, 1, flags).status, KV_OK);
}

static void R48_a_forgotten_session_is_refused_not_applied_again(void **state)
{
	struct rig *rig = *state;
	const uint64_t base = rig->index;

	assert_int_equal(attempt(rig, 5, base, 1, 0).status, KV_OK); /* index 1 */
	flood(rig, 1000, 0);                                         /* forgets session 5 */
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	assert_int_equal(attempt(rig, 5, base, 1, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(attempt(rig, 5, base, 2, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);

	/* A session that never was: its base tells that it cannot have been forgotten. */
	assert_int_equal(attempt(rig, 6, 0, 1, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(attempt(rig, 7, 1, 1, 0).status, KV_OK); /* evicted_index itself */
	assert_int_equal(attempt(rig, 8, 1, 1, 0).status, KV_SESSION_EXPIRED); /* 7 pushed one */
	assert_int_equal(attempt(rig, 8, rig->index, 1, 0).status, KV_OK);
}

/*
 * Whoever was silent while others filled the table takes a base that was shown to him now, for the
 * command that he now begins: nothing of it can have been applied before. What he sent earlier
 * stays refused, and its retries and those of the new one are applied once.
 */
static void V37_an_idle_session_goes_on_with_a_new_base(void **state)
{
	struct rig *rig = *state;
	uint64_t revision = rig->sm->ops->revision(rig->sm);

	for (int round = 0; round < 3; round++) {
		uint64_t sequence = 1 + (uint64_t)round * 2, before = rig->index;

		assert_int_equal(attempt(rig, 5, before, sequence, 0).status, KV_OK);
		flood(rig, 1000000 + (uint64_t)round * 100000, 0);
		/* With the base of its last command it may have been applied, for all we know. */
		assert_int_equal(attempt(rig, 5, before, sequence + 1, 0).status,
				 KV_SESSION_EXPIRED);
		uint64_t now = rig->index;
		struct kv_answer first = attempt(rig, 5, now, sequence + 1, 0);

		assert_int_equal(first.status, KV_OK);
		/* Late copies: of the new one, which is known; of the old ones, which are not. */
		assert_int_equal(attempt(rig, 5, now, sequence + 1, 0).revision, first.revision);
		assert_true(attempt(rig, 5, before, sequence, 0).status != KV_OK);
		flood(rig, 5000000 + (uint64_t)round * 100000, 0);
		assert_int_equal(attempt(rig, 5, now, sequence + 1, 0).status, KV_SESSION_EXPIRED);
		assert_int_equal(attempt(rig, 5, before, sequence, 0).status, KV_SESSION_EXPIRED);
	}
	assert_int_equal(rig->sm->ops->revision(rig->sm) - revision,
			 3 * (2 + 2 * (uint64_t)KV_SESSIONS_MAX));
}

/* Forgotten, and made again by a command of which that says nothing: the others stay refused. */
static void R48_a_session_that_came_back_applies_no_old_retry(void **state)
{
	struct rig *rig = *state;
	const uint64_t before = rig->index;

	assert_int_equal(attempt_above(rig, before, 1, 1).status, KV_OK);
	assert_int_equal(attempt_above(rig, before, 3, 1).status, KV_OK);
	flood(rig, 1000, 0);
	uint64_t now = rig->index;

	assert_int_equal(attempt_above(rig, now, 4, 1).status, KV_OK);
	uint64_t revision = rig->sm->ops->revision(rig->sm);

	for (uint64_t s = 1; s <= 3; s++)
		assert_int_equal(attempt_above(rig, before, s, 1).status, KV_SESSION_EXPIRED);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
	/* Of the same window, and never sent before: making it anew pushed another out, not it. */
	assert_int_equal(attempt_above(rig, now, 5, 1).status, KV_OK);
}

/* The pool of a class: 16,384 verdicts. One more, and the retry of the first is told so. */
static void R48_an_answer_that_is_gone_is_not_given_again(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attempt_above(rig, 0, 2, 1).status, KV_OK);
	for (uint64_t id = 1000; id < 1000 + KV_VERDICTS_MAX / KV_SESSION_WINDOW; id++) {
		struct kv_request request = {
			.operation = KV_PUT, .session = id, .floor = 1, .key = text("key")};

		while (++request.sequence <= KV_SESSION_WINDOW)
			assert_int_equal(feed(rig, &request).status, KV_OK);
	}
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	struct kv_answer answer = attempt_above(rig, 0, 2, 1);

	assert_int_equal(answer.status, KV_ANSWER_GONE);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
	assert_int_equal(attempt_above(rig, 0, 1, 1).status, KV_OK);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision + 1);
}

static void the_least_recently_applied_is_forgotten(void **state)
{
	struct rig *rig = *state;

	flood(rig, 1000, 0);
	/* Used again: 1000 is now the newest; a duplicate of 1001 is not a use. */
	assert_int_equal(attempt(rig, 1000, 0, 2, 0).status, KV_OK);
	assert_int_equal(attempt(rig, 1001, 0, 1, 0).status, KV_OK);
	assert_int_equal(attempt(rig, 5000000, rig->index, 1, 0).status, KV_OK);
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	assert_int_equal(attempt(rig, 1001, 0, 1, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(attempt(rig, 1002, 0, 1, 0).status, KV_OK); /* remembered */
	assert_int_equal(attempt(rig, 1000, 0, 2, 0).status, KV_OK);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
}

static void one_shot_flood_leaves_long_lived_sessions(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attempt(rig, 5, 0, 1, 0).status, KV_OK);
	assert_int_equal(attempt(rig, 6, 0, 1, KV_ONE_SHOT).status, KV_OK);
	flood(rig, 1000, KV_ONE_SHOT);
	flood(rig, 9000, KV_ONE_SHOT);
	uint64_t revision = rig->sm->ops->revision(rig->sm);
	assert_int_equal(attempt(rig, 5, 0, 1, 0).status, KV_OK);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision); /* remembered, not applied */
	assert_int_equal(attempt(rig, 6, 0, 1, KV_ONE_SHOT).status, KV_SESSION_EXPIRED);
	/* Nor does the flood make a new long-lived session's base too old. */
	assert_int_equal(attempt(rig, 7, 0, 1, 0).status, KV_OK);
}

/* A forgotten session decides later verdicts, so members that differ in it have diverged. */
static void hash_covers_what_was_forgotten(void **state)
{
	struct kv_session_table *tables[2];

	(void)state;
	for (uint64_t t = 0; t < 2; t++) {
		tables[t] = kv_session_table_create(t + 1, KV_SESSIONS_MAX, 1);
		assert_non_null(tables[t]);
		for (uint64_t i = t; i <= KV_SESSIONS_MAX; i++) {
			const struct kv_request request = {.session = i + 1, .sequence = 1};

			kv_session_remember(tables[t], &request, i + 1, NONE);
		}
		kv_session_table_verify(tables[t]);
	}
	assert_true(tables[0]->digest == tables[1]->digest); /* they remember the same */
	assert_true(kv_session_table_hash(tables[0]) != kv_session_table_hash(tables[1]));
	kv_session_table_destroy(tables[0]);
	kv_session_table_destroy(tables[1]);
}

/* Ids that all fall together where nothing is secret: nobody's command walks them. */
static void V37_N13_chosen_sessions_are_spread(void **state)
{
	struct kv_session_table *table = kv_session_table_create(3, KV_SESSIONS_MAX, 1);
	uint64_t id = 0;
	uint32_t most = 0;

	(void)state;
	assert_non_null(table);
	for (uint64_t i = 1; i <= KV_SESSIONS_MAX; i++) {
		while ((mix(++id) & table->bucket_mask) != 5)
			;
		const struct kv_request request = {.session = id, .sequence = 1};

		kv_session_remember(table, &request, i, NONE);
	}
	for (size_t i = 0; i <= table->bucket_mask; i++) {
		const struct kv_session *session;
		uint32_t n = 0;

		LIST_FOREACH(session, &table->bucket[i], chain)
		n++;
		most = n > most ? n : most;
	}
	/* Of 4,096 in 8,192 chains six are the most in nearly all cases; twice that in none. */
	assert_in_range(most, 1, 12);
	kv_session_table_verify(table);
	kv_session_table_destroy(table);
}

/* KE4: what members agree on, through sessions that are forgotten, retried and misnamed. */
static void V37_members_agree_whatever_their_salts(void **state)
{
	static struct rig other;
	struct rig *rigs[2] = {*state, &other};
	uint64_t seed = 22;

	print_message("SEED=%lu\n", seed);
	rig_open_salted(&other, UINT64_MAX, UINT64_C(0x8badf00ddeadbeef));
	for (uint32_t i = 0; i < 4 * KV_SESSIONS_MAX; i++) {
		uint64_t session = 1 + random_below(&seed, 3 * KV_SESSIONS_MAX);
		uint64_t sequence = 1 + random_below(&seed, 3);
		uint32_t flags = random_below(&seed, 2) ? KV_ONE_SHOT : 0;
		uint64_t base = rigs[0]->index - rigs[0]->index % 8;
		struct kv_answer answers[2];

		for (int j = 0; j < 2; j++)
			answers[j] = attempt(rigs[j], session, base, sequence, flags);
		assert_int_equal(answers[0].status, answers[1].status);
		assert_int_equal(answers[0].revision, answers[1].revision);
		assert_int_equal(answers[0].applied_index, answers[1].applied_index);
		assert_true(rigs[0]->sm->ops->hash(rigs[0]->sm) ==
			    rigs[1]->sm->ops->hash(rigs[1]->sm));
	}
	rig_close(&other);
}

/*
 * Random retries of everything ever sent, with more sessions than the table holds: a command that
 * was applied once is never applied again, whatever was forgotten meanwhile.
 */
static void R48_no_order_of_retries_applies_twice(void **state)
{
	struct rig *rig = *state;
	enum { SESSIONS = 3 * KV_SESSIONS_MAX };
	static struct {
		uint64_t base;
		uint64_t applied; /* the newest sequence */
	} clients[SESSIONS];
	uint64_t seed = 20;
	uint64_t applied = 0;

	memset(clients, 0, sizeof(clients));
	print_message("SEED=%lu\n", seed);
	for (uint32_t i = 0; i < 60000; i++) {
		uint32_t c = random_below(&seed, SESSIONS);
		bool fresh = random_below(&seed, 2) == 0;

		if (clients[c].applied == 0)
			clients[c].base = rig->index;
		uint64_t sequence = clients[c].applied + (fresh || clients[c].applied == 0);
		uint64_t revision = rig->sm->ops->revision(rig->sm);
		struct kv_answer answer = attempt(rig, c + 1, clients[c].base, sequence, 0);
		bool moved = rig->sm->ops->revision(rig->sm) != revision;

		assert_true(answer.status == KV_OK || answer.status == KV_SESSION_EXPIRED);
		if (sequence <= clients[c].applied)
			assert_false(moved);
		if (moved)
			clients[c].applied = sequence;
		applied += moved;
		if (i % 10000 == 0)
			kv_verify(rig->sm);
	}
	assert_int_equal(rig->sm->ops->revision(rig->sm), 1 + applied);
}

/* Whether the end of a command is known without the log; then apply says the same. */
static bool settled(struct rig *rig, const struct kv_request *request, struct kv_answer *answer)
{
	struct sm_result result;
	size_t size;
	uint8_t *data = encoded(request, &size);
	bool known = rig->sm->ops->settled(rig->sm, data, (uint32_t)size, &result);

	if (known) {
		assert_int_equal(result.session, request->session);
		assert_int_equal(result.sequence, request->sequence);
		*answer = answer_of(rig, data, size, &result);
	}
	free(data);
	return known;
}

/*
 * A member that tells what it knows says nothing that apply would not, and what it says stays
 * true, whatever comes in between: its state may be behind that of the others.
 */
static void SV1_what_is_told_without_the_log_is_what_apply_says(void **state)
{
	enum { COMMANDS = 4000, SESSIONS = 3 };
	static struct kv_request sent[COMMANDS];
	static struct kv_answer told[COMMANDS];
	static bool is_told[COMMANDS];
	struct rig *rig = *state;
	uint32_t known = 0, applied = 0;
	uint64_t seed = 7;

	memset(is_told, 0, sizeof(is_told));
	print_message("SEED=%lu\n", seed);
	for (uint32_t i = 0; i < COMMANDS; i++) {
		uint64_t about = 1 + i / 16;

		sent[i] = (struct kv_request){.operation = KV_PUT,
					      .session = 1 + random_below(&seed, SESSIONS),
					      .session_base = rig->index,
					      .sequence = about + random_below(&seed, 64),
					      .key = text("key")};
		sent[i].floor = about;
		if (random_below(&seed, 16) == 0)
			sent[i].floor = 1; /* so far below that it is beyond its window */
		uint32_t which = random_below(&seed, 2) ? i : random_below(&seed, i + 1);
		struct kv_answer before;
		bool was = settled(rig, &sent[which], &before);
		uint64_t hash = rig->sm->ops->hash(rig->sm);
		struct kv_answer answer = feed(rig, &sent[which]);

		assert_int_equal(rig->sm->ops->hash(rig->sm) == hash, was);
		applied += !was;
		if (!was)
			continue;
		assert_int_equal(before.status, answer.status);
		if (before.status == KV_OK)
			assert_int_equal(before.applied_index, answer.applied_index);
		/* It may have been applied, and then have fallen below the floor. */
		if (is_told[which] && answer.status != KV_STALE_SEQUENCE)
			assert_int_equal(told[which].status, answer.status);
		is_told[which] = true;
		told[which] = before;
		known++;
	}
	assert_true(known > COMMANDS / 5);
	assert_true(applied > COMMANDS / 5);
}

/*
 * A base that is no index of this log below the command: of the cluster before it was forced, or
 * told by a leader that lies. No retry of what was forgotten comes through with it.
 */
static void R48_a_base_above_the_command_applies_nothing(void **state)
{
	struct rig *rig = *state;
	uint64_t revision = rig->sm->ops->revision(rig->sm);

	assert_int_equal(attempt(rig, 5, 1000000, 1, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(attempt(rig, 5, rig->index + 1, 1, 0).status, KV_SESSION_EXPIRED);
	assert_int_equal(rig->sm->ops->revision(rig->sm), revision);
	assert_int_equal(attempt(rig, 5, rig->index, 1, 0).status, KV_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(R48_a_base_above_the_command_applies_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R48_a_retry_applies_once, setup, teardown),
		cmocka_unit_test_setup_teardown(R48_a_retried_delete_answers_as_the_first_did,
						setup, teardown),
		cmocka_unit_test_setup_teardown(sequences_only_go_up, setup, teardown),
		cmocka_unit_test_setup_teardown(R48_a_window_is_applied_once_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_window_has_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(KV2_a_duplicate_moves_no_floor, setup, teardown),
		cmocka_unit_test_setup_teardown(R48_a_session_that_came_back_applies_no_old_retry,
						setup, teardown),
		cmocka_unit_test_setup_teardown(R48_an_answer_that_is_gone_is_not_given_again,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_keeps_its_class, setup, teardown),
		cmocka_unit_test_setup_teardown(
			R48_a_forgotten_session_is_refused_not_applied_again, setup, teardown),
		cmocka_unit_test_setup_teardown(V37_an_idle_session_goes_on_with_a_new_base, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_least_recently_applied_is_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_shot_flood_leaves_long_lived_sessions, setup,
						teardown),
		cmocka_unit_test_setup_teardown(SV1_what_is_told_without_the_log_is_what_apply_says,
						setup, teardown),
		cmocka_unit_test(hash_covers_what_was_forgotten),
		cmocka_unit_test(V37_N13_chosen_sessions_are_spread),
		cmocka_unit_test_setup_teardown(V37_members_agree_whatever_their_salts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(R48_no_order_of_retries_applies_twice, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
