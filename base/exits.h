/*
 * Exit statuses: those that are the same for every program, and below them quoind's own. What 3 and
 * more mean to another program stands in an enum of its own. tests/tidy/exits_test.py compares all
 * of them with the manual pages.
 */
#ifndef BASE_EXITS_H
#define BASE_EXITS_H

enum {
	EXITS_DONE = 0,
	EXITS_FAILED = 1, /* asked for, and refused, or not done as a whole */
	EXITS_USAGE = 2,  /* the command line is wrong: nothing was done */
};

enum quoind_exits {
	QUOIND_CONFIG = 3, /* the configuration is wrong: it will be so at the next start */
	QUOIND_START = 4,  /* the host does not give what the node needs, or not that file */
	QUOIND_DISK = 5,   /* the disk failed under a node that ran */
	QUOIND_PORT = 6,   /* a port failed under it */
	/* It was removed from its cluster, and will be so at each start from this directory. */
	QUOIND_REMOVED = 7,
};

#endif
