/*
 * Case N15: bytes from anywhere as a configuration. Half of the inputs are random, half are a good
 * one with a few bytes changed; nothing may crash, and an error is never lost.
 */
#include "base/clock.h"
#include "base/mix.h"
#include "config/config.h"

#include "tests/unit/config/files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state;

static uint64_t random_next(void)
{
	return mix_next(&random_state);
}

static const char good[] =
	"name: n1\ndata-dir: /d\ninitial-cluster:\n  n1: 198.18.0.1:2380\n"
	"  n2: 198.18.0.2\nheartbeat-interval: 20ms\ncpus: 0-3\nmemory: 64MiB\n"
	"wal: {durability: durable, segment-size: 64MiB}\n"
	"network:\n  link: memif\n  address: 198.18.0.1/24\n  mac: 02:00:00:00:00:01\n"
	"  gateway: 198.18.0.9\n  memif-socket: \"@quoin\"\n";
static const char pieces[] = ":[]{}&*!|>'\"%@`,-?#\n\t \\=/.~0189azAZ\xc3\xa9\xff";

static size_t make_input(char *text, size_t size_max)
{
	size_t size;

	if (random_next() % 2 == 0) {
		size = random_next() % size_max;
		for (size_t i = 0; i < size; i++)
			text[i] = random_next() % 4 == 0
					  ? (char)random_next()
					  : pieces[random_next() % (sizeof(pieces) - 1)];
		return size;
	}
	size = sizeof(good) - 1;
	memcpy(text, good, size);
	for (uint64_t changes = 1 + random_next() % 4; changes > 0; changes--)
		text[random_next() % size] = pieces[random_next() % (sizeof(pieces) - 1)];
	return size;
}

static void N15_bytes_from_anywhere(void **state)
{
	const char *seed = getenv("SEED");
	uint64_t rounds = 0, start = clock_now();

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 0) : start | 1;
	print_message("SEED=%llu\n", (unsigned long long)random_state);
	do {
		struct config_errors errors;
		struct config config;
		char text[600];
		size_t size = make_input(text, sizeof(text));
		int err = files_load(&config, text, size, &errors);

		assert_int_equal(err, errors.count == 0 ? 0 : -EINVAL);
		for (uint32_t i = 0; i < errors.count && i < CONFIG_ERRORS_MAX; i++) {
			assert_null(strchr(errors.text[i], '\n'));
			assert_memory_equal(errors.text[i], "F:", 2);
		}
		rounds++;
	} while (clock_now() - start < CLOCK_S);
	print_message("%llu configurations\n", (unsigned long long)rounds);
}

static int enter(void **state)
{
	(void)state;
	files_enter();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	files_leave();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(N15_bytes_from_anywhere)};

	return cmocka_run_group_tests(tests, enter, leave);
}
