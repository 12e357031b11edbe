#include "tools/bench/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void find_cpu(struct host *h)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		const char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		snprintf(h->cpu, sizeof(h->cpu), "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
		break;
	}
	if (file)
		fclose(file);
}

/* The line of /proc/self/mountinfo whose device number is the directory's. */
static void find_filesystem(struct host *h, const char *directory)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	unsigned int major_number, minor_number;
	char line[1024];
	struct stat st;

	if (stat(directory, &st))
		memset(&st, 0, sizeof(st));
	while (file && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");

		if (sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) != 2 || !rest)
			continue;
		if (major_number != major(st.st_dev) || minor_number != minor(st.st_dev))
			continue;
		if (sscanf(rest, " - %31s %127s", h->filesystem, h->device) == 2)
			break;
	}
	if (file)
		fclose(file);
}

void host_describe(struct host *out, const char *directory)
{
	struct host h = {.kernel = "?", .cpu = "?", .filesystem = "?", .device = "?"};
	struct utsname name;
	struct sysinfo info;
	time_t now = time(NULL);
	struct tm utc;

	if (uname(&name) == 0)
		snprintf(h.kernel, sizeof(h.kernel), "%s %.60s", name.sysname, name.release);
	if (sysinfo(&info) == 0)
		h.memory_mib = (uint32_t)(info.totalram * info.mem_unit >> 20);
	if (getloadavg(&h.load, 1) != 1)
		h.load = 0;
	strftime(h.date, sizeof(h.date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	h.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	find_cpu(&h);
	find_filesystem(&h, directory);
	*out = h;
}
