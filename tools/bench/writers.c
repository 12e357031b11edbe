#include "tools/bench/writers.h"

#include "base/clock.h"
#include "kv/command.h"
#include "tools/bench/path.h"
#include "tools/client/draw.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_SIZE_MAX = 256 };

/* A node that is paused answers nothing; its writer waits, the others go on. */
#define TIMEOUT_NS (10 * CLOCK_S)
#define AGAIN_NS CLOCK_MS
/* How late an attempt may be. */
#define POLL_NS (200 * CLOCK_US)

struct writer {
	uint64_t session, sequence;
	uint8_t request[REQUEST_SIZE_MAX];
	bool open;
	uint64_t asked_ns, again_ns;
};

struct writers {
	struct path *path;
	struct writer writer[CLUSTER_NODES_MAX];
	uint64_t base; /* the newest index that any of them was shown */
	pthread_t thread;
	atomic_bool stop;

	pthread_mutex_t lock; /* of what follows */
	struct writers_counters counters;
	uint64_t last_ns, gap_ns; /* of this look */
	uint32_t but;             /* whose acknowledgements are not waited for */
	uint64_t expect_ns;       /* UINT64_MAX: none is waited for */
	uint64_t expected_ns;
};

static void shown(struct writers *w, uint64_t index)
{
	if (w->base < index)
		w->base = index;
}

static void begin(struct writers *w, uint32_t i, uint64_t now)
{
	struct writer *a = &w->writer[i];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = a->session,
		.session_base = w->base,
		.sequence = ++a->sequence,
		.key = {(const uint8_t *)WRITERS_KEY, sizeof(WRITERS_KEY) - 1},
		.value = {(const uint8_t *)"a leader is lost", 16},
	};

	a->asked_ns = now;
	a->again_ns = now + AGAIN_NS;
	a->open = true;
	kv_request_encode(&request, a->request);
	w->path->ops->request(w->path, i, WIRE_COMMAND, a->request,
			      (uint32_t)kv_request_size(&request), now, TIMEOUT_NS);
}

static void acknowledged(struct writers *w, uint32_t i, uint64_t now)
{
	w->counters.acknowledged++;
	if (now - w->last_ns > w->gap_ns)
		w->gap_ns = now - w->last_ns;
	w->last_ns = now;
	if (i != w->but && w->writer[i].asked_ns >= w->expect_ns && !w->expected_ns)
		w->expected_ns = now;
}

static void done(struct writers *w, uint32_t i)
{
	struct path_answer answer;
	struct kv_answer kv;

	w->writer[i].open = false;
	w->path->ops->answer(w->path, i, &answer);
	if (answer.status == WIRE_OK && !kv_answer_decode(&kv, answer.data, answer.size))
		shown(w, kv.applied_index);
	else
		kv.status = KV_MALFORMED; /* read in part, if at all */
	if (answer.status == WIRE_STOPPING)
		w->writer[i].again_ns = clock_now() + WRITERS_STOPPING_NS;
	pthread_mutex_lock(&w->lock);
	if (kv.status == KV_OK)
		acknowledged(w, i, clock_now());
	else if (answer.unasked || status_row(answer.status)->done == STATUS_NOTHING)
		w->counters.refused++;
	else
		w->counters.unknown++;
	pthread_mutex_unlock(&w->lock);
}

static void *run(void *context)
{
	uint32_t finished[CLUSTER_NODES_MAX];
	struct writers *w = context;

	while (!atomic_load(&w->stop)) {
		uint64_t now = clock_now();
		uint32_t count;

		for (uint32_t i = 0; i < w->path->client_count; i++) {
			if (!w->writer[i].open && now >= w->writer[i].again_ns)
				begin(w, i, now);
		}
		count = w->path->ops->poll(w->path, POLL_NS, finished, CLUSTER_NODES_MAX);
		for (uint32_t i = 0; i < count; i++)
			done(w, finished[i]);
	}
	return NULL;
}

/* Without a leader nodes show nothing: then they are greeted anew. */
static int base_find(struct writers *w, uint32_t count)
{
	const uint64_t until = clock_now() + TIMEOUT_NS;
	uint32_t finished[CLUSTER_NODES_MAX];

	for (;;) {
		for (uint32_t i = 0; i < count; i++)
			shown(w, w->path->ops->base(w->path, i));
		if (w->base != 0)
			return 0;
		if (clock_now() >= until)
			return -ETIMEDOUT;
		clock_sleep(AGAIN_NS);
		for (uint32_t i = 0; i < count; i++)
			w->path->ops->hello(w->path, i, clock_now(), TIMEOUT_NS);
		for (uint32_t got = 0; got < count;)
			got += w->path->ops->poll(w->path, POLL_NS, finished, CLUSTER_NODES_MAX);
	}
}

int writers_start(struct writers **out, const struct address *admin, uint32_t count)
{
	char error[PATH_ERROR_MAX] = "out of memory";
	struct writers *w = calloc(1, sizeof(*w));
	int err = w ? path_unix_create(&w->path, admin, count, count, 0, error) : -ENOMEM;

	if (err)
		goto err_free;
	pthread_mutex_init(&w->lock, NULL);
	err = base_find(w, count);
	if (err) {
		snprintf(error, sizeof(error), "%s", status_row(WIRE_NO_LEADER)->words);
		goto err_path;
	}
	for (uint32_t i = 0; i < count; i++)
		w->writer[i].session = draw();
	w->expect_ns = UINT64_MAX;
	w->last_ns = clock_now();
	err = -pthread_create(&w->thread, NULL, run, w);
	if (err) {
		snprintf(error, sizeof(error), "a thread: %s", strerror(-err));
		goto err_path;
	}
	*out = w;
	return 0;

err_path:
	pthread_mutex_destroy(&w->lock);
	w->path->ops->destroy(w->path);
err_free:
	fprintf(stderr, "quoin-bench: %s\n", error);
	free(w);
	return err;
}

void writers_stop(struct writers *w)
{
	if (!w)
		return;
	atomic_store(&w->stop, true);
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	w->path->ops->destroy(w->path);
	free(w);
}

void writers_look(struct writers *w)
{
	pthread_mutex_lock(&w->lock);
	w->last_ns = clock_now();
	w->gap_ns = 0;
	pthread_mutex_unlock(&w->lock);
}

uint64_t writers_gap(struct writers *w)
{
	uint64_t gap, lasts;

	pthread_mutex_lock(&w->lock);
	lasts = clock_now() - w->last_ns;
	gap = lasts > w->gap_ns ? lasts : w->gap_ns;
	pthread_mutex_unlock(&w->lock);
	return gap;
}

void writers_expect(struct writers *w, uint32_t but)
{
	pthread_mutex_lock(&w->lock);
	w->but = but;
	w->expect_ns = clock_now();
	w->expected_ns = 0;
	pthread_mutex_unlock(&w->lock);
}

uint64_t writers_expected(struct writers *w)
{
	uint64_t at;

	pthread_mutex_lock(&w->lock);
	at = w->expected_ns;
	pthread_mutex_unlock(&w->lock);
	return at;
}

struct writers_counters writers_count(struct writers *w)
{
	struct writers_counters counters;

	pthread_mutex_lock(&w->lock);
	counters = w->counters;
	pthread_mutex_unlock(&w->lock);
	return counters;
}
