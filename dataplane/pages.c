#include "dataplane/pages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
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

bool pages_suffice(uint32_t nodes, uint32_t mib, char text[PAGES_TEXT_MAX])
{
	uint64_t need = nodes * pages_for(mib);
	struct pages p = pages_read();

	text[0] = '\0';
	if (p.free >= need)
		return true;
	snprintf(text, PAGES_TEXT_MAX,
		 "takes %" PRIu64 " huge pages of %d MiB, and of %" PRIu64
		 " that there are %" PRIu64 " are free: sysctl vm.nr_hugepages=%" PRIu64,
		 need, PAGES_MIB, p.there, p.free, p.there + need - p.free);
	return false;
}

/*
 * Of the files that are there at each start this one is the same for all: /sys is another for each
 * network namespace, /proc for each namespace of processes, and with systemd's ProtectProc= for
 * each service.
 */
int pages_lock(uint32_t wait_ms)
{
	int file = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (uint32_t waited = 0; file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0;
	     waited += LOCK_NAP_MS) {
		if (waited >= wait_ms) {
			close(file);
			return -1;
		}
		(void)poll(NULL, 0, LOCK_NAP_MS);
	}
	return file;
}
