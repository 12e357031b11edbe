/*
 * A lab as a test sees it: made and changed through the program quoin-lab, as a user would, and
 * asked through the nodes' admin sockets, which no fault rule reaches.
 *
 * The programs and the lab's directory come from the environment that tests/e2e/run sets, and that
 * ends and removes all of it, also after a test that died. Nodes count from 1, as in the lab.
 */
#ifndef TESTS_E2E_CLUSTER_H
#define TESTS_E2E_CLUSTER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CLUSTER_NODES_MAX = 7,
	CLUSTER_TEXT_MAX = 16384,
	/* A wait ends in a fraction of it, on any machine; if not, the test fails. */
	CLUSTER_WAIT_MS = 30000,
};

struct cluster {
	const char *dir;
	const char *link;
	uint32_t nodes;
	char netns[64];
};

/* A node's word on itself. */
struct node_status {
	bool answered;
	char role[16];
	char leader[24]; /* its member id, as it is written */
	char member[24];
	char hash[24];
	uint64_t term;
	uint64_t applied;
	uint64_t commit;
	char text[CLUSTER_TEXT_MAX]; /* all of it */
};

/* How a program ended, and what it said on both its outputs. */
struct run {
	int status; /* -1: by a signal */
	char text[CLUSTER_TEXT_MAX];
};

uint64_t clock_ms(void);

/* Polls until the condition holds: false if it never did. */
bool wait_until(bool (*condition)(void *context), void *context, uint32_t timeout_ms);

/* A program of the build: "quoin-lab", "quoind", "quoinctl", "quoin-bench". */
const char *program(const char *name);

/* Runs a program to its end. Its words are separated by single blanks in the format. */
void run(struct run *out, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A new one, empty, on the disk that labs are on. tests/e2e/run keeps it after a failure. */
void directory_make(char *out, size_t size);
/* With all that is in it. */
void directory_remove(const char *path);

/*
 * Says what went wrong, shows the cluster and ends the program. Tests state what they rely on by
 * require(cluster, truth, "what was seen instead", ...).
 */
void cluster_fail(struct cluster *c, const char *file, int line, const char *truth,
		  const char *format, ...) __attribute__((format(printf, 5, 6), noreturn));
#define require(cluster, truth, ...)                                                    \
	do {                                                                            \
		if (!(truth))                                                           \
			cluster_fail(cluster, __FILE__, __LINE__, #truth, __VA_ARGS__); \
	} while (0)

/* A lab of `nodes`, all of which follow one leader. `options`: more of quoin-lab up, or "". */
void cluster_up(struct cluster *c, uint32_t nodes, const char *link, const char *options);
/* And none of it left. */
void cluster_down(struct cluster *c);

/* More lines at the end of a node's configuration, once; for its starts from now on. */
void cluster_configure(struct cluster *c, uint32_t node, const char *lines);
/* Of a node that is down: its directory is gone; and from then on it waits to join. */
void cluster_wipe(struct cluster *c, uint32_t node);
void cluster_wipe_to_join(struct cluster *c, uint32_t node);
/* Waits until it has installed a snapshot since its start, and does not install another. */
void cluster_wait_installed(struct cluster *c, uint32_t node);

/* quoin-lab COMMAND, which must succeed; and which may fail. */
void cluster_lab(struct cluster *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cluster_lab_try(struct cluster *c, struct run *out, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* quoin-lab partition with this rule, or two, which may have blanks in them. */
void cluster_partition(struct cluster *c, const char *rule, const char *more);

/* This thread, and the programs that it starts, inside the lab's namespace. */
void cluster_enter(const struct cluster *c);

/* Whole Ethernet frames of an interface of this namespace, to be heard and sent. */
int raw_open(struct cluster *c, const char *interface);

/* "unix:DIR/n1/admin.sock"; where clients reach it on this link, when inside. */
const char *cluster_admin(const struct cluster *c, uint32_t node, char out[128]);
const char *cluster_endpoint(const struct cluster *c, uint32_t node, char out[128]);

/* False if it does not answer. */
bool cluster_status(const struct cluster *c, uint32_t node, struct node_status *out);
/* The value of a "key value" line of a status, "" if it has none. */
const char *node_value(const struct node_status *s, const char *key, char *out, size_t size);

/* Of a node that must answer: the number of such a line; whether these words are in it. */
uint64_t cluster_number(struct cluster *c, uint32_t node, const char *key);
bool cluster_says(const struct cluster *c, uint32_t node, const char *words);
/* Waits until such a line has this value. */
void cluster_wait_value(struct cluster *c, uint32_t node, const char *key, const char *value);

/* The node that calls itself leader in the highest term, 0: none does. */
uint32_t cluster_leader(const struct cluster *c);
/* Waits for one, other than `not` (0: any). */
uint32_t cluster_wait_leader(struct cluster *c, uint32_t not );

/* Waits until all nodes that run have applied the same and hold the same. */
void cluster_wait_equal(struct cluster *c);

/* Of a node that runs. */
pid_t cluster_pid(struct cluster *c, uint32_t node);

/* Whether a node's log has these words. */
bool cluster_log_has(const struct cluster *c, uint32_t node, const char *words);
/* Or an error of its own: that the disk does not answer for a while is the host's. */
bool cluster_log_errs(const struct cluster *c, uint32_t node);
void cluster_wait_log(struct cluster *c, uint32_t node, const char *words);

#endif
