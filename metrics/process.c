#include "metrics/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/*
 * Worked out once: the clock that it is measured against is set now and then, and a start that
 * moves would look like a restart.
 */
static uint64_t start_of(uint64_t start_ticks, uint64_t ticks)
{
	static _Atomic uint64_t known;
	uint64_t start = 0, unknown = 0;
	struct timespec real, boot;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	start = (uint64_t)(real.tv_sec - boot.tv_sec) * 1000 +
		(uint64_t)((real.tv_nsec - boot.tv_nsec + 1000000000) / 1000000) - 1000 +
		start_ticks * 1000 / ticks;
	return atomic_compare_exchange_strong(&known, &unknown, start) ? start : unknown;
}

/*
 * The fields of /proc/self/stat after the name, which may hold anything but ends in the last ')':
 * proc(5) counts from 1, and the first one here is its third.
 */
static void read_stat(struct metrics_process *out)
{
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t start, virtual, resident;
	char text[1024], *at;
	FILE *file = fopen("/proc/self/stat", "re");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[size] = '\0';
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
			  " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%*s %*s %*s %" SCNu64 " %" SCNu64 " %" SCNu64,
			  &start, &virtual, &resident) != 3)
		return;
	out->virtual_bytes = virtual;
	out->resident_bytes = resident * page;
	out->start_ms = start_of(start, ticks);
}

static uint64_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!dir)
		return METRICS_UNKNOWN;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 3; /* itself, "." and ".." */
}

void metrics_process_read(struct metrics_process *out)
{
	struct timespec cpu;
	struct rlimit limit;

	out->virtual_bytes = out->resident_bytes = out->start_ms = METRICS_UNKNOWN;
	read_stat(out);
	out->open_fds = open_fds();
	out->max_fds = getrlimit(RLIMIT_NOFILE, &limit) ? METRICS_UNKNOWN : limit.rlim_cur;
	out->cpu_ns = METRICS_UNKNOWN;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		out->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}
