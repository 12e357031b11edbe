#include "wal/io.h"

#include "raft/types.h"

#include <errno.h>

static int wait_one(struct disk *d)
{
	struct disk_completion done;
	int err = d->ops->submit(d);

	if (err != 0)
		return err;
	for (uint32_t waits = 1; d->ops->poll(d, &done, 1, true) == 0; waits++) {
		if (d->waits_max == 0 || waits < d->waits_max)
			continue;
		d->hung = true;
		return -ETIMEDOUT;
	}
	assert(done.tag == 0);
	return done.result;
}

int wal_io_read(struct disk *d, int file, uint64_t offset, void *data, size_t size)
{
	int err = d->ops->read(d, file, offset, data, size, 0);

	return err != 0 ? err : wait_one(d);
}

int wal_io_write(struct disk *d, int file, uint64_t offset, const void *data, size_t size)
{
	int err = d->ops->write(d, file, offset, data, size, 0);

	return err != 0 ? err : wait_one(d);
}

int wal_io_sync(struct disk *d, int file)
{
	int err = d->ops->sync(d, file, 0);

	return err != 0 ? err : wait_one(d);
}
