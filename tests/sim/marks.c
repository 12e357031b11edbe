#include "tests/sim/marks.h"

#include "node/internal.h"
#include "raft/internal.h"
#include "wal/state.h"

#include <assert.h>

static const struct {
	const char *name;
	enum snapshot_step step;
	bool pulling;
} files[] = {
	[SIM_OWN_CREATE] = {"own: create", SNAPSHOT_CREATE, false},
	[SIM_OWN_WRITE] = {"own: write", SNAPSHOT_WRITE, false},
	[SIM_OWN_SYNC] = {"own: sync", SNAPSHOT_SYNC, false},
	[SIM_OWN_CLOSE] = {"own: close", SNAPSHOT_CLOSE, false},
	[SIM_OWN_RENAME] = {"own: rename", SNAPSHOT_RENAME, false},
	[SIM_OWN_NAMES] = {"own: names", SNAPSHOT_NAMES_SYNC, false},
	[SIM_PULL_SCAN] = {"pull: scan", SNAPSHOT_SCAN, true},
	[SIM_PULL_WRITE] = {"pull: write", SNAPSHOT_WRITE, true},
	[SIM_PULL_SYNC] = {"pull: sync", SNAPSHOT_SYNC, true},
	[SIM_PULL_CLOSE] = {"pull: close", SNAPSHOT_CLOSE, true},
	[SIM_PULL_RENAME] = {"pull: rename", SNAPSHOT_RENAME, true},
	[SIM_PULL_NAMES] = {"pull: names", SNAPSHOT_NAMES_SYNC, true},
};

const char *sim_moment_name(enum sim_moment moment)
{
	static const char *const others[SIM_MOMENTS] = {
		[SIM_INSTALL_OPEN] = "install: open",
		[SIM_INSTALL_CLEAR] = "install: clear",
		[SIM_INSTALL_RESTORE] = "install: restore",
		[SIM_INSTALL_NEWER] = "install: a newer one is offered",
		[SIM_BASE_FIRST] = "base: first slot",
		[SIM_BASE_SECOND] = "base: second slot",
	};

	assert(moment > SIM_MOMENT_NONE && moment < SIM_MOMENTS);
	return moment <= SIM_PULL_NAMES ? files[moment].name : others[moment];
}

bool sim_moment_is(const struct node *n, enum sim_moment moment)
{
	const struct snapshot_writer *s = &n->wal->writer;
	const struct mover *m = &n->wal->mover;
	const struct node_install *in = &n->install;

	switch ((int)moment) {
	case SIM_INSTALL_OPEN:
		return in->step == NODE_INSTALL_OPEN;
	case SIM_INSTALL_CLEAR:
		return in->step == NODE_INSTALL_CLEAR;
	case SIM_INSTALL_RESTORE:
		return in->step == NODE_INSTALL_RESTORE;
	case SIM_INSTALL_NEWER:
		return in->step > NODE_INSTALL_NONE && in->offer.index > in->at.index;
	case SIM_BASE_FIRST:
		return m->state == MOVE_WRITE && m->slots == 0;
	case SIM_BASE_SECOND:
		return m->state == MOVE_WRITE && m->slots == 1;
	default:
		return s->step == files[moment].step && s->pulling == files[moment].pulling;
	}
}

static void pulled(struct sim_marks *m, const struct sim_pull *p, const struct node *n)
{
	m->resumed_started += p->started;
	m->resumed_lost += p->lost;
	m->resumed_leader += n->raft->hard.term > p->term;
	m->soon += p->followed;
	m->below += raft_last(n->raft) > RAFT_WINDOW_SLOTS;
}

void sim_marks_look(struct sim_marks *m, struct sim_pull *p, const struct node *n, bool done)
{
	const struct node_install *in = &n->install;
	struct wal_pulled there;
	bool newer = p->newer;

	if (done && p->is) {
		pulled(m, p, n);
		*p = (struct sim_pull){.followed = newer};
	}
	if (in->step != NODE_INSTALL_PULL) {
		p->newer |= in->step != NODE_INSTALL_NONE && in->offer.index > in->at.index;
		return;
	}
	if (!p->is || p->index != in->at.index)
		*p = (struct sim_pull){.is = true,
				       .followed = p->followed,
				       .index = in->at.index,
				       .term = n->raft->hard.term};
	wal_pull_get(n->wal, &there);
	p->started |= there.scanned > 0;
	p->newer |= in->offer.index > in->at.index;
	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++)
		p->lost |= in->pull.asked[i].again;
}
