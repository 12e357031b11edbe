/*
 * Network namespaces by the names that ip(8) gives them.
 */
#ifndef TOOLS_SHARED_NETNS_H
#define TOOLS_SHARED_NETNS_H

enum { NETNS_PATH_MAX = 128 };

const char *netns_path(const char *name, char out[NETNS_PATH_MAX]);

/* This thread, and what it starts from now on, is inside. 0 or -errno. */
int netns_enter(const char *name);

#endif
