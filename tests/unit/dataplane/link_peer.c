/*
 * One end of a real link as a process: see link_peer.h.
 *
 * It prints "ready" when its port is open, "up" and "down" as the link changes, "gone" and why when
 * it is deaf for good, "strange" when its interface has another MAC address and is not promiscuous,
 * and "familiar" when that is over; a ping of a number of frames prints "result ..." at its end.
 */
#include "tests/unit/dataplane/link_peer.h"

#include "base/clock.h"
#include "dataplane/eal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FRAME_SIZE = 64,
	POOL_FRAMES = 2048,
	LOST_NS = 20 * 1000 * 1000, /* a frame not back by then was lost: send another */
	ETHERTYPE_TEST = 0x88b5,    /* IEEE's for local experiments */
};

/* For LeakSanitizer: the xdp driver does not give back what libxdp allocated for it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libxdp.so";
}

static unsigned long rss_kib(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/*
 * Frames of ours come back with the addresses as they are: both ends accept what carries our type.
 */
static bool is_ours(const struct link_frame *f)
{
	return f->size >= FRAME_SIZE && f->data[12] == ETHERTYPE_TEST >> 8 &&
	       f->data[13] == (ETHERTYPE_TEST & 0xff);
}

static void say_strange(struct link *l)
{
	static bool told;
	struct link_mac mac;
	const char *interface = l->ops->strange ? l->ops->strange(l, &mac) : NULL;

	if ((interface != NULL) == told)
		return;
	told = interface != NULL;
	if (told)
		printf("strange %s %02x:%02x:%02x:%02x:%02x:%02x\n", interface, mac.byte[0],
		       mac.byte[1], mac.byte[2], mac.byte[3], mac.byte[4], mac.byte[5]);
	else
		puts("familiar");
}

static void say_changes(struct link *l, bool *up)
{
	static bool told;
	bool now = l->ops->up(l);
	const char *why = l->ops->gone ? l->ops->gone(l) : NULL;
	if (why && !told)
		printf("gone %s\n", why);
	told = why != NULL;
	say_strange(l);
	if (now == *up)
		return;
	*up = now;
	puts(now ? "up" : "down");
}

static uint16_t poll_ours(struct link *l, struct link_frame *out)
{
	struct link_frame frame[LINK_BURST_MAX];
	uint16_t ours = 0;
	uint16_t n = l->ops->rx(l, clock_now(), frame, LINK_BURST_MAX);
	for (uint16_t i = 0; i < n; i++) {
		if (is_ours(&frame[i]))
			out[ours++] = frame[i];
		else
			l->ops->free(l, &frame[i]);
	}
	return ours;
}

static void echo(struct link *l)
{
	struct link_frame frame[LINK_BURST_MAX];
	uint16_t n = poll_ours(l, frame);
	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		uint8_t mac[6];
		memcpy(mac, frame[i].data, 6);
		memcpy(frame[i].data, frame[i].data + 6, 6);
		memcpy(frame[i].data + 6, l->mac.byte, 6);
	}
	l->ops->tx(l, frame, n);
}

static bool ping_send(struct link *l, uint32_t number)
{
	struct link_frame f;
	if (!l->ops->alloc(l, &f))
		return false;
	memset(f.data, 0, FRAME_SIZE);
	memset(f.data, 0xff, 6);
	memcpy(f.data + 6, l->mac.byte, 6);
	f.data[12] = ETHERTYPE_TEST >> 8;
	f.data[13] = ETHERTYPE_TEST & 0xff;
	memcpy(f.data + 14, &number, sizeof(number));
	f.size = FRAME_SIZE;
	l->ops->tx(l, &f, 1);
	return true;
}

/* Waits for frame `number`. False: lost. */
static bool ping_wait(struct link *l, struct link *other, uint32_t number, uint64_t sent_ns)
{
	while (clock_now() - sent_ns < LOST_NS) {
		struct link_frame frame[LINK_BURST_MAX];
		if (other)
			echo(other);
		uint16_t n = poll_ours(l, frame);
		bool found = false;
		for (uint16_t i = 0; i < n; i++) {
			uint32_t got;
			memcpy(&got, frame[i].data + 14, sizeof(got));
			found = found || got == number;
			l->ops->free(l, &frame[i]);
		}
		if (found)
			return true;
	}
	return false;
}

/* How many frames the pool can hand out: all of them, if none leaked. */
static uint32_t pool_count(struct link *l)
{
	static struct link_frame frame[POOL_FRAMES];
	uint32_t n = 0;
	while (n < POOL_FRAMES && l->ops->alloc(l, &frame[n]))
		n++;
	for (uint32_t i = 0; i < n; i++)
		l->ops->free(l, &frame[i]);
	return n;
}

/* Until killed: says "first" whenever frames come back after some did not. */
static void ping_forever(struct link *l)
{
	bool up = false;
	bool back = false;

	for (uint32_t number = 1;; number++) {
		say_changes(l, &up);
		bool now = ping_send(l, number) && ping_wait(l, NULL, number, clock_now());
		if (now && !back)
			puts("first");
		back = now;
	}
}

static void ping(struct link *l, struct link *other, uint32_t count)
{
	uint32_t *took = calloc(count, sizeof(*took));
	uint32_t number = 0;
	uint32_t baseline = pool_count(l);

	if (!took)
		exit(1);
	for (uint32_t done = 0; done < count;) {
		uint64_t start = clock_now();
		number++;
		if (!ping_send(l, number))
			exit(1);
		if (ping_wait(l, other, number, start))
			took[done++] = (uint32_t)(clock_now() - start);
	}
	qsort(took, count, sizeof(*took), compare);
	struct link_counters c;
	l->ops->counters(l, &c);
	printf("result %u %u %u %lu %u %lu\n", count, took[count / 2], took[count * 99ul / 100],
	       rss_kib(), baseline - pool_count(l), (unsigned long)c.link_changes);
	free(took);
}

static enum link_kind kind_parse(const char *name)
{
	enum link_kind kind = LINK_RING;
	while (kind < LINK_KIND_COUNT - 1 && strcmp(link_kind_name(kind), name) != 0)
		kind++;
	return kind;
}

static void open_links(struct link **a, struct link **b, const struct peer_options *p)
{
	char error[EAL_ERROR_MAX] = "";
	struct link_options o = {
		.kind = kind_parse(p->kind),
		.name = "a",
		.mac = {{2, 0, 198, 18, 0, strcmp(p->role, "echo") == 0}},
		.mtu = (uint16_t)strtoul(p->mtu, NULL, 10),
		.pool_frames = POOL_FRAMES,
		.interface = p->where,
		.socket = p->where,
		.server = strcmp(p->server, "server") == 0,
	};
	struct link_options other = o;
	other.name = "b";
	int err = o.kind == LINK_RING ? link_ring_pair(a, b, &o, &other, error)
				      : link_dpdk_create(a, &o, error);
	if (err != 0) {
		printf("error %d %s\n", err, error);
		exit(2);
	}
}

int peer_main(int argc, char **argv)
{
	if (argc != 11)
		return 3;
	struct peer_options p = {argv[2], argv[3], argv[4], argv[5], argv[6],
				 argv[7], argv[8], argv[9], argv[10]};
	struct eal_options e = {
		.file_prefix = p.prefix,
		.lcores = p.cpus,
		.memory_mib = 64,
		.memory = strcmp(p.huge, "huge") == 0 ? EAL_MEMORY_HUGE : EAL_MEMORY_ORDINARY,
	};
	struct link *a = NULL;
	struct link *b = NULL;
	char error[EAL_ERROR_MAX] = "";
	bool up = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	uint64_t start = clock_now();
	if (eal_start(&e, error) != 0) {
		printf("error %s\n", error);
		return 2;
	}
	uint64_t started = clock_now();
	open_links(&a, &b, &p);
	printf("ready eal %lu us link %lu us\n", (unsigned long)(started - start) / 1000,
	       (unsigned long)(clock_now() - started) / 1000);
	uint32_t count = (uint32_t)strtoul(p.count, NULL, 10);
	if (strcmp(p.role, "ping") == 0 && count > 0) {
		ping(a, b, count);
	} else if (strcmp(p.role, "ping") == 0) {
		ping_forever(a);
	} else {
		for (;;) {
			echo(a);
			say_changes(a, &up);
		}
	}
	a->ops->destroy(a);
	if (b)
		b->ops->destroy(b);
	eal_stop();
	return 0;
}

struct peer peer_spawn(const struct peer_options *o)
{
	int fd[2];
	struct peer p = {-1, -1};

	if (pipe(fd) != 0)
		return p;
	p.pid = fork();
	if (p.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* no end outlives the test */
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execl("/proc/self/exe", "link_test", "peer", o->role, o->kind, o->where, o->server,
		      o->prefix, o->cpus, o->huge, o->count, o->mtu, (char *)NULL);
		_exit(3);
	}
	close(fd[1]);
	p.out = fd[0];
	return p;
}

/* One line, byte by byte: so that the next wait begins where this one ended. */
static int line_read(int fd, char *out, size_t out_size, uint64_t until_ns)
{
	size_t n = 0;
	while (n + 1 < out_size) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_now();
		if (now >= until_ns)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, (int)((until_ns - now) / 1000000) + 1) <= 0)
			continue;
		if (read(fd, out + n, 1) != 1)
			return -EPIPE;
		if (out[n] == '\n')
			break;
		n++;
	}
	out[n] = 0;
	return 0;
}

int peer_wait_line(struct peer *p, const char *word, char *out, size_t out_size, int seconds)
{
	uint64_t until = clock_now() + (uint64_t)seconds * CLOCK_S;
	for (;;) {
		int err = line_read(p->out, out, out_size, until);
		if (err != 0)
			return err;
		if (strncmp(out, word, strlen(word)) == 0)
			return 0;
		if (strncmp(out, "error", 5) == 0)
			return -EIO;
	}
}

int peer_end(struct peer *p, int signal)
{
	int status = -1;
	if (signal != 0)
		kill(p->pid, signal);
	if (waitpid(p->pid, &status, 0) != p->pid)
		status = -1;
	close(p->out);
	return status;
}

int peer_result_parse(const char *line, struct peer_result *r)
{
	return sscanf(line, "result %lu %lu %lu %lu %lu %lu", &r->count, &r->p50_ns, &r->p99_ns,
		      &r->rss_kib, &r->leaked, &r->changes) == 6
		       ? 0
		       : -EINVAL;
}
