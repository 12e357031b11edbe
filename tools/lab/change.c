#include "tools/lab/change.h"

#include "base/clock.h"
#include "tools/lab/ask.h"
#include "tools/lab/process.h"
#include "tools/lab/settle.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"
#include "tools/shared/tree.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOK_MS = 10,
	ASK_MS = 500,
	/* A leader of a moment ago hears the others within a few heartbeats, and then it agrees. */
	REFUSED_MS = 3000,
};

struct changing lab_change_begin(struct lab *lab, uint32_t node, uint32_t timeout_s)
{
	struct changing c = {.lab = lab, .node = node, .begun_ms = lab_clock_ms()};

	c.deadline_ms = c.begun_ms + timeout_s * 1000ull;
	lab_node_place(node, c.place);
	return c;
}

struct lab_node *lab_change_node(struct changing *c)
{
	return &c->lab->node[c->node];
}

/* Who votes may have been changed by quoinctl since. */
static void learners_see(struct changing *c)
{
	for (uint32_t i = 0; lab_node_next(c->lab, &i); i++) {
		struct lab_node *n = &c->lab->node[i];
		const struct lab_member *m;
		char place[LAB_PLACE_SIZE];
		uint32_t at = 0;

		if (n->change == LAB_ADDED) /* what it is to be */
			continue;
		m = lab_members_next(&c->members, lab_node_place(i, place), &at);
		n->learner = m && strcmp(m->state, "learner") == 0;
	}
}

/* False, and why: nobody can say who the members are, now. */
static bool members_seen(struct changing *c)
{
	if (lab_members_get(c->lab, &c->members) == 0) {
		learners_see(c);
		return true;
	}
	snprintf(c->why, sizeof(c->why), "no leader that a majority agrees on");
	return false;
}

/* 0 or an exit status: the leader refuses, and goes on doing so. */
int lab_change_order(struct changing *c, const char *line)
{
	uint64_t now = lab_clock_ms();

	switch (lab_order(c->lab, (uint32_t)c->members.leader, line, c->why)) {
	case LAB_ORDER_BEGUN:
	case LAB_ORDER_UNKNOWN:
		c->begun = true;
		c->refused_ms = 0;
		return 0;
	case LAB_ORDER_LATER:
		if (c->refused_ms == 0)
			c->refused_ms = now;
		if (now - c->refused_ms < REFUSED_MS && now < c->deadline_ms)
			return 0;
		break;
	case LAB_ORDER_REFUSED:
		break;
	}
	return lab_fail("n%u: the leader refuses: %s", c->node + 1, c->why);
}

/* It votes or learns, with a directory, by a table that is committed. */
static bool takes_part(const struct changing *c, const struct lab_member *m)
{
	return c->members.committed && m->bound &&
	       (strcmp(m->state, "voter") == 0 || strcmp(m->state, "learner") == 0);
}

void lab_change_word(struct changing *c, const struct lab_member *m)
{
	const char *state = takes_part(c, m) ? "the leader does not know its name yet" : m->state;
	struct lab_report r;
	const char *error;

	lab_report_get(c->lab, c->node, ASK_MS, &r);
	error = lab_report_error(&r);
	/* The first is that it knows no leader. */
	if (r.answered && r.status.error_count > 1)
		error = r.status.error[1];
	if (*error)
		snprintf(c->why, sizeof(c->why), "%s; it says: %s", state, error);
	else
		snprintf(c->why, sizeof(c->why), "%s; it has applied %ju", state,
			 (uintmax_t)r.status.applied);
}

/* Its process runs, or is started once; one that ends is told of. */
int lab_change_process(struct changing *c)
{
	int err;

	if (lab_process_state(c->lab, c->node) != PROCESS_GONE)
		return 0;
	if (c->started && lab_node_ended(c->lab, c->node))
		return LAB_EXIT_FAILED;
	err = lab_process_start(c->lab, c->node);
	c->started = true;
	return err;
}

/* Whom it waits for may be who has something to say. */
static int late(const struct changing *c)
{
	struct lab_report r = {0};
	int err = lab_fail(
		"n%u: %s, after %ju s%s", c->node + 1, c->why,
		(uintmax_t)(c->deadline_ms - c->begun_ms) / 1000,
		c->lab->partition_count > 0 ? "; frames are dropped or hurt (quoin-lab heal)" : "");

	if (c->members.leader >= 0 && (uint32_t)c->members.leader != c->node)
		lab_report_get(c->lab, (uint32_t)c->members.leader, ASK_MS, &r);
	if (r.answered && r.status.error_count > 0)
		lab_fail("n%d, which leads, says: %s", c->members.leader + 1, r.status.error[0]);
	return err;
}

int lab_change_rounds(struct changing *c, int (*round)(struct changing *c))
{
	for (;;) {
		int err = members_seen(c) ? round(c) : 0;

		if (err)
			return err == CHANGE_DONE ? 0 : err;
		if (c->members.leader < 0 && !lab_majority_runs(c->lab, LAB_NODES_MAX))
			return lab_fail("n%u: no majority of the nodes runs, and without one "
					"members cannot be changed: quoin-lab restart, or status "
					"(--dir %s)",
					c->node + 1, c->lab->dir);
		if (lab_clock_ms() >= c->deadline_ms)
			return late(c);
		lab_progress_say(&c->progress, c->node, c->why);
		clock_sleep(LOOK_MS * CLOCK_MS);
	}
}

/* The new member of the node's place; NULL: there is none. */
const struct lab_member *lab_change_member(const struct changing *c, uint64_t but)
{
	const struct lab_member *m;
	uint32_t at = 0;

	do
		m = lab_members_next(&c->members, c->place, &at);
	while (m && m->id == but);
	return m;
}

bool lab_change_settled(const struct changing *c, const struct lab_member *m)
{
	return takes_part(c, m) && m->named;
}

/* What a command was about is over: in lab.json too. */
int lab_change_end(struct changing *c)
{
	struct lab_node *n = lab_change_node(c);

	n->change = LAB_STAYS;
	n->replaced = 0;
	n->fresh = false;
	return lab_state_save(c->lab);
}

int lab_node_files_remove(const struct lab *lab, uint32_t node)
{
	static const char *const files[] = {".yaml", ".log", ".pid"};
	char path[LAB_PATH_MAX];
	int err = tree_remove(lab_node_path(lab, node, "", path));

	if (err && err != -ENOENT)
		return lab_fail("%s: %s", path, strerror(-err));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (unlink(lab_node_path(lab, node, files[i], path)) != 0 && errno != ENOENT)
			return lab_fail("%s: %s", path, strerror(errno));
	}
	return 0;
}

int lab_change_kill(const struct changing *c)
{
	lab_process_signal(c->lab, c->node, SIGKILL);
	if (lab_process_wait(c->lab, c->node, LAB_STOP_MS) == 0)
		return 0;
	return lab_fail("n%u got SIGKILL and still runs after %d s: is its disk stuck?",
			c->node + 1, LAB_STOP_MS / 1000);
}

/* All that is a node's but its member; lab.json forgets it last. */
int lab_node_forget(struct changing *c)
{
	int err = lab_change_kill(c);

	if (!err)
		err = lab_space_remove(c->lab, c->node);
	if (!err)
		err = lab_node_files_remove(c->lab, c->node);
	if (err)
		return err;
	c->lab->nodes &= ~(1u << c->node);
	*lab_change_node(c) = (struct lab_node){0};
	return lab_state_save(c->lab);
}

int lab_change_check(const struct lab *lab, uint32_t node)
{
	char command[LAB_COMMAND_SIZE];

	if (lab->node[node].change == LAB_STAYS)
		return 0;
	return lab_fail("n%u %s; quoin-lab %s --dir %s goes on with it", node + 1,
			lab_change_text(lab->node[node].change),
			lab_change_command(lab, node, command), lab->dir);
}
