/*
 * What requests for contents and attributes do beneath, and what rules make of it.
 */
#include "tests/disk/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t space_take(uint64_t wanted)
{
	if (!fs.limited)
		return wanted;
	if (wanted > fs.space)
		wanted = fs.space;
	fs.space -= wanted;
	return wanted;
}

void space_give(uint64_t size)
{
	if (fs.limited)
		fs.space += size;
}

void run_getattr(struct request *r)
{
	struct stat st;
	int err = node_stat(r->node, &st);

	/* Nothing is believed for long, so that all is asked for and can go wrong. */
	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else
		(void)fuse_reply_attr(r->req, &st, 0);
}

static int resize(struct node *n, uint64_t size)
{
	struct stat st;
	uint64_t before;
	int err = node_open(n);

	if (err != 0)
		return err;
	err = node_stat(n, &st);
	before = (uint64_t)st.st_size;
	if (err == 0 && size > before && space_take(size - before) < size - before)
		err = ENOSPC;
	if (err == 0 && ftruncate(n->fd, (off_t)size) != 0)
		err = errno;
	if (err == 0 && size < before) {
		space_give(before - size);
		if (size < n->durable_size)
			n->durable_size = size;
	}
	node_close(n);
	return err;
}

void run_setattr(struct request *r)
{
	const struct stat *s = &r->set;
	char path[PATH_MAX];
	int mask = r->set_mask;
	int err = 0;
	int at;

	(void)node_path(r->node, &at, path);
	if (mask & FUSE_SET_ATTR_SIZE)
		err = resize(r->node, (uint64_t)s->st_size);
	if (err == 0 && (mask & FUSE_SET_ATTR_MODE) && fchmodat(at, path, s->st_mode, 0) != 0)
		err = errno;
	if (err == 0 && (mask & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) &&
	    fchownat(at, path, mask & FUSE_SET_ATTR_UID ? s->st_uid : (uid_t)-1,
		     mask & FUSE_SET_ATTR_GID ? s->st_gid : (gid_t)-1, AT_SYMLINK_NOFOLLOW) != 0)
		err = errno;
	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else
		run_getattr(r);
}

void run_open(struct request *r)
{
	int err = node_open(r->node);

	if (err == 0 && (r->flags & O_TRUNC)) {
		err = resize(r->node, 0);
		if (err != 0)
			node_close(r->node);
	}
	/* What is opened past the cache comes to us past the cache, and only that. */
	r->fi.direct_io = (r->flags & O_DIRECT) != 0;
	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else if (fuse_reply_open(r->req, &r->fi) == -ENOENT)
		node_close(r->node); /* the opener is gone */
}

/* As a device does that knows no smaller blocks. */
static bool is_aligned(const struct request *r)
{
	return !(r->flags & O_DIRECT) || fs.unit == 0 ||
	       (r->offset % fs.unit == 0 && r->size % fs.unit == 0);
}

static size_t shortened(const struct request *r)
{
	return r->effect.action == ACTION_SHORT && r->effect.amount < r->size
		       ? (size_t)r->effect.amount
		       : r->size;
}

void run_read(struct request *r)
{
	char *data = malloc(r->size);
	ssize_t got;

	assert(data);
	got = pread(r->node->fd, data, shortened(r), (off_t)r->offset);
	if (!is_aligned(r))
		(void)fuse_reply_err(r->req, EINVAL);
	else if (got < 0)
		(void)fuse_reply_err(r->req, errno);
	else
		(void)fuse_reply_buf(r->req, data, (size_t)got);
	free(data);
}

/* How much of it there is room for. An errno if for nothing. */
static int make_room(const struct node *n, uint64_t offset, size_t *size, bool *full)
{
	uint64_t end = offset + *size;
	struct stat st;
	uint64_t grows;
	int err = node_stat(n, &st);

	if (err != 0)
		return err;
	grows = end > (uint64_t)st.st_size ? end - (uint64_t)st.st_size : 0;
	end -= grows - space_take(grows);
	if (end <= offset)
		return ENOSPC;
	*full = end < offset + *size;
	*size = (size_t)(end - offset);
	return 0;
}

static int transfer(struct request *r, size_t *size)
{
	struct node *n = r->node;
	bool full;
	ssize_t done;
	int err;

	*size = shortened(r);
	if (!is_aligned(r))
		return EINVAL;
	if (r->effect.action == ACTION_FORGET)
		return 0;
	err = make_room(n, r->offset, size, &full);
	if (err != 0)
		return err;
	unsynced_begin(n, r->offset, *size);
	if (r->effect.action == ACTION_TEAR) {
		unsynced_tear(n, r->data, r->offset, *size);
		return r->effect.error;
	}
	done = pwrite(n->fd, r->data, *size, (off_t)r->offset);
	if (done < 0)
		return errno;
	*size = (size_t)done;
	if ((r->flags & O_DSYNC) && r->effect.action != ACTION_LIE)
		unsynced_forget(n, r->offset, *size);
	/* The part is there; that it is all, the kernel would turn into EIO (disk.h, `short`). */
	return full ? ENOSPC : 0;
}

void run_write(struct request *r)
{
	size_t size;
	int err = transfer(r, &size);

	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else
		(void)fuse_reply_write(r->req, size);
}

void run_fsync(struct request *r)
{
	int err = 0;

	if (r->effect.action == ACTION_GONE) {
		unsynced_cut(r->node, CUT_LOSE);
		err = r->effect.error;
	} else if (r->effect.action != ACTION_LIE) {
		unsynced_forget_all(r->node);
	}
	(void)fuse_reply_err(r->req, err);
}

void run_fallocate(struct request *r)
{
	struct stat st;
	int err = node_stat(r->node, &st);

	if (err == 0 && r->mode != 0)
		err = EOPNOTSUPP;
	if (err == 0 && r->offset + r->size > (uint64_t)st.st_size)
		err = resize(r->node, r->offset + r->size);
	(void)fuse_reply_err(r->req, err);
}
