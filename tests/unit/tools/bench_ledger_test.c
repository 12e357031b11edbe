/*
 * What a load was told of its puts, over a path that answers at once: in the ledger by key, and in
 * the series by second.
 */
#include "base/clock.h"
#include "tests/unit/test.h"
#include "tools/bench/ledger.h"
#include "tools/bench/load.h"
#include "tools/bench/series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 4, KEYS = 5, FAIL_EACH = 7, PUTS = 1000 };

/* What there would be in a store. */
struct key {
	uint64_t acknowledged, unknown, revision;
	char value[LEDGER_NUMBER_SIZE + 1];
};

struct fake {
	struct path path;
	struct key key[KEYS];
	uint32_t of[CLIENTS];
	bool open[CLIENTS];
	uint64_t requests, revision;
	uint8_t answer[KV_ANSWER_HEADER_SIZE];
};

static void fake_request(struct path *path, uint32_t client, enum wire_request kind,
			 const uint8_t *data, uint32_t size, uint64_t now_ns, uint64_t timeout_ns)
{
	struct fake *f = (struct fake *)path;
	struct kv_request request;
	char digits[9] = "";

	(void)kind;
	(void)now_ns;
	(void)timeout_ns;
	assert_int_equal(kv_request_decode(&request, data, size), 0);
	memcpy(digits, request.key.data + request.key.size - 8, 8);
	f->of[client] = (uint32_t)strtoul(digits, NULL, 10);
	assert_in_range(f->of[client], 0, KEYS - 1);
	f->open[client] = true;
	f->requests++;
	assert_int_equal(request.value.size, 64);
	memcpy(f->key[f->of[client]].value, request.value.data, LEDGER_NUMBER_SIZE);
}

static void fake_hello(struct path *path, uint32_t client, uint64_t now_ns, uint64_t timeout_ns)
{
	(void)now_ns;
	(void)timeout_ns;
	((struct fake *)path)->open[client] = true;
}

/* One at a time, so that the last value of a key is that of its last answer. */
static uint32_t fake_poll(struct path *path, uint64_t wait_ns, uint32_t *done, uint32_t max)
{
	struct fake *f = (struct fake *)path;

	(void)wait_ns;
	(void)max;
	for (uint32_t i = 0; i < CLIENTS; i++) {
		if (!f->open[i])
			continue;
		f->open[i] = false;
		*done = i;
		return 1;
	}
	return 0;
}

static void fake_answer(struct path *path, uint32_t client, struct path_answer *out)
{
	struct fake *f = (struct fake *)path;
	struct key *key = &f->key[f->of[client]];
	struct kv_answer kv = {.status = KV_OK, .operation = KV_PUT};
	bool fails = f->requests > 0 && ++f->revision % FAIL_EACH == 0;

	kv.revision = f->revision;
	kv_answer_encode_header(&kv, f->answer);
	*out = (struct path_answer){.status = fails ? WIRE_TIMEOUT : WIRE_OK,
				    .data = f->answer,
				    .size = sizeof(f->answer)};
	if (f->requests == 0)
		return;
	key->acknowledged += !fails;
	key->unknown += fails;
	if (!fails)
		key->revision = f->revision;
}

static uint64_t fake_base(struct path *path, uint32_t client)
{
	(void)path;
	(void)client;
	return 1;
}

static const struct path_ops ops = {.request = fake_request,
				    .hello = fake_hello,
				    .poll = fake_poll,
				    .answer = fake_answer,
				    .base = fake_base};

static void temporary(char path[64])
{
	int fd;

	snprintf(path, 64, "/tmp/quoin-ledger-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
}

struct setup {
	struct fake fake;
	struct ledger ledger;
	struct load_options options;
	struct load *load;
	struct histogram *latency[LOAD_KINDS];
	char series[64], file[64];
};

static void begin(struct setup *s)
{
	*s = (struct setup){.fake = {.path = {&ops, CLIENTS}},
			    .options = {.keys = KEYS, .value_size = 64, .inflight = 1, .seed = 3}};
	temporary(s->series);
	temporary(s->file);
	assert_int_equal(ledger_create(&s->ledger, KEYS), 0);
	assert_int_equal(series_create(&s->options.series, s->series), 0);
	s->options.ledger = &s->ledger;
	for (int i = 0; i < LOAD_KINDS; i++)
		s->latency[i] = histogram_create();
	assert_int_equal(load_create(&s->load, &s->fake.path, &s->options), 0);
	assert_int_equal(load_open(s->load), 0);
}

static void end(struct setup *s)
{
	load_destroy(s->load);
	ledger_destroy(&s->ledger);
	for (int i = 0; i < LOAD_KINDS; i++)
		free(s->latency[i]);
	(void)unlink(s->series);
	(void)unlink(s->file);
}

static void F5_what_was_said_of_each_put_is_kept(void **state)
{
	uint64_t key, acknowledged, unknown, revision, number, sum = 0;
	static struct setup s;
	char prefix[LOAD_PREFIX_MAX], digits[LEDGER_NUMBER_SIZE + 1];
	FILE *file;

	(void)state;
	begin(&s);
	assert_int_equal(load_fill(s.load), 0);
	assert_int_equal(load_run_count(s.load, PUTS, s.latency), 0);
	assert_int_equal(s.fake.requests, PUTS + KEYS);
	assert_int_equal(ledger_write(&s.ledger, load_prefix(s.load), s.file), 0);
	file = fopen(s.file, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%39s", prefix), 1);
	assert_string_equal(prefix, load_prefix(s.load));
	for (uint32_t i = 0; i < KEYS; i++) {
		const struct key *k = &s.fake.key[i];

		assert_int_equal(fscanf(file,
					"%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64,
					&key, &acknowledged, &unknown, &revision, &number),
				 5);
		assert_int_equal(key, i);
		assert_int_equal(acknowledged, k->acknowledged);
		assert_int_equal(unknown, k->unknown);
		assert_int_equal(revision, k->revision);
		snprintf(digits, sizeof(digits), "%016" PRIx64, number);
		assert_true(strcmp(digits, k->value) <= 0);
		sum += acknowledged + unknown;
	}
	assert_int_equal(fscanf(file, "%" SCNu64, &key), EOF);
	fclose(file);
	assert_int_equal(sum, PUTS + KEYS);
	assert_int_equal(series_close(s.options.series), 0);
	end(&s);
}

/* What was put before is in none, as it is in no latency. */
static void F26_each_answer_is_in_one_second(void **state)
{
	uint64_t answered = 0, failed = 0, n, m;
	static struct setup s;
	char *line = NULL;
	size_t room = 0;
	FILE *file;

	(void)state;
	begin(&s);
	assert_int_equal(load_fill(s.load), 0);
	s.fake.revision = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(load_run_count(s.load, PUTS, s.latency), 0);
	assert_int_equal(series_close(s.options.series), 0);
	file = fopen(s.series, "re");
	assert_non_null(file);
	while (getline(&line, &room, file) > 0) {
		double at;

		assert_int_equal(sscanf(line,
					"{\"at\": %lf, \"answered\": %" SCNu64
					", \"failed\": %" SCNu64 ", \"us\": [[",
					&at, &n, &m),
				 3);
		assert_non_null(strstr(line, "]]}\n"));
		answered += n;
		failed += m;
	}
	free(line);
	fclose(file);
	assert_int_equal(failed, 3 * PUTS / FAIL_EACH);
	assert_int_equal(answered + failed, 3 * PUTS);
	assert_int_equal(answered, s.latency[LOAD_PUT]->count);
	end(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F5_what_was_said_of_each_put_is_kept),
		cmocka_unit_test(F26_each_answer_is_in_one_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
