/*
 * add and remove: a node more, and a node less.
 */
#include "tools/lab/change.h"

#include "tools/lab/process.h"
#include "tools/lab/settle.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"

#include <inttypes.h>
#include <string.h>

/* Who replaces one where it stands has its port. 0 or an exit status, said why. */
static int ports_check(const struct changing *c)
{
	uint32_t places = 0;

	for (uint32_t i = 0; i < c->members.count; i++)
		places += c->members.member[i].replaces == 0;
	if (link_facts(c->lab->link)->device != LINK_DEVICE_SOCKET || places < LAB_SOCKETS_MAX)
		return 0;
	return lab_fail("n%u: the cluster has %u members, and on link %s a node of a lab has no "
			"memory for the port of one more: nothing was done",
			c->node + 1, places, link_kind_name(c->lab->link));
}

static int add_round(struct changing *c)
{
	const struct lab_member *m = lab_change_member(c, 0);
	char line[LAB_ORDER_SIZE];
	int err;

	if (!m) {
		err = ports_check(c);
		if (err)
			return err;
		snprintf(line, sizeof(line), "%s %s\n",
			 lab_change_node(c)->learner ? "add-learner" : "add", c->place);
		return lab_change_order(c, line);
	}
	c->begun = true;
	c->id = m->id;
	err = lab_change_process(c);
	if (!err && lab_change_settled(c, m))
		return CHANGE_DONE;
	lab_change_word(c, m);
	return err;
}

/* The one after the highest; when that is the last, the lowest that is free. -1: none is. */
static int number_next(const struct lab *lab)
{
	int node = lab->nodes ? 32 - __builtin_clz(lab->nodes) : 0;

	if (node < LAB_NODES_MAX)
		return node;
	for (node = 0; node < LAB_NODES_MAX; node++) {
		if (!lab_node_is(lab, (uint32_t)node))
			return node;
	}
	return -1;
}

/* One that another command began to add; -1: none. */
static int number_begun(const struct lab *lab)
{
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		if (lab->node[i].change == LAB_ADDED)
			return (int)i;
	}
	return -1;
}

/* In lab.json first, then its device: all that goes before the leader is asked. */
static int node_make(struct lab *lab, uint32_t node, bool learner)
{
	int err = lab_node_files_remove(lab, node);

	lab->nodes |= 1u << node;
	lab->node[node] =
		(struct lab_node){.change = LAB_ADDED, .joined = true, .learner = learner};
	if (!err)
		err = lab_node_configure(lab, node, 1);
	return err ? err : lab_state_save(lab);
}

static void add_say(struct changing *c)
{
	uint32_t voters = 0;

	for (uint32_t i = 0; i < c->members.count; i++)
		voters += strcmp(c->members.member[i].state, "voter") == 0;
	printf("n%u is member %016" PRIx64 ", %s of %u voters, %ju ms after it was asked for\n",
	       c->node + 1, c->id, lab_change_node(c)->learner ? "a learner" : "one", voters,
	       (uintmax_t)(lab_clock_ms() - c->begun_ms));
}

/* The member is there; what is left is to be seen, and said. */
static int add_end(struct changing *c)
{
	int err = lab_change_end(c);

	if (!err)
		err = lab_node_wait(c->lab, c->node, (uint32_t)(c->deadline_ms - c->begun_ms));
	if (!err && c->lab->partition_count > 0)
		err = lab_node_partition(c->lab, c->node);
	if (!err)
		add_say(c);
	/* A voter has caught up, or it were none. */
	if (!err && lab_change_node(c)->learner)
		err = lab_current_wait(c->lab, c->node, c->begun_ms, c->deadline_ms);
	return err;
}

static int add_node(struct lab *lab, const struct lab_arguments *a)
{
	int node = number_begun(lab), err = 0;
	bool goes_on = node >= 0;
	struct changing c;

	if (!goes_on)
		node = number_next(lab);
	if (node < 0)
		return lab_fail("the lab has %d nodes, as many as a cluster has members at most",
				LAB_NODES_MAX);
	if (goes_on && a->learner != lab->node[node].learner)
		return lab_fail("n%d %s, %s: quoin-lab add%s goes on with it, quoin-lab remove %d "
				"calls it off (--dir %s)",
				node + 1, lab_change_text(LAB_ADDED),
				a->learner ? "not as a learner" : "as a learner",
				a->learner ? "" : " --learner", node + 1, lab->dir);
	c = lab_change_begin(lab, (uint32_t)node, a->timeout_s);
	if (goes_on)
		printf("n%d was being added: this goes on with it\n", node + 1);
	else
		err = node_make(lab, c.node, a->learner);
	if (!err)
		err = lab_space_add(lab, c.node);
	if (!err)
		err = lab_change_rounds(&c, add_round);
	if (!err)
		return add_end(&c);
	if (c.begun || goes_on)
		lab_change_check(lab, c.node);
	else
		lab_node_forget(&c);
	return err;
}

int lab_add(const struct lab_arguments *a)
{
	struct lab lab;
	int err = lab_state_open(&lab, a->dir, true);

	if (!err)
		err = lab_space_check(&lab);
	if (!err)
		err = add_node(&lab, a);
	lab_state_close(&lab);
	return err;
}

/* Of one that is being replaced and the one that is to be it, the second goes first. */
static const struct lab_member *member_to_remove(const struct changing *c)
{
	const struct lab_member *first = NULL, *m;

	for (uint32_t at = 0; (m = lab_members_next(&c->members, c->place, &at));) {
		if (!first || m->replaces)
			first = m;
	}
	return first;
}

static int remove_round(struct changing *c)
{
	const struct lab_member *m = member_to_remove(c);
	char line[LAB_ORDER_SIZE];

	if (!m)
		return c->members.committed ? CHANGE_DONE : 0;
	snprintf(c->why, sizeof(c->why), "it is a member still (%s)", m->state);
	if (strcmp(m->state, "leaving") == 0)
		return 0;
	snprintf(line, sizeof(line), "remove %016" PRIx64 "\n", m->id);
	return lab_change_order(c, line);
}

static int remove_node(struct lab *lab, uint32_t node, const struct lab_arguments *a)
{
	struct changing c = lab_change_begin(lab, node, a->timeout_s);
	const struct lab_node before = lab->node[node];
	int err;

	lab->node[node].change = LAB_REMOVED;
	err = lab_state_save(lab);
	if (!err)
		err = lab_change_rounds(&c, remove_round);
	if (err && !c.begun && before.change != LAB_REMOVED) {
		lab->node[node] = before;
		lab_state_save(lab);
	} else if (err) {
		lab_change_check(lab, c.node);
	}
	if (err)
		return err;
	lab_process_stop(lab, node); /* else it is killed */
	err = lab_node_forget(&c);
	if (!err)
		printf("n%u is gone, as a member, a process and a directory; %u node%s left\n",
		       node + 1, lab_node_count(lab), lab_node_count(lab) == 1 ? " is" : "s are");
	return err;
}

int lab_remove(const struct lab_arguments *a)
{
	struct lab lab;
	int node = lab_node_open(&lab, a), err;

	if (node < 0)
		return -node;
	err = lab_space_check(&lab);
	if (!err)
		err = remove_node(&lab, (uint32_t)node, a);
	lab_state_close(&lab);
	return err;
}
