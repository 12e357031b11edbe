/*
 * Where a node answers: a UDP address (HOST:PORT, literals only) or its admin socket (unix:PATH).
 * And one-shot questions asked there, for what is not measured: status and welcome.
 */
#ifndef TOOLS_BENCH_ENDPOINT_H
#define TOOLS_BENCH_ENDPOINT_H

#include "dataplane/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENDPOINT_TEXT_MAX = 128,
	ENDPOINT_STATUS_MAX = 8192,
	ENDPOINT_NODES_MAX = 16,
	ENDPOINT_ERROR_MAX = 512,
};

struct endpoint {
	char text[ENDPOINT_TEXT_MAX]; /* as given, for messages */
	bool is_unix;
	char path[108];
	uint32_t address; /* host byte order */
	uint16_t port;
};

/* 0 or -EINVAL. */
int endpoint_parse(struct endpoint *out, const char *text);

/* A stream to the admin socket, its WELCOME read. The descriptor or -errno. */
int endpoint_connect(const struct endpoint *e, struct wire_hello *welcome, uint64_t timeout_ns);

/*
 * One request over such a stream, blocking. The answer's size (cut to size_max) or -errno;
 * *status is set if it is >= 0.
 */
int endpoint_call(int fd, enum wire_request kind, const uint8_t *request, uint32_t size,
		  uint64_t timeout_ns, enum wire_status *status, uint8_t *answer,
		  uint32_t size_max);

/* WIRE_STATUS at either kind of endpoint: a text. 0 or -errno. */
int endpoint_status(const struct endpoint *e, char text[ENDPOINT_STATUS_MAX], uint64_t timeout_ns);

/* "key value" lines: copies the value of the first such line. False: no such key. */
bool status_get(const char *text, const char *key, char *out, size_t size_max);
uint64_t status_get_number(const char *text, const char *key, int base); /* 0: none */

struct status {
	char name[64];
	char role[16];
	char durability[16];
	char link[32];
	uint64_t member_id, leader, term;
	uint64_t applied, commit;
};

void status_parse(struct status *out, const char *text);

#endif
