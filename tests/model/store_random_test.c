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
	ENTRIES_MAX = 10 * ROUND_STEPS_MAX,
	READERS_MAX = 5,
	SENT_MAX = 16,
	PART_SIZE_MAX = 1200,
	ANSWER_SIZE_MAX = 1 << 20,
	KEYS_STEPS = 200,
	SESSION = 1,
	/* Bytes for readers, in a round in which they lose their places. */
	SCARCE = 500,
};

/* What was asked and what is to come of it, for as long as somebody has to do with it. */
struct asked {
	struct model_request request;
	struct model_answer want;
	struct model_arena arena;
	uint8_t *data;
	size_t size;
	int64_t compacted; /* when it was asked */
	uint64_t sequence; /* of a command */
	uint32_t holders;
};

struct entry {
	uint8_t *data;
	uint32_t size;
	bool first, last;
};

/* An answer that is read on later. */
struct reader {
	struct asked *asked;
	struct sm *sm;
	struct sm_cursor *cursor; /* NULL: this place is free */
	uint8_t *got;
	uint32_t got_size;
};

struct round {
	uint64_t number, step;
	struct model model;
	struct model_draw draw;
	bool scarce;
	struct sm *members[MEMBERS];
	struct entry log[ENTRIES_MAX];
	uint32_t entry_count;
	uint64_t sequence;
	struct asked *sent[SENT_MAX]; /* commands, to be retried */
	struct reader readers[READERS_MAX];
	uint8_t *out;
};

static const char *program;
static struct {
	uint64_t commands, retries, queries, pieces, readers, restarts, gone, refused;
} seen;

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

static struct asked *asked_new(void)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (asked == NULL)
		err(1, "memory");
	asked->holders = 1;
	return asked;
}

static void asked_drop(struct asked *asked)
{
	if (--asked->holders > 0)
		return;
	model_arena_free(&asked->arena);
	free(asked);
}

/* Its versions may have gone with a compaction after it. */
static bool may_be_gone(const struct round *round, const struct asked *asked)
{
	return round->model.compact_revision > asked->compacted;
}

/* What is left of a place that was lost, or that there was never room for. */
static bool may_fail(const struct round *round, const struct asked *asked, int error)
{
	bool sorts = asked->request.order != MODEL_NONE || asked->request.target != MODEL_KEY;

	if (!round->scarce)
		return false;
	return error == -EBUSY ? sorts : error == -ESTALE && may_be_gone(round, asked);
}

static void judge(const struct round *round, const struct asked *asked, const uint8_t *data,
		  uint32_t size)
{
	struct model_arena arena = {0};
	struct model_answer got;

	if (store_is_gone(data, size) && may_be_gone(round, asked)) {
		seen.gone++;
		return;
	}
	if (!store_decode(&asked->request, data, size, &got, &arena))
		fail(round, &asked->request, "that is no answer", &asked->want, NULL);
	const char *difference = model_answer_difference(&asked->request, &asked->want, &got, true);
	if (difference != NULL)
		fail(round, &asked->request, difference, &asked->want, &got);
	model_arena_free(&arena);
}

static struct sm *member_make(const struct round *round)
{
	const struct kv_options options = {
		.quota = UINT64_MAX,
		.pinned_size_max = round->scarce ? SCARCE : 0,
		.salt = 7,
	};
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

static void reader_end(struct reader *reader)
{
	if (reader->cursor != NULL)
		reader->sm->ops->cursor_close(reader->sm, reader->cursor);
	asked_drop(reader->asked);
	free(reader->got);
	*reader = (struct reader){0};
}

/* The rest of an answer, or one piece of it; judged when it is whole, or when it was lost. */
static void read_on(struct round *round, struct reader *reader, bool all)
{
	const struct asked *asked = reader->asked;
	bool more = reader->cursor != NULL;

	while (more) {
		int got = reader->sm->ops->cursor_read(reader->sm, reader->cursor, round->out,
						       KV_ANSWER_SIZE_MAX, &more);

		if (may_fail(round, asked, got)) {
			seen.refused++;
			reader_end(reader);
			return;
		}
		if (got < 0 || reader->got_size + (uint32_t)got > ANSWER_SIZE_MAX)
			fail(round, &asked->request, "a piece does not come", &asked->want, NULL);
		memcpy(reader->got + reader->got_size, round->out, (size_t)got);
		reader->got_size += (uint32_t)got;
		seen.pieces++;
		if (more && !all)
			return;
	}
	judge(round, asked, reader->got, reader->got_size);
	reader_end(reader);
}

static void readers_go_on(struct round *round)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor == NULL || model_draw_below(&round->draw, 10) > 0)
			continue;
		if (model_draw_below(&round->draw, 10) == 0)
			reader_end(reader);
		else
			read_on(round, reader, model_draw_below(&round->draw, 5) == 0);
	}
}

static void readers_close(struct round *round, const struct sm *sm)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor != NULL && reader->sm == sm)
			read_on(round, reader, true);
	}
}

/* `size` bytes of an answer came, and a cursor if there are more of them. */
static void read_answer(struct round *round, struct asked *asked, struct sm *sm, int size,
			struct sm_cursor *cursor)
{
	uint32_t place = model_draw_below(&round->draw, 2 * READERS_MAX);
	struct reader reader = {.asked = asked, .sm = sm, .cursor = cursor};

	if (may_fail(round, asked, size)) {
		seen.refused++;
		return;
	}
	if (size < 0)
		fail(round, &asked->request, strerror(-size), &asked->want, NULL);
	reader.got = malloc(ANSWER_SIZE_MAX);
	if (reader.got == NULL)
		err(1, "memory");
	memcpy(reader.got, round->out, (size_t)size);
	reader.got_size = (uint32_t)size;
	asked->holders++;
	if (cursor != NULL && place < READERS_MAX && round->readers[place].cursor == NULL) {
		round->readers[place] = reader;
		seen.readers++;
	} else {
		read_on(round, &reader, true);
	}
}

static void ask(struct round *round, struct asked *asked)
{
	struct sm *sm = round->members[model_draw_below(&round->draw, MEMBERS)];
	struct sm_cursor *cursor = NULL;
	int size;

	asked->data = store_encode(&asked->request, 0, 0, &asked->size, &asked->arena);
	size = sm->ops->query(sm, asked->data, (uint32_t)asked->size, round->out,
			      KV_ANSWER_SIZE_MAX, &cursor);
	read_answer(round, asked, sm, size, cursor);
	seen.queries++;
}

/* Of the request's bytes alone: it may be refused before the log. */
static bool is_of_the_bytes(enum model_error error)
{
	return error == MODEL_KEY_EMPTY || error == MODEL_VALUE_PROVIDED ||
	       error == MODEL_LEASE_PROVIDED || error == MODEL_DUPLICATE_KEY ||
	       error == MODEL_TOO_MANY_OPS;
}

/* Through the log, and answered by one of the members. */
static void deliver(struct round *round, struct asked *asked)
{
	uint32_t from = round->entry_count, answering = model_draw_below(&round->draw, MEMBERS);
	struct sm_result result;

	append_command(round, asked->data, asked->size);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		struct sm *sm = round->members[m];
		int done = 0;

		for (uint32_t e = from; e < round->entry_count; e++)
			done = apply(sm, &round->log[e], e + 1, &result);
		if (done != 1 || result.session != SESSION || result.sequence != asked->sequence)
			fail(round, &asked->request, "it is not completed", &asked->want, NULL);
		if (m == answering) {
			memcpy(round->out, result.data, result.size);
			read_answer(round, asked, sm, (int)result.size, NULL);
		}
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
	if (check != 0 && !is_of_the_bytes(asked->want.error))
		fail(round, &asked->request, "the check before the log", &asked->want, NULL);
	deliver(round, asked);
	if (*place != NULL)
		asked_drop(*place);
	asked->holders++;
	*place = asked;
	seen.commands++;
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
	if (model_draw_below(&round->draw, 10) == 0)
		round->members[1]->ops->sweep(round->members[1]);
}

static void restart(struct round *round, uint32_t m)
{
	struct sm_result result;
	struct sm *sm = member_make(round);

	readers_close(round, round->members[m]);
	for (uint32_t e = 0; e < round->entry_count; e++)
		apply(sm, &round->log[e], e + 1, &result);
	round->members[m]->ops->destroy(round->members[m]);
	round->members[m] = sm;
	seen.restarts++;
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
	struct asked *asked = asked_new();
	struct model_request *r = &asked->request;

	if (round->step++ % KEYS_STEPS == 0)
		model_draw_keys(&round->draw);
	do
		*r = model_draw_request(&round->draw, &round->model, &asked->arena);
	while (!store_narrow(r));
	asked->compacted = round->model.compact_revision;
	asked->want = model_do(&round->model, r, &asked->arena);
	if (r->kind == MODEL_RANGE || r->kind == MODEL_HASH)
		ask(round, asked);
	else
		command(round, asked);
	compare_members(round, r);
	asked_drop(asked);
	if (model_draw_below(&round->draw, 10) == 0)
		retry(round);
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
	round->scarce = model_draw_below(&round->draw, 4) == 0;
	model_init(&round->model, NULL, 0);
	for (uint32_t m = 0; m < MEMBERS; m++)
		round->members[m] = member_make(round);
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
	printf("%lu rounds: %lu commands, %lu retries, %lu queries, %lu pieces, %lu readers, "
	       "%lu restarts, %lu answers gone, %lu refused\n",
	       played, seen.commands, seen.retries, seen.queries, seen.pieces, seen.readers,
	       seen.restarts, seen.gone, seen.refused);
	return 0;
}
