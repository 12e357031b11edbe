/*
 * Memif ports that come and go in a process that polls (D16), as a node makes and closes them: by
 * the thread of dataplane/ways.h, hundreds of times, while another port carries frames, and while
 * the other end of those that come and go connects whenever it can, or is killed.
 *
 * Prints how long a port takes to be there, and the longest that the polling thread stood.
 */
#include "base/clock.h"
#include "dataplane/eal.h"
#include "dataplane/ways.h"
#include "tests/unit/dataplane/link_peer.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WAIT_SECONDS = 60,
	ROUNDS = 10,
	WARM = 3, /* rounds after which nothing more is to be opened */
	FRAMES = 20,
	POOL_FRAMES = 2048,
	ADDRESS = 1,
};

/* --- the process that polls -------------------------------------------------------------- */

struct hot {
	char socket[100];
	bool server;
};

static struct link_options options_of(const char *name, const char *socket, bool server)
{
	return (struct link_options){.kind = LINK_MEMIF,
				     .name = name,
				     .mac = {{2, 0, 198, 18, 0, 1}},
				     .mtu = LINK_MTU_DEFAULT,
				     .pool_frames = POOL_FRAMES,
				     .socket = socket,
				     .server = server};
}

static int make(void *context, uint32_t number, uint32_t address, struct link **out,
		char why[WAYS_WHY_MAX])
{
	const struct hot *h = context;
	char name[16];

	(void)address;
	snprintf(name, sizeof(name), "hot%u", number);
	const struct link_options o = options_of(name, h->socket, h->server);

	return link_dpdk_create(out, &o, why);
}

/* Sends back all that has come: how many frames. */
static uint16_t echo(struct link *l)
{
	struct link_frame frame[LINK_BURST_MAX];
	uint16_t n = l->ops->rx(l, clock_now(), frame, LINK_BURST_MAX);

	if (n > 0)
		l->ops->tx(l, frame, n);
	return n;
}

static unsigned int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A port is asked for, carries FRAMES, and is closed, again and again. */
static void rounds(struct link *base, struct ways *w, uint32_t count)
{
	uint64_t *took = calloc(count, sizeof(*took)), asked_ns = 0, turn_ns = clock_now();
	uint64_t longest_ns = 0, carried = 0, seen = 0;
	unsigned int before = 0, now = 0;
	struct link *port = NULL;
	uint32_t done = 0;
	struct way way;

	while (took && done < count) {
		uint64_t now_ns = clock_now();

		longest_ns = now_ns - turn_ns > longest_ns ? now_ns - turn_ns : longest_ns;
		turn_ns = now_ns;
		carried += echo(base);
		if (!port && !asked_ns) {
			asked_ns = w->ops->ask(w, ADDRESS) ? now_ns : 0;
		} else if (!port && w->ops->next(w, &way)) {
			if (!way.link) {
				printf("error %s\n", way.why);
				exit(2);
			}
			port = way.link;
			seen = 0;
			took[done] = now_ns - asked_ns;
		} else if (port) {
			seen += echo(port);
			if (seen < FRAMES)
				continue;
			now = descriptors();
			before = done == WARM ? now : before;
			w->ops->close(w, port);
			port = NULL;
			asked_ns = 0;
			done++;
			turn_ns = clock_now(); /* descriptors() is not the loop's */
		}
	}
	if (!took)
		exit(2);
	qsort(took, count, sizeof(*took), compare);
	printf("result %u there after p50 %lu us p99 %lu us, longest turn %lu us, opened %d more, "
	       "%lu frames by the other port\n",
	       count, (unsigned long)took[count / 2] / 1000,
	       (unsigned long)took[count * 99ul / 100] / 1000, (unsigned long)longest_ns / 1000,
	       (int)now - (int)before, (unsigned long)carried);
	free(took);
}

static int hot_main(char **argv)
{
	const struct eal_options e = {.file_prefix = argv[6],
				      .lcores = argv[7],
				      .memory_mib = 64,
				      .memory = EAL_MEMORY_ORDINARY};
	struct link_options base_options = options_of("base", argv[4], true);
	struct hot h = {.server = strcmp(argv[5], "server") == 0};
	char error[EAL_ERROR_MAX] = "";
	struct link *base;
	struct ways *w;

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(h.socket, sizeof(h.socket), "%s-hot", argv[4]);
	if (eal_start(&e, error) != 0 || link_dpdk_create(&base, &base_options, error) != 0) {
		printf("error %s\n", error);
		return 2;
	}
	const struct ways_options o = {make, &h, &base, 1};

	if (ways_create(&w, &o) != 0)
		return 2;
	puts("ready");
	rounds(base, w, (uint32_t)strtoul(argv[9], NULL, 10));
	w->ops->destroy(w);
	base->ops->destroy(base);
	eal_stop();
	return 0;
}

/* --- the test ---------------------------------------------------------------------------- */

static struct peer alive[8];
static unsigned int serial;
static char socket_base[64], socket_hot[80];

static struct peer *start(const char *role, const char *where, const char *server,
			  const char *count)
{
	char prefix[64];
	const struct peer_options o = {.role = role,
				       .kind = "memif",
				       .where = where,
				       .server = server,
				       .prefix = prefix,
				       .cpus = "0-1",
				       .huge = "plain",
				       .count = count,
				       .mtu = "1500"};
	uint32_t i = 0;

	while (alive[i].pid != 0)
		i++;
	assert_true(i < 8);
	snprintf(prefix, sizeof(prefix), "linkhot-%d-%u", getpid(), serial++);
	alive[i] = peer_spawn(&o);
	assert_true(alive[i].pid > 0);
	return &alive[i];
}

static void kill_hard(struct peer *p)
{
	int status = peer_end(p, SIGKILL);

	p->pid = 0;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		if (alive[i].pid != 0)
			(void)peer_end(&alive[i], SIGKILL);
		alive[i].pid = 0;
	}
	return 0;
}

static void wait_for(struct peer *p, const char *word, char line[512])
{
	int err;

	line[0] = '\0';
	err = peer_wait_line(p, word, line, 512, WAIT_SECONDS);
	if (err != 0)
		fail_msg("waiting for '%s': %s (last line: %s)", word, strerror(-err), line);
}

/* The rounds are done, and nothing was left open by any of them. */
static void ended_well(struct peer *hot, const char *what)
{
	char line[512];
	const char *opened;
	int status;

	wait_for(hot, "result", line);
	status = peer_end(hot, 0);
	hot->pid = 0;
	printf("# %s: %s\n", what, line + strlen("result "));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	opened = strstr(line, "opened ");
	assert_non_null(opened);
	assert_int_equal(strtol(opened + strlen("opened "), NULL, 10), 0);
	assert_null(strstr(line, " 0 frames by the other port"));
}

static const char *rounds_text(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", ROUNDS);
	return text;
}

static void come_and_go(const char *ours, const char *theirs, const char *what)
{
	char line[512];
	struct peer *hot = start("hot", socket_base, ours, rounds_text());

	wait_for(hot, "ready", line);
	start("ping", socket_base, "client", "0");
	start("ping", socket_hot, theirs, "0");
	ended_well(hot, what);
}

static void D16_ports_that_listen_come_and_go(void **state)
{
	(void)state;
	come_and_go("server", "client", "listening");
}

static void D16_ports_that_connect_come_and_go(void **state)
{
	(void)state;
	come_and_go("client", "server", "connecting");
}

/* Whoever is at the other end dies again and again, wherever it is with its connection. */
static void D16_N18_ports_come_and_go_and_the_other_end_dies(void **state)
{
	char line[512];
	struct peer *hot, *other;

	(void)state;
	hot = start("hot", socket_base, "server", rounds_text());
	wait_for(hot, "ready", line);
	start("ping", socket_base, "client", "0");
	for (int i = 0; i < 3; i++) {
		other = start("ping", socket_hot, "client", "0");
		wait_for(other, "first", line);
		kill_hard(other);
	}
	start("ping", socket_hot, "client", "0");
	ended_well(hot, "listening, and the other end dies");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(D16_ports_that_listen_come_and_go, teardown),
		cmocka_unit_test_teardown(D16_ports_that_connect_come_and_go, teardown),
		cmocka_unit_test_teardown(D16_N18_ports_come_and_go_and_the_other_end_dies,
					  teardown),
	};

	if (argc == 11 && strcmp(argv[2], "hot") == 0)
		return hot_main(argv);
	if (argc > 1 && strcmp(argv[1], "peer") == 0)
		return peer_main(argc, argv);
	snprintf(socket_base, sizeof(socket_base), "@linkhot-%d", getpid());
	snprintf(socket_hot, sizeof(socket_hot), "%s-hot", socket_base);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
