/*
 * A process at one end of a real link, for link_test: it sends every frame back, or sends frames
 * and waits for them to come back. EAL starts once per process, so each end is a process of its
 * own.
 */
#ifndef TESTS_UNIT_DATAPLANE_LINK_PEER_H
#define TESTS_UNIT_DATAPLANE_LINK_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer_options {
	const char *role;   /* "echo" or "ping" */
	const char *kind;   /* "memif", "packet", "xdp" or "ring" (both ends in one process) */
	const char *where;  /* socket or interface */
	const char *server; /* memif: "server" or "client" */
	const char *prefix; /* EAL's file prefix */
	const char *cpus;
	const char *huge;  /* "huge" or "plain" */
	const char *count; /* ping: round trips, then it ends; 0: until killed */
	const char *mtu;
};

struct peer {
	pid_t pid;
	int out; /* its standard output */
};

/* The last line of ping, parsed. */
struct peer_result {
	unsigned long count, p50_ns, p99_ns, rss_kib, leaked, changes;
};

/* Runs this test's own program again as a peer. */
struct peer peer_spawn(const struct peer_options *options);
/* Waits for a line that starts with `word`, at most seconds; then out holds it. */
int peer_wait_line(struct peer *p, const char *word, char *out, size_t out_size, int seconds);
/* Kills it if it runs; its exit status as of waitpid. */
int peer_end(struct peer *p, int signal);
int peer_result_parse(const char *line, struct peer_result *out);

/* main() of a peer. */
int peer_main(int argc, char **argv);

#endif
