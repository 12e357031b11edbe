#include "tools/bench/cost.h"

#include "base/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { SECTOR = 512 };

/* The time on a CPU of all threads of a process, those of its io_uring too. False: it is gone. */
static bool process_cpu(int pid, uint64_t *sum)
{
	char path[320];
	struct dirent *entry;
	bool any = false;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = pid > 0 ? opendir(path) : NULL;
	if (!tasks)
		return false;
	while ((entry = readdir(tasks))) {
		uint64_t ns;
		FILE *in;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
		in = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!in)
			continue;
		if (fscanf(in, "%" SCNu64, &ns) == 1) {
			*sum += ns;
			any = true;
		}
		fclose(in);
	}
	closedir(tasks);
	return any;
}

static uint64_t own_cpu(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * CLOCK_S +
	       ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * CLOCK_US;
}

/* What was written to the block device below a directory, by anybody. */
static bool device_bytes(const char *directory, uint64_t *out)
{
	char path[64];
	uint64_t sectors;
	struct stat st;
	bool good;
	FILE *in;

	if (stat(directory, &st))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(st.st_dev),
		 minor(st.st_dev));
	in = fopen(path, "re");
	if (!in)
		return false;
	good = fscanf(in, "%*u %*u %*u %*u %*u %*u %" SCNu64, &sectors) == 1;
	fclose(in);
	*out = sectors * SECTOR;
	return good;
}

static void sample(struct cost *c, struct target *t, struct cost_sample *out)
{
	*out = (struct cost_sample){0};
	c->unknown_log |= !target_log_bytes(t, &out->log_bytes);
	if (t->local)
		out->node_cpu_ns = own_cpu();
	else
		out->client_cpu_ns = own_cpu();
	for (uint32_t i = 0; !t->local && i < t->cluster.count; i++)
		c->unknown_cpu |= !process_cpu(t->cluster.node[i].pid, &out->node_cpu_ns);
	c->unknown_device |= !device_bytes(c->directory, &out->device_bytes);
}

void cost_begin(struct cost *c, struct target *t)
{
	sample(c, t, &c->from);
}

void cost_end(struct cost *c, struct target *t)
{
	struct cost_sample to;

	sample(c, t, &to);
	c->sum.node_cpu_ns += to.node_cpu_ns - c->from.node_cpu_ns;
	c->sum.client_cpu_ns += to.client_cpu_ns - c->from.client_cpu_ns;
	c->sum.log_bytes += to.log_bytes - c->from.log_bytes;
	c->sum.device_bytes += to.device_bytes - c->from.device_bytes;
}
