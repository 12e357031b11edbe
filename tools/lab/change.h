/*
 * Nodes that come and go while the lab is up. The leader is told to change the members, and what
 * follows is made to be as its table says: each round looks at the table and at the node, does the
 * next thing that is missing, and waits. So a round may be the first of a command, or of one that
 * goes on where another was cut short, or of one that found another leader.
 *
 *	add		the member, its device, its directory and process; until it votes, and has
 *			said its name
 *	remove		the member; then its process, its device and all its files
 *	replace		its process is stopped in its tracks; the member by one at the same
 *			address; then its process is ended, its directory emptied and its process
 *			started; until it votes, has said its name, and the former one has left
 *
 * What the leader refuses leaves the lab as it was: nothing is emptied or ended before it agreed.
 */
#ifndef TOOLS_LAB_CHANGE_H
#define TOOLS_LAB_CHANGE_H

#include "tools/lab/members.h"
#include "tools/lab/settle.h"

struct changing {
	struct lab *lab;
	uint32_t node;
	char place[LAB_PLACE_SIZE];
	uint64_t begun_ms, deadline_ms;
	uint64_t refused_ms; /* when the leader refused first; 0: it has not */
	struct lab_progress progress;
	int signal;   /* replace: for a process that runs; 0: it must not */
	uint64_t id;  /* of the new member */
	bool begun;   /* the leader agreed, or may have */
	bool held;    /* replace: the process was stopped in its tracks for it */
	bool started; /* the process, by this command */
	struct lab_members members;
	char why[LAB_WHY_SIZE]; /* it is not yet as it should be */
};

/* One round: 0 goes on, CHANGE_DONE, or an exit status, said why. */
enum { CHANGE_DONE = -1 };

/* Nothing is under way with this node; else an exit status, and what is, said. */
int lab_change_check(const struct lab *lab, uint32_t node);

/*
 * replace, of an open, locked lab. The process, if it runs, is ended by `signal`, SIGTERM or
 * SIGKILL; 0: it must not run. 0 or an exit status, said why.
 */
int lab_node_replace(struct lab *lab, uint32_t node, int signal, uint32_t timeout_s);

/* --- what the commands are made of ------------------------------------------------------- */

struct changing lab_change_begin(struct lab *lab, uint32_t node, uint32_t timeout_s);
struct lab_node *lab_change_node(struct changing *c);

/*
 * Rounds, each with the members as the leader has them now, until one is the last, or the time is
 * over. 0 or an exit status, said why.
 */
int lab_change_rounds(struct changing *c, int (*round)(struct changing *c));

/* An order to the leader. 0 or an exit status: it refuses, and goes on doing so; said why. */
int lab_change_order(struct changing *c, const char *line);

/* A member at the node's address, but the one of this id; NULL: there is none. */
const struct lab_member *lab_change_member(const struct changing *c, uint64_t but);
/* What was ordered is done, and committed; and whoever asks is told of it by its name. */
bool lab_change_settled(const struct changing *c, const struct lab_member *m);

/* The node's own word on what it lacks is the reason why it is waited for. */
void lab_change_word(struct changing *c, const struct lab_member *m);

/* Its process runs, or is started once; one that ends is told of. 0 or an exit status. */
int lab_change_process(struct changing *c);
int lab_change_kill(const struct changing *c);

/* What a command was about is over: in lab.json too. */
int lab_change_end(struct changing *c);

/* All that is a node's but its member; lab.json forgets it last. Or its files alone. */
int lab_node_forget(struct changing *c);
int lab_node_files_remove(const struct lab *lab, uint32_t node);

#endif
