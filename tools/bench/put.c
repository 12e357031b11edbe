#include "tools/bench/put.h"

#include "base/clock.h"
#include "kv/command.h"
#include "tools/bench/path.h"
#include "tools/client/draw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_SIZE_MAX = 256 };

#define TIMEOUT_NS (10 * CLOCK_S)
/* A node without a leader refuses at once: it is not asked again before this. */
#define AGAIN_NS CLOCK_MS

struct attempt {
	uint8_t request[REQUEST_SIZE_MAX];
	bool open;
	uint64_t again_ns;
};

struct put {
	struct path *path;
	uint64_t errors;
	bool begun, done;
	struct attempt attempt[CLUSTER_NODES_MAX];
};

int put_create(struct put **out, const struct address *endpoints, uint32_t count)
{
	char error[PATH_ERROR_MAX];
	struct put *p = calloc(1, sizeof(*p));
	int err = p ? path_unix_create(&p->path, endpoints, count, count, 0, error) : -ENOMEM;

	if (err) {
		fprintf(stderr, "quoin-bench: %s\n", p ? error : "out of memory");
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

void put_destroy(struct put *p)
{
	p->path->ops->destroy(p->path);
	free(p);
}

/* Each attempt is a session of its own, used once. */
static void attempt(struct put *p, uint32_t i, uint64_t now)
{
	struct attempt *a = &p->attempt[i];
	struct kv_request request = {
		.operation = KV_PUT,
		.flags = KV_ONE_SHOT,
		.session = draw(),
		.session_base = p->path->ops->base(p->path, i),
		.sequence = 1,
		.key = {(const uint8_t *)PUT_KEY, sizeof(PUT_KEY) - 1},
		.value = {(const uint8_t *)"first commit", 12},
	};

	a->again_ns = now + AGAIN_NS;
	kv_request_encode(&request, a->request);
	a->open = true;
	p->path->ops->request(p->path, i, WIRE_COMMAND, a->request,
			      (uint32_t)kv_request_size(&request), now, TIMEOUT_NS);
}

void put_begin(struct put *p, uint64_t now_ns)
{
	p->begun = true;
	for (uint32_t i = 0; i < p->path->client_count; i++)
		attempt(p, i, now_ns);
}

static bool acknowledged(struct put *p, uint32_t i)
{
	struct path_answer answer;
	struct kv_answer kv;

	p->attempt[i].open = false;
	p->path->ops->answer(p->path, i, &answer);
	return answer.status == WIRE_OK && !kv_answer_decode(&kv, answer.data, answer.size) &&
	       kv.status == KV_OK;
}

bool put_poll(struct put *p, uint64_t wait_ns)
{
	uint32_t done[CLUSTER_NODES_MAX];
	uint32_t count = p->path->ops->poll(p->path, wait_ns, done, CLUSTER_NODES_MAX);
	uint64_t now = clock_now();

	for (uint32_t i = 0; i < count; i++) {
		if (acknowledged(p, done[i]))
			p->done = true;
		else
			p->errors++;
	}
	for (uint32_t i = 0; p->begun && !p->done && i < p->path->client_count; i++) {
		if (!p->attempt[i].open && p->attempt[i].again_ns <= now)
			attempt(p, i, now);
	}
	return p->done;
}

uint64_t put_errors(const struct put *p)
{
	return p->errors;
}
