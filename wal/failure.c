#include "wal/failure.h"

#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* True of the kernel: the file's lock is held by what is in flight (disk_uring.c). */
#define HUNG_ADVICE "look at the disk; a restart waits until that write has ended"

int wal_fail(struct wal *w, int err, const char *file, uint64_t offset, const char *operation)
{
	const char *advice = "restart it once the disk is repaired";

	assert(err < 0);
	if (w->failed != 0)
		return w->failed;
	if (err == -ENOSPC || err == -EDQUOT)
		advice = "restart it once there is space on the file system";
	else if (err == -EFBIG)
		advice = "restart it with a limit for files (ulimit -f) that a segment fits in";
	else if (wal_no_descriptor(err))
		advice = "restart it with more file descriptors (LimitNOFILE of the unit, ulimit "
			 "-n)";
	else if (wal_not_allowed(err))
		advice = "restart it once it may write there (owner and mode of the directory)";
	else if (err == -EROFS)
		advice = "restart it once the file system is writable";
	else if (err == -ENOMEM)
		advice = "restart it with more memory";
	else if (err == -ETIMEDOUT)
		advice = HUNG_ADVICE;
	w->failed = err;
	(void)snprintf(w->error, sizeof(w->error),
		       "%s/%s at offset %" PRIu64 ": %s failed: %s; nothing more is "
		       "acknowledged and the process must end: %s",
		       w->directory, file, offset, operation,
		       err == -ETIMEDOUT ? "the disk does not answer" : strerror(-err), advice);
	return err;
}

void wal_fail_hung(struct wal *w, const struct wal_waiting *waiting, uint64_t ns)
{
	if (w->failed != 0)
		return;
	w->failed = -ETIMEDOUT;
	(void)snprintf(w->error, sizeof(w->error),
		       "%s/%s at offset %" PRIu64 ": %s has not come back for %" PRIu64
		       " ms; nothing more is acknowledged and the process must end: " HUNG_ADVICE,
		       w->directory, waiting->file, waiting->offset, waiting->operation,
		       ns / 1000000);
}

int wal_refuse(struct wal *w, int err, const char *format, ...)
{
	int used = snprintf(w->error, sizeof(w->error), "%s/", w->directory);
	va_list args;

	static_assert(sizeof(w->directory) < sizeof(w->error), "there is room after the name");
	va_start(args, format);
	(void)vsnprintf(w->error + used, sizeof(w->error) - (size_t)used, format, args);
	va_end(args);
	return err;
}

int wal_refuse_io(struct wal *w, int err, const char *file, const char *operation)
{
	const char *hint = "";

	if (err == -EOPNOTSUPP || err == -EINVAL)
		hint = ": this file system has no direct I/O to stable storage, which a log on "
		       "disk needs; use another one (ext4, xfs) or durability volatile";
	else if (err == -EWOULDBLOCK)
		hint = ": another process has it open, or a dead one's last write has not reached "
		       "the disk yet";
	return wal_refuse(w, err, "%s: %s failed: %s%s", file, operation, strerror(-err), hint);
}
