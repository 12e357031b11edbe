/*
 * Who connects to the admin socket, and how calls pass to the loop and back.
 */
#include "tests/unit/doors/calls_rig.h"

#include "dataplane/stream.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void a_call_goes_to_the_loop_and_back(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE + 5], answer[STREAM_HEADER_SIZE + 3];
	struct wire_hello hello;
	struct call *call;
	struct stat st;
	int fd;

	assert_int_equal(stat(rig->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	calls_set_welcome(rig->calls, &(struct door_welcome){11, 22, 33});
	fd = dial(rig);
	read_welcome(fd, &hello);
	assert_int_equal(hello.cluster_id, 11);
	assert_int_equal(hello.member_id, 22);
	assert_int_equal(hello.commit_index, 33);
	for (uint8_t round = 1; round < 4; round++) {
		header(bytes, 5, WIRE_STATUS, round);
		memcpy(bytes + STREAM_HEADER_SIZE, "hello", 5);
		/* In two writes: a call is whole only when its last byte has come. */
		assert_int_equal(write(fd, bytes, 7), 7);
		assert_int_equal(write(fd, bytes + 7, sizeof(bytes) - 7), sizeof(bytes) - 7);
		call = take(rig->calls);
		assert_int_equal(call->kind, WIRE_STATUS);
		assert_int_equal(call->id, round);
		assert_int_equal(call->size, 5);
		assert_memory_equal(call->data, "hello", 5);
		call->status = WIRE_BUSY;
		call->retry_after_us = 77;
		call->answer_size = 3;
		memcpy(call->answer, "bye", 3);
		calls_give(rig->calls, call);
		read_all(fd, answer, sizeof(answer));
		assert_int_equal(answer[0], 3);
		assert_int_equal(answer[4], WIRE_BUSY);
		assert_int_equal(answer[8], round);
		assert_int_equal(answer[16], 77);
		assert_memory_equal(answer + STREAM_HEADER_SIZE, "bye", 3);
	}
	close(fd);
}

static void a_client_that_left_costs_nothing(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE];
	struct wire_hello hello;

	/* More often than there are connections: each must have come back. */
	for (int i = 0; i < 2 * CALLS_MAX; i++) {
		int fd = dial(rig);
		struct call *call;

		read_welcome(fd, &hello);
		header(bytes, 0, WIRE_STATUS, 1);
		assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		call = take(rig->calls);
		close(fd);
		call->answer_size = 0;
		calls_give(rig->calls, call);
	}
}

static void malformed_headers_close_the_connection(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE], byte;
	struct wire_hello hello;

	for (int i = 0; i < 2; i++) {
		struct pollfd p = {.events = POLLIN};
		int fd = dial(rig);

		read_welcome(fd, &hello);
		header(bytes, i ? 0 : WIRE_MESSAGE_SIZE_MAX + 1, WIRE_STATUS, 1);
		bytes[5] = (uint8_t)i;
		assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		p.fd = fd;
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		assert_int_equal(read(fd, &byte, 1), 0);
		close(fd);
	}
	assert_null(calls_take(rig->calls));
}

/* Who asks for nothing gives way to who waits; before that, the newcomer waits and is not reset. */
static void F14_the_silent_give_way(void **state)
{
	struct rig *rig = *state;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE], byte;
	int silent[CALLS_MAX], waiting, closed = 0;

	header(bytes, 0, WIRE_STATUS, 1);
	for (int i = 0; i < CALLS_MAX; i++) {
		silent[i] = dial(rig);
		read_welcome(silent[i], &hello);
	}
	/* One has sent a part and is given more time, one waits for its answer. */
	assert_int_equal(write(silent[0], bytes, 3), 3);
	assert_int_equal(write(silent[1], bytes, sizeof(bytes)), sizeof(bytes));
	struct call *call = take(rig->calls);
	waiting = dial(rig);
	read_welcome(waiting, &hello);
	assert_int_equal(write(waiting, bytes, sizeof(bytes)), sizeof(bytes));
	for (int i = 0; i < CALLS_MAX; i++) {
		struct pollfd p = {.fd = silent[i], .events = POLLIN};

		if (i > 1 && poll(&p, 1, 0) == 1 && read(silent[i], &byte, 1) == 0)
			closed++;
	}
	/* One waited, and one had to go. */
	assert_int_equal(closed, 1);
	struct call *other = take(rig->calls);
	call->answer_size = 0;
	calls_give(rig->calls, call);
	other->answer_size = 0;
	calls_give(rig->calls, other);
	read_all(silent[1], bytes, sizeof(bytes));
	read_all(waiting, bytes, sizeof(bytes));
	for (int i = 0; i < CALLS_MAX; i++)
		close(silent[i]);
	close(waiting);
}

static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t byte;

	return poll(&p, 1, 0) == 1 && read(fd, &byte, 1) <= 0;
}

/*
 * Who is between two requests is no silent one: who never asked goes before it, and then who asked
 * longest ago; and not more of them than wait.
 */
static void F14_who_asks_now_and_then_keeps_its_place(void **state)
{
	enum { ASKED = CALLS_MAX - 1 };
	struct rig *rig = *state;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE];
	int fd[CALLS_MAX], newcomer[2];

	for (int i = 0; i < ASKED; i++) {
		fd[i] = dial(rig);
		read_welcome(fd[i], &hello);
	}
	/* The first place is not who asked first. */
	for (int i = ASKED - 1; i >= 0; i--) {
		struct call *call;

		header(bytes, 0, WIRE_STATUS, 1);
		assert_int_equal(write(fd[i], bytes, sizeof(bytes)), sizeof(bytes));
		call = take(rig->calls);
		call->answer_size = 0;
		calls_give(rig->calls, call);
		read_all(fd[i], bytes, sizeof(bytes));
	}
	fd[ASKED] = dial(rig);
	read_welcome(fd[ASKED], &hello);
	newcomer[0] = dial(rig);
	read_welcome(newcomer[0], &hello);
	assert_true(is_closed(fd[ASKED]));
	for (int i = 0; i < ASKED; i++)
		assert_false(is_closed(fd[i]));
	/* It is at work, so that it is not who goes. */
	header(bytes, 0, WIRE_STATUS, 1);
	assert_int_equal(write(newcomer[0], bytes, sizeof(bytes)), sizeof(bytes));
	struct call *call = take(rig->calls);
	newcomer[1] = dial(rig);
	read_welcome(newcomer[1], &hello);
	assert_true(is_closed(fd[ASKED - 1]));
	for (int i = 0; i < ASKED - 1; i++)
		assert_false(is_closed(fd[i]));
	call->answer_size = 0;
	calls_give(rig->calls, call);
	for (int i = 0; i < CALLS_MAX; i++)
		close(fd[i]);
	close(newcomer[0]);
	close(newcomer[1]);
}

/* So does who does not take the answer that it asked for. */
static void F14_who_takes_nothing_gives_way(void **state)
{
	struct rig *rig = *state;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE];
	int fd[CALLS_MAX + 1];

	header(bytes, 0, WIRE_STATUS, 1);
	for (int i = 0; i < CALLS_MAX; i++) {
		struct call *call;

		fd[i] = dial(rig);
		read_welcome(fd[i], &hello);
		assert_int_equal(write(fd[i], bytes, sizeof(bytes)), sizeof(bytes));
		call = take(rig->calls);
		call->answer_size = WIRE_MESSAGE_SIZE_MAX;
		calls_give(rig->calls, call);
	}
	fd[CALLS_MAX] = dial(rig);
	read_welcome(fd[CALLS_MAX], &hello);
	for (int i = 0; i <= CALLS_MAX; i++)
		close(fd[i]);
}

/* A byte now and then is no more than silence. */
static void F14_who_is_slow_gives_way(void **state)
{
	struct rig *rig = *state;
	struct calls_trouble trouble;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE];
	int fd[CALLS_MAX], waiting, rounds = 0;
	struct call *call;

	header(bytes, WIRE_MESSAGE_SIZE_MAX, WIRE_COMMAND, 1);
	for (int i = 0; i < CALLS_MAX; i++) {
		fd[i] = dial(rig);
		read_welcome(fd[i], &hello);
		assert_int_equal(write(fd[i], bytes, sizeof(bytes)), sizeof(bytes));
	}
	waiting = dial(rig);
	header(bytes, 0, WIRE_STATUS, 1);
	assert_int_equal(write(waiting, bytes, sizeof(bytes)), sizeof(bytes));
	while (!(call = calls_take(rig->calls))) {
		assert_true(++rounds < DEADLINE_MS / 20);
		calls_trouble_get(rig->calls, &trouble);
		assert_int_equal(trouble.told, 0);
		for (int i = 0; i < CALLS_MAX; i++)
			(void)send(fd[i], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		poll(NULL, 0, 20);
	}
	assert_int_equal(call->kind, WIRE_STATUS);
	calls_give(rig->calls, call);
	for (int i = 0; i < CALLS_MAX; i++)
		close(fd[i]);
	close(waiting);
}

static int held[2], go[2];

static void hold(int signal)
{
	char byte = 0;

	(void)signal;
	if (write(held[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
		abort();
}

/* The thread is held, and woken with all that is there by then, in the order in which it came. */
static void hold_begin(const struct rig *rig)
{
	const struct sigaction action = {.sa_handler = hold};
	uint8_t byte;

	assert_int_equal(pipe(held) | pipe(go) | sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_kill(rig->calls->thread, SIGUSR1), 0);
	read_all(held[0], &byte, 1);
}

static void hold_end(void)
{
	assert_int_equal(write(go[1], "", 1), 1);
}

static void hold_close(void)
{
	for (int i = 0; i < 2; i++) {
		close(held[i]);
		close(go[i]);
	}
}

static void tick_now(const struct rig *rig)
{
	const struct itimerspec now = {.it_value.tv_nsec = 1};
	struct pollfd tick = {.fd = rig->calls->tick, .events = POLLIN};

	assert_int_equal(timerfd_settime(rig->calls->tick, 0, &now, NULL), 0);
	assert_int_equal(poll(&tick, 1, DEADLINE_MS), 1);
}

static void ask(int fd)
{
	uint8_t bytes[STREAM_HEADER_SIZE];

	header(bytes, 0, WIRE_STATUS, 1);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
}

/* A tick reads the request whose own event is in the same batch: that one is no hang-up. */
static void F14_what_a_tick_has_read_is_answered(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE];
	struct wire_hello hello;
	struct call *call;
	int fd = dial(rig);

	read_welcome(fd, &hello);
	hold_begin(rig);
	rig->calls->connection[0].ticks = CALLS_IDLE_TICKS;
	tick_now(rig);
	ask(fd);
	hold_end();
	call = take(rig->calls);
	call->answer_size = 0;
	calls_give(rig->calls, call);
	read_all(fd, bytes, sizeof(bytes));
	close(fd);
	hold_close();
}

/*
 * In one batch: the answer to a client that is gone, the next client, who gets its place and has
 * asked, a tick, and the first one's hang-up. That is not the next one's: the event makes its
 * request be read at most.
 */
static void F14_who_comes_next_has_not_hung_up(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE];
	struct wire_hello hello;
	int gone = dial(rig), next;
	struct call *call;

	read_welcome(gone, &hello);
	ask(gone);
	call = take(rig->calls);
	assert_ptr_equal(call, &rig->calls->connection[0].call);
	hold_begin(rig);
	call->answer_size = 0;
	calls_give(rig->calls, call);
	next = dial(rig);
	ask(next);
	tick_now(rig);
	close(gone);
	hold_end();
	assert_ptr_equal(take(rig->calls), call);
	assert_int_equal(call->event, CALL_REQUEST);
	call->answer_size = 0;
	calls_give(rig->calls, call);
	read_welcome(next, &hello);
	read_all(next, bytes, sizeof(bytes));
	close(next);
	hold_close();
}

/* Hundreds that ask for nothing delay who comes behind them, and do not lock it out. */
static void F14_a_crowd_of_silent_ones_gives_way(void **state)
{
	enum { CROWD = 5 * CALLS_MAX / 2 };
	struct rig *rig = *state;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE];
	int fd[CROWD];
	struct call *call;

	/* As many as there are places and as the socket lets wait; the rest asks again. */
	for (int i = 0; i < CROWD; i++)
		fd[i] = dial(rig);
	header(bytes, 0, WIRE_STATUS, 1);
	assert_int_equal(write(fd[CROWD - 1], bytes, sizeof(bytes)), sizeof(bytes));
	call = take(rig->calls);
	call->answer_size = 0;
	calls_give(rig->calls, call);
	read_welcome(fd[CROWD - 1], &hello);
	read_all(fd[CROWD - 1], bytes, sizeof(bytes));
	for (int i = 0; i < CROWD; i++)
		close(fd[i]);
}

/* All places are at work: who comes is told so, by an answer to its request. */
static void F14_a_full_house_says_so(void **state)
{
	struct rig *rig = *state;
	struct calls_trouble trouble;
	struct stream_header answer;
	struct wire_hello hello;
	uint8_t bytes[STREAM_HEADER_SIZE], data[1000] = {0};
	struct call *call[CALLS_MAX];
	int fd[CALLS_MAX], late;

	header(bytes, 0, WIRE_QUERY, 1);
	for (int i = 0; i < CALLS_MAX; i++) {
		fd[i] = dial(rig);
		assert_int_equal(write(fd[i], bytes, sizeof(bytes)), sizeof(bytes));
		call[i] = take(rig->calls);
	}
	/* More than there are places for telling it: one after the other. */
	for (uint8_t k = 1; k <= CALLS_TOLD_MAX + 2; k++) {
		late = dial(rig);
		header(bytes, sizeof(data), WIRE_COMMAND, k);
		assert_int_equal(write(late, bytes, sizeof(bytes)), sizeof(bytes));
		assert_int_equal(write(late, data, sizeof(data)), sizeof(data));
		read_welcome(late, &hello);
		read_all(late, bytes, sizeof(bytes));
		assert_int_equal(stream_header_decode(&answer, STREAM_NODE, bytes), 0);
		assert_int_equal(answer.code, WIRE_BUSY);
		assert_int_equal(answer.id, k);
		assert_true(answer.time_us > 0 && answer.size == 0);
		close(late);
		calls_trouble_get(rig->calls, &trouble);
		assert_int_equal(trouble.told, k);
	}
	assert_null(calls_take(rig->calls));
	/* One comes free, and the next is served. */
	call[0]->answer_size = 0;
	calls_give(rig->calls, call[0]);
	close(fd[0]);
	late = dial(rig);
	header(bytes, 0, WIRE_STATUS, 1);
	assert_int_equal(write(late, bytes, sizeof(bytes)), sizeof(bytes));
	call[0] = take(rig->calls);
	calls_give(rig->calls, call[0]);
	for (int i = 1; i < CALLS_MAX; i++) {
		calls_give(rig->calls, call[i]);
		close(fd[i]);
	}
	close(late);
}

/* More at once than there are places: all are served, none is reset. */
static void F14_a_crowd_is_served_in_turn(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[STREAM_HEADER_SIZE];
	struct wire_hello hello;
	int fd[2 * CALLS_MAX];

	header(bytes, 0, WIRE_STATUS, 1);
	for (int i = 0; i < 2 * CALLS_MAX; i++) {
		fd[i] = dial(rig);
		assert_int_equal(write(fd[i], bytes, sizeof(bytes)), sizeof(bytes));
	}
	for (int half = 0; half < 2; half++) {
		for (int i = 0; i < CALLS_MAX; i++) {
			struct call *call = take(rig->calls);

			call->answer_size = 0;
			calls_give(rig->calls, call);
		}
		for (int i = 0; i < CALLS_MAX; i++) {
			read_welcome(fd[half * CALLS_MAX + i], &hello);
			read_all(fd[half * CALLS_MAX + i], bytes, sizeof(bytes));
			close(fd[half * CALLS_MAX + i]);
		}
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Out of descriptors the thread waits, and does not ask the kernel again and again. */
static void out_of_descriptors_it_waits(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rlimit limit, none;
	struct wire_hello hello;
	uint64_t before;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	before = cpu_ns();
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	poll(NULL, 0, 500);
	/* A thread that spins takes most of it. */
	assert_true(cpu_ns() - before < 250000000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	read_welcome(fd, &hello);
	close(fd);
}

static void a_live_socket_is_not_taken_over_and_a_stale_one_is(void **state)
{
	struct rig *rig = *state;
	char error[CALLS_ERROR_MAX], stale[80];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct calls *other;
	int fd;

	assert_int_equal(calls_create(&other, rig->path, &rig_welcome, error), -EADDRINUSE);
	assert_non_null(strstr(error, rig->path));
	snprintf(stale, sizeof(stale), "%s/stale", rig->directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", stale);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(calls_create(&other, stale, &rig_welcome, error), 0);
	calls_destroy(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_goes_to_the_loop_and_back, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(a_client_that_left_costs_nothing, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_the_silent_give_way, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_who_asks_now_and_then_keeps_its_place,
						calls_setup, calls_teardown),
		cmocka_unit_test_setup_teardown(F14_who_takes_nothing_gives_way, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_who_is_slow_gives_way, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_what_a_tick_has_read_is_answered, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_who_comes_next_has_not_hung_up, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_a_crowd_of_silent_ones_gives_way, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_a_full_house_says_so, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(F14_a_crowd_is_served_in_turn, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(out_of_descriptors_it_waits, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(malformed_headers_close_the_connection, calls_setup,
						calls_teardown),
		cmocka_unit_test_setup_teardown(a_live_socket_is_not_taken_over_and_a_stale_one_is,
						calls_setup, calls_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
