#include "node/cores.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

bool cores_next(const char **at, unsigned long *first, unsigned long *last)
{
	char *end = (char *)(uintptr_t)*at;

	if (!*end)
		return false;
	*first = *last = strtoul(end, &end, 10);
	if (*end == '-')
		*last = strtoul(end + 1, &end, 10);
	*at = end + (*end == ',');
	return true;
}

static void threads_move(const cpu_set_t *to)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *e;

	while (tasks && (e = readdir(tasks))) {
		/* One that has ended meanwhile is nowhere. */
		if (e->d_name[0] != '.')
			(void)sched_setaffinity((pid_t)strtol(e->d_name, NULL, 10), sizeof(*to),
						to);
	}
	if (tasks)
		closedir(tasks);
}

/* A thread begins where its maker runs, unless its attributes say another place. */
static void threads_begin(const cpu_set_t *there)
{
	pthread_attr_t attributes;

	if (pthread_getattr_default_np(&attributes) != 0)
		return;
	if (pthread_attr_setaffinity_np(&attributes, sizeof(*there), there) == 0)
		(void)pthread_setattr_default_np(&attributes);
	(void)pthread_attr_destroy(&attributes);
}

void cores_spare(const char *cpus)
{
	unsigned long first, last;
	cpu_set_t rest;

	if (!*cpus || sched_getaffinity(0, sizeof(rest), &rest) != 0)
		return;
	while (cores_next(&cpus, &first, &last)) {
		for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_CLR(cpu, &rest);
	}
	if (CPU_COUNT(&rest) == 0)
		return;
	threads_move(&rest);
	threads_begin(&rest);
}
