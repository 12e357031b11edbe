#include "tools/client/local.h"

#include "config/config.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 8192, PATH_SIZE = 2 * CONFIG_PATH_MAX };

static ssize_t read_file(pid_t pid, const char *name, char *out, size_t size_max)
{
	char path[64];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size = read(fd, out, size_max - 1);
	close(fd);
	out[size < 0 ? 0 : size] = '\0';
	return size;
}

/* --config FILE, --config=FILE, -c FILE, -cFILE among the words; NULL: it runs no node. */
static const char *config_of(const char *words, size_t size)
{
	static const char *const names[] = {"--config", "-c"};
	const char *file = NULL;

	for (const char *word = words; word < words + size; word += strlen(word) + 1) {
		if (strcmp(word, "--check") == 0 || strcmp(word, "-k") == 0)
			return NULL;
		for (int i = 0; i < 2; i++) {
			size_t length = strlen(names[i]);

			if (strncmp(word, names[i], length) != 0)
				continue;
			if (word[length] == '\0' && word + length + 1 < words + size)
				file = word + length + 1;
			else if (word[length] == '=' && i == 0)
				file = word + length + 1;
			else if (word[length] && i == 1)
				file = word + length;
		}
	}
	return file;
}

static void take_network(struct local_node *out, const struct config *c)
{
	const struct in_addr in = {.s_addr = htonl(c->address)};
	char path[64], space[32];
	ssize_t size;

	inet_ntop(AF_INET, &in, out->host, sizeof(out->host));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)out->pid);
	size = readlink(path, space, sizeof(space) - 1);
	space[size < 0 ? 0 : size] = '\0';
	snprintf(out->network, sizeof(out->network), "%s %s", space, c->memif_socket);
}

static bool look_at(pid_t pid, struct local_node *out)
{
	static struct config config;
	static struct config_errors errors;
	char name[32], words[COMMAND_MAX], path[PATH_SIZE], error[ADDRESS_ERROR_MAX];
	char text[sizeof("unix:") + CONFIG_PATH_MAX];
	const char *file;
	ssize_t size;

	if (read_file(pid, "comm", name, sizeof(name)) <= 0 || strcmp(name, "quoind\n") != 0)
		return false;
	size = read_file(pid, "cmdline", words, sizeof(words));
	file = size > 0 ? config_of(words, (size_t)size) : NULL;
	if (!file)
		return false;
	if (file[0] == '/')
		snprintf(path, sizeof(path), "%s", file);
	else
		snprintf(path, sizeof(path), "/proc/%d/cwd/%s", (int)pid, file);
	*out = (struct local_node){.pid = pid};
	if (config_load(&config, path, &errors))
		return true;
	snprintf(out->name, sizeof(out->name), "%s", config.name);
	take_network(out, &config);
	snprintf(text, sizeof(text), "unix:%s", config.admin_socket);
	if (address_parse(&out->address, text, error))
		out->address = (struct address){0};
	return true;
}

uint32_t local_find(struct local_node *out, uint32_t max)
{
	DIR *dir = opendir("/proc");
	uint32_t count = 0;
	struct dirent *entry;

	while (dir && count < max && (entry = readdir(dir))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end && look_at((pid_t)pid, &out[count]))
			count++;
	}
	if (dir)
		closedir(dir);
	return count;
}
