/*
 * Shared by the state machine's tests: requests built and fed as log entries, answers taken apart,
 * and numbers of a seed.
 */
#ifndef TESTS_UNIT_KV_HELPER_H
#define TESTS_UNIT_KV_HELPER_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs what is above it */

#include "base/mix.h"
#include "kv/command.h"
#include "kv/kv.h"
#include "kv/verify.h"

enum {
	PART_SIZE = 1200, /* the core's entries carry no more */
};

static inline struct kv_bytes text(const char *string)
{
	return (struct kv_bytes){.data = (const uint8_t *)string, .size = (uint32_t)strlen(string)};
}

static inline struct kv_bytes blob(const void *data, size_t size)
{
	return (struct kv_bytes){.data = data, .size = (uint32_t)size};
}

static inline uint32_t random_below(uint64_t *state, uint32_t bound)
{
	return (uint32_t)((mix_next(state) >> 33) % bound);
}

/* A state machine and the log that it is fed. */
struct rig {
	struct sm *sm;
	uint64_t index;    /* of the last entry */
	uint64_t sequence; /* of session 1, which put and del use */
	uint32_t steps;    /* calls of apply that the last command took */
	uint64_t session;  /* as the last result said */
	uint64_t result_sequence;
	uint64_t compacted; /* the revision */
	uint8_t *out;       /* KV_ANSWER_SIZE_MAX bytes for queries */
	uint8_t *piece;     /* the same for a piece of a command's answer */
	uint8_t *answer;    /* of the last command, joined */
	uint32_t answer_pieces;
	/* The whole command that the next entry ends; NULL: the entry is all of it. */
	const uint8_t *command;
	size_t command_size;
};

static inline void rig_open_with(struct rig *rig, const struct kv_options *options)
{
	*rig = (struct rig){.out = malloc(KV_ANSWER_SIZE_MAX), .piece = malloc(KV_ANSWER_SIZE_MAX)};
	assert_non_null(rig->out);
	assert_non_null(rig->piece);
	assert_int_equal(kv_create(&rig->sm, options), 0);
}

static inline void rig_open_salted(struct rig *rig, uint64_t quota, uint64_t salt)
{
	rig_open_with(rig, &(struct kv_options){.quota = quota, .salt = salt});
}

static inline void rig_open(struct rig *rig, uint64_t quota)
{
	rig_open_salted(rig, quota, 3);
}

static inline void rig_close(struct rig *rig)
{
	kv_verify(rig->sm);
	rig->sm->ops->destroy(rig->sm);
	free(rig->out);
	free(rig->piece);
	free(rig->answer);
}

/* What its client is told: all pieces, joined in rig->answer. */
static inline struct kv_answer answer_of(struct rig *rig, const uint8_t *command, size_t size,
					 const struct sm_result *result)
{
	uint8_t *piece = rig->piece;
	struct kv_answer answer = {0};
	struct sm_cursor *rest;
	size_t joined = 0;
	bool more = true;

	rig->answer_pieces = 1;
	int written = rig->sm->ops->answer(rig->sm, command, (uint32_t)size, result->data,
					   result->size, piece, KV_ANSWER_SIZE_MAX, &rest);
	for (;;) {
		assert_in_range(written, 0, KV_ANSWER_SIZE_MAX);
		rig->answer = realloc(rig->answer, joined + (size_t)written + 1);
		assert_non_null(rig->answer);
		memcpy(rig->answer + joined, piece, (size_t)written);
		joined += (size_t)written;
		if (!rest || !more)
			break;
		/* A physical compaction's comes when that is done. */
		(void)rig->sm->ops->sweep(rig->sm);
		written =
			rig->sm->ops->cursor_read(rig->sm, rest, piece, KV_ANSWER_SIZE_MAX, &more);
		rig->answer_pieces++;
	}
	if (rest)
		rig->sm->ops->cursor_close(rig->sm, rest);
	assert_int_equal(kv_answer_decode(&answer, rig->answer, joined), 0);
	return answer;
}

/* One entry, in as many steps as it takes. What apply said in the end; 1: *answer is decoded. */
static inline int feed_entry(struct rig *rig, const void *data, uint32_t size, bool first,
			     bool last, struct kv_answer *answer)
{
	struct sm_entry entry = {
		.index = ++rig->index, .data = data, .size = size, .first = first, .last = last};
	struct sm_result result;
	int done;

	rig->steps = 0;
	do {
		done = rig->sm->ops->apply(rig->sm, &entry, &result);
		rig->steps++;
	} while (done == -EAGAIN);
	if (done == 1) {
		rig->session = result.session;
		rig->result_sequence = result.sequence;
		*answer = answer_of(rig, rig->command ? rig->command : data,
				    rig->command ? rig->command_size : size, &result);
	}
	return done;
}

/* A command's bytes as one entry or as a chain; it must complete with the last one. */
static inline struct kv_answer feed_bytes(struct rig *rig, const uint8_t *data, size_t size)
{
	struct kv_answer answer = {0};
	size_t at = 0;

	rig->command = data;
	rig->command_size = size;
	do {
		size_t part = size - at < PART_SIZE ? size - at : PART_SIZE;
		bool last = at + part == size;
		int done = feed_entry(rig, data + at, (uint32_t)part, at == 0, last, &answer);

		assert_int_equal(done, last ? 1 : 0);
		at += part;
	} while (at < size);
	rig->command = NULL;
	return answer;
}

/* Owned by the caller. */
static inline uint8_t *encoded(const struct kv_request *request, size_t *size)
{
	*size = kv_request_size(request);
	uint8_t *data = malloc(*size);
	assert_non_null(data);
	kv_request_encode(request, data);
	return data;
}

static inline struct kv_answer feed(struct rig *rig, const struct kv_request *request)
{
	size_t size;
	uint8_t *data = encoded(request, &size);
	struct kv_answer answer = feed_bytes(rig, data, size);

	free(data);
	return answer;
}

static inline struct kv_answer put(struct rig *rig, struct kv_bytes key, struct kv_bytes value)
{
	const struct kv_request request = {.operation = KV_PUT,
					   .session = 1,
					   .sequence = ++rig->sequence,
					   .key = key,
					   .value = value};

	return feed(rig, &request);
}

static inline struct kv_answer del(struct rig *rig, struct kv_bytes key, struct kv_bytes end)
{
	const struct kv_request request = {.operation = KV_DELETE,
					   .session = 1,
					   .sequence = ++rig->sequence,
					   .key = key,
					   .range_end = end};

	return feed(rig, &request);
}

static inline enum kv_status compact(struct rig *rig, uint64_t revision)
{
	const struct kv_request request = {.operation = KV_COMPACT,
					   .session = 1,
					   .sequence = ++rig->sequence,
					   .revision = revision};
	const enum kv_status status = feed(rig, &request).status;

	if (status == KV_OK)
		rig->compacted = revision;
	return status;
}

/* Points into rig->out. */
static inline struct kv_answer query(struct rig *rig, const struct kv_request *request,
				     uint32_t out_size_max)
{
	size_t size;
	uint8_t *data = encoded(request, &size);
	struct kv_answer answer;
	int written =
		rig->sm->ops->query(rig->sm, data, (uint32_t)size, rig->out, out_size_max, NULL);

	free(data);
	assert_in_range(written, KV_ANSWER_HEADER_SIZE, out_size_max);
	assert_int_equal(kv_answer_decode(&answer, rig->out, (size_t)written), 0);
	return answer;
}

static inline struct kv_answer range(struct rig *rig, struct kv_bytes key, struct kv_bytes end)
{
	const struct kv_request request = {.operation = KV_RANGE, .key = key, .range_end = end};

	return query(rig, &request, KV_ANSWER_SIZE_MAX);
}

/* The one item of an answer. */
static inline struct kv_item only_item(const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0;

	assert_int_equal(answer->item_count, 1);
	assert_true(kv_item_next(answer, &at, &item));
	return item;
}

static inline void assert_bytes(struct kv_bytes got, struct kv_bytes want)
{
	assert_int_equal(got.size, want.size);
	if (want.size > 0)
		assert_memory_equal(got.data, want.data, want.size);
}

#endif
