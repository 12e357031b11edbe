/*
 * Where a directory of a member is made: in one of its own within data-dir, from where its files go
 * to their places when all of them are on stable storage.
 */
#ifndef TOOLS_QUOINCTL_RESTORE_PLACE_H
#define TOOLS_QUOINCTL_RESTORE_PLACE_H

#include "tools/quoinctl/quoinctl.h"

#include <sys/types.h>

enum { PLACE_PATH_MAX = 4096 };

struct place {
	char path[PLACE_PATH_MAX];
	char within[PLACE_PATH_MAX + 16]; /* where to make it; it is not there yet */
	bool made;                        /* data-dir is */
	uid_t owner;                      /* of data-dir: the files are to be his */
	gid_t group;
};

/*
 * data-dir is there and empty, or is made, or an earlier restore was cut short in it. From here on
 * no node starts with it. 0, or an exit status with error, and nothing was changed.
 */
int place_take(struct place *p, const char *path, char error[ERROR_SIZE]);
/* All that was made within goes to its place. 0, or an exit status with error. */
int place_fill(struct place *p, char error[ERROR_SIZE]);
/* What there is of it goes; not after place_fill was called. */
void place_leave(struct place *p);

#endif
