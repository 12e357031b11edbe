#include "tests/e2e/http.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_get(uint16_t port, const char *path, char page[HTTP_PAGE_SIZE])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
	size_t size = 0;
	ssize_t got;
	char *body;

	assert_true(fd >= 0);
	page[0] = '\0';
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		assert_int_equal(errno, ECONNREFUSED);
		close(fd);
		return 0;
	}
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	while ((got = recv(fd, page + size, HTTP_PAGE_SIZE - 1 - size, 0)) > 0)
		size += (size_t)got;
	close(fd);
	page[size] = '\0';
	body = strstr(page, "\r\n\r\n");
	/* One that is killed meanwhile breaks off: as if nobody listened. */
	if (!body || sscanf(page, "HTTP/1.1 %d", &status) != 1)
		return 0;
	memmove(page, body + 4, strlen(body + 4) + 1);
	return status;
}

double http_sample(const char *page, const char *name)
{
	size_t size = strlen(name);

	for (const char *line = page; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, size) == 0 && line[size] == ' ')
			return strtod(line + size, NULL);
	}
	return -1;
}
