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
 *	status                  what each one thinks
 */
#include "raft/entry.h"
#include "tests/trace/members.h"
#include "tests/trace/words.h"
#include "tests/unit/raft/check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512, NETWORK_US = 10, DISK_US = 20 };

struct view {
	enum raft_role role;
	raft_term term;
	raft_id vote;
	raft_id leader;
	raft_index commit;
	raft_index members_index;
	struct raft_members members;
	bool lost;
	uint64_t quorum_lost;
	raft_id transfer;
};

static struct cluster cluster;
static struct view view[CLUSTER_NODES_MAX];
static bool protected;
static FILE *out;

static bool of_start(const struct raft_message *m)
{
	return m->type == RAFT_MESSAGE_START || m->type == RAFT_MESSAGE_START_REPLY;
}

static void on_sent(struct cluster *c, const struct raft_message *m)
{
	if (of_start(m))
		return;
	trace_message_print(out, m);
	if (c->cut[m->from - 1][m->to - 1])
		fprintf(out, " ... lost");
	else if (!c->node[m->to - 1].core)
		fprintf(out, " ... n%" PRIu64 " is down", m->to);
	fprintf(out, "\n");
}

static void on_received(struct cluster *c, const struct raft_message *m, int err)
{
	(void)c;
	if (err == 0 || of_start(m))
		return;
	fprintf(out, "n%" PRIu64 " drops: ", m->to);
	trace_message_print(out, m);
	fprintf(out, ": %s\n", trace_error_name(err));
}

static void on_persisting(struct cluster *c, struct cluster_node *n, const struct raft_ready *ready)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " writes (%" PRIu64 "):", n->id, ready->persist_seq);
	if (ready->hard_state && ready->hard_state->vote)
		fprintf(out, " term %" PRIu64 ", vote n%" PRIu64, ready->hard_state->term,
			ready->hard_state->vote);
	else if (ready->hard_state)
		fprintf(out, " term %" PRIu64 ", no vote", ready->hard_state->term);
	if (ready->entry_count > 0) {
		const struct raft_append a = {.entries = ready->entries,
					      .entry_count = ready->entry_count};
		fprintf(out, "%s", ready->hard_state ? "; " : " ");
		trace_entries_print(out, &a);
	}
	fprintf(out, "\n");
}

static void on_persisted(struct cluster *c, struct cluster_node *n)
{
	(void)c;
	fprintf(out, "n%" PRIu64 "'s disk has it (%" PRIu64 "), durable up to %" PRIu64 "\n", n->id,
		n->core->persisted, n->core->durable);
}

static void text_print(const struct raft_entry *e)
{
	fputc('"', out);
	for (uint16_t i = 0; i < e->size && i < 24; i++)
		fputc(isprint(e->data[i]) ? e->data[i] : '.', out);
	fprintf(out, "\"%s", e->size > 24 ? "..." : "");
}

static void on_applying(struct cluster *c, struct cluster_node *n, const struct raft_entry *e)
{
	struct raft_members members;

	(void)c;
	fprintf(out, "n%" PRIu64 " applies %" PRIu64 ": ", n->id, e->index);
	if (e->type == RAFT_ENTRY_COMMAND)
		text_print(e);
	else if (e->type == RAFT_ENTRY_MEMBERS &&
		 raft_members_decode(&members, e->data, e->size) == 0 && e->index == 1)
		trace_formed_print(out, &members); /* as the cluster was formed */
	else if (e->type == RAFT_ENTRY_MEMBERS)
		trace_members_print(out, &members);
	else
		fprintf(out, "%s", raft_entry_type_name(e->type));
	if (e->type == RAFT_ENTRY_COMMAND && e->flags != (RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST))
		fprintf(out, "%s",
			e->flags & RAFT_ENTRY_FIRST  ? " (a chain begins)"
			: e->flags & RAFT_ENTRY_LAST ? " (the chain ends)"
						     : " (the chain goes on)");
	fprintf(out, "\n");
}

static void on_read(struct cluster *c, struct cluster_node *n, const struct raft_read *read)
{
	(void)c;
	if (read->index == 0)
		fprintf(out, "n%" PRIu64 "'s read %" PRIu64 " is refused: ask again\n", n->id,
			read->context);
	else
		fprintf(out, "n%" PRIu64 "'s read %" PRIu64 " is confirmed at index %" PRIu64 "\n",
			n->id, read->context, read->index);
}

static void role_changed(const struct cluster_node *n, const struct view *was, const struct raft *r)
{
	if (r->role == RAFT_PRECANDIDATE)
		fprintf(out,
			"n%" PRIu64 " times out, asks whether it would be elected in term %" PRIu64
			"\n",
			n->id, r->hard.term + 1);
	else if (r->role == RAFT_CANDIDATE && was->role == RAFT_PRECANDIDATE)
		fprintf(out, "n%" PRIu64 " becomes candidate in term %" PRIu64 "\n", n->id,
			r->hard.term);
	else if (r->role == RAFT_CANDIDATE && r->vote_transfer)
		fprintf(out,
			"n%" PRIu64 " is to take over, becomes candidate in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (r->role == RAFT_CANDIDATE)
		fprintf(out, "n%" PRIu64 " times out, becomes candidate in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (r->role == RAFT_LEADER)
		fprintf(out, "n%" PRIu64 " becomes leader of term %" PRIu64 "\n", n->id,
			r->hard.term);
	else if (r->quorum_lost != was->quorum_lost)
		fprintf(out,
			"n%" PRIu64
			" has heard no majority for too long, steps down in term %" PRIu64 "\n",
			n->id, r->hard.term);
	else if (was->role == RAFT_PRECANDIDATE && r->hard.term == was->term)
		fprintf(out, "n%" PRIu64 " does not stand\n", n->id);
	else if (was->role != RAFT_FOLLOWER)
		fprintf(out, "n%" PRIu64 " steps down in term %" PRIu64 "\n", n->id, r->hard.term);
	else
		fprintf(out, "n%" PRIu64 " is in term %" PRIu64 "\n", n->id, r->hard.term);
}

static void on_told(struct cluster *c, struct cluster_node *from, struct cluster_node *to,
		    raft_index index)
{
	(void)c;
	fprintf(out, "n%" PRIu64 " tells n%" PRIu64 " the members of entry %" PRIu64 "\n", from->id,
		to->id, index);
}

static void vote_changed(const struct cluster_node *n, const struct raft *r)
{
	if (r->hard.vote != n->id)
		fprintf(out, "n%" PRIu64 " %s n%" PRIu64 " in term %" PRIu64 "\n", n->id,
			r->hard.vote == r->leader ? "has no vote but for its leader"
						  : "grants its vote to",
			r->hard.vote, r->hard.term);
	else if (r->role == RAFT_FOLLOWER)
		fprintf(out,
			"n%" PRIu64 " votes for nobody in term %" PRIu64 ": it may have voted\n",
			n->id, r->hard.term);
}

static void commit_changed(const struct cluster_node *n, const struct view *was, const char *how)
{
	if (n->core->commit > was->commit)
		fprintf(out, "n%" PRIu64 " %s up to %" PRIu64 "\n", n->id, how, n->core->commit);
}

static void on_changed(struct cluster *c, struct cluster_node *n)
{
	const struct raft *r = n->core;
	struct view *was = &view[n->id - 1];

	(void)c;
	/* What a leader does next follows from what it has committed. */
	bool leads = was->role == RAFT_LEADER && r->hard.term == was->term;
	if (leads)
		commit_changed(n, was, "commits");
	trace_members_changed(out, n, &was->members, was->members_index);
	if (r->role != was->role || r->hard.term != was->term)
		role_changed(n, was, r);
	if (r->hard.vote != 0 && (r->hard.vote != was->vote || r->hard.term != was->term))
		vote_changed(n, r);
	if (r->leader != was->leader && r->leader != 0 && r->leader != n->id)
		fprintf(out, "n%" PRIu64 " follows n%" PRIu64 "\n", n->id, r->leader);
	if (r->lost.is != was->lost)
		fprintf(out, "n%" PRIu64 " %s\n", n->id,
			was->lost ? "is whole again" : "learns that it lost what it acknowledged");
	if (r->transfer.to != 0 && r->transfer.to != was->transfer)
		fprintf(out, "n%" PRIu64 " hands over to n%" PRIu64 "\n", n->id, r->transfer.to);
	if (was->transfer != 0 && r->transfer.to == 0 && r->role == RAFT_LEADER)
		fprintf(out, "n%" PRIu64 " gives the transfer up\n", n->id);
	if (!leads)
		commit_changed(n, was,
			       r->role == RAFT_LEADER ? "commits" : "learns that all is committed");
	*was = (struct view){.role = r->role,
			     .term = r->hard.term,
			     .vote = r->hard.vote,
			     .leader = r->leader,
			     .commit = r->commit,
			     .members_index = r->members_index,
			     .members = r->members,
			     .lost = r->lost.is,
			     .quorum_lost = r->quorum_lost,
			     .transfer = r->transfer.to};
}

static const struct cluster_observer observer = {
	.sent = on_sent,
	.received = on_received,
	.persisting = on_persisting,
	.persisted = on_persisted,
	.applying = on_applying,
	.read = on_read,
	.changed = on_changed,
	.told = on_told,
};

/* Healthy: a leader that a majority follows, and nothing that it has not committed. */
static void status_print(void)
{
	static const char *const role[] = {"follower", "precandidate", "candidate", "leader"};
	const struct cluster_node *leader = cluster_leader(&cluster);
	uint32_t follow = 0;

	for (uint32_t i = 0; leader && i < cluster.options.nodes; i++) {
		const struct cluster_node *n = &cluster.node[i];
		follow += n->core && raft_leader(n->core) == leader->id;
	}
	if (!leader)
		fprintf(out, "cluster: unhealthy, nobody is in charge\n");
	else if (follow <= cluster.options.nodes / 2 || leader->core->term_start == 0 ||
		 leader->core->commit < leader->core->window.last)
		fprintf(out, "cluster: unhealthy, n%" PRIu64 " leads and cannot commit\n",
			leader->id);
	else
		fprintf(out, "cluster: healthy, leader n%" PRIu64 "\n", leader->id);
	for (uint32_t i = 0; i < cluster.options.nodes; i++) {
		const struct cluster_node *n = &cluster.node[i];
		struct raft_status s;
		if (!n->core) {
			fprintf(out, "    n%" PRIu64 ": down\n", n->id);
			continue;
		}
		raft_get_status(n->core, &s);
		fprintf(out,
			"    n%" PRIu64 ": %s, term %" PRIu64 ", last %" PRIu64 "/%" PRIu64
			", durable %" PRIu64 ", commit %" PRIu64 ", applied %" PRIu64 "%s\n",
			n->id, role[s.role], s.term, s.last, s.last_term, s.durable, s.commit,
			s.applied, s.lost ? ", lost" : "");
	}
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
	cluster.observer = &observer;
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

/* State that it remembers is not news. */
static void start(struct cluster_node *n)
{
	view[n->id - 1] = (struct view){
		.term = n->disk_hard.term, .vote = n->disk_hard.vote, .lost = n->lost};
	fprintf(out, "n%" PRIu64 " starts as %" PRIx64 ", its disk holds term %" PRIu64, n->id,
		n->identity, n->disk_hard.term);
	if (n->disk_hard.vote)
		fprintf(out, ", vote n%" PRIu64, n->disk_hard.vote);
	fprintf(out, ", entries up to %" PRIu64 "%s\n", n->disk.last,
		n->lost ? ", and says that there were more" : "");
	cluster_start(&cluster, n);
	cluster_starts_settle(&cluster);
}

static void timeout(struct cluster_node *n)
{
	n->core->election_restarted = false;
	n->core->election_deadline_us = cluster.now_us;
	n->core->tick_due = true;
	raft_tick(n->core, cluster.now_us);
	cluster_drain(&cluster, n);
}

/* A quiet prologue: what every trace would begin with is told by one of them (fresh_cluster). */
static void members_start_led(uint32_t count, raft_id leader)
{
	FILE *trace = out;

	out = fopen("/dev/null", "w");
	if (!out)
		exit(2);
	members_start(count);
	if (protected) /* who was just started may have heard a leader before (contact.c) */
		all_pass(cluster.options.election_us_min);
	timeout(cluster_node(&cluster, leader));
	settle(UINT32_MAX);
	fclose(out);
	out = trace;
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
			trace_error_name(err));
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
		memset(&view[n->id - 1], 0, sizeof(view[0]));
	} else if (strcmp(word, "start") == 0) {
		start(n);
	} else if (strcmp(word, "lose") == 0) {
		cluster_lose(&cluster, n, strtoull(rest, NULL, 10));
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
		status_print();
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

	out = open_memstream(&text, size);
	if (!in || !out) {
		fprintf(stderr, "%s: cannot be opened\n", script);
		exit(2);
	}
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		command(line);
	}
	fclose(in);
	cluster_fini(&cluster);
	fclose(out);
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
