#include "tools/bench/endpoint.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "dataplane/client.h"
#include "node/admin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int endpoint_parse(struct endpoint *out, const char *text)
{
	char host[ENDPOINT_TEXT_MAX], *colon, *end;
	struct in_addr in;
	unsigned long port;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(out->text))
		return -EINVAL;
	memcpy(out->text, text, strlen(text));
	if (strncmp(text, "unix:", 5) == 0) {
		out->is_unix = true;
		if (!text[5] || strlen(text + 5) >= sizeof(out->path))
			return -EINVAL;
		memcpy(out->path, text + 5, strlen(text + 5));
		return 0;
	}
	memcpy(host, text, strlen(text) + 1);
	colon = strrchr(host, ':');
	if (!colon)
		return -EINVAL;
	*colon = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (!colon[1] || *end || port == 0 || port > 65535 || inet_pton(AF_INET, host, &in) != 1)
		return -EINVAL;
	out->address = ntohl(in.s_addr);
	out->port = (uint16_t)port;
	return 0;
}

/* Waits for the descriptor until the deadline. 0 or -ETIMEDOUT, -errno. */
static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now = clock_now();
	struct timespec left = {0};
	int ready;

	if (now < deadline_ns) {
		left.tv_sec = (time_t)((deadline_ns - now) / CLOCK_S);
		left.tv_nsec = (long)((deadline_ns - now) % CLOCK_S);
	}
	ready = ppoll(&p, 1, &left, NULL);
	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready ? 0 : -ETIMEDOUT;
}

static int read_whole(int fd, uint8_t *out, size_t size, uint64_t deadline_ns)
{
	while (size) {
		ssize_t got = recv(fd, out, size, MSG_DONTWAIT);
		int error = 0;

		if (got == 0)
			return -ECONNRESET;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got < 0) {
			error = wait_for(fd, POLLIN, deadline_ns);
			got = 0;
		}
		if (error)
			return error;
		out += got;
		size -= (size_t)got;
	}
	return 0;
}

static int write_whole(int fd, const uint8_t *data, size_t size, uint64_t deadline_ns)
{
	while (size) {
		ssize_t sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		int error = 0;

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent < 0) {
			error = wait_for(fd, POLLOUT, deadline_ns);
			sent = 0;
		}
		if (error)
			return error;
		data += sent;
		size -= (size_t)sent;
	}
	return 0;
}

int endpoint_connect(const struct endpoint *e, struct wire_hello *welcome, uint64_t timeout_ns)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint8_t body[WIRE_HELLO_SIZE];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, e->path, sizeof(e->path));
	error = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (!error)
		error = read_whole(fd, body, sizeof(body), clock_now() + timeout_ns);
	if (!error)
		error = wire_hello_decode(welcome, WIRE_WELCOME, body, sizeof(body));
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int endpoint_call(int fd, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, enum wire_status *status, uint8_t *answer, uint32_t size_max)
{
	uint8_t header[ADMIN_HEADER_SIZE] = {0};
	uint64_t deadline = clock_now() + timeout_ns;
	uint32_t answer_size;
	int error;

	bytes_put32(header, size);
	header[4] = (uint8_t)kind;
	header[8] = 1;
	bytes_put64(header + 16, timeout_ns / CLOCK_US);
	error = write_whole(fd, header, sizeof(header), deadline);
	if (!error && size)
		error = write_whole(fd, request, size, deadline);
	if (!error)
		error = read_whole(fd, header, sizeof(header), deadline);
	if (error)
		return error;
	answer_size = bytes_get32(header);
	*status = (enum wire_status)header[4];
	if (answer_size > size_max)
		return -EMSGSIZE;
	error = read_whole(fd, answer, answer_size, deadline);
	return error ? error : (int)answer_size;
}

static int status_unix(const struct endpoint *e, char *text, uint64_t timeout_ns)
{
	struct wire_hello welcome;
	enum wire_status status = WIRE_INVALID;
	int fd = endpoint_connect(e, &welcome, timeout_ns);
	int size;

	if (fd < 0)
		return fd;
	size = endpoint_call(fd, WIRE_STATUS, NULL, 0, timeout_ns, &status, (uint8_t *)text,
			     ENDPOINT_STATUS_MAX - 1);
	close(fd);
	if (size < 0)
		return size;
	text[size] = '\0';
	return status == WIRE_OK ? 0 : -EPROTO;
}

static int udp_drive(int fd, struct client *c, uint64_t deadline_ns)
{
	uint8_t payload[2048];

	while (client_get_state(c) == CLIENT_WAITING && clock_now() < deadline_ns) {
		uint64_t now = clock_now(), wake = client_deadline(c);
		size_t size;
		ssize_t got;
		int error;

		while ((size = client_send(c, now, payload)) > 0) {
			if (send(fd, payload, size, 0) < 0 && errno != ECONNREFUSED &&
			    errno != EAGAIN)
				return -errno;
		}
		error = wait_for(fd, POLLIN, wake < deadline_ns ? wake : deadline_ns);
		if (error && error != -ETIMEDOUT)
			return error;
		got = recv(fd, payload, sizeof(payload), MSG_DONTWAIT);
		if (got > 0)
			client_receive(c, clock_now(), payload, (size_t)got);
	}
	return client_get_state(c) == CLIENT_DONE ? 0 : -ETIMEDOUT;
}

static int status_udp(const struct endpoint *e, char *text, uint64_t timeout_ns)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(e->port),
				 .sin_addr.s_addr = htonl(e->address)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const uint8_t *answer;
	struct client *c = NULL;
	uint32_t size;
	int error;

	if (fd < 0)
		return -errno;
	error = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
	if (!error)
		error = client_create(&c, clock_now() ^ (uint64_t)getpid() << 40);
	if (!error) {
		client_request(c, WIRE_STATUS, NULL, 0, clock_now(), timeout_ns);
		error = udp_drive(fd, c, clock_now() + timeout_ns);
	}
	if (!error && client_status(c) != WIRE_OK)
		error = -EPROTO;
	if (!error) {
		answer = client_answer(c, &size);
		if (size >= ENDPOINT_STATUS_MAX)
			size = ENDPOINT_STATUS_MAX - 1;
		memcpy(text, answer, size);
		text[size] = '\0';
	}
	if (c)
		client_destroy(c);
	close(fd);
	return error;
}

int endpoint_status(const struct endpoint *e, char text[ENDPOINT_STATUS_MAX], uint64_t timeout_ns)
{
	return e->is_unix ? status_unix(e, text, timeout_ns) : status_udp(e, text, timeout_ns);
}

bool status_get(const char *text, const char *key, char *out, size_t size_max)
{
	size_t key_size = strlen(key);

	for (const char *line = text; *line;) {
		size_t size = strcspn(line, "\n");

		if (size > key_size && strncmp(line, key, key_size) == 0 && line[key_size] == ' ') {
			size -= key_size + 1;
			if (size >= size_max)
				return false;
			memcpy(out, line + key_size + 1, size);
			out[size] = '\0';
			return true;
		}
		line += size + (line[size] == '\n');
	}
	return false;
}

uint64_t status_get_number(const char *text, const char *key, int base)
{
	char value[32];

	return status_get(text, key, value, sizeof(value)) ? strtoull(value, NULL, base) : 0;
}

static void get_word(const char *text, const char *key, char *out, size_t size_max)
{
	if (!status_get(text, key, out, size_max))
		snprintf(out, size_max, "?");
}

void status_parse(struct status *out, const char *text)
{
	get_word(text, "name", out->name, sizeof(out->name));
	get_word(text, "role", out->role, sizeof(out->role));
	get_word(text, "durability", out->durability, sizeof(out->durability));
	get_word(text, "link", out->link, sizeof(out->link));
	out->member_id = status_get_number(text, "member_id", 16);
	out->leader = status_get_number(text, "leader", 16);
	out->term = status_get_number(text, "raft_term", 10);
	out->applied = status_get_number(text, "raft_applied_index", 10);
	out->commit = status_get_number(text, "commit_index", 10);
}
