/*
 * Preparing the next segment, in the background.
 *
 * It is made under a temporary name: room for its whole length, zeros over it, synced, then its
 * header, synced, then its name, and the directory synced. So whatever carries a segment's name has
 * a valid header and was durably zero (W16-W18). It starts as soon as there is none to roll to; one
 * step is in flight at a time, and while there is time the zeros are written at a limited rate, so
 * that the log's own writes wait for little.
 *
 * A segment that the base left behind is used again, if there is one: it gets the temporary name
 * and is prepared as a new one, but that its room is there already (W15: what it held is zeroed
 * first, and bound to its former sequence besides).
 *
 * That there is no space for it, or that it may not be made now, is no failure (D8): nothing of it
 * was acknowledged, and the log's own files are open. What was made goes, wal_get_space says so,
 * and it is tried again every SPACE_INTERVAL_NS. Space is looked for before it is needed: while one
 * segment is ready, the one after it must fit, or be there to be used again, so that the one that
 * is ready is the reserve in which elections and what is under way go on. A snapshot has a reserve
 * of its own (space.c): without it space is full, and segments are made of it in the end alone.
 */
#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <string.h>

#define SPACE_INTERVAL_NS UINT64_C(1000000000)

static void names(const struct wal *w, char name[DISK_NAME_MAX], char temporary[DISK_NAME_MAX])
{
	wal_meta_segment_name(name, w->prepare.sequence);
	wal_meta_temporary_name(temporary, name);
}

const char *wal_prepare_operation(const struct wal *w)
{
	static const char *const operation[PREPARE_STATES] = {
		[PREPARE_IDLE] = "preparation",
		[PREPARE_LOOK] = "look at the space that is left",
		[PREPARE_SPACE] = "look at the space that is left",
		[PREPARE_REUSE] = "rename of a segment that is used again",
		[PREPARE_OPEN] = "open",
		[PREPARE_CREATE] = "create",
		[PREPARE_ALLOCATE] = "allocation",
		[PREPARE_ZERO] = "write of zeros ahead",
		[PREPARE_ZERO_SYNC] = "sync of zeros ahead",
		[PREPARE_HEADER] = "write of a segment's header",
		[PREPARE_HEADER_SYNC] = "sync of a segment's header",
		[PREPARE_RENAME] = "rename",
		[PREPARE_NAMES_SYNC] = "sync of the directory after a rename",
		[PREPARE_CLOSE] = "close",
		[PREPARE_REMOVE] = "removal",
	};

	return operation[w->prepare.state];
}

static int prepare_fail(struct wal *w, int err)
{
	char name[DISK_NAME_MAX];
	char temporary[DISK_NAME_MAX];

	names(w, name, temporary);
	return wal_fail(w, err, w->prepare.state > PREPARE_RENAME ? name : temporary,
			w->prepare.offset, wal_prepare_operation(w));
}

static int call(struct wal *w, enum disk_call_kind kind)
{
	struct prepare *p = &w->prepare;
	struct disk_call call = {
		.kind = kind, .mode = w->mode, .file = p->file, .size = w->segment_size};

	names(w, call.to, call.name);
	if (kind == DISK_RENAME && p->state == PREPARE_REUSE) {
		memcpy(call.to, call.name, sizeof(call.to));
		wal_meta_segment_name(call.name, p->spare);
	}
	return w->disk->ops->call(w->disk, &call, TAG_PREPARE);
}

static uint32_t zeros_next(const struct wal *w)
{
	uint32_t left = w->prepare.size - w->prepare.offset;

	return left < w->limits.zero_size ? left : w->limits.zero_size;
}

static int header_write(struct wal *w)
{
	struct prepare *p = &w->prepare;
	struct meta_segment header = {.sequence = p->sequence,
				      .size = p->size,
				      .unit = w->unit,
				      .write_size_max = w->limits.write_size_max};

	wal_meta_segment_encode(w->header, &w->id, &header);
	return w->disk->ops->write(w->disk, p->file, 0, w->header, w->unit, TAG_PREPARE);
}

static int submit(struct wal *w)
{
	struct prepare *p = &w->prepare;
	struct disk *d = w->disk;

	switch (p->state) {
	case PREPARE_LOOK:
	case PREPARE_SPACE:
		return call(w, DISK_SPACE);
	case PREPARE_OPEN:
		return call(w, DISK_OPEN);
	case PREPARE_CREATE:
		return call(w, DISK_CREATE);
	case PREPARE_ALLOCATE:
		return call(w, DISK_ALLOCATE);
	case PREPARE_ZERO:
		return d->ops->write(d, p->file, p->offset, w->zeros, zeros_next(w), TAG_PREPARE);
	case PREPARE_ZERO_SYNC:
	case PREPARE_HEADER_SYNC:
		return d->ops->sync(d, p->file, TAG_PREPARE);
	case PREPARE_HEADER:
		return header_write(w);
	case PREPARE_REUSE:
	case PREPARE_RENAME:
		return call(w, DISK_RENAME);
	case PREPARE_NAMES_SYNC:
		return call(w, DISK_SYNC_NAMES);
	case PREPARE_CLOSE:
		return call(w, DISK_CLOSE);
	case PREPARE_REMOVE:
		return call(w, DISK_REMOVE);
	case PREPARE_IDLE:
	case PREPARE_STATES:
		break;
	}
	assert(false);
	return -EINVAL;
}

/* The log is at its first segment, or half through the one before this: no other haste counts. */
static bool hurry(const struct wal *w)
{
	if (w->limits.zero_rate == 0 || w->segment_count == 0)
		return true;
	return w->segments[w->tail].end >= w->segments[w->tail].size / 2;
}

/* Until when the next step waits. */
static uint64_t step_due(const struct wal *w)
{
	const struct prepare *p = &w->prepare;

	if (p->state == PREPARE_IDLE || p->state == PREPARE_REMOVE)
		return p->next_ns;
	return p->state == PREPARE_ZERO && !hurry(w) ? p->zero_ns : 0;
}

static void begin(struct wal *w)
{
	struct prepare *p = &w->prepare;

	p->sequence = w->base.segment + w->segment_count;
	p->size = w->segment_size;
	p->offset = 0;
	p->spare = 0;
	if (!wal_segment_wanted(w)) {
		p->state = PREPARE_LOOK;
	} else if (w->spares.count > 0) {
		p->spare = w->spares.sequence[--w->spares.count];
		p->state = PREPARE_REUSE;
	} else {
		p->state = PREPARE_SPACE;
	}
	p->next_ns = w->now_ns + SPACE_INTERVAL_NS;
}

int wal_prepare_step(struct wal *w)
{
	struct prepare *p = &w->prepare;
	bool wanted = p->state == PREPARE_IDLE && wal_segment_wanted(w) && !p->space.full;
	int err;

	if (p->in_flight || (!wanted && w->now_ns < step_due(w)))
		return 0;
	if (p->state == PREPARE_IDLE)
		begin(w);
	if (p->state == PREPARE_ZERO && w->limits.zero_rate > 0)
		p->zero_ns = w->now_ns + zeros_next(w) * SPACE_INTERVAL_NS / w->limits.zero_rate;
	err = submit(w);
	if (err != 0)
		return prepare_fail(w, err);
	p->in_flight = true;
	p->since_ns = w->now_ns;
	return 0;
}

static void segment_add(struct wal *w)
{
	struct prepare *p = &w->prepare;
	struct segment segment = {
		.sequence = p->sequence, .size = p->size, .end = w->unit, .file = p->file};
	int err = wal_segment_append(w, &segment);

	p->file = -1;
	if (err != 0)
		(void)prepare_fail(w, err);
	/* The next look is at the space for the one after it. */
	p->next_ns = 0;
}

static void space_short(struct wal *w, int err)
{
	struct wal_space *space = &w->prepare.space;

	space->full = true;
	space->error = err;
	space->wanted = (uint64_t)w->segment_size + STATE_SPACE_SPARE + space->reserve;
}

static bool look_failed(const struct disk_completion *done)
{
	return done->result != 0 && done->result != -EOPNOTSUPP;
}

/* Elections and markers need a segment soon, whatever becomes of the next snapshot. */
static bool tail_ends(const struct wal *w)
{
	const struct segment *tail = &w->segments[w->tail];

	return w->segment_count == 0 || tail->size - tail->end < tail->size / 4;
}

/*
 * True: there is enough for a segment, or nobody can say. A limit that is not the file system's
 * shows only when a segment is made. A look that failed says nothing, and what was known before
 * stands.
 */
static bool space_judge(struct wal *w, const struct disk_completion *done)
{
	const uint64_t wanted = (uint64_t)w->segment_size + STATE_SPACE_SPARE;
	struct wal_space *space = &w->prepare.space;

	if (look_failed(done))
		return true;
	wal_space_look(w, done->result == 0 ? done : NULL);
	if (space->known && space->there < wanted + space->reserve)
		space_short(w, -ENOSPC);
	else if (!wal_segment_wanted(w))
		space->full = false;
	return !space->known || space->there >= wanted + (tail_ends(w) ? 0 : space->reserve);
}

/* What stands beside segments, and the next snapshot, have no use for one that is kept. */
static void spares_judge(struct wal *w)
{
	const struct wal_space *space = &w->prepare.space;

	if (space->known && space->files < STATE_SPACE_SPARE + space->reserve)
		wal_move_give_way(w);
}

static void remove_now(struct prepare *p, enum prepare_state first)
{
	p->state = first;
	p->next_ns = 0;
}

/* It could not be renamed now. */
static void spare_back(struct wal *w)
{
	struct prepare *p = &w->prepare;

	if (w->spares.count < STATE_SPARES_MAX)
		w->spares.sequence[w->spares.count++] = p->spare;
	p->state = PREPARE_IDLE;
}

/*
 * A step failed. It is the log's end, or there was no space: then what there is of it goes, and if
 * that may not be removed either, in a while. A create that failed may have left its file.
 */
static int step_failed(struct wal *w, int err)
{
	struct prepare *p = &w->prepare;
	bool opening = p->state == PREPARE_CREATE || p->state == PREPARE_OPEN;

	if (!wal_no_space(err) || p->state == PREPARE_NAMES_SYNC || p->state == PREPARE_CLOSE)
		return prepare_fail(w, err);
	/* At once, and once more: no write waits for files that are only read. */
	if (opening && wal_no_descriptor(err) && wal_segment_give_way(w))
		return 0;
	space_short(w, err);
	if (p->state == PREPARE_REMOVE)
		p->next_ns = w->now_ns + SPACE_INTERVAL_NS;
	else if (p->state == PREPARE_REUSE)
		spare_back(w);
	else
		remove_now(p, opening ? PREPARE_REMOVE : PREPARE_CLOSE);
	return 0;
}

/* The step that follows one that was done. */
static enum prepare_state step_next(struct wal *w, const struct disk_completion *done)
{
	struct prepare *p = &w->prepare;

	switch (p->state) {
	case PREPARE_LOOK:
		(void)space_judge(w, done);
		spares_judge(w);
		return PREPARE_IDLE;
	case PREPARE_SPACE:
		return space_judge(w, done) ? PREPARE_CREATE : PREPARE_IDLE;
	case PREPARE_REUSE:
		p->next_ns = 0;
		return done->result == 0 ? PREPARE_OPEN : PREPARE_IDLE;
	case PREPARE_OPEN:
		p->file = (int)done->value;
		return PREPARE_ZERO;
	case PREPARE_CREATE:
		p->file = (int)done->value;
		return PREPARE_ALLOCATE;
	case PREPARE_ALLOCATE:
		return PREPARE_ZERO;
	case PREPARE_ZERO:
		p->offset += zeros_next(w);
		return p->offset == p->size ? PREPARE_ZERO_SYNC : PREPARE_ZERO;
	case PREPARE_ZERO_SYNC:
		p->offset = 0;
		return PREPARE_HEADER;
	case PREPARE_NAMES_SYNC:
		/* That one could be used again says nothing of space: the next look does. */
		w->stats.reused += p->spare != 0;
		segment_add(w);
		return PREPARE_IDLE;
	case PREPARE_CLOSE:
		p->file = -1;
		return PREPARE_REMOVE;
	case PREPARE_REMOVE:
		p->next_ns = w->now_ns + SPACE_INTERVAL_NS;
		return PREPARE_IDLE;
	case PREPARE_HEADER:
	case PREPARE_HEADER_SYNC:
	case PREPARE_RENAME:
		return p->state + 1;
	case PREPARE_IDLE:
	case PREPARE_STATES:
		break;
	}
	assert(false);
	return PREPARE_IDLE;
}

int wal_prepare_done(struct wal *w, const struct disk_completion *done)
{
	struct prepare *p = &w->prepare;
	bool optional = p->state == PREPARE_LOOK || p->state == PREPARE_SPACE ||
			(p->state == PREPARE_ALLOCATE && done->result == -EOPNOTSUPP) ||
			((p->state == PREPARE_REMOVE || p->state == PREPARE_REUSE) &&
			 done->result == -ENOENT);

	assert(p->in_flight);
	p->in_flight = false;
	if (done->result != 0 && !optional)
		return step_failed(w, done->result);
	p->state = step_next(w, done);
	return w->failed;
}

uint64_t wal_prepare_deadline(const struct wal *w)
{
	const struct prepare *p = &w->prepare;

	/* Of a step in flight nobody knows when it ends. */
	return p->in_flight ? UINT64_MAX : step_due(w);
}

bool wal_spare_add(struct wal *w, const struct segment *segment)
{
	struct spares *s = &w->spares;

	if (s->count == STATE_SPARES_MAX || segment->size != w->segment_size)
		return false;
	s->sequence[s->count++] = segment->sequence;
	w->prepare.next_ns = 0; /* with it there may be space enough */
	return true;
}

/* -EINTR: it was given up, and is in flight or was done. */
static int wait_now(struct wal *w)
{
	struct disk_step step = {.operation = wal_prepare_operation(w), .name = ""};
	struct disk_completion done;
	int err;

	while (w->disk->ops->poll(w->disk, &done, 1, true) == 0) {
		if (wal_io_goes_on(w->disk, &step))
			continue;
		w->disk->hung = true;
		return -EINTR;
	}
	assert(done.tag == TAG_PREPARE);
	err = wal_prepare_done(w, &done);
	step.done = true;
	return err != 0 || wal_io_goes_on(w->disk, &step) ? err : -EINTR;
}

int wal_prepare_now(struct wal *w)
{
	size_t before = w->segment_count;

	while (w->segment_count == before) {
		int err = wal_prepare_step(w);

		if (err == 0) {
			err = w->disk->ops->submit(w->disk);
			if (err != 0)
				err = prepare_fail(w, err);
		}
		/* It would be tried again in a while: nobody waits for that here. */
		if (err == 0 && !w->prepare.in_flight)
			err = prepare_fail(w, w->prepare.space.error);
		if (err == 0)
			err = wait_now(w);
		if (err != 0)
			return err;
	}
	return 0;
}
