#include "wal/file.h"

#include "wal/io.h"
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>

int wal_file_make(struct wal *w, const char *name, const uint8_t *data, size_t size)
{
	enum disk_mode mode = w->durability == WAL_VOLATILE ? DISK_CACHED : DISK_DURABLE;
	const char *operation = "write";
	char temporary[DISK_NAME_MAX];
	int file;
	int err;

	wal_meta_temporary_name(temporary, name);
	err = wal_io_open(w->disk, temporary, true, mode, &file);
	if (err != 0)
		return wal_refuse_io(w, err, temporary, "create");
	err = wal_io_write(w->disk, file, 0, data, size);
	if (err == 0) {
		operation = "sync";
		err = wal_io_sync(w->disk, file);
	}
	wal_io_close(w->disk, file);
	if (err == 0) {
		operation = "rename";
		err = wal_io_rename(w->disk, temporary, name);
	}
	if (err == 0) {
		operation = "sync of the directory after a rename";
		err = wal_io_sync_names(w->disk);
	}
	return err == 0 ? 0 : wal_refuse_io(w, err, temporary, operation);
}

int wal_file_read(struct wal *w, const char *name, uint8_t *data, uint64_t size)
{
	enum disk_mode mode = w->durability == WAL_VOLATILE ? DISK_CACHED : DISK_DURABLE;
	uint64_t found;
	int file;
	int err = wal_io_open(w->disk, name, false, mode, &file);

	if (err != 0)
		return wal_refuse_io(w, err, name, "open");
	err = w->disk->ops->size(w->disk, file, &found);
	if (err != 0)
		err = wal_refuse_io(w, err, name, "size");
	else if (found != size)
		err = wal_refuse(w, -EBADMSG,
				 "%s: %" PRIu64 " bytes instead of %" PRIu64 WAL_REFUSED, name,
				 found, size);
	if (err == 0) {
		err = wal_io_read(w->disk, file, 0, data, size);
		if (err != 0)
			err = wal_refuse_io(w, err, name, "read");
	}
	wal_io_close(w->disk, file);
	return err;
}
