/*
 * The model against Debian's etcd: random requests to both, all that they answer compared. So what
 * the store is compared with is what etcd does, and not what we think.
 *
 *	etcd_differential [--seed N] [--seconds N] [--steps N]
 *
 * Ends after so many seconds (or QUOIN_LOOP_SECONDS) or steps.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/model/draw.h"
#include "tests/model/etcd.h"
#include "tests/model/text.h"

enum {
	SKIPPED = 77,
	KEYS_STEPS = 300, /* then other keys are drawn */
	/* A run of so many has seen each error (the rarest 17 times), and each kind succeed. */
	WHOLE_STEPS = 8000,
};

/* etcd's varint of a negative one has ten bytes. */
static const int64_t leases[] = {1, INT64_C(1) << 40, -5};

struct run {
	struct etcd etcd;
	struct model model;
	struct model_draw draw;
	uint64_t steps;
	uint64_t seen[MODEL_HASH + 1][MODEL_PANIC + 1];
};

static void fail(struct run *run, const char *program, uint64_t seed, const char *what,
		 const struct model_request *r, const struct model_answer *want,
		 const struct model_answer *got)
{
	json_t *json = model_request_json(r);
	char *text = json_dumps(json, JSON_INDENT(1));

	printf("step %lu: they differ in: %s\n%s %s\n", run->steps, what, model_request_path(r),
	       text);
	printf("the model:\n");
	model_answer_print(want, 1);
	if (got != NULL) {
		printf("etcd:\n");
		model_answer_print(got, 1);
	}
	printf("etcd said: %.2000s\n", run->etcd.answer);
	printf("again with: %s --seed %lu --steps %lu\n", program, seed, run->steps);
	free(text);
	json_decref(json);
	etcd_stop(&run->etcd);
	exit(1);
}

static void step(struct run *run, const char *program, uint64_t seed)
{
	struct model_arena arena = {0};
	struct model_answer got;

	if (run->steps++ % KEYS_STEPS == 0)
		model_draw_keys(&run->draw);
	struct model_request r = model_draw_request(&run->draw, &run->model, &arena);
	struct model_answer want = model_do(&run->model, &r, &arena);
	run->seen[r.kind][want.error]++;
	if (want.error != MODEL_PANIC) {
		if (!etcd_do(&run->etcd, &r, &got, &arena))
			fail(run, program, seed, "etcd has no answer", &r, &want, NULL);
		const char *difference = model_answer_difference(&r, &want, &got, false);
		if (difference != NULL)
			fail(run, program, seed, difference, &r, &want, &got);
	}
	model_arena_free(&arena);
}

static void tell(const struct run *run)
{
	static const char *const names[] = {"", "range", "put", "delete", "txn", "compact", "hash"};
	bool missing = false;

	printf("%lu steps, at revision %ld, compacted at %ld\n", run->steps, run->model.revision,
	       run->model.compact_revision);
	for (int e = MODEL_OK; e <= MODEL_PANIC; e++) {
		uint64_t sum = 0;

		printf("%-58s", e == MODEL_OK ? "answered" : model_error_text((enum model_error)e));
		for (int kind = MODEL_RANGE; kind <= MODEL_HASH; kind++) {
			sum += run->seen[kind][e];
			printf(" %s %lu", names[kind], run->seen[kind][e]);
			missing = missing || (e == MODEL_OK && run->seen[kind][e] == 0);
		}
		printf("\n");
		missing = missing || (sum == 0 && e != MODEL_PANIC);
	}
	if (missing && run->steps >= WHOLE_STEPS)
		errx(1, "something that a run is to see was not there");
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seed = clock_now(), seconds = loop != NULL ? strtoull(loop, NULL, 0) : 3;
	uint64_t steps = UINT64_MAX;

	if (run == NULL)
		err(1, "memory");
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--steps") == 0)
			steps = strtoull(argv[i + 1], NULL, 0);
	}
	printf("SEED=%lu SECONDS=%lu: again with %s --seed %lu --steps N\n", seed, seconds, argv[0],
	       seed);
	if (etcd_missing() != NULL) {
		printf("skipped: there is no %s (Debian's etcd-server and etcd-client)\n",
		       etcd_missing());
		return SKIPPED;
	}
	etcd_start(&run->etcd);
	run->draw = (struct model_draw){.seed = seed, .with_leases = true};
	model_init(&run->model, leases, sizeof(leases) / sizeof(leases[0]));
	for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++)
		etcd_lease_grant(&run->etcd, leases[i]);
	uint64_t end = clock_now() + seconds * UINT64_C(1000000000);
	/* The clock decides how many steps there are, never what one does. */
	while (run->steps < steps && (steps != UINT64_MAX || clock_now() < end))
		step(run, argv[0], seed);
	tell(run);
	etcd_stop(&run->etcd);
	model_destroy(&run->model);
	free(run);
	return 0;
}
