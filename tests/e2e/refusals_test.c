/*
 * Refusals that a client meets only if it is slow: quoinctl runs through a socket that holds back
 * what it says, or what it is told, while the store moves on.
 */
#include "kv/command.h"
#include "kv/kv.h"
#include "tests/e2e/cluster.h"
#include "tests/unit/test.h"
#include "tools/client/endpoint.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	QUOTA_MIB = 256, /* a quarter of it may be held back for readers */
	KEYS = 12,
	VALUE_SIZE = 1 << 20,
	ROUNDS = 7, /* of KEYS values, which a reader holds back but for the newest */
	PASSED_MAX = 64 << 10,
};

#define CALL_NS 5000000000u

static struct cluster c;
static struct run out;

/* Between one client and the node: all passes, but for what comes one way from a moment on. */
struct hold {
	char path[128];
	bool answer; /* it is the node's answer that is held, in its middle; else the request */
	int listener;
	pthread_t thread;
	atomic_bool holding, released;
};

static int socket_to(const char *path, bool listens)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_true(fd >= 0);
	if (listens) {
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(listen(fd, 1), 0);
	} else {
		assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	}
	return fd;
}

/* False: it has ended. */
static bool pass(int from, int to, size_t *passed)
{
	char bytes[4096];
	ssize_t size = recv(from, bytes, sizeof(bytes), 0), sent;

	if (size <= 0)
		return false;
	for (ssize_t at = 0; at < size; at += sent) {
		sent = send(to, bytes + at, (size_t)(size - at), MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
	}
	*passed += (size_t)size;
	return true;
}

static void *hold_run(void *argument)
{
	struct hold *h = argument;
	char node_path[128];
	size_t asked = 0, answered = 0;
	int client = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC), node;
	bool open = true;

	assert_true(client >= 0);
	node = socket_to(cluster_admin(&c, 1, node_path) + strlen("unix:"), false);
	while (open) {
		bool released = atomic_load(&h->released);
		bool hold_answer = h->answer && answered >= PASSED_MAX && !released;
		struct pollfd fds[2] = {{client, POLLIN, 0}, {hold_answer ? -1 : node, POLLIN, 0}};

		if (hold_answer)
			atomic_store(&h->holding, true);
		assert_true(poll(fds, 2, 10) >= 0);
		if (fds[0].revents && !h->answer && !released)
			atomic_store(&h->holding, true);
		else if (fds[0].revents)
			open = pass(client, node, &asked);
		if (open && fds[1].revents)
			open = pass(node, client, &answered);
	}
	close(client);
	close(node);
	return NULL;
}

static void hold_begin(struct hold *h, const char *name, bool answer)
{
	*h = (struct hold){.answer = answer};
	snprintf(h->path, sizeof(h->path), "%s/%s", c.dir, name);
	h->listener = socket_to(h->path, true);
	assert_int_equal(pthread_create(&h->thread, NULL, hold_run, h), 0);
}

static bool is_holding(void *context)
{
	return atomic_load(&((struct hold *)context)->holding);
}

/* quoinctl through it, as far as the hold lets it come. */
static pid_t held_begins(struct hold *h, const char *const *words, const char *file)
{
	char endpoint[160];
	const char *argv[8] = {"quoinctl", "--command-timeout=30s", "--endpoints", endpoint};
	pid_t pid;

	snprintf(endpoint, sizeof(endpoint), "unix:%s", h->path);
	for (size_t i = 0; words[i]; i++)
		argv[4 + i] = words[i];
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!freopen(file, "w", stdout) || dup2(1, 2) < 0)
			_exit(126);
		execv(program("quoinctl"), (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	require(&c, wait_until(is_holding, h, CLUSTER_WAIT_MS), "nothing came of %s", words[0]);
	return pid;
}

static void held_ends(struct hold *h, pid_t pid, const char *file, int status, const char *says)
{
	char text[1024] = "";
	FILE *from;
	int how;

	atomic_store(&h->released, true);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_int_equal(pthread_join(h->thread, NULL), 0);
	close(h->listener);
	from = fopen(file, "re");
	assert_non_null(from);
	text[fread(text, 1, sizeof(text) - 1, from)] = '\0';
	fclose(from);
	unlink(file);
	unlink(h->path);
	require(&c, WIFEXITED(how) && WEXITSTATUS(how) == status && strcmp(text, says) == 0,
		"status %x: %s", (unsigned)how, text);
}

/* A put, if it is nothing else. The revision. */
static uint64_t put(struct endpoint *e, struct kv_request *request)
{
	static uint8_t bytes[VALUE_SIZE + 4096];
	struct endpoint_answer answer;
	struct kv_answer kv;

	if (!request->operation)
		request->operation = KV_PUT;
	assert_true(kv_request_size(request) <= sizeof(bytes));
	kv_request_encode(request, bytes);
	assert_int_equal(endpoint_call(e, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(request),
				       CALL_NS, &answer),
			 0);
	require(&c, answer.status == WIRE_OK, "%s", status_row(answer.status)->words);
	assert_int_equal(kv_answer_decode(&kv, answer.data, answer.size), 0);
	require(&c, kv.status == KV_OK, "%s", kv_status_text(kv.status));
	return kv.revision;
}

static struct endpoint *open_node(void)
{
	char text[128], error[ADDRESS_ERROR_MAX];
	struct endpoint *e;

	assert_int_equal(endpoint_open(&e, cluster_admin(&c, 1, text), error), 0);
	return e;
}

/* So many others came in between that what became of its session is not known any more. */
static void F5_a_session_that_expired(void **state)
{
	static const char *const words[] = {"put", "late", "x", NULL};
	struct wire_hello welcome;
	struct endpoint *e;
	struct hold h;
	char file[160], text[128];
	pid_t pid;

	(void)state;
	cluster_up(&c, 1, "memif", "--durability volatile");
	snprintf(file, sizeof(file), "%s/said", c.dir);
	hold_begin(&h, "held", false);
	pid = held_begins(&h, words, file);
	e = open_node();
	assert_int_equal(endpoint_welcome(e, CALL_NS, &welcome), 0);
	for (uint64_t i = 0; i <= KV_SESSIONS_MAX; i++) {
		struct kv_request request = {
			.flags = KV_ONE_SHOT,
			.session = i + 1,
			.sequence = 1,
			.session_base = welcome.commit_index,
			.key = {(const uint8_t *)"key", 3},
		};

		put(e, &request);
	}
	endpoint_close(e);
	held_ends(&h, pid, file, 3,
		  "Error: quoin: session expired: an earlier attempt may have been applied (it may "
		  "have been done)\n");
	/* It was not, and a new one is another matter. */
	run(&out, "quoinctl", "--endpoints %s get late", cluster_admin(&c, 1, text));
	require(&c, out.status == 0 && out.text[0] == '\0', "exit %d: %s", out.status, out.text);
	run(&out, "quoinctl", "--endpoints %s put late y", text);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
}

/* All keys anew, and what they had is compacted. */
static void fill(struct endpoint *e, uint64_t round)
{
	struct kv_request compaction = {
		.operation = KV_COMPACT, .session = 2, .sequence = round + 1};
	static uint8_t value[VALUE_SIZE];
	char key[16];

	for (uint64_t i = 0; i < KEYS; i++) {
		struct kv_request request = {
			.session = 1,
			.sequence = round * KEYS + i + 1,
			.value = {value, VALUE_SIZE},
		};

		snprintf(key, sizeof(key), "fill/%02" PRIu64, i);
		request.key = (struct kv_bytes){(const uint8_t *)key, (uint32_t)strlen(key)};
		compaction.revision = put(e, &request);
	}
	put(e, &compaction);
}

/* What a slow reader has still to see is kept for so many bytes, and not for ever. */
static void F5_a_listing_that_is_read_too_slowly(void **state)
{
	static const char *const words[] = {"get", "--prefix", "fill/", NULL};
	struct endpoint *e;
	char path[256], text[128];
	struct hold h;
	FILE *file;
	pid_t pid;

	(void)state;
	cluster_lab(&c, "kill 1");
	snprintf(path, sizeof(path), "%s/n1.yaml", c.dir);
	file = fopen(path, "ae");
	assert_non_null(file);
	fprintf(file, "\nquota-backend-bytes: %dMiB\n", QUOTA_MIB);
	fclose(file);
	cluster_lab(&c, "restart 1");
	e = open_node();
	snprintf(path, sizeof(path), "%s/said", c.dir);
	fill(e, 0);
	hold_begin(&h, "held", true);
	pid = held_begins(&h, words, path);
	for (uint64_t round = 1; round <= ROUNDS; round++)
		fill(e, round);
	held_ends(&h, pid, path, 1,
		  "Error: etcdserver: mvcc: required revision has been compacted\n");
	/* "Ask again", as quoinctl(1) says. */
	run(&out, "quoinctl", "--endpoints %s get --prefix --keys-only fill/",
	    cluster_admin(&c, 1, text));
	require(&c, out.status == 0 && strstr(out.text, "fill/11"), "exit %d: %s", out.status,
		out.text);
	endpoint_close(e);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F5_a_session_that_expired),
		cmocka_unit_test(F5_a_listing_that_is_read_too_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
