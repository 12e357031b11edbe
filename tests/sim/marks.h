/*
 * Moments of snapshots, installs and the log's base at which a node is to end, since hardly any
 * crash that is drawn by time meets one; and what came of it, counted.
 */
#ifndef TESTS_SIM_MARKS_H
#define TESTS_SIM_MARKS_H

#include <stdbool.h>
#include <stdint.h>

struct node;

enum sim_moment {
	SIM_MOMENT_NONE,
	/* A snapshot of its own, between each pair of writes. */
	SIM_OWN_CREATE,
	SIM_OWN_WRITE,
	SIM_OWN_SYNC,
	SIM_OWN_CLOSE,
	SIM_OWN_RENAME,
	SIM_OWN_NAMES,
	/* One that is pulled; the scan is of what was there from before. */
	SIM_PULL_SCAN,
	SIM_PULL_WRITE,
	SIM_PULL_SYNC,
	SIM_PULL_CLOSE,
	SIM_PULL_RENAME,
	SIM_PULL_NAMES,
	/* It is here; and it is what the log begins with, and the state is not made of it yet. */
	SIM_INSTALL_OPEN,
	SIM_INSTALL_CLEAR,
	SIM_INSTALL_RESTORE,
	/* R39: a newer one is offered before that. */
	SIM_INSTALL_NEWER,
	/* Neither slot, and one, says where the log begins now. */
	SIM_BASE_FIRST,
	SIM_BASE_SECOND,
	SIM_MOMENTS,
};

struct sim_marks {
	uint64_t at[SIM_MOMENTS]; /* nodes that ended there */
	/* Pulls that went on after a start, after frames were lost, under another leader. */
	uint64_t resumed_started, resumed_lost, resumed_leader;
	uint64_t soon;  /* R39: installed, offered while the one before was under way */
	uint64_t begun; /* starts of a log that begins behind a base */
	uint64_t below; /* installs of logs longer than the core's window */
};

enum { SIM_MOMENTS_OWN = SIM_OWN_NAMES, SIM_MOMENTS_PULL = SIM_INSTALL_NEWER - SIM_OWN_NAMES };

/* What is known of a pull while it lasts. */
struct sim_pull {
	bool is, started, lost, newer, followed;
	uint64_t index, term;
};

const char *sim_moment_name(enum sim_moment moment);
bool sim_moment_is(const struct node *n, enum sim_moment moment);
/* In each turn; `done`: one was installed in it. */
void sim_marks_look(struct sim_marks *m, struct sim_pull *p, const struct node *n, bool done);

#endif
