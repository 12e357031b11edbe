/*
 * What requests for names do beneath.
 */
#include "tests/disk/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The node under that name, known by now, if there is one beneath. */
static struct node *child(struct node *directory, const char *name, int *err)
{
	char path[PATH_MAX], below[PATH_MAX];
	struct node *n = node_find(directory, name);
	struct stat st;
	int at;

	(void)node_path(directory, &at, path);
	*err = ENAMETOOLONG;
	if (snprintf(below, sizeof(below), "%s/%s", path, name) >= (int)sizeof(below))
		return NULL;
	*err = fstatat(at, below, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
	if (*err != 0) {
		/* Whoever took it away did so beneath us, as a test may. */
		if (n)
			n->buried = n->removed = true;
		return NULL;
	}
	if (!n) {
		n = node_add(directory, name, S_ISDIR(st.st_mode));
		n->durable_size = (uint64_t)st.st_size;
	}
	return n;
}

static void reply_entry(struct request *r, struct node *n, bool opened)
{
	struct fuse_entry_param e = {.ino = n->ino, .generation = 1};
	int err = node_stat(n, &e.attr);

	if (err == 0 && opened)
		err = node_open(n);
	if (err != 0) {
		(void)fuse_reply_err(r->req, err);
		return;
	}
	r->fi.direct_io = (r->flags & O_DIRECT) != 0;
	if (!opened)
		(void)fuse_reply_entry(r->req, &e);
	else if (fuse_reply_create(r->req, &e, &r->fi) == -ENOENT)
		node_close(n);
}

void run_lookup(struct request *r)
{
	int err;
	struct node *n = child(r->node, r->name, &err);

	if (n)
		reply_entry(r, n, false);
	else
		(void)fuse_reply_err(r->req, err);
}

/* Makes what the mode says beneath. */
static int make(struct request *r)
{
	char path[PATH_MAX], below[PATH_MAX];
	struct node *n;
	int at;
	int fd;

	/* A file system that is full has no room for an inode either. */
	if (fs.limited && fs.space < PAGE)
		return ENOSPC;
	(void)node_path(r->node, &at, path);
	if (snprintf(below, sizeof(below), "%s/%s", path, r->name) >= (int)sizeof(below))
		return ENAMETOOLONG;
	if (S_ISDIR(r->mode)) {
		if (mkdirat(at, below, r->mode & 07777) != 0)
			return errno;
	} else if (S_ISREG(r->mode)) {
		fd = openat(at, below, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    r->mode & 07777);
		if (fd < 0)
			return errno;
		(void)close(fd);
	} else if (mknodat(at, below, r->mode, r->device) != 0) {
		return errno;
	}
	n = node_add(r->node, r->name, S_ISDIR(r->mode));
	change_made(n);
	return 0;
}

void run_make(struct request *r)
{
	int err = make(r);

	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else
		reply_entry(r, node_find(r->node, r->name), false);
}

void run_create(struct request *r)
{
	int err;
	struct node *n = child(r->node, r->name, &err);

	if (n && (r->flags & O_EXCL)) {
		(void)fuse_reply_err(r->req, EEXIST);
		return;
	}
	r->mode |= S_IFREG;
	err = n ? 0 : make(r);
	if (err != 0)
		(void)fuse_reply_err(r->req, err);
	else
		reply_entry(r, node_find(r->node, r->name), true);
}

void run_remove(struct request *r)
{
	int err;
	struct node *n = child(r->node, r->name, &err);
	struct stat st;

	if (n && node_stat(n, &st) == 0 && S_ISREG(st.st_mode))
		space_give((uint64_t)st.st_size);
	if (n && n->directory) {
		char path[PATH_MAX];
		int at;

		/* Gone at once: a directory of a log is never removed. */
		(void)node_path(n, &at, path);
		err = unlinkat(at, path, AT_REMOVEDIR) == 0 ? 0 : errno;
		n->buried = n->removed = err == 0;
	} else if (n) {
		err = node_bury(n);
		if (err == 0)
			change_removed(n);
	}
	(void)fuse_reply_err(r->req, err);
}

void run_rename(struct request *r)
{
	struct node *victim;
	struct stat st;
	int err;
	struct node *n = child(r->node, r->name, &err);

	if (n && strcmp(r->name, r->to) != 0) {
		victim = child(r->node, r->to, &err);
		err = 0;
		if (victim && (victim->directory || n->directory))
			err = EEXIST;
		if (err == 0 && victim && node_stat(victim, &st) == 0)
			space_give((uint64_t)st.st_size);
		if (err == 0 && victim)
			err = node_bury(victim);
		if (err == 0)
			err = node_move(n, r->to);
		if (err == 0)
			change_renamed(n, r->name, victim);
	}
	(void)fuse_reply_err(r->req, err);
}

void run_fsyncdir(struct request *r)
{
	if (r->effect.action != ACTION_LIE)
		change_sync(r->node);
	(void)fuse_reply_err(r->req, r->effect.action == ACTION_GONE ? r->effect.error : 0);
}
