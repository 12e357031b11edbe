/*
 * The admin socket's client (node/admin.h has the byte tables), with a deadline on each step: a
 * paused node accepts a connection and never answers.
 */
#include "tools/lab/ask.h"

#include "dataplane/wire.h"
#include "node/admin.h"
#include "tools/lab/process.h"
#include "tools/lab/state.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Moves `size` bytes in or out before the deadline. 0 or -errno. */
static int move(int fd, uint8_t *in, const uint8_t *out, size_t size, uint64_t deadline_ms)
{
	size_t moved = 0;

	while (moved < size) {
		struct pollfd p = {.fd = fd, .events = in != NULL ? POLLIN : POLLOUT};
		uint64_t now = lab_clock_ms();
		ssize_t n;

		if (now >= deadline_ms || poll(&p, 1, (int)(deadline_ms - now)) == 0)
			return -ETIMEDOUT;
		if (in != NULL)
			n = recv(fd, in + moved, size - moved, MSG_DONTWAIT);
		else
			n = send(fd, out + moved, size - moved, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			moved += (size_t)n;
	}
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int exchange(int fd, uint8_t kind, const char *text, uint64_t deadline_ms,
		    uint32_t timeout_ms, char *answer)
{
	uint8_t header[ADMIN_HEADER_SIZE] = {0}, welcome[WIRE_HELLO_SIZE];
	uint32_t size = htole32((uint32_t)strlen(text));
	uint64_t id = htole64(1), timeout_us = htole64((uint64_t)timeout_ms * 1000);
	int rc = move(fd, welcome, NULL, sizeof(welcome), deadline_ms);

	memcpy(header, &size, 4);
	header[4] = kind;
	memcpy(header + 8, &id, 8);
	memcpy(header + 16, &timeout_us, 8);
	if (rc == 0)
		rc = move(fd, NULL, header, sizeof(header), deadline_ms);
	if (rc == 0)
		rc = move(fd, NULL, (const uint8_t *)text, strlen(text), deadline_ms);
	if (rc == 0)
		rc = move(fd, header, NULL, sizeof(header), deadline_ms);
	if (rc != 0)
		return rc;
	memcpy(&size, header, 4);
	size = le32toh(size);
	if (size >= ASK_TEXT_SIZE)
		return -EPROTO;
	rc = move(fd, (uint8_t *)answer, NULL, size, deadline_ms);
	answer[rc == 0 ? size : 0] = '\0';
	return rc == 0 ? header[4] : rc;
}

int lab_ask(const char *socket_path, uint8_t kind, const char *text, uint32_t timeout_ms,
	    char answer[ASK_TEXT_SIZE])
{
	int fd = connect_to(socket_path), rc;

	answer[0] = '\0';
	if (fd < 0)
		return fd;
	rc = exchange(fd, kind, text, lab_clock_ms() + timeout_ms, timeout_ms, answer);
	close(fd);
	return rc;
}

static void report_line(struct lab_report *out, const char *key, const char *value)
{
	if (strcmp(key, "role") == 0)
		snprintf(out->role, sizeof(out->role), "%s", value);
	else if (strcmp(key, "member_id") == 0)
		out->member_id = strtoull(value, NULL, 16);
	else if (strcmp(key, "leader") == 0)
		out->leader = strtoull(value, NULL, 16);
	else if (strcmp(key, "raft_term") == 0)
		out->term = strtoull(value, NULL, 10);
	else if (strcmp(key, "raft_index") == 0)
		out->index = strtoull(value, NULL, 10);
	else if (strcmp(key, "raft_applied_index") == 0)
		out->applied = strtoull(value, NULL, 10);
	else if (strcmp(key, "durability") == 0)
		snprintf(out->durability, sizeof(out->durability), "%s", value);
	else if (strcmp(key, "error") == 0 && out->error[0] == '\0')
		snprintf(out->error, sizeof(out->error), "%s", value);
}

void lab_report_parse(struct lab_report *out, const char *text)
{
	*out = (struct lab_report){.answered = true};
	while (*text != '\0') {
		char line[256];
		size_t size = strcspn(text, "\n");
		char *blank;

		snprintf(line, sizeof(line), "%.*s", (int)size, text);
		text += size + (text[size] == '\n');
		blank = strchr(line, ' ');
		if (blank == NULL)
			continue;
		*blank = '\0';
		report_line(out, line, blank + 1);
	}
}

void lab_report_get(const struct lab *lab, uint32_t node, uint32_t timeout_ms,
		    struct lab_report *out)
{
	char path[LAB_PATH_MAX], text[ASK_TEXT_SIZE];
	enum process_state state = lab_process_state(lab, node);
	int rc;

	*out = (struct lab_report){0};
	if (state != PROCESS_RUNS) {
		snprintf(out->error, sizeof(out->error), "%s", process_state_name(state));
		return;
	}
	rc = lab_ask(lab_node_path(lab, node, "/admin.sock", path), WIRE_STATUS, "", timeout_ms,
		     text);
	if (rc == WIRE_OK)
		lab_report_parse(out, text);
	else if (rc == -ENOENT || rc == -ECONNREFUSED)
		snprintf(out->error, sizeof(out->error), "still starting");
	else
		snprintf(out->error, sizeof(out->error), "no answer: %s",
			 rc > 0 ? wire_status_text((enum wire_status)rc) : strerror(-rc));
}

int lab_report_leader(const struct lab_report *reports, uint32_t node_count)
{
	for (uint32_t i = 0; i < node_count; i++) {
		uint32_t votes = 0;

		if (!reports[i].answered || strcmp(reports[i].role, "leader") != 0)
			continue;
		for (uint32_t j = 0; j < node_count; j++)
			votes += reports[j].answered && reports[j].term == reports[i].term &&
				 reports[j].leader == reports[i].member_id;
		if (votes > node_count / 2)
			return (int)i;
	}
	return -1;
}
