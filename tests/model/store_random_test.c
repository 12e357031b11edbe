/*
 * The store against the model of etcd's semantics (model.h): random requests through the seam of
 * kv/sm.h, all that is answered compared. Two members apply the same log; one gives memory back as
 * fast as it can, the other seldom; answers and snapshots are read on while writes go on, and a
 * member starts again from the log, or from a snapshot. What they agree on must not show any of it.
 *
 *	store_random [--seed N] [--seconds N] [--rounds N]
 *
 * Round after round, each with a store of its own and the next seed, until so many seconds (or
 * QUOIN_LOOP_SECONDS) are used, or rounds. Pieces are small here (KV_TEST_PIECE_SIZE).
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kv/verify.h"
#include "tests/model/round.h"

enum {
	KEYS_STEPS = 200,
	/* A run of so many has seen each error of a command. */
	WHOLE_COMMANDS = 50000,
};

static void ask(struct round *round, struct asked *asked)
{
	struct sm *sm = round->members[model_draw_below(&round->draw, MEMBERS)];
	struct sm_cursor *cursor = NULL;
	int size;

	asked->data = store_encode(&asked->request, 0, 0, &asked->size, &asked->arena);
	size = sm->ops->query(sm, asked->data, (uint32_t)asked->size, round->out,
			      KV_ANSWER_SIZE_MAX, &cursor);
	readers_take(round, asked, sm, size, cursor);
	seen.queries++;
	seen.txns += asked->request.kind == MODEL_TXN;
}

/* Of the request's bytes alone: it may be refused before the log. */
static bool is_of_the_bytes(const struct asked *asked)
{
	return asked->want.error == MODEL_DUPLICATE_KEY ||
	       (asked->request.kind != MODEL_COMPACT &&
		model_check(&asked->request, MODEL_TXN_OPS_MAX) != MODEL_OK);
}

/* The same on each member, and when it is asked for once more. */
static void verdict_compare(struct round *round, struct asked *asked,
			    const struct sm_result *result)
{
	if (asked->verdict_size == 0) {
		asked->verdict_size = result->size;
		memcpy(asked->verdict, result->data, result->size);
	}
	if (asked->verdict_size != result->size ||
	    memcmp(asked->verdict, result->data, result->size) != 0)
		round_fail(round, &asked->request, "two verdicts", &asked->want, NULL);
}

/* Through the log, and answered by one of the members. */
static void deliver(struct round *round, struct asked *asked)
{
	uint32_t from = round->entry_count, answering = model_draw_below(&round->draw, MEMBERS);
	struct sm_cursor *cursor;
	struct sm_result result;
	int size;

	if (is_of_the_bytes(asked))
		asked->verdict_size = 0; /* no session remembers it */
	log_append_command(round, asked->data, asked->size);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		struct sm *sm = round->members[m];
		int done = 0;

		for (uint32_t e = from; e < round->entry_count; e++)
			done = log_apply(round, sm, e, &result);
		if (done != 1 || result.session != SESSION || result.sequence != asked->sequence)
			round_fail(round, &asked->request, "it is not completed", &asked->want,
				   NULL);
		verdict_compare(round, asked, &result);
		if (m != answering)
			continue;
		size = sm->ops->answer(sm, asked->data, (uint32_t)asked->size, asked->verdict,
				       asked->verdict_size, round->out, KV_ANSWER_SIZE_MAX,
				       &cursor);
		readers_take(round, asked, sm, size, cursor);
	}
}

static void command(struct round *round, struct asked *asked)
{
	struct asked **place = &round->sent[model_draw_below(&round->draw, SENT_MAX)];
	struct sm *sm = round->members[0];
	uint64_t session, sequence;

	asked->sequence = ++round->sequence;
	asked->data = store_encode(&asked->request, SESSION, asked->sequence, &asked->size,
				   &asked->arena);
	int check = sm->ops->check(sm, asked->data, (uint32_t)asked->size, 0, &session, &sequence);
	if (check != 0 && !is_of_the_bytes(asked))
		round_fail(round, &asked->request, "the check before the log", &asked->want, NULL);
	deliver(round, asked);
	if (*place != NULL)
		asked_drop(*place);
	asked->holders++;
	*place = asked;
	seen.commands++;
	seen.errors[asked->want.error]++;
}

/* One that was applied is answered as it was, while its session has not given it up. */
static void retry(struct round *round)
{
	struct asked *asked = round->sent[model_draw_below(&round->draw, SENT_MAX)];

	if (asked == NULL || asked->sequence + STORE_OUTSTANDING <= round->sequence)
		return;
	deliver(round, asked);
	seen.retries++;
}

/* One as often as it can, one seldom. */
static void sweep(struct round *round)
{
	while (round->members[0]->ops->sweep(round->members[0]))
		;
	if (one_in(round, 10))
		round->members[1]->ops->sweep(round->members[1]);
}

static void compare_members(struct round *round, const struct model_request *r)
{
	const struct model_bytes all = {(const uint8_t *)"", 1};
	struct model_arena arena = {0};
	uint64_t hash = round->members[0]->ops->hash(round->members[0]);
	uint32_t keys;

	model_state(&round->model, all, all, model_newest(), &arena, &keys);
	model_arena_free(&arena);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		struct sm *sm = round->members[m];

		if (sm->ops->hash(sm) != hash)
			round_fail(round, r, "the members differ", NULL, NULL);
		if ((int64_t)sm->ops->revision(sm) != round->model.revision)
			round_fail(round, r, "a member's revision", NULL, NULL);
		if (sm->ops->keys(sm) != keys)
			round_fail(round, r, "a member's keys", NULL, NULL);
	}
}

static void step(struct round *round)
{
	struct asked *asked = asked_new();
	struct model_request *r = &asked->request;

	if (round->step++ % KEYS_STEPS == 0)
		model_draw_keys(&round->draw);
	do
		*r = model_draw_request(&round->draw, &round->model, &asked->arena);
	while (!store_takes(r));
	asked->compacted = round->model.compact_revision;
	asked->want = model_do(&round->model, r, &asked->arena);
	if (asked->want.error == MODEL_PANIC) /* MF7: what is to be kept is not there by then */
		asked->want.error = MODEL_KEY_NOT_FOUND;
	if (store_is_query(r) && (r->kind != MODEL_TXN || one_in(round, 2)))
		ask(round, asked);
	else
		command(round, asked);
	compare_members(round, r);
	asked_drop(asked);
	if (one_in(round, 10))
		retry(round);
	readers_go_on(round);
	images_go_on(round);
	sweep(round);
	if (one_in(round, 50))
		images_mark(round);
	if (one_in(round, 200))
		member_restart(round, model_draw_below(&round->draw, MEMBERS));
	if (round->step % 64 == 0) {
		kv_verify(round->members[0]);
		kv_verify(round->members[1]);
	}
}

static void play(uint64_t number)
{
	struct round *round = calloc(1, sizeof(*round));

	if (round == NULL || (round->out = malloc(KV_ANSWER_SIZE_MAX)) == NULL)
		err(1, "memory");
	round->number = round->draw.seed = number;
	round->draw.with_leases = true; /* none is known */
	round->scarce = one_in(round, 4);
	model_init(&round->model, NULL, 0);
	for (uint32_t m = 0; m < MEMBERS; m++)
		round->members[m] = member_make(round);
	uint32_t steps = 1 + model_draw_below(&round->draw, ROUND_STEPS_MAX);
	while (round->step < steps)
		step(round);
	for (uint32_t m = 0; m < MEMBERS; m++)
		readers_finish(round, round->members[m]);
	images_close(round);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		while (round->members[m]->ops->sweep(round->members[m]))
			;
		kv_verify(round->members[m]);
		round->members[m]->ops->destroy(round->members[m]);
	}
	for (uint32_t e = 0; e < round->entry_count; e++)
		free(round->log[e].data);
	for (uint32_t i = 0; i < SENT_MAX; i++) {
		if (round->sent[i] != NULL)
			asked_drop(round->sent[i]);
	}
	model_destroy(&round->model);
	free(round->out);
	free(round);
}

int main(int argc, char **argv)
{
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seed = clock_now(), seconds = loop != NULL ? strtoull(loop, NULL, 0) : 1;
	uint64_t rounds = UINT64_MAX, played = 0;

	round_program = argv[0];
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoull(argv[i + 1], NULL, 0);
	}
	printf("SEED=%lu SECONDS=%lu: again with %s --seed %lu\n", seed, seconds, round_program,
	       seed);
	fflush(stdout); /* an assertion ends it */
	uint64_t end = clock_now() + seconds * UINT64_C(1000000000);
	while (played < rounds && (rounds != UINT64_MAX || clock_now() < end))
		play(seed + played++);
	printf("%lu rounds: %lu commands, %lu retries, %lu queries, %lu of them transactions, %lu "
	       "pieces, %lu readers\n",
	       played, seen.commands, seen.retries, seen.queries, seen.txns, seen.pieces,
	       seen.readers);
	if (seen.txns == 0 && seen.commands >= WHOLE_COMMANDS)
		errx(1, "no transaction was a query");
	printf("%lu restarts, %lu restored, %lu pairs of snapshots, %lu answers gone, %lu "
	       "refused\n",
	       seen.restarts, seen.restored, seen.images, seen.gone, seen.refused);
	for (int e = MODEL_OK; e < MODEL_PANIC; e++) {
		printf("%8lu %s\n", seen.errors[e],
		       e == MODEL_OK ? "applied" : model_error_text((enum model_error)e));
		if (seen.errors[e] == 0 && seen.commands >= WHOLE_COMMANDS)
			errx(1, "something that a run is to see was not there");
	}
	return 0;
}
