#include "tools/client/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int parse_udp(struct address *out, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	unsigned long port;
	char *end;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	errno = 0;
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || errno || port < 1 || port > 65535)
		return -EINVAL;
	out->udp.sin_family = AF_INET;
	out->udp.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &out->udp.sin_addr) == 1 ? 0 : -EINVAL;
}

static int parse_path(struct address *out, const char *path, size_t size)
{
	if (size == 0 || size >= sizeof(out->path.sun_path))
		return -EINVAL;
	out->local = true;
	out->path.sun_family = AF_UNIX;
	memcpy(out->path.sun_path, path, size);
	return 0;
}

/* `size` bytes of text; more than an address can have is as wrong as any other. */
static int parse(struct address *out, const char *text, size_t size, char error[ADDRESS_ERROR_MAX])
{
	int err = -EINVAL;

	*out = (struct address){0};
	if (size < sizeof(out->text)) {
		memcpy(out->text, text, size);
		if (strncmp(out->text, "unix:", 5) == 0)
			err = parse_path(out, text + 5, size - 5);
		else
			err = parse_udp(out, out->text);
	}
	if (err)
		snprintf(error, ADDRESS_ERROR_MAX,
			 "endpoint \"%.*s\" is neither HOST:PORT with a literal IPv4 address, "
			 "like 10.0.0.1:2379%s, nor unix:PATH of at most 107 bytes",
			 size < 100 ? (int)size : 100, text,
			 strstr(text, "://") ? " (it is UDP: no http://)" : "");
	return err;
}

int address_parse(struct address *out, const char *text, char error[ADDRESS_ERROR_MAX])
{
	return parse(out, text, strlen(text), error);
}

int address_list_parse(struct address *out, uint32_t max, const char *list,
		       char error[ADDRESS_ERROR_MAX])
{
	static const char blanks[] = " \t\n\r";
	uint32_t count = 0;

	for (const char *at = list; *at; at += strspn(at, ",")) {
		size_t size = strcspn(at, ","), item;

		item = strspn(at, blanks);
		item = item < size ? item : size;
		at += item;
		size -= item;
		for (item = size; item && strchr(blanks, at[item - 1]); item--)
			;
		if (item && count == max) {
			snprintf(error, ADDRESS_ERROR_MAX, "more than %u endpoints", max);
			return -EINVAL;
		}
		if (item && parse(&out[count++], at, item, error))
			return -EINVAL;
		at += size;
	}
	if (count == 0)
		snprintf(error, ADDRESS_ERROR_MAX, "no endpoint is named in \"%.100s\"", list);
	return count ? (int)count : -EINVAL;
}

int address_connect(const struct address *to)
{
	const struct sockaddr *address =
		to->local ? (const struct sockaddr *)&to->path : (const struct sockaddr *)&to->udp;
	socklen_t size = to->local ? sizeof(to->path) : sizeof(to->udp);
	int type = to->local ? SOCK_STREAM : SOCK_DGRAM;
	int whole = IP_PMTUDISC_DO;
	int fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* Nodes take no fragments: what is too large for the way is told, where it is known. */
	if ((!to->local &&
	     setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof(whole)) < 0) ||
	    connect(fd, address, size) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}
