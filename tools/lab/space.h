/*
 * The lab's network namespace and the devices in it: nothing in it leads out of it.
 */
#ifndef TOOLS_LAB_SPACE_H
#define TOOLS_LAB_SPACE_H

#include "tools/lab/lab.h"

/* Makes namespace, bridge and veth pairs. 0 or an exit status, said why; what was made stays. */
int lab_space_create(const struct lab *lab);

/* The devices of one node more, or what is missing of them; and none of a node's. Likewise. */
int lab_space_add(const struct lab *lab, uint32_t node);
int lab_space_remove(const struct lab *lab, uint32_t node);

/* Kills what runs inside and removes it; nothing to do is fine. 0 or an exit status. */
int lab_space_destroy(const struct lab *lab);

bool lab_space_exists(const struct lab *lab);

/*
 * This process goes inside; with_sysfs: also sees its interfaces in /sys (AF_XDP's library reads
 * them there). 0 or -errno.
 */
int lab_space_enter(const char *netns, bool with_sysfs);

#endif
