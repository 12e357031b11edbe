/*
 * The clients. A violation found in a thread is kept and told by the test's own thread, for cmocka
 * knows no others.
 */
#include "tests/e2e/load.h"

#include "base/clock.h"
#include "kv/command.h"
#include "tests/unit/test.h"
#include "tools/client/draw.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Then another node is asked: less than a failover, more than a stall of the disk. */
	CALL_MS = 400,
	KEY_SIZE = 32,
	WELCOME_MS = 1000,
	PAUSE_MS = 2,
};

static void wrong(struct load *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct load *l, const char *format, ...)
{
	va_list args;

	if (atomic_flag_test_and_set(&l->wrong_taken))
		return;
	va_start(args, format);
	vsnprintf(l->wrong_text, sizeof(l->wrong_text), format, args);
	va_end(args);
	atomic_store(&l->wrong, l->wrong_text);
}

static struct kv_bytes bytes(const char *text)
{
	return (struct kv_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

void one_open(struct one *o, const char *endpoint)
{
	char error[ADDRESS_ERROR_MAX];

	*o = (struct one){.session = draw()};
	snprintf(o->address, sizeof(o->address), "%s", endpoint);
	assert_int_equal(endpoint_open(&o->endpoint, endpoint, error), 0);
}

void one_close(struct one *o)
{
	endpoint_close(o->endpoint);
}

static int one_call(struct one *o, enum wire_request kind, const struct kv_request *request,
		    struct kv_answer *answer, uint32_t timeout_ms)
{
	uint32_t size = (uint32_t)kv_request_size(request);
	struct endpoint_answer out;
	uint8_t *data = malloc(size);
	int err;

	assert(data);
	kv_request_encode(request, data);
	err = endpoint_call(o->endpoint, kind, data, size, timeout_ms * 1000000ull, &out);
	free(data);
	/* Nothing came back: it may be of another cluster by now, which takes a new client. */
	if (err == -ETIME || err == -ETIMEDOUT) {
		char error[ADDRESS_ERROR_MAX];

		endpoint_close(o->endpoint);
		assert_int_equal(endpoint_open(&o->endpoint, o->address, error), 0);
	}
	if (err)
		return err;
	if (out.status != WIRE_OK)
		return (int)out.status;
	return kv_answer_decode(answer, out.data, out.size);
}

/* A command again, byte for byte: the session makes it one command. */
static int put_bytes(struct one *o, const char *key, struct kv_bytes value, uint32_t timeout_ms,
		     enum kv_status *status)
{
	struct kv_request request = {
		.operation = KV_PUT,
		.session = o->session,
		.session_base = o->base,
		.sequence = o->sequence,
		.floor = o->floor,
		.key = bytes(key),
		.value = value,
	};
	struct kv_answer answer;
	int err = one_call(o, WIRE_COMMAND, &request, &answer, timeout_ms);

	if (!err)
		*status = answer.status;
	return err;
}

static int put_again(struct one *o, const char *key, uint64_t value, uint32_t timeout_ms,
		     enum kv_status *status)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return put_bytes(o, key, bytes(text), timeout_ms, status);
}

static int one_begin(struct one *o)
{
	struct wire_hello hello;
	int err = endpoint_welcome(o->endpoint, WELCOME_MS * 1000000ull, &hello);

	if (!err)
		o->base = hello.commit_index;
	return err;
}

int one_put(struct one *o, const char *key, uint64_t value, uint32_t timeout_ms)
{
	enum kv_status status = KV_OK;
	int err = o->sequence == 0 ? one_begin(o) : 0;

	if (err)
		return err;
	o->sequence++;
	err = put_again(o, key, value, timeout_ms, &status);
	if (!err)
		assert_int_equal(status, KV_OK);
	return err;
}

int one_put_at(const char *endpoint, const char *key, uint64_t value, uint32_t timeout_ms)
{
	struct one o;
	int err;

	one_open(&o, endpoint);
	err = one_put(&o, key, value, timeout_ms);
	one_close(&o);
	return err;
}

int one_put_large(struct one *o, const char *key, uint32_t size, uint32_t timeout_ms)
{
	int err = o->sequence == 0 ? one_begin(o) : 0;
	enum kv_status status = KV_OK;
	uint8_t *value;

	if (err)
		return err;
	o->sequence++;
	value = calloc(1, size);
	assert_non_null(value);
	err = put_bytes(o, key, (struct kv_bytes){value, size}, timeout_ms, &status);
	free(value);
	if (!err)
		assert_int_equal(status, KV_OK);
	return err;
}

int one_get(struct one *o, const char *key, uint64_t *value, uint64_t *version, uint32_t timeout_ms)
{
	struct kv_request request = {.operation = KV_RANGE, .key = bytes(key)};
	struct kv_answer answer;
	struct kv_item item;
	uint32_t at = 0;
	char text[24];
	int err = one_call(o, WIRE_QUERY, &request, &answer, timeout_ms);

	*value = 0;
	*version = 0;
	if (err || !kv_item_next(&answer, &at, &item))
		return err;
	snprintf(text, sizeof(text), "%.*s", (int)item.value.size, (const char *)item.value.data);
	*value = strtoull(text, NULL, 10);
	*version = item.version;
	return 0;
}

static const char *writer_key(uint32_t number, char out[KEY_SIZE])
{
	snprintf(out, KEY_SIZE, "writer/%u", number);
	return out;
}

/* One client for each node; the command moves from one to the next. */
struct clients {
	struct one one[CLUSTER_NODES_MAX];
	uint32_t count, at;
};

static void clients_open(struct clients *s, const struct cluster *c, uint32_t first)
{
	char text[128];

	*s = (struct clients){.count = c->nodes, .at = first % c->nodes};
	cluster_enter(c);
	for (uint32_t i = 0; i < s->count; i++)
		one_open(&s->one[i], cluster_endpoint(c, i + 1, text));
}

static void clients_close(struct clients *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		one_close(&s->one[i]);
}

/* The next node, after a moment: a dead one refuses at once. */
static void clients_turn(struct clients *s)
{
	s->at = (s->at + 1) % s->count;
	clock_sleep(PAUSE_MS * CLOCK_MS);
}

/* The writers of one session begin with one base. */
static void session_begin(struct load_session *session, struct clients *s, struct load *l)
{
	pthread_mutex_lock(&session->lock);
	while (session->base == 0 && !atomic_load(&l->stop)) {
		struct one *o = &s->one[s->at];

		if (one_begin(o) == 0)
			session->base = o->base;
		if (session->base == 0)
			clients_turn(s);
	}
	pthread_mutex_unlock(&session->lock);
}

/*
 * The next command of the session: whichever node it is sent to, it is the same. False: the oldest
 * is not answered, and the test ends.
 */
static bool session_next(struct load_session *session, struct clients *s, struct load *l)
{
	struct kv_request request = {0};

	pthread_mutex_lock(&session->lock);
	while (!kv_window_has_room(&session->window) && !atomic_load(&l->stop)) {
		pthread_mutex_unlock(&session->lock);
		clock_sleep(CLOCK_MS);
		pthread_mutex_lock(&session->lock);
	}
	if (kv_window_has_room(&session->window))
		kv_window_open(&session->window, &request);
	pthread_mutex_unlock(&session->lock);
	for (uint32_t i = 0; i < s->count; i++) {
		s->one[i].session = request.session;
		s->one[i].sequence = request.sequence;
		s->one[i].floor = request.floor;
		s->one[i].base = session->base;
	}
	return request.sequence != 0;
}

static void session_answered(struct load_session *session, uint64_t sequence)
{
	pthread_mutex_lock(&session->lock);
	kv_window_close(&session->window, sequence);
	pthread_mutex_unlock(&session->lock);
}

static void acknowledged(struct load_writer *w, uint64_t value)
{
	uint64_t now = clock_now(), gap = now - atomic_exchange(&w->acknowledged_ns, now);

	if (gap > atomic_load(&w->gap_ns))
		atomic_store(&w->gap_ns, gap);
	atomic_store(&w->acknowledged, value);
}

/* Again and again until it is acknowledged. False: the test ends. */
static bool write_key(struct load_writer *w, struct clients *s, const char *key, uint64_t value)
{
	struct load *l = w->load;

	while (!atomic_load(&l->stop) && !atomic_load(&l->wrong)) {
		enum kv_status status = KV_OK;

		if (put_again(&s->one[s->at], key, value, CALL_MS, &status)) {
			clients_turn(s);
			continue;
		}
		if (status == KV_OK)
			return true;
		wrong(l, "%s: put %" PRIu64 ": %s", key, value, kv_status_text(status));
	}
	return false;
}

static void *write_keys(void *argument)
{
	struct load_writer *w = argument;
	struct load_session *session = &w->load->session[w->number > 0];
	struct clients s;
	char key[KEY_SIZE];

	writer_key(w->number, key);
	clients_open(&s, w->load->cluster, w->number);
	session_begin(session, &s, w->load);
	for (uint64_t value = 1; session_next(session, &s, w->load); value++) {
		atomic_store(&w->asked, value);
		if (!write_key(w, &s, key, value))
			break;
		acknowledged(w, value);
		session_answered(session, s.one[0].sequence);
	}
	clients_close(&s);
	return NULL;
}

/* One read by the rules. False: no answer. */
static bool read_key(struct load *l, struct one *o, uint32_t node, uint32_t number, uint64_t *seen,
		     uint32_t timeout_ms)
{
	struct load_writer *w = &l->writer[number];
	uint64_t before = atomic_load(&w->acknowledged), value, version;
	char key[KEY_SIZE];
	int err = one_get(o, writer_key(number, key), &value, &version, timeout_ms);
	uint64_t asked = atomic_load(&w->asked);

	if (err)
		return false;
	if (value < before)
		wrong(l, "EL1: n%u: %s is %" PRIu64 ", acknowledged before: %" PRIu64, node, key,
		      value, before);
	if (value < *seen)
		wrong(l, "EL2: n%u: %s is %" PRIu64 ", seen before: %" PRIu64, node, key, value,
		      *seen);
	if (version != value)
		wrong(l, "EL3: n%u: %s is %" PRIu64 ", applied %" PRIu64 " times", node, key, value,
		      version);
	if (value > asked)
		wrong(l, "EL4: n%u: %s is %" PRIu64 ", asked for: %" PRIu64, node, key, value,
		      asked);
	*seen = value;
	return true;
}

static void *read_keys(void *argument)
{
	struct load_reader *r = argument;
	struct load *l = r->load;
	struct clients s;

	clients_open(&s, l->cluster, r->number);
	for (uint32_t i = 0; !atomic_load(&l->stop) && !atomic_load(&l->wrong); i++) {
		uint32_t number = i % l->writer_count;

		if (read_key(l, &s.one[s.at], s.at + 1, number, &r->seen[number], CALL_MS))
			atomic_fetch_add(&r->reads, 1);
		/* Another node each time: what one answered, the next may not take back. */
		clients_turn(&s);
	}
	clients_close(&s);
	return NULL;
}

void load_start(struct load *l, struct cluster *c, uint32_t writers, uint32_t readers)
{
	*l = (struct load){.cluster = c, .writer_count = writers, .reader_count = readers};
	for (size_t i = 0; i < 2; i++) {
		pthread_mutex_init(&l->session[i].lock, NULL);
		kv_window_begin(&l->session[i].window, draw(), KV_SESSION_WINDOW);
	}
	for (uint32_t i = 0; i < writers; i++) {
		l->writer[i].load = l;
		l->writer[i].number = i;
	}
	for (uint32_t i = 0; i < readers; i++) {
		l->reader[i].load = l;
		l->reader[i].number = i;
	}
	for (uint32_t i = 0; i < writers; i++)
		assert_int_equal(
			pthread_create(&l->writer[i].thread, NULL, write_keys, &l->writer[i]), 0);
	for (uint32_t i = 0; i < readers; i++)
		assert_int_equal(
			pthread_create(&l->reader[i].thread, NULL, read_keys, &l->reader[i]), 0);
}

struct progress {
	struct load *load;
	uint64_t acknowledged[LOAD_WRITERS_MAX], reads[LOAD_READERS_MAX];
};

static bool has_progressed(void *context)
{
	struct progress *p = context;
	struct load *l = p->load;
	bool all = true;

	if (atomic_load(&l->wrong))
		return true;
	for (uint32_t i = 0; i < l->writer_count; i++)
		all = all && atomic_load(&l->writer[i].acknowledged) >= p->acknowledged[i];
	for (uint32_t i = 0; i < l->reader_count; i++)
		all = all && atomic_load(&l->reader[i].reads) >= p->reads[i];
	return all;
}

static void load_judge(struct load *l)
{
	const char *what = atomic_load(&l->wrong);

	require(l->cluster, !what, "%s", what);
}

void load_wait_progress(struct load *l, uint64_t count)
{
	struct progress p = {.load = l};

	for (uint32_t i = 0; i < l->writer_count; i++)
		p.acknowledged[i] = atomic_load(&l->writer[i].acknowledged) + count;
	for (uint32_t i = 0; i < l->reader_count; i++)
		p.reads[i] = atomic_load(&l->reader[i].reads) + 3;
	require(l->cluster, wait_until(has_progressed, &p, CLUSTER_WAIT_MS),
		"the clients do not get on; %" PRIu64 " acknowledged", load_acknowledged(l));
	load_judge(l);
}

void load_stop(struct load *l)
{
	atomic_store(&l->stop, true);
	for (uint32_t i = 0; i < l->writer_count; i++)
		pthread_join(l->writer[i].thread, NULL);
	for (uint32_t i = 0; i < l->reader_count; i++)
		pthread_join(l->reader[i].thread, NULL);
	load_judge(l);
}

static void *verify_keys(void *argument)
{
	struct load *l = argument;
	struct clients s;

	clients_open(&s, l->cluster, 0);
	for (uint32_t node = 1; node <= s.count && !atomic_load(&l->wrong); node++) {
		for (uint32_t i = 0; i < l->writer_count; i++) {
			uint64_t seen = 0;

			if (!read_key(l, &s.one[node - 1], node, i, &seen, CLUSTER_WAIT_MS))
				wrong(l, "n%u does not answer a read", node);
		}
	}
	clients_close(&s);
	return NULL;
}

/* In a thread, for it goes into the lab's namespace. */
void load_verify(struct load *l)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, verify_keys, l), 0);
	pthread_join(thread, NULL);
	load_judge(l);
}

uint64_t load_acknowledged(const struct load *l)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < l->writer_count; i++)
		sum += atomic_load(&l->writer[i].acknowledged);
	return sum;
}

void load_gap_begin(struct load *l)
{
	for (uint32_t i = 0; i < l->writer_count; i++) {
		atomic_store(&l->writer[i].acknowledged_ns, clock_now());
		atomic_store(&l->writer[i].gap_ns, 0);
	}
}

uint64_t load_gap_ms(const struct load *l)
{
	uint64_t longest = 0;

	for (uint32_t i = 0; i < l->writer_count; i++) {
		const struct load_writer *w = &l->writer[i];
		uint64_t last = atomic_load(&w->acknowledged_ns), now = clock_now();
		uint64_t gap = atomic_load(&w->gap_ns);

		gap = now > last && now - last > gap ? now - last : gap;
		longest = gap > longest ? gap : longest;
	}
	return longest / CLOCK_MS;
}
