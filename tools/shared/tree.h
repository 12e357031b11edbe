/*
 * Directories with all that is in them.
 */
#ifndef TOOLS_SHARED_TREE_H
#define TOOLS_SHARED_TREE_H

/*
 * Removes it, on its own file system alone; what somebody else removes first is gone too. 0 or
 * -errno.
 */
int tree_remove(const char *directory);

#endif
