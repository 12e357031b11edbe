/*
 * The data directory, its file system, sockets and descriptors.
 */
#include "node/host_internal.h"

#include "base/socket_file.h"
#include "dataplane/link.h"
#include "dataplane/pages.h"
#include "node/ports.h"
#include "wal/store.h"
#include "wal/wal.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	/*
	 * A node without ports of shared memory has 29 open when it has started (measured), and
	 * clients of the admin socket and of HTTP need some. The segments that the log writes are
	 * among them, however long it is; for those that it reads it takes of the rest, and one if
	 * there is none. EAL has one more for each huge page.
	 */
	DESCRIPTORS_MIN = 64,
	/* What is made beside segments: vote, mark, base, identity; and a segment ahead. */
	SMALL_BYTES = MIB,
	SEGMENTS_AT_START = 2,
	/* A directory of ten (counted, itself among them), and two before they have their names. */
	FILES_AT_START = 12,
	/* What two members share on memif beside the slots of its rings (reckoned: 33 KiB). */
	SHARED_MORE_BYTES = MIB,
};

void host_parent(const char *path, char out[CONFIG_PATH_MAX])
{
	char *slash;

	snprintf(out, CONFIG_PATH_MAX, "%s", path);
	slash = strrchr(out, '/');
	if (slash)
		slash[slash == out] = '\0';
}

bool host_writable(const char *key, const char *directory, struct host_finding *f)
{
	struct stat st;

	if (stat(directory, &st) != 0)
		host_wrong(f, "%s: %s: %s%s", key, directory, strerror(errno),
			   errno == ENOENT ? ": make it first (mkdir -p), for only the last "
					     "directory of a path is made"
					   : "");
	else if (!S_ISDIR(st.st_mode))
		host_wrong(f, "%s: %s is not a directory", key, directory);
	else if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0)
		host_wrong(f, "%s: %s: files cannot be made in it: %s", key, directory,
			   strerror(errno));
	else
		return true;
	return false;
}

/* Another process has the log open. */
static bool locked(const char *directory)
{
	char path[CONFIG_PATH_MAX + 8];
	bool taken;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	taken = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return taken;
}

/* By a file without a name, which is gone when it is closed. */
static bool has_direct_io(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno != EINVAL; /* else it has no such files, and a start will tell */
	close(fd);
	return true;
}

static void file_system(const struct config *c, const char *directory, struct host_finding *f)
{
	enum wal_store store = wal_store(directory);

	if (c->durability != CONFIG_VOLATILE && store == WAL_STORE_MEMORY)
		host_wrong(f,
			   "data-dir: %s is a file system in memory, on which nothing is durable: "
			   "use one on a disk (ext4, xfs), or wal.durability: volatile",
			   directory);
	else if (c->durability != CONFIG_VOLATILE && store == WAL_STORE_UNSYNCED)
		host_wrong(f,
			   "data-dir: %s is on an overlay that was mounted with volatile, which "
			   "syncs nothing: use a file system on a disk (ext4, xfs; of a container: "
			   "a volume), or wal.durability: volatile",
			   directory);
	else if (c->durability != CONFIG_VOLATILE && !has_direct_io(directory))
		host_wrong(f,
			   "data-dir: %s: this file system has no direct I/O to stable storage "
			   ": use another one (ext4, xfs), or wal.durability: volatile",
			   directory);
	else if (c->durability != CONFIG_VOLATILE && store == WAL_STORE_UNKNOWN)
		host_doubtful(f,
			      "data-dir: %s is on an overlay, whose upper layer is not seen from "
			      "here: whether that is on a disk, and outlives the power, is not "
			      "known; a volume (ext4, xfs) is the better place",
			      directory);
	else
		host_good(f, "%s%s", directory, store == WAL_STORE_MEMORY ? ", in memory" : "");
}

void host_directory(const struct config *c, struct host_finding *f)
{
	char parent[CONFIG_PATH_MAX];
	struct stat st;
	bool there = stat(c->data_dir, &st) == 0 || errno != ENOENT;

	if (!there && lstat(c->data_dir, &st) == 0) {
		host_wrong(f,
			   "data-dir: %s is a link to something that is not there: make that first "
			   "(mkdir -p), or remove the link",
			   c->data_dir);
		return;
	}
	host_parent(c->data_dir, parent);
	if (!host_writable("data-dir", there ? c->data_dir : parent, f))
		return;
	if (locked(c->data_dir)) {
		host_wrong(f,
			   "data-dir: %s: another process has it open: a node of this directory "
			   "runs already",
			   c->data_dir);
		return;
	}
	file_system(c, there ? c->data_dir : parent, f);
}

/* Entries of the directory: 0 if it is not there. */
static uint64_t entries(const char *path)
{
	DIR *directory = opendir(path);
	uint64_t count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

void host_space(const struct config *c, struct host_finding *f)
{
	bool there = entries(c->data_dir) > 2; /* but . and .. */
	uint64_t need =
		SMALL_BYTES +
		(c->durability == CONFIG_VOLATILE ? 0 : SEGMENTS_AT_START * c->segment_bytes);
	char parent[CONFIG_PATH_MAX];
	struct statvfs fs;
	uint64_t free_bytes;

	host_parent(c->data_dir, parent);
	if (statvfs(c->data_dir, &fs) != 0 && statvfs(parent, &fs) != 0)
		return;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* One that has no such number says 0 of 0. */
	if (!there && fs.f_files > 0 && fs.f_favail < FILES_AT_START) {
		host_wrong(f,
			   "data-dir: %s: %" PRIu64 " files more can be made on its file system, "
			   "and a new log needs %d (df -i): remove some, or use another one",
			   c->data_dir, (uint64_t)fs.f_favail, FILES_AT_START);
		return;
	}
	if (!there && free_bytes < need)
		host_wrong(f,
			   "data-dir: %s: %" PRIu64 " MiB are free on its file system, and a new "
			   "log needs %" PRIu64
			   ", two segments: make room, or a smaller wal.segment-size",
			   c->data_dir, free_bytes / MIB, need / MIB);
	else if (free_bytes < need)
		host_good(f, "%" PRIu64 " MiB are free: less than two segments of the log",
			  free_bytes / MIB);
	else
		host_good(f, "%" PRIu64 " MiB are free", free_bytes / MIB);
}

void host_file_size(const struct config *c, struct host_finding *f)
{
	bool shares = link_facts(c->link)->device == LINK_DEVICE_SOCKET && c->member_count > 1;
	uint64_t slots = 2ULL * link_slot_size((uint16_t)c->mtu) << LINK_MEMIF_RING_LOG2;
	uint64_t segment = c->durability == CONFIG_VOLATILE ? SMALL_BYTES : c->segment_bytes;
	uint64_t shared = shares ? slots + SHARED_MORE_BYTES : 0;
	uint64_t need = segment < shared ? shared : segment;
	struct rlimit limit;

	/* The soft one: it is not raised. */
	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	host_wrong(f,
		   "this process may make files of %" PRIu64 " MiB, and needs %" PRIu64
		   " MiB for %s: raise the limit (ulimit -f, or LimitFSIZE= in the unit)",
		   (uint64_t)limit.rlim_cur / MIB, need / MIB,
		   need > segment ? "what it shares with a peer" : "a segment of the log");
}

static uint64_t descriptors_needed(const struct config *c)
{
	uint64_t pages = c->huge_pages == CONFIG_HUGE_OFF ? 0 : pages_for(c->memory_mib);

	/* Members come later. */
	uint64_t ports = ports_for_each_peer(c) ? CONFIG_MEMBERS_MAX - 1 : 0;

	return DESCRIPTORS_MIN + PORTS_DESCRIPTORS * ports + pages;
}

uint32_t host_log_files(const struct config *c)
{
	uint64_t need = descriptors_needed(c);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= need + WAL_FILES_MAX)
		return WAL_FILES_MAX;
	return limit.rlim_max > need ? (uint32_t)(limit.rlim_max - need) : 1;
}

void host_descriptors(const struct config *c, struct host_finding *f)
{
	uint64_t need = descriptors_needed(c);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	/* quoind raises its own limit as far as it may. */
	if (limit.rlim_max < need)
		host_wrong(f,
			   "this process may have %" PRIu64 " open files, and needs %" PRIu64
			   " to start: raise the hard limit (ulimit -Hn, or LimitNOFILE= in the "
			   "unit)",
			   (uint64_t)limit.rlim_max, need);
	else
		host_good(f, "%" PRIu64 ", of which a start needs %" PRIu64,
			  (uint64_t)limit.rlim_max, need);
}

void host_admin_socket(const struct config *c, struct host_finding *f)
{
	char parent[CONFIG_PATH_MAX];
	int err;

	host_parent(c->admin_socket, parent);
	/* In the data directory, which is looked at by itself, and may have to be made. */
	if (strcmp(parent, c->data_dir) != 0 && !host_writable("admin-socket", parent, f))
		return;
	err = socket_file_look(c->admin_socket, SOCK_STREAM);
	if (err == -EADDRINUSE || err == -EEXIST)
		host_wrong(f,
			   "admin-socket: %s: in use by another process, or not a socket: set it "
			   "to another path",
			   c->admin_socket);
	else if (err)
		host_wrong(f,
			   "admin-socket: %s: %s: cannot say whether another process listens there",
			   c->admin_socket, strerror(-err));
	else
		host_good(f, "%s", c->admin_socket);
}

static const char *listen_advice(int err)
{
	switch (err) {
	case EADDRINUSE:
		return ": another port, or end who listens there (ss -ltnp)";
	case EADDRNOTAVAIL:
		return ": an address of this host (ip address), or 0.0.0.0 for all of them";
	case EACCES:
		return ": a port of 1024 or above, for those below are root's";
	default:
		return "";
	}
}

void host_metrics(const struct config *c, struct host_finding *f)
{
	for (uint32_t i = 0; i < c->metrics_url_count; i++) {
		const struct config_url *url = &c->metrics_url[i];
		struct sockaddr_in at = {.sin_family = AF_INET,
					 .sin_port = htons(url->port),
					 .sin_addr = {htonl(url->address)}};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
		char text[INET_ADDRSTRLEN];
		bool bound;

		if (fd < 0)
			return;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		bound = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0;
		if (!bound)
			host_wrong(f, "listen-metrics-urls: http://%s:%u: %s%s",
				   inet_ntop(AF_INET, &at.sin_addr, text, sizeof(text)), url->port,
				   strerror(errno), listen_advice(errno));
		close(fd);
		if (!bound)
			return;
		host_good(f, "%u port%s free", c->metrics_url_count,
			  c->metrics_url_count == 1 ? "" : "s");
	}
}
