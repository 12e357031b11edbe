/*
 * A fuzz target's main under any compiler: no coverage guides it, so its seeds are good inputs and
 * its mutations few at a time.
 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "base/mix.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MIN = 100000, CLOCK_EVERY = 256 };

static uint8_t input[FUZZ_INPUT_MAX];
static size_t input_size;
static uint64_t random_state;

static uint64_t random_next(void)
{
	return mix_next(&random_state);
}

/* Only what a signal handler may call. */
static void keep_input(int number)
{
	int fd = open("fuzz-crash.bin", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0) {
		size_t at = 0;
		ssize_t n;

		while (at < input_size && (n = write(fd, input + at, input_size - at)) > 0)
			at += (size_t)n;
		close(fd);
	}
	signal(number, SIG_DFL);
	raise(number);
}

static void mutate(void)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff};
	size_t at = random_next() % input_size, size;

	switch (random_next() % 7) {
	case 0:
		input[at] ^= (uint8_t)(1 << random_next() % 8);
		break;
	case 1:
		input[at] = (uint8_t)random_next();
		break;
	case 2:
		input[at] = edges[random_next() % sizeof(edges)];
		break;
	case 3:
		input_size = at + 1;
		break;
	case 4: /* grow */
		size = random_next() % 64;
		if (input_size + size > FUZZ_INPUT_MAX)
			break;
		memset(input + input_size, (int)(random_next() % 2 ? 0 : random_next() % 256),
		       size);
		input_size += size;
		break;
	case 5: /* a run of bytes, moved */
		size = random_next() % (input_size - at) + 1;
		memmove(input + random_next() % (input_size - size + 1), input + at, size);
		break;
	default: /* headers are where the checks are */
		input[at % 64 % input_size] += (uint8_t)(random_next() % 2 ? 1 : 255);
		break;
	}
}

static void run_one(uint64_t n)
{
	input_size = fuzz_seed_input(n, input);
	for (uint64_t i = random_next() % 8; i > 0 && input_size > 0; i--)
		mutate();
	LLVMFuzzerTestOneInput(input, input_size);
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		return 1;
	}
	input_size = fread(input, 1, sizeof(input), file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, input_size);
	printf("%s: %zu bytes, done\n", path, input_size);
	return 0;
}

static double seconds_now(void)
{
	return (double)clock_now() / CLOCK_S;
}

static int usage(const char *name)
{
	fprintf(stderr, "Usage: %s [--seconds N] [--seed N] [--runs N] [FILE...]\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	uint64_t seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	uint64_t runs = 0, runs_min = RUNS_MIN;
	double seconds = 5, end;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i += 2) {
		if (i + 1 == argc)
			return usage(argv[0]);
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[i + 1], NULL);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--runs") == 0)
			runs_min = strtoull(argv[i + 1], NULL, 0);
		else
			return usage(argv[0]);
	}
	for (size_t s = 0; s < sizeof(signals) / sizeof(signals[0]); s++)
		signal(signals[s], keep_input);
	if (i < argc) {
		int failed = 0;

		for (; i < argc; i++)
			failed |= run_file(argv[i]);
		return failed;
	}
	printf("SEED=%" PRIu64 " seconds=%g runs_min=%" PRIu64 " replay: %s --seed %" PRIu64 "\n",
	       seed, seconds, runs_min, argv[0], seed);
	fflush(stdout);
	random_state = seed;
	end = seconds_now() + seconds;
	while (runs < runs_min || runs % CLOCK_EVERY || seconds_now() < end)
		run_one(runs++);
	printf("%" PRIu64 " runs, at least %" PRIu64 "\n", runs, runs_min);
	return 0;
}
