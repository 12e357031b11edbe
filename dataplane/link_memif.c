/*
 * net_memif's connection. The PMD's client end connects once, when its port is started, and never
 * again: here it is stopped and started, with back-off, until a server is there. Its server end
 * listens for as long as it lives. All of it happens under the lock of link_control.h.
 */
#include "dataplane/link_control.h"
#include "dataplane/link_dpdk.h"

#include "base/socket_file.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_log.h>

enum {
	BACKOFF_MIN_NS = 20 * 1000 * 1000,
	BACKOFF_MAX_NS = 500 * 1000 * 1000,
};

/* The state of a connection. */
struct memif {
	bool server;
	bool started;        /* rte_eth_dev_start succeeded, and no stop since */
	atomic_bool channel; /* client: its control channel exists */
	uint64_t events;     /* link_control_events when the link's state was read */
	uint64_t retry_ns;   /* client: when to connect again; 0: not yet set */
	uint64_t backoff_ns;
};

static int arguments(char *out, size_t out_size, const struct link_options *options,
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
	uint32_t slot = link_slot_size(options->mtu);
	/*
	 * Ends of different ids refuse each other. With slots of different sizes a frame could take
	 * several, and the driver then loses count of the free ones: the other end reads its ring
	 * again and again (N17).
	 */
	uint32_t id = slot == LINK_SLOT_STANDARD ? 0 : slot;
	int n = snprintf(
		out, out_size,
		"role=%s,socket=%s,socket-abstract=%s,id=%u,bsize=%u,rsize=%u,zero-copy=no",
		options->server ? "server" : "client", abstract ? path + 1 : path,
		abstract ? "yes" : "no", id, slot, LINK_MEMIF_RING_LOG2);
	return n > 0 && (size_t)n < out_size ? 0 : -EINVAL;
}

/*
 * A socket file outlives a server that was killed, and the PMD would not start for it (F4). One
 * that answers is a server's that lives.
 */
static int stale_remove(const struct link_options *options, char error[EAL_ERROR_MAX])
{
	const char *path = options->socket;
	int err;

	if (!options->server || path == NULL || path[0] == '@')
		return 0;
	err = socket_file_look(path, SOCK_SEQPACKET);
	if (err == -EEXIST)
		snprintf(error, EAL_ERROR_MAX,
			 "memif socket %s is not a socket: another network.memif-socket, or "
			 "remove what is there",
			 path);
	else if (err || (unlink(path) && errno != ENOENT))
		snprintf(error, EAL_ERROR_MAX,
			 "memif socket %s: %s: another network.memif-socket, or remove what is "
			 "there",
			 path, strerror(err ? -err : errno));
	else
		return 0;
	return err ? err : -EEXIST;
}

/* Connects (client) or listens (server). A server whose queue is full is not waited for. */
static int connect_or_listen(struct link_dpdk *l)
{
	struct memif *m = l->own;

	link_control_watch(&m->channel);
	int err = rte_eth_dev_start(l->port);
	m->started = err == 0;
	return err;
}

static int start(struct link_dpdk *l, const struct link_options *options)
{
	/* It writes to its control socket without MSG_NOSIGNAL: a dead peer would kill us. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	struct memif *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return -ENOMEM;
	l->own = m;
	m->server = options->server;
	m->backoff_ns = BACKOFF_MIN_NS;
	l->up = false;
	int err = connect_or_listen(l);
	/* A client without a server is not an error. */
	if (err != 0 && options->server)
		return err;
	if (m->started)
		assert(link_control_registrations() > 0);
	return 0;
}

static void reconnect(struct link_dpdk *l, uint64_t now_ns)
{
	struct memif *m = l->own;

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
	(void)connect_or_listen(l); /* refused: the next turn sets the next time */
}

static void state_read(struct link_dpdk *l)
{
	struct memif *m = l->own;
	struct rte_eth_link state;
	bool up = m->started && rte_eth_link_get_nowait(l->port, &state) == 0 &&
		  state.link_status == RTE_ETH_LINK_UP;
	if (up) {
		m->backoff_ns = BACKOFF_MIN_NS;
		m->retry_ns = 0;
	}
	link_dpdk_up_set(l, up);
}

static void poll(struct link_dpdk *l, uint64_t now_ns)
{
	struct memif *m = l->own;
	uint64_t events = link_control_events();
	if (events != m->events) {
		m->events = events;
		state_read(l);
	}
	if (!l->up && !m->server)
		reconnect(l, now_ns);
}

static void close_connection(struct link_dpdk *l)
{
	struct memif *m = l->own;

	if (m == NULL)
		return;
	link_control_forget(&m->channel);
	free(m);
	l->own = NULL;
}

/* Whatever is wrong with its socket, the driver says EPERM. */
static const char *last_words(void)
{
	return "(is its socket another process's, or in a directory that is not there? Set another "
	       "network.memif-socket)";
}

const struct link_driver link_memif_driver = {
	.device = "net_memif",
	.controlled = true,
	.prepare = stale_remove,
	.arguments = arguments,
	.start = start,
	.poll = poll,
	.close = close_connection,
	.last_words = last_words,
};
