/*
 * The kernel's requests, each made into one that can be counted, held up and spoilt. What is not
 * here (links, extended attributes) the kernel refuses; its file locks are its own.
 */
#include "tests/disk/fs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct request *make(fuse_req_t req, enum op op, fuse_ino_t ino, const char *name,
			    void (*run)(struct request *r))
{
	struct request *r = calloc(1, sizeof(*r));

	assert(r);
	r->req = req;
	r->op = op;
	r->node = node_of(ino);
	r->run = run;
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

static struct request *make_open(fuse_req_t req, enum op op, fuse_ino_t ino,
				 const struct fuse_file_info *fi, void (*run)(struct request *r))
{
	struct request *r = make(req, op, ino, "", run);

	if (fi) {
		r->fi = *fi;
		r->flags = fi->flags;
	}
	return r;
}

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* A request is read whole, into memory. */
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				      FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE);
	conn->max_background = 128;
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	request_begin(make(req, OP_LOOK, parent, name, run_lookup));
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	request_begin(make_open(req, OP_LOOK, ino, fi, run_getattr));
}

static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *set, int mask,
		       struct fuse_file_info *fi)
{
	struct request *r = make_open(req, mask & FUSE_SET_ATTR_SIZE ? OP_RESIZE : OP_LOOK, ino, fi,
				      run_setattr);

	r->set = *set;
	r->set_mask = mask;
	request_begin(r);
}

static void on_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct request *r = make(req, OP_CREATE, parent, name, run_make);

	r->mode = mode;
	r->device = device;
	request_begin(r);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	on_mknod(req, parent, name, mode | S_IFDIR, 0);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	request_begin(make(req, OP_REMOVE, parent, name, run_remove));
}

static void on_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t parent_to,
		      const char *to, unsigned int flags)
{
	struct request *r;

	if (parent != parent_to || flags != 0) {
		(void)fuse_reply_err(req, parent != parent_to ? EXDEV : EINVAL);
		return;
	}
	r = make(req, OP_RENAME, parent, name, run_rename);
	(void)snprintf(r->to, sizeof(r->to), "%s", to);
	request_begin(r);
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct request *r = make_open(req, OP_CREATE, parent, fi, run_create);

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->mode = mode;
	request_begin(r);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	request_begin(make_open(req, OP_OPEN, ino, fi, run_open));
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	node_close(node_of(ino));
	(void)fuse_reply_err(req, 0);
}

static void on_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct request *r = make_open(req, OP_READ, ino, fi, run_read);

	r->size = size;
	r->offset = (uint64_t)offset;
	request_begin(r);
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	struct request *r = make_open(req, OP_WRITE, ino, fi, run_write);

	r->data = data;
	r->size = size;
	r->offset = (uint64_t)offset;
	request_begin(r);
}

static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	request_begin(make_open(req, OP_FSYNC, ino, fi, run_fsync));
}

static void on_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size,
			 struct fuse_file_info *fi)
{
	struct request *r = make_open(req, OP_RESIZE, ino, fi, run_fallocate);

	r->mode = (mode_t)mode;
	r->offset = (uint64_t)offset;
	r->size = (size_t)size;
	request_begin(r);
}

static void on_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	request_begin(make(req, OP_FSYNCDIR, ino, "", run_fsyncdir));
}

/* --- reading a directory: its names as they are when it is opened ------------------------- */

struct listing {
	struct dirent **names;
	int count;
};

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *l = calloc(1, sizeof(*l));
	char path[PATH_MAX];
	int at;

	assert(l);
	(void)node_path(node_of(ino), &at, path);
	l->count = scandirat(at, path, &l->names, NULL, alphasort);
	if (l->count < 0) {
		(void)fuse_reply_err(req, errno);
		free(l);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)l;
	(void)fuse_reply_open(req, fi);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	const struct listing *l = (const struct listing *)(uintptr_t)fi->fh;
	char *data = malloc(size);
	size_t used = 0;

	(void)ino;
	assert(data);
	for (int i = (int)offset; i < l->count; i++) {
		struct stat st = {.st_ino = 1, .st_mode = (mode_t)l->names[i]->d_type << 12};
		size_t more = fuse_add_direntry(req, data + used, size - used, l->names[i]->d_name,
						&st, i + 1);

		if (more > size - used)
			break;
		used += more;
	}
	(void)fuse_reply_buf(req, data, used);
	free(data);
}

static void on_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *l = (struct listing *)(uintptr_t)fi->fh;

	(void)ino;
	for (int i = 0; i < l->count; i++)
		free(l->names[i]);
	free(l->names);
	free(l);
	(void)fuse_reply_err(req, 0);
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	(void)ino;
	if (fstatvfs(fs.beneath, &st) != 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	if (fs.limited)
		st.f_bfree = st.f_bavail = (fsblkcnt_t)(fs.space / st.f_frsize);
	(void)fuse_reply_statfs(req, &st);
}

const struct fuse_lowlevel_ops fs_operations = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.setattr = on_setattr,
	.mknod = on_mknod,
	.mkdir = on_mkdir,
	.unlink = on_unlink,
	.rmdir = on_unlink,
	.rename = on_rename,
	.create = on_create,
	.open = on_open,
	.release = on_release,
	.flush = on_flush,
	.read = on_read,
	.write = on_write,
	.fsync = on_fsync,
	.fallocate = on_fallocate,
	.fsyncdir = on_fsyncdir,
	.opendir = on_opendir,
	.readdir = on_readdir,
	.releasedir = on_releasedir,
	.statfs = on_statfs,
};
