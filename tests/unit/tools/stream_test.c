/*
 * The admin socket's stream, byte by byte: this test is the node on the other end.
 */
#include "base/bytes.h"
#include "tools/client/stream.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 100, REQUEST_SIZE = 1024 * 1024 };

static struct stream stream;
static int node; /* the other end */

static int setup(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(stream_create(&stream, ANSWER_MAX, 41), 0);
	stream.fd = pair[0];
	node = pair[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_destroy(&stream);
	close(node);
	return 0;
}

static void headers_have_their_bytes(void **state)
{
	static const uint8_t bytes[STREAM_HEADER_SIZE] = {0x04, 0x03, 0x02, 0x00, 5,    0, 0, 0,
							  8,    7,    6,    5,    4,    3, 2, 1,
							  0x18, 0x17, 0x16, 0x15, 0x14, 0, 0, 0};
	const struct stream_header header = {
		.size = 0x020304,
		.code = 5,
		.id = 0x0102030405060708,
		.time_us = 0x1415161718,
	};
	uint8_t out[STREAM_HEADER_SIZE];
	struct stream_header back;

	(void)state;
	memset(out, 0xff, sizeof(out));
	stream_header_encode(&header, STREAM_CLIENT, out);
	/* In this order, whatever the machine's own is. */
	assert_memory_equal(out, bytes, sizeof(out));
	stream_header_encode(&(struct stream_header){WIRE_MESSAGE_SIZE_MAX, 1, true, 2, 3},
			     STREAM_NODE, out);
	assert_int_equal(stream_header_decode(&back, STREAM_NODE, out), 0);
	assert_int_equal(back.size, WIRE_MESSAGE_SIZE_MAX);
	assert_int_equal(back.code, 1);
	assert_int_equal(back.id, 2);
	assert_int_equal(back.time_us, 3);
	assert_true(back.more);
	for (int i = 5; i < 8; i++) {
		out[i] = 2;
		if (stream_header_decode(&back, STREAM_NODE, out) != -EPROTO)
			fail_msg("byte %d is 2, and taken", i);
		out[i] = 0;
	}
	bytes_put32(out, WIRE_MESSAGE_SIZE_MAX + 1);
	assert_int_equal(stream_header_decode(&back, STREAM_NODE, out), -EPROTO);
}

static void a_request_leaves_as_the_socket_takes_it(void **state)
{
	uint8_t *data = malloc(REQUEST_SIZE), *got = malloc(STREAM_HEADER_SIZE + REQUEST_SIZE);
	struct stream_header header;
	size_t size = 0;
	int waits = 0;

	(void)state;
	assert_non_null(data);
	assert_non_null(got);
	for (size_t i = 0; i < REQUEST_SIZE; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	stream_request(&stream, WIRE_COMMAND, data, REQUEST_SIZE, 1234);
	while (size < STREAM_HEADER_SIZE + REQUEST_SIZE) {
		ssize_t n;

		assert_int_equal(stream_move(&stream), -EAGAIN);
		waits += stream_events(&stream) == POLLOUT;
		while ((n = read(node, got + size, STREAM_HEADER_SIZE + REQUEST_SIZE - size)) > 0)
			size += (size_t)n;
	}
	assert_true(waits > 0);
	assert_int_equal(stream_events(&stream), POLLIN);
	assert_int_equal(stream_header_decode(&header, STREAM_CLIENT, got), 0);
	assert_int_equal(header.size, REQUEST_SIZE);
	assert_int_equal(header.code, WIRE_COMMAND);
	assert_int_equal(header.id, 42);
	assert_int_equal(header.time_us, 1234);
	assert_memory_equal(got + STREAM_HEADER_SIZE, data, REQUEST_SIZE);
	free(data);
	free(got);
}

/* Opens a request without data, which the socket takes at once. */
static void ask(void)
{
	uint8_t bytes[STREAM_HEADER_SIZE];

	stream_request(&stream, WIRE_STATUS, NULL, 0, 1);
	assert_int_equal(stream_move(&stream), -EAGAIN);
	assert_int_equal(read(node, bytes, sizeof(bytes)), sizeof(bytes));
}

static size_t answer(uint8_t *out, enum wire_status status, uint32_t size, uint64_t id)
{
	const struct stream_header header = {
		.size = size, .code = (uint8_t)status, .id = id, .time_us = 77};

	stream_header_encode(&header, STREAM_NODE, out);
	memset(out + STREAM_HEADER_SIZE, 'x', size);
	return STREAM_HEADER_SIZE + size;
}

/* Every status that a node may answer; the newest release's too, which only its text explains. */
static void an_answer_is_whole_with_its_last_byte(void **state)
{
	static const uint8_t codes[] = {WIRE_OK, WIRE_BUSY, WIRE_STOPPING, WIRE_NO_SPACE, 200};
	uint8_t bytes[STREAM_HEADER_SIZE + ANSWER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(codes); i++) {
		uint32_t size = i % 2 ? 0 : ANSWER_MAX;
		size_t whole;

		ask();
		whole = answer(bytes, (enum wire_status)codes[i], size, stream.id);
		for (size_t j = 0; j < whole; j++) {
			assert_int_equal(stream_move(&stream), -EAGAIN);
			assert_int_equal(stream.answer.id, 0);
			assert_int_equal(write(node, bytes + j, 1), 1);
		}
		assert_int_equal(stream_move(&stream), 0);
		assert_int_equal(stream.answer.code, codes[i]);
		assert_int_equal(stream.answer.size, size);
		assert_int_equal(stream.answer.time_us, 77);
		assert_memory_equal(stream_data(&stream), bytes + STREAM_HEADER_SIZE, size);
	}
}

static void what_is_no_answer_breaks_the_stream(void **state)
{
	static const struct {
		const char *what;
		uint32_t size, more;
		uint64_t id; /* added */
		int reserved;
	} table[] = {
		{"another request's", 3, 0, 1, 0},
		{"more than there is room for", ANSWER_MAX + 1, 0, 0, 0},
		{"bytes behind it", 3, 1, 0, 0},
		{"a reserved flag", 3, 0, 0, 2},
	};
	uint8_t bytes[STREAM_HEADER_SIZE + ANSWER_MAX + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t size;
		int err;

		setup(NULL);
		ask();
		size = answer(bytes, WIRE_OK, table[i].size, stream.id + table[i].id);
		bytes[5] = (uint8_t)table[i].reserved;
		assert_int_equal(write(node, bytes, size + table[i].more), size + table[i].more);
		err = stream_move(&stream);
		if (err != -EPROTO || stream.fd != -1)
			fail_msg("%s: %d, descriptor %d", table[i].what, err, stream.fd);
		teardown(NULL);
	}
}

static void pieces_are_taken_one_by_one(void **state)
{
	uint8_t bytes[2 * (STREAM_HEADER_SIZE + ANSWER_MAX)];
	size_t first, all;

	(void)state;
	ask();
	first = answer(bytes, WIRE_OK, 3, stream.id);
	bytes[5] = 1;
	all = first + answer(bytes + first, WIRE_COMPACTED, 0, stream.id);
	/* Together, and a part of the second one late. */
	assert_int_equal(write(node, bytes, all - 1), all - 1);
	assert_int_equal(stream_move(&stream), 0);
	assert_true(stream.answer.more);
	assert_int_equal(stream.answer.size, 3);
	assert_memory_equal(stream_data(&stream), bytes + STREAM_HEADER_SIZE, 3);
	stream_next(&stream);
	assert_int_equal(stream_move(&stream), -EAGAIN);
	assert_int_equal(write(node, bytes + all - 1, 1), 1);
	assert_int_equal(stream_move(&stream), 0);
	assert_false(stream.answer.more);
	assert_int_equal(stream.answer.code, WIRE_COMPACTED);
	assert_int_equal(stream.answer.size, 0);
}

static void a_node_that_goes_breaks_the_stream(void **state)
{
	(void)state;
	ask();
	assert_int_equal(shutdown(node, SHUT_RDWR), 0);
	assert_int_equal(stream_move(&stream), -ECONNRESET);
	assert_int_equal(stream.fd, -1);
}

static void waiting_ends_at_the_deadline(void **state)
{
	(void)state;
	stream_request(&stream, WIRE_STATUS, NULL, 0, 1);
	assert_int_equal(stream_wait(&stream, 0), -ETIMEDOUT);
	assert_int_equal(stream.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_have_their_bytes),
		cmocka_unit_test_setup_teardown(a_request_leaves_as_the_socket_takes_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_answer_is_whole_with_its_last_byte, setup,
						teardown),
		cmocka_unit_test(what_is_no_answer_breaks_the_stream),
		cmocka_unit_test_setup_teardown(pieces_are_taken_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_node_that_goes_breaks_the_stream, setup,
						teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_at_the_deadline, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
