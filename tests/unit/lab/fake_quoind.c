/*
 * The least of a node that the lab needs, so that the lab is tested without one: reads its
 * configuration, answers WELCOME and status at the admin socket, notes the faults it is told. The
 * first member leads. FAKE_END=NAME makes that node end at once, FAKE_MUTE=NAME never come so far
 * that it answers or writes.
 *
 * The members are in DIR/members, and the leader does to them what it is ordered to. A directory
 * that is to join asks while its process runs, by its file "asks", and is bound to the new member
 * there. What the file
 * DIR/refuse says it answers instead, once if that begins so; while there is a DIR/joining nobody
 * who is new catches up, and while there is a DIR/nameless nobody has said its name.
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

enum { MEMBERS_MAX = 32, LINE_MAX_SIZE = 160, TEXT_MAX = 8192 };

/* What all nodes of the lab share. */
static const char *shared(const struct config *c, const char *name, char out[CONFIG_PATH_MAX + 16])
{
	snprintf(out, CONFIG_PATH_MAX + 16, "%.*s/%s",
		 (int)(strrchr(c->data_dir, '/') - c->data_dir), c->data_dir, name);
	return out;
}

static struct member {
	uint64_t id, replaces;
	char place[32], state[16];
	bool bound;
} member[MEMBERS_MAX];
static uint32_t member_count;

static void member_add(uint64_t id, const char *place, const char *state, uint64_t replaces,
		       bool bound)
{
	struct member *m = &member[member_count++];

	*m = (struct member){.id = id, .replaces = replaces, .bound = bound};
	snprintf(m->place, sizeof(m->place), "%s", place);
	snprintf(m->state, sizeof(m->state), "%s", state);
}

static void member_remove(uint64_t id)
{
	for (uint32_t i = 0; i < member_count; i++) {
		if (member[i].id == id)
			member[i--] = member[--member_count];
	}
}

static bool leads(const struct config *c)
{
	return strcmp(c->member[c->self].name, "n1") == 0;
}

static bool is_stopped(long pid)
{
	char path[48], state = 'X';
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	in = fopen(path, "re");
	if (!in)
		return true;
	if (fscanf(in, "%*d %*s %c", &state) != 1)
		state = 'X';
	fclose(in);
	return state == 'T' || state == 'Z' || state == 'X';
}

/* "198.18.0.4:2380" is node 4. One that does not run asks for nothing. */
static bool is_asking(const struct config *c, const char *place)
{
	char name[24], path[CONFIG_PATH_MAX + 16];
	int node = (int)strtol(strrchr(place, '.') + 1, NULL, 10);
	long pid = 0;
	FILE *in;

	snprintf(name, sizeof(name), "n%d.pid", node);
	in = fopen(shared(c, name, path), "re");
	if (!in || fscanf(in, "%ld", &pid) != 1)
		pid = 0;
	if (in)
		fclose(in);
	snprintf(name, sizeof(name), "n%d/asks", node);
	return pid > 0 && !is_stopped(pid) && unlink(shared(c, name, path)) == 0;
}

static void members_load(const struct config *c)
{
	char path[CONFIG_PATH_MAX + 16], place[32], state[16];
	FILE *in = fopen(shared(c, "members", path), "re");
	uint64_t id, replaces;
	int bound;

	member_count = 0;
	while (in && fscanf(in, "%" SCNx64 " %31s %15s %" SCNx64 " %d\n", &id, place, state,
			    &replaces, &bound) == 5)
		member_add(id, place, state, replaces, bound);
	for (uint32_t i = 0; !in && i < c->member_count; i++) {
		uint64_t there = config_member_place(&c->member[i]);

		snprintf(place, sizeof(place), "198.18.0.%u:2380", (unsigned)(there >> 16 & 0xff));
		member_add(there, place, "voter", 0, true);
	}
	if (in)
		fclose(in);
	for (uint32_t i = 0; leads(c) && i < member_count; i++)
		member[i].bound = member[i].bound || is_asking(c, member[i].place);
	/* Who is new has caught up. */
	for (uint32_t i = 0; access(shared(c, "joining", path), F_OK) != 0 && i < member_count;
	     i++) {
		if (strcmp(member[i].state, "joining") != 0 || !member[i].bound)
			continue;
		memcpy(member[i].state, "voter", sizeof("voter"));
		id = member[i].replaces;
		member[i].replaces = 0;
		if (id) {
			member_remove(id);
			i = 0;
		}
	}
}

static void members_save(const struct config *c)
{
	char path[CONFIG_PATH_MAX + 16];
	FILE *out = fopen(shared(c, "members", path), "we");

	for (uint32_t i = 0; out && i < member_count; i++)
		fprintf(out, "%016" PRIx64 " %s %s %016" PRIx64 " %d\n", member[i].id,
			member[i].place, member[i].state, member[i].replaces, member[i].bound);
	if (!out || fclose(out) != 0)
		exit(1);
}

/* The answer to a line of the leader's orders. */
static size_t order(const struct config *c, char *line, char *out, size_t size)
{
	static const char once[] = "once ";
	static uint64_t next = 0xa000;
	char path[CONFIG_PATH_MAX + 16], verb[16] = "", word[32] = "", place[32] = "",
					 why[128] = "";
	FILE *refuse = fopen(shared(c, "refuse", path), "re");

	if (refuse) {
		if (!fgets(why, sizeof(why), refuse))
			why[0] = '\0';
		fclose(refuse);
		if (strncmp(why, once, strlen(once)) == 0) {
			unlink(path);
			return (size_t)snprintf(out, size, "refused %s", why + strlen(once));
		}
		return (size_t)snprintf(out, size, "refused %s", why);
	}
	members_load(c);
	sscanf(line, "%15s %31s %31s", verb, word, place);
	if (strcmp(verb, "remove") == 0)
		member_remove(strtoull(word, NULL, 16));
	else if (strcmp(verb, "replace") == 0)
		member_add(++next, place, "joining", strtoull(word, NULL, 16), false);
	else
		member_add(++next, word, strcmp(verb, "add") == 0 ? "joining" : "learner", 0,
			   false);
	members_save(c);
	return (size_t)snprintf(out, size, "done %016" PRIx64 "\n", next);
}

/* Somebody has put a file there. */
static bool is_forced(const struct config *c)
{
	char path[CONFIG_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/forced", c->data_dir);
	return access(path, F_OK) == 0;
}

static size_t status_text(const struct config *c, char *out, size_t size)
{
	const char *behind = getenv("FAKE_BEHIND"), *name;
	char path[CONFIG_PATH_MAX + 16];
	uint64_t leader = 0;
	size_t used;

	for (uint32_t i = 0; i < c->member_count; i++) {
		if (strcmp(c->member[i].name, "n1") == 0)
			leader = config_member_place(&c->member[i]);
	}
	used = (size_t)snprintf(
		out, size,
		"name %s\ncluster_id %d\nmember_id %016" PRIx64 "\nrole %s\nleader %016" PRIx64
		"\nraft_term 2\nraft_index 5\nraft_applied_index %d\n",
		c->name, is_forced(c) ? 2 : 1, config_member_place(&c->member[c->self]),
		leads(c) ? "leader" : "follower", leader,
		behind && strcmp(behind, c->name) == 0 ? 4 : 5);
	for (uint32_t i = 0; i < c->member_count; i++) {
		if (i != c->self)
			used += (size_t)snprintf(
				out + used, size - used, "peer %s id=%016" PRIx64 " address=-\n",
				c->member[i].name, config_member_place(&c->member[i]));
	}
	members_load(c);
	name = access(shared(c, "nameless", path), F_OK) == 0 ? "-" : "x";
	for (uint32_t i = 0; i < member_count; i++)
		used += (size_t)snprintf(out + used, size - used,
					 "member x id=%016" PRIx64 " address=%s client_port=- "
					 "state=%s bound=%d replaces=%016" PRIx64 " name=%s\n",
					 member[i].id, member[i].place, member[i].state,
					 member[i].bound, member[i].replaces, name);
	if (leads(c))
		members_save(c);
	return used;
}

/* Its first start with this directory; who forms a cluster does not ask. */
static void ask(const struct config *c)
{
	char path[CONFIG_PATH_MAX + 16];
	bool first;

	mkdir(c->data_dir, 0700);
	snprintf(path, sizeof(path), "%s/identity", c->data_dir);
	first = access(path, F_OK) != 0;
	if (first)
		fclose(fopen(path, "we"));
	snprintf(path, sizeof(path), "%s/asks", c->data_dir);
	if (first && c->existing)
		fclose(fopen(path, "we"));
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
	char text[TEXT_MAX], line[LINE_MAX_SIZE];

	if (send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL) < 0 ||
	    recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes) ||
	    stream_header_decode(&header, STREAM_CLIENT, bytes) != 0 ||
	    header.size > sizeof(text) ||
	    (header.size > 0 && recv(fd, text, header.size, MSG_WAITALL) != (ssize_t)header.size))
		return;
	if (header.code == WIRE_FAULT) {
		note_faults(c, text, header.size);
		header.size = 0;
	} else if (header.code == WIRE_ORDER) {
		snprintf(line, sizeof(line), "%.*s", (int)header.size, text);
		header.size = (uint32_t)order(c, line, text, sizeof(text));
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
	ask(&c);
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
