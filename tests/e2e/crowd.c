#include "tests/e2e/crowd.h"

#include "dataplane/wire.h"
#include "kv/command.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_FIRST (UINT64_C(1) << 40) /* none that a test has */

static void send_packet(const struct crowd *w, enum wire_type type, size_t size, uint8_t *datagram)
{
	const struct wire_envelope envelope = {.type = (uint8_t)type, .body_size = (uint16_t)size};

	wire_envelope_encode(&envelope, datagram);
	assert_true(send(w->fd, datagram, WIRE_ENVELOPE_SIZE + size, 0) > 0);
}

void crowd_greet(struct crowd *w, struct cluster *c, uint32_t node)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(WIRE_PORT_CLIENT),
				 .sin_addr = {htonl(0xc6120000 | node)}};
	uint8_t datagram[2048];
	struct wire_hello hello = {.nonce = 1};
	struct wire_envelope envelope;
	struct pollfd fd;
	ssize_t size;

	*w = (struct crowd){.node = node};
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(w->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	send_packet(w, WIRE_HELLO,
		    wire_hello_encode(&hello, WIRE_HELLO, datagram + WIRE_ENVELOPE_SIZE), datagram);
	fd = (struct pollfd){w->fd, POLLIN, 0};
	assert_int_equal(poll(&fd, 1, CLUSTER_WAIT_MS), 1);
	size = recv(w->fd, datagram, sizeof(datagram), 0);
	require(c, size > WIRE_ENVELOPE_SIZE, "%zd bytes", size);
	assert_int_equal(wire_envelope_decode(&envelope, datagram, (uint32_t)size), 0);
	assert_int_equal(wire_hello_decode(&hello, WIRE_WELCOME, datagram + WIRE_ENVELOPE_SIZE,
					   envelope.body_size),
			 0);
	w->cookie = hello.cookie;
}

void crowd_put(struct crowd *w)
{
	static const uint8_t value[CROWD_VALUE];
	const struct kv_request request = {.operation = KV_PUT,
					   .flags = KV_ONE_SHOT,
					   .session = SESSION_FIRST + ++w->puts,
					   .sequence = 1,
					   .key = {(const uint8_t *)"crowd", 5},
					   .value = {value, sizeof(value)}};
	uint8_t command[CROWD_VALUE + 128], datagram[2048];
	struct wire_part part = {.cookie = w->cookie,
				 .request_id = w->puts,
				 .kind = WIRE_COMMAND,
				 .timeout_us = 60000000,
				 .data = command};

	kv_request_encode(&request, command);
	part.size = part.total_size = (uint32_t)kv_request_size(&request);
	send_packet(w, WIRE_REQUEST,
		    wire_part_encode(&part, WIRE_REQUEST, datagram + WIRE_ENVELOPE_SIZE), datagram);
}

void crowd_leave(struct crowd *w)
{
	close(w->fd);
}
