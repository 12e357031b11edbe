/*
 * Datagrams for the service manager.
 */
#include "node/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_EVERY_NS 1000000000ull

static bool send_text(struct notify *n, const char *text)
{
	return sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&n->to, n->to_size) >= 0;
}

/* Half of the time in which systemd wants to hear of us; 0: it does not, or means another. */
static uint64_t watchdog(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!us || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(us, NULL, 10) * 1000 / 2;
}

void notify_open(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t size = path ? strlen(path) : 0;

	*n = (struct notify){.fd = -1, .to.sun_family = AF_UNIX};
	if (size > 1 && size < sizeof(n->to.sun_path) && (path[0] == '/' || path[0] == '@')) {
		memcpy(n->to.sun_path, path, size);
		if (path[0] == '@')
			n->to.sun_path[0] = '\0'; /* abstract: ends with its size */
		n->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		n->watchdog_ns = watchdog();
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

bool notify_wants_status(struct notify *n, uint64_t now_ns)
{
	if (n->fd < 0 || now_ns < n->status_ns)
		return false;
	n->status_ns = now_ns + STATUS_EVERY_NS;
	return true;
}

/* A loop that waits for its disk is not one that hangs: it has a last word to say (V18). */
static bool send_ready(struct notify *n)
{
	char text[64];

	if (n->watchdog_ns == 0 || n->patience_ns < n->watchdog_ns)
		return send_text(n, "READY=1");
	snprintf(text, sizeof(text), "READY=1\nWATCHDOG_USEC=%" PRIu64,
		 (2 * n->watchdog_ns + n->patience_ns) / 1000);
	return send_text(n, text);
}

void notify_turn(struct notify *n, uint64_t now_ns, const char *status)
{
	char text[NOTIFY_STATUS_SIZE + 16];

	if (n->fd < 0)
		return;
	if (!n->ready)
		n->ready = send_ready(n);
	if (n->watchdog_ns && now_ns >= n->alive_ns && send_text(n, "WATCHDOG=1"))
		n->alive_ns = now_ns + n->watchdog_ns;
	if (!status || strcmp(status, n->status) == 0)
		return;
	snprintf(text, sizeof(text), "STATUS=%s", status);
	if (send_text(n, text))
		snprintf(n->status, sizeof(n->status), "%s", status);
}

void notify_stopping(struct notify *n)
{
	char text[64];

	/* Never shorter than what the manager gives by itself. */
	snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		 (n->hand_over_ns + n->patience_ns + NOTIFY_STOP_NS) / 1000);
	if (n->fd >= 0)
		(void)send_text(n, text);
}
