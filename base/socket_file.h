/*
 * The file of a local socket outlives whoever listened there, if he was killed. Whether somebody
 * still does is found out by knocking; what cannot be found out is not taken for "nobody".
 */
#ifndef BASE_SOCKET_FILE_H
#define BASE_SOCKET_FILE_H

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * 0: nothing is there, or a socket that nobody listens at; -EADDRINUSE: somebody does; -EEXIST: it
 * is no socket; or why that cannot be known: -EACCES, -EMFILE, ... `type` is the listener's.
 */
static inline int socket_file_look(const char *path, int type)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat st;
	int fd, err;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	snprintf(at.sun_path, sizeof(at.sun_path), "%.107s", path);
	err = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? EADDRINUSE : errno;
	close(fd);
	switch (err) {
	case EAGAIN: /* his backlog is full */
		return -EADDRINUSE;
	case ECONNREFUSED:
	case ENOENT: /* meanwhile */
		return 0;
	default:
		return -err;
	}
}

#endif
