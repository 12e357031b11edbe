#include "tests/unit/doors/calls_rig.h"

#include "tests/unit/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const struct door_welcome rig_welcome = {.cluster_id = 11, .member_id = 22};

int calls_setup(void **state)
{
	static struct rig rig;
	char error[CALLS_ERROR_MAX];

	snprintf(rig.directory, sizeof(rig.directory), "/tmp/calls_test.XXXXXX");
	assert_non_null(mkdtemp(rig.directory));
	snprintf(rig.path, sizeof(rig.path), "%s/socket", rig.directory);
	assert_int_equal(calls_create(&rig.calls, rig.path, &rig_welcome, error), 0);
	*state = &rig;
	return 0;
}

int calls_teardown(void **state)
{
	struct rig *rig = *state;

	calls_destroy(rig->calls);
	assert_int_equal(access(rig->path, F_OK), -1);
	return rmdir(rig->directory);
}

int dial(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig->path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void read_all(int fd, uint8_t *to, size_t size)
{
	size_t got = 0;

	while (got < size) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		n = read(fd, to + got, size - got);
		assert_true(n > 0);
		got += (size_t)n;
	}
}

void read_welcome(int fd, struct wire_hello *hello)
{
	uint8_t bytes[WIRE_HELLO_SIZE];

	read_all(fd, bytes, sizeof(bytes));
	assert_int_equal(wire_hello_decode(hello, WIRE_WELCOME, bytes, sizeof(bytes)), 0);
}

void header(uint8_t out[STREAM_HEADER_SIZE], uint32_t size, uint8_t kind, uint8_t id)
{
	memset(out, 0, STREAM_HEADER_SIZE);
	memcpy(out, &size, 4);
	out[4] = kind;
	out[8] = id;
}

struct call *take(struct calls *a)
{
	for (int i = 0; i < DEADLINE_MS; i++) {
		struct call *call = calls_take(a);

		if (call)
			return call;
		poll(NULL, 0, 1);
	}
	fail_msg("no call came to the loop");
	/* The compiler does not know that a failed test does not go on. */
	abort();
}
