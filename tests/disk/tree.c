/*
 * Files and directories, and where they lie beneath.
 */
#include "tests/disk/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct node **nodes;
static uint64_t count;

struct node *node_at(uint64_t i)
{
	return i < count ? nodes[i] : NULL;
}

struct node *node_of(fuse_ino_t ino)
{
	assert(ino >= FUSE_ROOT_ID);
	assert(ino <= count);
	return nodes[ino - 1];
}

static struct node *add(struct node *parent, const char *name, bool is_directory)
{
	struct node *n = calloc(1, sizeof(*n));

	nodes = realloc(nodes, (count + 1) * sizeof(struct node *));
	assert(n);
	assert(nodes);
	n->parent = parent;
	n->directory = is_directory;
	n->fd = -1;
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	nodes[count++] = n;
	n->ino = count;
	return n;
}

struct node *node_root(void)
{
	return count == 0 ? add(NULL, "", true) : nodes[0];
}

struct node *node_find(struct node *directory, const char *name)
{
	for (uint64_t i = 0; i < count; i++) {
		struct node *n = nodes[i];

		if (n->parent == directory && !n->buried && strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

struct node *node_add(struct node *directory, const char *name, bool is_directory)
{
	return add(directory, name, is_directory);
}

const char *node_path(const struct node *n, int *at, char out[PATH_MAX])
{
	char below[PATH_MAX];

	if (n->buried) {
		*at = fs.graves;
		(void)snprintf(out, PATH_MAX, "%lu", (unsigned long)n->ino);
		return out;
	}
	if (!n->parent) {
		*at = fs.beneath;
		return memcpy(out, ".", 2);
	}
	(void)node_path(n->parent, at, below);
	if (snprintf(out, PATH_MAX, "%s/%s", below, n->name) >= PATH_MAX)
		out[0] = '\0';
	return out;
}

int node_stat(const struct node *n, struct stat *out)
{
	char path[PATH_MAX];
	int at;
	int err;

	(void)node_path(n, &at, path);
	err = n->fd >= 0 ? fstat(n->fd, out) : fstatat(at, path, out, AT_SYMLINK_NOFOLLOW);
	if (err != 0)
		return errno;
	out->st_ino = n->ino;
	return 0;
}

int node_open(struct node *n)
{
	char path[PATH_MAX];
	int at;

	if (n->fd < 0) {
		(void)node_path(n, &at, path);
		n->fd = openat(at, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (n->fd < 0)
			return errno;
	}
	n->opens++;
	return 0;
}

void node_close(struct node *n)
{
	assert(n->opens > 0);
	if (--n->opens > 0)
		return;
	(void)close(n->fd);
	n->fd = -1;
}

int node_bury(struct node *n)
{
	char path[PATH_MAX], grave[32];
	int at;

	assert(!n->buried);
	(void)node_path(n, &at, path);
	(void)snprintf(grave, sizeof(grave), "%lu", (unsigned long)n->ino);
	if (renameat(at, path, fs.graves, grave) != 0)
		return errno;
	n->buried = true;
	return 0;
}

int node_raise(struct node *n, struct node *directory, const char *name)
{
	char path[PATH_MAX], grave[32];
	int at;

	assert(n->buried);
	(void)snprintf(grave, sizeof(grave), "%lu", (unsigned long)n->ino);
	n->buried = false;
	n->parent = directory;
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	(void)node_path(n, &at, path);
	return renameat(fs.graves, grave, at, path) == 0 ? 0 : errno;
}

int node_move(struct node *n, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	int at;

	(void)node_path(n, &at, from);
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	(void)node_path(n, &at, to);
	return renameat(at, from, at, to) == 0 ? 0 : errno;
}
