/*
 * The other programs of this release: installed they are beside this one, in a build in folders
 * nearby.
 */
#ifndef TOOLS_SHARED_BESIDE_H
#define TOOLS_SHARED_BESIDE_H

#include <limits.h>

/* The folder of this program. 0 or -errno. */
int beside_folder(char out[PATH_MAX]);

/* The first of the places (relative to that folder) that holds a program. 0 or -ENOENT. */
int beside_find(const char *const *places, char out[PATH_MAX]);

#endif
