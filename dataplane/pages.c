#include "dataplane/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES_DIRECTORY "/sys/kernel/mm/hugepages/hugepages-2048kB/"

enum { LOCK_NAP_MS = 10 };

static uint64_t number(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t n = 0;

	if (file && fscanf(file, "%" SCNu64, &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n;
}

struct pages pages_read(void)
{
	uint64_t promised = number(PAGES_DIRECTORY "resv_hugepages");
	struct pages p = {.there = number(PAGES_DIRECTORY "nr_hugepages"),
			  .free = number(PAGES_DIRECTORY "free_hugepages")};

	p.free = p.free > promised ? p.free - promised : 0;
	return p;
}

uint64_t pages_host_mib(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t kib;
	bool told = file && fscanf(file, "MemTotal: %" SCNu64, &kib) == 1;

	if (file)
		fclose(file);
	return told ? kib / 1024 : UINT64_MAX;
}

/* By the file of this size: vm.nr_hugepages is that of the default one, which may be 1 GiB. */
bool pages_suffice(uint32_t nodes, uint32_t mib, char text[PAGES_TEXT_MAX])
{
	uint64_t need = nodes * pages_for(mib);
	struct pages p = pages_read();
	uint64_t all = p.there + need - p.free, host_mib = pages_host_mib();
	int used;

	text[0] = '\0';
	if (p.free >= need)
		return true;
	used = snprintf(text, PAGES_TEXT_MAX,
			"takes %" PRIu64 " huge pages of %d MiB, and of %" PRIu64
			" that there are %" PRIu64 " are free: ",
			need, PAGES_MIB, p.there, p.free);
	/* What the host does not have it cannot give. */
	if (all * PAGES_MIB > host_mib)
		snprintf(text + used, PAGES_TEXT_MAX - (size_t)used,
			 "%" PRIu64 " MiB in all, and this host has %" PRIu64
			 " MiB of memory: set a smaller memory",
			 all * PAGES_MIB, host_mib);
	else
		snprintf(text + used, PAGES_TEXT_MAX - (size_t)used,
			 "echo %" PRIu64 " > " PAGES_DIRECTORY "nr_hugepages", all);
	return false;
}

int pages_lock(const char *directory, uint32_t wait_ms, bool (*goes_on)(void))
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(directory, flags);

	/* Before the unit has made it, root does: a lab, or a node that was started by hand. */
	if (fd < 0 && errno == ENOENT && (mkdir(directory, 0750) == 0 || errno == EEXIST))
		fd = open(directory, flags);
	if (fd < 0)
		return -errno;
	for (uint32_t waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_NAP_MS) {
		int err = errno != EWOULDBLOCK && errno != EINTR ? -errno : 0;

		if (err == 0 && goes_on && !goes_on())
			err = -EINTR;
		if (err == 0 && waited >= wait_ms)
			err = -ETIMEDOUT;
		if (err != 0) {
			close(fd);
			return err;
		}
		(void)poll(NULL, 0, LOCK_NAP_MS);
	}
	return fd;
}
