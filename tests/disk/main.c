/*
 * quoin-test-disk MOUNT BENEATH SOCKET: mounts, says "ready" on its output, and serves the kernel
 * and the control socket until it is told to quit or the power is cut. BENEATH and BENEATH.graves
 * must be there.
 *
 * quoin-test-disk --tell SOCKET WORDS...: steers one from a shell. disk.h has the language.
 */
#include "tests/disk/fs.h"

#include "base/mix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8 };

struct fs fs;

uint64_t fs_random(void)
{
	return mix(fs.random++);
}

static int fail(const char *what)
{
	(void)fprintf(stderr, "quoin-test-disk: %s: %s\n", what, strerror(errno));
	return 1;
}

static int control_socket(const char *path, bool listens)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct sockaddr *a = (const struct sockaddr *)&address;

	if (fd < 0)
		return -1;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (listens)
		(void)unlink(path);
	if (listens ? bind(fd, a, sizeof(address)) != 0 || listen(fd, CLIENTS_MAX) != 0
		    : connect(fd, a, sizeof(address)) != 0)
		return -1;
	return fd;
}

static int tell(int argc, char **argv)
{
	char text[TEXT_MAX] = "";
	int fd = control_socket(argv[2], false);
	ssize_t size;

	if (fd < 0)
		return fail(argv[2]);
	for (int i = 3; i < argc; i++) {
		strncat(text, argv[i], sizeof(text) - strlen(text) - 1);
		strncat(text, " ", sizeof(text) - strlen(text) - 1);
	}
	if (send(fd, text, strlen(text), 0) < 0)
		return fail("send");
	size = recv(fd, text, sizeof(text) - 1, 0);
	if (size <= 0)
		return fail("no answer");
	text[size] = '\0';
	(void)puts(text);
	return strncmp(text, "error", 5) == 0;
}

/* One command of a client. False: the last. */
static bool serve(int *fd)
{
	char command[TEXT_MAX], answer[TEXT_MAX];
	ssize_t size = recv(*fd, command, sizeof(command) - 1, 0);
	bool more;

	if (size <= 0) {
		(void)close(*fd);
		*fd = -1;
		return true;
	}
	command[size] = '\0';
	more = control_do(command, answer);
	(void)send(*fd, answer, strlen(answer), MSG_NOSIGNAL);
	return more;
}

static void welcome(int fd, struct pollfd clients[CLIENTS_MAX])
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; client >= 0 && i < CLIENTS_MAX; i++) {
		if (clients[i].fd < 0) {
			clients[i].fd = client;
			return;
		}
	}
	if (client >= 0)
		(void)close(client);
}

static void requests_take(struct fuse_buf *buffer)
{
	int size = fuse_session_receive_buf(fs.session, buffer);

	if (size > 0)
		fuse_session_process_buf(fs.session, buffer);
}

static void loop(int control)
{
	struct pollfd fds[2 + CLIENTS_MAX] = {
		{.fd = fuse_session_fd(fs.session), .events = POLLIN},
		{.fd = control, .events = POLLIN},
	};
	struct fuse_buf buffer = {0};

	for (int i = 0; i < CLIENTS_MAX; i++)
		fds[2 + i] = (struct pollfd){.fd = -1, .events = POLLIN};
	while (!fuse_session_exited(fs.session)) {
		if (poll(fds, 2 + CLIENTS_MAX, waiting_timeout()) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < CLIENTS_MAX; i++)
			if (fds[2 + i].fd >= 0 && fds[2 + i].revents && !serve(&fds[2 + i].fd))
				return;
		if (fds[1].revents)
			welcome(control, fds + 2);
		if (fds[0].revents)
			requests_take(&buffer);
		waiting_run();
	}
}

/* Returns if it fails. */
static int mount_and_serve(char **argv)
{
	char own[] = "quoin-test-disk", option[] = "-o",
	     value[] = "fsname=quoin-test-disk,allow_other,default_permissions";
	char *words[] = {own, option, value, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, words);
	struct rlimit files;
	int control;
	int fd;

	fs.session = fuse_session_new(&args, &fs_operations, sizeof(fs_operations), NULL);
	if (!fs.session || fuse_session_mount(fs.session, argv[1]) != 0)
		return fail(argv[1]);
	fd = fuse_session_fd(fs.session);
	/* A request may be taken back between poll and read. */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)umask(0);
	control = control_socket(argv[3], true);
	if (control < 0) {
		fuse_session_unmount(fs.session);
		return fail(argv[3]);
	}
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return fail("ready");
	loop(control);
	/* Whoever still waits is told that the disk is gone. */
	(void)unlink(argv[3]);
	fuse_session_unmount(fs.session);
	/* At once: what it holds of requests that nobody will end is nobody's to free. */
	_exit(0);
}

int main(int argc, char **argv)
{
	char graves[PATH_MAX];

	if (argc > 3 && strcmp(argv[1], "--tell") == 0)
		return tell(argc, argv);
	if (argc != 4) {
		(void)fprintf(stderr, "quoin-test-disk MOUNT BENEATH SOCKET\n"
				      "quoin-test-disk --tell SOCKET WORDS...\n");
		return 2;
	}
	(void)snprintf(graves, sizeof(graves), "%s.graves", argv[2]);
	fs.beneath = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fs.graves = open(graves, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs.beneath < 0 || fs.graves < 0)
		return fail(argv[2]);
	(void)node_root();
	return mount_and_serve(argv);
}
