/* The log, what members make of it, and their snapshots. */
#include "tests/model/round.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PART_SIZE_MAX = 1200,
	IMAGE_SIZE_MAX = 1 << 22,
	/* Bytes for readers, in a round in which they lose their places. */
	SCARCE = 500,
};

/* Where the failure of no request is told. */
static const struct model_request none = {.kind = MODEL_COMPACT};

struct sm *member_make(const struct round *round)
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

int log_apply(const struct round *round, struct sm *sm, uint32_t e, struct sm_result *result)
{
	const struct sm_entry entry = {
		.index = e + 1,
		.data = round->log[e].data,
		.size = round->log[e].size,
		.first = round->log[e].first,
		.last = round->log[e].last,
	};
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

void log_append_command(struct round *round, const uint8_t *data, size_t size)
{
	bool split = size > PART_SIZE_MAX || one_in(round, 20);
	size_t at = 0;

	if (one_in(round, 50))
		append(round, data, size / 2, true, false);
	if (one_in(round, 50))
		append(round, data, 0, false, false);
	while (at < size) {
		size_t part = split ? 1 + model_draw_below(&round->draw, PART_SIZE_MAX) : size;

		part = size - at < part ? size - at : part;
		append(round, data + at, part, at == 0, at + part == size);
		at += part;
	}
}

void images_mark(struct round *round)
{
	uint8_t marker[SM_MARKER_SIZE_MAX];
	const struct sm_ops *ops = round->members[0]->ops;
	const struct sm_mark mark = {.index = round->image.index, .hash = 1};
	struct sm_result result;

	for (uint32_t m = 0; m < MEMBERS; m++) {
		if (round->taking[m].snapshot != NULL)
			return;
	}
	append(round, marker, ops->marker(&mark, marker), true, true);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		struct sm *sm = round->members[m];
		struct image *image = &round->taking[m];

		if (log_apply(round, sm, round->entry_count - 1, &result) != 1 || !result.marked)
			round_fail(round, &none, "a marker is none", NULL, NULL);
		*image = (struct image){.snapshot = sm->ops->snapshot_take(sm)};
		image->index = round->entry_count;
		image->data = malloc(IMAGE_SIZE_MAX);
		if (image->snapshot == NULL || image->data == NULL)
			err(1, "a snapshot");
	}
}

static void image_drop(struct round *round, uint32_t m)
{
	struct image *image = &round->taking[m];

	if (image->snapshot != NULL)
		round->members[m]->ops->snapshot_close(image->snapshot);
	free(image->data);
	*image = (struct image){0};
}

/* It is the newest, or the same as the other member's. */
static void image_end(struct round *round, uint32_t m)
{
	struct image *image = &round->taking[m], *before = &round->image;

	if (image->index == before->index) {
		if (image->size != before->size ||
		    memcmp(image->data, before->data, image->size) != 0)
			round_fail(round, &none, "two snapshots of one index differ", NULL, NULL);
		image_drop(round, m);
		seen.images++;
		return;
	}
	round->members[m]->ops->snapshot_close(image->snapshot);
	image->snapshot = NULL;
	free(before->data);
	*before = *image;
	*image = (struct image){0};
}

static void image_read(struct round *round, uint32_t m)
{
	struct image *image = &round->taking[m];
	const struct sm_ops *ops = round->members[m]->ops;
	uint32_t room = 1 + model_draw_below(&round->draw, one_in(round, 2) ? 100 : 10000);
	bool more = true;

	if (room > IMAGE_SIZE_MAX - image->size)
		errx(1, "a snapshot is larger than this test has room for");
	int got = ops->snapshot_read(image->snapshot, image->data + image->size, room, &more);

	if (got == -ESTALE && (round->scarce || image->lost)) {
		image_drop(round, m);
		return;
	}
	if (got < 0 || image->lost)
		round_fail(round, &none, "a snapshot is not read", NULL, NULL);
	image->size += (uint32_t)got;
	if (!more)
		image_end(round, m);
}

void images_go_on(struct round *round)
{
	for (uint32_t m = 0; m < MEMBERS; m++) {
		bool whole = one_in(round, 50);

		if (!whole && !one_in(round, 4))
			continue;
		while (round->taking[m].snapshot != NULL) {
			image_read(round, m);
			if (!whole)
				break;
		}
	}
}

void images_close(struct round *round)
{
	for (uint32_t m = 0; m < MEMBERS; m++)
		image_drop(round, m);
	free(round->image.data);
	round->image = (struct image){0};
}

static void restore(struct round *round, struct sm *sm)
{
	const struct image *image = &round->image;
	uint32_t at = 0;
	int error;

	do
		error = sm->ops->restore_begin(sm);
	while (error == -EAGAIN);
	while (error == 0 && at < image->size) {
		uint32_t part = 1 + model_draw_below(&round->draw, one_in(round, 2) ? 50 : 5000);

		part = image->size - at < part ? image->size - at : part;
		error = sm->ops->restore_add(sm, image->data + at, part);
		at += part;
	}
	if (error != 0 || sm->ops->restore_end(sm) != image->index)
		round_fail(round, &none, "a snapshot is not restored", NULL, NULL);
	seen.restored++;
}

void member_restart(struct round *round, uint32_t m)
{
	bool installed = round->image.data != NULL && one_in(round, 2);
	struct sm *sm = round->members[m];
	struct sm_result result;
	uint64_t applied = 0;

	if (installed) {
		/* As a member that was far behind: in its place, whoever reads from it. */
		readers_lose(round, sm);
		round->taking[m].lost = true;
	} else {
		readers_finish(round, sm);
		image_drop(round, m);
		sm->ops->destroy(sm);
		round->members[m] = sm = member_make(round);
	}
	if (installed || (round->image.data != NULL && one_in(round, 2))) {
		restore(round, sm);
		applied = round->image.index;
	}
	for (uint32_t e = (uint32_t)applied; e < round->entry_count; e++)
		log_apply(round, sm, e, &result);
	seen.restarts++;
}
