#include "wal/io.h"

#include "raft/types.h"

#include <errno.h>
#include <string.h>

bool wal_io_goes_on(struct disk *d, const struct disk_step *step)
{
	return !d->goes_on || d->goes_on(d->context, step);
}

static int wait_one(struct disk *d, const char *operation, const char *name, uint64_t *value)
{
	struct disk_step step = {.operation = operation, .name = name};
	struct disk_completion done;
	int err = d->ops->submit(d);

	if (err != 0)
		return err;
	for (uint32_t waits = 1; d->ops->poll(d, &done, 1, true) == 0; waits++) {
		bool ended = !wal_io_goes_on(d, &step);

		if (!ended && (d->waits_max == 0 || waits < d->waits_max))
			continue;
		d->hung = true;
		return ended ? -EINTR : -ETIMEDOUT;
	}
	assert(done.tag == 0);
	*value = done.value;
	return done.result;
}

/* Between two operations: none is in flight, and nothing is lost that one gave. */
static int step_done(struct disk *d, const char *operation, const char *name)
{
	const struct disk_step step = {.operation = operation, .name = name, .done = true};

	return wal_io_goes_on(d, &step) ? 0 : -EINTR;
}

static int wait_step(struct disk *d, const char *operation, const char *name)
{
	uint64_t value;
	int err = wait_one(d, operation, name, &value);

	return err != 0 ? err : step_done(d, operation, name);
}

int wal_io_read(struct disk *d, int file, uint64_t offset, void *data, size_t size)
{
	int err = d->ops->read(d, file, offset, data, size, 0);

	return err != 0 ? err : wait_step(d, "read", "");
}

int wal_io_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size)
{
	int err = d->ops->write(d, file, offset, data, size, 0);

	return err != 0 ? err : wait_step(d, "write", "");
}

int wal_io_sync(struct disk *d, int file)
{
	int err = d->ops->sync(d, file, 0);

	return err != 0 ? err : wait_step(d, "sync", "");
}

static int call_now(struct disk *d, const struct disk_call *call, const char *operation,
		    uint64_t *value)
{
	int err = d->ops->call(d, call, 0);

	return err != 0 ? err : wait_one(d, operation, call->name, value);
}

static int step_now(struct disk *d, const struct disk_call *call, const char *operation)
{
	uint64_t value;
	int err = call_now(d, call, operation, &value);

	return err != 0 ? err : step_done(d, operation, call->name);
}

static void name_copy(char out[DISK_NAME_MAX], const char *name)
{
	size_t size = strlen(name) + 1;

	assert(size <= DISK_NAME_MAX);
	memcpy(out, name, size);
}

int wal_io_open(struct disk *d, const char *name, bool create, enum disk_mode mode, int *file)
{
	struct disk_call call = {.kind = create ? DISK_CREATE : DISK_OPEN, .mode = mode};
	uint64_t value = 0;
	int err;

	name_copy(call.name, name);
	err = call_now(d, &call, create ? "creation" : "opening", &value);
	if (err == 0)
		*file = (int)value;
	return err;
}

void wal_io_close(struct disk *d, int file)
{
	const struct disk_call call = {.kind = DISK_CLOSE, .file = file};
	uint64_t value;

	/* Behind one that hangs it would wait in vain: the end of the process closes it. */
	if (!d->hung)
		(void)call_now(d, &call, "closing", &value);
}

int wal_io_rename(struct disk *d, const char *from, const char *to)
{
	struct disk_call call = {.kind = DISK_RENAME};

	name_copy(call.name, from);
	name_copy(call.to, to);
	return step_now(d, &call, "rename");
}

int wal_io_remove(struct disk *d, const char *name)
{
	struct disk_call call = {.kind = DISK_REMOVE};

	name_copy(call.name, name);
	return step_now(d, &call, "removal");
}

int wal_io_sync_names(struct disk *d)
{
	const struct disk_call call = {.kind = DISK_SYNC_NAMES};

	return step_now(d, &call, "sync of the directory");
}
