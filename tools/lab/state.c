/*
 * The lab's directory: its name, its lock, and what is in it.
 */
#include "tools/lab/state.h"

#include "tools/shared/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* etcd's customary port for them. */
enum { METRICS_PORT_FIRST = 2381 };

/* Of LAB_NODES_MAX nodes of some ten lines, half of them paths, and of the rules. */
enum { LAB_STATE_SIZE = 64 * 1024 };

/* By DIR's own name: before the link to it is there, and after. */
static const char *path_of(const struct lab *lab, const char *file, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", lab->dir, file);
	return out;
}

const char *lab_node_path(const struct lab *lab, uint32_t node, const char *suffix,
			  char out[LAB_PATH_MAX])
{
	snprintf(out, LAB_PATH_MAX, "%s/n%u%s", lab->base, node + 1, suffix);
	return out;
}

bool lab_node_is(const struct lab *lab, uint32_t node)
{
	return node < LAB_NODES_MAX && (lab->nodes >> node & 1) != 0;
}

bool lab_node_next(const struct lab *lab, uint32_t *node)
{
	while (*node < LAB_NODES_MAX && !lab_node_is(lab, *node))
		++*node;
	return *node < LAB_NODES_MAX;
}

uint32_t lab_node_count(const struct lab *lab)
{
	return (uint32_t)__builtin_popcount(lab->nodes);
}

uint32_t lab_voters(const struct lab *lab)
{
	uint32_t voters = 0;

	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		const struct lab_node *n = &lab->node[i];

		/* Who comes or goes may be one, or not: no majority waits for it. */
		if (!n->learner && n->change != LAB_ADDED && n->change != LAB_REMOVED)
			voters |= 1u << i;
	}
	return voters;
}

const char *lab_node_names(const struct lab *lab, char out[LAB_NAMES_SIZE])
{
	uint32_t left = lab_node_count(lab);
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t i = 0; lab_node_next(lab, &i); i++, left--)
		used += (size_t)snprintf(out + used, LAB_NAMES_SIZE - used, "n%u%s", i + 1,
					 left > 2    ? ", "
					 : left == 2 ? " and "
						     : "");
	return out;
}

const char *lab_node_endpoint(const struct lab *lab, uint32_t node, char out[LAB_PATH_MAX])
{
	if (link_facts(lab->link)->device == LINK_DEVICE_SOCKET)
		snprintf(out, LAB_PATH_MAX, "unix:%s/n%u/admin.sock", lab->base, node + 1);
	else
		snprintf(out, LAB_PATH_MAX, LAB_NET "%u:2379", node + 1);
	return out;
}

const char *lab_node_metrics(uint32_t node, char out[LAB_PATH_MAX])
{
	snprintf(out, LAB_PATH_MAX, "http://127.0.0.1:%u", METRICS_PORT_FIRST + node);
	return out;
}

void lab_boot_id(char out[40])
{
	FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (!in)
		return;
	if (!fgets(out, 40, in))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(in);
}

/* FNV-1a: the name need only differ between directories in use on one host. */
static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return h;
}

/* The directory may not be there yet, its parent must. */
static int absolute(const char *dir, char out[LAB_DIR_MAX + 1])
{
	char copy[PATH_MAX], resolved[PATH_MAX];
	char *slash;
	int written;

	if (realpath(dir, resolved))
		return snprintf(out, LAB_DIR_MAX + 1, "%s", resolved) <= LAB_DIR_MAX
			       ? 0
			       : -ENAMETOOLONG;
	if (errno != ENOENT)
		return -errno;
	written = snprintf(copy, sizeof(copy), "%s%s", strchr(dir, '/') ? "" : "./", dir);
	if (written >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	while (written > 1 && copy[written - 1] == '/')
		copy[--written] = '\0';
	slash = strrchr(copy, '/');
	if (!slash || slash[1] == '\0')
		return -EINVAL;
	*slash = '\0';
	if (!realpath(copy[0] == '\0' ? "/" : copy, resolved))
		return -errno;
	written = snprintf(out, LAB_DIR_MAX + 1, "%s/%s", strcmp(resolved, "/") ? resolved : "",
			   slash + 1);
	return written <= LAB_DIR_MAX ? 0 : -ENAMETOOLONG;
}

/* What a socket's address, a list of endpoints and YAML take as it stands. */
static bool is_plain(const char *dir)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_+-";

	return strlen(dir) <= LAB_BASE_MAX && dir[strspn(dir, good)] == '\0';
}

/* The link, also after a restart of the host, which empties /run. */
static int link_make(const struct lab *lab)
{
	char there[PATH_MAX];
	ssize_t size = readlink(lab->base, there, sizeof(there));

	if (strcmp(lab->base, lab->dir) == 0 ||
	    (size == (ssize_t)strlen(lab->dir) && memcmp(there, lab->dir, (size_t)size) == 0))
		return 0;
	if ((mkdir(LAB_LINKS, 0755) != 0 && errno != EEXIST) ||
	    (unlink(lab->base) != 0 && errno != ENOENT) || symlink(lab->dir, lab->base) != 0)
		return lab_fail("%s, a link to %s: %s", lab->base, lab->dir, strerror(errno));
	return 0;
}

int lab_state_name(struct lab *lab, const char *dir)
{
	int err;

	*lab = (struct lab){.lock = -1};
	if (!dir)
		dir = LAB_DIR_DEFAULT;
	err = absolute(dir, lab->dir);
	if (err)
		return lab_fail("--dir %s: %s", dir, strerror(-err));
	snprintf(lab->netns, sizeof(lab->netns), "quoin-%08x", hash(lab->dir));
	if (is_plain(lab->dir))
		memcpy(lab->base, lab->dir, strlen(lab->dir) + 1);
	else
		snprintf(lab->base, sizeof(lab->base), LAB_LINKS "/%s", lab->netns);
	return 0;
}

/* After the lock is held the file must still be there: `down` removes it while holding it. */
int lab_state_lock(struct lab *lab)
{
	char path[PATH_MAX];
	struct stat held, there;
	int fd = open(path_of(lab, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return lab_fail("%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int err = -errno;

		close(fd);
		if (err == -EWOULDBLOCK)
			return lab_fail("%s: another quoin-lab is at work on it; wait for it",
					lab->dir);
		return lab_fail("%s: %s", path, strerror(-err));
	}
	if (fstat(fd, &held) != 0 || stat(path, &there) != 0 || held.st_ino != there.st_ino) {
		close(fd);
		return lab_fail("%s: the lab was taken down just now", lab->dir);
	}
	lab->lock = fd;
	return 0;
}

/* Names that are there while a lab is being made, before lab.json is. */
static bool is_early_file(const char *name)
{
	static const char *const early[] = {"lock", "lab.json.new"};

	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		if (strcmp(name, early[i]) == 0)
			return true;
	}
	return false;
}

bool lab_state_is_ours(const struct lab *lab, bool or_empty)
{
	DIR *dir = opendir(lab->dir);
	bool known = false, only_early = true, any = false;
	struct dirent *entry;

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		any = true;
		known |= strcmp(entry->d_name, "lab.json") == 0;
		only_early &= is_early_file(entry->d_name);
	}
	closedir(dir);
	return known || (only_early && (any || or_empty));
}

int lab_state_create(struct lab *lab)
{
	char path[PATH_MAX];
	struct stat st;
	int err;

	if (mkdir(lab->dir, 0755) != 0 && errno != EEXIST)
		return lab_fail("%s: %s", lab->dir, strerror(errno));
	/* /var/tmp is everybody's: what stands there may be a trap. */
	if (lstat(lab->dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return lab_fail("%s is not a directory of this user: another --dir", lab->dir);
	if (access(path_of(lab, "lab.json", path), F_OK) == 0)
		return lab_fail("%s has a lab already: quoin-lab status --dir %s, or quoin-lab "
				"down --dir %s",
				lab->dir, lab->dir, lab->dir);
	if (!lab_state_is_ours(lab, true))
		return lab_fail("%s is not empty: another --dir, for `down` will remove it",
				lab->dir);
	err = lab_state_lock(lab);
	if (!err)
		err = link_make(lab);
	if (!err)
		lab_boot_id(lab->boot_id);
	return err;
}

int lab_state_open(struct lab *lab, const char *dir, bool lock)
{
	char path[PATH_MAX];
	int err = lab_state_name(lab, dir);

	if (err)
		return err;
	if (access(path_of(lab, "lab.json", path), R_OK) != 0)
		return lab_fail("%s: no lab here (%s): quoin-lab up --dir %s", lab->dir,
				strerror(errno), lab->dir);
	if (lock)
		err = lab_state_lock(lab);
	if (!err)
		err = link_make(lab);
	return err ? err : lab_state_load(lab);
}

void lab_state_close(struct lab *lab)
{
	if (lab->lock >= 0)
		close(lab->lock);
	lab->lock = -1;
}

int lab_state_save(const struct lab *lab)
{
	char path[PATH_MAX], new_path[PATH_MAX];
	char *text = lab_state_text(lab);
	FILE *out;
	bool good;

	if (!text)
		return lab_fail("out of memory");
	path_of(lab, "lab.json", path);
	out = fopen(path_of(lab, "lab.json.new", new_path), "we");
	good = out && fprintf(out, "%s\n", text) > 0;
	if (out && fclose(out) != 0)
		good = false;
	free(text);
	if (!good || rename(new_path, path) != 0)
		return lab_fail("%s: %s", path, strerror(errno));
	return 0;
}

int lab_state_load(struct lab *lab)
{
	char path[PATH_MAX], text[LAB_STATE_SIZE];
	FILE *in = fopen(path_of(lab, "lab.json", path), "re");
	size_t size;

	if (!in)
		return lab_fail("%s: %s", path, strerror(errno));
	size = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[size] = '\0';
	if (!lab_state_parse(lab, text))
		return lab_fail("%s is not a lab.json of this version: quoin-lab down --dir %s",
				path, lab->dir);
	return 0;
}

void lab_state_unlink(const struct lab *lab)
{
	if (strcmp(lab->base, lab->dir) == 0)
		return;
	/* The place goes with the last of them. */
	if (unlink(lab->base) == 0)
		rmdir(LAB_LINKS);
}

int lab_state_remove(struct lab *lab)
{
	int err = tree_remove(lab->dir);

	lab_state_unlink(lab);
	return err ? lab_fail("%s cannot be removed: %s", lab->dir, strerror(-err)) : 0;
}
