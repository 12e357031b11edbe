/*
 * The store against the model of etcd's semantics (model.h): random requests through the seam of
 * kv/sm.h, all that is answered compared. Two members apply the same log; one gives memory back as
 * fast as it can, the other seldom; answers are read on while writes go on, and a member starts
 * again from the log. What they agree on must not show any of it.
 *
 *	store_random [--seed N] [--seconds N] [--rounds N]
 *
 * Round after round, each with a store of its own and the next seed, until so many seconds (or
 * QUOIN_LOOP_SECONDS) are used, or rounds. Pieces are small here (KV_TEST_PIECE_SIZE).
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kv/kv.h"
#include "kv/verify.h"
#include "tests/model/draw.h"
#include "tests/model/store.h"
#include "tests/model/text.h"

enum {
	MEMBERS = 2,
	ROUND_STEPS_MAX = 1000,
	ENTRIES_MAX = 8 * ROUND_STEPS_MAX,
	READERS_MAX = 5,
	PART_SIZE_MAX = 1200,
	ANSWER_SIZE_MAX = 1 << 20,
	KEYS_STEPS = 200,
};

struct entry {
	uint8_t *data;
	uint32_t size;
	bool first, last;
};

/* An answer that is read on later. */
struct reader {
	struct sm *sm;
	struct sm_cursor *cursor; /* NULL: this place is free */
	struct model_request request;
	struct model_answer want;
	struct model_arena arena;
	uint8_t *got;
	uint32_t got_size;
};

struct round {
	uint64_t number, step;
	struct model model;
	struct model_draw draw;
	struct sm *members[MEMBERS];
	struct entry log[ENTRIES_MAX];
	uint32_t entry_count;
	uint64_t sequence;
	struct reader readers[READERS_MAX];
	uint8_t *out;
};

static const char *program;
static uint64_t commands, queries, pieces, readers, restarts;

static void fail(const struct round *round, const struct model_request *r, const char *what,
		 const struct model_answer *want, const struct model_answer *got)
{
	json_t *json = model_request_json(r);
	char *text = json_dumps(json, JSON_INDENT(1));

	printf("round %lu, step %lu: %s\n%s %s\n", round->number, round->step, what,
	       model_request_path(r), text);
	if (want != NULL) {
		printf("the model:\n");
		model_answer_print(want, 1);
	}
	if (got != NULL) {
		printf("the store:\n");
		model_answer_print(got, 1);
	}
	printf("again with: %s --seed %lu --rounds 1\n", program, round->number);
	exit(1);
}

static void judge(const struct round *round, const struct model_request *r,
		  const struct model_answer *want, const uint8_t *data, uint32_t size)
{
	struct model_arena arena = {0};
	struct model_answer got;

	if (!store_decode(r, data, size, &got, &arena))
		fail(round, r, "that is no answer", want, NULL);
	const char *difference = model_answer_difference(r, want, &got, true);
	if (difference != NULL)
		fail(round, r, difference, want, &got);
	model_arena_free(&arena);
}

static struct sm *member_make(void)
{
	const struct kv_options options = {.quota = UINT64_MAX, .salt = 7};
	struct sm *sm;

	if (kv_create(&sm, &options) != 0)
		err(1, "memory");
	return sm;
}

/* What apply says in the end. */
static int apply(struct sm *sm, const struct entry *e, uint64_t index, struct sm_result *result)
{
	const struct sm_entry entry = {.index = index,
				       .data = e->data,
				       .size = e->size,
				       .first = e->first,
				       .last = e->last};
	int done;

	do
		done = sm->ops->apply(sm, &entry, result);
	while (done == -EAGAIN);
	return done;
}

static void append(struct round *round, const uint8_t *data, size_t size, bool first, bool last)
{
	struct entry *e = &round->log[round->entry_count++];

	if (round->entry_count == ENTRIES_MAX)
		errx(1, "the log is full");
	*e = (struct entry){.data = malloc(size + 1), .size = (uint32_t)size, first, last};
	if (e->data == NULL)
		err(1, "memory");
	memcpy(e->data, data, size);
}

/* As an entry, or as a chain; now and then there is one that was broken off before it. */
static void append_command(struct round *round, const uint8_t *data, size_t size)
{
	bool split = size > PART_SIZE_MAX || model_draw_below(&round->draw, 20) == 0;
	size_t at = 0;

	if (model_draw_below(&round->draw, 50) == 0)
		append(round, data, size / 2, true, false);
	if (model_draw_below(&round->draw, 50) == 0)
		append(round, data, 0, false, false);
	while (at < size) {
		size_t part = split ? 1 + model_draw_below(&round->draw, PART_SIZE_MAX) : size;

		part = size - at < part ? size - at : part;
		append(round, data + at, part, at == 0, at + part == size);
		at += part;
	}
}

/* The rest of an answer, or one piece of it. False: it is lost, and the cursor closed. */
static bool read_on(struct round *round, struct reader *reader, bool all)
{
	bool more = true;

	while (more) {
		int got = reader->sm->ops->cursor_read(reader->sm, reader->cursor, round->out,
						       KV_ANSWER_SIZE_MAX, &more);

		if (got < 0 || reader->got_size + (uint32_t)got > ANSWER_SIZE_MAX)
			fail(round, &reader->request, "a piece does not come", &reader->want, NULL);
		memcpy(reader->got + reader->got_size, round->out, (size_t)got);
		reader->got_size += (uint32_t)got;
		pieces++;
		if (more && !all)
			return false;
	}
	reader->sm->ops->cursor_close(reader->sm, reader->cursor);
	return true;
}

static void reader_end(struct round *round, struct reader *reader, bool judged)
{
	if (judged)
		judge(round, &reader->request, &reader->want, reader->got, reader->got_size);
	model_arena_free(&reader->arena);
	free(reader->got);
	*reader = (struct reader){0};
}

static void readers_go_on(struct round *round)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor == NULL || model_draw_below(&round->draw, 10) > 0)
			continue;
		if (model_draw_below(&round->draw, 10) == 0) {
			reader->sm->ops->cursor_close(reader->sm, reader->cursor);
			reader_end(round, reader, false);
		} else if (read_on(round, reader, model_draw_below(&round->draw, 5) == 0)) {
			reader_end(round, reader, true);
		}
	}
}

static void readers_close(struct round *round, const struct sm *sm)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor != NULL && reader->sm == sm) {
			read_on(round, reader, true);
			reader_end(round, reader, true);
		}
	}
}

/* The request and all that is kept of it are the reader's, if it stays open. */
static void ask(struct round *round, struct reader *reader)
{
	size_t size;
	uint8_t *data = store_encode(&reader->request, 0, 0, &size, &reader->arena);
	uint32_t place = model_draw_below(&round->draw, 2 * READERS_MAX);

	reader->sm = round->members[model_draw_below(&round->draw, MEMBERS)];
	int got = reader->sm->ops->query(reader->sm, data, (uint32_t)size, round->out,
					 KV_ANSWER_SIZE_MAX, &reader->cursor);
	queries++;
	if (got < 0)
		fail(round, &reader->request, strerror(-got), &reader->want, NULL);
	reader->got = malloc(ANSWER_SIZE_MAX);
	if (reader->got == NULL)
		err(1, "memory");
	memcpy(reader->got, round->out, (size_t)got);
	reader->got_size = (uint32_t)got;
	if (reader->cursor != NULL && place < READERS_MAX && round->readers[place].cursor == NULL) {
		round->readers[place] = *reader;
		readers++;
		return;
	}
	if (reader->cursor != NULL)
		read_on(round, reader, true);
	reader_end(round, reader, true);
}

/* Of the request's bytes alone: it may be refused before the log. */
static bool is_of_the_bytes(enum model_error error)
{
	return error == MODEL_KEY_EMPTY || error == MODEL_VALUE_PROVIDED ||
	       error == MODEL_LEASE_PROVIDED || error == MODEL_DUPLICATE_KEY ||
	       error == MODEL_TOO_MANY_OPS;
}

static void command(struct round *round, const struct model_request *r,
		    const struct model_answer *want, struct model_arena *arena)
{
	uint64_t session, sequence;
	struct sm_result result;
	size_t size;
	uint8_t *data = store_encode(r, 1, ++round->sequence, &size, arena);
	uint32_t times = 1 + (model_draw_below(&round->draw, 10) == 0);
	int check = round->members[0]->ops->check(round->members[0], data, (uint32_t)size, 0,
						  &session, &sequence);

	if (check != 0 && !is_of_the_bytes(want->error))
		fail(round, r, "the check before the log", want, NULL);
	/* A retry is answered as it was. */
	for (uint32_t i = 0; i < times; i++) {
		uint32_t from = round->entry_count;

		append_command(round, data, size);
		for (uint32_t m = 0; m < MEMBERS; m++) {
			int done = 0;

			for (uint32_t e = from; e < round->entry_count; e++)
				done = apply(round->members[m], &round->log[e], e + 1, &result);
			if (done != 1 || result.session != 1 || result.sequence != round->sequence)
				fail(round, r, "it is not completed", want, NULL);
			judge(round, r, want, result.data, result.size);
		}
	}
	commands++;
}

/* One as often as it can, one seldom. */
static void sweep(struct round *round)
{
	while (round->members[0]->ops->sweep(round->members[0]))
		;
	if (model_draw_below(&round->draw, 10) == 0)
		round->members[1]->ops->sweep(round->members[1]);
}

static void restart(struct round *round, uint32_t m)
{
	struct sm_result result;
	struct sm *sm = member_make();

	readers_close(round, round->members[m]);
	for (uint32_t e = 0; e < round->entry_count; e++)
		apply(sm, &round->log[e], e + 1, &result);
	round->members[m]->ops->destroy(round->members[m]);
	round->members[m] = sm;
	restarts++;
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
			fail(round, r, "the members differ", NULL, NULL);
		if ((int64_t)sm->ops->revision(sm) != round->model.revision)
			fail(round, r, "a member's revision", NULL, NULL);
		if (sm->ops->keys(sm) != keys)
			fail(round, r, "a member's keys", NULL, NULL);
	}
}

static void step(struct round *round)
{
	struct reader reader = {0};

	if (round->step++ % KEYS_STEPS == 0)
		model_draw_keys(&round->draw);
	do
		reader.request = model_draw_request(&round->draw, &round->model, &reader.arena);
	while (!store_narrow(&reader.request));
	reader.want = model_do(&round->model, &reader.request, &reader.arena);
	bool is_query = reader.request.kind == MODEL_RANGE || reader.request.kind == MODEL_HASH;
	if (is_query) {
		ask(round, &reader);
	} else {
		command(round, &reader.request, &reader.want, &reader.arena);
		compare_members(round, &reader.request);
		model_arena_free(&reader.arena);
	}
	readers_go_on(round);
	sweep(round);
	if (model_draw_below(&round->draw, 300) == 0)
		restart(round, model_draw_below(&round->draw, MEMBERS));
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
	model_init(&round->model, NULL, 0);
	for (uint32_t m = 0; m < MEMBERS; m++)
		round->members[m] = member_make();
	uint32_t steps = 1 + model_draw_below(&round->draw, ROUND_STEPS_MAX);
	while (round->step < steps)
		step(round);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		readers_close(round, round->members[m]);
		while (round->members[m]->ops->sweep(round->members[m]))
			;
		kv_verify(round->members[m]);
		round->members[m]->ops->destroy(round->members[m]);
	}
	for (uint32_t e = 0; e < round->entry_count; e++)
		free(round->log[e].data);
	model_destroy(&round->model);
	free(round->out);
	free(round);
}

int main(int argc, char **argv)
{
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	uint64_t seed = clock_now(), seconds = loop != NULL ? strtoull(loop, NULL, 0) : 1;
	uint64_t rounds = UINT64_MAX, played = 0;

	program = argv[0];
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoull(argv[i + 1], NULL, 0);
	}
	printf("SEED=%lu SECONDS=%lu: again with %s --seed %lu\n", seed, seconds, program, seed);
	fflush(stdout); /* an assertion ends it */
	uint64_t end = clock_now() + seconds * UINT64_C(1000000000);
	while (played < rounds && (rounds != UINT64_MAX || clock_now() < end))
		play(seed + played++);
	printf("%lu rounds: %lu commands, %lu queries, %lu pieces, %lu readers, %lu restarts\n",
	       played, commands, queries, pieces, readers, restarts);
	return 0;
}
