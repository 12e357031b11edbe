/* Linearizable queries: asked for together, answered when confirmed and applied, and not before. */
#include "tests/unit/serve/hand.h"

#include <errno.h>
#include <string.h>

static struct hand h;

static int setup(void **state)
{
	(void)state;
	hand_open(&h);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hand_close(&h);
	return 0;
}

static void queries_of_one_turn_share_a_question(void **state)
{
	(void)state;
	hand_query(&h, 1, 1);
	hand_query(&h, 2, 1);
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 1);
	assert_true(h.context > FIRST_ID);
	hand_query(&h, 3, 1);
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 2);
	/* The first answer is not for the one that came after its question. */
	serve_confirmed(h.serve, h.context - 1, 1);
	serve_progress(h.serve, 1, false);
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_OK);
	assert_memory_equal(h.word[0].data, "p0", 2);
	serve_confirmed(h.serve, h.context, 1);
	assert_int_equal(hand_heard(&h, 3)->id, 3);
}

static void it_waits_until_the_apply_has_reached_its_index(void **state)
{
	(void)state;
	hand_query(&h, 1, 1);
	hand_turn(&h, 0);
	serve_progress(h.serve, 8, false);
	serve_confirmed(h.serve, h.context, 9);
	hand_turn(&h, 0);
	assert_int_equal(h.queries, 0);
	/* Nor is half of a command seen. */
	serve_progress(h.serve, 9, true);
	hand_turn(&h, 0);
	assert_int_equal(h.queries, 0);
	serve_progress(h.serve, 9, false);
	hand_turn(&h, 0);
	assert_int_equal(h.queries, 1);
	hand_heard(&h, 1);
}

static void a_question_is_asked_again(void **state)
{
	uint64_t first;

	(void)state;
	hand_query(&h, 1, 1);
	h.leader.id = 0;
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 0); /* of whom? */
	h.leader.id = PEER;
	h.read_result = -EAGAIN;
	hand_turn(&h, 0);
	h.read_result = 0;
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 2);
	first = h.context;
	/* Refused: again in a while. */
	serve_confirmed(h.serve, first, 0);
	hand_turn(&h, SERVE_RESEND_NS_MIN - 1);
	assert_int_equal(h.reads, 2);
	hand_turn(&h, 1);
	assert_int_equal(h.reads, 3);
	/* An answer to the old question is not heard now. */
	serve_confirmed(h.serve, first, 1);
	serve_progress(h.serve, 1, false);
	hand_turn(&h, 0);
	hand_heard(&h, 0);
	/* Silence: later each time. */
	hand_turn(&h, 4 * SERVE_RESEND_NS_MIN);
	assert_int_equal(h.reads, 4);
	hand_turn(&h, 4 * SERVE_RESEND_NS_MIN - 1);
	assert_int_equal(h.reads, 4);
	serve_confirmed(h.serve, h.context, 1);
	hand_heard(&h, 1);
}

/* However long the one before was silent: the next one is asked as soon as it is known. */
static void R45_a_new_leader_is_asked_at_once(void **state)
{
	uint32_t reads;

	(void)state;
	hand_query(&h, 1, 1);
	for (int i = 0; i < 200; i++)
		hand_turn(&h, MS);
	reads = h.reads;
	hand_turn(&h, 1);
	assert_int_equal(h.reads, reads);
	h.leader.id = 0;
	hand_turn(&h, 1);
	h.leader = (struct serve_leader){.id = OTHER, .term = 8};
	hand_turn(&h, 1);
	assert_int_equal(h.reads, reads + 1);
	hand_turn(&h, 1);
	assert_int_equal(h.reads, reads + 1);
	/* If that is lost, soon again. */
	hand_turn(&h, SERVE_RESEND_NS_MIN);
	assert_int_equal(h.reads, reads + 2);
	serve_progress(h.serve, 1, false);
	serve_confirmed(h.serve, h.context, 1);
	hand_heard(&h, 1);
}

static void what_the_state_machine_says(void **state)
{
	static const struct {
		int result;
		enum serve_status want;
	} rows[] = {{-EINVAL, SERVE_INVALID}, {-EBUSY, SERVE_BUSY}};

	(void)state;
	serve_progress(h.serve, 1, false);
	for (uint32_t i = 0; i < 2; i++) {
		h.query_result = rows[i].result;
		hand_query(&h, 1, 1);
		hand_turn(&h, 0);
		serve_confirmed(h.serve, h.context, 1);
		assert_int_equal(hand_heard(&h, i + 1)->status, rows[i].want);
	}
}

static void a_local_one_asks_nobody(void **state)
{
	enum serve_status why;
	struct request *q;

	(void)state;
	h.leader.id = 0;
	for (int half = 0; half < 2; half++) {
		serve_progress(h.serve, 1, half);
		q = serve_open(h.serve, &h.door, 0, 1, 1, 0, 0, &why);
		q->data[0] = 1;
		serve_begin(h.serve, q, REQUEST_QUERY_LOCAL);
		assert_int_equal(hand_heard(&h, (uint32_t)half + 1)->status,
				 half ? SERVE_BUSY : SERVE_OK);
	}
	assert_int_equal(h.reads, 0);
	serve_progress(h.serve, 1, false);
}

/* It is being restored: nothing of it is shown, to nobody. */
static void a_state_that_is_not_whole_shows_nothing(void **state)
{
	enum serve_status why;
	struct request *q;

	(void)state;
	hand_query(&h, 1, 1);
	hand_turn(&h, 0);
	serve_hold(h.serve, true);
	serve_progress(h.serve, 9, false);
	serve_confirmed(h.serve, h.context, 9);
	hand_turn(&h, 0);
	hand_heard(&h, 0);
	q = serve_open(h.serve, &h.door, 0, 2, 1, 0, 0, &why);
	q->data[0] = 1;
	serve_begin(h.serve, q, REQUEST_QUERY_LOCAL);
	assert_int_equal(hand_heard(&h, 1)->status, SERVE_NO_LEADER);
	assert_int_equal(h.queries, 0);
	serve_hold(h.serve, false);
	hand_turn(&h, 0);
	assert_int_equal(hand_heard(&h, 2)->status, SERVE_OK);
}

/* As etcd's: whatever needs the cluster is refused, whoever leads, and nothing is forwarded. */
static void D16_a_learner_answers_for_itself_alone(void **state)
{
	static const struct {
		enum request_kind kind;
		enum serve_status want;
	} rows[] = {
		{REQUEST_COMMAND, SERVE_LEARNER},  {REQUEST_QUERY, SERVE_LEARNER},
		{REQUEST_QUERY_LOCAL, SERVE_OK},   {REQUEST_STATUS, SERVE_OK},
		{REQUEST_ORDER, SERVE_NOT_LEADER}, {REQUEST_BACKUP, SERVE_LEARNER},
	};
	struct request *before;
	enum serve_status why;

	(void)state;
	before = hand_command(&h, 1, 5, 1, 100);
	hand_turn(&h, 0);
	assert_int_equal(h.parts, 1);
	serve_set_learner(h.serve, true);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t size = rows[i].kind == REQUEST_COMMAND ? 100 : 1;
		struct request *q = serve_open(h.serve, &h.door, 0, i + 2, size, 0, 0, &why);

		assert_non_null(q);
		memset(q->data, 1, q->size);
		serve_begin(h.serve, q, rows[i].kind);
		hand_turn(&h, 0);
		assert_int_equal(hand_heard(&h, i + 1)->status, rows[i].want);
	}
	assert_int_equal(h.parts, 1);
	assert_int_equal(h.reads, 0);
	/* V10: of what was sent before it may not be said that nothing was done. */
	struct request *sent = serve_open(h.serve, &h.door, 0, 20, 100, 0, 0, &why);
	assert_non_null(sent);
	memset(sent->data, 2, sent->size);
	sent->strayed = true;
	serve_begin(h.serve, sent, REQUEST_COMMAND);
	hand_turn(&h, 0);
	assert_int_equal(sent->state, REQUEST_PROPOSING);
	assert_int_equal(h.parts, 2);
	/* What it had begun goes on, and as a voter it takes all again. */
	assert_int_equal(before->state, REQUEST_PROPOSING);
	hand_apply(&h, 5, 1);
	assert_int_equal(hand_heard(&h, 7)->status, SERVE_OK);
	serve_set_learner(h.serve, false);
	hand_query(&h, 9, 1);
	hand_turn(&h, 0);
	assert_int_equal(h.reads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(D16_a_learner_answers_for_itself_alone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(queries_of_one_turn_share_a_question, setup,
						teardown),
		cmocka_unit_test_setup_teardown(it_waits_until_the_apply_has_reached_its_index,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_question_is_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(R45_a_new_leader_is_asked_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_state_machine_says, setup, teardown),
		cmocka_unit_test_setup_teardown(a_local_one_asks_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_state_that_is_not_whole_shows_nothing, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
