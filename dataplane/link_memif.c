/*
 * net_memif's connection. The PMD's client end connects once, when its port is started, and never
 * again: here it is stopped and started, with back-off, until a server is there. Its server end
 * listens for as long as it lives. All of it happens under the lock of link_control.h.
 */
#include "dataplane/link_control.h"
#include "dataplane/link_dpdk.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_log.h>

enum {
	RING_LOG2 = 10, /* 1024 slots each way: 2 x 1024 x 2048 bytes shared, touched as used */
	BACKOFF_MIN_NS = 20 * 1000 * 1000,
	BACKOFF_MAX_NS = 500 * 1000 * 1000,
};

int link_memif_arguments(char *out, size_t out_size, const struct link_options *options,
			 char error[EAL_ERROR_MAX])
{
	const char *path = options->socket;
	if (path == NULL || path[0] == 0 || strlen(path) > 100 || strpbrk(path, ", ") != NULL) {
		snprintf(error, EAL_ERROR_MAX,
			 "memif socket '%s': expected @NAME or a path, at most 100 bytes",
			 path != NULL ? path : "");
		return -EINVAL;
	}
	/* It reports each failed attempt as an error; the link's state says the same. */
	(void)rte_log_set_level_pattern("pmd.net.memif", RTE_LOG_CRIT);
	bool abstract = path[0] == '@';
	int n = snprintf(out, out_size,
			 "role=%s,socket=%s,socket-abstract=%s,id=0,bsize=%u,rsize=%u,zero-copy=no",
			 options->server ? "server" : "client", abstract ? path + 1 : path,
			 abstract ? "yes" : "no", link_slot_size(options->mtu), RING_LOG2);
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

/* Connects (client) or listens (server). */
static int start(struct link_dpdk *l)
{
	link_control_watch(&l->memif.channel);
	int err = rte_eth_dev_start(l->port);
	l->memif.started = err == 0;
	return err;
}

int link_memif_start(struct link_dpdk *l, const struct link_options *options)
{
	/* It writes to its control socket without MSG_NOSIGNAL: a dead peer would kill us. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	l->memif.server = options->server;
	l->memif.backoff_ns = BACKOFF_MIN_NS;
	l->up = false;
	int err = start(l);
	/* A client without a server is not an error. */
	if (err != 0 && options->server)
		return err;
	if (l->memif.started)
		assert(link_control_registrations() > 0);
	return 0;
}

static void reconnect(struct link_dpdk *l, uint64_t now_ns)
{
	struct link_memif *m = &l->memif;

	/* The server has us in its queue; if it is paused, giving up would not make it faster. */
	if (atomic_load(&m->channel))
		return;
	if (m->retry_ns == 0) {
		m->retry_ns = now_ns + m->backoff_ns;
		m->backoff_ns *= 2;
		if (m->backoff_ns > BACKOFF_MAX_NS)
			m->backoff_ns = BACKOFF_MAX_NS;
		return;
	}
	if (now_ns < m->retry_ns)
		return;
	m->retry_ns = 0;
	if (m->started && rte_eth_dev_stop(l->port) != 0)
		return;
	(void)start(l); /* refused: the next turn sets the next time */
}

static void state_read(struct link_dpdk *l)
{
	struct rte_eth_link state;
	bool up = l->memif.started && rte_eth_link_get_nowait(l->port, &state) == 0 &&
		  state.link_status == RTE_ETH_LINK_UP;
	if (up) {
		l->memif.backoff_ns = BACKOFF_MIN_NS;
		l->memif.retry_ns = 0;
	}
	link_dpdk_up_set(l, up);
}

void link_memif_poll(struct link_dpdk *l, uint64_t now_ns)
{
	uint64_t events = link_control_events();
	if (events != l->memif.events) {
		l->memif.events = events;
		state_read(l);
	}
	if (!l->up && !l->memif.server)
		reconnect(l, now_ns);
}
