/*
 * A round of store_random_test.c: the model, the members, the log that they apply, and who reads
 * from them.
 */
#ifndef TESTS_MODEL_ROUND_H
#define TESTS_MODEL_ROUND_H

#include "kv/kv.h"
#include "tests/model/draw.h"
#include "tests/model/store.h"

enum {
	MEMBERS = 2,
	ROUND_STEPS_MAX = 1000,
	ENTRIES_MAX = 10 * ROUND_STEPS_MAX,
	READERS_MAX = 5,
	SENT_MAX = 16,
	SESSION = 1,
};

/* What was asked and what is to come of it, for as long as somebody has to do with it. */
struct asked {
	struct model_request request;
	struct model_answer want;
	struct model_arena arena;
	uint8_t *data;
	size_t size;
	int64_t compacted; /* when it was asked */
	uint64_t sequence; /* of a command, as what follows */
	uint8_t verdict[KV_VERDICT_SIZE_MAX];
	uint32_t verdict_size;
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
	bool lost; /* its member was given another state: what it reads is gone */
};

/* A snapshot while it is read (snapshot not NULL), or when it was. */
struct image {
	struct sm_snapshot *snapshot;
	uint8_t *data; /* NULL: there is none */
	uint32_t size;
	uint64_t index;
	bool lost;
};

struct round {
	uint64_t number, step;
	struct model model;
	struct model_draw draw;
	bool scarce; /* what readers may hold back and sort in is little: they lose their places */
	struct sm *members[MEMBERS];
	struct entry log[ENTRIES_MAX];
	uint32_t entry_count;
	uint64_t sequence;
	struct asked *sent[SENT_MAX]; /* commands, to be retried */
	struct reader readers[READERS_MAX];
	struct image taking[MEMBERS];
	struct image image; /* the newest that is whole */
	uint8_t *out;       /* KV_ANSWER_SIZE_MAX bytes */
};

struct round_seen {
	uint64_t commands, retries, queries, txns, pieces, readers, restarts, gone, refused, images,
		restored;
	uint64_t errors[MODEL_PANIC + 1];
};

extern struct round_seen seen;
extern const char *round_program;

/* Says what it was, and how to have it again, and ends the process. */
void round_fail(const struct round *round, const struct model_request *r, const char *what,
		const struct model_answer *want, const struct model_answer *got);
bool one_in(struct round *round, uint32_t odds);

struct asked *asked_new(void);
void asked_drop(struct asked *asked);

/* `size` bytes of an answer came into round->out, or an error; and a cursor, if more follow. */
void readers_take(struct round *round, struct asked *asked, struct sm *sm, int size,
		  struct sm_cursor *cursor);
void readers_go_on(struct round *round);
/* To their ends. */
void readers_finish(struct round *round, const struct sm *sm);
void readers_lose(struct round *round, const struct sm *sm);

struct sm *member_make(const struct round *round);
/* As an entry, or as a chain; now and then there is one that was broken off before it. */
void log_append_command(struct round *round, const uint8_t *data, size_t size);
/* What apply says in the end of entry number e. */
int log_apply(const struct round *round, struct sm *sm, uint32_t e, struct sm_result *result);
/* From the log, or from a snapshot and the log after it. */
void member_restart(struct round *round, uint32_t m);
/* A marker, if no snapshot is being read. */
void images_mark(struct round *round);
void images_go_on(struct round *round);
void images_close(struct round *round);

#endif
