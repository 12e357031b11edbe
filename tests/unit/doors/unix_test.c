/*
 * The door of the local socket, over real sockets: 50 MB of one revision while every key is
 * overwritten, deleted and put anew, read by one who stops for a while; and what becomes of those
 * who never go on.
 */
#include "tests/unit/doors/rig.h"

#include "base/clock.h"
#include "doors/unix.h"
#include "tools/client/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_S = 60 };

static struct rig rig;
static struct calls *calls;
static struct unix_door *door;
static struct address address;
static char directory[32];
static uint8_t *got;
static size_t got_size;

static int setup(void **state)
{
	const struct door_welcome welcome = {.cluster_id = 7, .member_id = 9, .base = 1};
	char text[64], error[CALLS_ERROR_MAX];

	(void)state;
	rig_open(&rig);
	snprintf(directory, sizeof(directory), "/tmp/unix_test.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(text, sizeof(text), "unix:%s/socket", directory);
	assert_int_equal(address_parse(&address, text, error), 0);
	assert_int_equal(calls_create(&calls, text + 5, &welcome, error), 0);
	assert_int_equal(unix_door_create(&door, calls, rig.serve), 0);
	got = malloc(RIG_ANSWER);
	assert_non_null(got);
	got_size = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	unix_door_destroy(door);
	calls_destroy(calls);
	free(got);
	return rmdir(directory);
}

static void turn(uint64_t ns)
{
	rig_turn_begin(&rig, ns);
	unix_door_poll(door);
	rig_turn_end(&rig);
	if (!serve_active(rig.serve))
		poll(NULL, 0, 1); /* the socket's thread has its turn */
}

static void dial(struct stream *s)
{
	assert_int_equal(stream_create(s, WIRE_MESSAGE_SIZE_MAX, 1), 0);
	assert_int_equal(stream_connect(s, &address, clock_now() + DEADLINE_S * CLOCK_S), 0);
}

static void ask(struct stream *s, uint64_t timeout_us)
{
	static uint8_t query[RIG_QUERY_MAX];

	stream_request(s, WIRE_QUERY, query, rig_query(query), timeout_us);
}

/* Until a piece, or the whole, is here. Some keys are written meanwhile. */
static void run(struct stream *s, uint32_t writes)
{
	uint64_t deadline_ns = clock_now() + DEADLINE_S * CLOCK_S;
	int err;

	while ((err = stream_move(s)) == -EAGAIN) {
		assert_true(clock_now() < deadline_ns);
		turn(1000);
		rig_write(&rig, writes);
	}
	assert_int_equal(err, 0);
}

static void take(const struct stream *s)
{
	assert_true(got_size + s->answer.size <= RIG_ANSWER);
	memcpy(got + got_size, stream_data(s), s->answer.size);
	got_size += s->answer.size;
}

static bool admin(void *arg, const struct call *call, enum serve_status *status)
{
	assert_ptr_equal(arg, &rig);
	if (call->kind != WIRE_RESET)
		return false;
	*status = call->size == 2 && memcmp(call->data, "no", 2) == 0 ? SERVE_REFUSED : SERVE_OK;
	return true;
}

static uint16_t admin_says(enum wire_request kind, const char *text)
{
	struct stream s;
	uint16_t code;

	dial(&s);
	stream_request(&s, kind, (const uint8_t *)text, (uint32_t)strlen(text), 0);
	run(&s, 0);
	assert_int_equal(s.answer.size, 0);
	code = s.answer.code;
	stream_destroy(&s);
	return code;
}

static void what_is_no_request_is_the_nodes(void **state)
{
	(void)state;
	assert_int_equal(admin_says(WIRE_RESET, ""), WIRE_INVALID);
	unix_door_set_admin(door, admin, &rig);
	assert_int_equal(admin_says(WIRE_RESET, ""), WIRE_OK);
	assert_int_equal(admin_says(WIRE_RESET, "no"), WIRE_REFUSED);
	assert_int_equal(admin_says(WIRE_FAULT, ""), WIRE_INVALID);
	assert_int_equal(admin_says(WIRE_REQUEST_END, ""), WIRE_INVALID);
}

static void ask_status(void)
{
	struct stream other;

	dial(&other);
	stream_request(&other, WIRE_STATUS, NULL, 0, 0);
	run(&other, 0);
	assert_memory_equal(stream_data(&other), "name rig\n", 9);
	stream_destroy(&other);
}

static void fifty_megabytes_of_one_revision(void **state)
{
	struct stream s;
	uint32_t pieces = 0;

	(void)state;
	dial(&s);
	ask(&s, 60000000);
	for (;;) {
		run(&s, pieces ? 20 : 0);
		assert_int_equal(s.answer.code, WIRE_OK);
		take(&s);
		pieces++;
		if (!s.answer.more)
			break;
		/* Nobody reads: others write every key three times over, and are answered. */
		if (pieces == 30) {
			for (int i = 0; i < 1000; i++) {
				turn(1000000);
				rig_write(&rig, 3 * RIG_KEYS / 1000 + 1);
			}
			ask_status();
		}
		stream_next(&s);
	}
	rig_check(got, got_size);
	assert_true(pieces > RIG_ANSWER / (256 * 1024));
	assert_in_range(rig.pinned_max, RIG_ANSWER / 4, RIG_PIN_BUDGET);
	rig_check_clean(&rig);
	stream_destroy(&s);
}

/* Whether the piece is still on its way to it or not, who goes leaves nothing behind. */
static void who_goes_in_the_middle_is_let_go(void **state)
{
	uint64_t deadline_ns = clock_now() + DEADLINE_S * CLOCK_S;

	(void)state;
	for (int i = 0; i < 2 * CALLS_MAX; i++) {
		struct stream s;

		dial(&s);
		ask(&s, 60000000);
		if (i % 2)
			run(&s, 1);
		else
			assert_int_equal(stream_move(&s), -EAGAIN);
		stream_destroy(&s);
		turn(1000);
	}
	while (serve_open_count(rig.serve)) {
		assert_true(clock_now() < deadline_ns);
		turn(1000);
	}
	rig_check_clean(&rig);
	ask_status();
}

static void who_stops_for_too_long_is_told(void **state)
{
	struct stream s;

	(void)state;
	dial(&s);
	ask(&s, 1000000);
	run(&s, 0);
	assert_true(s.answer.more);
	for (int i = 0; i < 1200; i++)
		turn(1000000);
	/* The reader is not waited for, and there is a piece under way to it. */
	assert_int_equal(serve_open_count(rig.serve), 0);
	rig_check_clean(&rig);
	while (s.answer.more) {
		stream_next(&s);
		run(&s, 0);
	}
	assert_int_equal(s.answer.code, WIRE_TIMEOUT);
	/* The connection is as good as before. */
	ask(&s, 60000000);
	run(&s, 0);
	assert_int_equal(s.answer.code, WIRE_OK);
	stream_destroy(&s);
}

static void an_end_in_the_middle_says_so(void **state)
{
	struct stream s;

	dial(&s);
	ask(&s, 60000000);
	run(&s, 0);
	assert_true(s.answer.more);
	teardown(NULL);
	/* The piece that was on its way may still come, and nothing after it. */
	do
		stream_next(&s);
	while (stream_move(&s) == 0 && s.answer.more);
	assert_true(s.fd == -1 || s.answer.code == WIRE_STOPPING);
	stream_destroy(&s);
	setup(state);
}

static void what_is_no_kind_is_invalid(void **state)
{
	struct stream s;

	(void)state;
	dial(&s);
	stream_request(&s, (enum wire_request)200, NULL, 0, 0);
	run(&s, 0);
	assert_int_equal(s.answer.code, WIRE_INVALID);
	stream_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_no_request_is_the_nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(fifty_megabytes_of_one_revision, setup, teardown),
		cmocka_unit_test_setup_teardown(who_goes_in_the_middle_is_let_go, setup, teardown),
		cmocka_unit_test_setup_teardown(who_stops_for_too_long_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_in_the_middle_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_kind_is_invalid, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
