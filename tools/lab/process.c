/*
 * Processes. A pid alone says nothing: it is compared with the start time under a pidfd, and only
 * what the pidfd names is signalled.
 */
#include "tools/lab/process.h"

#include "tools/lab/space.h"
#include "tools/lab/state.h"
#include "tools/shared/child.h"
#include "tools/shared/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *process_state_name(enum process_state state)
{
	switch (state) {
	case PROCESS_GONE:
		return "dead";
	case PROCESS_RUNS:
		return "running";
	case PROCESS_PAUSED:
		return "paused";
	}
	return "?";
}

bool lab_process_stat_parse(const char *text, uint64_t *start_time, char *state)
{
	/* The name in parentheses may hold anything, also ") R 1". */
	const char *p = strrchr(text, ')');

	return p &&
	       sscanf(p + 1,
		      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		      "%*d %" SCNu64,
		      state, start_time) == 2;
}

int lab_process_stat(pid_t pid, uint64_t *start_time, char *state)
{
	char path[32], text[1024];
	FILE *in;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	in = fopen(path, "re");
	if (!in)
		return -errno;
	size = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[size] = '\0';
	return lab_process_stat_parse(text, start_time, state) ? 0 : -ESRCH;
}

/*
 * A pidfd of the node's process, or -1 if that is gone; what letter /proc says. A zombie's other
 * threads may still be at their end, with the sockets and files of the process open.
 */
static int open_remains(const struct lab *lab, uint32_t node, char *state)
{
	const struct lab_node *n = &lab->node[node];
	uint64_t start_time = 0;
	char boot_id[40];
	int fd;

	lab_boot_id(boot_id);
	if (n->pid <= 1 || strcmp(boot_id, lab->boot_id) != 0)
		return -1;
	fd = pidfd_open(n->pid, 0);
	if (fd < 0)
		return -1;
	/* The pidfd came first: if the start time is right, it is of the process meant. */
	if (lab_process_stat(n->pid, &start_time, state) != 0 || start_time != n->start_time) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The same, of one that lives. */
static int open_node(const struct lab *lab, uint32_t node, char *state)
{
	int fd = open_remains(lab, node, state);

	if (fd >= 0 && (*state == 'Z' || *state == 'X')) {
		close(fd);
		fd = -1;
	}
	return fd;
}

enum process_state lab_process_state(const struct lab *lab, uint32_t node)
{
	char state = 0;
	int fd = open_node(lab, node, &state);

	if (fd < 0)
		return PROCESS_GONE;
	close(fd);
	return state == 'T' ? PROCESS_PAUSED : PROCESS_RUNS;
}

int lab_process_signal(const struct lab *lab, uint32_t node, int signal)
{
	char state = 0;
	int fd = open_node(lab, node, &state), err;

	if (fd < 0)
		return -ESRCH;
	err = pidfd_send_signal(fd, signal, NULL, 0) != 0 ? -errno : 0;
	close(fd);
	return err;
}

bool lab_signal_ends(int signal)
{
	/* It ignores them, or they stop it, or do nothing by default. */
	static const int survived[] = {SIGHUP,  SIGUSR1, SIGUSR2,   SIGPIPE, SIGXFSZ,
				       SIGALRM, SIGPROF, SIGVTALRM, SIGPOLL, SIGPWR,
				       SIGTTOU, SIGTTIN, SIGSTKFLT, SIGSTOP, SIGTSTP,
				       SIGCHLD, SIGCONT, SIGWINCH,  SIGURG};

	for (size_t i = 0; i < sizeof(survived) / sizeof(survived[0]); i++) {
		if (survived[i] == signal)
			return false;
	}
	return true;
}

int lab_process_wait(const struct lab *lab, uint32_t node, uint32_t timeout_ms)
{
	char state = 0;
	/* Readable once the last thread is gone. */
	struct pollfd p = {.fd = open_remains(lab, node, &state), .events = POLLIN};
	int ready;

	if (p.fd < 0)
		return 0;
	ready = poll(&p, 1, (int)timeout_ms);
	close(p.fd);
	return ready > 0 ? 0 : -ETIMEDOUT;
}

int lab_process_stop(const struct lab *lab, uint32_t node)
{
	/* A paused one could not hear SIGTERM. */
	lab_process_signal(lab, node, SIGCONT);
	lab_process_signal(lab, node, SIGTERM);
	if (lab_process_wait(lab, node, LAB_STOP_MS) != 0)
		return lab_fail("n%u got SIGTERM and still runs after %d s: quoin-lab kill %u "
				"--dir %s",
				node + 1, LAB_STOP_MS / 1000, node + 1, lab->dir);
	return 0;
}

/*
 * The af_packet driver joins the fanout group (pid ^ interface index) & 0xffff of its namespace;
 * two nodes in one group cannot be: the second gets EINVAL. True if this process would be such a
 * second one; another pid is the way out.
 */
static bool fanout_taken(const struct lab *lab, uint32_t node)
{
	char name[IF_NAMESIZE];
	uint32_t own;

	snprintf(name, sizeof(name), "n%u", node + 1);
	own = ((uint32_t)getpid() ^ if_nametoindex(name)) & 0xffff;
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		snprintf(name, sizeof(name), "n%u", i + 1);
		if (i != node && lab_process_state(lab, i) != PROCESS_GONE &&
		    (((uint32_t)lab->node[i].pid ^ if_nametoindex(name)) & 0xffff) == own)
			return true;
	}
	return false;
}

/* A child that is to be a node, and waits until it is in lab.json: else nobody could end it. */
struct child {
	pid_t pid;
	int fd; /* it says 0 when it may be told to go, or -errno; exec closes its end */
};

/* In the child. False: who made it is gone, or changed its mind. */
static bool may_go(int parent)
{
	const int ready = 0;
	char byte;

	return write(parent, &ready, sizeof(ready)) == sizeof(ready) && read(parent, &byte, 1) == 1;
}

/* In the child: never returns. */
__attribute__((noreturn)) static void become_node(const struct lab *lab, uint32_t node, int parent)
{
	char config[LAB_PATH_MAX], log_path[LAB_PATH_MAX];
	char *argv[] = {NULL, NULL, NULL, NULL};
	int null = open("/dev/null", O_RDONLY);
	int log = open(lab_node_path(lab, node, ".log", log_path), O_WRONLY | O_CREAT | O_APPEND,
		       0644);
	int err;

	lab_node_path(lab, node, ".yaml", config);
	argv[0] = strdup(lab->quoind);
	argv[1] = strdup("--config");
	argv[2] = config;
	err = setsid() < 0 ? -errno : lab_space_enter(lab->netns, lab->link == LINK_XDP);
	if (!err && (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
		     dup2(log, 2) < 0 || chdir(lab->dir) != 0 || !argv[0] || !argv[1]))
		err = -errno;
	if (!err && lab->link == LINK_PACKET && fanout_taken(lab, node))
		err = -EAGAIN;
	if (!err) {
		if (!may_go(parent))
			_exit(126);
		execv(lab->quoind, argv);
		err = -errno;
	}
	if (write(parent, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static int write_pid(const struct lab *lab, uint32_t node)
{
	char path[LAB_PATH_MAX];
	FILE *out = fopen(lab_node_path(lab, node, ".pid", path), "we");

	if (!out || fprintf(out, "%d\n", lab->node[node].pid) < 0 || fclose(out) != 0)
		return lab_fail("%s: %s", path, strerror(errno));
	return 0;
}

/* It ends, for it was not told to go, or ended by itself. */
static void child_wait_end(struct child *c)
{
	close(c->fd);
	waitpid(c->pid, NULL, 0);
}

/* *c waits to be told to go; or *child_err: why it cannot become the node, and it is gone. */
static int spawn(const struct lab *lab, uint32_t node, struct child *c, int *child_err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return lab_fail("socketpair: %s", strerror(errno));
	*c = (struct child){.pid = fork(), .fd = pair[0]};
	if (c->pid == 0) {
		close(pair[0]);
		become_node(lab, node, pair[1]);
	}
	close(pair[1]);
	if (c->pid < 0) {
		close(c->fd);
		return lab_fail("fork: %s", strerror(errno));
	}
	if (read(c->fd, child_err, sizeof(*child_err)) != sizeof(*child_err))
		*child_err = -ECHILD; /* it was killed */
	if (*child_err)
		child_wait_end(c);
	return 0;
}

/* 0, or -errno: it could not become the node, and is gone. */
static int child_go(struct child *c)
{
	int err = 0;

	if (send(c->fd, "", 1, MSG_NOSIGNAL) != 1)
		err = -errno;
	else if (read(c->fd, &err, sizeof(err)) != sizeof(err))
		err = 0; /* closed by exec */
	if (err)
		child_wait_end(c);
	else
		close(c->fd);
	return err;
}

/* As a child that nobody has waited for: it keeps its pid, and its start time with it. */
static int child_save(struct lab *lab, uint32_t node, const struct child *c)
{
	struct lab_node *n = &lab->node[node];
	char state = 0;
	int err;

	n->pid = c->pid;
	if (lab_process_stat(c->pid, &n->start_time, &state) != 0)
		return lab_fail("n%u: /proc/%d/stat: %s", node + 1, c->pid, strerror(errno));
	err = write_pid(lab, node);
	return err ? err : lab_state_save(lab);
}

int lab_process_start(struct lab *lab, uint32_t node)
{
	struct lab_node *n = &lab->node[node];
	int err, child_err;
	char log[LAB_PATH_MAX];
	struct child child = {0};
	struct stat st;

	n->log_start =
		stat(lab_node_path(lab, node, ".log", log), &st) == 0 ? (uint64_t)st.st_size : 0;
	/* Each other node's group is one pid that will not do. */
	for (uint32_t i = 0; i <= LAB_NODES_MAX; i++) {
		err = spawn(lab, node, &child, &child_err);
		if (err)
			return err;
		if (child_err != -EAGAIN)
			break;
	}
	if (!child_err) {
		err = child_save(lab, node, &child);
		if (err) {
			child_wait_end(&child);
			return err;
		}
		child_err = child_go(&child);
	}
	if (child_err)
		return lab_fail("n%u: %s in namespace %s: %s", node + 1, lab->quoind, lab->netns,
				strerror(-child_err));
	return 0;
}

const char *lab_process_end(const struct lab *lab, uint32_t node, char out[64])
{
	pid_t pid = lab->node[node].pid;
	int status = 0;

	/* Gone by /proc is its first thread: the others of our child are given the time to end. */
	if (pid <= 1 || waitpid(pid, &status, 0) != pid)
		return NULL;
	if (WIFSIGNALED(status))
		snprintf(out, 64, "was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(out, 64, "exited with status %d", WEXITSTATUS(status));
	return out;
}

static bool is_inside(pid_t pid, const struct stat *netns)
{
	char path[48];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return stat(path, &st) == 0 && st.st_ino == netns->st_ino && st.st_dev == netns->st_dev;
}

/* Kills one round of them and waits for each. The number killed, or -errno. */
static int kill_round(const struct stat *netns)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int killed = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct pollfd p = {.events = POLLIN};

		if (pid <= 1 || pid == getpid())
			continue;
		p.fd = pidfd_open(pid, 0);
		if (p.fd < 0)
			continue;
		/* Checked again under the pidfd: the pid may be somebody else's by now. */
		if (is_inside(pid, netns) && pidfd_send_signal(p.fd, SIGKILL, NULL, 0) == 0) {
			killed++;
			poll(&p, 1, 5000);
			waitpid(pid, NULL, WNOHANG);
		}
		close(p.fd);
	}
	closedir(proc);
	return killed;
}

int lab_process_kill_inside(const char *netns)
{
	struct stat inside, own;
	char path[NETNS_PATH_MAX];
	int killed = 1;

	if (stat(netns_path(netns, path), &inside) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (stat("/proc/self/ns/net", &own) != 0)
		return -errno;
	/*
	 * A file without a namespace mounted on it is on another file system; ours must never
	 * match.
	 */
	if (inside.st_dev != own.st_dev || inside.st_ino == own.st_ino)
		return 0;
	/* A process may start another while we look: until a round finds none. */
	for (int rounds = 0; rounds < 100 && killed > 0; rounds++)
		killed = kill_round(&inside);
	return killed > 0 ? -EBUSY : killed;
}

int lab_process_run(const char *const argv[], char said[PROCESS_SAID_SIZE])
{
	int pipes[2];
	size_t used = 0;
	ssize_t size;
	pid_t pid;

	said[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -errno;
	pid = child_start(argv, -1, pipes[1], pipes[1]);
	close(pipes[1]);
	while (pid > 0 && used < PROCESS_SAID_SIZE - 1 &&
	       (size = read(pipes[0], said + used, PROCESS_SAID_SIZE - 1 - used)) > 0)
		used += (size_t)size;
	close(pipes[0]);
	said[used] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return pid > 0 ? child_wait(pid) : pid;
}

uint32_t lab_process_tail(const char *path, uint64_t from, uint32_t lines, const char *indent,
			  FILE *out)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	uint32_t count = 0, number = 0, copied = 0;

	if (!in)
		return 0;
	/* It may go on meanwhile: the second time no more lines are read than the first. */
	if (fseeko(in, (off_t)from, SEEK_SET) == 0)
		while (getline(&line, &size, in) > 0)
			count++;
	if (fseeko(in, (off_t)from, SEEK_SET) == 0) {
		for (; number < count && getline(&line, &size, in) > 0; number++) {
			if (lines != 0 && number + lines < count)
				continue;
			fprintf(out, "%s%s", indent, line);
			copied++;
		}
	}
	free(line);
	fclose(in);
	return copied;
}
