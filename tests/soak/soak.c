/*
 * A cluster of real processes under load, hurt at random for as long as it is given, and a verdict
 * on all that its clients were told.
 *
 *	soak LINK NODES [--seed N] [--seconds N] DISK
 *	soak --judge FILE
 *
 * DISK is the program that the nodes' disks are (tests/disk). It runs until the seconds (or
 * QUOIN_LOOP_SECONDS) are used, and at least ROUNDS_MIN faults. After every fault the clients must
 * get on within a time; at the end all is mended, every key is read from every node, the nodes must
 * hold the same, and the history must have an order (history.h). A history that has none is kept in
 * a file, and --judge judges it again. The seed decides what is drawn; when it meets what, the
 * machine decides.
 */
#include "tests/soak/clients.h"
#include "tests/soak/faults.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MIN = 8, ROUNDS_ALL = 150, CLIENTS = 6, SECONDS_DEFAULT = 60, PROGRESS = 20 };

struct arguments {
	const char *link, *judge;
	uint32_t nodes;
	uint64_t seed, seconds;
};

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text ? text : "", &end, 10);

	if (!text || *end || end == text) {
		fprintf(stderr, "soak: %s is not a number\n", text ? text : "nothing");
		exit(2);
	}
	return value;
}

static struct arguments parse(int argc, char **argv)
{
	const char *seconds = getenv("QUOIN_LOOP_SECONDS");
	struct arguments a = {.seed = clock_now(), .seconds = SECONDS_DEFAULT};
	int at = 1;

	if (seconds)
		a.seconds = number(seconds);
	if (argc == 3 && strcmp(argv[1], "--judge") == 0) {
		a.judge = argv[2];
		return a;
	}
	if (argc >= 3) {
		a.link = argv[1];
		a.nodes = (uint32_t)number(argv[2]);
		at = 3;
	}
	for (; a.link && at + 1 < argc; at += 2) {
		if (strcmp(argv[at], "--seed") == 0)
			a.seed = number(argv[at + 1]);
		else if (strcmp(argv[at], "--seconds") == 0)
			a.seconds = number(argv[at + 1]);
		else
			a.link = NULL;
	}
	if (!a.link || at != argc - 1 || a.nodes < 1 || a.nodes > CLUSTER_NODES_MAX) {
		fprintf(stderr,
			"soak LINK NODES [--seed N] [--seconds N] DISK | soak --judge FILE\n");
		exit(2);
	}
	return a;
}

static int judge_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char words[HISTORY_WORDS_MAX];
	struct history h = {0};
	int err;

	if (!file || history_read(&h, file)) {
		fprintf(stderr, "soak: %s cannot be read as a history\n", path);
		return 2;
	}
	fclose(file);
	err = history_judge(&h, words);
	printf("%zu operations: %s\n", h.count, err ? words : "they have an order");
	history_destroy(&h);
	return err ? 1 : 0;
}

static void history_keep(const struct history *h)
{
	char path[512];
	FILE *file;

	/* Beside the lab's directory, which is kept as well. */
	snprintf(path, sizeof(path), "%s.history", getenv("E2E_DIR"));
	file = fopen(path, "we");
	if (!file || history_write(h, file))
		printf("%s cannot be written\n", path);
	else
		printf("the history is in %s\n", path);
	if (file)
		fclose(file);
}

struct progress {
	struct clients *clients;
	uint64_t puts, gets;
};

static bool has_progressed(void *context)
{
	struct progress *p = context;

	return clients_puts(p->clients) >= p->puts && clients_gets(p->clients) >= p->gets;
}

/* Nothing is hurt any more: puts and gets must go on. */
static void wait_progress(struct cluster *c, struct clients *s)
{
	struct progress p = {s, clients_puts(s) + PROGRESS, clients_gets(s) + PROGRESS};

	require(c, wait_until(has_progressed, &p, CLUSTER_WAIT_MS),
		"the clients do not get on: %" PRIu64 " puts, %" PRIu64 " gets", clients_puts(s),
		clients_gets(s));
}

static uint64_t count(const struct history *h, enum history_kind kind, enum history_outcome outcome)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < h->count; i++)
		sum += h->operation[i].kind == kind && h->operation[i].outcome == outcome;
	return sum;
}

/* Since each was last started. */
static void stores_print(struct cluster *c)
{
	for (uint32_t node = 1; node <= c->nodes; node++)
		printf("n%" PRIu32 ": log from %" PRIu64 ", snapshots %" PRIu64
		       ", installs %" PRIu64 ", compacted at %" PRIu64 " of %" PRIu64 "\n",
		       node, cluster_number(c, node, "log_first_index"),
		       cluster_number(c, node, "snapshots"), cluster_number(c, node, "installs"),
		       cluster_number(c, node, "compact_revision"),
		       cluster_number(c, node, "revision"));
}

static int soak(const struct arguments *a)
{
	static struct cluster cluster;
	static struct clients clients;
	static struct faults faults;
	static struct disks disks;
	struct history h = {0};
	char words[HISTORY_WORDS_MAX];
	uint64_t end, rounds = 0;
	int err;

	printf("SEED=%" PRIu64 "\nagain: tests/e2e/run soak build/tests/soak/soak %s %" PRIu32
	       " --seed %" PRIu64 " --seconds %" PRIu64 " build/tests/disk/quoin-test-disk\n",
	       a->seed, a->link, a->nodes, a->seed, a->seconds);
	/* Small segments: the log rolls every few seconds, and is cut as often. */
	cluster_up(&cluster, a->nodes, a->link,
		   "--segment-size 4MiB --snapshot-log-size 1MiB --log-keep 1MiB "
		   "--auto-compaction-retention 1s");
	disks_mount(&disks, &cluster);
	clients_start(&clients, &cluster, CLIENTS, a->seed);
	faults_create(&faults, &cluster, &disks, a->seed);
	end = clock_now() + a->seconds * 1000 * CLOCK_MS;
	for (; rounds < ROUNDS_MIN || clock_now() < end; rounds++) {
		wait_progress(&cluster, &clients);
		faults_round(&faults);
	}
	wait_progress(&cluster, &clients);
	clients_stop(&clients, &h);
	cluster_wait_equal(&cluster);
	printf("%" PRIu64 " faults: ", rounds);
	faults_print(&faults);
	printf("%zu operations: puts acknowledged %" PRIu64 ", unknown %" PRIu64
	       ", refused %" PRIu64 "; gets %" PRIu64 "\n",
	       h.count, count(&h, HISTORY_PUT, HISTORY_DONE),
	       count(&h, HISTORY_PUT, HISTORY_UNKNOWN), count(&h, HISTORY_PUT, HISTORY_NOT_DONE),
	       count(&h, HISTORY_GET, HISTORY_DONE));
	stores_print(&cluster);
	require(&cluster, rounds < ROUNDS_ALL || faults.installs > 0,
		"nobody was given a snapshot");
	err = history_judge(&h, words);
	if (err) {
		printf("%s\n", words);
		history_keep(&h);
	} else {
		for (uint32_t node = 1; node <= a->nodes; node++)
			cluster_lab(&cluster, "kill %" PRIu32 " --signal TERM", node);
		disks_unmount(&disks);
		cluster_down(&cluster);
	}
	history_destroy(&h);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct arguments a = parse(argc, argv);

	if (a.judge)
		return judge_file(a.judge);
	return disk_begin(argc, argv) ? soak(&a) : 77;
}
