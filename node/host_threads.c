/*
 * Threads: whether this process may have as many as a start makes, by making them. There are
 * several limits (RLIMIT_NPROC, pids.max of a cgroup), and other processes of the same user count.
 */
#include "node/host_internal.h"

#include <pthread.h>
#include <string.h>

enum {
	/*
	 * Tasks of a node that has started, beside itself, its log and its memory's (counted):
	 * EAL's, the local socket's, the disk's, the kernel's worker for the log, and the one that
	 * looks at a port, or makes them.
	 */
	THREADS_MORE = 5,
	/* And one for each URL of metrics. */
	THREADS_MAX = THREADS_MORE + CONFIG_URLS_MAX,
};

static void *wait_for_end(void *gate)
{
	(void)pthread_mutex_lock(gate);
	(void)pthread_mutex_unlock(gate);
	return NULL;
}

void host_threads(const struct config *c, struct host_finding *f)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	uint32_t need = THREADS_MORE + c->metrics_url_count, made = 0;
	pthread_t threads[THREADS_MAX];
	int err = 0;

	(void)pthread_mutex_lock(&gate); /* until all of them are there */
	while (made < need && err == 0) {
		err = pthread_create(&threads[made], NULL, wait_for_end, &gate);
		made += err == 0;
	}
	(void)pthread_mutex_unlock(&gate);
	for (uint32_t i = 0; i < made; i++)
		(void)pthread_join(threads[i], NULL);
	if (err)
		host_wrong(f,
			   "a start makes %u threads more, and after %u there is none to be had "
			   "(%s): raise the limit (ulimit -u, or TasksMax= and LimitNPROC= in the "
			   "unit)",
			   need, made, strerror(err));
}
