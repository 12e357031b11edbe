#include "metrics/http.h"

#include "base/clock.h"
#include "metrics/health.h"
#include "metrics/places.h"
#include "metrics/process.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct metrics_http {
	struct metrics_exchange *exchange;
	_Atomic uint64_t health_success, health_failures;
	_Atomic uint64_t starved;
	uint32_t count;
	struct MHD_Daemon *daemon[METRICS_HTTP_LISTENERS_MAX];
	struct places places[METRICS_HTTP_LISTENERS_MAX];
};

static void notify(void *context, struct MHD_Connection *c, void **place,
		   enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*place = places_take(
			context,
			MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
	else
		places_give(*place);
}

/* The text is taken over, or copied if it is not from malloc. */
static enum MHD_Result reply(struct MHD_Connection *c, unsigned int status, char *text, size_t size,
			     enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);
	enum MHD_Result result;

	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				mode == MHD_RESPMEM_MUST_FREE
					? "text/plain; version=0.0.4; charset=utf-8"
					: "text/plain; charset=utf-8");
	/* Who asks now and then must not keep a place meanwhile. */
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_text(struct MHD_Connection *c, unsigned int status, const char *text)
{
	char copy[METRICS_HEALTH_SIZE_MAX];

	snprintf(copy, sizeof(copy), "%s", text);
	return reply(c, status, copy, strlen(copy), MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result serve_metrics(struct metrics_http *h, struct MHD_Connection *c)
{
	struct metrics *m = malloc(sizeof(*m));
	char *text = malloc(METRICS_TEXT_SIZE_MAX);
	struct metrics_process process;
	size_t size;

	if (!m || !text) {
		free(m);
		free(text);
		return reply_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	}
	/* The last numbers of a loop that stands still are worth having: their age is told. */
	(void)metrics_exchange_read(h->exchange, METRICS_HTTP_ANSWER_NS, m);
	metrics_process_read(&process);
	process.snapshot_age_ns = clock_now() - m->taken_ns;
	process.health_success = atomic_load(&h->health_success);
	process.health_failures = atomic_load(&h->health_failures);
	size = metrics_prometheus_text(m, &process, text, METRICS_TEXT_SIZE_MAX);
	free(m);
	return reply(c, MHD_HTTP_OK, text, size, MHD_RESPMEM_MUST_FREE);
}

struct exclusion {
	const char *check;
	bool found;
};

static enum MHD_Result exclude(void *context, enum MHD_ValueKind kind, const char *key,
			       const char *value)
{
	struct exclusion *e = context;

	(void)kind;
	if (strcmp(key, "exclude") == 0 && value && strcmp(value, e->check) == 0)
		e->found = true;
	return MHD_YES;
}

static bool excluded(void *context, const char *check)
{
	struct exclusion e = {.check = check};

	MHD_get_connection_values(context, MHD_GET_ARGUMENT_KIND, exclude, &e);
	return e.found;
}

static bool query_has(struct MHD_Connection *c, const char *key)
{
	const char *value;
	size_t size;

	/* `?verbose` has no value: only this call tells it from no such key. */
	return MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, key, strlen(key), &value,
					     &size) == MHD_YES;
}

static enum MHD_Result serve_health(struct metrics_http *h, struct MHD_Connection *c,
				    struct metrics_health_question *q)
{
	const char *serializable =
		MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "serializable");
	struct metrics *m = malloc(sizeof(*m));
	struct metrics_health_answer answer = {.metrics = m};
	char page[METRICS_HEALTH_SIZE_MAX];
	uint64_t begun_ns = clock_now(), left_ns;
	bool well;

	if (!m)
		return reply_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	q->verbose = query_has(c, "verbose");
	if (q->json && serializable && strcmp(serializable, "true") == 0)
		q->linearizable = false;
	answer.read_err = metrics_exchange_read(h->exchange, METRICS_HTTP_ANSWER_NS, m);
	left_ns = clock_now() - begun_ns;
	left_ns = left_ns < METRICS_HTTP_ANSWER_NS ? METRICS_HTTP_ANSWER_NS - left_ns : 0;
	/* Without a leader there is nothing to wait for. */
	if (q->linearizable && !answer.read_err && m->has_leader)
		answer.confirm_err = metrics_exchange_confirm(h->exchange, left_ns);
	well = metrics_health_page(q, &answer, page);
	free(m);
	atomic_fetch_add(well ? &h->health_success : &h->health_failures, 1);
	return reply_text(c, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, page);
}

static enum MHD_Result serve(struct metrics_http *h, struct MHD_Connection *c, const char *path,
			     const char *method, bool body, void **state)
{
	static int begun;
	struct metrics_health_question question;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return reply_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed\n");
	/* Called first with the headers alone, then for each piece of a body: none is wanted. */
	if (body)
		return MHD_NO;
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (strcmp(path, "/metrics") == 0)
		return serve_metrics(h, c);
	if (metrics_health_parse(path, excluded, c, &question))
		return serve_health(h, c, &question);
	return reply_text(c, MHD_HTTP_NOT_FOUND,
			  "404: there are /metrics, /health, /livez and /readyz\n");
}

static enum MHD_Result serve_in_place(void *context, struct MHD_Connection *c, const char *path,
				      const char *method, const char *version, const char *data,
				      size_t *data_size, void **state)
{
	struct place *place =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	enum MHD_Result result;

	(void)version;
	(void)data;
	if (!places_busy(place))
		return reply_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many connections\n");
	result = serve(context, c, path, method, *data_size > 0, state);
	places_idle(place);
	return result;
}

/*
 * What the library has to say is of interest while there is no file descriptor: its thread, which
 * would ask for one again and again, gets a pause.
 */
static void complaint(void *context, const char *format, va_list args)
{
	struct metrics_http *h = context;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)format;
	(void)args;
	if (fd >= 0) {
		close(fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE)
		return;
	atomic_fetch_add(&h->starved, 1);
	clock_sleep(METRICS_HTTP_STARVED_NS);
}

uint64_t metrics_http_starved(const struct metrics_http *h)
{
	return atomic_load(&h->starved);
}

/* Our own socket, so that an error is the one that bind gave. */
static int listen_at(const struct metrics_http_listener *l)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(l->port),
		.sin_addr = {.s_addr = htonl(l->address)},
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, err;

	if (fd < 0)
		return -errno;
	/* A port that only old connections of the last start linger on is free. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, METRICS_HTTP_CONNECTIONS_MAX) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int start_one(struct metrics_http *h, const struct metrics_http_listener *l, uint32_t share)
{
	int fd = listen_at(l);

	if (fd < 0)
		return fd;
	places_init(&h->places[h->count], share);
	h->daemon[h->count] = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, serve_in_place, h, MHD_OPTION_EXTERNAL_LOGGER, complaint, h,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, notify,
		&h->places[h->count], MHD_OPTION_CONNECTION_LIMIT, share + METRICS_HTTP_LEAVING_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)METRICS_HTTP_SILENCE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)METRICS_HTTP_REQUEST_SIZE_MAX,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)256 * 1024, MHD_OPTION_END);
	if (!h->daemon[h->count]) {
		close(fd);
		return -EAGAIN;
	}
	h->count++;
	return 0;
}

int metrics_http_start(struct metrics_http **out, struct metrics_exchange *exchange,
		       const struct metrics_http_listener *listeners, uint32_t count,
		       char error[METRICS_HTTP_ERROR_MAX])
{
	struct metrics_http *h = calloc(1, sizeof(*h));
	sigset_t all, before;
	int err = 0;

	assert(count > 0 && count <= METRICS_HTTP_LISTENERS_MAX);
	if (!h) {
		snprintf(error, METRICS_HTTP_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	h->exchange = exchange;
	/* Signals are for the loop's thread: these inherit that none is for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (uint32_t i = 0; i < count && !err; i++) {
		struct in_addr in = {.s_addr = htonl(listeners[i].address)};
		char text[INET_ADDRSTRLEN];

		err = start_one(h, &listeners[i], METRICS_HTTP_CONNECTIONS_MAX / count);
		if (err)
			snprintf(error, METRICS_HTTP_ERROR_MAX, "http://%s:%u: %s",
				 inet_ntop(AF_INET, &in, text, sizeof(text)), listeners[i].port,
				 strerror(-err));
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		metrics_http_stop(h);
		return err;
	}
	*out = h;
	return 0;
}

void metrics_http_stop(struct metrics_http *h)
{
	for (uint32_t i = 0; i < h->count; i++)
		MHD_stop_daemon(h->daemon[i]);
	free(h);
}
