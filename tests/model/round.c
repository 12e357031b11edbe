/* What is asked, and who reads the answers. */
#include "tests/model/round.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/text.h"

enum { ANSWER_SIZE_MAX = 1 << 20 };

struct round_seen seen;
const char *round_program;

void round_fail(const struct round *round, const struct model_request *r, const char *what,
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
	printf("again with: %s --seed %lu --rounds 1\n", round_program, round->number);
	exit(1);
}

bool one_in(struct round *round, uint32_t odds)
{
	return model_draw_below(&round->draw, odds) == 0;
}

struct asked *asked_new(void)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (asked == NULL)
		err(1, "memory");
	asked->holders = 1;
	return asked;
}

void asked_drop(struct asked *asked)
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

/* Itself, or what is in it. */
static bool sorts(const struct model_request *r)
{
	for (int branch = 0; branch < 2; branch++) {
		for (uint32_t i = 0; i < r->branches[branch].count; i++) {
			if (sorts(&r->branches[branch].op[i]))
				return true;
		}
	}
	return r->order != MODEL_NONE || r->target != MODEL_KEY;
}

/* What is left of a place that was lost, or that there was never room for. */
static bool may_fail(const struct round *round, const struct asked *asked, int error)
{
	if (!round->scarce)
		return false;
	if (error == -EBUSY)
		return sorts(&asked->request);
	/* A hash holds what an earlier compaction has not freed yet. */
	return error == -ESTALE && (may_be_gone(round, asked) || asked->request.kind == MODEL_HASH);
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
		round_fail(round, &asked->request, "that is no answer", &asked->want, NULL);
	const char *difference = model_answer_difference(&asked->request, &asked->want, &got, true);
	if (difference != NULL)
		round_fail(round, &asked->request, difference, &asked->want, &got);
	model_arena_free(&arena);
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

		if (reader->lost ? got == -ESTALE : may_fail(round, asked, got)) {
			seen.refused++;
			reader_end(reader);
			return;
		}
		if (got < 0 || reader->lost || reader->got_size + (uint32_t)got > ANSWER_SIZE_MAX)
			round_fail(round, &asked->request, "a piece does not come", &asked->want,
				   NULL);
		memcpy(reader->got + reader->got_size, round->out, (size_t)got);
		reader->got_size += (uint32_t)got;
		seen.pieces++;
		if (more && !all)
			return;
	}
	judge(round, asked, reader->got, reader->got_size);
	reader_end(reader);
}

void readers_go_on(struct round *round)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor == NULL || !one_in(round, 10))
			continue;
		if (one_in(round, 10))
			reader_end(reader);
		else
			read_on(round, reader, one_in(round, 5));
	}
}

void readers_finish(struct round *round, const struct sm *sm)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor != NULL && reader->sm == sm)
			read_on(round, reader, true);
	}
}

void readers_lose(struct round *round, const struct sm *sm)
{
	for (uint32_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &round->readers[i];

		if (reader->cursor != NULL && reader->sm == sm)
			reader->lost = true;
	}
}

void readers_take(struct round *round, struct asked *asked, struct sm *sm, int size,
		  struct sm_cursor *cursor)
{
	uint32_t place = model_draw_below(&round->draw, 2 * READERS_MAX);
	struct reader reader = {.asked = asked, .sm = sm, .cursor = cursor};

	if (may_fail(round, asked, size)) {
		seen.refused++;
		return;
	}
	if (size < 0)
		round_fail(round, &asked->request, strerror(-size), &asked->want, NULL);
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
