/* A wire in memory: see fake_link.h. */
#include "tests/unit/dataplane/fake_link.h"

#include "base/mix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct fake_frame {
	struct fake_frame *next;
	uint64_t due_ns;
	uint32_t size;
	uint8_t data[FAKE_FRAME_SIZE_MAX];
};

struct fake_link {
	struct link link;
	struct fake_net *net;
	struct fake_frame *queue; /* by due_ns */
	struct link_counters counters;
	uint32_t budget;
	bool up;
	bool vouch;
};

struct fake_net {
	struct fake_net_options options;
	uint64_t random;
	uint64_t now_ns;
	uint32_t taken;
	uint32_t under_way;
	uint32_t link_count;
	struct fake_link *link[FAKE_LINKS_MAX];
	struct fake_frame *unused;
	struct fake_frame frame[FAKE_FRAMES_MAX];
};

static uint64_t draw(struct fake_net *net)
{
	return mix_next(&net->random);
}

static bool chance(struct fake_net *net, uint32_t ppm)
{
	return ppm > 0 && draw(net) % 1000000 < ppm;
}

static struct fake_link *fake_of(struct link *link)
{
	return (struct fake_link *)(void *)link;
}

static struct fake_frame *frame_new(struct fake_net *net)
{
	struct fake_frame *f = net->unused;
	assert(f); /* a test that needs more says so in FAKE_FRAMES_MAX */
	net->unused = f->next;
	f->next = NULL;
	return f;
}

static void frame_end(struct fake_net *net, struct fake_frame *f)
{
	memset(f->data, 0xdd, sizeof(f->data)); /* whoever still reads it will not like it */
	f->next = net->unused;
	net->unused = f;
}

static void hand_out(struct fake_link *l, struct fake_frame *f, struct link_frame *out)
{
	l->net->taken++;
	*out = (struct link_frame){.data = f->data,
				   .size = f->size,
				   .size_max = FAKE_FRAME_SIZE_MAX,
				   .ip_vouched = l->vouch,
				   .l4_vouched = l->vouch,
				   .handle = f};
}

static uint16_t fake_rx(struct link *link, uint64_t now_ns, struct link_frame *frames, uint16_t max)
{
	struct fake_link *l = fake_of(link);
	uint16_t count = 0;

	assert(max <= LINK_BURST_MAX);
	l->net->now_ns = now_ns;
	while (count < max && l->queue && l->queue->due_ns <= now_ns) {
		struct fake_frame *f = l->queue;
		l->queue = f->next;
		l->net->under_way--;
		l->counters.rx_frames++;
		hand_out(l, f, &frames[count++]);
	}
	return count;
}

static bool fake_alloc(struct link *link, struct link_frame *frame)
{
	struct fake_link *l = fake_of(link);
	if (l->budget == 0)
		return false;
	l->budget--;
	struct fake_frame *f = frame_new(l->net);
	f->size = 0;
	hand_out(l, f, frame);
	return true;
}

static void fake_free(struct link *link, struct link_frame *frame)
{
	struct fake_link *l = fake_of(link);
	assert(frame->handle); /* freed twice */
	assert(l->net->taken > 0);
	l->net->taken--;
	frame_end(l->net, frame->handle);
	frame->handle = NULL;
}

static void enqueue(struct fake_link *l, const struct link_frame *frame)
{
	struct fake_net *net = l->net;
	uint64_t range = net->options.delay_ns_max - net->options.delay_ns_min + 1;
	struct fake_frame *f = frame_new(net);

	f->size = frame->size;
	memcpy(f->data, frame->data, frame->size);
	f->due_ns = net->now_ns + net->options.delay_ns_min + draw(net) % range;
	struct fake_frame **at = &l->queue;
	while (*at && (*at)->due_ns <= f->due_ns)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	net->under_way++;
}

static void deliver(struct fake_link *from, const struct link_frame *frame)
{
	struct fake_net *net = from->net;

	for (uint32_t i = 0; i < net->link_count; i++) {
		struct fake_link *to = net->link[i];
		if (!to || to == from || !to->up || chance(net, net->options.loss_ppm))
			continue;
		enqueue(to, frame);
		if (chance(net, net->options.duplicate_ppm))
			enqueue(to, frame);
	}
}

static void fake_tx(struct link *link, struct link_frame *frames, uint16_t count)
{
	struct fake_link *l = fake_of(link);

	assert(count <= LINK_BURST_MAX);
	for (uint16_t i = 0; i < count; i++) {
		assert(frames[i].size >= LINK_FRAME_SIZE_MIN);
		assert(frames[i].size <= FAKE_FRAME_SIZE_MAX);
		if (l->up) {
			deliver(l, &frames[i]);
			l->counters.tx_frames++;
		} else {
			l->counters.tx_dropped++;
		}
		fake_free(link, &frames[i]);
	}
}

static bool fake_up(struct link *link)
{
	return fake_of(link)->up;
}

static void fake_counters(struct link *link, struct link_counters *out)
{
	*out = fake_of(link)->counters;
}

static void fake_destroy(struct link *link)
{
	struct fake_link *l = fake_of(link);

	while (l->queue) {
		struct fake_frame *f = l->queue;
		l->queue = f->next;
		l->net->under_way--;
		frame_end(l->net, f);
	}
	for (uint32_t i = 0; i < l->net->link_count; i++)
		if (l->net->link[i] == l)
			l->net->link[i] = NULL;
	free(l);
}

static uint32_t fake_spare(struct link *link)
{
	return fake_of(link)->budget;
}

static const struct link_ops fake_ops = {
	.rx = fake_rx,
	.alloc = fake_alloc,
	.tx = fake_tx,
	.free = fake_free,
	.spare = fake_spare,
	.up = fake_up,
	.counters = fake_counters,
	.destroy = fake_destroy,
};

struct fake_net *fake_net_create(const struct fake_net_options *options)
{
	struct fake_net *net = calloc(1, sizeof(*net));
	assert(net);
	if (options)
		net->options = *options;
	net->random = net->options.seed;
	for (uint32_t i = 0; i < FAKE_FRAMES_MAX; i++) {
		net->frame[i].next = net->unused;
		net->unused = &net->frame[i];
	}
	return net;
}

void fake_net_destroy(struct fake_net *net)
{
	for (uint32_t i = 0; i < net->link_count; i++)
		assert(!net->link[i]);
	free(net);
}

struct link *fake_net_link(struct fake_net *net, const struct link_mac *mac, uint16_t mtu)
{
	struct fake_link *l = calloc(1, sizeof(*l));
	assert(l);
	uint32_t at = 0;
	while (at < net->link_count && net->link[at])
		at++;
	assert(at < FAKE_LINKS_MAX);
	l->link.ops = &fake_ops;
	l->link.mac = *mac;
	l->link.mtu = mtu;
	memcpy(l->link.name, "fake", sizeof("fake"));
	l->net = net;
	l->up = true;
	l->budget = UINT32_MAX;
	net->link[at] = l;
	if (at == net->link_count)
		net->link_count++;
	return &l->link;
}

uint32_t fake_net_taken(const struct fake_net *net)
{
	return net->taken;
}

uint32_t fake_net_under_way(const struct fake_net *net)
{
	return net->under_way;
}

void fake_link_up_set(struct link *link, bool up)
{
	struct fake_link *l = fake_of(link);
	if (l->up != up)
		l->counters.link_changes++;
	l->up = up;
}

void fake_link_budget_set(struct link *link, uint32_t frames)
{
	fake_of(link)->budget = frames;
}

void fake_link_vouch_set(struct link *link, bool vouch)
{
	fake_of(link)->vouch = vouch;
}
