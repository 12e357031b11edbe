/*
 * up and down: the whole lab made, and the whole lab gone.
 */
#include "tools/lab/lab.h"
#include "tools/lab/process.h"
#include "tools/lab/settle.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"
#include "tools/shared/beside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* quoind stands beside quoin-lab where they are installed; in a build it is in node/. */
static int find_quoind(struct lab *lab, const char *given)
{
	static const char *const places[] = {"quoind", "../../node/quoind", NULL};
	char resolved[PATH_MAX];

	if (given && (!realpath(given, resolved) || access(resolved, X_OK) != 0))
		return lab_fail("--quoind %s: %s", given, strerror(errno));
	if (!given && beside_find(places, resolved) != 0)
		return lab_fail("quoind is not beside quoin-lab: --quoind PATH");
	if (snprintf(lab->quoind, sizeof(lab->quoind), "%s", resolved) >= (int)sizeof(lab->quoind))
		return lab_fail("%s: the path is too long", resolved);
	return 0;
}

static int take_settings(struct lab *lab, const struct lab_arguments *a)
{
	for (int i = 0; i < LAB_SETTINGS; i++) {
		if (a->setting[i] && snprintf(lab->setting[i], LAB_SETTING_SIZE, "%s",
					      a->setting[i]) >= LAB_SETTING_SIZE) {
			lab_fail("--%s %s: too long", lab_setting_names[i].option, a->setting[i]);
			return LAB_EXIT_USAGE;
		}
	}
	return 0;
}

static int take_arguments(struct lab *lab, const struct lab_arguments *a)
{
	int err = find_quoind(lab, a->quoind);

	lab->nodes = (1u << a->nodes) - 1;
	lab->link = a->link;
	return err ? err : take_settings(lab, a);
}

/* Writes the lab's files, before anything is made beside them. */
static int prepare(struct lab *lab)
{
	int err = 0;

	if (lab_space_exists(lab))
		return lab_fail("namespace %s is left over from a crash: quoin-lab down --dir %s",
				lab->netns, lab->dir);
	for (uint32_t i = 0; !err && lab_node_next(lab, &i); i++)
		err = lab_node_configure(lab, i, lab_node_count(lab));
	return err ? err : lab_state_save(lab);
}

static int start_nodes(struct lab *lab)
{
	int err = 0;

	for (uint32_t i = 0; !err && lab_node_next(lab, &i); i++)
		err = lab_process_start(lab, i);
	return err;
}

/* Nothing ran yet, so nothing is worth looking at: takes back what there is. */
static void undo(struct lab *lab)
{
	if (lab_space_destroy(lab) == 0)
		lab_state_remove(lab);
}

static int lead(struct lab *lab, uint32_t timeout_s)
{
	uint64_t begin = lab_clock_ms();
	int err = start_nodes(lab), leader;

	if (!err) {
		leader = lab_leader_wait(lab, timeout_s * 1000);
		if (leader >= 0) {
			printf("n%d leads %u node%s on %s, %ju ms after the start. Lab: %s\n",
			       leader + 1, lab_node_count(lab), lab_node_count(lab) == 1 ? "" : "s",
			       link_kind_name(lab->link), (uintmax_t)(lab_clock_ms() - begin),
			       lab->dir);
			return 0;
		}
		err = LAB_EXIT_FAILED;
	}
	lab_fail("the lab stays as it is: quoin-lab status, logs N, down (--dir %s)", lab->dir);
	return err;
}

int lab_up(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_name(&lab, a->dir);

	if (!err && geteuid() != 0)
		err = lab_fail("needs root: it makes a network namespace and devices in it");
	if (!err)
		err = take_arguments(&lab, a);
	if (!err)
		err = lab_state_create(&lab);
	if (err) {
		lab_state_close(&lab);
		return err;
	}
	err = prepare(&lab);
	if (err) {
		lab_state_remove(&lab);
	} else {
		err = lab_space_create(&lab);
		if (err)
			undo(&lab);
		else
			err = lead(&lab, a->timeout_s);
	}
	lab_state_close(&lab);
	return err;
}

/* Each by its pid and start time; what else is inside the namespace follows with that. */
static int kill_nodes(const struct lab *lab)
{
	for (uint32_t i = 0; lab_node_next(lab, &i); i++)
		lab_process_signal(lab, i, SIGKILL);
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		if (lab_process_wait(lab, i, 10000) != 0)
			return lab_fail("n%u (pid %d) does not end: is its disk stuck?", i + 1,
					lab->node[i].pid);
	}
	return 0;
}

static int take_down(struct lab *lab)
{
	struct lab known = *lab;
	char path[PATH_MAX];
	int err = 0;

	snprintf(path, sizeof(path), "%s/lab.json", lab->dir);
	/* Without a readable lab.json the namespace still says which processes are the lab's. */
	if (access(path, F_OK) == 0 && lab_state_load(&known) == 0)
		err = kill_nodes(&known);
	if (!err)
		err = lab_space_destroy(lab);
	return err ? err : lab_state_remove(lab);
}

int lab_down(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_name(&lab, a->dir);

	if (err)
		return err;
	if (!lab_state_is_ours(&lab, false)) {
		if (access(lab.dir, F_OK) == 0 && lab_space_exists(&lab))
			return lab_fail("%s is left alone, for without a lab.json it may be "
					"anybody's; the nodes in namespace %s may still run: move "
					"%s away and call down again, which ends them",
					lab.dir, lab.netns, lab.dir);
		if (access(lab.dir, F_OK) == 0)
			return lab_fail("%s holds no lab: it is left alone", lab.dir);
		if (!lab_space_exists(&lab)) {
			lab_state_unlink(&lab);
			printf("no lab at %s\n", lab.dir);
			return 0;
		}
		lab_state_unlink(&lab);
		return lab_space_destroy(&lab);
	}
	err = lab_state_lock(&lab);
	if (!err)
		err = take_down(&lab);
	lab_state_close(&lab);
	return err;
}
