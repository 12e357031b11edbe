/*
 * The least of a node that the lab needs, so that the lab is tested without one: reads its
 * configuration, answers WELCOME and status at the admin socket, notes the faults it is told. The
 * first member leads. FAKE_END=NAME makes that node end at once, FAKE_MUTE=NAME never come so far
 * that it answers or writes.
 */
#include "config/config.h"
#include "dataplane/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static size_t status_text(const struct config *c, char *out, size_t size)
{
	const char *behind = getenv("FAKE_BEHIND");
	uint64_t leader = 0;
	size_t used;

	for (uint32_t i = 0; i < c->member_count; i++) {
		if (strcmp(c->member[i].name, "n1") == 0)
			leader = config_member_place(&c->member[i]);
	}
	used = (size_t)snprintf(out, size,
				"name %s\nmember_id %016" PRIx64 "\nrole %s\nleader %016" PRIx64
				"\nraft_term 2\nraft_index 5\nraft_applied_index %d\n",
				c->name, config_member_place(&c->member[c->self]),
				config_member_place(&c->member[c->self]) == leader ? "leader"
										   : "follower",
				leader, behind && strcmp(behind, c->name) == 0 ? 4 : 5);
	for (uint32_t i = 0; i < c->member_count; i++) {
		if (i != c->self)
			used += (size_t)snprintf(
				out + used, size - used, "peer %s id=%016" PRIx64 " address=-\n",
				c->member[i].name, config_member_place(&c->member[i]));
	}
	return used;
}

static void note_faults(const struct config *c, const char *text, size_t size)
{
	char path[CONFIG_PATH_MAX + 16];
	FILE *out;

	snprintf(path, sizeof(path), "%s/faults", c->data_dir);
	out = fopen(path, "we");
	if (!out || fwrite(text, 1, size, out) != size || fclose(out) != 0)
		exit(1);
}

static void serve(const struct config *c, int fd)
{
	uint8_t bytes[STREAM_HEADER_SIZE], welcome[WIRE_HELLO_SIZE] = {0};
	struct stream_header header;
	char text[4096];

	if (send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL) < 0 ||
	    recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes) ||
	    stream_header_decode(&header, STREAM_CLIENT, bytes) != 0 ||
	    header.size > sizeof(text) ||
	    (header.size > 0 && recv(fd, text, header.size, MSG_WAITALL) != (ssize_t)header.size))
		return;
	if (header.code == WIRE_FAULT) {
		note_faults(c, text, header.size);
		header.size = 0;
	} else {
		header.size = (uint32_t)status_text(c, text, sizeof(text));
	}
	header.code = WIRE_OK;
	stream_header_encode(&header, STREAM_NODE, bytes);
	if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		send(fd, text, header.size, MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static struct config c;
	static struct config_errors errors;
	const char *end = getenv("FAKE_END"), *mute = getenv("FAKE_MUTE");
	int listener;

	if (argc != 3 || config_load(&c, argv[2], &errors) != 0)
		return 3;
	if (end && strcmp(end, c.name) == 0) {
		fprintf(stderr, "the last word of %s\n", c.name);
		return 4;
	}
	if (mute && strcmp(mute, c.name) == 0)
		for (;;)
			pause();
	mkdir(c.data_dir, 0700);
	/* config_load has seen to its length. */
	memcpy(address.sun_path, c.admin_socket, strlen(c.admin_socket) + 1);
	unlink(c.admin_socket);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 8) != 0)
		return 1;
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return 1;
		serve(&c, fd);
		close(fd);
	}
}
