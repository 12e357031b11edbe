/*
 * Where a node answers, as it is typed:
 *
 *	HOST:PORT   UDP to a node's client port, by a kernel socket; HOST is a literal IPv4 address
 *	unix:PATH   a node's local admin socket
 */
#ifndef TOOLS_CLIENT_ADDRESS_H
#define TOOLS_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

enum {
	ADDRESS_TEXT_MAX = 128, /* "unix:" and the 107 bytes that a socket's path may have */
	ADDRESS_ERROR_MAX = 256,
};

struct address {
	char text[ADDRESS_TEXT_MAX]; /* as given; "": none */
	bool local;                  /* the admin socket: path is set, else udp */
	struct sockaddr_in udp;
	struct sockaddr_un path;
};

/* 0, or -EINVAL with one line in error. */
int address_parse(struct address *out, const char *text, char error[ADDRESS_ERROR_MAX]);

/*
 * Addresses with commas between them, blanks around them, and commas too many: how many, from one
 * to max; or -EINVAL with one line in error.
 */
int address_list_parse(struct address *out, uint32_t max, const char *list,
		       char error[ADDRESS_ERROR_MAX]);

/*
 * A socket, connected, that never waits: its descriptor or -errno. -EAGAIN: the node's backlog is
 * full for the moment.
 */
int address_connect(const struct address *to);

#endif
