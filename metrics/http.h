/*
 * /metrics, /health, /livez and /readyz over HTTP, on the kernel's TCP: threads of their own, which
 * ask the loop through an exchange and hold nothing of it.
 *
 * Connections are bounded, in number, in silence and in the bytes of a request; each has a thread
 * for as long as it lasts, so a slow one is slow for itself alone, and gives way to new ones.
 */
#ifndef METRICS_HTTP_H
#define METRICS_HTTP_H

#include "metrics/exchange.h"

enum {
	METRICS_HTTP_LISTENERS_MAX = 4,
	METRICS_HTTP_CONNECTIONS_MAX = 64, /* of all listeners */
	/*
	 * Of each listener, beside those: the library drops who comes when there are so many. They
	 * are gone when their threads have run, and the backlog holds no more who come meanwhile.
	 */
	METRICS_HTTP_LEAVING_MAX = METRICS_HTTP_CONNECTIONS_MAX,
	METRICS_HTTP_SILENCE_S = 10,
	METRICS_HTTP_REQUEST_SIZE_MAX = 16 * 1024,
	METRICS_HTTP_ERROR_MAX = 160,
};

/* How long the loop gets to answer. Orchestrators wait a second for a probe by default. */
#define METRICS_HTTP_ANSWER_NS 900000000ull

/* Without a file descriptor for who connects, it is looked for one so often. */
#define METRICS_HTTP_STARVED_NS 100000000ull

struct metrics_http_listener {
	uint32_t address; /* IPv4, host byte order; 0: every one of this host */
	uint16_t port;
};

struct metrics_http;

/*
 * Listens and serves. 0, or -errno with one line that names the address. The exchange outlives it.
 */
int metrics_http_start(struct metrics_http **out, struct metrics_exchange *exchange,
		       const struct metrics_http_listener *listeners, uint32_t count,
		       char error[METRICS_HTTP_ERROR_MAX]);
void metrics_http_stop(struct metrics_http *h);

/* How often there was none. */
uint64_t metrics_http_starved(const struct metrics_http *h);

#endif
