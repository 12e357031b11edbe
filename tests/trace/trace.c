/*
 * Golden traces: a script drives real cores in virtual time, what happens is written down as prose,
 * and compared with the golden file beside the script.
 *
 *	trace SCRIPT GOLDEN             compare; on a difference, print the trace and fail
 *	trace --rewrite SCRIPT GOLDEN   write the golden file (then read it, before it is committed)
 *
 * A script's lines:
 *
 *	# text                  goes into the trace
 *	cluster N               N members, formed, start for the first time
 *	cluster N led by nI     ... and nI has been elected: nothing of that is written down
 *	protected cluster ...   ... that protects its leader: PreVote and CheckQuorum (D19)
 *	timeout nI              nI's election timer fires
 *	settle                  messages and disks move until nothing does; no timer fires
 *	deliver K               ... or until K messages were delivered
 *	heartbeat nI            a heartbeat interval passes, and nI notices
 *	wait nI                 the shortest election timeout passes, and nI notices
 *	propose nI TEXT         a command, at nI
 *	propose nI SIZE bytes   a command so large that it becomes a chain
 *	read nI                 a linearizable read, asked at nI
 *	fill nI                 commands at nI, until there is no room for one more
 *	transfer nI nJ          nI is asked to hand over to nJ
 *	members nI CHANGE nJ    at nI: add, add-learner (nJ is new), bind, promote, demote, remove
 *	members nI replace nJ by nK   nK is new
 *	join nI nJ              nI, new and bound, is told by nJ what is committed, and starts
 *	cut nI nJ | heal        the link between them is down | all are up
 *	cut nI -> nJ            ... in that direction
 *	hold nI | release nI    nI's disk takes writes and finishes none | goes on
 *	finish nI               nI's held disk finishes its oldest write
 *	crash nI | start nI
 *	lose nI K               down, nI's disk loses its entries above K, and its mark says so
 *	copy nI | roll-back nI  nI's directory is copied | down, the copy takes its place
 *	snapshot nI             of all that nI has applied
 *	base nI K               nI's log begins behind K
 *	unfit nI                nI is not to lead: its state is another one
 *	empty nI | restored nI  nI has no state, and applies nothing | it has one again
 *	fetch nI | stop nI      nI may fetch what it is offered, as at first | may not, for now
 *	status                  what each one thinks
 */
#include "tests/trace/members.h"
#include "tests/trace/prose.h"
#include "tests/trace/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512, NETWORK_US = 10, DISK_US = 20 };

static struct cluster cluster;
static bool protected;
static FILE *out;

static void write_to(FILE *file)
{
	out = file;
	prose_to(file);
}

/* So much time passes, and all notice. */
static void all_pass(uint64_t us)
{
	cluster.now_us += us;
	for (uint32_t i = 0; i < cluster.options.nodes; i++) {
		if (!cluster.node[i].core)
			continue;
		raft_tick(cluster.node[i].core, cluster.now_us);
		cluster_drain(&cluster, &cluster.node[i]);
	}
}

/* Every member is told what the others know of its start. */
static void starts_settle(void)
{
	cluster_starts_settle(&cluster);
	all_pass(cluster.options.heartbeat_us);
	cluster_starts_settle(&cluster);
}

static void members_start(uint32_t count)
{
	const struct cluster_options o = {
		.nodes = count,
		.seed = 1,
		.delay_us_min = NETWORK_US,
		.delay_us_max = NETWORK_US,
		.disk_us_min = DISK_US,
		.disk_us_max = DISK_US,
		.append_size_max = 3 * 1216,
		.heartbeat_us = 20000,
		.election_us_min = 150000,
		.election_us_max = 300000,
		.no_pre_vote = !protected,
		.no_check_quorum = !protected,
	};
	cluster_init(&cluster, &o);
	cluster.observer = &prose_observer;
	cluster.timers_off = true;
	for (uint32_t i = 0; i < count; i++)
		cluster_start(&cluster, &cluster.node[i]);
	starts_settle();
}

static void propose(struct cluster_node *n, const char *text)
{
	static char data[16 * RAFT_ENTRY_DATA_MAX];
	size_t size = strlen(text);
	char *end;
	unsigned long bytes = strtoul(text, &end, 10);

	if (end != text && strcmp(end, " bytes") == 0) {
		size = bytes < sizeof(data) ? bytes : sizeof(data);
		memset(data, 'c', size);
		text = data;
	}
	int err = cluster_propose(&cluster, n, text, size);
	if (err)
		fprintf(out, "n%" PRIu64 " refuses the command: %s\n", n->id,
			trace_error_name(err));
}

/* Messages and disks; a held disk may leave messages waiting for ever, which is quiet, too. */
static void settle(uint64_t deliveries)
{
	uint64_t until = cluster.delivered + deliveries;

	while (cluster.delivered < until && cluster_step(&cluster, cluster.now_us + 1000))
		;
}

static void start(struct cluster_node *n)
{
	prose_start(n);
	cluster_start(&cluster, n);
	cluster_starts_settle(&cluster);
}

static void timeout(struct cluster_node *n)
{
	n->core->election_restarted = false;
	n->core->election_deadline_us = n->core->elects_us = cluster.now_us;
	n->core->tick_due = true;
	raft_tick(n->core, cluster.now_us);
	cluster_drain(&cluster, n);
}

/* A quiet prologue: what every trace would begin with is told by one of them (fresh_cluster). */
static void members_start_led(uint32_t count, raft_id leader)
{
	FILE *trace = out, *nowhere = fopen("/dev/null", "w");

	if (!nowhere)
		exit(2);
	write_to(nowhere);
	members_start(count);
	if (protected) /* who was just started may have heard a leader before (contact.c) */
		all_pass(cluster.options.election_us_min);
	timeout(cluster_node(&cluster, leader));
	settle(UINT32_MAX);
	write_to(trace);
	fclose(nowhere);
}

static void pass(struct cluster_node *n, uint64_t us)
{
	cluster.now_us += us;
	raft_tick(n->core, cluster.now_us);
	cluster_drain(&cluster, n);
}

static void transfer(struct cluster_node *n, const char *to)
{
	int err = cluster_transfer(&cluster, n, strtoull(to + 1, NULL, 10));

	if (err)
		fprintf(out, "n%" PRIu64 " refuses to hand over: %s\n", n->id,
			err == -EPERM    ? "that one is not to lead"
			: err == -ESTALE ? "that one has to take a snapshot first"
					 : trace_error_name(err));
}

static void refuse(const char *word)
{
	fprintf(stderr, "no such command, or not so: %s\n", word);
	exit(2);
}

static void node_command(const char *word, struct cluster_node *n, const char *rest)
{
	if (strcmp(word, "timeout") == 0) {
		timeout(n);
	} else if (strcmp(word, "wait") == 0) {
		pass(n, cluster.options.election_us_min);
	} else if (strcmp(word, "transfer") == 0) {
		transfer(n, rest);
	} else if (strcmp(word, "heartbeat") == 0) {
		pass(n, cluster.options.heartbeat_us);
	} else if (strcmp(word, "propose") == 0) {
		propose(n, rest);
	} else if (strcmp(word, "fill") == 0) {
		trace_fill(&cluster, out, n);
	} else if (strcmp(word, "members") == 0) {
		if (!trace_members_change(&cluster, out, n, rest))
			refuse(word);
	} else if (strcmp(word, "join") == 0) {
		trace_members_join(&cluster, out, n,
				   cluster_node(&cluster, strtoull(rest + 1, NULL, 10)));
	} else if (strcmp(word, "read") == 0) {
		int err = cluster_read(&cluster, n);
		if (err)
			fprintf(out, "n%" PRIu64 " refuses the read: %s\n", n->id,
				trace_error_name(err));
	} else if (strcmp(word, "hold") == 0) {
		n->disk_held = true;
	} else if (strcmp(word, "release") == 0) {
		n->disk_held = false;
	} else if (strcmp(word, "finish") == 0) {
		cluster_persist_finish(&cluster, n);
	} else if (strcmp(word, "crash") == 0) {
		cluster_crash(&cluster, n, 0);
		prose_crashed(n);
	} else if (strcmp(word, "start") == 0) {
		start(n);
	} else if (strcmp(word, "lose") == 0) {
		cluster_lose(&cluster, n, strtoull(rest, NULL, 10));
	} else if (strcmp(word, "snapshot") == 0) {
		cluster_snapshot_take(&cluster, n);
	} else if (strcmp(word, "base") == 0) {
		cluster_base_move(&cluster, n, strtoull(rest, NULL, 10));
	} else if (strcmp(word, "fetch") == 0 || strcmp(word, "stop") == 0) {
		n->pull_held = word[0] == 's';
	} else if (strcmp(word, "unfit") == 0) {
		raft_unfit(n->core);
	} else if (strcmp(word, "empty") == 0 || strcmp(word, "restored") == 0) {
		raft_apply_hold(n->core, word[0] == 'e');
	} else if (strcmp(word, "copy") == 0) {
		cluster_copy(&cluster, n);
	} else if (strcmp(word, "roll-back") == 0) {
		cluster_roll_back(&cluster, n);
	} else {
		refuse(word);
	}
}

static void command(char *line)
{
	char word[32] = "";
	unsigned a = 0;
	unsigned b = 0;
	int used = 0;

	if (line[0] == '#') {
		fprintf(out, "%s\n", line);
		return;
	}
	if (line[0] == 0) {
		fprintf(out, "\n");
		return;
	}
	fprintf(out, "> %s\n", line);
	if (strncmp(line, "protected ", 10) == 0) {
		protected = true;
		line += 10;
	}
	if (sscanf(line, "cluster %u led by n%u", &a, &b) == 2)
		members_start_led(a, b);
	else if (sscanf(line, "cluster %u", &a) == 1)
		members_start(a);
	else if (strcmp(line, "settle") == 0)
		settle(UINT32_MAX);
	else if (sscanf(line, "deliver %u", &a) == 1)
		settle(a);
	else if (strcmp(line, "status") == 0)
		prose_status(&cluster);
	else if (strcmp(line, "heal") == 0)
		memset(cluster.cut, 0, sizeof(cluster.cut));
	else if (sscanf(line, "cut n%u -> n%u", &a, &b) == 2)
		cluster.cut[a - 1][b - 1] = true;
	else if (sscanf(line, "cut n%u n%u", &a, &b) == 2)
		cluster.cut[a - 1][b - 1] = cluster.cut[b - 1][a - 1] = true;
	else if (sscanf(line, "%31s n%u %n", word, &a, &used) == 2 && a >= 1 &&
		 a <= cluster.options.nodes)
		node_command(word, &cluster.node[a - 1], line + used);
	else {
		fprintf(stderr, "not understood: %s\n", line);
		exit(2);
	}
}

static char *trace_make(const char *script, size_t *size)
{
	char line[LINE_MAX_BYTES];
	char *text = NULL;
	FILE *in = fopen(script, "r");

	FILE *trace = open_memstream(&text, size);

	if (!in || !trace) {
		fprintf(stderr, "%s: cannot be opened\n", script);
		exit(2);
	}
	write_to(trace);
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		command(line);
	}
	fclose(in);
	cluster_fini(&cluster);
	fclose(trace);
	return text;
}

static int compare(const char *golden, const char *text, size_t size)
{
	FILE *in = fopen(golden, "r");
	const char *at = text;
	char line[LINE_MAX_BYTES];
	unsigned number = 1;

	if (!in) {
		fprintf(stderr, "%s: cannot be opened\n", golden);
		return 2;
	}
	for (; fgets(line, sizeof(line), in); number++) {
		size_t length = strlen(line);
		if ((size_t)(text + size - at) < length || strncmp(at, line, length) != 0)
			break;
		at += length;
	}
	bool same = feof(in) && at == text + size;
	fclose(in);
	if (same)
		return 0;
	printf("%s", text);
	fprintf(stderr, "%s:%u: the trace differs; here it reads\n    %.*s\n", golden, number,
		(int)strcspn(at, "\n"), at);
	return 1;
}

int main(int argc, char **argv)
{
	bool rewrite = argc == 4 && strcmp(argv[1], "--rewrite") == 0;
	size_t size = 0;

	if (argc != 3 && !rewrite) {
		fprintf(stderr, "usage: trace [--rewrite] SCRIPT GOLDEN\n");
		return 2;
	}
	char *text = trace_make(argv[argc - 2], &size);
	int err = 0;
	if (rewrite) {
		FILE *f = fopen(argv[3], "w");
		err = f && fwrite(text, 1, size, f) == size ? 0 : 2;
		if (f && fclose(f))
			err = 2;
	} else {
		err = compare(argv[2], text, size);
	}
	free(text);
	return err;
}
