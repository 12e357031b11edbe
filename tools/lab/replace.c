/*
 * replace: what is dead, or forgot what it promised, comes back as another member.
 *
 * The first directory that asks from the place of the new member is bound to it. A process that
 * runs may ask, with a directory that is about to be emptied: so it is stopped in its tracks before
 * the leader is asked, and goes on if the leader refuses. Only a leader is not: it has no need to
 * ask, and who leads takes the order.
 */
#include "tools/lab/change.h"

#include "tools/lab/process.h"
#include "tools/lab/settle.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"
#include "tools/shared/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

static int directory_renew(struct changing *c)
{
	struct lab_node *n = lab_change_node(c);
	char path[LAB_PATH_MAX];
	int err = tree_remove(lab_node_path(c->lab, c->node, "", path));

	if (err && err != -ENOENT)
		return lab_fail("%s: %s", path, strerror(-err));
	n->joined = true;
	n->fresh = true;
	err = lab_node_configure(c->lab, c->node, 1);
	return err ? err : lab_state_save(c->lab);
}

/* The leader counts one that runs, and it is ended for this: the others must be enough. */
static int process_check(const struct changing *c)
{
	enum process_state state = lab_process_state(c->lab, c->node);

	if (state == PROCESS_GONE)
		return 0;
	if (c->signal != 0 && !lab_majority_runs(c->lab, c->node))
		return lab_fail("n%u is %s, and without it no majority of the nodes runs, which "
				"could take it in again: nothing was done",
				c->node + 1, process_state_name(state));
	if (c->signal == 0)
		return lab_fail("n%u is %s, and is not ended by this: quoin-lab replace --kill %u, "
				"or kill %u before (--dir %s)",
				c->node + 1, process_state_name(state), c->node + 1, c->node + 1,
				c->lab->dir);
	return 0;
}

static int process_end(const struct changing *c)
{
	/* In good order it would go on for a while. */
	if (c->signal == SIGTERM && lab_process_state(c->lab, c->node) == PROCESS_RUNS)
		return lab_process_stop(c->lab, c->node);
	return lab_change_kill(c);
}

/*
 * True when nothing more comes from the process. What it sent before, the leader has heard when it
 * says who the members are once more.
 */
static bool process_hold(struct changing *c)
{
	if ((uint32_t)c->members.leader == c->node ||
	    lab_process_state(c->lab, c->node) != PROCESS_RUNS)
		return true;
	c->held |= lab_process_signal(c->lab, c->node, SIGSTOP) == 0;
	return false;
}

/* One that is bound by now is the one that was there, and was as empty. */
static int directory_keep(struct changing *c)
{
	lab_process_signal(c->lab, c->node, SIGCONT);
	lab_change_node(c)->fresh = true;
	return lab_state_save(c->lab);
}

static int directory_make(struct changing *c, const struct lab_member *m)
{
	int err;

	if (m->bound)
		return directory_keep(c);
	err = process_check(c);
	if (err || !process_hold(c))
		return err;
	err = process_end(c);
	return err ? err : directory_renew(c);
}

static int replace_order(struct changing *c)
{
	uint64_t replaced = lab_change_node(c)->replaced;
	char line[LAB_ORDER_SIZE];

	if (!lab_change_node(c)->fresh) {
		int err = process_check(c);

		if (err || !process_hold(c))
			return err;
	}
	snprintf(line, sizeof(line), "replace %016" PRIx64 " %s\n", replaced, c->place);
	return lab_change_order(c, line);
}

static int replace_round(struct changing *c)
{
	struct lab_node *n = lab_change_node(c);
	const struct lab_member *old = lab_members_find(&c->members, n->replaced);
	const struct lab_member *m = lab_change_member(c, n->replaced);
	int err = 0;

	if (!old && !m)
		return lab_fail("n%u: member %016" PRIx64 " was removed meanwhile, not replaced: "
				"quoin-lab remove %u, then add (--dir %s)",
				c->node + 1, n->replaced, c->node + 1, c->lab->dir);
	if (!m)
		return replace_order(c);
	c->begun = true;
	c->id = m->id;
	if (!n->fresh)
		err = directory_make(c, m);
	if (!err && n->fresh)
		err = lab_change_process(c);
	if (!err && !old && lab_change_settled(c, m))
		return CHANGE_DONE;
	lab_change_word(c, m);
	return err;
}

/* Whose place it is: of two there, the one that does not take the other's. */
static int replaced_find(struct changing *c)
{
	const struct lab_member *m, *old;

	for (uint32_t at = 0; (m = lab_members_next(&c->members, c->place, &at));) {
		old = lab_members_find(&c->members, m->replaces);
		if (!old || strcmp(old->place, c->place) != 0)
			lab_change_node(c)->replaced = m->id;
	}
	if (lab_change_node(c)->replaced)
		return CHANGE_DONE;
	return lab_members_lack_say(c->lab, c->node);
}

/* The first step, which leaves nothing to go on with: whose place it is. */
static int replace_begin(struct changing *c)
{
	int err = lab_change_rounds(c, replaced_find);

	if (err) {
		lab_change_node(c)->replaced = 0;
		return err;
	}
	lab_change_node(c)->change = LAB_REPLACED;
	return lab_state_save(c->lab);
}

int lab_node_replace(struct lab *lab, uint32_t node, int signal, uint32_t timeout_s)
{
	struct changing c = lab_change_begin(lab, node, timeout_s);
	enum lab_change before = lab->node[node].change;
	uint64_t old;
	int err = 0;

	c.signal = signal;
	if (before != LAB_STAYS && before != LAB_REPLACED)
		return lab_change_check(lab, node);
	if (before == LAB_STAYS)
		err = replace_begin(&c);
	else
		printf("n%u was being replaced: this goes on with it\n", node + 1);
	if (err)
		return err;
	old = lab_change_node(&c)->replaced;
	err = lab_change_rounds(&c, replace_round);
	if (err && !c.begun && c.held)
		lab_process_signal(lab, node, SIGCONT);
	if (err && !c.begun && before == LAB_STAYS) {
		lab_change_end(&c);
		return err;
	}
	if (err) {
		lab_change_check(lab, c.node);
		return err;
	}
	err = lab_change_end(&c);
	if (!err)
		err = lab_node_wait(lab, node, timeout_s * 1000);
	if (!err && lab->partition_count > 0)
		err = lab_node_partition(lab, node);
	if (!err)
		printf("n%u is member %016" PRIx64 ", in place of %016" PRIx64 ", %ju ms after it "
		       "was asked for\n",
		       node + 1, c.id, old, (uintmax_t)(lab_clock_ms() - c.begun_ms));
	return err;
}

int lab_replace(const struct lab_arguments *a)
{
	struct lab lab;
	int node = lab_node_open(&lab, a), err;

	if (node < 0)
		return -node;
	err = lab_space_check(&lab);
	if (!err)
		err = lab_node_replace(&lab, (uint32_t)node, a->kill ? SIGKILL : 0, a->timeout_s);
	lab_state_close(&lab);
	return err;
}
