/*
 * Commands on a lab that is there.
 */
#include "tools/lab/ask.h"
#include "tools/lab/change.h"
#include "tools/lab/lab.h"
#include "tools/lab/partition.h"
#include "tools/lab/process.h"
#include "tools/lab/settle.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"
#include "tools/shared/beside.h"
#include "tools/shared/netns.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_MS = 1000 };

/* As the node knows it; a leader of which it knows no name has its id. */
static void leader_name(const struct status *s, char out[24])
{
	if (s->leader_name[0] || s->leader == 0)
		snprintf(out, 24, "%.23s", s->leader_name[0] ? s->leader_name : "-");
	else
		snprintf(out, 24, "%016" PRIx64, s->leader);
}

static void status_table(const struct lab *lab, const struct lab_report *reports, uint32_t removed)
{
	char endpoint[LAB_PATH_MAX], metrics[LAB_PATH_MAX], leader[24], pid[16];
	char command[LAB_COMMAND_SIZE];

	printf("%-4s %-7s %-8s %-9s %5s %-16s %8s %8s  %-21s  %s\n", "NODE", "PID", "STATE", "ROLE",
	       "TERM", "LEADER", "INDEX", "APPLIED", "METRICS", "ENDPOINT");
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		const struct lab_report *r = &reports[i];
		const struct status *s = &r->status;
		enum process_state state = lab_process_state(lab, i);

		snprintf(pid, sizeof(pid), "%d", lab->node[i].pid);
		leader_name(s, leader);
		printf("n%-3u %-7s %-8s %-9s %5ju %-16s %8ju %8ju  %-21s  %s\n", i + 1,
		       state == PROCESS_GONE ? "-" : pid, process_state_name(state),
		       removed >> i & 1 ? "removed"
		       : r->answered    ? s->role
					: "-",
		       (uintmax_t)s->term, leader, (uintmax_t)s->index, (uintmax_t)s->applied,
		       lab_node_metrics(i, metrics), lab_node_endpoint(lab, i, endpoint));
		if (*lab_report_error(r) && state == PROCESS_RUNS)
			printf("     %s\n", lab_report_error(r));
		if (lab->node[i].change != LAB_STAYS)
			printf("     %s; cut short: quoin-lab %s --dir %s goes on with it\n",
			       lab_change_text(lab->node[i].change),
			       lab_change_command(lab, i, command), lab->dir);
	}
	printf("link %s, namespace %s, %s\n", link_kind_name(lab->link), lab->netns, lab->dir);
	for (uint32_t i = 0; i < lab->partition_count; i++)
		printf("partition %s\n", lab->partition[i]);
}

/* lab.json, and beside each node's entry what the node says now. */
static int status_json(const struct lab *lab, const struct lab_report *reports, int leader)
{
	char *text = lab_state_text(lab);
	json_t *root = text ? json_loads(text, 0, NULL) : NULL;
	json_t *nodes = json_object_get(root, "nodes");
	size_t at = 0;

	free(text);
	if (!root)
		return lab_fail("out of memory");
	/* JSON has no other bytes than UTF-8. */
	if (json_object_set_new(root, "dir", json_string(lab->dir)) != 0)
		json_object_set_new(root, "dir", json_string(lab->base));
	json_object_set_new(root, "leader",
			    leader >= 0 ? json_sprintf("n%d", leader + 1) : json_null());
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		const struct status *s = &reports[i].status;
		json_t *node = json_array_get(nodes, at++);
		const char *state = process_state_name(lab_process_state(lab, i));

		json_object_set_new(node, "state", json_string(state));
		if (!reports[i].answered)
			continue;
		json_object_set_new(node, "role", json_string(s->role));
		json_object_set_new(node, "member_id", json_sprintf("%016" PRIx64, s->member_id));
		json_object_set_new(node, "leader", json_sprintf("%016" PRIx64, s->leader));
		json_object_set_new(node, "term", json_integer((json_int_t)s->term));
		json_object_set_new(node, "index", json_integer((json_int_t)s->index));
		json_object_set_new(node, "applied", json_integer((json_int_t)s->applied));
	}
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return 0;
}

/* One was forced out of the cluster (quoind --force-new-cluster), and others stayed in it. */
static int clusters_check(const struct lab *lab, const struct lab_report *reports)
{
	uint64_t first = 0;
	uint32_t of = 0;

	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		uint64_t cluster = reports[i].answered ? reports[i].status.cluster_id : 0;

		if (cluster == 0 || cluster == first)
			continue;
		if (first)
			return lab_fail(
				"these are members of different clusters: n%u of %016" PRIx64
				", n%u of %016" PRIx64 "; none of the one leads or hears the other",
				of + 1, first, i + 1, cluster);
		first = cluster;
		of = i;
	}
	return 0;
}

/* Those that are no members any more, as bits: on memif they themselves are not told so. */
static uint32_t removed_find(const struct lab *lab, const struct lab_report *reports, int leader)
{
	struct lab_members members;
	uint32_t removed = 0;

	if (leader < 0 || lab_members_get(lab, &members) != 0)
		return 0;
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		if (!lab_members_lack(&members, lab, i, &reports[i].status))
			continue;
		lab_members_lack_say(lab, i);
		removed |= 1u << i;
	}
	return removed;
}

int lab_status(const struct lab_arguments *a)
{
	struct lab_report reports[LAB_NODES_MAX];
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, false), leader;

	if (err)
		return err;
	leader = lab_reports_get(&lab, STATUS_MS, reports);
	if (a->json)
		err = status_json(&lab, reports, leader);
	else
		status_table(&lab, reports, removed_find(&lab, reports, leader));
	if (!err)
		err = clusters_check(&lab, reports);
	return err || leader >= 0 ? err : LAB_EXIT_FAILED;
}

static int signal_node(const struct lab_arguments *a, int signal, bool ends)
{
	struct lab lab;
	int node = lab_node_open(&lab, a), err;

	if (node < 0)
		return -node;
	err = lab_process_signal(&lab, (uint32_t)node, signal);
	if (err == -ESRCH)
		err = lab_fail("n%d does not run", node + 1);
	else if (err)
		err = lab_fail("n%d: %s", node + 1, strerror(-err));
	else if (ends && lab_process_wait(&lab, (uint32_t)node, LAB_STOP_MS) != 0)
		err = lab_fail("n%d got SIG%s and still runs after %d s", node + 1,
			       sigabbrev_np(signal), LAB_STOP_MS / 1000);
	/* Rules set while it was paused did not reach it. */
	if (!err && signal == SIGCONT)
		err = lab_node_partition(&lab, (uint32_t)node);
	if (!err)
		printf("n%d\n", node + 1);
	lab_state_close(&lab);
	return err;
}

int lab_kill(const struct lab_arguments *a)
{
	return signal_node(a, a->signal, lab_signal_ends(a->signal));
}

int lab_pause(const struct lab_arguments *a)
{
	return signal_node(a, SIGSTOP, false);
}

int lab_resume(const struct lab_arguments *a)
{
	return signal_node(a, SIGCONT, false);
}

/* Nobody might tell it: it would be waited for in vain. */
static int removed_check(const struct lab *lab, uint32_t node)
{
	struct lab_members members;
	struct lab_report own;

	lab_report_get(lab, node, STATUS_MS, &own);
	if (!own.answered || lab_members_get(lab, &members) != 0 ||
	    !lab_members_lack(&members, lab, node, &own.status))
		return 0;
	return lab_members_lack_say(lab, node);
}

/* As it is: with what its directory holds. */
static int restart_node(struct lab *lab, uint32_t node, const struct lab_arguments *a)
{
	int err = lab_process_stop(lab, node);
	uint64_t begun = lab_clock_ms();

	/* After a reboot the lab's other nodes are gone and its namespace too. */
	if (!err)
		err = lab_space_check(lab);
	if (!err)
		err = lab_process_start(lab, node);
	if (!err)
		err = lab_node_wait(lab, node, a->timeout_s * 1000);
	if (!err && lab->partition_count > 0)
		err = lab_node_partition(lab, node);
	if (!err && !a->answers)
		err = removed_check(lab, node);
	if (!err && !a->answers)
		err = lab_current_wait(lab, node, begun, begun + a->timeout_s * 1000ull);
	else if (!err)
		printf("n%u\n", node + 1);
	return err;
}

/* It keeps nothing, and others are there who remember: it can only come back as another member. */
static bool comes_back_as_another(const struct lab *lab, uint32_t node)
{
	if (strcmp(lab->setting[LAB_DURABILITY], "volatile") != 0 || lab_node_count(lab) == 1)
		return false;
	if (lab_majority_runs(lab, node))
		return true;
	fprintf(stderr,
		"quoin-lab: n%u keeps nothing (--durability volatile), and cannot be replaced "
		"while "
		"no majority of the nodes runs without it: it starts empty\n",
		node + 1);
	return false;
}

int lab_restart(const struct lab_arguments *a)
{
	struct lab lab;
	int found = lab_node_open(&lab, a), err;
	uint32_t node = (uint32_t)found;

	if (found < 0)
		return -found;
	err = lab_change_check(&lab, node);
	if (!err && !a->answers && comes_back_as_another(&lab, node))
		err = lab_node_replace(&lab, node, SIGTERM, a->timeout_s);
	else if (!err)
		err = restart_node(&lab, node, a);
	lab_state_close(&lab);
	return err;
}

/* Those that cannot be told now are told when they are restarted or resumed. */
static int apply_partition(const struct lab *lab)
{
	int err = lab_state_save(lab);

	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		enum process_state state = lab_process_state(lab, i);

		if (state != PROCESS_RUNS)
			fprintf(stderr, "quoin-lab: n%u is %s: it is told when it is back\n", i + 1,
				process_state_name(state));
		else if (lab_node_partition(lab, i) != 0)
			err = LAB_EXIT_FAILED;
	}
	return err;
}

static int take_partitions(struct lab *lab, const struct lab_arguments *a)
{
	struct partition partition = {0};
	char error[PARTITION_ERROR_SIZE];
	int leader = -1;

	for (int i = 0; i < a->rest_count && leader < 0; i++) {
		if (!strstr(a->rest[i], "leader"))
			continue;
		leader = lab_node_find(lab, "leader");
		if (leader < 0)
			return -leader;
	}
	lab->partition_count = (uint32_t)a->rest_count;
	for (int i = 0; i < a->rest_count; i++) {
		if (partition_expand(lab->partition[i], LAB_PARTITION_SIZE, a->rest[i], leader,
				     lab->nodes, error) != 0 ||
		    partition_parse(&partition, lab->partition[i], lab->nodes, error) != 0) {
			lab_fail("%s", error);
			return LAB_EXIT_USAGE;
		}
	}
	return 0;
}

int lab_partition(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, true);

	if (!err)
		err = take_partitions(&lab, a);
	if (!err)
		err = apply_partition(&lab);
	lab_state_close(&lab);
	return err;
}

int lab_heal(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, true);

	lab.partition_count = 0;
	if (!err)
		err = apply_partition(&lab);
	lab_state_close(&lab);
	return err;
}

/* QUOIN_ENDPOINTS, and the programs beside this one on PATH, of an installation or of a build. */
static int set_environment(const struct lab *lab)
{
	static const char *const beside[] = {"", "/..", "/../bench", "/../../node"};
	char endpoints[LAB_NODES_MAX * LAB_PATH_MAX] = "", endpoint[LAB_PATH_MAX];
	bool first = true;
	char folder[PATH_MAX], path[8 * PATH_MAX] = "";
	const char *old = getenv("PATH");
	int err = beside_folder(folder);

	for (uint32_t i = 0; lab_node_next(lab, &i); i++, first = false) {
		size_t used = strlen(endpoints);

		snprintf(endpoints + used, sizeof(endpoints) - used, "%s%s", first ? "" : ",",
			 lab_node_endpoint(lab, i, endpoint));
	}
	if (err)
		return lab_fail("/proc/self/exe: %s", strerror(-err));
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		size_t used = strlen(path);

		snprintf(path + used, sizeof(path) - used, "%s%s:", folder, beside[i]);
	}
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s",
		 old ? old : "/usr/sbin:/usr/bin:/sbin:/bin");
	if (setenv("QUOIN_ENDPOINTS", endpoints, 1) != 0 || setenv("PATH", path, 1) != 0)
		return lab_fail("the environment: %s", strerror(errno));
	return 0;
}

int lab_exec(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, false);

	if (err)
		return err;
	err = netns_enter(lab.netns);
	if (err)
		return lab_fail("namespace %s: %s", lab.netns, strerror(-err));
	err = set_environment(&lab);
	if (err)
		return err;
	execvp(a->rest[0], a->rest);
	err = -errno;
	lab_fail("%s: %s", a->rest[0], strerror(-err));
	return err == -ENOENT ? 127 : 126;
}

int lab_logs(const struct lab_arguments *a)
{
	char path[LAB_PATH_MAX];
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, false), node;

	if (err)
		return err;
	node = lab_node_find(&lab, a->rest[0]);
	if (node < 0)
		return -node;
	lab_node_path(&lab, (uint32_t)node, ".log", path);
	if (access(path, R_OK) != 0)
		return lab_fail("%s: %s", path, strerror(errno));
	lab_process_tail(path, 0, a->lines, "", stdout);
	return 0;
}
