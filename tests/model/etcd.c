#include "tests/model/etcd.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/model/text.h"

enum { START_TRIES = 5, START_SECONDS = 30, ANSWER_SECONDS = 30 };

static const char etcd_path[] = "/usr/bin/etcd", etcdctl_path[] = "/usr/bin/etcdctl";

const char *etcd_missing(void)
{
	if (access(etcd_path, X_OK) != 0)
		return etcd_path;
	return access(etcdctl_path, X_OK) == 0 ? NULL : etcdctl_path;
}

/* Of nobody at the moment. Who takes it before etcd does makes etcd end; another is tried then. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		err(1, "a free port");
	close(fd);
	return ntohs(address.sin_port);
}

static void run(const struct etcd *e, uint16_t peer_port)
{
	char data[256], log[256], client[64], peer[64], cluster[96];
	char *const environment[] = {NULL};

	snprintf(data, sizeof(data), "%s/data", e->directory);
	snprintf(log, sizeof(log), "%s/log", e->directory);
	snprintf(client, sizeof(client), "http://127.0.0.1:%u", e->port);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", peer_port);
	snprintf(cluster, sizeof(cluster), "default=%s", peer);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	char *const arguments[] = {"etcd",  "--data-dir",
				   data,    "--log-level",
				   "error", "--logger",
				   "zap",   "--listen-client-urls",
				   client,  "--advertise-client-urls",
				   client,  "--listen-peer-urls",
				   peer,    "--initial-advertise-peer-urls",
				   peer,    "--initial-cluster",
				   cluster, NULL};

	/* It does not outlive the test, whatever ends that. */
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(1);
	execve(etcd_path, arguments, environment);
	_exit(1);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct timeval longest = {.tv_sec = ANSWER_SECONDS};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Of one that comes in pieces: are all here, and with them what may follow the last? */
static bool pieces_end(const char *at, const char *end)
{
	while (at < end) {
		char *text;
		size_t size = strtoul(at, &text, 16);

		if (size == 0)
			return strstr(at, "\r\n\r\n") != NULL;
		if (size + 4 > (size_t)(end - text))
			return false;
		at = text + size + 4;
	}
	return false;
}

static void pieces_join(char *body)
{
	char *from = body, *to = body;

	for (size_t size; (size = strtoul(from, &from, 16)) > 0; from += size + 4, to += size)
		memmove(to, from + 2, size);
	*to = '\0';
}

/* Is an answer complete? Then its body is left alone in e->answer. */
static bool whole(struct etcd *e)
{
	char *body = strstr(e->answer, "\r\n\r\n");
	const char *told = strcasestr(e->answer, "\r\nContent-Length:");

	if (body == NULL)
		return false;
	body += 4;
	size_t size = e->answer_size - (size_t)(body - e->answer);
	if (told != NULL && told < body) {
		if (size < strtoul(told + strlen("\r\nContent-Length:"), NULL, 10))
			return false;
	} else {
		if (!pieces_end(body, body + size))
			return false;
		pieces_join(body);
	}
	memmove(e->answer, body, strlen(body) + 1);
	return true;
}

static bool receive(struct etcd *e)
{
	e->answer_size = 0;
	do {
		if (e->answer_size + 65536 > e->answer_max) {
			e->answer_max = 2 * e->answer_max + 65536;
			e->answer = realloc(e->answer, e->answer_max);
			if (e->answer == NULL)
				err(1, "an answer of %zu bytes", e->answer_max);
		}
		ssize_t got = recv(e->connection, e->answer + e->answer_size, 65535, 0);
		if (got <= 0)
			return false;
		e->answer_size += (size_t)got;
		e->answer[e->answer_size] = '\0';
	} while (!whole(e));
	return true;
}

static bool post(struct etcd *e, const char *path, json_t *json)
{
	char *body = json_dumps(json, JSON_COMPACT);

	e->answer_size = 0;
	json_decref(json);
	if (body == NULL)
		err(1, "json");
	int sent = dprintf(e->connection,
			   "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
			   path, strlen(body), body);
	free(body);
	return sent > 0 && receive(e);
}

static bool is_running(const struct etcd *e)
{
	return waitpid(e->pid, NULL, WNOHANG) == 0;
}

/* It hears clients when it has a leader. */
static bool wait_for(struct etcd *e)
{
	const struct timespec while_ = {.tv_nsec = 10 * 1000 * 1000};
	uint64_t end = clock_now() + START_SECONDS * UINT64_C(1000000000);

	while (is_running(e) && clock_now() < end) {
		e->connection = connect_to(e->port);
		if (e->connection >= 0) {
			json_t *json = json_object();

			json_object_set_new(json, "key", json_string("YQ=="));
			if (post(e, "/v3/kv/range", json) && strstr(e->answer, "revision") != NULL)
				return true;
			close(e->connection);
		}
		nanosleep(&while_, NULL);
	}
	return false;
}

void etcd_start(struct etcd *e)
{
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	*e = (struct etcd){.connection = -1};
	if (asprintf(&e->directory, "%s/quoin-etcd-XXXXXX", memory) < 0 ||
	    mkdtemp(e->directory) == NULL)
		err(1, "a directory in %s", memory);
	signal(SIGPIPE, SIG_IGN); /* of an etcd that has died: it is told by what does not come */
	for (int i = 0; i < START_TRIES; i++) {
		e->port = free_port();
		uint16_t peer_port = free_port();
		fflush(stdout);
		e->pid = fork();
		if (e->pid < 0)
			err(1, "fork");
		if (e->pid == 0)
			run(e, peer_port);
		if (wait_for(e))
			return;
		kill(e->pid, SIGKILL);
		waitpid(e->pid, NULL, 0);
	}
	errx(1, "etcd does not start: see %s/log", e->directory);
}

void etcd_lease_grant(struct etcd *e, int64_t id)
{
	json_t *json = json_object();
	char text[32];

	snprintf(text, sizeof(text), "%ld", id);
	json_object_set_new(json, "ID", json_string(text));
	json_object_set_new(json, "TTL", json_integer(1000000));
	if (!post(e, "/v3/lease/grant", json) || strstr(e->answer, "\"TTL\"") == NULL)
		errx(1, "no lease %ld: %s", id, e->answer);
}

/* What `etcdctl endpoint hashkv` prints, into e->answer. */
static void run_hashkv(struct etcd *e, int64_t revision)
{
	char endpoint[64], rev[64];
	char *const environment[] = {"ETCDCTL_API=3", NULL};
	char *const arguments[] = {"etcdctl", "--endpoints", endpoint, "endpoint", "hashkv",
				   rev,       "-w",          "json",   NULL};
	int out[2];
	ssize_t got;

	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", e->port);
	snprintf(rev, sizeof(rev), "--rev=%ld", revision);
	if (pipe2(out, O_CLOEXEC) != 0)
		err(1, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		if (dup2(out[1], 1) == 1 && dup2(out[1], 2) == 2)
			execve(etcdctl_path, arguments, environment);
		_exit(1);
	}
	close(out[1]);
	e->answer_size = 0;
	while ((got = read(out[0], e->answer + e->answer_size,
			   e->answer_max - 1 - e->answer_size)) > 0)
		e->answer_size += (size_t)got;
	e->answer[e->answer_size] = '\0';
	close(out[0]);
	waitpid(pid, NULL, 0);
}

/* etcdctl gives an array of one, with the answer in it; or says in a sentence what was refused. */
static bool hash(struct etcd *e, const struct model_request *r, struct model_answer *answer,
		 struct model_arena *arena)
{
	bool good = false;

	run_hashkv(e, r->revision);
	*answer = (struct model_answer){.kind = r->kind};
	for (int i = MODEL_OK + 1; i < MODEL_PANIC; i++) {
		if (strstr(e->answer, model_error_text((enum model_error)i)) != NULL) {
			answer->error = (enum model_error)i;
			return true;
		}
	}
	/* Ids are above what an integer of jansson holds; what is read of it is below 2^53. */
	json_t *json = json_loads(e->answer, JSON_DECODE_INT_AS_REAL, NULL);
	json_t *part = json_object_get(json_array_get(json, 0), "HashKV");
	if (part != NULL)
		good = model_answer_from_json(r, part, answer, arena);
	json_decref(json);
	return good;
}

bool etcd_do(struct etcd *e, const struct model_request *r, struct model_answer *answer,
	     struct model_arena *arena)
{
	if (r->kind == MODEL_HASH)
		return hash(e, r, answer, arena);
	if (!post(e, model_request_path(r), model_request_json(r)))
		return false;
	json_t *json = json_loads(e->answer, 0, NULL);
	bool good = json != NULL && model_answer_from_json(r, json, answer, arena);
	json_decref(json);
	return good;
}

static int take_away(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	(void)status;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void etcd_stop(struct etcd *e)
{
	kill(e->pid, SIGKILL);
	waitpid(e->pid, NULL, 0);
	close(e->connection);
	nftw(e->directory, take_away, 16, FTW_DEPTH | FTW_PHYS);
	free(e->directory);
	free(e->answer);
}
