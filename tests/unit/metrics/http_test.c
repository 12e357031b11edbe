/*
 * HTTP over a real socket of this host: what is served, to whom, and who is not held up by whom.
 */
#include "metrics/http.h"

#include "base/clock.h"
#include "metrics/places.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PAGE_SIZE = 256 * 1024 };

struct server {
	struct metrics_exchange *exchange;
	struct metrics_http *http;
	struct metrics_http_listener at;
	pthread_t loop;
	_Atomic bool stop, stuck, stands;
};

/* A loop with a leader, until it is told to stand still. */
static void *loop_main(void *argument)
{
	struct server *s = argument;

	for (uint64_t now = METRICS_PUBLISH_NS; !atomic_load(&s->stop); now += METRICS_PUBLISH_NS) {
		uint32_t ticket = metrics_exchange_ticket(s->exchange);

		sched_yield();
		if (atomic_load(&s->stuck)) {
			atomic_store(&s->stands, true);
			continue;
		}
		if (ticket)
			metrics_exchange_confirmed(s->exchange, ticket);
		if (metrics_exchange_wanted(s->exchange, now)) {
			struct metrics *m = metrics_exchange_begin(s->exchange);

			*m = (struct metrics){.has_leader = 1, .commit = 4711};
			metrics_exchange_publish(s->exchange, now);
		}
	}
	return NULL;
}

static int bound_socket(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void start(struct server *s, bool with_loop)
{
	static struct metrics first;
	char error[METRICS_HTTP_ERROR_MAX];
	int err = -EADDRINUSE;

	memset(s, 0, sizeof(*s));
	snprintf(first.waiting, sizeof(first.waiting), "the log is read");
	assert_int_equal(metrics_exchange_create(&s->exchange, &first), 0);
	s->at.address = INADDR_LOOPBACK;
	/* A port that was free a moment ago may be taken since. */
	for (int i = 0; i < 20 && err == -EADDRINUSE; i++) {
		close(bound_socket(&s->at.port));
		err = metrics_http_start(&s->http, s->exchange, &s->at, 1, error);
	}
	assert_int_equal(err, 0);
	if (!with_loop)
		return;
	metrics_exchange_attach(s->exchange);
	assert_int_equal(pthread_create(&s->loop, NULL, loop_main, s), 0);
}

static void stop(struct server *s, bool with_loop)
{
	atomic_store(&s->stop, true);
	if (with_loop)
		pthread_join(s->loop, NULL);
	metrics_exchange_detach(s->exchange);
	metrics_http_stop(s->http);
	metrics_exchange_destroy(s->exchange);
}

static void connect_to(const struct server *s, int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(s->at.port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = 30};

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static int connected(const struct server *s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	connect_to(s, fd);
	return fd;
}

/* The status of the answer; its headers and body in `page`. */
static int ask_on(int fd, const char *method, const char *path, char page[PAGE_SIZE])
{
	char request[256];
	int status = 0;
	size_t size = 0;
	ssize_t got;

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 method, path);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while ((got = recv(fd, page + size, PAGE_SIZE - 1 - size, 0)) > 0)
		size += (size_t)got;
	page[size] = '\0';
	close(fd);
	if (sscanf(page, "HTTP/1.1 %d", &status) != 1)
		fail_msg("%s %s: %s", method, path, page);
	return status;
}

static int ask(const struct server *s, const char *method, const char *path, char page[PAGE_SIZE])
{
	return ask_on(connected(s), method, path, page);
}

static char page[PAGE_SIZE];

static void require(const struct server *s, const char *method, const char *path, int status,
		    const char *says)
{
	int got = ask(s, method, path, page);

	if (got != status || !strstr(page, says))
		fail_msg("%s %s: %d, without \"%s\": %s", method, path, got, says, page);
}

static void each_path(void **state)
{
	struct server s;

	(void)state;
	start(&s, true);
	require(&s, "GET", "/metrics", 200, "\netcd_server_proposals_committed_total 4711\n");
	assert_non_null(strstr(page, "\nprocess_open_fds "));
	assert_non_null(strstr(page, "text/plain; version=0.0.4"));
	require(&s, "HEAD", "/metrics", 200, "Content-Length");
	assert_null(strstr(page, "etcd_server"));
	require(&s, "GET", "/health", 200, "\r\n\r\n{\"health\":\"true\",\"reason\":\"\"}");
	require(&s, "GET", "/livez", 200, "\r\n\r\nok\n");
	require(&s, "GET", "/livez?verbose", 200, "\r\n\r\n[+]serializable_read ok\nok\n");
	require(&s, "GET", "/readyz?verbose&exclude=serializable_read", 200,
		"\r\n\r\n[+]linearizable_read ok\n[+]non_learner ok\nok\n");
	require(&s, "GET", "/", 404, "/metrics, /health");
	require(&s, "POST", "/metrics", 405, "Allow: GET, HEAD");
	require(&s, "GET", "/metrics", 200, "\netcd_server_health_success 4\n");
	stop(&s, true);
}

static void before_the_loop(void **state)
{
	struct server s;

	(void)state;
	start(&s, false);
	require(&s, "GET", "/livez", 200, "ok\n");
	require(&s, "GET", "/health", 503, "\"reason\":\"the log is read\"");
	require(&s, "GET", "/readyz", 503, "[-]linearizable_read failed: the log is read\n");
	require(&s, "GET", "/metrics", 200, "\netcd_server_has_leader 0\n");
	stop(&s, false);
}

static void a_loop_that_stands_still(void **state)
{
	struct server s;

	(void)state;
	start(&s, true);
	require(&s, "GET", "/health", 200, "true");
	atomic_store(&s.stuck, true);
	while (!atomic_load(&s.stands))
		sched_yield();
	require(&s, "GET", "/livez", 503, "etcdserver: request timed out");
	require(&s, "GET", "/metrics", 200, "\netcd_server_proposals_committed_total 4711\n");
	stop(&s, true);
}

/* Silent, half a request, and one that does not read: others are served while they hold on. */
static void slow_clients_are_slow_for_themselves(void **state)
{
	static const char half[] = "GET /metrics HTTP/1.1\r\nHo";
	int fd[METRICS_HTTP_CONNECTIONS_MAX - 2];
	struct server s;

	(void)state;
	start(&s, true);
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		fd[i] = connected(&s);
		if (i % 2)
			send(fd[i], half, sizeof(half) - 1, MSG_NOSIGNAL);
	}
	require(&s, "GET", "/health", 200, "true");
	require(&s, "GET", "/metrics", 200, "\netcd_server_proposals_committed_total 4711\n");
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		close(fd[i]);
	stop(&s, true);
}

/* All places are taken by who asks nothing, or takes nothing, and more of them come. */
static void F14_who_does_nothing_gives_way(void **state)
{
	enum { MANY = 3 * METRICS_HTTP_CONNECTIONS_MAX };
	static const char half[] = "GET /metrics HTTP/1.1\r\nHo";
	static const char whole[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	struct server s;
	char answer[256];
	int fd[MANY];
	ssize_t got;

	(void)state;
	start(&s, true);
	for (int i = 0; i < MANY; i++) {
		fd[i] = connected(&s);
		if (i % 3 == 1)
			send(fd[i], half, sizeof(half) - 1, MSG_NOSIGNAL);
		if (i % 3 == 2)
			send(fd[i], whole, sizeof(whole) - 1, MSG_NOSIGNAL);
		if (i % METRICS_HTTP_CONNECTIONS_MAX == METRICS_HTTP_CONNECTIONS_MAX - 1) {
			uint64_t begin_ns = clock_now();

			require(&s, "GET", "/health", 200, "true");
			assert_true(clock_now() - begin_ns <
				    METRICS_HTTP_SILENCE_S * 1000000000ull / 4);
		}
	}
	/* The first of them had asked nothing, and is told why it ends. */
	got = recv(fd[0], answer, sizeof(answer) - 1, 0);
	assert_true(got > 0);
	answer[got] = '\0';
	assert_non_null(strstr(answer, " 503 "));
	assert_non_null(strstr(answer, "others want this connection"));
	assert_int_equal(recv(fd[0], answer, sizeof(answer), 0), 0);
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	stop(&s, true);
}

/* Each place is taken by one whose answer is being made: who comes is told so. */
static void F14_a_full_door_says_so(void **state)
{
	static const char livez[] = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
	enum { MANY = 2 * METRICS_HTTP_CONNECTIONS_MAX };
	uint64_t end_ns = clock_now() + 20 * 1000000000ull;
	struct server s;
	uint32_t refused = 0;
	int fd[MANY];

	(void)state;
	start(&s, true);
	atomic_store(&s.stuck, true);
	while (!atomic_load(&s.stands))
		sched_yield();
	/* Whose request was not seen when the next one comes gives way: so each has time for it. */
	while (!refused && clock_now() < end_ns) {
		for (int i = 0; i < MANY; i++) {
			struct pollfd answer = {.events = POLLIN};

			answer.fd = fd[i] = connected(&s);
			send(fd[i], livez, sizeof(livez) - 1, MSG_NOSIGNAL);
			(void)poll(&answer, 1, 2);
		}
		for (int i = 0; i < MANY; i++) {
			ssize_t got = recv(fd[i], page, sizeof(page) - 1, MSG_WAITALL);

			page[got > 0 ? got : 0] = '\0';
			refused += strstr(page, "503") && strstr(page, "too many connections");
			close(fd[i]);
		}
	}
	assert_true(refused > 0);
	stop(&s, true);
}

static void F14_the_place_idle_for_longest_is_given_away(void **state)
{
	enum { ROOM = 3 };
	struct places places;
	struct place *at[ROOM], *more;
	int pair[ROOM + 3][2];
	char byte;

	(void)state;
	for (int i = 0; i < ROOM + 3; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
	places_init(&places, ROOM);
	for (int i = 0; i < ROOM; i++)
		at[i] = places_take(&places, pair[i][0]);
	assert_true(places_busy(at[0]));
	/* The first is being answered: it is the second's turn. */
	more = places_take(&places, pair[ROOM][0]);
	assert_true(recv(pair[1][1], &byte, 1, MSG_DONTWAIT) == 1);
	assert_int_equal(recv(pair[0][1], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(pair[2][1], &byte, 1, MSG_DONTWAIT), -1);
	places_give(at[1]);
	assert_true(places_busy(at[2]));
	assert_true(places_busy(more));
	/* All are: it is refused. But who was refused and does not go gives way first. */
	at[1] = places_take(&places, pair[ROOM + 1][0]);
	assert_false(places_busy(at[1]));
	places_idle(at[0]);
	(void)places_take(&places, pair[ROOM + 2][0]);
	assert_int_equal(recv(pair[ROOM + 1][1], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(pair[0][1], &byte, 1, MSG_DONTWAIT), -1);
	for (int i = 0; i < ROOM + 3; i++) {
		close(pair[i][0]);
		close(pair[i][1]);
	}
}

/* Headers beyond the bound end the connection; a body is not read. */
/* Out of descriptors it waits for one, and does not ask the kernel again and again. */
static void F14_out_of_descriptors_it_waits(void **state)
{
	const uint64_t deadline_ns = clock_now() + 30000000000ull;
	struct rlimit limit, none;
	struct server s;
	uint64_t begun_ns, tries;
	int fd;

	(void)state;
	start(&s, true);
	require(&s, "GET", "/health", 200, "true");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	begun_ns = clock_now();
	connect_to(&s, fd);
	while ((tries = metrics_http_starved(s.http)) < 3)
		assert_true(clock_now() < deadline_ns);
	/* Each try is followed by a pause. */
	assert_true(clock_now() - begun_ns >= (tries - 1) * METRICS_HTTP_STARVED_NS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(ask_on(fd, "GET", "/health", page), 200);
	stop(&s, true);
}

static void large_requests_are_refused(void **state)
{
	static const char body[] =
		"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n0123456789";
	struct server s;
	char answer[4096];
	int fd;
	ssize_t got;

	(void)state;
	start(&s, true);
	fd = connected(&s);
	memset(page, 'a', sizeof(page));
	send(fd, "GET /", 5, MSG_NOSIGNAL);
	send(fd, page, sizeof(page), MSG_NOSIGNAL);
	got = recv(fd, answer, sizeof(answer) - 1, 0);
	answer[got > 0 ? got : 0] = '\0';
	assert_true(got <= 0 || strstr(answer, " 414 ") || strstr(answer, " 431 "));
	close(fd);
	fd = connected(&s);
	send(fd, body, sizeof(body) - 1, MSG_NOSIGNAL);
	got = recv(fd, answer, sizeof(answer), 0);
	assert_true(got <= 0);
	close(fd);
	require(&s, "GET", "/livez", 200, "ok\n");
	stop(&s, true);
}

static void a_port_in_use_is_named(void **state)
{
	struct metrics_http_listener at = {.address = INADDR_LOOPBACK};
	char error[METRICS_HTTP_ERROR_MAX], expected[METRICS_HTTP_ERROR_MAX];
	struct metrics_exchange *exchange;
	static struct metrics first;
	struct metrics_http *http;
	int fd = bound_socket(&at.port);

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(metrics_exchange_create(&exchange, &first), 0);
	assert_int_equal(metrics_http_start(&http, exchange, &at, 1, error), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "http://127.0.0.1:%u: Address already in use",
		 at.port);
	assert_string_equal(error, expected);
	metrics_exchange_destroy(exchange);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path),
		cmocka_unit_test(before_the_loop),
		cmocka_unit_test(a_loop_that_stands_still),
		cmocka_unit_test(slow_clients_are_slow_for_themselves),
		cmocka_unit_test(F14_who_does_nothing_gives_way),
		cmocka_unit_test(F14_a_full_door_says_so),
		cmocka_unit_test(F14_out_of_descriptors_it_waits),
		cmocka_unit_test(F14_the_place_idle_for_longest_is_given_away),
		cmocka_unit_test(large_requests_are_refused),
		cmocka_unit_test(a_port_in_use_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
