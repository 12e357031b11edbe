/*
 * Answers of several pieces, from the client's side.
 */
#include "tests/unit/dataplane/client_hand.h"

/* A part of one piece of an answer. */
static void piece(uint32_t number, bool more, enum wire_status status, uint32_t total,
		  uint32_t part)
{
	struct wire_part p = answer_part(status, total, part);

	p.piece = number;
	p.more = more;
	answer_with(&p);
}

static void next_piece(uint32_t number)
{
	client_next(client);
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
	expect(WIRE_PULL);
	assert_int_equal(sent_part.piece, number);
	assert_int_equal(sent_part.part, 0);
	assert_int_equal(sent_part.wanted, 1);
	assert_int_equal(sent_part.answer_id, 9);
	expect(0);
}

static void an_answer_comes_piece_by_piece(void **state)
{
	uint32_t size;

	(void)state;
	begin(WIRE_QUERY, 10, 1000 * MS);
	piece(0, true, WIRE_OK, WIRE_PART_SIZE + 1, 0);
	expect(WIRE_PULL);
	assert_int_equal(sent_part.piece, 0);
	piece(0, true, WIRE_OK, WIRE_PART_SIZE + 1, 1);
	assert_int_equal(client_get_state(client), CLIENT_PIECE);
	assert_int_equal(client_status(client), WIRE_OK);
	assert_memory_equal(client_answer(client, &size), data, WIRE_PART_SIZE + 1);
	assert_int_equal(size, WIRE_PART_SIZE + 1);
	/* It asks for nothing until it is told to, however long that takes. */
	now += 400 * MS;
	expect(0);
	assert_int_equal(client_deadline(client), UINT64_MAX);
	next_piece(1);
	/* Parts of another piece, or of another answer, are not joined. */
	piece(0, true, WIRE_OK, WIRE_PART_SIZE + 1, 0);
	piece(2, true, WIRE_OK, 5, 0);
	struct wire_part other = answer_part(WIRE_OK, 5, 0);
	other.piece = 1;
	other.answer_id = 10;
	answer_with(&other);
	assert_int_equal(client_get_state(client), CLIENT_WAITING);
	piece(1, true, WIRE_OK, 5, 0);
	assert_int_equal(client_get_state(client), CLIENT_PIECE);
	next_piece(2);
	piece(2, false, WIRE_OK, 0, 0);
	assert_done(CLIENT_DONE, WIRE_OK);
	client_answer(client, &size);
	assert_int_equal(size, 0);
}

/* The answer that was begun goes on or ends: it is never asked for anew. */
static void silence_between_pieces_repeats_the_pull(void **state)
{
	(void)state;
	begin(WIRE_QUERY, 10, 10000 * MS);
	piece(0, true, WIRE_OK, 5, 0);
	next_piece(1);
	for (int i = 0; i < 20; i++) {
		now = client_deadline(client);
		if (now >= 10900 * MS)
			break;
		expect(WIRE_PULL);
		assert_int_equal(sent_part.piece, 1);
	}
	now = 12000 * MS;
	expect(0);
	assert_int_equal(client_get_state(client), CLIENT_FAILED);
}

static void an_answer_that_breaks_off_says_how(void **state)
{
	static const struct {
		bool reply;
		enum wire_status said, want;
	} rows[] = {
		{false, WIRE_TIMEOUT, WIRE_TIMEOUT},   {false, WIRE_COMPACTED, WIRE_COMPACTED},
		{false, WIRE_STOPPING, WIRE_STOPPING}, {true, WIRE_TIMEOUT, WIRE_TIMEOUT},
		{true, WIRE_BAD_COOKIE, WIRE_TIMEOUT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(WIRE_QUERY, 10, 1000 * MS);
		piece(0, true, WIRE_OK, 5, 0);
		next_piece(1);
		if (rows[i].reply)
			reply(sent_part.request_id, 0, rows[i].said, 0);
		else
			piece(1, false, rows[i].said, 0, 0);
		assert_done(CLIENT_DONE, rows[i].want);
		teardown(state);
		setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_piece_by_piece),
		TEST(silence_between_pieces_repeats_the_pull),
		TEST(an_answer_that_breaks_off_says_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
