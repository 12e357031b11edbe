/*
 * lab.json and the directory around it.
 */
#include "tools/lab/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* etcd's customary port for them. */
enum { STATE_VERSION = 1, METRICS_PORT_FIRST = 2381 };

static const char *path_of(const struct lab *lab, const char *file, char out[LAB_PATH_MAX])
{
	snprintf(out, LAB_PATH_MAX, "%s/%s", lab->dir, file);
	return out;
}

const char *lab_node_path(const struct lab *lab, uint32_t node, const char *suffix,
			  char out[LAB_PATH_MAX])
{
	snprintf(out, LAB_PATH_MAX, "%s/n%u%s", lab->dir, node + 1, suffix);
	return out;
}

const char *lab_node_endpoint(const struct lab *lab, uint32_t node, char out[LAB_PATH_MAX])
{
	if (lab->link == CONFIG_LINK_MEMIF)
		snprintf(out, LAB_PATH_MAX, "unix:%s/n%u/admin.sock", lab->dir, node + 1);
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
	if (in == NULL)
		return;
	if (fgets(out, 40, in) == NULL)
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
static int absolute(const char *dir, char out[LAB_PATH_MAX])
{
	char copy[PATH_MAX], resolved[PATH_MAX];
	char *slash;
	int written;

	if (realpath(dir, resolved) != NULL)
		return snprintf(out, LAB_PATH_MAX, "%s", resolved) < LAB_PATH_MAX ? 0
										  : -ENAMETOOLONG;
	if (errno != ENOENT)
		return -errno;
	written = snprintf(copy, sizeof(copy), "%s%s", strchr(dir, '/') != NULL ? "" : "./", dir);
	if (written >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	while (written > 1 && copy[written - 1] == '/')
		copy[--written] = '\0';
	slash = strrchr(copy, '/');
	if (slash == NULL || slash[1] == '\0')
		return -EINVAL;
	*slash = '\0';
	if (realpath(copy[0] == '\0' ? "/" : copy, resolved) == NULL)
		return -errno;
	written = snprintf(out, LAB_PATH_MAX, "%s/%s", strcmp(resolved, "/") ? resolved : "",
			   slash + 1);
	return written < LAB_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int lab_state_name(struct lab *lab, const char *dir)
{
	char path[LAB_PATH_MAX];
	int rc;

	*lab = (struct lab){.lock = -1};
	if (dir == NULL)
		dir = LAB_DIR_DEFAULT;
	rc = absolute(dir, path);
	if (rc != 0)
		return lab_fail("--dir %s: %s", dir, strerror(-rc));
	if (strlen(path) > LAB_DIR_MAX)
		return lab_fail("--dir %s has %zu bytes: at most %d, for sockets are made in it",
				path, strlen(path), (int)LAB_DIR_MAX);
	snprintf(lab->dir, sizeof(lab->dir), "%s", path);
	snprintf(lab->netns, sizeof(lab->netns), "quoin-%08x", hash(lab->dir));
	return 0;
}

/* After the lock is held the file must still be there: `down` removes it while holding it. */
int lab_state_lock(struct lab *lab)
{
	char path[LAB_PATH_MAX];
	struct stat held, there;
	int fd = open(path_of(lab, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return lab_fail("%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int error = errno;

		close(fd);
		if (error == EWOULDBLOCK)
			return lab_fail("%s: another quoin-lab is at work on it; wait for it",
					lab->dir);
		return lab_fail("%s: %s", path, strerror(error));
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

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
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
	char path[LAB_PATH_MAX];
	struct stat st;
	int rc;

	if (mkdir(lab->dir, 0755) != 0 && errno != EEXIST)
		return lab_fail("%s: %s", lab->dir, strerror(errno));
	/* /var/tmp is everybody's: what stands there may be a trap. */
	if (lstat(lab->dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return lab_fail("%s is no directory of this user: another --dir", lab->dir);
	if (access(path_of(lab, "lab.json", path), F_OK) == 0)
		return lab_fail("%s has a lab already: quoin-lab status, or quoin-lab down",
				lab->dir);
	if (!lab_state_is_ours(lab, true))
		return lab_fail("%s is not empty: another --dir, for `down` will remove it",
				lab->dir);
	rc = lab_state_lock(lab);
	if (rc == 0)
		lab_boot_id(lab->boot_id);
	return rc;
}

int lab_state_open(struct lab *lab, const char *dir, bool lock)
{
	char path[LAB_PATH_MAX];
	int rc = lab_state_name(lab, dir);

	if (rc != 0)
		return rc;
	if (access(path_of(lab, "lab.json", path), R_OK) != 0)
		return lab_fail("%s: no lab here (%s): quoin-lab up --dir %s", lab->dir,
				strerror(errno), lab->dir);
	if (lock)
		rc = lab_state_lock(lab);
	return rc != 0 ? rc : lab_state_load(lab);
}

void lab_state_close(struct lab *lab)
{
	if (lab->lock >= 0)
		close(lab->lock);
	lab->lock = -1;
}

static json_t *node_json(const struct lab *lab, uint32_t i)
{
	char config[LAB_PATH_MAX], data[LAB_PATH_MAX], log[LAB_PATH_MAX], socket[LAB_PATH_MAX];
	char endpoint[LAB_PATH_MAX], metrics[LAB_PATH_MAX], name[8], address[24];

	snprintf(name, sizeof(name), "n%u", i + 1);
	snprintf(address, sizeof(address), LAB_NET "%u", i + 1);
	return json_pack(
		"{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s}", "name", name, "address", address,
		"pid", (json_int_t)lab->node[i].pid, "start_time",
		(json_int_t)lab->node[i].start_time, "endpoint",
		lab_node_endpoint(lab, i, endpoint), "metrics", lab_node_metrics(i, metrics),
		"admin_socket", lab_node_path(lab, i, "/admin.sock", socket), "config",
		lab_node_path(lab, i, ".yaml", config), "data_dir", lab_node_path(lab, i, "", data),
		"log", lab_node_path(lab, i, ".log", log));
}

char *lab_state_text(const struct lab *lab)
{
	json_t *nodes = json_array(), *partition = json_array(), *root;
	char *text = NULL;

	for (uint32_t i = 0; i < lab->node_count; i++)
		json_array_append_new(nodes, node_json(lab, i));
	for (uint32_t i = 0; i < lab->partition_count; i++)
		json_array_append_new(partition, json_string(lab->partition[i]));
	root = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "version",
			 STATE_VERSION, "namespace", lab->netns, "boot_id", lab->boot_id, "link",
			 config_link_name(lab->link), "quoind", lab->quoind, "durability",
			 lab->durability, "idle", lab->idle, "heartbeat", lab->heartbeat,
			 "election", lab->election, "segment_size", lab->segment_size, "nodes",
			 nodes, "partition", partition);
	if (root != NULL)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

int lab_state_save(const struct lab *lab)
{
	char path[LAB_PATH_MAX], new_path[LAB_PATH_MAX];
	char *text = lab_state_text(lab);
	FILE *out;
	bool good;

	if (text == NULL)
		return lab_fail("out of memory");
	path_of(lab, "lab.json", path);
	out = fopen(path_of(lab, "lab.json.new", new_path), "we");
	good = out != NULL && fprintf(out, "%s\n", text) > 0;
	if (out != NULL && fclose(out) != 0)
		good = false;
	free(text);
	if (!good || rename(new_path, path) != 0)
		return lab_fail("%s: %s", path, strerror(errno));
	return 0;
}

static bool get_text(const json_t *root, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text != NULL && snprintf(out, size, "%s", text) < (int)size;
}

static bool parse_link(struct lab *lab, const json_t *root)
{
	static const enum config_link links[] = {CONFIG_LINK_MEMIF, CONFIG_LINK_PACKET,
						 CONFIG_LINK_XDP};
	char name[16];

	if (!get_text(root, "link", name, sizeof(name)))
		return false;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (strcmp(name, config_link_name(links[i])) == 0) {
			lab->link = links[i];
			return true;
		}
	}
	return false;
}

static bool parse_lists(struct lab *lab, const json_t *root)
{
	const json_t *nodes = json_object_get(root, "nodes");
	const json_t *partition = json_object_get(root, "partition");

	if (json_array_size(nodes) > LAB_NODES_MAX || json_array_size(nodes) == 0 ||
	    json_array_size(partition) > LAB_PARTITIONS_MAX)
		return false;
	lab->node_count = (uint32_t)json_array_size(nodes);
	for (uint32_t i = 0; i < lab->node_count; i++) {
		const json_t *node = json_array_get(nodes, i);
		json_int_t pid = json_integer_value(json_object_get(node, "pid"));
		json_int_t start = json_integer_value(json_object_get(node, "start_time"));

		if (pid < 0 || pid == 1 || pid > INT_MAX || start < 0)
			return false;
		lab->node[i] = (struct lab_node){(pid_t)pid, (uint64_t)start};
	}
	lab->partition_count = (uint32_t)json_array_size(partition);
	for (uint32_t i = 0; i < lab->partition_count; i++) {
		const char *text = json_string_value(json_array_get(partition, i));

		if (text == NULL || snprintf(lab->partition[i], LAB_PARTITION_SIZE, "%s", text) >=
					    LAB_PARTITION_SIZE)
			return false;
	}
	return true;
}

bool lab_state_parse(struct lab *lab, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	bool good = root != NULL &&
		    json_integer_value(json_object_get(root, "version")) == STATE_VERSION &&
		    get_text(root, "boot_id", lab->boot_id, sizeof(lab->boot_id)) &&
		    get_text(root, "quoind", lab->quoind, sizeof(lab->quoind)) &&
		    get_text(root, "durability", lab->durability, LAB_SETTING_SIZE) &&
		    get_text(root, "idle", lab->idle, LAB_SETTING_SIZE) &&
		    get_text(root, "heartbeat", lab->heartbeat, LAB_SETTING_SIZE) &&
		    get_text(root, "election", lab->election, LAB_SETTING_SIZE) &&
		    get_text(root, "segment_size", lab->segment_size, LAB_SETTING_SIZE) &&
		    parse_link(lab, root) && parse_lists(lab, root);

	json_decref(root);
	return good;
}

int lab_state_load(struct lab *lab)
{
	char path[LAB_PATH_MAX], text[16 * 1024];
	FILE *in = fopen(path_of(lab, "lab.json", path), "re");
	size_t size;

	if (in == NULL)
		return lab_fail("%s: %s", path, strerror(errno));
	size = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[size] = '\0';
	if (!lab_state_parse(lab, text))
		return lab_fail("%s is no lab.json of this version: quoin-lab down --dir %s", path,
				lab->dir);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

int lab_state_remove(struct lab *lab)
{
	if (nftw(lab->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 &&
	    errno != ENOENT)
		return lab_fail("%s cannot be removed: %s", lab->dir, strerror(errno));
	return 0;
}
