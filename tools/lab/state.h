/*
 * The lab's memory: its directory, lab.json and the lock.
 */
#ifndef TOOLS_LAB_STATE_H
#define TOOLS_LAB_STATE_H

#include "tools/lab/lab.h"

/* DIR/nK SUFFIX, such as ".yaml", ".log", "" or "/admin.sock"; nodes count from 0 here. */
const char *lab_node_path(const struct lab *lab, uint32_t node, const char *suffix,
			  char out[LAB_PATH_MAX]);

/* A node, from 0; the next that is there from *node on, false: there is none. */
bool lab_node_is(const struct lab *lab, uint32_t node);
bool lab_node_next(const struct lab *lab, uint32_t *node);
uint32_t lab_node_count(const struct lab *lab);
/* Those whose votes count, as far as the lab knows, as bits. */
uint32_t lab_voters(const struct lab *lab);
/* "n1, n3 and n4". */
enum { LAB_NAMES_SIZE = 8 * LAB_NODES_MAX };
const char *lab_node_names(const struct lab *lab, char out[LAB_NAMES_SIZE]);
/* "is being added"; the command that goes on with it, "replace 2". */
enum { LAB_COMMAND_SIZE = 16 };
const char *lab_change_text(enum lab_change change);
const char *lab_change_command(const struct lab *lab, uint32_t node, char out[LAB_COMMAND_SIZE]);

/* Where clients reach it: "unix:DIR/n1/admin.sock" or "198.18.0.1:2379". */
const char *lab_node_endpoint(const struct lab *lab, uint32_t node, char out[LAB_PATH_MAX]);

/*
 * Where its metrics are, inside the namespace: on the kernel's loopback, for the node's own address
 * is DPDK's.
 */
const char *lab_node_metrics(uint32_t node, char out[LAB_PATH_MAX]);

/* Sets dir (absolute; NULL: the default) and what follows from it. 0 or an exit status. */
int lab_state_name(struct lab *lab, const char *dir);

/* Makes DIR, which must be new or an empty directory of ours, and takes the lock. */
int lab_state_create(struct lab *lab);

/* Reads lab.json; `lock` says whether the lab will be changed. */
int lab_state_open(struct lab *lab, const char *dir, bool lock);

/* Takes the lock of a directory that is there. */
int lab_state_lock(struct lab *lab);

int lab_state_load(struct lab *lab);
int lab_state_save(const struct lab *lab);
void lab_state_close(struct lab *lab);

/* DIR holds a lab, or what remains of the making of one; or nothing at all, if that will do. */
bool lab_state_is_ours(const struct lab *lab, bool or_empty);

/* Removes DIR and all that is in it, and the link to it; or only that. */
int lab_state_remove(struct lab *lab);
void lab_state_unlink(const struct lab *lab);

/* This boot's id, for process start times mean nothing beyond it. */
void lab_boot_id(char out[40]);

/* False: it is none that a lab can make. Those are, as text: "memif or packet or xdp". */
bool lab_link_parse(const char *name, enum link_kind *out);
enum { LAB_LINKS_SIZE = 128 };
const char *lab_links_text(char out[LAB_LINKS_SIZE]);

/* To and from lab.json's text; false if it is not one. */
char *lab_state_text(const struct lab *lab); /* freed by the caller; NULL: out of memory */
bool lab_state_parse(struct lab *lab, const char *text);

#endif
