/*
 * A lab: a cluster of quoind processes on virtual devices of this host, in a network namespace of
 * its own that has no way out.
 *
 * All of it follows from one directory:
 *
 *	DIR/lab.json   what was made: namespace, link, nodes with their pid and start time
 *	DIR/lock       held by the one command that changes the lab
 *	DIR/nK.yaml    a node's configuration       DIR/nK/     its data directory
 *	DIR/nK.log     what it wrote                DIR/nK.pid  its process id
 *
 * Nodes come and go while the lab is up (change.c): K is a node's number for as long as it is
 * there.
 *
 *	1. A process is signalled only if its start time is the recorded one, on the same boot: a
 *	   recycled pid is never touched.
 *	2. lab.json is replaced, never rewritten, and names a thing before it is made: `down` finds
 *	   everything also after a crash at any point. The namespace's name follows from DIR, and
 *	   every process inside the namespace is the lab's.
 *	3. A change of members that was cut short is in lab.json, and the same command goes on with
 *	   it: each of its steps is one that may be done twice.
 *	4. Only a directory that quoin-lab made, or found empty, is removed.
 *	5. DIR may have any name. A socket's address, a list of endpoints and a node's configuration
 *	   may not, so if DIR is long or has other than letters, digits and ./_+-, everything in it
 *	   goes by another name: a link to it, /run/quoin-lab/NAMESPACE.
 */
#ifndef TOOLS_LAB_LAB_H
#define TOOLS_LAB_LAB_H

#include "base/exits.h"
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	LAB_NODES_MAX = CONFIG_MEMBERS_MAX,
	LAB_VOTERS_MAX = CONFIG_VOTERS_MAX,
	/* Where each two nodes have a port of their own: each has memory for so many nodes. */
	LAB_SOCKETS_MAX = LAB_VOTERS_MAX + 1,
	LAB_PATH_MAX = CONFIG_PATH_MAX,
	LAB_DIR_MAX = PATH_MAX - 64, /* with the name of any file in it */
	/* It and "/n16/admin.sock" fit in a socket's address, 107 bytes. */
	LAB_BASE_MAX = 107 - 15,
	LAB_PARTITIONS_MAX = 16,
	LAB_PARTITION_SIZE = 64,
	LAB_SETTING_SIZE = 32,
};

enum lab_exits {
	LAB_EXIT_FAILED = EXITS_FAILED,
	LAB_EXIT_USAGE = EXITS_USAGE,
};

#define LAB_DIR_DEFAULT "/var/tmp/quoin-lab"
#define LAB_LINKS "/run/quoin-lab"
#define LAB_NET "198.18.0."
#define LAB_CLIENT_HOST 254 /* the kernel's end, for clients of packet and xdp */

/* Settings that `up` hands on to every node's configuration as typed: quoind checks them. */
enum lab_setting {
	LAB_DURABILITY,
	LAB_IDLE,
	LAB_HEARTBEAT,
	LAB_ELECTION,
	LAB_SEGMENT_SIZE,
	LAB_SNAPSHOT_LOG_SIZE,
	LAB_SNAPSHOT_RATE,
	LAB_LOG_KEEP,
	LAB_DATA_DIR_QUOTA,
	LAB_QUOTA_BACKEND_BYTES,
	LAB_COMPACTION_MODE,
	LAB_COMPACTION_RETENTION,
	LAB_SETTINGS,
};

struct lab_setting_name {
	const char *option;  /* of `up` */
	const char *name;    /* in lab.json */
	const char *section; /* of quoin.yaml; "": none */
	const char *key;     /* there */
};
extern const struct lab_setting_name lab_setting_names[LAB_SETTINGS];

/* What is under way with a node, and goes on when the command is given again. */
enum lab_change {
	LAB_STAYS,
	LAB_ADDED,
	LAB_REMOVED,
	LAB_REPLACED,
};

struct lab_node {
	pid_t pid;           /* 0: not started yet */
	uint64_t start_time; /* of the process, in ticks since boot: /proc/PID/stat */
	uint64_t log_start;  /* bytes of its log that were there before; not in lab.json */
	enum lab_change change;
	uint64_t replaced; /* LAB_REPLACED: the member whose place is taken */
	bool fresh;        /* LAB_REPLACED: its directory is the new one */
	bool joined;       /* it did not form the cluster, or not with this directory */
	bool learner;      /* it was added as one */
};

struct lab {
	char dir[LAB_DIR_MAX + 1];
	char base[LAB_BASE_MAX + 1]; /* DIR, or the link to it: how its files are named */
	char netns[32];
	char boot_id[40];
	char quoind[LAB_PATH_MAX];
	enum link_kind link;
	/* Empty: quoind's own default. */
	char setting[LAB_SETTINGS][LAB_SETTING_SIZE];
	uint32_t nodes; /* bit K-1: nK is there */
	struct lab_node node[LAB_NODES_MAX];
	uint32_t partition_count;
	char partition[LAB_PARTITIONS_MAX][LAB_PARTITION_SIZE];
	int lock; /* descriptor; -1: not held */
};

/* The command line, parsed. */
struct lab_arguments {
	const char *dir;
	const char *quoind;
	enum link_kind link;
	const char *setting[LAB_SETTINGS]; /* NULL: none */
	uint32_t nodes;
	uint32_t timeout_s;
	uint32_t lines;
	int signal;
	bool json;
	bool answers; /* restart: wait for an answer only */
	bool learner; /* add */
	bool kill;    /* replace: one that runs */
	char **rest;  /* positional arguments */
	int rest_count;
};

/* Each returns the exit status and has said on standard error what went wrong. */
int lab_up(const struct lab_arguments *a);
int lab_down(const struct lab_arguments *a);
int lab_status(const struct lab_arguments *a);
int lab_kill(const struct lab_arguments *a);
int lab_restart(const struct lab_arguments *a);
int lab_add(const struct lab_arguments *a);
int lab_remove(const struct lab_arguments *a);
int lab_replace(const struct lab_arguments *a);
int lab_pause(const struct lab_arguments *a);
int lab_resume(const struct lab_arguments *a);
int lab_partition(const struct lab_arguments *a);
int lab_heal(const struct lab_arguments *a);
int lab_exec(const struct lab_arguments *a);
int lab_logs(const struct lab_arguments *a);

/* "quoin-lab: " and the message, a line on standard error. Returns LAB_EXIT_FAILED. */
int lab_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t lab_clock_ms(void);

#endif
