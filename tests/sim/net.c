#include "tests/sim/net.h"

#include "tests/sim/random.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct sim_frame {
	TAILQ_ENTRY(sim_frame) list;
	uint64_t due_ns;
	uint32_t size;
	uint8_t data[SIM_FRAME_SIZE_MAX];
};

TAILQ_HEAD(sim_frames, sim_frame);

struct sim_link {
	struct link link;
	struct sim_net *net;
	uint32_t port;
};

struct sim_net {
	struct sim_random random;
	struct sim_net_faults faults;
	uint64_t now_ns;
	uint64_t delivered;
	uint64_t taken; /* buffers that somebody holds */
	bool plugged[SIM_PORTS_MAX];
	bool dozes[SIM_PORTS_MAX];
	bool out[SIM_PORTS_MAX]; /* its cable */
	bool cut[SIM_PORTS_MAX][SIM_PORTS_MAX];
	uint32_t hole[SIM_PORTS_MAX][SIM_PORTS_MAX]; /* 0: none */
	struct sim_frames queue[SIM_PORTS_MAX];      /* by due_ns */
	struct sim_frames unused;
};

static struct sim_frame *frame_take(struct sim_net *net)
{
	struct sim_frame *f = TAILQ_FIRST(&net->unused);

	if (f)
		TAILQ_REMOVE(&net->unused, f, list);
	else
		f = malloc(sizeof(*f));
	assert(f);
	net->taken++;
	return f;
}

static void frame_give(struct sim_net *net, struct sim_frame *f)
{
	assert(net->taken > 0);
	net->taken--;
	TAILQ_INSERT_HEAD(&net->unused, f, list);
}

static struct sim_net *net_of(struct link *link)
{
	return ((struct sim_link *)(void *)link)->net;
}

static void frame_hand_out(struct link_frame *out, struct sim_frame *f)
{
	*out = (struct link_frame){
		.data = f->data,
		.size = f->size,
		.size_max = sizeof(f->data),
		.handle = f,
	};
}

static uint16_t sim_rx(struct link *link, uint64_t now_ns, struct link_frame *frames, uint16_t max)
{
	struct sim_link *l = (struct sim_link *)(void *)link;
	struct sim_frames *queue = &l->net->queue[l->port];
	uint16_t count = 0;
	struct sim_frame *f;

	(void)now_ns; /* whoever asks has a clock of its own */
	while (count < max && (f = TAILQ_FIRST(queue)) && f->due_ns <= l->net->now_ns) {
		TAILQ_REMOVE(queue, f, list);
		frame_hand_out(&frames[count++], f);
		l->net->delivered++;
	}
	return count;
}

static bool sim_alloc(struct link *link, struct link_frame *frame)
{
	struct sim_frame *f = frame_take(net_of(link));

	f->size = 0;
	frame_hand_out(frame, f);
	return true;
}

static void sim_free(struct link *link, struct link_frame *frame)
{
	frame_give(net_of(link), frame->handle);
	frame->handle = NULL;
}

static void queue_insert(struct sim_frames *queue, struct sim_frame *f)
{
	struct sim_frame *after;

	TAILQ_FOREACH_REVERSE(after, queue, sim_frames, list)
	{
		if (after->due_ns <= f->due_ns) {
			TAILQ_INSERT_AFTER(queue, after, f, list);
			return;
		}
	}
	TAILQ_INSERT_HEAD(queue, f, list);
}

static void deliver(struct sim_net *net, uint32_t from, uint32_t to, const struct link_frame *frame)
{
	const struct sim_net_faults *faults = &net->faults;
	int copies = 1 + sim_random_ppm(&net->random, faults->duplicate_ppm);

	if (net->cut[from][to] || net->out[from] || net->out[to] || !net->plugged[to] ||
	    (net->hole[from][to] > 0 && frame->size > net->hole[from][to] + LINK_FRAME_SIZE_MIN))
		return;
	while (copies-- > 0) {
		struct sim_frame *f;

		if (sim_random_ppm(&net->random, faults->loss_ppm))
			continue;
		f = frame_take(net);
		f->size = frame->size;
		memcpy(f->data, frame->data, frame->size);
		f->due_ns = net->now_ns + faults->delay_ns_min +
			    sim_random_below(&net->random,
					     faults->delay_ns_max - faults->delay_ns_min + 1);
		queue_insert(&net->queue[to], f);
	}
}

/* A host's MAC ends in its port; anything else is for everybody. */
static void sim_tx(struct link *link, struct link_frame *frames, uint16_t count)
{
	struct sim_link *l = (struct sim_link *)(void *)link;

	for (uint16_t i = 0; i < count; i++) {
		const uint8_t *to = frames[i].data;

		assert(frames[i].size >= LINK_FRAME_SIZE_MIN &&
		       frames[i].size <= SIM_FRAME_SIZE_MAX);
		for (uint32_t port = 0; port < SIM_PORTS_MAX; port++) {
			if (port != l->port && ((to[0] & 1) || to[5] == port))
				deliver(l->net, l->port, port, &frames[i]);
		}
		sim_free(link, &frames[i]);
	}
}

static bool sim_up(struct link *link)
{
	const struct sim_link *l = (const struct sim_link *)(const void *)link;

	return !l->net->out[l->port];
}

static void sim_counters(struct link *link, struct link_counters *out)
{
	(void)link;
	memset(out, 0, sizeof(*out));
}

void sim_net_drop_port(struct sim_net *net, uint32_t port)
{
	struct sim_frame *f;

	while ((f = TAILQ_FIRST(&net->queue[port]))) {
		TAILQ_REMOVE(&net->queue[port], f, list);
		frame_give(net, f);
	}
}

void sim_net_unlink(struct sim_net *net, uint32_t port, bool out)
{
	net->out[port] = out;
}

static void sim_destroy(struct link *link)
{
	struct sim_link *l = (struct sim_link *)(void *)link;

	l->net->plugged[l->port] = false;
	sim_net_drop_port(l->net, l->port);
	free(l);
}

static const struct link_ops sim_link_ops = {
	.rx = sim_rx,
	.alloc = sim_alloc,
	.tx = sim_tx,
	.free = sim_free,
	.up = sim_up,
	.counters = sim_counters,
	.destroy = sim_destroy,
};

struct link *sim_net_link(struct sim_net *net, uint32_t port)
{
	struct sim_link *l = calloc(1, sizeof(*l));

	assert(l && port < SIM_PORTS_MAX && !net->plugged[port]);
	l->link.ops = &sim_link_ops;
	l->link.mac = (struct link_mac){{0x02, 0, 0, 0, 0, (uint8_t)port}};
	l->link.mtu = LINK_MTU_DEFAULT;
	snprintf(l->link.name, sizeof(l->link.name), "sim%u", port);
	l->net = net;
	l->port = port;
	net->plugged[port] = true;
	return &l->link;
}

struct sim_net *sim_net_create(uint64_t seed)
{
	struct sim_net *net = calloc(1, sizeof(*net));

	assert(net);
	net->random.state = seed;
	net->faults = (struct sim_net_faults){.delay_ns_min = 2000, .delay_ns_max = 20000};
	TAILQ_INIT(&net->unused);
	for (int i = 0; i < SIM_PORTS_MAX; i++)
		TAILQ_INIT(&net->queue[i]);
	return net;
}

void sim_net_destroy(struct sim_net *net)
{
	struct sim_frame *f;

	for (uint32_t i = 0; i < SIM_PORTS_MAX; i++) {
		assert(!net->plugged[i]);
		sim_net_drop_port(net, i);
	}
	assert(net->taken == 0);
	while ((f = TAILQ_FIRST(&net->unused))) {
		TAILQ_REMOVE(&net->unused, f, list);
		free(f);
	}
	free(net);
}

void sim_net_time(struct sim_net *net, uint64_t now_ns)
{
	net->now_ns = now_ns;
}

uint64_t sim_net_due(const struct sim_net *net, uint32_t from, uint32_t to)
{
	const struct sim_frame *f;

	TAILQ_FOREACH(f, &net->queue[to], list)
	{
		if (f->data[2 * sizeof(struct link_mac) - 1] == from)
			return f->due_ns;
	}
	return UINT64_MAX;
}

uint64_t sim_net_next(const struct sim_net *net)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < SIM_PORTS_MAX; i++) {
		const struct sim_frame *f = TAILQ_FIRST(&net->queue[i]);

		if (f && !net->dozes[i] && f->due_ns < next)
			next = f->due_ns;
	}
	return next;
}

void sim_net_doze(struct sim_net *net, uint32_t port, bool dozes)
{
	net->dozes[port] = dozes;
}

void sim_net_set_faults(struct sim_net *net, const struct sim_net_faults *faults)
{
	assert(faults->delay_ns_min <= faults->delay_ns_max);
	net->faults = *faults;
}

void sim_net_cut(struct sim_net *net, uint32_t from, uint32_t to, bool cut)
{
	net->cut[from][to] = cut;
}

void sim_net_cut_off(struct sim_net *net, uint32_t port, uint32_t hosts)
{
	for (uint32_t i = 0; i < hosts; i++) {
		sim_net_cut(net, port, i, true);
		sim_net_cut(net, i, port, true);
	}
}

void sim_net_hole(struct sim_net *net, uint32_t from, uint32_t to, uint32_t size)
{
	net->hole[from][to] = size;
}

void sim_net_heal(struct sim_net *net)
{
	memset(net->cut, 0, sizeof(net->cut));
	memset(net->hole, 0, sizeof(net->hole));
}

uint64_t sim_net_delivered(const struct sim_net *net)
{
	return net->delivered;
}
